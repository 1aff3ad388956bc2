/* One optimisation step: documents packed as sequences of one batch, a taped forward, the stage's loss as a seed, a backward with dW, AdamW.
 *
 *   next, answer   L = −(1/n) Σ w log p(target)                   (n = Σ w; w: 1 for targets, the stage's `rest` for all other tokens;
 *                  where a document tells the chances its token was drawn with, log p is the mean over them)
 *   pointwise      L = −(1/n) Σ y log σ(s) + (1−y) log(1−σ(s))    s: score of a document's last token, and of its steps' if marked
 *   pairwise       L = −(1/n) Σ log σ(s₊ − s₋)                    (Bradley & Terry 1952; Ouyang et al. 2022) */
#include "decode/train_int.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct recipe_stage *stage_of(const struct trainer *t) { return &t->r->stages[t->s.stage]; }

static int is_target(const struct doc *d, int64_t i) { return d->marks ? d->marks[i] > 0 : i >= d->from; }

static int share_room(struct trainer *t, int64_t n, struct err *e) {
    if (t->n_share + n <= t->cap_share) return 0;
    int64_t want = 2 * t->cap_share + n;
    struct share *s = realloc(t->share, (size_t)want * sizeof *s);
    if (!s) return fail(e, ERR_NOMEM, "out of memory for %lld chances of a batch", (long long)want);
    t->share = s, t->cap_share = want;
    return 0;
}

/* What else could have stood at the document's positions, for the rows that predict them. */
static void pack_shares(struct trainer *t, const struct doc *d, int64_t rows) {
    for (int64_t k = 0; k < d->n_other;) {
        int64_t row = t->T + d->other[k].at - 1;
        double own = 1, w;
        if (d->other[k].at > rows) return; /* cut off */
        w = t->weight[row];
        for (int64_t at = d->other[k].at; k < d->n_other && d->other[k].at == at; k++) {
            double p = d->other[k].chance;
            if (w > 0) t->share[t->n_share++] = (struct share){row, d->other[k].id, p}, t->floor -= w * p * log(p);
            own -= p;
        }
        if (w > 0 && own > 0) t->floor -= w * own * log(own);
    }
}

/* Appends one document as a sequence of its own and leaves an empty one. Rows: all but the last token (language), or all (score).
 * rest: weight of the tokens that are no targets. */
static void pack(struct trainer *t, struct doc *d, int reward, double rest) {
    int64_t rows = reward ? d->ids.n : d->ids.n - 1;
    struct span *s = &t->spans[t->n_docs];
    int64_t page = t->n_docs ? (s[-1].kv.pages - t->pages) + (s[-1].rows + TRAIN_PAGE - 1) / TRAIN_PAGE : 0;
    *s = (struct span){t->T, rows, 0, {t->pages + page, TRAIN_PAGE, t->kv_fmt}};
    for (int64_t i = 0; i < rows; i++) {
        t->ids[t->T + i] = d->ids.ids[i];
        double w = reward ? 0 : is_target(d, i + 1) ? 1 : rest;
        t->weight[t->T + i] = w;
        t->target[t->T + i] = w > 0 ? d->ids.ids[i + 1] : -1;
    }
    pack_shares(t, d, rows);
    t->T += rows;
    t->docs[t->n_docs++] = *d; /* the batch owns its ids from here */
    *d = (struct doc){0};
}

static void batch_clear(struct trainer *t) {
    for (int i = 0; i < t->n_docs; i++) doc_free(&t->docs[i]);
    t->n_docs = 0, t->T = 0, t->n_share = 0, t->floor = 0;
}

/* Fills the batch with documents from *next on, as many as fit; pairs stay together. */
int train__batch(struct trainer *t, int valid, int64_t *next, struct err *e) {
    const struct recipe_stage *s = stage_of(t);
    int reward = s->objective >= OBJECTIVE_PAIRWISE, group = s->objective == OBJECTIVE_PAIRWISE ? 2 : 1;
    int64_t longest = model_cfg(t->m)->n_ctx;
    batch_clear(t);
    for (;;) {
        struct doc *d;
        int64_t rows = 0, cut = 0;
        TRY(train__docs(t, valid, *next, group, &d, e));
        for (int k = 0; k < group; k++) {
            cut += d[k].ids.n > longest;
            rows += d[k].ids.n < longest ? d[k].ids.n : longest;
        }
        if (t->T + rows > t->rows || t->n_docs + group > t->max_docs)
            return t->n_docs ? 0
                             : fail(e, ERR_LIMIT, "a document of %lld tokens does not fit a batch of %lld rows", (long long)rows,
                                    (long long)t->rows);
        for (int k = 0; k < group; k++) {
            if (d[k].ids.n > longest) d[k].ids.n = longest;
            TRY(share_room(t, d[k].n_other, e));
            if (d[k].ids.n > 1) pack(t, &d[k], reward, valid ? 0 : s->rest); /* validation is of the targets alone */
        }
        if (!valid) t->s.docs += group, t->s.cut += cut;
        *next += group;
    }
}

/* ---- losses ---- */

