/* V1–V6, V10 and V12 of the specification. Every check computes the same number twice by routes that share as little as possible;
 * "reached" is the largest relative difference unless it says otherwise. */
#include "decode/selftest.h"
#include "base/rng.h"
#include "decode/objective.h"
#include "decode/toy.h"
#include "model/family.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { M = 7 /* answer tokens */, V = TOY_V };

struct rig {
    struct toy toy;
    struct trial t;
    struct objective *g;
    struct budget b;
    int32_t y[M];
    int open;
};

static void rig_close(struct rig *r) {
    objective_free(r->g);
    if (r->open) trial_fini(&r->t);
    toy_close(&r->toy);
}

static int rig_open(struct rig *r, const char *family, int oracle, struct err *e) {
    *r = (struct rig){.b = {.amount = 1, .unit = 'r'}};
    int rc = toy_open(&r->toy, family, oracle, 1, e);
    r->toy.r.o.lambda = 3;
    if (rc >= 0) rc = trial_init(&r->t, &r->toy.r, &r->toy.q[0], &r->b, 1, e), r->open = rc >= 0;
    if (rc >= 0) rc = objective_new(&r->g, &r->toy.r, M + 1, e);
    struct rng g = RNG(5, 1);
    for (int i = 0; i < M; i++) r->y[i] = (int32_t)(1 + rng_below(&g, V - 1));
    if (rc < 0) rig_close(r);
    return rc;
}

/* An LM session that holds prompt and y, as a candidate's would. */
static int take(struct rig *r, int64_t first, struct err *e) {
    struct session *lm = NULL, *rm = NULL;
    const int32_t last = r->t.prompt.ids[r->t.prompt.n - 1];
    TRY(session_fork(&lm, r->t.lm, e));
    int rc = session_feed(lm, &last, 1, NULL, e);
    if (rc >= 0) rc = session_feed(lm, r->y, M - 1, NULL, e);
    if (rc >= 0) rc = session_fork(&rm, r->t.rm, e);
    if (rc >= 0) rc = session_feed(rm, r->y, M, NULL, e);
    if (rc >= 0) rc = objective_take(r->g, &r->t, lm, rm, r->y, M, first, e);
    session_free(lm), session_free(rm);
    return rc;
}

static double rel(const double *a, const double *b, int64_t n) {
    double diff = 0, size = 0;
    for (int64_t i = 0; i < n; i++) diff = fmax(diff, fabs(a[i] - b[i])), size = fmax(size, fabs(b[i]));
    return diff / (size > 0 ? size : 1);
}

static double worse(double a, double b) { return a > b || isnan(a) ? a : b; }

/* ---- V1: the three parts, each by its own backward passes, against the joint gradient ---- */

/* out[M, V] += scale · E rows[k], row k of `rows` being position k + shift */
static void project(struct device *d, const struct model *m, const num *rows, int64_t C, int shift, int count, double scale,
                    double *out, num *tmp) {
    double host[V];
    for (int k = 0; k < count; k++) {
        if (k + shift < 0) continue;
        op_matmul_t(d, tmp, V, num_at(d, rows, k * C), C, 1, model_embd(m), NULL, 0);
        dev_get_f64(d, host, tmp, V);
        for (int v = 0; v < V; v++) out[(k + shift) * V + v] += scale * host[v];
    }
}

/* The forward of the last take once more, on a session that stays: its pages must outlive all backward passes. */
static int retape(struct rig *r, struct session **s, struct err *e) {
    struct objective *g = r->g;
    TRY(session_fork(s, r->t.lm, e));
    return engine_step_taped(r->toy.r.lm, *s, g->ids, M, g->tape, NULL, g->h, e);
}

/* −Σ_{i>l} d log π(y_i)/dy_l, one backward per target i */
static int postfix_apart(struct rig *r, double *out, num *u, num *tmp, struct err *e) {
    struct objective *g = r->g;
    struct session *s = NULL;
    int rc = retape(r, &s, e);
    for (int i = 0; rc >= 0 && i < M; i++) {
        double coef[M] = {0}, logp[M];
        coef[i] = 1.0 / M;
        rc = engine_nll(r->toy.r.lm, g->h, M, r->y, coef, logp, g->dh, e);
        if (rc >= 0) rc = engine_backward(r->toy.r.lm, g->tape, g->dh, NULL, NULL, u, e);
        if (rc >= 0) project(r->toy.d, r->toy.lm, u, g->C, -1, M, 1, out, tmp);
    }
    session_free(s);
    return rc;
}

