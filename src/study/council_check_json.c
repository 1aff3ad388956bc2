/* What was counted, as JSON: rates with their intervals beside those of the rules, per language and prefix, pooled, how far the cells lie from
 * the rules, and the largest gap. */
#include "stats/stats.h"
#include "study/council_check.h"
#include <jansson.h>
#include <math.h>

static json_t *share(int64_t k, int64_t n) { return n ? json_real((double)k / (double)n) : json_null(); }

static json_t *form_json(const struct council_form *f) {
    return json_pack("{s:I, s:o, s:o, s:o, s:o}", "replies", (json_int_t)f->n, "tags", share(f->tags, f->n), "values",
                     share(f->values, f->n), "lines", share(f->lines, f->n), "all", share(f->all, f->n));
}

static double gap_of(const struct council_count *c) {
    double n = (double)c->n;
    return fabs((double)c->k / n - c->expected / n);
}

static json_t *count_json(const struct council_count *c) {
    json_t *o = json_pack("{s:I, s:I, s:o}", "events", (json_int_t)c->n, "hits", (json_int_t)c->k, "rate", share(c->k, c->n));
    struct interval ci = wilson(c->k, c->n, STATS_Z95);
    const double v[] = {ci.lo, ci.hi, c->n ? c->expected / (double)c->n : 0, c->n ? gap_of(c) : 0};
    static const char *const keys[] = {"low", "high", "planted", "gap"};
    for (int i = 0; i < 4; i++) json_object_set_new(o, keys[i], c->n ? json_real(v[i]) : json_null());
    return o;
}

static json_t *measures_json(const struct council_count of[COUNCIL_MEASURES]) {
    json_t *o = json_object();
    for (int m = 0; m < COUNCIL_MEASURES; m++)
        json_object_set_new(o, council_measure_name((enum council_measure)m), count_json(&of[m]));
    return o;
}

/* None first, then in the order of prefixes. */
static json_t *prefixes_json(const struct council_count of[PREFIXES + 1][COUNCIL_MEASURES]) {
    json_t *o = json_object();
    for (int i = 0; i <= PREFIXES; i++) {
        int p = i ? i - 1 : PREFIXES;
        json_object_set_new(o, council_prefix_name(p), measures_json(of[p]));
    }
    return o;
}

static json_t *languages_json(const struct council_checked *c, const struct study *s) {
    json_t *o = json_object();
    for (int l = 0; l < s->n_languages; l++)
        json_object_set_new(o, s->language[l]->code,
                            json_pack("{s:o, s:o}", "form", form_json(&c->form[l]), "prefixes", prefixes_json(c->of[l])));
    return o;
}

static json_t *pooled_json(const struct council_checked *c, const struct study *s) {
    struct council_count sum[PREFIXES + 1][COUNCIL_MEASURES] = {0};
    for (int l = 0; l < s->n_languages; l++)
        for (int p = 0; p <= PREFIXES; p++)
            for (int m = 0; m < COUNCIL_MEASURES; m++) {
                sum[p][m].n += c->of[l][p][m].n, sum[p][m].k += c->of[l][p][m].k;
                sum[p][m].expected += c->of[l][p][m].expected;
            }
    return prefixes_json(sum);
}

static json_t *all_forms(const struct council_checked *c, const struct study *s) {
    struct council_form f = {0};
    for (int l = 0; l < s->n_languages; l++) {
        const struct council_form *x = &c->form[l];
        f.n += x->n, f.tags += x->tags, f.values += x->values, f.lines += x->lines, f.all += x->all;
    }
    return form_json(&f);
}

static json_t *largest_gap(const struct council_checked *c, const struct study *s) {
    int at[3] = {0}, cells = 0;
    double most = -1;
    for (int l = 0; l < s->n_languages; l++)
        for (int p = 0; p <= PREFIXES; p++)
            for (int m = 0; m < COUNCIL_MEASURES; m++) {
                const struct council_count *x = &c->of[l][p][m];
                if (x->n < COUNCIL_EVENTS) continue;
                cells++;
                if (gap_of(x) > most) most = gap_of(x), at[0] = l, at[1] = p, at[2] = m;
            }
    if (!cells) return json_null();
    return json_pack("{s:f, s:s, s:s, s:s, s:I, s:i}", "gap", most, "language", s->language[at[0]]->code, "prefix",
                     council_prefix_name(at[1]), "measure", council_measure_name((enum council_measure)at[2]), "events",
                     (json_int_t)c->of[at[0]][at[1]][at[2]].n, "cells", cells);
}

/* The gaps of one measure's cells. A gap is squared and the variance that its events explain taken off: what is left is no chance. */
static json_t *spread_of(const struct council_checked *c, const struct study *s, int m) {
    int cells = 0, near = 0;
    double beyond = 0;
    for (int l = 0; l < s->n_languages; l++)
        for (int p = 0; p <= PREFIXES; p++) {
            const struct council_count *x = &c->of[l][p][m];
            if (x->n < COUNCIL_EVENTS) continue;
            double gap = gap_of(x), rate = (double)x->k / (double)x->n;
            cells++, near += gap <= COUNCIL_NEAR;
            beyond += gap * gap - rate * (1 - rate) / (double)(x->n - 1);
        }
    if (!cells) return json_null();
    return json_pack("{s:i, s:i, s:f}", "cells", cells, "near", near, "sd", sqrt(fmax(beyond, 0) / cells));
}

static json_t *spread_json(const struct council_checked *c, const struct study *s) {
    static const enum council_measure planted[] = {MEASURE_PERSUADED, MEASURE_CONFORM, MEASURE_MISREPORT};
    json_t *o = json_object();
    for (int i = 0; i < 3; i++) json_object_set_new(o, council_measure_name(planted[i]), spread_of(c, s, (int)planted[i]));
    return o;
}

int council_check_json(json_t **out, const struct council_checked *c, const struct study *s, struct archive *a, struct err *e) {
    json_t *fact = NULL;
    TRY(archive_find(a, "study", &fact, e));
    const char *backend = json_string_value(json_object_get(fact, "backend"));
    json_t *o = json_pack("{s:s, s:s, s:b, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "study", s->id, "backend", backend ? backend : "",
                          "planted", json_is_true(json_object_get(fact, "planted")), "runs", (json_int_t)c->runs, "planned",
                          (json_int_t)study_runs(s), "form", all_forms(c, s), "pooled", pooled_json(c, s), "languages",
                          languages_json(c, s), "spread", spread_json(c, s), "largest_gap", largest_gap(c, s));
    json_decref(fact);
    if (!o) return fail(e, ERR_NOMEM, "out of memory for what was counted");
    *out = o;
    return 0;
}
