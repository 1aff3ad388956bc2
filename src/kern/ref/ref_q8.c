/* The product with activations of eight bits as equations (struct q8_kernels in device.h). The definition fixes every rounding, so this is
 * not only what the fast tables are held to: their bytes are these bytes. fmaf is the function of the C library, correct without the
 * instruction too. */
#include "kern/fmt_int.h"
#include "kern/kern_int.h"
#include <math.h>
#include <string.h>

static int64_t blocks(int64_t K) { return K / 32; }

static void pack(struct q8_block *dst, const num *x_, int64_t ldx, int64_t K, int64_t r0, int64_t r1) {
    for (int64_t r = r0; r < r1; r++)
        for (int64_t b = 0; b < blocks(K); b++) {
            const float *x = (const float *)x_ + r * ldx + 32 * b;
            struct q8_block *o = dst + r * blocks(K) + b;
            float most = 0;
            int sum[2] = {0}, finite = 1;
            for (int i = 0; i < 32; i++) {
                float a = fabsf(x[i]);
                finite &= a < INFINITY;
                if (a > most) most = a;
            }
            o->d = finite ? most / 127 : NAN;
            for (int i = 0; i < 32; i++) { /* the scale of denormals may be rounded so far that a code would not fit */
                float q = finite && o->d > 0 ? rintf(x[i] / o->d) : 0;
                o->q[i] = (int8_t)(q > 127 ? 127 : q < -127 ? -127 : q);
                sum[i / 16] += o->q[i];
            }
            o->ds = o->d * (float)(sum[0] + sum[1]);
            o->n = -sum[0] - sum[1], o->n0 = -sum[0];
        }
}

/* Thirty-two weights: numbers q; one scale, or one for each sixteen; no minimum, one, or one for each sixteen. */
struct weights32 {
    int q[32], scales, mins;
    float s[2], m[2];
};

static float half_at(const unsigned char *p) {
    f16 h;
    memcpy(&h, p, 2);
    return f16_to_f32(h);
}
static int code5(const unsigned char *b, const unsigned char *h, int i) {
    return (b[i % 16] >> (i < 16 ? 0 : 4) & 15) | (h ? (h[i / 8] >> i % 8 & 1) << 4 : 0);
}

static int two_bits(const unsigned char *b, int sub, int i) { return b[32 * (sub / 4) + i] >> 2 * (sub % 4) & 3; }

static void q2_at(struct weights32 *w, const unsigned char *p, int sub) {
    const unsigned char *s = p + 2 * sub;
    for (int i = 0; i < 32; i++) w->q[i] = (s[i / 16] & 15) * two_bits(p + 16, sub, i);
    w->s[0] = half_at(p + 80);
    for (int i = 0; i < 2; i++) w->m[i] = -(half_at(p + 82) * (float)(s[i] >> 4));
    w->mins = 2;
}
static void q3_at(struct weights32 *w, const unsigned char *p, int sub) {
    const unsigned char *s = p + 96;
    for (int i = 0; i < 32; i++) w->q[i] = (two_bits(p + 32, sub, i) | (p[i] >> sub & 1) << 2) - 4;
    for (int i = 0; i < 2; i++) {
        int j = 2 * sub + i, sc = (s[j % 8] >> (j < 8 ? 0 : 4) & 15) | (s[8 + j % 4] >> 2 * (j / 4) & 3) << 4;
        w->s[i] = half_at(p + 108) * (float)(sc - 32);
    }
    w->scales = 2;
}
static void levels_at(int *q, const unsigned char *b) {
    static const int8_t level[16] = FMT_IQ4_LEVELS;
    for (int i = 0; i < 32; i++) q[i] = level[code5(b, NULL, i)];
}

