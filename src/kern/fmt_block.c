/* Formats in blocks of 32: a scale, perhaps a minimum, and codes of 4, 5 or 8 bits. q is a code as an unsigned number.
 *
 *   Q8_0 | f16 d | int8 q[32] |                                x = d q           34 bytes
 *   Q4_0 | f16 d | byte b[16] |                                x = d (q - 8)     18
 *   Q4_1 | f16 d | f16 m | byte b[16] |                        x = d q + m       20
 *   Q5_0 | f16 d | 32 bits h | byte b[16] |                    x = d (q - 16)    22
 *   Q5_1 | f16 d | f16 m | 32 bits h | byte b[16] |            x = d q + m       24
 *          the low four bits of element i of 0 … 15 are the low nibble of b[i], of element i + 16 the high nibble of b[i];
 *          bit i of h is the fifth bit of element i
 *
 * Quantisers repeat ggml's reference arithmetic operation by operation, so that files come out byte for byte the same; this file must
 * be compiled without contraction of a b + c. */
#include "kern/fmt_int.h"
#include <float.h>
#include <math.h>

#define QK   32
#define HALF (QK / 2)
struct Q8_0 {
    f16 d;
    int8_t q[QK];
};
struct Q4_0 {
    f16 d;
    uint8_t b[HALF];
};
struct Q4_1 {
    f16 d, m;
    uint8_t b[HALF];
};
struct Q5_0 {
    f16 d;
    uint8_t h[4], b[HALF];
};
struct Q5_1 {
    f16 d, m;
    uint8_t h[4], b[HALF];
};
_Static_assert(sizeof(struct Q8_0) == 34, "Q8_0 is 34 bytes");
_Static_assert(sizeof(struct Q4_0) == 18, "Q4_0 is 18 bytes");
_Static_assert(sizeof(struct Q4_1) == 20, "Q4_1 is 20 bytes");
_Static_assert(sizeof(struct Q5_0) == 22, "Q5_0 is 22 bytes");
_Static_assert(sizeof(struct Q5_1) == 24, "Q5_1 is 24 bytes");

/* The whole part of x within lo … hi. What is no number, or beyond all integers (an infinite input; a scale so small that its inverse is
 * infinite), has no sensible code and must not become undefined behaviour: 0. */
static int code(float x, int lo, int hi) {
    if (!(fabsf(x) < 0x1p31f)) return 0;
    return x >= (float)hi ? hi : x > (float)lo ? (int)x : lo;
}

/* The element of largest magnitude, with its sign; the first of several. */
static float extreme(const float *x) {
    float amax = 0, max = 0;
    for (int j = 0; j < QK; j++) {
        float a = fabsf(x[j]);
        if (a > amax) amax = a, max = x[j];
    }
    return max;
}

static void range(const float *x, float *min, float *max) {
    *min = FLT_MAX, *max = -FLT_MAX;
    for (int j = 0; j < QK; j++) {
        if (x[j] < *min) *min = x[j];
        if (x[j] > *max) *max = x[j];
    }
}

static float inverse(float d) { return d != 0 ? 1.0f / d : 0.0f; }

/* Codes of 4 bits, or of 5 with their fifth bits in h: element i and its partner i + 16 share byte i. */
static void put_codes(uint8_t *b, uint8_t *h, const int *q) {
    uint32_t bits = 0;
    for (int j = 0; j < HALF; j++) b[j] = (uint8_t)((q[j] & 15) | (q[j + HALF] & 15) << 4);
    for (int j = 0; j < QK; j++) bits |= (uint32_t)(q[j] >> 4 & 1) << j;
    if (h)
        for (int j = 0; j < 4; j++) h[j] = (uint8_t)(bits >> 8 * j);
}

static void get_codes(int *q, const uint8_t *b, const uint8_t *h) {
    for (int j = 0; j < HALF; j++) q[j] = b[j] & 15, q[j + HALF] = b[j] >> 4;
    for (int j = 0; h && j < QK; j++) q[j] |= (h[j / 8] >> j % 8 & 1) << 4;
}

