/* Formats in superblocks of 256: sub-blocks with small integer scales, one f16 scale for all of them.
 *
 *   Q2_K | byte s[16] | byte b[64] | f16 d | f16 m |                        84 bytes
 *          16 sub-blocks of 16: x = (d sc) q - (m mn), sc and mn the low and the high nibble of s. Of elements 128 i … 128 i + 127 the
 *          four rows of 32 have their two bits in bits 0-1, 2-3, 4-5, 6-7 of b[32 i … 32 i + 31].
 *   Q3_K | byte h[32] | byte b[64] | 12 bytes s | f16 d |                   110
 *          16 sub-blocks of 16: x = (d (sc - 32)) (q - 4), sc of 6 bits in s (see get_scale3). The low two bits of q lie in b as those
 *          of Q2_K do; bit i of h[l] is the third bit of element 32 i + l.
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
#define SUB6 16     /* of the others */
#define TINY 1e-15f /* a sub-block below this is zero */
struct Q2_K {
    uint8_t s[QK / SUB6], b[QK / 4];
    f16 d, m;
};
struct Q3_K {
    uint8_t h[QK / 8], b[QK / 4], s[12];
    f16 d;
};
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
_Static_assert(sizeof(struct Q2_K) == 84, "Q2_K is 84 bytes");
_Static_assert(sizeof(struct Q3_K) == 110, "Q3_K is 110 bytes");
_Static_assert(sizeof(struct Q4_K) == 144, "Q4_K is 144 bytes");
_Static_assert(sizeof(struct Q5_K) == 176, "Q5_K is 176 bytes");
_Static_assert(sizeof(struct Q6_K) == 210, "Q6_K is 210 bytes");

/* ---- sub-blocks with a minimum: Q2_K, Q4_K, Q5_K ---- */

struct grid { /* inverse scales tried: (top + from + 0.1 i) / (max - min), i = 0 … steps */
    int top, steps;
    float from;
    int sub;      /* elements of a sub-block */
    int absolute; /* weights |x| and absolute errors, instead of rms + |x| and squares */
};

static void codes_from(uint8_t *q, const float *x, float min, float inv, const struct grid *g) {
    for (int i = 0; i < g->sub; i++) q[i] = (uint8_t)fmt_clamp(fmt_nearest(inv * (x[i] - min)), 0, g->top);
}

/* Σ w (scale q + min - x)², or Σ w |…| */
static float line_error(const uint8_t *q, const float *x, const float *w, float scale, float min, const struct grid *g) {
    float e = 0;
    for (int i = 0; i < g->sub; i++) {
        float diff = scale * q[i] + min - x[i];
        e += w[i] * (g->absolute ? fabsf(diff) : diff * diff);
    }
    return e;
}

/* Scale, -min and codes of one sub-block: from the range, then for each grid point the codes, their weighted least-squares line, and
 * the line whose error is least. min stays at or below zero. */
static float fit_line(uint8_t *q, float *neg_min, const float *x, const struct grid *g) {
    float w[SUB], sum_x2 = 0, sum_w = 0, sum_x = 0, min = x[0], max = x[0];
    uint8_t at[SUB];
    for (int i = 0; i < g->sub; i++) sum_x2 += x[i] * x[i];
    float rms = g->absolute ? 0 : sqrtf(sum_x2 / (float)g->sub);
    for (int i = 0; i < g->sub; i++) {
        w[i] = rms + fabsf(x[i]);
        if (x[i] < min) min = x[i];
        if (x[i] > max) max = x[i];
        sum_w += w[i];
        sum_x += w[i] * x[i];
    }
    if (min > 0) min = 0;
    *neg_min = -min;
    memset(q, 0, (size_t)g->sub);
    if (max == min) return 0;
    float inv = (float)g->top / (max - min), scale = 1 / inv;
    codes_from(q, x, min, inv, g);
    float best = line_error(q, x, w, scale, min, g);
    for (int s = 0; s <= g->steps; s++) {
        float l1 = 0, l2 = 0, lx = 0;
        codes_from(at, x, min, (g->from + 0.1f * (float)s + (float)g->top) / (max - min), g);
        for (int i = 0; i < g->sub; i++) {
            float wl = w[i] * at[i];
            l1 += wl;
            l2 += wl * at[i];
            lx += wl * x[i];
        }
        float det = sum_w * l2 - l1 * l1;
        if (!(det > 0)) continue;
        float sc = (sum_w * lx - sum_x * l1) / det, mn = (l2 * sum_x - l1 * lx) / det;
        if (mn > 0) mn = 0, sc = lx / l2;
        float e = line_error(at, x, w, sc, mn, g);
        if (e < best) {
            best = e, scale = sc, min = mn;
            memcpy(q, at, (size_t)g->sub);
        }
    }
    *neg_min = -min;
    return scale;
}

