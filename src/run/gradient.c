/* Gradient of log probabilities and a reward with respect to input embeddings: prefix untaped, the rest taped, seeds at the heads,
 * backward. Each model is one `side`; what is common to both is written once. */
#include "run/gradient.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_NUMS = 1 << 20 };

struct side {
    struct engine *g;
    struct tape *tape;
    num *h, *dh, *u; /* [max_rows, C] */
    int active;      /* u is not zero everywhere */
};
struct gradient {
    struct side lm, rm;
    int64_t max_rows, V, chunk; /* chunk: rows of V-vectors at a time */
    int32_t *target;            /* [max_rows] what each row predicts, -1: nothing */
    double *coef, *logp;
    float *prefix; /* [V] logits before the first position */
    num *rows;     /* [chunk, V] */
    float *row_f;  /* [chunk, V] */
    double *sum;   /* [V] */
    /* of the last run */
    int64_t n;
    double A, B;
    int64_t from;
    unsigned char *is_target; /* [max_rows] */
};

static int side_init(struct side *s, struct engine *g, int64_t rows, struct err *e) {
    if (!g) return 0;
    s->g = g;
    struct device *d = model_device(engine_model(g));
    int64_t n = rows * model_cfg(engine_model(g))->n_embd;
    s->h = dev_alloc(d, n), s->dh = dev_alloc(d, n), s->u = dev_alloc(d, n);
    if (!s->h || !s->dh || !s->u) return fail(e, ERR_NOMEM, "out of memory for a gradient over %lld positions", (long long)rows);
    return tape_new(&s->tape, engine_model(g), rows, 1, e);
}

static void side_fini(struct side *s) {
    if (!s->g) return;
    struct device *d = model_device(engine_model(s->g));
    tape_free(s->tape);
    dev_free(d, s->h), dev_free(d, s->dh), dev_free(d, s->u);
}

static int check_models(const struct engine *lm, const struct engine *rm, struct err *e) {
    if (!lm && !rm) return fail(e, ERR_ARG, "a gradient needs a language model or a reward model");
    if (lm && model_cfg(engine_model(lm))->n_score) return fail(e, ERR_ARG, "expected a language model, found a reward model");
    if (rm && !model_cfg(engine_model(rm))->n_score)
        return fail(e, ERR_ARG, "expected a reward model, found a language model without a score head");
    if (!lm || !rm) return 0;
    int a = model_cfg(engine_model(lm))->n_vocab, b = model_cfg(engine_model(rm))->n_vocab;
    if (a != b)
        return fail(e, ERR_ARG, "expected a reward model with the language model's vocabulary of %d tokens, found %d", a, b);
    return 0;
}

static int64_t chunk_rows(int64_t V) {
    int64_t r = CHUNK_NUMS / V;
    return r < 3 ? 3 : r > 64 ? 64 : r;
}

int64_t gradient_bytes(const struct model *m, int64_t max_rows) {
    int64_t V = model_cfg(m)->n_vocab, one = (int64_t)model_device(m)->num_bytes, rows = chunk_rows(V) * V;
    int64_t a_row = (int64_t)(sizeof(int32_t) + 1 + 2 * sizeof(double)) + 3 * one * model_cfg(m)->n_embd;
    return tape_bytes(m, max_rows) + max_rows * a_row + rows * (one + (int64_t)sizeof(float)) +
           V * (int64_t)(sizeof(float) + sizeof(double)) + (int64_t)sizeof(struct gradient);
}

