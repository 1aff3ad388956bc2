/* The matrix products over the pool: which table (float, bf16, int8) a format takes in the device's precision, activations rounded once
 * for all that read them, and the cut. */
#include "kern/cut.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* Weights come from memory at about 16 bytes per ns and thread; bf16 products are about twice as fast as float ones. */
static double product_ns(const struct device *d, int bf, int64_t T, const struct mat *w) {
    double macs = mac_ns(d, (double)T * (double)w->rows * (double)w->cols), bytes = (double)w->rows * (double)w->row_bytes / 16;
    if (bf && d->has_bf16) macs /= 2;
    return macs > bytes ? macs : bytes;
}

static int64_t up32(int64_t n) { return (n + 31) / 32 * 32; }

/* ---- activations as bf16 ---- */

static void need_bf(struct device *d, int factor, int64_t n) {
    struct err e = ERR_INIT;
    if (dev_reserve_rounded(d, factor, n, &e) < 0) {
        fprintf(stderr, "bf16 products: %s\n", e.msg);
        abort();
    }
}

enum bf_layout { BF_ROWS, BF_PACK, BF_PAIRS, BF_COLS };
static void bf_slice(const struct job *j, int64_t a, int64_t b) {
    const struct bf_kernels *k = &j->d->bf;
    if (j->act == BF_ROWS) k->rows(j->h, j->a, j->ldx, j->K, a, b);
    if (j->act == BF_PACK) k->pack(j->h, j->a, j->ldx, j->T, j->K, a, b);
    if (j->act == BF_PAIRS) k->pairs(j->h, j->a, j->ldx, j->T, j->K, a, b);
    if (j->act == BF_COLS) k->cols(j->h, j->a, j->ldx, j->T, j->K, a, b);
}
SLICE(slice_bf, bf_slice(j, a, b))

/* x[T, C] rounded into the device's buffer number `which` */
static const bf16 *bf_of(struct device *d, int which, enum bf_layout layout, const num *x, int64_t ldx, int64_t T, int64_t C) {
    need_bf(d, which, up32(T) * up32(C));
    struct job j = {.d = d, .h = d->rounded[which], .a = x, .ldx = ldx, .T = T, .K = C, .act = (int)layout};
    j.n = layout == BF_PAIRS ? up32(T) / 2 : layout == BF_COLS ? C : T;
    j.unit = layout == BF_PAIRS ? 1 : layout == BF_COLS ? 16 : 32;
    run(&j, 0.2 * (double)T * (double)C, slice_bf);
    return j.h;
}

static void q8_slice(const struct job *j, int64_t a, int64_t b) {
    j->d->q8.pack((struct q8_block *)(uintptr_t)j->q, j->a, j->ldx, j->K, a, b);
}
SLICE(slice_q8, q8_slice(j, a, b))

/* x[T, C] of eight bits, in the second buffer: products of one x may want it rounded to bf16 as well */
static const struct q8_block *q8_of(struct device *d, const num *x, int64_t ldx, int64_t T, int64_t C) {
    need_bf(d, 1, up32(T) * up32(C));
    _Static_assert(sizeof(struct q8_block) <= 32 * sizeof(bf16), "fits where bf16 fits");
    struct job j = {
        .d = d, .q = (const struct q8_block *)(const void *)d->rounded[1], .a = x, .ldx = ldx, .K = C, .n = T, .unit = 4};
    run(&j, 0.4 * (double)T * (double)C, slice_q8);
    return j.q;
}

/* ---- y = x Wᵀ: few columns and many rows are cut by rows (weights are then decoded once per thread), the others by columns ---- */

