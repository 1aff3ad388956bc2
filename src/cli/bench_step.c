/* Gradient steps through frozen weights (run/soft.h) and training steps (with weight gradients and AdamW, on a float copy of the
 * model), each over --step-rows tokens: a training step of sequences of --step-doc, as candor train packs documents. The losses are a language model's and a linear reward on the last state: what
 * test-time gradient descent on a text needs, and the least that a peer must do to be compared. */
#include "base/progress.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "run/soft.h"
#include <stdio.h>
#include <stdlib.h>

enum { PAGE = 64 };
struct trainee {
    struct model *m; /* float master weights */
    struct pass *pass;
    struct tape *tape;
    struct grads grads;
    num *mom, *var, *h, *dh, *slab;
    void **page;
    struct span *spans;
    int n_spans;
    int32_t *target;
    double *coef, *logp;
    int64_t steps;
};
struct step {
    struct soft *soft;
    int32_t *ids;
    num *w, *du, *z, *dz; /* [C], [T, C], [T, V] */
    struct trainee t;
};

static int wants(const struct bench *b, enum work w) { return b->works >> w & 1; }

static enum fmt kv_fmt(const struct bench *b) {
    enum kv_type t = engine_options(b->m.g).kv;
    return t == KV_BF16 ? FMT_BF16 : t == KV_F16 ? FMT_F16 : FMT_F32;
}

/* Random numbers of the given size, a row at a time. */
static int fill(struct device *d, num *x, int64_t rows, int64_t width, double sd, struct err *e) {
    double *row = malloc((size_t)width * sizeof *row);
    struct rng r = RNG(1, 0x73746570u, (uint64_t)width);
    if (!row) return fail(e, ERR_NOMEM, "out of memory");
    for (int64_t i = 0; i < width; i++) row[i] = sd * rng_normal(&r);
    for (int64_t i = 0; i < rows;
         i++) { /* the same numbers, turned: a normal draw for each of T x V would take longer than all else */
        int64_t at = i * 7919 % width;
        dev_put_f64(d, num_at(d, x, i * width), row + at, width - at);
        dev_put_f64(d, num_at(d, x, i * width + width - at), row, at);
    }
    free(row);
    return 0;
}

/* ---- training ---- */

/* What candor train takes for "auto". */
static enum precision train_precision(const struct device *d) {
    return d->precision == PREC_AUTO && d->has_bf16 ? PREC_BF16 : d->precision;
}

static void spans_lay(struct trainee *t, int64_t rows, int64_t doc, enum fmt kv) {
    int64_t pages = (doc + PAGE - 1) / PAGE;
    for (int64_t at = 0; at < rows; at += doc, t->n_spans++)
        t->spans[t->n_spans] = (struct span){at, rows - at < doc ? rows - at : doc, 0, {t->page + t->n_spans * pages, PAGE, kv}};
}

static int trainee_open(struct bench *b, struct err *e) {
    struct trainee *t = &b->step->t;
    struct device *d = b->m.d;
    enum fmt kv = dev_is_bf16(d, FMT_F32) ? FMT_BF16 : FMT_F32;
    int64_t T = b->rows, C = model_cfg(b->m.m)->n_embd, docs = (T + b->doc - 1) / b->doc,
            pages = docs * ((b->doc + PAGE - 1) / PAGE);
    TRY(model_open(&t->m, d, b->m.w, MODEL_TRAINABLE, e));
    int64_t n = model_param_count(t->m), bytes = model_kv_page_bytes(t->m, PAGE, kv);
    TRY(grads_new(&t->grads, t->m, e));
    TRY(pass_new(&t->pass, t->m, T, (int)docs, b->doc, PASS_GRADS, e));
    TRY(tape_new(&t->tape, t->m, T, (int)docs, e));
    t->mom = dev_alloc(d, n), t->var = dev_alloc(d, n), t->h = dev_alloc(d, T * C), t->dh = dev_alloc(d, T * C);
    t->slab = dev_alloc_bytes(d, pages * bytes), t->page = malloc((size_t)pages * sizeof *t->page);
    t->spans = malloc((size_t)docs * sizeof *t->spans);
    t->target = malloc((size_t)T * sizeof *t->target);
    t->coef = malloc((size_t)T * sizeof *t->coef), t->logp = malloc((size_t)T * sizeof *t->logp);
    if (!t->mom || !t->var || !t->h || !t->dh || !t->slab || !t->page || !t->spans || !t->target || !t->coef || !t->logp)
        return fail(e, ERR_NOMEM, "out of memory for a training step");
    for (int64_t i = 0; i < pages; i++) t->page[i] = (char *)t->slab + i * bytes;
    for (int64_t i = 0; i < T; i++) t->target[i] = i + 1 < T ? b->step->ids[i + 1] : -1, t->coef[i] = 1.0 / (double)T;
    spans_lay(t, T, b->doc, kv);
    return 0;
}

static void trainee_close(struct trainee *t, struct device *d) {
    if (!t->m) return;
    pass_free(t->pass), tape_free(t->tape), grads_free(&t->grads);
    dev_free(d, t->mom), dev_free(d, t->var), dev_free(d, t->h), dev_free(d, t->dh), dev_free(d, t->slab);
    free(t->page), free(t->spans), free(t->target), free(t->coef), free(t->logp);
    model_close(t->m);
}

