/* Power by simulation. */
#include "stats/infer/power.h"
#include "stats/infer/lmm.h"
#include "stats/infer/mean_test.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int one(double *value, const void *ctx, struct rng *r, struct err *e) {
    const struct planted *d = ctx;
    void *data = NULL;
    int rc = d->make(&data, d->ctx, r, e);
    if (!rc) rc = d->test(value, data, d->ctx, e);
    if (d->drop) d->drop(data);
    return rc;
}

int power_simulate(struct power *out, const struct planted *d, double alpha, const struct replication *how, struct err *e) {
    struct power w = {.reps = how->reps};
    int64_t found = 0;
    if (!(alpha > 0 && alpha < 1)) return fail(e, ERR_RANGE, "expected alpha between 0 and 1, found %g", alpha);
    if (how->reps < 1) return fail(e, ERR_RANGE, "expected at least one replication, found %d", how->reps);
    double *p = malloc((size_t)how->reps * sizeof *p);
    if (!p) return fail(e, ERR_NOMEM, "no memory for %d replications", how->reps);
    int rc = replicate(p, how, one, d, e);
    for (int i = 0; i < how->reps && !rc; i++) found += p[i] < alpha, w.without_p += isnan(p[i]) != 0;
    free(p);
    if (rc < 0) return rc;
    w.power = (double)found / how->reps, w.ci = wilson(found, how->reps, STATS_Z95);
    *out = w;
    return 0;
}

/* ---- two groups ---- */

struct two_groups {
    double delta;
    size_t n1, n2;
};

static int draw_groups(void **data, const void *ctx, struct rng *r, struct err *e) {
    const struct two_groups *g = ctx;
    double *x = malloc((g->n1 + g->n2 + 1) * sizeof *x);
    if (!x) return fail(e, ERR_NOMEM, "no memory for two groups");
    for (size_t i = 0; i < g->n1 + g->n2; i++) x[i] = rng_normal(r) + (i < g->n1 ? g->delta : 0);
    *data = x;
    return 0;
}

static int test_groups(double *p, const void *data, const void *ctx, struct err *e) {
    const struct two_groups *g = ctx;
    struct welch w;
    TRY(welch_t(&w, data, g->n1, g->n2, 0.95, e));
    *p = w.p;
    return 0;
}

int power_two_groups(struct power *out, double delta, size_t n1, size_t n2, double alpha, const struct replication *how,
                     struct err *e) {
    const struct two_groups g = {delta, n1, n2};
    const struct planted d = {draw_groups, test_groups, free, &g};
    if (n1 < 2 || n2 < 2 || n1 > 10000000 || n2 > 10000000 || !isfinite(delta))
        return fail(e, ERR_RANGE, "expected groups of 2 to 10 million and a finite difference, found %zu, %zu and %g", n1, n2,
                    delta);
    return power_simulate(out, &d, alpha, how, e);
}

/* ---- mixed models ---- */

struct redrawn {
    const struct lmm *truth;
    const struct design *d;
    const char *tested;        /* by Wald */
    const struct design *null; /* by likelihood ratio */
};

static int draw_response(void **data, const void *ctx, struct rng *r, struct err *e) {
    const struct redrawn *x = ctx;
    double *y = malloc((x->d->n + 1) * sizeof *y);
    *data = y;
    return y ? lmm_draw(y, x->truth, x->d, r, e) : fail(e, ERR_NOMEM, "no memory for a draw");
}

static int test_fixed(double *p, const void *data, const void *ctx, struct err *e) {
    const struct redrawn *x = ctx;
    struct design d = *x->d;
    struct lmm m;
    d.y = (double *)data;
    int rc = lmm_fit(&m, &d, 1, e);
    if (rc == ERR_RANGE || rc == ERR_LIMIT) return *p = NAN, 0;
    TRY(rc);
    for (size_t i = 0; i < m.n_fixed; i++)
        if (!strcmp(m.fixed[i].name, x->tested)) *p = m.fixed[i].p;
    lmm_free(&m);
    return 0;
}

static int test_ratio(double *p, const void *data, const void *ctx, struct err *e) {
    const struct redrawn *x = ctx;
    struct design d = *x->d, null = *x->null;
    struct lmm_compared c;
    d.y = null.y = (double *)data;
    int rc = lmm_ratio(&c, &null, &d, e);
    if (rc == ERR_RANGE || rc == ERR_LIMIT) return *p = NAN, 0;
    *p = rc ? NAN : c.p;
    return rc;
}

int power_lmm(struct power *out, const struct lmm *truth, const struct design *d, const char *tested, double alpha,
              const struct replication *how, struct err *e) {
    const struct redrawn x = {truth, d, tested, NULL};
    const struct planted p = {draw_response, test_fixed, free, &x};
    size_t i = 0;
    while (i < truth->n_fixed && strcmp(truth->fixed[i].name, tested)) i++;
    if (i == truth->n_fixed) return fail(e, ERR_ARG, "expected a fixed effect \"%.60s\", found none of that name", tested);
    return power_simulate(out, &p, alpha, how, e);
}

int power_lmm_ratio(struct power *out, const struct lmm *truth, const struct design *null, const struct design *d, double alpha,
                    const struct replication *how, struct err *e) {
    const struct redrawn x = {truth, d, NULL, null};
    const struct planted p = {draw_response, test_ratio, free, &x};
    TRY(design_nested(null, d, e));
    return power_simulate(out, &p, alpha, how, e);
}

static void plant_theta(struct lmm *m, const struct design *d, const double *sd, double residual_sd) {
    for (size_t p = 0; p < d->n_parts; p++)
        for (size_t j = 0; j < d->part[p].z.k; j++) {
            if (d->part[p].correlated) m->n_theta += j; /* no correlations: 0 off the diagonal */
            m->theta[m->n_theta++] = *sd++ / residual_sd;
        }
}

int lmm_plant(struct lmm *out, const struct design *d, const double *fixed, const double *sd, double residual_sd, struct err *e) {
    struct lmm m = {.n = d->n, .n_fixed = d->x.k, .residual = residual_sd * residual_sd, .loglik = NAN, .reml = 1};
    size_t theta = 1;
    if (!(residual_sd > 0)) return fail(e, ERR_RANGE, "expected a residual standard deviation above 0, found %g", residual_sd);
    for (size_t p = 0; p < d->n_parts; p++) theta += d->part[p].z.k * (d->part[p].z.k + 1) / 2;
    m.fixed = calloc(d->x.k + 1, sizeof *m.fixed), m.theta = calloc(theta, sizeof *m.theta);
    if (!m.fixed || !m.theta) {
        lmm_free(&m);
        return fail(e, ERR_NOMEM, "no memory for a planted model");
    }
    for (size_t j = 0; j < d->x.k; j++) m.fixed[j] = (struct lmm_fixed){.name = d->x.name[j], .estimate = fixed[j]};
    plant_theta(&m, d, sd, residual_sd);
    *out = m;
    return 0;
}
