/* A client against a server of many threads that fails often, twice: same facts, each question asked until it is answered, and stored
 * replies that give them again. A plain program, so that the thread sanitizer can run it. */
#include "base/hash.h"
#include "base/rng.h"
#include "chat_asks.h"
#include "fake_chat.h"
#include "plain_hold.h"
#include "remote/cache.h"
#include <signal.h>

enum { N = 150 };

struct state {
    int tries[N];
};

/* The first tries of a question go wrong in a way that its number and the try decide. */
static void serve(struct fake *f, int fd, const struct fake_call *call) {
    struct state *s = f->ctx;
    const char *q = strstr(call->body, "q=");
    int k = q ? atoi(q + 2) : 0;
    char text[64];
    fake_lock(f);
    int try = s->tries[k]++;
    fake_unlock(f);
    struct rng r = RNG(11, (uint64_t)k, (uint64_t)try);
    switch (try < 4 ? rng_below(&r, 9) : 8) {
    case 0: fake_answer(fd, 500, "", "{\"error\":{\"message\":\"oops\"}}"); break;
    case 1: fake_answer(fd, 429, "Retry-After: 1\r\n", ""); break;
    case 2: fake_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"ch", 43); break;
    case 3: break; /* closes without a word */
    case 4: fake_answer(fd, 503, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "<html>no</html>"); break;
    default:
        fake_sleep(0.005 * rng_uniform(&r));
        snprintf(text, sizeof text, "answer %d", k);
        fake_reply(fd, text, k, 2);
    }
}

static uint64_t facts(const struct chat_reply *r) {
    uint64_t h = HASH_START;
    for (int i = 0; i < N; i++) {
        char want[64];
        snprintf(want, sizeof want, "answer %d", i);
        if (r[i].rc < 0) fprintf(stderr, "%d: %s\n", i, r[i].why.msg);
        HOLD(r[i].rc == 0 && !strcmp(r[i].text, want) && r[i].tokens_in == i && r[i].finish == CHAT_FINISH_STOP);
        h = hash_bytes(h, r[i].text, strlen(r[i].text));
        h = hash_bytes(h, r[i].model, strlen(r[i].model));
    }
    return h;
}

static uint64_t run(const char *path, int expect_calls) {
    static struct fake f;
    static struct state s;
    struct chat_request req[N];
    struct chat_reply out[N];
    struct chat_cache *cache = NULL;
    struct chat_client *c;
    struct err e = ERR_INIT;
    char q[32];
    s = (struct state){0};
    HOLD(fake_start(&f, serve, &s) == 0);
    for (int i = 0; i < N; i++) snprintf(q, sizeof q, "q=%d.", i), req[i] = ask(q);
    if (path) HOLD(chat_cache_open(&cache, path, CHAT_CACHE_USE, &e) == 0);
    struct chat_opts o = {.in_flight = 12, .attempts = 6, .time_scale = 1e-3, .cache = cache, .timeout_s = 60};
    HOLD(chat_open(&c, &(struct chat_endpoint){.url = fake_url(&f), .model = "toy"}, &o, &e) == 0);
    int rc = chat_batch(c, req, N, out, NULL, NULL, &e);
    if (rc < 0) fprintf(stderr, "%s\n", e.msg);
    HOLD(rc == 0);
    uint64_t h = facts(out);
    struct chat_account a = chat_account(c);
    HOLD(a.calls == expect_calls && a.cached == N - expect_calls && a.failed == 0 && a.reserved == 0);
    HOLD(f.calls == a.calls + a.retries);
    for (int i = 0; i < N; i++) chat_reply_fini(&out[i]);
    asked(req, N);
    chat_close(c);
    chat_cache_close(cache);
    fake_stop(&f);
    HOLD(expect_calls == 0 || (f.most_open > 1 && f.most_open <= 12));
    return h;
}

int main(void) {
    char path[] = "/tmp/candor-plain-remote-XXXXXX";
    int fd = mkstemp(path);
    HOLD(fd >= 0);
    close(fd);
    signal(SIGPIPE, SIG_IGN);
    uint64_t once = run(NULL, N), stored = run(path, N), again = run(path, 0);
    HOLD(once == stored && once == again);
    unlink(path);
    printf("%d calls, three times the same facts\n", N);
    return 0;
}
