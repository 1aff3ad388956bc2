/* Training of attention probes on made-up traces in which it is known what can be read, and from when on. */
#include "base/rng.h"
#include "probe/fit.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(fit, .timeout = HANG_S);

enum { N = 300, W = 24, C = 4, LONGEST = 20 };
struct made {
    f16 *x;
    struct fit_trace t[N];
    struct fit_data d;
};

/* Noise, and in one token of each trace (the second) the class in four dimensions, marked by a fifth: a mean over tokens drowns it. */
static void make(struct made *m, uint64_t seed, double scale, double shift) {
    struct rng r = RNG(seed, 5);
    int64_t rows = 0;
    m->x = malloc(sizeof *m->x * N * LONGEST * W);
    for (int i = 0; i < N; i++) {
        int64_t T = 2 + (int64_t)rng_below(&r, LONGEST - 1);
        m->t[i] =
            (struct fit_trace){rows, T, (int)rng_below(&r, C), i % 10 == 8 ? FIT_VAL : i % 10 == 9 ? FIT_TEST : FIT_TRAIN, -1, 0};
        for (int64_t t = 0; t < T; t++)
            for (int k = 0; k < W; k++) {
                double v = rng_normal(&r) + (t == 1 && k == m->t[i].label ? 3 : 0) + (t == 1 && k == C ? 6 : 0);
                m->x[(rows + t) * W + k] = f32_to_f16((float)(k == 2 ? scale * v + shift : v));
            }
        rows += T;
    }
    m->d = (struct fit_data){m->x, W, m->t, N, NULL, 0};
}

static int best(const double *z) {
    int k = 0;
    for (int i = 1; i < C; i++) k = z[i] > z[k] ? i : k;
    return k;
}

/* Share of test traces whose reading after the first and after the last token is right. */
static void accuracy(const struct made *m, const struct fit_probe *p, struct scan_shape s, double *first, double *last) {
    struct err e = ERR_INIT;
    double z[LONGEST * C], n = 0;
    *first = *last = 0;
    for (int i = 0; i < N; i++) {
        const struct fit_trace *t = &m->t[i];
        if (t->part != FIT_TEST) continue;
        cr_assert_eq(fit_read(p, s, m->x + t->row0 * W, t->rows, W, NULL, 0, z, &e), 0, "%s", e.msg);
        *first += best(z) == t->label, *last += best(z + (t->rows - 1) * C) == t->label, n++;
    }
    *first /= n, *last /= n;
}

static struct fit_opts options(void) {
    struct fit_opts o = FIT_DEFAULT;
    o.epochs = 30, o.batch = 16, o.lr = 0.01;
    return o;
}

static double last_of(const struct made *m, const struct fit_opts *o, double *first) {
    struct fit_probe p;
    struct err e = ERR_INIT;
    double a, b;
    cr_assert_eq(fit_layer(&p, &m->d, o, &e), 0, "%s", e.msg);
    accuracy(m, &p, o->shape, &a, &b);
    if (first) *first = a;
    cr_expect(isfinite(p.val_loss) && p.epoch >= 1 && p.epoch <= o->epochs);
    fit_free(&p);
    return b;
}

Test(fit, attention_finds_the_token_that_tells) {
    struct made m;
    struct fit_opts o = options();
    double first;
    make(&m, 1, 1, 0);
    cr_expect_gt(last_of(&m, &o, &first), 0.9);
    cr_expect_lt(first, 0.6, "nothing was told yet: %g", first);
    o.cut = 1;
    cr_expect_gt(last_of(&m, &o, NULL), 0.8, "random cuts learn it too");
    o.cut = 0, o.shape.pool = POOL_LAST;
    cr_expect_lt(last_of(&m, &o, NULL), 0.6, "the last token does not know");
    o.shape.pool = POOL_ATTENTION, o.shape.heads = 2;
    cr_expect_gt(last_of(&m, &o, NULL), 0.9);
    free(m.x);
}

Test(fit, shuffled_labels_teach_nothing) {
    struct made m;
    struct fit_opts o = options();
    make(&m, 2, 1, 0);
    o.shuffle_labels = 1;
    cr_expect_lt(last_of(&m, &o, NULL), 0.6);
    free(m.x);
}

/* Units and origin of a dimension do not matter: states are standardised, and the weights are of raw states. */
Test(fit, a_dimension_in_other_units_reads_the_same) {
    struct made a, b;
    struct fit_opts o = options();
    struct fit_probe p, q;
    struct err e = ERR_INIT;
    double x[LONGEST * C], y[LONGEST * C], worst = 0;
    make(&a, 3, 1, 0), make(&b, 3, 50, 400);
    cr_assert(fit_layer(&p, &a.d, &o, &e) == 0 && fit_layer(&q, &b.d, &o, &e) == 0, "%s", e.msg);
    for (int i = 0; i < N; i++) {
        fit_read(&p, o.shape, a.x + a.t[i].row0 * W, a.t[i].rows, W, NULL, 0, x, &e);
        fit_read(&q, o.shape, b.x + b.t[i].row0 * W, b.t[i].rows, W, NULL, 0, y, &e);
        for (int64_t k = 0; k < a.t[i].rows * C; k++) worst = fmax(worst, fabs(x[k] - y[k]));
    }
    cr_expect_lt(worst, 0.35, "readings differ by %g", worst); /* f16 of 400 ± 50 is coarse */
    fit_free(&p), fit_free(&q);
    free(a.x), free(b.x);
}

Test(fit, threads_share_out_layers_and_change_no_byte) {
    struct made m[3];
    struct fit_data d[3];
    struct fit_probe one[3], three[3];
    struct fit_opts o = options();
    struct pool *pool;
    struct err e = ERR_INIT;
    o.epochs = 3;
    for (int i = 0; i < 3; i++) make(&m[i], 10 + (uint64_t)i, 1, 0), d[i] = m[i].d;
    cr_assert_eq(pool_new(&pool, 3, &e), 0, "%s", e.msg);
    cr_assert(fit_layers(one, d, 3, &o, NULL, &e) == 0 && fit_layers(three, d, 3, &o, pool, &e) == 0, "%s", e.msg);
    for (int i = 0; i < 3; i++) {
        cr_expect_arr_eq(one[i].wq, three[i].wq, sizeof(float) * W * (1 + C));
        cr_expect_arr_eq(one[i].bias, three[i].bias, sizeof one[i].bias);
        fit_free(&one[i]), fit_free(&three[i]), free(m[i].x);
    }
    pool_free(pool);
}

Test(fit, what_cannot_be_learnt_from_is_refused) {
    struct made m;
    struct fit_opts o = options();
    struct fit_probe p;
    struct err e = ERR_INIT;
    make(&m, 4, 1, 0);
    m.x[7] = f32_to_f16(NAN);
    cr_expect_eq(fit_layer(&p, &m.d, &o, &e), ERR_RANGE);
    cr_expect(strstr(e.msg, "not finite"), "%s", e.msg);
    m.x[7] = 0, m.t[5].label = C;
    cr_expect_eq(fit_layer(&p, &m.d, &o, &e), ERR_RANGE);
    m.t[5].label = 0;
    for (int i = 0; i < N; i++) m.t[i].part = FIT_TEST;
    cr_expect_eq(fit_layer(&p, &m.d, &o, &e), ERR_STATE);
    o.shape.heads = 0;
    cr_expect_eq(fit_layer(&p, &m.d, &o, &e), ERR_ARG);
    free(m.x);
}
