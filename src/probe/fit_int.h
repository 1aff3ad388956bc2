/* Inside of training: the loss of a trace and its gradient (fit_loss.c), as the loop over traces (fit.c) and tests see them, and the loops
 * over the width that training shares with reading. Not for other rooms. */
#ifndef PROBE_FIT_INT_H
#define PROBE_FIT_INT_H
#include "probe/fit.h"

/* Rows of a probe's weights that give q and v. */
static inline int fit_outs(struct scan_shape s) { return s.heads * (1 + s.classes); }
static inline void fit_widen(const f16 *x, int64_t n, float *out) { fmt_find(FMT_F16)->to_f32(out, x, n); }

/* Blocks of sixteen written out: the compiler makes them vectors in registers. */
enum { FIT_BLOCK = 16 };
#define FIT_UNROLL _Pragma("GCC unroll 16")
static inline float fit_dot(const float *restrict a, const float *restrict b, int64_t n) {
    float s[FIT_BLOCK] = {0}, rest = 0;
    int64_t i = 0;
    for (; i + FIT_BLOCK <= n; i += FIT_BLOCK) FIT_UNROLL for (int k = 0; k < FIT_BLOCK; k++) s[k] += a[i + k] * b[i + k];
    for (; i < n; i++) rest += a[i] * b[i];
    for (int k = 0; k < 8; k++) s[k] += s[k + 8];
    for (int k = 0; k < 4; k++) s[k] += s[k + 4];
    return (s[0] + s[2]) + (s[1] + s[3]) + rest;
}
/* out += a x */
static inline void fit_add_scaled(double *restrict out, const float *restrict x, double a, int64_t n) {
    int64_t i = 0;
    for (; i + FIT_BLOCK <= n; i += FIT_BLOCK) FIT_UNROLL for (int k = 0; k < FIT_BLOCK; k++) out[i + k] += a * x[i + k];
    for (; i < n; i++) out[i] += a * x[i];
}

/* Parameters in the order of the struct's comment, of standardised states and scaled candidates: q [heads, width], v [heads · classes, width],
 * u [heads · rank, width], bias [classes], u's bias [heads · rank], candidates [rank, candidate width]. */
struct fitter {
    const struct fit_data *d;
    const struct fit_opts *o;
    int outs;           /* rows of W: heads q, then heads × classes v, then heads × rank u */
    int64_t P, longest; /* parameters: outs × width, classes, heads × rank, rank × candidate width */
    int R;              /* rank */
    int64_t E;          /* candidate width */
    float *w, *best;    /* [P] */
    double *grad, *mom, *var;
    float *mean, *scale; /* [width] */
    float *x;            /* [longest, width], standardised */
    double *y, *dy;      /* [longest, heads (1 + classes)]: q of all tokens, then v */
    double *u, *du;      /* [longest, heads × rank] */
    float *part;         /* [outs, width] */
    float *cand, *code;  /* [classes, E], [classes, rank] of the trace at hand */
    double *dcode;
    float cand_scale;
    double *work, *weight;
    int64_t *order;
    int *label;
    int64_t n_order, step;
};

/* Where the parts of the parameters begin. */
static inline int64_t fit_at_bias(const struct fitter *f) { return f->outs * f->d->width; }
static inline int64_t fit_at_ub(const struct fitter *f) { return fit_at_bias(f) + f->o->shape.classes; }
static inline int64_t fit_at_wb(const struct fitter *f) { return fit_at_ub(f) + f->o->shape.heads * f->R; }

/* Loss of one trace; its gradient is added if back. cut > 0: only the prefix of that length counts. */
double fit_trace_loss(struct fitter *f, const struct fit_trace *t, int label, int64_t cut, int back);

/* The layer loss as a function of the parameters, with the gradient that training descends, for tests. */
int64_t fit_params(const struct fit_data *d, const struct fit_opts *o);
/* *loss: sum over the training traces; grad[fit_params] is written. */
int fit_gradient(const struct fit_data *d, const struct fit_opts *o, const float *w, double *loss, double *grad, struct err *e);
#endif
