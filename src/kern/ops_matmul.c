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
static int64_t up64(int64_t n) { return (n + 63) / 64 * 64; }

/* ---- activations as bf16 ---- */

static void need_bf(struct device *d, int factor, int64_t n) {
    struct err e = ERR_INIT;
    if (dev_reserve_rounded(d, factor, n, &e) < 0) {
        fprintf(stderr, "bf16 products: %s\n", e.msg);
        abort();
    }
}

enum bf_layout { BF_ROWS, BF_PACK, BF_LEFT, BF_RIGHT };
static void bf_slice(const struct job *j, int64_t a, int64_t b) {
    const struct bf_kernels *k = &j->d->bf;
    if (j->act == BF_ROWS) k->rows(j->h, j->a, j->ldx, j->K, a, b);
    if (j->act == BF_PACK) k->pack(j->h, j->a, j->ldx, j->T, j->K, a, b);
    if (j->act == BF_LEFT) k->left(j->h, j->a, j->ldx, j->T, j->K, a, b);
    if (j->act == BF_RIGHT) k->right(j->h, j->a, j->ldx, j->T, j->K, a, b);
}
SLICE(slice_bf, bf_slice(j, a, b))

/* x[T, C] rounded into the device's buffer number `which` */
static const bf16 *bf_of(struct device *d, int which, enum bf_layout layout, const num *x, int64_t ldx, int64_t T, int64_t C) {
    need_bf(d, which, up32(T) * (layout == BF_ROWS || layout == BF_PACK ? up32(C) : up64(C)));
    struct job j = {.d = d, .h = d->rounded[which], .a = x, .ldx = ldx, .T = T, .K = C, .act = (int)layout, .n = T, .unit = 32};
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

/* Jobs that do not wait for each other. */
struct jobs {
    struct job j[8];
    int n;
};

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

/* dx by columns, in whole blocks of the format */
static struct job back_job(struct device *d, num *dx, int64_t ldx, const struct mat *w, int64_t T, int acc) {
    int64_t block = fmt_find((int)w->fmt)->block, unit = block > 64 ? block : 64;
    return (struct job){.d = d, .y = dx, .ldx = ldx, .T = T, .w = w, .acc = acc, .K = w->cols, .n = w->cols, .unit = unit};
}

void op_matmul_n(struct device *d, num *dx, int64_t ldx, const num *dy, int64_t ldy, int64_t T, const struct mat *w,
                 const num *bias, int acc) {
    int64_t nth = pool_size(d->pool);
    struct job j = back_job(d, dx, ldx, w, T, acc);
    if (T <= 0 || w->cols <= 0) return;
    int bf = dev_is_bf16(d, w->fmt);
    j.a = dy, j.ldy = ldy, j.b = bias;
    if (bf) j.h = (bf16 *)(uintptr_t)bf_of(d, 0, BF_ROWS, dy, ldy, T, w->rows);
    if (!bf && T >= 48 * nth)
        j.by_rows = 1, j.n = T, j.unit = 6;
    else if (!bf && j.unit == 64)
        j.unit = 32;
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
        j.h = (bf16 *)(uintptr_t)bf_of(d, 0, BF_LEFT, dy, ldy, T, N);
        j.h2 = bf_of(d, 1, BF_RIGHT, x, ldx, T, K);
        j.unit = 16;
        if (d->has_bf16) ns /= 2;
    }
    run(&j, ns, slice_matmul_dw);
}

/* ---- both mirrors of several products of one x ---------------------------------------------------------------------------------- */

/* What the rounding of a mirror reads and writes: x and each dy, thirty-two rows at a time while they are in cache. */
struct rounding {
    struct device *d;
    const struct product_back *p;
    bf16 *rows[4], *left[4], *right;
    const num *x;
    int64_t ldx, T, K;
    int n;
};
static void slice_rounding(void *ctx, int ith, int nth) {
    const struct rounding *o = ctx;
    const struct device *d = o->d;
    int64_t a, b, to;
    slice(o->T, 32, ith, nth, &a, &b);
    for (int64_t r = a; r < b; r = to) {
        to = b - r < 32 ? b : r + 32;
        for (int i = 0; i < o->n; i++) {
            const struct product_back *p = &o->p[i];
            d->bf.rows(o->rows[i], p->dy, p->ldy, p->w->rows, r, to);
            if (p->dw) d->bf.left(o->left[i], p->dy, p->ldy, o->T, p->w->rows, r, to);
        }
        if (o->right) d->bf.right(o->right, o->x, o->ldx, o->T, o->K, r, to);
    }
}

