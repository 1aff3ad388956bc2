/* The matrix products with bf16 factors as equations: every factor is rounded to bf16 first, sums are floats in index order. What the
 * fast ones are tested against, and what CANDOR_ISA=ref runs. */
#include "kern/kern_int.h"

#define CHUNK 256 /* weights are decoded so many at a time; a multiple of every format's block */

static float *F(num *p) { return (float *)p; }
static const float *FC(const num *p) { return (const float *)p; }
static int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }

/* n ≤ CHUNK weights of row `row` from column k (a multiple of the block) on, rounded to bf16, as floats */
static void load(float *out, const struct mat *w, int64_t row, int64_t k, int64_t n) {
    const struct fmt_row *f = fmt_find((int)w->fmt);
    const char *p = (const char *)w->data + (size_t)row * w->row_bytes + (size_t)(k / f->block) * (size_t)f->bytes;
    f->to_f32(out, p, n);
    for (int64_t i = 0; i < n; i++) out[i] = bf16_to_f32(f32_to_bf16(out[i]));
}

/* ---- the same three products with bf16 factors: every factor is rounded to bf16 first, sums stay float ---------------------------- */

static int64_t up32(int64_t n) { return (n + 31) / 32 * 32; }

/* dst[r, c] = bf16(x[r, c]), rows as long as C rounded up to 32, zero beyond C */
static void rows(bf16 *dst, const num *x, int64_t ldx, int64_t C, int64_t r0, int64_t r1) {
    int64_t ld = up32(C);
    for (int64_t r = r0; r < r1; r++)
        for (int64_t c = 0; c < ld; c++) dst[r * ld + c] = c < C ? f32_to_bf16((float)FC(x)[r * ldx + c]) : 0;
}
static void pack(bf16 *dst, const num *x, int64_t ldx, int64_t T, int64_t C, int64_t r0, int64_t r1) {
    (void)T;
    rows(dst, x, ldx, C, r0, r1);
}
/* dst[c, t] = bf16(x[t, c]), columns as long as T rounded up to 32 */
static void left(bf16 *dst, const num *x, int64_t ldx, int64_t T, int64_t C, int64_t r0, int64_t r1) {
    for (int64_t c = 0; c < C; c++)
        for (int64_t t = r0; t < r1; t++) dst[c * up32(T) + t] = f32_to_bf16((float)FC(x)[t * ldx + c]);
}

static void matmul_t(num *y_, int64_t ldy, const bf16 *x, int64_t T, const struct mat *w, const num *bias, int acc, int64_t n0,
                     int64_t n1) {
    float *y = F(y_), buf[CHUNK];
    int64_t ldx = up32(w->cols);
    for (int64_t n = n0; n < n1; n++) {
        for (int64_t t = 0; t < T; t++) y[t * ldy + n] = (acc ? y[t * ldy + n] : 0) + (bias ? FC(bias)[n] : 0);
        for (int64_t k = 0; k < w->cols; k += CHUNK) {
            int64_t m = min(CHUNK, w->cols - k);
            load(buf, w, n, k, m);
            for (int64_t t = 0; t < T; t++) {
                float s = y[t * ldy + n];
                for (int64_t i = 0; i < m; i++) s += (float)bf16_to_f32(x[t * ldx + k + i]) * (float)buf[i];
                y[t * ldy + n] = s;
            }
        }
    }
}
static void matmul_n(num *dx_, int64_t ldx, const bf16 *dy, int64_t T, const struct mat *w, const num *bias, int acc, int64_t k0,
                     int64_t k1) {
    float *dx = F(dx_), buf[CHUNK];
    int64_t ldy = up32(w->rows);
    for (int64_t k = k0; k < k1; k += CHUNK) {
        int64_t m = min(CHUNK, k1 - k);
        for (int64_t t = 0; t < T; t++)
            for (int64_t i = k; i < k + m; i++) dx[t * ldx + i] = (acc ? dx[t * ldx + i] : 0) + (bias ? FC(bias)[i] : 0);
        for (int64_t n = 0; n < w->rows; n++) {
            load(buf, w, n, k, m);
            for (int64_t t = 0; t < T; t++) {
                float g = (float)bf16_to_f32(dy[t * ldy + n]);
                for (int64_t i = 0; i < m; i++) dx[t * ldx + k + i] += g * buf[i];
            }
        }
    }
}
static void matmul_dw(num *dw_, const bf16 *dyc, const bf16 *x, int64_t T, int64_t K, int64_t n0, int64_t n1) {
    int64_t ldt = up32(T), ldk = up32(K);
    for (int64_t n = n0; n < n1; n++)
        for (int64_t t = 0; t < T; t++)
            for (int64_t k = 0; k < K; k++)
                F(dw_)[n * K + k] += (float)bf16_to_f32(dyc[n * ldt + t]) * (float)bf16_to_f32(x[t * ldk + k]);
}

static void floats(num *y, const bf16 *x, int64_t C, int64_t r0, int64_t r1) {
    for (int64_t r = r0; r < r1; r++)
        for (int64_t c = 0; c < C; c++) F(y)[r * C + c] = bf16_to_f32(x[r * up32(C) + c]);
}

void kern_fill_ref32_bf(struct bf_kernels *k) {
    *k = (struct bf_kernels){rows, pack, left, pack, matmul_t, matmul_n, matmul_dw, floats};
}
