/* What the tests of simulated studies say, counted. */
#include "stats/stats.h"
#include "study/analyse_int.h"
#include "study/simulate_int.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

struct sum {
    int64_t n;
    double x, xx;
};
struct tally { /* of one hypothesis */
    double truth;
    int64_t rejected, adjusted, holds, covered;
    struct sum g, estimate;
};
struct tallies {
    struct tested *t; /* [SIMULATION_BATCH][n_hypotheses] */
    int64_t analysed[SIMULATION_BATCH];
    struct tally of[STUDY_MAX_HYPOTHESES];
    int64_t any, runs;
};

static int test_study(struct simulation *x, int64_t i, int at, const struct scored *c, struct err *e) {
    struct tallies *all = x->into;
    struct reference r;
    (void)i;
    TRY(reference_make(&r, c, &(struct metric_opts){.monologue = UNIT_GRAPHEMES}, e));
    int rc = test_hypotheses(all->t + (size_t)at * (size_t)x->s->n_hypotheses, c, &r, e);
    reference_free(&r);
    all->analysed[at] = 0;
    for (int64_t k = 0; k < c->n; k++) all->analysed[at] += scored_in(&c->run[k]);
    return rc;
}

/* ---- counted ---- */

static void add(struct sum *s, double x) {
    if (!isfinite(x)) return;
    s->n++, s->x += x, s->xx += x * x;
}

static void count_one(struct tally *y, const struct hypothesis *h, const struct tested *t) {
    y->rejected += t->p < h->alpha;
    y->adjusted += t->p_adjusted < h->alpha;
    y->holds += hypothesis_holds(h, t);
    y->covered += t->lo <= y->truth && y->truth <= t->hi;
    add(&y->g, t->g);
    add(&y->estimate, t->estimate);
}

static void count_batch(struct simulation *x) {
    struct tallies *all = x->into;
    for (int at = 0; at < x->n; at++) {
        const struct tested *t = all->t + (size_t)at * (size_t)x->s->n_hypotheses;
        int any = 0;
        for (int k = 0; k < x->s->n_hypotheses; k++) {
            count_one(&all->of[k], &x->s->hypothesis[k], &t[k]);
            int differs = x->s->hypothesis[k].direction != IS_EQUIVALENT; /* finding that there is nothing is no false finding */
            any |= differs && t[k].p_adjusted < x->s->hypothesis[k].alpha;
        }
        all->any += any;
        all->runs += all->analysed[at];
    }
}

/* ---- said ---- */

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static json_t *rate_json(int64_t k, int64_t n) {
    struct interval ci = wilson(k, n, STATS_Z95);
    return json_pack("{s:I, s:I, s:o, s:[f, f]}", "k", (json_int_t)k, "n", (json_int_t)n, "rate",
                     number(n ? (double)k / (double)n : NAN), "ci95", ci.lo, ci.hi);
}

static json_t *mean_sd(const struct sum *s) {
    double n = (double)s->n, m = s->x / n;
    return json_pack("{s:o, s:o}", "mean", number(m), "sd", number(s->n > 1 ? sqrt(fmax(s->xx - n * m * m, 0) / (n - 1)) : NAN));
}

static json_t *tally_json(const struct hypothesis *h, const struct tally *y, int64_t studies) {
    int covers = y->g.n && isfinite(y->truth);
    json_t *margin = h->direction == IS_EQUIVALENT ? json_real(h->margin) : NULL;
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o*, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", h->id, "metric",
                     hypothesis_metric_name(h->metric), "kind", hypothesis_kind_name(h->kind), "test",
                     hypothesis_test_name(h->test), "direction", hypothesis_direction_name(h->direction), "margin", margin,
                     "alpha", h->alpha, "truth", number(y->truth), "g", mean_sd(&y->g), "estimate", mean_sd(&y->estimate),
                     "coverage", covers ? rate_json(y->covered, y->g.n) : json_null(), "rejected",
                     rate_json(y->rejected, studies), "adjusted", rate_json(y->adjusted, studies), "holds",
                     rate_json(y->holds, studies));
}

static json_t *tallies_json(const struct simulation *x, const struct tallies *all) {
    json_t *list = json_array();
    for (int k = 0; k < x->s->n_hypotheses; k++)
        json_array_append_new(list, tally_json(&x->s->hypothesis[k], &all->of[k], x->o->n));
    return json_pack("{s:s, s:b, s:I, s:I, s:I, s:s, s:o, s:o, s:I}", "study", x->s->id, "planted", 1, "studies",
                     (json_int_t)x->o->n, "runs", (json_int_t)(x->o->n * study_runs(x->s)), "seed", (json_int_t)x->o->seed,
                     "correction", hypothesis_correction_name(x->s->correction), "hypotheses", list, "any_adjusted",
                     rate_json(all->any, x->o->n), "analysed", (json_int_t)all->runs);
}

int study_simulate(json_t **out, const struct study *s, const struct planted *p, const struct simulate_opts *o, struct err *e) {
    struct simulation x = {.s = s, .p = p, .o = o, .one = test_study, .taken = count_batch};
    if (o->n < 1) return fail(e, ERR_RANGE, "expected at least one study to simulate, found %lld", (long long)o->n);
    if (!s->n_hypotheses) return fail(e, ERR_ARG, "expected a study with hypotheses, found none in %s", s->id);
    struct tallies *all = calloc(1, sizeof *all);
    if (all) all->t = calloc((size_t)SIMULATION_BATCH * (size_t)s->n_hypotheses, sizeof *all->t);
    x.into = all;
    int rc = all && all->t ? 0 : fail(e, ERR_NOMEM, "out of memory for a simulation");
    for (int k = 0; rc >= 0 && k < s->n_hypotheses; k++) all->of[k].truth = planted_truth(p, s, &s->hypothesis[k]);
    if (rc >= 0) rc = simulation_run(&x, o->n, e);
    if (rc >= 0) *out = tallies_json(&x, all);
    if (rc >= 0 && !*out) rc = fail(e, ERR_NOMEM, "out of memory for a simulation");
    if (all) free(all->t);
    free(all);
    return rc;
}
