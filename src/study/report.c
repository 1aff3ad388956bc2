/* A study's report from top to bottom: scores under the chosen way, then every part of the tree. */
#include "study/again.h"
#include "study/analyse.h"
#include "study/report_int.h"
#include <math.h>
#include <stdlib.h>

const char *measure_name(int m) {
    if (m == MEASURE_CONFORMITY) return "conformity";
    return m == MEASURE_CPI ? "cpi" : m == MEASURE_DI ? "di" : metric_part_name((enum metric_part)(m - MEASURE_PARTS));
}

json_t *estimate_json(double value, struct interval ci) {
    if (!isfinite(value)) return json_null();
    if (!isfinite(ci.lo) || !isfinite(ci.hi)) return json_pack("{s:f, s:n, s:n}", "value", value, "lo", "hi");
    return json_pack("{s:f, s:f, s:f}", "value", value, "lo", ci.lo, "hi", ci.hi);
}

/* ---- scores ---- */

static void run_values(double out[MEASURES], const double parts[METRIC_PARTS], const struct moments *m, int drop) {
    struct indices x = metric_indices(parts, m);
    for (int p = 0; p < METRIC_PARTS; p++) out[MEASURE_PARTS + p] = parts[p];
    if (drop >= 0) x.z[drop] = 0;
    out[MEASURE_CPI] = x.z[PART_MONOLOGUE] + x.z[PART_BOUNDARY] - x.z[PART_PROTECTIVE];
    out[MEASURE_DI] = x.z[PART_MONOLOGUE] + x.z[PART_PROTECTIVE] - x.z[PART_BOUNDARY];
}

static void fill_values(double (*out)[MEASURES], const struct scored *c, const struct reference *ref, const struct variant *v) {
    double parts[METRIC_PARTS];
    for (int i = 0; i < c->s->n_cells; i++)
        for (int r = c->first[i]; r < c->first[i + 1]; r++) {
            for (int m = 0; m < MEASURES; m++) out[r][m] = NAN;
            if (!scored_in(&c->run[r])) continue;
            metric_parts(parts, &c->run[r].all, &v->o);
            run_values(out[r], parts, &ref->run[reference_scope(c->s, &c->s->cell[i], v->scope)], v->drop);
            out[r][MEASURE_CONFORMITY] = metric_conformity(&c->run[r].all);
        }
}

int variant_values(double (*out)[MEASURES], const struct scored *c, const struct variant *v, struct err *e) {
    struct scored copy = *c;
    struct reference ref = {0};
    copy.run = calloc((size_t)c->n + 1, sizeof *copy.run);
    if (!copy.run) return fail(e, ERR_NOMEM, "out of memory for a report");
    for (int64_t i = 0; i < c->n; i++) {
        copy.run[i] = c->run[i];
        if (v->dictionary >= 0) copy.run[i].all.hits[v->dictionary] -= copy.run[i].all.kinds[v->dictionary][v->kind];
    }
    int rc = v->by ? 0 : reference_make(&ref, &copy, &v->o, e);
    if (rc >= 0) fill_values(out, &copy, v->by ? v->by : &ref, v);
    reference_free(&ref);
    free(copy.run);
    return rc;
}

/* ---- cells ---- */

size_t cell_sample(const struct scored *c, double (*value)[MEASURES], int cell, int measure, double *x) {
    size_t n = 0;
    for (int r = c->first[cell]; r < c->first[cell + 1]; r++)
        if (isfinite(value[r][measure])) x[n++] = value[r][measure];
    return n;
}

/* ---- the tree ---- */

/* What answered each model of the study. */
static json_t *answered_by(const struct study *s, const json_t *fact) {
    json_t *list = json_array();
    for (int i = 0; i < s->n_models; i++) {
        const json_t *part = json_object_get(json_object_get(fact, "models"), s->model[i].id), *from = part ? part : fact;
        const char *backend = json_string_value(json_object_get(from, "backend"));
        const char *model = json_string_value(json_object_get(from, "model"));
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s?}", "id", s->model[i].id, "backend", backend ? backend : "", "model", model));
    }
    return list;
}

static int about(json_t **out, struct archive *a, const struct scored *c, int reps, struct err *e) {
    const struct study *s = c->s;
    json_t *fact = NULL, *languages = json_array();
    int64_t analysed = 0;
    TRY(archive_find(a, "study", &fact, e));
    for (int64_t i = 0; i < c->n; i++) analysed += scored_in(&c->run[i]);
    for (int i = 0; i < s->n_languages; i++)
        json_array_append_new(languages, json_pack("{s:s, s:s, s:b}", "code", s->language[i]->code, "name", s->language[i]->name,
                                                   "rtl", s->language[i]->rtl));
    const char *backend = json_string_value(json_object_get(fact, "backend"));
    *out = json_pack("{s:s, s:s, s:s, s:b, s:i, s:I, s:I, s:i, s:o}", "study", s->id, "title", s->title, "backend",
                     backend ? backend : "", "planted", c->planted, "reps", reps, "runs", (json_int_t)c->n, "analysed",
                     (json_int_t)analysed, "cells", s->n_cells, "languages", languages);
    if (*out) json_object_set_new(*out, "models", answered_by(s, fact));
    if (*out) study_label(*out, s);
    json_decref(fact);
    return *out ? 0 : fail(e, ERR_NOMEM, "out of memory for a report");
}

