/* One transformer block, forward above and its mirror below, sublayer by sublayer, and the pass over all blocks.
 *
 *   n = norm(x);  q, k, v = n W_q, n W_k, n W_v (+ b);  q, k = headnorm(q), headnorm(k);  q, k = rope(q), rope(k)
 *   a = softmax(q kᵀ / √D) v;  mid = x + a W_o;    m = norm(mid);  h = act(m W_g) ∘ (m W_u);  x' = mid + h W_d
 *
 * Tape per layer: x, mid, q (rotated), a, log-sum-exp, gate, up, and the head-norm inputs. The norms' outputs and h are recomputed
 * where dW asks for them; k and v are read from the pages. With a tape the arrays written are the tape's own, without one they are the
 * pass's, reused layer after layer: the kernels called, and so the bytes, are the same.
 *
 * Tried and lost: adding the output projections straight into the residual stream (acc = 1) saves one pass over [T, C] but makes
 * attn_out and ffn_out unobservable; a tap that changes the arithmetic would be no tap. */
#include "model/model_int.h"
#include <math.h>
#include <string.h>

/* ---- linear layers ---- */

static void lin_all(const struct model *m, num *const y[], const struct lin *const l[], int n, const num *x, int64_t T,
                    int smooth);

void model__lin(const struct model *m, num *y, const num *x, int64_t T, const struct lin *l, int smooth) {
    lin_all(m, (num *[]){y}, (const struct lin *[]){l}, 1, x, T, smooth);
}
/* Several layers that read the same x, as one operation. smooth: a gradient is wanted of what this is part of, so nothing may be a step
 * function (op_forward_t). */
static void lin_all(const struct model *m, num *const y[], const struct lin *const l[], int n, const num *x, int64_t T,
                    int smooth) {
    struct product p[4];
    int products = 0;
    for (int i = 0; i < n; i++)
        if (l[i]->trans)
            op_matmul_n(m->d, y[i], l[i]->n_out, x, l[i]->n_in, T, &l[i]->w, l[i]->bias, 0);
        else
            p[products++] = (struct product){y[i], l[i]->n_out, &l[i]->w, l[i]->bias};
    if (products) (smooth ? op_matmul_t_all : op_forward_t)(m->d, p, products, x, l[0]->n_in, T);
}
/* dx (+)= dy W */
void model__lin_back(const struct model *m, num *dx, const num *dy, int64_t T, const struct lin *l, int acc) {
    if (l->trans)
        op_matmul_t(m->d, dx, l->n_in, dy, l->n_out, T, &l->w, NULL, acc);
    else
        op_matmul_n(m->d, dx, l->n_in, dy, l->n_out, T, &l->w, NULL, acc);
}
/* Parameters are always [out, in]: a trainable model is never transposed. */
void model__lin_mirror(const struct model *m, struct grads *g, num *dx, const num *const dy[], const struct lin *const l[], int n,
                       const num *x, int64_t T) {
    struct product_back p[4];
    if (!g) {
        for (int i = 0; i < n; i++) model__lin_back(m, dx, dy[i], T, l[i], i > 0);
        return;
    }
    for (int i = 0; i < n; i++) {
        num *dw = l[i]->param >= 0 ? g->g[l[i]->param] : NULL, *db = l[i]->bias_param >= 0 ? g->g[l[i]->bias_param] : NULL;
        p[i] = (struct product_back){dy[i], l[i]->n_out, &l[i]->w, dw ? num_at(m->d, dw, l[i]->param_off) : NULL};
        if (db) op_bias_dw(m->d, num_at(m->d, db, l[i]->bias_off), dy[i], l[i]->n_out, T, l[i]->n_out);
    }
    op_matmul_back(m->d, dx, l[0]->n_in, p, n, x, l[0]->n_in, T, 0);
}

/* ---- norms: y = norm(x) of R rows of width C ---- */

