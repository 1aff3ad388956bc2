/* A study of several models: each call goes to the back end of its cell's model.
 *
 * The back ends are polled in turn, so that none keeps the others' answers waiting; one that decodes while it is polled (local) keeps the
 * thread for a batch. `most` is the sum of theirs. The record of the study names what answers each of its models (backend.h, `parts`), so
 * going on with another mapping is refused. When one back end ends (a budget spent, a key refused), nothing more is submitted, what the
 * others still have under way is handed out, and then poll fails with the reason and the model's id.
 * Thread: one. */
#ifndef STUDY_ROUTE_H
#define STUDY_ROUTE_H
#include "study/backend.h"

/* to[i] answers the i-th model of the study; all are taken, also where it fails, and closed with it. The study is borrowed. */
int route_open(struct backend **out, struct backend *const *to, const struct study *s, struct err *e);
#endif
