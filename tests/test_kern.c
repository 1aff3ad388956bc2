/* The op table: every slot of every table of kernels against the reference in double; every forward/backward pair by central
 * differences; and the promise that bytes depend neither on rows, nor slices, nor threads, nor pages.
 *
 * A slot joins with one row in `ops` (and, if it is a mirror, one in `grads`); the list SLOTS is checked against struct kernels, and
 * a slot without its rows fails the run. */
#include "kern/attn.h"
#include "kern/kern_int.h"
#include "kern_tests.h"
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- shapes, sides and slots ------------------------------------------------------------------------------------------------------ */

/* Every slot once: name, and whether it is the mirror of something (then it needs a gradient row). */
#define SLOTS(XX)                                                                                                               \
    XX(matmul_t, 0)                                                                                                             \
    XX(kv_store, 0)                                                                                                             \
    XX(matmul_n, 1)                                                                                                             \
    XX(matmul_dw, 1)                                                                                                            \
    XX(bias_dw, 1) XX(rmsnorm, 0) XX(rmsnorm_back, 1) XX(rmsnorm_dw, 1) XX(layernorm, 0) XX(layernorm_back, 1)                  \
        XX(layernorm_dw, 1) XX(rope, 1) XX(angles, 0) XX(attn, 0) XX(attn_merge, 0) XX(attn_back, 1) XX(glu, 0) XX(glu_back, 1) \
            XX(add, 0) XX(axpy, 1) XX(scale, 1) XX(gather, 0) XX(scatter_add, 1) XX(row_lse, 0) XX(nll_seed, 1) XX(softmax, 0)  \
                XX(adamw, 0) XX(sumsq, 0) XX(dot, 0)
static const struct {
    const char *name;
    int mirror;
} slots[] = {
#define XX(n, m) {#n, m},
    SLOTS(XX)
#undef XX
};
_Static_assert(sizeof(struct kernels) == COUNT(slots) * sizeof(void (*)(void)), "a slot of struct kernels is missing in SLOTS");

struct shape {
    int64_t T, N, K; /* rows, outputs or ids, inputs */
    int pad, off;    /* leading dimensions are this much longer; arrays begin this many elements late */
    int acc, bias;
    enum fmt fmt;
    int H, G, D, window, page;
    int variant;
};

#define ARRAYS 12
struct side {
    const struct kernels *k;
    int dbl, off;
    char *a[ARRAYS];
    struct mat w; /* over stored bytes both sides share, if the op wants them */
    int32_t *ids;
};

static num *P(const struct side *s, int i) { return (num *)(void *)(s->a[i] + (size_t)s->off * (s->dbl ? 8 : 4)); }
static double get(const struct side *s, int i, int64_t j) {
    return s->dbl ? ((const double *)P(s, i))[j] : (double)((const float *)P(s, i))[j];
}
static void set(const struct side *s, int i, int64_t j, double x) {
    if (s->dbl)
        ((double *)P(s, i))[j] = x;
    else
        ((float *)P(s, i))[j] = (float)x;
}

/* Sizes of the arrays an op uses: a[0] is what a forward makes, 1 … 3 its inputs; a[4] the incoming gradient, 5 … 7 the gradients of 1 … 3. */
typedef void (*sizes_fn)(const struct shape *p, int64_t n[ARRAYS]);
typedef void (*body_fn)(const struct side *s, const struct shape *p);

static void side_new(struct side *s, const struct kernels *k, int dbl, const struct shape *p, const int64_t n[ARRAYS]) {
    *s = (struct side){.k = k, .dbl = dbl, .off = p->off};
    for (int i = 0; i < ARRAYS; i++) s->a[i] = calloc((size_t)(n[i] + p->off + 1), dbl ? 8 : 4);
    s->ids = malloc((size_t)(p->T + 1) * sizeof *s->ids);
    for (int64_t t = 0; t < p->T; t++) s->ids[t] = (int32_t)((t * 7 + 3) % (p->N ? p->N : 1));
    const struct fmt_row *f = fmt_find((int)p->fmt);
    int64_t cols = p->K / f->block * f->block;
    s->w = (struct mat){.fmt = p->fmt, .rows = p->N, .cols = cols, .row_bytes = fmt_row_bytes(p->fmt, cols)};
    char *bytes = malloc((size_t)p->N * s->w.row_bytes + 8);
    float *row = malloc((size_t)(cols + 1) * sizeof *row);
    seed = 99;
    for (int64_t r = 0; r < p->N; r++) {
        for (int64_t c = 0; c < cols; c++) row[c] = (float)uniform();
        f->from_f32(bytes + (size_t)r * s->w.row_bytes, row, cols);
    }
    free(row);
    s->w.data = bytes;
    seed = 7;
    for (int i = 0; i < ARRAYS; i++)
        for (int64_t j = 0; j < n[i]; j++) set(s, i, j, uniform());
}

static void side_free(struct side *s) {
    for (int i = 0; i < ARRAYS; i++) free(s->a[i]);
    free(s->ids);
    free((void *)(uintptr_t)s->w.data);
}

/* ---- what each op does with its arrays ----------------------------------------------------------------------------------------------- */

static void sizes_matmul(const struct shape *p, int64_t n[ARRAYS]) {
    n[0] = n[4] = p->T * (p->N + p->pad);
    n[1] = n[5] = p->T * (p->K + p->pad);
    n[2] = n[6] = p->N * p->K;
    n[3] = n[7] = p->N > p->K ? p->N : p->K;
}
static struct mat dense(const struct side *s, const struct shape *p) {
    return (struct mat){.fmt = s->dbl ? FMT_F64 : FMT_F32,
                        .rows = p->N,
                        .cols = p->K,
                        .data = P(s, 2),
                        .row_bytes = (size_t)p->K * (s->dbl ? 8 : 4)};
}
static void do_matmul_t(const struct side *s, const struct shape *p) {
    s->k->matmul_t(P(s, 0), p->N + p->pad, P(s, 1), p->K + p->pad, p->T, &s->w, p->bias ? P(s, 3) : NULL, p->acc, 0, p->N);
}
static void do_matmul_n(const struct side *s, const struct shape *p) {
    s->k->matmul_n(P(s, 5), p->K + p->pad, P(s, 4), p->N + p->pad, p->T, &s->w, p->bias ? P(s, 3) : NULL, p->acc, 0, s->w.cols);
}
static void do_matmul_dw(const struct side *s, const struct shape *p) {
    s->k->matmul_dw(P(s, 6), P(s, 4), p->N + p->pad, P(s, 1), p->K + p->pad, p->T, p->N, p->K, 0, p->N);
}
static void do_bias_dw(const struct side *s, const struct shape *p) {
    s->k->bias_dw(P(s, 7), P(s, 4), p->N + p->pad, p->T, 0, p->N);
}
static void fwd_linear(const struct side *s, const struct shape *p) {
    struct mat w = dense(s, p);
    s->k->matmul_t(P(s, 0), p->N + p->pad, P(s, 1), p->K + p->pad, p->T, &w, P(s, 3), 0, 0, p->N);
}
static void back_linear(const struct side *s, const struct shape *p) {
    struct mat w = dense(s, p);
    s->k->matmul_n(P(s, 5), p->K + p->pad, P(s, 4), p->N + p->pad, p->T, &w, NULL, 0, 0, p->K);
    do_matmul_dw(s, p);
    do_bias_dw(s, p);
}

