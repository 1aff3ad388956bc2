/* Every other operation over the pool: one wrapper a slot. */
#include "kern/attn.h"
#include "kern/cut.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SLICE(slice_bias_dw, k->bias_dw(j->y, j->a, j->ldy, j->T, a, b))
void op_bias_dw(struct device *d, num *db, const num *dy, int64_t ldy, int64_t T, int64_t N) {
    struct job j = {.d = d, .y = db, .a = dy, .ldy = ldy, .T = T, .n = N, .unit = 32};
    if (T > 0) run(&j, 0.25 * (double)T * (double)N, slice_bias_dw);
}

SLICE(slice_rmsnorm, k->rmsnorm(j->y, j->a, j->b, j->K, j->eps, a, b))
void op_rmsnorm(struct device *d, num *y, const num *x, const num *w, int64_t R, int64_t C, double eps) {
    struct job j = {.d = d, .y = y, .a = x, .b = w, .K = C, .eps = eps, .n = R, .unit = 1};
    run(&j, 0.25 * (double)R * (double)C, slice_rmsnorm);
}

SLICE(slice_rmsnorm_back, k->rmsnorm_back(j->y, j->a, j->b, j->c, j->K, j->eps, j->acc, a, b))
void op_rmsnorm_back(struct device *d, num *dx, const num *dy, const num *x, const num *w, int64_t R, int64_t C, double eps,
                     int acc) {
    struct job j = {.d = d, .y = dx, .a = dy, .b = x, .c = w, .K = C, .eps = eps, .acc = acc, .n = R, .unit = 1};
    run(&j, 0.5 * (double)R * (double)C, slice_rmsnorm_back);
}

SLICE(slice_rmsnorm_dw, k->rmsnorm_dw(j->y, j->a, j->b, j->T, j->K, j->eps, a, b))
void op_rmsnorm_dw(struct device *d, num *dw, const num *dy, const num *x, int64_t R, int64_t C, double eps) {
    struct job j = {.d = d, .y = dw, .a = dy, .b = x, .T = R, .K = C, .eps = eps, .n = C, .unit = 32};
    run(&j, 0.25 * (double)R * (double)C, slice_rmsnorm_dw);
}

SLICE(slice_layernorm, k->layernorm(j->y, j->a, j->b, j->c, j->K, j->eps, a, b))
void op_layernorm(struct device *d, num *y, const num *x, const num *w, const num *b, int64_t R, int64_t C, double eps) {
    struct job j = {.d = d, .y = y, .a = x, .b = w, .c = b, .K = C, .eps = eps, .n = R, .unit = 1};
    run(&j, 1.0 * (double)R * (double)C, slice_layernorm);
}

SLICE(slice_layernorm_back, k->layernorm_back(j->y, j->a, j->b, j->c, j->K, j->eps, j->acc, a, b))
void op_layernorm_back(struct device *d, num *dx, const num *dy, const num *x, const num *w, int64_t R, int64_t C, double eps,
                       int acc) {
    struct job j = {.d = d, .y = dx, .a = dy, .b = x, .c = w, .K = C, .eps = eps, .acc = acc, .n = R, .unit = 1};
    run(&j, 1.0 * (double)R * (double)C, slice_layernorm_back);
}

SLICE(slice_layernorm_dw, k->layernorm_dw(j->y, j->y2, j->a, j->b, j->T, j->K, j->eps, a, b))
void op_layernorm_dw(struct device *d, num *dw, num *db, const num *dy, const num *x, int64_t R, int64_t C, double eps) {
    struct job j = {.d = d, .y = dw, .y2 = db, .a = dy, .b = x, .T = R, .K = C, .eps = eps, .n = C, .unit = 32};
    run(&j, 1.0 * (double)R * (double)C, slice_layernorm_dw);
}

SLICE(slice_rope, k->rope(j->y, j->ldx, j->nh, j->D, j->rot, j->a, (enum rope_style)j->st, j->back, a, b))
void op_rope(struct device *d, num *x, int64_t ldx, int64_t R, int nh, int D, int rot, const num *cs, enum rope_style st,
             int back) {
    struct job j = {
        .d = d, .y = x, .ldx = ldx, .nh = nh, .D = D, .rot = rot, .a = cs, .st = (int)st, .back = back, .n = R, .unit = 1};
    run(&j, 0.25 * (double)R * nh * D, slice_rope);
}

