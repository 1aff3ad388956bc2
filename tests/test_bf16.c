/* The bf16 products: every table (AVX512_BF16; AMX where the CPU has it, and its loops on emulated tiles everywhere) against the plain
 * one, bit for bit where sums are exact, to float rounding elsewhere; and the promise that bytes depend neither on rows nor slices
 * nor threads.
 *
 * Bounds. A table sums K products of two bf16 (exact in float) in its own order: within K·2^-24 of Σ|x w|, in practice far less. What
 * rounding to bf16 costs against the full product is stated per format in kern_bf16.error_per_format. */
#include "kern/kern_int.h"
#include "kern_tests.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(kern_bf16, .timeout = HANG_S);

static const enum fmt formats[] = {FMT_F32,  FMT_F16,  FMT_BF16, FMT_Q8_0, FMT_Q4_0, FMT_Q4_1,   FMT_Q5_0,  FMT_Q5_1,
                                   FMT_Q2_K, FMT_Q3_K, FMT_Q4_K, FMT_Q5_K, FMT_Q6_K, FMT_IQ4_NL, FMT_IQ4_XS};

#ifdef TEST_TILES
void kern_fill_emulated_tiles(struct bf_kernels *k);
#endif

struct table {
    const char *name;
    struct bf_kernels k;
};
static int tables(struct table t[3]) {
    int n = 0;
    if (kern_cpu_bf16()) {
        t[n].name = "avx512bf";
        kern_fill_avx512bf(&t[n++].k);
    }
#ifdef TEST_TILES
    if (kern_cpu_bf16()) {
        t[n].name = "emulated tiles";
        kern_fill_emulated_tiles(&t[n++].k);
    }
#endif
    if (kern_cpu_amx()) {
        t[n].name = "amx";
        kern_fill_amx(&t[n++].k);
    }
    return n;
}

static int64_t up32(int64_t n) { return (n + 31) / 32 * 32; }
static int64_t up64(int64_t n) { return (n + 63) / 64 * 64; }

/* One problem: x[T, K], w[N, K] stored, dy[T, N]. */
struct problem {
    int64_t T, N, K;
    float *x, *dy;
    struct mat w;
};
static struct problem problem_new(enum fmt f, int64_t T, int64_t N, int64_t K, int whole) {
    struct problem p = {.T = T, .N = N, .K = K, .x = take((size_t)(T * K) * 4), .dy = take((size_t)(T * N) * 4)};
    float *w = take((size_t)(N * K) * 4);
    char *data = take(fmt_row_bytes(f, K) * (size_t)N + 2);
    for (int64_t i = 0; i < T * K; i++) p.x[i] = whole ? (float)(int)(uniform() * 5) : (float)uniform();
    for (int64_t i = 0; i < T * N; i++) p.dy[i] = whole ? (float)(int)(uniform() * 5) : (float)uniform();
    for (int64_t i = 0; i < N * K; i++) w[i] = whole ? (float)(int)(uniform() * 7) : (float)uniform();
    p.w = (struct mat){.fmt = f, .rows = N, .cols = K, .data = data, .row_bytes = fmt_row_bytes(f, K)};
    for (int64_t n = 0; n < N; n++) fmt_find((int)f)->from_f32(data + (size_t)n * p.w.row_bytes, w + n * K, K);
    free(w);
    return p;
}
static void problem_free(struct problem *p) { free(p->x), free(p->dy), free((void *)(uintptr_t)p->w.data); }

