/* Muon: what a step does to a matrix, computed once more in double with plain loops, and what it is for: an update whose singular values
 * all lie near one. */
#include "base/rng.h"
#include "decode/muon.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(muon, .timeout = HANG_S);

static double *randoms(int64_t n, uint64_t seed) {
    struct rng r = RNG(seed);
    double *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++) x[i] = rng_normal(&r);
    return x;
}

/* x <- a x + (b S + c S²) x, S = x xᵀ: for every shape the same, since (x xᵀ) x = x (xᵀ x). */
static void plain_step(double *x, int64_t N, int64_t K) {
    double *s = calloc((size_t)(N * N), sizeof *s), *m = calloc((size_t)(N * N), sizeof *m);
    double *y = calloc((size_t)(N * K), sizeof *y);
    for (int64_t i = 0; i < N; i++)
        for (int64_t j = 0; j < N; j++)
            for (int64_t k = 0; k < K; k++) s[i * N + j] += x[i * K + k] * x[j * K + k];
    for (int64_t i = 0; i < N; i++)
        for (int64_t j = 0; j < N; j++) {
            m[i * N + j] = -4.7750 * s[i * N + j];
            for (int64_t k = 0; k < N; k++) m[i * N + j] += 2.0315 * s[i * N + k] * s[k * N + j];
        }
    for (int64_t i = 0; i < N; i++)
        for (int64_t k = 0; k < K; k++) {
            y[i * K + k] = 3.4445 * x[i * K + k];
            for (int64_t j = 0; j < N; j++) y[i * K + k] += m[i * N + j] * x[j * K + k];
        }
    memcpy(x, y, (size_t)(N * K) * sizeof *x);
    free(s), free(m), free(y);
}

struct case_ {
    int64_t N, K;
};
static const struct case_ cases[] = {{5, 9}, {9, 5}, {7, 7}, {1, 6}, {33, 64}};
enum { CASES = sizeof cases / sizeof *cases };

/* One step on the device: p, m, g in and p, m out. */
static void step(struct device *d, double *p, double *m, double *g, int64_t N, int64_t K, double gscale, double lr,
                 double decay) {
    struct muon u;
    struct err e = ERR_INIT;
    int64_t n = N * K;
    num *dp = dev_alloc(d, n), *dm = dev_alloc(d, n), *dg = dev_alloc(d, n);
    cr_assert(muon_new(&u, d, n, N < K ? N : K, &e) == 0, "%s", e.msg);
    dev_put_f64(d, dp, p, n), dev_put_f64(d, dm, m, n), dev_put_f64(d, dg, g, n);
    muon_step(&u, dp, dm, dg, N, K, gscale, lr, decay);
    dev_get_f64(d, p, dp, n), dev_get_f64(d, m, dm, n);
    dev_free(d, dp), dev_free(d, dm), dev_free(d, dg);
    muon_free(&u);
}

Test(muon, a_step_is_the_plain_one) {
    struct device *d;
    struct err e = ERR_INIT;
    cr_assert(dev_open(&d, 2, 1, &e) == 0, "%s", e.msg); /* in double */
    for (int c = 0; c < CASES; c++) {
        int64_t N = cases[c].N, K = cases[c].K, n = N * K;
        double *p = randoms(n, 1), *m = randoms(n, 2), *g = randoms(n, 3), *x = malloc((size_t)n * sizeof *x);
        double *p0 = randoms(n, 1), *m0 = randoms(n, 2), norm = 0;
        step(d, p, m, g, N, K, 0.5, 0.1, 0.02);
        for (int64_t i = 0; i < n; i++) {
            m0[i] = 0.95 * m0[i] + 0.5 * g[i];
            x[i] = 0.5 * g[i] + 0.95 * m0[i];
            norm += x[i] * x[i];
        }
        for (int64_t i = 0; i < n; i++) x[i] /= sqrt(norm) + 1e-7;
        for (int i = 0; i < 5; i++) plain_step(x, N, K);
        for (int64_t i = 0; i < n; i++) {
            double want = p0[i] * (1 - 0.1 * 0.02) - 0.1 * sqrt(N > K ? (double)N / (double)K : 1) * x[i];
            cr_assert(fabs(m[i] - m0[i]) < 1e-12);
            cr_assert(fabs(p[i] - want) < 1e-9, "%lldx%lld at %lld: %g, expected %g", (long long)N, (long long)K, (long long)i,
                      p[i], want);
        }
        free(p), free(m), free(g), free(x), free(p0), free(m0);
    }
    dev_close(d);
}

/* |Uᵀ v| of an orthogonal-ish U is near |v| for any v: the quintic ends with singular values between 0.6 and 1.3. */
Test(muon, all_directions_move_alike) {
    struct device *d;
    struct err e = ERR_INIT;
    cr_assert(dev_open(&d, 2, 0, &e) == 0, "%s", e.msg);
    enum { N = 24, K = 96 };
    double *p = calloc(N * K, sizeof *p), *m = calloc(N * K, sizeof *m), *g = randoms(N * K, 4);
    for (int i = 0; i < N; i++) /* directions of very different strength */
        for (int k = 0; k < K; k++) g[i * K + k] *= pow(0.8, i);
    step(d, p, m, g, N, K, 1, 1, 0);
    for (int t = 0; t < 50; t++) {
        double *v = randoms(N, 100 + (uint64_t)t), in = 0, out = 0;
        for (int i = 0; i < N; i++) in += v[i] * v[i];
        for (int k = 0; k < K; k++) {
            double y = 0;
            for (int i = 0; i < N; i++) y += v[i] * p[i * K + k];
            out += y * y;
        }
        double gain = sqrt(out / in);
        cr_assert(gain > 0.5 && gain < 1.4, "a direction moves %g", gain);
        free(v);
    }
    free(p), free(m), free(g);
    dev_close(d);
}
