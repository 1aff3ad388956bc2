/* Who answers in a study, by --backend and what belongs to it: opened, named, closed. */
#ifndef CLI_ANSWERING_H
#define CLI_ANSWERING_H
#include "cli/open.h"
#include "remote/cache.h"
#include "remote/chat.h"
#include "study/archive.h"
#include "study/backend.h"
#include "study/planted.h"

/* What belongs to a model that is asked, here or elsewhere. */
#define OPT_ASKED_MODEL                                                                                                          \
    {"model", 'm', "M", NULL,                                                                                                    \
     "local: GGUF, safetensors, folder or shipped model; address: the model's name there; of several: MODEL=M (where an "        \
     "address has none, the study's name of it)"},                                                                               \
        {"calls", 0, "N", NULL, "calls at once; default: local 16 (decoded together), address 100 (it begins with 20)"},         \
        {"template", 0, "FILE", NULL, "local: a Jinja file instead of the model's own chat template"}, OPT_KV, OPT_PRECISION,    \
        {"api", 0, "API", "openai", "address: openai (OpenAI-compatible) or anthropic"},                                         \
        {"key-env", 0, "NAME", NULL, "address: the environment variable with the key; default: no key"},                         \
        {"key-file", 0, "FILE", NULL, "address: a file that holds the key and nothing else, instead of --key-env"},              \
        {"plain-key", 0, NULL, NULL, "address: the key may go over unencrypted http to another machine"},                        \
        {"no-seed", 0, NULL, NULL, "address: send no seed, for APIs that refuse one"},                                           \
        {"completion-tokens", 0, NULL, NULL,                                                                                     \
         "address, openai: the limit of a reply is sent as max_completion_tokens, for models that refuse max_tokens"},           \
        {"timeout", 0, "S", "120", "address: seconds that one attempt may take"},                                                \
        {"attempts", 0, "N", "6", "address: attempts of a call that is turned away or breaks off"},                              \
        {"requests-per-minute", 0, "N", NULL,                                                                                    \
         "address: at most so many requests in any minute of this start, to each model; default: no limit"},                                   \
        {"tokens-per-minute", 0, "N", NULL,                                                                                      \
         "address: at most so many tokens, of prompts and replies, in any minute of this start, to each model; default: no limit"},            \
        {"cache", 0, "FILE", NULL, "address: replies are kept there too, and not asked for again by other archives"},            \
        {"prices", 0, "FILE", NULL, "address: JSON {MODEL: {input, output}}, per million tokens"}, {                             \
        "max-cost", 0, "X", NULL,                                                                                                \
            "address: stop before all starts together (by what the archive or the file of scores tells) could cost more; needs " \
            "--prices and max_tokens"                                                                                            \
    }
#define OPT_ANSWERING                                                                                                        \
    {"backend", 0, "B", NULL,                                                                                                \
     "who answers: planted (agents with the effects that the study file sets), replay:ARCHIVE (what was said there), local " \
     "(a model of this machine), or the address of a chat API; MODEL=WHO, repeated: who answers one of the study's models"}, \
        OPT_ASKED_MODEL

/* Who answers one model of the study, or all of them. */
struct answerer {
    const char *id;          /* of the study's model; NULL: it has one, or all are answered alike */
    struct backend *backend; /* NULL once it is part of another */
    struct archive *from;    /* of a replay */
    struct opened o;         /* of local, with what follows */
    struct chat_template *chat;
    int32_t *ends;
    char model[256];
    const char *key_env; /* of an address, with what follows */
    char *key;           /* of a file; wiped when it is closed */
    struct chat_price price;
};
struct answering {
    struct backend *backend;
    const struct study *s; /* NULL: other questions than a study's */
    struct planted planted;
    struct chat_cache *cache; /* of all addresses */
    struct chat_purse purse;  /* --max-cost is of all together */
    struct answerer of[STUDY_MAX_MODELS];
};
/* s NULL: for other questions than a study's; then planted agents and replays are refused. */
int answering_open(struct answering *w, const struct study *s, struct args *a, struct err *e);
/* The archive refuses whatever holds the key. */
int answering_guard(const struct answering *w, struct archive *a, struct err *e);
/* price[s->n_models]; returns whether any is set. */
int answering_prices(const struct answering *w, struct chat_price *price);
/* What the archive's calls have cost already counts against --max-cost. */
int answering_paid(struct answering *w, struct archive *a, struct err *e);
void answering_close(struct answering *w); /* of a zeroed one: nothing */
#endif
