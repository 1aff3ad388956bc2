/* See soft.h for the equations. The order: soft embeddings, taped forward, head (which leaves −l in dz, one row on), backward, E du added
 * to dz, the softmax's mirror in place. */
#include "run/soft.h"
#include <stdlib.h>
#include <string.h>

enum { PAGE = 64, CHUNK_NUMS = 1 << 23, CHUNK_MIN = 8 };

struct soft {
    const struct model *m;
    struct device *d;
    int64_t max_rows, C, V, chunk; /* chunk: rows over the vocabulary at a time */
    struct pass *pass;
    struct tape *tape;
    enum fmt kv;
    num *slab;           /* all pages */
    void **page;         /* [pages] */
    num *x, *h, *dh, *u; /* [max_rows, C] */
    num *p;              /* [chunk, V] */
    num *lse;            /* [chunk] */
    double *host;        /* [threads][2][V] */
    int32_t *target;     /* [max_rows] */
    double *coef, *logp; /* [max_rows] */
};

static int64_t n_pages(int64_t rows) { return (rows + PAGE - 1) / PAGE; }

static int64_t chunk_rows(const struct model *m, int64_t rows) {
    int64_t n = CHUNK_NUMS / model_cfg(m)->n_vocab;
    if (n < CHUNK_MIN) n = CHUNK_MIN;
    return n < rows ? n : rows;
}

int64_t soft_bytes(const struct model *m, int64_t rows, enum fmt kv) {
    const struct model_cfg *c = model_cfg(m);
    int64_t nums = 4 * rows * c->n_embd + chunk_rows(m, rows) * c->n_vocab;
    return n_pages(rows) * model_kv_page_bytes(m, PAGE, kv) + nums * (int64_t)model_device(m)->num_bytes +
           pass_bytes(m, rows, 1, rows, PASS_BACKWARD) + tape_bytes(m, rows) +
           2ll * c->n_vocab * pool_size(model_device(m)->pool) * (int64_t)sizeof(double);
}

static int take(struct soft *s, struct err *e) {
    int64_t n = s->max_rows, pages = n_pages(n), bytes = model_kv_page_bytes(s->m, PAGE, s->kv);
    size_t k = (size_t)n;
    s->slab = dev_alloc(s->d, pages * bytes / (int64_t)s->d->num_bytes + 1);
    s->page = malloc((size_t)pages * sizeof *s->page);
    s->x = dev_alloc(s->d, n * s->C), s->h = dev_alloc(s->d, n * s->C);
    s->dh = dev_alloc(s->d, n * s->C), s->u = dev_alloc(s->d, n * s->C);
    s->p = dev_alloc(s->d, s->chunk * s->V), s->lse = dev_alloc(s->d, s->chunk);
    s->host = malloc(2 * (size_t)s->V * (size_t)pool_size(s->d->pool) * sizeof *s->host);
    s->target = malloc(k * sizeof *s->target), s->coef = malloc(k * sizeof *s->coef), s->logp = malloc(k * sizeof *s->logp);
    if (!s->slab || !s->page || !s->x || !s->h || !s->dh || !s->u || !s->p || !s->lse || !s->host || !s->target || !s->coef ||
        !s->logp)
        return fail(e, ERR_NOMEM, "out of memory for a gradient over %lld positions (%lld bytes)", (long long)n,
                    (long long)soft_bytes(s->m, n, s->kv));
    for (int64_t i = 0; i < pages; i++) s->page[i] = (char *)s->slab + i * bytes;
    TRY(pass_new(&s->pass, s->m, n, 1, n, PASS_BACKWARD, e));
    return tape_new(&s->tape, s->m, n, 1, e);
}

