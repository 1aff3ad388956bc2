/* A model as all the agents: the same archive for any number of threads and of calls at once, stopped or not; whatever it says is data. */
#include "study/local.h"
#include "study/runner.h"
#include "study_files.h"
#include "study_group.h"
#include "study_rig.h"
#include <jansson.h>

TestSuite(study_local, .timeout = HANG_S);

static struct study *small_study(void) {
    struct study *s;
    struct err e;
    cr_assert_geq(group_parse(&s,
                              "candor: study/1\nid: small\nseed: 3\nlanguages: [en]\n"
                              "models: [{id: m, temperature: 0.8, top_p: 0.9, max_tokens: 12}]\n"
                              "group: {agents: 2, turns: 2, order: simultaneous, context: all}\n"
                              "replicates: 2\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\n",
                              &e),
                  0, "%s", e.msg);
    return s;
}

/* ---- a study by it ---- */

struct settings {
    int threads, calls, interleave, stop_every; /* stop_every: so often is asked before it is stopped; 0: never */
};
struct patience {
    int left;
};
static int run_out(void *ctx) { return ((struct patience *)ctx)->left-- <= 0; }

/* Runs and seals; returns what the last start said. */
static int run_study(struct rig *r, const struct local_opts *lo, const char *path, const struct settings *o, struct err *e) {
    struct study *s = small_study();
    int rc = ERR_CANCELLED;
    for (int k = 0; rc == ERR_CANCELLED && k < 200; k++) {
        struct patience p = {o->stop_every + 7 * k};
        struct local_opts with = *lo;
        struct runner_progress done;
        struct backend *b;
        struct archive *a;
        with.g = r->g, with.tok = r->tok, with.chat = r->chat, with.calls = o->calls;
        if (o->stop_every) with.stop = run_out, with.ctx = &p;
        *e = ERR_INIT;
        cr_assert_geq(archive_open(&a, path, ARCHIVE_WRITE, e), 0, "%s", e->msg);
        cr_assert_geq(local_open(&b, &with, e), 0, "%s", e->msg);
        rc = runner_run(s, a, b, &(struct runner_opts){.interleave = o->interleave}, &done, e);
        struct err why = ERR_INIT;
        if (rc >= 0) cr_assert_geq(archive_seal(a, &why), 0, "%s", why.msg);
        backend_close(b);
        archive_close(a);
    }
    study_free(s);
    return rc;
}

Test(study_local, threads_calls_and_stops_change_nothing) {
    static const struct settings o[] = {{1, 1, 1, 0}, {2, 3, 2, 0}, {1, 16, 64, 0}, {1, 5, 4, 9}};
    struct rig r;
    struct err e;
    char path[100], *first = NULL;
    size_t first_n = 0;
    path_of(path, sizeof path, "local");
    for (int i = 0; i < 4; i++) {
        rig_open(&r, o[i].threads, 0);
        remove_all(path);
        cr_assert_eq(run_study(&r, &(struct local_opts){.model = "m:1"}, path, &o[i], &e), 0, "%s", e.msg);
        same_sealed(path, &first, &first_n, i);
        rig_close(&r);
    }
    free(first);
    remove_all(path);
}

struct seen_facts {
    int turns, stop, length, other;
    int64_t tokens_in, tokens_out;
};
static int look(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct seen_facts *f = user;
    (void)e;
    if (!strstr(key, "/agent")) return 0;
    json_t *o = json_loadb(json, n, 0, NULL);
    const char *finish = json_string_value(json_object_get(o, "finish"));
    f->turns++;
    f->stop += !strcmp(finish, "stop"), f->length += !strcmp(finish, "length");
    f->other += strcmp(json_string_value(json_object_get(o, "model")), "m:1") != 0;
    f->other += json_integer_value(json_object_get(o, "tokens_in")) < 50;
    f->tokens_in += json_integer_value(json_object_get(o, "tokens_in"));
    f->tokens_out += json_integer_value(json_object_get(o, "tokens_out"));
    json_decref(o);
    return 0;
}
static struct seen_facts facts_of(const char *path) {
    struct seen_facts f = {0};
    struct archive *a;
    struct err e = ERR_INIT;
    cr_assert_geq(archive_open(&a, path, ARCHIVE_READ, &e), 0, "%s", e.msg);
    cr_assert_geq(archive_each(a, "", look, &f, &e), 0, "%s", e.msg);
    archive_close(a);
    return f;
}

/* Noise is what such a model says: facts, asked again at most once. */
Test(study_local, what_it_says_is_data) {
    static const struct settings o = {1, 4, 8, 0};
    struct rig r;
    struct err e;
    char path[100];
    int32_t all[600];
    for (int i = 0; i < 600; i++) all[i] = i;
    path_of(path, sizeof path, "local-data");
    remove_all(path);
    rig_open(&r, 1, 0);
    cr_assert_eq(run_study(&r, &(struct local_opts){.model = "m:1"}, path, &o, &e), 0, "%s", e.msg);
    struct seen_facts f = facts_of(path);
    cr_assert(f.turns >= 16 && f.turns <= 32 && f.length == f.turns && !f.other);
    cr_assert_eq(f.tokens_out, 12 * f.turns, "max_tokens is what ends them");
    int64_t rows = engine_account(r.g).rows;
    cr_assert_lt(rows, (f.tokens_in + f.tokens_out) / 2, "what prompts have in common is computed once: %lld rows of %lld",
                 (long long)rows, (long long)(f.tokens_in + f.tokens_out));
    remove_all(path);
    cr_assert_eq(run_study(&r, &(struct local_opts){.model = "m:1", .ends = all, .n_ends = 600}, path, &o, &e), 0, "%s", e.msg);
    f = facts_of(path);
    cr_assert(f.turns >= 16 && f.stop == f.turns && f.tokens_out == f.turns, "the first token ends them");
    rig_close(&r);
    remove_all(path);
}

Test(study_local, a_prompt_that_does_not_fit_is_no_fact) {
    static const struct settings o = {1, 4, 8, 0};
    struct rig r;
    struct err e;
    char path[100];
    path_of(path, sizeof path, "local-long");
    remove_all(path);
    rig_open(&r, 1, 40);
    cr_assert_eq(run_study(&r, &(struct local_opts){.model = "m:1"}, path, &o, &e), ERR_LIMIT);
    cr_assert(strstr(e.msg, "less than 40 tokens"), "%s", e.msg);
    cr_assert_eq(facts_of(path).turns, 0);
    rig_close(&r);
    remove_all(path);
}

Test(study_local, another_model_does_not_go_on) {
    static const struct settings o = {1, 4, 8, 0};
    struct rig r;
    struct err e;
    char path[100];
    path_of(path, sizeof path, "local-other");
    remove_all(path);
    rig_open(&r, 1, 0);
    cr_assert_eq(run_study(&r, &(struct local_opts){.model = "m:1"}, path, &o, &e), 0, "%s", e.msg);
    cr_assert_eq(run_study(&r, &(struct local_opts){.model = "m:2"}, path, &o, &e), ERR_STATE);
    cr_assert(strstr(e.msg, "model"), "%s", e.msg);
    rig_close(&r);
    remove_all(path);
}
