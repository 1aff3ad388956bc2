/* What a report says beside its figures: published values where they belong, one rule for the arms of a line, choices that change one thing,
 * indices that cannot be, conformity and kinds; and pages that say what was done. */
#include "lab/page_int.h"
#include "lab/study_page.h"
#include "stats/infer/correlation.h"
#include "stats/infer/effect.h"
#include "study/analyse.h"
#include "study/freeze.h"
#include "study/report.h"
#include "study/sweep.h"
#include "study_planted.h"
#include <jansson.h>
#include <math.h>

TestSuite(study_page_report, .timeout = HANG_S);

static const char PLANTED[] = "planted:\n  graphemes: 200\n  effects: {en: {cpi: -3}, ja: {cpi: 3}}\n";
static const char TWO[] = "replicates: 5\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\n";

struct ground {
    struct study *s;
    struct planted p;
    struct archive *a;
    struct scored c;
    char path[100];
};
static void lay(struct ground *g, const char *name, const char *arms, const char *more) {
    struct err e = ERR_INIT;
    struct str text = {0};
    path_of(g->path, sizeof g->path, name);
    str_printf(&text, "%s%s%s", arms, PLANTED, more);
    planted_archive(&g->s, &g->p, &g->a, g->path, 4, 2, text.s);
    str_free(&text);
    cr_assert_geq(scored_read(&g->c, g->s, g->a, 2, &e), 0, "%s", e.msg);
}
static void clear(struct ground *g) {
    scored_free(&g->c), archive_close(g->a), study_free(g->s);
    remove_all(g->path);
}
static json_t *report_of(struct ground *g, const struct report_opts *o) {
    json_t *tree = NULL;
    struct err e = ERR_INIT;
    struct report_opts with = o ? *o : (struct report_opts){0};
    with.reps = 50;
    cr_assert_geq(study_report(&tree, g->a, &g->c, &with, &e), 0, "%s", e.msg);
    return tree;
}
static json_t *stats_of(struct ground *g, const struct analyse_opts *o) {
    json_t *j = NULL;
    struct err e = ERR_INIT;
    cr_assert_geq(study_analyse(&j, &g->c, o, g->a, &e), 0, "%s", e.msg);
    return j;
}
static char *page_of(const json_t *tree) {
    struct err e = ERR_INIT;
    struct page *p = NULL;
    struct str all = {0};
    cr_assert_geq(study_page(&p, tree, &e), 0, "%s", e.msg);
    str_printf(&all, "%s", p->body.s);
    page_free(p);
    return all.s;
}
static const json_t *at(const json_t *tree, const char *part, size_t i) { return json_array_get(json_object_get(tree, part), i); }
static const char *word(const json_t *o, const char *key) { return json_string_value(json_object_get(o, key)); }
static double value(const json_t *o, const char *key) {
    const json_t *x = json_object_get(o, key), *v = json_is_object(x) ? json_object_get(x, "value") : x;
    return json_is_number(v) ? json_number_value(v) : NAN;
}
static void holds(const char *text, const char *part) { cr_assert(strstr(text, part), "\"%s\" is not in the page", part); }
static void lacks(const char *text, const char *part) { cr_assert(!strstr(text, part), "\"%s\" is in the page", part); }

/* ---- published values ---- */

static const char PUBLISHED[] =
    "hypotheses: [{id: slope, metric: di, slope: alignment, direction: greater},\n"
    "  {id: differ, metric: cpi, interaction: alignment, direction: different}]\n"
    "published:\n"
    "  - {what: first, beside: effect, metric: cpi, language: ja, value: 0.5, lo: 0.25, hi: 0.75, p: 0.5, says: words, source: "
    "S}\n"
    "  - {what: second, beside: hypothesis, hypothesis: slope, per_agent: true, value: 1, source: S}\n"
    "  - {what: third, beside: rising, metric: cpi, value: 1, n: 2, source: S}\n"
    "  - {what: fourth, beside: correlation, metric: cpi, value: 0.5, source: S}\n"
    "  - {what: fifth, beside: kind, dictionary: protective, kind: harmony, language: en, value: 0.5, source: S}\n"
    "  - {what: sixth, beside: agents, metric: di, prefix: alignment, value: 1, source: S}\n"
    "  - {what: seventh, beside: mean, metric: conformity, value: 0.75, source: S}\n"
    "  - {what: eighth, beside: runs, value: 30, source: S}\n"
    "  - {what: ninth, beside: none, why: nobody measured it, says: much, source: S}\n";

