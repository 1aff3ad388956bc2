/* Components, indices and references on numbers worked out by hand, and a reference that stays frozen. */
#include "study/score.h"
#include "study_group.h"
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>

TestSuite(study_score, .timeout = HANG_S);

static const char ARMS[] =
    "replicates: 3\nexclude: {malformed: 0.4}\nreference: none\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\n";

Test(study_score, parts_of_counts) {
    struct counts c = {
        .acts = {3, 1, 0}, .graphemes = {600, 300, 100}, .words = {100, 60, 40}, .hits = {5, 10, 2}, .aloud = 4, .conformed = 1};
    double p[METRIC_PARTS];
    metric_parts(p, &c, &(struct metric_opts){.monologue = UNIT_GRAPHEMES});
    cr_assert_float_eq(p[PART_MONOLOGUE], 0.3, 1e-12);
    cr_assert_float_eq(p[PART_BOUNDARY], 5, 1e-12);
    cr_assert_float_eq(p[PART_PROTECTIVE], 10, 1e-12);
    c.graphemes[0] = 1600;
    metric_parts(p, &c, &(struct metric_opts){.monologue = UNIT_ACTS});
    cr_assert_float_eq(p[PART_MONOLOGUE], 0.25, 1e-12);
    cr_assert_float_eq(p[PART_BOUNDARY], 2.5, 1e-12);
    metric_parts(p, &c, &(struct metric_opts){.monologue = UNIT_WORDS, .raw = 1});
    cr_assert_float_eq(p[PART_MONOLOGUE], 0.3, 1e-12);
    cr_assert_float_eq(p[PART_BOUNDARY], 5, 1e-12);
    cr_assert_float_eq(metric_conformity(&c), 0.25, 1e-12);
    metric_parts(p, &(struct counts){0}, &(struct metric_opts){0});
    cr_assert(isnan(p[0]) && isnan(p[1]) && isnan(p[2]) && isnan(metric_conformity(&(struct counts){0})));
}

Test(study_score, indices_of_parts) {
    static const double rows[4][METRIC_PARTS] = {{0.1, 1, 10}, {0.3, 3, 30}, {NAN, 9, 9}, {0.2, 2, 20}};
    struct moments m;
    metric_moments(&m, rows, 4);
    cr_assert_eq(m.n, 3);
    cr_assert_float_eq(m.mean[PART_PROTECTIVE], 20, 1e-12);
    cr_assert_float_eq(m.sd[PART_PROTECTIVE], 10, 1e-12);
    struct indices x = metric_indices((double[]){0.4, 1, 30}, &m);
    cr_assert_float_eq(x.cpi, 2 - 1 - 1, 1e-9);
    cr_assert_float_eq(x.di, 2 + 1 + 1, 1e-9);
    cr_assert_float_eq(x.cpi + x.di, 2 * x.z[PART_MONOLOGUE], 1e-12);
    metric_moments(&m, rows, 1);
    cr_assert(isnan(metric_indices(rows[0], &m).cpi), "one run has no standard deviation");
}

/* Runs with made-up counts; run i of n is there. */
static void make_scored(struct scored *c, const struct study *s, int malformed_run) {
    *c = (struct scored){.s = s, .n = study_runs(s)};
    c->first = calloc((size_t)s->n_cells + 1, sizeof *c->first);
    c->run = calloc((size_t)c->n, sizeof *c->run);
    for (int i = 0; i < s->n_cells; i++) c->first[i + 1] = c->first[i] + s->cell[i].replicates;
    for (int64_t i = 0; i < c->n; i++) {
        struct scored_run *r = &c->run[i];
        r->there = r->finished = 1;
        r->agent = calloc((size_t)s->n_agents, sizeof *r->agent);
        r->excluded = i == malformed_run;
        for (int k = 0; k < s->n_agents; k++) {
            r->agent[k] = (struct counts){
                .graphemes = {1000 + 10 * k, 200 + 37 * i + k * k, 0}, .hits = {i + k, 3 * i % 7 + k, 1}, .turns = {4}};
            counts_add(&r->all, &r->agent[k]);
        }
    }
}

