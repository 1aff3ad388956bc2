/* Scratch and tape: what one running pass needs and what one forward leaves behind, each a single slab of device numbers, carved by
 * the same function that counts it, so that bytes can be told before they are taken. */
#include "model/model_int.h"
#include <stdlib.h>
#include <string.h>

num *model__carve(struct carve *c, int64_t n) {
    int64_t at = c->used;
    c->used += (n + 15) / 16 * 16;
    return c->base ? num_at(c->d, c->base, at) : NULL;
}

/* Every chunk reads the whole table twice, so chunks are as long as some tens of megabytes of logits allow. */
enum { HEAD_CHUNK_NUMS = 20 << 20, HEAD_CHUNK_FORWARD = 4 << 20, HEAD_ROWS_MIN = 8, HEAD_ROWS_MAX = 256 };

static int64_t head_rows(const struct model *m, int64_t max_rows, unsigned flags) {
    int64_t r = (flags & PASS_BACKWARD ? HEAD_CHUNK_NUMS : HEAD_CHUNK_FORWARD) / m->head.n_out;
    r = r < HEAD_ROWS_MIN ? HEAD_ROWS_MIN : r > HEAD_ROWS_MAX ? HEAD_ROWS_MAX : r;
    return r < max_rows ? r : max_rows;
}

static void carve_pass(struct pass *p, struct carve *c) {
    const struct model_cfg *f = &p->m->cfg;
    int64_t T = p->max_rows, C = f->n_embd, HD = (int64_t)f->n_head * f->head_dim, GD = (int64_t)f->n_kv * f->head_dim,
            F = f->n_ff;
    p->x = model__carve(c, T * C), p->n = model__carve(c, T * C), p->out = model__carve(c, T * C);
    p->q = model__carve(c, T * HD), p->k = model__carve(c, T * GD), p->v = model__carve(c, T * GD);
    if (f->qk_norm) p->qpre = model__carve(c, T * HD), p->kpre = model__carve(c, T * GD);
    p->att = model__carve(c, T * HD);
    p->gate = model__carve(c, T * F), p->up = model__carve(c, T * F);
    p->cs = model__carve(c, T * f->rope.dims);
    p->logits = model__carve(c, p->head_rows * p->m->head.n_out);
    p->lse = model__carve(c, p->head_rows), p->coef = model__carve(c, p->head_rows);
    if (!(p->flags & PASS_BACKWARD)) return;
    p->dx = model__carve(c, T * C), p->dn = model__carve(c, T * C);
    p->dq = model__carve(c, T * HD), p->dk = model__carve(c, T * GD), p->dv = model__carve(c, T * GD),
    p->datt = model__carve(c, T * HD);
    p->dgate = model__carve(c, T * F), p->dup = model__carve(c, T * F);
}

/* Room for rounded activations: the widest layer over all rows, and back from the vocabulary over the rows of a chunk. */
static int64_t rounded_room(const struct pass *p) {
    const struct model_cfg *f = &p->m->cfg;
    int64_t wide = f->n_embd > f->n_ff ? f->n_embd : f->n_ff, hd = (int64_t)f->n_head * f->head_dim;
    int64_t a = (p->max_rows + 31) / 32 * 32 * (((hd > wide ? hd : wide) + 31) / 32 * 32);
    int64_t b = p->flags & PASS_BACKWARD ? (p->head_rows + 31) / 32 * 32 * ((p->m->head.n_out + 31) / 32 * 32) : 0;
    return a > b ? a : b;
}

static struct pass pass_plan(const struct model *m, int64_t max_rows, int max_spans, int64_t max_ctx, unsigned flags) {
    if (flags & PASS_GRADS) flags |= PASS_BACKWARD;
    return (struct pass){.m = m,
                         .max_rows = max_rows,
                         .max_spans = max_spans,
                         .max_ctx = max_ctx,
                         .flags = flags,
                         .head_rows = head_rows(m, max_rows, flags)};
}

int64_t pass_bytes(const struct model *m, int64_t max_rows, int max_spans, int64_t max_ctx, unsigned flags) {
    struct pass p = pass_plan(m, max_rows, max_spans, max_ctx, flags);
    struct carve c = {.d = m->d};
    carve_pass(&p, &c);
    return c.used * (int64_t)m->d->num_bytes + (int64_t)sizeof p + max_spans * (int64_t)sizeof *p.spans +
           p.head_rows * (int64_t)sizeof(double);
}

int64_t pass_device_bytes(const struct model *m, int64_t max_rows, unsigned flags) {
    struct pass p = pass_plan(m, max_rows, 1, 1, flags);
    return dev_scratch_bytes(m->d, m->cfg.head_dim, m->cfg.n_head, rounded_room(&p));
}

int pass_new(struct pass **out, const struct model *m, int64_t max_rows, int max_spans, int64_t max_ctx, unsigned flags,
             struct err *e) {
    if (max_rows < 1 || max_spans < 1 || max_ctx < 1)
        return fail(e, ERR_ARG, "a pass needs at least one row, one span and one key");
    struct pass *p = malloc(sizeof *p);
    if (!p) return fail(e, ERR_NOMEM, "out of memory");
    *p = pass_plan(m, max_rows, max_spans, max_ctx, flags);
    struct carve count = {.d = m->d};
    carve_pass(p, &count);
    p->slab = dev_alloc(m->d, count.used);
    p->spans = calloc((size_t)max_spans, sizeof *p->spans);
    p->row_host = malloc((size_t)p->head_rows * sizeof *p->row_host);
    if (!p->slab || !p->spans || !p->row_host || dev_reserve(m->d, m->cfg.head_dim, m->cfg.n_head, e) < 0 ||
        (m->d->precision != PREC_FULL && dev_reserve_rounded(m->d, 0, rounded_room(p), e) < 0) ||
        (m->d->precision == PREC_INT8 && dev_reserve_rounded(m->d, 1, rounded_room(p), e) < 0)) {
        pass_free(p);
        return fail(e, ERR_NOMEM, "out of memory for a pass of %lld rows (%lld bytes)", (long long)max_rows,
                    (long long)pass_bytes(m, max_rows, max_spans, max_ctx, flags));
    }
    carve_pass(p, &(struct carve){.d = m->d, .base = p->slab});
    *out = p;
    return 0;
}

