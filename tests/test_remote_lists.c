/* remote with many calls at once: order, limits, what ends them all, budgets, and stored replies. */
#include "chat_calls.h"

TestSuite(remote_lists, .timeout = HANG_S);

static void count_progress(void *ctx, const struct chat_progress *p) {
    int64_t *last = ctx;
    cr_expect(p->done == *last + 1 && p->total == 60 && p->failed == 0);
    *last = p->done;
}

Test(remote_lists, a_list_is_answered_in_its_order) {
    struct asked a = numbers(60);
    int64_t last = 0;
    start(quick(), serve_number, NULL);
    OK(chat_batch(client, a.req, a.n, a.out, count_progress, &last, &e));
    expect_numbers(&a);
    cr_expect(last == 60);
    numbers_free(&a);
    end();
    cr_expect(server.calls == 60 && server.most_open <= 4, "%d at once", server.most_open);
}

Test(remote_lists, replies_come_one_by_one) {
    struct asked a = numbers(12);
    struct chat_reply r;
    int64_t tag;
    int sum = 0;
    start(quick(), serve_number, NULL);
    for (int64_t i = 0; i < a.n; i++) OK(chat_submit(client, &a.req[i], 100 + i, &e));
    cr_expect(chat_pending(client) == 12);
    while (chat_pending(client)) {
        struct err e = ERR_INIT;
        if (chat_poll(client, 0, &r, &tag, &e) != 1) continue;
        cr_assert(r.rc == 0 && atoi(r.text + 2) == tag - 100, "%s", r.why.msg);
        sum += (int)tag - 100;
        chat_reply_fini(&r);
    }
    cr_expect(sum == 66);
    numbers_free(&a);
    end();
}

Test(remote_lists, a_client_may_be_closed_in_the_middle) {
    struct asked a = numbers(12);
    struct chat_reply r;
    int64_t tag;
    start(quick(), serve_number, NULL);
    for (int64_t i = 0; i < a.n; i++) OK(chat_submit(client, &a.req[i], i, &e));
    cr_assert(chat_poll(client, 30, &r, &tag, NULL) == 1);
    chat_reply_fini(&r);
    cr_expect(chat_batch(client, a.req, 1, a.out, NULL, NULL, NULL) == ERR_STATE, "something is pending");
    numbers_free(&a);
    end();
}

/* ---- ends for all ---- */

/* All fail; the server was called so often. */
static void expect_end(int64_t n, int rc, int calls, const char *first, const char *last) {
    struct asked a = numbers(n);
    struct err e = ERR_INIT;
    int got = chat_batch(client, a.req, a.n, a.out, NULL, NULL, &e);
    cr_expect(got == rc, "expected %s, found %s: %s", err_name(rc), err_name(got), e.msg);
    cr_expect(strstr(e.msg, "30 of 30 calls failed"), "%s", e.msg);
    cr_expect(strstr(a.out[0].why.msg, first), "%s", a.out[0].why.msg);
    cr_expect(strstr(a.out[n - 1].why.msg, last) && a.out[n - 1].attempts == 0, "%s", a.out[n - 1].why.msg);
    numbers_free(&a);
    end();
    cr_expect(server.calls == calls, "%d calls", server.calls);
}

Test(remote_lists, a_wrong_key_is_tried_once) {
    struct chat_opts o = quick();
    o.in_flight = 1;
    START(o, {401, "", "{\"error\":{\"message\":\"who?\"}}"});
    expect_end(30, ERR_ARG, 1, "answered 401: who?", "not sent, because an earlier call failed");
}

Test(remote_lists, failures_in_a_row_end_it) {
    struct chat_opts o = quick();
    o.in_flight = 1, o.give_up = 3, o.attempts = 1;
    START(o, {500, "", "oops"});
    expect_end(30, ERR_IO, 3, "answered 500: oops", "as did those before it");
}

/* Every second call fails. */
static void serve_every_second(struct fake *f, int fd, const struct fake_call *call) {
    (void)f;
    if (call->number % 2)
        fake_reply(fd, "fine", 1, 1);
    else
        fake_answer(fd, 422, "", "{}");
}

