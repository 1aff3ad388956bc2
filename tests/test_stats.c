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

/* R: binom.test(k, n, alternative = "less", conf.level = 1 - alpha)$conf.int[2] */
Test(stats, rate_upper_reference) {
    near("none of 299", rate_upper(0, 299, .05), 0.009969146793, 1e-11);
    near("none of 400", rate_upper(0, 400, .05), 1 - pow(.05, 1 / 400.), 1e-12);
    near("1 of 400", rate_upper(1, 400, .05), 0.01180430445, 1e-10);
    near("7 of 20", rate_upper(7, 20, .1), 0.5180307573, 1e-9);
    cr_expect_eq(rate_upper(3, 3, .05), 1);
    cr_expect_eq(rate_upper(0, 0, .05), 1);
    for (int k = 0; k < 30; k++) cr_expect_lt(rate_upper(k, 30, .05), k == 29 ? 1 : rate_upper(k + 1, 30, .05));
}

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

/* pass@k by definition: over all k-subsets of n candidates of which the first c are right. */
static double pass_by_subsets(int n, int c, int k) {
    int all = 0, hit = 0;
    for (unsigned set = 0; set < 1u << n; set++) {
        if (__builtin_popcount(set) != k) continue;
        all++, hit += (set & ((1u << c) - 1)) != 0;
    }
    return (double)hit / all;
}

Test(stats, pass_at_k_is_the_share_of_subsets) {
    for (int n = 1; n <= 10; n++)
        for (int c = 0; c <= n; c++)
            for (int k = 1; k <= n; k++) near("pass", pass_at(n, c, k), pass_by_subsets(n, c, k), 1e-14);
    near("large", pass_at(1000000, 1, 500000), 0.5, 1e-12);
    near("small", pass_at(200, 100, 1), 0.5, 1e-12);
    cr_expect(isnan(pass_at(4, 1, 5)) && isnan(pass_at(4, 5, 1)) && isnan(pass_at(4, -1, 1)) && isnan(pass_at(4, 1, 0)));
}

Test(stats, wilson_at_a_rate) {
    struct interval a = wilson(8, 10, STATS_Z95), b = wilson_rate(0.8, 10, STATS_Z95), none = wilson_rate(0.5, 0, STATS_Z95);
    cr_expect(a.lo == b.lo && a.hi == b.hi && none.lo == 0 && none.hi == 1);
}

/* ---- grouped AUC ---- */

enum { GROUPS = 30, EACH = 6, ROWS = GROUPS * EACH };
struct answers {
    double score[ROWS];
    int label[ROWS];
    size_t group[ROWS];
};

/* Rows of a group share a level of difficulty that moves both label and score, so they are not independent. Scores tie often. */
static struct answers answers_draw(uint64_t seed) {
    struct answers a;
    struct rng g = RNG(5, seed);
    for (int i = 0; i < GROUPS; i++) {
        double level = rng_normal(&g);
        for (int k = 0; k < EACH; k++) {
            int at = k * GROUPS + i; /* not in the order of groups */
            a.label[at] = rng_uniform(&g) < 1 / (1 + exp(-level));
            a.score[at] = floor(2 * (level + a.label[at] + rng_normal(&g)));
            a.group[at] = (size_t)i;
        }
    }
    return a;
}

/* All pairs of a right and a wrong row, of any groups (-1) or of one; ties count half. */
static double pairs(const struct answers *a, int group) {
    double won = 0, n = 0;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < ROWS; j++) {
            if (!a->label[i] || a->label[j]) continue;
            if (group >= 0 && (a->group[i] != (size_t)group || a->group[j] != (size_t)group)) continue;
            n++, won += a->score[i] > a->score[j] ? 1 : a->score[i] == a->score[j] ? 0.5 : 0;
        }
    return n > 0 ? won / n : NAN;
}

