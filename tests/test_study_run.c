/* Runs: the same facts whatever the order of answers, however many runs at once, and however often they were stopped. */
#include "base/rng.h"
#include "study/planted.h"
#include "study/proof.h"
#include "study/replay.h"
#include "study/runner.h"
#include "study_files.h"
#include "study_group.h"
#include <jansson.h>

TestSuite(study_run, .timeout = HANG_S);

static const char ARMS[] = "replicates: 3\narms: [{id: none}, {id: all, alignment: \"100 %\"}]\n"
                           "planted: {graphemes: 60, whisper: 0.3, malformed: 0.1, refused: 0.03}\n";

/* A back end before another one: answers come in drawn order, calls are counted, some fail. */
struct proxy {
    struct backend b;
    struct backend *under;
    struct rng g;
    struct answer held[256];
    int n, calls, fail_every;
};
static int proxy_submit(struct backend *b, const struct call *c, struct err *e) {
    struct proxy *p = (struct proxy *)b;
    p->calls++;
    TRY(p->under->submit(p->under, c, e));
    cr_assert_eq(p->under->poll(p->under, 0, &p->held[p->n], e), 1);
    if (p->fail_every && p->calls % p->fail_every == 0) {
        answer_free(&p->held[p->n]);
        p->held[p->n] = (struct answer){.tag = c->tag, .rc = ERR_IO, .attempts = 1};
        fail(&p->held[p->n].why, ERR_IO, "no connection");
    }
    p->n++;
    return 0;
}
static int proxy_poll(struct backend *b, double wait_s, struct answer *out, struct err *e) {
    struct proxy *p = (struct proxy *)b;
    (void)wait_s, (void)e;
    if (!p->n) return 0;
    int i = (int)rng_below(&p->g, (uint64_t)p->n);
    *out = p->held[i];
    p->held[i] = p->held[--p->n];
    return 1;
}
static int64_t proxy_pending(const struct backend *b) { return ((const struct proxy *)b)->n; }
static void proxy_drop(struct proxy *p) {
    while (p->n) answer_free(&p->held[--p->n]);
}

struct settings {
    uint64_t seed;
    int interleave, fail_every, stops; /* stops: after so many calls the run is stopped, and gone on with */
};
static int stop_now(void *ctx) {
    int *left = ctx;
    return --*left <= 0;
}

/* Runs until all is finished; returns the number of calls. */
static int run_all(const struct study *s, const char *path, const struct settings *o) {
    struct planted planted;
    struct backend *under;
    struct err e = ERR_INIT;
    int calls = 0, rc = -1;
    cr_assert_geq(planted_read(&planted, s, &e), 0, "%s", e.msg);
    cr_assert_geq(planted_open(&under, &planted, s, &e), 0, "%s", e.msg);
    for (int k = 0; rc < 0 && k < 400; k++) {
        struct archive *a;
        struct proxy p = {.b = {.name = "planted",
                                .planted = 1,
                                .most = 256,
                                .submit = proxy_submit,
                                .poll = proxy_poll,
                                .pending = proxy_pending},
                          .under = under,
                          .g = RNG(o->seed, (uint64_t)k),
                          .fail_every = o->fail_every};
        int left = o->stops ? 1 + (int)rng_below(&p.g, (uint64_t)o->stops) : 1 << 30;
        struct runner_progress done;
        cr_assert_geq(archive_open(&a, path, ARCHIVE_WRITE, &e), 0, "%s", e.msg);
        struct runner_opts ro = {.interleave = o->interleave, .stop = stop_now, .ctx = &left, .give_up = 1 << 20};
        rc = runner_run(s, a, &p.b, &ro, &done, &e);
        cr_assert(rc == 0 || (o->stops && rc == ERR_CANCELLED) || (o->fail_every && rc == ERR_IO), "%s", e.msg);
        if (rc == 0) cr_assert_geq(archive_seal(a, &e), 0, "%s", e.msg);
        archive_close(a);
        calls += p.calls;
        proxy_drop(&p);
    }
    backend_close(under);
    cr_assert_eq(rc, 0, "never finished");
    return calls;
}

static void same_facts(const char *order, const struct settings *o, int n) {
    struct study *s;
    struct err e;
    size_t len = 0, first_len = 0;
    char *first = NULL, path[100];
    int calls = 0;
    cr_assert_geq(group_make(&s, 4, 3, order, "all", "author", ARMS, &e), 0, "%s", e.msg);
    for (int i = 0; i < n; i++) {
        path_of(path, sizeof path, order);
        remove_all(path);
        int asked = run_all(s, path, &o[i]);
        char *bytes = sealed(path, &len);
        if (!i)
            first = bytes, first_len = len, calls = asked;
        else {
            cr_assert_eq(len, first_len, "%s, settings %d: %zu bytes, at first %zu", order, i, len, first_len);
            cr_assert_eq(memcmp(first, bytes, len), 0, "%s, settings %d: other facts", order, i);
            if (!o[i].stops && !o[i].fail_every) cr_assert_eq(asked, calls);
            free(bytes);
        }
        remove_all(path);
    }
    free(first);
    study_free(s);
}

