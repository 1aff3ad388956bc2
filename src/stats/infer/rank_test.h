/* Tests on ranks: Mann-Whitney for two samples, Wilcoxon's signed ranks for pairs. Two-sided.
 *
 * By default the normal approximation with correction for ties and continuity; exact: the distribution over all regroupings (or signs) of
 * the ranks found, ties included, p = twice the smaller tail, at most 1. Without ties that is R's exact p. Thread: no state. */
#ifndef STATS_INFER_RANK_TEST_H
#define STATS_INFER_RANK_TEST_H
#include "stats/stats.h"

struct rank_test {
    double
        w; /* Mann-Whitney: pairs in which the first sample is larger, ties half (R's W). Signed ranks: the positive ones (R's V) */
    double z, p;  /* z: NaN if exact */
    size_t zeros; /* differences of 0, which are left out */
    int exact;
};
/* x[n1 + n2]. */
int mann_whitney(struct rank_test *out, const double *x, size_t n1, size_t n2, int exact, struct err *e);
/* Of x − y; y NULL: of x itself. */
int signed_rank(struct rank_test *out, const double *x, const double *y, size_t n, int exact, struct err *e);
#endif
