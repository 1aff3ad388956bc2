/* Statistics of studies: on runs whose counts are drawn here, so that what is true is known. */
#include "base/rng.h"
#include "stats/dist.h"
#include "stats/infer/effect.h"
#include "study/analyse.h"
#include "study/planted.h"
#include "study/score.h"
#include "study_group.h"
#include "test_files.h"
#include <jansson.h>
#include <math.h>

TestSuite(study_stats, .timeout = HANG_S);

#define HEAD "arms: [{id: none}, {id: all, alignment: \"100 %\"}, {id: some, individuation: 1}]\n"
static const char CLAIMS[] =
    "replicates: 15\n" HEAD "hypotheses:\n"
    "  - {id: less, metric: monologue, languages: [en], contrast: [all, none], direction: less}\n"
    "  - {id: greater, metric: monologue, languages: [en], contrast: [all, none], direction: greater}\n"
    "  - {id: permuted, metric: monologue, languages: [en], contrast: [all, none], direction: greater, test: permutation}\n"
    "  - {id: null, metric: boundary, contrast: [all, none], direction: different}\n"
    "  - {id: slope, metric: monologue, languages: [en], slope: alignment, direction: greater}\n"
    "  - {id: reversal, metric: monologue, interaction: alignment, direction: less}\n"
    "  - {id: inside, metric: monologue, agents: individuation, arms: [some], direction: greater}\n";

/* English: the monologue share is `shift` standard deviations higher where all are aligned; Japanese: lower by as much. Agents with
 * individuation have 0.1 more than the others. */
static void draw(struct scored *c, const struct study *s, uint64_t seed, double shift) {
    struct rng g = RNG(seed, 1);
    *c = (struct scored){.s = s, .n = study_runs(s)};
    c->first = calloc((size_t)s->n_cells + 1, sizeof *c->first);
    c->run = calloc((size_t)c->n, sizeof *c->run);
    for (int i = 0; i < s->n_cells; i++) {
        const struct cell *at = &s->cell[i];
        c->first[i + 1] = c->first[i] + at->replicates;
        for (int k = 0; k < at->replicates; k++) {
            struct scored_run *r = &c->run[c->first[i] + k];
            struct seat seats[STUDY_MAX_AGENTS];
            double sign = at->language ? -1 : 1, up = s->arm[at->arm].with[PREFIX_ALIGNMENT] ? sign * shift : 0;
            double mono = 0.4 + 0.05 * (up + rng_normal(&g)), boundary = 10 + rng_normal(&g), protective = 20 + rng_normal(&g);
            r->there = r->finished = 1;
            r->agent = calloc((size_t)s->n_agents, sizeof *r->agent);
            study_cast(s, at, k, seats);
            for (int n = 0; n < s->n_agents; n++) {
                double m = mono + (seats[n].prefixes >> PREFIX_INDIVIDUATION & 1 ? 0.1 : 0) + 0.01 * rng_normal(&g);
                int64_t inner = llrint(1e6 * m);
                r->agent[n].graphemes[CHANNEL_MONOLOGUE] = inner;
                r->agent[n].graphemes[CHANNEL_TALK] = 1000000 - inner;
                r->agent[n].hits[METRIC_BOUNDARY] = llrint(1000 * boundary);
                r->agent[n].hits[METRIC_PROTECTIVE] = llrint(1000 * protective);
                r->agent[n].turns[TURN_OK] = 3;
                counts_add(&r->all, &r->agent[n]);
            }
        }
    }
}

static const json_t *named(const json_t *stats, const char *id) {
    size_t i;
    json_t *h;
    json_array_foreach(json_object_get(stats, "hypotheses"), i,
                       h) if (!strcmp(json_string_value(json_object_get(h, "id")), id)) return h;
    cr_assert_fail("no hypothesis %s", id);
    return NULL;
}
static double value(const json_t *h, const char *key) { return json_number_value(json_object_get(h, key)); }
static int holds(const json_t *stats, const char *id) { return json_is_true(json_object_get(named(stats, id), "holds")); }

static json_t *analyse(const struct scored *c) {
    struct archive *a = NULL;
    json_t *j = NULL;
    OK(archive_open(&a, tmp_path("a"), ARCHIVE_WRITE, &e));
    OK(study_analyse(&j, c, &(struct analyse_opts){0}, a, &e));
    archive_close(a);
    return j;
}

