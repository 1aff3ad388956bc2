/* See theater_monitor.h. */
#include "cli/theater_monitor.h"
#include "base/fs.h"
#include "cli/judging.h"
#include "cli/prices.h"
#include "probe/judged.h"
#include "remote/cache.h"
#include "remote/chat.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct theater_monitor {
    const char *url, *model, *key_env, *cache_path; /* url NULL: rules */
    int64_t calls, tokens;
    double budget;
    int turns;
    struct chat_price price;
    struct judged *judged;
    struct chat_cache *cache;
    struct chat_client *client;
    char reported[128];
};

/* ---- options ---- */

static int rules_alone(struct args *a, struct err *e) {
    static const char *const of_url[] = {"monitor-model",  "monitor-key-env", "monitor-cache",  "monitor-calls",
                                         "monitor-tokens", "monitor-prices",  "monitor-budget", "judge-inflections"};
    for (size_t i = 0; i < sizeof of_url / sizeof *of_url; i++)
        if (arg_has(a, of_url[i])) return usage_error(a, e, "--%s: only with --monitor URL", of_url[i]);
    return 0;
}

static int read_args(struct theater_monitor *m, struct args *a, struct err *e) {
    const char *url = arg_str(a, "monitor");
    *m = (struct theater_monitor){.calls = 8, .tokens = 8};
    if (!strcmp(url, "rules")) return rules_alone(a, e);
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return usage_error(a, e, "--monitor: expected rules, or an address that begins with http:// or https://, found \"%.60s\"",
                           url);
    m->url = url, m->key_env = arg_str(a, "monitor-key-env"), m->turns = arg_has(a, "judge-inflections");
    m->cache_path = arg_has(a, "monitor-cache") ? arg_str(a, "monitor-cache") : NULL;
    m->model = arg_str(a, "monitor-model");
    if (!m->model || !*m->model) return usage_error(a, e, "--monitor URL: the model's name is missing (--monitor-model NAME)");
    TRY(arg_i64(a, "monitor-calls", 1, 1024, &m->calls, e));
    TRY(arg_i64(a, "monitor-tokens", 1, 1 << 20, &m->tokens, e));
    TRY(arg_real(a, "monitor-budget", 0, 1e9, &m->budget, e));
    if (m->budget > 0 && !arg_has(a, "monitor-prices")) return usage_error(a, e, "--monitor-budget: needs --monitor-prices FILE");
    return arg_has(a, "monitor-prices") ? read_prices(&m->price, arg_str(a, "monitor-prices"), m->model, e) : 0;
}

int theater_monitor_open(struct theater_monitor **out, struct args *a, struct err *e) {
    struct theater_monitor *m = calloc(1, sizeof *m);
    int rc = m ? read_args(m, a, e) : fail(e, ERR_NOMEM, "out of memory for a monitor");
    if (rc < 0)
        free(m);
    else
        *out = m;
    return rc;
}

/* ---- asking ---- */

static int stop(void *ctx) {
    (void)ctx;
    return interrupted();
}

static int open_client(struct theater_monitor *m, const struct store *s, struct err *e) {
    char path[4096];
    const struct chat_endpoint ep = {.api = CHAT_OPENAI, .url = m->url, .model = m->model, .key_env = m->key_env};
    struct chat_opts o = {.in_flight = (int)m->calls, .price = m->price, .budget = m->budget, .stop = stop};
    if (!m->cache_path) TRY(path_join(path, sizeof path, store_dir(s), "monitor.jsonl", e));
    TRY(chat_cache_open(&m->cache, m->cache_path ? m->cache_path : path, CHAT_CACHE_USE, e));
    o.cache = m->cache;
    return chat_open(&m->client, &ep, &o, e);
}

int theater_monitor_ask(struct theater_monitor *m, const struct store *s, const struct probe *p, struct evaluate_opts *o,
                        struct err *e) {
    enum { TURNS_TOKENS = 2048 };
    const struct judging how = {m->tokens, m->tokens > TURNS_TOKENS ? m->tokens : TURNS_TOKENS, interrupted, "monitor"};
    struct panel panel;
    if (!m->url) return 0;
    TRY(panel_open(&panel, &(struct panel_of){.s = s, .p = p, .layer = -1, .parts = evaluate_parts(s, p)}, e));
    int rc = judged_open(&m->judged, panel.of, panel.n, m->turns, e);
    panel_close(&panel);
    TRY(rc);
    TRY(open_client(m, s, e));
    TRY(judge_all(m->judged, m->client, &how, m->reported, e));
    o->monitor = judged_monitor, o->inflections = m->turns ? judged_inflections : NULL, o->ctx = m->judged;
    return 0;
}

/* ---- what is said of it ---- */

static json_t *measured(const struct theater_monitor *m) {
    const struct chat_account x = chat_account(m->client);
    json_t *j = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "host", chat_host(m->client), "calls", (json_int_t)x.calls,
                          "from_cache", (json_int_t)x.cached, "repeated", (json_int_t)x.retries, "tokens_in",
                          (json_int_t)x.tokens_in, "tokens_out", (json_int_t)x.tokens_out);
    json_object_set_new(j, "cost", m->price.set ? json_number(x.spent + x.uncertain) : json_null());
    json_object_set_new(j, "cost_saved", m->price.set ? json_number(x.saved) : json_null());
    return j;
}

static json_t *described(const struct theater_monitor *m, json_t *facts) {
    json_object_set_new(facts, "kind", json_string("model"));
    json_object_set_new(facts, "model", json_string(m->model));
    json_object_set_new(facts, "model_reported", m->reported[0] ? json_string(m->reported) : json_null());
    return facts;
}

int theater_monitor_tell(const struct theater_monitor *m, json_t *tree, struct err *e) {
    const char *kind;
    json_t *f, *monitor, *families = json_object_get(tree, "families"), *turns;
    if (!m->url) return 0;
    monitor = described(m, judged_monitor_json(m->judged, NULL));
    json_object_set_new(monitor, "replies", json_integer((json_int_t)judged_n(m->judged)));
    json_object_set_new(monitor, "measured", measured(m));
    turns = m->turns ? described(m, judged_turns_json(m->judged, NULL)) : NULL;
    json_object_foreach(families, kind, f) {
        json_object_set_new(f, "monitor", judged_monitor_json(m->judged, kind));
        if (m->turns) json_object_set_new(f, "inflections_judge", judged_turns_json(m->judged, kind));
    }
    if (turns) json_object_set_new(tree, "inflections_by", turns);
    return json_object_set_new(tree, "monitor", monitor) < 0 ? fail(e, ERR_NOMEM, "out of memory for the monitor's figures") : 0;
}

void theater_monitor_close(struct theater_monitor *m) {
    chat_close(m->client);
    chat_cache_close(m->cache);
    judged_free(m->judged);
    free(m);
}