int gradient_new(struct gradient **out, struct engine *lm, struct engine *rm, int64_t max_rows, struct err *e) {
    TRY(check_models(lm, rm, e));
    if (max_rows < 1) return fail(e, ERR_ARG, "a gradient needs at least one position");
    struct gradient *x = calloc(1, sizeof *x);
    if (!x) return fail(e, ERR_NOMEM, "out of memory");
    const struct model *m = engine_model(lm ? lm : rm);
    x->max_rows = max_rows, x->V = model_cfg(m)->n_vocab;
    x->chunk = chunk_rows(x->V);
    int rc = side_init(&x->lm, lm, max_rows, e);
    if (!rc) rc = side_init(&x->rm, rm, max_rows, e);
    size_t n = (size_t)max_rows, V = (size_t)x->V;
    x->target = malloc(n * sizeof *x->target), x->is_target = malloc(n);
    x->coef = malloc(n * sizeof *x->coef), x->logp = malloc(n * sizeof *x->logp);
    x->prefix = malloc(V * sizeof *x->prefix), x->sum = malloc(V * sizeof *x->sum);
    x->row_f = malloc((size_t)x->chunk * V * sizeof *x->row_f);
    x->rows = dev_alloc(model_device(m), x->chunk * x->V);
    if (!rc && (!x->target || !x->is_target || !x->coef || !x->logp || !x->prefix || !x->sum || !x->row_f || !x->rows))
        rc = fail(e, ERR_NOMEM, "out of memory for a gradient over %lld positions", (long long)max_rows);
    if (rc < 0)
        gradient_free(x);
    else
        *out = x;
    return rc;
}

void gradient_free(struct gradient *x) {
    if (!x) return;
    dev_free(model_device(engine_model(x->lm.g ? x->lm.g : x->rm.g)), x->rows);
    side_fini(&x->lm), side_fini(&x->rm);
    free(x->target), free(x->is_target), free(x->coef), free(x->logp), free(x->prefix), free(x->sum), free(x->row_f), free(x);
}

static int check_job(const struct gradient *x, const struct gradient_job *j, struct err *e) {
    if (j->from < 0 || j->from >= j->T)
        return fail(e, ERR_ARG, "expected a first position of 0 to %lld, found %lld", (long long)(j->T - 1), (long long)j->from);
    if (j->T - j->from > x->max_rows)
        return fail(e, ERR_LIMIT, "expected at most %lld positions to differentiate, found %lld", (long long)x->max_rows,
                    (long long)(j->T - j->from));
    if (j->nll != 0 && !x->lm.g) return fail(e, ERR_ARG, "log probabilities need a language model");
    if (j->reward != 0 && !x->rm.g) return fail(e, ERR_ARG, "a reward needs a reward model");
    if (!isfinite(j->nll) || !isfinite(j->reward))
        return fail(e, ERR_ARG, "expected finite weights, found %g and %g", j->nll, j->reward);
    for (int64_t i = 0; j->targets && i < j->T; i++)
        if (j->targets[i] && (i < j->from || i < 1))
            return fail(e, ERR_ARG, "target %lld: expected a position of %lld to %lld", (long long)i,
                        (long long)(j->from > 1 ? j->from : 1), (long long)(j->T - 1));
    return 0;
}

/* Row r (position from + r) predicts position from + r + 1; the last row predicts nothing. */
static int set_targets(struct gradient *x, const struct gradient_job *j) {
    int any = 0;
    for (int64_t r = 0; r < x->n; r++) x->is_target[r] = j->from + r >= 1 && (!j->targets || j->targets[j->from + r]);
    for (int64_t r = 0; r < x->n; r++) {
        int is = r + 1 < x->n && x->is_target[r + 1];
        x->target[r] = is ? j->ids[j->from + r + 1] : -1;
        x->coef[r] = is ? j->nll : 0.0;
        any |= is;
    }
    return any;
}

static double log_prob(const float *z, int64_t V, int32_t id) {
    double max = -INFINITY, sum = 0;
    for (int64_t i = 0; i < V; i++)
        if (z[i] > max) max = z[i];
    for (int64_t i = 0; i < V; i++) sum += exp((double)z[i] - max);
    return (double)z[id] - max - log(sum);
}

/* Prefix untaped, the rest taped. prefix_logits may be NULL. */
static int taped(struct side *s, const struct gradient_job *j, struct session *t, float *prefix_logits, struct err *e) {
    if (j->from) TRY(session_feed(t, j->ids, j->from, prefix_logits, e));
    return engine_step_taped(s->g, t, j->ids + j->from, j->T - j->from, s->tape, NULL, s->h, e);
}

