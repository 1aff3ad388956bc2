/* Who answers: registered and compared; what replies say of themselves; and runs whose calls failed, in the loss. */
#include "study/analyse.h"
#include "study/archive.h"
#include "study/terms.h"
#include "study_files.h"
#include "study_group.h"
#include <jansson.h>

TestSuite(study_answered, .timeout = HANG_S);

static struct err e;
#define OK(x) cr_assert_geq((x), 0, "%s", e.msg)

static const char STUDY[] =
    "replicates: 3\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\nstop: all\ncountries: {en: A, ja: B}\n"
    "hypotheses: [{id: h1, metric: cpi, languages: [en], contrast: [all, none], direction: less}]\n";

static struct study *group(void) {
    struct study *s = NULL;
    OK(group_make(&s, 4, 2, "fixed", "all", "author", STUDY, &e));
    return s;
}

static void put_turn(struct archive *a, int rep, int agent, const char *model, const char *fingerprint) {
    char key[RUN_KEY_BYTES];
    turn_key(key, 0, rep, 1, agent);
    json_t *fact = json_pack("{s:s, s:s, s:s, s:s, s:i, s:[]}", "status", "ok", "text", "x", "model", model, "fingerprint",
                             fingerprint, "asks", 1, "acts");
    OK(archive_put(a, key, fact, &e));
    json_decref(fact);
}

static void put_failure(struct archive *a, int rep, int agent) {
    char key[RUN_KEY_BYTES];
    turn_key(key, 0, rep, 1, agent);
    json_t *note = json_pack("{s:s, s:s, s:i}", "failed", "IO", "why", "cut", "attempts", 3);
    OK(archive_note(a, key, note, &e));
    json_decref(note);
}

static void put_run(struct archive *a, int rep) {
    char key[RUN_KEY_BYTES];
    run_key(key, 0, rep, "run");
    json_t *fact = json_object();
    OK(archive_put(a, key, fact, &e));
    json_decref(fact);
}

static struct archive *fresh(const char *name, char path[100]) {
    struct archive *a = NULL;
    path_of(path, 100, name);
    remove_all(path);
    OK(archive_open(&a, path, ARCHIVE_WRITE, &e));
    return a;
}

static json_t *score_of(const struct study *s, struct archive *a, int threads) {
    struct scored c = {0};
    struct reference r = {0};
    json_t *j = NULL;
    OK(scored_read(&c, s, a, threads, &e));
    OK(reference_make(&r, &c, &(struct metric_opts){0}, &e));
    OK(score_json(&j, &c, &r, 0, &e));
    reference_free(&r);
    scored_free(&c);
    return j;
}

static int64_t of_loss(const json_t *score, const char *key) {
    return json_integer_value(json_object_get(json_array_get(json_object_get(score, "loss"), 0), key));
}

/* A run is failed as long as the call that failed has no answer; one that was merely left is not. */
Test(study_answered, failed_runs_are_accounted) {
    struct study *s = group();
    char path[100];
    struct archive *a = fresh("answered-loss", path);
    put_failure(a, 0, 0);                             /* nothing was ever answered */
    put_turn(a, 1, 0, "m", ""), put_failure(a, 1, 1); /* answered once, then not */
    put_failure(a, 2, 0), put_turn(a, 2, 0, "m", ""); /* answered when it was asked again, then left */
    json_t *j = score_of(s, a, 1);
    cr_assert_eq(of_loss(j, "planned"), 3);
    cr_assert_eq(of_loss(j, "started"), 3);
    cr_assert_eq(of_loss(j, "failed"), 2);
    cr_assert_eq(of_loss(j, "unfinished"), 1);
    json_decref(j);
    put_turn(a, 0, 0, "m", ""), put_run(a, 0);
    j = score_of(s, a, 1);
    cr_assert_eq(of_loss(j, "finished"), 1);
    cr_assert_eq(of_loss(j, "failed"), 1);
    json_decref(j);
    archive_close(a);
    remove_all(path);
    study_free(s);
}

/* Counted by identity, the same for any number of threads; more than one is a sentence. */
Test(study_answered, drift_is_told) {
    struct study *s = group();
    char path[100];
    struct archive *a = fresh("answered-drift", path);
    for (int agent = 0; agent < 4; agent++)
        put_turn(a, 0, agent, "big", agent < 3 ? "fp_a" : "fp_b"), put_turn(a, 1, agent, "big", "fp_a");
    json_t *one = score_of(s, a, 1), *two = score_of(s, a, 2), *list = json_object_get(one, "answered");
    cr_assert(json_equal(one, two));
    cr_assert_eq(json_array_size(list), 2);
    int64_t turns = 0;
    for (size_t i = 0; i < 2; i++) turns += json_integer_value(json_object_get(json_array_get(list, i), "agent_turns"));
    cr_assert_eq(turns, 8);
    struct scored c = {0};
    json_t *stats = NULL;
    OK(scored_read(&c, s, a, 1, &e));
    OK(study_analyse(&stats, &c, NULL, a, &e));
    const char *said = json_string_value(json_array_get(json_object_get(stats, "remarks"), 0));
    cr_assert(said && strstr(said, "m was answered by 2: ") && strstr(said, "fp_b (1 agent-turns"), "%s",
              said ? said : "nothing");
    json_decref(stats);
    scored_free(&c);
    json_decref(one), json_decref(two);
    archive_close(a);
    remove_all(path);
    study_free(s);
}

static json_t *record(const char *backend, const char *model) {
    return json_pack("{s:s, s:b, s:s}", "backend", backend, "planted", 0, "model", model);
}

Test(study_answered, another_model_than_registered_deviates) {
    struct study *s = group();
    json_t *was = record("remote", "big-1"), *is = record("remote", "big-2"), *r = NULL, *open = NULL, *list = NULL;
    OK(study_register(&r, s, "2026-03-05T00:00:00Z", NULL, was, &e));
    OK(study_register(&open, s, "2026-03-05T00:00:00Z", NULL, NULL, &e));
    cr_assert(!registration_open(r) && registration_open(open));
    OK(study_deviations(&list, s, r, was, &e));
    cr_assert_eq(json_array_size(list), 0);
    json_decref(list);
    OK(study_deviations(&list, s, open, is, &e));
    cr_assert_eq(json_array_size(list), 0);
    json_decref(list);
    OK(study_deviations(&list, s, r, is, &e));
    cr_assert_eq(json_array_size(list), 1);
    cr_assert_str_eq(json_string_value(json_array_get(list, 0)), "answered_by/model: registered \"big-1\", found \"big-2\"");
    json_decref(list);
    json_decref(was), json_decref(is), json_decref(r), json_decref(open);
    study_free(s);
}
