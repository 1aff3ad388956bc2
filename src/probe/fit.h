/* Training attention probes: one layer's probe on the captured states of many traces, on every prefix of each trace exactly.
 *
 * The loss of a trace is the mean cross-entropy of its readings after every token (scan.h), so its gradient carries no noise from where a
 * trace was cut, and an epoch touches each stored state once. Weights are f32 with f64 accumulation over a batch; states are standardised
 * per dimension by the training tokens' mean and deviation, folded into the weights at the end. The epoch with the lowest
 * validation loss (exact, too) is kept. A layer's result is a function of (data, options): threads share out layers, never sums. */
#ifndef PROBE_FIT_H
#define PROBE_FIT_H
#include "base/err.h"
#include "base/pool.h"
#include "probe/fit_read.h"

/* FIT_CONFORMAL: kept apart from the choices that FIT_VAL makes, so that a conformal threshold keeps its promise. */
enum fit_part { FIT_TRAIN, FIT_VAL, FIT_TEST, FIT_CONFORMAL };
struct fit_trace {
    int64_t row0, rows; /* of the states; rows >= 1 */
    int label;          /* class, 0 … classes − 1 */
    enum fit_part part;
    int64_t
        cand0; /* features of its candidates: rows cand0 … cand0 + n_cand − 1 of fit_data.cand; candidate k stands for class k */
    int n_cand; /* 0: none */
};
struct fit_data {
    const f16 *x; /* [all rows, width] of one layer; finite */
    int64_t width;
    const struct fit_trace *t;
    int64_t n;
    const f16 *cand; /* [all candidates, cand_width]; may be NULL if rank is 0 */
    int64_t cand_width;
};
struct fit_opts {
    struct scan_shape shape;
    int epochs, batch;       /* passes over the training traces; traces of one update */
    int rank;                /* of the candidate head; 0: none */
    double lr, weight_decay; /* Adam with decoupled decay; the rate falls to a tenth by a cosine */
    int cut;                 /* 1: each trace cut at one random length instead of all of them (the paper) */
    int shuffle_labels;      /* 1: labels dealt out anew at random: a control */
    uint64_t seed;
    int (*stop)(void); /* polled between epochs; may be NULL */
};
#define FIT_DEFAULT \
    ((struct fit_opts){.shape = {POOL_ATTENTION, 1, 4}, .epochs = 12, .batch = 32, .lr = 3e-3, .weight_decay = 1e-3, .seed = 42})

int fit_layer(struct fit_probe *out, const struct fit_data *d, const struct fit_opts *o, struct err *e);
/* out[n] from data[n], layers side by side. */
int fit_layers(struct fit_probe *out, const struct fit_data *d, int n, const struct fit_opts *o, struct pool *pool,
               struct err *e);
#endif
