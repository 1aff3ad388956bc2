/* Stored replies: what goes in comes out, whatever was cut off, edited or is another file. */
#include "remote/cache.h"
#include "test_files.h"
#include <signal.h>
#include <sys/wait.h>

TestSuite(remote_cache, .timeout = HANG_S);

static struct chat_key key_of(int i) {
    char z[32];
    size_t k = (size_t)i % 9; /* where head and body part does not matter */
    snprintf(z, sizeof z, "request %d", i);
    return chat_key_of(z, k, z + k, strlen(z) - k);
}

static struct chat_reply reply_of(int i) {
    struct chat_reply r = {
        .why = ERR_INIT, .finish = CHAT_FINISH_LENGTH, .tokens_in = i, .tokens_out = -1, .status = 200, .attempts = 2};
    char z[64];
    snprintf(z, sizeof z, "text %d \"\n\t\\ \xE2\x82\xAC \x01", i);
    r.text = strdup(z), r.reasoning = strdup(i % 2 ? "thought" : "");
    snprintf(r.finish_raw, sizeof r.finish_raw, "length"), snprintf(r.model, sizeof r.model, "toy-%d", i);
    r.latency_s = 0.125;
    return r;
}

static void put(struct chat_cache *c, int key, int reply) {
    struct chat_key k = key_of(key);
    struct chat_reply r = reply_of(reply);
    OK(chat_cache_put(c, &k, CHAT_OPENAI, &r, &e));
    chat_reply_fini(&r);
}

static void expect_stored(struct chat_cache *c, int key, int reply) {
    struct chat_key k = key_of(key);
    struct chat_reply got, want = reply_of(reply);
    struct err e = ERR_INIT;
    cr_assert(chat_cache_find(c, &k, &got, &e) == 1, "%d: %s", key, e.msg);
    cr_expect_str_eq(got.text, want.text);
    cr_expect_str_eq(got.reasoning, want.reasoning);
    cr_expect_str_eq(got.model, want.model);
    cr_expect_str_eq(got.finish_raw, want.finish_raw);
    cr_expect(got.finish == want.finish && got.tokens_in == want.tokens_in && got.tokens_out == -1 && got.rc == 0);
    cr_expect(got.cached && got.status == 200 && got.attempts == 2 && got.latency_s == 0.125);
    chat_reply_fini(&got), chat_reply_fini(&want);
}

static struct chat_cache *opened(const char *path, enum chat_cache_mode mode) {
    struct chat_cache *c;
    OK(chat_cache_open(&c, path, mode, &e));
    return c;
}

Test(remote_cache, what_is_stored_is_found_again) {
    enum { N = 700 };
    const char *path = fresh(".jsonl");
    struct chat_cache *c = opened(path, CHAT_CACHE_USE);
    struct chat_key k = key_of(N);
    struct chat_reply r;
    for (int i = 0; i < N; i++) put(c, i, i);
    for (int i = 0; i < N; i++) expect_stored(c, i, i);
    cr_expect(chat_cache_size(c) == N && chat_cache_find(c, &k, &r, NULL) == 0);
    put(c, 5, 6); /* the later one counts */
    expect_stored(c, 5, 6);
    cr_expect(chat_cache_size(c) == N);
    chat_cache_close(c);
    c = opened(path, CHAT_CACHE_REPLAY);
    cr_expect(chat_cache_size(c) == N && chat_cache_replays(c));
    expect_stored(c, 5, 6), expect_stored(c, N - 1, N - 1);
    struct chat_reply more = reply_of(1);
    cr_expect(chat_cache_put(c, &k, CHAT_OPENAI, &more, NULL) == ERR_STATE);
    chat_reply_fini(&more);
    chat_cache_close(c);
}

Test(remote_cache, facts_and_measurements_are_apart) {
    const char *path = fresh(".jsonl");
    struct chat_cache *c = opened(path, CHAT_CACHE_USE);
    put(c, 1, 1);
    chat_cache_close(c);
    char *text;
    OK(file_read(&text, NULL, path, 0, &e));
    json_t *o = json_loads(text, 0, NULL), *m = json_object_get(o, "measured");
    static const char *const measured[] = {"time", "status", "attempts", "latency_s", "waited_s"};
    for (unsigned i = 0; i < sizeof measured / sizeof *measured; i++)
        cr_expect(json_object_get(m, measured[i]) && !json_object_get(o, measured[i]), "%s", measured[i]);
    cr_expect(json_object_get(o, "text") && !json_object_get(m, "text") && json_object_size(m) == 5);
    json_decref(o);
    free(text);
}

