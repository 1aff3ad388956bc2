/* What the files of the runner share: facts as JSON. */
#ifndef STUDY_RUNNER_INT_H
#define STUDY_RUNNER_INT_H
#include "study/runner.h"
#include <jansson.h>

/* The chain of an agent's context in the archive: how much of it is stored, and under which id. */
struct chain {
    int parts;
    struct archive_id id;
};
/* A run under way. */
struct live {
    struct scene *scene;
    struct chain chain[STUDY_MAX_AGENTS];
    struct conversation written[STUDY_MAX_AGENTS];
    struct context shown[STUDY_MAX_AGENTS]; /* what an agent saw when it was asked last: the next time it only gets longer */
    struct context again[STUDY_MAX_AGENTS]; /* the same with the request to answer once more, until its answer is recorded */
    char *first[STUDY_MAX_AGENTS];          /* a reply that could not be read, until it is asked again */
    char asked[STUDY_MAX_AGENTS];
    int status[TURN_STATUSES]; /* agent-turns so far */
    int waiting;               /* agents that are asked or to be asked */
    int failed, reasks;
};
/* An agent-turn, as what came and what was made of it. */
struct heard {
    struct answer *answer;
    struct reply reply;
    enum turn_status status;
};
/* Reads what an answer says; its text is replaced by what is kept of it. reply_free(&h->reply) */
int hear_answer(const struct live *l, int agent, struct answer *a, struct heard *h, struct err *e);
int fact_study(json_t **out, const struct study *s, struct archive *a, const struct backend *b, struct err *e);
json_t *fact_run(const struct live *l);
/* The context of a call, stored or not, goes into the fact. */
json_t *fact_turn(const struct live *l, int ask, const struct heard *h, const struct context *c, struct archive_id context,
                  int stored);
json_t *note_turn(const struct answer *a); /* NULL: there is nothing to note */
/* What the archive has of an agent-turn. Replies are read again from the text. */
int fact_reply(const struct live *l, int agent, const json_t *fact, struct reply *out, enum turn_status *status, struct err *e);
/* Stores a context; the parts that c has beyond the chain. asking again: the last two parts are not of the chain. */
int store_context(struct archive *a, struct live *l, int agent, const struct context *c, int ask, struct archive_id *id,
                  struct err *e);
#endif