static void move_slice(const struct job *j, int64_t a, int64_t b) {
    size_t bytes = (size_t)(b - a) * j->d->num_bytes;
    if (j->a)
        memmove(num_at(j->d, j->y, a), row_of(j->d, j->a, a), bytes);
    else
        memset(num_at(j->d, j->y, a), 0, bytes);
}
SLICE(slice_move, move_slice(j, a, b))

void dev_copy(struct device *d, num *dst, const num *src, int64_t n) {
    struct job j = {.d = d, .y = dst, .a = src, .n = n, .unit = 64};
    if (num_at(d, dst, n) > src && num_at(d, (num *)(uintptr_t)src, n) > dst) j.unit = n; /* they overlap: in one piece */
    run(&j, 0.25 * (double)n, slice_move);
}

void dev_zero(struct device *d, num *dst, int64_t n) {
    struct job j = {.d = d, .y = dst, .n = n, .unit = 64};
    run(&j, 0.15 * (double)n, slice_move);
}

/* Whoever plans memory has reserved enough; if not, grow here rather than write past the end. */
static void need_attn(struct device *d, const struct attn_shape *sh) {
    struct err e = ERR_INIT;
    if (dev_reserve(d, sh->head_dim, sh->n_head, &e) < 0) {
        fprintf(stderr, "attention scratch: %s\n", e.msg);
        abort();
    }
}

SLICE(slice_angles, k->angles(j->y, j->freq, j->rot / 2, j->eps, j->T, a, b))
void op_angles(struct device *d, num *cs, const double *freq, int half, double m, int64_t pos0, int64_t R) {
    struct job j = {.d = d, .y = cs, .freq = freq, .rot = 2 * half, .eps = m, .T = pos0, .n = R, .unit = 1};
    run(&j, 12.0 * (double)R * half, slice_angles);
}

SLICE(slice_kv_store, k->kv_store(j->kv, j->K, j->T, j->a, j->b, a, b))
void op_kv_store(struct device *d, const struct kv_ref *kv, int64_t row_len, int64_t pos, const num *k, const num *v,
                 int64_t rows) {
    struct job j = {.d = d, .kv = kv, .K = row_len, .T = pos, .a = k, .b = v, .n = rows, .unit = 1};
    run(&j, 0.2 * (double)rows * (double)row_len, slice_kv_store);
}

void op_attn(struct device *d, num *o, num *lse, const num *q, int64_t T, const struct attn_span *sp, int nsp,
             const struct attn_shape *sh) {
    need_attn(d, sh);
    if (T > 0) attn_forward(&d->k, d->pool, d->attn, o, lse, q, sp, nsp, sh);
}

void op_attn_back(struct device *d, num *dq, num *dk, num *dv, const num *do_, const num *q, const num *o, const num *lse,
                  int64_t T, const struct attn_span *sp, int nsp, const struct attn_shape *sh) {
    need_attn(d, sh);
    if (T > 0) attn_backward(&d->k, d->pool, d->attn, dq, dk, dv, do_, q, o, lse, sp, nsp, sh);
}

/* ---- flat arrays and rows ------------------------------------------------------------------------------------------------------- */

SLICE(slice_glu, k->glu(j->y, j->a, j->b, (enum act_kind)j->act, a, b))
void op_glu(struct device *d, num *h, const num *g, const num *u, enum act_kind act, int64_t n) {
    struct job j = {.d = d, .y = h, .a = g, .b = u, .act = (int)act, .n = n, .unit = 64};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)n, slice_glu);
}

SLICE(slice_glu_back, k->glu_back(j->y, j->y2, j->a, j->b, j->c, (enum act_kind)j->act, a, b))
void op_glu_back(struct device *d, num *dg, num *du, const num *dh, const num *g, const num *u, enum act_kind act, int64_t n) {
    struct job j = {.d = d, .y = dg, .y2 = du, .a = dh, .b = g, .c = u, .act = (int)act, .n = n, .unit = 64};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)n, slice_glu_back);
}

SLICE(slice_add, k->add(j->y, j->a, j->b, a, b))
void op_add(struct device *d, num *y, const num *a, const num *b, int64_t n) {
    struct job j = {.d = d, .y = y, .a = a, .b = b, .n = n, .unit = 64};
    run(&j, 0.25 * (double)n, slice_add);
}

SLICE(slice_axpy, k->axpy(j->y, j->eps, j->a, a, b))
void op_axpy(struct device *d, num *y, double a, const num *x, int64_t n) {
    struct job j = {.d = d, .y = y, .a = x, .eps = a, .n = n, .unit = 64};
    run(&j, 0.25 * (double)n, slice_axpy);
}

