/* The vocabulary, an operator of its own: logits -> log-softmax -> seed -> dh, fused in chunks of rows. For a vocabulary of 152k one row
 * of logits is 0.6 MB, so a [T, V] array must never exist; a chunk is overwritten in place by its own gradient.
 *
 *   l = h Wᵀ;   loss = Σ_r c_r (lse(l_r) − l_r[y_r]);   dl_r = c_r (softmax(l_r) − onehot(y_r));   dh = dl W;   dW += dlᵀ h */
#include "model/model_int.h"

static int logits_of(const struct model *m, const num *h, int64_t R, const struct taps *taps, num *logits, int smooth) {
    model__lin(m, logits, h, R, &m->head, smooth);
    return model__tap(taps, m->d, TAP_LOGITS, m->cfg.n_layer, logits, R, m->head.n_out, NULL);
}

int model_logits(const struct model *m, const num *h, int64_t R, const struct taps *taps, num *logits, struct err *e) {
    (void)e;
    return logits_of(m, h, R, taps, logits, 1);
}

int model_pass_logits(const struct model *m, const struct pass *p, const num *h, int64_t R, const struct taps *taps, num *logits,
                      struct err *e) {
    (void)e;
    return logits_of(m, h, R, taps, logits, p->flags & PASS_BACKWARD);
}

int model_head(const struct model *m, struct pass *p, const num *h, int64_t R, seed_fn seed, void *ctx, num *dh, struct grads *g,
               struct err *e) {
    int64_t C = m->cfg.n_embd, V = m->head.n_out;
    if (g && !dh) return fail(e, ERR_ARG, "weight gradients of the head need dh");
    int64_t chunks = (R + p->head_rows - 1) / p->head_rows, even = chunks ? (R + chunks - 1) / chunks : 0;
    for (int64_t r = 0; r < R; r += even) {
        int64_t n = R - r < even ? R - r : even;
        const num *hr = num_at(m->d, h, r * C);
        model__lin(m, p->logits, hr, n, &m->head, dh || p->flags & PASS_BACKWARD);
        TRY(seed(ctx, m->d, r, n, V, p->logits));
        if (!dh) continue;
        model__lin_mirror(m, g, num_at(m->d, dh, r * C), (const num *[]){p->logits}, (const struct lin *[]){&m->head}, 1, hr, n);
    }
    return 0;
}

struct nll {
    struct pass *p;
    const int32_t *target;
    const double *coef;
    const struct share *share, *end; /* those that are still to come */
    double *logp;
    int seed;
};

/* Shares of a chunk's rows: what they change in log p before the seed, and in the seed. Returns where they end. */
static const struct share *shares(const struct nll *o, struct device *d, int64_t row0, int64_t rows, int64_t V, num *x,
                                  int seeded) {
    const struct share *k = o->share;
    for (; k < o->end && k->row < row0 + rows; k++) {
        int64_t at = (k->row - row0) * V, to = at + k->id, from = at + o->target[k->row];
        double c = o->coef[k->row] * k->share;
        if (seeded)
            dev_set1(d, x, to, dev_get1(d, x, to) - c), dev_set1(d, x, from, dev_get1(d, x, from) + c);
        else if (o->logp)
            o->logp[k->row] += k->share * (dev_get1(d, x, to) - dev_get1(d, x, from));
    }
    return k;
}

static int nll_seed(void *ctx, struct device *d, int64_t row0, int64_t rows, int64_t V, num *logits) {
    struct nll *o = ctx;
    struct pass *p = o->p;
    op_row_lse(d, p->lse, logits, rows, V);
    for (int64_t i = 0; o->logp && i < rows; i++) {
        int32_t y = o->target[row0 + i];
        o->logp[row0 + i] = y < 0 ? 0.0 : dev_get1(d, logits, i * V + y) - dev_get1(d, p->lse, i);
    }
    const struct share *next = shares(o, d, row0, rows, V, logits, 0);
    if (o->seed) {
        dev_put_f64(d, p->coef, o->coef + row0, rows);
        op_nll_seed(d, logits, p->lse, p->coef, o->target + row0, rows, V);
        shares(o, d, row0, rows, V, logits, 1);
    }
    o->share = next;
    return 0;
}

static int shares_check(const struct model *m, int64_t R, const int32_t *target, const struct share *s, int64_t n,
                        struct err *e) {
    for (int64_t k = 0; k < n; k++)
        if (s[k].row < (k ? s[k - 1].row : 0) || s[k].row >= R || target[s[k].row] < 0 || s[k].id < 0 ||
            s[k].id >= m->cfg.n_vocab)
            return fail(e, ERR_RANGE,
                        "share %lld: expected ascending rows below %lld that have a target, and a token of the vocabulary of %d, "
                        "found row %lld, token %d",
                        (long long)k, (long long)R, m->cfg.n_vocab, (long long)s[k].row, s[k].id);
    return 0;
}

int model_nll_shared(const struct model *m, struct pass *p, const num *h, int64_t R, const int32_t *target, const double *coef,
                     const struct share *share, int64_t n, double *logp, num *dh, struct grads *g, struct err *e) {
    if (m->cfg.n_score)
        return fail(e, ERR_STATE, "expected a language model, found a reward model: it has no vocabulary to predict");
    for (int64_t i = 0; i < R; i++)
        if (target[i] >= m->cfg.n_vocab)
            return fail(e, ERR_RANGE, "target %d of row %lld is outside the vocabulary of %d", target[i], (long long)i,
                        m->cfg.n_vocab);
    TRY(shares_check(m, R, target, share, n, e));
    struct nll o = {p, target, coef, share, share ? share + n : NULL, logp, dh != NULL};
    return model_head(m, p, h, R, nll_seed, &o, dh, g, e);
}

int model_nll(const struct model *m, struct pass *p, const num *h, int64_t R, const int32_t *target, const double *coef,
              double *logp, num *dh, struct grads *g, struct err *e) {
    return model_nll_shared(m, p, h, R, target, coef, NULL, 0, logp, dh, g, e);
}
