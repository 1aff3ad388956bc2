/* One forward and one backward in each model; see objective.h for the equations.
 *
 *   position            P−1+first  P+first  …  P+n−2   P+n−1
 *   LM rows (tape)         0          1     …   m−1                row j predicts y[first+j]; u of y[first+j] is row j+1
 *   RM rows (tape)                    0     …            m−1       the score is read at the last row
 *
 * The last token needs no LM row: nothing is predicted from it, so its postfix term is zero. */
#include "decode/objective.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int objective_new(struct objective **out, const struct reasoner *r, int64_t cap, struct err *e) {
    const struct model *lm = engine_model(r->lm), *rm = engine_model(r->rm);
    struct device *d = model_device(lm);
    struct objective *g = calloc(1, sizeof *g);
    if (!g) return fail(e, ERR_NOMEM, "out of memory");
    *g = (struct objective){
        .r = r, .cap = cap, .V = model_cfg(lm)->n_vocab, .C = model_cfg(lm)->n_embd, .RC = model_cfg(rm)->n_embd};
    g->h = dev_alloc(d, cap * g->C), g->dh = dev_alloc(d, cap * g->C), g->u = dev_alloc(d, cap * g->C);
    g->rh = dev_alloc(d, cap * g->RC), g->rdh = dev_alloc(d, cap * g->RC), g->ru = dev_alloc(d, cap * g->RC);
    g->row = dev_alloc(d, g->V);
    g->host = malloc((size_t)g->V * sizeof *g->host);
    g->ids = malloc((size_t)cap * sizeof *g->ids);
    g->coef = malloc((size_t)cap * sizeof *g->coef), g->logp = malloc((size_t)cap * sizeof *g->logp);
    int rc = g->h && g->dh && g->u && g->rh && g->rdh && g->ru && g->row && g->host && g->ids && g->coef && g->logp
                 ? 0
                 : fail(e, ERR_NOMEM, "out of memory for a gradient over %lld tokens", (long long)cap);
    if (rc >= 0) rc = tape_new(&g->tape, lm, cap, 1, e);
    if (rc >= 0) rc = tape_new(&g->rm_tape, rm, cap, 1, e);
    if (rc >= 0)
        *out = g;
    else
        objective_free(g);
    return rc < 0 ? rc : 0;
}

void objective_free(struct objective *g) {
    if (!g) return;
    struct device *d = model_device(engine_model(g->r->lm));
    num *const bufs[] = {g->h, g->dh, g->u, g->rh, g->rdh, g->ru, g->row};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) dev_free(d, bufs[i]);
    tape_free(g->tape), tape_free(g->rm_tape);
    session_free(g->rm_session);
    free(g->host), free(g->ids), free(g->coef), free(g->logp), free(g);
}

static int lm_part(struct objective *g, struct trial *t, const struct session *lm, const int32_t *y, struct err *e) {
    struct session *s = NULL;
    int64_t m = g->n - g->first;
    TRY(session_fork(&s, lm, e));
    session_rewind(s, t->prompt.n - 1 + g->first);
    g->ids[0] = g->first ? y[g->first - 1] : t->prompt.ids[t->prompt.n - 1];
    if (m > 1) memcpy(g->ids + 1, y + g->first, (size_t)(m - 1) * sizeof *g->ids);
    for (int64_t j = 0; j < m; j++) g->coef[j] = g->c;
    int rc = engine_step_taped(g->r->lm, s, g->ids, m, g->tape, NULL, g->h, e);
    if (rc >= 0) rc = engine_nll(g->r->lm, g->h, m, y + g->first, g->coef, g->logp, g->dh, e);
    if (rc >= 0) rc = engine_backward(g->r->lm, g->tape, g->dh, NULL, NULL, g->u, e);
    session_free(s);
    t->calls_extra++, t->calls_paper += 2;
    return rc < 0 ? rc : 0;
}

struct reward_seed {
    double lambda, reward;
};
/* The score becomes its own seed: d(−λ r)/dr. */
static int reward_seed(void *ctx, struct device *d, int64_t row0, int64_t rows, int64_t V, num *logits) {
    struct reward_seed *x = ctx;
    (void)row0, (void)rows, (void)V;
    x->reward = dev_get1(d, logits, 0);
    dev_set1(d, logits, 0, -x->lambda);
    return 0;
}

