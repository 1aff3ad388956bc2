/* How large a difference is: Hedges' g and its intervals.
 *
 * x[n1 + n2]: the first sample, then the second; differences are first minus second. ERR_RANGE with words where a sample is too small,
 * does not vary or overflows. Thread: no state. */
#ifndef STATS_INFER_EFFECT_H
#define STATS_INFER_EFFECT_H
#include "stats/stats.h"

/* The exact small-sample factor J(m) = Γ(m/2) / (√(m/2) Γ((m − 1)/2)); m > 1, else NaN (Hedges 1981). */
double hedges_j(double m);

struct effect {
    double g, d, j, t, df; /* g = J(df)·d; t the statistic that carries d */
    struct interval ci;    /* the noncentral-t interval of d, times J */
};
/* d: difference of means over the pooled standard deviation. */
int hedges_g(struct effect *out, const double *x, size_t n1, size_t n2, double level, struct err *e);
/* Of pairs: d is the mean of x − y over its standard deviation (d_z), df = n − 1. */
int hedges_g_paired(struct effect *out, const double *x, const double *y, size_t n, double level, struct err *e);
/* Percentile bootstrap of g, each sample resampled by itself. */
int hedges_g_bootstrap(struct interval *out, const double *x, size_t n1, size_t n2, const struct resampling *how, struct err *e);
#endif
