/* Every word left out of its dictionary, one at a time: what the effects and slopes of its language would then be, and between which values
 * they move. "Is it the keyword list?" has its answer here. */
#include "study/analyse_int.h"
#include "study/leave.h"
#include "study/report_int.h"
#include <math.h>
#include <stdlib.h>

enum { OF_EFFECT, OF_SLOPE, FIGURES, INDICES = 2 }; /* of CPI and DI */
static const char *const figure_names[FIGURES] = {"g", "slope"};

/* What is asked of a language with a model. */
struct figures {
    double at[FIGURES][INDICES];
};
/* The least and the greatest of a figure, and which word is left out there. */
struct span {
    double reported, lo, hi;
    struct left_form lo_form, hi_form;
    int words, turned; /* left out; of them those without which the sign is the other one */
};
struct wording {
    const struct reporting *r;
    struct leaving x;
    double (*value)[MEASURES];
    struct span (*span)[FIGURES][INDICES]; /* [languages · models] */
    json_t *rows;
};

static struct figures figures_of(const struct reporting *r, double (*value)[MEASURES], int language, int model) {
    struct figures f;
    int none, all, contrast = sweep_ends(r->c->s, language, model, &none, &all);
    for (int m = 0; m < INDICES; m++) {
        f.at[OF_EFFECT][m] = contrast ? effect_of(r, value, all, none, m) : NAN;
        f.at[OF_SLOPE][m] = slope_of_sweep(r, value, language, model, m);
    }
    return f;
}

/* ---- ranges ---- */

static void widen(struct span *s, double v, const struct left_form *f) {
    if (!isfinite(v) || !isfinite(s->reported)) return;
    if (!s->words || v < s->lo) s->lo = v, s->lo_form = *f;
    if (!s->words || v > s->hi) s->hi = v, s->hi_form = *f;
    s->turned += (v > 0) != (s->reported > 0);
    s->words++;
}

static json_t *word_json(const struct study *s, const struct left_form *f) { return json_string(left_text(s, f)->text); }

static int add_ranges(json_t *list, const struct wording *w, struct err *e) {
    const struct study *s = w->r->c->s;
    for (int i = 0; i < s->n_languages * s->n_models; i++)
        for (int k = 0; k < FIGURES * INDICES; k++) {
            const struct span *x = &w->span[i][k / INDICES][k % INDICES];
            if (!x->words) continue;
            json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:o, s:o, s:i, s:i}", "language",
                                  s->language[i / s->n_models]->code, "model", s->model[i % s->n_models].id, "figure",
                                  figure_names[k / INDICES], "measure", measure_name(k % INDICES), "value", x->reported, "lo",
                                  x->lo, "hi", x->hi, "lo_without", word_json(s, &x->lo_form), "hi_without",
                                  word_json(s, &x->hi_form), "words", x->words, "turned", x->turned);
            if (!o) return fail(e, ERR_NOMEM, "out of memory for a report");
            json_array_append_new(list, o);
        }
    return 0;
}

/* ---- words ---- */

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static int add_word(struct wording *w, const struct left_form *f, int64_t hits, struct err *e) {
    const struct study *s = w->r->c->s;
    for (int m = 0; m < s->n_models; m++) {
        struct span(*span)[INDICES] = w->span[f->language * s->n_models + m];
        struct figures x = figures_of(w->r, w->value, f->language, m);
        for (int k = 0; k < FIGURES * INDICES; k++) widen(&span[k / INDICES][k % INDICES], x.at[k / INDICES][k % INDICES], f);
        json_t *o =
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o}", "language", s->language[f->language]->code, "model",
                      s->model[m].id, "dictionary", metric_dictionary_name(f->dictionary), "kind", left_kind(s, f), "word",
                      left_text(s, f)->text, "hits", (json_int_t)hits, "cpi", number(x.at[OF_EFFECT][0]), "di",
                      number(x.at[OF_EFFECT][1]), "cpi_slope", number(x.at[OF_SLOPE][0]), "di_slope", number(x.at[OF_SLOPE][1]));
        if (!o) return fail(e, ERR_NOMEM, "out of memory for a report");
        json_array_append_new(w->rows, o);
    }
    return 0;
}