/* Another study with the same languages shows none of it, neither in the tree nor on the page. */
Test(study_page_report, published_values_are_of_the_study_that_has_them) {
    struct ground g;
    lay(&g, "unpublished", TWO, "");
    json_t *tree = report_of(&g, NULL);
    cr_assert_eq(json_array_size(json_object_get(tree, "published")), 0);
    cr_assert_null(json_object_get(at(tree, "effects", 0), "published"));
    char *page = page_of(tree);
    lacks(page, "1.844"), lacks(page, "0.771"), lacks(page, "2603.04904"), lacks(page, "ublished");
    free(page), json_decref(tree), clear(&g);
}

Test(study_page_report, ours_stand_beside_what_was_published) {
    struct ground g;
    lay(&g, "published", TWO, PUBLISHED);
    json_t *tree = report_of(&g, NULL);
    cr_assert_eq(json_array_size(json_object_get(tree, "published")), 9);
    cr_assert_eq(value(at(tree, "published", 0), "value"), 0.5);
    cr_assert_eq(value(at(tree, "published", 0), "ours"), value(at(tree, "effects", 1), "cpi"));
    cr_assert_eq(value(at(tree, "effects", 1), "published"), 0.5);
    cr_assert_null(json_object_get(at(tree, "effects", 0), "published"), "another language");
    cr_assert_float_eq(value(at(tree, "published", 1), "ours"), value(at(tree, "hypotheses", 0), "estimate") / 4, 1e-12);
    cr_assert_eq(value(at(tree, "published", 2), "ours"), 1);
    cr_assert_eq(value(at(tree, "published", 2), "ours_n"), 2);
    cr_assert(isnan(value(at(tree, "published", 3), "ours")) && strstr(word(at(tree, "published", 3), "why"), "--pdi"));
    double share = value(at(tree, "published", 4), "ours"), rate = value(at(tree, "published", 6), "ours");
    cr_assert(share > 0 && share < 1 && rate > 0 && rate < 1, "%g and %g", share, rate);
    cr_assert(isfinite(value(at(tree, "published", 5), "ours")));
    cr_assert_eq(value(at(tree, "published", 7), "ours"), 20);
    cr_assert_str_eq(word(at(tree, "published", 8), "why"), "nobody measured it");
    char *page = page_of(tree);
    holds(page, "<section id=\"published\""), holds(page, "none: nobody measured it"), holds(page, "words, p = 0.5");
    cr_assert_lt(strstr(page, "<section id=\"published\""), strstr(page, "<section id=\"loss\""), "near the top");
    free(page), json_decref(tree), clear(&g);
}