/* The three products of a table, all of it in one call. y, dx, dw dense. */
static void product_t(const struct bf_kernels *k, float *y, const float *x, int64_t T, const struct mat *w, const float *bias,
                      int acc) {
    bf16 *h = take((size_t)(up32(T) * up32(w->cols)) * 2);
    k->pack(h, (const num *)x, w->cols, T, w->cols, 0, T);
    k->matmul_t((num *)y, w->rows, h, T, w, (const num *)bias, acc, 0, w->rows);
    free(h);
}
static void product_n(const struct bf_kernels *k, float *dx, const float *dy, int64_t T, const struct mat *w, const float *bias,
                      int acc) {
    bf16 *h = take((size_t)(up32(T) * up32(w->rows)) * 2);
    k->rows(h, (const num *)dy, w->rows, w->rows, 0, T);
    k->matmul_n((num *)dx, w->cols, h, T, w, (const num *)bias, acc, 0, w->cols);
    free(h);
}
static void product_dw(const struct bf_kernels *k, float *dw, const float *dy, const float *x, int64_t T, int64_t N, int64_t K) {
    bf16 *a = take((size_t)(up32(T) * up64(N)) * 2), *b = take((size_t)(up32(T) * up64(K)) * 2);
    int64_t mid = T / 64 * 32; /* in two slices */
    k->left(a, (const num *)dy, N, T, N, 0, mid), k->left(a, (const num *)dy, N, T, N, mid, T);
    k->right(b, (const num *)x, K, T, K, 0, mid), k->right(b, (const num *)x, K, T, K, mid, T);
    k->matmul_dw((num *)dw, a, b, T, K, 0, N);
    free(a), free(b);
}

static void compare(const float *got, const float *want, int64_t n, double bound, const char *what, const char *table,
                    const struct problem *p) {
    for (int64_t i = 0; i < n; i++)
        cr_assert(fabs((double)got[i] - (double)want[i]) <= bound,
                  "%s of %s, %s, T %lld N %lld K %lld, element %lld: %g, expected %g", what, table, name_of(p->w.fmt),
                  (long long)p->T, (long long)p->N, (long long)p->K, (long long)i, (double)got[i], (double)want[i]);
}

static void check(const struct table *t, const struct bf_kernels *ref, const struct problem *p, int acc, int bias, int exact) {
    int64_t T = p->T, N = p->N, K = p->K, most = N > K ? N : K;
    float *a = take((size_t)(T * most) * 4), *b = take((size_t)(T * most) * 4), *c = take((size_t)most * 4);
    for (int64_t i = 0; i < most; i++) c[i] = (float)(int)(uniform() * 9);
    for (int64_t i = 0; i < T * most; i++) a[i] = b[i] = (float)(int)(uniform() * 9);
    product_t(&t->k, a, p->x, T, &p->w, bias ? c : NULL, acc);
    product_t(ref, b, p->x, T, &p->w, bias ? c : NULL, acc);
    compare(a, b, T * N, exact ? 0 : 1e-6 * (double)(K + 16), "matmul_t", t->name, p);
    for (int64_t i = 0; i < T * most; i++) a[i] = b[i] = (float)(int)(uniform() * 9);
    product_n(&t->k, a, p->dy, T, &p->w, bias ? c : NULL, acc);
    product_n(ref, b, p->dy, T, &p->w, bias ? c : NULL, acc);
    compare(a, b, T * K, exact ? 0 : 1e-6 * (double)(N + 16), "matmul_n", t->name, p);
    free(a), free(b), free(c);
    if (p->w.fmt != FMT_F32) return;
    a = take((size_t)(N * K) * 4), b = take((size_t)(N * K) * 4);
    for (int64_t i = 0; i < N * K; i++) a[i] = b[i] = (float)(int)(uniform() * 9);
    product_dw(&t->k, a, p->dy, p->x, T, N, K);
    product_dw(ref, b, p->dy, p->x, T, N, K);
    compare(a, b, N * K, exact ? 0 : 1e-6 * (double)(T + 16), "matmul_dw", t->name, p);
    free(a), free(b);
}

static const int64_t shapes[][3] = {
    /* T N K */
    {1, 1, 1},      {1, 8, 32},     {2, 9, 33},     {3, 17, 96},   {4, 4, 64},   {5, 31, 31},  {6, 97, 40},
    {7, 5, 256},    {13, 100, 128}, {16, 64, 512},  {17, 33, 100}, {1, 3, 2304}, {4, 7, 4864}, {33, 130, 288},
    {70, 193, 160}, {1, 300, 256},  {40, 259, 768}, {300, 18, 64}, {600, 3, 32},
};