static struct study *group(const char *claims) {
    struct study *s = NULL;
    OK(group_make(&s, 4, 2, "fixed", "all", "author", claims, &e));
    return s;
}

Test(study_stats, what_was_planted_is_found) {
    struct study *s = group(CLAIMS);
    struct scored c;
    draw(&c, s, 11, 2);
    json_t *j = analyse(&c);
    cr_assert(holds(j, "greater") && holds(j, "permuted") && holds(j, "slope") && holds(j, "reversal") && holds(j, "inside"));
    cr_assert_not(holds(j, "less"), "the sign is the other one");
    cr_assert_not(holds(j, "null"));
    cr_assert_float_eq(value(named(j, "inside"), "estimate"), 0.1, 0.01);
    cr_assert_float_eq(value(named(j, "slope"), "estimate"), 0.1, 0.05);
    cr_assert_eq(json_array_size(json_object_get(j, "slopes")), 4);
    cr_assert_str_eq(json_string_value(json_object_get(named(j, "less"), "status")), "exploratory");
    cr_assert_eq(json_array_size(json_object_get(j, "loss")), 6);
    json_decref(j);
    scored_free(&c);
    study_free(s);
}

/* The same numbers through room stats directly; runs that are excluded or not finished are in no test. */
Test(study_stats, contrasts_are_hedges_g_of_analysed_runs) {
    struct study *s = group(CLAIMS);
    struct scored c;
    double x[30], parts[METRIC_PARTS];
    size_t n[2] = {0}, at = 0;
    struct effect g;
    draw(&c, s, 12, 1);
    c.run[0].excluded = 1, c.run[1].finished = 0;
    for (int arm = 1; arm >= 0; arm--)
        for (int i = 0; i < s->n_cells; i++)
            for (int k = 0; k < 15 && s->cell[i].arm == arm && s->cell[i].language == 0; k++) {
                const struct scored_run *r = &c.run[c.first[i] + k];
                if (!scored_in(r)) continue;
                metric_parts(parts, &r->all, &(struct metric_opts){.monologue = UNIT_GRAPHEMES});
                x[at++] = parts[PART_MONOLOGUE], n[arm]++;
            }
    cr_assert_eq(n[0] + n[1], 28);
    OK(hedges_g(&g, x, n[1], n[0], 0.95, &e));
    json_t *j = analyse(&c);
    const json_t *h = named(j, "greater"), *ci = json_object_get(h, "ci95");
    cr_assert_float_eq(value(h, "g"), g.g, 1e-12);
    cr_assert_float_eq(json_number_value(json_array_get(ci, 0)), g.ci.lo, 1e-12);
    cr_assert_float_eq(json_number_value(json_array_get(ci, 1)), g.ci.hi, 1e-12);
    cr_assert_eq(json_array_size(json_object_get(j, "why_exploratory")), 2, "no registration, and a run is missing");
    json_decref(j);
    scored_free(&c);
    study_free(s);
}

/* Too few runs give words, not an error. */
Test(study_stats, what_cannot_be_computed_is_said) {
    struct study *s = group(CLAIMS);
    struct scored c;
    draw(&c, s, 13, 1);
    for (int64_t i = 0; i < c.n; i++) c.run[i].finished = 0;
    json_t *j = analyse(&c);
    cr_assert(json_is_null(json_object_get(named(j, "greater"), "g")));
    cr_assert_str_neq(json_string_value(json_object_get(named(j, "greater"), "why")), "");
    cr_assert_str_neq(json_string_value(json_object_get(named(j, "slope"), "why")), "");
    cr_assert_not(holds(j, "slope"));
    json_decref(j);
    scored_free(&c);
    study_free(s);
}

/* What is claimed of two languages is not tested on the one that has an index. */
Test(study_stats, an_index_that_one_language_lacks_is_said) {
    static const char claims[] =
        "replicates: 15\n" HEAD "hypotheses:\n"
        "  - {id: both, metric: cpi, contrast: [all, none], direction: different, scope: language}\n"
        "  - {id: en, metric: cpi, languages: [en], contrast: [all, none], direction: different, scope: language}\n"
        "  - {id: words, metric: boundary, contrast: [all, none], direction: different, scope: language}\n";
    struct study *s = group(claims);
    struct scored c;
    draw(&c, s, 14, 1);
    for (int i = 0; i < s->n_cells; i++)
        for (int k = c.first[i]; s->cell[i].language == 1 && k < c.first[i + 1]; k++) c.run[k].all.hits[METRIC_PROTECTIVE] = 0;
    json_t *j = analyse(&c);
    cr_assert(json_is_null(json_object_get(named(j, "both"), "p")));
    cr_assert(strstr(json_string_value(json_object_get(named(j, "both"), "why")), "protective is the same in every run of the "
                                                                                  "reference of ja"));
    cr_assert_str_eq(json_string_value(json_object_get(named(j, "en"), "why")), "");
    double p = value(named(j, "en"), "p"), q = value(named(j, "words"), "p");
    cr_assert_float_eq(value(named(j, p < q ? "en" : "words"), "p_adjusted"), fmin(1, 3 * fmin(p, q)), 1e-12,
                       "Holm over all three that were claimed");
    json_decref(j);
    scored_free(&c);
    study_free(s);
}

