/* Several models in one study: every call reaches its model, whoever answers faster; the mapping is part of the record; a budget is one. */
#include "fake_chat.h"
#include "study/paid.h"
#include "study/remote.h"
#include "study/replay.h"
#include "study/route.h"
#include "study/runner.h"
#include "study_files.h"
#include "study_group.h"
#include <jansson.h>
#include <signal.h>

TestSuite(study_route, .timeout = HANG_S);

enum { MODELS = 3 };
static const char *const ids[MODELS] = {"alpha", "beta", "gamma"};

static struct study *three_models(int replicates) {
    struct str b = {0};
    struct study *s;
    struct err e;
    str_printf(&b,
               "candor: study/1\nid: three\nseed: 5\nlanguages: [en]\n"
               "models: [{id: alpha, max_tokens: 50}, {id: beta, max_tokens: 50}, {id: gamma, max_tokens: 50}]\n"
               "group: {agents: 2, turns: 2, order: fixed, context: all}\nreplicates: %d\narms: [{id: none}]\n",
               replicates);
    cr_assert_geq(group_parse(&s, b.s, &e), 0, "%s", e.msg);
    str_free(&b);
    return s;
}

/* ---- models that say who they are ---- */

struct mock {
    struct backend b;
    int model;            /* of the study */
    int slow;             /* of so many polls only one has an answer; 0: all */
    int end_after;        /* answers, then it ends; 0: never */
    int fails;            /* of the first so many calls none succeeds */
    int asked, strangers; /* strangers: calls of another model */
    int polls, said;
    struct answer_queue ready;
};

static int mock_submit(struct backend *b, const struct call *c, struct err *e) {
    struct mock *m = (struct mock *)b;
    struct answer a = {.tag = c->tag, .finish = CHAT_FINISH_STOP, .tokens_in = 1, .tokens_out = 1, .attempts = 1};
    char text[80];
    m->asked++, m->strangers += scene_cell(c->scene)->model != m->model;
    snprintf(text, sizeof text, "[TALK] I am %s, %llu", ids[m->model], (unsigned long long)(c->seed % 1000));
    snprintf(a.model, sizeof a.model, "mock-%s", ids[m->model]);
    a.text = strdup(text), a.text_n = strlen(text);
    if (m->asked <= m->fails) {
        free(a.text), a.text = NULL, a.rc = ERR_IO;
        fail(&a.why, ERR_IO, "cut off");
    }
    return answer_push(&m->ready, &a, e);
}
static int mock_poll(struct backend *b, double wait_s, struct answer *out, struct err *e) {
    struct mock *m = (struct mock *)b;
    (void)wait_s;
    if (m->slow && ++m->polls % m->slow) return 0;
    if (m->end_after && m->said >= m->end_after) return fail(e, ERR_LIMIT, "the budget is spent");
    int got = answer_pop(&m->ready, out);
    m->said += got;
    return got;
}
static int64_t mock_pending(const struct backend *b) { return ((const struct mock *)b)->ready.n; }
static void mock_close(struct backend *b) { answer_queue_free(&((struct mock *)b)->ready); }

/* name: of the model that answers, in the record */
static struct backend *mock_route(struct mock m[MODELS], const struct study *s, const char *name) {
    struct backend *to[STUDY_MAX_MODELS] = {0}, *out;
    struct err e = ERR_INIT;
    for (int i = 0; i < MODELS; i++) {
        m[i].model = i;
        m[i].b = (struct backend){.name = "mock",
                                  .model = name,
                                  .most = 4,
                                  .submit = mock_submit,
                                  .poll = mock_poll,
                                  .pending = mock_pending,
                                  .close = mock_close};
        to[i] = &m[i].b;
    }
    cr_assert_geq(route_open(&out, to, s, &e), 0, "%s", e.msg);
    return out;
}

/* ---- runs ---- */

struct patience {
    int left;
};
static int run_out(void *ctx) { return ((struct patience *)ctx)->left-- <= 0; }

static int run_with(const struct study *s, struct backend *b, const char *path, int interleave, int patience, struct err *e) {
    struct runner_progress done;
    struct archive *a;
    struct patience p = {patience};
    *e = ERR_INIT;
    cr_assert_geq(archive_open(&a, path, ARCHIVE_WRITE, e), 0, "%s", e->msg);
    int rc = runner_run(
        s, a, b, &(struct runner_opts){.priced = 1, .interleave = interleave, .stop = patience ? run_out : NULL, .ctx = &p},
        &done, e);
    struct err why = ERR_INIT;
    if (rc >= 0) cr_assert_geq(archive_seal(a, &why), 0, "%s", why.msg);
    archive_close(a);
    return rc;
}

struct look {
    int turns, wrong, parts;
};
static int look(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct look *l = user;
    json_t *o = json_loadb(json, n, 0, NULL);
    int cell = 0;
    (void)e;
    if (sscanf(key, "cell%3d", &cell) == 1 && strstr(key, "/agent")) {
        char name[40];
        snprintf(name, sizeof name, "mock-%s", ids[cell]);
        l->turns++;
        l->wrong += strcmp(json_string_value(json_object_get(o, "model")), name) != 0;
    }
    for (int i = 0; !strcmp(key, "study") && i < MODELS; i++) {
        const json_t *part = json_object_get(json_object_get(o, "models"), ids[i]);
        const char *who = json_string_value(json_object_get(part, "backend"));
        l->parts += who && !strcmp(who, "mock");
    }
    json_decref(o);
    return 0;
}