Test(study_run, order_of_answers_and_number_of_runs_change_nothing) {
    static const struct settings o[] = {{1, 1, 0, 0}, {2, 5, 0, 0}, {3, 64, 0, 0}};
    same_facts("shuffled", o, 3);
    same_facts("simultaneous", o, 3);
}

Test(study_run, stopped_anywhere_it_goes_on) {
    static const struct settings o[] = {{1, 7, 0, 0}, {2, 7, 0, 20}, {3, 2, 0, 60}, {4, 64, 0, 8}};
    same_facts("fixed", o, 4);
    same_facts("simultaneous", o, 4);
}

Test(study_run, failed_calls_are_no_facts) {
    static const struct settings o[] = {{1, 7, 0, 0}, {2, 7, 23, 0}};
    same_facts("fixed", o, 2);
    same_facts("simultaneous", o, 2);
}

static int count_fact(void *user, const char *key, const char *json, size_t n, struct err *e) {
    int *count = user;
    (void)json, (void)n, (void)e;
    count[0]++;
    count[1] += strstr(key, "/ask0") != NULL;
    count[2] += strstr(key, "/run") != NULL;
    return 0;
}

/* Twice: the second time nothing is asked. */
Test(study_run, nothing_is_asked_twice) {
    struct study *s;
    struct archive *a;
    struct err e;
    char path[100];
    int count[3] = {0};
    static const struct settings o = {1, 7, 0, 0};
    cr_assert_geq(group_make(&s, 4, 3, "fixed", "2", "researcher", ARMS, &e), 0, "%s", e.msg);
    path_of(path, sizeof path, "twice");
    remove_all(path);
    int calls = run_all(s, path, &o);
    cr_assert_eq(run_all(s, path, &o), 0);
    cr_assert_geq(archive_open(&a, path, ARCHIVE_READ, &e), 0, "%s", e.msg);
    cr_assert_geq(archive_each(a, "", count_fact, count, &e), 0);
    cr_assert_eq(count[2], 12, "runs");
    cr_assert_gt(count[1], 0, "some are asked again");
    cr_assert_eq(calls, 12 * 12 + count[1]);
    cr_assert_eq(count[0], 1 + 12 + 12 * 12 + count[1]);
    archive_close(a);
    remove_all(path);
    study_free(s);
}

Test(study_run, another_study_is_refused) {
    struct study *s;
    struct archive *a;
    struct backend *b;
    struct planted planted;
    struct runner_progress done;
    struct err e;
    char path[100];
    static const struct settings o = {1, 7, 0, 0};
    path_of(path, sizeof path, "other");
    remove_all(path);
    cr_assert_geq(group_make(&s, 2, 1, "fixed", "all", "author", ARMS, &e), 0, "%s", e.msg);
    run_all(s, path, &o);
    study_free(s);
    cr_assert_geq(group_make(&s, 2, 2, "fixed", "all", "author", ARMS, &e), 0, "%s", e.msg);
    cr_assert_geq(planted_read(&planted, s, &e), 0);
    cr_assert_geq(planted_open(&b, &planted, s, &e), 0);
    cr_assert_geq(archive_open(&a, path, ARCHIVE_WRITE, &e), 0);
    cr_assert_eq(runner_run(s, a, b, &(struct runner_opts){0}, &done, &e), ERR_STATE);
    cr_assert(strstr(e.msg, "study_text_id"), "%s", e.msg);
    archive_close(a);
    backend_close(b);
    study_free(s);
    remove_all(path);
}

