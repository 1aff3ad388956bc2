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
/* The largest rate under which k or fewer of n would still be seen with a chance of alpha (Clopper and Pearson's upper end, one-sided): none of 299 says
 * less than one in a hundred at alpha 0.05. 1 for k = n or n = 0. O(k) a step of a bisection. */
double rate_upper(int64_t k, int64_t n, double alpha);
/* The same at a rate p that is the mean of n values in [0, 1]: for values between 0 and 1 it is wider than it need be, since none vary
 * more than 0/1 values of that mean. n = 0: [0, 1]. */
struct interval wilson_rate(double p, int64_t n, double z);
/* pass@k of one question from n >= k independent candidates, c of them right: the share of k-subsets with a right one,
 * 1 - C(n - c, k) / C(n, k), unbiased for the chance that k draws hold one (Chen et al. 2021). Outside 0 <= c <= n, 1 <= k <= n: NaN. */
double pass_at(int64_t n, int64_t c, int64_t k);

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

struct resampling {
    int reps;     /* >= 1 */
    double level; /* such as 0.95 */
    uint64_t seed;
};
struct estimate {
    double value;
    struct interval ci;
};
/* k statistics of the rows idx[0..n), out[k]: what they have in common is computed once, and one set of resamples serves all of them. */
typedef void (*statistics)(double *out, size_t k, const void *data, const size_t *idx, size_t n);
/* Each statistic of all n rows with its percentile interval; the draws are bootstrap()'s. split: rows below it and the rest are two
 * samples, each resampled by itself (0: one sample). how NULL: no intervals. An interval is NaN where fewer than two rows are, or
 * where no resample has the statistic; a value is NaN where f says so, and for n = 0. */
int estimates(struct estimate *out, size_t k, statistics f, const void *data, size_t n, size_t split,
              const struct resampling *how, struct err *e);

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

/* The same for rows that belong to groups (answers to one question), group[n] in [0, n_groups). pooled: all rows together, its interval by
 * resampling groups. within: the mean, over the `groups` groups with both classes, of the area within the group; its interval by
 * resampling those. NaN where a class is missing, and for the interval of fewer than two groups. */
struct auc_grouped {
    double pooled, within;
    struct interval pooled_ci, within_ci;
    int64_t groups;
};
int auc_grouped(struct auc_grouped *out, const double *score, const int *label, const size_t *group, size_t n, size_t n_groups,
                const struct resampling *how, struct err *e);

/* Calibration of probabilities p[n] for events y[n] in {0, 1}. ECE: equal bins (lo, hi] of [0, 1], each weighing its share;
 * bins = 0 means 15. Brier: mean of (p − y)². brier_multi: p[n,k] row-major, label[n] in [0, k): sum over classes, mean over
 * rows (so it is twice brier for two classes). */
double ece(const double *p, const int *y, size_t n, int bins);
/* The bin of p among `bins` of them: b with b/bins < p <= (b + 1)/bins, the first closed below. */
int probability_bin(double p, int bins);
double brier(const double *p, const int *y, size_t n);
double brier_multi(const double *p, const int *label, size_t n, size_t k);

/* Least squares y = a x² + b x + c over the n points where y is a number: out = {a, b, c}; NaN with fewer than three different x. */
void quadratic_fit(double out[3], const double *x, const double *y, size_t n);

/* Temperature scaling (Guo et al. 2017): the t that minimises the mean of weight·−log softmax(z / t)[label] over logits z[n, k]. The
 * loss is convex in 1/t, so there is one minimum; it is sought within 1e-3 … 1e3 and `bound` says that an end was hit (all rows
 * right, say). weight NULL: 1 each. Logits that say nothing (equal within every row) leave t = 1. ERR_RANGE for logits that are not
 * finite, labels outside [0, k), weights that are not finite or below 0 or all 0, n = 0. */
struct temperature {
    double t, loss_before, loss_after; /* before: at t = 1 */
    int bound;
};
int temperature_fit(struct temperature *out, const double *z, const int *label, const double *weight, size_t n, size_t k,
                    struct err *e);

/* A temperature for each reading of a sequence (parameterised temperature scaling, after Tomani et al. 2022): level · s^spread · at^position,
 * held within 1e-3 … 1e3, where s is the deviation of the reading's own logits (root of their mean square about their mean) and at = 1, 2 … its
 * place. {t, 0, 0} is one temperature for all. The order of classes never changes, and with spread < 1 logits that are farther apart stay so.
 *
 * The fit minimises the weighted mean loss of temperature_fit plus ((log level)² / 4 + spread² + position²) / (2·sequences): a prior that
 * counts as much as one of the `sequences` independent sequences that the n rows come from, so that few of them decide little. at[n] from 1 on; ERR_RANGE as there. */
struct temperatures {
    double level, spread, position;
};
double temperature_of(const struct temperatures *t, const double *z, size_t k, double at);
int temperatures_fit(struct temperatures *out, const double *z, const int *label, const double *weight, const double *at,
                     size_t n, size_t k, size_t sequences, struct err *e);

/* Split conformal prediction: the smallest score q such that a new one, exchangeable with the n sorted ones, is at most q with a
 * chance of at least 1 − alpha: the ⌈(n + 1)(1 − alpha)⌉-th smallest; ties only raise the chance. +∞ where n is too small for
 * that. */
double conformal_quantile(const double *sorted, size_t n, double alpha);
#endif