static int unit_seed(void *ctx, struct device *d, int64_t row0, int64_t rows, int64_t n, num *logits) {
    (void)ctx, (void)row0, (void)rows, (void)n;
    dev_set1(d, logits, 0, -1);
    return 0;
}

/* λ · (−dr/dy_l), the backward run for λ = 1 */
static int reward_apart(struct rig *r, double *out, num *u, num *tmp, struct err *e) {
    struct objective *g = r->g;
    struct device *d = r->toy.d;
    dev_zero(d, g->rdh, M * g->RC);
    TRY(model_head(r->toy.rm, engine_pass(r->toy.r.rm), num_at(d, g->rh, (M - 1) * g->RC), 1, unit_seed, NULL,
                   num_at(d, g->rdh, (M - 1) * g->RC), NULL, e));
    TRY(engine_backward(r->toy.r.rm, g->rm_tape, g->rdh, NULL, NULL, u, e));
    project(d, r->toy.rm, u, g->RC, 0, M, r->toy.r.o.lambda, out, tmp);
    return 0;
}

/* −log π by the device's own log-sum-exp */
static int prefix_apart(struct rig *r, double c, double *out, num *tmp, struct err *e) {
    struct device *d = r->toy.d;
    double host[V];
    num *lse = dev_alloc(d, 1);
    int rc = lse ? 0 : fail(e, ERR_NOMEM, "out of memory");
    for (int i = 0; rc >= 0 && i < M; i++) {
        rc = model_logits(r->toy.lm, num_at(d, r->g->h, i * r->g->C), 1, NULL, tmp, e);
        op_row_lse(d, lse, tmp, 1, V);
        dev_get_f64(d, host, tmp, V);
        for (int v = 0; v < V; v++) out[i * V + v] += -c * (host[v] - dev_get1(d, lse, 0));
    }
    dev_free(d, lse);
    return rc;
}

static int check_v1(double *reached, struct err *e) {
    struct rig r;
    double parts[M * V] = {0}, joint[M * V];
    TRY(rig_open(&r, "llama", 1, e));
    num *u = dev_alloc(r.toy.d, (M + 1) * 64), *tmp = dev_alloc(r.toy.d, V);
    int rc = u && tmp ? take(&r, 0, e) : fail(e, ERR_NOMEM, "out of memory");
    for (int i = 0; rc >= 0 && i < M; i++) rc = objective_row(r.g, &r.t, i, joint + i * V, e);
    if (rc >= 0) rc = prefix_apart(&r, 1.0 / M, parts, tmp, e);
    if (rc >= 0) rc = postfix_apart(&r, parts, u, tmp, e);
    if (rc >= 0) rc = reward_apart(&r, parts, u, tmp, e);
    *reached = rel(parts, joint, M * V);
    dev_free(r.toy.d, u), dev_free(r.toy.d, tmp);
    rig_close(&r);
    return rc;
}

/* ---- V2 ---- */

static int check_v2_prefix(double *reached, struct err *e) {
    struct rig r;
    double all[M * V] = {0}, last[V], diff = 0;
    TRY(rig_open(&r, "llama", 1, e));
    r.toy.r.o.lambda = 0, r.toy.r.o.nll = NLL_SUM;
    num *tmp = dev_alloc(r.toy.d, V);
    int rc = tmp ? take(&r, 0, e) : fail(e, ERR_NOMEM, "out of memory");
    if (rc >= 0) rc = objective_row(r.g, &r.t, M - 1, last, e); /* no postfix, no reward: the prefix term alone */
    if (rc >= 0) rc = prefix_apart(&r, 1, all, tmp, e);
    for (int v = 0; v < V; v++) diff = fmax(diff, fabs(last[v] - all[(M - 1) * V + v]));
    *reached = diff;
    dev_free(r.toy.d, tmp);
    rig_close(&r);
    return rc;
}

