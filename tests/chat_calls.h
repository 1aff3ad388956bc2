/* The stage of the tests that call: a server of our own, a client of it, what the server says by a script, and lists of questions whose
 * answers tell which they belong to. The waits are scaled down; nothing is judged by how long it took. */
#ifndef CHAT_CALLS_H
#define CHAT_CALLS_H
#include "base/rng.h"
#include "chat_asks.h"
#include "fake_chat.h"
#include "remote/remote_int.h"
#include "test_files.h"

#define KEY "sk-test-0123456789abcdef"

ASKS struct fake server;
ASKS struct chat_client *client;

ASKS struct chat_opts quick(void) {
    return (struct chat_opts){.time_scale = 1e-3, .timeout_s = 20, .connect_s = 5, .in_flight = 4, .raw_bytes = 4096};
}

ASKS void open_with(struct chat_opts o, enum chat_api api, int port) {
    char url[64];
    struct chat_endpoint ep = {.api = api, .url = url, .model = "toy", .key_env = "TEST_CHAT_KEY"};
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    setenv("TEST_CHAT_KEY", KEY, 1);
    OK(chat_open(&client, &ep, &o, &e));
}

ASKS void start(struct chat_opts o, void (*serve)(struct fake *, int, const struct fake_call *), void *ctx) {
    cr_assert(fake_start(&server, serve, ctx) == 0);
    open_with(o, CHAT_OPENAI, server.port);
}

ASKS void end(void) {
    chat_close(client);
    fake_stop(&server);
}

/* One call; the reply is the caller's. */
ASKS int call(const char *text, struct chat_reply *out, struct err *e) {
    struct chat_request r = ask(text);
    int rc = chat_batch(client, &r, 1, out, NULL, NULL, e);
    asked(&r, 1);
    cr_expect(rc == out->rc);
    return rc;
}

ASKS void expect_no_key(const struct chat_reply *r) {
    cr_expect(!strstr(r->why.msg, "0123456789abcdef") && !strstr(r->why.where, "0123456789abcdef"), "%s", r->why.msg);
    cr_expect(!r->raw || !strstr(r->raw, "0123456789abcdef"), "%s", r->raw);
    cr_expect(!r->text || !strstr(r->text, "0123456789abcdef"), "%s", r->text);
}

/* One call that fails as told. */
ASKS void expect_failure(int rc, const char *says, int attempts) {
    struct chat_reply r;
    struct err e = ERR_INIT;
    int got = call("x", &r, &e);
    cr_expect(got == rc && strstr(e.msg, says), "expected %s, \"%s\"; found %s: %s", err_name(rc), says, err_name(got), e.msg);
    cr_expect(r.attempts == attempts, "%d attempts", r.attempts);
    cr_expect(!r.text && r.finish == CHAT_FINISH_NONE && !strchr(e.msg, '\n'));
    expect_no_key(&r);
    chat_reply_fini(&r);
}

/* ---- scripts: what the server says to its n-th call; the last line is repeated ---- */

struct line {
    int status;
    const char *headers, *body;
};
struct script {
    const struct line *lines;
    int n;
};

ASKS void serve_script(struct fake *f, int fd, const struct fake_call *call) {
    const struct script *s = f->ctx;
    const struct line *l = &s->lines[call->number < s->n ? call->number : s->n - 1];
    if (l->status)
        fake_answer(fd, l->status, l->headers, l->body);
    else
        fake_send(fd, l->body, strlen(l->body));
}

#define GOOD                                                                                                         \
    "{\"choices\":[{\"message\":{\"content\":\"fine\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9," \
    "\"completion_tokens\":2}}"

ASKS void start_lines(struct chat_opts o, const struct line *lines, int n) {
    static struct script s;
    s = (struct script){lines, n};
    start(o, serve_script, &s);
}
#define START(o, ...)                                 \
    static const struct line lines[] = {__VA_ARGS__}; \
    start_lines(o, lines, (int)(sizeof lines / sizeof *lines))

/* ---- more servers, and lists ---- */

ASKS void serve_nothing(struct fake *f, int fd, const struct fake_call *call) {
    (void)f, (void)fd, (void)call;
    char c;
    while (recv(fd, &c, 1, 0) > 0) {}
}

/* Answers with the number in the question, after a while that differs. */
ASKS void serve_number(struct fake *f, int fd, const struct fake_call *call) {
    (void)f;
    const char *q = strstr(call->body, "q=");
    int k = q ? atoi(q + 2) : -1;
    char text[32];
    struct rng r = RNG(3, (uint64_t)k);
    fake_sleep(0.02 * rng_uniform(&r));
    snprintf(text, sizeof text, "a=%d", k);
    fake_reply(fd, text, 1, 1);
}

struct asked {
    struct chat_request *req;
    struct chat_reply *out;
    int64_t n;
};
ASKS struct asked numbers(int64_t n) {
    struct asked a = {calloc((size_t)n, sizeof *a.req), calloc((size_t)n, sizeof *a.out), n};
    char q[32];
    for (int64_t i = 0; i < n; i++) snprintf(q, sizeof q, "q=%lld.", (long long)i), a.req[i] = ask(q);
    return a;
}
ASKS void numbers_free(struct asked *a) {
    for (int64_t i = 0; i < a->n; i++) chat_reply_fini(&a->out[i]);
    asked(a->req, a->n);
    free(a->req), free(a->out);
}
ASKS void expect_numbers(const struct asked *a) {
    char want[32];
    for (int64_t i = 0; i < a->n; i++) {
        snprintf(want, sizeof want, "a=%lld", (long long)i);
        cr_assert(a->out[i].rc == 0, "%s", a->out[i].why.msg);
        cr_expect_str_eq(a->out[i].text, want);
    }
}
#endif
