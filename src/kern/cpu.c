/* The CPU device: which kernels this processor gets, where buffers come from, and how an operation is cut over the pool.
 *
 * Cutting is by output only and kernels sum in an order that the cut cannot change, so how many threads take part is a matter of
 * speed alone: operations that last less than about SMALL_NS run on the calling thread. Costs are estimated in nanoseconds of one
 * thread from the sizes (rough on purpose: a factor of two either way does not matter). */
#include "kern/kern_int.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if KERN_X86
#include <cpuid.h>
#endif

#define SMALL_NS 20000

/* ---- which kernels ------------------------------------------------------------------------------------------------------------ */

static const char *const isa_names[] = {"ref", "avx2", "avx512"};

enum isa kern_cpu_isa(void) {
#if KERN_X86
    unsigned a, b, c, d, lo, hi;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return ISA_REF;
    /* FMA, OSXSAVE, AVX, F16C */
    if (!(c >> 12 & 1) || !(c >> 27 & 1) || !(c >> 28 & 1) || !(c >> 29 & 1)) return ISA_REF;
    /* the operating system must save ymm (and for AVX-512 opmask and zmm) */
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    if ((lo & 0x06) != 0x06) return ISA_REF;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b >> 5 & 1)) return ISA_REF;
    /* F, DQ, BW, VL */
    if ((lo & 0xe6) == 0xe6 && (b >> 16 & 1) && (b >> 17 & 1) && (b >> 30 & 1) && (b >> 31 & 1)) return ISA_AVX512;
    return ISA_AVX2;
#else
    return ISA_REF;
#endif
}

static int isa_wanted(enum isa *out, struct err *e) {
    enum isa best = kern_cpu_isa();
    const char *s = getenv("CANDOR_ISA");
    *out = best;
    if (!s || !*s) return 0;
    for (int i = ISA_REF; i <= ISA_AVX512; i++)
        if (!strcmp(s, isa_names[i])) {
            *out = (int)best < i ? best : (enum isa)i;
            return 0;
        }
    return fail(e, ERR_ARG, "CANDOR_ISA: expected ref, avx2 or avx512, found \"%s\"", s);
}

enum isa dev_best_isa(void) {
    enum isa i;
    return isa_wanted(&i, NULL) < 0 ? kern_cpu_isa() : i;
}

/* ---- the device --------------------------------------------------------------------------------------------------------------- */

static void *zeroed(size_t bytes) {
    if (bytes > SIZE_MAX - 128) return NULL;
    size_t n = (bytes + 63) / 64 * 64;
    void *p = aligned_alloc(64, n ? n : 64);
    if (p) memset(p, 0, n ? n : 64);
    return p;
}

int dev_open(struct device **out, int threads, int oracle, struct err *e) {
    enum isa isa;
    TRY(isa_wanted(&isa, e));
    struct device *d = calloc(1, sizeof *d);
    if (!d) return fail(e, ERR_NOMEM, "no memory for a device");
    int rc = pool_new(&d->pool, threads, e);
    if (rc < 0) {
        free(d);
        return rc;
    }
    d->num_bytes = oracle ? sizeof(double) : sizeof(float);
    if (oracle) isa = ISA_REF;
    d->isa = isa;
    d->name = oracle ? "ref64" : isa_names[isa];
    if (oracle)
        kern_fill_ref64(&d->k);
    else
        kern_fill_ref32(&d->k);
#if KERN_X86
    if (isa >= ISA_AVX2) kern_fill_avx2(&d->k);
    if (isa >= ISA_AVX512) kern_fill_avx512(&d->k);
#endif
    rc = dev_reserve(d, 256, e);
    if (rc < 0) {
        dev_close(d);
        return rc;
    }
    *out = d;
    return 0;
}

void dev_close(struct device *d) {
    if (!d) return;
    pool_free(d->pool);
    free(d->scratch);
    free(d);
}