/* Block `at` of a row. Layouts: fmt_block.c, fmt_super.c, fmt_levels.c. */
static void weights_at(struct weights32 *w, enum fmt f, const unsigned char *row, int64_t at) {
    const struct fmt_row *r = fmt_find((int)f);
    int sub = (int)(at % (r->block / 32));
    const unsigned char *p = row + (size_t)(at / (r->block / 32)) * (size_t)r->bytes;
    w->scales = 1, w->mins = 0;
    w->s[0] = half_at(p);
    switch (f) {
    case FMT_Q2_K: q2_at(w, p, sub); break;
    case FMT_Q3_K: q3_at(w, p, sub); break;
    case FMT_IQ4_NL: levels_at(w->q, p + 2); break;
    case FMT_IQ4_XS:
        levels_at(w->q, p + 8 + 16 * sub);
        w->s[0] *= (float)(((p[4 + sub / 2] >> 4 * (sub % 2) & 15) | (p[2 + sub / 4] >> 2 * (sub % 4) & 3) << 4) - 32);
        break;
    case FMT_Q8_0:
        for (int i = 0; i < 32; i++) w->q[i] = (int8_t)p[2 + i];
        break;
    case FMT_Q4_0:
        for (int i = 0; i < 32; i++) w->q[i] = code5(p + 2, NULL, i) - 8;
        break;
    case FMT_Q5_0:
        for (int i = 0; i < 32; i++) w->q[i] = code5(p + 6, p + 2, i) - 16;
        break;
    case FMT_Q4_1:
        for (int i = 0; i < 32; i++) w->q[i] = code5(p + 4, NULL, i);
        w->m[0] = half_at(p + 2), w->mins = 1;
        break;
    case FMT_Q5_1:
        for (int i = 0; i < 32; i++) w->q[i] = code5(p + 8, p + 4, i);
        w->m[0] = half_at(p + 2), w->mins = 1;
        break;
    case FMT_Q4_K:
    case FMT_Q5_K: {
        const unsigned char *s = p + 4, *h = p + 16, *b = p + (f == FMT_Q4_K ? 16 : 48) + 32 * (sub / 2);
        int sc = sub < 4 ? s[sub] & 63 : (s[sub + 4] & 15) | s[sub - 4] >> 6 << 4;
        int mn = sub < 4 ? s[sub + 4] & 63 : s[sub + 4] >> 4 | s[sub] >> 6 << 4;
        for (int i = 0; i < 32; i++) w->q[i] = (b[i] >> 4 * (sub & 1) & 15) | (f == FMT_Q5_K ? (h[i] >> sub & 1) << 4 : 0);
        w->s[0] *= (float)sc;
        w->m[0] = -(half_at(p + 2) * (float)mn), w->mins = 1;
        break;
    }
    default: { /* Q6_K */
        const unsigned char *b = p + 64 * (sub / 4) + 32 * (sub & 1), *h = p + 128 + 32 * (sub / 4);
        for (int i = 0; i < 32; i++) w->q[i] = ((b[i] >> (sub & 2 ? 4 : 0) & 15) | (h[i] >> 2 * (sub & 3) & 3) << 4) - 32;
        for (int i = 0; i < 2; i++) w->s[i] = half_at(p + 208) * (float)(int8_t)p[192 + 2 * sub + i];
        w->scales = 2;
        break;
    }
    }
}

static float multiply(float y, const struct weights32 *w, const struct q8_block *x) {
    int sum[2] = {0};
    for (int i = 0; i < 32; i++) sum[i / 16] += w->q[i] * x->q[i];
    if (w->scales == 2)
        for (int i = 0; i < 2; i++) y = fmaf((float)sum[i], w->s[i] * x->d, y);
    else
        y = fmaf((float)(sum[0] + sum[1]), w->s[0] * x->d, y);
    if (w->mins == 1) return fmaf(w->m[0], x->ds, y);
    for (int i = 0; i < w->mins; i++) y = fmaf(w->m[i], x->d * (float)(i ? x->n0 - x->n : -x->n0), y);
    return y;
}

static void matmul_t(num *y_, int64_t ldy, const struct q8_block *x, int64_t T, const struct mat *w, const num *bias, int acc,
                     int64_t n0, int64_t n1) {
    float *y = (float *)y_;
    for (int64_t n = n0; n < n1; n++) {
        for (int64_t t = 0; t < T; t++) y[t * ldy + n] = (acc ? y[t * ldy + n] : 0) + (bias ? ((const float *)bias)[n] : 0);
        for (int64_t b = 0; b < blocks(w->cols); b++) {
            struct weights32 v;
            weights_at(&v, w->fmt, (const unsigned char *)w->data + (size_t)n * w->row_bytes, b);
            for (int64_t t = 0; t < T; t++) y[t * ldy + n] = multiply(y[t * ldy + n], &v, x + t * blocks(w->cols) + b);
        }
    }
}

void kern_fill_ref32_q8(struct q8_kernels *k) { *k = (struct q8_kernels){pack, matmul_t}; }