/* What study stats says: loss, and the hypotheses with each word left out. */
static int add_stats(json_t *tree, struct archive *a, const struct scored *c, const struct report_opts *o, struct err *e) {
    static const char *const keys[][2] = {{"loss", "loss"},
                                          {"hypotheses", "hypotheses"},
                                          {"why_exploratory", "why_exploratory"},
                                          {"remarks", "remarks"},
                                          {"correction", "correction"},
                                          {"words", "hypothesis_words"},
                                          {"interactions", "interactions"},
                                          {"registration", "registration"}};
    json_t *stats;
    TRY(study_analyse(&stats, c, &(struct analyse_opts){.reference = o->reference, .scope = o->scope, .words = 1}, a, e));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) json_object_set(tree, keys[i][1], json_object_get(stats, keys[i][0]));
    json_decref(stats);
    json_object_set_new(tree, "answered", identities_json(&c->who, c->s));
    return 0;
}

/* Units that the reference does not have are standardised by themselves. Where words are not counted, one rule for kinds and single words: a
 * reference that is given, registered or frozen stays; the archive's own follows from what is counted and is made anew. */
void variant_by(struct variant *v, const struct reporting *r) {
    const struct metric_opts *o = &r->by->o;
    int same = v->o.monologue == o->monologue && v->o.raw == o->raw;
    v->by = same && (v->dictionary < 0 || r->fixed) ? r->by : NULL;
}

/* Parts that never vary within the scope of some cell: there is no z of them, and no index. */
static json_t *constant_parts(const struct reporting *r) {
    const struct study *s = r->c->s;
    json_t *list = json_array();
    for (int p = 0; p < METRIC_PARTS; p++)
        for (int i = 0, found = 0; i < s->n_cells && !found; i++)
            if (r->by->run[reference_scope(s, &s->cell[i], r->scope)].sd[p] == 0) {
                json_array_append_new(list, json_pack("{s:s}", "part", metric_part_name((enum metric_part)p)));
                found = 1;
            }
    return list;
}

static int fill(json_t *tree, struct archive *a, struct reporting *r, const struct report_opts *o, struct err *e) {
    static int (*const parts[])(json_t *, const struct reporting *, struct err *) = {
        report_points,      report_slopes, report_effects, report_countries, report_kinds,
        report_sensitivity, report_words,  report_agents,  report_published, report_languages};
    TRY(add_stats(tree, a, r->c, o, e));
    const struct variant reported = {.o = r->by->o, .scope = r->scope, .drop = -1, .dictionary = -1, .by = r->by};
    TRY(variant_values(r->value, r->c, &reported, e));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) TRY(parts[i](tree, r, e));
    return report_transcripts(tree, a, r->c, o->transcripts, e);
}

static json_t *made_of(const struct reporting *r, enum reference_from from, const struct report_opts *o) {
    json_t *made = made_with(&(struct made){
        .s = r->c->s, .r = r->by, .from = from, .given = o->reference.given, .scope = o->scope, .countries = o->countries});
    json_object_set_new(made, "reps", json_integer(r->how.reps));
    json_object_set_new(made, "transcripts", json_integer(o->transcripts));
    return made;
}

int study_report(json_t **out, struct archive *a, const struct scored *c, const struct report_opts *o, struct err *e) {
    size_t n = (size_t)c->n + 1;
    struct reference by = {0};
    enum reference_from from = FROM_OWN;
    struct reporting r = {.c = c, .how = {o->reps ? o->reps : 1000, 0.95, c->s->seed}, .countries = o->countries};
    json_t *tree = NULL;
    r.value = calloc(n, sizeof *r.value), r.x = calloc(n, sizeof *r.x), r.share = calloc(n, sizeof *r.share);
    int rc = r.value && r.x && r.share ? 0 : fail(e, ERR_NOMEM, "out of memory for a report");
    if (rc >= 0) rc = about(&tree, a, c, r.how.reps, e);
    if (rc >= 0) rc = reference_choose(&by, &from, &o->reference, c, a, e);
    if (rc >= 0) {
        r.by = &by, r.fixed = from != FROM_OWN, r.scope = o->scope ? o->scope - 1 : 0;
        json_object_set_new(tree, "reference",
                            json_pack("{s:s, s:s, s:I, s:s, s:s}", "from", reference_from_name(from), "scope",
                                      hypothesis_scope_name((enum hypothesis_scope)r.scope), "runs",
                                      (json_int_t)json_array_size(by.runs), "monologue", metric_unit_name(by.o.monologue), "hits",
                                      by.o.raw ? "raw" : "per_1000"));
        json_object_set_new(tree, "constant", constant_parts(&r));
        reference_label(tree, c, &by);
        json_object_set_new(tree, "made_with", made_of(&r, from, o));
        rc = fill(tree, a, &r, o, e);
    }
    reference_free(&by);
    free(r.value), free(r.x), free(r.share);
    if (rc < 0)
        json_decref(tree);
    else
        *out = tree;
    return rc;
}