static void sizes_norm(const struct shape *p, int64_t n[ARRAYS]) {
    n[0] = n[1] = n[4] = n[5] = p->T * p->K;
    n[2] = n[3] = n[6] = n[7] = p->K;
}
#define EPS 1e-3
static void do_rmsnorm(const struct side *s, const struct shape *p) {
    s->k->rmsnorm(P(s, 0), P(s, 1), P(s, 2), p->K, EPS, 0, p->T);
}
static void do_rmsnorm_back(const struct side *s, const struct shape *p) {
    s->k->rmsnorm_back(P(s, 5), P(s, 4), P(s, 1), P(s, 2), p->K, EPS, p->acc, 0, p->T);
}
static void do_rmsnorm_dw(const struct side *s, const struct shape *p) {
    s->k->rmsnorm_dw(P(s, 6), P(s, 4), P(s, 1), p->T, p->K, EPS, 0, p->K);
}
static void back_rmsnorm(const struct side *s, const struct shape *p) {
    do_rmsnorm_back(s, p);
    do_rmsnorm_dw(s, p);
}
static void do_layernorm(const struct side *s, const struct shape *p) {
    s->k->layernorm(P(s, 0), P(s, 1), P(s, 2), P(s, 3), p->K, EPS, 0, p->T);
}
static void do_layernorm_back(const struct side *s, const struct shape *p) {
    s->k->layernorm_back(P(s, 5), P(s, 4), P(s, 1), P(s, 2), p->K, EPS, p->acc, 0, p->T);
}
static void do_layernorm_dw(const struct side *s, const struct shape *p) {
    s->k->layernorm_dw(P(s, 6), P(s, 7), P(s, 4), P(s, 1), p->T, p->K, EPS, 0, p->K);
}
static void back_layernorm(const struct side *s, const struct shape *p) {
    do_layernorm_back(s, p);
    do_layernorm_dw(s, p);
}

/* rope works in place: a[0] <- a[1], turned by a[8] */
static void sizes_rope(const struct shape *p, int64_t n[ARRAYS]) {
    n[0] = n[1] = n[4] = n[5] = p->T * (p->H * p->D + p->pad);
    n[8] = p->T * p->D;
}
static void rope_into(const struct side *s, const struct shape *p, int to, int from, int back) {
    int64_t ld = p->H * p->D + p->pad;
    int rot = p->variant & 2 ? p->D / 2 / 2 * 2 : p->D / 2 * 2;
    for (int64_t i = 0; i < p->T * ld; i++) set(s, to, i, get(s, from, i));
    s->k->rope(P(s, to), ld, p->H, p->D, rot, P(s, 8), p->variant & 1 ? ROPE_HALVES : ROPE_PAIRS, back, 0, p->T);
}
static void do_rope(const struct side *s, const struct shape *p) { rope_into(s, p, 0, 1, p->acc); }
static void fwd_rope(const struct side *s, const struct shape *p) { rope_into(s, p, 0, 1, 0); }
static void back_rope(const struct side *s, const struct shape *p) { rope_into(s, p, 5, 4, 1); }

/* a[0] <- the rows of rope, of positions from 1000 on */
static void sizes_angles(const struct shape *p, int64_t n[ARRAYS]) { n[0] = p->T * p->D / 2 * 2; }
static void do_angles(const struct side *s, const struct shape *p) {
    double freq[128];
    for (int i = 0; i < p->D / 2; i++) freq[i] = pow(10000, -2.0 * i / p->D);
    s->k->angles(P(s, 0), freq, p->D / 2, 1.1, 1000, 0, p->T / 3);
    s->k->angles(P(s, 0), freq, p->D / 2, 1.1, 1000, p->T / 3, p->T);
}

/* Attention over three spans: T rows from 0, one row after 2T keys, T rows after 3 keys. a[1] q, a[2] own keys, a[3] own values;
 * a[8], a[9] the earlier keys and values; a[10] log-sum-exp. */
#define SPANS 3
static int64_t span_rows(const struct shape *p, int i) { return i == 1 ? 1 : p->T; }
static int64_t span_pos(const struct shape *p, int i) { return i == 0 ? 0 : i == 1 ? 2 * p->T : 3; }
static void sizes_attn(const struct shape *p, int64_t n[ARRAYS]) {
    int64_t rows = 0, early = 0;
    for (int i = 0; i < SPANS; i++) rows += span_rows(p, i), early += span_pos(p, i);
    n[0] = n[1] = n[4] = n[5] = rows * p->H * p->D;
    n[2] = n[3] = n[6] = n[7] = rows * p->G * p->D;
    n[8] = n[9] = early * p->G * p->D;
    n[10] = rows * p->H;
}
struct attn_set {
    struct attn_span sp[SPANS];
    struct attn_shape sh;
    struct attn_mem mem;
    void **pages;
    int64_t npages;
};
static void attn_open(struct attn_set *t, const struct side *s, const struct shape *p) {
    size_t nb = s->dbl ? 8 : 4;
    int64_t row_len = (int64_t)p->G * p->D, row0 = 0, early = 0;
    struct err e = ERR_INIT;
    memset(t, 0, sizeof *t);
    t->mem.threads = 1, t->mem.num_bytes = nb;
    cr_assert(attn_mem_reserve(&t->mem, p->D, p->H, &e) == 0, "%s", e.msg);
    t->pages = calloc((size_t)(8 * p->T + 64), sizeof *t->pages);
    t->sh = (struct attn_shape){.n_head = p->H, .n_kv = p->G, .head_dim = p->D, .window = p->window, .scale = 1.3 / sqrt(p->D)};
    for (int i = 0; i < SPANS; i++) {
        int64_t rows = span_rows(p, i), pos0 = span_pos(p, i), ctx = pos0 + rows, np = (ctx + p->page - 1) / p->page;
        size_t v_off = (size_t)(p->page * row_len);
        void **pages = t->pages + t->npages;
        for (int64_t j = 0; j < np; j++) pages[j] = calloc(2 * v_off, nb);
        struct kv_ref kv = {.pages = pages, .page_len = p->page, .v_off = v_off, .fmt = s->dbl ? FMT_F64 : FMT_F32};
#define ROW_AT(a, r) ((num *)(void *)((char *)P(s, a) + (size_t)((r)*row_len) * nb))
        s->k->kv_store(&kv, row_len, 0, ROW_AT(8, early), ROW_AT(9, early), 0, pos0);
        s->k->kv_store(&kv, row_len, pos0, ROW_AT(2, row0), ROW_AT(3, row0), 0, rows);
        t->sp[i] = (struct attn_span){.row0 = row0, .rows = rows, .pos0 = pos0, .kv = kv};
        t->npages += np;
        row0 += rows;
        early += pos0;
    }
}
static void attn_close(struct attn_set *t) {
    for (int64_t i = 0; i < t->npages; i++) free(t->pages[i]);
    free(t->pages);
    attn_mem_free(&t->mem);
}
static void attn_rows(const struct side *s, const struct shape *p, int split, int back) {
    struct attn_set t;
    attn_open(&t, s, p);
    t.mem.always_split = split;
    attn_forward(s->k, NULL, &t.mem, P(s, 0), P(s, 10), P(s, 1), t.sp, SPANS, &t.sh);
    if (back)
        attn_backward(s->k, NULL, &t.mem, P(s, 5), P(s, 6), P(s, 7), P(s, 4), P(s, 1), P(s, 0), P(s, 10), t.sp, SPANS, &t.sh);
    attn_close(&t);
}
static void do_attn(const struct side *s, const struct shape *p) { attn_rows(s, p, 0, 0); }
static void do_attn_merge(const struct side *s, const struct shape *p) { attn_rows(s, p, 1, 0); }
static void do_attn_back(const struct side *s, const struct shape *p) { attn_rows(s, p, 0, 1); }

