/* An archive held against the rules: what planted members did agrees with their rates, and what does not agree is seen. */
#include "stats/stats.h"
#include "study/council_check.h"
#include "study/council_documents.h"
#include "study/metric.h"
#include "study/scene.h"
#include "study_council.h"
#include <jansson.h>
#include <math.h>

TestSuite(study_council_check, .timeout = HANG_S);

/* What the check says of an archive, with the study and the rates that it holds. */
static void check_archive(const char *path, struct council_checked *c, json_t **j) {
    struct council_rates r;
    struct archive *a;
    struct study *s;
    OK(archive_open(&a, path, ARCHIVE_READ, &e));
    OK(study_from_archive(&s, a, NULL, &e));
    OK(council_rates_read(&r, s, &e));
    OK(council_check(c, s, &r, a, &e));
    OK(council_check_json(j, c, s, a, &e));
    study_free(s);
    archive_close(a);
}

static double number(const json_t *j, const char *a, const char *b) {
    return json_number_value(json_object_get(json_object_get(j, a), b));
}

Test(study_council_check, an_archive_of_planted_members_passes) {
    struct study *s = council_make(COUNCIL_PLANTED);
    struct council_checked c, live = {0};
    struct council_rates r;
    json_t *j;
    play_archive(tmp_path("a"), s, "planted");
    check_archive(tmp_path("a"), &c, &j);
    OK(council_rates_read(&r, s, &e));
    for (int i = 0; i < s->n_cells; i++)
        for (int k = 0; k < s->cell[i].replicates; k++) {
            struct scene *sc;
            OK(scene_open(&sc, s, &s->cell[i], k, &e));
            OK(council_play(sc, &r, &e));
            OK(council_count_run(&live, &r, sc, &e));
            scene_free(sc);
        }
    cr_assert(!memcmp(c.of, live.of, sizeof c.of), "the archive says what the same runs say when they are played");
    cr_assert_eq(c.runs, study_runs(s));
    cr_assert_eq(number(j, "form", "all"), 1);
    for (int l = 0; l < 2; l++)
        for (int p = 0; p <= PREFIXES; p++)
            for (int m = 0; m < COUNCIL_MEASURES; m++) {
                const struct council_count *x = &c.of[l][p][m];
                struct interval ci = wilson(x->k, x->n, 4);
                double rule = x->expected / (double)x->n;
                cr_assert_gt(x->n, 50);
                cr_expect(rule >= ci.lo && rule <= ci.hi, "%d %d %s: %g not in [%g, %g]", l, p,
                          council_measure_name((enum council_measure)m), rule, ci.lo, ci.hi);
                if (m == MEASURE_NOTE || m == MEASURE_LINE) cr_expect_eq(x->k, x->n);
            }
    cr_expect_lt(number(j, "largest_gap", "gap"), 0.15);
    cr_assert(json_is_true(json_object_get(j, "planted")));
    json_decref(j);
    study_free(s);
}

Test(study_council_check, other_rates_are_seen) {
    struct study *s = council_make(COUNCIL_PLANTED);
    struct council_rates play, rules;
    struct council_checked c = {0};
    OK(council_rates_read(&rules, s, &e));
    play = rules;
    play.of[0][PREFIXES][RATE_CONFORM] += 0.3;
    for (int k = 0; k < 100; k++) {
        struct scene *sc;
        OK(scene_open(&sc, s, &s->cell[0], k, &e));
        OK(council_play(sc, &play, &e));
        OK(council_count_run(&c, &rules, sc, &e));
        scene_free(sc);
    }
    const struct council_count *x = &c.of[0][PREFIXES][MEASURE_CONFORM];
    cr_assert_gt(x->n, COUNCIL_EVENTS);
    cr_expect_float_eq((double)x->k / (double)x->n - x->expected / (double)x->n, 0.3, 0.07);
    x = &c.of[0][PREFIXES][MEASURE_PERSUADED];
    cr_expect_float_eq((double)x->k / (double)x->n, 0.2, 0.08);
    study_free(s);
}