/* Whoever is faster, however often it is stopped, and replayed: the same bytes, in which each model says its own words. */
Test(study_route, calls_reach_their_model) {
    static const struct {
        int interleave, patience, slow[MODELS];
    } o[] = {{1, 0, {0, 0, 0}}, {64, 0, {5, 0, 2}}, {7, 9, {0, 3, 0}}};
    struct study *s = three_models(6);
    char path[100], again[100], *first = NULL;
    size_t first_n = 0;
    struct err e;
    path_of(path, sizeof path, "route"), path_of(again, sizeof again, "route-replay");
    for (int i = 0; i < 3; i++) {
        int rc = ERR_CANCELLED;
        remove_all(path);
        for (int k = 0; rc == ERR_CANCELLED && k < 100; k++) {
            struct mock m[MODELS] = {0};
            for (int j = 0; j < MODELS; j++) m[j].slow = o[i].slow[j];
            struct backend *b = mock_route(m, s, "v1");
            cr_assert_eq(b->most, 12);
            rc = run_with(s, b, path, o[i].interleave, o[i].patience, &e);
            backend_close(b);
            cr_assert_eq(m[0].strangers + m[1].strangers + m[2].strangers, 0);
            if (!o[i].patience) cr_assert(m[0].asked == 24 && m[1].asked == 24 && m[2].asked == 24);
        }
        cr_assert_eq(rc, 0, "%s", e.msg);
        same_sealed(path, &first, &first_n, i);
    }
    struct archive *a;
    struct look l = {0};
    struct backend *b;
    cr_assert_geq(archive_open(&a, path, ARCHIVE_READ, &e), 0);
    cr_assert_geq(archive_each(a, "", look, &l, &e), 0);
    cr_assert(l.turns == 72 && !l.wrong && l.parts == MODELS, "%d %d %d", l.turns, l.wrong, l.parts);
    cr_assert_geq(replay_open(&b, a, &e), 0, "%s", e.msg);
    remove_all(again);
    cr_assert_eq(run_with(s, b, again, 8, 0, &e), 0, "%s", e.msg);
    backend_close(b), archive_close(a);
    same_sealed(again, &first, &first_n, 3); /* of the replay */
    free(first);
    remove_all(path), remove_all(again);
    study_free(s);
}

Test(study_route, another_mapping_does_not_go_on) {
    struct study *s = three_models(1);
    struct mock m[MODELS] = {0};
    struct backend *b = mock_route(m, s, "v1"), *other;
    char path[100];
    struct err e;
    path_of(path, sizeof path, "route-other");
    remove_all(path);
    cr_assert_eq(run_with(s, b, path, 4, 0, &e), 0, "%s", e.msg);
    backend_close(b);
    struct mock next[MODELS] = {0};
    other = mock_route(next, s, "v2");
    cr_assert_eq(run_with(s, other, path, 4, 0, &e), ERR_STATE);
    cr_assert(strstr(e.msg, "models differs"), "%s", e.msg);
    cr_assert_eq(run_with(s, &next[0].b, path, 4, 0, &e), ERR_STATE, "one alone is another mapping too");
    backend_close(other);
    remove_all(path);
    study_free(s);
}

/* A model that has spent its budget ends the study; what the others have under way is kept. */
Test(study_route, the_end_of_one_is_the_end_of_all) {
    struct study *s = three_models(8);
    struct mock m[MODELS] = {{.slow = 2}, {.end_after = 3}, {.slow = 3}};
    struct backend *b = mock_route(m, s, "v1");
    char path[100];
    struct err e;
    path_of(path, sizeof path, "route-end");
    remove_all(path);
    cr_assert_eq(run_with(s, b, path, 24, 0, &e), ERR_LIMIT);
    cr_assert_str_eq(e.msg, "beta: the budget is spent");
    cr_assert_eq(m[0].ready.n + m[2].ready.n, 0, "what the others said is taken");
    struct look l = {0};
    struct archive *a;
    cr_assert_geq(archive_open(&a, path, ARCHIVE_READ, &e), 0);
    cr_assert_geq(archive_each(a, "", look, &l, &e), 0);
    cr_assert(l.turns == m[0].said + m[1].said + m[2].said && l.turns > 3 && !l.wrong);
    archive_close(a), backend_close(b);
    remove_all(path);
    study_free(s);
}

