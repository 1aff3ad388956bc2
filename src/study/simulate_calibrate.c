/* The population effect of planted agents, measured: contrasts of very many runs under one reference. */
#include "stats/infer/effect.h"
#include "study/analyse_int.h"
#include "study/simulate_int.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

typedef double parts_row[METRIC_PARTS];
struct calibration {
    parts_row *row, *scratch; /* cell by cell, in each study by study; NaN: not analysed */
    int64_t studies, n;
};

/* Where the runs of a study's cell stand. */
static int64_t place(const struct calibration *y, const struct scored *c, const struct cell *cell, int64_t i) {
    return c->first[cell->index] * y->studies + i * cell->replicates;
}

static int keep_parts(struct simulation *x, int64_t i, int at, const struct scored *c, struct err *e) {
    struct calibration *y = x->into;
    (void)at, (void)e;
    for (int k = 0; k < x->s->n_cells; k++) {
        const struct cell *cell = &x->s->cell[k];
        double(*row)[METRIC_PARTS] = y->row + place(y, c, cell, i);
        for (int r = 0; r < cell->replicates; r++) {
            const struct scored_run *run = &c->run[c->first[k] + r];
            metric_parts(row[r], &run->all, &(struct metric_opts){.monologue = UNIT_GRAPHEMES});
            if (!scored_in(run)) row[r][0] = NAN;
        }
    }
    return 0;
}

/* ---- the reference of all ---- */

static void take_scope(struct moments *out, struct calibration *y, const struct study *s, int scope) {
    int64_t n = 0, at = 0;
    for (int k = 0; k < s->n_cells; k++) {
        int64_t rows = s->cell[k].replicates * y->studies;
        if (reference_has(s, &s->cell[k], scope))
            for (int64_t i = 0; i < rows; i++, n++)
                for (int p = 0; p < METRIC_PARTS; p++) y->scratch[n][p] = y->row[at + i][p];
        at += rows;
    }
    metric_moments(out, (const parts_row *)y->scratch, n);
}

/* ---- a contrast ---- */

/* The runs of an arm of a hypothesis, behind those that are there. */
static size_t take_arm(double *out, size_t n, const struct calibration *y, const struct study *s, const struct moments *all,
                       const struct hypothesis *h, int arm) {
    int64_t at = 0;
    for (int k = 0; k < s->n_cells; k++) {
        const struct cell *c = &s->cell[k];
        int64_t rows = c->replicates * y->studies;
        int in = (h->languages >> c->language & 1) && (h->models >> c->model & 1) && c->arm == arm;
        for (int64_t i = 0; in && i < rows; i++) {
            double v = parts_value(y->row[at + i], &all[reference_scope(s, c, (int)h->scope)], h);
            if (isfinite(v)) out[n++] = v;
        }
        at += rows;
    }
    return n;
}

static int contrast(json_t *list, const struct simulation *x, const struct moments *all, const struct hypothesis *h,
                    struct err *e) {
    struct calibration *y = x->into;
    struct effect g;
    double *v = (double *)y->scratch, target = planted_truth(x->p, x->s, h);
    if (h->kind != KIND_CONTRAST || !isfinite(target)) return 0;
    size_t n1 = take_arm(v, 0, y, x->s, all, h, h->arm[0]), n2 = take_arm(v, n1, y, x->s, all, h, h->arm[1]) - n1;
    TRY(hedges_g(&g, v, n1, n2, 0.95, e));
    double a = (double)n1, b = (double)n2, se = sqrt((a + b) / (a * b) + g.g * g.g / (2 * (a + b)));
    json_array_append_new(list, json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:[I, I]}", "id", h->id, "metric",
                                          hypothesis_metric_name(h->metric), "target", target, "g", g.g, "se", se, "difference",
                                          g.g - target, "n", (json_int_t)n1, (json_int_t)n2));
    return 0;
}

static int contrasts(json_t **out, const struct simulation *x, struct err *e) {
    struct calibration *y = x->into;
    struct moments all[REFERENCE_SCOPES];
    json_t *list = json_array();
    int rc = 0;
    for (int i = 0; i < 1 + x->s->n_languages + x->s->n_models; i++) take_scope(&all[i], y, x->s, i);
    for (int k = 0; rc >= 0 && k < x->s->n_hypotheses; k++) rc = contrast(list, x, all, &x->s->hypothesis[k], e);
    if (rc < 0) return json_decref(list), rc;
    *out = json_pack("{s:s, s:b, s:I, s:I, s:I, s:o}", "study", x->s->id, "planted", 1, "runs_per_cell", (json_int_t)x->o->n,
                     "runs", (json_int_t)y->n, "seed", (json_int_t)x->o->seed, "contrasts", list);
    return *out ? 0 : fail(e, ERR_NOMEM, "out of memory for a calibration");
}

int64_t study_calibrate_studies(const struct study *s, int64_t runs) {
    int fewest = STUDY_MAX_REPLICATES;
    for (int k = 0; k < s->n_cells; k++) fewest = s->cell[k].replicates < fewest ? s->cell[k].replicates : fewest;
    return (runs + fewest - 1) / fewest;
}

int study_calibrate(json_t **out, const struct study *s, const struct planted *p, const struct simulate_opts *o, struct err *e) {
    struct calibration y = {0};
    struct simulation x = {.s = s, .p = p, .o = o, .one = keep_parts, .into = &y};
    if (o->n < 2) return fail(e, ERR_RANGE, "expected at least two runs of each cell, found %lld", (long long)o->n);
    y.studies = study_calibrate_studies(s, o->n);
    y.n = y.studies * study_runs(s);
    y.row = calloc((size_t)y.n, sizeof *y.row);
    y.scratch = calloc((size_t)y.n, sizeof *y.scratch);
    int rc = y.row && y.scratch ? 0 : fail(e, ERR_NOMEM, "out of memory for %lld runs", (long long)y.n);
    if (rc >= 0) rc = simulation_run(&x, y.studies, e);
    if (rc >= 0) rc = contrasts(out, &x, e);
    free(y.row);
    free(y.scratch);
    return rc;
}
