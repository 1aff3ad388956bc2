/* Tests of one or two samples, against R: the values are printed by tests/r/small.R. What has no oracle is held to its identities. */
#include "base/rng.h"
#include "infer_tests.h"
#include "stats/dist.h"
#include "stats/infer/adjust.h"
#include "stats/infer/agreement.h"
#include "stats/infer/binomial.h"
#include "stats/infer/correlation.h"
#include "stats/infer/effect.h"
#include "stats/infer/mean_test.h"
#include "stats/infer/rank_test.h"

TestSuite(infer, .timeout = HANG_S);

Test(infer, noncentral_t) {
    near("2, 10, 1", nct_cdf(2, 10, 1), 0.80761156253, 1e-9);
    near("-1, 3, -2", nct_cdf(-1, 3, -2), 0.84265056603, 1e-9);
    near("30, 20, 25", nct_cdf(30, 20, 25), 0.830561328801, 1e-9);
    near("0.5, 1, 0", nct_cdf(.5, 1, 0), 0.64758361765, 1e-9);
    near("1, 200, 1.5", nct_cdf(1, 200, 1.5), 0.308317396578, 1e-9);
    for (double df = 1; df < 1e5; df *= 7)
        for (double t = -6; t <= 6; t += 1.5) {
            near("central", nct_cdf(t, df, 0), t_cdf(t, df), 1e-9);
            double ncp = nct_ncp(0.3, t, df);
            near("inverse", nct_cdf(t, df, ncp), 0.3, 1e-9);
        }
    static const double chances[] = {1e-6, 0.001, 0.025, 0.5, 0.975, 0.999, 1 - 1e-6};
    for (double df = 1; df < 1e5; df *= 7)
        for (double t = -40; t <= 120; t += 20)
            for (int i = 0; i < 7; i++) near("inverse, far out", nct_cdf(t, df, nct_ncp(chances[i], t, df)), chances[i], 1e-9);
    cr_expect(isnan(nct_cdf(NAN, 3, 0)) && isnan(nct_cdf(1, 0, 0)) && isnan(nct_ncp(1, 1, 3)) && isnan(t_cdf(1, -1)));
}

Test(infer, hedges_g_against_r) {
    struct effect g;
    cr_assert_eq(hedges_g(&g, two_samples, 8, 7, 0.95, NULL), 0);
    near("g", g.g, 1.69422632328, 1e-9);
    near("lo", g.ci.lo, 0.520304440332, 1e-8);
    near("hi", g.ci.hi, 2.82379720846, 1e-8);
    cr_assert_eq(hedges_g_paired(&g, two_samples, second, 7, 0.95, NULL), 0);
    near("paired", g.g, 1.15759418709, 1e-9);
    near("paired lo", g.ci.lo, 0.228356508411, 1e-8);
    near("paired hi", g.ci.hi, 2.04230037384, 1e-8);
}

/* R: effectsize 0.8.3, hedges_g(x, y), hedges_g(x[1:7], y, paired = TRUE) and hedges_g(e, f); its intervals are found by a search. */
Test(infer, hedges_g_against_effectsize) {
    struct effect g[3];
    static const double want[3][3] = {{1.69422632327577, 0.520304411993515, 2.8237974863311},
                                      {1.15759418709214, 0.228356695429534, 2.04230038327918},
                                      {1.04737299326442, -0.00398701030750297, 2.064758470968}};
    cr_assert_eq(hedges_g(&g[0], two_samples, 8, 7, 0.95, NULL), 0);
    cr_assert_eq(hedges_g_paired(&g[1], two_samples, second, 7, 0.95, NULL), 0);
    cr_assert_eq(hedges_g(&g[2], tied_samples, 8, 7, 0.95, NULL), 0);
    for (int i = 0; i < 3; i++) {
        near("g", g[i].g, want[i][0], 1e-12);
        cr_expect(fabs(g[i].ci.lo - want[i][1]) < 1e-6 * want[i][2], "%.9g, want %.9g", g[i].ci.lo, want[i][1]);
        near("hi", g[i].ci.hi, want[i][2], 1e-6);
    }
}

