/* The CPU device: which kernels this processor gets, where buffers come from, and how an operation is cut over the pool.
 *
 * Cutting is by output only and kernels sum in an order that the cut cannot change, so how many threads take part is a matter of
 * speed alone: operations that last less than about SMALL_NS run on the calling thread. Costs are estimated in nanoseconds of one
 * thread from the sizes (rough on purpose: a factor of two either way does not matter). */
#include "kern/attn.h"
#include "kern/kern_int.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#if KERN_X86
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define SMALL_NS 20000

/* ---- which kernels ------------------------------------------------------------------------------------------------------------ */

static const char *const isa_names[] = {"ref", "avx2", "avx512", "amx"};

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

int kern_cpu_bf16(void) {
#if KERN_X86
    unsigned a, b, c, d;
    return kern_cpu_isa() >= ISA_AVX512 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
#else
    return 0;
#endif
}

/* AMX-TILE and AMX-BF16, tile state saved by the system, and the leave to use it: once per process, before any thread touches tiles. */
int kern_cpu_amx(void) {
#if KERN_X86
    unsigned a, b, c, d, lo, hi;
    if (!kern_cpu_bf16() || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 22 & 1) || !(d >> 24 & 1)) return 0;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    if ((lo >> 17 & 3) != 3) return 0;
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
    return 0;
#endif
}

int kern_cpu_vnni(void) {
#if KERN_X86
    unsigned a, b, c, d;
    return kern_cpu_isa() >= ISA_AVX512 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c >> 11 & 1) && (c >> 1 & 1);
#else
    return 0;
#endif
}

int kern_cpu_amx_int8(void) {
#if KERN_X86
    unsigned a, b, c, d;
    return kern_cpu_vnni() && kern_cpu_amx() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 25 & 1);
#else
    return 0;
#endif
}

static int isa_wanted(enum isa *out, struct err *e) {
    enum isa best = kern_cpu_isa();
    if (best == ISA_AVX512 && kern_cpu_amx()) best = ISA_AMX;
    const char *s = getenv("CANDOR_ISA");
    *out = best;
    if (!s || !*s) return 0;
    for (int i = ISA_REF; i <= ISA_AMX; i++)
        if (!strcmp(s, isa_names[i])) {
            *out = (int)best < i ? best : (enum isa)i;
            return 0;
        }
    return fail(e, ERR_ARG, "CANDOR_ISA: expected ref, avx2, avx512 or amx, found \"%s\"", s);
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
    d->attn = calloc(1, sizeof *d->attn);
    if (!d->attn) {
        dev_close(d);
        return fail(e, ERR_NOMEM, "no memory for a device");
    }
    d->attn->threads = pool_size(d->pool), d->attn->num_bytes = d->num_bytes;
    if (oracle) isa = ISA_REF;
    d->isa = isa;
    d->name = oracle ? "ref64" : isa_names[isa];
    if (oracle)
        kern_fill_ref64(&d->k);
    else
        kern_fill_ref32(&d->k);
    kern_fill_ref32_bf(&d->bf);
    kern_fill_ref32_q8(&d->q8);
#if KERN_X86
    if (isa >= ISA_AVX2) kern_fill_avx2(&d->k);
    if (isa >= ISA_AVX512) kern_fill_avx512(&d->k);
    d->has_bf16 = isa >= ISA_AVX512 && kern_cpu_bf16();
    if (d->has_bf16) kern_fill_avx512bf_attn(&d->k);
    if (d->has_bf16) kern_fill_avx512bf(&d->bf);
    if (isa >= ISA_AMX) kern_fill_amx(&d->bf);
    d->has_int8 = isa >= ISA_AVX512 && kern_cpu_vnni();
    if (d->has_int8) kern_fill_avx512vnni(&d->q8);
    if (d->has_int8 && isa >= ISA_AMX && kern_cpu_amx_int8()) kern_fill_amx_q8(&d->q8);
#endif
    d->precision = PREC_FULL;
    rc = dev_reserve(d, 64, 16, e);
    if (rc < 0) {
        dev_close(d);
        return rc;
    }
    *out = d;
    return 0;
}

static const char *const precision_names[] = {"auto", "full", "bf16", "int8"};
const char *precision_name(enum precision p) { return precision_names[p]; }