int dev_reserve(struct device *d, int64_t max_ctx, struct err *e) {
    if (max_ctx < 0 || max_ctx > INT64_MAX / 1024) return fail(e, ERR_RANGE, "context of %lld keys", (long long)max_ctx);
    size_t per = (size_t)kern_attn_scratch(max_ctx);
    if (per <= d->scratch_per_thread) return 0;
    num *p = zeroed(per * d->num_bytes * (size_t)pool_size(d->pool));
    if (!p)
        return fail(e, ERR_NOMEM, "no memory for attention over %lld keys on %d threads", (long long)max_ctx, pool_size(d->pool));
    free(d->scratch);
    d->scratch = p;
    d->scratch_per_thread = per;
    return 0;
}

num *dev_alloc(struct device *d, int64_t n) {
    if (n < 0 || (uint64_t)n > SIZE_MAX / 16) return NULL;
    return zeroed((size_t)n * d->num_bytes);
}

void dev_free(struct device *d, num *p) {
    (void)d;
    free(p);
}

/* ---- across the border -------------------------------------------------------------------------------------------------------- */

static int is_double(const struct device *d) { return d->num_bytes == sizeof(double); }

void dev_put(struct device *d, num *dst, const float *src, int64_t n) {
    if (is_double(d))
        for (int64_t i = 0; i < n; i++) ((double *)dst)[i] = src[i];
    else if (n > 0)
        memmove(dst, src, (size_t)n * sizeof(float));
}

void dev_put_f64(struct device *d, num *dst, const double *src, int64_t n) {
    if (is_double(d) && n > 0)
        memmove(dst, src, (size_t)n * sizeof(double));
    else
        for (int64_t i = 0; i < n; i++) ((float *)dst)[i] = (float)src[i];
}

void dev_get(const struct device *d, float *dst, const num *src, int64_t n) {
    if (is_double(d))
        for (int64_t i = 0; i < n; i++) dst[i] = (float)((const double *)src)[i];
    else if (n > 0)
        memmove(dst, src, (size_t)n * sizeof(float));
}

void dev_get_f64(const struct device *d, double *dst, const num *src, int64_t n) {
    if (is_double(d) && n > 0)
        memmove(dst, src, (size_t)n * sizeof(double));
    else
        for (int64_t i = 0; i < n; i++) dst[i] = ((const float *)src)[i];
}

void dev_copy(struct device *d, num *dst, const num *src, int64_t n) {
    if (n > 0) memmove(dst, src, (size_t)n * d->num_bytes);
}

void dev_zero(struct device *d, num *dst, int64_t n) {
    if (n > 0) memset(dst, 0, (size_t)n * d->num_bytes);
}

double dev_get1(const struct device *d, const num *src, int64_t i) {
    return is_double(d) ? ((const double *)src)[i] : (double)((const float *)src)[i];
}

void dev_set1(struct device *d, num *dst, int64_t i, double x) {
    if (is_double(d))
        ((double *)dst)[i] = x;
    else
        ((float *)dst)[i] = (float)x;
}

struct mat dev_mat(const struct device *d, const num *p, int64_t rows, int64_t cols) {
    return (struct mat){
        .fmt = is_double(d) ? FMT_F64 : FMT_F32, .rows = rows, .cols = cols, .data = p, .row_bytes = (size_t)cols * d->num_bytes};
}

/* ---- cutting ------------------------------------------------------------------------------------------------------------------ */

/* The arguments of one operation, as its slices see them. Letters as in device.h; unused ones stay zero. */
struct job {
    struct device *d;
    num *y, *y2, *y3, *y4;
    const num *a, *b, *c, *e;
    const struct mat *w;
    const int32_t *ids;
    const struct attn_span *sp;
    const struct attn_shape *sh;
    struct adamw opt;
    int64_t n, unit; /* output elements to cut, and into multiples of what */
    int64_t T, N, K, ldy, ldx;
    double eps;
    int acc, nsp, nh, D, rot, st, back, by_rows, R, act;
};

static void run(struct job *j, double ns, pool_fn fn) {
    if (j->n <= 0) return;
    pool_run(ns < SMALL_NS || j->n <= j->unit ? NULL : j->d->pool, fn, j);
}

