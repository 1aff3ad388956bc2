/* The product with activations of eight bits: every table (AVX512_VNNI; tiles where the CPU has them, and their loops on emulated tiles)
 * against the plain one, byte for byte, since the definition in kern/device.h leaves nothing to rounding; the plain one against exact
 * arithmetic on whole numbers and against the product in double; and that it is asked for by name and never entered under a tape. */
#include "candor/candor.h"
#include "kern/kern_int.h"
#include "kern_tests.h"
#include "model/model.h"
#include "text/tokenizer.h"
#include "weights/gguf_write.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(kern_q8, .timeout = HANG_S);

static const enum fmt formats[] = {FMT_Q8_0, FMT_Q4_0, FMT_Q4_1, FMT_Q5_0, FMT_Q5_1,   FMT_Q2_K,
                                   FMT_Q3_K, FMT_Q4_K, FMT_Q5_K, FMT_Q6_K, FMT_IQ4_NL, FMT_IQ4_XS};

#ifdef TEST_TILES
void kern_fill_emulated_tiles_q8(struct q8_kernels *k);
#endif

struct table {
    const char *name;
    struct q8_kernels k;
};
static int tables(struct table t[3]) {
    int n = 0;
    if (kern_cpu_vnni()) {
        t[n].name = "avx512vnni";
        kern_fill_avx512vnni(&t[n++].k);
#ifdef TEST_TILES
        t[n].name = "emulated tiles";
        kern_fill_emulated_tiles_q8(&t[n++].k);
#endif
    }
    if (kern_cpu_amx_int8()) {
        t[n].name = "amx";
        kern_fill_amx_q8(&t[n++].k);
    }
    return n;
}

/* x[T, K], w[N, K] stored behind an odd byte, as a mapped file may have it */
struct problem {
    int64_t T, N, K;
    float *x;
    struct mat w;
    char *bytes;
};
static struct problem problem_new(enum fmt f, int64_t T, int64_t N, int64_t K) {
    struct problem p = {.T = T, .N = N, .K = K, .x = take((size_t)(T * K) * 4)};
    float *w = take((size_t)(N * K) * 4);
    p.bytes = take(fmt_row_bytes(f, K) * (size_t)N + 1);
    for (int64_t i = 0; i < T * K; i++) p.x[i] = (float)normal();
    for (int64_t i = 0; i < N * K; i++) w[i] = (float)normal();
    p.w = (struct mat){.fmt = f, .rows = N, .cols = K, .data = p.bytes + 1, .row_bytes = fmt_row_bytes(f, K)};
    for (int64_t n = 0; n < N; n++) fmt_find((int)f)->from_f32(p.bytes + 1 + (size_t)n * p.w.row_bytes, w + n * K, K);
    free(w);
    return p;
}
static void problem_free(struct problem *p) { free(p->x), free(p->bytes); }

static struct q8_block *packed(const struct q8_kernels *k, const float *x, int64_t T, int64_t K) {
    struct q8_block *q = take((size_t)((T + 31) / 32 * 32 * K / 32) * sizeof *q);
    k->pack(q, (const num *)x, K, K, 0, T);
    return q;
}
static void product(const struct q8_kernels *k, float *y, const float *x, int64_t T, const struct mat *w, const float *bias,
                    int acc) {
    struct q8_block *q = packed(k, x, T, w->cols);
    k->matmul_t((num *)y, w->rows, q, T, w, (const num *)bias, acc, 0, w->rows);
    free(q);
}

static const int64_t shapes[][3] = {
    /* T N K */
    {1, 1, 256},   {1, 16, 32},   {2, 9, 64},    {3, 17, 96},   {4, 4, 256},    {5, 31, 512},  {6, 97, 768},   {7, 5, 1024},
    {13, 33, 256}, {16, 64, 512}, {1, 35, 2304}, {17, 40, 288}, {33, 50, 1280}, {70, 20, 768}, {500, 18, 256},
};