int precision_parse(const char *s, enum precision *out, struct err *e) {
    for (int i = PREC_AUTO; i <= PREC_INT8; i++)
        if (!strcmp(s, precision_names[i])) {
            *out = (enum precision)i;
            return 0;
        }
    return fail(e, ERR_ARG, "precision: expected auto, full, bf16 or int8, found \"%s\"", s);
}

int dev_set_precision(struct device *d, enum precision p, struct err *e) {
    if (p == PREC_BF16 && !d->has_bf16 && d->isa != ISA_REF)
        return fail(
            e, ERR_UNSUPPORTED,
            "precision bf16: expected a CPU with bf16 products (AVX512_BF16 or AMX), found %s; auto uses them where they are",
            d->name);
    if (p == PREC_INT8 && !d->has_int8 && d->isa != ISA_REF)
        return fail(e, ERR_UNSUPPORTED,
                    "precision int8: expected a CPU with dot products of bytes (AVX512_VNNI and VBMI), found %s", d->name);
    d->precision = d->num_bytes == sizeof(double) ? PREC_FULL : p;
    return 0;
}

int dev_is_bf16(const struct device *d, enum fmt f) {
    if (d->precision == PREC_FULL || f == FMT_F64) return 0;
    return d->precision == PREC_BF16 || (d->has_bf16 && f != FMT_F32);
}

int dev_is_int8(const struct device *d, enum fmt f) {
    if (d->precision != PREC_INT8) return 0;
    switch (f) {
    case FMT_Q8_0:
    case FMT_Q4_0:
    case FMT_Q4_1:
    case FMT_Q5_0:
    case FMT_Q5_1:
    case FMT_Q4_K:
    case FMT_Q5_K:
    case FMT_Q6_K: return 1;
    default: return 0;
    }
}

int dev_reserve_rounded(struct device *d, int factor, int64_t n, struct err *e) {
    if (n <= d->rounded_room[factor]) return 0;
    if (n > INT64_MAX / 8) return fail(e, ERR_RANGE, "rounded activations: %lld elements", (long long)n);
    void *p = zeroed((size_t)n * sizeof(bf16));
    if (!p) return fail(e, ERR_NOMEM, "no memory for %lld rounded activations", (long long)n);
    free(d->rounded[factor]);
    d->rounded[factor] = p;
    d->rounded_room[factor] = n;
    return 0;
}

void dev_close(struct device *d) {
    if (!d) return;
    free(d->rounded[0]), free(d->rounded[1]);
    pool_free(d->pool);
    if (d->attn) attn_mem_free(d->attn);
    free(d->attn);
    free(d);
}

int dev_reserve(struct device *d, int head_dim, int n_head, struct err *e) {
    return attn_mem_reserve(d->attn, head_dim, n_head, e);
}

num *dev_alloc(struct device *d, int64_t n) {
    if (n < 0 || (uint64_t)n > SIZE_MAX / 16) return NULL;
    return zeroed((size_t)n * d->num_bytes);
}

/* Large blocks on large pages, where the system gives them: attention at depth otherwise waits for address translation. */
void *dev_alloc_bytes(struct device *d, int64_t bytes) {
    const size_t huge = (size_t)2 << 20;
    (void)d;
    if (bytes < 0 || (uint64_t)bytes > SIZE_MAX / 16) return NULL;
    if ((size_t)bytes < 2 * huge) return zeroed((size_t)bytes);
    size_t n = ((size_t)bytes + huge - 1) / huge * huge;
    void *p = aligned_alloc(huge, n);
#ifdef MADV_HUGEPAGE
    if (p) madvise(p, n, MADV_HUGEPAGE);
#endif
    if (p) memset(p, 0, (size_t)bytes);
    return p;
}

