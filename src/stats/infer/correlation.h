/* Pearson's r with Fisher's interval, Spearman's rho. Thread: no state. */
#ifndef STATS_INFER_CORRELATION_H
#define STATS_INFER_CORRELATION_H
#include "stats/stats.h"

/* p: t of n − 2; ci: Fisher's z, NaN for n < 4. rho on midranks, its p by the same t (R's exact = FALSE). n >= 3. A correlation of ±1 leaves
 * no error to measure it by: its t, p and interval are NaN. */
struct correlation {
    double r, t, df, p;
    struct interval ci;
    double rho, rho_p;
};
int correlation(struct correlation *out, const double *x, const double *y, size_t n, double level, struct err *e);
/* Fisher's interval of a correlation r found in n pairs, and its t: for published values. */
struct interval fisher_interval(double r, size_t n, double level);
#endif