/* An analysed run in which nothing was said has no value; it is counted, and the others keep theirs. */
Test(study_stats, runs_without_a_value_are_counted) {
    struct study *s = group(CLAIMS);
    struct scored c;
    draw(&c, s, 15, 1);
    struct reference r;
    json_t *score;
    for (int i = 0; i < s->n_cells; i++)
        if (s->cell[i].arm == 1 && s->cell[i].language == 0) {
            struct scored_run *run = &c.run[c.first[i]];
            memset(&run->all, 0, sizeof run->all);
            for (int k = 0; k < s->n_agents; k++) memset(&run->agent[k], 0, sizeof run->agent[k]);
            run->all.turns[TURN_REFUSED] = 3 * s->n_agents;
        }
    json_t *j = analyse(&c);
    const json_t *h = named(j, "greater");
    cr_assert_eq(value(h, "without_value"), 1);
    cr_assert_eq(json_integer_value(json_array_get(json_object_get(h, "n"), 0)), 14);
    cr_assert_eq(value(named(j, "inside"), "without_value"), 0);
    OK(reference_make(&r, &c, &(struct metric_opts){.monologue = UNIT_GRAPHEMES}, &e));
    OK(score_json(&score, &c, &r, 0, &e));
    size_t i, silent = 0;
    json_t *cell;
    json_array_foreach(json_object_get(score, "loss"), i, cell) silent += (size_t)value(cell, "silent");
    cr_assert_eq(silent, 1);
    json_array_foreach(json_object_get(score, "cells"), i, cell) {
        cr_assert(json_is_real(json_object_get(json_object_get(cell, "monologue"), "mean")));
        cr_assert(json_is_real(
            json_object_get(json_object_get(json_object_get(json_object_get(cell, "scores"), "pooled"), "cpi"), "mean")));
    }
    json_decref(score), json_decref(j);
    reference_free(&r), scored_free(&c);
    study_free(s);
}

/* A share as large as the limit is not larger, whatever 0.29 is in binary. */
Test(study_stats, a_run_at_the_limit_is_not_excluded) {
    struct study *s = group("replicates: 1\n" HEAD "exclude: {malformed: 0.29}\n");
    for (int more = 0; more < 2; more++) {
        struct scored_run run = {.there = 1, .finished = 1, .agent = calloc((size_t)s->n_agents, sizeof *run.agent)};
        struct scored c = {.s = s, .n = 1, .run = &run};
        run.agent[0].turns[TURN_MALFORMED] = 29 + more, run.agent[1].turns[TURN_OK] = 71 - more;
        scored_finish(&c);
        cr_assert_eq(run.excluded, more);
        free(run.agent);
    }
    study_free(s);
}

/* 200 drawn studies: the interval holds the true value, and nothing is found where nothing is, about as often as they should. */
Test(study_stats, coverage_and_false_rejections) {
    static const char one[] = "replicates: 15\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\nhypotheses: [{id: h, metric: "
                              "monologue, languages: [en], contrast: [all, none], direction: different}]\n";
    struct study *s = group(one);
    int covered = 0, rejected = 0, reps = 200;
    for (int i = 0; i < 2 * reps; i++) {
        struct scored c;
        double d = i < reps ? 1 : 0;
        draw(&c, s, (uint64_t)i + 100, d);
        json_t *j = analyse(&c);
        const json_t *h = named(j, "h"), *ci = json_object_get(h, "ci95");
        covered += json_number_value(json_array_get(ci, 0)) <= d && d <= json_number_value(json_array_get(ci, 1));
        rejected += d == 0 && json_is_true(json_object_get(h, "holds"));
        json_decref(j);
        scored_free(&c);
    }
    double coverage = covered / (2.0 * reps), rate = rejected / (double)reps;
    cr_log_info("coverage %.3f, rejected %.3f", coverage, rate);
    cr_assert(coverage > 0.92 && coverage < 0.98, "%.3f", coverage);
    cr_assert(rate > 0.015 && rate < 0.09, "%.3f", rate);
    study_free(s);
}