/* Words that nobody said change nothing, and conformity is no part of the indices. */
static int each_word(struct wording *w, struct err *e) {
    const struct reporting *r = w->r;
    const struct study *s = r->c->s;
    const struct variant as_reported = {
        .o = r->by->o, .scope = r->scope, .drop = -1, .dictionary = -1, .by = r->fixed ? r->by : NULL};
    struct left_form f = {.form = -1};
    while (left_next(s, ~0ull, &f)) {
        int64_t hits = f.dictionary == METRIC_CONFORMITY ? 0 : left_hits(w->r->c, &f);
        if (!hits) continue;
        leave_out(&w->x, &f);
        TRY(variant_values(w->value, &w->x.c, &as_reported, e));
        leave_in(&w->x, &f);
        TRY(add_word(w, &f, hits, e));
    }
    return 0;
}

int report_words(json_t *tree, const struct reporting *r, struct err *e) {
    const struct study *s = r->c->s;
    struct wording w = {.r = r, .rows = json_array()};
    json_t *ranges = json_array();
    json_object_set_new(tree, "words", w.rows);
    json_object_set_new(tree, "word_ranges", ranges);
    w.value = calloc((size_t)r->c->n + 1, sizeof *w.value);
    w.span = calloc((size_t)(s->n_languages * s->n_models) + 1, sizeof *w.span);
    int rc = w.value && w.span ? leaving_open(&w.x, r->c, e) : fail(e, ERR_NOMEM, "out of memory for a report");
    for (int i = 0; rc >= 0 && i < s->n_languages * s->n_models; i++) {
        struct figures x = figures_of(r, r->value, i / s->n_models, i % s->n_models);
        for (int k = 0; k < FIGURES * INDICES; k++) w.span[i][k / INDICES][k % INDICES].reported = x.at[k / INDICES][k % INDICES];
    }
    if (rc >= 0) rc = each_word(&w, e);
    if (rc >= 0) rc = add_ranges(ranges, &w, e);
    leaving_free(&w.x);
    free(w.value);
    free(w.span);
    return rc;
}

/* ---- countries ---- */

/* Slopes as study stats has them (mixed models), so that one name has one value; those of `slopes` are least squares, which resampling can
 * repeat a thousand times. */
static int fitted_slopes(struct figures x[STUDY_MAX_LANGUAGES], const struct reporting *r, int model, struct err *e) {
    struct reference within = *r->by;
    within.within = 1 + r->scope;
    for (int l = 0; l < r->c->s->n_languages; l++)
        for (int k = 0; k < INDICES; k++) {
            struct tested t;
            TRY(explored_slope(&t, r->c, &within, OF_CPI + k, l, model, e));
            x[l].at[FIGURES - 1][k] = t.estimate;
        }
    return 0;
}

int report_countries(json_t *tree, const struct reporting *r, struct err *e) {
    const struct study *s = r->c->s;
    if (!r->countries) return 0;
    json_t *o = json_object();
    json_object_set_new(tree, "power_distance", o);
    for (int m = 0; m < s->n_models; m++) {
        struct figures x[STUDY_MAX_LANGUAGES];
        for (int l = 0; l < s->n_languages; l++) x[l] = figures_of(r, r->value, l, m);
        TRY(fitted_slopes(x, r, m, e));
        for (int k = 0; k < FIGURES * INDICES; k++) {
            struct language_figure f = {s->model[m].id, figure_names[k / INDICES], measure_name(k % INDICES), {0}};
            for (int l = 0; l < s->n_languages; l++) f.at[l] = x[l].at[k / INDICES][k % INDICES];
            TRY(countries_add(o, s, r->countries, &f, e));
        }
    }
    return 0;
}
