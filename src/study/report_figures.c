/* The figures of a study's report: means by condition, slopes over the share of aligned agents, effects, effects under other choices, and
 * agents by who they are. Every interval resamples runs, the unit that was drawn. */
#include "stats/infer/effect.h"
#include "study/report_int.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct interval no_interval = {NAN, NAN};

static double share_of(const struct study *s, const struct cell *c) {
    return (double)s->arm[c->arm].with[PREFIX_ALIGNMENT] / s->n_agents;
}

/* A mean with its interval; one run has none. */
static json_t *mean_json(const double *x, size_t n, const struct resampling *how) {
    struct interval ci = no_interval;
    struct err ignored = ERR_INIT;
    if (n == 0) return json_null();
    if (n < 2 || bootstrap_mean(&ci, x, n, how->reps, how->level, how->seed, &ignored) < 0) ci = no_interval;
    return estimate_json(mean(x, n), ci);
}

int report_points(json_t *tree, const struct reporting *r, struct err *e) {
    const struct study *s = r->c->s;
    json_t *list = json_array();
    json_object_set_new(tree, "points", list);
    for (int i = 0; i < s->n_cells; i++) {
        const struct cell *c = &s->cell[i];
        json_t *o =
            json_pack("{s:s, s:s, s:s, s:f, s:b, s:I}", "language", s->language[c->language]->code, "model",
                      s->model[c->model].id, "arm", s->arm[c->arm].id, "share", share_of(s, c), "sweep",
                      arm_in_sweep(&s->arm[c->arm]), "n", (json_int_t)cell_sample(r->c, r->value, i, MEASURE_PARTS, r->x));
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
    size_t n = 0;
    for (int i = 0; i < s->n_cells; i++) {
        const struct cell *c = &s->cell[i];
        if (c->language != language || c->model != model || !arm_in_sweep(&s->arm[c->arm])) continue;
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
    size_t n = 0;
    for (int m = 0; o && m < MEASURES; m++) {
        struct line data = {r->share, r->x};
        struct estimate b = {NAN, {NAN, NAN}};
        n = sweep_sample(r, r->value, language, model, m);
        int rc = n ? estimates(&b, 1, slope, &data, n, 0, &r->how, e) : 0;
        if (rc < 0) return json_decref(o), rc;
        json_object_set_new(o, measure_name(m), estimate_json(b.value, b.ci));
        if (m == MEASURES - 1) json_object_set_new(o, "n", json_integer((json_int_t)n));
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

/* g of everybody aligned against nobody; samples that are too small or do not vary have none. */
static json_t *effect_json(const struct reporting *r, double (*value)[MEASURES], int all, int none, int measure) {
    struct effect g;
    struct interval ci;
    struct err ignored = ERR_INIT;
    size_t n2, n1 = two_samples(r, value, all, none, measure, &n2);
    if (!n1 || hedges_g(&g, r->x, n1, n2, r->how.level, &ignored) < 0) return json_null();
    if (hedges_g_bootstrap(&ci, r->x, n1, n2, &r->how, &ignored) < 0) ci = no_interval;
    return estimate_json(g.g, ci);
}

/* CPI, everybody aligned against nobody, 15 runs each, as arXiv 2603.04904 states g; its intervals are not published: these are J²-scaled
 * normal ones made from g and n. */
static const struct {
    const char *language;
    double g, lo, hi;
} published[] = {{"en", -1.844, -2.68, -1.01}, {"ja", 0.771, 0.05, 1.49}};

static int add_effect(json_t *list, const struct reporting *r, int language, int model, struct err *e) {
    const struct study *s = r->c->s;
    const char *code = s->language[language]->code;
    int none, all;
    if (!contrast_cells(s, language, model, &none, &all)) return 0;
    json_t *o = json_pack("{s:s, s:s, s:I, s:I}", "language", code, "model", s->model[model].id, "n_all",
                          (json_int_t)cell_sample(r->c, r->value, all, MEASURE_PARTS, r->x), "n_none",
                          (json_int_t)cell_sample(r->c, r->value, none, MEASURE_PARTS, r->x));
    if (!o) return fail(e, ERR_NOMEM, "out of memory for a report");
    for (int m = 0; m < MEASURES; m++) json_object_set_new(o, measure_name(m), effect_json(r, r->value, all, none, m));
    for (size_t i = 0; i < sizeof published / sizeof *published; i++)
        if (!strcmp(code, published[i].language))
            json_object_set_new(o, "published",
                                estimate_json(published[i].g, (struct interval){published[i].lo, published[i].hi}));
    json_array_append_new(list, o);
    return 0;
}

int report_effects(json_t *tree, const struct reporting *r, struct err *e) {
    return each_pair(tree, "effects", r, add_effect, e);
}

/* ---- other choices ---- */

static int add_variant(json_t *list, const struct reporting *r, const char *name, struct variant v, struct err *e) {
    const struct study *s = r->c->s;
    double(*value)[MEASURES] = calloc((size_t)r->c->n + 1, sizeof *value);
    variant_by(&v, r);
    int none, all, rc = value ? variant_values(value, r->c, &v, e) : fail(e, ERR_NOMEM, "out of memory for a report");
    for (int l = 0; rc >= 0 && l < s->n_languages; l++)
        for (int m = 0; m < s->n_models; m++) {
            if (!contrast_cells(s, l, m, &none, &all)) continue;
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o, s:o}", "variant", name, "language", s->language[l]->code,
                                                  "model", s->model[m].id, "cpi", effect_json(r, value, all, none, MEASURE_CPI),
                                                  "di", effect_json(r, value, all, none, MEASURE_DI)));
        }
    free(value);
    return rc;
}

/* The kinds of the first language stand for all: parity demands the same ones. */
static int add_kinds(json_t *list, const struct reporting *r, struct err *e) {
    static const int dictionary[] = {METRIC_BOUNDARY, METRIC_PROTECTIVE};
    for (int i = 0; i < 2; i++) {
        const char *id = metric_part_name(i ? PART_PROTECTIVE : PART_BOUNDARY);
        const struct dictionary_source *d = language_dictionary(r->c->s->language[0], id);
        char name[120];
        for (int k = 0; d && k < d->n_kinds; k++) {
            snprintf(name, sizeof name, "no %s: %.60s", id, d->kinds[k]);
            TRY(add_variant(
                list, r, name,
                (struct variant){.o = r->by->o, .scope = r->scope, .drop = -1, .dictionary = dictionary[i], .kind = k}, e));
        }
    }
    return 0;
}

int report_sensitivity(json_t *tree, const struct reporting *r, struct err *e) {
    static const struct {
        const char *name;
        struct variant v;
    } choices[] = {
        {"as reported", {.drop = -1, .dictionary = -1}},
        {"without monologue", {.drop = PART_MONOLOGUE, .dictionary = -1}},
        {"without boundary", {.drop = PART_BOUNDARY, .dictionary = -1}},
        {"without protective", {.drop = PART_PROTECTIVE, .dictionary = -1}},
        {"hits raw, not per 1,000", {.o = {.raw = 1}, .drop = -1, .dictionary = -1}},
        {"monologue as share of acts", {.o = {.monologue = UNIT_ACTS}, .drop = -1, .dictionary = -1}},
        {"monologue as share of words", {.o = {.monologue = UNIT_WORDS}, .drop = -1, .dictionary = -1}},
    };
    static const char *const scopes[] = {"z over all runs", "z within the language", "z within the model"};
    json_t *list = json_array();
    json_object_set_new(tree, "sensitivity", list);
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        struct variant v = choices[i].v;
        v.scope = r->scope;
        if (i < 4) v.o = r->by->o; /* the others choose units */
        TRY(add_variant(list, r, choices[i].name, v, e));
    }
    for (int i = 0; i < 3; i++) {
        const struct variant v = {.o = r->by->o, .scope = i, .drop = -1, .dictionary = -1};
        if (i != r->scope) TRY(add_variant(list, r, scopes[i], v, e));
    }
    return add_kinds(list, r, e);
}