int soft_new(struct soft **out, const struct model *m, int64_t max_rows, enum fmt kv, struct err *e) {
    const struct model_cfg *c = model_cfg(m);
    if (c->n_score) return fail(e, ERR_ARG, "expected a language model, found a reward model");
    if (max_rows < 1) return fail(e, ERR_ARG, "a gradient needs at least one position");
    struct soft *s = calloc(1, sizeof *s);
    if (!s) return fail(e, ERR_NOMEM, "out of memory");
    s->m = m, s->d = model_device(m), s->max_rows = max_rows, s->kv = kv, s->C = c->n_embd, s->V = c->n_vocab;
    s->chunk = chunk_rows(m, max_rows);
    int rc = take(s, e);
    if (rc < 0)
        soft_free(s);
    else
        *out = s;
    return rc;
}

void soft_free(struct soft *s) {
    if (!s) return;
    pass_free(s->pass), tape_free(s->tape);
    dev_free(s->d, s->slab), dev_free(s->d, s->x), dev_free(s->d, s->h), dev_free(s->d, s->dh), dev_free(s->d, s->u);
    dev_free(s->d, s->p), dev_free(s->d, s->lse);
    free(s->page), free(s->host), free(s->target), free(s->coef), free(s->logp), free(s);
}

static num *row(const struct soft *s, const num *x, int64_t r, int64_t width) { return num_at(s->d, x, r * width); }

static int forward(struct soft *s, const int32_t *ids, const num *embeds, int64_t T, struct tape *tape, struct err *e) {
    struct span span = {.rows = T, .kv = {s->page, PAGE, s->kv}};
    struct batch b = {.T = T, .ids = ids, .embeds = embeds, .spans = &span, .n_spans = 1};
    if (T < 1 || T > s->max_rows)
        return fail(e, ERR_LIMIT, "expected 1 to %lld positions, found %lld", (long long)s->max_rows, (long long)T);
    return model_forward(s->m, s->pass, &b, tape, NULL, s->h, e);
}

/* −w·h_last; its gradient into dh's last row, unless only the value is wanted. */
static double reward(struct soft *s, int64_t T, const num *w, int seed) {
    num *last = row(s, s->dh, T - 1, s->C);
    if (seed) dev_zero(s->d, last, s->C); /* the last row predicts nothing */
    if (!w) return 0;
    if (seed) op_axpy(s->d, last, -1.0, w, s->C);
    return -op_dot(s->d, w, row(s, s->h, T - 1, s->C), s->C);
}

/* ---- given tokens ---- */

static int nll_ids(struct soft *s, const int32_t *ids, int64_t T, num *dh, double *loss, struct err *e) {
    for (int64_t i = 0; i + 1 < T; i++) s->target[i] = ids[i + 1], s->coef[i] = 1;
    TRY(model_nll(s->m, s->pass, s->h, T - 1, s->target, s->coef, s->logp, dh, NULL, e));
    for (int64_t i = 0; loss && i + 1 < T; i++) *loss -= s->logp[i];
    return 0;
}

int soft_value(struct soft *s, const int32_t *ids, int64_t T, const num *w, double *loss, struct err *e) {
    double sum = 0;
    TRY(forward(s, ids, NULL, T, NULL, e));
    TRY(nll_ids(s, ids, T, NULL, &sum, e));
    sum += reward(s, T, w, 0);
    if (loss) *loss = sum;
    return 0;
}

int soft_embeddings(struct soft *s, const int32_t *ids, int64_t T, const num *w, double *loss, num *du, struct err *e) {
    double sum = 0;
    TRY(forward(s, ids, NULL, T, s->tape, e));
    TRY(nll_ids(s, ids, T, s->dh, &sum, e));
    sum += reward(s, T, w, 1);
    if (loss) *loss = sum;
    return model_backward(s->m, s->pass, s->tape, s->dh, NULL, NULL, du, e);
}

/* ---- soft tokens ---- */

/* p = softmax of rows [r, r + n) of z */
static void probabilities(struct soft *s, const num *z, int64_t r, int64_t n) {
    dev_copy(s->d, s->p, row(s, z, r, s->V), n * s->V);
    op_softmax(s->d, s->p, n, s->V, 1.0);
}