Test(kern_q8, every_table_gives_the_bytes_of_the_plain_one) {
    struct table t[3];
    struct q8_kernels ref;
    int n = tables(t);
    kern_fill_ref32_q8(&ref);
    if (!n) cr_skip_test("no dot products of bytes on this CPU");
    for (int i = 0; i < n; i++)
        for (size_t f = 0; f < COUNT(formats); f++)
            for (size_t s = 0; s < COUNT(shapes); s++) {
                int64_t T = shapes[s][0], N = shapes[s][1], K = shapes[s][2];
                if (K % fmt_find((int)formats[f])->block) continue;
                struct problem p = problem_new(formats[f], T, N, K);
                float *a = take((size_t)(T * N) * 4), *b = take((size_t)(T * N) * 4), *c = take((size_t)N * 4);
                for (int64_t j = 0; j < N; j++) c[j] = (float)uniform();
                for (int64_t j = 0; j < T * N; j++) a[j] = b[j] = (float)uniform();
                product(&t[i].k, a, p.x, T, &p.w, s >> 1 & 1 ? c : NULL, (int)(s & 1));
                product(&ref, b, p.x, T, &p.w, s >> 1 & 1 ? c : NULL, (int)(s & 1));
                for (int64_t j = 0; j < T * N; j++)
                    cr_assert(!memcmp(a + j, b + j, 4), "%s, %s, T %lld N %lld K %lld, element %lld: %a, expected %a", t[i].name,
                              name_of(formats[f]), (long long)T, (long long)N, (long long)K, (long long)j, (double)a[j],
                              (double)b[j]);
                free(a), free(b), free(c);
                problem_free(&p);
            }
}

/* Any byte is some code, any f16 some scale: what no quantiser writes must come out the same too. */
Test(kern_q8, any_bytes_are_weights) {
    enum { T = 5, N = 48, K = 512 };
    struct table t[3];
    struct q8_kernels ref;
    int n = tables(t);
    kern_fill_ref32_q8(&ref);
    for (int i = 0; i < n; i++)
        for (size_t f = 0; f < COUNT(formats); f++) {
            struct problem p = problem_new(formats[f], T, N, K);
            float *a = take(T * N * 4), *b = take(T * N * 4);
            for (size_t j = 0; j < p.w.row_bytes * N; j++) p.bytes[1 + j] = (char)(uniform() * 128);
            for (int rows = 1; rows <= T; rows += 4) {
                product(&t[i].k, a, p.x, rows, &p.w, NULL, 0);
                product(&ref, b, p.x, rows, &p.w, NULL, 0);
                for (int j = 0; j < rows * N; j++)
                    cr_assert((isnan(a[j]) && isnan(b[j])) || !memcmp(a + j, b + j, 4), "%s, %s, element %d: %a, expected %a",
                              t[i].name, name_of(formats[f]), j, (double)a[j], (double)b[j]);
            }
            free(a), free(b);
            problem_free(&p);
        }
}

/* Zeros, denormals, infinities and NaN among the activations */
Test(kern_q8, packs_as_the_plain_one) {
    enum { T = 9, K = 96 };
    struct table t[3];
    struct q8_kernels ref;
    int n = tables(t);
    kern_fill_ref32_q8(&ref);
    float x[T * K];
    for (int i = 0; i < T * K; i++) x[i] = (float)(normal() * pow(10, i / K - 2));
    for (int i = 0; i < 32; i++) x[i] = 0;
    for (int i = 32; i < 64; i++) x[i] = (float)i * 0x1p-149f;
    for (int i = 0; i < 32; i++) x[K + i] = (float)(i - 9) * 0x1p-147f;
    x[2 * K + 5] = INFINITY, x[3 * K + 70] = NAN, x[4 * K] = -INFINITY, x[5 * K + 40] = 0x1.fffffep127f;
    for (int i = 0; i < 32; i++) x[6 * K + i] = (float)i + 0.5f; /* halfway */
    x[6 * K + 3] = 127;
    struct q8_block *want = packed(&ref, x, T, K);
    cr_expect(want[0].d == 0 && want[0].q[7] == 0 && isnan(want[2 * 3].d) && isnan(want[3 * 3 + 2].ds) && want[6 * 3].q[2] == 2 &&
              want[6 * 3].q[1] == 2);
    for (int i = 0; i < n; i++) {
        struct q8_block *got = packed(&t[i].k, x, T, K);
        for (int b = 0; b < T * K / 32; b++) {
            int nan = isnan(want[b].d);
            cr_expect(!memcmp(got[b].q, want[b].q, 32) && got[b].n == want[b].n && got[b].n0 == want[b].n0,
                      "%s: codes of block %d", t[i].name, b);
            cr_expect(nan ? isnan(got[b].d) && isnan(got[b].ds) : got[b].d == want[b].d && got[b].ds == want[b].ds,
                      "%s: scales of block %d", t[i].name, b);
        }
        free(got);
    }
    free(want);
}