static void norm_forward(const struct model *m, num *y, const num *x, const struct norm *n, int64_t R, int64_t C) {
    if (m->cfg.norm == NORM_RMS)
        op_rmsnorm(m->d, y, x, n->w, R, C, m->cfg.norm_eps);
    else
        op_layernorm(m->d, y, x, n->w, n->b, R, C, m->cfg.norm_eps);
}
static void norm_backward(const struct model *m, num *dx, const num *dy, const num *x, const struct norm *n, int64_t R, int64_t C,
                          int acc, struct grads *g) {
    num *dw = g && n->param >= 0 ? g->g[n->param] : NULL, *db = g && n->b_param >= 0 ? g->g[n->b_param] : NULL;
    if (m->cfg.norm == NORM_RMS) {
        if (dw) op_rmsnorm_dw(m->d, dw, dy, x, R, C, m->cfg.norm_eps);
        op_rmsnorm_back(m->d, dx, dy, x, n->w, R, C, m->cfg.norm_eps, acc);
    } else {
        if (dw) op_layernorm_dw(m->d, dw, db, dy, x, R, C, m->cfg.norm_eps);
        op_layernorm_back(m->d, dx, dy, x, n->w, R, C, m->cfg.norm_eps, acc);
    }
}

/* ---- keys and values into pages ---- */

static struct kv_ref kv_at(const struct model *m, const struct kv *kv, int layer) {
    size_t part = (size_t)kv->page_len * (size_t)(m->cfg.n_kv * m->cfg.head_dim);
    enum fmt fmt = kv->fmt == FMT_F32 && m->d->num_bytes == sizeof(double) ? FMT_F64 : kv->fmt;
    return (struct kv_ref){kv->pages, kv->page_len, (size_t)layer * 2 * part, ((size_t)layer * 2 + 1) * part, fmt};
}

static void kv_store(const struct model *m, const struct span *s, int layer, const num *k, const num *v) {
    int64_t GD = (int64_t)m->cfg.n_kv * m->cfg.head_dim;
    struct kv_ref r = kv_at(m, &s->kv, layer);
    op_kv_store(m->d, &r, GD, s->pos0, num_at(m->d, k, s->row0 * GD), num_at(m->d, v, s->row0 * GD), s->rows);
}

static struct attn_shape attn_of(const struct model *m, int layer) {
    const struct model_cfg *c = &m->cfg;
    return (struct attn_shape){c->n_head, c->n_kv, c->head_dim, layer >= c->window_from ? c->window : 0,
                               1.0 / sqrt((double)c->head_dim)};
}

static void attn_spans(struct pass *p, const struct span *s, int n, int layer) {
    for (int i = 0; i < n; i++) p->spans[i] = (struct attn_span){s[i].row0, s[i].rows, s[i].pos0, kv_at(p->m, &s[i].kv, layer)};
}

/* What one layer of a forward writes to and shows: the same for inference and training. */
struct step {
    struct pass *p;
    const struct batch *b;
    const struct taps *taps;
    const num *cs;
    int layer, smooth;
};
static int show(const struct step *s, enum tap t, num *x, int64_t width) {
    return model__tap(s->taps, s->p->m->d, t, s->layer, x, s->b->T, width, s->b);
}

/* ---- attention sublayer ---- */

static int attn_forward(const struct step *s, const struct tape_layer *t, num *x, num *mid) {
    struct pass *p = s->p;
    const struct model *m = p->m;
    const struct model_cfg *c = &m->cfg;
    struct device *d = m->d;
    const struct layer *y = &m->layers[s->layer];
    int64_t T = s->b->T, C = c->n_embd, HD = (int64_t)c->n_head * c->head_dim, GD = (int64_t)c->n_kv * c->head_dim;
    num *qpre = c->qk_norm ? t->qpre : t->q, *kpre = c->qk_norm ? t->kpre : p->k;

    norm_forward(m, p->n, x, &y->attn_norm, T, C);
    TRY(show(s, TAP_ATTN_NORM, p->n, C));
    lin_all(m, (num *[]){qpre, kpre, p->v}, (const struct lin *[]){&y->q, &y->k, &y->v}, 3, p->n, T, s->smooth);
    if (c->qk_norm) {
        op_rmsnorm(d, t->q, qpre, y->q_norm.w, T * c->n_head, c->head_dim, c->norm_eps);
        op_rmsnorm(d, p->k, kpre, y->k_norm.w, T * c->n_kv, c->head_dim, c->norm_eps);
    }
    if (c->rope.dims) {
        op_rope(d, t->q, HD, T, c->n_head, c->head_dim, c->rope.dims, s->cs, c->rope.style, 0);
        op_rope(d, p->k, GD, T, c->n_kv, c->head_dim, c->rope.dims, s->cs, c->rope.style, 0);
    }
    TRY(show(s, TAP_Q, t->q, HD));
    TRY(show(s, TAP_K, p->k, GD));
    TRY(show(s, TAP_V, p->v, GD));
    for (int i = 0; i < s->b->n_spans; i++) kv_store(m, &s->b->spans[i], s->layer, p->k, p->v);
    attn_spans(p, s->b->spans, s->b->n_spans, s->layer);
    struct attn_shape sh = attn_of(m, s->layer);
    op_attn(d, t->att, t->lse, t->q, T, p->spans, s->b->n_spans, &sh);
    TRY(show(s, TAP_ATTN_HEADS, t->att, HD));
    model__lin(m, p->out, t->att, T, &y->o, s->smooth);
    TRY(show(s, TAP_ATTN_OUT, p->out, C));
    op_add(d, mid, x, p->out, T * C);
    return show(s, TAP_RESID_MID, mid, C);
}