/* ---- equivalence ---- */

#define BOTH(id, rest)                                                    \
    "  - {id: " id "-differs, " rest ", direction: different}\n"          \
    "  - {id: " id "-near, " rest ", direction: equivalent, margin: 2}\n" \
    "  - {id: " id "-far, " rest ", direction: equivalent, margin: 0.001, alpha: 0.1}\n"
static const char ALIKE[] = "replicates: 15\n" HEAD "hypotheses:\n" BOTH("contrast", "metric: boundary, contrast: [all, none]")
    BOTH("slope", "metric: boundary, languages: [en], slope: alignment")
        BOTH("between", "metric: boundary, interaction: alignment")
            BOTH("inside", "metric: monologue, agents: individuation, arms: [some]");

/* Against what the test of a difference says of the same data: the standard error is its estimate over its statistic. */
static void equals_two_one_sided(const json_t *differs, const json_t *alike, const char *id) {
    double m = value(alike, "margin"), x = value(differs, "estimate"), se = x / value(differs, "statistic");
    double df = json_is_number(json_object_get(differs, "df")) ? value(differs, "df") : INFINITY;
    double p = fmax(t_upper((x + m) / se, df), t_cdf((x - m) / se, df)), half = se * t_quantile(1 - value(alike, "alpha"), df);
    const json_t *within = json_object_get(alike, "within");
    double lo = json_number_value(json_array_get(within, 0)), hi = json_number_value(json_array_get(within, 1));
    cr_expect_eq(value(alike, "estimate"), x, "%s", id);
    cr_expect_float_eq(value(alike, "p"), p, 1e-9, "%s: %g for %g", id, value(alike, "p"), p);
    cr_expect(fabs(lo - (x - half)) < 1e-9 && fabs(hi - (x + half)) < 1e-9, "%s: [%g, %g]", id, lo, hi);
    cr_expect_eq(-m < lo && hi < m, p < value(alike, "alpha"), "%s: the interval is inside exactly when p is below alpha", id);
    cr_expect_float_eq(value(alike, "directional_p"), value(alike, "p_adjusted"), 0, "%s", id);
}

Test(study_stats, equivalence_is_two_one_sided_tests) {
    static const char *const ids[] = {"contrast", "slope", "between", "inside"};
    struct study *s = group(ALIKE);
    struct scored c;
    draw(&c, s, 17, 0);
    json_t *j = analyse(&c);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char differs[40], near[40], far[40];
        snprintf(differs, sizeof differs, "%s-differs", ids[i]);
        snprintf(near, sizeof near, "%s-near", ids[i]);
        snprintf(far, sizeof far, "%s-far", ids[i]);
        equals_two_one_sided(named(j, differs), named(j, near), near);
        equals_two_one_sided(named(j, differs), named(j, far), far);
        cr_expect(holds(j, near) && !holds(j, far), "%s", ids[i]);
        cr_expect(!json_object_get(named(j, differs), "margin") && !json_object_get(named(j, differs), "within"));
    }
    json_decref(j);
    scored_free(&c);
    study_free(s);
}

/* 200 drawn studies each: a difference as large as the margin passes for none no more often than alpha; none at all does nearly always. */
Test(study_stats, equivalence_holds_its_level) {
    static const char one[] = "replicates: 15\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\nhypotheses: [{id: h, metric: "
                              "monologue, languages: [en], contrast: [all, none], direction: equivalent, margin: 0.075}]\n";
    struct study *s = group(one);
    int held[2] = {0}, reps = 200;
    for (int i = 0; i < 2 * reps; i++) {
        struct scored c;
        draw(&c, s, (uint64_t)i + 900, i < reps ? 1.5 : 0);
        json_t *j = analyse(&c);
        held[i >= reps] += holds(j, "h");
        json_decref(j);
        scored_free(&c);
    }
    cr_log_info("equivalent at the margin: %d of %d; without a difference: %d", held[0], reps, held[1]);
    cr_expect(held[0] >= 2 && held[0] <= 20, "%d", held[0]);
    cr_expect(held[1] > 190, "%d", held[1]);
    study_free(s);
}

