/* stats: the parabola, the temperature, the conformal quantile, and many statistics of one set of resamples. */
#include "base/rng.h"
#include "stats/stats.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

TestSuite(stats_fit, .timeout = HANG_S);

static void near(const char *what, double got, double want, double tol) {
    cr_expect(fabs(got - want) <= tol, "%s: got %.15g, want %.15g", what, got, want);
}

Test(stats_fit, a_parabola_is_found_again) {
    double x[20], y[20], f[3];
    for (int i = 0; i < 20; i++) x[i] = 1e3 + i, y[i] = 0.25 * x[i] * x[i] - 3 * x[i] + 7;
    y[4] = NAN; /* left out */
    quadratic_fit(f, x, y, 20);
    near("a", f[0], 0.25, 1e-9);
    near("b", f[1], -3, 1e-6);
    near("c", f[2], 7, 1e-3);
    /* three points: a, b, c of the parabola through (0, 1), (1, 3), (2, 9) */
    quadratic_fit(f, (const double[]){0, 1, 2}, (const double[]){1, 3, 9}, 3);
    near("a", f[0], 2, 1e-12), near("b", f[1], 0, 1e-12), near("c", f[2], 1, 1e-12);
}

Test(stats_fit, a_parabola_leaves_residuals_that_say_nothing) {
    struct rng g = RNG(3);
    double x[50], y[50], f[3], r[3] = {0};
    for (int i = 0; i < 50; i++) x[i] = rng_uniform(&g), y[i] = rng_normal(&g);
    quadratic_fit(f, x, y, 50);
    for (int i = 0; i < 50; i++) {
        double e = y[i] - (f[0] * x[i] * x[i] + f[1] * x[i] + f[2]);
        r[0] += e, r[1] += e * x[i], r[2] += e * x[i] * x[i];
    }
    for (int j = 0; j < 3; j++) near("residual", r[j], 0, 1e-11); /* the normal equations */
}

Test(stats_fit, no_parabola_without_three_places) {
    double f[3];
    quadratic_fit(f, NULL, NULL, 0);
    cr_expect(isnan(f[0]) && isnan(f[1]) && isnan(f[2]));
    quadratic_fit(f, (const double[]){1, 2, 2, 1}, (const double[]){1, 2, 3, 4}, 4);
    cr_expect(isnan(f[0]));
    quadratic_fit(f, (const double[]){1, 2, 3}, (const double[]){1, 2, NAN}, 3);
    cr_expect(isnan(f[0]));
}

/* ---- temperature ---- */

enum { N = 200, K = 5 };
struct logits {
    double z[N * K], w[N];
    int label[N];
};

static struct logits logits_draw(void) {
    struct logits l;
    uint64_t s = 99;
    for (int i = 0; i < N * K + N; i++) {
        s = s * 6364136223846793005u + 1442695040888963407u;
        double u = (double)(s >> 11) * 0x1p-53, sum = 0;
        if (i < N * K) {
            l.z[i] = 6 * u - 3;
            continue;
        }
        const double *z = l.z + (i - N * K) * K;
        for (int c = 0; c < K; c++) sum += exp(z[c] / 2.5);
        int y = 0;
        for (double run = 0; y < K - 1; y++)
            if ((run += exp(z[y] / 2.5) / sum) >= u) break;
        l.label[i - N * K] = y, l.w[i - N * K] = 1 + (i - N * K) % 3;
    }
    return l;
}

Test(stats_fit, temperature_is_that_of_a_golden_section_search) {
    struct logits l = logits_draw();
    struct temperature t;
    cr_assert_eq(temperature_fit(&t, l.z, l.label, l.w, N, K, NULL), 0);
    near("t", t.t, 2.374811816039639, 1e-6); /* numpy; a search on the loss itself is good to its square root */
    near("before", t.loss_before, 1.6480927216469925, 1e-12);
    near("after", t.loss_after, 1.417887213361186, 1e-12);
    cr_expect_eq(t.bound, 0);
}

