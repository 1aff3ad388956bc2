/* The exact binomial test. The mass rises to the mode and falls behind it, so the outcomes that are no more likely than the one found are
 * one run at either end. */
#include "stats/infer/binomial.h"
#include "stats/dist.h"
#include <math.h>

static double upper(double k, double n, double p) { return k <= 0 ? 1 : binomial_cdf(n - k, n, 1 - p); }
static double lower(double k, double n, double p) { return k < 0 ? 0 : binomial_cdf(k, n, p); }

/* The smallest k in (lo, hi] with mass at most `most`, on the falling side; hi + 1 if there is none. */
static double falling(double lo, double hi, double n, double p, double most) {
    while (lo < hi) {
        double m = floor((lo + hi) / 2);
        if (binomial_mass(m, n, p) <= most)
            hi = m;
        else
            lo = m + 1;
    }
    return binomial_mass(lo, n, p) <= most ? lo : hi + 1;
}

static double two_sided(double k, double n, double p) {
    if (p == 0 || p == 1) return k == n * p;
    double m = n * p, most = binomial_mass(k, n, p) * (1 + 1e-7), other;
    if (k == m) return 1;
    if (k < m) {
        other = falling(ceil(m), n, n, p, most);
        return fmin(1, lower(k, n, p) + (other <= n ? upper(other, n, p) : 0));
    }
    other = falling(n - floor(m), n, n, 1 - p, most); /* seen from the other end */
    return fmin(1, upper(k, n, p) + (other <= n ? lower(n - other, n, p) : 0));
}

static struct interval clopper_pearson(double k, double n, double below, double above) {
    struct interval ci = {0, 1};
    if (below > 0 && k > 0) ci.lo = beta_quantile(below, k, n - k + 1);
    if (above > 0 && k < n) ci.hi = beta_quantile(1 - above, k + 1, n - k);
    return ci;
}

int binomial_test(struct binomial_test *out, int64_t k, int64_t n, double p0, enum tail tail, double level, struct err *e) {
    double x = (double)k, m = (double)n, a = 1 - level;
    if (n < 1 || k < 0 || k > n || n > 1000000000000)
        return fail(e, ERR_RANGE, "expected k from 0 to n, n from 1 to 1e12, found %lld of %lld", (long long)k, (long long)n);
    if (!(p0 >= 0 && p0 <= 1)) return fail(e, ERR_RANGE, "expected a chance from 0 to 1, found %g", p0);
    struct binomial_test t = {.rate = x / m};
    if (tail == TWO_SIDED)
        t.p = two_sided(x, m, p0), t.ci = clopper_pearson(x, m, a / 2, a / 2);
    else if (tail == GREATER)
        t.p = upper(x, m, p0), t.ci = clopper_pearson(x, m, a, 0);
    else
        t.p = lower(x, m, p0), t.ci = clopper_pearson(x, m, 0, a);
    *out = t;
    return 0;
}