/* ---- several models ---- */

static const char MODELS_HEAD[] =
    "candor: study/1\nid: models\nseed: 7\nlanguages: [en, ja]\nmodels: [{id: a}, {id: b}, {id: c}]\n"
    "group: {agents: 4, turns: 2, order: fixed, context: all}\nreplicates: 15\n"
    "arms: [{id: none}, {id: all, alignment: \"100 %\"}]\n";

static struct study *of_models(const char *more) {
    struct study *s = NULL;
    struct str b = {0};
    str_printf(&b, "%s%s", MODELS_HEAD, more);
    OK(group_parse(&s, b.s, &e));
    str_free(&b);
    return s;
}

/* Monologue with an effect for each model (in standard deviations), and a level of its own. */
static void draw_models(struct scored *c, const struct study *s, uint64_t seed, const double *effect) {
    struct rng g = RNG(seed, 2);
    *c = (struct scored){.s = s, .n = study_runs(s)};
    c->first = calloc((size_t)s->n_cells + 1, sizeof *c->first);
    c->run = calloc((size_t)c->n, sizeof *c->run);
    for (int i = 0; i < s->n_cells; i++) {
        const struct cell *at = &s->cell[i];
        c->first[i + 1] = c->first[i] + at->replicates;
        for (int k = c->first[i]; k < c->first[i + 1]; k++) {
            struct scored_run *r = &c->run[k];
            double up = s->arm[at->arm].with[PREFIX_ALIGNMENT] ? effect[at->model] : 0;
            double mono = 0.3 + 0.1 * at->model + 0.05 * (up + rng_normal(&g));
            r->there = r->finished = 1;
            r->agent = calloc((size_t)s->n_agents, sizeof *r->agent);
            r->all.graphemes[CHANNEL_MONOLOGUE] = llrint(1e6 * mono);
            r->all.graphemes[CHANNEL_TALK] = 1000000 - r->all.graphemes[CHANNEL_MONOLOGUE];
            r->all.hits[METRIC_BOUNDARY] = llrint(1e4 + 1e3 * rng_normal(&g));
            r->all.hits[METRIC_PROTECTIVE] = llrint(2e4 + 1e3 * rng_normal(&g));
            r->all.turns[TURN_OK] = 8;
        }
    }
}

static const char CLAIMS_OF_MODELS[] =
    "hypotheses:\n"
    "  - {id: slope, metric: monologue, languages: [en], slope: alignment, direction: greater}\n"
    "  - {id: alone, metric: monologue, languages: [en], models: [c], slope: alignment, direction: less}\n"
    "  - {id: all-three, metric: monologue, languages: [en], interaction: alignment, by: model, direction: different}\n"
    "  - {id: two, metric: monologue, interaction: alignment, by: model, models: [a, c], direction: less}\n"
    "  - {id: languages, metric: monologue, interaction: alignment, direction: different}\n";

static const char *formula_of(const json_t *stats, const char *id) {
    return json_string_value(json_object_get(named(stats, id), "formula"));
}

/* An effect that two models have and the third has the other way round: found as a difference between models, in the model itself, and the
 * levels of the models do not hide the slope. */
Test(study_stats, models_that_differ_are_told_apart) {
    struct study *s = of_models(CLAIMS_OF_MODELS);
    struct scored c;
    draw_models(&c, s, 21, (double[]){2, 2, -2});
    json_t *j = analyse(&c);
    cr_assert_str_eq(formula_of(j, "slope"), "y ~ share + model + (1 | replicate)");
    cr_assert_str_eq(formula_of(j, "alone"), "y ~ share + (1 | replicate)");
    cr_assert_str_eq(formula_of(j, "two"), "y ~ share * model + language + (1 | replicate)");
    cr_assert_str_eq(formula_of(j, "languages"), "y ~ share * language + model + (1 | replicate)");
    cr_assert(holds(j, "alone") && holds(j, "all-three") && holds(j, "two"));
    cr_assert_not(holds(j, "languages"));
    cr_assert_float_eq(value(named(j, "slope"), "estimate"), 0.1 * 2 / 6, 0.04);
    cr_assert_float_eq(value(named(j, "two"), "estimate"), -0.2, 0.05);
    cr_assert_eq(value(named(j, "all-three"), "df"), 2);
    const json_t *slopes = json_object_get(j, "slopes"), *effects = json_object_get(j, "effects");
    cr_assert_eq(json_array_size(slopes), 16, "two metrics, two languages, three models and all");
    cr_assert(json_is_null(json_object_get(json_array_get(slopes, 0), "model")));
    cr_assert_eq(json_array_size(json_object_get(j, "interactions")), 6);
    cr_assert_eq(json_array_size(effects), 12);
    double third = value(json_array_get(effects, 2), "g");
    for (size_t i = 0; i < 2; i++) cr_assert_gt(value(json_array_get(effects, i), "g"), third + 0.7);
    json_decref(j);
    scored_free(&c);
    draw_models(&c, s, 22, (double[]){1, 1, 1});
    j = analyse(&c);
    cr_assert(holds(j, "slope"), "levels twice as far apart as the effect do not hide it");
    cr_assert_float_eq(value(named(j, "slope"), "estimate"), 0.05, 0.025);
    json_decref(j);
    scored_free(&c);
    study_free(s);
}