SLICE(slice_scale, k->scale(j->y, j->eps, j->a, a, b))
void op_scale(struct device *d, num *y, double a, const num *x, int64_t n) {
    struct job j = {.d = d, .y = y, .a = x, .eps = a, .n = n, .unit = 64};
    run(&j, 0.25 * (double)n, slice_scale);
}

SLICE(slice_gather, k->gather(j->y, j->w, j->ids, a, b))
void op_gather(struct device *d, num *y, const struct mat *w, const int32_t *ids, int64_t R) {
    struct job j = {.d = d, .y = y, .w = w, .ids = ids, .n = R, .unit = 1};
    run(&j, 0.5 * (double)R * (double)w->cols, slice_gather);
}

SLICE(slice_scatter_add, k->scatter_add(j->y, j->a, j->ids, j->T, j->K, a, b))
void op_scatter_add(struct device *d, num *dw, const num *dy, const int32_t *ids, int64_t R, int64_t C) {
    struct job j = {.d = d, .y = dw, .a = dy, .ids = ids, .T = R, .K = C, .n = C, .unit = 32};
    run(&j, 0.5 * (double)R * (double)C, slice_scatter_add);
}

SLICE(slice_row_lse, k->row_lse(j->y, j->a, j->K, a, b))
void op_row_lse(struct device *d, num *lse, const num *x, int64_t R, int64_t V) {
    struct job j = {.d = d, .y = lse, .a = x, .K = V, .n = R, .unit = 1};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)R * (double)V, slice_row_lse);
}

SLICE(slice_nll_seed, k->nll_seed(j->y, j->a, j->b, j->ids, j->K, a, b))
void op_nll_seed(struct device *d, num *x, const num *lse, const num *coef, const int32_t *target, int64_t R, int64_t V) {
    struct job j = {.d = d, .y = x, .a = lse, .b = coef, .ids = target, .K = V, .n = R, .unit = 1};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)R * (double)V, slice_nll_seed);
}

SLICE(slice_softmax, k->softmax(j->y, j->K, j->eps, a, b))
void op_softmax(struct device *d, num *x, int64_t R, int64_t V, double temp) {
    struct job j = {.d = d, .y = x, .K = V, .eps = temp, .n = R, .unit = 1};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)R * (double)V, slice_softmax);
}

SLICE(slice_adamw, k->adamw(j->y, j->y2, j->y3, j->a, j->eps, j->opt, a, b))
void op_adamw(struct device *d, num *p, num *m, num *v, const num *g, double gscale, struct adamw o, int64_t n) {
    struct job j = {.d = d, .y = p, .y2 = m, .y3 = v, .a = g, .eps = gscale, .opt = o, .n = n, .unit = 64};
    run(&j, (d->isa == ISA_REF ? 10.0 : 1.0) * (double)n, slice_adamw);
}

/* The slots add blocks of SUM_BLOCK in order: so each block can be had by itself, and they are added here. */
enum { SUM_BLOCK = 4096, SUM_ROUND = 512 };
static void sum_blocks(const struct job *j, int64_t i0, int64_t i1) {
    for (int64_t i = i0; i < i1; i++) {
        int64_t at = i * SUM_BLOCK, n = j->K - at < SUM_BLOCK ? j->K - at : SUM_BLOCK;
        const num *a = row_of(j->d, j->a, at);
        j->part[i] = j->b ? j->d->k.dot(a, row_of(j->d, j->b, at), n) : j->d->k.sumsq(a, n);
    }
}
SLICE(slice_sum, sum_blocks(j, a, b))

static double sum_of(struct device *d, const num *a, const num *b, int64_t n) {
    double part[SUM_ROUND], sum = 0;
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < SUM_ROUND * SUM_BLOCK ? n - i : SUM_ROUND * SUM_BLOCK;
        struct job j = {.d = d, .part = part, .a = row_of(d, a, i), .b = b ? row_of(d, b, i) : NULL, .K = m, .unit = 1};
        j.n = (m + SUM_BLOCK - 1) / SUM_BLOCK;
        run(&j, 0.25 * (double)m, slice_sum);
        for (int64_t k = 0; k < j.n; k++) sum += part[k];
    }
    return sum;
}

double op_sumsq(struct device *d, const num *x, int64_t n) { return sum_of(d, x, NULL, n); }
double op_dot(struct device *d, const num *a, const num *b, int64_t n) { return sum_of(d, a, b, n); }
