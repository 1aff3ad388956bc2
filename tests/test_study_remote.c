/* Models elsewhere, of a server that fails in every way: nothing is lost, everything is accounted, what is archived is what was said. */
#include "fake_chat.h"
#include "remote/cache.h"
#include "study/paid.h"
#include "study/proof.h"
#include "study/remote.h"
#include "study/replay.h"
#include "study/runner.h"
#include "study_files.h"
#include "study_group.h"
#include <jansson.h>
#include <signal.h>
#include <sys/wait.h>

TestSuite(study_remote, .timeout = HANG_S);

static const char KEY[] = "sk-this-is-a-secret-0123456789";

/* ---- the server ---- */

struct mischief {
    int share;              /* of calls that fail, percent */
    int good, bad, unkeyed; /* served */
};

static uint64_t body_hash(const char *s) {
    uint64_t h = 1469598103934665603u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h ^ h >> 29;
}

/* One of the ways to fail; `slow` is longer than the client waits. */
static void misbehave(int fd, int way) {
    static const char torn[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"choices\": [{\"mess";
    switch (way) {
    case 0: fake_answer(fd, 429, "Retry-After: 1\r\n", "{\"error\":{\"message\":\"slow down\"}}"); return;
    case 1: fake_answer(fd, 500, "", "{\"error\":{\"message\":\"oops\"}}"); return;
    case 2: fake_send(fd, torn, sizeof torn - 1); return;
    case 3: fake_sleep(1.5); return;
    default: fake_answer(fd, 200, "", "{\"choices\": 7}");
    }
}

static void serve(struct fake *f, int fd, const struct fake_call *c) {
    struct mischief *m = f->ctx;
    uint64_t h = body_hash(c->body), luck = body_hash(c->head) + (uint64_t)c->number * 2654435761u;
    char text[100];
    int bad = m->share && (int)((luck >> 7) % 100) < m->share;
    fake_lock(f);
    m->good += !bad, m->bad += bad;
    m->unkeyed += !strstr(c->head, KEY);
    fake_unlock(f);
    if (bad) {
        misbehave(fd, (int)((luck >> 17) % 5));
        return;
    }
    switch (h % 20) { /* what a model says depends on what it was asked */
    case 0: fake_reply(fd, "", 40, 0); return;
    case 1: fake_reply(fd, "no tag at all", 40, 4); return;
    case 2:
        fake_answer(fd, 200, "",
                    "{\"model\":\"toy-1\",\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\"},"
                    "\"finish_reason\":\"content_filter\"}],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":0}}");
        return;
    default:
        snprintf(text, sizeof text, "[TALK] I say %llu. %s", (unsigned long long)(h % 1000), h % 20 == 3 ? KEY : "");
        fake_reply(fd, text, 40, 9);
    }
}

/* ---- a study by it ---- */

static struct study *many_runs(int replicates) {
    struct str b = {0};
    struct study *s;
    struct err e;
    str_printf(&b,
               "candor: study/1\nid: many\nseed: 5\nlanguages: [en]\nmodels: [{id: m, temperature: 0.5, max_tokens: 50}]\n"
               "group: {agents: 2, turns: 1, order: fixed, context: all}\nreplicates: %d\narms: [{id: none}]\n",
               replicates);
    cr_assert_geq(group_parse(&s, b.s, &e), 0, "%s", e.msg);
    str_free(&b);
    return s;
}

struct spent {
    struct chat_account a;
    int starts, rc;
    struct err e;
};