/* Models that have one effect: the interaction is found about as often as chance has it. */
Test(study_stats, equal_models_are_not_told_apart) {
    struct study *s = of_models("hypotheses: [{id: h, metric: monologue, languages: [en], interaction: alignment, by: model, "
                                "direction: different}]\n");
    int found = 0, reps = 100;
    for (int i = 0; i < reps; i++) {
        struct scored c;
        draw_models(&c, s, (uint64_t)i + 500, (double[]){1, 1, 1});
        json_t *j = analyse(&c);
        found += holds(j, "h");
        json_decref(j);
        scored_free(&c);
    }
    cr_assert(found <= 14, "%d of %d", found, reps);
    study_free(s);
}

Test(study_stats, interactions_of_models_are_checked) {
    static const struct {
        const char *claim, *why;
    } wrong[] = {
        {"interaction: alignment, by: model, models: [a], direction: less", "two models or more"},
        {"interaction: alignment, by: model, direction: less", "three models or more"},
        {"interaction: alignment, by: arm, direction: different", "by"},
        {"slope: alignment, by: model, direction: less", "with interaction and nowhere else"},
        {"interaction: alignment, languages: [en], direction: less", "two languages or more"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct str b = {0};
        struct study *s;
        struct err e;
        str_printf(&b, "%shypotheses: [{id: h, metric: cpi, %s}]\n", MODELS_HEAD, wrong[i].claim);
        cr_assert_eq(group_parse(&s, b.s, &e), ERR_FORMAT, "%s", wrong[i].claim);
        cr_assert(strstr(e.msg, wrong[i].why), "%s: %s", wrong[i].claim, e.msg);
        str_free(&b);
    }
}

/* From planted agents to claims: what is planted for one model is found in that one, and the reversal between the two. */
Test(study_stats, effects_planted_by_model_are_found) {
    static const char text[] =
        "candor: study/1\nid: by-model\nseed: 3\nlanguages: [en]\nmodels: [{id: a}, {id: b}]\n"
        "group: {agents: 4, turns: 2, order: fixed, context: all}\nreplicates: 12\n"
        "arms: [{id: none}, {id: all, alignment: \"100 %\"}]\nhypotheses:\n"
        "  - {id: in-a, metric: cpi, models: [a], contrast: [all, none], direction: less, scope: model}\n"
        "  - {id: in-b, metric: cpi, models: [b], contrast: [all, none], direction: greater, scope: model}\n"
        "  - {id: differ, metric: cpi, interaction: alignment, by: model, direction: greater, scope: model}\n"
        "planted: {effects: {en: {cpi: -2.5}, models: {b: {en: {cpi: 2.5}}}}}\n";
    struct study *s = NULL;
    struct planted p;
    struct scored c;
    struct backend *b = NULL;
    struct archive *a = NULL;
    struct runner_progress done;
    json_t *j = NULL;
    OK(group_parse(&s, text, &e));
    OK(planted_read(&p, s, &e));
    OK(planted_open(&b, &p, s, &e));
    OK(archive_open(&a, tmp_path("by-model"), ARCHIVE_WRITE, &e));
    OK(runner_run(s, a, b, &(struct runner_opts){0}, &done, &e));
    OK(scored_read(&c, s, a, 2, &e));
    OK(study_analyse(&j, &c, NULL, a, &e));
    cr_assert(holds(j, "in-a") && holds(j, "in-b") && holds(j, "differ"));
    json_decref(j);
    scored_free(&c);
    backend_close(b);
    archive_close(a);
    study_free(s);
}