/* The gradient that enters a sublayer's output is dx itself, unless a tap may add a seed there: then it needs a copy. */
static num *branch(const struct step *s, enum tap t, num *copy, num *dx, int64_t n) {
    if (!model__tapped(s->taps, t, s->layer)) return dx;
    dev_copy(s->p->m->d, copy, dx, n);
    return copy;
}

/* In: dx = d mid. Out: dx = d x. */
static int attn_backward(const struct step *s, const struct tape *tp, num *dx, struct grads *g) {
    struct pass *p = s->p;
    const struct model *m = p->m;
    const struct model_cfg *c = &m->cfg;
    struct device *d = m->d;
    const struct layer *y = &m->layers[s->layer];
    const struct tape_layer *t = &tp->layers[s->layer];
    int64_t T = s->b->T, C = c->n_embd, HD = (int64_t)c->n_head * c->head_dim, GD = (int64_t)c->n_kv * c->head_dim;

    num *dout = branch(s, TAP_ATTN_OUT, p->out, dx, T * C);
    TRY(show(s, TAP_ATTN_OUT, dout, C));
    model__lin_mirror(m, g, p->datt, (const num *[]){dout}, (const struct lin *[]){&y->o}, 1, t->att, T);
    TRY(show(s, TAP_ATTN_HEADS, p->datt, HD));
    attn_spans(p, tp->spans, tp->n_spans, s->layer);
    struct attn_shape sh = attn_of(m, s->layer);
    const num *o = t->att;
    if (model__tapped(&tp->seen, TAP_ATTN_HEADS,
                      s->layer)) { /* the softmax's mirror needs what it gave, not what an edit made of it */
        op_attn(d, p->att, NULL, t->q, T, p->spans, tp->n_spans, &sh);
        o = p->att;
    }
    op_attn_back(d, p->dq, p->dk, p->dv, p->datt, t->q, o, t->lse, T, p->spans, tp->n_spans, &sh);
    TRY(show(s, TAP_Q, p->dq, HD));
    TRY(show(s, TAP_K, p->dk, GD));
    TRY(show(s, TAP_V, p->dv, GD));
    if (c->rope.dims) {
        op_rope(d, p->dq, HD, T, c->n_head, c->head_dim, c->rope.dims, tp->cs, c->rope.style, 1);
        op_rope(d, p->dk, GD, T, c->n_kv, c->head_dim, c->rope.dims, tp->cs, c->rope.style, 1);
    }
    if (c->qk_norm) {
        num *dwq = g ? g->g[y->q_norm.param] : NULL, *dwk = g ? g->g[y->k_norm.param] : NULL;
        if (dwq) op_rmsnorm_dw(d, dwq, p->dq, t->qpre, T * c->n_head, c->head_dim, c->norm_eps);
        if (dwk) op_rmsnorm_dw(d, dwk, p->dk, t->kpre, T * c->n_kv, c->head_dim, c->norm_eps);
        op_rmsnorm_back(d, p->dq, p->dq, t->qpre, y->q_norm.w, T * c->n_head, c->head_dim, c->norm_eps, 0);
        op_rmsnorm_back(d, p->dk, p->dk, t->kpre, y->k_norm.w, T * c->n_kv, c->head_dim, c->norm_eps, 0);
    }
    if (g) norm_forward(m, p->n, t->x, &y->attn_norm, T, C);
    model__lin_mirror(m, g, p->dn, (const num *[]){p->dq, p->dk, p->dv}, (const struct lin *[]){&y->q, &y->k, &y->v}, 3, p->n, T);
    TRY(show(s, TAP_ATTN_NORM, p->dn, C));
    norm_backward(m, dx, p->dn, t->x, &y->attn_norm, T, C, 1, g);
    return show(s, TAP_RESID_IN, dx, C);
}

/* ---- feed-forward sublayer ---- */