void dev_free(struct device *d, void *p) {
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
    bf16 *h; /* rounded activations */
    const bf16 *h2;
    const struct q8_block *q; /* activations of eight bits */
    const struct mat *w;
    const int32_t *ids;
    const struct kv_ref *kv;
    const double *freq;
    double *part;
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

/* A slice: the part [a, b) of the output that thread ith of nth computes, by one call of a slot. */
#define SLICE(name, call)                           \
    static void name(void *ctx, int ith, int nth) { \
        const struct job *j = ctx;                  \
        const struct kernels *k = &j->d->k;         \
        (void)k;                                    \
        int64_t a, b;                               \
        slice(j->n, j->unit, ith, nth, &a, &b);     \
        if (a < b) call;                            \
    }

/* ns of one multiply-add in each table: about 1.2, 15 and 40 per ns */
static double mac_ns(const struct device *d, double macs) {
    return macs / (d->isa >= ISA_AVX512 ? 40 : d->isa == ISA_AVX2 ? 15 : 1.2);
}

static const num *row_of(const struct device *d, const num *p, int64_t i) { return num_at(d, p, i); }

/* Weights come from memory at about 16 bytes per ns and thread; bf16 products are about twice as fast as float ones. */
static double product_ns(const struct device *d, int bf, int64_t T, const struct mat *w) {
    double macs = mac_ns(d, (double)T * (double)w->rows * (double)w->cols), bytes = (double)w->rows * (double)w->row_bytes / 16;
    if (bf && d->has_bf16) macs /= 2;
    return macs > bytes ? macs : bytes;
}

static int64_t up32(int64_t n) { return (n + 31) / 32 * 32; }

/* ---- activations as bf16 ---- */

static void need_bf(struct device *d, int factor, int64_t n) {
    struct err e = ERR_INIT;
    if (dev_reserve_rounded(d, factor, n, &e) < 0) {
        fprintf(stderr, "bf16 products: %s\n", e.msg);
        abort();
    }
}

enum bf_layout { BF_ROWS, BF_PACK, BF_PAIRS, BF_COLS };
static void bf_slice(const struct job *j, int64_t a, int64_t b) {
    const struct bf_kernels *k = &j->d->bf;
    if (j->act == BF_ROWS) k->rows(j->h, j->a, j->ldx, j->K, a, b);
    if (j->act == BF_PACK) k->pack(j->h, j->a, j->ldx, j->T, j->K, a, b);
    if (j->act == BF_PAIRS) k->pairs(j->h, j->a, j->ldx, j->T, j->K, a, b);
    if (j->act == BF_COLS) k->cols(j->h, j->a, j->ldx, j->T, j->K, a, b);
}
SLICE(slice_bf, bf_slice(j, a, b))

/* x[T, C] rounded into the device's buffer number `which` */
static const bf16 *bf_of(struct device *d, int which, enum bf_layout layout, const num *x, int64_t ldx, int64_t T, int64_t C) {
    need_bf(d, which, up32(T) * up32(C));
    struct job j = {.d = d, .h = d->rounded[which], .a = x, .ldx = ldx, .T = T, .K = C, .act = (int)layout};
    j.n = layout == BF_PAIRS ? up32(T) / 2 : layout == BF_COLS ? C : T;
    j.unit = layout == BF_PAIRS ? 1 : layout == BF_COLS ? 16 : 32;
    run(&j, 0.2 * (double)T * (double)C, slice_bf);
    return j.h;
}

static void q8_slice(const struct job *j, int64_t a, int64_t b) {
    j->d->q8.pack((struct q8_block *)(uintptr_t)j->q, j->a, j->ldx, j->K, a, b);
}
SLICE(slice_q8, q8_slice(j, a, b))

/* x[T, C] of eight bits, in the second buffer: products of one x may want it rounded to bf16 as well */
static const struct q8_block *q8_of(struct device *d, const num *x, int64_t ldx, int64_t T, int64_t C) {
    need_bf(d, 1, up32(T) * up32(C));
    _Static_assert(sizeof(struct q8_block) <= 32 * sizeof(bf16), "fits where bf16 fits");
    struct job j = {
        .d = d, .q = (const struct q8_block *)(const void *)d->rounded[1], .a = x, .ldx = ldx, .K = C, .n = T, .unit = 4};
    run(&j, 0.4 * (double)T * (double)C, slice_q8);
    return j.q;
}

/* ---- y = x Wᵀ: few columns and many rows are cut by rows (weights are then decoded once per thread), the others by columns ---- */

static void matmul_t_slice(const struct job *j, int64_t a, int64_t b) {
    const struct kernels *k = &j->d->k;
    int64_t t0 = j->by_rows ? a : 0, T = j->by_rows ? b - a : j->T, n0 = j->by_rows ? 0 : a, n1 = j->by_rows ? j->N : b;
    if (j->q)
        j->d->q8.matmul_t(num_at(j->d, j->y, t0 * j->ldy), j->ldy, j->q + t0 * (j->w->cols / 32), T, j->w, j->b, j->acc, n0, n1);
    else if (j->h)
        j->d->bf.matmul_t(num_at(j->d, j->y, t0 * j->ldy), j->ldy, j->h + t0 * up32(j->w->cols), T, j->w, j->b, j->acc, n0, n1);
    else
        k->matmul_t(num_at(j->d, j->y, t0 * j->ldy), j->ldy, row_of(j->d, j->a, t0 * j->ldx), j->ldx, T, j->w, j->b, j->acc, n0,
                    n1);
}
SLICE(slice_matmul_t, matmul_t_slice(j, a, b))

static struct job product_job(struct device *d, const struct product *p, const bf16 *h, const num *x, int64_t ldx, int64_t T,
                              int acc) {
    struct job j = {.d = d,
                    .y = p->y,
                    .ldy = p->ldy,
                    .h = (bf16 *)(uintptr_t)h,
                    .a = x,
                    .ldx = ldx,
                    .T = T,
                    .w = p->w,
                    .b = p->bias,
                    .acc = acc,
                    .N = p->w->rows};
    int64_t nth = pool_size(d->pool);
    j.by_rows = p->w->rows < 32 * nth && T >= 8 * nth;
    j.n = j.by_rows ? T : p->w->rows;
    j.unit = j.by_rows ? (h ? 32 : 6) : 16;
    return j;
}

void op_matmul_t(struct device *d, num *y, int64_t ldy, const num *x, int64_t ldx, int64_t T, const struct mat *w,
                 const num *bias, int acc) {
    if (T <= 0 || w->rows <= 0) return;
    int bf = dev_is_bf16(d, w->fmt);
    struct job j =
        product_job(d, &(struct product){y, ldy, w, bias}, bf ? bf_of(d, 0, BF_PACK, x, ldx, T, w->cols) : NULL, x, ldx, T, acc);
    run(&j, product_ns(d, bf, T, w), slice_matmul_t);
}

struct jobs {
    struct job j[4];
    int n;
};
static void slice_products(void *ctx, int ith, int nth) {
    struct jobs *all = ctx;
    for (int i = 0; i < all->n; i++) slice_matmul_t(&all->j[i], ith, nth);
}

static void products(struct device *d, const struct product *p, int n, const num *x, int64_t ldx, int64_t T, int may_int8) {
    struct jobs all = {.n = n};
    const bf16 *h = NULL;
    const struct q8_block *q = NULL;
    double ns = 0;
    int64_t most = 0;
    assert(n <= 4);
    if (T <= 0) return;
    for (int i = 0; i < n; i++) {
        int int8 = may_int8 && dev_is_int8(d, p[i].w->fmt), bf = !int8 && dev_is_bf16(d, p[i].w->fmt);
        if (bf && !h) h = bf_of(d, 0, BF_PACK, x, ldx, T, p[i].w->cols);
        if (int8 && !q) q = q8_of(d, x, ldx, T, p[i].w->cols);
        all.j[i] = product_job(d, &p[i], bf ? h : NULL, x, ldx, T, 0);
        if (int8) {
            all.j[i].q = q;
            if (all.j[i].by_rows) all.j[i].unit = 32;
        }
        ns += product_ns(d, bf || int8, T, p[i].w);
        if (all.j[i].n > most) most = all.j[i].n;
    }
    pool_run(ns < SMALL_NS || most <= 16 ? NULL : d->pool, slice_products, &all);
}

void op_matmul_t_all(struct device *d, const struct product *p, int n, const num *x, int64_t ldx, int64_t T) {
    products(d, p, n, x, ldx, T, 0);
}

void op_forward_t(struct device *d, const struct product *p, int n, const num *x, int64_t ldx, int64_t T) {
    products(d, p, n, x, ldx, T, 1);
}

static void matmul_n_slice(const struct job *j, int64_t a, int64_t b) {
    if (j->h)
        j->d->bf.matmul_n(j->y, j->ldx, j->h, j->T, j->w, j->b, j->acc, a, b);
    else if (j->by_rows)
        j->d->k.matmul_n(num_at(j->d, j->y, a * j->ldx), j->ldx, row_of(j->d, j->a, a * j->ldy), j->ldy, b - a, j->w, j->b,
                         j->acc, 0, j->K);
    else
        j->d->k.matmul_n(j->y, j->ldx, j->a, j->ldy, j->T, j->w, j->b, j->acc, a, b);
}
SLICE(slice_matmul_n, matmul_n_slice(j, a, b))

void op_matmul_n(struct device *d, num *dx, int64_t ldx, const num *dy, int64_t ldy, int64_t T, const struct mat *w,
                 const num *bias, int acc) {
    int64_t nth = pool_size(d->pool), block = fmt_find((int)w->fmt)->block;
    struct job j = {.d = d, .y = dx, .ldx = ldx, .a = dy, .ldy = ldy, .T = T, .w = w, .b = bias, .acc = acc, .K = w->cols};
    if (T <= 0 || w->cols <= 0) return;
    int bf = dev_is_bf16(d, w->fmt);
    if (bf) j.h = (bf16 *)(uintptr_t)bf_of(d, 0, BF_ROWS, dy, ldy, T, w->rows);
    j.by_rows = !bf && T >= 48 * nth;
    j.n = j.by_rows ? T : w->cols;
    j.unit = j.by_rows ? 6 : block > 64 ? block : 64;
    if (!bf && !j.by_rows && block <= 32) j.unit = 32;
    run(&j, product_ns(d, bf, T, w), slice_matmul_n);
}

static void matmul_dw_slice(const struct job *j, int64_t a, int64_t b) {
    if (j->h)
        j->d->bf.matmul_dw(j->y, j->h, j->h2, j->T, j->K, a, b);
    else
        j->d->k.matmul_dw(j->y, j->a, j->ldy, j->b, j->ldx, j->T, j->N, j->K, a, b);
}
SLICE(slice_matmul_dw, matmul_dw_slice(j, a, b))

void op_matmul_dw(struct device *d, num *dw, const num *dy, int64_t ldy, const num *x, int64_t ldx, int64_t T, int64_t N,
                  int64_t K) {
    struct job j = {.d = d, .y = dw, .a = dy, .ldy = ldy, .b = x, .ldx = ldx, .T = T, .N = N, .K = K, .n = N, .unit = 6};
    if (T <= 0 || K <= 0 || N <= 0) return;
    double ns = mac_ns(d, (double)T * (double)N * (double)K);
    if (dev_is_bf16(d, FMT_F32)) { /* gradients are floats: only where bf16 is asked for by name */
        j.h = (bf16 *)(uintptr_t)bf_of(d, 0, BF_COLS, dy, ldy, T, N);
        j.h2 = bf_of(d, 1, BF_PAIRS, x, ldx, T, K);
        j.unit = 16;
        if (d->has_bf16) ns /= 2;
    }
    run(&j, ns, slice_matmul_dw);
}

SLICE(slice_kept, j->d->bf.floats(j->y, j->h, j->K, a, b))
void op_keep(struct device *d, bf16 *dst, const num *x, int64_t T, int64_t C) {
    struct job j = {.d = d, .h = dst, .a = x, .ldx = C, .T = T, .K = C, .act = BF_ROWS, .n = T, .unit = 1};
    run(&j, 0.1 * (double)T * (double)C, slice_bf);
}
void op_kept(struct device *d, num *y, const bf16 *x, int64_t T, int64_t C) {
    struct job j = {.d = d, .y = y, .h = (bf16 *)(uintptr_t)x, .K = C, .n = T, .unit = 1};
    run(&j, 0.1 * (double)T * (double)C, slice_kept);
}

SLICE(slice_bias_dw, k->bias_dw(j->y, j->a, j->ldy, j->T, a, b))
void op_bias_dw(struct device *d, num *db, const num *dy, int64_t ldy, int64_t T, int64_t N) {
    struct job j = {.d = d, .y = db, .a = dy, .ldy = ldy, .T = T, .n = N, .unit = 32};
    if (T > 0) run(&j, 0.25 * (double)T * (double)N, slice_bias_dw);
}

SLICE(slice_rmsnorm, k->rmsnorm(j->y, j->a, j->b, j->K, j->eps, a, b))
void op_rmsnorm(struct device *d, num *y, const num *x, const num *w, int64_t R, int64_t C, double eps) {
    struct job j = {.d = d, .y = y, .a = x, .b = w, .K = C, .eps = eps, .n = R, .unit = 1};
    run(&j, 0.25 * (double)R * (double)C, slice_rmsnorm);
}

SLICE(slice_rmsnorm_back, k->rmsnorm_back(j->y, j->a, j->b, j->c, j->K, j->eps, j->acc, a, b))
void op_rmsnorm_back(struct device *d, num *dx, const num *dy, const num *x, const num *w, int64_t R, int64_t C, double eps,
                     int acc) {
    struct job j = {.d = d, .y = dx, .a = dy, .b = x, .c = w, .K = C, .eps = eps, .acc = acc, .n = R, .unit = 1};
    run(&j, 0.5 * (double)R * (double)C, slice_rmsnorm_back);
}

SLICE(slice_rmsnorm_dw, k->rmsnorm_dw(j->y, j->a, j->b, j->T, j->K, j->eps, a, b))
void op_rmsnorm_dw(struct device *d, num *dw, const num *dy, const num *x, int64_t R, int64_t C, double eps) {
    struct job j = {.d = d, .y = dw, .a = dy, .b = x, .T = R, .K = C, .eps = eps, .n = C, .unit = 32};
    run(&j, 0.25 * (double)R * (double)C, slice_rmsnorm_dw);
}

SLICE(slice_layernorm, k->layernorm(j->y, j->a, j->b, j->c, j->K, j->eps, a, b))
void op_layernorm(struct device *d, num *y, const num *x, const num *w, const num *b, int64_t R, int64_t C, double eps) {
    struct job j = {.d = d, .y = y, .a = x, .b = w, .c = b, .K = C, .eps = eps, .n = R, .unit = 1};
    run(&j, 1.0 * (double)R * (double)C, slice_layernorm);
}

SLICE(slice_layernorm_back, k->layernorm_back(j->y, j->a, j->b, j->c, j->K, j->eps, j->acc, a, b))
void op_layernorm_back(struct device *d, num *dx, const num *dy, const num *x, const num *w, int64_t R, int64_t C, double eps,
                       int acc) {
    struct job j = {.d = d, .y = dx, .a = dy, .b = x, .c = w, .K = C, .eps = eps, .acc = acc, .n = R, .unit = 1};
    run(&j, 1.0 * (double)R * (double)C, slice_layernorm_back);
}

SLICE(slice_layernorm_dw, k->layernorm_dw(j->y, j->y2, j->a, j->b, j->T, j->K, j->eps, a, b))
void op_layernorm_dw(struct device *d, num *dw, num *db, const num *dy, const num *x, int64_t R, int64_t C, double eps) {
    struct job j = {.d = d, .y = dw, .y2 = db, .a = dy, .b = x, .T = R, .K = C, .eps = eps, .n = C, .unit = 32};
    run(&j, 1.0 * (double)R * (double)C, slice_layernorm_dw);
}

SLICE(slice_rope, k->rope(j->y, j->ldx, j->nh, j->D, j->rot, j->a, (enum rope_style)j->st, j->back, a, b))
void op_rope(struct device *d, num *x, int64_t ldx, int64_t R, int nh, int D, int rot, const num *cs, enum rope_style st,
             int back) {
    struct job j = {
        .d = d, .y = x, .ldx = ldx, .nh = nh, .D = D, .rot = rot, .a = cs, .st = (int)st, .back = back, .n = R, .unit = 1};
    run(&j, 0.25 * (double)R * nh * D, slice_rope);
}

static void move_slice(const struct job *j, int64_t a, int64_t b) {
    size_t bytes = (size_t)(b - a) * j->d->num_bytes;
    if (j->a)
        memmove(num_at(j->d, j->y, a), row_of(j->d, j->a, a), bytes);
    else
        memset(num_at(j->d, j->y, a), 0, bytes);
}
SLICE(slice_move, move_slice(j, a, b))

void dev_copy(struct device *d, num *dst, const num *src, int64_t n) {
    struct job j = {.d = d, .y = dst, .a = src, .n = n, .unit = 64};
    if (num_at(d, dst, n) > src && num_at(d, (num *)(uintptr_t)src, n) > dst) j.unit = n; /* they overlap: in one piece */
    run(&j, 0.25 * (double)n, slice_move);
}

void dev_zero(struct device *d, num *dst, int64_t n) {
    struct job j = {.d = d, .y = dst, .n = n, .unit = 64};
    run(&j, 0.15 * (double)n, slice_move);
}

/* Whoever plans memory has reserved enough; if not, grow here rather than write past the end. */
static void need_attn(struct device *d, const struct attn_shape *sh) {
    struct err e = ERR_INIT;
    if (dev_reserve(d, sh->head_dim, sh->n_head, &e) < 0) {
        fprintf(stderr, "attention scratch: %s\n", e.msg);
        abort();
    }
}

SLICE(slice_angles, k->angles(j->y, j->freq, j->rot / 2, j->eps, j->T, a, b))
void op_angles(struct device *d, num *cs, const double *freq, int half, double m, int64_t pos0, int64_t R) {
    struct job j = {.d = d, .y = cs, .freq = freq, .rot = 2 * half, .eps = m, .T = pos0, .n = R, .unit = 1};
    run(&j, 12.0 * (double)R * half, slice_angles);
}

SLICE(slice_kv_store, k->kv_store(j->kv, j->K, j->T, j->a, j->b, a, b))
void op_kv_store(struct device *d, const struct kv_ref *kv, int64_t row_len, int64_t pos, const num *k, const num *v,
                 int64_t rows) {
    struct job j = {.d = d, .kv = kv, .K = row_len, .T = pos, .a = k, .b = v, .n = rows, .unit = 1};
    run(&j, 0.2 * (double)rows * (double)row_len, slice_kv_store);
}

void op_attn(struct device *d, num *o, num *lse, const num *q, int64_t T, const struct attn_span *sp, int nsp,
             const struct attn_shape *sh) {
    need_attn(d, sh);
    if (T > 0) attn_forward(&d->k, d->pool, d->attn, o, lse, q, sp, nsp, sh);
}

void op_attn_back(struct device *d, num *dq, num *dk, num *dv, const num *do_, const num *q, const num *o, const num *lse,
                  int64_t T, const struct attn_span *sp, int nsp, const struct attn_shape *sh) {
    need_attn(d, sh);
    if (T > 0) attn_backward(&d->k, d->pool, d->attn, dq, dk, dv, do_, q, o, lse, sp, nsp, sh);
}

/* ---- flat arrays and rows ------------------------------------------------------------------------------------------------------- */

SLICE(slice_glu, k->glu(j->y, j->a, j->b, (enum act_kind)j->act, a, b))
void op_glu(struct device *d, num *h, const num *g, const num *u, enum act_kind act, int64_t n) {
    struct job j = {.d = d, .y = h, .a = g, .b = u, .act = (int)act, .n = n, .unit = 64};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)n, slice_glu);
}

