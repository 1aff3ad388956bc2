/* Comparing nested mixed models: likelihood ratio, and its parametric bootstrap. */
#include "base/rng.h"
#include "stats/dist.h"
#include "stats/infer/lmm.h"
#include "stats/infer/replicate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- drawing ---- */

/* Adds the random effects of one grouping factor, whose terms may stand in several parts: b = σ·Λ·u with u standard normal, drawn level by
 * level. Parts of one factor are independent of each other, so each has its own triangle of theta. */
static const double *add_part(double *y, const struct random_part *part, const double *theta, double sigma, size_t n, double *u,
                              struct rng *r) {
    size_t k = part->z.k;
    for (size_t i = 0; i < part->n_levels * k; i++) u[i] = rng_normal(r);
    for (size_t row = 0; row < n; row++) {
        const double *mine = u + (size_t)part->level[row] * k, *t = theta;
        for (size_t j = 0; j < k; j++) {
            double b = 0;
            for (size_t i = part->correlated ? 0 : j; i <= j; i++) b += *t++ * mine[i];
            y[row] += sigma * b * part->z.x[j * n + row];
        }
    }
    return theta + (part->correlated ? k * (k + 1) / 2 : k);
}

static double fixed_part(const struct lmm *m, const struct design *d, size_t row) {
    double s = 0;
    for (size_t j = 0, at = 0; j < d->x.k && at < m->n_fixed; j++)
        if (!strcmp(d->x.name[j], m->fixed[at].name)) s += m->fixed[at++].estimate * d->x.x[j * d->n + row];
    return s;
}

int lmm_draw(double *y, const struct lmm *m, const struct design *d, struct rng *r, struct err *e) {
    size_t most = 0;
    double sigma = sqrt(m->residual);
    for (size_t i = 0; i < d->n_parts; i++)
        most = d->part[i].n_levels * d->part[i].z.k > most ? d->part[i].n_levels * d->part[i].z.k : most;
    double *u = malloc((most + 1) * sizeof *u);
    if (!u) return fail(e, ERR_NOMEM, "no memory for %zu random effects", most);
    for (size_t row = 0; row < d->n; row++) y[row] = fixed_part(m, d, row);
    const double *theta = m->theta;
    for (size_t i = 0; i < d->n_parts; i++) theta = add_part(y, &d->part[i], theta, sigma, d->n, u, r);
    for (size_t row = 0; row < d->n; row++) y[row] += sigma * rng_normal(r);
    free(u);
    return 0;
}

/* ---- comparing ---- */

int lmm_compare(struct lmm_compared *out, const struct lmm *null, const struct lmm *full, struct err *e) {
    if (null->reml || full->reml) return fail(e, ERR_ARG, "expected models by maximum likelihood, found a restricted one");
    if (null->n != full->n) return fail(e, ERR_ARG, "expected models of the same rows, found %zu and %zu", null->n, full->n);
    if (null->parameters >= full->parameters)
        return fail(e, ERR_ARG, "expected a null model with fewer parameters, found %zu and %zu", null->parameters,
                    full->parameters);
    struct lmm_compared c = {.chi2 = fmax(0, 2 * (full->loglik - null->loglik)),
                             .df = (double)(full->parameters - null->parameters)};
    c.p = chi2_upper(c.chi2, c.df), c.p_boot = NAN;
    *out = c;
    return 0;
}

struct pair {
    const struct design *null, *full;
    const struct lmm *fitted;
};

int lmm_ratio(struct lmm_compared *out, const struct design *null, const struct design *full, struct err *e) {
    struct lmm a, b;
    TRY(lmm_fit(&a, null, 0, e));
    int rc = lmm_fit(&b, full, 0, e);
    if (!rc) {
        rc = lmm_compare(out, &a, &b, e);
        lmm_free(&b);
    }
    lmm_free(&a);
    return rc;
}

/* A draw from the null model, seen by both; one that cannot be fitted has no ratio. */
static int redraw(double *value, const void *ctx, struct rng *r, struct err *e) {
    const struct pair *p = ctx;
    struct design null = *p->null, full = *p->full;
    struct lmm_compared c;
    double *y = malloc((null.n + 1) * sizeof *y);
    if (!y) return fail(e, ERR_NOMEM, "no memory for a draw");
    int rc = lmm_draw(y, p->fitted, p->null, r, e);
    null.y = full.y = y;
    if (!rc) rc = lmm_ratio(&c, &null, &full, e);
    if (!rc) *value = c.chi2;
    free(y);
    return rc == ERR_RANGE || rc == ERR_LIMIT ? 0 : rc;
}

static int bootstrap(struct lmm_compared *c, const struct pair *p, const struct replication *how, struct err *e) {
    double *value = malloc(((size_t)how->reps + 1) * sizeof *value), above = 1;
    if (!value) return fail(e, ERR_NOMEM, "no memory for %d replications", how->reps);
    int rc = replicate(value, how, redraw, p, e);
    for (int i = 0; i < how->reps && !rc; i++) {
        c->failed += isnan(value[i]) != 0;
        above += value[i] >= c->chi2;
    }
    free(value);
    c->reps = how->reps;
    c->p_boot = c->failed < how->reps ? above / (1 + (double)(how->reps - c->failed)) : NAN;
    return rc;
}

int lmm_bootstrap(struct lmm_compared *out, const struct design *null, const struct design *full, const struct replication *how,
                  struct err *e) {
    struct lmm a, b = {0};
    struct lmm_compared c;
    if (how->reps < 1) return fail(e, ERR_RANGE, "expected at least one replication, found %d", how->reps);
    TRY(design_nested(null, full, e));
    TRY(lmm_fit(&a, null, 0, e));
    int rc = lmm_fit(&b, full, 0, e);
    if (!rc) rc = lmm_compare(&c, &a, &b, e);
    if (!rc) rc = bootstrap(&c, &(struct pair){null, full, &a}, how, e);
    lmm_free(&a), lmm_free(&b);
    if (!rc) *out = c;
    return rc;
}
