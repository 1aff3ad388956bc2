/* Correlations of languages with numbers by country, beside the published one where the study file has it. */
#include "study/countries.h"
#include "stats/infer/correlation.h"
#include "stats/infer/frame.h"
#include <jansson.h>
#include <math.h>
#include <string.h>

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

/* ---- the table ---- */

static int row_of_country(const struct frame *f, const struct column *country, const char *name, int64_t *row, struct err *e) {
    *row = -1;
    for (size_t i = 0; i < frame_rows(f); i++) {
        if (country->code[i] < 0 || strcmp(country->level[country->code[i]], name) != 0) continue;
        if (*row >= 0)
            return fail_at(e, ERR_FORMAT, frame_name(f), -1, "expected each country once, found \"%.60s\" again in line %lld",
                           name, (long long)frame_line(f, i));
        *row = (int64_t)i;
    }
    return 0;
}

int country_values(struct country_values *out, const struct study *s, struct frame *table, struct err *e) {
    const struct column *country, *value;
    int said = 0, found = 0;
    TRY(frame_levels(&country, table, "country", e));
    TRY(frame_numeric(&value, table, "value", e));
    for (int i = 0; i < s->n_languages; i++) {
        int64_t row = -1;
        if (*s->country[i]) TRY(row_of_country(table, country, s->country[i], &row, e));
        out->at[i] = row < 0 ? NAN : value->x[row];
        said += *s->country[i] != 0, found += isfinite(out->at[i]);
    }
    if (!said) return fail(e, ERR_ARG, "expected a study that says a country for its languages (countries), found none");
    if (!found)
        return fail_at(e, ERR_ARG, frame_name(table), -1, "expected a country of the study, such as \"%.60s\", found none",
                       s->country[0]);
    return 0;
}

/* ---- correlations ---- */

static json_t *correlation_json(const struct language_figure *f, const double *x, const double *y, size_t n) {
    struct correlation c = {NAN, NAN, NAN, NAN, {NAN, NAN}, NAN, NAN};
    struct err why = ERR_INIT;
    int rc = n < 3 ? fail(&why, ERR_RANGE, "expected three languages or more with a figure and a number, found %zu", n)
                   : correlation(&c, x, y, n, 0.95, &why);
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "model", f->model, "figure", f->figure,
                     "measure", f->measure, "n", (json_int_t)n, "r", number(c.r), "lo", number(c.ci.lo), "hi", number(c.ci.hi),
                     "t", number(c.t), "df", number(c.df), "p", number(c.p), "rho", number(c.rho), "rho_p", number(c.rho_p),
                     "why", rc < 0 ? why.msg : "");
}

static json_t *list_of(json_t *tree, const char *key) {
    if (!json_object_get(tree, key)) json_object_set_new(tree, key, json_array());
    return json_object_get(tree, key);
}

static void begin(json_t *tree, const struct study *s, const struct country_values *v) {
    json_t *missing = list_of(tree, "missing");
    for (int i = 0; i < s->n_languages; i++)
        if (!isfinite(v->at[i]))
            json_array_append_new(missing, json_pack("{s:s, s:s}", "language", s->language[i]->code, "country", s->country[i]));
    for (int i = 0; i < s->n_published; i++) {
        const struct published *p = &s->published[i];
        if (p->beside == BESIDE_CORRELATION)
            json_object_set_new(tree, "published",
                                json_pack("{s:o, s:o, s:o, s:o, s:I}", "r", number(p->value), "lo", number(p->lo), "hi",
                                          number(p->hi), "p", number(p->p), "n", (json_int_t)p->n));
    }
}

int countries_add(json_t *tree, const struct study *s, const struct country_values *v, const struct language_figure *f,
                  struct err *e) {
    double x[STUDY_MAX_LANGUAGES], y[STUDY_MAX_LANGUAGES];
    size_t n = 0;
    if (!json_object_get(tree, "missing")) begin(tree, s, v);
    json_t *points = list_of(tree, "points");
    for (int i = 0; i < s->n_languages; i++) {
        if (!isfinite(v->at[i]) || !isfinite(f->at[i])) continue;
        x[n] = v->at[i], y[n++] = f->at[i];
        json_array_append_new(points, json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:f}", "language", s->language[i]->code,
                                                "country", s->country[i], "model", f->model, "figure", f->figure, "measure",
                                                f->measure, "x", v->at[i], "y", f->at[i]));
    }
    json_t *o = correlation_json(f, x, y, n);
    return json_array_append_new(list_of(tree, "correlations"), o) < 0 ? fail(e, ERR_NOMEM, "out of memory for correlations") : 0;
}
