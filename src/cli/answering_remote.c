/* See answering_remote.h. */
#include "cli/answering_remote.h"
#include "base/fs.h"
#include "cli/prices.h"
#include "study/remote.h"
#include <string.h>

int is_address(const char *s) { return !strncmp(s, "http://", 7) || !strncmp(s, "https://", 8); }

int refuse_address_options(struct args *a, struct err *e) {
    static const char *const names[] = {
        "api",     "key-env",  "key-file", "plain-key",           "no-seed",           "completion-tokens",
        "timeout", "attempts", "cache",    "requests-per-minute", "tokens-per-minute", "prices",
        "max-cost"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (arg_has(a, names[i]))
            return usage_error(a, e, "--%s: expected an address as --backend (http://…, https://…), found %.60s", names[i],
                               arg_str(a, "backend"));
    return 0;
}

static int read_api(struct remote_opts *o, struct args *a, struct err *e) {
    const char *name = arg_str(a, "api");
    o->ep.api = !strcmp(name, "anthropic") ? CHAT_ANTHROPIC : CHAT_OPENAI;
    o->ep.completion_tokens = arg_has(a, "completion-tokens");
    if (o->ep.api == CHAT_ANTHROPIC && o->ep.completion_tokens)
        return usage_error(a, e, "--completion-tokens: expected an OpenAI-compatible API, found --api anthropic");
    if (o->ep.api == CHAT_ANTHROPIC || !strcmp(name, "openai")) return 0;
    return usage_error(a, e, "--api: expected openai or anthropic, found \"%.40s\"", name);
}

static int read_costs(struct remote_opts *o, struct args *a, struct err *e) {
    if (arg_has(a, "max-cost") && !arg_has(a, "prices")) return usage_error(a, e, "--max-cost: needs --prices FILE");
    if (!arg_has(a, "prices")) return 0;
    TRY(arg_real(a, "max-cost", 1e-12, 1e12, &o->chat.budget, e));
    return read_prices(&o->chat.price, arg_str(a, "prices"), o->ep.model, e);
}

/* How many calls at once, how often, how long; what is not said is left to the client. */
static int read_pace(struct chat_opts *o, struct args *a, struct err *e) {
    int64_t calls = REMOTE_CALLS, attempts = 0, requests = 0, tokens = 0;
    TRY(arg_i64(a, "calls", 1, 1024, &calls, e));
    TRY(arg_real(a, "timeout", 0.1, 86400, &o->timeout_s, e));
    TRY(arg_i64(a, "attempts", 1, 100, &attempts, e));
    TRY(arg_i64(a, "requests-per-minute", 1, 1000000, &requests, e));
    TRY(arg_i64(a, "tokens-per-minute", 1, INT64_C(1000000000000), &tokens, e));
    o->in_flight = (int)calls, o->attempts = (int)attempts;
    o->requests_minute = (double)requests, o->tokens_minute = (double)tokens;
    return 0;
}

/* A file with the key alone; white space at its end is none of it. */
static int read_key(struct answerer *p, struct args *a, struct err *e) {
    const char *path = arg_str(a, "key-file");
    size_t n;
    if (!path) return 0;
    if (arg_has(a, "key-env")) return usage_error(a, e, "--key-file: expected it or --key-env, found both");
    TRY(file_read(&p->key, &n, path, 1 << 16, e));
    while (n && strchr(" \t\r\n", p->key[n - 1])) p->key[--n] = 0;
    return n ? 0 : fail_at(e, ERR_FORMAT, path, -1, "expected a key, found an empty file");
}

int answering_remote(struct answering *w, struct answerer *p, const char *url, struct args *a, struct err *e) {
    struct remote_opts o = {.ep = {.url = url,
                                   .key_env = arg_str(a, "key-env"),
                                   .model = arg_str(a, "model"),
                                   .plain_key = arg_has(a, "plain-key"),
                                   .plain_how = "--plain-key"},
                            .no_seed = arg_has(a, "no-seed")};
    if (!o.ep.model) o.ep.model = p->id;
    if (!o.ep.model) TRY(arg_need(a, "model", &o.ep.model, e));
    TRY(read_api(&o, a, e));
    TRY(read_pace(&o.chat, a, e));
    TRY(read_costs(&o, a, e));
    o.chat.seed = w->s ? w->s->seed : 0;
    TRY(read_key(p, a, e));
    if (arg_has(a, "plain-key") && !p->key && !o.ep.key_env)
        return usage_error(a, e, "--plain-key: expected --key-env or --key-file with it, found neither");
    p->key_env = o.ep.key_env, o.ep.key = p->key, p->price = o.chat.price;
    if (arg_has(a, "cache") && !w->cache) TRY(chat_cache_open(&w->cache, arg_str(a, "cache"), CHAT_CACHE_USE, e));
    o.chat.cache = w->cache, o.chat.purse = &w->purse;
    return remote_open(&p->backend, &o, e);
}
