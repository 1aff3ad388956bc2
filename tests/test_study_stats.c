/* Statistics of studies: on runs whose counts are drawn here, so that what is true is known. */
#include "base/rng.h"
#include "stats/infer/effect.h"
#include "study/analyse.h"
#include "study_group.h"
#include "test_files.h"
#include <jansson.h>
#include <math.h>

TestSuite(study_stats, .timeout = 60);

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

/* 300 drawn studies: the interval holds the true value, and nothing is found where nothing is, about as often as they should. */
Test(study_stats, coverage_and_false_rejections) {
    static const char one[] = "replicates: 15\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\nhypotheses: [{id: h, metric: "
                              "monologue, languages: [en], contrast: [all, none], direction: different}]\n";
    struct study *s = group(one);
    int covered = 0, rejected = 0, reps = 300;
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