/* Rows of a[1] and a[2] into pages of the format, and back into a[0]. */
static void sizes_store(const struct shape *p, int64_t n[ARRAYS]) {
    n[0] = 2 * p->T * p->K;
    n[1] = n[2] = p->T * p->K;
}
static void do_kv_store(const struct side *s, const struct shape *p) {
    const struct fmt_row *f = fmt_find(p->fmt == FMT_F16 || p->fmt == FMT_BF16 ? (int)p->fmt : FMT_F32);
    int64_t np = (p->T + 2 + p->page - 1) / p->page, K = p->K;
    size_t v_off = (size_t)(p->page * K + 3);
    void **pages = calloc((size_t)np, sizeof *pages);
    float *row = malloc((size_t)(K + 1) * sizeof *row);
    for (int64_t i = 0; i < np; i++) pages[i] = calloc(v_off * 2, (size_t)f->bytes);
    struct kv_ref kv = {.pages = pages, .page_len = p->page, .v_off = v_off, .fmt = f->id};
    s->k->kv_store(&kv, K, 2, P(s, 1), P(s, 2), 0, p->T / 2);
    s->k->kv_store(&kv, K, 2, P(s, 1), P(s, 2), p->T / 2, p->T);
    for (int64_t i = 0; i < 2 * p->T; i++) {
        int64_t pos = i / 2 + 2;
        size_t at = (size_t)(pos % p->page * K) + (i % 2 ? v_off : 0);
        f->to_f32(row, (const char *)pages[pos / p->page] + at * (size_t)f->bytes, K);
        for (int64_t c = 0; c < K; c++) set(s, 0, i * K + c, row[c]);
    }
    for (int64_t i = 0; i < np; i++) free(pages[i]);
    free(pages), free(row);
}

static void sizes_flat(const struct shape *p, int64_t n[ARRAYS]) {
    for (int i = 0; i < ARRAYS; i++) n[i] = p->T * p->K;
}
static enum act_kind act_of(const struct shape *p) { return p->variant & 1 ? ACT_GELU : ACT_SILU; }
static void do_glu(const struct side *s, const struct shape *p) {
    s->k->glu(P(s, 0), P(s, 1), p->variant & 2 ? NULL : P(s, 2), act_of(p), 0, p->T * p->K);
}
static void do_glu_back(const struct side *s, const struct shape *p) {
    int alone = p->variant & 2;
    s->k->glu_back(P(s, 5), alone ? NULL : P(s, 6), P(s, 4), P(s, 1), alone ? NULL : P(s, 2), act_of(p), 0, p->T * p->K);
}
static void do_add(const struct side *s, const struct shape *p) { s->k->add(P(s, 0), P(s, 1), P(s, 2), 0, p->T * p->K); }
static void do_axpy(const struct side *s, const struct shape *p) { s->k->axpy(P(s, 0), 0.75, P(s, 1), 0, p->T * p->K); }
static void do_scale(const struct side *s, const struct shape *p) { s->k->scale(P(s, 0), 0.75, P(s, 1), 0, p->T * p->K); }
static void fwd_axpy(const struct side *s, const struct shape *p) { /* a[0] <- a[2] + 0.75 a[1] */
    for (int64_t i = 0; i < p->T * p->K; i++) set(s, 0, i, get(s, 2, i));
    do_axpy(s, p);
}
static void back_axpy(const struct side *s, const struct shape *p) { /* the slot itself, onto zero */
    for (int64_t i = 0; i < p->T * p->K; i++) set(s, 5, i, 0);
    s->k->axpy(P(s, 5), 0.75, P(s, 4), 0, p->T * p->K);
}
static void back_scale(const struct side *s, const struct shape *p) { s->k->scale(P(s, 5), 0.75, P(s, 4), 0, p->T * p->K); }
static void do_adamw(const struct side *s, const struct shape *p) {
    for (int64_t i = 0; i < p->T * p->K; i++) set(s, 2, i, fabs(get(s, 2, i)));
    struct adamw o = {.lr = 1e-2, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-6, .weight_decay = 0.1, .step = 3};
    s->k->adamw(P(s, 0), P(s, 1), P(s, 2), P(s, 3), 0.5, o, 0, p->T * p->K);
}
static void do_sumsq(const struct side *s, const struct shape *p) { set(s, 0, 0, s->k->sumsq(P(s, 1), p->T * p->K)); }
static void do_dot(const struct side *s, const struct shape *p) { set(s, 0, 0, s->k->dot(P(s, 1), P(s, 2), p->T * p->K)); }