SLICE(slice_glu_back, k->glu_back(j->y, j->y2, j->a, j->b, j->c, (enum act_kind)j->act, a, b))
void op_glu_back(struct device *d, num *dg, num *du, const num *dh, const num *g, const num *u, enum act_kind act, int64_t n) {
    struct job j = {.d = d, .y = dg, .y2 = du, .a = dh, .b = g, .c = u, .act = (int)act, .n = n, .unit = 64};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)n, slice_glu_back);
}

SLICE(slice_add, k->add(j->y, j->a, j->b, a, b))
void op_add(struct device *d, num *y, const num *a, const num *b, int64_t n) {
    struct job j = {.d = d, .y = y, .a = a, .b = b, .n = n, .unit = 64};
    run(&j, 0.25 * (double)n, slice_add);
}

SLICE(slice_axpy, k->axpy(j->y, j->eps, j->a, a, b))
void op_axpy(struct device *d, num *y, double a, const num *x, int64_t n) {
    struct job j = {.d = d, .y = y, .a = x, .eps = a, .n = n, .unit = 64};
    run(&j, 0.25 * (double)n, slice_axpy);
}

SLICE(slice_scale, k->scale(j->y, j->eps, j->a, a, b))
void op_scale(struct device *d, num *y, double a, const num *x, int64_t n) {
    struct job j = {.d = d, .y = y, .a = x, .eps = a, .n = n, .unit = 64};
    run(&j, 0.25 * (double)n, slice_scale);
}

