/* Carries the questions of a `struct judged` to a chat model and its replies back: what lies between room probe, which knows no network, and
 * room remote, which knows no traces. */
#ifndef CLI_JUDGING_H
#define CLI_JUDGING_H
#include "probe/judged.h"
#include "remote/chat.h"

struct judging {
    int64_t step_tokens, turns_tokens; /* longest replies */
    int (*stop)(void);                 /* NULL: never */
    const char *what;                  /* of the progress line */
};
/* The client should have a cache: then what is asked again, in this run or a later one, is asked once. A stop or a failure leaves the finished
 * replies there. model, if not NULL, becomes the name of the model as it was last reported ("": it was not).
 * ERR_CANCELLED: stopped. What a model says can be no error. */
int judge_all(struct judged *j, struct chat_client *c, const struct judging *o, char model[128], struct err *e);
#endif
