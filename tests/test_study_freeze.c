/* References that an archive keeps: scores that do not move when runs are added, and facts that do not move when scores are. */
#include "study/analyse.h"
#include "study/freeze.h"
#include "study/planted.h"
#include "study/report.h"
#include "study/terms.h"
#include "study_files.h"
#include "study_group.h"
#include <jansson.h>
#include <math.h>

TestSuite(study_freeze, .timeout = HANG_S);

static const char MORE[] = "replicates: 4\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\n"
                           "hypotheses: [{id: h, metric: cpi, languages: [en], contrast: [all, none], direction: less}]\n"
                           "planted: {graphemes: 60, effects: {en: {cpi: -2}}}\n";

static struct study *group(void) {
    struct study *s;
    struct err e;
    cr_assert_geq(group_make(&s, 3, 2, "fixed", "all", "author", MORE, &e), 0, "%s", e.msg);
    return s;
}

struct patience {
    int64_t runs;
};
static int64_t runs_done;
static void note_runs(void *ctx, const struct runner_progress *p) {
    (void)ctx;
    runs_done = p->runs_done;
}
static int enough(void *ctx) { return runs_done >= ((struct patience *)ctx)->runs; }

/* Planted agents, until so many runs are there. */
static void run_until(const struct study *s, const char *path, int64_t runs) {
    struct patience p = {runs};
    struct planted planted;
    struct runner_progress done;
    struct backend *b;
    struct archive *a;
    struct err e = ERR_INIT;
    runs_done = 0;
    cr_assert_geq(planted_read(&planted, s, &e), 0);
    cr_assert_geq(planted_open(&b, &planted, s, &e), 0);
    cr_assert_geq(archive_open(&a, path, ARCHIVE_WRITE, &e), 0, "%s", e.msg);
    int rc =
        runner_run(s, a, b, &(struct runner_opts){.interleave = 1, .stop = enough, .progress = note_runs, .ctx = &p}, &done, &e);
    cr_assert(rc == 0 || rc == ERR_CANCELLED, "%s", e.msg);
    cr_assert_geq(archive_seal(a, &e), 0, "%s", e.msg);
    backend_close(b);
    archive_close(a);
}

struct opened_archive {
    struct archive *a;
    struct scored c;
};
static void look_at(struct opened_archive *x, const struct study *s, const char *path, enum archive_mode mode) {
    struct err e = ERR_INIT;
    cr_assert_geq(archive_open(&x->a, path, mode, &e), 0, "%s", e.msg);
    cr_assert_geq(scored_read(&x->c, s, x->a, 2, &e), 0, "%s", e.msg);
}
static void leave(struct opened_archive *x) {
    scored_free(&x->c);
    archive_close(x->a);
}

static json_t *scores(struct opened_archive *x, const struct reference_choice *w, enum reference_from from) {
    struct reference r;
    enum reference_from is;
    struct err e = ERR_INIT;
    json_t *j;
    cr_assert_geq(reference_choose(&r, &is, w, &x->c, x->a, &e), 0, "%s", e.msg);
    cr_assert_eq(is, from, "from %s", reference_from_name(is));
    cr_assert_geq(score_json(&j, &x->c, &r, 0, &e), 0);
    reference_free(&r);
    return j;
}

/* The CPI of a run, by its key. */
static double cpi_of(const json_t *j, const char *key) {
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(j, "runs"), i, r) {
        const json_t *scope = json_object_get(json_object_get(r, "scores"), "pooled");
        if (!strcmp(json_string_value(json_object_get(r, "run")), key)) return json_number_value(json_object_get(scope, "cpi"));
    }
    return NAN;
}

static int freeze_own(struct opened_archive *x, const struct study *s) {
    struct reference r;
    struct err e = ERR_INIT;
    cr_assert_geq(reference_make(&r, &x->c, &(struct metric_opts){0}, &e), 0);
    int put = reference_freeze(x->a, &r, s, &e);
    cr_assert_geq(put, 0, "%s", e.msg);
    cr_assert_geq(archive_seal(x->a, &e), 0, "%s", e.msg);
    reference_free(&r);
    return put;
}