SLICE(slice_gather, k->gather(j->y, j->w, j->ids, a, b))
void op_gather(struct device *d, num *y, const struct mat *w, const int32_t *ids, int64_t R) {
    struct job j = {.d = d, .y = y, .w = w, .ids = ids, .n = R, .unit = 1};
    run(&j, 0.5 * (double)R * (double)w->cols, slice_gather);
}

SLICE(slice_scatter_add, k->scatter_add(j->y, j->a, j->ids, j->T, j->K, a, b))
void op_scatter_add(struct device *d, num *dw, const num *dy, const int32_t *ids, int64_t R, int64_t C) {
    struct job j = {.d = d, .y = dw, .a = dy, .ids = ids, .T = R, .K = C, .n = C, .unit = 32};
    run(&j, 0.5 * (double)R * (double)C, slice_scatter_add);
}

SLICE(slice_row_lse, k->row_lse(j->y, j->a, j->K, a, b))
void op_row_lse(struct device *d, num *lse, const num *x, int64_t R, int64_t V) {
    struct job j = {.d = d, .y = lse, .a = x, .K = V, .n = R, .unit = 1};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)R * (double)V, slice_row_lse);
}

SLICE(slice_nll_seed, k->nll_seed(j->y, j->a, j->b, j->ids, j->K, a, b))
void op_nll_seed(struct device *d, num *x, const num *lse, const num *coef, const int32_t *target, int64_t R, int64_t V) {
    struct job j = {.d = d, .y = x, .a = lse, .b = coef, .ids = target, .K = V, .n = R, .unit = 1};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)R * (double)V, slice_nll_seed);
}

