/* Fitting, and what is read off a fit: estimates in the units of the data. */
#include "stats/infer/lmm.h"
#include "base/rng.h"
#include "stats/dist.h"
#include "stats/infer/dense.h"
#include "stats/infer/lmm_int.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void lmm_free(struct lmm *m) {
    free(m->fixed), free(m->random), free(m->dropped), free(m->theta);
    *m = (struct lmm){0};
}

static int room(struct lmm *o, const struct lmm_problem *m, struct err *e) {
    size_t pairs = 0;
    for (size_t b = 0; b < m->n_blocks; b++) pairs += m->block[b].k * (m->block[b].k + 1) / 2;
    o->fixed = calloc(m->p + 1, sizeof *o->fixed), o->random = calloc(pairs + 1, sizeof *o->random);
    o->dropped = calloc(m->d->x.k + 1, sizeof *o->dropped), o->theta = calloc(m->n_theta + 1, sizeof *o->theta);
    return o->fixed && o->random && o->dropped && o->theta ? 0 : fail(e, ERR_NOMEM, "no memory for a mixed model");
}

/* v ← R⁻¹v with the columns that were kept. */
static void to_units(const struct lmm_problem *m, const size_t *kept, double *v, size_t step) {
    back_substitute(v, step, m->r, m->d->x.k, kept, m->p);
}

/* The factor of the tail ends in L_xx, the fixed columns, and the response's row c: Lᵀ beta = c, and the covariance is σ²(L Lᵀ)⁻¹. */
static void fixed_effects(struct lmm *o, const struct lmm_problem *m, double sigma2, const size_t *kept, double *inv,
                          double *cov) {
    size_t p = m->p, n = m->tail;
    const double *l = m->work + m->q * n + m->q, *c = m->work + (n - 1) * n + m->q;
    lower_inverse(inv, l, p, n);
    for (size_t i = 0; i < p; i++) {
        double s = 0;
        for (size_t a = i; a < p; a++) s += inv[a * p + i] * c[a];
        o->fixed[i].estimate = s;
        for (size_t j = 0; j < p; j++) {
            s = 0;
            for (size_t a = i > j ? i : j; a < p; a++) s += inv[a * p + i] * inv[a * p + j];
            cov[i * p + j] = s * sigma2;
        }
    }
    for (size_t i = 0; i < p; i++) inv[i] = o->fixed[i].estimate * m->y_scale + m->c0[i];
    to_units(m, kept, inv, 1);
    for (size_t j = 0; j < p; j++) to_units(m, kept, cov + j, p);
    for (size_t i = 0; i < p; i++) {
        to_units(m, kept, cov + i * p, 1);
        struct lmm_fixed *f = &o->fixed[i];
        *f = (struct lmm_fixed){m->d->x.name[kept[i]], inv[i], sqrt(cov[i * p + i]), 0, 0};
        f->z = f->estimate / f->se, f->p = normal_two_sided(f->z);
    }
}

static int set_fixed(struct lmm *o, const struct lmm_problem *m, double sigma2, struct err *e) {
    size_t p = m->p, *kept = calloc(p + 1, sizeof *kept);
    double *inv = calloc(p * p + p + 1, sizeof *inv), *cov = calloc(p * p + 1, sizeof *cov);
    if (kept && inv && cov) {
        for (size_t j = 0, at = 0; j < m->d->x.k; j++)
            if (m->alias[j])
                o->dropped[o->n_dropped++] = m->d->x.name[j];
            else
                kept[at++] = j;
        fixed_effects(o, m, sigma2, kept, inv, cov);
        o->n_fixed = p;
    }
    int rc = kept && inv && cov ? 0 : fail(e, ERR_NOMEM, "no memory for a mixed model");
    free(kept), free(inv), free(cov);
    return rc;
}

/* Variances, then covariances, of each block: σ² times Λ Λᵀ, whose rows lose their scale. */
static void set_random(struct lmm *o, const struct lmm_problem *m, double sigma2) {
    for (size_t b = 0; b < m->n_blocks; b++) {
        const struct block *k = &m->block[b];
        for (size_t gap = 0; gap < k->k; gap++)
            for (size_t i = 0; i + gap < k->k; i++) {
                const double *u = k->lambda + i * k->k, *v = k->lambda + (i + gap) * k->k;
                double s = dot(u, v, i + 1) * sigma2 / (k->scale[i] * k->scale[i + gap]);
                int together = k->theta[(i + gap) * k->k + i] >= 0;
                if (together)
                    o->random[o->n_random++] = (struct lmm_random){k->group, k->name[i], gap ? k->name[i + gap] : NULL, s};
            }
    }
}

/* theta, part by part of the design and in the units of its columns: what a draw needs. */
static void set_theta(struct lmm *o, const struct lmm_problem *m) {
    const struct design *d = m->d;
    for (size_t p = 0, at = 0; p < d->n_parts; p++) {
        const struct block *b = m->block;
        size_t first = 0;
        while (strcmp(b->group, d->part[p].group)) b++;
        for (size_t q = 0; q < p; q++) first += strcmp(d->part[q].group, b->group) ? 0 : d->part[q].z.k;
        for (size_t j = first; j < first + d->part[p].z.k; j++)
            for (size_t i = d->part[p].correlated ? first : j; i <= j; i++)
                o->theta[at++] = b->lambda[j * b->k + i] / b->scale[j];
    }
}

static int singular(const struct lmm_problem *m) {
    for (size_t b = 0; b < m->n_blocks; b++)
        for (size_t i = 0; i < m->block[b].k; i++)
            if (m->block[b].lambda[i * m->block[b].k + i] < 1e-4) return 1;
    return 0;
}

static int fit(struct lmm *o, struct lmm_problem *m, struct err *e) {
    double dev, rows = (double)(m->reml ? m->n - m->p : m->n);
    TRY(room(o, m, e));
    TRY(lmm__optimise(m, o->theta, &dev, e));
    double sigma2 = m->rss / rows * m->y_scale * m->y_scale;
    dev += 2 * rows * log(m->y_scale) + (m->reml ? 2 * m->log_r : 0);
    o->n = m->n, o->reml = m->reml, o->evaluations = m->evaluations, o->n_theta = m->n_theta;
    o->residual = sigma2, o->loglik = -dev / 2, o->singular = singular(m);
    o->parameters = m->p + m->n_theta + 1;
    set_random(o, m, sigma2);
    set_theta(o, m);
    return set_fixed(o, m, sigma2, e);
}

int lmm_fit(struct lmm *out, const struct design *d, int reml, struct err *e) {
    struct lmm_problem m;
    struct lmm o = {0};
    int rc = lmm__prepare(&m, d, reml, e);
    if (!rc) rc = fit(&o, &m, e);
    lmm__release(&m);
    if (rc < 0)
        lmm_free(&o);
    else
        *out = o;
    return rc;
}