Test(infer, exact_small_sample_factor) {
    near("J(28)", hedges_j(28), 0.972932115056, 1e-10);
    near("J(48)", hedges_j(48), 0.984279426296, 1e-10);
    near("J(2)", hedges_j(2), 1 / sqrt(M_PI), 1e-12); /* Γ(1) / Γ(1/2) */
    cr_expect(isnan(hedges_j(1)) && hedges_j(1e7) < 1 && hedges_j(1e7) > 0.9999);
}

/* n values of mean m and variance 1: ±a in pairs. */
static void planted(double *x, size_t n, double m) {
    double a = sqrt((double)(n - 1) / (double)(n - n % 2));
    for (size_t i = 0; i < n; i++) x[i] = m + (i == n - 1 && n % 2 ? 0 : i % 2 ? a : -a);
}

/* Published values: g, n a group -> d, t, p, and the p of a published Welch df. */
Test(infer, published_effects) {
    static const struct {
        double g, d, t, p, p_tol;
        size_t n;
    } of[] = {{0.771, 0.7924, 2.170, 0.0386, 5e-5, 15},
              {-1.844, -1.8953, -5.19, 1.65e-5, 1e-7, 15},
              {0.975, 0.9906, 3.502, 0.00101, 5e-6, 25}};
    for (size_t i = 0; i < 3; i++) {
        double x[50];
        struct effect g;
        struct welch w;
        planted(x, of[i].n, of[i].g / hedges_j(2 * (double)of[i].n - 2));
        planted(x + of[i].n, of[i].n, 0);
        cr_assert_eq(hedges_g(&g, x, of[i].n, of[i].n, 0.95, NULL), 0);
        cr_assert_eq(welch_t(&w, x, of[i].n, of[i].n, 0.95, NULL), 0);
        near("g", g.g, of[i].g, 1e-12);
        cr_expect(fabs(g.d - of[i].d) < 5e-5 && fabs(g.t - of[i].t) < 5e-3, "d %.5f, t %.4f", g.d, g.t);
        near("equal variances", w.t, g.t, 1e-12);
        near("their df", w.df, g.df, 1e-12);
        cr_expect(fabs(w.p - of[i].p) < of[i].p_tol, "p %.6g", w.p);
    }
    cr_expect(fabs(t_two_sided(3.50, 43.4) - 0.00109) < 5e-6);
}

Test(infer, published_correlation) {
    struct interval ci = fisher_interval(0.474, 16, 0.95);
    double t = 0.474 * sqrt(14 / (1 - 0.474 * 0.474));
    cr_expect(fabs(t - 2.0142) < 5e-5 && fabs(t_two_sided(t, 14) - 0.0636) < 5e-5);
    cr_expect(fabs(ci.lo + 0.028) < 5e-4 && fabs(ci.hi - 0.785) < 5e-4, "%g %g", ci.lo, ci.hi);
}

Test(infer, hedges_g_properties) {
    struct effect g, h;
    double turned[15];
    memcpy(turned, second, 7 * sizeof *turned), memcpy(turned + 7, two_samples, 8 * sizeof *turned);
    cr_assert_eq(hedges_g(&g, two_samples, 8, 7, 0.9, NULL), 0);
    cr_assert_eq(hedges_g(&h, turned, 7, 8, 0.9, NULL), 0);
    near("sides", h.g, -g.g, 1e-12);
    near("sides lo", h.ci.lo, -g.ci.hi, 1e-9);
    for (int i = 0; i < 15; i++) turned[i] = 1e100 * (two_samples[i] - 3);
    cr_assert_eq(hedges_g(&h, turned, 8, 7, 0.9, NULL), 0);
    near("scale and origin", h.g, g.g, 1e-9);
    near("scale and origin, lo", h.ci.lo, g.ci.lo, 1e-8);
}

Test(infer, bootstrap_of_g) {
    struct interval a, b, c;
    struct resampling how = {2000, 0.95, 7};
    cr_assert_eq(hedges_g_bootstrap(&a, two_samples, 8, 7, &how, NULL), 0);
    cr_assert_eq(hedges_g_bootstrap(&b, two_samples, 8, 7, &how, NULL), 0);
    how.seed = 8;
    cr_assert_eq(hedges_g_bootstrap(&c, two_samples, 8, 7, &how, NULL), 0);
    cr_expect(a.lo == b.lo && a.hi == b.hi && a.lo != c.lo);
    cr_expect(a.lo > 0.3 && a.lo < 1.694 && a.hi > 1.694 && a.hi < 4.5, "[%g, %g]", a.lo, a.hi);
}

