/* Who answers for the agents: a model elsewhere, the local engine, an archive, or planted agents, behind one interface.
 *
 * Calls go in one by one and answers come out in whatever order they are ready, so that thousands of runs may wait at once. A call
 * carries the whole context, and borrows it: what a back end needs later it copies. What it answers is facts (text, why it ended, which
 * model, tokens as counted by it) and, apart, measurements (seconds, attempts).
 * A call that could not be made is an answer with rc < 0; submit and poll fail only for what concerns the back end itself.
 * Thread: one at a time. */
#ifndef STUDY_BACKEND_H
#define STUDY_BACKEND_H
#include "remote/chat.h"
#include "study/conversation.h"

struct call {
    int64_t tag;                   /* comes back with the answer */
    const char *key;               /* of the fact that the answer becomes */
    const struct study_model *how; /* temperature, top_p and max_tokens of the reply */
    const struct scene *scene;     /* of an agent-turn; NULL for back ends that only look at the context */
    int agent, ask;                /* ask: 0, or 1 when asked again */
    uint64_t seed;                 /* of the sampler, where there is one */
    const struct context *context; /* NULL for a back end that is blind */
    struct conversation
        *written; /* the same as text, as far as an earlier call of this agent in this run wrote it; a back end may write on.
                                      NULL: there is none before */
    int grows;    /* the next context of this agent begins with this one */
};
struct answer {
    int64_t tag;
    int rc; /* 0, or ERR_* and `why`; then the facts are empty */
    struct err why;
    char *text; /* any bytes, NUL-terminated; malloc'd; NULL only if rc is not 0 */
    size_t text_n;
    char *
        reasoning; /* what the API delivers apart as the model's thinking, or what was cut out of the text; malloc'd; NULL: none */
    enum chat_finish finish;
    char model[128], fingerprint[64], provider[64]; /* "": not told */
    int64_t tokens_in, tokens_out;                  /* -1: not told */
    /* measurements */
    double seconds, waited;
    int attempts, cached;
    char host[264];                      /* host[:port] that was asked; "": none was */
    int64_t uncertain_in, uncertain_out; /* tokens that were perhaps charged beside those of the facts, at most */
    int64_t sent_in, sent_out;           /* what `sending` was told of this call, which is now known better */
};
void answer_free(struct answer *a);

/* Who is told of each attempt of a call before it is sent, where calls cost money (chat_opts.sending). fn NULL: nobody. */
struct sending {
    int (*fn)(void *ctx, int64_t tag, int64_t bound_in, int64_t bound_out, struct err *e);
    void *ctx;
};

struct json_t;
struct backend {
    const char *name;  /* "planted", "replay", …: in every record */
    const char *model; /* which model is asked, in the record of the study; NULL: none */
    struct json_t
        *parts;   /* of several back ends in one: {id of the study's model: {"backend", "planted", "model"}}, in the record of the
                             study; NULL: one for all models */
    int planted;  /* its effects were set by the user: said wherever its results are shown */
    int blind;    /* it answers without reading contexts, so none need be made for it */
    int64_t most; /* calls that it wants to hold at once */
    struct sending sending; /* set by who submits, before the first call */
    int (*submit)(struct backend *b, const struct call *c, struct err *e);
    /* The next answer: 1 and *out; 0: none within wait_s seconds, or none pending. */
    int (*poll)(struct backend *b, double wait_s, struct answer *out, struct err *e);
    int64_t (*pending)(const struct backend *b);
    void (*tell)(const struct backend *b, char *out, size_t size); /* for people: what was spent so far. NULL: nothing to tell */
    void (*account)(const struct backend *b, struct chat_account *sum); /* adds what was spent so far. NULL: nothing ever is */
    void (*close)(struct backend *b); /* drops what is unfinished; NULL allowed by backend_close */
};
void backend_close(struct backend *b);

/* Answers that are there already, first in, first out: for back ends that need no waiting. */
struct answer_queue {
    struct answer *at;
    int64_t first, n, cap;
};
int answer_push(struct answer_queue *q, const struct answer *a, struct err *e); /* takes the text */
int answer_pop(struct answer_queue *q, struct answer *out);                     /* 1 or 0 */
void answer_queue_free(struct answer_queue *q);
#endif