/* Where each block's largest activation is 127, weights are whole and sums stay under 2^24, nothing is rounded. */
Test(kern_q8, exact_on_whole_numbers) {
    enum { T = 5, N = 37, K = 512 };
    struct table t[3];
    struct q8_kernels ref;
    int n = tables(t);
    kern_fill_ref32_q8(&ref);
    for (size_t f = 0; f < COUNT(formats); f++)
        for (int i = -1; i < n; i++) {
            struct problem p = problem_new(formats[f], T, N, K);
            float *y = take(T * N * 4), w[K];
            for (int j = 0; j < T * K; j++) p.x[j] = j % 32 == 7 ? 127 : (float)(int)(uniform() * 100);
            for (int r = 0; r < N;
                 r++) { /* the largest magnitude is what makes the step of each format one (K: a power of two) */
                for (int k = 0; k < K; k++) w[k] = (float)(int)(uniform() * 7);
                for (int k = 0; k < K; k += 16) w[k] = formats[f] == FMT_Q8_0 ? 127 : formats[f] == FMT_Q5_0 ? -16 : -8;
                for (int k = 8; k < K; k += 32) w[k] = formats[f] == FMT_Q5_1 ? 23 : 7;
                fmt_find((int)formats[f])->from_f32(p.bytes + 1 + (size_t)r * p.w.row_bytes, w, K);
            }
            product(i < 0 ? &ref : &t[i].k, y, p.x, T, &p.w, NULL, 0);
            for (int r = 0; r < N; r++) {
                fmt_find((int)formats[f])->to_f32(w, p.bytes + 1 + (size_t)r * p.w.row_bytes, K);
                int whole = 1;
                for (int k = 0; k < K; k++) whole &= w[k] == rintf(w[k]);
                cr_assert(whole || fmt_find((int)formats[f])->block == 256 || formats[f] == FMT_IQ4_NL, "%s",
                          name_of(formats[f]));
                for (int q = 0; q < T; q++) {
                    double s = 0, mag = 0;
                    for (int k = 0; k < K; k++)
                        s += (double)w[k] * (double)p.x[q * K + k], mag += fabs((double)w[k] * (double)p.x[q * K + k]);
                    cr_assert(fabs(s - (double)y[q * N + r]) <= (whole ? 0 : mag * 1e-6), "%s, %s: %a, expected %a",
                              i < 0 ? "plain" : t[i].name, name_of(formats[f]), (double)y[q * N + r], s);
                }
            }
            free(y);
            problem_free(&p);
        }
}

Test(kern_q8, rows_and_slices_do_not_change_the_bytes) {
    struct table t[3];
    int n = tables(t);
    for (int i = 0; i < n; i++)
        for (size_t f = 0; f < COUNT(formats); f++) {
            enum { T = 75, N = 212, K = 1280 };
            struct problem p = problem_new(formats[f], T, N, K);
            float *y = take(T * N * 4), *one = take(T * N * 4);
            product(&t[i].k, y, p.x, T, &p.w, NULL, 0);
            for (int r = 0, rows = 1; r < T; r += rows, rows = rows % 11 + 1)
                product(&t[i].k, one + r * N, p.x + r * K, r + rows > T ? T - r : rows, &p.w, NULL, 0);
            cr_assert(!memcmp(y, one, T * N * 4), "%s, %s: rows in groups of 1 to 11", t[i].name, name_of(formats[f]));
            struct q8_block *q = packed(&t[i].k, p.x, T, K);
            memset(one, 0xee, T * N * 4);
            for (int c = 0; c < N; c += 48) t[i].k.matmul_t((num *)one, N, q, T, &p.w, NULL, 0, c, c + 48 < N ? c + 48 : N);
            cr_assert(!memcmp(y, one, T * N * 4), "%s, %s: columns in slices", t[i].name, name_of(formats[f]));
            free(y), free(one), free(q);
            problem_free(&p);
        }
}

