/* See answering.h. */
#include "cli/answering.h"
#include "base/fs.h"
#include "cli/asking.h"
#include "cli/prices.h"
#include "cli/speak.h"
#include "study/local.h"
#include "study/remote.h"
#include "study/replay.h"
#include <stdlib.h>
#include <string.h>

static int stop(void *ctx) {
    (void)ctx;
    return interrupted();
}

/* One model answers, so the study must be about one. */
static int one_model(const struct study *s, struct err *e) {
    if (!s || s->n_models == 1) return 0;
    return fail(e, ERR_UNSUPPORTED, "expected a study of one model, found %d: keep the one that -m is in a copy of the file",
                s->n_models);
}

static int open_template(struct answering *w, struct args *a, struct err *e) {
    const char *file = arg_str(a, "template");
    return file ? chat_template_open_with(&w->chat, w->o.path, file, e) : chat_template_open(&w->chat, w->o.path, e);
}

static int open_local(struct answering *w, const struct study *s, struct args *a, struct err *e) {
    int64_t calls = LOCAL_CALLS;
    struct asked_model m = {0};
    TRY(arg_i64(a, "calls", 1, 1024, &calls, e));
    TRY(one_model(s, e));
    int rc = open_asked(&m, a, e);
    w->o = m.o;
    TRY(rc);
    TRY(open_template(w, a, e));
    describe_model(w->model, 128, "lm", &w->o);
    int64_t n_ctx = model_cfg(w->o.m)->n_ctx;
    TRY(open_engine(&w->o, &(struct engine_opts){.max_ctx = n_ctx < 1 << 20 ? n_ctx : 1 << 20, .max_sessions = (int)calls}, e));
    int n_ends = end_tokens(w->o.tok, &w->ends);
    if (n_ends < 0) return fail(e, ERR_NOMEM, "out of memory for end tokens");
    return local_open(&w->backend,
                      &(struct local_opts){.g = w->o.g,
                                           .tok = w->o.tok,
                                           .chat = w->chat,
                                           .model = w->model,
                                           .ends = w->ends,
                                           .n_ends = n_ends,
                                           .calls = (int)calls,
                                           .stop = stop},
                      e);
}

static int is_address(const char *s) { return !strncmp(s, "http://", 7) || !strncmp(s, "https://", 8); }

static int read_api(struct remote_opts *o, struct args *a, struct err *e) {
    const char *name = arg_str(a, "api");
    o->ep.api = !strcmp(name, "anthropic") ? CHAT_ANTHROPIC : CHAT_OPENAI;
    if (o->ep.api == CHAT_ANTHROPIC || !strcmp(name, "openai")) return 0;
    return usage_error(a, e, "--api: expected openai or anthropic, found \"%.40s\"", name);
}

static int read_costs(struct remote_opts *o, struct args *a, struct err *e) {
    if (arg_has(a, "max-cost") && !arg_has(a, "prices")) return usage_error(a, e, "--max-cost: needs --prices FILE");
    if (!arg_has(a, "prices")) return 0;
    TRY(arg_real(a, "max-cost", 1e-12, 1e12, &o->chat.budget, e));
    return read_prices(&o->chat.price, arg_str(a, "prices"), o->ep.model, e);
}

/* A file with the key alone; white space at its end is none of it. */
static int read_key(struct answering *w, struct args *a, struct err *e) {
    const char *path = arg_str(a, "key-file");
    size_t n;
    if (!path) return 0;
    if (arg_has(a, "key-env")) return usage_error(a, e, "--key-file: expected it or --key-env, found both");
    TRY(file_read(&w->key, &n, path, 1 << 16, e));
    while (n && strchr(" \t\r\n", w->key[n - 1])) w->key[--n] = 0;
    return n ? 0 : fail_at(e, ERR_FORMAT, path, -1, "expected a key, found an empty file");
}

static int open_remote(struct answering *w, const char *url, const struct study *s, struct args *a, struct err *e) {
    int64_t calls = REMOTE_CALLS;
    struct remote_opts o = {.ep = {.url = url, .key_env = arg_str(a, "key-env")}, .no_seed = arg_has(a, "no-seed")};
    TRY(arg_need(a, "model", &o.ep.model, e));
    TRY(arg_i64(a, "calls", 1, 1024, &calls, e));
    TRY(read_api(&o, a, e));
    TRY(one_model(s, e));
    TRY(read_costs(&o, a, e));
    o.chat.in_flight = (int)calls, o.chat.seed = s ? s->seed : 0;
    TRY(read_key(w, a, e));
    w->key_env = o.ep.key_env, o.ep.key = w->key;
    if (arg_has(a, "cache")) TRY(chat_cache_open(&w->cache, arg_str(a, "cache"), CHAT_CACHE_USE, e));
    o.chat.cache = w->cache;
    return remote_open(&w->backend, &o, e);
}

/* Shorter ones are placeholders of local engines. */
int answering_guard(const struct answering *w, struct archive *a, struct err *e) {
    const char *key = w->key ? w->key : w->key_env ? getenv(w->key_env) : NULL;
    return key && strlen(key) >= 8 ? archive_forbid(a, key, e) : 0;
}

int answering_open(struct answering *w, const struct study *s, struct args *a, struct err *e) {
    const char *name;
    TRY(arg_need(a, "backend", &name, e));
    if (!strcmp(name, "local")) return open_local(w, s, a, e);
    if (is_address(name)) return open_remote(w, name, s, a, e);
    if (!s) return usage_error(a, e, "--backend: expected local or an address (http://…, https://…), found %.60s", name);
    if (!strncmp(name, "replay:", 7)) {
        TRY(archive_open(&w->from, name + 7, ARCHIVE_READ, e));
        return replay_open(&w->backend, w->from, e);
    }
    if (strcmp(name, "planted") != 0)
        return usage_error(
            a, e, "--backend: expected planted, local, replay:ARCHIVE or an address (http://…, https://…), found %.60s", name);
    TRY(planted_read(&w->planted, s, e));
    return planted_open(&w->backend, &w->planted, s, e);
}

void answering_close(struct answering *w) {
    backend_close(w->backend);
    chat_cache_close(w->cache);
    archive_close(w->from);
    chat_template_free(w->chat);
    free(w->ends);
    if (w->key) explicit_bzero(w->key, strlen(w->key));
    free(w->key);
    opened_close(&w->o, 0);
}
