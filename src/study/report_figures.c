/* The figures of a study's report: means by condition, slopes over the share of aligned agents, effects. Every interval resamples runs, the
 * unit that was drawn. */
#include "stats/infer/effect.h"
#include "study/report_int.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct interval no_interval = {NAN, NAN};

static double share_of(const struct study *s, const struct cell *c) {
    return (double)s->arm[c->arm].with[PREFIX_ALIGNMENT] / s->n_agents;
}

json_t *mean_json(const double *x, size_t n, const struct resampling *how) {
    struct interval ci = no_interval;
    struct err ignored = ERR_INIT;
    if (n == 0) return json_null();
    if (n < 2 || bootstrap_mean(&ci, x, n, how->reps, how->level, how->seed, &ignored) < 0) ci = no_interval;
    return estimate_json(mean(x, n), ci);
}

int report_points(json_t *tree, const struct reporting *r, struct err *e) {
    const struct study *s = r->c->s;
    uint64_t arms = sweep_arms(s, PREFIX_ALIGNMENT);
    json_t *list = json_array();
    json_object_set_new(tree, "points", list);
    for (int i = 0; i < s->n_cells; i++) {
        const struct cell *c = &s->cell[i];
        json_t *o = json_pack("{s:s, s:s, s:s, s:f, s:b, s:I}", "language", s->language[c->language]->code, "model",
                              s->model[c->model].id, "arm", s->arm[c->arm].id, "share", share_of(s, c), "sweep",
                              (int)(arms >> c->arm & 1), "n", (json_int_t)cell_sample(r->c, r->value, i, MEASURE_PARTS, r->x));
        if (!o) return fail(e, ERR_NOMEM, "out of memory for a report");
        for (int m = 0; m < MEASURES; m++)
            json_object_set_new(o, measure_name(m), mean_json(r->x, cell_sample(r->c, r->value, i, m, r->x), &r->how));
        json_array_append_new(list, o);
    }
    return 0;
}

/* ---- each language with each model ---- */

typedef int pair_fn(json_t *list, const struct reporting *r, int language, int model, struct err *e);

static int each_pair(json_t *tree, const char *key, const struct reporting *r, pair_fn *fn, struct err *e) {
    json_t *list = json_array();
    json_object_set_new(tree, key, list);
    for (int l = 0; l < r->c->s->n_languages; l++)
        for (int m = 0; m < r->c->s->n_models; m++) TRY(fn(list, r, l, m, e));
    return 0;
}

/* ---- slopes ---- */

struct line {
    const double *x, *y;
};

static void slope(double *out, size_t k, const void *data, const size_t *idx, size_t n) {
    const struct line *l = data;
    double mx = 0, my = 0, xx = 0, xy = 0;
    (void)k;
    for (size_t i = 0; i < n; i++) mx += l->x[idx[i]] / (double)n, my += l->y[idx[i]] / (double)n;
    for (size_t i = 0; i < n; i++) {
        double d = l->x[idx[i]] - mx;
        xx += d * d, xy += d * (l->y[idx[i]] - my);
    }
    *out = xx > 1e-12 ? xy / xx : NAN;
}

static size_t sweep_sample(const struct reporting *r, double (*value)[MEASURES], int language, int model, int measure) {
    const struct study *s = r->c->s;
    uint64_t arms = sweep_arms(s, PREFIX_ALIGNMENT);
    size_t n = 0;
    for (int i = 0; i < s->n_cells; i++) {
        const struct cell *c = &s->cell[i];
        if (c->language != language || c->model != model || !(arms >> c->arm & 1)) continue;
        size_t more = cell_sample(r->c, value, i, measure, r->x + n);
        for (size_t k = 0; k < more; k++) r->share[n + k] = share_of(s, c);
        n += more;
    }
    return n;
}

double slope_of_sweep(const struct reporting *r, double (*value)[MEASURES], int language, int model, int measure) {
    size_t n = sweep_sample(r, value, language, model, measure);
    double mx = n ? mean(r->share, n) : NAN, my = n ? mean(r->x, n) : NAN, xx = 0, xy = 0;
    for (size_t i = 0; i < n; i++) {
        double d = r->share[i] - mx;
        xx += d * d, xy += d * (r->x[i] - my);
    }
    return xx > 1e-12 ? xy / xx : NAN;
}

