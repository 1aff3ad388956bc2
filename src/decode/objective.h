/* The objective and its gradient along one trajectory.
 *
 *   L(y) = c · Σ_i −y_i·log π(·|y_<i, x)  −  λ · r(x, y),      c = 1/|y| (NLL_MEAN) or 1 (NLL_SUM), |y| the whole answer
 *
 *   g_i = dL/dy_i = −c·log π(·|y_<i)  +  E u_i  +  E' u'_i          [V]   (prefix, postfix, reward term)
 *   u_i = d(c·Σ_{j>i} NLL_j)/de_i  [C],   u'_i = −λ dr/de'_i  [C']
 *
 * One forward and one backward in each model, over the ahead tokens only (what is committed is cached and constant), give u and u' of
 * all positions. Since no term before i depends on y_i, and c counts the whole answer, g_i does not change when tokens are
 * committed: one objective_take per trajectory serves every selection test and every DTO step on it. V-vectors exist only for the one
 * position that is asked for: memory is O(T·(C + C')) beside the tapes.
 * Owner thread of the engines. Buffers are taken once, for `cap` ahead tokens. */
#ifndef DECODE_OBJECTIVE_H
#define DECODE_OBJECTIVE_H
#include "decode/problem.h"

struct objective {
    const struct reasoner *r;
    int64_t cap, V, C, RC;
    struct tape *tape, *rm_tape;
    num *h, *dh, *u;     /* LM [cap, C]: states, seeds, gradients at the input embeddings. Row j is position first − 1 + j */
    num *rh, *rdh, *ru;  /* RM [cap, C']: row j is position first + j */
    num *row;            /* [V] */
    double *host;        /* [V] */
    int32_t *ids;        /* [cap] */
    double *coef, *logp; /* [cap] */
    struct session *rm_session; /* of the last take: prompt and whole answer */
    /* the trajectory it belongs to */
    int64_t first, n; /* ahead positions first … n − 1 */
    double c, reward;
};
int objective_new(struct objective **out, const struct reasoner *r, int64_t cap, struct err *e);
void objective_free(struct objective *g);
/* y[n] with positions from `first` on ahead; lm holds at least prompt + first − 1 positions of it, rm prompt + first (NULL: the
 * trial's own prompt session, then first is 0). Sets g->reward = r(x, y). */
int objective_take(struct objective *g, struct trial *t, const struct session *lm, const struct session *rm, const int32_t *y,
                   int64_t n, int64_t first, struct err *e);
/* LM logits from which position i was drawn, as the forward of the last take left them. */
int objective_logits(struct objective *g, struct trial *t, int64_t i, float *z, struct err *e);
/* g_i over the vocabulary. */
int objective_row(struct objective *g, struct trial *t, int64_t i, double *out, struct err *e);
#endif