/* Replies that are there when a failed call ends it were paid for: they are recorded, and the error is that of the call. */
Test(study_route, what_is_there_at_the_end_is_recorded) {
    struct study *s = three_models(40);
    struct mock m = {.fails = 20};
    char path[100];
    struct look l = {0};
    struct archive *a;
    struct err e;
    path_of(path, sizeof path, "route-rest");
    remove_all(path);
    m.b = (struct backend){
        .name = "mock", .most = 50, .submit = mock_submit, .poll = mock_poll, .pending = mock_pending, .close = mock_close};
    cr_assert_eq(run_with(s, &m.b, path, 120, 0, &e), ERR_IO, "%s", e.msg);
    cr_assert(strstr(e.msg, "gave up after 20 failed calls in a row, the last: cut off"), "%s", e.msg);
    cr_assert_eq(m.said, 50);
    cr_assert_geq(archive_open(&a, path, ARCHIVE_READ, &e), 0);
    cr_assert_geq(archive_each(a, "", look, &l, &e), 0);
    cr_assert_eq(l.turns, 30);
    archive_close(a), backend_close(&m.b);
    remove_all(path);
    study_free(s);
}

/* Polls go round: nobody's answers wait for another to run dry. */
Test(study_route, polls_in_turn) {
    struct study *s = three_models(2);
    struct mock m[MODELS] = {0};
    struct backend *b = mock_route(m, s, "v1");
    struct err e = ERR_INIT;
    for (int i = 0; i < MODELS; i++)
        for (int k = 0; k < 4; k++) {
            struct answer a = {.tag = i, .text = strdup("x")};
            cr_assert_geq(answer_push(&m[i].ready, &a, &e), 0);
        }
    int64_t last = -1;
    for (int k = 0; k < 12; k++) {
        struct answer a;
        cr_assert_eq(b->poll(b, 0, &a, &e), 1);
        cr_assert_neq(a.tag, last);
        last = a.tag;
        answer_free(&a);
    }
    cr_assert_eq(b->pending(b), 0);
    backend_close(b);
    study_free(s);
}

/* ---- one budget ---- */

static void serve(struct fake *f, int fd, const struct fake_call *c) {
    (void)f, (void)c;
    fake_sleep(0.002);
    fake_reply(fd, "[TALK] I say something.", 400, 20);
}

static int count_sent(void *user, const char *key, const char *json, size_t n, struct err *e) {
    (void)key, (void)n, (void)e;
    *(int64_t *)user += strstr(json, "sent_tokens_in") != NULL;
    return 0;
}

/* Two models that are paid for: together they stay within the budget, and come near it. */
Test(study_route, a_budget_is_of_all) {
    struct study *s = three_models(60);
    struct fake *f = calloc(1, sizeof *f);
    struct chat_purse purse = {0};
    struct mock third = {.model = 2};
    struct backend *to[STUDY_MAX_MODELS] = {0}, *b;
    char path[100];
    struct err e = ERR_INIT;
    double budget = 0.03, spent = 0;
    signal(SIGPIPE, SIG_IGN);
    path_of(path, sizeof path, "route-budget");
    remove_all(path);
    cr_assert_eq(fake_start(f, serve, NULL), 0);
    for (int i = 0; i < 2; i++) {
        struct remote_opts o = {.ep = {.url = fake_url(f), .model = ids[i]},
                                .chat = {.in_flight = 8, .time_scale = 0.002, .budget = budget, .purse = &purse}};
        o.chat.price = (struct chat_price){1, 1, 10};
        cr_assert_geq(remote_open(&to[i], &o, &e), 0, "%s", e.msg);
    }
    struct mock *m = &third;
    m->b = (struct backend){
        .name = "mock", .most = 4, .submit = mock_submit, .poll = mock_poll, .pending = mock_pending, .close = mock_close};
    to[2] = &m->b;
    cr_assert_geq(route_open(&b, to, s, &e), 0, "%s", e.msg);
    cr_assert_eq(run_with(s, b, path, 64, 0, &e), ERR_LIMIT, "%s", e.msg);
    cr_assert(strstr(e.msg, "budget"), "%s", e.msg);
    for (int i = 0; i < 2; i++) {
        struct chat_account a = remote_account(to[i]);
        cr_assert_gt(a.spent, 0);
        spent += a.spent + a.uncertain;
    }
    cr_assert(spent <= budget && spent > budget / 2, "%g of %g", spent, budget);
    struct chat_account all = {0};
    b->account(b, &all);
    cr_assert_float_eq(all.spent + all.uncertain, spent, 1e-12, "all of them together");
    cr_assert_gt(all.calls, 0);
    backend_close(b);
    struct archive *a;
    struct chat_price price[STUDY_MAX_MODELS] = {{1, 1, 10}, {1, 1, 10}};
    int64_t sent = 0;
    double paid;
    cr_assert_geq(archive_open(&a, path, ARCHIVE_READ, &e), 0, "%s", e.msg);
    cr_assert_geq(archive_each_note(a, "cell", count_sent, &sent, &e), 0, "%s", e.msg);
    cr_assert_geq(study_paid(&paid, s, a, price, &e), 0, "%s", e.msg);
    archive_close(a);
    cr_assert_geq(sent, all.calls, "the calls of each model are noted before they are sent");
    cr_assert_geq(paid, spent - 1e-12);
    cr_assert(purse.n == 0 && purse.gone.spent > 0);
    fake_stop(f);
    free(f);
    remove_all(path);
    study_free(s);
}