static int add_slope(json_t *list, const struct reporting *r, int language, int model, struct err *e) {
    const struct study *s = r->c->s;
    json_t *o = json_pack("{s:s, s:s}", "language", s->language[language]->code, "model", s->model[model].id);
    for (int m = 0; o && m < MEASURES; m++) {
        struct line data = {r->share, r->x};
        struct estimate b = {NAN, {NAN, NAN}};
        size_t n = sweep_sample(r, r->value, language, model, m);
        int rc = n ? estimates(&b, 1, slope, &data, n, 0, &r->how, e) : 0;
        if (rc < 0) return json_decref(o), rc;
        json_object_set_new(o, measure_name(m), estimate_json(b.value, b.ci));
        if (m == MEASURE_PARTS) json_object_set_new(o, "n", json_integer((json_int_t)n));
    }
    if (o && json_is_null(json_object_get(o, "monologue"))) return json_decref(o), 0;
    return json_array_append_new(list, o) < 0 ? fail(e, ERR_NOMEM, "out of memory for a report") : 0;
}

int report_slopes(json_t *tree, const struct reporting *r, struct err *e) { return each_pair(tree, "slopes", r, add_slope, e); }

/* ---- effects ---- */

/* Both samples behind each other in r->x; 0 where one is too small. */
static size_t two_samples(const struct reporting *r, double (*value)[MEASURES], int all, int none, int measure, size_t *n2) {
    size_t n1 = cell_sample(r->c, value, all, measure, r->x);
    *n2 = cell_sample(r->c, value, none, measure, r->x + n1);
    return n1 < 2 || *n2 < 2 ? 0 : n1;
}

/* The interval is not asked for: its roots cost a thousand times as much. */
double effect_of(const struct reporting *r, double (*value)[MEASURES], int all, int none, int measure) {
    size_t n2, n1 = two_samples(r, value, all, none, measure, &n2);
    double x = n1 ? mean(r->x, n1) : NAN, y = n1 ? mean(r->x + n1, n2) : NAN, q = 0;
    for (size_t i = 0; n1 && i < n1 + n2; i++) {
        double d = r->x[i] - (i < n1 ? x : y);
        q += d * d;
    }
    double df = (double)(n1 + n2) - 2, sd = n1 ? sqrt(q / df) : 0;
    return sd > 0 ? hedges_j(df) * (x - y) / sd : NAN;
}

json_t *effect_json(const struct reporting *r, double (*value)[MEASURES], int all, int none, int measure) {
    struct effect g;
    struct interval ci;
    struct err ignored = ERR_INIT;
    size_t n2, n1 = two_samples(r, value, all, none, measure, &n2);
    if (!n1 || hedges_g(&g, r->x, n1, n2, r->how.level, &ignored) < 0) return json_null();
    if (hedges_g_bootstrap(&ci, r->x, n1, n2, &r->how, &ignored) < 0) ci = no_interval;
    return estimate_json(g.g, ci);
}

/* What the study says was published of this effect on CPI. */
static const struct published *published_effect(const struct study *s, int language, int model) {
    for (int i = 0; i < s->n_published; i++) {
        const struct published *p = &s->published[i];
        if (p->beside == BESIDE_EFFECT && p->metric == OF_CPI && p->language == language && p->model == model) return p;
    }
    return NULL;
}

static int add_effect(json_t *list, const struct reporting *r, int language, int model, struct err *e) {
    const struct study *s = r->c->s;
    const char *code = s->language[language]->code;
    const struct published *p = published_effect(s, language, model);
    int none, all;
    if (!sweep_ends(s, language, model, &none, &all)) return 0;
    json_t *o = json_pack("{s:s, s:s, s:I, s:I}", "language", code, "model", s->model[model].id, "n_all",
                          (json_int_t)cell_sample(r->c, r->value, all, MEASURE_PARTS, r->x), "n_none",
                          (json_int_t)cell_sample(r->c, r->value, none, MEASURE_PARTS, r->x));
    if (!o) return fail(e, ERR_NOMEM, "out of memory for a report");
    for (int m = 0; m < MEASURES; m++) json_object_set_new(o, measure_name(m), effect_json(r, r->value, all, none, m));
    if (p) json_object_set_new(o, "published", estimate_json(p->value, (struct interval){p->lo, p->hi}));
    json_array_append_new(list, o);
    return 0;
}

int report_effects(json_t *tree, const struct reporting *r, struct err *e) {
    return each_pair(tree, "effects", r, add_effect, e);
}
