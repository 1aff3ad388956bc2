/* Answers of a model on this machine: all agents of all runs are sequences of one engine, decoded side by side.
 *
 * Calls are held until somebody polls; then up to `calls` of them are rendered through the chat template, what their prompts have in
 * common with each other or with earlier ones is computed once, and the rest is fed and decoded in common steps. What an agent says is a
 * function of its context, the call's seed and the model alone (run/README.md, rule 6): the number of calls or threads changes no byte.
 * Temperature and top-p that the study does not set are 1, as the APIs have it; replies end at an end token, after max_tokens (unset:
 * LOCAL_MAX_NEW), or where the model's context does, and the last two are CHAT_FINISH_LENGTH.
 * Text that looks like a special token becomes one, in what agents say too, as in every chat engine.
 * Thread: one, the engine's owner. */
#ifndef STUDY_LOCAL_H
#define STUDY_LOCAL_H
#include "run/engine.h"
#include "study/backend.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

enum { LOCAL_CALLS = 16, LOCAL_MAX_NEW = 1024 };
struct local_opts {
    struct engine *g; /* this and what follows is borrowed and must outlive the back end */
    const struct tokenizer *tok;
    const struct chat_template *chat;
    const char *model; /* what identifies it, for the facts */
    const int32_t *ends;
    int n_ends;
    int calls;              /* decoded at once; 0: LOCAL_CALLS */
    int (*stop)(void *ctx); /* asked after each token and prompt; nonzero: poll fails with ERR_CANCELLED. NULL: never */
    void *ctx;
};
/* A prompt that leaves no room for a reply is an answer with ERR_LIMIT; one that the template refuses, with ERR_ARG. */
int local_open(struct backend **out, const struct local_opts *o, struct err *e);
/* The text that a context is asked with, appended; its ids are those of ENCODE_SPECIAL. */
int local_text(const struct chat_template *chat, const struct context *c, struct str *out, struct err *e);
#endif
