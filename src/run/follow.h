/* A session that follows a text which grows, or changes in its end: a conversation that is rendered anew at each turn. */
#ifndef RUN_FOLLOW_H
#define RUN_FOLLOW_H
#include "run/engine.h"

/* Makes s hold exactly ids[0 … n−1), n >= 1: what it holds beyond the prefix that both have in common is forgotten, the rest is fed. The
 * last id is left for generate (its `last`). *reused (may be NULL): positions that needed no forward. On an error the session
 * holds a prefix of ids. */
int session_follow(struct session *s, const int32_t *ids, int64_t n, int64_t *reused, struct err *e);
#endif
