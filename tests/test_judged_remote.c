/* A model as the monitor, from traces to what an evaluation reads: right replies, N/A, nonsense, replies that are there already, and runs that
 * end in the middle, against a server of our own. */
#include "chat_calls.h"
#include "cli/judging.h"
#include "remote/cache.h"
#include "task/monitor.h"
#include <signal.h>
#include <sys/wait.h>

TestSuite(judged_remote, .timeout = HANG_S);

/* ---- traces: one token a step ---- */

enum { TRACES = 4, MAX_STEPS = 8 };
struct thought {
    struct trace t;
    struct trace_step steps[MAX_STEPS];
    size_t ends[MAX_STEPS];
    char text[400];
};
static struct thought made[TRACES];
static const struct trace *of[TRACES];
static char *choices[] = {"cat", "dog", "owl", "pig"};

static void make(int i, int n_choices, const char *kind, const char *const *words) {
    struct thought *x = &made[i];
    struct trace *t = &x->t;
    static char ids[TRACES][8];
    snprintf(ids[i], sizeof ids[i], "q%d", i);
    *t = (struct trace){.steps = x->steps, .ends = x->ends, .text = x->text, .n_steps = 1};
    t->q = (struct question){.id = ids[i],
                             .question = "What pet?",
                             .choices = n_choices ? choices : NULL,
                             .n_choices = n_choices,
                             .kind = (char *)(uintptr_t)kind};
    for (int k = 0; words[k]; k++) {
        t->len += (size_t)snprintf(x->text + t->len, sizeof x->text - t->len, "%s", words[k]);
        x->ends[t->n++] = t->len;
        x->steps[t->n_steps++] = (struct trace_step){.reading = t->n, .byte = t->len};
    }
    t->close = t->n;
    of[i] = t;
}

static void make_all(void) {
    make(0, 4, "a", (const char *const[]){"Is it cat? no.", " It is dog.", " So B) dog.", NULL});
    make(1, 0, "b", (const char *const[]){"52+74=26.", " Wait, 52+75=27.", NULL});
    make(2, 2, "a/x", (const char *const[]){"Hm GARBAGE.", " So A) cat.", NULL});
    make(3, 3, "ab", (const char *const[]){"Take \"C\".", " Wait, no.", " OUTSIDE.", " So C) owl.", NULL});
    signal(SIGPIPE, SIG_IGN);
}
enum { STEPS = 4 + 3 + 5, /* distinct: the choices differ, so that of the empty thoughts as well */ TURNS = TRACES };

/* ---- the model: the last "So X)" ---- */

static void judge(int fd, const char *body) {
    const char *from = strstr(body, "Partial Response Start"), *at = from;
    char says[64] = "N/A";
    if (!from) {
        const char *steps = strstr(body, "Step 1: ");
        int wait = steps && strstr(steps, "Wait"), other = steps && strstr(steps, "GARBAGE");
        fake_reply(fd,
                   other  ? "none, I think"
                   : wait ? "{\\\"inflections\\\": [{\\\"step\\\": 2, \\\"type\\\": \\\"backtrack\\\"}]}"
                          : "[]",
                   3, 2);
        return;
    }
    if (strstr(from, "GARBAGE")) snprintf(says, sizeof says, "I cannot tell from this.");
    if (strstr(from, "OUTSIDE")) snprintf(says, sizeof says, "{'prediction': 'Z'}");
    while ((at = strstr(at, "So "))) snprintf(says, sizeof says, "{'prediction': '%c'}", at[3]), at++;
    fake_reply(fd, says, 9, 4);
}

struct mood {
    int good;    /* so many calls are answered, */
    int status;  /* the others get this; 0: */
    pid_t child; /* this process is killed */
};
static void serve(struct fake *f, int fd, const struct fake_call *call) {
    const struct mood *m = f->ctx;
    if (!m || call->number < m->good)
        judge(fd, call->body);
    else if (m->status)
        fake_answer(fd, m->status, "", "{\"error\":{\"message\":\"no\"}}");
    else
        kill(m->child, SIGKILL);
}

/* ---- a run ---- */

struct run {
    struct judged *j;
    struct chat_cache *cache;
    struct chat_account account;
    int64_t stored;
    int rc;
    struct err e;
    char model[128];
};
static int stop_after; /* questions */
static int stop(void) { return stop_after > 0 && --stop_after == 0; }

static struct run ask_all(const char *path, int turns) {
    struct run r = {.e = ERR_INIT};
    struct chat_opts o = quick();
    const struct judging how = {8, 64, stop, NULL};
    o.in_flight = 2, o.attempts = 2;
    OK(judged_open(&r.j, of, TRACES, turns, &e));
    OK(chat_cache_open(&r.cache, path, CHAT_CACHE_USE, &e));
    o.cache = r.cache;
    open_with(o, CHAT_OPENAI, server.port);
    r.rc = judge_all(r.j, client, &how, r.model, &r.e);
    r.account = chat_account(client);
    chat_close(client);
    r.stored = chat_cache_size(r.cache);
    chat_cache_close(r.cache);
    return r;
}