static void sizes_gather(const struct shape *p, int64_t n[ARRAYS]) {
    n[0] = n[4] = p->T * p->K;
    n[2] = n[6] = p->N * p->K;
}
static void do_gather(const struct side *s, const struct shape *p) {
    if (p->N) s->k->gather(P(s, 0), &s->w, s->ids, 0, p->T);
}
static void do_scatter_add(const struct side *s, const struct shape *p) {
    if (p->N) s->k->scatter_add(P(s, 6), P(s, 4), s->ids, p->T, p->K, 0, p->K);
}
static void fwd_gather(const struct side *s, const struct shape *p) {
    struct mat w = dense(s, p);
    s->k->gather(P(s, 0), &w, s->ids, 0, p->T);
}

/* a[0] lse, a[1] logits, a[8] coefficients; the loss of row r is coef (lse - x[target]) */
static void sizes_rows(const struct shape *p, int64_t n[ARRAYS]) {
    n[0] = n[4] = n[8] = p->T;
    n[1] = n[5] = p->T * p->K;
}
static int32_t target_of(const struct shape *p, int64_t r) { return r % 5 == 4 ? -1 : (int32_t)(r * 11 % p->K); }
static void do_row_lse(const struct side *s, const struct shape *p) { s->k->row_lse(P(s, 0), P(s, 1), p->K, 0, p->T); }
static void seed_into(const struct side *s, const struct shape *p, int to, int coef) {
    int32_t *t = malloc((size_t)(p->T + 1) * sizeof *t);
    for (int64_t r = 0; r < p->T; r++) t[r] = target_of(p, r);
    do_row_lse(s, p);
    for (int64_t i = 0; i < p->T * p->K; i++) set(s, to, i, get(s, 1, i));
    s->k->nll_seed(P(s, to), P(s, 0), P(s, coef), t, p->K, 0, p->T);
    free(t);
}
static void do_nll_seed(const struct side *s, const struct shape *p) { seed_into(s, p, 5, 8); }
static void fwd_nll(const struct side *s, const struct shape *p) {
    do_row_lse(s, p);
    for (int64_t r = 0; r < p->T; r++) {
        int32_t t = target_of(p, r);
        set(s, 0, r, t < 0 ? 0 : get(s, 0, r) - get(s, 1, r * p->K + t));
    }
}
static void back_nll(const struct side *s, const struct shape *p) { seed_into(s, p, 5, 4); }
static void do_softmax(const struct side *s, const struct shape *p) { s->k->softmax(P(s, 1), p->K, 0.7, 0, p->T); }

/* ---- correctness: every table against the reference in double ------------------------------------------------------------------------ */

struct table {
    const char *name;
    enum isa isa;
    struct kernels k;
};
static int tables(struct table t[3]) {
    int n = 0;
    t[n].name = "ref32", t[n].isa = ISA_REF;
    kern_fill_ref32(&t[n++].k);
#if KERN_X86
    if (kern_cpu_isa() >= ISA_AVX2) {
        t[n].name = "avx2", t[n].isa = ISA_AVX2;
        kern_fill_ref32(&t[n].k);
        kern_fill_avx2(&t[n++].k);
    }
    if (kern_cpu_isa() >= ISA_AVX512) {
        t[n].name = "avx512", t[n].isa = ISA_AVX512;
        kern_fill_ref32(&t[n].k);
        kern_fill_avx512(&t[n++].k);
    }
#endif
    return n;
}

/* Bounds are on Σ (got - want)² / (Σ want² + count). One rounding is (2^-24)² = 3.6e-15 of the square. A sum of n terms in a chain
 * errs by about n roundings in mean square; pointwise formulas by a few tens (an exp of argument a adds a units). Layout moves are exact. */
enum bound { EXACT, POINT, SUM_K, SUM_N, SUM_T, ATTN };
static double bound_of(enum bound b, const struct shape *p) {
    const double u = 3.6e-15;
    switch (b) {
    case EXACT: return 0;
    case POINT: return 40 * u;
    case SUM_K: return u * (double)(2 * p->K + 40);
    case SUM_N: return u * (double)(2 * p->N + 40);
    case SUM_T: return u * (double)(2 * p->T + 40);
    case ATTN: return u * (double)(8 * p->D + 8 * p->T + 200);
    }
    return 0;
}

static const struct op_row {
    const char *slot;
    body_fn run;
    sizes_fn sizes;
    unsigned outs;
    enum bound bound;
    int formats;
} ops[] = {
    {"matmul_t", do_matmul_t, sizes_matmul, 1 << 0, SUM_K, 1},
    {"matmul_n", do_matmul_n, sizes_matmul, 1 << 5, SUM_N, 1},
    {"matmul_dw", do_matmul_dw, sizes_matmul, 1 << 6, SUM_T, 0},
    {"bias_dw", do_bias_dw, sizes_matmul, 1 << 7, SUM_T, 0},
    {"rmsnorm", do_rmsnorm, sizes_norm, 1 << 0, SUM_K, 0},
    {"rmsnorm_back", do_rmsnorm_back, sizes_norm, 1 << 5, SUM_K, 0},
    {"rmsnorm_dw", do_rmsnorm_dw, sizes_norm, 1 << 6, SUM_K, 0},
    {"layernorm", do_layernorm, sizes_norm, 1 << 0, SUM_K, 0},
    {"layernorm_back", do_layernorm_back, sizes_norm, 1 << 5, SUM_K, 0},
    {"layernorm_dw", do_layernorm_dw, sizes_norm, 1 << 6 | 1 << 7, SUM_K, 0},
    {"rope", do_rope, sizes_rope, 1 << 0, POINT, 0},
    {"angles", do_angles, sizes_angles, 1 << 0, POINT, 0},
    {"attn", do_attn, sizes_attn, 1 << 0 | 1 << 10, ATTN, 0},
    {"attn_merge", do_attn_merge, sizes_attn, 1 << 0 | 1 << 10, ATTN, 0},
    {"kv_store", do_kv_store, sizes_store, 1 << 0, EXACT, 1},
    {"attn_back", do_attn_back, sizes_attn, 1 << 5 | 1 << 6 | 1 << 7, ATTN, 0},
    {"glu", do_glu, sizes_flat, 1 << 0, POINT, 0},
    {"glu_back", do_glu_back, sizes_flat, 1 << 5 | 1 << 6, POINT, 0},
    {"add", do_add, sizes_flat, 1 << 0, POINT, 0},
    {"axpy", do_axpy, sizes_flat, 1 << 0, POINT, 0},
    {"scale", do_scale, sizes_flat, 1 << 0, POINT, 0},
    {"gather", do_gather, sizes_gather, 1 << 0, EXACT, 1},
    {"scatter_add", do_scatter_add, sizes_gather, 1 << 6, SUM_T, 0},
    {"row_lse", do_row_lse, sizes_rows, 1 << 0, SUM_K, 0},
    {"nll_seed", do_nll_seed, sizes_rows, 1 << 5, POINT, 0},
    {"softmax", do_softmax, sizes_rows, 1 << 1, SUM_K, 0},
    {"adamw", do_adamw, sizes_flat, 1 << 0 | 1 << 1 | 1 << 2, POINT, 0},
    {"sumsq", do_sumsq, sizes_flat, 1 << 0, POINT, 0},
    {"dot", do_dot, sizes_flat, 1 << 0, POINT, 0},
};

