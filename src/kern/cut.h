/* How an operation is cut over the pool: by output only. Kernels sum in an order that the cut cannot change, so how many threads take
 * part is a matter of speed alone: what lasts less than about SMALL_NS runs on the calling thread. Costs are estimated in nanoseconds
 * of one thread from the sizes (rough on purpose: a factor of two either way does not matter). */
#ifndef KERN_CUT_H
#define KERN_CUT_H
#include "kern/kern_int.h"

#define SMALL_NS 20000

/* The arguments of one operation, as its slices see them. Letters as in device.h; unused ones stay zero. */
struct job {
    struct device *d;
    num *y, *y2, *y3, *y4;
    const num *a, *b, *c, *e;
    bf16 *h; /* rounded activations */
    const bf16 *h2;
    const struct q8_block *q; /* activations of eight bits */
    const struct mat *w;
    const int32_t *ids;
    const struct kv_ref *kv;
    const double *freq;
    double *part;
    struct adamw opt;
    int64_t n, unit; /* output elements to cut, and into multiples of what */
    int64_t T, N, K, ldy, ldx;
    double eps;
    int acc, nsp, nh, D, rot, st, back, by_rows, R, act;
};

static inline void run(struct job *j, double ns, pool_fn fn) {
    if (j->n <= 0) return;
    pool_run(ns < SMALL_NS || j->n <= j->unit ? NULL : j->d->pool, fn, j);
}

/* A slice: the part [a, b) of the output that thread ith of nth computes, by one call of a slot. */
#define SLICE(name, call)                           \
    static void name(void *ctx, int ith, int nth) { \
        const struct job *j = ctx;                  \
        const struct kernels *k = &j->d->k;         \
        (void)k;                                    \
        int64_t a, b;                               \
        slice(j->n, j->unit, ith, nth, &a, &b);     \
        if (a < b) call;                            \
    }

/* ns of one multiply-add in each table: about 1.2, 15 and 40 per ns */
static inline double mac_ns(const struct device *d, double macs) {
    return macs / (d->isa >= ISA_AVX512 ? 40 : d->isa == ISA_AVX2 ? 15 : 1.2);
}

static inline const num *row_of(const struct device *d, const num *p, int64_t i) { return num_at(d, p, i); }
#endif