#define SLOT(fn_name)                                  \
    static void fn_name(void *ctx, int ith, int nth) { \
        const struct job *j = ctx;                     \
        const struct kernels *k = &j->d->k;            \
        int64_t a, b;                                  \
        slice(j->n, j->unit, ith, nth, &a, &b);        \
        if (a >= b) return;
#define END }

/* ns of one multiply-add in each table: about 1.2, 15 and 40 per ns */
static double mac_ns(const struct device *d, double macs) {
    return macs / (d->isa == ISA_AVX512 ? 40 : d->isa == ISA_AVX2 ? 15 : 1.2);
}

static const num *row_of(const struct device *d, const num *p, int64_t i) { return num_at(d, p, i); }

SLOT(slice_matmul_t)
if (j->by_rows)
    k->matmul_t(num_at(j->d, j->y, a * j->ldy), j->ldy, row_of(j->d, j->a, a * j->ldx), j->ldx, b - a, j->w, j->b, j->acc, 0,
                j->N);
else
    k->matmul_t(j->y, j->ldy, j->a, j->ldx, j->T, j->w, j->b, j->acc, a, b);
END SLOT(slice_matmul_n) if (j->by_rows) k->matmul_n(num_at(j->d, j->y, a * j->ldx), j->ldx, row_of(j->d, j->a, a * j->ldy),
                                                     j->ldy, b - a, j->w, j->b, j->acc, 0, j->K);
else k->matmul_n(j->y, j->ldx, j->a, j->ldy, j->T, j->w, j->b, j->acc, a, b);
END

    /* Few columns and many rows: cut by rows (weights are then decoded once per thread). Otherwise by columns. */
    void
    op_matmul_t(struct device *d, num *y, int64_t ldy, const num *x, int64_t ldx, int64_t T, const struct mat *w, const num *bias,
                int acc) {
    int64_t nth = pool_size(d->pool);
    struct job j = {.d = d, .y = y, .ldy = ldy, .a = x, .ldx = ldx, .T = T, .w = w, .b = bias, .acc = acc, .N = w->rows};
    if (T <= 0 || w->rows <= 0) return;
    j.by_rows = w->rows < 32 * nth && T >= 8 * nth;
    j.n = j.by_rows ? T : w->rows;
    j.unit = j.by_rows ? 6 : 16;
    run(&j, mac_ns(d, (double)T * (double)w->rows * (double)w->cols), slice_matmul_t);
}

void op_matmul_n(struct device *d, num *dx, int64_t ldx, const num *dy, int64_t ldy, int64_t T, const struct mat *w,
                 const num *bias, int acc) {
    int64_t nth = pool_size(d->pool);
    struct job j = {.d = d, .y = dx, .ldx = ldx, .a = dy, .ldy = ldy, .T = T, .w = w, .b = bias, .acc = acc, .K = w->cols};
    if (T <= 0 || w->cols <= 0) return;
    j.by_rows = T >= 48 * nth;
    j.n = j.by_rows ? T : w->cols;
    j.unit = j.by_rows ? 6 : 32;
    run(&j, mac_ns(d, (double)T * (double)w->rows * (double)w->cols), slice_matmul_n);
}

SLOT(slice_matmul_dw) k->matmul_dw(j->y, j->a, j->ldy, j->b, j->ldx, j->T, j->N, j->K, a, b);
END void op_matmul_dw(struct device *d, num *dw, const num *dy, int64_t ldy, const num *x, int64_t ldx, int64_t T, int64_t N,
                      int64_t K) {
    struct job j = {.d = d, .y = dw, .a = dy, .ldy = ldy, .b = x, .ldx = ldx, .T = T, .N = N, .K = K, .n = N, .unit = 6};
    if (T > 0 && K > 0) run(&j, mac_ns(d, (double)T * (double)N * (double)K), slice_matmul_dw);
}

SLOT(slice_bias_dw) k->bias_dw(j->y, j->a, j->ldy, j->T, a, b);
END void op_bias_dw(struct device *d, num *db, const num *dy, int64_t ldy, int64_t T, int64_t N) {
    struct job j = {.d = d, .y = db, .a = dy, .ldy = ldy, .T = T, .n = N, .unit = 32};
    if (T > 0) run(&j, 0.25 * (double)T * (double)N, slice_bias_dw);
}

SLOT(slice_rmsnorm) k->rmsnorm(j->y, j->a, j->b, j->K, j->eps, a, b);
END void op_rmsnorm(struct device *d, num *y, const num *x, const num *w, int64_t R, int64_t C, double eps) {
    struct job j = {.d = d, .y = y, .a = x, .b = w, .K = C, .eps = eps, .n = R, .unit = 1};
    run(&j, 0.25 * (double)R * (double)C, slice_rmsnorm);
}

SLOT(slice_rmsnorm_back) k->rmsnorm_back(j->y, j->a, j->b, j->c, j->K, j->eps, j->acc, a, b);
END void op_rmsnorm_back(struct device *d, num *dx, const num *dy, const num *x, const num *w, int64_t R, int64_t C, double eps,
                         int acc) {
    struct job j = {.d = d, .y = dx, .a = dy, .b = x, .c = w, .K = C, .eps = eps, .acc = acc, .n = R, .unit = 1};
    run(&j, 0.5 * (double)R * (double)C, slice_rmsnorm_back);
}

SLOT(slice_rmsnorm_dw) k->rmsnorm_dw(j->y, j->a, j->b, j->T, j->K, j->eps, a, b);
END void op_rmsnorm_dw(struct device *d, num *dw, const num *dy, const num *x, int64_t R, int64_t C, double eps) {
    struct job j = {.d = d, .y = dw, .a = dy, .b = x, .T = R, .K = C, .eps = eps, .n = C, .unit = 32};
    run(&j, 0.25 * (double)R * (double)C, slice_rmsnorm_dw);
}

SLOT(slice_layernorm) k->layernorm(j->y, j->a, j->b, j->c, j->K, j->eps, a, b);
END void op_layernorm(struct device *d, num *y, const num *x, const num *w, const num *b, int64_t R, int64_t C, double eps) {
    struct job j = {.d = d, .y = y, .a = x, .b = w, .c = b, .K = C, .eps = eps, .n = R, .unit = 1};
    run(&j, 1.0 * (double)R * (double)C, slice_layernorm);
}

SLOT(slice_layernorm_back) k->layernorm_back(j->y, j->a, j->b, j->c, j->K, j->eps, j->acc, a, b);
END void op_layernorm_back(struct device *d, num *dx, const num *dy, const num *x, const num *w, int64_t R, int64_t C, double eps,
                           int acc) {
    struct job j = {.d = d, .y = dx, .a = dy, .b = x, .c = w, .K = C, .eps = eps, .acc = acc, .n = R, .unit = 1};
    run(&j, 1.0 * (double)R * (double)C, slice_layernorm_back);
}

SLOT(slice_layernorm_dw) k->layernorm_dw(j->y, j->y2, j->a, j->b, j->T, j->K, j->eps, a, b);
END void op_layernorm_dw(struct device *d, num *dw, num *db, const num *dy, const num *x, int64_t R, int64_t C, double eps) {
    struct job j = {.d = d, .y = dw, .y2 = db, .a = dy, .b = x, .T = R, .K = C, .eps = eps, .n = C, .unit = 32};
    run(&j, 1.0 * (double)R * (double)C, slice_layernorm_dw);
}

SLOT(slice_rope) k->rope(j->y, j->ldx, j->nh, j->D, j->rot, j->a, (enum rope_style)j->st, j->back, a, b);
END void op_rope(struct device *d, num *x, int64_t ldx, int64_t R, int nh, int D, int rot, const num *cs, enum rope_style st,
                 int back) {
    struct job j = {
        .d = d, .y = x, .ldx = ldx, .nh = nh, .D = D, .rot = rot, .a = cs, .st = (int)st, .back = back, .n = R, .unit = 1};
    run(&j, 0.25 * (double)R * nh * D, slice_rope);
}

/* ---- attention: later rows see more keys, so units go round the threads in small chunks ------------------------------------------ */

static int64_t longest(const struct attn_span *sp, int nsp, double *pairs) {
    int64_t ctx = 0;
    *pairs = 0;
    for (int i = 0; i < nsp; i++) {
        if (sp[i].rows > 0 && sp[i].pos0 + sp[i].rows > ctx) ctx = sp[i].pos0 + sp[i].rows;
        *pairs += (double)sp[i].rows * ((double)sp[i].pos0 + 0.5 * (double)sp[i].rows);
    }
    return ctx;
}

/* Whoever plans memory has reserved enough; if not, grow here rather than write past the end. */
static void need_scratch(struct device *d, int64_t ctx) {
    if ((size_t)kern_attn_scratch(ctx) <= d->scratch_per_thread) return;
    struct err e = ERR_INIT;
    if (dev_reserve(d, ctx, &e) < 0) {
        fprintf(stderr, "attention scratch: %s\n", e.msg);
        abort();
    }
}

static num *scratch_of(const struct device *d, int ith) { return num_at(d, d->scratch, (int64_t)d->scratch_per_thread * ith); }

static void slice_attn(void *ctx, int ith, int nth) {
    const struct job *j = ctx;
    for (int64_t u = (int64_t)ith * j->unit; u < j->n; u += (int64_t)nth * j->unit)
        j->d->k.attn(j->y, j->y2, j->a, j->sp, j->nsp, j->sh, scratch_of(j->d, ith), u, u + j->unit < j->n ? u + j->unit : j->n);
}

void op_attn(struct device *d, num *o, num *lse, const num *q, int64_t T, const struct attn_span *sp, int nsp,
             const struct attn_shape *sh) {
    struct job j = {.d = d, .y = o, .y2 = lse, .a = q, .sp = sp, .nsp = nsp, .sh = sh};
    double pairs;
    int64_t rows = 0, H = sh->n_head;
    if (T <= 0) return;
    need_scratch(d, longest(sp, nsp, &pairs));
    for (int i = 0; i < nsp; i++) rows += sp[i].rows;
    assert(rows <= T);
    j.n = rows * H;
    j.unit = rows >= 2 * KERN_ATTN_ROWS * pool_size(d->pool) ? KERN_ATTN_ROWS * H : H / sh->n_kv;
    run(&j, mac_ns(d, 4 * pairs * (double)H * sh->head_dim), slice_attn);
}

static void slice_attn_back(void *ctx, int ith, int nth) {
    const struct job *j = ctx;
    for (int64_t u = ith; u < j->n; u += nth)
        j->d->k.attn_back(j->y, j->y2, j->y3, j->a, j->b, j->c, j->e, j->sp, j->nsp, j->sh, scratch_of(j->d, ith), u, u + 1);
}

void op_attn_back(struct device *d, num *dq, num *dk, num *dv, const num *do_, const num *q, const num *o, const num *lse,
                  int64_t T, const struct attn_span *sp, int nsp, const struct attn_shape *sh) {
    struct job j = {.d = d, .y = dq, .y2 = dk, .y3 = dv, .a = do_, .b = q, .c = o, .e = lse, .sp = sp, .nsp = nsp, .sh = sh};
    double pairs;
    if (T <= 0) return;
    need_scratch(d, longest(sp, nsp, &pairs));
    j.n = (int64_t)nsp * sh->n_kv;
    j.unit = 1;
    run(&j, mac_ns(d, 8 * pairs * (double)sh->n_head * sh->head_dim), slice_attn_back);
}

/* ---- flat arrays and rows ------------------------------------------------------------------------------------------------------- */

SLOT(slice_glu) k->glu(j->y, j->a, j->b, (enum act_kind)j->act, a, b);
END void op_glu(struct device *d, num *h, const num *g, const num *u, enum act_kind act, int64_t n) {
    struct job j = {.d = d, .y = h, .a = g, .b = u, .act = (int)act, .n = n, .unit = 64};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)n, slice_glu);
}

