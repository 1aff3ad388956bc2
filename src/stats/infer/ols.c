/* Least squares through an orthonormal basis Q R of the columns: estimates are R⁻¹ Qᵀy, and any covariance M of Qᵀy becomes R⁻¹ M R⁻ᵀ. */
#include "stats/infer/ols.h"
#include "stats/dist.h"
#include "stats/infer/dense.h"
#include "stats/infer/sample.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct work {
    const struct design *d;
    size_t n, p, k; /* k: columns given, p: kept */
    double *q, *r, *residual, *qy, *m, *group, *value, *vec;
    unsigned char *alias;
    double rss;
};

static void work_free(struct work *w) {
    free(w->q), free(w->r), free(w->residual), free(w->qy), free(w->m), free(w->group), free(w->value), free(w->vec),
        free(w->alias);
}

static int work_new(struct work *w, const struct design *d, struct err *e) {
    size_t n = d->n, k = d->x.k;
    *w = (struct work){.d = d, .n = n, .k = k};
    w->q = malloc((n * k + 1) * sizeof(double)), w->residual = malloc((n + 1) * sizeof(double));
    w->r = calloc(k * k + 1, sizeof(double)), w->qy = calloc(2 * k + 1, sizeof(double)), w->m = calloc(k * k + 1, sizeof(double));
    w->group = calloc(k * k + 1, sizeof(double)), w->value = calloc(k + 1, sizeof(double)),
    w->vec = calloc(k * k + 1, sizeof(double));
    w->alias = calloc(k + 1, 1);
    if (w->q && w->residual && w->r && w->qy && w->m && w->group && w->value && w->vec && w->alias) return 0;
    return fail(e, ERR_NOMEM, "no memory for a model of %zu rows and %zu columns", n, k);
}

/* Moves the columns that are kept to the front; r keeps the order of what was given only for those. */
static void compact(struct work *w, struct ols *o) {
    for (size_t j = 0; j < w->k; j++) {
        if (w->alias[j]) {
            o->dropped[o->n_dropped++] = w->d->x.name[j];
            continue;
        }
        o->name[w->p] = w->d->x.name[j];
        if (w->p != j) memcpy(w->q + w->p * w->n, w->q + j * w->n, w->n * sizeof *w->q);
        size_t row = 0;
        for (size_t i = 0; i <= j; i++)
            if (!w->alias[i]) w->r[row++ * w->k + w->p] = w->r[i * w->k + j];
        w->p++;
    }
}

/* v ← R⁻¹ v */
static void back(const struct work *w, double *v, size_t step) { back_substitute(v, step, w->r, w->k, NULL, w->p); }

/* Qᵀu of the rows of one cluster into v, and QᵀQ of them into g (g NULL: not wanted). */
static void of_cluster(const struct work *w, int cluster, double *v, double *g) {
    memset(v, 0, w->p * sizeof *v);
    if (g) memset(g, 0, w->p * w->p * sizeof *g);
    for (size_t i = 0; i < w->n; i++) {
        if (w->d->cluster[i] != cluster) continue;
        for (size_t a = 0; a < w->p; a++) {
            double q = w->q[a * w->n + i];
            v[a] += q * w->residual[i];
            for (size_t b = 0; g && b < w->p; b++) g[a * w->p + b] += q * w->q[b * w->n + i];
        }
    }
}

/* v ← (I − G)^(−1/2) v; directions that a cluster alone settles carry nothing. */
static void free_residuals(struct work *w, double *v) {
    size_t p = w->p;
    double *sum = w->qy + w->k;
    symmetric_eigen(w->value, w->vec, w->group, p);
    memset(sum, 0, p * sizeof *sum);
    for (size_t i = 0; i < p; i++) {
        double rest = 1 - w->value[i], by = rest > 1e-10 ? dot(w->vec + i * p, v, p) / sqrt(rest) : 0;
        for (size_t a = 0; a < p; a++) sum[a] += by * w->vec[i * p + a];
    }
    memcpy(v, sum, p * sizeof *v);
}

static void sandwich(struct work *w, enum ols_errors errors) {
    size_t p = w->p;
    double g = (double)w->d->n_clusters, n = (double)w->n, scale = 1, *v = w->qy;
    if (errors == OLS_CR1) scale = g / (g - 1) * (n - 1) / (n - (double)p);
    for (size_t c = 0; c < w->d->n_clusters; c++) {
        of_cluster(w, (int)c, v, errors == OLS_CR2 ? w->group : NULL);
        if (errors == OLS_CR2) free_residuals(w, v);
        for (size_t a = 0; a < p; a++)
            for (size_t b = 0; b < p; b++) w->m[a * p + b] += scale * v[a] * v[b];
    }
}

static int has_intercept(const struct design *d) { return d->x.k && !strcmp(d->x.name[0], "(Intercept)"); }

