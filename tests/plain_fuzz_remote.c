/* Mutated bodies through everything that reads what a server sends: replies of both APIs, errors, headers, stored rows. Nothing is compared
 * but what must always hold: no crash, a reply is complete or there is a sentence, texts are UTF-8 without NUL, words are printable. A plain
 * program, so that every sanitizer can run it. */
#include "base/rng.h"
#include "plain_hold.h"
#include "remote/remote_int.h"
#include "text/unicode.h"
#include <string.h>
#include <unistd.h>

static const char *const bodies[] = {
    "{\"id\":\"x\",\"model\":\"toy\",\"system_fingerprint\":\"f\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
    "\"content\":"
    "\"An \\u00e9 \\ud83d\\ude00 \\u0000 "
    "answer\",\"refusal\":null,\"reasoning_content\":\"so\"},\"finish_reason\":\"stop\"}],\"usage\":{"
    "\"prompt_tokens\":12,\"completion_tokens\":3}}",
    "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"A\"},{\"type\":\"text\",\"text\":\"B\"}]},\"finish_"
    "reason\":null}]}",
    "{\"type\":\"message\",\"model\":\"toy\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"},{\"type\":\"text\","
    "\"text\":\"B\"}],"
    "\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":4,\"cache_read_input_tokens\":9,\"output_tokens\":2}}",
    "{\"error\":{\"message\":\"too much\",\"type\":\"rate\",\"code\":429}}",
    "{\"row\":\"reply\",\"key\":\"0123456789abcdef0123456789abcdef\",\"bytes\":7,\"api\":\"openai\",\"text\":\"A\",\"reasoning\":"
    "\"\","
    "\"finish\":\"stop\",\"finish_raw\":\"stop\",\"model\":\"toy\",\"tokens_in\":1,\"tokens_out\":2,\"measured\":{\"status\":200}"
    "}\n",
    "<html><head><title>502 Bad Gateway</title></head></html>"};

/* What a mutation puts somewhere: tokens that change what the rest means. */
static const char *const bits[] = {
    "{",     "}",      "[",           "]",           "\"",        ",",           ":",        "null", "-1",
    "1e999", "\\",     "\\u0000",     "\\ud800",     "\xFF",      "\xE2\x82",    "[[[[[[[[", "\"\"", "9223372036854775808",
    "true",  "\"a\":", "\"content\"", "\"choices\"", "\"error\"", "\"message\"", "<",        ">",    "\n"};

/* Into out (room for 2 * n + 64): pieces of the body left out, doubled, or replaced. */
static size_t mutated(struct rng *r, const char *body, char *out) {
    size_t n = strlen(body), k = 0;
    uint64_t often = 1 + n / (1 + rng_below(r, 3));
    for (size_t i = 0; i < n && k < 2 * n;) {
        size_t len = 1 + (size_t)rng_below(r, 24);
        if (len > n - i) len = n - i;
        const char *bit = bits[rng_below(r, sizeof bits / sizeof *bits)];
        uint64_t kind = rng_below(r, often < 40 ? 40 : 60);
        int copies = kind == 0 ? 0 : kind == 1 ? 2 : 1;
        if (kind == 2) memcpy(out + k, bit, strlen(bit)), k += strlen(bit);
        for (; copies > 0 && k + len <= 2 * n; copies--) memcpy(out + k, body + i, len), k += len;
        if (kind == 3 && k) out[k - 1] = (char)rng_below(r, 256);
        i += len;
    }
    return k;
}

static void hold_text(const char *s) {
    size_t n = strlen(s);
    HOLD(utf8_valid(s, n) == n);
}

static int read_as_reply(enum chat_api api, const char *s, size_t n) {
    struct chat_reply r = {0};
    struct err e = ERR_INIT;
    int status = 0, rc = remote__reply_parse(&r, api, s, n, &status, &e);
    HOLD(rc == 0 || ((rc == ERR_FORMAT || rc == ERR_STATE) && e.msg[0] && !r.text && !r.reasoning));
    HOLD(status == 0 || (rc == ERR_STATE && status >= 400 && status < 600));
    if (rc == 0) {
        hold_text(r.text), hold_text(r.reasoning), hold_text(r.model), hold_text(r.finish_raw);
        HOLD(r.tokens_in >= -1 && r.tokens_out >= -1);
    }
    chat_reply_fini(&r);
    return rc == 0;
}

static void read_as_error(struct rng *r, char *s, size_t n) {
    char msg[200], code[24];
    remote__error_words(s, n, msg, 1 + (size_t)rng_below(r, sizeof msg), code, 1 + (size_t)rng_below(r, sizeof code));
    hold_text(msg), hold_text(code);
    for (const char *p = msg; *p; p++) HOLD((unsigned char)*p >= ' ' && *p != 127);
    remote__hide(s, n, "message\":{\"con", (int)rng_below(r, 2));
    HOLD(!memmem(s, n, "message\":{\"con", 14));
    size_t k = n < sizeof msg ? n : sizeof msg - 1;
    memcpy(msg, s, k);
    msg[k] = 0;
    double w = remote__retry_after(msg, NULL, NULL, 0);
    HOLD(w == -1 || (w >= 0 && w < 1e18));
}

static void read_as_cache(const char *path, const char *s, size_t n) {
    struct chat_cache *c;
    struct chat_reply r;
    struct err e = ERR_INIT;
    const struct chat_key k = {.h = {0x0123456789abcdefull, 0x0123456789abcdefull}, .bytes = 7};
    FILE *f = fopen(path, "wb");
    HOLD(f && fwrite(s, 1, n, f) == n && fclose(f) == 0);
    if (chat_cache_open(&c, path, CHAT_CACHE_REPLAY, &e) < 0) {
        HOLD(e.msg[0]);
        return;
    }
    int found = chat_cache_find(c, &k, &r, &e);
    HOLD(found >= 0 || e.msg[0]);
    if (found > 0) {
        hold_text(r.text);
        chat_reply_fini(&r);
    }
    chat_cache_close(c);
}

int main(void) {
    enum { ROUNDS = 3000 };
    char path[] = "/tmp/candor-fuzz-remote-XXXXXX";
    int fd = mkstemp(path), good = 0, n_bodies = (int)(sizeof bodies / sizeof *bodies);
    HOLD(fd >= 0);
    close(fd);
    for (int b = 0; b < n_bodies; b++) {
        size_t room = 2 * strlen(bodies[b]) + 64;
        for (int i = 0; i < ROUNDS; i++) {
            struct rng r = RNG(21, (uint64_t)b, (uint64_t)i);
            char *out = malloc(room);
            HOLD(out);
            size_t n = mutated(&r, bodies[b], out);
            char *exact = malloc(n ? n : 1); /* so that a read behind the end is seen */
            HOLD(exact);
            memcpy(exact, out, n);
            good += read_as_reply(CHAT_OPENAI, exact, n) + read_as_reply(CHAT_ANTHROPIC, exact, n);
            if (b == 4 || i % 16 == 0) read_as_cache(path, exact, n);
            read_as_error(&r, exact, n);
            free(exact), free(out);
        }
    }
    unlink(path);
    HOLD(good > 100 && good < n_bodies * ROUNDS); /* neither all nor nothing came through */
    printf("%d bodies, %d read as replies\n", n_bodies * ROUNDS, good);
    return 0;
}