/* ---- agents ---- */

struct agent_group {
    int by_prefix, which; /* persona or bits of prefixes */
    int language;
};

static int seat_in(const struct agent_group *g, const struct seat *seat) {
    return g->by_prefix ? (int)seat->prefixes == g->which : seat->persona == g->which;
}

/* The mean of a group's agents in one run. */
static void group_in_run(double out[MEASURES], const struct reporting *r, const struct reference *ref,
                         const struct agent_group *g, int cell, int rep) {
    const struct study *s = r->c->s;
    const struct scored_run *run = &r->c->run[r->c->first[cell] + rep];
    struct seat seats[STUDY_MAX_AGENTS];
    double parts[METRIC_PARTS], sum[MEASURES] = {0};
    int n = 0;
    study_cast(s, &s->cell[cell], rep, seats);
    for (int i = 0; i < s->n_agents; i++) {
        if (!seat_in(g, &seats[i])) continue;
        metric_parts(parts, &run->agent[i], &ref->o);
        struct indices x = metric_indices(parts, &ref->agent[reference_scope(s, &s->cell[cell], r->scope)]);
        if (!isfinite(x.cpi)) continue;
        sum[MEASURE_CPI] += x.cpi, sum[MEASURE_DI] += x.di, n++;
        for (int p = 0; p < METRIC_PARTS; p++) sum[MEASURE_PARTS + p] += parts[p];
    }
    for (int m = 0; m < MEASURES; m++) out[m] = n ? sum[m] / n : NAN;
}

