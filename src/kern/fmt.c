/* The format table, and the formats without blocks.
 *
 *   F32  | f32 |            F16  | f16 |           BF16 | upper half of an f32 |          F64 | f64 |
 *
 * Blocks of 32 are in fmt_block.c, superblocks of 256 in fmt_super.c. All storage is little-endian, as GGUF is; numbers are read with
 * memcpy since rows of a mapped file need not be aligned. */
#include "kern/fmt_int.h"
#include "kern/kern_int.h"
#include <stdatomic.h>
#include <strings.h>

_Static_assert(sizeof(float) == 4 && sizeof(double) == 8, "IEEE floats");

static float bits_to_f32(uint32_t u) {
    float x;
    memcpy(&x, &u, 4);
    return x;
}

static uint32_t f32_to_bits(float x) {
    uint32_t u;
    memcpy(&u, &x, 4);
    return u;
}

/* f16: 1 sign, 5 exponent (bias 15), 10 fraction bits. A NaN keeps its payload and becomes quiet, as the hardware does it. */
float f16_to_f32(f16 h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = (h >> 10) & 31, f = h & 0x3ff;
    if (e == 31) return bits_to_f32(sign | 0x7f800000u | (f ? 0x400000u | f << 13 : 0));
    if (e == 0) { /* zero or subnormal: f 2^-24, exact in f32 */
        float x = (float)f * 0x1p-24f;
        return sign ? -x : x;
    }
    return bits_to_f32(sign | (e + 112) << 23 | f << 13);
}

f16 f32_to_f16(float x) {
    uint32_t u = f32_to_bits(x), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
    if (a > 0x7f800000) return (f16)(sign | 0x7e00 | (a >> 13 & 0x3ff)); /* NaN, made quiet */
    if (a >= 0x477ff000) return (f16)(sign | 0x7c00);                    /* rounds to 65536 or more: infinity */
    if (a < 0x38800000) {                                                /* subnormal half, or zero */
        /* Adding 0.5 puts the last kept bit (2^-24) at the last bit of the sum, and the addition rounds to even. */
        float m = bits_to_f32(a) + 0.5f;
        return (f16)(sign | (f32_to_bits(m) - 0x3f000000u));
    }
    a += 0xfff + (a >> 13 & 1); /* round to even at bit 13; a carry runs into the exponent as it should */
    return (f16)(sign | ((a >> 13) - (112u << 10)));
}

float bf16_to_f32(bf16 h) { return bits_to_f32((uint32_t)h << 16); }

bf16 f32_to_bf16(float x) {
    uint32_t u = f32_to_bits(x);
    if ((u & 0x7fffffff) > 0x7f800000) return (bf16)(u >> 16 | 0x40);
    return (bf16)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

void fmt_to_F32(float *y, const void *x, int64_t n) { memmove(y, x, (size_t)n * 4); }
void fmt_from_F32(void *y, const float *x, int64_t n) { memmove(y, x, (size_t)n * 4); }

void fmt_to_F64(float *y, const void *x, int64_t n) {
    const char *p = x;
    for (int64_t i = 0; i < n; i++) {
        double v;
        memcpy(&v, p + 8 * i, 8);
        y[i] = (float)v;
    }
}

void fmt_from_F64(void *y, const float *x, int64_t n) {
    char *p = y;
    for (int64_t i = 0; i < n; i++) {
        double v = x[i];
        memcpy(p + 8 * i, &v, 8);
    }
}

/* Whether the processor converts rows of f16 itself, as CANDOR_ISA allows; asked once. */
#if KERN_X86
static int has_halves(void) {
    enum { UNKNOWN, NO, YES };
    static atomic_int known = UNKNOWN;
    int is = atomic_load_explicit(&known, memory_order_relaxed);
    if (is == UNKNOWN) {
        is = dev_best_isa() >= ISA_AVX2 ? YES : NO;
        atomic_store_explicit(&known, is, memory_order_relaxed);
    }
    return is == YES;
}
#endif

void fmt_to_F16(float *y, const void *x, int64_t n) {
    const char *p = x;
    int64_t i = 0;
#if KERN_X86
    if (has_halves()) i = kern_avx2_from_halves(y, p, n);
#endif
    for (; i < n; i++) {
        f16 h;
        memcpy(&h, p + 2 * i, 2);
        y[i] = f16_to_f32(h);
    }
}

void fmt_from_F16(void *y, const float *x, int64_t n) {
    char *p = y;
    int64_t i = 0;
#if KERN_X86
    if (has_halves()) i = kern_avx2_to_halves(p, x, n);
#endif
    for (; i < n; i++) {
        f16 h = f32_to_f16(x[i]);
        memcpy(p + 2 * i, &h, 2);
    }
}

void fmt_to_BF16(float *y, const void *x, int64_t n) {
    const char *p = x;
    for (int64_t i = 0; i < n; i++) {
        bf16 h;
        memcpy(&h, p + 2 * i, 2);
        y[i] = bf16_to_f32(h);
    }
}

void fmt_from_BF16(void *y, const float *x, int64_t n) {
    char *p = y;
    for (int64_t i = 0; i < n; i++) {
        bf16 h = f32_to_bf16(x[i]);
        memcpy(p + 2 * i, &h, 2);
    }
}

static const struct fmt_row table[] = {
#define XX(id, name, text, block, bytes) {FMT_##name, text, block, bytes, block == 1, fmt_to_##name, fmt_from_##name},
    FMT_MAP(XX)
#undef XX
};
#define ROWS ((int)(sizeof table / sizeof *table))

const struct fmt_row *fmt_at(int i) { return i >= 0 && i < ROWS ? &table[i] : NULL; }

const struct fmt_row *fmt_find(int id) {
    for (int i = 0; i < ROWS; i++)
        if ((int)table[i].id == id) return &table[i];
    return NULL;
}

const struct fmt_row *fmt_by_name(const char *name) {
    for (int i = 0; i < ROWS; i++)
        if (!strcasecmp(table[i].name, name)) return &table[i];
    return NULL;
}

size_t fmt_row_bytes(enum fmt f, int64_t cols) {
    const struct fmt_row *r = fmt_find((int)f);
    if (!r || cols < 0 || cols % r->block) return 0;
    return (size_t)(cols / r->block) * (size_t)r->bytes;
}