static int ffn_forward(const struct step *s, const struct tape_layer *t, num *mid, num *next) {
    struct pass *p = s->p;
    const struct model *m = p->m;
    const struct model_cfg *c = &m->cfg;
    const struct layer *y = &m->layers[s->layer];
    int64_t T = s->b->T, C = c->n_embd, F = c->n_ff;

    norm_forward(m, p->n, mid, &y->ffn_norm, T, C);
    TRY(show(s, TAP_FFN_NORM, p->n, C));
    lin_all(m, (num *[]){t->up, t->gate}, (const struct lin *[]){&y->up, &y->gate}, c->gated ? 2 : 1, p->n, T, s->smooth);
    if (c->gated) TRY(show(s, TAP_GATE, t->gate, F));
    TRY(show(s, TAP_UP, t->up, F));
    if (t->gate16) op_keep(m->d, t->gate16, t->gate, T, F);
    if (t->up16) op_keep(m->d, t->up16, t->up, T, F);
    op_glu(m->d, p->gate, c->gated ? t->gate : t->up, c->gated ? t->up : NULL, c->act, T * F);
    model__lin(m, p->out, p->gate, T, &y->down, s->smooth);
    TRY(show(s, TAP_FFN_OUT, p->out, C));
    op_add(m->d, next, mid, p->out, T * C);
    return show(s, TAP_RESID_OUT, next, C);
}

/* Gate and up as the tape has them; kept in 16 bits they go to the pass's own arrays, which others may have used in between. */
static struct tape_layer ffn_inputs(const struct step *s, const struct tape *tp) {
    struct tape_layer t = tp->layers[s->layer];
    struct pass *p = s->p;
    if (t.gate16) op_kept(p->m->d, t.gate = p->gate, t.gate16, s->b->T, p->m->cfg.n_ff);
    if (t.up16) op_kept(p->m->d, t.up = p->up, t.up16, s->b->T, p->m->cfg.n_ff);
    return t;
}

/* In: dx = d x'. Out: dx = d mid. */
static int ffn_backward(const struct step *s, const struct tape *tp, num *dx, struct grads *g) {
    struct pass *p = s->p;
    const struct model *m = p->m;
    const struct model_cfg *c = &m->cfg;
    const struct layer *y = &m->layers[s->layer];
    const struct tape_layer t = ffn_inputs(s, tp);
    int64_t T = s->b->T, C = c->n_embd, F = c->n_ff;
    const num *a = c->gated ? t.gate : t.up, *b = c->gated ? t.up : NULL;

    TRY(show(s, TAP_RESID_OUT, dx, C));
    num *dout = branch(s, TAP_FFN_OUT, p->out, dx, T * C);
    TRY(show(s, TAP_FFN_OUT, dout, C));
    if (g) op_glu(m->d, p->dgate, a, b, c->act, T * F); /* h, for a moment: then d h */
    model__lin_mirror(m, g, p->dgate, (const num *[]){dout}, (const struct lin *[]){&y->down}, 1, p->dgate, T);
    if (c->gated)
        op_glu_back(m->d, p->dgate, p->dup, p->dgate, a, b, c->act, T * F);
    else
        op_glu_back(m->d, p->dup, NULL, p->dgate, a, NULL, c->act, T * F);
    if (c->gated) TRY(show(s, TAP_GATE, p->dgate, F));
    TRY(show(s, TAP_UP, p->dup, F));
    if (g) norm_forward(m, p->n, t.mid, &y->ffn_norm, T, C);
    model__lin_mirror(m, g, p->dn, (const num *[]){p->dup, p->dgate}, (const struct lin *[]){&y->up, &y->gate}, c->gated ? 2 : 1,
                      p->n, T);
    TRY(show(s, TAP_FFN_NORM, p->dn, C));
    norm_backward(m, dx, p->dn, t.mid, &y->ffn_norm, T, C, 1, g);
    return show(s, TAP_RESID_MID, dx, C);
}

/* ---- the whole pass ---- */

static int check_ids(const struct model *m, const int32_t *ids, int64_t n, struct err *e) {
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= m->cfg.n_vocab)
            return fail_at(e, ERR_RANGE, NULL, i, "token id at position %lld: expected 0 to %d, found %d", (long long)i,
                           m->cfg.n_vocab - 1, ids[i]);
    return 0;
}