/* A kill may cut anywhere: the whole rows before are there, and the next row follows them. */
Test(remote_cache, any_cut_leaves_the_whole_rows) {
    const char *path = fresh(".jsonl"), *cut = fresh(".jsonl");
    struct chat_cache *c = opened(path, CHAT_CACHE_USE);
    char *all;
    size_t n;
    for (int i = 0; i < 3; i++) put(c, i, i);
    chat_cache_close(c);
    OK(file_read(&all, &n, path, 0, &e));
    for (size_t k = 0, rows = 0; k <= n; k++) {
        rows += k && all[k - 1] == '\n';
        write_bytes(cut, all, k);
        c = opened(cut, CHAT_CACHE_REPLAY);
        cr_assert(chat_cache_size(c) == (int64_t)rows, "%zu bytes", k);
        chat_cache_close(c);
        c = opened(cut, CHAT_CACHE_USE);
        cr_assert(chat_cache_size(c) == (int64_t)rows);
        put(c, 9, 9);
        expect_stored(c, 9, 9);
        if (rows) expect_stored(c, (int)rows - 1, (int)rows - 1);
        chat_cache_close(c);
    }
    free(all);
}

static void expect_unfit(const char *text, int rc, int64_t line) {
    const char *path = fresh(".jsonl");
    struct chat_cache *c;
    char *after;
    for (int mode = CHAT_CACHE_USE; mode <= CHAT_CACHE_REPLAY; mode++) {
        struct err e = ERR_INIT;
        write_file(path, text);
        int got = chat_cache_open(&c, path, (enum chat_cache_mode)mode, &e);
        cr_expect(got == rc && e.at == line && !strcmp(e.where, path), "%s: %d %s at %lld", text, got, e.msg, (long long)e.at);
        cr_assert(file_read(&after, NULL, path, 0, &e) == 0);
        cr_expect_str_eq(after, text);
        free(after);
    }
}

Test(remote_cache, another_file_is_refused_and_left_alone) {
    expect_unfit("notes of mine\n", ERR_FORMAT, 1);
    expect_unfit("notes of mine", ERR_FORMAT, 1);
    expect_unfit("{\"row\":\"candidate\",\"score\":1}\n", ERR_FORMAT, 1);
    expect_unfit("{\"row\":\"reply\",\"key\":\"0123456789abcdef0123456789abcdeX\",\"bytes\":1}\n", ERR_FORMAT, 1);
    expect_unfit("{\"row\":\"reply\",\"key\":\"0123456789abcdef0123456789abcdef\",\"bytes\":1}\n\n", ERR_FORMAT, 2);
    struct chat_cache *c;
    cr_expect(chat_cache_open(&c, fresh(".none"), CHAT_CACHE_REPLAY, NULL) == ERR_IO);
    cr_expect(chat_cache_open(&c, "/dev/null", CHAT_CACHE_USE, NULL) == ERR_IO);
}

Test(remote_cache, a_row_that_is_no_reply_is_an_error_when_it_is_asked_for) {
    const char *path = fresh(".jsonl");
    struct chat_key k = key_of(1);
    struct chat_reply r;
    struct err e = ERR_INIT;
    char line[256];
    snprintf(line, sizeof line, "{\"row\":\"reply\",\"key\":\"%016llx%016llx\",\"bytes\":%lld,\"text\":7}\n",
             (unsigned long long)k.h[0], (unsigned long long)k.h[1], (long long)k.bytes);
    write_file(path, line);
    struct chat_cache *c = opened(path, CHAT_CACHE_USE);
    cr_expect(chat_cache_find(c, &k, &r, &e) == ERR_FORMAT && strstr(e.msg, "\"text\""), "%s", e.msg);
    write_file(
        path,
        "overwritten by something else while it was open, as long as it was before and then some more of it ………………………………\n");
    cr_expect(chat_cache_find(c, &k, &r, &e) < 0);
    chat_cache_close(c);
}

Test(remote_cache, one_process_writes) {
    const char *path = fresh(".jsonl");
    struct chat_cache *c = opened(path, CHAT_CACHE_USE), *d;
    struct err e = ERR_INIT;
    put(c, 1, 1);
    cr_expect(chat_cache_open(&d, path, CHAT_CACHE_USE, &e) == ERR_BUSY, "%s", e.msg);
    d = opened(path, CHAT_CACHE_REPLAY);
    expect_stored(d, 1, 1);
    chat_cache_close(d);
    chat_cache_close(c);
    c = opened(path, CHAT_CACHE_USE);
    chat_cache_close(c);
}

/* The lock goes with the process, however it ends. */
Test(remote_cache, a_killed_writer_leaves_its_rows_and_no_lock) {
    const char *path = fresh(".jsonl");
    int status;
    pid_t pid = fork();
    cr_assert(pid >= 0);
    if (!pid) {
        struct chat_cache *c;
        struct chat_key k = key_of(1);
        struct chat_reply r = reply_of(1);
        if (chat_cache_open(&c, path, CHAT_CACHE_USE, NULL) == 0 && chat_cache_put(c, &k, CHAT_OPENAI, &r, NULL) == 0)
            raise(SIGKILL);
        _exit(1);
    }
    cr_assert(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    struct chat_cache *c = opened(path, CHAT_CACHE_USE);
    expect_stored(c, 1, 1);
    chat_cache_close(c);
}