Test(infer, welch_and_equivalence_against_r) {
    struct welch w;
    struct tost t;
    cr_assert_eq(welch_t(&w, two_samples, 8, 7, 0.95, NULL), 0);
    near("t", w.t, 3.57953282358, 1e-10);
    near("df", w.df, 12.1515787199, 1e-10);
    near("p", w.p, 0.00371481890736, 1e-9);
    near("lo", w.ci.lo, 2.16455374479, 1e-9);
    near("hi", w.ci.hi, 8.8747319695, 1e-9);
    cr_assert_eq(tost_welch(&t, two_samples, 8, 7, -1, 9, 0.05, NULL), 0);
    near("low", t.p_low, 0.000570323170725, 1e-9);
    near("high", t.p_high, 0.0215924255827, 1e-9);
    near("ci", t.ci.hi, 8.2650782962, 1e-9);
    cr_expect(t.p == t.p_high && t.ci.hi < 9);
    cr_expect_eq(tost_welch(&t, two_samples, 8, 7, 1, 1, 0.05, NULL), ERR_RANGE);
    cr_assert_eq(tost_of(&t, 0.3, 0.4, INFINITY, -1, 1, 0.05, NULL), 0); /* of a normal estimate */
    near("pnorm(-3.25)", t.p_low, 0.000577025042390767, 1e-12);
    near("pnorm(-1.75)", t.p_high, 0.0400591568638171, 1e-12);
    near("0.3 + 0.4 * qnorm(0.95)", t.ci.hi, 0.957941450780589, 1e-12);
    cr_expect_eq(tost_of(&t, 0.3, 0, 5, -1, 1, 0.05, NULL), ERR_RANGE);
    cr_expect_eq(tost_of(&t, NAN, 1, 5, -1, 1, 0.05, NULL), ERR_RANGE);
}

Test(infer, mann_whitney_against_r) {
    struct rank_test t;
    double x[40];
    cr_assert_eq(mann_whitney(&t, tied_samples, 8, 7, 0, NULL), 0);
    cr_expect(t.w == 44.5);
    near("ties", t.p, 0.0572325281915, 1e-9);
    cr_assert_eq(mann_whitney(&t, two_samples, 8, 7, 0, NULL), 0);
    cr_expect(t.w == 51.5);
    near("p", t.p, 0.00771917377481, 1e-9);
    for (int i = 0; i < 8; i++) x[i] = two_samples[i] + .01;
    for (int i = 8; i < 19; i++) x[i] = 32 + i + .25;
    for (int i = 19; i < 26; i++) x[i] = second[i - 19];
    for (int i = 26; i < 40; i++) x[i] = 5 + i + .5;
    cr_assert_eq(mann_whitney(&t, x, 19, 21, 1, NULL), 0);
    cr_expect(t.w == 268, "%g", t.w);
    near("exact", t.p, 0.0650941954992, 1e-9);
}

Test(infer, signed_ranks_against_r) {
    struct rank_test t;
    cr_assert_eq(signed_rank(&t, two_samples, second, 7, 1, NULL), 0);
    cr_expect(t.w == 27);
    near("exact", t.p, 0.03125, 1e-12);
    cr_assert_eq(signed_rank(&t, tied_samples, tied_samples + 8, 7, 0, NULL), 0);
    cr_expect(t.w == 24, "%g", t.w);
    near("approximate", t.p, 0.104529659166, 1e-9);
    const double up[5] = {1, 2, 3, 4, 5};
    cr_assert_eq(signed_rank(&t, up, NULL, 5, 1, NULL), 0);
    near("the smallest p of five pairs", t.p, 0.0625, 1e-12);
}