Test(stats, grouped_auc_counts_pairs) {
    const struct resampling how = {200, 0.95, 7};
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct answers a = answers_draw(seed);
        struct auc_grouped got, again;
        double sum = 0;
        int n = 0;
        for (int i = 0; i < GROUPS; i++)
            if (!isnan(pairs(&a, i))) sum += pairs(&a, i), n++;
        cr_assert_eq(auc_grouped(&got, a.score, a.label, a.group, ROWS, GROUPS, &how, NULL), 0);
        near("pooled", got.pooled, pairs(&a, -1), 1e-12);
        near("within", got.within, sum / n, 1e-12);
        cr_expect_eq(got.groups, n);
        cr_expect(got.pooled_ci.lo < got.pooled && got.pooled < got.pooled_ci.hi);
        cr_expect(got.within_ci.lo < got.within && got.within < got.within_ci.hi);
        cr_assert_eq(auc_grouped(&again, a.score, a.label, a.group, ROWS, GROUPS, &how, NULL), 0);
        cr_expect(got.pooled_ci.lo == again.pooled_ci.lo && got.within_ci.hi == again.within_ci.hi,
                  "a function of data and seed");
    }
}

Test(stats, grouped_auc_of_little) {
    const struct resampling how = {50, 0.95, 1}, none = {0, 0.95, 1};
    const double s[] = {1, 2, 3, 4}, bad[] = {1, NAN, 3, 4};
    const int y[] = {0, 1, 0, 1}, one[] = {1, 1, 1, 1};
    const size_t apart[] = {0, 1, 2, 3}, same[] = {0, 0, 0, 0};
    struct auc_grouped a;
    struct err e = ERR_INIT;
    cr_assert_eq(auc_grouped(&a, s, y, apart, 4, 4, &how, NULL), 0);
    cr_expect(a.pooled == 0.75 && isnan(a.within) && a.groups == 0 && isnan(a.within_ci.lo));
    cr_assert_eq(auc_grouped(&a, s, y, same, 4, 1, &how, NULL), 0);
    cr_expect(a.within == 0.75 && a.groups == 1 && isnan(a.within_ci.hi), "one group has no interval");
    cr_assert_eq(auc_grouped(&a, s, one, same, 4, 1, &how, NULL), 0);
    cr_expect(isnan(a.pooled) && isnan(a.pooled_ci.lo));
    cr_assert_eq(auc_grouped(&a, s, y, same, 0, 0, &how, NULL), 0);
    cr_expect(isnan(a.pooled) && a.groups == 0);
    cr_expect_eq(auc_grouped(&a, bad, y, same, 4, 1, &how, &e), ERR_RANGE);
    cr_expect_eq(auc_grouped(&a, s, y, apart, 4, 3, &how, &e), ERR_RANGE);
    cr_expect_eq(auc_grouped(&a, s, y, apart, 4, 4, &none, &e), ERR_RANGE);
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

/* The intervals of the grouped AUC against its value on a hundred times the groups. Resampling rows instead would hold the pooled value far
 * less often, since rows of a group move together. 400 samples: 3 standard errors are 0.033. */
Test(stats, grouped_auc_coverage) {
    const struct resampling how = {200, 0.95, 3}, once = {1, 0.95, 1};
    static struct answers many[100];
    static double score[100 * ROWS];
    static int label[100 * ROWS];
    static size_t group[100 * ROWS];
    struct auc_grouped truth, got;
    for (size_t s = 0; s < 100; s++) {
        many[s] = answers_draw(1000 + s);
        for (size_t i = 0; i < ROWS; i++)
            score[s * ROWS + i] = many[s].score[i], label[s * ROWS + i] = many[s].label[i],
                             group[s * ROWS + i] = s * GROUPS + many[s].group[i];
    }
    cr_assert_eq(auc_grouped(&truth, score, label, group, 100 * ROWS, 100 * GROUPS, &once, NULL), 0);
    int pooled = 0, within = 0;
    for (uint64_t s = 0; s < 400; s++) {
        struct answers a = answers_draw(2000 + s);
        cr_assert_eq(auc_grouped(&got, a.score, a.label, a.group, ROWS, GROUPS, &how, NULL), 0);
        pooled += got.pooled_ci.lo <= truth.pooled && truth.pooled <= got.pooled_ci.hi;
        within += got.within_ci.lo <= truth.within && truth.within <= got.within_ci.hi;
    }
    near("pooled", pooled / 400.0, 0.94, 0.04);
    near("within", within / 400.0, 0.94, 0.04);
}
