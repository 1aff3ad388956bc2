/* Following a text: the prefix in common stays, the rest is fed. */
#include "run/follow.h"

int session_follow(struct session *s, const int32_t *ids, int64_t n, int64_t *reused, struct err *e) {
    const int32_t *held = session_ids(s);
    int64_t len = session_len(s), same = 0;
    if (n < 1) return fail(e, ERR_ARG, "expected at least one token to follow, found none");
    while (same < len && same < n - 1 && held[same] == ids[same]) same++;
    if (same < len) session_rewind(s, same);
    if (same < n - 1) TRY(session_feed(s, ids + same, n - 1 - same, NULL, e));
    if (reused) *reused = same;
    return 0;
}
