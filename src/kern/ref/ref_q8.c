/* The product with activations of eight bits as equations (struct q8_kernels in device.h). The definition fixes every rounding, so this is
 * not only what the fast tables are held to: their bytes are these bytes. fmaf is the function of the C library, correct without the
 * instruction too. */
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

/* Thirty-two weights: numbers q, a scale for each sixteen, and what is added to all of them. */
struct weights32 {
    int q[32];
    float s[2], m;
};

static float half_at(const unsigned char *p) {
    f16 h;
    memcpy(&h, p, 2);
    return f16_to_f32(h);
}
static int code5(const unsigned char *b, const unsigned char *h, int i) {
    return (b[i % 16] >> (i < 16 ? 0 : 4) & 15) | (h ? (h[i / 8] >> i % 8 & 1) << 4 : 0);
}

/* Block `at` of a row. Layouts: fmt_block.c, fmt_super.c. */
static void weights_at(struct weights32 *w, enum fmt f, const unsigned char *row, int64_t at) {
    const struct fmt_row *r = fmt_find((int)f);
    int sub = (int)(at % (r->block / 32));
    const unsigned char *p = row + (size_t)(at / (r->block / 32)) * (size_t)r->bytes;
    w->m = 0;
    switch (f) {
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
        w->m = half_at(p + 2);
        break;
    case FMT_Q5_1:
        for (int i = 0; i < 32; i++) w->q[i] = code5(p + 8, p + 4, i);
        w->m = half_at(p + 2);
        break;
    case FMT_Q4_K:
    case FMT_Q5_K: {
        const unsigned char *s = p + 4, *h = p + 16, *b = p + (f == FMT_Q4_K ? 16 : 48) + 32 * (sub / 2);
        int sc = sub < 4 ? s[sub] & 63 : (s[sub + 4] & 15) | s[sub - 4] >> 6 << 4;
        int mn = sub < 4 ? s[sub + 4] & 63 : s[sub + 4] >> 4 | s[sub] >> 6 << 4;
        for (int i = 0; i < 32; i++) w->q[i] = (b[i] >> 4 * (sub & 1) & 15) | (f == FMT_Q5_K ? (h[i] >> sub & 1) << 4 : 0);
        w->s[0] = w->s[1] = half_at(p) * (float)sc;
        w->m = -(half_at(p + 2) * (float)mn);
        return;
    }
    default: { /* Q6_K */
        const unsigned char *b = p + 64 * (sub / 4) + 32 * (sub & 1), *h = p + 128 + 32 * (sub / 4);
        for (int i = 0; i < 32; i++) w->q[i] = ((b[i] >> (sub & 2 ? 4 : 0) & 15) | (h[i] >> 2 * (sub & 3) & 3) << 4) - 32;
        for (int i = 0; i < 2; i++) w->s[i] = half_at(p + 208) * (float)(int8_t)p[192 + 2 * sub + i];
        return;
    }
    }
    w->s[0] = w->s[1] = half_at(p);
}

static void matmul_t(num *y_, int64_t ldy, const struct q8_block *x, int64_t T, const struct mat *w, const num *bias, int acc,
                     int64_t n0, int64_t n1) {
    float *y = (float *)y_;
    for (int64_t n = n0; n < n1; n++) {
        for (int64_t t = 0; t < T; t++) y[t * ldy + n] = (acc ? y[t * ldy + n] : 0) + (bias ? ((const float *)bias)[n] : 0);
        for (int64_t b = 0; b < blocks(w->cols); b++) {
            struct weights32 v;
            weights_at(&v, w->fmt, (const unsigned char *)w->data + (size_t)n * w->row_bytes, b);
            for (int64_t t = 0; t < T; t++) {
                const struct q8_block *a = x + t * blocks(w->cols) + b;
                int sum[2] = {0};
                for (int i = 0; i < 32; i++) sum[i / 16] += v.q[i] * a->q[i];
                float *s = y + t * ldy + n;
                if (w->fmt == FMT_Q6_K)
                    for (int i = 0; i < 2; i++) *s = fmaf((float)sum[i], v.s[i] * a->d, *s);
                else
                    *s = fmaf((float)(sum[0] + sum[1]), v.s[0] * a->d, *s);
                if (w->fmt == FMT_Q4_1 || w->fmt == FMT_Q5_1 || w->fmt == FMT_Q4_K || w->fmt == FMT_Q5_K)
                    *s = fmaf(v.m, a->ds, *s);
            }
        }
    }
}

void kern_fill_ref32_q8(struct q8_kernels *k) { *k = (struct q8_kernels){pack, matmul_t}; }
