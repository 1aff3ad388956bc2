/* The attention probe's scans: readings against their definition, gradients of all prefixes against finite differences, and what the
 * released code of the paper gets wrong (a maximum taken over the future). */
#include "base/rng.h"
#include "probe/scan.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(scan, .timeout = HANG_S);

enum { T_MAX = 24 };
struct trace {
    struct scan_shape shape;
    int64_t T;
    int label;
    double q[T_MAX * SCAN_HEADS], v[T_MAX * SCAN_HEADS * SCAN_CLASSES], bias[SCAN_CLASSES], w[T_MAX];
};

static struct trace draw(enum scan_pool pool, int heads, int classes, int64_t T, double spread, uint64_t seed) {
    struct trace x = {.shape = {pool, heads, classes}, .T = T, .label = (int)(seed % (uint64_t)classes)};
    struct rng r = RNG(seed, 1);
    for (int64_t i = 0; i < T * heads; i++) x.q[i] = spread * rng_normal(&r);
    for (int64_t i = 0; i < T * heads * classes; i++) x.v[i] = rng_normal(&r);
    for (int k = 0; k < classes; k++) x.bias[k] = rng_normal(&r);
    for (int64_t t = 0; t < T; t++) x.w[t] = rng_uniform(&r);
    return x;
}

/* z of the prefix of n tokens, as the formula says it. */
static void by_definition(const struct trace *x, int64_t n, double *z) {
    int H = x->shape.heads, C = x->shape.classes;
    memcpy(z, x->bias, (size_t)C * sizeof *z);
    for (int h = 0; h < H; h++) {
        double max = -INFINITY, den = 0, num[SCAN_CLASSES] = {0};
        for (int64_t t = 0; t < n; t++) max = fmax(max, x->q[t * H + h]);
        for (int64_t t = x->shape.pool == POOL_LAST ? n - 1 : 0; t < n; t++) {
            double e = x->shape.pool == POOL_ATTENTION ? exp(x->q[t * H + h] - max) : 1;
            den += e;
            for (int k = 0; k < C; k++) num[k] += e * x->v[(t * H + h) * C + k];
        }
        for (int k = 0; k < C; k++) z[k] += num[k] / den;
    }
}

static double loss_of(const struct trace *x, const double *w) {
    double sum = 0, z[SCAN_CLASSES];
    for (int64_t n = 1; n <= x->T; n++) {
        by_definition(x, n, z);
        log_softmax(z, x->shape.classes, z);
        sum -= z[x->label] * (w ? w[n - 1] : 1 / (double)x->T);
    }
    return sum;
}