/* Scales, -minima and codes of all sub-blocks, and the largest of each. */
struct lines {
    float scale[QK / SUB6], min[QK / SUB6], most, deepest;
};

static void fit_lines(struct lines *f, uint8_t *q, const float *x, const struct grid *g) {
    f->most = f->deepest = 0;
    for (int j = 0; j < QK / g->sub; j++) {
        f->scale[j] = fit_line(q + g->sub * j, &f->min[j], x + g->sub * j, g);
        if (f->scale[j] > f->most) f->most = f->scale[j];
        if (f->min[j] > f->deepest) f->deepest = f->min[j];
    }
}

/* Codes once more, against the rounded scale and minimum; where the scale became zero those of the search stay. */
static void recode(uint8_t *q, const float *x, float step, float low, const struct grid *g) {
    for (int i = 0; step != 0 && i < g->sub; i++) q[i] = (uint8_t)fmt_clamp(fmt_nearest((x[i] + low) / step), 0, g->top);
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
    struct lines f;
    fit_lines(&f, q, x, g);
    float inv = f.most > 0 ? 63.0f / f.most : 0, inv_min = f.deepest > 0 ? 63.0f / f.deepest : 0;
    *d = f32_to_f16(f.most / 63.0f), *m = f32_to_f16(f.deepest / 63.0f);
    for (int j = 0; j < QK / SUB; j++) { /* a byte first: a negative number becomes a large one, and 63 */
        int sc = (uint8_t)fmt_nearest(inv * f.scale[j]), mn = (uint8_t)fmt_nearest(inv_min * f.min[j]);
        put_scale(s, j, sc < 63 ? sc : 63, mn < 63 ? mn : 63);
    }
    for (int j = 0; j < QK / SUB; j++) {
        int sc, mn;
        get_scale(s, j, &sc, &mn);
        recode(q + SUB * j, x + SUB * j, f16_to_f32(*d) * (float)sc, f16_to_f32(*m) * (float)mn, g);
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
    pack_lines(q, &b->d, &b->m, b->s, x, &(struct grid){.top = 15, .steps = 20, .from = -1.0f, .sub = SUB});
    put_nibbles(b->b, q);
}

static void unpack_Q4_K(float *y, const struct Q4_K *b) {
    uint8_t q[QK];
    get_nibbles(q, b->b);
    unpack_lines(y, q, b->d, b->m, b->s);
}

static void pack_Q5_K(struct Q5_K *b, const float *x) {
    uint8_t q[QK];
    pack_lines(q, &b->d, &b->m, b->s, x, &(struct grid){.top = 31, .steps = 15, .from = -0.5f, .sub = SUB});
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

/* Two bits of all codes: rows of 32 share their bytes by fours. */
static void put_twos(uint8_t *b, const uint8_t *q) {
    memset(b, 0, QK / 4);
    for (int i = 0; i < QK; i++) b[i / 128 * 32 + i % 32] |= (uint8_t)((q[i] & 3) << 2 * (i % 128 / 32));
}

static int get_two(const uint8_t *b, int i) { return b[i / 128 * 32 + i % 32] >> 2 * (i % 128 / 32) & 3; }

static void pack_Q2_K(struct Q2_K *b, const float *x) {
    const struct grid g = {.top = 3, .steps = 15, .from = -0.5f, .sub = SUB6, .absolute = 1};
    uint8_t q[QK];
    struct lines f;
    fit_lines(&f, q, x, &g);
    float inv = f.most > 0 ? 15.0f / f.most : 0, inv_min = f.deepest > 0 ? 15.0f / f.deepest : 0;
    b->d = f32_to_f16(f.most / 15.0f), b->m = f32_to_f16(f.deepest / 15.0f);
    for (int j = 0; j < QK / SUB6; j++) {
        b->s[j] = (uint8_t)(fmt_nearest(inv * f.scale[j]) | (int)((unsigned)fmt_nearest(inv_min * f.min[j]) << 4));
        recode(q + SUB6 * j, x + SUB6 * j, f16_to_f32(b->d) * (float)(b->s[j] & 15), f16_to_f32(b->m) * (float)(b->s[j] >> 4),
               &g);
    }
    put_twos(b->b, q);
}

static void unpack_Q2_K(float *y, const struct Q2_K *b) {
    float d = f16_to_f32(b->d), m = f16_to_f32(b->m);
    for (int i = 0; i < QK; i++) {
        int s = b->s[i / SUB6];
        y[i] = d * (float)(s & 15) * (float)get_two(b->b, i) - m * (float)(s >> 4);
    }
}

/* ---- sub-blocks around zero: Q3_K, Q6_K ---- */

static float extreme(const float *x) { /* the element of largest magnitude; 0 where that is tiny */
    float amax = 0, max = 0;
    for (int i = 0; i < SUB6; i++) {
        float a = fabsf(x[i]);
        if (a > amax) amax = a, max = x[i];
    }
    return amax < TINY ? 0 : max;
}

/* Scale and codes of one sub-block of Q3_K with weights x²: from -4 / max, then each code in turn to where the others' scale wants it, if
 * that is a gain, at most five times around. */
static float fit_three(uint8_t *q, const float *x) {
    float max = extreme(x), lx = 0, l2 = 0;
    int l[SUB6], changed = 1;
    memset(q, 0, SUB6);
    if (max == 0) return 0;
    float inv = -4.0f / max;
    for (int i = 0; i < SUB6; i++) {
        float w = x[i] * x[i];
        l[i] = fmt_clamp(fmt_nearest(inv * x[i]), -4, 3);
        lx += w * x[i] * (float)l[i];
        l2 += w * (float)l[i] * (float)l[i];
    }
    for (int pass = 0; pass < 5 && changed; pass++) {
        changed = 0;
        for (int i = 0; i < SUB6; i++) {
            float w = x[i] * x[i], sx = lx - w * x[i] * (float)l[i], s2 = l2 - w * (float)l[i] * (float)l[i];
            if (!(sx > 0)) continue;
            int to = fmt_clamp(fmt_nearest(x[i] * s2 / sx), -4, 3);
            if (to == l[i]) continue;
            sx += w * x[i] * (float)to;
            s2 += w * (float)to * (float)to;
            if (s2 > 0 && sx * sx * l2 > lx * lx * s2) l[i] = to, lx = sx, l2 = s2, changed = 1;
        }
    }
    for (int i = 0; i < SUB6; i++) q[i] = (uint8_t)(l[i] + 4);
    return l2 > 0 ? lx / l2 : 0;
}

/* Scales of 6 bits: the low four in the low nibbles of s[0 … 7], then in their high ones; the upper two of the j-th in bits 2 (j / 4) and
 * up of s[8 + j % 4]. */
static int get_scale3(const uint8_t *s, int j) {
    return ((s[j % 8] >> (j < 8 ? 0 : 4) & 15) | (s[8 + j % 4] >> 2 * (j / 4) & 3) << 4) - 32;
}

static void put_scale3(uint8_t *s, int j, int sc) {
    s[j % 8] |= (uint8_t)((sc & 15) << (j < 8 ? 0 : 4)), s[8 + j % 4] |= (uint8_t)(sc >> 4 << 2 * (j / 4));
}

/* Scales of all sub-blocks by `fit`; returns the one of largest magnitude. */
static float fit_all(float *scales, uint8_t *q, const float *x, float (*fit)(uint8_t *q, const float *x)) {
    float most = 0;
    for (int j = 0; j < QK / SUB6; j++) {
        scales[j] = fit(q + SUB6 * j, x + SUB6 * j);
        if (fabsf(scales[j]) > fabsf(most)) most = scales[j];
    }
    return most;
}

/* Codes once more, against the rounded scale; where that became zero those of the search stay. */
static void recode_even(uint8_t *q, const float *x, float step, int zero) {
    for (int i = 0; step != 0 && i < SUB6; i++) q[i] = (uint8_t)(fmt_clamp(fmt_nearest(x[i] / step), -zero, zero - 1) + zero);
}

static void pack_Q3_K(struct Q3_K *b, const float *x) {
    uint8_t q[QK];
    float scales[QK / SUB6], most = fit_all(scales, q, x, fit_three), inv = most != 0 ? -32.0f / most : 0;
    memset(b, 0, sizeof *b);
    b->d = f32_to_f16(most != 0 ? 1 / inv : 0);
    for (int j = 0; j < QK / SUB6; j++) {
        if (most != 0) put_scale3(b->s, j, fmt_clamp((int8_t)fmt_nearest(inv * scales[j]), -32, 31) + 32);
        recode_even(q + SUB6 * j, x + SUB6 * j, f16_to_f32(b->d) * (float)get_scale3(b->s, j), 4);
    }
    put_twos(b->b, q);
    for (int i = 0; i < QK; i++) b->h[i % 32] |= (uint8_t)(q[i] >> 2 << i / 32);
}

static void unpack_Q3_K(float *y, const struct Q3_K *b) {
    float d = f16_to_f32(b->d);
    for (int i = 0; i < QK; i++)
        y[i] = d * (float)get_scale3(b->s, i / SUB6) * (float)((get_two(b->b, i) | (b->h[i % 32] >> i / 32 & 1) << 2) - 4);
}

/* Least-squares scale of whole numbers round(inv x) with weights x²; its sums in *lx and *l2. */
static float even_sums(const float *x, float inv, float *l2) {
    float lx = 0;
    *l2 = 0;
    for (int i = 0; i < SUB6; i++) {
        float l = (float)fmt_clamp(fmt_nearest(inv * x[i]), -32, 31), w = x[i] * x[i];
        lx += w * x[i] * l;
        *l2 += w * l * l;
    }
    return lx;
}

/* Scale and codes of one sub-block, inverse scales -(32 + i / 10) / max tried for i = 0, then -9 … 9. */
static float fit_even(uint8_t *q, const float *x) {
    float max = extreme(x), l2;
    memset(q, 0, SUB6);
    if (max == 0) return 0;
    float inv = -32.0f / max, lx = even_sums(x, inv, &l2), scale = l2 != 0 ? lx / l2 : 0, best = scale * lx;
    for (int s = -9; s <= 9; s++) {
        float at = -(32.0f + 0.1f * (float)s) / max;
        if (s == 0) continue;
        lx = even_sums(x, at, &l2);
        if (l2 > 0 && lx * lx > best * l2) scale = lx / l2, best = scale * lx, inv = at;
    }
    for (int i = 0; i < SUB6; i++) q[i] = (uint8_t)(fmt_clamp(fmt_nearest(inv * x[i]), -32, 31) + 32);
    return scale;
}

static void pack_Q6_K(struct Q6_K *b, const float *x) {
    uint8_t q[QK];
    float scales[QK / SUB6], most = fit_all(scales, q, x, fit_even);
    memset(b, 0, sizeof *b);
    if (fabsf(most) < TINY) return;
    float inv = -128.0f / most;
    b->d = f32_to_f16(1 / inv);
    for (int j = 0; j < QK / SUB6; j++) {
        int s = fmt_nearest(inv * scales[j]);
        b->s[j] = (int8_t)(s < 127 ? s : 127);
        recode_even(q + SUB6 * j, x + SUB6 * j, f16_to_f32(b->d) * b->s[j], 32);
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

FMT_BLOCKS(Q2_K, QK)
FMT_BLOCKS(Q3_K, QK)
FMT_BLOCKS(Q4_K, QK)
FMT_BLOCKS(Q5_K, QK)
FMT_BLOCKS(Q6_K, QK)
