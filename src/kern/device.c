/* The CPU device: its tables of kernels, its threads, its buffers, and the border that numbers cross. */
#include "kern/attn.h"
#include "kern/kern_int.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void *zeroed(size_t bytes) {
    if (bytes > SIZE_MAX - 128) return NULL;
    size_t n = (bytes + 63) / 64 * 64;
    void *p = aligned_alloc(64, n ? n : 64);
    if (p) memset(p, 0, n ? n : 64);
    return p;
}

int dev_open(struct device **out, int threads, int oracle, struct err *e) {
    enum isa isa;
    TRY(kern_isa_wanted(&isa, e));
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
    d->name = oracle ? "ref64" : kern_isa_names[isa];
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
    case FMT_Q2_K:
    case FMT_Q3_K:
    case FMT_Q4_K:
    case FMT_Q5_K:
    case FMT_Q6_K:
    case FMT_IQ4_NL:
    case FMT_IQ4_XS: return 1;
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
    for (int i = 0; i < 3; i++) free(d->rounded[i]);
    pool_free(d->pool);
    if (d->attn) attn_mem_free(d->attn);
    free(d->attn);
    free(d);
}

int dev_reserve(struct device *d, int head_dim, int n_head, struct err *e) {
    return attn_mem_reserve(d->attn, head_dim, n_head, e);
}

int64_t dev_scratch_bytes(const struct device *d, int head_dim, int n_head, int64_t rounded) {
    int factors = d->precision == PREC_FULL ? 0 : d->precision == PREC_INT8 ? 2 : 1;
    int64_t bytes = attn_mem_bytes(d->attn, head_dim, n_head);
    for (int i = 0; i < 2; i++) {
        int64_t want = i < factors ? rounded : 0, has = d->rounded_room[i];
        bytes += (int64_t)sizeof(bf16) * (want > has ? want : has);
    }
    return bytes;
}

num *dev_alloc(struct device *d, int64_t n) {
    if (n < 0 || (uint64_t)n > SIZE_MAX / 16) return NULL;
    return zeroed((size_t)n * d->num_bytes);
}

enum { HUGE = 2 << 20 };
int64_t dev_block_bytes(int64_t bytes) { return bytes < 2 * HUGE ? bytes : (bytes + HUGE - 1) / HUGE * HUGE; }

/* Large blocks on large pages, where the system gives them: attention at depth otherwise waits for address translation. */
void *dev_alloc_bytes(struct device *d, int64_t bytes) {
    (void)d;
    if (bytes < 0 || (uint64_t)bytes > SIZE_MAX / 16) return NULL;
    if (bytes < 2 * HUGE) return zeroed((size_t)bytes);
    size_t n = (size_t)dev_block_bytes(bytes);
    void *p = aligned_alloc(HUGE, n);
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
