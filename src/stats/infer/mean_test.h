/* Tests of means: Welch's t, equivalence by two one-sided tests, permutation.
 *
 * x[n1 + n2]: the first sample, then the second; differences are first minus second. Thread: no state. */
#ifndef STATS_INFER_MEAN_TEST_H
#define STATS_INFER_MEAN_TEST_H
#include "stats/stats.h"

struct welch {
    double t, df, p; /* two-sided */
    double mean[2], sd[2], diff, se;
    struct interval ci; /* of diff */
};
int welch_t(struct welch *out, const double *x, size_t n1, size_t n2, double level, struct err *e);

/* Equivalence: the difference lies within (low, high), both one-sided tests by Welch's t. p is the larger of the two; ci has level
 * 1 − 2·alpha and lies within the bounds exactly when p < alpha. */
struct tost {
    double diff, se, df, t_low, t_high, p_low, p_high, p;
    struct interval ci;
};
int tost_of(struct tost *out, double diff, double se, double df, double low, double high, double alpha,
            struct err *e); /* of an estimate with its standard error; df INFINITY: normal, t_low and t_high are z */
int tost_welch(struct tost *out, const double *x, size_t n1, size_t n2, double low, double high, double alpha, struct err *e);

/* Permutation test of the difference of means, two-sided: all regroupings where there are at most `most` of them, else `reps` drawn ones,
 * p = (1 + those at least as extreme) / (1 + reps). Draw r has a stream of its own. */
struct permuting {
    double most;
    int reps;
    uint64_t seed;
};
struct permuted {
    double diff, p, regroupings; /* looked at */
    int exact;
};
int permutation_means(struct permuted *out, const double *x, size_t n1, size_t n2, const struct permuting *how, struct err *e);
/* Of pairs: the signs of the differences are flipped. */
int permutation_pairs(struct permuted *out, const double *x, const double *y, size_t n, const struct permuting *how,
                      struct err *e);
#endif