Test(kern_bf16, every_table_agrees_with_the_plain_one) {
    struct table t[3];
    struct bf_kernels ref;
    int n = tables(t);
    kern_fill_ref32_bf(&ref);
    if (!n) cr_skip_test("no bf16 products on this CPU");
    for (int i = 0; i < n; i++)
        for (size_t f = 0; f < COUNT(formats); f++)
            for (size_t s = 0; s < COUNT(shapes); s++)
                for (int v = 0; v < 2; v++) {
                    if (shapes[s][2] % fmt_find((int)formats[f])->block) continue;
                    struct problem p = problem_new(formats[f], shapes[s][0], shapes[s][1], shapes[s][2], v);
                    /* whole numbers: every sum is exact, so the bytes must be those of the plain table */
                    check(&t[i], &ref, &p, (int)(s & 1), (int)(s >> 1 & 1), v && fmt_find((int)formats[f])->is_float);
                    problem_free(&p);
                }
}

/* x = e_k: y is column k of the weights as the table decodes them, to the bit */
Test(kern_bf16, weights_are_the_formats_floats_rounded) {
    enum { N = 11, K = 512 };
    struct table t[3];
    int n = tables(t);
    for (int i = 0; i < n; i++)
        for (size_t f = 0; f < COUNT(formats); f++)
            for (int T = 1; T <= 5; T += 4) {
                struct problem p = problem_new(formats[f], T, N, K, 0);
                float w[K], y[5 * N], dx[5 * K];
                for (int k = 0; k < K; k += 7) {
                    memset(p.x, 0, (size_t)T * K * 4);
                    for (int r = 0; r < T; r++) p.x[r * K + k] = 1;
                    product_t(&t[i].k, y, p.x, T, &p.w, NULL, 0);
                    for (int r = 0; r < N; r++) {
                        fmt_find((int)formats[f])->to_f32(w, (const char *)p.w.data + (size_t)r * p.w.row_bytes, K);
                        for (int q = 0; q < T; q++)
                            cr_assert(y[q * N + r] == bf16_to_f32(f32_to_bf16(w[k])),
                                      "%s, %s: weight (%d, %d) is %a, expected %a", t[i].name, name_of(formats[f]), r, k,
                                      (double)y[q * N + r], (double)bf16_to_f32(f32_to_bf16(w[k])));
                    }
                }
                for (int r = 0; r < N; r++) {
                    memset(p.dy, 0, (size_t)T * N * 4);
                    p.dy[r] = 1;
                    product_n(&t[i].k, dx, p.dy, T, &p.w, NULL, 0);
                    fmt_find((int)formats[f])->to_f32(w, (const char *)p.w.data + (size_t)r * p.w.row_bytes, K);
                    for (int k = 0; k < K; k++)
                        cr_assert(dx[k] == bf16_to_f32(f32_to_bf16(w[k])), "%s, %s: weight (%d, %d) backwards", t[i].name,
                                  name_of(formats[f]), r, k);
                }
                problem_free(&p);
            }
}

Test(kern_bf16, rows_and_slices_do_not_change_the_bytes) {
    struct table t[3];
    int n = tables(t);
    for (int i = 0; i < n; i++)
        for (size_t f = 0; f < COUNT(formats); f++) {
            enum { T = 75, N = 212, K = 2560 };
            struct problem p = problem_new(formats[f], T, N, K, 0);
            float *y = take(T * N * 4), *one = take(T * N * 4), *dx = take(T * K * 4), *cut = take(T * K * 4);
            bf16 *h = take((size_t)up32(T) * up32(N) * 2);
            product_t(&t[i].k, y, p.x, T, &p.w, NULL, 0);
            for (int r = 0, rows = 1; r < T; r += rows, rows = rows % 11 + 1)
                product_t(&t[i].k, one + r * N, p.x + r * K, r + rows > T ? T - r : rows, &p.w, NULL, 0);
            cr_assert(!memcmp(y, one, T * N * 4), "%s, %s: rows in groups of 1 to 11", t[i].name, name_of(formats[f]));
            bf16 *hx = take((size_t)up32(T) * up32(K) * 2);
            t[i].k.pack(hx, (const num *)p.x, K, T, K, 0, T);
            memset(one, 0xee, T * N * 4);
            for (int c = 0; c < N; c += 48) t[i].k.matmul_t((num *)one, N, hx, T, &p.w, NULL, 0, c, c + 48 < N ? c + 48 : N);
            cr_assert(!memcmp(y, one, T * N * 4), "%s, %s: columns in slices", t[i].name, name_of(formats[f]));
            product_n(&t[i].k, dx, p.dy, T, &p.w, NULL, 0);
            for (int r = 0; r < T; r += 7) product_n(&t[i].k, cut + r * K, p.dy + r * N, r + 7 > T ? T - r : 7, &p.w, NULL, 0);
            cr_assert(!memcmp(dx, cut, T * K * 4), "%s, %s: rows going back", t[i].name, name_of(formats[f]));
            memset(cut, 0xee, T * K * 4);
            t[i].k.rows(h, (const num *)p.dy, N, N, 0, T);
            for (int c = 0; c < K; c += 768) t[i].k.matmul_n((num *)cut, K, h, T, &p.w, NULL, 0, c, c + 768 < K ? c + 768 : K);
            cr_assert(!memcmp(dx, cut, T * K * 4), "%s, %s: columns going back", t[i].name, name_of(formats[f]));
            free(y), free(one), free(dx), free(cut), free(h), free(hx);
            problem_free(&p);
        }
}

