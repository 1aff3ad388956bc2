/* What the replies in an archive have cost, by the tokens that their facts tell, so that a budget holds for a study and not for one start of
 * it. Replies from a cache cost nothing. Calls that broke off, and replies whose tokens were not told, count at their dearest, as their measurements
 * have it; so do calls that were under way when a process was killed, which were noted before they were sent (runner_opts.priced).
 * Thread: one. */
#ifndef STUDY_PAID_H
#define STUDY_PAID_H
#include "remote/cost.h"
#include "study/archive.h"
#include "study/study.h"

/* price[s->n_models]; a model whose price is not set costs nothing. Errors: those of the archive, FORMAT (a key that is no call of the study). */
int study_paid(double *out, const struct study *s, struct archive *a, const struct chat_price *price, struct err *e);
#endif