static int rm_part(struct objective *g, struct trial *t, const struct session *rm, const int32_t *y, struct err *e) {
    const struct model *m = engine_model(g->r->rm);
    struct device *d = model_device(m);
    int64_t T = g->n - g->first;
    struct reward_seed seed = {.lambda = g->r->o.lambda};
    session_free(g->rm_session), g->rm_session = NULL;
    TRY(session_fork(&g->rm_session, rm ? rm : t->rm, e));
    session_rewind(g->rm_session, t->prompt.n + g->first);
    TRY(engine_step_taped(g->r->rm, g->rm_session, y + g->first, T, g->rm_tape, NULL, g->rh, e));
    dev_zero(d, g->rdh, T * g->RC);
    TRY(model_head(m, engine_pass(g->r->rm), num_at(d, g->rh, (T - 1) * g->RC), 1, reward_seed, &seed,
                   num_at(d, g->rdh, (T - 1) * g->RC), NULL, e));
    g->reward = seed.reward;
    TRY(engine_backward(g->r->rm, g->rm_tape, g->rdh, NULL, NULL, g->ru, e));
    t->calls_extra++, t->calls_paper += 2;
    return 0;
}

int objective_take(struct objective *g, struct trial *t, const struct session *lm, const struct session *rm, const int32_t *y,
                   int64_t n, int64_t first, struct err *e) {
    if (first >= n || n - first > g->cap)
        return fail(e, ERR_RANGE, "expected 1 to %lld ahead tokens, found %lld", (long long)g->cap, (long long)(n - first));
    g->first = first, g->n = n;
    g->c = g->r->o.nll == NLL_MEAN ? 1.0 / (double)n : 1.0;
    TRY(lm_part(g, t, lm, y, e));
    return rm_part(g, t, rm, y, e);
}

static int logits_host(struct objective *g, struct trial *t, int64_t i, struct err *e) {
    const struct model *m = engine_model(g->r->lm);
    struct device *d = model_device(m);
    TRY(model_logits(m, num_at(d, g->h, (i - g->first) * g->C), 1, NULL, g->row, e));
    dev_get_f64(d, g->host, g->row, g->V);
    t->flops_extra += 2.0 * (double)g->V * (double)g->C;
    return 0;
}

int objective_logits(struct objective *g, struct trial *t, int64_t i, float *z, struct err *e) {
    TRY(logits_host(g, t, i, e));
    for (int64_t v = 0; v < g->V; v++) z[v] = (float)g->host[v];
    return 0;
}

/* out[v] += E[v]·u */
static void add_projected(struct objective *g, struct trial *t, const struct model *m, const num *u, int64_t C, double *out) {
    struct device *d = model_device(m);
    op_matmul_t(d, g->row, g->V, u, C, 1, model_embd(m), NULL, 0);
    dev_get_f64(d, g->host, g->row, g->V);
    for (int64_t v = 0; v < g->V; v++) out[v] += g->host[v];
    t->flops_extra += 2.0 * (double)g->V * (double)C;
}

static double lse(const double *x, int64_t n) {
    double max = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (x[i] > max) max = x[i];
    for (int64_t i = 0; i < n; i++) sum += exp(x[i] - max);
    return max + log(sum);
}

int objective_row(struct objective *g, struct trial *t, int64_t i, double *out, struct err *e) {
    const struct model *lm = engine_model(g->r->lm), *rm = engine_model(g->r->rm);
    int64_t j = i - g->first;
    TRY(logits_host(g, t, i, e));
    double z = lse(g->host, g->V);
    for (int64_t v = 0; v < g->V; v++) out[v] = -g->c * (g->host[v] - z);
    if (i + 1 < g->n) add_projected(g, t, lm, num_at(model_device(lm), g->u, (j + 1) * g->C), g->C, out);
    add_projected(g, t, rm, num_at(model_device(rm), g->ru, j * g->RC), g->RC, out);
    return 0;
}