/* <dy, x Wᵀ> = <dy W, x> = <dyᵀ x, W>: exactly, on whole numbers */
Test(kern_bf16, mirrors_are_adjoint) {
    enum { T = 9, N = 37, K = 96 };
    struct table t[3];
    int n = tables(t);
    for (int i = 0; i < n; i++) {
        struct problem p = problem_new(FMT_F32, T, N, K, 1);
        float y[T * N], dx[T * K], dw[N * K] = {0};
        double a = 0, b = 0, c = 0;
        product_t(&t[i].k, y, p.x, T, &p.w, NULL, 0);
        product_n(&t[i].k, dx, p.dy, T, &p.w, NULL, 0);
        product_dw(&t[i].k, dw, p.dy, p.x, T, N, K);
        for (int j = 0; j < T * N; j++) a += (double)p.dy[j] * (double)y[j];
        for (int j = 0; j < T * K; j++) b += (double)dx[j] * (double)p.x[j];
        for (int j = 0; j < N * K; j++) c += (double)dw[j] * (double)((const float *)p.w.data)[j];
        cr_expect(a == b && a == c, "%s: %g, %g, %g", t[i].name, a, b, c);
        problem_free(&p);
    }
}

Test(kern_bf16, threads_do_not_change_the_bytes) {
    enum { T = 100, N = 300, K = 512 };
    float *first = NULL;
    for (int threads = 1; threads <= 5; threads++) {
        struct device *d;
        struct err e = ERR_INIT;
        struct problem p = {0};
        cr_assert(dev_open(&d, threads, 0, &e) >= 0, "%s", e.msg);
        if (dev_set_precision(d, PREC_BF16, &e) < 0) {
            dev_close(d);
            cr_skip_test("no bf16 products on this CPU");
        }
        seed = 7;
        p = problem_new(FMT_F32, T, N, K, 0);
        float *out = take((T * N + T * K + N * K) * 4);
        memset(out + T * N + T * K, 0, N * K * 4);
        op_matmul_t(d, (num *)out, N, (const num *)p.x, K, T, &p.w, NULL, 0);
        op_matmul_n(d, (num *)(out + T * N), K, (const num *)p.dy, N, T, &p.w, NULL, 0);
        op_matmul_dw(d, (num *)(out + T * N + T * K), (const num *)p.dy, N, (const num *)p.x, K, T, N, K);
        if (!first)
            first = out;
        else {
            cr_expect(!memcmp(first, out, (T * N + T * K + N * K) * 4), "%d threads", threads);
            free(out);
        }
        problem_free(&p);
        dev_close(d);
    }
    free(first);
}

/* NMSE of a product of normal data against the product in double on the file's own floats. A factor rounded to bf16 is off by
 * at most 2^-8 of its power of two, evenly: 2^-16/3 of that power's square, on average over a uniform factor about 2.2e-6 of its
 * square. Two rounded factors, 4.5e-6 (BF16 files: one, since their weights are not rounded again); a format adds nothing, its own
 * floats being the yardstick, but few levels can round worse than evenly. */