Test(kern_q8, threads_do_not_change_the_bytes) {
    enum { T = 100, K = 512 };
    static const int64_t N[] = {300, 18}; /* cut by columns, and by rows */
    float *first[2] = {0};
    for (int threads = 1; threads <= 5; threads++) {
        struct device *d;
        struct err e = ERR_INIT;
        cr_assert(dev_open(&d, threads, 0, &e) >= 0, "%s", e.msg);
        if (dev_set_precision(d, PREC_INT8, &e) < 0) {
            dev_close(d);
            cr_skip_test("no dot products of bytes on this CPU");
        }
        for (int i = 0; i < 2; i++) {
            seed = 7;
            struct problem p = problem_new(FMT_Q4_0, T, N[i], K);
            float *out = take((size_t)(T * N[i]) * 4);
            op_forward_t(d, &(struct product){(num *)out, N[i], &p.w, NULL}, 1, (const num *)p.x, K, T);
            if (!first[i])
                first[i] = out;
            else {
                cr_expect(!memcmp(first[i], out, (size_t)(T * N[i]) * 4), "%d threads", threads);
                free(out);
            }
            problem_free(&p);
        }
        dev_close(d);
    }
    free(first[0]), free(first[1]);
}

/* NMSE of a product of normal data against the product in double on the file's own floats. Among thirty-two normal numbers the largest is
 * about 2.3 (its square 5.2 on average), the step d a 127th of it and the error even within ±d/2: d²/12 = 5.2/(12·127²) = 2.7e-5 of
 * the mean square. Weights are not rounded again and float sums add nothing that shows, so every format has the same bound. */
Test(kern_q8, error_per_format) {
    enum { T = 32, N = 256, K = 1024 };
    struct q8_kernels k;
    kern_fill_ref32_q8(&k);
    for (size_t f = 0; f < COUNT(formats); f++) {
        struct problem p = problem_new(formats[f], T, N, K);
        float *y = take(T * N * 4), w[K];
        double err = 0, sq = 0;
        product(&k, y, p.x, T, &p.w, NULL, 0);
        for (int r = 0; r < N; r++) {
            fmt_find((int)formats[f])->to_f32(w, p.bytes + 1 + (size_t)r * p.w.row_bytes, K);
            for (int q = 0; q < T; q++) {
                double s = 0;
                for (int i = 0; i < K; i++) s += (double)p.x[q * K + i] * (double)w[i];
                err += (s - (double)y[q * N + r]) * (s - (double)y[q * N + r]), sq += s * s;
            }
        }
        cr_expect(err / sq < 3e-5, "%s: NMSE %.2e", name_of(formats[f]), err / sq);
        FIGURE("%s: NMSE %.2e", name_of(formats[f]), err / sq);
        free(y);
        problem_free(&p);
    }
}