static void fit(struct work *w, struct ols *o) {
    double tss = 0, m = 0;
    memcpy(w->residual, w->d->y, w->n * sizeof(double));
    for (size_t j = 0; j < w->p; j++) {
        double c = dot(w->q + j * w->n, w->residual, w->n);
        o->estimate[j] = c;
        for (size_t i = 0; i < w->n; i++) w->residual[i] -= c * w->q[j * w->n + i];
    }
    for (size_t i = 0; i < w->n && has_intercept(w->d); i++) m += w->d->y[i] / (double)w->n;
    for (size_t i = 0; i < w->n; i++) tss += (w->d->y[i] - m) * (w->d->y[i] - m);
    w->rss = dot(w->residual, w->residual, w->n);
    o->sigma = sqrt(w->rss / (double)(w->n - w->p)), o->r2 = 1 - w->rss / tss;
    back(w, o->estimate, 1);
}

static void errors_of(struct work *w, struct ols *o, enum ols_errors errors) {
    size_t p = w->p;
    for (size_t a = 0; a < p && errors == OLS_CLASSICAL; a++) w->m[a * p + a] = o->sigma * o->sigma;
    if (errors != OLS_CLASSICAL) sandwich(w, errors);
    for (size_t c = 0; c < p; c++) back(w, w->m + c, p);     /* columns */
    for (size_t a = 0; a < p; a++) back(w, w->m + a * p, 1); /* rows */
    memset(w->group, 0, p * p * sizeof *w->group);           /* becomes R⁻¹: its rows tell the errors of independent rows */
    for (size_t c = 0; c < p; c++) w->group[c * p + c] = 1, back(w, w->group + c, p);
    o->df = errors == OLS_CLASSICAL ? (double)(o->n - p) : (double)o->clusters - 1;
    for (size_t a = 0; a < p; a++) {
        o->se[a] = sqrt(w->m[a * p + a]);
        if (!(o->se[a] > 1e-7 * o->sigma * sqrt(dot(w->group + a * p, w->group + a * p, p)))) o->se[a] = NAN;
        o->t[a] = o->estimate[a] / o->se[a];
        o->pvalue[a] = t_two_sided(o->t[a], o->df);
    }
}

static int data_ok(const struct design *d, enum ols_errors errors, struct err *e) {
    TRY(sample_ok(d->y, d->n, 2, "the response", e));
    for (size_t j = 0; j < d->x.k; j++) TRY(sample_ok(d->x.x + j * d->n, d->n, 2, d->x.name[j], e));
    if (errors != OLS_CLASSICAL && (!d->cluster || d->n_clusters < 2))
        return fail(e, ERR_RANGE, "expected at least two clusters, found %zu", d->n_clusters);
    return 0;
}

static int compute(struct ols *o, struct work *w, enum ols_errors errors, struct err *e) {
    const struct design *d = w->d;
    memcpy(w->q, d->x.x, d->n * d->x.k * sizeof(double));
    orthonormalise(w->q, w->r, w->alias, w->n, w->k);
    compact(w, o);
    o->n = w->n, o->p = w->p, o->clusters = d->n_clusters;
    if (!w->p || w->p >= w->n)
        return fail(e, ERR_RANGE, "expected more rows than coefficients and at least one of these, found %zu and %zu", w->n,
                    w->p);
    if (errors != OLS_CLASSICAL && o->clusters <= w->p)
        return fail(e, ERR_RANGE, "expected more clusters than coefficients, found %zu and %zu: their errors cannot be estimated",
                    o->clusters, w->p);
    if (constant(d->y, w->n) && (has_intercept(d) || d->y[0] == 0))
        return fail(e, ERR_RANGE, "expected a response that varies, found one value throughout %.60s", d->response);
    fit(w, o);
    if (!(w->rss > 1e-24 * dot(d->y, d->y, w->n)))
        return fail(e, ERR_RANGE, "expected a response that varies beyond its columns, found one that they give exactly");
    errors_of(w, o, errors);
    return 0;
}

void ols_free(struct ols *o) {
    free(o->name), free(o->dropped), free(o->estimate), free(o->se), free(o->t), free(o->pvalue);
    *o = (struct ols){0};
}

int ols_fit(struct ols *out, const struct design *d, enum ols_errors errors, struct err *e) {
    struct work w = {0};
    struct ols o = {0};
    size_t k = d->x.k + 1;
    TRY(data_ok(d, errors, e));
    o.name = calloc(k, sizeof *o.name), o.dropped = calloc(k, sizeof *o.dropped), o.estimate = calloc(k, sizeof(double));
    o.se = calloc(k, sizeof(double)), o.t = calloc(k, sizeof(double)), o.pvalue = calloc(k, sizeof(double));
    int rc = o.name && o.dropped && o.estimate && o.se && o.t && o.pvalue ? 0 : fail(e, ERR_NOMEM, "no memory for a model");
    if (!rc) rc = work_new(&w, d, e);
    if (!rc) rc = compute(&o, &w, errors, e);
    work_free(&w);
    if (rc < 0)
        ols_free(&o);
    else
        *out = o;
    return rc;
}