SLICE(slice_softmax, k->softmax(j->y, j->K, j->eps, a, b))
void op_softmax(struct device *d, num *x, int64_t R, int64_t V, double temp) {
    struct job j = {.d = d, .y = x, .K = V, .eps = temp, .n = R, .unit = 1};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)R * (double)V, slice_softmax);
}

SLICE(slice_adamw, k->adamw(j->y, j->y2, j->y3, j->a, j->eps, j->opt, a, b))
void op_adamw(struct device *d, num *p, num *m, num *v, const num *g, double gscale, struct adamw o, int64_t n) {
    struct job j = {.d = d, .y = p, .y2 = m, .y3 = v, .a = g, .eps = gscale, .opt = o, .n = n, .unit = 64};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)n, slice_adamw);
}

/* The slots add blocks of SUM_BLOCK in order: so each block can be had by itself, and they are added here. */
enum { SUM_BLOCK = 4096, SUM_ROUND = 512 };
static void sum_blocks(const struct job *j, int64_t i0, int64_t i1) {
    for (int64_t i = i0; i < i1; i++) {
        int64_t at = i * SUM_BLOCK, n = j->K - at < SUM_BLOCK ? j->K - at : SUM_BLOCK;
        const num *a = row_of(j->d, j->a, at);
        j->part[i] = j->b ? j->d->k.dot(a, row_of(j->d, j->b, at), n) : j->d->k.sumsq(a, n);
    }
}
SLICE(slice_sum, sum_blocks(j, a, b))

static double sum_of(struct device *d, const num *a, const num *b, int64_t n) {
    double part[SUM_ROUND], sum = 0;
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < SUM_ROUND * SUM_BLOCK ? n - i : SUM_ROUND * SUM_BLOCK;
        struct job j = {.d = d, .part = part, .a = row_of(d, a, i), .b = b ? row_of(d, b, i) : NULL, .K = m, .unit = 1};
        j.n = (m + SUM_BLOCK - 1) / SUM_BLOCK;
        run(&j, 0.25 * (double)m, slice_sum);
        for (int64_t k = 0; k < j.n; k++) sum += part[k];
    }
    return sum;
}

double op_sumsq(struct device *d, const num *x, int64_t n) { return sum_of(d, x, NULL, n); }
double op_dot(struct device *d, const num *a, const num *b, int64_t n) { return sum_of(d, a, b, n); }