Test(stats_fit, scaling_the_logits_scales_the_temperature) {
    struct logits l = logits_draw();
    struct temperature t, u;
    cr_assert_eq(temperature_fit(&t, l.z, l.label, NULL, N, K, NULL), 0);
    for (int i = 0; i < N; i++)
        for (int c = 0; c < K; c++) l.z[i * K + c] = 10 * l.z[i * K + c] + i; /* and a shift of a row changes nothing */
    cr_assert_eq(temperature_fit(&u, l.z, l.label, NULL, N, K, NULL), 0);
    near("t", u.t, 10 * t.t, 1e-8);
    near("loss", u.loss_after, t.loss_after, 1e-10);
    cr_expect_gt(u.loss_before, u.loss_after);
}

/* ---- a temperature for each reading ---- */

enum { READINGS = 6000, PLACES = 12 };
struct reading_set {
    double z[READINGS * K], at[READINGS];
    int label[READINGS];
};

/* Labels as often as logits at these temperatures say; spreads of readings differ by a factor of ten. */
static void readings_draw(struct reading_set *d, const struct temperatures *truth) {
    uint64_t s = 7;
    for (int i = 0; i < READINGS; i++) {
        double u[K + 1], sum = 0, run = 0, wide = 0.5 + 0.5 * (i % 10);
        for (int c = 0; c <= K; c++) s = s * 6364136223846793005u + 1442695040888963407u, u[c] = (double)(s >> 11) * 0x1p-53;
        for (int c = 0; c < K; c++) d->z[i * K + c] = wide * (2 * u[c] - 1);
        d->at[i] = 1 + i % PLACES;
        double t = temperature_of(truth, d->z + i * K, K, d->at[i]);
        for (int c = 0; c < K; c++) sum += exp(d->z[i * K + c] / t);
        int y = 0;
        for (; y < K - 1; y++)
            if ((run += exp(d->z[i * K + y] / t) / sum) >= u[K]) break;
        d->label[i] = y;
    }
}

static double readings_loss(const struct reading_set *d, const struct temperatures *t, double prior) {
    double loss = 0;
    for (int i = 0; i < READINGS; i++) {
        const double *z = d->z + i * K;
        double one = temperature_of(t, z, K, d->at[i]), sum = 0;
        for (int c = 0; c < K; c++) sum += exp(z[c] / one);
        loss += (log(sum) - z[d->label[i]] / one) / READINGS;
    }
    double level = log(t->level) / 2;
    return loss + prior * (level * level + t->spread * t->spread + t->position * t->position) / 2;
}

Test(stats_fit, temperatures_of_readings_are_found_again) {
    static struct reading_set d;
    const struct temperatures truth = {1.5, 0.5, -0.4};
    struct temperatures t;
    readings_draw(&d, &truth);
    cr_assert_eq(temperatures_fit(&t, d.z, d.label, NULL, d.at, READINGS, K, 500, NULL), 0);
    cr_expect(fabs(t.level - 1.5) < 0.3 && fabs(t.spread - 0.5) < 0.15 && fabs(t.position + 0.4) < 0.15, "%g %g %g", t.level,
              t.spread, t.position);
    double least = readings_loss(&d, &t, 1.0 / 500);
    cr_expect_lt(least, readings_loss(&d, &truth, 1.0 / 500));
    for (int i = 0; i < 6; i++) { /* no way down is left */
        struct temperatures near = t;
        double *x[] = {&near.level, &near.spread, &near.position};
        *x[i / 2] += i % 2 ? 0.01 : -0.01;
        cr_expect_gt(readings_loss(&d, &near, 1.0 / 500), least, "%d", i);
    }
}

Test(stats_fit, temperatures_follow_the_scale_of_the_logits) {
    static struct reading_set d;
    struct temperatures t, u;
    readings_draw(&d, &(struct temperatures){0.7, 0.3, 0.2});
    cr_assert_eq(temperatures_fit(&t, d.z, d.label, NULL, d.at, READINGS, K, 1000000, NULL), 0);
    for (int i = 0; i < READINGS * K; i++) d.z[i] = 10 * d.z[i] + i / K;
    cr_assert_eq(temperatures_fit(&u, d.z, d.label, NULL, d.at, READINGS, K, 1000000, NULL), 0);
    near("spread", u.spread, t.spread, 1e-4);
    near("position", u.position, t.position, 1e-4);
    near("level", u.level, t.level * pow(10, 1 - t.spread), 1e-3);
}

