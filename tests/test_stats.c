/* stats: reference values as literals, and a simulation of what the intervals promise. */
#include "base/rng.h"
#include "stats/stats.h"
#include <criterion/criterion.h>
#include <math.h>

static void near(const char *what, double got, double want, double tol) {
    cr_expect(fabs(got - want) <= tol, "%s: got %.10g, want %.10g", what, got, want);
}

/* Closed form worked in decimal; the first two are in the usual tables. */
static const struct {
    int64_t k, n;
    double lo, hi;
} wilson_cases[] = {
    {8, 10, 0.4901624715, 0.9433178485},
    {5, 10, 0.2365930905, 0.7634069095},
    {0, 10, 0, 0.2775327998},
    {10, 10, 0.7224672002, 1},
    {0, 0, 0, 1},
    {50, 100, 0.4038315303, 0.5961684697},
};

Test(stats, wilson_reference) {
    for (size_t i = 0; i < sizeof wilson_cases / sizeof *wilson_cases; i++) {
        struct interval w = wilson(wilson_cases[i].k, wilson_cases[i].n, STATS_Z95);
        near("lo", w.lo, wilson_cases[i].lo, 1e-9);
        near("hi", w.hi, wilson_cases[i].hi, 1e-9);
    }
}

Test(stats, moments_and_quantiles) {
    const double x[] = {2, 4, 4, 4, 5, 5, 7, 9};
    near("mean", mean(x, 8), 5, 0);
    near("variance", variance(x, 8), 32.0 / 7, 1e-15);
    near("se", mean_se(x, 8), sqrt(32.0 / 7 / 8), 1e-15);
    near("q25", quantile(x, 8, 0.25), 4, 1e-15); /* R: quantile(x, .25) */
    near("q90", quantile(x, 8, 0.9), 7.6, 1e-12);
    near("q0", quantile(x, 8, 0), 2, 0);
    near("q1", quantile(x, 8, 1), 9, 0);
    cr_expect(isnan(mean(x, 0)) && isnan(variance(x, 1)) && isnan(quantile(x, 0, 0.5)));
}

Test(stats, auc_with_ties) {
    double a = 0;
    const double s[] = {0.1, 0.4, 0.35, 0.8};
    const int y[] = {0, 0, 1, 1};
    cr_assert_eq(auc(&a, s, y, 4, NULL), 0);
    near("auc", a, 0.75, 1e-15); /* the example of scikit-learn's roc_auc_score */
    const double t[] = {1, 1, 1, 2, 2, 3};
    const int z[] = {0, 1, 0, 1, 0, 1};
    cr_assert_eq(auc(&a, t, z, 6, NULL), 0);
    near("ties", a, (1.0 + 2.5 + 3.0) / 9, 1e-15);
    const int one[] = {1, 1, 1, 1};
    cr_assert_eq(auc(&a, s, one, 4, NULL), 0);
    cr_expect(isnan(a));
    const double bad[] = {0, NAN};
    struct err e = ERR_INIT;
    cr_expect_eq(auc(&a, bad, y, 2, &e), ERR_RANGE);
}

Test(stats, calibration_reference) {
    const double p[] = {0.9, 0.9, 0.9, 0.9, 0.1};
    const int y[] = {1, 1, 1, 0, 0};
    near("ece", ece(p, y, 5, 15), (4 * 0.15 + 0.1) / 5, 1e-12);
    near("ece default", ece(p, y, 5, 0), ece(p, y, 5, 15), 0);
    near("brier", brier(p, y, 5), (3 * 0.01 + 0.81 + 0.01) / 5, 1e-12);
    const double m[] = {0.7, 0.2, 0.1, 0.1, 0.8, 0.1};
    const int label[] = {0, 2};
    near("multi", brier_multi(m, label, 2, 3), (0.14 + (0.01 + 0.64 + 0.81)) / 2, 1e-12);
    const double edge[] = {0, 1, 1.0 / 15, 2.0 / 15};
    const int ye[] = {0, 1, 0, 0};
    near("edges", ece(edge, ye, 4, 15), (1.0 / 15 + 2.0 / 15) / 4, 1e-12);
}

Test(stats, bootstrap_is_a_function_of_data_and_seed) {
    double x[40];
    struct rng g = RNG(1, 1);
    for (int i = 0; i < 40; i++) x[i] = rng_normal(&g);
    struct interval a, b, c;
    cr_assert_eq(bootstrap_mean(&a, x, 40, 500, 0.95, 7, NULL), 0);
    cr_assert_eq(bootstrap_mean(&b, x, 40, 500, 0.95, 7, NULL), 0);
    cr_assert_eq(bootstrap_mean(&c, x, 40, 500, 0.95, 8, NULL), 0);
    cr_expect(a.lo == b.lo && a.hi == b.hi && (a.lo != c.lo || a.hi != c.hi));
    cr_expect(a.lo < mean(x, 40) && mean(x, 40) < a.hi);
    struct err e = ERR_INIT;
    cr_expect_eq(bootstrap_mean(&a, x, 0, 500, 0.95, 7, &e), ERR_RANGE);
    cr_expect_eq(bootstrap_mean(&a, x, 40, 0, 0.95, 7, &e), ERR_RANGE);
    cr_expect_eq(bootstrap_mean(&a, x, 40, 10, 1, 7, &e), ERR_RANGE);
}

Test(stats, paired_rates_reference) {
    int a[50], b[50];
    for (int i = 0; i < 50; i++) a[i] = i < 30, b[i] = i >= 9 && i < 32; /* 9 only a, 2 only b */
    struct paired p;
    cr_assert_eq(paired_rates(&p, a, b, 50, 2000, 0.95, 1, NULL), 0);
    cr_expect(p.only_a == 9 && p.only_b == 2);
    near("diff", p.diff, 0.14, 1e-12);
    near("p", p.p, 134.0 / 2048, 1e-12); /* 2·(C(11,0)+C(11,1)+C(11,2))/2^11 */
    cr_expect(p.ci.lo < 0.14 && p.ci.hi > 0.14 && p.ci.lo > -0.02 && p.ci.hi < 0.3);
    cr_assert_eq(paired_rates(&p, a, a, 50, 200, 0.95, 1, NULL), 0);
    cr_expect(p.diff == 0 && p.p == 1 && p.ci.lo == 0 && p.ci.hi == 0);
}

/* 95 % intervals hold the truth about 95 times in 100: 2000 samples, so 3 standard errors are 0.015; Wilson at n = 40 has an
 * exact coverage of 0.944 to 0.965 here and the percentile bootstrap at n = 40 falls a little short by theory. */
Test(stats, coverage) {
    const double rate = 0.3;
    int hit_w = 0, hit_b = 0;
    for (uint64_t s = 0; s < 2000; s++) {
        struct rng g = RNG(99, s);
        double x[40];
        int64_t k = 0;
        for (int i = 0; i < 40; i++) {
            k += rng_uniform(&g) < rate;
            x[i] = rng_normal(&g);
        }
        struct interval w = wilson(k, 40, STATS_Z95), b;
        hit_w += w.lo <= rate && rate <= w.hi;
        cr_assert_eq(bootstrap_mean(&b, x, 40, 300, 0.95, s, NULL), 0);
        hit_b += b.lo <= 0 && 0 <= b.hi;
    }
    near("wilson", hit_w / 2000.0, 0.955, 0.025);
    near("bootstrap", hit_b / 2000.0, 0.94, 0.025);
}