static int loss_tokens(struct trainer *t, int back, double scale, double *sum, double *n, struct err *e) {
    *sum = *n = 0;
    for (int64_t i = 0; i < t->T; i++) *n += t->weight[i];
    for (int64_t i = 0; i < t->T; i++) t->coef[i] = *n > 0 ? scale * t->weight[i] / *n : 0;
    TRY(model_nll_shared(t->m, t->pass, t->h, t->T, t->target, t->coef, t->share, t->n_share, t->logp, back ? t->dh : NULL,
                         back ? &t->grads : NULL, e));
    for (int64_t i = 0; i < t->T; i++)
        if (t->weight[i] > 0) *sum -= t->weight[i] * t->logp[i];
    return 0;
}

struct score_seed {
    double *score;
    int write;
};
static int score_seed(void *ctx, struct device *d, int64_t row0, int64_t rows, int64_t V, num *logits) {
    struct score_seed *s = ctx;
    (void)V;
    for (int64_t i = 0; i < rows; i++)
        if (s->write)
            dev_set1(d, logits, i, s->score[row0 + i]);
        else
            s->score[row0 + i] = dev_get1(d, logits, i);
    return 0;
}

static double log1pexp(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static double sigmoid(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
static int64_t last_row(const struct trainer *t, int doc) { return t->spans[doc].row0 + t->spans[doc].rows - 1; }

/* −y log σ(s) − (1−y) log(1−σ(s)), and its derivative. */
static double bce(double s, double y, double *ds) {
    *ds = sigmoid(s) - y;
    return log1pexp(s) - y * s;
}

/* What token k of a document is scored against: 1, 0, or -1 where it is not. */
static int mark_at(const struct trainer *t, int doc, int64_t k) {
    const struct doc *d = &t->docs[doc];
    if (d->marks) return d->marks[k];
    return k == t->spans[doc].rows - 1 ? d->label : -1;
}

static double marks_of(const struct trainer *t, int doc) {
    double n = 0;
    for (int64_t k = 0; k < t->spans[doc].rows; k++) n += mark_at(t, doc, k) >= 0;
    return n;
}

/* Scores of all rows are made (one number a row); only a document's last one and those of marked steps enter the loss. */
static int loss_scores(struct trainer *t, int back, double scale, double *sum, double *n, struct err *e) {
    int pair = stage_of(t)->objective == OBJECTIVE_PAIRWISE;
    struct score_seed look = {t->score, 0}, seed = {t->coef, 1};
    TRY(model_head(t->m, t->pass, t->h, t->T, score_seed, &look, NULL, NULL, e));
    *sum = 0, *n = pair ? t->n_docs / 2 : 0;
    for (int i = 0; !pair && i < t->n_docs; i++) *n += marks_of(t, i);
    memset(t->coef, 0, (size_t)t->T * sizeof *t->coef);
    for (int i = 0; i < t->n_docs; i += pair ? 2 : 1) {
        if (pair) {
            int64_t a = last_row(t, i), b = last_row(t, i + 1);
            *sum += bce(t->score[a] - t->score[b], 1, &t->coef[a]);
            t->coef[a] *= scale / *n;
            t->coef[b] = -t->coef[a];
            continue;
        }
        for (int64_t k = 0; k < t->spans[i].rows; k++) {
            int64_t row = t->spans[i].row0 + k;
            int y = mark_at(t, i, k);
            if (y < 0) continue;
            *sum += bce(t->score[row], y, &t->coef[row]);
            t->coef[row] *= scale / *n;
        }
    }
    return back ? model_head(t->m, t->pass, t->h, t->T, score_seed, &seed, t->dh, &t->grads, e) : 0;
}

int train__loss(struct trainer *t, int back, double scale, double *sum, double *n, struct err *e) {
    struct batch b = {.T = t->T, .ids = t->ids, .spans = t->spans, .n_spans = t->n_docs};
    TRY(model_forward(t->m, t->pass, &b, back ? t->tape : NULL, NULL, t->h, e));
    if (stage_of(t)->objective >= OBJECTIVE_PAIRWISE)
        TRY(loss_scores(t, back, scale, sum, n, e));
    else
        TRY(loss_tokens(t, back, scale, sum, n, e));
    return back ? model_backward(t->m, t->pass, t->tape, t->dh, NULL, &t->grads, NULL, e) : 0;
}

/* ---- update ---- */

/* A matrix inside a block: Muon's. */
static int is_hidden(const struct param *p) { return p->n_dims == 2 && !strncmp(p->name, "blk.", 4); }

int train__update(struct trainer *t, double lr, double *norm) {
    const struct recipe_stage *s = stage_of(t);
    *norm = sqrt(op_sumsq(t->d, t->grads.flat, t->grads.count));
    if (!isfinite(*norm)) return ERR_RANGE;
    double gscale = s->clip > 0 && *norm > s->clip ? s->clip / *norm : 1.0;
    for (int i = 0; i < model_n_params(t->m); i++) {
        const struct param *p = model_param(t->m, i);
        if (s->muon > 0 && is_hidden(p)) {
            muon_step(&t->muon, p->value, t->mom[i], t->grads.g[i], p->dims[0], p->dims[1], gscale, lr / s->lr * s->muon,
                      s->weight_decay);
            continue;
        }
        struct adamw o = {lr, 0.9, s->beta2, 1e-8, p->decay ? s->weight_decay : 0, t->s.step + 1};
        op_adamw(t->d, p->value, t->mom[i], t->var[i], t->grads.g[i], gscale, o, p->count);
    }
    grads_zero(&t->grads);
    return 0;
}