Test(stats_fit, a_prior_keeps_few_sequences_at_one_temperature) {
    static struct reading_set d;
    struct temperatures t;
    readings_draw(&d, &(struct temperatures){1.5, 0.5, -0.4});
    cr_assert_eq(temperatures_fit(&t, d.z, d.label, NULL, d.at, READINGS, K, 100000, NULL), 0);
    double free_spread = t.spread, weight[READINGS], none[] = {0.5};
    cr_assert_eq(temperatures_fit(&t, d.z, d.label, NULL, d.at, READINGS, K, 1, NULL), 0);
    cr_expect(fabs(t.spread) < fabs(free_spread) && t.level > 0, "%g, %g", t.spread, free_spread);
    const double sharp[] = {4, 0, 0, 0, 0};
    const double one[] = {1};
    const int right[] = {0}, wrong[] = {1};
    cr_assert_eq(temperatures_fit(&t, sharp, right, NULL, one, 1, K, 1, NULL), 0);
    cr_expect(t.level > 0.1 && t.level < 1, "one right reading: %g", t.level);
    cr_assert_eq(temperatures_fit(&t, sharp, wrong, NULL, one, 1, K, 1, NULL), 0);
    cr_expect(t.level > 1 && t.level < 10, "one wrong reading: %g", t.level);
    for (int i = 0; i < READINGS; i++) weight[i] = i < 100;
    cr_assert_eq(temperatures_fit(&t, d.z, d.label, weight, d.at, READINGS, K, 10, NULL), 0);
    cr_expect(isfinite(t.level) && t.spread < 1);
    cr_expect_eq(temperatures_fit(&t, d.z, d.label, NULL, none, 1, K, 1, NULL), ERR_RANGE);
    cr_expect_eq(temperatures_fit(&t, d.z, d.label, NULL, d.at, READINGS, K, 0, NULL), ERR_RANGE);
}

Test(stats_fit, temperature_at_the_ends_and_of_nothing) {
    struct temperature t;
    const double sharp[] = {4, 0, 0, 3}, flat[] = {1, 1, 5, 5};
    const int right[] = {0, 1}, wrong[] = {1, 0};
    cr_assert_eq(temperature_fit(&t, sharp, right, NULL, 2, 2, NULL), 0);
    cr_expect(t.bound && t.t == 1e-3, "%g", t.t);
    cr_assert_eq(temperature_fit(&t, sharp, wrong, NULL, 2, 2, NULL), 0);
    cr_expect(t.bound && t.t == 1e3, "%g", t.t);
    cr_assert_eq(temperature_fit(&t, flat, right, NULL, 2, 2, NULL), 0);
    cr_expect(t.t == 1 && !t.bound);
    near("flat", t.loss_after, log(2), 1e-15);
}

Test(stats_fit, temperature_refuses_what_is_no_data) {
    struct temperature t = {.t = 7};
    const double z[] = {0, 1}, bad[] = {0, INFINITY}, none[] = {0}, minus[] = {-1};
    const int y[] = {1}, high[] = {2}, low[] = {-1};
    cr_expect_eq(temperature_fit(&t, z, y, NULL, 0, 2, NULL), ERR_RANGE);
    cr_expect_eq(temperature_fit(&t, bad, y, NULL, 1, 2, NULL), ERR_RANGE);
    cr_expect_eq(temperature_fit(&t, z, high, NULL, 1, 2, NULL), ERR_RANGE);
    cr_expect_eq(temperature_fit(&t, z, low, NULL, 1, 2, NULL), ERR_RANGE);
    cr_expect_eq(temperature_fit(&t, z, y, none, 1, 2, NULL), ERR_RANGE);
    cr_expect_eq(temperature_fit(&t, z, y, minus, 1, 2, NULL), ERR_RANGE);
    cr_expect_eq(t.t, 7);
}

/* ---- conformal quantile ---- */

Test(stats_fit, conformal_ranks) {
    double x[19];
    for (int i = 0; i < 19; i++) x[i] = i + 1;
    near("rank 19 of 20", conformal_quantile(x, 19, 0.05), 19, 0);
    near("rank 18", conformal_quantile(x, 19, 0.1), 18, 0);
    near("rank 10", conformal_quantile(x, 19, 0.5), 10, 0);
    cr_expect_eq(conformal_quantile(x, 18, 0.05), INFINITY); /* 18 scores cannot promise one in twenty */
    cr_expect_eq(conformal_quantile(NULL, 0, 0.5), INFINITY);
}