/* A replay asks nothing of the back end and seals the same bytes; what is not there is a failure, not a guess. */
Test(study_run, replay_is_the_same_archive) {
    struct study *s;
    struct archive *from, *a;
    struct backend *b;
    struct runner_progress done;
    struct err e;
    char path[100], copy[100];
    size_t n, m;
    static const struct settings o = {1, 7, 0, 0};
    path_of(path, sizeof path, "recorded");
    path_of(copy, sizeof copy, "replayed");
    remove_all(path);
    remove_all(copy);
    cr_assert_geq(group_make(&s, 4, 3, "shuffled", "all", "author", ARMS, &e), 0, "%s", e.msg);
    run_all(s, path, &o);
    cr_assert_geq(archive_open(&from, path, ARCHIVE_READ, &e), 0, "%s", e.msg);
    cr_assert_geq(replay_open(&b, from, &e), 0, "%s", e.msg);
    cr_assert(b->planted, "what was planted stays labelled");
    cr_assert_geq(archive_open(&a, copy, ARCHIVE_WRITE, &e), 0, "%s", e.msg);
    cr_assert_geq(runner_run(s, a, b, &(struct runner_opts){.interleave = 3}, &done, &e), 0, "%s", e.msg);
    cr_assert_geq(archive_seal(a, &e), 0, "%s", e.msg);
    archive_close(a);
    char *x = sealed(path, &n), *y = sealed(copy, &m);
    cr_assert(n == m && !memcmp(x, y, n));
    free(x);
    free(y);
    study_free(s);
    remove_all(copy);
    cr_assert_geq(group_make(&s, 4, 4, "shuffled", "all", "author", ARMS, &e), 0, "%s", e.msg);
    cr_assert_geq(archive_open(&a, copy, ARCHIVE_WRITE, &e), 0, "%s", e.msg);
    cr_assert_eq(runner_run(s, a, b, &(struct runner_opts){.give_up = 3}, &done, &e), ERR_RANGE);
    archive_close(a);
    backend_close(b);
    archive_close(from);
    study_free(s);
    remove_all(path);
    remove_all(copy);
}

/* ---- channels that are off ---- */

static int whispering_submit(struct backend *b, const struct call *c, struct err *e) {
    struct proxy *p = (struct proxy *)b;
    const struct language *l = scene_language(c->scene);
    struct str out = {0};
    int again = c->ask > 0;
    p->calls++;
    str_printf(&out, "[%s] a word\n[%s %s] a secret", l->tags[CHANNEL_TALK], l->tags[CHANNEL_WHISPER],
               scene_name(c->scene, !c->agent));
    if (again && c->agent == 0) {
        str_clear(&out);
        str_printf(&out, "[%s] a word", l->tags[CHANNEL_TALK]);
    }
    p->held[p->n++] = (struct answer){.tag = c->tag,
                                      .finish = CHAT_FINISH_STOP,
                                      .tokens_in = -1,
                                      .tokens_out = -1,
                                      .attempts = 1,
                                      .text = out.s,
                                      .text_n = out.len};
    (void)e;
    return 0;
}

/* An act in a channel that the study does not have makes a reply malformed: asked again once, and counted. */
Test(study_run, a_channel_that_is_off_is_malformed) {
    struct study *s;
    struct archive *a;
    struct err e;
    struct proof proof;
    struct runner_progress done;
    json_t *fact;
    char path[100];
    path_of(path, sizeof path, "closed");
    remove_all(path);
    cr_assert_geq(group_make(&s, 2, 1, "fixed", "all", "author, whisper: none", "replicates: 1\narms: [{id: none}]\n", &e), 0,
                  "%s", e.msg);
    struct proxy p = {
        .b = {.name = "whispers", .most = 8, .submit = whispering_submit, .poll = proxy_poll, .pending = proxy_pending},
        .g = RNG(1, 1)};
    cr_assert_geq(archive_open(&a, path, ARCHIVE_WRITE, &e), 0, "%s", e.msg);
    cr_assert_eq(runner_run(s, a, &p.b, &(struct runner_opts){0}, &done, &e), 0, "%s", e.msg);
    cr_expect_eq(p.calls, 8, "two languages, two agents, each asked twice: %d", p.calls);
    cr_assert_geq(archive_find(a, "cell000/rep000/turn01/agent00/ask0", &fact, &e), 0);
    cr_expect_str_eq(json_string_value(json_object_get(fact, "status")), "malformed");
    cr_expect_eq(json_integer_value(json_object_get(fact, "closed")), 1);
    json_decref(fact);
    cr_assert_geq(archive_find(a, "cell000/rep000/turn01/agent00", &fact, &e), 0);
    cr_expect_str_eq(json_string_value(json_object_get(fact, "status")), "ok");
    json_decref(fact);
    cr_assert_geq(archive_find(a, "cell000/rep000/turn01/agent01", &fact, &e), 0);
    cr_expect_str_eq(json_string_value(json_object_get(fact, "status")), "malformed");
    cr_expect_eq(json_array_size(json_object_get(fact, "acts")), 0);
    json_decref(fact);
    cr_assert_geq(proof_run(&proof, s, a, NULL, NULL, &e), 0, "%s", e.msg);
    cr_expect_eq(proof.findings, 0);
    archive_close(a);
    study_free(s);
    remove_all(path);
}