Test(study_page_report, what_is_wrong_with_published_values_is_said) {
    static const char *const wrong[][2] = {
        {"{what: x, source: S, beside: effect, metric: cpi, value: 1}", "a language and a model"},
        {"{what: x, source: S, beside: effect, language: en, value: 1}", "\"metric\""},
        {"{what: x, source: S, beside: effect, metric: cpi, language: fr, value: 1}", "fr"},
        {"{what: x, source: S, beside: runs, metric: cpi, value: 1}", "no \"metric\" beside runs"},
        {"{what: x, source: S, beside: hypothesis, hypothesis: h, value: 1}", "\"h\""},
        {"{what: x, source: S, beside: kind, dictionary: protective, kind: sugar, language: en, value: 1}", "sugar"},
        {"{what: x, source: S, beside: none, value: 1}", "\"why\""},
        {"{what: x, source: S, beside: runs, value: 1, lo: 0}", "lo and hi"},
        {"{what: x, beside: runs, value: 1}", "source"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct str text = {0};
        struct study *s;
        struct err e;
        str_printf(&text, "%spublished: [%s]\n", TWO, wrong[i][0]);
        cr_assert_eq(group_make(&s, 4, 2, "fixed", "all", "author", text.s, &e), ERR_FORMAT, "%s", wrong[i][0]);
        cr_assert(strstr(e.msg, wrong[i][1]), "%s: %s", wrong[i][0], e.msg);
        str_free(&text);
    }
}

/* Intervals that the shipped studies add to published numbers follow from these: g's from 15 runs a condition, normal; r's from its n. */
Test(study_page_report, shipped_intervals_follow_from_published_numbers) {
    static const char *const names[] = {"studies/backfire-1.yaml", "studies/backfire-2.yaml"};
    struct language_source from = {
        .load = language_from_dir, .council = council_from_dir, .ctx = (void *)(size_t) "studies/lang"};
    int found = 0;
    for (int k = 0; k < 2; k++) {
        struct study *s;
        struct err e = ERR_INIT;
        cr_assert_geq(study_read(&s, names[k], &from, &e), 0, "%s", e.msg);
        for (int i = 0; i < s->n_published; i++) {
            const struct published *p = &s->published[i];
            double j = hedges_j(28), d = p->value / j, half = 1.96 * j * sqrt(2. / 15 + d * d / 60);
            struct interval ci = {p->value - half, p->value + half};
            if (p->beside == BESIDE_CORRELATION) ci = fisher_interval(p->value, (size_t)p->n, 0.95);
            if (isnan(p->lo)) continue;
            cr_assert_float_eq(p->lo, ci.lo, 6e-3, "%s: %g", p->what, ci.lo);
            cr_assert_float_eq(p->hi, ci.hi, 6e-3, "%s: %g", p->what, ci.hi);
            found++;
        }
        study_free(s);
    }
    cr_assert_eq(found, 3);
}

/* ---- which arms ---- */

static const char CONTROLS[] =
    "replicates: 4\narms: [{id: none}, {id: again, same_as: none}, {id: placebo, placebo: \"100 %\"}, {id: seats, "
    "shuffled_personas: true}, {id: half, alignment: \"50 %\"}, {id: all, alignment: \"100 %\"}, {id: apart, individuation: "
    "1}]\n";

/* Statistics and report fit the same arms: with them in, both say what they say with the controls never run. */
Test(study_page_report, controls_are_in_no_slope) {
    static const char claim[] = "hypotheses: [{id: h, metric: monologue, slope: alignment, direction: different}]\n";
    struct ground g, alone;
    lay(&g, "controls", CONTROLS, claim);
    lay(&alone, "alone", "replicates: 4\narms: [{id: none}, {id: half, alignment: \"50 %\"}, {id: all, alignment: \"100 %\"}]\n",
        claim);
    cr_assert_eq(sweep_arms(g.s, PREFIX_ALIGNMENT), 1u << 0 | 1u << 4 | 1u << 5);
    json_t *tree = report_of(&g, NULL), *plain = report_of(&alone, NULL), *stats = stats_of(&g, NULL),
           *few = stats_of(&alone, NULL);
    size_t i, swept = 0;
    json_t *x;
    json_array_foreach(json_object_get(tree, "points"), i, x) swept += json_is_true(json_object_get(x, "sweep"));
    cr_assert_eq(swept, 6, "three arms of two languages");
    for (i = 0; i < 2; i++)
        cr_assert_float_eq(value(at(tree, "slopes", i), "monologue"), value(at(plain, "slopes", i), "monologue"), 1e-12);
    cr_assert_float_eq(value(at(stats, "hypotheses", 0), "estimate"), value(at(few, "hypotheses", 0), "estimate"), 1e-9);
    cr_assert_eq(json_array_size(json_object_get(at(stats, "hypotheses", 0), "arms")), 3, "and the registration says which");
    for (i = 0; i < 2; i++)
        cr_assert_float_eq(value(at(stats, "slopes", i), "estimate"), value(at(tree, "slopes", i), "cpi"), 1e-3,
                           "runs of one replicate share next to nothing");
    json_decref(tree), json_decref(plain), json_decref(stats), json_decref(few);
    clear(&g), clear(&alone);
}

/* One name, one value: runs are missing, so that a mixed model and least squares differ. */
Test(study_page_report, slopes_beside_countries_are_those_of_the_statistics) {
    const struct country_values countries = {{12.5, 60}}; /* invented */
    struct ground g;
    lay(&g, "countries", "replicates: 6\narms: [{id: none}, {id: half, alignment: \"50 %\"}, {id: all, alignment: \"100 %\"}]\n",
        "countries: {en: Here, ja: There}\n");
    g.c.run[0].finished = g.c.run[7].finished = g.c.run[8].finished = g.c.run[20].finished = 0;
    json_t *tree = report_of(&g, &(struct report_opts){.countries = &countries}),
           *stats = stats_of(&g, &(struct analyse_opts){.countries = &countries}), *x, *y;
    size_t i, k, same = 0;
    json_array_foreach(json_object_get(json_object_get(tree, "power_distance"), "points"), i, x)
        json_array_foreach(json_object_get(json_object_get(stats, "power_distance"), "points"), k, y) {
        static const char *const names[] = {"figure", "measure", "language"};
        int alike = 1;
        for (int n = 0; n < 3; n++) alike &= json_equal(json_object_get(x, names[n]), json_object_get(y, names[n]));
        if (!alike) continue;
        cr_expect_float_eq(json_number_value(json_object_get(x, "y")), json_number_value(json_object_get(y, "y")), 1e-12);
        same++;
    }
    cr_assert_eq(same, 4, "slopes of two indices in two languages");
    json_decref(tree), json_decref(stats);
    clear(&g);
}

/* Where every arm draws its seats, none of them is a control. */
Test(study_page_report, seats_drawn_everywhere_are_no_control) {
    static const char text[] = "replicates: 1\narms: [{id: none, shuffled_personas: true}, {id: all, alignment: \"100 %\", "
                               "shuffled_personas: true}]\n";
    struct study *s;
    struct err e;
    int none, all;
    cr_assert_geq(group_make(&s, 4, 2, "fixed", "all", "author", text, &e), 0, "%s", e.msg);
    cr_assert_eq(sweep_arms(s, PREFIX_ALIGNMENT), 3);
    cr_assert(sweep_ends(s, 0, 0, &none, &all) && none == 0 && all == 1);
    study_free(s);
}

/* ---- other choices ---- */

static const json_t *choice(const json_t *tree, const char *name) {
    size_t i;
    json_t *x;
    json_array_foreach(json_object_get(tree, "sensitivity"), i, x) if (!strcmp(word(x, "variant"), name)) return x;
    cr_assert_fail("no choice \"%s\"", name);
    return NULL;
}

/* Reported in units that are not the usual ones, a choice is the report in which only that one is another. */
Test(study_page_report, a_choice_changes_one_thing) {
    struct ground g;
    lay(&g, "choices", TWO, "");
    const struct metric_opts o = {.monologue = UNIT_ACTS, .raw = 1};
    json_t *tree = report_of(&g, &(struct report_opts){.reference = {.own = 1, .o = o}}),
           *per = report_of(&g, &(struct report_opts){.reference = {.own = 1, .o = {.monologue = UNIT_ACTS}}}),
           *words = report_of(&g, &(struct report_opts){.reference = {.own = 1, .o = {.monologue = UNIT_WORDS, .raw = 1}}});
    cr_assert_float_eq(value(choice(tree, "hits per 1,000 instead of raw"), "cpi"), value(at(per, "effects", 0), "cpi"), 1e-9);
    cr_assert_float_eq(value(choice(tree, "monologue as share of words instead of acts"), "cpi"),
                       value(at(words, "effects", 0), "cpi"), 1e-9);
    choice(tree, "monologue as share of graphemes instead of acts");
    cr_assert_str_eq(word(json_object_get(tree, "reference"), "hits"), "raw");
    char *page = page_of(tree);
    holds(page, "made anew of the runs so counted");
    lacks(page, "hits per 1,000\"");
    free(page);
    json_decref(tree), json_decref(per), json_decref(words), clear(&g);
}

/* A reference that does not follow from the archive stays where kinds are not counted, as it does for single words; the page says so. */
Test(study_page_report, a_given_reference_stays_for_kinds_and_words) {
    struct ground g;
    struct reference r;
    struct err e = ERR_INIT;
    lay(&g, "given", TWO, "");
    cr_assert_geq(reference_make(&r, &g.c, &(struct metric_opts){0}, &e), 0);
    json_t *given = reference_json(&r, g.s), *own = report_of(&g, NULL),
           *fixed = report_of(&g, &(struct report_opts){.reference.given = given, .scope = 1 + SCOPE_LANGUAGE});
    double made = value(choice(own, "no protective: harmony"), "cpi"),
           stays = value(choice(fixed, "no protective: harmony"), "cpi");
    cr_assert(isfinite(made) && isfinite(stays) && fabs(made - stays) > 1e-9, "%g and %g", made, stays);
    char *page = page_of(fixed);
    holds(page, "stand on, which does not move"), holds(page, "z within the language"), lacks(page, "z over all runs of the");
    lacks(page, "made anew");
    free(page);
    json_decref(given), json_decref(own), json_decref(fixed);
    reference_free(&r), clear(&g);
}

/* ---- indices that cannot be ---- */

Test(study_page_report, a_part_that_never_varies_is_named) {
    struct ground g;
    lay(&g, "constant", TWO, "hypotheses: [{id: h, metric: di, contrast: [all, none], direction: different}]\n");
    for (int64_t i = 0; i < g.c.n; i++) {
        g.c.run[i].all.hits[METRIC_BOUNDARY] = 0;
        for (int k = 0; k < g.s->n_agents; k++) g.c.run[i].agent[k].hits[METRIC_BOUNDARY] = 0;
    }
    json_t *stats = stats_of(&g, NULL), *tree = report_of(&g, NULL);
    cr_assert(strstr(word(at(stats, "hypotheses", 0), "why"), "boundary is the same in every run"));
    cr_assert(strstr(word(at(stats, "slopes", 0), "why"), "boundary is the same in every run"));
    cr_assert(strstr(word(at(stats, "effects", 0), "why"), "boundary is the same in every run"));
    cr_assert_str_eq(word(at(tree, "constant", 0), "part"), "boundary");
    cr_assert(isnan(value(at(tree, "points", 0), "cpi")) && isfinite(value(at(tree, "points", 0), "conformity")));
    cr_assert(isfinite(value(at(tree, "agents", 0), "monologue")), "agents stay without their indices");
    char *page = page_of(tree);
    holds(page, "CPI and DI are left out"), holds(page, "Conformity by share of aligned agents");
    lacks(page, "CPI by share"), lacks(page, "<section id=\"sensitivity\""), lacks(page, "<section id=\"words\"");
    free(page), json_decref(stats), json_decref(tree), clear(&g);
}

/* ---- conformity and kinds ---- */

Test(study_page_report, conformity_and_kinds_are_measures) {
    struct ground g;
    struct reference r;
    struct err e = ERR_INIT;
    json_t *score, *tree;
    double mean = 0, share = 0;
    lay(&g, "conformity", TWO, "");
    for (int k = 0; k < 5; k++) mean += metric_conformity(&g.c.run[k].all) / 5, share += metric_kind(&g.c.run[k].all, 1, 0) / 5;
    cr_assert_geq(reference_make(&r, &g.c, &(struct metric_opts){0}, &e), 0);
    cr_assert_geq(score_json(&score, &g.c, &r, 0, &e), 0);
    const json_t *cell = at(score, "cells", 0);
    cr_assert_float_eq(json_number_value(json_object_get(json_object_get(cell, "conformity"), "mean")), mean, 1e-12);
    const char *dictionary = metric_dictionary_name(1), *kind = language_dictionary(g.s->language[0], dictionary)->kinds[0];
    const json_t *kinds = json_object_get(json_object_get(cell, "kinds"), dictionary);
    cr_assert_float_eq(json_number_value(json_object_get(json_object_get(kinds, kind), "mean")), share, 1e-12);
    tree = report_of(&g, NULL);
    cr_assert_float_eq(value(at(tree, "points", 0), "conformity"), mean, 1e-12);
    cr_assert(isfinite(value(at(tree, "effects", 0), "conformity")) && isfinite(value(at(tree, "agents", 0), "conformity")));
    size_t i;
    json_t *x;
    double of_one = 0;
    json_array_foreach(json_object_get(tree, "kinds"), i, x) {
        if (strcmp(word(x, "language"), "en") != 0 || strcmp(word(x, "arm"), "none") != 0) continue;
        if (!strcmp(word(x, "dictionary"), "protective")) of_one += value(x, "share");
    }
    cr_assert_float_eq(of_one, 1, 1e-9, "kinds share the hits of their dictionary");
    char *page = page_of(tree);
    holds(page, "Kinds of words"), holds(page, "Conformity by share of aligned agents");
    free(page), json_decref(tree), json_decref(score), reference_free(&r), clear(&g);
}

/* ---- what a verdict stands on ---- */

Test(study_page_report, interactions_and_grounds_reach_the_page) {
    struct ground g;
    lay(&g, "grounds", TWO, "");
    json_t *tree = report_of(&g, NULL);
    cr_assert_eq(json_array_size(json_object_get(tree, "interactions")), 2);
    cr_assert_str_eq(word(at(tree, "interactions", 0), "statistic_name"), "z");
    char *page = page_of(tree);
    holds(page, "<section id=\"interactions\""), holds(page, "Share by language and by model (exploratory)");
    holds(page, "Slopes by language (exploratory)"), holds(page, "Effects by language (exploratory)");
    holds(page, "Every result here is exploratory, since: the archive was begun without a registration.");
    holds(page, "Registration"), holds(page, "of 20 runs; z over all runs");
    free(page), json_decref(tree), clear(&g);
}
