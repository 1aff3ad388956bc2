/* Answers from an archive: the same study again without any call. What was recorded with planted agents stays labelled so.
 * The archive is borrowed and must outlive the back end. Thread: one. */
#ifndef STUDY_REPLAY_H
#define STUDY_REPLAY_H
#include "study/archive.h"
#include "study/backend.h"

/* A call whose key is not there is an answer with ERR_RANGE. */
int replay_open(struct backend **out, struct archive *from, struct err *e);
struct json_t;
/* The answer that a fact of an agent-turn was made of. answer_free */
int answer_from_fact(struct answer *a, const struct json_t *fact, struct err *e);
#endif