/* Frozen over six runs, then ten more: the six score as before, to the last bit; the facts are those of an archive that nobody scored. */
Test(study_freeze, added_runs_move_no_score) {
    struct study *s = group();
    struct opened_archive x;
    char path[100], plain[100];
    size_t n, k;
    struct reference_choice usual = {0}, own = {.own = 1};
    path_of(path, sizeof path, "freeze"), path_of(plain, sizeof plain, "freeze-plain");
    remove_all(path), remove_all(plain);
    run_until(s, path, 6);
    look_at(&x, s, path, ARCHIVE_WRITE);
    json_t *before = scores(&x, &usual, FROM_OWN);
    cr_assert_eq(freeze_own(&x, s), 1);
    cr_assert_eq(freeze_own(&x, s), 0, "the same again is not kept twice");
    json_t *same = scores(&x, &usual, FROM_FROZEN);
    cr_assert(json_equal(before, same), "a frozen reference is what it was");
    leave(&x);
    run_until(s, path, 1000);
    look_at(&x, s, path, ARCHIVE_WRITE);
    json_t *after = scores(&x, &usual, FROM_FROZEN), *moved = scores(&x, &own, FROM_OWN);
    cr_assert_eq(json_array_size(json_object_get(after, "runs")), 16);
    size_t i, differ = 0;
    json_t *r;
    json_array_foreach(json_object_get(before, "runs"), i, r) {
        const char *key = json_string_value(json_object_get(r, "run"));
        cr_assert_eq(cpi_of(before, key), cpi_of(after, key), "%s moved", key);
        differ += cpi_of(before, key) != cpi_of(moved, key);
    }
    cr_assert_eq(differ, json_array_size(json_object_get(before, "runs")), "without it all would have");
    cr_assert_eq(freeze_own(&x, s), 1);
    json_t *last = scores(&x, &usual, FROM_FROZEN), *first = scores(&x, &(struct reference_choice){.number = 1}, FROM_FROZEN);
    cr_assert(json_equal(last, moved) && json_equal(first, after), "the later one holds, the earlier one is kept");
    leave(&x);
    run_until(s, plain, 1000);
    char *a = sealed(path, &n), *b = sealed(plain, &k);
    cr_assert(n == k && !memcmp(a, b, n), "freezing moved facts");
    struct archive_report report;
    struct err e = ERR_INIT;
    cr_assert_geq(archive_verify(path, &report, NULL, NULL, &e), 0);
    cr_assert_eq(report.findings, 0);
    json_t *const all[] = {before, same, after, moved, last, first};
    for (int q = 0; q < 6; q++) json_decref(all[q]);
    free(a), free(b);
    remove_all(path), remove_all(plain);
    study_free(s);
}

/* What is given comes first, then what was registered, then what is frozen; units are apart; a number that is not there is said. */
Test(study_freeze, precedence) {
    struct study *s = group();
    struct opened_archive x;
    struct reference r, chosen;
    enum reference_from from;
    struct err e = ERR_INIT;
    char path[100];
    path_of(path, sizeof path, "freeze-first");
    remove_all(path);
    run_until(s, path, 1000);
    look_at(&x, s, path, ARCHIVE_WRITE);
    cr_assert_geq(reference_make(&r, &x.c, &(struct metric_opts){0}, &e), 0);
    json_t *given = reference_json(&r, s);
    cr_assert_eq(freeze_own(&x, s), 1);
    struct reference_choice w = {.given = given};
    cr_assert_geq(reference_choose(&chosen, &from, &w, &x.c, x.a, &e), 0);
    cr_assert_eq(from, FROM_GIVEN);
    reference_free(&chosen);
    w = (struct reference_choice){.o = {.raw = 1}};
    cr_assert_geq(reference_choose(&chosen, &from, &w, &x.c, x.a, &e), 0);
    cr_assert(from == FROM_OWN && chosen.o.raw, "frozen in other units");
    reference_free(&chosen);
    w = (struct reference_choice){.number = 2};
    cr_assert_eq(reference_choose(&chosen, &from, &w, &x.c, x.a, &e), ERR_RANGE);
    w = (struct reference_choice){.number = -1, .o = {.raw = 1}};
    cr_assert_eq(reference_choose(&chosen, &from, &w, &x.c, x.a, &e), ERR_RANGE);
    json_decref(given);
    reference_free(&r);
    leave(&x);
    remove_all(path);
    study_free(s);
}

static int says(const json_t *stats, const char *what) {
    size_t i;
    json_t *w;
    json_array_foreach(json_object_get(stats, "why_exploratory"), i, w) if (strstr(json_string_value(w), what)) return 1;
    return 0;
}
static double estimate(const json_t *stats) {
    return json_number_value(json_object_get(json_array_get(json_object_get(stats, "hypotheses"), 0), "estimate"));
}