/* The exact distributions with ties, against all regroupings looked at one by one. */
Test(infer, exact_ranks_are_permutations) {
    struct rank_test t;
    cr_assert_eq(mann_whitney(&t, tied_samples, 8, 7, 1, NULL), 0);
    double low = 0, high = 0, n = 0;
    for (unsigned m = 0; m < 1u << 15; m++) {
        if (__builtin_popcount(m) != 8) continue;
        double w = 0;
        for (int i = 0; i < 15; i++)
            for (int j = 0; j < 15; j++)
                if (m >> i & 1 && !(m >> j & 1))
                    w += tied_samples[i] > tied_samples[j] ? 1 : tied_samples[i] == tied_samples[j] ? 0.5 : 0;
        n++, low += w <= t.w, high += w >= t.w;
    }
    near("p", t.p, fmin(1, 2 * fmin(low, high) / n), 1e-9);
}

/* 14 of 70 regroupings are as far apart, however far from zero all of it is. */
Test(infer, permutations_do_not_depend_on_the_origin) {
    static const double tenths[] = {1, 2, 3, 7, 4, 5, 6, 8}, origins[] = {0, 1, 1000, 1e4, 1e6, 1e9};
    const struct permuting how = {.most = 1e6, .reps = 10, .seed = 1};
    for (size_t k = 0; k < sizeof origins / sizeof *origins; k++) {
        struct permuted p;
        double x[8];
        for (int i = 0; i < 8; i++) x[i] = origins[k] + tenths[i] / 10;
        cr_assert_eq(permutation_means(&p, x, 4, 4, &how, NULL), 0);
        cr_expect_float_eq(p.p, 0.2, 1e-12, "origin %g: %g", origins[k], p.p);
    }
}

Test(infer, permutations_against_r) {
    struct permuted p, q;
    struct permuting how = {10000, 20000, 3};
    cr_assert_eq(permutation_means(&p, two_samples, 8, 7, &how, NULL), 0);
    cr_expect(p.exact && p.regroupings == 6435);
    near("p", p.p, 0.0048174048174, 1e-9);
    cr_assert_eq(permutation_pairs(&p, two_samples, second, 7, &how, NULL), 0);
    near("signs", p.p, 0.03125, 1e-12);
    how.most = 10;
    cr_assert_eq(permutation_means(&p, two_samples, 8, 7, &how, NULL), 0);
    cr_assert_eq(permutation_means(&q, two_samples, 8, 7, &how, NULL), 0);
    cr_expect(!p.exact && p.p == q.p && fabs(p.p - 0.0048) < 0.002, "%g", p.p);
    cr_assert_eq(permutation_pairs(&p, two_samples, second, 7, &how, NULL), 0);
    cr_expect(!p.exact && fabs(p.p - 0.03125) < 0.005, "%g", p.p);
}

static void binomial_case(int64_t k, int64_t n, double p0, const double want[5]) {
    struct binomial_test t;
    cr_assert_eq(binomial_test(&t, k, n, p0, TWO_SIDED, 0.95, NULL), 0);
    near("p", t.p, want[0], 1e-9);
    near("lo", t.ci.lo, want[1], 1e-9);
    near("hi", t.ci.hi, want[2], 1e-9);
    cr_assert_eq(binomial_test(&t, k, n, p0, GREATER, 0.95, NULL), 0);
    near("greater", t.p, want[3], 1e-9);
    cr_assert_eq(binomial_test(&t, k, n, p0, LESS, 0.95, NULL), 0);
    near("less", t.p, want[4], 1e-9);
}

Test(infer, binomial_against_r) {
    binomial_case(7, 8, .5, (double[]){0.0703125, 0.473490329125, 0.996840276469, 9.0 / 256, 0.99609375});
    binomial_case(3, 20, .3, (double[]){0.220418267381, 0.0320709371855, 0.378926826545, 0.964516867702, 0.107086804504});
    binomial_case(11, 20, .3, (double[]){0.0247820762055, 0.315278133041, 0.769422103224, 0.0171448164313, 0.994861838465});
    binomial_case(0, 9, .2, (double[]){0.219859456, 0, 0.33626711688, 1, 0.134217728});
    binomial_case(500, 1000, .47, (double[]){0.0615528021684, 0.468549172972, 0.531450827028, 0.0308864206509, 0.973269726543});
    struct binomial_test t;
    cr_assert_eq(binomial_test(&t, 7, 8, .5, GREATER, 0.95, NULL), 0);
    near("one-sided lo", t.ci.lo, 0.529320591399, 1e-9);
    cr_expect(t.ci.hi == 1);
    for (int64_t k = 0; k <= 30; k++) { /* the definition, outcome by outcome */
        double p = 0, most = binomial_mass((double)k, 30, 0.37) * (1 + 1e-7);
        for (int i = 0; i <= 30; i++) p += binomial_mass(i, 30, 0.37) <= most ? binomial_mass(i, 30, 0.37) : 0;
        cr_assert_eq(binomial_test(&t, k, 30, 0.37, TWO_SIDED, 0.95, NULL), 0);
        near("definition", t.p, p, 1e-10);
    }
    cr_expect_eq(binomial_test(&t, 9, 8, .5, LESS, 0.95, NULL), ERR_RANGE);
}

