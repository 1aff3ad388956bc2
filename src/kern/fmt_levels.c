/* Formats whose codes of four bits name a level of one fixed, uneven table: closer together near zero, where most weights are.
 *
 *   IQ4_NL | f16 d | byte b[16] |                                          x = d level[q]                         18 bytes for 32
 *   IQ4_XS | f16 d | u16 h | byte l[4] | byte b[128] |                     x = (d (s - 32)) level[q]              136 for 256
 *          of each 32 elements the first sixteen are the low nibbles of sixteen bytes of b, the others the high ones. Sub-block i of 32
 *          has the low four bits of s in nibble i of l (low nibble first), the upper two in bits 2 i, 2 i + 1 of h.
 *
 * The scale of thirty-two numbers is searched for the least squared error weighted by x². As in fmt_block.c the arithmetic is that of
 * ggml operation by operation, in float and in this order, for what its quantising of whole files does without an importance matrix
 * (for IQ4_NL that is a longer search than its function for single rows has): compile without contraction of a b + c. */
#include "kern/fmt_int.h"
#include <math.h>

#define SUB   32
#define QK    256
#define STEPS 7      /* inverse scales tried: (level[0] + i) / max, i = -STEPS … STEPS */
#define TINY  1e-15f /* a block below this is zero */
struct IQ4_NL {
    f16 d;
    uint8_t b[SUB / 2];
};
struct IQ4_XS {
    f16 d;
    uint8_t h[2], l[QK / SUB / 2], b[QK / 2];
};
_Static_assert(sizeof(struct IQ4_NL) == 18, "IQ4_NL is 18 bytes");
_Static_assert(sizeof(struct IQ4_XS) == 136, "IQ4_XS is 136 bytes");

static const int8_t level[16] = FMT_IQ4_LEVELS;

/* The code of the level nearest to x: of two as near the upper one; of what is no number, some code. */
static int nearest_level(float x) {
    int lo = 0, hi = 15;
    if (x <= level[0]) return 0;
    if (x >= level[15]) return 15;
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        if (x < level[mid])
            hi = mid;
        else
            lo = mid;
    }
    return x - level[hi - 1] < level[hi] - x ? hi - 1 : hi;
}

/* Least-squares scale of the levels nearest to inv x, weights x²; its sums in the result and *q2. */
static float level_sums(const float *x, float inv, float *q2) {
    float qx = 0;
    *q2 = 0;
    for (int i = 0; i < SUB; i++) {
        float q = level[nearest_level(inv * x[i])], w = x[i] * x[i];
        qx += w * q * x[i];
        *q2 += w * q * q;
    }
    return qx;
}

static float fit_levels(const float *x) {
    float amax = 0, max = 0, q2;
    for (int i = 0; i < SUB; i++) {
        float a = fabsf(x[i]);
        if (a > amax) amax = a, max = x[i];
    }
    if (amax < TINY) return 0;
    float first = -max / level[0], qx = level_sums(x, 1 / first, &q2), d = qx / q2, best = d * qx;
    for (int i = -STEPS; i <= STEPS; i++) {
        qx = level_sums(x, (float)(i + level[0]) / max, &q2);
        if (q2 > 0 && qx * qx > best * q2) d = qx / q2, best = d * qx;
    }
    return d;
}

/* codes of thirty-two numbers against a scale */
static void put_levels(uint8_t *b, const float *x, float d) {
    float inv = d != 0 ? 1 / d : 0;
    for (int i = 0; i < SUB / 2; i++) b[i] = (uint8_t)(nearest_level(inv * x[i]) | nearest_level(inv * x[i + SUB / 2]) << 4);
}

static void get_levels(float *y, const uint8_t *b, float d) {
    for (int i = 0; i < SUB / 2; i++) y[i] = d * level[b[i] & 15], y[i + SUB / 2] = d * level[b[i] >> 4];
}

static void pack_IQ4_NL(struct IQ4_NL *b, const float *x) {
    float d = fit_levels(x); /* codes are found for d before it is rounded */
    b->d = f32_to_f16(d);
    put_levels(b->b, x, d);
}

static void unpack_IQ4_NL(float *y, const struct IQ4_NL *b) { get_levels(y, b->b, f16_to_f32(b->d)); }

static void pack_IQ4_XS(struct IQ4_XS *b, const float *x) {
    float scales[QK / SUB], amax = 0, most = 0;
    for (int i = 0; i < QK / SUB; i++) {
        scales[i] = fit_levels(x + SUB * i);
        if (fabsf(scales[i]) > amax) amax = fabsf(scales[i]), most = scales[i];
    }
    float d = -most / 32, inv = d != 0 ? 1 / d : 0;
    memset(b, 0, sizeof *b);
    b->d = f32_to_f16(d);
    for (int i = 0; i < QK / SUB; i++) {
        int s = fmt_clamp(fmt_nearest(inv * scales[i]), -32, 31);
        put_levels(b->b + SUB / 2 * i, x + SUB * i, d * (float)s);
        b->l[i / 2] |= (uint8_t)(((s + 32) & 15) << 4 * (i % 2));
        b->h[i / 4] |= (uint8_t)((s + 32) >> 4 << 2 * (i % 4));
    }
}

static void unpack_IQ4_XS(float *y, const struct IQ4_XS *b) {
    float d = f16_to_f32(b->d);
    for (int i = 0; i < QK / SUB; i++) {
        int s = (b->l[i / 2] >> 4 * (i % 2) & 15) | (b->h[i / 4] >> 2 * (i % 4) & 3) << 4;
        get_levels(y + SUB * i, b->b + SUB / 2 * i, d * (float)(s - 32));
    }
}

FMT_BLOCKS(IQ4_NL, SUB)
FMT_BLOCKS(IQ4_XS, QK)