/* With the last token's own row on the tape, its gradient must come out as zero. */
static int check_v2_last(double *reached, struct err *e) {
    struct rig r;
    struct session *s = NULL;
    int32_t ids[M + 1], target[M + 1];
    double coef[M + 1], u[64];
    TRY(rig_open(&r, "llama", 1, e));
    num *h = dev_alloc(r.toy.d, (M + 1) * r.g->C), *dh = dev_alloc(r.toy.d, (M + 1) * r.g->C),
        *du = dev_alloc(r.toy.d, (M + 1) * r.g->C);
    ids[0] = r.t.prompt.ids[r.t.prompt.n - 1], target[M] = -1;
    for (int i = 0; i < M; i++) ids[i + 1] = target[i] = r.y[i];
    for (int i = 0; i <= M; i++) coef[i] = 1;
    int rc = h && dh && du ? session_fork(&s, r.t.lm, e) : fail(e, ERR_NOMEM, "out of memory");
    if (rc >= 0) rc = engine_step_taped(r.toy.r.lm, s, ids, M + 1, r.g->tape, NULL, h, e);
    if (rc >= 0) rc = engine_nll(r.toy.r.lm, h, M + 1, target, coef, NULL, dh, e);
    if (rc >= 0) rc = engine_backward(r.toy.r.lm, r.g->tape, dh, NULL, NULL, du, e);
    dev_get_f64(r.toy.d, u, num_at(r.toy.d, du, M * r.g->C), r.g->C);
    *reached = 0;
    for (int64_t i = 0; i < r.g->C; i++) *reached = fmax(*reached, fabs(u[i]));
    session_free(s);
    dev_free(r.toy.d, h), dev_free(r.toy.d, dh), dev_free(r.toy.d, du);
    rig_close(&r);
    return rc;
}

/* ---- V3 ---- */

static void random_row(double *g, float *z, int64_t n, double spread, uint64_t key) {
    struct rng r = RNG(3, key);
    for (int64_t i = 0; i < n; i++) z[i] = (float)(spread * rng_normal(&r)), g[i] = rng_normal(&r);
}

static int check_v3(double *reached, struct err *e) {
    enum { N = 64 };
    double g[N], p[N], dz[N], by_jacobian[N], temp = 0.7;
    float z[N];
    (void)e;
    *reached = 0;
    for (uint64_t k = 0; k < 20; k++) {
        random_row(g, z, N, 2, k);
        dto_softmax(p, z, N, temp);
        dto_grad(dz, p, g, N, temp);
        for (int i = 0; i < N; i++) {
            by_jacobian[i] = 0;
            for (int j = 0; j < N; j++) by_jacobian[i] += ((i == j ? p[i] : 0) - p[i] * p[j]) / temp * g[j];
        }
        *reached = worse(rel(dz, by_jacobian, N), *reached);
    }
    return 0;
}

/* ---- V4 ---- */

struct ahead {
    float z[M][V];
    struct dto_work w[M];
};

static int ahead_open(struct ahead *a, struct rig *r, struct err *e) {
    *a = (struct ahead){0};
    for (int i = 0; i < M; i++) TRY(dto_work_init(&a->w[i], V, e));
    for (int i = 0; i < M; i++) TRY(objective_logits(r->g, &r->t, i, a->z[i], e));
    return 0;
}

/* Algorithm 2 as written: all ahead tokens together, both models run again at every step. */
static int dto_uncached(struct rig *r, struct ahead *a, const struct dto_opts *o, struct err *e) {
    double g[V];
    for (int t = 0; t < o->steps; t++) {
        TRY(take(r, 0, e));
        for (int i = 0; i < M; i++) {
            TRY(objective_row(r->g, &r->t, i, g, e));
            dto_step(a->z[i], g, o, t, &a->w[i]);
        }
    }
    return 0;
}

/* One position, one gradient. */
static int dto_lazy(struct rig *r, struct ahead *a, const struct dto_opts *o, struct err *e) {
    double g[V];
    TRY(take(r, 0, e));
    for (int i = M - 1; i >= 0; i--) {
        TRY(objective_row(r->g, &r->t, i, g, e));
        dto_run(a->z[i], g, o, &a->w[i]);
    }
    return 0;
}