/* Statistics stand on the frozen reference and say so where it is of other runs; another scope is another z, and said too. */
Test(study_freeze, statistics_and_report_follow) {
    struct study *s = group();
    struct opened_archive x;
    struct err e = ERR_INIT;
    json_t *frozen, *own, *scope, *tree;
    char path[100];
    path_of(path, sizeof path, "freeze-stats");
    remove_all(path);
    run_until(s, path, 8);
    look_at(&x, s, path, ARCHIVE_WRITE);
    cr_assert_eq(freeze_own(&x, s), 1);
    leave(&x);
    run_until(s, path, 1000);
    look_at(&x, s, path, ARCHIVE_READ);
    cr_assert_geq(study_analyse(&frozen, &x.c, NULL, x.a, &e), 0, "%s", e.msg);
    cr_assert_geq(study_analyse(&own, &x.c, &(struct analyse_opts){.reference.own = 1}, x.a, &e), 0, "%s", e.msg);
    cr_assert_geq(study_analyse(&scope, &x.c, &(struct analyse_opts){.reference.own = 1, .scope = 1 + SCOPE_LANGUAGE}, x.a, &e),
                  0);
    cr_assert(says(frozen, "frozen over other runs") && !says(own, "frozen") && says(scope, "another scope"));
    cr_assert_str_eq(json_string_value(json_object_get(frozen, "reference_from")), "archive");
    cr_assert_eq(json_integer_value(json_object_get(frozen, "reference_runs")), 8);
    cr_assert(estimate(frozen) != estimate(own) && estimate(own) != estimate(scope));
    const struct report_opts o = {.reps = 10, .scope = 1 + SCOPE_LANGUAGE};
    cr_assert_geq(study_report(&tree, x.a, &x.c, &o, &e), 0, "%s", e.msg);
    const json_t *by = json_object_get(tree, "reference");
    cr_assert_str_eq(json_string_value(json_object_get(by, "scope")), "language");
    cr_assert_str_eq(json_string_value(json_object_get(by, "from")), "archive");
    json_decref(tree), json_decref(frozen), json_decref(own), json_decref(scope);
    leave(&x);
    remove_all(path);
    study_free(s);
}

static struct study *group_of_seed(uint64_t seed) {
    struct study *s = group();
    study_reseed(s, seed);
    return s;
}

/* A reference is of this archive by the facts of its runs, not by their keys, which are the same in every archive; also when runs were
 * added since. One that is of planted runs says so wherever it standardises others. */
Test(study_freeze, a_reference_knows_its_archive) {
    struct study *s = group(), *t = group_of_seed(8);
    struct opened_archive x, y;
    struct reference r, other, again;
    struct err e = ERR_INIT;
    char path[100], second[100];
    path_of(path, sizeof path, "freeze-own"), path_of(second, sizeof second, "freeze-other");
    remove_all(path), remove_all(second);
    run_until(s, path, 6), run_until(t, second, 6);
    look_at(&x, s, path, ARCHIVE_READ), look_at(&y, t, second, ARCHIVE_READ);
    cr_assert_geq(reference_make(&r, &x.c, &(struct metric_opts){0}, &e), 0);
    cr_assert_geq(reference_make(&other, &y.c, &(struct metric_opts){0}, &e), 0);
    cr_assert(strlen(r.archive) == DIGEST_HEX - 1 && strcmp(r.archive, other.archive) != 0);
    cr_assert_eq(reference_again(&again, &x.c, &other, &e), 0, "of another archive");
    leave(&x), leave(&y);
    run_until(s, path, 1000);
    look_at(&x, s, path, ARCHIVE_READ);
    cr_assert_eq(reference_again(&again, &x.c, &r, &e), 1, "of the first runs of this one");
    cr_assert(!strcmp(again.archive, r.archive) && !memcmp(&again.run[0], &r.run[0], sizeof r.run[0]));
    json_t *j, *label;
    x.c.planted = 0; /* as if a model had said it */
    cr_assert_geq(score_json(&j, &x.c, &other, 0, &e), 0);
    label = json_object_get(j, "reference_planted");
    cr_assert(json_is_true(label) && json_is_true(json_object_get(json_object_get(j, "reference"), "planted")));
    json_decref(j);
    reference_free(&r), reference_free(&other), reference_free(&again);
    leave(&x);
    remove_all(path), remove_all(second);
    study_free(s), study_free(t);
}