static int lm_part(struct gradient *x, const struct gradient_job *j, struct session *t, double *nll, struct err *e) {
    struct side *s = &x->lm;
    int any = set_targets(x, j);
    TRY(taped(s, j, t, x->prefix, e));
    TRY(engine_nll(s->g, s->h, x->n, x->target, x->coef, x->logp, any ? s->dh : NULL, e));
    *nll = 0;
    for (int64_t r = 0; r < x->n; r++) *nll -= x->logp[r];
    if (x->is_target[0] && j->from) *nll -= log_prob(x->prefix, x->V, j->ids[j->from]);
    if (!any || j->nll == 0) return 0;
    TRY(engine_backward(s->g, s->tape, s->dh, NULL, NULL, s->u, e));
    s->active = 1;
    return 0;
}

struct score_seed {
    int64_t last;
    double coef, score;
};
static int score_seed(void *ctx, struct device *d, int64_t row0, int64_t rows, int64_t V, num *logits) {
    struct score_seed *s = ctx;
    int has = s->last >= row0 && s->last < row0 + rows;
    if (has) s->score = dev_get1(d, logits, (s->last - row0) * V);
    dev_zero(d, logits, rows * V);
    if (has) dev_set1(d, logits, (s->last - row0) * V, s->coef);
    return 0;
}

static int rm_part(struct gradient *x, const struct gradient_job *j, struct session *t, double *reward, struct err *e) {
    struct side *s = &x->rm;
    struct score_seed seed = {x->n - 1, -j->reward, 0};
    TRY(taped(s, j, t, NULL, e));
    TRY(model_head(engine_model(s->g), engine_pass(s->g), s->h, x->n, score_seed, &seed, s->dh, NULL, e));
    *reward = seed.score;
    if (j->reward == 0) return 0;
    TRY(engine_backward(s->g, s->tape, s->dh, NULL, NULL, s->u, e));
    s->active = 1;
    return 0;
}

typedef int (*part_fn)(struct gradient *, const struct gradient_job *, struct session *, double *, struct err *);
static int with_session(struct gradient *x, struct side *s, part_fn part, const struct gradient_job *j, double *value,
                        struct err *e) {
    struct session *t = NULL;
    s->active = 0;
    if (!s->g) return 0;
    TRY(session_new(&t, s->g, e));
    int rc = part(x, j, t, value, e);
    session_free(t);
    return rc;
}

int gradient_run(struct gradient *x, const struct gradient_job *j, struct gradient_value *value, struct err *e) {
    struct gradient_value v = {0};
    TRY(check_job(x, j, e));
    x->n = j->T - j->from, x->A = j->nll, x->B = j->reward, x->from = j->from;
    TRY(with_session(x, &x->lm, lm_part, j, &v.nll, e));
    TRY(with_session(x, &x->rm, rm_part, j, &v.reward, e));
    v.loss = j->nll * v.nll - j->reward * v.reward;
    if (value) *value = v;
    return 0;
}

const num *gradient_lm(const struct gradient *x) { return x->lm.active ? x->lm.u : NULL; }
const num *gradient_rm(const struct gradient *x) { return x->rm.active ? x->rm.u : NULL; }

static int64_t width(const struct side *s) { return s->g ? model_cfg(engine_model(s->g))->n_embd : 0; }

int gradient_width(const struct gradient *x, const struct gradient_job *job, int64_t *C, struct err *e) {
    int64_t a = width(&x->lm), b = width(&x->rm);
    if (a && b && a != b && job->reward != 0 && job->nll != 0)
        return fail(e, ERR_ARG,
                    "the gradients cannot be added: the language model's embeddings are %lld wide, the reward model's %lld "
                    "(--onehot adds them over the vocabulary)",
                    (long long)a, (long long)b);
    *C = a && (job->nll != 0 || !b || job->reward == 0) ? a : b;
    return 0;
}