static int check_v4(double *reached, struct err *e) {
    struct rig r;
    struct dto_opts o = DTO_DEFAULT;
    struct ahead *a = calloc(2, sizeof *a);
    if (!a) return fail(e, ERR_NOMEM, "out of memory");
    int rc = rig_open(&r, "llama", 0, e);
    if (rc < 0) {
        free(a);
        return rc;
    }
    rc = take(&r, 0, e);
    for (int k = 0; rc >= 0 && k < 2; k++) rc = ahead_open(&a[k], &r, e);
    if (rc >= 0) rc = dto_uncached(&r, &a[0], &o, e);
    if (rc >= 0) rc = dto_lazy(&r, &a[1], &o, e);
    *reached = 0;
    for (int i = 0; i < M; i++)
        for (int v = 0; v < V; v++) *reached = fmax(*reached, fabs((double)a[0].z[i][v] - (double)a[1].z[i][v]));
    for (int i = 0; i < 2 * M; i++) dto_work_fini(&a[i / M].w[i % M]);
    free(a);
    rig_close(&r);
    return rc;
}

/* ---- V5 ---- */

static int check_v5(int oracle, double *reached, struct err *e) {
    struct rig r;
    double whole[M * V], g[V];
    TRY(rig_open(&r, "qwen3", oracle, e));
    int rc = take(&r, 0, e);
    for (int i = 0; rc >= 0 && i < M; i++) rc = objective_row(r.g, &r.t, i, whole + i * V, e);
    *reached = 0;
    for (int first = 1; rc >= 0 && first < M; first++) {
        rc = take(&r, first, e);
        for (int i = first; rc >= 0 && i < M; i++) {
            rc = objective_row(r.g, &r.t, i, g, e);
            for (int v = 0; v < V; v++) *reached = fmax(*reached, fabs(g[v] - whole[i * V + v]));
        }
    }
    rig_close(&r);
    return rc;
}
static int check_v5_double(double *reached, struct err *e) { return check_v5(1, reached, e); }
static int check_v5_float(double *reached, struct err *e) { return check_v5(0, reached, e); }

/* ---- V6 ---- */

static int check_v6(double *reached, struct err *e) {
    enum { N = 1000 };
    static double g[N], p[N];
    static float z0[N], a[N], c[N];
    struct dto_opts adam = DTO_DEFAULT, closed = DTO_DEFAULT;
    struct dto_work w;
    double sum = 0, S = dto_lr_sum(&adam);
    int64_t n = 0;
    closed.mode = DTO_CLOSED;
    TRY(dto_work_init(&w, N, e));
    for (uint64_t k = 0; k < 10; k++) {
        random_row(g, z0, N, 3, 100 + k);
        memcpy(a, z0, sizeof a), memcpy(c, z0, sizeof c);
        dto_softmax(p, z0, N, 1);
        dto_run(a, g, &adam, &w), dto_run(c, g, &closed, &w);
        for (int i = 0; i < N; i++)
            if (p[i] >= 1e-6) sum += fabs((double)a[i] - (double)c[i]) / S, n++;
    }
    dto_work_fini(&w);
    *reached = sum / (double)n;
    return 0;
}

/* ---- V10 ---- */

/* The relaxed loss at given embeddings of the ahead rows: x[M, C], x'[M, C'] and targets y[M, V] (rows sum to whatever they sum to). */
struct relaxed {
    struct rig *r;
    num *x, *rx, *h, *rh, *tmp;
    double *y;
};

static int relaxed_nll(struct relaxed *q, double *loss, struct err *e) {
    struct rig *r = q->r;
    struct device *d = r->toy.d;
    struct session *s = NULL;
    const int32_t last = r->t.prompt.ids[r->t.prompt.n - 1];
    double lp[M * V] = {0};
    TRY(session_fork(&s, r->t.lm, e));
    struct feed head = {.s = s, .ids = &last, .n = 1, .h = q->h},
                tail = {.s = s, .embeds = q->x, .n = M - 1, .h = num_at(d, q->h, r->g->C)};
    int rc = engine_step(r->toy.r.lm, &head, 1, NULL, e);
    if (rc >= 0) rc = engine_step(r->toy.r.lm, &tail, 1, NULL, e);
    session_free(s);
    num *keep = r->g->h;
    r->g->h = q->h;
    if (rc >= 0) rc = prefix_apart(r, r->g->c, lp, q->tmp, e);
    r->g->h = keep;
    for (int i = 0; i < M * V; i++) *loss += q->y[i] * lp[i];
    return rc;
}