/* T, N, K, pad, off, acc, bias, format, H, G, D, window, page, variant */
static const struct shape shapes[] = {
    {0, 5, 7, 0, 0, 0, 0, FMT_F32, 2, 1, 4, 0, 4, 0},         {1, 1, 1, 0, 0, 0, 1, FMT_F32, 1, 1, 2, 0, 1, 1},
    {1, 3, 5, 3, 1, 1, 0, FMT_F32, 2, 2, 6, 0, 3, 2},         {2, 9, 17, 0, 1, 0, 1, FMT_F32, 4, 2, 10, 2, 5, 3},
    {3, 8, 16, 2, 0, 1, 1, FMT_F32, 3, 1, 16, 0, 16, 0},      {4, 7, 33, 5, 3, 0, 0, FMT_F32, 6, 2, 18, 3, 7, 1},
    {5, 31, 100, 1, 0, 1, 0, FMT_F32, 2, 2, 32, 0, 8, 2},     {7, 16, 64, 0, 0, 0, 1, FMT_F32, 5, 1, 40, 0, 16, 3},
    {13, 33, 96, 7, 1, 1, 1, FMT_F32, 4, 4, 64, 5, 16, 0},    {29, 48, 160, 0, 0, 0, 0, FMT_F32, 6, 3, 80, 0, 32, 1},
    {70, 20, 131, 3, 1, 0, 1, FMT_F32, 2, 1, 128, 20, 64, 2}, {65, 66, 320, 0, 0, 1, 0, FMT_F32, 1, 1, 136, 0, 13, 3},
    {200, 72, 64, 0, 0, 0, 0, FMT_F32, 2, 1, 24, 0, 33, 0},   {6, 70, 130, 9, 2, 1, 1, FMT_F32, 8, 2, 33, 1, 16, 1},
    {5, 9, 16448, 0, 0, 0, 1, FMT_F32, 2, 2, 20, 7, 4, 2},
};
static const enum fmt formats[] = {FMT_F32,  FMT_F16,  FMT_BF16, FMT_Q8_0, FMT_Q4_0, FMT_Q4_1,   FMT_Q5_0,   FMT_Q5_1,
                                   FMT_Q2_K, FMT_Q3_K, FMT_Q4_K, FMT_Q5_K, FMT_Q6_K, FMT_IQ4_NL, FMT_IQ4_XS, FMT_F64};
/* k, up to a whole number of blocks */
static int64_t whole(enum fmt f, int64_t k) {
    int64_t block = fmt_find((int)f)->block;
    return (k + block - 1) / block * block;
}

static void check(const struct op_row *op, const struct shape *p, const struct table *tab, const struct kernels *oracle) {
    int64_t n[ARRAYS] = {0};
    struct side a, b;
    op->sizes(p, n);
    side_new(&a, &tab->k, 0, p, n);
    side_new(&b, oracle, 1, p, n);
    op->run(&a, p);
    op->run(&b, p);
    for (int i = 0; i < ARRAYS; i++) {
        double err = 0, ref = (double)n[i], most = 0;
        for (int64_t j = 0; j < n[i]; j++) { /* arrays that are no output must be as they were: padding too */
            double d = get(&a, i, j) - get(&b, i, j);
            err += d * d;
            ref += get(&b, i, j) * get(&b, i, j);
            if (!(fabs(d) <= most)) most = fabs(d);
        }
        double lim = op->outs >> i & 1 ? bound_of(op->bound, p) : op->bound == ATTN || !strcmp(op->slot, "nll_seed") ? 1e-10 : 0;
        cr_expect(n[i] == 0 || err / ref <= lim,
                  "%s %s %s T=%lld N=%lld K=%lld H=%d G=%d D=%d variant=%d: array %d NMSE %.3g > %.3g, worst %.3g", tab->name,
                  op->slot, fmt_find((int)p->fmt)->name, (long long)p->T, (long long)p->N, (long long)p->K, p->H, p->G, p->D,
                  p->variant, i, err / ref, lim, most);
    }
    side_free(&a);
    side_free(&b);
}

Test(kern_ops, every_slot_has_a_row) {
    for (size_t i = 0; i < COUNT(slots); i++) {
        int found = 0;
        for (size_t j = 0; j < COUNT(ops); j++) found += !strcmp(ops[j].slot, slots[i].name);
        cr_expect(found == 1, "slot %s has %d rows in the op table", slots[i].name, found);
    }
}

Test(kern_ops, every_table_agrees_with_the_double_reference, .timeout = HANG_S) {
    struct table t[3];
    struct kernels oracle;
    int nt = tables(t);
    kern_fill_ref64(&oracle);
    for (int k = 0; k < nt; k++)
        for (size_t i = 0; i < COUNT(ops); i++)
            for (size_t s = 0; s < COUNT(shapes); s++)
                for (size_t f = 0; f < (ops[i].formats ? COUNT(formats) : 1); f++) {
                    struct shape p = shapes[s];
                    int attn = ops[i].bound == ATTN || !strcmp(ops[i].slot, "rope");
                    if (!attn && p.K > 4096 && !ops[i].formats) continue;
                    p.fmt = formats[f];
                    p.K = whole(p.fmt, p.K);
                    check(&ops[i], &p, &t[k], &oracle);
                }
}

/* ---- gradients: central differences in double ------------------------------------------------------------------------------------------- */

