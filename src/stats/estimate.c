/* Rates, means, quantiles, paired differences. */
#include "stats/stats.h"
#include <math.h>
#include <stdlib.h>

/* centre and half width: (p + z²/2n ± z·sqrt(p(1−p)/n + z²/4n²)) / (1 + z²/n) */
struct interval wilson_rate(double p, int64_t n, double z) {
    if (n <= 0) return (struct interval){0, 1};
    double m = (double)n, z2 = z * z;
    double centre = p + z2 / (2 * m), half = z * sqrt(p * (1 - p) / m + z2 / (4 * m * m)), norm = 1 + z2 / m;
    /* at the ends the bound is 0 or 1 exactly; rounding would leave 1e-17 */
    return (struct interval){p <= 0 ? 0 : (centre - half) / norm, p >= 1 ? 1 : (centre + half) / norm};
}

struct interval wilson(int64_t k, int64_t n, double z) {
    return wilson_rate(n > 0 ? (double)k / (double)n : 0, n, z);
}

/* Chance of k or fewer of n at rate p: terms from the largest down would not underflow, but those of a bound need no more than this. */
static double at_most(int64_t k, int64_t n, double p) {
    double sum = 0;
    for (int64_t i = 0; i <= k; i++)
        sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) + (double)i * log(p) +
                   (double)(n - i) * log1p(-p));
    return sum;
}

double rate_upper(int64_t k, int64_t n, double alpha) {
    double lo = n > 0 ? (double)k / (double)n : 1, hi = 1;
    if (k >= n) return 1;
    for (int i = 0; i < 60; i++) {
        double mid = (lo + hi) / 2;
        if (at_most(k, n, mid) > alpha)
            lo = mid;
        else
            hi = mid;
    }
    return hi;
}

/* C(n - c, k) / C(n, k) as a product of c factors or of k, whichever are fewer: no factorial overflows. */
double pass_at(int64_t n, int64_t c, int64_t k) {
    if (k < 1 || k > n || c < 0 || c > n) return NAN;
    if (c > n - k) return 1;
    int64_t few = c < k ? c : k, other = c < k ? k : c;
    double none = 1;
    for (int64_t i = 0; i < few; i++) none *= (double)(n - other - i) / (double)(n - i);
    return 1 - none;
}

double mean(const double *x, size_t n) {
    double s = 0;
    for (size_t i = 0; i < n; i++) s += x[i];
    return n ? s / (double)n : NAN;
}

double variance(const double *x, size_t n) {
    if (n < 2) return NAN;
    double m = mean(x, n), s = 0;
    for (size_t i = 0; i < n; i++) s += (x[i] - m) * (x[i] - m);
    return s / (double)(n - 1);
}

double mean_se(const double *x, size_t n) { return sqrt(variance(x, n) / (double)n); }

double quantile(const double *sorted, size_t n, double q) {
    if (!n) return NAN;
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;
    if (i + 1 >= n) return sorted[n - 1];
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

static double mean_of(const void *data, const size_t *idx, size_t n) {
    const double *x = data;
    double s = 0;
    for (size_t i = 0; i < n; i++) s += x[idx[i]];
    return s / (double)n;
}

int bootstrap_mean(struct interval *out, const double *x, size_t n, int reps, double level, uint64_t seed, struct err *e) {
    return bootstrap(out, mean_of, x, n, reps, level, seed, e);
}

/* Two-sided exact binomial p of k against m − k at 1/2: twice the smaller tail, at most 1. */
static double sign_test(int64_t k, int64_t m) {
    int64_t low = k < m - k ? k : m - k;
    double s = 0;
    for (int64_t i = 0; i <= low; i++)
        s += exp(lgamma((double)m + 1) - lgamma((double)i + 1) - lgamma((double)(m - i) + 1) - (double)m * log(2));
    return fmin(1, 2 * s);
}

int paired_rates(struct paired *out, const int *a, const int *b, size_t n, int reps, double level, uint64_t seed, struct err *e) {
    struct paired p = {.diff = 0};
    double *d = calloc(n ? n : 1, sizeof *d);
    if (!d) return fail(e, ERR_NOMEM, "no memory for %zu pairs", n);
    for (size_t i = 0; i < n; i++) {
        d[i] = (a[i] != 0) - (b[i] != 0);
        p.only_a += d[i] > 0;
        p.only_b += d[i] < 0;
    }
    p.diff = mean(d, n);
    p.p = sign_test(p.only_a, p.only_a + p.only_b);
    int rc = bootstrap_mean(&p.ci, d, n, reps, level, seed, e);
    free(d);
    if (rc == 0) *out = p;
    return rc;
}