/* Starts again until it is finished, or `starts` times. */
static struct spent run_study(const struct study *s, struct fake *f, const char *path, const struct chat_opts *o, int starts) {
    struct spent x = {.rc = -1, .e = ERR_INIT};
    setenv("CANDOR_TEST_KEY", KEY, 1);
    for (; x.rc < 0 && x.starts < starts; x.starts++) {
        struct runner_progress done;
        struct backend *b;
        struct archive *a;
        struct remote_opts ro = {.ep = {.url = fake_url(f), .model = "toy", .key_env = "CANDOR_TEST_KEY"}, .chat = *o};
        x.e = ERR_INIT;
        cr_assert_geq(archive_open(&a, path, ARCHIVE_WRITE, &x.e), 0, "%s", x.e.msg);
        cr_assert_geq(archive_forbid(a, KEY, &x.e), 0, "%s", x.e.msg);
        cr_assert_geq(remote_open(&b, &ro, &x.e), 0, "%s", x.e.msg);
        x.rc = runner_run(s, a, b, &(struct runner_opts){.interleave = 1000, .priced = o->price.set}, &done, &x.e);
        struct chat_account now = remote_account(b);
        x.a.calls += now.calls, x.a.retries += now.retries, x.a.failed += now.failed, x.a.cached += now.cached;
        x.a.tokens_in += now.tokens_in, x.a.spent += now.spent + now.uncertain;
        struct err why = ERR_INIT;
        if (x.rc >= 0) cr_assert_geq(archive_seal(a, &why), 0, "%s", why.msg);
        backend_close(b);
        archive_close(a);
    }
    return x;
}

static int holds(const char *path, const char *tail, const char *what) {
    char name[160], *s;
    size_t n = 0;
    struct err e = ERR_INIT;
    snprintf(name, sizeof name, "%s%s", path, tail);
    if (file_read(&s, &n, name, 0, &e) < 0) return 0;
    int found = memmem(s, n, what, strlen(what)) != NULL;
    free(s);
    return found;
}

struct tally {
    int facts, asked_again, ok, empty, malformed, withheld, told;
};
static int count(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct tally *t = user;
    (void)e;
    if (!strstr(key, "/agent")) return 0;
    json_t *o = json_loadb(json, n, 0, NULL);
    const char *status = json_string_value(json_object_get(o, "status"));
    t->facts++, t->asked_again += strstr(key, "/ask0") != NULL;
    t->ok += !strcmp(status, "ok"), t->empty += !strcmp(status, "empty");
    t->malformed += !strcmp(status, "malformed"), t->withheld += !strcmp(status, "filtered") || !strcmp(status, "refused");
    t->told += !strcmp(json_string_value(json_object_get(o, "model")), "toy-1");
    cr_assert(!strstr(json_string_value(json_object_get(o, "text")), KEY));
    json_decref(o);
    return 0;
}
static struct tally tally_of(const char *path) {
    struct tally t = {0};
    struct archive *a;
    struct err e = ERR_INIT;
    cr_assert_geq(archive_open(&a, path, ARCHIVE_READ, &e), 0, "%s", e.msg);
    cr_assert_geq(archive_each(a, "", count, &t, &e), 0, "%s", e.msg);
    archive_close(a);
    return t;
}

static const struct chat_opts quick = {.in_flight = 64, .time_scale = 0.002, .timeout_s = 1, .attempts = 4};
static const struct chat_opts patient = {.in_flight = 64, .time_scale = 0.002, .timeout_s = 30, .attempts = 4};