SLOT(slice_glu_back) k->glu_back(j->y, j->y2, j->a, j->b, j->c, (enum act_kind)j->act, a, b);
END void op_glu_back(struct device *d, num *dg, num *du, const num *dh, const num *g, const num *u, enum act_kind act,
                     int64_t n) {
    struct job j = {.d = d, .y = dg, .y2 = du, .a = dh, .b = g, .c = u, .act = (int)act, .n = n, .unit = 64};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)n, slice_glu_back);
}

SLOT(slice_axpy) k->axpy(j->y, j->eps, j->a, a, b);
END void op_axpy(struct device *d, num *y, double a, const num *x, int64_t n) {
    struct job j = {.d = d, .y = y, .a = x, .eps = a, .n = n, .unit = 64};
    run(&j, 0.25 * (double)n, slice_axpy);
}

SLOT(slice_scale) k->scale(j->y, j->eps, j->a, a, b);
END void op_scale(struct device *d, num *y, double a, const num *x, int64_t n) {
    struct job j = {.d = d, .y = y, .a = x, .eps = a, .n = n, .unit = 64};
    run(&j, 0.25 * (double)n, slice_scale);
}

SLOT(slice_gather) k->gather(j->y, j->w, j->ids, a, b);
END void op_gather(struct device *d, num *y, const struct mat *w, const int32_t *ids, int64_t R) {
    struct job j = {.d = d, .y = y, .w = w, .ids = ids, .n = R, .unit = 1};
    run(&j, 0.5 * (double)R * (double)w->cols, slice_gather);
}