Test(remote_lists, failures_between_replies_end_nothing) {
    struct asked a = numbers(20);
    struct chat_opts o = quick();
    o.in_flight = 1, o.give_up = 2;
    start(o, serve_every_second, NULL);
    cr_expect(chat_batch(client, a.req, a.n, a.out, NULL, NULL, NULL) == ERR_ARG);
    cr_expect(chat_account(client).calls == 10 && chat_account(client).failed == 10);
    numbers_free(&a);
    end();
    cr_expect(server.calls == 20);
}

static int stop_after(void *ctx) {
    struct fake *f = ctx;
    fake_lock(f);
    int calls = f->calls;
    fake_unlock(f);
    return calls > 0;
}

Test(remote_lists, it_can_be_stopped) {
    struct chat_opts o = quick();
    o.in_flight = 1, o.stop = stop_after, o.ctx = &server;
    start(o, serve_nothing, NULL);
    expect_end(30, ERR_CANCELLED, 1, "stopped", "stopped");
}

Test(remote_lists, a_deadline_is_for_all) {
    struct chat_opts o = quick();
    o.in_flight = 1, o.deadline_s = 1;
    start(o, serve_nothing, NULL);
    expect_end(30, ERR_TIMEOUT, 1, "not finished within", "not finished within");
}

Test(remote_lists, the_pace_holds_for_a_client) {
    struct asked a = numbers(30);
    struct err e = ERR_INIT;
    struct chat_opts o = quick();
    o.requests_minute = 2, o.time_scale = 1, o.deadline_s = 0.5;
    start(o, serve_number, NULL);
    cr_expect(chat_batch(client, a.req, a.n, a.out, NULL, NULL, &e) == ERR_TIMEOUT, "%s", e.msg);
    numbers_free(&a);
    end();
    cr_expect(server.calls <= 2, "%d calls in half a second", server.calls);
}

Test(remote_lists, a_budget_is_never_passed) {
    struct asked a = numbers(40);
    struct err e = ERR_INIT;
    struct chat_plan plan;
    struct chat_opts o = quick();
    o.price = (struct chat_price){.set = 1, .in = 10, .out = 100}, o.budget = 0.02;
    start(o, serve_number, NULL);
    cr_assert(chat_plan(client, a.req, a.n, &plan, &e) == 0);
    cr_expect(plan.calls == 40 && plan.cached == 0 && plan.cost_max > 0.02);
    cr_expect(chat_batch(client, a.req, a.n, a.out, NULL, NULL, &e) == 0, "each costs far less than its bound: %s", e.msg);
    struct chat_account t = chat_account(client);
    cr_expect(t.spent > 0.0043 && t.spent < 0.0045 && t.reserved == 0 && t.uncertain == 0);
    for (int64_t i = 0; i < a.n; i++) chat_reply_fini(&a.out[i]);
    chat_close(client);
    o.budget = 0.005;
    open_with(o, CHAT_OPENAI, server.port);
    cr_expect(chat_batch(client, a.req, a.n, a.out, NULL, NULL, &e) == ERR_LIMIT &&
                  strstr(e.msg, "of the budget of 0.005 is spent"),
              "%s", e.msg);
    t = chat_account(client);
    cr_expect(t.calls > 0 && t.calls < 40 && t.calls + t.failed == 40 && t.spent <= 0.005);
    a.req[0].max_tokens = 0;
    cr_expect(chat_submit(client, a.req, 0, &e) == ERR_ARG && strstr(e.msg, "max_tokens"));
    numbers_free(&a);
    end();
    o.price.set = 0;
    cr_expect(chat_open(&client, &(struct chat_endpoint){.url = "http://127.0.0.1:1", .model = "m"}, &o, &e) == ERR_ARG);
}

/* ---- with a cache ---- */

