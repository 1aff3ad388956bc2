/* Formats in superblocks of 256: sub-blocks with small integer scales, one f16 scale for all of them.
 *
 *   Q4_K | f16 d | f16 m | 12 bytes s | byte b[128] |                       144 bytes
 *   Q5_K | f16 d | f16 m | 12 bytes s | byte h[32] | byte b[128] |          176
 *          8 sub-blocks of 32: x = (d sc) q - (m mn), sc and mn of 6 bits each in s (see get_scale). Of elements 64 i … 64 i + 63 the
 *          first 32 have their low four bits in the low nibbles of b[32 i … 32 i + 31], the others in the high nibbles. Bit 2 i of
 *          h[l] is the fifth bit of element 64 i + l, bit 2 i + 1 of element 64 i + 32 + l.
 *   Q6_K | byte b[128] | byte h[64] | int8 s[16] | f16 d |                  210
 *          16 sub-blocks of 16: x = (d s) (q - 32). Of elements 128 i … 128 i + 127 the first 64 have their low four bits in the low
 *          nibbles of b[64 i … 64 i + 63], the others in the high nibbles; their four rows of 32 have the upper two bits in bits
 *          0-1, 2-3, 4-5, 6-7 of h[32 i … 32 i + 31].
 *
 * A quantiser searches scales per sub-block for the least weighted squared error, then rounds them to integers, then the codes once
 * more against the rounded scales. As in fmt_block.c the arithmetic is ggml's reference operation by operation, in float and in this
 * order: compile without contraction of a b + c. */
#include "kern/fmt_int.h"
#include <math.h>

#define QK   256
#define SUB  32     /* sub-block of Q4_K and Q5_K */
#define SUB6 16     /* of Q6_K */
#define TINY 1e-15f /* a sub-block below this is zero */
struct Q4_K {
    f16 d, m;
    uint8_t s[12], b[QK / 2];
};
struct Q5_K {
    f16 d, m;
    uint8_t s[12], h[QK / 8], b[QK / 2];
};
struct Q6_K {
    uint8_t b[QK / 2], h[QK / 4];
    int8_t s[QK / SUB6];
    f16 d;
};
_Static_assert(sizeof(struct Q4_K) == 144, "Q4_K is 144 bytes");
_Static_assert(sizeof(struct Q5_K) == 176, "Q5_K is 176 bytes");
_Static_assert(sizeof(struct Q6_K) == 210, "Q6_K is 210 bytes");

/* To the nearest whole number, ties to even, for |x| < 2^22: 1.5 2^23 + x has it in its last bits. Any x gives some int. */
static int nearest(float x) {
    float y = x + 12582912.0f;
    uint32_t u;
    memcpy(&u, &y, 4);
    return (int)(u & 0x7fffff) - 0x400000;
}

static int clamp(int x, int lo, int hi) { return x < lo ? lo : x > hi ? hi : x; }

/* ---- sub-blocks with a minimum: Q4_K, Q5_K ---- */

static void codes_from(uint8_t *q, const float *x, float min, float inv, int top) {
    for (int i = 0; i < SUB; i++) q[i] = (uint8_t)clamp(nearest(inv * (x[i] - min)), 0, top);
}

/* Σ w (scale q + min - x)² */
static float line_error(const uint8_t *q, const float *x, const float *w, float scale, float min) {
    float e = 0;
    for (int i = 0; i < SUB; i++) {
        float diff = scale * q[i] + min - x[i];
        e += w[i] * (diff * diff);
    }
    return e;
}

struct grid { /* inverse scales tried: (top + from + 0.1 i) / (max - min), i = 0 … steps */
    int top, steps;
    float from;
};

/* Scale, -min and codes of one sub-block: from the range, then for each grid point the codes, their weighted least-squares line, and
 * the line whose error is least. min stays at or below zero. */
static float fit_line(uint8_t *q, float *neg_min, const float *x, const struct grid *g) {
    float w[SUB], sum_x2 = 0, sum_w = 0, sum_x = 0, min = x[0], max = x[0];
    uint8_t at[SUB];
    for (int i = 0; i < SUB; i++) sum_x2 += x[i] * x[i];
    float rms = sqrtf(sum_x2 / SUB);
    for (int i = 0; i < SUB; i++) {
        w[i] = rms + fabsf(x[i]);
        if (x[i] < min) min = x[i];
        if (x[i] > max) max = x[i];
        sum_w += w[i];
        sum_x += w[i] * x[i];
    }
    if (min > 0) min = 0;
    *neg_min = -min;
    memset(q, 0, SUB);
    if (max == min) return 0;
    float inv = (float)g->top / (max - min), scale = 1 / inv;
    codes_from(q, x, min, inv, g->top);
    float best = line_error(q, x, w, scale, min);
    for (int s = 0; s <= g->steps; s++) {
        float l1 = 0, l2 = 0, lx = 0;
        codes_from(at, x, min, (g->from + 0.1f * (float)s + (float)g->top) / (max - min), g->top);
        for (int i = 0; i < SUB; i++) {
            float wl = w[i] * at[i];
            l1 += wl;
            l2 += wl * at[i];
            lx += wl * x[i];
        }
        float det = sum_w * l2 - l1 * l1;
        if (!(det > 0)) continue;
        float sc = (sum_w * lx - sum_x * l1) / det, mn = (l2 * sum_x - l1 * lx) / det;
        if (mn > 0) mn = 0, sc = lx / l2;
        float e = line_error(at, x, w, sc, mn);
        if (e < best) {
            best = e, scale = sc, min = mn;
            memcpy(q, at, SUB);
        }
    }
    *neg_min = -min;
    return scale;
}