Test(infer, correlations_against_r) {
    struct correlation c;
    cr_assert_eq(correlation(&c, two_samples, second, 7, 0.95, NULL), 0);
    near("r", c.r, 0.220870681263, 1e-9);
    near("t", c.t, 0.506388071737, 1e-9);
    near("p", c.p, 0.63411700408, 1e-9);
    near("lo", c.ci.lo, -0.638365832424, 1e-9);
    near("hi", c.ci.hi, 0.835038178349, 1e-9);
    cr_assert_eq(correlation(&c, tied_samples, tied_samples + 8, 7, 0.95, NULL), 0);
    near("rho", c.rho, 0.190553983492, 1e-9);
    near("rho p", c.rho_p, 0.68234655687, 1e-9);
    cr_assert_eq(correlation(&c, two_samples, two_samples, 8, 0.95, NULL), 0);
    cr_expect(c.r == 1 && c.rho == 1 && isnan(c.p) && isnan(c.t) && isnan(c.rho_p) && isnan(c.ci.lo)); /* no error to divide by */
}

Test(infer, adjustments_against_r) {
    static const double p[7] = {.01, .04, .03, .005, .2, .8, .04};
    static const double holm[7] = {0.06, 0.16, 0.15, 0.035, 0.4, 0.8, 0.16},
                        hommel[7] = {0.06, 0.12, 0.09, 0.035, 0.4, 0.8, 0.12};
    static const double bh[7] = {0.035, 0.056, 0.056, 0.035, 0.7 / 3, 0.8, 0.056};
    static const double p12[12] = {0.0187, 0.0515, 0.188, 0.7491, 0.0082, 0.7251, 0.843, 0.2885, 0.249, 0.0002, 0.0087, 0.0055};
    static const double hommel12[12] = {0.1496, 0.3605, 0.752, 0.843, 0.0738, 0.843, 0.843, 0.843, 0.843, 0.0024, 0.0783, 0.0495};
    static const double *const want[3] = {holm, hommel, bh};
    static const char *const name[3] = {"holm", "hommel", "BH"};
    double q[12];
    for (int m = 0; m < 3; m++) {
        cr_assert_eq(adjust_p(q, p, 7, name[m], NULL), 0);
        for (int i = 0; i < 7; i++) near(name[m], q[i], want[m][i], 1e-10);
    }
    cr_assert_eq(adjust_p(q, p12, 12, "hommel", NULL), 0);
    for (int i = 0; i < 12; i++) near("hommel 12", q[i], hommel12[i], 1e-9);
}

/* p <= bh <= hommel <= holm <= 1, order kept, a missing one no test. */
Test(infer, adjustments_in_order) {
    struct rng g = RNG(5, 1);
    for (int round = 0; round < 50; round++) {
        double p[20], h[20], m[20], b[20];
        size_t n = 1 + (size_t)rng_below(&g, 20);
        for (size_t i = 0; i < n; i++) p[i] = pow(rng_uniform(&g), 4);
        cr_assert(!adjust_p(h, p, n, "holm", NULL) && !adjust_p(m, p, n, "hommel", NULL) && !adjust_p(b, p, n, "bh", NULL));
        for (size_t i = 0; i < n; i++) {
            cr_expect(p[i] <= b[i] + 1e-15 && b[i] <= m[i] + 1e-15 && m[i] <= h[i] + 1e-15 && h[i] <= 1);
            for (size_t j = 0; j < n; j++) cr_expect(p[i] > p[j] || m[i] <= m[j]);
        }
    }
    double q[3];
    cr_assert_eq(adjust_p(q, (double[]){.01, NAN, .02}, 3, "holm", NULL), 0);
    cr_expect(q[0] == .02 && isnan(q[1]) && q[2] == .02);
    cr_expect_eq(adjust_p(q, (double[]){.01, 1.5, .02}, 3, "holm", NULL), ERR_RANGE);
    cr_expect_eq(adjust_p(q, (double[]){.01, .5, .02}, 3, "sidak", NULL), ERR_ARG);
}