/* ---- symmetric: zero is a code ---- */

static void unpack_Q8_0(float *y, const struct Q8_0 *b) {
    float d = f16_to_f32(b->d);
    for (int j = 0; j < QK; j++) y[j] = d * b->q[j];
}

/* d = max|x| / 127, q = round half away from zero of x / d; the f32 d is used for q, its f16 rounding is stored. */
static void pack_Q8_0(struct Q8_0 *b, const float *x) {
    float d = fabsf(extreme(x)) / 127, id = inverse(d);
    b->d = f32_to_f16(d);
    for (int j = 0; j < QK; j++) b->q[j] = (int8_t)code(roundf(x[j] * id), -128, 127);
}

/* The element of largest magnitude gets code 0, which is -zero: d = max / -zero with its sign. The others: floor(x / d + zero + ½). */
static float pack_even(int *q, const float *x, int zero) {
    float d = extreme(x) / (float)-zero, id = inverse(d);
    for (int j = 0; j < QK; j++) q[j] = code(x[j] * id + ((float)zero + 0.5f), 0, 2 * zero - 1);
    return d;
}

static void unpack_Q4_0(float *y, const struct Q4_0 *b) {
    float d = f16_to_f32(b->d);
    int q[QK];
    get_codes(q, b->b, NULL);
    for (int j = 0; j < QK; j++) y[j] = d * (float)(q[j] - 8);
}

static void pack_Q4_0(struct Q4_0 *b, const float *x) {
    int q[QK];
    b->d = f32_to_f16(pack_even(q, x, 8));
    put_codes(b->b, NULL, q);
}

static void unpack_Q5_0(float *y, const struct Q5_0 *b) {
    float d = f16_to_f32(b->d);
    int q[QK];
    get_codes(q, b->b, b->h);
    for (int j = 0; j < QK; j++) y[j] = d * (float)(q[j] - 16);
}

static void pack_Q5_0(struct Q5_0 *b, const float *x) {
    int q[QK];
    b->d = f32_to_f16(pack_even(q, x, 16));
    put_codes(b->b, b->h, q);
}

/* ---- with a minimum: d = (max - min) / top, q = floor((x - min) / d + ½) ---- */

static void pack_range(int *q, f16 *d, f16 *m, const float *x, int top) {
    float min, max;
    range(x, &min, &max);
    float s = (max - min) / (float)top, id = inverse(s);
    *d = f32_to_f16(s), *m = f32_to_f16(min);
    for (int j = 0; j < QK; j++) q[j] = code((x[j] - min) * id + 0.5f, 0, top);
}

static void unpack_range(float *y, const int *q, f16 d_, f16 m_) {
    float d = f16_to_f32(d_), m = f16_to_f32(m_);
    for (int j = 0; j < QK; j++) y[j] = (float)q[j] * d + m;
}

static void unpack_Q4_1(float *y, const struct Q4_1 *b) {
    int q[QK];
    get_codes(q, b->b, NULL);
    unpack_range(y, q, b->d, b->m);
}

static void pack_Q4_1(struct Q4_1 *b, const float *x) {
    int q[QK];
    pack_range(q, &b->d, &b->m, x, 15);
    put_codes(b->b, NULL, q);
}

static void unpack_Q5_1(float *y, const struct Q5_1 *b) {
    int q[QK];
    get_codes(q, b->b, b->h);
    unpack_range(y, q, b->d, b->m);
}

static void pack_Q5_1(struct Q5_1 *b, const float *x) {
    int q[QK];
    pack_range(q, &b->d, &b->m, x, 31);
    put_codes(b->b, b->h, q);
}

FMT_BLOCKS(Q8_0, QK)
FMT_BLOCKS(Q4_0, QK)
FMT_BLOCKS(Q4_1, QK)
FMT_BLOCKS(Q5_0, QK)
FMT_BLOCKS(Q5_1, QK)