static void round_all(struct rounding *o) {
    struct device *d = o->d;
    int64_t T = up32(o->T), rows = 0, left = 0, dw = 0, numbers = 0;
    for (int i = 0; i < o->n; i++) rows += T * up32(o->p[i].w->rows), left += T * up64(o->p[i].w->rows), dw += o->p[i].dw != NULL;
    need_bf(d, 0, rows);
    if (dw) need_bf(d, 1, T * up64(o->K)), need_bf(d, 2, left);
    rows = left = 0;
    for (int i = 0; i < o->n; i++) {
        int64_t N = o->p[i].w->rows;
        o->rows[i] = d->rounded[0] + rows, rows += T * up32(N);
        if (dw) o->left[i] = d->rounded[2] + left, left += T * up64(N);
        numbers += o->T * N;
    }
    if (dw) o->right = d->rounded[1], numbers += o->T * o->K;
    pool_run(0.2 * (double)numbers < SMALL_NS ? NULL : d->pool, slice_rounding, o);
}

static void slice_mirrors(void *ctx, int ith, int nth) {
    struct jobs *all = ctx;
    for (int i = 0; i < all->n; i++) (all->j[i].h2 ? slice_matmul_dw : slice_matmul_n)(&all->j[i], ith, nth);
}

static void mirrors_bf(struct device *d, num *dx, int64_t ldx, const struct product_back *p, int n, const num *x, int64_t ld_of_x,
                       int64_t T, int acc) {
    struct rounding o = {.d = d, .p = p, .x = x, .ldx = ld_of_x, .T = T, .K = p->w->cols, .n = n};
    struct jobs all = {.n = 0};
    double ns = 0;
    round_all(&o);
    for (int i = 0; i < n; i++)
        if (p[i].dw)
            all.j[all.n++] = (struct job){.d = d,
                                          .y = p[i].dw,
                                          .h = o.left[i],
                                          .h2 = o.right,
                                          .T = T,
                                          .N = p[i].w->rows,
                                          .K = o.K,
                                          .n = p[i].w->rows,
                                          .unit = 16};
    for (int i = 0; i < n; i++) {
        ns += (p[i].dw ? 2 : 1) * product_ns(d, 1, T, p[i].w);
        all.j[all.n] = back_job(d, dx, ldx, p[i].w, T, acc || i > 0);
        all.j[all.n++].h = o.rows[i];
    }
    pool_run(ns < SMALL_NS ? NULL : d->pool, slice_mirrors, &all);
}

void op_matmul_back(struct device *d, num *dx, int64_t ldx, const struct product_back *p, int n, const num *x, int64_t ld_of_x,
                    int64_t T, int acc) {
    int bf = dev_is_bf16(d, FMT_F32); /* gradients are floats: only where bf16 is asked for by name */
    assert(n >= 1 && n <= 4);
    for (int i = 0; i < n; i++) bf &= dev_is_bf16(d, p[i].w->fmt) && p[i].w->rows > 0;
    if (T > 0 && p->w->cols > 0 && bf) {
        mirrors_bf(d, dx, ldx, p, n, x, ld_of_x, T, acc);
        return;
    }
    for (int i = 0; i < n; i++)
        if (p[i].dw) op_matmul_dw(d, p[i].dw, p[i].dy, p[i].ldy, x, ld_of_x, T, p[i].w->rows, p[i].w->cols);
    for (int i = 0; i < n; i++) op_matmul_n(d, dx, ldx, p[i].dy, p[i].ldy, T, p[i].w, NULL, acc || i > 0);
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
