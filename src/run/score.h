/* Log probabilities of a given text, token by token, in windows when it is longer than the context. */
#ifndef RUN_SCORE_H
#define RUN_SCORE_H
#include "run/engine.h"

struct score_opts {
    int64_t window;                             /* rows of one window, 0: the engine's context */
    int64_t stride;                             /* new tokens per window after the first, 0: half a window */
    int32_t bos;                                /* first id of every window, -1: none */
    int (*progress)(void *ctx, int64_t scored); /* nonzero stops; may be NULL */
    void *ctx;
};
/* ids[n] without the BOS. logp[n]: log p(ids[i] | bos, what of ids[0..i) the window holds); without a BOS logp[0] is NAN (nothing
 * predicts it). Every token is scored once, in the first window that holds it, so that all but the first window's tokens see at least
 * window - stride tokens. *scored (may be NULL): how many are done, also after ERR_CANCELLED. */
int score_tokens(struct engine *g, const int32_t *ids, int64_t n, const struct score_opts *o, double *logp, int64_t *scored,
                 struct err *e);
struct score_mean {
    int64_t n;
    double mean, se;
};
struct score_mean score_nll(const double *logp, int64_t n); /* of −logp over finite entries; se of the mean */
#endif