/* Krippendorff's own example: 12 units, 4 raters, 0 where nothing was said. */
static const int ratings[4][12] = {{1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0},
                                   {1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3},
                                   {0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0},
                                   {1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0}};

Test(infer, krippendorff_alpha_of_his_example) {
    static const double want[4] = {0.743421052632, 0.815387503755, 0.849107142857, 0.797402774712}, value[5] = {1, 2, 3, 4, 5};
    size_t unit[48], n = 0;
    int code[48];
    for (size_t r = 0; r < 4; r++)
        for (size_t u = 0; u < 12; u++)
            if (ratings[r][u]) unit[n] = u, code[n++] = ratings[r][u] - 1;
    struct resampling how = {500, 0.95, 2};
    for (int m = 0; m < 4; m++) {
        struct alpha a, b;
        cr_assert_eq(krippendorff_alpha(&a, unit, code, n, 12, value, 5, (enum alpha_metric)m, NULL, NULL), 0);
        near("alpha", a.alpha, want[m], 1e-10);
        cr_expect(a.units == 11 && a.values == 40 && isnan(a.ci.lo), "%zu %zu", a.units, a.values);
        cr_assert_eq(krippendorff_alpha(&b, unit, code, n, 12, value, 5, (enum alpha_metric)m, &how, NULL), 0);
        cr_expect(b.alpha == a.alpha && b.ci.lo < a.alpha && b.ci.hi > a.alpha && b.ci.hi <= 1);
    }
    struct alpha a;
    cr_expect_eq(krippendorff_alpha(&a, unit, code, 1, 12, value, 5, ALPHA_NOMINAL, NULL, NULL), ERR_RANGE);
    unit[0] = 12;
    cr_expect_eq(krippendorff_alpha(&a, unit, code, n, 12, value, 5, ALPHA_NOMINAL, NULL, NULL), ERR_RANGE);
}

/* Nothing here may crash or answer 0 where there is no answer. */
Test(infer, samples_that_say_nothing) {
    struct effect g;
    struct welch w;
    struct rank_test t;
    struct correlation c;
    struct err e = ERR_INIT;
    const double same[6] = {2, 2, 2, 2, 2, 2}, huge[4] = {1e300, -1e300, 1e300, 5}, bad[4] = {1, NAN, 3, INFINITY};
    cr_expect_eq(hedges_g(&g, same, 3, 3, 0.95, &e), ERR_RANGE);
    cr_expect(strstr(e.msg, "vary"), "%s", e.msg);
    cr_expect_eq(hedges_g(&g, same, 1, 3, 0.95, NULL), ERR_RANGE);
    cr_expect_eq(welch_t(&w, same, 3, 3, 0.95, NULL), ERR_RANGE);
    cr_expect_eq(welch_t(&w, huge, 2, 2, 0.95, NULL), ERR_RANGE);
    cr_expect_eq(welch_t(&w, bad, 2, 2, 0.95, NULL), ERR_RANGE);
    cr_expect_eq(mann_whitney(&t, bad, 2, 2, 0, NULL), ERR_RANGE);
    cr_expect_eq(mann_whitney(&t, same, 0, 3, 0, NULL), ERR_RANGE);
    cr_assert_eq(mann_whitney(&t, same, 3, 3, 0, NULL), 0);
    cr_expect_eq(t.p, 1);
    cr_expect_eq(signed_rank(&t, same, same, 6, 1, NULL), ERR_RANGE);
    cr_expect_eq(correlation(&c, same, same, 6, 0.95, NULL), ERR_RANGE);
    cr_expect_eq(correlation(&c, same, same, 2, 0.95, NULL), ERR_RANGE);
}