static const struct {
    enum scan_pool pool;
    int heads, classes;
} shapes[] = {{POOL_ATTENTION, 1, 4}, {POOL_ATTENTION, 1, 1}, {POOL_ATTENTION, 3, 4}, {POOL_ATTENTION, SCAN_HEADS, SCAN_CLASSES},
              {POOL_MEAN, 1, 4},      {POOL_LAST, 1, 4}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

Test(scan, reads_what_the_formula_says_after_every_token) {
    for (int i = 0; i < SHAPES; i++)
        for (double spread = 0.1; spread < 1000; spread *= 10) {
            struct trace x = draw(shapes[i].pool, shapes[i].heads, shapes[i].classes, T_MAX, spread, 7 + (uint64_t)i);
            struct scan s;
            scan_start(&s, x.shape);
            for (int64_t t = 0; t < x.T; t++) {
                double z[SCAN_CLASSES], want[SCAN_CLASSES];
                scan_add(&s, x.q + t * x.shape.heads, x.v + t * x.shape.heads * x.shape.classes);
                scan_read(&s, x.bias, z);
                by_definition(&x, t + 1, want);
                for (int k = 0; k < x.shape.classes; k++)
                    cr_expect_lt(fabs(z[k] - want[k]), 1e-12, "shape %d, spread %g, token %d: %g, not %g", i, spread, (int)t,
                                 z[k], want[k]);
            }
        }
}

/* A maximum 700 above the front makes e^{q − max} zero there: whoever subtracts the maximum of the whole trace divides zero by zero. */
Test(scan, the_future_does_not_touch_an_early_reading) {
    struct trace x = draw(POOL_ATTENTION, 1, 4, 8, 1, 3);
    double z[4], want[4], dq[8], dv[32], db[4] = {0};
    struct scan s;
    for (int late = 0; late < 2; late++) {
        x.q[7] = late ? 800 : 0;
        scan_start(&s, x.shape);
        for (int t = 0; t < 7; t++) scan_add(&s, x.q + t, x.v + 4 * t);
        scan_read(&s, x.bias, late ? want : z);
    }
    cr_expect_arr_eq(z, want, sizeof z);
    double *work = malloc((size_t)scan_work(x.shape, 8) * sizeof *work);
    double loss = scan_loss(x.shape, x.q, x.v, x.bias, 8, 1, NULL, dq, dv, db, work);
    cr_expect(isfinite(loss));
    for (int t = 0; t < 8; t++) cr_expect(isfinite(dq[t]) && isfinite(dv[4 * t]));
    cr_expect_gt(fabs(dv[0]), 1e-6, "what stands at the front still learns");
    free(work);
}

/* Central differences of x[i]; the tolerance is relative to the largest entry of the gradient. */
static double worst(struct trace *x, double *at, const double *got, int64_t n, const double *w) {
    double most = 0, scale = 1e-12;
    for (int64_t i = 0; i < n; i++) {
        double keep = at[i], h = 1e-5;
        at[i] = keep + h;
        double up = loss_of(x, w);
        at[i] = keep - h;
        double want = (up - loss_of(x, w)) / (2 * h);
        at[i] = keep;
        most = fmax(most, fabs(want - got[i])), scale = fmax(scale, fabs(want));
    }
    return most / fmax(scale, 1e-3);
}

Test(scan, gradients_of_all_prefixes_are_finite_differences) {
    static const int64_t lengths[] = {1, 2, 13};
    for (int i = 0; i < SHAPES; i++)
        for (int len = 0; len < 3; len++)
            for (int weighted = 0; weighted < 2; weighted++) {
                struct trace x = draw(shapes[i].pool, shapes[i].heads, shapes[i].classes, lengths[len], 2, 11 + (uint64_t)i);
                const double *w = weighted ? x.w : NULL;
                int64_t nq = x.T * x.shape.heads, nv = nq * x.shape.classes;
                double dq[T_MAX * SCAN_HEADS], dv[T_MAX * SCAN_HEADS * SCAN_CLASSES], db[SCAN_CLASSES] = {0};
                double *work = malloc((size_t)scan_work(x.shape, x.T) * sizeof *work);
                double loss = scan_loss(x.shape, x.q, x.v, x.bias, x.T, x.label, w, dq, dv, db, work);
                cr_expect_lt(fabs(loss - loss_of(&x, w)), 1e-12);
                cr_expect_lt(worst(&x, x.q, dq, nq, w), 1e-6, "dq, shape %d, T %d", i, (int)x.T);
                cr_expect_lt(worst(&x, x.v, dv, nv, w), 1e-6, "dv, shape %d, T %d", i, (int)x.T);
                cr_expect_lt(worst(&x, x.bias, db, x.shape.classes, w), 1e-6, "db, shape %d, T %d", i, (int)x.T);
                free(work);
            }
}

/* The paper cuts each trace at a random length; weights of one prefix are that, and their mean over all cuts is the default. */
Test(scan, the_mean_over_all_cuts_is_the_gradient_of_all_prefixes) {
    struct trace x = draw(POOL_ATTENTION, 1, 4, 9, 1, 5);
    double all[36], cut[36], sum[36] = {0}, dq[9], db[4] = {0}, w[9];
    double *work = malloc((size_t)scan_work(x.shape, 9) * sizeof *work);
    scan_loss(x.shape, x.q, x.v, x.bias, 9, 2, NULL, dq, all, db, work);
    for (int n = 0; n < 9; n++) {
        for (int t = 0; t < 9; t++) w[t] = t == n;
        scan_loss(x.shape, x.q, x.v, x.bias, 9, 2, w, dq, cut, db, work);
        for (int i = 0; i < 36; i++) sum[i] += cut[i] / 9;
    }
    for (int i = 0; i < 36; i++) cr_expect_lt(fabs(sum[i] - all[i]), 1e-14);
    free(work);
}