/* By name, for integer formats, and only where no gradient can follow: every other operation has the bytes of auto. */
Test(kern_q8, only_a_forward_for_its_own_sake_takes_it) {
    enum { T = 5, N = 64, K = 512 };
    struct device *d;
    struct err e = ERR_INIT;
    enum precision want;
    cr_assert(precision_parse("int8", &want, &e) == 0 && want == PREC_INT8);
    cr_assert(dev_open(&d, 1, 0, &e) >= 0);
    cr_expect(!dev_is_int8(d, FMT_Q8_0));
    if (dev_set_precision(d, PREC_INT8, &e) < 0) {
        cr_expect(!d->has_int8);
        dev_close(d);
        cr_skip_test("no dot products of bytes on this CPU");
    }
    cr_expect(dev_is_int8(d, FMT_Q8_0) && dev_is_int8(d, FMT_Q6_K) && !dev_is_int8(d, FMT_F16) && !dev_is_int8(d, FMT_BF16));
    cr_expect(dev_is_bf16(d, FMT_F16) == d->has_bf16 && !dev_is_bf16(d, FMT_F32), "other formats as under auto");
    static const enum fmt all[] = {FMT_Q8_0, FMT_Q4_K, FMT_F16, FMT_F32};
    for (size_t f = 0; f < COUNT(all); f++) {
        struct problem p = problem_new(all[f], T, N, K);
        float y[4][T * N], dx[2][T * K];
        struct product one = {(num *)y[0], N, &p.w, NULL};
        op_forward_t(d, &one, 1, (const num *)p.x, K, T);
        op_matmul_t(d, (num *)y[1], N, (const num *)p.x, K, T, &p.w, NULL, 0);
        one.y = (num *)y[2];
        op_matmul_t_all(d, &one, 1, (const num *)p.x, K, T);
        op_matmul_n(d, (num *)dx[0], K, (const num *)p.x, N, T, &p.w, NULL, 0);
        cr_assert(dev_set_precision(d, PREC_AUTO, &e) == 0);
        one.y = (num *)y[3];
        op_forward_t(d, &one, 1, (const num *)p.x, K, T);
        op_matmul_n(d, (num *)dx[1], K, (const num *)p.x, N, T, &p.w, NULL, 0);
        cr_assert(dev_set_precision(d, PREC_INT8, &e) == 0);
        cr_expect(!memcmp(y[1], y[3], sizeof y[0]) && !memcmp(y[2], y[3], sizeof y[0]) && !memcmp(dx[0], dx[1], sizeof dx[0]),
                  "%s", name_of(all[f]));
        cr_expect(!memcmp(y[0], y[3], sizeof y[0]) == !dev_is_int8(d, all[f]), "%s", name_of(all[f]));
        problem_free(&p);
    }
    dev_close(d);
    cr_assert(dev_open(&d, 1, 1, &e) >= 0);
    cr_expect(dev_set_precision(d, PREC_INT8, &e) == 0 && !dev_is_int8(d, FMT_Q8_0), "the oracle is full");
    dev_close(d);
}

/* ---- in a model ---- */

/* The shipped model's matrices in format f, in a file of its own */
static void quantised(const char *path, enum fmt f) {
    struct err e = ERR_INIT;
    struct weights *w;
    struct device *d;
    struct model *m;
    struct gguf_writer *g;
    void **keep = NULL;
    cr_assert(weights_open(&w, "models/r1.gguf", &e) >= 0 && dev_open(&d, 1, 0, &e) >= 0, "%s", e.msg);
    cr_assert(model_open(&m, d, w, MODEL_TRAINABLE, &e) >= 0, "%s", e.msg);
    cr_assert(gguf_writer_new(&g, &e) >= 0 && model_put(g, m, f, &keep, &e) >= 0, "%s", e.msg);
    tokenizer_copy_meta(g, w);
    cr_assert(gguf_writer_commit(g, path, &e) >= 0, "%s", e.msg);
    model_put_free(m, keep);
    gguf_writer_free(g), model_close(m), dev_close(d), weights_close(w);
}

struct rows {
    const int32_t *ids;
    int64_t n;
    double nll;
};
static int add_nll(void *ctx, int64_t row0, int64_t rows, const float *x, int64_t width) {
    struct rows *r = ctx;
    for (int64_t i = 0; i < rows && row0 + i + 1 < r->n; i++) {
        double sum = 0, max = -INFINITY;
        for (int64_t v = 0; v < width; v++) max = fmax(max, (double)x[i * width + v]);
        for (int64_t v = 0; v < width; v++) sum += exp((double)x[i * width + v] - max);
        r->nll += max + log(sum) - (double)x[i * width + r->ids[row0 + i + 1]];
    }
    return 0;
}