static int relaxed_loss(struct relaxed *q, double *loss, struct err *e) {
    struct rig *r = q->r;
    struct device *d = r->toy.d;
    struct session *s = NULL;
    *loss = 0;
    TRY(relaxed_nll(q, loss, e));
    TRY(session_fork(&s, r->t.rm, e));
    struct feed f = {.s = s, .embeds = q->rx, .n = M, .h = q->rh};
    int rc = engine_step(r->toy.r.rm, &f, 1, NULL, e);
    if (rc >= 0) rc = model_logits(r->toy.rm, num_at(d, q->rh, (M - 1) * r->g->RC), 1, NULL, q->tmp, e);
    if (rc >= 0) *loss -= r->toy.r.o.lambda * dev_get1(d, q->tmp, 0);
    session_free(s);
    return rc;
}

/* Moves coordinate k of x, x' or both through the one-hot row: the row y_i gets `by` more of token v. */
static void shift(struct relaxed *q, int i, int v, double by) {
    struct device *d = q->r->toy.d;
    int64_t C = q->r->g->C, RC = q->r->g->RC;
    const int32_t id = v;
    op_gather(d, q->tmp, model_embd(q->r->toy.lm), &id, 1);
    op_axpy(d, num_at(d, q->x, i * C), by, q->tmp, C);
    op_gather(d, q->tmp, model_embd(q->r->toy.rm), &id, 1);
    op_axpy(d, num_at(d, q->rx, i * RC), by, q->tmp, RC);
    q->y[i * V + v] += by;
}

static int relaxed_open(struct relaxed *q, struct rig *r, struct err *e) {
    struct device *d = r->toy.d;
    *q = (struct relaxed){.r = r,
                          .x = dev_alloc(d, M * r->g->C),
                          .rx = dev_alloc(d, M * r->g->RC),
                          .h = dev_alloc(d, (M + 1) * r->g->C),
                          .rh = dev_alloc(d, M * r->g->RC),
                          .tmp = dev_alloc(d, 128),
                          .y = calloc(M * V, sizeof *q->y)};
    if (!q->x || !q->rx || !q->h || !q->rh || !q->tmp || !q->y) return fail(e, ERR_NOMEM, "out of memory");
    op_gather(d, q->x, model_embd(r->toy.lm), r->y, M);
    op_gather(d, q->rx, model_embd(r->toy.rm), r->y, M);
    for (int i = 0; i < M; i++) q->y[i * V + r->y[i]] = 1;
    return 0;
}
static void relaxed_close(struct relaxed *q) {
    struct device *d = q->r->toy.d;
    num *const b[] = {q->x, q->rx, q->h, q->rh, q->tmp};
    for (size_t i = 0; i < sizeof b / sizeof *b; i++) dev_free(d, b[i]);
    free(q->y);
}

/* dL/dy_i[v] by central differences of the relaxed loss: through both embeddings, every layer, both heads and the target. */
static int compare_row(struct relaxed *q, int i, double *reached, struct err *e) {
    const double step = 1e-5;
    double g[V], fd[V];
    TRY(objective_row(q->r->g, &q->r->t, i, g, e));
    for (int v = 0; v < V; v++) {
        double up, down;
        shift(q, i, v, step);
        TRY(relaxed_loss(q, &up, e));
        shift(q, i, v, -2 * step);
        TRY(relaxed_loss(q, &down, e));
        shift(q, i, v, step);
        fd[v] = (up - down) / (2 * step);
    }
    *reached = worse(rel(fd, g, V), *reached);
    return 0;
}

static int check_v10(const char *family, double *reached, struct err *e) {
    struct rig r;
    struct relaxed q;
    TRY(rig_open(&r, family, 1, e));
    r.toy.r.o.nll = NLL_SUM, r.toy.r.o.lambda = 1; /* both models weigh in */
    int rc = relaxed_open(&q, &r, e);
    if (rc >= 0) rc = take(&r, 0, e);
    *reached = 0;
    for (int i = 0; rc >= 0 && i < M; i += 2) rc = compare_row(&q, i, reached, e);
    relaxed_close(&q);
    rig_close(&r);
    return rc;
}
#define XX(n) \
    static int check_v10_##n(double *reached, struct err *e) { return check_v10(#n, reached, e); }