int gradient_sum(const struct gradient *x, float *u, struct err *e) {
    struct gradient_job j = {.nll = x->A, .reward = x->B};
    int64_t C;
    TRY(gradient_width(x, &j, &C, e));
    int64_t n = x->n * C;
    double *row = malloc((size_t)C * sizeof *row);
    if (!row) return fail(e, ERR_NOMEM, "out of memory");
    for (int64_t i = 0; i < n; i++) u[i] = 0;
    const struct side *const sides[] = {&x->lm, &x->rm};
    if (x->lm.active != x->rm.active) { /* one part alone: no sum, no double rounding */
        const struct side *s = x->lm.active ? &x->lm : &x->rm;
        dev_get(model_device(engine_model(s->g)), u, s->u, n);
    } else
        for (int k = 0; k < 2; k++)
            for (int64_t r = 0; sides[k]->active && r < x->n; r++) {
                struct device *d = model_device(engine_model(sides[k]->g));
                dev_get_f64(d, row, num_at(d, sides[k]->u, r * C), C);
                for (int64_t c = 0; c < C; c++) u[r * C + c] = (float)(u[r * C + c] + row[c]);
            }
    free(row);
    return 0;
}

/* ---- the rows over the vocabulary ---- */

static void add_rows(const struct gradient *x, float *dst, double a, int64_t n) {
    struct device *d = model_device(engine_model(x->lm.g ? x->lm.g : x->rm.g));
    for (int64_t r = 0; r < n; r++) {
        dev_get_f64(d, x->sum, num_at(d, x->rows, r * x->V), x->V);
        for (int64_t v = 0; v < x->V; v++) dst[r * x->V + v] = (float)(dst[r * x->V + v] + a * x->sum[v]);
    }
}

/* rows [r0, r0+n) += E u */
static void add_side(const struct gradient *x, const struct side *s, float *dst, int64_t r0, int64_t n) {
    if (!s->active) return;
    const struct model *m = engine_model(s->g);
    int64_t C = model_cfg(m)->n_embd;
    op_matmul_t(model_device(m), x->rows, x->V, num_at(model_device(m), s->u, r0 * C), C, n, model_embd(m), NULL, 0);
    add_rows(x, dst, 1.0, n);
}

static void add_log_probs(const struct gradient *x, float *dst, const float *z) {
    double max = -INFINITY, sum = 0;
    for (int64_t v = 0; v < x->V; v++)
        if (z[v] > max) max = z[v];
    for (int64_t v = 0; v < x->V; v++) sum += exp((double)z[v] - max);
    double lse = max + log(sum);
    for (int64_t v = 0; v < x->V; v++) dst[v] = (float)(dst[v] - x->A * ((double)z[v] - lse));
}

static int add_targets(const struct gradient *x, float *dst, int64_t r0, int64_t n, struct err *e) {
    if (!x->lm.g || x->A == 0) return 0;
    const struct model *m = engine_model(x->lm.g);
    struct device *d = model_device(m);
    for (int64_t r = r0; r < r0 + n; r++) {
        if (!x->is_target[r]) continue;
        float *z = x->prefix;
        if (r) { /* the row before predicts this position */
            z = x->row_f + (x->chunk - 1) * x->V;
            TRY(model_logits(m, num_at(d, x->lm.h, (r - 1) * model_cfg(m)->n_embd), 1, NULL, x->rows, e));
            dev_get(d, z, x->rows, x->V);
        }
        add_log_probs(x, dst + (r - r0) * x->V, z);
    }
    return 0;
}

/* The last row of row_f is room for one row of logits; the others take the result. */
int gradient_onehot(struct gradient *x, rows_fn fn, void *ctx, struct err *e) {
    int64_t step = x->chunk - 1;
    for (int64_t r = 0; r < x->n; r += step) {
        int64_t n = x->n - r < step ? x->n - r : step;
        memset(x->row_f, 0, (size_t)(n * x->V) * sizeof *x->row_f);
        add_side(x, &x->lm, x->row_f, r, n);
        add_side(x, &x->rm, x->row_f, r, n);
        TRY(add_targets(x, x->row_f, r, n, e));
        int rc = fn(ctx, r, n, x->row_f, x->V);
        if (rc < 0) return rc;
        if (rc) return fail(e, ERR_CANCELLED, "interrupted");
    }
    return 0;
}