static void soft_rows(struct soft *s, const num *z, int64_t T) {
    for (int64_t r = 0; r < T; r += s->chunk) {
        int64_t n = T - r < s->chunk ? T - r : s->chunk;
        probabilities(s, z, r, n);
        op_matmul_n(s->d, row(s, s->x, r, s->C), s->C, s->p, s->V, n, model_embd(s->m), NULL, 0);
    }
}

struct seed {
    struct soft *s;
    const num *z;
    num *dz;
    double loss;
};

/* Rows [row0, row0 + rows) of logits l predict the positions one on: loss += lse − y·l; dz of there = −l; l <- softmax(l) − y. */
static int soft_seed(void *ctx, struct device *d, int64_t row0, int64_t rows, int64_t V, num *l) {
    struct seed *k = ctx;
    struct soft *s = k->s;
    for (int64_t at = 0; at < rows; at += s->chunk) {
        int64_t n = rows - at < s->chunk ? rows - at : s->chunk;
        num *z = row(s, l, at, V), *out = row(s, k->dz, row0 + at + 1, V);
        probabilities(s, k->z, row0 + at + 1, n);
        op_row_lse(d, s->lse, z, n, V);
        for (int64_t i = 0; i < n; i++) k->loss += dev_get1(d, s->lse, i) - op_dot(d, row(s, s->p, i, V), row(s, z, i, V), V);
        op_scale(d, out, -1.0, z, n * V);
        op_softmax(d, z, n, V, 1.0);
        op_axpy(d, z, -1.0, s->p, n * V);
    }
    return 0;
}

struct mirror {
    struct soft *s;
    num *dz;
    int64_t n;
};

/* dz <- p ⊙ (dz − p·dz), a row at a time. */
static void softmax_back(void *ctx, int ith, int nth) {
    struct mirror *k = ctx;
    struct soft *s = k->s;
    int64_t a, b, V = s->V;
    double *p = s->host + 2 * V * ith, *g = p + V;
    slice(k->n, 1, ith, nth, &a, &b);
    for (int64_t r = a; r < b; r++) {
        double mean = 0;
        dev_get_f64(s->d, p, row(s, s->p, r, V), V);
        dev_get_f64(s->d, g, row(s, k->dz, r, V), V);
        for (int64_t v = 0; v < V; v++) mean += p[v] * g[v];
        for (int64_t v = 0; v < V; v++) g[v] = p[v] * (g[v] - mean);
        dev_put_f64(s->d, row(s, k->dz, r, V), g, V);
    }
}

static void through_softmax(struct soft *s, const num *z, int64_t T, num *dz) {
    for (int64_t r = 0; r < T; r += s->chunk) {
        int64_t n = T - r < s->chunk ? T - r : s->chunk;
        num *out = row(s, dz, r, s->V);
        op_matmul_t(s->d, out, s->V, row(s, s->u, r, s->C), s->C, n, model_embd(s->m), NULL, 1);
        probabilities(s, z, r, n);
        pool_run(s->d->pool, softmax_back, &(struct mirror){s, out, n});
    }
}

int soft_logits(struct soft *s, const num *z, int64_t T, const num *w, double *loss, num *dz, struct err *e) {
    struct seed k = {s, z, dz, 0};
    if (T < 1 || T > s->max_rows)
        return fail(e, ERR_LIMIT, "expected 1 to %lld positions, found %lld", (long long)s->max_rows, (long long)T);
    soft_rows(s, z, T);
    TRY(forward(s, NULL, s->x, T, s->tape, e));
    dev_zero(s->d, dz, s->V); /* nothing predicts the first position */
    TRY(model_head(s->m, s->pass, s->h, T - 1, soft_seed, &k, s->dh, NULL, e));
    k.loss += reward(s, T, w, 1);
    TRY(model_backward(s->m, s->pass, s->tape, s->dh, NULL, NULL, s->u, e));
    through_softmax(s, z, T, dz);
    if (loss) *loss = k.loss;
    return 0;
}
