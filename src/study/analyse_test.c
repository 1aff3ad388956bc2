/* The tests of hypotheses. What room stats refuses (too few runs, no variance, a fit that does not converge) is a result in words. */
#include "stats/dist.h"
#include "stats/infer/effect.h"
#include "stats/infer/frame.h"
#include "stats/infer/lmm.h"
#include "stats/infer/mean_test.h"
#include "study/analyse_int.h"
#include "study/terms.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An error of a test becomes words; memory stays an error. */
static int in_words(struct tested *t, int rc, const struct err *why, struct err *e) {
    if (rc >= 0) return 0;
    if (rc == ERR_NOMEM) return fail(e, rc, "%s", why->msg);
    snprintf(t->why, sizeof t->why, "%.150s", why->msg);
    t->p = NAN; /* what was there before it failed is of another test */
    return 0;
}

static void take_effect(struct tested *t, const struct effect *g) {
    t->g = g->g, t->lo = g->ci.lo, t->hi = g->ci.hi, t->statistic = g->t, t->df = g->df;
}

/* The claim is that there is no difference that matters: p of the two one-sided tests, and the statistic of the one that is harder to pass. */
static int equivalence(struct tested *t, const struct hypothesis *h, double se, double df, struct err *e) {
    struct tost x;
    if (h->direction != IS_EQUIVALENT) return 0;
    TRY(tost_of(&x, t->estimate, se, df, -h->margin, h->margin, h->alpha, e));
    t->p = x.p, t->statistic = x.p_low > x.p_high ? x.t_low : x.t_high, t->within = x.ci;
    return 0;
}

/* ---- two arms ---- */

static int two_samples(struct tested *t, const double *x, const struct hypothesis *h, struct err *e) {
    struct welch w;
    struct effect g;
    TRY(welch_t(&w, x, t->n1, t->n2, 0.95, e));
    TRY(hedges_g(&g, x, t->n1, t->n2, 0.95, e));
    take_effect(t, &g);
    t->estimate = w.diff, t->statistic = w.t, t->df = w.df, t->p = w.p;
    if (h->test != BY_PERMUTATION) return equivalence(t, h, w.se, w.df, e);
    struct permuted p;
    TRY(permutation_means(&p, x, t->n1, t->n2, &(struct permuting){.most = 1e6, .reps = 99999, .seed = 1}, e));
    t->p = p.p, t->statistic = p.diff, t->df = NAN;
    return 0;
}

int test_contrast(struct tested *t, const struct scored *c, const struct reference *r, const struct hypothesis *h,
                  struct err *e) {
    struct rows x;
    struct err why = ERR_INIT;
    TRY(rows_of(&x, c, r, h, e));
    double *two = calloc(x.n + 1, sizeof *two);
    size_t at = 0;
    for (int arm = 0; two && arm < 2; arm++)
        for (size_t i = 0; i < x.n; i++)
            if (x.arm[i] == h->arm[arm]) two[at++] = x.y[i], *(arm ? &t->n2 : &t->n1) += 1;
    t->lost = x.lost;
    rows_free(&x);
    if (!two) return fail(e, ERR_NOMEM, "out of memory for statistics");
    int rc = two_samples(t, two, h, &why);
    free(two);
    return in_words(t, rc, &why, e);
}

/* ---- agents of a run ---- */

/* Mean of the agents with the prefix, and of the others. */
static int split_run(const struct scored *c, const struct reference *r, const struct hypothesis *h, const struct cell *cell,
                     int rep, double mean[2]) {
    struct seat seats[STUDY_MAX_AGENTS];
    double sum[2] = {0};
    int n[2] = {0};
    study_cast(c->s, cell, rep, seats);
    for (int i = 0; i < c->s->n_agents; i++) {
        int other = !(seats[i].prefixes >> h->prefix & 1);
        double v = run_value(c, r, cell, &c->run[c->first[cell->index] + rep].agent[i], h, 1);
        if (isfinite(v)) sum[other] += v, n[other]++;
    }
    for (int k = 0; k < 2; k++) mean[k] = sum[k] / n[k];
    return n[0] && n[1];
}

static int pairs(struct tested *t, const struct hypothesis *h, const double *x, const double *y, struct err *e) {
    struct effect g;
    TRY(hedges_g_paired(&g, x, y, t->n1, 0.95, e));
    take_effect(t, &g);
    for (size_t i = 0; i < t->n1; i++) t->estimate += (x[i] - y[i]) / (double)t->n1;
    double square = 0, n = (double)t->n1;
    for (size_t i = 0; i < t->n1; i++) square += pow(x[i] - y[i] - t->estimate, 2);
    t->p = t_two_sided(g.t, g.df);
    return equivalence(t, h, sqrt(square / (n * (n - 1))), g.df, e);
}