/* A thousand runs: with one call in ten failing the archive is byte for byte that of a server without fault. */
Test(study_remote, a_thousand_runs_lose_nothing) {
    struct mischief m = {.share = 10}, none = {0};
    struct study *s = many_runs(1000);
    struct fake *f = calloc(1, sizeof *f);
    char path[100], calm[100];
    size_t n, k;
    signal(SIGPIPE, SIG_IGN);
    path_of(path, sizeof path, "remote"), path_of(calm, sizeof calm, "remote-calm");
    remove_all(path), remove_all(calm);
    cr_assert_eq(fake_start(f, serve, &m), 0);
    struct spent x = run_study(s, f, path, &quick, 20);
    fake_stop(f);
    cr_assert_eq(x.rc, 0, "after %d starts: %s", x.starts, x.e.msg);
    struct tally t = tally_of(path);
    cr_log_info("%d starts, %d served ill, %lld again, %lld failed", x.starts, m.bad, (long long)x.a.retries,
                (long long)x.a.failed);
    cr_assert_eq(t.facts - t.asked_again, 2000);
    cr_assert(t.empty > 20 && t.withheld > 20 && t.asked_again > 20 && t.told == t.facts, "%d %d %d %d", t.empty, t.withheld,
              t.asked_again, t.told);
    cr_assert_eq(t.ok + t.empty + t.malformed + t.withheld, t.facts);
    cr_assert_gt(m.bad, 100);
    cr_assert_eq(m.unkeyed, 0);
    cr_assert_eq(x.a.calls, t.facts, "each reply is one fact");
    cr_assert_geq(x.a.retries + x.a.failed, m.bad - x.starts * 64, "each failure is accounted");
    cr_assert(!holds(path, "", KEY) && !holds(path, ".measured", KEY));
    cr_assert_eq(fake_start(f, serve, &none), 0);
    struct spent y = run_study(s, f, calm, &patient, 1);
    fake_stop(f);
    cr_assert_eq(y.rc, 0, "%s", y.e.msg);
    cr_assert_eq(y.a.retries + y.a.failed, 0);
    char *u = sealed(path, &n), *v = sealed(calm, &k);
    cr_assert(n == k && !memcmp(u, v, n), "other facts: %zu and %zu bytes", n, k);
    free(u), free(v), free(f);
    remove_all(path), remove_all(calm);
    study_free(s);
}

static double paid_in(const struct study *s, const char *path, const struct chat_price *price) {
    struct archive *a;
    struct err e = ERR_INIT;
    double sum;
    cr_assert_geq(archive_open(&a, path, ARCHIVE_READ, &e), 0, "%s", e.msg);
    cr_assert_geq(study_paid(&sum, s, a, price, &e), 0, "%s", e.msg);
    archive_close(a);
    return sum;
}

/* The hard stop: what was paid is kept, nothing above the budget is sent, and the next start goes on. */
Test(study_remote, a_budget_stops_it) {
    struct mischief m = {0};
    struct study *s = many_runs(200);
    struct fake *f = calloc(1, sizeof *f);
    char path[100];
    struct chat_opts o = patient;
    signal(SIGPIPE, SIG_IGN);
    path_of(path, sizeof path, "remote-budget");
    remove_all(path);
    o.price = (struct chat_price){1, 1, 1}, o.budget = 0.012;
    cr_assert_eq(fake_start(f, serve, &m), 0);
    struct spent x = run_study(s, f, path, &o, 1);
    cr_assert_eq(x.rc, ERR_LIMIT, "%g %s", x.a.spent, x.e.msg);
    cr_assert(strstr(x.e.msg, "budget"), "%s", x.e.msg);
    cr_assert(x.a.spent > 0 && x.a.spent <= 0.012);
    cr_assert(holds(path, ".journal", "[TALK]") || m.good < 20);
    double first = paid_in(s, path, &o.price);
    cr_assert_float_eq(first, x.a.spent, 1e-12, "the archive tells what was paid");
    /* its cost counts against the same budget: nothing more is bought */
    struct chat_purse purse = {.gone = {.spent = first}};
    int good = m.good;
    o.purse = &purse;
    struct spent y = run_study(s, f, path, &o, 1);
    cr_assert_eq(y.rc, ERR_LIMIT, "%g %s", y.a.spent, y.e.msg);
    cr_assert(m.good - good <= 1, "%d more replies", m.good - good);
    o.purse = NULL, o.budget = 1;
    x = run_study(s, f, path, &o, 1);
    cr_assert_eq(x.rc, 0, "%s", x.e.msg);
    struct tally t = tally_of(path);
    cr_assert_eq(t.facts - t.asked_again, 400);
    cr_assert_eq(m.good, t.facts, "nothing was paid twice");
    fake_stop(f);
    free(f);
    remove_all(path);
    study_free(s);
}