/* Scales and minima of 6 bits: the first four in bits 0-5 of s[0 … 3] and s[4 … 7]; of the others the low nibbles of s[8 … 11] are the
 * scales', the high ones the minima's low bits, and bits 6-7 of s[0 … 3] and s[4 … 7] their upper ones. */
static void get_scale(const uint8_t *s, int j, int *sc, int *mn) {
    *sc = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | s[j - 4] >> 6 << 4;
    *mn = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | s[j] >> 6 << 4;
}

static void put_scale(uint8_t *s, int j, int sc, int mn) {
    if (j < 4) {
        s[j] = (uint8_t)sc, s[j + 4] = (uint8_t)mn;
    } else {
        s[j + 4] = (uint8_t)((sc & 15) | (mn & 15) << 4);
        s[j - 4] |= (uint8_t)(sc >> 4 << 6), s[j] |= (uint8_t)(mn >> 4 << 6);
    }
}

static void pack_lines(uint8_t *q, f16 *d, f16 *m, uint8_t *s, const float *x, const struct grid *g) {
    float scales[QK / SUB], mins[QK / SUB], most = 0, deepest = 0;
    for (int j = 0; j < QK / SUB; j++) {
        scales[j] = fit_line(q + SUB * j, &mins[j], x + SUB * j, g);
        if (scales[j] > most) most = scales[j];
        if (mins[j] > deepest) deepest = mins[j];
    }
    float inv = most > 0 ? 63.0f / most : 0, inv_min = deepest > 0 ? 63.0f / deepest : 0;
    *d = f32_to_f16(most / 63.0f), *m = f32_to_f16(deepest / 63.0f);
    for (int j = 0; j < QK / SUB; j++) { /* a byte first: a negative number becomes a large one, and 63 */
        int sc = (uint8_t)nearest(inv * scales[j]), mn = (uint8_t)nearest(inv_min * mins[j]);
        put_scale(s, j, sc < 63 ? sc : 63, mn < 63 ? mn : 63);
    }
    for (int j = 0; j < QK / SUB; j++) { /* where the scale became zero the codes of the search stay */
        int sc, mn;
        get_scale(s, j, &sc, &mn);
        float step = f16_to_f32(*d) * (float)sc, low = f16_to_f32(*m) * (float)mn;
        for (int i = SUB * j; step != 0 && i < SUB * (j + 1); i++) q[i] = (uint8_t)clamp(nearest((x[i] + low) / step), 0, g->top);
    }
}

static void unpack_lines(float *y, const uint8_t *q, f16 d, f16 m, const uint8_t *s) {
    float df = f16_to_f32(d), mf = f16_to_f32(m);
    for (int j = 0; j < QK / SUB; j++) {
        int sc, mn;
        get_scale(s, j, &sc, &mn);
        float step = df * (float)sc, low = mf * (float)mn;
        for (int i = SUB * j; i < SUB * (j + 1); i++) y[i] = step * (float)q[i] - low;
    }
}

/* Low four bits of all codes: row r of 32 elements shares its bytes with row r + 1, r even. */
static void put_nibbles(uint8_t *b, const uint8_t *q) {
    for (int i = 0; i < QK / 2; i++) b[i] = (uint8_t)((q[i / 32 * 64 + i % 32] & 15) | (q[i / 32 * 64 + 32 + i % 32] & 15) << 4);
}

static void get_nibbles(uint8_t *q, const uint8_t *b) {
    for (int i = 0; i < QK / 2; i++) q[i / 32 * 64 + i % 32] = b[i] & 15, q[i / 32 * 64 + 32 + i % 32] = b[i] >> 4;
}

static void pack_Q4_K(struct Q4_K *b, const float *x) {
    uint8_t q[QK];
    pack_lines(q, &b->d, &b->m, b->s, x, &(struct grid){.top = 15, .steps = 20, .from = -1.0f});
    put_nibbles(b->b, q);
}