void pass_free(struct pass *p) {
    if (!p) return;
    dev_free(p->m->d, p->slab);
    free(p->spans), free(p->row_host), free(p);
}

int64_t model_head_rows(const struct pass *p) { return p->head_rows; }

/* Linear layers save nothing for dX; the tape holds what the non-linearities need. */
static void carve_tape(struct tape *t, struct carve *c) {
    const struct model_cfg *f = &t->m->cfg;
    int64_t T = t->max_rows, C = f->n_embd, HD = (int64_t)f->n_head * f->head_dim, GD = (int64_t)f->n_kv * f->head_dim,
            F = f->n_ff;
    for (int l = 0; l < f->n_layer; l++) {
        struct tape_layer y = {.x = model__carve(c, T * C), .mid = model__carve(c, T * C), .q = model__carve(c, T * HD)};
        y.att = model__carve(c, T * HD), y.lse = model__carve(c, T * f->n_head);
        if (dev_is_bf16(t->m->d,
                        t->m->layers[l].down.w.fmt)) { /* nearly three quarters of a tape, and rounded on their way anyhow */
            if (f->gated) y.gate16 = (bf16 *)(void *)model__carve(c, T * ((F + 31) / 32 * 16));
            y.up16 = (bf16 *)(void *)model__carve(c, T * ((F + 31) / 32 * 16));
        } else {
            if (f->gated) y.gate = model__carve(c, T * F);
            y.up = model__carve(c, T * F);
        }
        if (f->qk_norm) y.qpre = model__carve(c, T * HD), y.kpre = model__carve(c, T * GD);
        if (t->layers) t->layers[l] = y;
    }
    t->x_last = model__carve(c, T * C);
    t->cs = model__carve(c, T * f->rope.dims);
}

int64_t tape_bytes(const struct model *m, int64_t max_rows) {
    struct tape t = {.m = m, .max_rows = max_rows};
    struct carve c = {.d = m->d};
    carve_tape(&t, &c);
    return c.used * (int64_t)m->d->num_bytes + (int64_t)sizeof t + m->cfg.n_layer * (int64_t)sizeof *t.layers +
           max_rows * (int64_t)sizeof *t.ids;
}

int tape_new(struct tape **out, const struct model *m, int64_t max_rows, int max_spans, struct err *e) {
    struct tape *t = calloc(1, sizeof *t);
    if (!t) return fail(e, ERR_NOMEM, "out of memory");
    *t = (struct tape){.m = m, .max_rows = max_rows, .max_spans = max_spans};
    struct carve count = {.d = m->d};
    carve_tape(t, &count);
    t->layers = calloc((size_t)m->cfg.n_layer, sizeof *t->layers);
    t->spans = calloc((size_t)max_spans, sizeof *t->spans);
    t->ids = malloc((size_t)max_rows * sizeof *t->ids);
    t->slab = dev_alloc(m->d, count.used);
    if (!t->layers || !t->spans || !t->ids || !t->slab) {
        tape_free(t);
        return fail(e, ERR_NOMEM, "out of memory for a tape of %lld rows (%lld bytes)", (long long)max_rows,
                    (long long)tape_bytes(m, max_rows));
    }
    carve_tape(t, &(struct carve){.d = m->d, .base = t->slab});
    *out = t;
    return 0;
}

void tape_free(struct tape *t) {
    if (!t) return;
    dev_free(t->m->d, t->slab);
    free(t->layers), free(t->spans), free(t->ids), free(t);
}

int64_t tape_rows(const struct tape *t) { return t->T; }
const struct span *tape_spans(const struct tape *t, int *n) {
    *n = t->n_spans;
    return t->spans;
}

int grads_new(struct grads *g, const struct model *m, struct err *e) {
    *g = (struct grads){.n = m->n_params, .dev = m->d};
    for (int i = 0; i < m->n_params; i++) {
        if (!fmt_find(m->params[i].fmt)->is_float)
            return fail(e, ERR_UNSUPPORTED, "tensor %s is stored as %s: weight gradients exist for float formats only",
                        m->params[i].name, fmt_find(m->params[i].fmt)->name);
        g->count += (m->params[i].count + 15) / 16 * 16;
    }
    g->g = calloc((size_t)m->n_params, sizeof *g->g);
    g->flat = dev_alloc(m->d, g->count);
    if (!g->g || !g->flat) {
        grads_free(g);
        return fail(e, ERR_NOMEM, "out of memory for weight gradients");
    }
    struct carve c = {.d = m->d, .base = g->flat};
    for (int i = 0; i < m->n_params; i++) g->g[i] = model__carve(&c, m->params[i].count);
    return 0;
}

void grads_free(struct grads *g) {
    if (!g->dev) return;
    dev_free(g->dev, g->flat);
    free(g->g);
    *g = (struct grads){0};
}

void grads_zero(struct grads *g) { dev_zero(g->dev, g->flat, g->count); }