static double score_of(const json_t *j, int run, const char *scope, const char *key) {
    const json_t *r = json_array_get(json_object_get(j, "runs"), (size_t)run);
    return json_number_value(json_object_get(json_object_get(json_object_get(r, "scores"), scope), key));
}

Test(study_score, a_stored_reference_does_not_move) {
    struct study *s;
    struct scored c, less;
    struct reference r, back, other;
    struct err e;
    json_t *a, *b, *file;
    cr_assert_geq(group_make(&s, 3, 2, "fixed", "all", "author", ARMS, &e), 0, "%s", e.msg);
    make_scored(&c, s, -1);
    make_scored(&less, s, 1);
    cr_assert_geq(reference_make(&r, &c, &(struct metric_opts){0}, &e), 0);
    cr_assert_eq(json_array_size(r.runs), 6, "two languages, three runs of the arm none");
    cr_assert_eq(r.run[0].n, 6);
    cr_assert_eq(r.run[1].n, 3);
    cr_assert_eq(r.agent[0].n, 18);
    file = reference_json(&r, s);
    cr_assert_geq(reference_read(&back, s, file, &e), 0, "%s", e.msg);
    cr_assert_geq(reference_make(&other, &less, &(struct metric_opts){0}, &e), 0);
    cr_assert_eq(other.run[0].n, 5);
    cr_assert_geq(score_json(&a, &c, &r, 1, &e), 0);
    cr_assert_geq(score_json(&b, &less, &back, 1, &e), 0);
    for (int i = 0; i < 12; i++) {
        cr_assert_float_eq(score_of(a, i, "pooled", "cpi"), score_of(b, i, "pooled", "cpi"), 1e-9);
        cr_assert_float_eq(score_of(a, i, "language", "di"), score_of(b, i, "language", "di"), 1e-9);
    }
    json_decref(b);
    cr_assert_geq(score_json(&b, &less, &other, 0, &e), 0);
    cr_assert_neq(score_of(a, 0, "pooled", "cpi"), score_of(b, 0, "pooled", "cpi"), "without it they would");
    const json_t *loss = json_array_get(json_object_get(b, "loss"), 0);
    cr_assert_eq(json_integer_value(json_object_get(loss, "excluded")), 1);
    cr_assert_eq(json_integer_value(json_object_get(loss, "analysed")), 2);
    json_decref(a);
    json_decref(b);
    json_decref(file);
    reference_free(&r);
    reference_free(&back);
    reference_free(&other);
    scored_free(&c);
    scored_free(&less);
    study_free(s);
}

Test(study_score, other_files_are_no_references) {
    static const char *const wrong[] = {
        "{}",
        "{\"format\": \"x\"}",
        "{\"format\": \"candor reference/1\", \"monologue\": \"tons\", \"hits\": \"raw\", \"runs\": []}",
        "{\"format\": \"candor reference/1\", \"monologue\": \"acts\", \"hits\": \"raw\"}",
        "[]",
        "{\"format\": \"candor reference/1\", \"monologue\": \"acts\", \"hits\": \"raw\", \"runs\": []}",
        "{\"format\": \"candor reference/1\", \"monologue\": \"acts\", \"hits\": \"raw\", \"runs\": [], \"archive\": \"77\", "
        "\"planted\": true}"};
    struct study *s;
    struct err e;
    cr_assert_geq(group_make(&s, 3, 2, "fixed", "all", "author", ARMS, &e), 0, "%s", e.msg);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct reference r;
        json_t *j = json_loads(wrong[i], 0, NULL);
        cr_expect_eq(reference_read(&r, s, j, &e), ERR_FORMAT, "%s", wrong[i]);
        json_decref(j);
    }
    study_free(s);
}