Test(kern_bf16, error_per_format) {
    enum { T = 32, N = 64, K = 1024 };
    struct table t[3];
    int n = tables(t);
    for (int i = 0; i < n; i++)
        for (size_t f = 0; f < COUNT(formats); f++) {
            struct problem p = problem_new(formats[f], T, N, K, 0);
            float *y = take(T * N * 4), w[K];
            double err = 0, sq = 0;
            product_t(&t[i].k, y, p.x, T, &p.w, NULL, 0);
            for (int r = 0; r < N; r++) {
                fmt_find((int)formats[f])->to_f32(w, (const char *)p.w.data + (size_t)r * p.w.row_bytes, K);
                for (int q = 0; q < T; q++) {
                    double s = 0;
                    for (int k = 0; k < K; k++) s += (double)p.x[q * K + k] * (double)w[k];
                    err += (s - (double)y[q * N + r]) * (s - (double)y[q * N + r]), sq += s * s;
                }
            }
            cr_expect(err / sq < 6e-6, "%s, %s: NMSE %.2e", t[i].name, name_of(formats[f]), err / sq);
            FIGURE("%s, %s: NMSE %.2e", t[i].name, name_of(formats[f]), err / sq);
            free(y);
            problem_free(&p);
        }
}

Test(kern_bf16, precision_is_asked_for_by_name) {
    struct device *d;
    struct err e = ERR_INIT;
    enum precision p;
    cr_assert(dev_open(&d, 1, 0, &e) >= 0);
    cr_expect(d->precision == PREC_FULL && !dev_is_bf16(d, FMT_Q8_0));
    cr_expect(precision_parse("auto", &p, &e) == 0 && p == PREC_AUTO && dev_set_precision(d, p, &e) == 0);
    cr_expect(!dev_is_bf16(d, FMT_F32) && dev_is_bf16(d, FMT_Q8_0) == d->has_bf16);
    cr_expect(precision_parse("int4", &p, &e) == ERR_ARG);
    dev_close(d);
    cr_assert(dev_open(&d, 1, 1, &e) >= 0);
    cr_expect(dev_set_precision(d, PREC_AUTO, &e) == 0 && !dev_is_bf16(d, FMT_BF16), "the oracle is full");
    dev_close(d);
}

/* Both mirrors of three products at once, one of them without weight gradients, dx in the place of x: the same bytes as one by one. */
Test(kern_bf16, mirrors_at_once_are_mirrors_one_by_one) {
    enum { T = 77, K = 70, MOST = 130 };
    static const int64_t N[3] = {130, 9, 64};
    for (int precision = PREC_FULL; precision <= PREC_BF16; precision++) {
        struct device *d;
        struct err e = ERR_INIT;
        struct problem p[3];
        struct product_back back[3];
        float *dw[2][3], *dx[2] = {take(T * K * 4), take(T * K * 4)};
        cr_assert(dev_open(&d, 3, 0, &e) >= 0, "%s", e.msg);
        if (dev_set_precision(d, (enum precision)precision, &e) < 0) {
            dev_close(d);
            cr_skip_test("no bf16 products on this CPU");
        }
        for (int i = 0; i < 3; i++) {
            p[i] = problem_new(FMT_F32, T, N[i], K, 0);
            for (int s = 0; s < 2; s++) {
                dw[s][i] = take(MOST * K * 4);
                for (int64_t k = 0; k < N[i] * K; k++) dw[s][i][k] = 0.25F;
            }
            if (i != 1) op_matmul_dw(d, (num *)dw[0][i], (const num *)p[i].dy, N[i], (const num *)p[0].x, K, T, N[i], K);
            op_matmul_n(d, (num *)dx[0], K, (const num *)p[i].dy, N[i], T, &p[i].w, NULL, i > 0);
            back[i] = (struct product_back){(const num *)p[i].dy, N[i], &p[i].w, i == 1 ? NULL : (num *)dw[1][i]};
        }
        memcpy(dx[1], p[0].x, T * K * 4);
        op_matmul_back(d, (num *)dx[1], K, back, 3, (const num *)dx[1], K, T, 0);
        cr_expect(!memcmp(dx[0], dx[1], T * K * 4), "dx, precision %d", precision);
        for (int i = 0; i < 3; i++) {
            cr_expect(!memcmp(dw[0][i], dw[1][i], (size_t)(N[i] * K) * 4), "dW %d, precision %d", i, precision);
            free(dw[0][i]), free(dw[1][i]);
            problem_free(&p[i]);
        }
        free(dx[0]), free(dx[1]);
        dev_close(d);
    }
}