/* What came from a cache was paid for by another archive. */
Test(study_remote, replies_from_a_cache_cost_nothing) {
    struct mischief m = {0};
    struct study *s = many_runs(20);
    struct fake *f = calloc(1, sizeof *f);
    char path[2][100], kept[100];
    struct chat_opts o = patient;
    struct chat_cache *cache;
    struct err e = ERR_INIT;
    signal(SIGPIPE, SIG_IGN);
    path_of(path[0], sizeof path[0], "remote-paid"), path_of(path[1], sizeof path[1], "remote-unpaid");
    path_of(kept, sizeof kept, "remote-kept");
    remove_all(path[0]), remove_all(path[1]), unlink(kept);
    cr_assert_geq(chat_cache_open(&cache, kept, CHAT_CACHE_USE, &e), 0, "%s", e.msg);
    o.price = (struct chat_price){1, 1, 1}, o.cache = cache;
    cr_assert_eq(fake_start(f, serve, &m), 0);
    for (int i = 0; i < 2; i++) {
        struct spent x = run_study(s, f, path[i], &o, 1);
        cr_assert_eq(x.rc, 0, "%s", x.e.msg);
        cr_assert_eq(x.a.cached, i ? tally_of(path[1]).facts : 0);
        cr_assert_float_eq(paid_in(s, path[i], &o.price), x.a.spent, 1e-12, "start %d", i);
        cr_assert(i ? x.a.spent == 0 : x.a.spent > 0);
    }
    fake_stop(f);
    chat_cache_close(cache);
    free(f);
    remove_all(path[0]), remove_all(path[1]), unlink(kept);
    study_free(s);
}

static int look_at_host(void *user, const char *key, const char *json, size_t n, struct err *e) {
    int *seen = user;
    (void)e;
    json_t *o = json_loadb(json, n, 0, NULL);
    const char *host = json_string_value(json_object_get(o, "host"));
    seen[3] += (int)json_integer_value(json_object_get(o, "sent_tokens_in"));
    seen[3] -= (int)json_integer_value(json_object_get(o, "settled_tokens_in"));
    if (json_object_get(o, "sent_tokens_in")) return json_decref(o), 0;
    cr_assert(host && !strncmp(host, "127.0.0.1:", 10), "%s: %s", key, json);
    seen[0]++, seen[1] += json_object_get(o, "failed") != NULL, seen[2] += json_object_get(o, "uncertain_tokens_in") != NULL;
    json_decref(o);
    return 0;
}

/* Calls that broke off were perhaps charged: the archive remembers them over all starts, and who was asked. */
Test(study_remote, what_broke_off_counts_in_later_starts) {
    struct mischief m = {.share = 20};
    struct study *s = many_runs(150);
    struct fake *f = calloc(1, sizeof *f);
    struct chat_opts o = quick;
    struct archive *a;
    struct err e = ERR_INIT;
    int seen[4] = {0};
    char path[100];
    signal(SIGPIPE, SIG_IGN);
    path_of(path, sizeof path, "remote-broken");
    remove_all(path);
    o.price = (struct chat_price){1, 1, 1}, o.attempts = 2;
    cr_assert_eq(fake_start(f, serve, &m), 0);
    struct spent x = run_study(s, f, path, &o, 40);
    fake_stop(f);
    cr_assert_eq(x.rc, 0, "after %d starts: %s", x.starts, x.e.msg);
    cr_assert_float_eq(paid_in(s, path, &o.price), x.a.spent, 1e-9, "%g, found %g", x.a.spent, paid_in(s, path, &o.price));
    cr_assert_geq(archive_open(&a, path, ARCHIVE_READ, &e), 0, "%s", e.msg);
    cr_assert_geq(archive_each_note(a, "cell", look_at_host, seen, &e), 0, "%s", e.msg);
    archive_close(a);
    cr_assert(seen[0] >= 300 && seen[1] > 0 && seen[2] > seen[1] / 2, "%d notes, %d failed, %d uncertain", seen[0], seen[1],
              seen[2]);
    cr_assert_eq(seen[3], 0, "of every attempt it is known what it came to");
    free(f);
    remove_all(path);
    study_free(s);
}