SLOT(slice_scatter_add) k->scatter_add(j->y, j->a, j->ids, j->T, j->K, a, b);
END void op_scatter_add(struct device *d, num *dw, const num *dy, const int32_t *ids, int64_t R, int64_t C) {
    struct job j = {.d = d, .y = dw, .a = dy, .ids = ids, .T = R, .K = C, .n = C, .unit = 32};
    run(&j, 0.5 * (double)R * (double)C, slice_scatter_add);
}

SLOT(slice_row_lse) k->row_lse(j->y, j->a, j->K, a, b);
END void op_row_lse(struct device *d, num *lse, const num *x, int64_t R, int64_t V) {
    struct job j = {.d = d, .y = lse, .a = x, .K = V, .n = R, .unit = 1};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)R * (double)V, slice_row_lse);
}

SLOT(slice_nll_seed) k->nll_seed(j->y, j->a, j->b, j->ids, j->K, a, b);
END void op_nll_seed(struct device *d, num *x, const num *lse, const num *coef, const int32_t *target, int64_t R, int64_t V) {
    struct job j = {.d = d, .y = x, .a = lse, .b = coef, .ids = target, .K = V, .n = R, .unit = 1};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)R * (double)V, slice_nll_seed);
}

SLOT(slice_softmax) k->softmax(j->y, j->K, j->eps, a, b);
END void op_softmax(struct device *d, num *x, int64_t R, int64_t V, double temp) {
    struct job j = {.d = d, .y = x, .K = V, .eps = temp, .n = R, .unit = 1};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)R * (double)V, slice_softmax);
}

SLOT(slice_adamw) k->adamw(j->y, j->y2, j->y3, j->a, j->eps, j->opt, a, b);
END void op_adamw(struct device *d, num *p, num *m, num *v, const num *g, double gscale, struct adamw o, int64_t n) {
    struct job j = {.d = d, .y = p, .y2 = m, .y3 = v, .a = g, .eps = gscale, .opt = o, .n = n, .unit = 64};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)n, slice_adamw);
}

double op_sumsq(struct device *d, const num *x, int64_t n) { return d->k.sumsq(x, n); }
double op_dot(struct device *d, const num *a, const num *b, int64_t n) { return d->k.dot(a, b, n); }