static void group_name(char *out, size_t size, const struct study *s, const struct agent_group *g) {
    if (!g->by_prefix) {
        snprintf(out, size, "%s", s->persona[g->which]);
        return;
    }
    snprintf(out, size, "%s", g->which ? "" : "none");
    for (int p = 0; p < PREFIXES; p++) {
        size_t n = strlen(out);
        if (g->which >> p & 1) snprintf(out + n, size - n, "%s%s", n ? " + " : "", prefix_name((enum prefix_id)p));
    }
}

static int add_group(json_t *list, const struct reporting *r, const struct reference *ref, const struct agent_group *g,
                     struct err *e) {
    const struct study *s = r->c->s;
    double(*value)[MEASURES] = calloc((size_t)r->c->n + 1, sizeof *value);
    size_t n = 0;
    char name[120];
    if (!value) return fail(e, ERR_NOMEM, "out of memory for a report");
    for (int i = 0; i < s->n_cells; i++)
        for (int k = 0; s->cell[i].language == g->language && k < s->cell[i].replicates; k++) {
            if (!scored_in(&r->c->run[r->c->first[i] + k])) continue;
            group_in_run(value[n], r, ref, g, i, k);
            n += isfinite(value[n][0]);
        }
    group_name(name, sizeof name, s, g);
    json_t *o = n ? json_pack("{s:s, s:s, s:s, s:I}", "language", s->language[g->language]->code, "by",
                              g->by_prefix ? "prefix" : "persona", "group", name, "n", (json_int_t)n)
                  : NULL;
    for (int m = 0; o && m < MEASURES; m++) {
        for (size_t i = 0; i < n; i++) r->x[i] = value[i][m];
        json_object_set_new(o, measure_name(m), mean_json(r->x, n, &r->how));
    }
    if (o) json_array_append_new(list, o);
    free(value);
    return 0;
}

int report_agents(json_t *tree, const struct reporting *r, struct err *e) {
    const struct study *s = r->c->s;
    json_t *list = json_array();
    json_object_set_new(tree, "agents", list);
    for (int l = 0; l < s->n_languages; l++) {
        for (int p = 0; p < s->n_agents; p++) TRY(add_group(list, r, r->by, &(struct agent_group){0, p, l}, e));
        for (int b = 0; b < 1 << PREFIXES; b++) TRY(add_group(list, r, r->by, &(struct agent_group){1, b, l}, e));
    }
    return 0;
}