FAMILY_MAP(XX)
#undef XX

/* ---- V12 ---- */

static double num_diff(struct device *d, const num *a, const num *b, int64_t n) {
    double diff = 0;
    for (int64_t i = 0; i < n; i++) diff = fmax(diff, fabs(dev_get1(d, a, i) - dev_get1(d, b, i)));
    return diff;
}

static int soft_rows(struct rig *r, num *one_hot, num *soft, num *hard, double *reached) {
    struct device *d = r->toy.d;
    for (int i = 0; i < M; i++) dev_set1(d, one_hot, i * V + r->y[i], 1);
    op_matmul_n(d, soft, r->g->C, one_hot, V, M, model_embd(r->toy.lm), NULL, 0);
    op_gather(d, hard, model_embd(r->toy.lm), r->y, M);
    *reached = num_diff(d, soft, hard, M * r->g->C);
    return 0;
}

static int check_v12(double *reached, struct err *e) {
    struct rig r;
    struct session *a = NULL, *b = NULL;
    TRY(rig_open(&r, "llama", 0, e));
    struct device *d = r.toy.d;
    num *one_hot = dev_alloc(d, M * V), *soft = dev_alloc(d, M * 64), *hard = dev_alloc(d, M * 64);
    int rc = one_hot && soft && hard ? soft_rows(&r, one_hot, soft, hard, reached) : fail(e, ERR_NOMEM, "out of memory");
    if (rc >= 0) rc = session_fork(&a, r.t.lm, e);
    if (rc >= 0) rc = session_fork(&b, r.t.lm, e);
    num *ha = dev_alloc(d, M * 64), *hb = dev_alloc(d, M * 64);
    if (rc >= 0 && (!ha || !hb)) rc = fail(e, ERR_NOMEM, "out of memory");
    if (rc >= 0) rc = engine_step(r.toy.r.lm, &(struct feed){.s = a, .embeds = soft, .n = M, .h = ha}, 1, NULL, e);
    if (rc >= 0) rc = engine_step(r.toy.r.lm, &(struct feed){.s = b, .ids = r.y, .n = M, .h = hb}, 1, NULL, e);
    if (rc >= 0) *reached = worse(num_diff(d, ha, hb, M * r.g->C), *reached);
    num *const bufs[] = {one_hot, soft, hard, ha, hb};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) dev_free(d, bufs[i]);
    session_free(a), session_free(b);
    rig_close(&r);
    return rc;
}

/* ---- the table ---- */

static const struct {
    const char *id, *what;
    double bound;
    int (*run)(double *reached, struct err *e);
} checks[] = {
    {"V1", "prefix + postfix + reward terms, each by its own backward, = the joint gradient (f64)", 1e-12, check_v1},
    {"V2", "prefix term = minus log-probabilities (f64, absolute)", 0, check_v2_prefix},
    {"V2", "postfix term of the last token = 0 (f64, absolute)", 0, check_v2_last},
    {"V3", "dL/dz = p*(g - p.g)/tau = softmax Jacobian times g (f64)", 1e-14, check_v3},
    {"V4", "DTO, all tokens, both models run again each step = one cached gradient, one token at a time (f32, absolute)", 0,
     check_v4},
    {"V5", "ahead gradients do not change when tokens are committed (f64, absolute)", 0, check_v5_double},
    {"V5", "the same on the float device (absolute)", 0, check_v5_float},
    {"V6", "20 Adam steps = z - S*sign(g - p.g), mean error in S over p >= 1e-6", 0.03, check_v6},
#define XX(n) {"V10", "dL/dy = central differences of the relaxed loss through both models (f64): " #n, 1e-6, check_v10_##n},
    FAMILY_MAP(XX)
#undef XX
        {"V12", "soft embedding at a one-hot = lookup, also through the model (f32, absolute)", 0, check_v12},
};

int selftest_run(struct identity *out, int *n, struct err *e) {
    *n = (int)(sizeof checks / sizeof *checks);
    for (int i = 0; i < *n; i++) {
        out[i] = (struct identity){.id = checks[i].id, .what = checks[i].what, .bound = checks[i].bound, .reached = NAN};
        TRY(checks[i].run(&out[i].reached, e));
        out[i].holds = out[i].reached <= out[i].bound;
    }
    return 0;
}