Test(remote_lists, a_second_run_asks_nothing_and_hears_the_same) {
    struct asked a = numbers(20), b = numbers(20);
    struct chat_cache *cache;
    struct chat_opts o = quick();
    const char *path = fresh(".jsonl");
    OK(chat_cache_open(&cache, path, CHAT_CACHE_USE, &e));
    o.cache = cache;
    start(o, serve_number, NULL);
    OK(chat_batch(client, a.req, a.n, a.out, NULL, NULL, &e));
    expect_numbers(&a);
    OK(chat_batch(client, b.req, b.n, b.out, NULL, NULL, &e));
    expect_numbers(&b);
    for (int64_t i = 0; i < b.n; i++) cr_expect(b.out[i].cached && !a.out[i].cached && b.out[i].attempts == 1);
    end();
    chat_cache_close(cache);
    cr_expect(server.calls == 20);
    for (int64_t i = 0; i < b.n; i++) chat_reply_fini(&b.out[i]);

    OK(chat_cache_open(&cache, path, CHAT_CACHE_REPLAY, &e)); /* no server, no key */
    unsetenv("TEST_CHAT_KEY");
    o.cache = cache;
    OK(chat_open(&client, &(struct chat_endpoint){.model = "toy", .key_env = "TEST_CHAT_KEY"}, &o, &e));
    OK(chat_batch(client, b.req, b.n, b.out, NULL, NULL, &e));
    expect_numbers(&b);
    cr_expect(chat_account(client).cached == 20 && chat_account(client).calls == 0);
    struct chat_reply r;
    struct err e = ERR_INIT;
    cr_expect(call("never asked", &r, &e) == ERR_STATE && strstr(e.msg, "no reply is stored") && !strcmp(e.where, path), "%s",
              e.msg);
    chat_reply_fini(&r);
    chat_close(client);
    chat_cache_close(cache);
    numbers_free(&a), numbers_free(&b);
}

static void serve_count(struct fake *f, int fd, const struct fake_call *call) {
    (void)f;
    char text[16];
    snprintf(text, sizeof text, "%d", call->number);
    fake_sleep(0.02);
    fake_reply(fd, text, 1, 1);
}

Test(remote_lists, identical_requests_share_a_reply_and_replicates_do_not) {
    struct chat_request req[12];
    struct chat_reply out[12];
    struct chat_cache *cache;
    struct chat_opts o = quick();
    for (int i = 0; i < 12; i++) req[i] = ask("the same"), req[i].replicate = i / 4;
    OK(chat_cache_open(&cache, fresh(".jsonl"), CHAT_CACHE_USE, &e));
    o.cache = cache;
    start(o, serve_count, NULL);
    OK(chat_batch(client, req, 12, out, NULL, NULL, &e));
    for (int i = 0; i < 12; i++) cr_expect_str_eq(out[i].text, out[i / 4 * 4].text);
    cr_expect(strcmp(out[0].text, out[4].text) && strcmp(out[4].text, out[8].text));
    cr_expect(chat_account(client).calls == 3 && chat_account(client).cached == 9);
    for (int i = 0; i < 12; i++) chat_reply_fini(&out[i]);
    asked(req, 12);
    end();
    chat_cache_close(cache);
    cr_expect(server.calls == 3);
}

Test(remote_lists, a_shared_failure_is_told_to_all_and_not_kept) {
    struct chat_request req[4];
    struct chat_reply out[4];
    struct chat_cache *cache;
    struct chat_opts o = quick();
    static const struct line bad[] = {{422, "", "{\"detail\":\"what?\"}"}};
    struct script s = {bad, 1};
    for (int i = 0; i < 4; i++) req[i] = ask("the same");
    OK(chat_cache_open(&cache, fresh(".jsonl"), CHAT_CACHE_USE, &e));
    o.cache = cache;
    start(o, serve_script, &s);
    cr_expect(chat_batch(client, req, 4, out, NULL, NULL, NULL) == ERR_ARG);
    for (int i = 0; i < 4; i++) cr_expect(strstr(out[i].why.msg, "what?") && !out[i].cached);
    cr_expect(chat_cache_size(cache) == 0 && chat_account(client).failed == 4);
    for (int i = 0; i < 4; i++) chat_reply_fini(&out[i]);
    asked(req, 4);
    end();
    chat_cache_close(cache);
    cr_expect(server.calls == 1);
}