static void update(struct trainee *t, struct device *d) {
    int64_t at = 0;
    t->steps++;
    for (int i = 0; i < model_n_params(t->m); i++) {
        const struct param *p = model_param(t->m, i);
        struct adamw o = {1e-4, 0.9, 0.95, 1e-8, p->decay ? 0.1 : 0, t->steps};
        op_adamw(d, p->value, num_at(d, t->mom, at), num_at(d, t->var, at), t->grads.g[i], 1.0, o, p->count);
        at += p->count;
    }
    grads_zero(&t->grads);
}

static int train_step(struct bench *b, struct err *e) {
    struct trainee *t = &b->step->t;
    struct batch batch = {.T = b->rows, .ids = b->step->ids, .spans = t->spans, .n_spans = t->n_spans};
    TRY(model_forward(t->m, t->pass, &batch, t->tape, NULL, t->h, e));
    TRY(model_nll(t->m, t->pass, t->h, b->rows, t->target, t->coef, t->logp, t->dh, &t->grads, e));
    TRY(model_backward(t->m, t->pass, t->tape, t->dh, NULL, &t->grads, NULL, e));
    update(t, b->m.d);
    return 0;
}

static int with_train_precision(struct bench *b, int (*f)(struct bench *, struct err *), struct err *e) {
    struct device *d = b->m.d;
    enum precision p = d->precision;
    TRY(dev_set_precision(d, train_precision(d), e));
    int rc = f(b, e);
    return dev_set_precision(d, p, e) < 0 ? ERR_INTERNAL : rc;
}

/* ---- all of them ---- */

int step_open(struct bench *b, struct err *e) {
    int grad = wants(b, WORK_GRAD) || wants(b, WORK_GRAD_LOGITS);
    if (!grad && !wants(b, WORK_TRAIN)) return 0;
    struct step *s = b->step = calloc(1, sizeof *s);
    struct device *d = b->m.d;
    int64_t T = b->rows, C = model_cfg(b->m.m)->n_embd, V = model_cfg(b->m.m)->n_vocab;
    if (!s) return fail(e, ERR_NOMEM, "out of memory");
    TRY(bench_ids(b, T, 1, &s->ids, e));
    if (wants(b, WORK_TRAIN)) TRY(with_train_precision(b, trainee_open, e));
    if (!grad) return 0;
    TRY(soft_new(&s->soft, b->m.m, T, kv_fmt(b), e));
    s->w = dev_alloc(d, C), s->du = dev_alloc(d, T * C);
    if (!s->w || !s->du) return fail(e, ERR_NOMEM, "out of memory for a gradient step");
    TRY(fill(d, s->w, 1, C, 1, e));
    if (!wants(b, WORK_GRAD_LOGITS)) return 0;
    s->z = dev_alloc(d, T * V), s->dz = dev_alloc(d, T * V);
    if (!s->z || !s->dz) return fail(e, ERR_NOMEM, "out of memory for logits of %lld positions", (long long)T);
    return fill(d, s->z, T, V, 2, e);
}

void step_close(struct bench *b) {
    struct step *s = b->step;
    if (!s) return;
    soft_free(s->soft);
    trainee_close(&s->t, b->m.d);
    dev_free(b->m.d, s->w), dev_free(b->m.d, s->du), dev_free(b->m.d, s->z), dev_free(b->m.d, s->dz);
    free(s->ids), free(s);
}

/* The kernel counts the greatest resident set anew from here; where it does not, the figure is that of the process so far. */
static void peak_reset(void) {
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (!f) return;
    fputs("5", f);
    fclose(f);
}

int step_run(struct bench *b, enum work w, double *seconds, struct err *e) {
    struct step *s = b->step;
    peak_reset();
    double t0 = clock_s(), loss;
    if (w == WORK_GRAD)
        TRY(soft_embeddings(s->soft, s->ids, b->rows, s->w, &loss, s->du, e));
    else if (w == WORK_GRAD_LOGITS)
        TRY(soft_logits(s->soft, s->z, b->rows, s->w, &loss, s->dz, e));
    else
        TRY(with_train_precision(b, train_step, e));
    *seconds = clock_s() - t0;
    int64_t peak = peak_bytes() - (int64_t)b->machine.bytes;
    if (peak > b->peak[w]) b->peak[w] = peak;
    return 0;
}

int step_forward(struct bench *b, double *seconds, struct err *e) {
    double t0 = clock_s(), loss;
    TRY(soft_value(b->step->soft, b->step->ids, b->rows, b->step->w, &loss, e));
    *seconds = clock_s() - t0;
    return 0;
}

/* Forward once, backward once (attention 2.5 times its forward), weight gradients once more (not of attention). */
double step_flops(const struct bench *b, enum work w) {
    const struct model *m = b->m.m;
    int64_t T = b->rows, L = w == WORK_TRAIN ? b->doc : T, rest = T % L;
    double body = model_flops(m, T, 0, (int)(w == WORK_TRAIN ? T : T - 1)),
           attn = model_flops(m, 0, T / L * (L * (L + 1) / 2) + rest * (rest + 1) / 2, 0);
    double soft = 4.0 * (double)T * model_cfg(m)->n_vocab * model_cfg(m)->n_embd;
    return (w == WORK_TRAIN ? 3 : 2) * body + 3.5 * attn + (w == WORK_GRAD_LOGITS ? soft : 0);
}