Test(study_council_check, ill_formed_replies_are_counted) {
    struct str more = {0};
    struct council_checked c;
    json_t *j;
    str_printf(&more, "%s  malformed: 0.2\n  refused: 0.1\n", COUNCIL_PLANTED);
    struct study *s = council_make(more.s);
    play_archive(tmp_path("a"), s, "planted");
    check_archive(tmp_path("a"), &c, &j);
    /* one that is asked again counts as ill formed; refusals are not asked again */
    cr_expect_float_eq(number(j, "form", "all"), 0.7, 0.03);
    cr_expect_float_eq(number(j, "form", "values"), 0.7 + 0.2 * 0.7, 0.03);
    cr_expect_eq((int64_t)number(j, "form", "replies"), study_runs(s) * s->n_agents * s->n_turns);
    for (int l = 0; l < 2; l++) cr_expect_eq(c.of[l][PREFIXES][MEASURE_NOTE].k, c.of[l][PREFIXES][MEASURE_NOTE].n);
    json_decref(j);
    study_free(s);
    str_free(&more);
}

Test(study_council_check, gaps_of_cells_without_what_chance_explains) {
    struct study *s = council_make(COUNCIL_PLANTED);
    struct council_checked c = {0};
    struct archive *a;
    json_t *j;
    c.of[0][PREFIXES][MEASURE_CONFORM] = (struct council_count){.n = 1000, .k = 600, .expected = 500};
    c.of[1][PREFIXES][MEASURE_CONFORM] = (struct council_count){.n = 1001, .k = 500, .expected = 520.52};
    c.of[1][PREFIX_PLACEBO][MEASURE_CONFORM] = (struct council_count){.n = 99, .k = 99, .expected = 0};
    c.of[0][PREFIXES][MEASURE_PERSUADED] = (struct council_count){.n = 400, .k = 200, .expected = 200};
    OK(archive_open(&a, tmp_path("a"), ARCHIVE_WRITE, &e));
    struct council_rates r;
    OK(council_rates_read(&r, s, &e));
    struct council_checked none;
    OK(council_check(&none, s, &r, a, &e));
    OK(council_check_json(&j, &c, s, a, &e));
    json_t *of = json_object_get(json_object_get(j, "spread"), "conform");
    double p = 500 / 1001.0, gap = p - 520.52 / 1001;
    double left = 0.1 * 0.1 - 0.6 * 0.4 / 999 + gap * gap - p * (1 - p) / 1000;
    cr_expect_eq((int)json_integer_value(json_object_get(of, "cells")), 2);
    cr_expect_eq((int)json_integer_value(json_object_get(of, "near")), 1);
    cr_expect_float_eq(json_number_value(json_object_get(of, "sd")), sqrt(left / 2), 1e-12);
    of = json_object_get(json_object_get(j, "spread"), "persuaded");
    cr_expect_eq(json_number_value(json_object_get(of, "sd")), 0, "less than chance is none");
    cr_expect(json_is_null(json_object_get(json_object_get(j, "spread"), "misreport")));
    json_decref(j);
    archive_close(a);
    study_free(s);
}

Test(study_council_check, runs_under_way_count_as_far_as_they_went_and_other_studies_not_at_all) {
    struct study *s = council_make(COUNCIL_PLANTED);
    struct council_checked c;
    struct council_rates r;
    struct archive *a;
    json_t *j;
    OK(council_rates_read(&r, s, &e));
    OK(archive_open(&a, tmp_path("a"), ARCHIVE_WRITE, &e));
    OK(council_check(&c, s, &r, a, &e));
    cr_assert_eq(c.runs, 0);
    OK(council_check_json(&j, &c, s, a, &e));
    cr_assert(json_is_null(json_object_get(j, "largest_gap")));
    json_decref(j);
    s->council.options = 0;
    cr_assert_eq(council_check(&c, s, &r, a, NULL), ERR_ARG);
    s->council.options = 4;
    archive_close(a);
    study_free(s);
}