static const struct grad_row {
    const char *mirrors; /* slots this row proves */
    body_fn fwd, back;
    sizes_fn sizes;
    unsigned wrt; /* inputs 1 … 3; their gradients are 5 … 7 */
    unsigned add; /* gradients that are added to: start from zero */
    int variants;
} grads[] = {
    {"matmul_n matmul_dw bias_dw", fwd_linear, back_linear, sizes_matmul, 1 << 1 | 1 << 2 | 1 << 3, 1 << 6 | 1 << 7, 1},
    {"rmsnorm_back rmsnorm_dw", do_rmsnorm, back_rmsnorm, sizes_norm, 1 << 1 | 1 << 2, 1 << 6, 1},
    {"layernorm_back layernorm_dw", do_layernorm, back_layernorm, sizes_norm, 1 << 1 | 1 << 2 | 1 << 3, 1 << 6 | 1 << 7, 1},
    {"rope", fwd_rope, back_rope, sizes_rope, 1 << 1, 0, 4},
    {"attn_back", do_attn, do_attn_back, sizes_attn, 1 << 1 | 1 << 2 | 1 << 3, 0, 1},
    {"glu_back", do_glu, do_glu_back, sizes_flat, 1 << 1 | 1 << 2, 0, 4},
    {"axpy", fwd_axpy, back_axpy, sizes_flat, 1 << 1, 0, 1},
    {"scale", do_scale, back_scale, sizes_flat, 1 << 1, 0, 1},
    {"scatter_add", fwd_gather, do_scatter_add, sizes_gather, 1 << 2, 1 << 6, 1},
    {"nll_seed", fwd_nll, back_nll, sizes_rows, 1 << 1, 0, 1},
};

Test(kern_grads, every_mirror_has_a_row) {
    for (size_t i = 0; i < COUNT(slots); i++) {
        int found = !slots[i].mirror;
        for (size_t j = 0; j < COUNT(grads); j++) {
            const char *at = strstr(grads[j].mirrors, slots[i].name);
            size_t n = strlen(slots[i].name);
            if (at && (at == grads[j].mirrors || at[-1] == ' ') && (at[n] == 0 || at[n] == ' ')) found = 1;
        }
        cr_expect(found, "slot %s is a mirror without a row in the gradient table", slots[i].name);
    }
}

static double loss(const struct side *s, const struct grad_row *g, const struct shape *p, int64_t n0) {
    double l = 0;
    g->fwd(s, p);
    for (int64_t j = 0; j < n0; j++) l += get(s, 0, j) * get(s, 4, j);
    return l;
}

static void check_grad(const struct grad_row *g, const struct shape *p, const struct kernels *oracle) {
    int64_t n[ARRAYS] = {0};
    struct side s;
    g->sizes(p, n);
    side_new(&s, oracle, 1, p, n);
    for (int i = 5; i < 8; i++)
        if (g->add >> i & 1)
            for (int64_t j = 0; j < n[i]; j++) set(&s, i, j, 0);
    g->fwd(&s, p);
    if (g->sizes == sizes_matmul) /* padding is no input */
        for (int64_t t = 0; t < p->T; t++)
            for (int64_t j = p->N; j < p->N + p->pad; j++) set(&s, 4, t * (p->N + p->pad) + j, 0);
    g->back(&s, p);
    /* Differences of step 1e-5 are good to about 1e-10 of the function's scale; the gradients here are of size one. */
    for (int i = 1; i < 4; i++) {
        if (!(g->wrt >> i & 1) || (p->variant & 2 && i == 2 && g->fwd == do_glu)) continue;
        double err = 0, ref = 1e-12;
        int64_t count = n[i];
        if (g->sizes == sizes_matmul && i == 3) count = p->N;
        for (int64_t j = 0; j < count; j++) {
            if (g->sizes == sizes_matmul && i == 1 && j % (p->K + p->pad) >= p->K) continue;
            if (g->sizes == sizes_rope && j % (p->H * p->D + p->pad) >= p->H * p->D) continue;
            double x = get(&s, i, j), h = 1e-5;
            set(&s, i, j, x + h);
            double up = loss(&s, g, p, n[0]);
            set(&s, i, j, x - h);
            double down = loss(&s, g, p, n[0]);
            set(&s, i, j, x);
            double fd = (up - down) / (2 * h), d = fd - get(&s, 4 + i, j);
            err += d * d;
            ref += fd * fd;
        }
        cr_expect(sqrt(err / ref) <= 1e-6, "%s: gradient of input %d, T=%lld K=%lld variant=%d: relative error %.3g", g->mirrors,
                  i, (long long)p->T, (long long)p->K, p->variant, sqrt(err / ref));
    }
    side_free(&s);
}

Test(kern_grads, every_mirror_is_the_derivative, .timeout = HANG_S) {
    struct kernels oracle;
    kern_fill_ref64(&oracle);
    static const struct shape small[] = {
        {1, 1, 2, 0, 0, 0, 0, FMT_F32, 1, 1, 2, 0, 1, 0}, {3, 4, 5, 2, 1, 0, 0, FMT_F32, 2, 1, 4, 0, 3, 0},
        {6, 5, 9, 0, 0, 0, 0, FMT_F32, 4, 2, 6, 0, 4, 0}, {5, 7, 12, 1, 0, 0, 0, FMT_F32, 4, 4, 8, 2, 16, 0},
        {7, 3, 6, 3, 0, 0, 0, FMT_F32, 3, 1, 5, 4, 5, 0},
    };
    for (size_t i = 0; i < COUNT(grads); i++)
        for (size_t k = 0; k < COUNT(small); k++)
            for (int v = 0; v < grads[i].variants; v++) {
                struct shape p = small[k];
                p.variant = v;
                check_grad(&grads[i], &p, &oracle);
            }
}

/* ---- determinism: the same bytes however the work is cut ----------------------------------------------------------------------------------- */

static float *random_floats(int64_t n, uint64_t s) {
    float *x = malloc((size_t)(n + 1) * sizeof *x);
    seed = s;
    for (int64_t i = 0; i < n; i++) x[i] = (float)uniform();
    return x;
}
#define N_(p) ((num *)(void *)(p))