static int check_batch(const struct model *m, const struct pass *p, const struct batch *b, const struct tape *t, struct err *e) {
    if (p->m != m || (t && t->m != m)) return fail(e, ERR_ARG, "this pass or tape was made for another model");
    if (!b->ids == !b->embeds) return fail(e, ERR_ARG, "a batch has either ids or embeddings");
    if (b->T < 1 || b->T > p->max_rows || (t && b->T > t->max_rows))
        return fail(e, ERR_RANGE, "batch of %lld rows: the pass%s was made for 1 to %lld", (long long)b->T, t ? " or tape" : "",
                    (long long)(t && t->max_rows < p->max_rows ? t->max_rows : p->max_rows));
    if (b->n_spans < 1 || b->n_spans > p->max_spans || (t && b->n_spans > t->max_spans))
        return fail(e, ERR_RANGE, "batch of %d sequences: the pass%s was made for 1 to %d", b->n_spans, t ? " or tape" : "",
                    t && t->max_spans < p->max_spans ? t->max_spans : p->max_spans);
    int64_t row = 0;
    for (int i = 0; i < b->n_spans; i++) {
        const struct span *s = &b->spans[i];
        if (s->row0 != row || s->rows < 1 || s->rows > b->T - row)
            return fail(e, ERR_ARG,
                        "sequence %d of the batch: expected rows from %lld on and at most %lld, found %lld rows from %lld on", i,
                        (long long)row, (long long)(b->T - row), (long long)s->rows, (long long)s->row0);
        if (s->pos0 < 0 || s->kv.page_len < 1 || !s->kv.pages)
            return fail(e, ERR_ARG, "sequence %d of the batch: expected a position and pages, found position %lld, pages of %d",
                        i, (long long)s->pos0, s->kv.page_len);
        if (s->pos0 > p->max_ctx - s->rows)
            return fail(e, ERR_LIMIT,
                        "sequence %d of the batch: %lld rows from position %lld on are beyond the %lld this pass was made for", i,
                        (long long)s->rows, (long long)s->pos0, (long long)p->max_ctx);
        if (m->cfg.learned_pos && s->pos0 + s->rows > m->cfg.n_ctx)
            return fail(e, ERR_LIMIT, "position %lld is beyond the model's %lld learned positions",
                        (long long)(s->pos0 + s->rows - 1), (long long)m->cfg.n_ctx);
        row += s->rows;
    }
    if (row != b->T) return fail(e, ERR_ARG, "the batch's sequences cover %lld of %lld rows", (long long)row, (long long)b->T);
    return b->ids ? check_ids(m, b->ids, b->T, e) : 0;
}

int model_embed(const struct model *m, const int32_t *ids, int64_t n, num *out, struct err *e) {
    TRY(check_ids(m, ids, n, e));
    op_gather(m->d, out, &m->embd, ids, n);
    return 0;
}

static void fill_rope(const struct model *m, num *cs, const struct batch *b) {
    int half = m->cfg.rope.dims / 2;
    for (int i = 0; half && i < b->n_spans; i++)
        op_angles(m->d, num_at(m->d, cs, b->spans[i].row0 * 2 * half), m->freq, half, m->rope_m, b->spans[i].pos0,
                  b->spans[i].rows);
}

static void add_positions(const struct model *m, num *x, num *tmp, const struct batch *b) {
    int32_t pos[256];
    int64_t C = m->cfg.n_embd;
    for (int i = 0; i < b->n_spans; i++)
        for (int64_t r = 0; r < b->spans[i].rows; r += 256) {
            int64_t n = b->spans[i].rows - r < 256 ? b->spans[i].rows - r : 256;
            for (int64_t j = 0; j < n; j++) pos[j] = (int32_t)(b->spans[i].pos0 + r + j);
            op_gather(m->d, tmp, &m->pos_embd, pos, n);
            op_axpy(m->d, num_at(m->d, x, (b->spans[i].row0 + r) * C), 1.0, tmp, n * C);
        }
}

static void embed(const struct model *m, struct pass *p, num *x, const struct batch *b) {
    if (b->ids)
        op_gather(m->d, x, &m->embd, b->ids, b->T);
    else
        dev_copy(m->d, x, b->embeds, b->T * m->cfg.n_embd);
    if (m->cfg.learned_pos) add_positions(m, x, p->out, b);
}

static void tape_begin(struct tape *t, const struct batch *b, const struct taps *taps) {
    t->T = 0,
    t->n_spans = b->n_spans; /* T is set when the forward has finished: a broken-off one leaves nothing to go back through */
    t->seen = taps ? (struct taps){.mask = taps->mask, .layer_lo = taps->layer_lo, .layer_hi = taps->layer_hi} : (struct taps){0};
    memcpy(t->spans, b->spans, (size_t)b->n_spans * sizeof *t->spans);
    for (int64_t i = 0; i < b->T; i++) t->ids[i] = b->ids ? b->ids[i] : -1;
}

