/* Estimates and intervals: pure functions on arrays of numbers, which know nothing of models or questions.
 *
 * Arrays are read only, 1-D, of n elements; n = 0 gives NaN, never a crash. Rates and labels are 0/1. What needs scratch memory
 * or can be asked the impossible returns 0 or a negative ERR_*; the rest return the value. The bootstrap draws from base/rng,
 * so an interval is a function of (data, seed): same input, same digits, on any machine. Thread: no state. */
#ifndef STATS_STATS_H
#define STATS_STATS_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define STATS_Z95 1.959963984540054 /* Φ⁻¹(0.975) */

struct interval {
    double lo, hi;
};

/* Wilson's score interval of a rate, k of n, at z: stays within [0, 1] and holds its level for small n and rates near 0 or 1,
 * where the usual p ± z·se does not (Wilson 1927; Brown, Cai, DasGupta 2001). n = 0: [0, 1]. */
struct interval wilson(int64_t k, int64_t n, double z);

double mean(const double *x, size_t n);
double variance(const double *x, size_t n); /* n - 1 below; n = 1: NaN */
double mean_se(const double *x, size_t n);  /* sqrt(variance / n) */
/* The q-quantile of sorted x, 0 <= q <= 1, between neighbours linearly (R's type 7). */
double quantile(const double *sorted, size_t n, double q);

/* A statistic of the resampled rows idx[0..n). */
typedef double (*statistic)(const void *data, const size_t *idx, size_t n);
/* Percentile bootstrap over rows: reps >= 1 resamples, level such as 0.95. Resamples where the statistic is NaN are left out;
 * if all are, ERR_RANGE. */
int bootstrap(struct interval *out, statistic f, const void *data, size_t n, int reps, double level, uint64_t seed,
              struct err *e);
int bootstrap_mean(struct interval *out, const double *x, size_t n, int reps, double level, uint64_t seed, struct err *e);

/* Two methods on the same questions, a[n] and b[n] in {0, 1}: difference of rates a − b, its paired bootstrap interval, the
 * two counts that carry it, and McNemar's exact two-sided p (binomial on the discordant pairs). */
struct paired {
    double diff;
    struct interval ci;
    int64_t only_a, only_b;
    double p;
};
int paired_rates(struct paired *out, const int *a, const int *b, size_t n, int reps, double level, uint64_t seed, struct err *e);

/* Area under the ROC curve: the chance that a positive scores above a negative, ties counting half. *out is NaN if a class is
 * missing. label[n] in {0, 1}. */
int auc(double *out, const double *score, const int *label, size_t n, struct err *e);

/* Calibration of probabilities p[n] for events y[n] in {0, 1}. ECE: equal bins (lo, hi] of [0, 1], each weighing its share;
 * bins = 0 means 15. Brier: mean of (p − y)². brier_multi: p[n,k] row-major, label[n] in [0, k): sum over classes, mean over
 * rows (so it is twice brier for two classes). */
double ece(const double *p, const int *y, size_t n, int bins);
double brier(const double *p, const int *y, size_t n);
double brier_multi(const double *p, const int *label, size_t n, size_t k);
#endif
