/* The format table: how each storage format becomes float and back.
 *
 *   F32  | f32 |            F16  | f16 |           BF16 | upper half of an f32 |          F64 | f64 |
 *   Q8_0 | f16 d | int8 q[32] |            x = d q                   34 bytes for 32 elements
 *   Q4_0 | f16 d | byte b[16] |            x = d (nibble - 8)        18 bytes for 32 elements
 *          element i of 0..15 is the low nibble of b[i], element i + 16 the high nibble of b[i]
 *
 * The quantisers repeat ggml's reference arithmetic operation by operation, so that files come out byte for byte the same. All
 * storage is little-endian, as GGUF is; blocks are read with memcpy since rows of a mapped file need not be aligned. */
#include "kern/fmt.h"
#include <math.h>
#include <string.h>
#include <strings.h>

#define QK 32
struct block_q8_0 {
    f16 d;
    int8_t q[QK];
};
struct block_q4_0 {
    f16 d;
    uint8_t b[QK / 2];
};
_Static_assert(sizeof(struct block_q8_0) == 34, "Q8_0 is 34 bytes");
_Static_assert(sizeof(struct block_q4_0) == 18, "Q4_0 is 18 bytes");
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

static void to_F32(float *y, const void *x, int64_t n) { memmove(y, x, (size_t)n * 4); }
static void from_F32(void *y, const float *x, int64_t n) { memmove(y, x, (size_t)n * 4); }

static void to_F64(float *y, const void *x, int64_t n) {
    const char *p = x;
    for (int64_t i = 0; i < n; i++) {
        double v;
        memcpy(&v, p + 8 * i, 8);
        y[i] = (float)v;
    }
}

static void from_F64(void *y, const float *x, int64_t n) {
    char *p = y;
    for (int64_t i = 0; i < n; i++) {
        double v = x[i];
        memcpy(p + 8 * i, &v, 8);
    }
}

static void to_F16(float *y, const void *x, int64_t n) {
    const char *p = x;
    for (int64_t i = 0; i < n; i++) {
        f16 h;
        memcpy(&h, p + 2 * i, 2);
        y[i] = f16_to_f32(h);
    }
}

static void from_F16(void *y, const float *x, int64_t n) {
    char *p = y;
    for (int64_t i = 0; i < n; i++) {
        f16 h = f32_to_f16(x[i]);
        memcpy(p + 2 * i, &h, 2);
    }
}

static void to_BF16(float *y, const void *x, int64_t n) {
    const char *p = x;
    for (int64_t i = 0; i < n; i++) {
        bf16 h;
        memcpy(&h, p + 2 * i, 2);
        y[i] = bf16_to_f32(h);
    }
}

static void from_BF16(void *y, const float *x, int64_t n) {
    char *p = y;
    for (int64_t i = 0; i < n; i++) {
        bf16 h = f32_to_bf16(x[i]);
        memcpy(p + 2 * i, &h, 2);
    }
}

static void to_Q8_0(float *y, const void *x, int64_t n) {
    const char *p = x;
    for (int64_t i = 0; i < n; i += QK, p += sizeof(struct block_q8_0)) {
        struct block_q8_0 b;
        memcpy(&b, p, sizeof b);
        float d = f16_to_f32(b.d);
        for (int j = 0; j < QK; j++) y[i + j] = d * b.q[j];
    }
}

/* A NaN or infinite input has no sensible code; it must not become undefined behaviour, so codes are clamped. */
static int code(float x, int lo, int hi) { return x >= (float)hi ? hi : x > (float)lo ? (int)x : lo; }

/* d = max|x| / 127, q = round half away from zero of x / d; the f32 d is used for q, its f16 rounding is stored. */
static void from_Q8_0(void *y, const float *x, int64_t n) {
    char *p = y;
    for (int64_t i = 0; i < n; i += QK, p += sizeof(struct block_q8_0)) {
        struct block_q8_0 b;
        float amax = 0;
        for (int j = 0; j < QK; j++) {
            float a = fabsf(x[i + j]);
            if (a > amax) amax = a;
        }
        float d = amax / 127, id = d != 0 ? 1.0f / d : 0.0f;
        b.d = f32_to_f16(d);
        for (int j = 0; j < QK; j++) b.q[j] = (int8_t)code(roundf(x[i + j] * id), -128, 127);
        memcpy(p, &b, sizeof b);
    }
}

static void to_Q4_0(float *y, const void *x, int64_t n) {
    const char *p = x;
    for (int64_t i = 0; i < n; i += QK, p += sizeof(struct block_q4_0)) {
        struct block_q4_0 b;
        memcpy(&b, p, sizeof b);
        float d = f16_to_f32(b.d);
        for (int j = 0; j < QK / 2; j++) {
            y[i + j] = d * (float)((b.b[j] & 15) - 8);
            y[i + j + QK / 2] = d * (float)((b.b[j] >> 4) - 8);
        }
    }
}

/* The element of largest magnitude gets code 0, which is -8: d = max / -8 with its sign. The others: floor(x / d + 8.5), at most 15. */
static void from_Q4_0(void *y, const float *x, int64_t n) {
    char *p = y;
    for (int64_t i = 0; i < n; i += QK, p += sizeof(struct block_q4_0)) {
        struct block_q4_0 b;
        float amax = 0, max = 0;
        for (int j = 0; j < QK; j++) {
            float a = fabsf(x[i + j]);
            if (a > amax) amax = a, max = x[i + j];
        }
        float d = max / -8, id = d != 0 ? 1.0f / d : 0.0f;
        b.d = f32_to_f16(d);
        for (int j = 0; j < QK / 2; j++) {
            float u = x[i + j] * id, v = x[i + j + QK / 2] * id;
            b.b[j] = (uint8_t)(code(u + 8.5f, 0, 15) | code(v + 8.5f, 0, 15) << 4);
        }
        memcpy(p, &b, sizeof b);
    }
}

static const struct fmt_row table[] = {
#define XX(id, name, text, block, bytes) {FMT_##name, text, block, bytes, block == 1, to_##name, from_##name},
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
