/* remote, call by call, against a server of our own that misbehaves in every way we know: repeated attempts, waits, what is shown of errors,
 * and that the key is nowhere. */
#include "chat_calls.h"

TestSuite(remote_calls, .timeout = HANG_S);

/* ---- a call that goes well ---- */

static void serve_head(struct fake *f, int fd, const struct fake_call *call) {
    int *seen = f->ctx;
    *seen = strstr(call->head, "POST /v1/chat/completions HTTP/1.1\r\n") == call->head &&
            strstr(call->head, "\r\nAuthorization: Bearer " KEY "\r\n") &&
            strstr(call->head, "\r\nContent-Type: application/json") && !strcasestr(call->head, "\r\nexpect:") &&
            strstr(call->body, "\"model\":\"toy\"");
    fake_reply(fd, "hello", 11, 3);
}

Test(remote_calls, a_call_and_its_reply) {
    struct chat_reply r;
    int seen = 0;
    start(quick(), serve_head, &seen);
    OK(call("x", &r, &e));
    cr_expect_str_eq(r.text, "hello");
    cr_expect(r.finish == CHAT_FINISH_STOP && r.tokens_in == 11 && r.tokens_out == 3);
    cr_expect_str_eq(r.model, "toy-1");
    cr_expect_str_eq(r.fingerprint, "fp_7");
    cr_expect(r.status == 200 && r.attempts == 1 && !r.cached && r.waited_s == 0 && r.latency_s > 0);
    cr_expect(r.raw && strstr(r.raw, "hello"));
    struct chat_account a = chat_account(client);
    cr_expect(a.calls == 1 && a.tokens_in == 11 && a.tokens_out == 3 && a.spent == 0 && a.retries == 0);
    cr_expect(chat_pending(client) == 0 && strstr(chat_host(client), "127.0.0.1:") == chat_host(client));
    chat_reply_fini(&r);
    end();
    cr_expect(seen, "the request was not as it should be");
}

static void serve_anthropic(struct fake *f, int fd, const struct fake_call *call) {
    int *seen = f->ctx;
    *seen = strstr(call->head, "POST /v1/messages HTTP/1.1\r\n") == call->head &&
            strstr(call->head, "\r\nx-api-key: " KEY "\r\n") && strstr(call->head, "\r\nanthropic-version: ") &&
            !strcasestr(call->head, "authorization");
    fake_answer(fd, 200, "",
                "{\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":5,"
                "\"output_tokens\":1}}");
}

Test(remote_calls, connections_are_kept) {
    enum { N = 40 };
    struct err e = ERR_INIT;
    for (int keep = 0; keep < 2; keep++) {
        start(quick(), serve_number, NULL);
        server.keep = keep;
        struct asked a = numbers(N);
        cr_expect(chat_batch(client, a.req, a.n, a.out, NULL, NULL, &e) == 0, "%s", e.msg);
        expect_numbers(&a);
        numbers_free(&a);
        end();
        cr_expect(keep ? server.connections <= quick().in_flight : server.connections == N, "%d connections", server.connections);
    }
}

Test(remote_calls, the_other_api) {
    struct chat_reply r;
    int seen = 0;
    cr_assert(fake_start(&server, serve_anthropic, &seen) == 0);
    open_with(quick(), CHAT_ANTHROPIC, server.port);
    OK(call("x", &r, &e));
    cr_expect_str_eq(r.text, "hi");
    cr_expect(r.tokens_in == 5 && r.tokens_out == 1);
    chat_reply_fini(&r);
    end();
    cr_expect(seen);
}

/* ---- again ---- */

Test(remote_calls, what_passes_is_asked_again) {
    START(quick(), {500, "", "{}"}, {503, "", "<html>busy</html>"}, {408, "", ""}, {200, "", GOOD});
    struct chat_reply r;
    OK(call("x", &r, &e));
    cr_expect_str_eq(r.text, "fine");
    cr_expect(r.attempts == 4 && r.status == 200);
    cr_expect(r.waited_s >= 0.5 + 1 + 2 && r.waited_s < 1 + 2 + 4, "%g", r.waited_s);
    cr_expect(chat_account(client).retries == 3 && chat_account(client).calls == 1);
    chat_reply_fini(&r);
    end();
}

static double waited(const struct line *lines, int n, const char *text, int attempts) {
    struct chat_reply r;
    start_lines(quick(), lines, n);
    OK(call(text, &r, &e));
    double w = r.waited_s;
    cr_expect(r.attempts == attempts);
    chat_reply_fini(&r);
    end();
    return w;
}