Test(stats_fit, a_new_score_is_below_the_quantile_as_often_as_promised) {
    int held = 0, reps = 4000;
    for (int r = 0; r < reps; r++) {
        struct rng g = RNG(17, (uint64_t)r);
        double x[30];
        for (int i = 0; i < 30; i++) {
            double v = rng_normal(&g);
            int j = i;
            for (; j > 0 && x[j - 1] > v; j--) x[j] = x[j - 1];
            x[j] = v;
        }
        held += rng_normal(&g) <= conformal_quantile(x, 30, 0.2);
    }
    /* exactly 25/31 = 0.8065 of draws; 4 standard errors are 0.025 */
    near("coverage", (double)held / reps, 25.0 / 31, 0.025);
}

/* ---- many statistics ---- */

static double mean_of_rows(const void *data, const size_t *idx, size_t n) {
    double s = 0;
    for (size_t i = 0; i < n; i++) s += ((const double *)data)[idx[i]];
    return s / (double)n;
}

static void mean_and_more(double *out, size_t k, const void *data, const size_t *idx, size_t n) {
    cr_assert_eq(k, 3);
    out[0] = mean_of_rows(data, idx, n);
    out[1] = NAN;
    out[2] = n > 1 && idx[0] == idx[1] ? NAN : 1;
}

Test(stats_fit, many_statistics_see_the_resamples_of_one) {
    double x[25];
    struct rng g = RNG(5);
    for (int i = 0; i < 25; i++) x[i] = rng_normal(&g);
    struct estimate e[3];
    struct interval one;
    const struct resampling how = {500, 0.9, 11};
    cr_assert_eq(estimates(e, 3, mean_and_more, x, 25, 0, &how, NULL), 0);
    cr_assert_eq(bootstrap(&one, mean_of_rows, x, 25, how.reps, how.level, how.seed, NULL), 0);
    cr_expect(e[0].value == mean(x, 25) && e[0].ci.lo == one.lo && e[0].ci.hi == one.hi);
    cr_expect(isnan(e[1].value) && isnan(e[1].ci.lo) && isnan(e[1].ci.hi));
    cr_expect(e[2].value == 1 && e[2].ci.lo == 1 && e[2].ci.hi == 1, "only numbers count");
}

static void counts_by_half(double *out, size_t k, const void *split, const size_t *idx, size_t n) {
    size_t first = *(const size_t *)split, below = 0;
    (void)k;
    for (size_t i = 0; i < n; i++) below += idx[i] < first;
    *out = (double)below;
    for (size_t i = 0; i < n; i++)
        if ((idx[i] < first) != (i < first)) *out = -1;
}

Test(stats_fit, two_samples_are_drawn_by_themselves) {
    struct estimate e;
    const struct resampling how = {300, 0.95, 2};
    for (size_t split = 0; split <= 9; split += 3) {
        cr_assert_eq(estimates(&e, 1, counts_by_half, &split, 9, split, &how, NULL), 0);
        cr_expect(e.value == (double)split && e.ci.lo == (double)split && e.ci.hi == (double)split, "split %zu", split);
    }
    cr_expect_eq(estimates(&e, 1, counts_by_half, &(size_t){10}, 9, 10, &how, NULL), ERR_RANGE);
}

Test(stats_fit, estimates_of_little) {
    struct estimate e[3];
    const double x[] = {4, 4};
    const struct resampling bad = {0, 0.95, 1}, how = {10, 0.95, 1};
    cr_assert_eq(estimates(e, 3, mean_and_more, x, 0, 0, &how, NULL), 0);
    cr_expect(isnan(e[0].value) && isnan(e[0].ci.lo));
    cr_assert_eq(estimates(e, 3, mean_and_more, x, 1, 0, &how, NULL), 0);
    cr_expect(e[0].value == 4 && isnan(e[0].ci.lo), "one row has no interval");
    cr_assert_eq(estimates(e, 3, mean_and_more, x, 2, 0, NULL, NULL), 0);
    cr_expect(e[0].value == 4 && isnan(e[0].ci.lo), "none was asked for");
    cr_expect_eq(estimates(e, 3, mean_and_more, x, 2, 0, &bad, NULL), ERR_RANGE);
}
