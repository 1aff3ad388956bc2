/* Words left out one at a time: the same as an edited dictionary, counted anew from the texts. */
#include "stats/infer/effect.h"
#include "study/analyse.h"
#include "study/leave.h"
#include "study/report.h"
#include "study_planted.h"
#include <jansson.h>
#include <math.h>

TestSuite(study_words, .timeout = HANG_S);

static const char ARMS[] = "replicates: 4\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\n"
                           "planted:\n  graphemes: 300\n  own: 0.5\n  turn: 0.5\n  boundary: {mean: 12}\n  effects: {en: {cpi: "
                           "-1, di: 0.5}, ja: {cpi: 0.8}}\n";
/* The same with claims: mixed models for every word take their time. */
static const char CLAIMS[] = "hypotheses:\n"
                             "  - {id: contrast, metric: cpi, languages: [en], contrast: [all, none], direction: less}\n"
                             "  - {id: words, metric: protective, languages: [ja], contrast: [all, none], direction: different}\n"
                             "  - {id: conform, metric: conformity, contrast: [all, none], direction: different}\n"
                             "  - {id: slope, metric: di, slope: alignment, direction: greater}\n"
                             "correction: holm\n";

struct ground {
    struct study *s;
    struct planted p;
    struct archive *a;
    struct scored c;
    char path[100];
};

static void lay(struct ground *g, const char *name, const char *claims) {
    struct err e = ERR_INIT;
    path_of(g->path, sizeof g->path, name);
    struct str text = {0};
    str_printf(&text, "%s%s", ARMS, claims);
    planted_archive(&g->s, &g->p, &g->a, g->path, 3, 3, text.s);
    str_free(&text);
    cr_assert_geq(scored_read(&g->c, g->s, g->a, 2, &e), 0, "%s", e.msg);
}
static void clear(struct ground *g) {
    scored_free(&g->c);
    archive_close(g->a);
    study_free(g->s);
    remove_all(g->path);
}

static struct dictionary_source *source(struct ground *g, const struct left_form *f) {
    struct language *l = g->s->language[f->language];
    const struct dictionary_source *d = language_dictionary(l, metric_dictionary_name(f->dictionary));
    return &l->dictionaries[d - l->dictionaries];
}
/* The plain way: the form is no longer in the dictionary, and everything is read again. */
static struct form cut(struct ground *g, const struct left_form *f, struct scored *again) {
    struct dictionary_source *d = source(g, f);
    struct form gone = d->forms[f->form];
    struct err e = ERR_INIT;
    memmove(&d->forms[f->form], &d->forms[f->form + 1], (size_t)(d->n_forms - f->form - 1) * sizeof *d->forms);
    d->n_forms--;
    cr_assert_geq(scored_read(again, g->s, g->a, 1, &e), 0, "%s", e.msg);
    return gone;
}
static void paste(struct ground *g, const struct left_form *f, struct form gone) {
    struct dictionary_source *d = source(g, f);
    memmove(&d->forms[f->form + 1], &d->forms[f->form], (size_t)(d->n_forms - f->form) * sizeof *d->forms);
    d->forms[f->form] = gone;
    d->n_forms++;
}

static void same_counts(const struct scored *x, const struct scored *y, const char *word) {
    for (int64_t i = 0; i < x->n; i++)
        for (int k = -1; k < x->s->n_agents; k++) {
            const struct counts *u = k < 0 ? &x->run[i].all : &x->run[i].agent[k];
            const struct counts *v = k < 0 ? &y->run[i].all : &y->run[i].agent[k];
            cr_assert_eq(u->hits[METRIC_BOUNDARY], v->hits[METRIC_BOUNDARY], "\"%s\", run %lld", word, (long long)i);
            cr_assert_eq(u->hits[METRIC_PROTECTIVE], v->hits[METRIC_PROTECTIVE], "\"%s\", run %lld", word, (long long)i);
            cr_assert_eq(u->conformed, v->conformed, "\"%s\", run %lld", word, (long long)i);
            cr_assert_eq(u->graphemes[0], v->graphemes[0]);
        }
}

Test(study_words, counts_are_those_of_an_edited_dictionary) {
    struct ground g;
    struct leaving x;
    struct err e = ERR_INIT;
    struct left_form f = {.form = -1};
    int words = 0, said = 0;
    lay(&g, "words", "");
    cr_assert_geq(leaving_open(&x, &g.c, &e), 0, "%s", e.msg);
    while (left_next(g.s, ~0ull, &f)) {
        struct scored again;
        const char *word = left_text(g.s, &f)->text;
        int64_t hits = left_hits(&g.c, &f);
        words++, said += hits > 0;
        if (words % 5) continue; /* a fifth of them, by turns */
        leave_out(&x, &f);
        struct form gone = cut(&g, &f, &again);
        same_counts(&x.c, &again, word);
        paste(&g, &f, gone);
        leave_in(&x, &f);
        scored_free(&again);
    }
    same_counts(&x.c, &g.c, "all back in");
    cr_assert(words > 100 && said > 30, "%d words, %d of them said", words, said);
    f = (struct left_form){.form = -1};
    for (words = 0; left_next(g.s, 2, &f); words++) cr_assert_eq(f.language, 1);
    cr_assert_eq(words, forms_of(g.s->language[1]));
    leaving_free(&x);
    clear(&g);
}

/* ---- figures ---- */

static const json_t *row_of(const json_t *tree, const char *word) {
    size_t i;
    json_t *x;
    json_array_foreach(json_object_get(tree, "words"), i,
                       x) if (!strcmp(json_string_value(json_object_get(x, "word")), word)) return x;
    return NULL;
}