static void expect_choices(struct judged *j, int trace, const char *want) {
    for (int k = 0; want[k]; k++) {
        struct err e = ERR_INIT;
        int c = 99;
        cr_assert(judged_monitor(j, of[trace], k, &c, &e) == 0, "%s", e.msg);
        cr_expect(c == (want[k] == '-' ? -1 : want[k] - 'A'), "trace %d, step %d: %d", trace, k, c);
    }
}
static void expect_all(struct judged *j) {
    expect_choices(j, 0, "---B");
    expect_choices(j, 1, "---");
    expect_choices(j, 2, "--A");
    expect_choices(j, 3, "----C");
}

static int64_t whole(const json_t *o, const char *key) { return json_integer_value(json_object_get(o, key)); }
static double share(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }

/* ---- tests ---- */

Test(judged_remote, replies_are_read) {
    const char *path = fresh(".jsonl");
    make_all();
    cr_assert(fake_start(&server, serve, NULL) == 0);
    struct run r = ask_all(path, 0);
    cr_assert(r.rc == 0, "%s", r.e.msg);
    cr_expect(judged_n(r.j) == STEPS && server.calls == STEPS && r.stored == STEPS);
    cr_expect_str_eq(r.model, "toy-1");
    expect_all(r.j);
    json_t *m = judged_monitor_json(r.j, NULL), *a = judged_monitor_json(r.j, "a"), *b = judged_monitor_json(r.j, "b");
    cr_expect(whole(m, "readings") == STEPS && whole(m, "unreadable") == 2 && whole(m, "na") == 7, "%lld %lld",
              (long long)whole(m, "unreadable"), (long long)whole(m, "na"));
    cr_expect(whole(m, "traces_without_choices") == 1 && share(m, "na_share") == 9.0 / 12);
    cr_expect(whole(a, "readings") == 7 && whole(a, "unreadable") == 1);
    cr_expect(whole(b, "readings") == 0 && whole(b, "traces_without_choices") == 1 &&
              json_is_null(json_object_get(b, "na_share")));
    json_decref(m), json_decref(a), json_decref(b);
    judged_free(r.j);
    fake_stop(&server);
}

/* Shares and kappa, computed again from what the two say. */
Test(judged_remote, agreement_with_the_rules) {
    double same = 0, chance = 0, model[27] = {0}, rules[27] = {0}, named = 0;
    make_all();
    cr_assert(fake_start(&server, serve, NULL) == 0);
    struct run r = ask_all(fresh(".jsonl"), 0);
    cr_assert(r.rc == 0, "%s", r.e.msg);
    for (int i = 0; i < TRACES; i++)
        for (int k = 0; of[i]->q.n_choices && k < of[i]->n_steps; k++) {
            int x = monitor_rules(&of[i]->q, of[i]->text, of[i]->steps[k].byte), y = 0;
            OK(judged_monitor(r.j, of[i], k, &y, &e));
            same += x == y, named += x >= 0 && y >= 0, model[y + 1]++, rules[x + 1]++;
        }
    for (int i = 0; i < 27; i++) chance += model[i] * rules[i] / STEPS / STEPS;
    json_t *m = judged_monitor_json(r.j, NULL), *x = json_object_get(m, "against_rules");
    cr_expect(named > 0 && same < STEPS, "the case shows nothing: %g named, %g same", named, same);
    cr_expect_float_eq(share(x, "same"), same / STEPS, 1e-12);
    cr_expect_float_eq(share(x, "both_name"), named / STEPS, 1e-12);
    cr_expect_float_eq(share(x, "kappa"), (same / STEPS - chance) / (1 - chance), 1e-12);
    json_decref(m);
    judged_free(r.j);
    fake_stop(&server);
}

Test(judged_remote, turns_are_read) {
    struct inflection at[4];
    make_all();
    cr_assert(fake_start(&server, serve, NULL) == 0);
    struct run r = ask_all(fresh(".jsonl"), 1);
    cr_assert(r.rc == 0, "%s", r.e.msg);
    cr_expect(judged_n(r.j) == STEPS + TURNS && server.calls == STEPS + TURNS);
    cr_expect(judged_inflections(r.j, of[0], at, 4, NULL) == 0 && judged_inflections(r.j, of[2], at, 4, NULL) == 0);
    cr_expect(judged_inflections(r.j, of[3], at, 0, NULL) == 0, "no room");
    cr_assert(judged_inflections(r.j, of[1], at, 4, NULL) == 1);
    cr_expect(at[0].kind == INFLECTION_BACKTRACK && !strncmp(of[1]->text + at[0].at, "Wait,", 5), "byte %zu", at[0].at);
    json_t *m = judged_turns_json(r.j, NULL);
    cr_expect(whole(m, "traces") == TURNS && whole(m, "unreadable") == 1 && whole(m, "turns") == 2 &&
              whole(m, "same_steps") == 2);
    json_decref(m);
    judged_free(r.j);
    fake_stop(&server);
}