/* Mean NLL of a text, and the gradient of its sum from position 9 on (u may be NULL). */
static double read_text(const char *path, enum candor_precision p, int64_t max_rows, float *u) {
    static const char text[] =
        "<|q|>What is 7792+4035?\n<|a|><think>92+35+0=127; 77+40+1=118; 11827. So 11827.</think>\\boxed{11827}<|end|>"
        "<|q|>Start with 56. Subtract 34. Subtract 83. Add 4. Add 98. Add 21. Multiply by 8. Multiply by 7. Subtract 69. What is "
        "the result modulo 100?\n<|a|><think>56-34=22; 22-83=39; 39+4=43; 43+98=41; 41+21=62; 62*8=96; 96*7=72; "
        "72-69=3. So 3.</think>\\boxed{3}<|end|>";
    struct candor_options o = {.threads = 2, .max_rows = max_rows, .precision = p, .gradient = u != NULL};
    struct candor_engine *g;
    struct candor_session *s;
    struct candor_error e;
    struct rows r = {0};
    int32_t *ids;
    cr_assert(candor_open(&g, path, &o, &e) >= 0, "%s", e.msg);
    cr_assert(candor_tokenize(g, text, sizeof text - 1, 0, &ids, &r.n, &e) >= 0, "%s", e.msg);
    r.ids = ids;
    if (u) {
        struct candor_gradient_job j = {.ids = ids, .T = r.n, .from = 9, .nll = 1};
        struct candor_gradient_value v;
        cr_assert(candor_gradient(g, NULL, &j, u, &v, &e) >= 0, "%s", e.msg);
        r.nll = v.nll;
    } else {
        cr_assert(candor_session_new(&s, g, &e) >= 0, "%s", e.msg);
        cr_assert(candor_feed_rows(s, ids, r.n, add_nll, &r, &e) >= 0, "%s", e.msg);
        candor_session_free(s);
    }
    candor_free(ids), candor_close(g);
    return r.nll / (double)(r.n - 1);
}

/* The mean NLL moves by at most 0.02. Seen: 0.006 (Q4_0), as products of an NMSE of 3e-5 let expect: six layers of seven products shift a
 * logit by about 1 % of its spread, and of a hundred rows some gain what others lose. A step's length changes no byte; a gradient, its
 * prefix included, has the bytes of auto. */
Test(kern_q8, in_a_model) {
    static const enum fmt in[] = {FMT_Q8_0, FMT_Q4_0, FMT_Q5_1};
    if (!kern_cpu_vnni() || getenv("CANDOR_ISA")) cr_skip_test("no dot products of bytes on this CPU");
    char path[] = "/tmp/candor-q8-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    float *u = calloc(1 << 16, sizeof *u), *v = calloc(1 << 16, sizeof *v);
    for (size_t f = 0; f < COUNT(in); f++) {
        quantised(path, in[f]);
        double full = read_text(path, CANDOR_PRECISION_FULL, 0, NULL), autos = read_text(path, CANDOR_PRECISION_AUTO, 0, NULL);
        double ours = read_text(path, CANDOR_PRECISION_INT8, 0, NULL);
        FIGURE("%s: mean NLL %.5f full, %.5f auto, %.5f int8", name_of(in[f]), full, autos, ours);
        cr_expect(fabs(ours - full) < 0.02 && ours != autos, "%s: mean NLL %.5f full, %.5f auto, %.5f int8", name_of(in[f]), full,
                  autos, ours);
        cr_expect(read_text(path, CANDOR_PRECISION_INT8, 5, NULL) == ours, "%s: five rows a step", name_of(in[f]));
        double a = read_text(path, CANDOR_PRECISION_AUTO, 0, u), b = read_text(path, CANDOR_PRECISION_INT8, 0, v);
        cr_expect(a == b && !memcmp(u, v, (1 << 16) * sizeof *u), "%s: a gradient", name_of(in[f]));
    }
    free(u), free(v);
    close(fd), unlink(path);
}