int test_agents(struct tested *t, const struct scored *c, const struct reference *r, const struct hypothesis *h, struct err *e) {
    const struct study *s = c->s;
    struct err why = ERR_INIT;
    double *x = calloc(2 * (size_t)c->n + 1, sizeof *x), mean[2];
    if (!x) return fail(e, ERR_NOMEM, "out of memory for statistics");
    double *y = x + c->n;
    for (int i = 0; i < s->n_cells; i++) {
        const struct cell *at = &s->cell[i];
        if (!(h->languages >> at->language & 1) || !(h->models >> at->model & 1) || !(h->arms >> at->arm & 1)) continue;
        for (int k = 0; k < at->replicates; k++) {
            if (!scored_in(&c->run[c->first[i] + k])) continue;
            if (split_run(c, r, h, at, k, mean))
                x[t->n1] = mean[0], y[t->n1++] = mean[1];
            else
                t->lost++;
        }
    }
    t->estimate = 0;
    int rc = pairs(t, h, x, y, &why);
    if (rc < 0) t->estimate = NAN;
    free(x);
    return in_words(t, rc, &why, e);
}

/* ---- slopes ---- */

static int table_of(struct frame **out, const struct rows *x, const struct study *s, struct err *e) {
    const char **word = calloc(x->n + 1, sizeof *word);
    char(*name)[16] = calloc(x->n + 1, sizeof *name);
    struct frame *f = NULL;
    int rc = word && name ? frame_new(&f, x->n, "runs", e) : fail(e, ERR_NOMEM, "out of memory for statistics");
    if (rc >= 0) rc = frame_add_numbers(f, "y", x->y, e);
    if (rc >= 0) rc = frame_add_numbers(f, "share", x->share, e);
    for (size_t i = 0; rc >= 0 && i < x->n; i++) word[i] = s->language[x->language[i]]->code;
    if (rc >= 0) rc = frame_add_words(f, "language", word, e);
    for (size_t i = 0; rc >= 0 && i < x->n; i++) word[i] = s->model[x->model[i]].id;
    if (rc >= 0) rc = frame_add_words(f, "model", word, e);
    for (size_t i = 0; rc >= 0 && i < x->n; i++) {
        snprintf(name[i], sizeof *name, "r%03d", x->replicate[i]);
        word[i] = name[i];
    }
    if (rc >= 0) rc = frame_add_words(f, "replicate", word, e);
    free(word);
    free(name);
    if (rc < 0)
        frame_free(f);
    else
        *out = f;
    return rc;
}

static int fit(struct lmm *m, struct design *d, struct frame *f, const char *formula, int reml, struct err *e) {
    struct formula *parsed;
    TRY(formula_parse(&parsed, formula, e));
    int rc = design_build(d, f, parsed, NULL, NULL, e);
    formula_free(parsed);
    TRY(rc);
    rc = lmm_fit(m, d, reml, e);
    if (rc < 0) return design_free(d), rc;
    if (!m->n_dropped) return 0;
    /* a slope without its language would be something else under the same name */
    rc = fail(e, ERR_RANGE, "expected data that tell the terms of the model apart, found %.60s given by the others",
              m->dropped[0]);
    lmm_free(m);
    design_free(d);
    return rc;
}

static int by_wald(struct tested *t, const struct hypothesis *h, struct frame *f, const char *term, struct err *e) {
    struct lmm m;
    struct design d;
    double se = NAN;
    TRY(fit(&m, &d, f, hypothesis_formula(h), 1, e));
    for (size_t i = 0; i < m.n_fixed; i++)
        if (!strncmp(m.fixed[i].name, term, strlen(term)))
            t->estimate = m.fixed[i].estimate, t->statistic = m.fixed[i].z, t->p = m.fixed[i].p, se = m.fixed[i].se;
    lmm_free(&m);
    design_free(&d);
    return equivalence(t, h, se, INFINITY, e);
}

static int by_ratio(struct tested *t, struct frame *f, const char *formula, const char *smaller, struct err *e) {
    struct lmm full, null;
    struct design d, d0;
    struct lmm_compared c;
    TRY(fit(&full, &d, f, formula, 0, e));
    int rc = fit(&null, &d0, f, smaller, 0, e);
    if (rc >= 0) {
        rc = lmm_compare(&c, &null, &full, e);
        if (rc >= 0) t->statistic = c.chi2, t->df = c.df, t->p = c.p;
        lmm_free(&null);
        design_free(&d0);
    }
    lmm_free(&full);
    design_free(&d);
    return rc;
}

int test_model(struct tested *t, const struct scored *c, const struct reference *r, const struct hypothesis *h, struct err *e) {
    struct rows x;
    struct frame *f = NULL;
    struct err why = ERR_INIT;
    const char *smaller = hypothesis_null(h), *term = h->by == ACROSS_MODEL ? "share:model" : "share:language";
    TRY(rows_of(&x, c, r, h, e));
    t->n1 = x.n, t->lost = x.lost;
    int rc = table_of(&f, &x, c->s, &why);
    if (rc >= 0)
        rc = *smaller ? by_ratio(t, f, hypothesis_formula(h), smaller, &why)
                      : by_wald(t, h, f, h->kind == KIND_INTERACTION ? term : "share", &why);
    if (f) frame_free(f);
    rows_free(&x);
    return in_words(t, rc, &why, e);
}