static void matmul_t_slice(const struct job *j, int64_t a, int64_t b) {
    const struct kernels *k = &j->d->k;
    int64_t t0 = j->by_rows ? a : 0, T = j->by_rows ? b - a : j->T, n0 = j->by_rows ? 0 : a, n1 = j->by_rows ? j->N : b;
    if (j->q)
        j->d->q8.matmul_t(num_at(j->d, j->y, t0 * j->ldy), j->ldy, j->q + t0 * (j->w->cols / 32), T, j->w, j->b, j->acc, n0, n1);
    else if (j->h)
        j->d->bf.matmul_t(num_at(j->d, j->y, t0 * j->ldy), j->ldy, j->h + t0 * up32(j->w->cols), T, j->w, j->b, j->acc, n0, n1);
    else
        k->matmul_t(num_at(j->d, j->y, t0 * j->ldy), j->ldy, row_of(j->d, j->a, t0 * j->ldx), j->ldx, T, j->w, j->b, j->acc, n0,
                    n1);
}
SLICE(slice_matmul_t, matmul_t_slice(j, a, b))

static struct job product_job(struct device *d, const struct product *p, const bf16 *h, const num *x, int64_t ldx, int64_t T,
                              int acc) {
    struct job j = {.d = d,
                    .y = p->y,
                    .ldy = p->ldy,
                    .h = (bf16 *)(uintptr_t)h,
                    .a = x,
                    .ldx = ldx,
                    .T = T,
                    .w = p->w,
                    .b = p->bias,
                    .acc = acc,
                    .N = p->w->rows};
    int64_t nth = pool_size(d->pool);
    j.by_rows = p->w->rows < 32 * nth && T >= 8 * nth;
    j.n = j.by_rows ? T : p->w->rows;
    j.unit = j.by_rows ? (h ? 32 : 6) : 16;
    return j;
}

void op_matmul_t(struct device *d, num *y, int64_t ldy, const num *x, int64_t ldx, int64_t T, const struct mat *w,
                 const num *bias, int acc) {
    if (T <= 0 || w->rows <= 0) return;
    int bf = dev_is_bf16(d, w->fmt);
    struct job j =
        product_job(d, &(struct product){y, ldy, w, bias}, bf ? bf_of(d, 0, BF_PACK, x, ldx, T, w->cols) : NULL, x, ldx, T, acc);
    run(&j, product_ns(d, bf, T, w), slice_matmul_t);
}

struct jobs {
    struct job j[4];
    int n;
};
static void slice_products(void *ctx, int ith, int nth) {
    struct jobs *all = ctx;
    for (int i = 0; i < all->n; i++) slice_matmul_t(&all->j[i], ith, nth);
}

static void products(struct device *d, const struct product *p, int n, const num *x, int64_t ldx, int64_t T, int may_int8) {
    struct jobs all = {.n = n};
    const bf16 *h = NULL;
    const struct q8_block *q = NULL;
    double ns = 0;
    int64_t most = 0;
    assert(n <= 4);
    if (T <= 0) return;
    for (int i = 0; i < n; i++) {
        int int8 = may_int8 && dev_is_int8(d, p[i].w->fmt), bf = !int8 && dev_is_bf16(d, p[i].w->fmt);
        if (bf && !h) h = bf_of(d, 0, BF_PACK, x, ldx, T, p[i].w->cols);
        if (int8 && !q) q = q8_of(d, x, ldx, T, p[i].w->cols);
        all.j[i] = product_job(d, &p[i], bf ? h : NULL, x, ldx, T, 0);
        if (int8) {
            all.j[i].q = q;
            if (all.j[i].by_rows) all.j[i].unit = 32;
        }
        ns += product_ns(d, bf || int8, T, p[i].w);
        if (all.j[i].n > most) most = all.j[i].n;
    }
    pool_run(ns < SMALL_NS || most <= 16 ? NULL : d->pool, slice_products, &all);
}

void op_matmul_t_all(struct device *d, const struct product *p, int n, const num *x, int64_t ldx, int64_t T) {
    products(d, p, n, x, ldx, T, 0);
}

void op_forward_t(struct device *d, const struct product *p, int n, const num *x, int64_t ldx, int64_t T) {
    products(d, p, n, x, ldx, T, 1);
}