int model_forward(const struct model *m, struct pass *p, const struct batch *b, struct tape *tape, const struct taps *taps,
                  num *h, struct err *e) {
    TRY(check_batch(m, p, b, tape, e));
    num *cs = tape ? tape->cs : p->cs, *x = tape ? tape->layers[0].x : p->x;
    if (tape) tape_begin(tape, b, taps);
    struct tape_layer scratch = {.q = p->q, .att = p->att, .gate = p->gate, .up = p->up, .qpre = p->qpre, .kpre = p->kpre};
    fill_rope(m, cs, b);
    embed(m, p, x, b);
    struct step s = {p, b, taps, cs, 0, tape || p->flags & PASS_BACKWARD};
    for (int l = 0; l < m->cfg.n_layer; l++) {
        struct tape_layer t = tape ? tape->layers[l] : scratch;
        if (!t.gate) t.gate = p->gate;
        if (!t.up) t.up = p->up;
        num *mid = tape ? t.mid : x;
        num *next = !tape ? x : l + 1 < m->cfg.n_layer ? tape->layers[l + 1].x : tape->x_last;
        s.layer = l;
        TRY(show(&s, TAP_RESID_IN, x, m->cfg.n_embd));
        TRY(attn_forward(&s, &t, x, mid));
        TRY(ffn_forward(&s, &t, mid, next));
        x = next;
    }
    norm_forward(m, h, x, &m->out_norm, b->T, m->cfg.n_embd);
    s.layer = m->cfg.n_layer;
    TRY(show(&s, TAP_FINAL_NORM, h, m->cfg.n_embd));
    if (tape) tape->T = b->T;
    return 0;
}

static void embed_grads(const struct model *m, const struct tape *t, const num *dx, struct grads *g) {
    int64_t C = m->cfg.n_embd;
    if (t->ids[0] >= 0 && g->g[m->embd_param]) op_scatter_add(m->d, g->g[m->embd_param], dx, t->ids, t->T, C);
    if (m->pos_param < 0 || !g->g[m->pos_param]) return;
    for (int i = 0; i < t->n_spans; i++) /* positions of a span are consecutive rows of the table */
        op_axpy(m->d, num_at(m->d, g->g[m->pos_param], t->spans[i].pos0 * C), 1.0, num_at(m->d, dx, t->spans[i].row0 * C),
                t->spans[i].rows * C);
}

int model_backward(const struct model *m, struct pass *p, const struct tape *t, num *dh, const struct taps *dtaps,
                   struct grads *g, num *dembed, struct err *e) {
    if (p->m != m || t->m != m) return fail(e, ERR_ARG, "this pass or tape was made for another model");
    if (!(p->flags & PASS_BACKWARD)) return fail(e, ERR_STATE, "this pass was made without PASS_BACKWARD");
    if (t->T < 1 || t->T > p->max_rows || t->n_spans > p->max_spans)
        return fail(e, ERR_STATE, "the tape holds %lld rows of %d sequences, the pass takes 1 to %lld rows of 1 to %d",
                    (long long)t->T, t->n_spans, (long long)p->max_rows, p->max_spans);
    if (g && t->seen.mask & (1u << TAP_ATTN_NORM | 1u << TAP_FFN_NORM))
        return fail(e, ERR_UNSUPPORTED,
                    "weight gradients of a forward whose norm outputs were tapped: their edited values are not on the tape");
    struct batch b = {.T = t->T, .spans = t->spans, .n_spans = t->n_spans};
    struct step s = {p, &b, dtaps, t->cs, m->cfg.n_layer, 1};
    num *dx = p->dx;
    TRY(show(&s, TAP_FINAL_NORM, dh, m->cfg.n_embd));
    norm_backward(m, dx, dh, t->x_last, &m->out_norm, t->T, m->cfg.n_embd, 0, g);
    for (int l = m->cfg.n_layer - 1; l >= 0; l--) {
        s.layer = l;
        TRY(ffn_backward(&s, t, dx, g));
        TRY(attn_backward(&s, t, dx, g));
    }
    if (g) embed_grads(m, t, dx, g);
    if (dembed) dev_copy(m->d, dembed, dx, t->T * m->cfg.n_embd);
    return 0;
}