/* ---- killed with calls under way ---- */

struct silent {
    int calls, say; /* say: it answers after all */
    double bound;   /* what those calls can cost at most, by their bytes */
};

static void keep_waiting(struct fake *f, int fd, const struct fake_call *c) {
    struct silent *x = f->ctx;
    fake_lock(f);
    int say = x->say;
    if (!say) x->calls++, x->bound += (double)(strlen(c->body) + 64 + 50) / 1e6;
    fake_unlock(f);
    if (say)
        fake_reply(fd, "[TALK] Here I am.", 40, 9);
    else
        fake_sleep(3);
}

static int calls_held(struct fake *f, struct silent *x) {
    fake_lock(f);
    int n = x->calls;
    fake_unlock(f);
    return n;
}

/* Calls that nobody will ever hear of were perhaps charged: they count at their dearest, now and when the study is done. */
Test(study_remote, what_a_kill_leaves_under_way_is_counted) {
    enum { CALLS = 4 };
    struct silent x = {0};
    struct study *s = many_runs(10);
    struct fake *f = calloc(1, sizeof *f);
    struct chat_opts o = patient;
    char path[100];
    signal(SIGPIPE, SIG_IGN);
    path_of(path, sizeof path, "remote-under-way");
    remove_all(path);
    o.price = (struct chat_price){1, 1, 1}, o.in_flight = o.at_first = CALLS;
    cr_assert_eq(fake_start(f, keep_waiting, &x), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (!child) run_study(s, f, path, &o, 1), _exit(0);
    for (int i = 0; i < 2000 && calls_held(f, &x) < CALLS; i++) fake_sleep(0.005);
    kill(child, SIGKILL);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    fake_lock(f);
    x.say = 1;
    fake_unlock(f);
    cr_assert_eq(x.calls, CALLS);
    cr_assert_float_eq(paid_in(s, path, &o.price), x.bound, 1e-12, "%g of %g", paid_in(s, path, &o.price), x.bound);
    struct spent y = run_study(s, f, path, &o, 1);
    cr_assert_eq(y.rc, 0, "%s", y.e.msg);
    cr_assert_float_eq(y.a.spent, 20 * 49 / 1e6, 1e-12);
    cr_assert_float_eq(paid_in(s, path, &o.price), x.bound + y.a.spent, 1e-12);
    fake_stop(f);
    free(f);
    remove_all(path);
    study_free(s);
}

static void refuse(struct fake *f, int fd, const struct fake_call *c) {
    (void)f, (void)c;
    fake_answer(fd, 401, "", "{\"error\":{\"message\":\"bad key\"}}");
}

Test(study_remote, a_refused_key_ends_it) {
    struct study *s = many_runs(50);
    struct fake *f = calloc(1, sizeof *f);
    char path[100];
    signal(SIGPIPE, SIG_IGN);
    path_of(path, sizeof path, "remote-key");
    remove_all(path);
    cr_assert_eq(fake_start(f, refuse, NULL), 0);
    struct spent x = run_study(s, f, path, &patient, 1);
    fake_stop(f);
    cr_assert_lt(x.rc, 0);
    cr_assert(strstr(x.e.msg, "bad key") && !strstr(x.e.msg, KEY), "%s", x.e.msg);
    cr_assert_leq(f->calls, 64, "one window, no more");
    cr_assert_eq(tally_of(path).facts, 0);
    free(f);
    remove_all(path);
    study_free(s);
}

/* ---- models that reason ---- */

/* Thinking in the text, apart from it, and without an end. */
static void serve_thinker(struct fake *f, int fd, const struct fake_call *c) {
    uint64_t h = body_hash(c->body);
    (void)f;
    if (strstr(c->body, "SECRET")) {
        fake_answer(fd, 400, "", "{\"error\":{\"message\":\"it was shown\"}}");
        return;
    }
    switch (h % 3) {
    case 0: fake_reply(fd, "<think>\\nSECRET one\\n</think>\\n\\n[TALK] Yes.", 40, 9); return;
    case 1: fake_reply(fd, "<think>SECRET without an end", 40, 9); return;
    default:
        fake_answer(fd, 200, "",
                    "{\"model\":\"toy-1\",\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"[TALK] No.\","
                    "\"reasoning_content\":\"SECRET two\"},\"finish_reason\":\"stop\"}]}");
    }
}

struct thinking {
    int facts, thought, unread;
};
static int look_at_thoughts(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct thinking *t = user;
    (void)e;
    if (!strstr(key, "/agent")) return 0;
    json_t *o = json_loadb(json, n, 0, NULL);
    const char *text = json_string_value(json_object_get(o, "text")), *own = json_string_value(json_object_get(o, "reasoning"));
    t->facts++, t->thought += own && !strncmp(own, "SECRET ", 7);
    t->unread += !strcmp(text, "<think>") && !strcmp(json_string_value(json_object_get(o, "status")), "malformed");
    cr_assert(!strstr(text, "SECRET"), "%s", text);
    json_decref(o);
    return 0;
}

static void no_finding(void *user, const struct archive_finding *f) {
    (void)user;
    cr_assert_fail("%s: %s", f->record, f->what);
}

/* Thoughts are kept, and no call holds them; the proof and a replay agree. */
Test(study_remote, thoughts_are_kept_and_shown_to_nobody) {
    struct str b = {0};
    struct study *s;
    struct fake *f = calloc(1, sizeof *f);
    struct archive *a, *again;
    struct backend *r;
    struct proof proof;
    struct thinking t = {0};
    struct runner_progress done;
    struct err e;
    size_t n, k;
    char path[100], copy[100];
    signal(SIGPIPE, SIG_IGN);
    str_puts(&b, "candor: study/1\nid: think\nseed: 5\nlanguages: [en]\nmodels: [{id: m, max_tokens: 50}]\n"
                 "group: {agents: 3, turns: 3, order: fixed, context: all}\nreplicates: 4\narms: [{id: none}]\n");
    cr_assert_geq(group_parse(&s, b.s, &e), 0, "%s", e.msg);
    str_free(&b);
    path_of(path, sizeof path, "remote-think"), path_of(copy, sizeof copy, "remote-think-again");
    remove_all(path), remove_all(copy);
    cr_assert_eq(fake_start(f, serve_thinker, NULL), 0);
    struct spent x = run_study(s, f, path, &patient, 1);
    fake_stop(f);
    cr_assert_eq(x.rc, 0, "%s", x.e.msg);
    cr_assert_geq(archive_open(&a, path, ARCHIVE_READ, &e), 0, "%s", e.msg);
    cr_assert_geq(archive_each(a, "cell", look_at_thoughts, &t, &e), 0);
    cr_assert(t.facts > 36 && t.thought == t.facts && t.unread > 4, "%d facts, %d thought, %d unread", t.facts, t.thought,
              t.unread);
    cr_assert_geq(proof_run(&proof, s, a, no_finding, NULL, &e), 0, "%s", e.msg);
    cr_assert(proof.findings == 0 && proof.calls == t.facts);
    cr_assert_geq(archive_open(&again, copy, ARCHIVE_WRITE, &e), 0, "%s", e.msg);
    cr_assert_geq(replay_open(&r, a, &e), 0, "%s", e.msg);
    cr_assert_geq(runner_run(s, again, r, &(struct runner_opts){0}, &done, &e), 0, "%s", e.msg);
    cr_assert_geq(archive_seal(again, &e), 0, "%s", e.msg);
    backend_close(r), archive_close(again), archive_close(a);
    char *u = sealed(path, &n), *v = sealed(copy, &k);
    cr_assert(n == k && !memcmp(u, v, n), "other facts: %zu and %zu bytes", n, k);
    free(u), free(v), free(f);
    remove_all(path), remove_all(copy);
    study_free(s);
}