static void matmul_n_slice(const struct job *j, int64_t a, int64_t b) {
    if (j->h)
        j->d->bf.matmul_n(j->y, j->ldx, j->h, j->T, j->w, j->b, j->acc, a, b);
    else if (j->by_rows)
        j->d->k.matmul_n(num_at(j->d, j->y, a * j->ldx), j->ldx, row_of(j->d, j->a, a * j->ldy), j->ldy, b - a, j->w, j->b,
                         j->acc, 0, j->K);
    else
        j->d->k.matmul_n(j->y, j->ldx, j->a, j->ldy, j->T, j->w, j->b, j->acc, a, b);
}
SLICE(slice_matmul_n, matmul_n_slice(j, a, b))

void op_matmul_n(struct device *d, num *dx, int64_t ldx, const num *dy, int64_t ldy, int64_t T, const struct mat *w,
                 const num *bias, int acc) {
    int64_t nth = pool_size(d->pool), block = fmt_find((int)w->fmt)->block;
    struct job j = {.d = d, .y = dx, .ldx = ldx, .a = dy, .ldy = ldy, .T = T, .w = w, .b = bias, .acc = acc, .K = w->cols};
    if (T <= 0 || w->cols <= 0) return;
    int bf = dev_is_bf16(d, w->fmt);
    if (bf) j.h = (bf16 *)(uintptr_t)bf_of(d, 0, BF_ROWS, dy, ldy, T, w->rows);
    j.by_rows = !bf && T >= 48 * nth;
    j.n = j.by_rows ? T : w->cols;
    j.unit = j.by_rows ? 6 : block > 64 ? block : 64;
    if (!bf && !j.by_rows && block <= 32) j.unit = 32;
    run(&j, product_ns(d, bf, T, w), slice_matmul_n);
}

static void matmul_dw_slice(const struct job *j, int64_t a, int64_t b) {
    if (j->h)
        j->d->bf.matmul_dw(j->y, j->h, j->h2, j->T, j->K, a, b);
    else
        j->d->k.matmul_dw(j->y, j->a, j->ldy, j->b, j->ldx, j->T, j->N, j->K, a, b);
}
SLICE(slice_matmul_dw, matmul_dw_slice(j, a, b))

void op_matmul_dw(struct device *d, num *dw, const num *dy, int64_t ldy, const num *x, int64_t ldx, int64_t T, int64_t N,
                  int64_t K) {
    struct job j = {.d = d, .y = dw, .a = dy, .ldy = ldy, .b = x, .ldx = ldx, .T = T, .N = N, .K = K, .n = N, .unit = 6};
    if (T <= 0 || K <= 0 || N <= 0) return;
    double ns = mac_ns(d, (double)T * (double)N * (double)K);
    if (dev_is_bf16(d, FMT_F32)) { /* gradients are floats: only where bf16 is asked for by name */
        j.h = (bf16 *)(uintptr_t)bf_of(d, 0, BF_COLS, dy, ldy, T, N);
        j.h2 = bf_of(d, 1, BF_PAIRS, x, ldx, T, K);
        j.unit = 16;
        if (d->has_bf16) ns /= 2;
    }
    run(&j, ns, slice_matmul_dw);
}

SLICE(slice_kept, j->d->bf.floats(j->y, j->h, j->K, a, b))
void op_keep(struct device *d, bf16 *dst, const num *x, int64_t T, int64_t C) {
    struct job j = {.d = d, .h = dst, .a = x, .ldx = C, .T = T, .K = C, .act = BF_ROWS, .n = T, .unit = 1};
    run(&j, 0.1 * (double)T * (double)C, slice_bf);
}
void op_kept(struct device *d, num *y, const bf16 *x, int64_t T, int64_t C) {
    struct job j = {.d = d, .y = y, .h = (bf16 *)(uintptr_t)x, .K = C, .n = T, .unit = 1};
    run(&j, 0.1 * (double)T * (double)C, slice_kept);
}
