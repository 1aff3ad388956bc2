/* Who answers in a study, by --backend and what belongs to it: opened, named, closed. */
#ifndef CLI_ANSWERING_H
#define CLI_ANSWERING_H
#include "cli/open.h"
#include "study/archive.h"
#include "study/backend.h"
#include "study/planted.h"

#define OPT_ANSWERING                                                                                                     \
    {"backend", 0, "B", NULL,                                                                                             \
     "who answers: planted (agents with the effects that the study file sets), replay:ARCHIVE (what was said there), or " \
     "local (a model of this machine, -m)"},                                                                              \
        {"model", 'm', "M", NULL, "with local: GGUF file, safetensors file or folder, or the name of a shipped model"},   \
        {"template", 0, "FILE", NULL, "with local: a Jinja file instead of the model's own chat template"},               \
        {"calls", 0, "N", "16", "calls at once: sequences that are decoded together"}, OPT_KV, OPT_PRECISION

struct answering {
    struct backend *backend;
    struct planted planted;
    struct archive *from; /* of a replay */
    struct opened o;      /* of local, with what follows */
    struct chat_template *chat;
    int32_t *ends;
    char model[256];
};
int answering_open(struct answering *w, const struct study *s, struct args *a, struct err *e);
void answering_close(struct answering *w); /* of a zeroed one: nothing */
#endif