static void unpack_Q4_K(float *y, const struct Q4_K *b) {
    uint8_t q[QK];
    get_nibbles(q, b->b);
    unpack_lines(y, q, b->d, b->m, b->s);
}

static void pack_Q5_K(struct Q5_K *b, const float *x) {
    uint8_t q[QK];
    pack_lines(q, &b->d, &b->m, b->s, x, &(struct grid){.top = 31, .steps = 15, .from = -0.5f});
    put_nibbles(b->b, q);
    memset(b->h, 0, sizeof b->h);
    for (int i = 0; i < QK; i++) b->h[i % 32] |= (uint8_t)(q[i] >> 4 << i / 32);
}

static void unpack_Q5_K(float *y, const struct Q5_K *b) {
    uint8_t q[QK];
    get_nibbles(q, b->b);
    for (int i = 0; i < QK; i++) q[i] |= (uint8_t)((b->h[i % 32] >> i / 32 & 1) << 4);
    unpack_lines(y, q, b->d, b->m, b->s);
}

/* ---- sub-blocks around zero: Q6_K ---- */

/* Least-squares scale of whole numbers round(inv x) with weights x²; its sums in *lx and *l2. */
static float even_sums(const float *x, float inv, float *l2) {
    float lx = 0;
    *l2 = 0;
    for (int i = 0; i < SUB6; i++) {
        float l = (float)clamp(nearest(inv * x[i]), -32, 31), w = x[i] * x[i];
        lx += w * x[i] * l;
        *l2 += w * l * l;
    }
    return lx;
}

/* Scale and codes of one sub-block, inverse scales -(32 + i / 10) / max tried for i = 0, then -9 … 9. */
static float fit_even(uint8_t *q, const float *x) {
    float amax = 0, max = 0, l2;
    for (int i = 0; i < SUB6; i++) {
        float a = fabsf(x[i]);
        if (a > amax) amax = a, max = x[i];
    }
    memset(q, 0, SUB6);
    if (amax < TINY) return 0;
    float inv = -32.0f / max, lx = even_sums(x, inv, &l2), scale = l2 != 0 ? lx / l2 : 0, best = scale * lx;
    for (int s = -9; s <= 9; s++) {
        float at = -(32.0f + 0.1f * (float)s) / max;
        if (s == 0) continue;
        lx = even_sums(x, at, &l2);
        if (l2 > 0 && lx * lx > best * l2) scale = lx / l2, best = scale * lx, inv = at;
    }
    for (int i = 0; i < SUB6; i++) q[i] = (uint8_t)(clamp(nearest(inv * x[i]), -32, 31) + 32);
    return scale;
}

static void pack_Q6_K(struct Q6_K *b, const float *x) {
    uint8_t q[QK];
    float scales[QK / SUB6], most = 0;
    for (int j = 0; j < QK / SUB6; j++) {
        scales[j] = fit_even(q + SUB6 * j, x + SUB6 * j);
        if (fabsf(scales[j]) > fabsf(most)) most = scales[j];
    }
    memset(b, 0, sizeof *b);
    if (fabsf(most) < TINY) return;
    float inv = -128.0f / most;
    b->d = f32_to_f16(1 / inv);
    for (int j = 0; j < QK / SUB6; j++) {
        int s = nearest(inv * scales[j]);
        b->s[j] = (int8_t)(s < 127 ? s : 127);
        float step = f16_to_f32(b->d) * b->s[j];
        for (int i = SUB6 * j; step != 0 && i < SUB6 * (j + 1); i++) q[i] = (uint8_t)(clamp(nearest(x[i] / step), -32, 31) + 32);
    }
    for (int i = 0; i < QK; i++) { /* row r of 32 in half i / 128 */
        int half = i / 128, r = i % 128 / 32, l = i % 32;
        b->b[64 * half + 32 * (r & 1) + l] |= (uint8_t)((q[i] & 15) << (r < 2 ? 0 : 4));
        b->h[32 * half + l] |= (uint8_t)(q[i] >> 4 << 2 * r);
    }
}

static void unpack_Q6_K(float *y, const struct Q6_K *b) {
    float d = f16_to_f32(b->d);
    for (int i = 0; i < QK; i++) {
        int half = i / 128, r = i % 128 / 32, l = i % 32;
        int q = (b->b[64 * half + 32 * (r & 1) + l] >> (r < 2 ? 0 : 4) & 15) | (b->h[32 * half + l] >> 2 * r & 3) << 4;
        y[i] = d * b->s[i / SUB6] * (float)(q - 32);
    }
}

FMT_BLOCKS(Q4_K, QK)
FMT_BLOCKS(Q5_K, QK)
FMT_BLOCKS(Q6_K, QK)