Test(kern_bytes, rows_and_slices_do_not_change_matrix_products, .timeout = HANG_S) {
    static const struct { int64_t N, K; } dims[] = {{37, 96}, {64, 320}, {5, 32}, {20, 16448}};
    struct table tab[3];
    int nt = tables(tab);
    for (int k = 0; k < nt; k++)
        for (size_t f = 0; f < COUNT(formats); f++)
            for (size_t m = 0; m < COUNT(dims); m++) {
                int64_t T = dims[m].K > 10000 ? 7 : 101, N = dims[m].N, block = fmt_find((int)formats[f])->block,
                        K = block == 1 ? dims[m].K - 3 : whole(formats[f], dims[m].K);
                int64_t unit = block > 32 ? block : 32;
                float *x = random_floats(T * K, 1), *dy = random_floats(T * N, 2), *src = random_floats(N * K, 3),
                      *bias = random_floats(N + K, 4);
                float *y = calloc((size_t)(T * N), 4), *y1 = calloc((size_t)(T * N), 4), *dx = calloc((size_t)(T * K), 4),
                      *dx1 = calloc((size_t)(T * K), 4);
                struct mat w = {.fmt = formats[f], .rows = N, .cols = K, .row_bytes = fmt_row_bytes(formats[f], K)};
                char *bytes = malloc((size_t)N * w.row_bytes);
                fmt_find((int)formats[f])->from_f32(bytes, src, N * K);
                w.data = bytes;
                tab[k].k.matmul_t(N_(y), N, N_(x), K, T, &w, N_(bias), 0, 0, N);
                tab[k].k.matmul_n(N_(dx), K, N_(dy), N, T, &w, NULL, 0, 0, K);
                for (int64_t t = 0; t < T;) { /* groups of 1, 2, 3, 4, … rows; columns cut at odd places */
                    int64_t n = t % 5 + 1 < T - t ? t % 5 + 1 : T - t, cut = (t * 5) % N, kcut = K / 2 / unit * unit;
                    tab[k].k.matmul_t(N_(y1 + t * N), N, N_(x + t * K), K, n, &w, N_(bias), 0, 0, cut);
                    tab[k].k.matmul_t(N_(y1 + t * N), N, N_(x + t * K), K, n, &w, N_(bias), 0, cut, N);
                    tab[k].k.matmul_n(N_(dx1 + t * K), K, N_(dy + t * N), N, n, &w, NULL, 0, 0, kcut);
                    tab[k].k.matmul_n(N_(dx1 + t * K), K, N_(dy + t * N), N, n, &w, NULL, 0, kcut, K);
                    t += n;
                }
                cr_expect(!memcmp(y, y1, (size_t)(T * N) * 4), "%s matmul_t %s N=%lld K=%lld", tab[k].name,
                          fmt_find((int)formats[f])->name, (long long)N, (long long)K);
                cr_expect(!memcmp(dx, dx1, (size_t)(T * K) * 4), "%s matmul_n %s N=%lld K=%lld", tab[k].name,
                          fmt_find((int)formats[f])->name, (long long)N, (long long)K);
                if (formats[f] == FMT_F32) {
                    float *dw = calloc((size_t)(N * K), 4), *dw1 = calloc((size_t)(N * K), 4);
                    tab[k].k.matmul_dw(N_(dw), N_(dy), N, N_(x), K, T, N, K, 0, N);
                    for (int64_t n = 0; n < N; n++) tab[k].k.matmul_dw(N_(dw1), N_(dy), N, N_(x), K, T, N, K, n, n + 1);
                    cr_expect(!memcmp(dw, dw1, (size_t)(N * K) * 4), "%s matmul_dw", tab[k].name);
                    free(dw), free(dw1);
                }
                free(x), free(dy), free(src), free(bias), free(y), free(y1), free(dx), free(dx1), free(bytes);
            }
}

/* Everything through the wrappers, large enough to be cut over threads. */
static void all_ops(struct device *d, float *out, int64_t *len) {
    enum { T = 200, C = 160, N = 96, V = 300 };
    int64_t o = 0;
    float *r = random_floats(T * V * 4, 5);
    num *x = dev_alloc(d, T * V), *y = dev_alloc(d, T * V), *z = dev_alloc(d, T * V), *g = dev_alloc(d, 2 * T * V),
        *w = dev_alloc(d, V * C);
    num *lse = dev_alloc(d, T * 8);
    int32_t ids[T];
    for (int i = 0; i < T; i++) ids[i] = i * 13 % 90;
#define KEEP(p, n) (dev_get(d, out + o, p, n), o += (n))
#define FRESH() \
    (dev_put(d, x, r, T * V), dev_put(d, y, r + 7, T * V), dev_put(d, z, r + 99, T * V), dev_put(d, g, r + 1234, T * V))
    dev_put(d, w, r + 5, V * C);
    struct mat m = dev_mat(d, w, N, C);
    FRESH();
    op_matmul_t(d, y, N, x, C, T, &m, lse, 0), KEEP(y, T * N);
    op_matmul_n(d, z, C, y, N, T, &m, NULL, 1), KEEP(z, T * C);
    op_matmul_dw(d, g, y, N, x, C, T, N, C), KEEP(g, N * C);
    op_bias_dw(d, g, y, N, T, N), KEEP(g, N);
    enum { SK = 512 }; /* columns are cut between superblocks */
    static char super[N * SK / 256 * 144];
    struct mat sm = {.fmt = FMT_Q4_K, .rows = N, .cols = SK, .data = super, .row_bytes = SK / 256 * 144};
    fmt_find(FMT_Q4_K)->from_f32(super, r, N * SK);
    op_matmul_n(d, z, SK, y, N, 90, &sm, NULL, 0), KEEP(z, 90 * SK);
    op_matmul_t(d, y, N, z, SK, 90, &sm, NULL, 0), KEEP(y, 90 * N);
    FRESH();
    op_rmsnorm(d, y, x, w, T, C, 1e-5), KEEP(y, T * C);
    op_rmsnorm_back(d, z, y, x, w, T, C, 1e-5, 1), KEEP(z, T * C);
    op_rmsnorm_dw(d, g, y, x, T, C, 1e-5), KEEP(g, C);
    op_layernorm(d, y, x, w, w, T, C, 1e-5), KEEP(y, T * C);
    op_layernorm_back(d, z, y, x, w, T, C, 1e-5, 1), KEEP(z, T * C);
    op_layernorm_dw(d, g, lse, y, x, T, C, 1e-5), KEEP(g, C);
    FRESH();
    op_rope(d, x, C, T, 5, 32, 32, g, ROPE_HALVES, 0), KEEP(x, T * C);
    op_rope(d, x, C, T, 5, 32, 20, g, ROPE_PAIRS, 1), KEEP(x, T * C);
    struct attn_shape sh = {.n_head = 5, .n_kv = 1, .head_dim = 32, .scale = 0.2};
    void *pages[13];
    for (int i = 0; i < 13; i++) pages[i] = num_at(d, z, i * 16 * 32);
    struct attn_span sp[2] = {{0, 120, 0, {pages, 16, 0, 64, FMT_F32}}, {120, 80, 30, {pages, 16, 0, 96, FMT_F32}}};
    op_attn(d, y, lse, x, T, sp, 2, &sh), KEEP(y, T * C), KEEP(lse, T * 5);
    num *dk = dev_alloc(d, T * 32), *dv = dev_alloc(d, T * 32);
    op_attn_back(d, num_at(d, g, T * C), dk, dv, g, x, y, lse, T, sp, 2, &sh);
    KEEP(num_at(d, g, T * C), T * C), KEEP(dk, T * 32), KEEP(dv, T * 32);
    FRESH();
    op_glu(d, y, x, z, ACT_SILU, T * V), KEEP(y, T * V);
    op_glu_back(d, x, z, g, x, z, ACT_GELU, T * V), KEEP(x, T * V), KEEP(z, T * V);
    op_add(d, x, x, y, T * V), KEEP(x, T * V);
    op_axpy(d, x, 0.3, y, T * V), KEEP(x, T * V);
    op_scale(d, x, 0.3, y, T * V), KEEP(x, T * V);
    FRESH();
    op_gather(d, y, &m, ids, T), KEEP(y, T * C);
    op_scatter_add(d, x, y, ids, T, C), KEEP(x, 96 * C);
    op_row_lse(d, lse, z, T, V), KEEP(lse, T);
    op_nll_seed(d, z, lse, y, ids, T, V), KEEP(z, T * V);
    op_softmax(d, g, T, V, 0.5), KEEP(g, T * V);
    op_adamw(d, x, y, g, z, 0.5, (struct adamw){1e-3, 0.9, 0.99, 1e-8, 0.1, 1}, T * V), KEEP(x, T * V);
    FRESH();
    double freq[16];
    for (int i = 0; i < 16; i++) freq[i] = 1.0 / (1 + i);
    op_angles(d, x, freq, 16, 1.0, 7, T), KEEP(x, T * 32);
    num *store = dev_alloc(d, 4 * T * V);
    struct kv_ref kv = {
        .pages = (void *[]){store, num_at(d, store, 2 * T * V)}, .page_len = T / 2, .v_off = T * V, .fmt = FMT_F32};
    op_kv_store(d, &kv, 2 * V, 0, g, g, T), KEEP(store, 4 * T * V);
    dev_free(d, store);
    dev_copy(d, num_at(d, g, T * V), y, T * V), dev_copy(d, num_at(d, g, 3), g, 2 * T * V - 3), dev_zero(d, g, T * V);
    dev_set1(d, x, 0, op_sumsq(d, g, 2 * T * V)), dev_set1(d, x, 1, op_dot(d, g, num_at(d, g, 1), 2 * T * V - 1)), KEEP(x, 2);
    KEEP(g, 2 * T * V);
    cr_expect(op_sumsq(d, g, 2 * T * V) == d->k.sumsq(g, 2 * T * V), "the sum of squares in blocks is the slot's");
    *len = o;
    dev_free(d, x), dev_free(d, y), dev_free(d, z), dev_free(d, g), dev_free(d, w), dev_free(d, lse), dev_free(d, dk),
        dev_free(d, dv);
    free(r);
}