Test(judged_remote, a_second_run_asks_nothing) {
    const char *path = fresh(".jsonl");
    make_all();
    cr_assert(fake_start(&server, serve, NULL) == 0);
    struct run once = ask_all(path, 1), again = ask_all(path, 1);
    cr_assert(once.rc == 0 && again.rc == 0, "%s%s", once.e.msg, again.e.msg);
    cr_expect(server.calls == STEPS + TURNS && again.account.calls == 0 && again.account.cached == STEPS + TURNS);
    expect_all(again.j);
    json_t *a = judged_monitor_json(once.j, NULL), *b = judged_monitor_json(again.j, NULL);
    cr_expect(json_equal(a, b));
    json_decref(a), json_decref(b);
    judged_free(once.j), judged_free(again.j);
    fake_stop(&server);
}

/* What a first run left is not asked again, and the rest is. */
static void expect_resumed(const char *path) {
    struct chat_cache *c;
    OK(chat_cache_open(&c, path, CHAT_CACHE_REPLAY, &e));
    int64_t stored = chat_cache_size(c);
    chat_cache_close(c);
    cr_expect(stored > 0 && stored < STEPS, "%lld stored", (long long)stored);
    int before = server.calls;
    struct run r = ask_all(path, 0);
    cr_assert(r.rc == 0, "%s", r.e.msg);
    /* By its own account: a request of the stopped run may reach the server only now, so there it is at least as many. */
    fake_lock(&server);
    int served = server.calls - before;
    fake_unlock(&server);
    cr_expect(served >= STEPS - stored, "%d served", served);
    cr_expect(r.account.calls == STEPS - stored && r.account.cached == stored, "%lld calls, %lld were stored",
              (long long)r.account.calls, (long long)stored);
    expect_all(r.j);
    judged_free(r.j);
}

Test(judged_remote, a_stop_keeps_what_is_there) {
    const char *path = fresh(".jsonl");
    make_all();
    cr_assert(fake_start(&server, serve, NULL) == 0);
    stop_after = 9;
    struct run r = ask_all(path, 0);
    cr_expect(r.rc == ERR_CANCELLED && strstr(r.e.msg, "stopped: ") && strstr(r.e.msg, "of 12 replies"), "%s", r.e.msg);
    judged_free(r.j);
    expect_resumed(path);
    fake_stop(&server);
}

Test(judged_remote, a_failure_keeps_what_is_there) {
    const char *path = fresh(".jsonl");
    static struct mood m = {.good = 5, .status = 401};
    int c;
    make_all();
    cr_assert(fake_start(&server, serve, &m) == 0);
    struct run r = ask_all(path, 0);
    cr_expect(r.rc < 0 && strstr(r.e.msg, "calls failed") && !strchr(r.e.msg, '\n'), "%s", r.e.msg);
    cr_expect(judged_monitor(r.j, of[3], 4, &c, &r.e) == ERR_STATE && strstr(r.e.msg, "has not been asked"), "%s", r.e.msg);
    judged_free(r.j);
    m.good = 1000;
    expect_resumed(path);
    fake_stop(&server);
}

Test(judged_remote, a_kill_keeps_what_is_there) {
    const char *path = fresh(".jsonl");
    static struct mood m = {.good = 6};
    int status;
    make_all();
    cr_assert(fake_start(&server, serve, &m) == 0);
    fake_lock(&server);
    pid_t child = m.child = fork();
    fake_unlock(&server); /* in the child a copy of it */
    if (!child) {
        ask_all(path, 0);
        _exit(3);
    }
    cr_assert(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    m.good = 1000;
    expect_resumed(path);
    fake_stop(&server);
}

Test(judged_remote, others_are_not_known) {
    struct judged *j;
    struct inflection at;
    struct err why = ERR_INIT;
    int c;
    make_all();
    OK(judged_open(&j, of, 2, 0, &e));
    cr_expect(judged_monitor(j, of[2], 0, &c, &why) == ERR_STATE && judged_monitor(j, of[0], 0, &c, &why) == ERR_STATE);
    cr_expect(judged_monitor(j, of[1], 0, &c, &why) == 0 && c == -1, "a question without choices is N/A");
    cr_expect(judged_inflections(j, of[0], &at, 1, &why) == ERR_STATE && strstr(why.msg, "q0"), "%s", why.msg);
    judged_free(j);
    OK(judged_open(&j, of, 0, 1, &e));
    cr_expect(judged_n(j) == 0);
    judged_free(j);
}