static json_t *report_of(struct ground *g, const struct scored *c) {
    json_t *tree = NULL;
    struct err e = ERR_INIT;
    cr_assert_geq(study_report(&tree, g->a, c, &(struct report_opts){.reps = 10}, &e), 0, "%s", e.msg);
    return tree;
}

static double reported(const json_t *tree, const char *part, int language, const char *key) {
    const json_t *x = json_array_get(json_object_get(tree, part), (size_t)language);
    return json_number_value(json_object_get(json_object_get(x, key), "value"));
}

/* Effects and slopes of every row are those of a report with the edited dictionary. */
Test(study_words, effects_and_slopes_are_those_of_an_edited_dictionary) {
    struct ground g;
    struct left_form f = {.form = -1};
    int n = 0, rows = 0;
    lay(&g, "word-figures", "");
    json_t *tree = report_of(&g, &g.c);
    while (left_next(g.s, ~0ull, &f)) {
        const json_t *row = row_of(tree, left_text(g.s, &f)->text);
        rows += row != NULL;
        if (!row || n++ % 48) continue;
        struct scored again;
        struct form gone = cut(&g, &f, &again);
        json_t *plain = report_of(&g, &again);
        cr_assert_float_eq(json_number_value(json_object_get(row, "cpi")), reported(plain, "effects", f.language, "cpi"), 1e-9);
        cr_assert_float_eq(json_number_value(json_object_get(row, "di")), reported(plain, "effects", f.language, "di"), 1e-9);
        cr_assert_float_eq(json_number_value(json_object_get(row, "cpi_slope")), reported(plain, "slopes", f.language, "cpi"),
                           1e-9);
        cr_assert_float_eq(json_number_value(json_object_get(row, "di_slope")), reported(plain, "slopes", f.language, "di"),
                           1e-9);
        json_decref(plain);
        paste(&g, &f, gone);
        scored_free(&again);
    }
    cr_assert_gt(n, 40);
    cr_assert_eq((size_t)rows, json_array_size(json_object_get(tree, "words")), "nothing else is in the table");
    json_decref(tree);
    clear(&g);
}

static double number(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }

/* Ranges begin and end at words that are in the table. */
Test(study_words, ranges_are_of_the_table) {
    struct ground g;
    size_t i, k;
    json_t *range, *row;
    lay(&g, "word-ranges", "");
    json_t *tree = report_of(&g, &g.c);
    cr_assert_eq(json_array_size(json_object_get(tree, "word_ranges")), 8, "two languages, g and slope, CPI and DI");
    json_array_foreach(json_object_get(tree, "word_ranges"), i, range) {
        const char *measure = json_string_value(json_object_get(range, "measure")),
                   *of = json_string_value(json_object_get(range, "figure"));
        const char *language = json_string_value(json_object_get(range, "language"));
        char key[32];
        double lo = INFINITY, hi = -INFINITY;
        snprintf(key, sizeof key, "%s%s", measure, strcmp(of, "g") ? "_slope" : "");
        json_array_foreach(json_object_get(tree, "words"), k,
                           row) if (!strcmp(json_string_value(json_object_get(row, "language")), language))
            lo = fmin(lo, number(row, key)),
            hi = fmax(hi, number(row, key));
        cr_assert_eq(number(range, "lo"), lo);
        cr_assert_eq(number(range, "hi"), hi);
        cr_assert_eq(number(row_of(tree, json_string_value(json_object_get(range, "lo_without"))), key), lo);
        cr_assert_leq(lo, hi);
    }
    json_decref(tree);
    clear(&g);
}

/* ---- hypotheses ---- */

static json_t *stats_of(struct ground *g, const struct scored *c, const struct analyse_opts *o) {
    json_t *j = NULL;
    struct err e = ERR_INIT;
    cr_assert_geq(study_analyse(&j, c, o, g->a, &e), 0, "%s", e.msg);
    return j;
}

/* The extremes of each hypothesis, by testing everything again with each dictionary. */
Test(study_words, hypotheses_are_those_of_an_edited_dictionary) {
    struct ground g;
    size_t i;
    json_t *h;
    lay(&g, "word-hypotheses", CLAIMS);
    json_t *j = stats_of(&g, &g.c, &(struct analyse_opts){.words = 1}), *words = json_object_get(j, "words");
    cr_assert_eq(json_array_size(words), 4);
    json_array_foreach(words, i, h) {
        const json_t *at = json_object_get(h, i % 2 ? "hi_without" : "lo_without");
        struct left_form f = {.form = -1};
        while (left_next(g.s, ~0ull, &f))
            if (!strcmp(left_text(g.s, &f)->text, json_string_value(json_object_get(at, "word"))) &&
                !strcmp(metric_dictionary_name(f.dictionary), json_string_value(json_object_get(at, "dictionary"))))
                break;
        struct scored again;
        struct form gone = cut(&g, &f, &again);
        json_t *plain = stats_of(&g, &again, &(struct analyse_opts){0});
        const json_t *want = json_array_get(json_object_get(plain, "hypotheses"), i);
        const char *figure = json_string_value(json_object_get(h, "figure"));
        cr_assert_float_eq(number(h, i % 2 ? "hi" : "lo"), number(want, figure), 1e-9);
        cr_assert_null(json_object_get(plain, "words"));
        json_decref(plain);
        paste(&g, &f, gone);
        scored_free(&again);
    }
    cr_assert(number(json_array_get(words, 0), "words") > 20 && number(json_array_get(words, 2), "words") > 5);
    json_decref(j);
    clear(&g);
}