Test(kern_bytes, threads_do_not_change_anything, .timeout = HANG_S) {
    static const char *const isas[] = {"ref", "avx2", "avx512"};
    float *a = malloc(1 << 24), *b = malloc(1 << 24);
    for (int i = 0; i < 3; i++) {
        setenv("CANDOR_ISA", isas[i], 1);
        for (int threads = 1; threads <= 3; threads++) {
            struct err e = ERR_INIT;
            struct device *d;
            int64_t na, nb;
            cr_assert(dev_open(&d, threads, 0, &e) == 0, "%s", e.msg);
            all_ops(d, threads == 1 ? a : b, threads == 1 ? &na : &nb);
            dev_close(d);
            if (threads == 1) continue;
            cr_assert(na == nb && na * 4 <= 1 << 24);
            int64_t bad = 0;
            for (int64_t j = na - 1; j >= 0; j--)
                if (memcmp(a + j, b + j, 4)) bad = j + 1;
            cr_expect(bad == 0, "%s: %d threads differ at element %lld", isas[i], threads, (long long)bad - 1);
        }
    }
    free(a), free(b);
}

/* ---- the device ---------------------------------------------------------------------------------------------------------------------------- */

Test(kern_device, isa_wish_is_checked_and_lowered) {
    struct err e = ERR_INIT;
    struct device *d = NULL;
    setenv("CANDOR_ISA", "sse9", 1);
    cr_assert(dev_open(&d, 1, 0, &e) == ERR_ARG && strstr(e.msg, "avx512") && strstr(e.msg, "sse9") && d == NULL);
    setenv("CANDOR_ISA", "ref", 1);
    cr_assert(dev_open(&d, 1, 0, &e) == 0 && d->isa == ISA_REF && !strcmp(d->name, "ref") && dev_best_isa() == ISA_REF);
    dev_close(d);
    setenv("CANDOR_ISA", "avx512", 1);
    cr_assert(dev_open(&d, 1, 0, &e) == 0 && d->isa == kern_cpu_isa());
    dev_close(d);
    cr_assert(dev_open(&d, 2, 1, &e) == 0 && d->num_bytes == 8 && !strcmp(d->name, "ref64"));
    num *p = dev_alloc(d, 5);
    cr_assert((uintptr_t)p % 64 == 0 && dev_get1(d, p, 4) == 0);
    double in[3] = {0.1, 0.2, 0.3}, out[3];
    dev_put_f64(d, num_at(d, p, 1), in, 3);
    dev_copy(d, p, num_at(d, p, 1), 3);
    dev_get_f64(d, out, p, 3);
    cr_assert(!memcmp(in, out, sizeof in));
    dev_zero(d, p, 5);
    cr_assert(dev_get1(d, p, 2) == 0);
    dev_free(d, p);
    cr_assert(dev_reserve(d, 1000, 8, &e) == 0 && dev_reserve(d, -1, 8, &e) == ERR_RANGE);
    dev_close(d);
    dev_close(NULL);
}

/* Extremes must neither trap nor leave the range: masked logits, huge and tiny values, small temperatures. */
Test(kern_device, softmax_and_gates_survive_extremes) {
    struct table t[3];
    int nt = tables(t);
    for (int k = 0; k < nt; k++) {
        float x[40], h[40], lse;
        for (int i = 0; i < 40; i++) x[i] = i % 3 ? (float)i : -INFINITY;
        t[k].k.row_lse(N_(&lse), N_(x), 40, 0, 1);
        cr_expect(fabsf(lse - 38.3643f) < 1e-3f, "%s lse %g", t[k].name, (double)lse);
        t[k].k.softmax(N_(x), 40, 1e-6, 0, 1);
        cr_expect(x[38] == 1 && x[37] == 0 && x[0] == 0, "%s softmax %g %g", t[k].name, (double)x[38], (double)x[0]);
        for (int i = 0; i < 40; i++) x[i] = (i % 2 ? 1.0f : -1.0f) * powf(10, (float)i - 5);
        for (int a = 0; a < 2; a++) {
            t[k].k.glu(N_(h), N_(x), NULL, a ? ACT_GELU : ACT_SILU, 0, 30);
            for (int i = 8; i < 30; i++)
                cr_expect(i % 2 ? h[i] == x[i] : fabsf(h[i]) < 1e-9f, "%s act %d of %g is %g", t[k].name, a, (double)x[i],
                          (double)h[i]);
        }
    }
}