Test(remote_calls, the_servers_wish_to_wait_is_kept) {
    static const struct line seconds[] = {{429, "Retry-After: 7\r\n", "{}"}, {200, "", GOOD}};
    static const struct line millis[] = {{429, "retry-after-ms: 2500\r\nRetry-After: 9\r\n", "{}"}, {200, "", GOOD}};
    static const struct line date[] = {
        {503, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n", "{}"}, {200, "", GOOD}};
    cr_expect(waited(seconds, 2, "x", 2) == 7);
    cr_expect(waited(millis, 2, "x", 2) == 2.5);
    cr_expect(waited(date, 2, "x", 2) == 30);
}

Test(remote_calls, waits_are_drawn_by_request_and_attempt) {
    static const struct line lines[] = {{500, "", "{}"}, {500, "", "{}"}, {200, "", GOOD}};
    double a = waited(lines, 3, "x", 3), b = waited(lines, 3, "x", 3), c = waited(lines, 3, "y", 3);
    cr_expect(a == b && a != c);
}

Test(remote_calls, too_long_a_wait_is_a_failure) {
    START(quick(), {429, "Retry-After: 86400\r\n", "{\"error\":{\"message\":\"tomorrow\"}}"});
    expect_failure(ERR_LIMIT, "asks to wait 86400 s", 1);
    end();
}

Test(remote_calls, attempts_end) {
    struct chat_opts o = quick();
    o.attempts = 3;
    START(o, {429, "", "{\"error\":{\"message\":\"slow down, " KEY "\"}}"});
    char says[80];
    snprintf(says, sizeof says, "127.0.0.1:%d answered 429: slow down, ***", server.port);
    expect_failure(ERR_LIMIT, says, 3);
    expect_failure(ERR_LIMIT, "(attempt 3, the last)", 3);
    end();
    cr_expect(server.calls == 6);
}

Test(remote_calls, an_attempt_that_breaks_off_is_repeated_and_reckoned) {
    struct chat_opts o = quick();
    o.price = (struct chat_price){.set = 1, .in = 1, .out = 2};
    START(o, {0, "", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"choices\":[{\"mess"}, {0, "", ""}, {200, "", GOOD});
    struct chat_reply r;
    OK(call("x", &r, &e));
    cr_expect(r.attempts == 3);
    struct chat_account a = chat_account(client);
    cr_expect(a.spent == (9 * 1 + 2 * 2) / 1e6 && a.uncertain > 2 * a.spent && a.reserved == 0, "%g %g", a.spent, a.uncertain);
    chat_reply_fini(&r);
    end();
}

struct told {
    int n, back; /* attempts; those that were taken back */
    int64_t in, out;
    int at_fault; /* so many may be told; 0: all */
};
static int tell_sending(void *ctx, int64_t tag, int64_t bound_in, int64_t bound_out, struct err *e) {
    struct told *t = ctx;
    (void)tag;
    t->n += bound_in > 0, t->back += bound_in < 0;
    t->in += bound_in, t->out += bound_out;
    return t->at_fault && t->n > t->at_fault ? fail(e, ERR_IO, "the disk is full") : 0;
}

/* Each attempt is told before it leaves, and taken back where it was refused: what is left may have been charged. */
Test(remote_calls, what_is_sent_is_told) {
    struct told t = {0};
    struct chat_opts o = quick();
    o.sending = tell_sending, o.sending_ctx = &t;
    START(o, {500, "", "{}"}, {429, "", "{}"}, {0, "", ""}, {200, "", GOOD});
    struct chat_reply r;
    OK(call("x", &r, &e));
    cr_expect(r.attempts == 4 && t.n == 4 && t.back == 2, "%d attempts, %d told, %d taken back", r.attempts, t.n, t.back);
    cr_expect(t.in > 0 && t.in == r.sent_in && t.out == r.sent_out && t.in == 2 * r.uncertain_in);
    chat_reply_fini(&r);
    end();
}

/* What cannot be written down is not sent. */
Test(remote_calls, what_cannot_be_told_is_not_sent) {
    struct told t = {.at_fault = 2};
    struct chat_opts o = quick();
    o.sending = tell_sending, o.sending_ctx = &t;
    START(o, {500, "", "{}"}, {500, "", "{}"}, {200, "", GOOD});
    expect_failure(ERR_IO, "the disk is full", 2);
    end();
    cr_expect(server.calls == 2);
}

/* Of every second request that a kept connection brings, nothing comes back. */
static void hang_up(struct fake *f, int fd, const struct fake_call *c) {
    char *used = f->ctx;
    (void)c;
    fake_lock(f);
    int again = used[fd % 1024];
    used[fd % 1024] = !again;
    fake_unlock(f);
    if (again)
        shutdown(fd, SHUT_RDWR);
    else
        fake_answer(fd, 200, "", GOOD);
}

/* Nothing is sent again behind our back: what a server has seen are attempts, each with what it may have cost. */
Test(remote_calls, a_kept_connection_that_breaks_off_is_an_attempt) {
    static char used[1024];
    struct chat_opts o = quick();
    int attempts = 0;
    o.in_flight = 1;
    o.price = (struct chat_price){.set = 1, .in = 1, .out = 2};
    start(o, hang_up, used);
    server.keep = 1;
    for (int i = 0; i < 8; i++) {
        struct chat_reply r;
        OK(call("x", &r, &e));
        attempts += r.attempts;
        cr_expect_eq(r.uncertain_in > 0, r.attempts > 1);
        chat_reply_fini(&r);
    }
    struct chat_account a = chat_account(client);
    end();
    cr_expect(attempts == server.calls && attempts > 8, "%d attempts, %d seen", attempts, server.calls);
    cr_expect(a.uncertain > 0);
}

/* A gateway that gave up may have somebody behind it who did not; who refuses has not worked. */
Test(remote_calls, what_a_gateway_gave_up_may_cost) {
    static const struct { int status, costs; } x[] = {{500, 0}, {503, 0}, {429, 0}, {502, 1}, {504, 1}};
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        const struct line lines[] = {{x[i].status, "", "{}"}, {200, "", GOOD}};
        struct chat_reply r;
        start_lines(quick(), lines, 2);
        OK(call("x", &r, &e));
        cr_expect(r.attempts == 2 && (r.uncertain_in > 0) == x[i].costs, "%d", x[i].status);
        chat_reply_fini(&r);
        end();
    }
}

static void echo_key(struct fake *f, int fd, const struct fake_call *c) {
    char body[900], pad[64];
    int n = *(int *)f->ctx;
    (void)c;
    memset(pad, 'z', sizeof pad);
    snprintf(body, sizeof body,
             "{\"model\":\"%.*s" KEY "\",\"system_fingerprint\":\"%.*s" KEY "\",\"provider\":\"%.*s" KEY
             "\",\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"%.*s" KEY "\"}]}",
             n, pad, n, pad, n, pad, n, pad);
    fake_answer(fd, 200, "", body);
}

/* A field that ends within the key has a part of it, which is no more to be seen than the whole. */
Test(remote_calls, a_key_that_is_cut_is_hidden) {
    for (int pad = 0; pad < 64; pad++) {
        struct chat_reply r;
        start(quick(), echo_key, &pad);
        OK(call("x", &r, &e));
        const char *fields[] = {r.model, r.fingerprint, r.provider, r.finish_raw};
        for (size_t i = 0; i < 4; i++)
            for (size_t k = 0; k + 8 <= strlen(KEY); k++) {
                char part[9];
                snprintf(part, sizeof part, "%.8s", &KEY[k]);
                cr_expect(!strstr(fields[i], part), "%d: %s", pad, fields[i]);
            }
        chat_reply_fini(&r);
        end();
    }
}

Test(remote_calls, a_body_without_its_end_is_asked_for_again) {
    START(quick(), {0, "", "HTTP/1.0 200 OK\r\n\r\n{\"choices\":[{\"message\":{\"content\":\"fi"}, {200, "", GOOD});
    struct chat_reply r;
    OK(call("x", &r, &e));
    cr_expect(r.attempts == 2);
    cr_expect_str_eq(r.text, "fine");
    chat_reply_fini(&r);
    end();
}

Test(remote_calls, too_many_halves_the_window_and_replies_widen_it) {
    struct chat_opts o = quick();
    o.in_flight = 8;
    START(o, {429, "", "{}"}, {200, "", GOOD});
    struct chat_reply r;
    OK(call("x", &r, &e));
    cr_expect(client->window == 4.25, "%g", client->window);
    chat_reply_fini(&r);
    for (int i = 0; i < 40; i++) {
        OK(call("x", &r, &e));
        chat_reply_fini(&r);
    }
    cr_expect(client->window == 8, "%g", client->window);
    end();
}

Test(remote_calls, nobody_listens) {
    struct chat_opts o = quick();
    o.attempts = 2;
    START(o, {200, "", GOOD});
    chat_close(client);
    fake_stop(&server);
    open_with(o, CHAT_OPENAI, server.port);
    expect_failure(ERR_IO, "no reply from 127.0.0.1", 2);
    chat_close(client);
}

Test(remote_calls, a_server_that_says_nothing) {
    struct chat_opts o = quick();
    o.attempts = 2, o.timeout_s = 0.1;
    start(o, serve_nothing, NULL);
    expect_failure(ERR_TIMEOUT, "no reply from 127.0.0.1", 2);
    end();
    cr_expect(server.calls == 2);
}

/* ---- replies that are none ---- */

Test(remote_calls, nonsense_is_not_asked_for_twice) {
    START(quick(), {200, "", "<!DOCTYPE html><html><title>Sign in</title></html>"}, {200, "", "{\"choices\":\"A\"}"},
          {200, "", "{\"choices\":[{\"message\":{\"content\":[[[[1]]]]}}]}"}, {200, "", ""},
          {0, "", "SSH-2.0-OpenSSH_9.2\r\n\r\n"}, {200, "", "data: {\"choices\":[]}\n\n"}, {200, "", "{\"echo\":\"" KEY "\"}"});
    expect_failure(ERR_FORMAT, "it says \"Sign in\"", 1);
    expect_failure(ERR_FORMAT, "choices[0].message", 1);
    expect_failure(ERR_FORMAT, "content as text", 1);
    expect_failure(ERR_FORMAT, "no reply", 1);
    expect_failure(ERR_FORMAT, "no reply", 1);
    expect_failure(ERR_FORMAT, "expected JSON", 1);
    expect_failure(ERR_FORMAT, "****", 1);
    end();
    cr_expect(server.calls == 7);
}

static void serve_endless(struct fake *f, int fd, const struct fake_call *call) {
    static const char head[] = "HTTP/1.1 200 OK\r\n", body[] = "\r\n{\"a\":\"";
    char block[4096];
    const char *kind = strstr(call->body, "headers") ? "headers" : "body";
    (void)f;
    memset(block, 'x', sizeof block);
    if (*kind == 'h') {
        for (size_t i = 0; i + 16 <= sizeof block; i += 16) memcpy(block + i, "X-A: 123456789\r\n", 16);
        fake_send(fd, head, sizeof head - 1);
    } else {
        fake_send(fd, head, sizeof head - 1), fake_send(fd, body, sizeof body - 1);
    }
    while (fake_send(fd, block, sizeof block)) {}
}

Test(remote_calls, what_never_ends_is_cut_off) {
    struct chat_opts o = quick();
    o.body_bytes = 100000;
    start(o, serve_endless, NULL);
    expect_failure(ERR_LIMIT, "longer than the 100000 bytes", 1);
    struct chat_reply r;
    struct err e = ERR_INIT;
    cr_expect(call("headers", &r, &e) < 0 && r.attempts <= 6, "%s", e.msg);
    chat_reply_fini(&r);
    end();
}

Test(remote_calls, redirects_are_not_followed) {
    START(quick(), {307, "Location: http://localhost:1/steal?" KEY "\r\n", ""}, {200, "", GOOD});
    expect_failure(ERR_UNSUPPORTED, "redirects are not followed", 1);
    end();
    cr_expect(server.calls == 1);
}

Test(remote_calls, the_key_is_in_nothing_a_server_echoes) {
    START(quick(), {200, "", "{\"model\":\"" KEY "\",\"choices\":[{\"message\":{\"content\":\"it is " KEY ".\"}}]}"},
          {400, "", "{\"error\":{\"message\":\"Incorrect key: test-0123456789...\"}}"});
    struct chat_reply r;
    OK(call("x", &r, &e));
    cr_expect(strstr(r.text, "it is ***") && !strstr(r.model, "0123"), "%s", r.text);
    expect_no_key(&r);
    chat_reply_fini(&r);
    expect_failure(ERR_ARG, "Incorrect key: ****", 1);
    end();
}

Test(remote_calls, what_is_withheld_is_a_reply) {
    START(quick(), {400, "", "{\"error\":{\"message\":\"no\",\"code\":\"content_filter\"}}"},
          {400, "", "{\"error\":{\"code\":\"other\"}}"});
    struct chat_reply r;
    OK(call("x", &r, &e));
    cr_expect(r.finish == CHAT_FINISH_FILTER && !r.text[0] && r.attempts == 1);
    chat_reply_fini(&r);
    expect_failure(ERR_ARG, "answered 400", 1);
    end();
}
