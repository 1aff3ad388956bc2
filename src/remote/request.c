/* A request as the two APIs want it. The body is written once, its members sorted, and is at once what is sent and what the reply is
 * stored under; seed and replicate join the key where the body has no place for them. */
#include "base/hash.h"
#include "remote/remote_int.h"
#include <stdlib.h>
#include <string.h>

static const char *role_of(const json_t *m) {
    const char *r = json_string_value(json_object_get(m, "role"));
    return r ? r : "";
}

static int is_system(const json_t *m) { return !strcmp(role_of(m), "system") || !strcmp(role_of(m), "developer"); }

static int check_message(const json_t *m, size_t i, struct err *e) {
    const json_t *content = json_object_get(m, "content");
    if (!*role_of(m) || !(json_is_string(content) || json_is_array(content)))
        return fail(e, ERR_ARG, "message %zu: expected {\"role\": text, \"content\": text or array}", i);
    return 0;
}

/* Anthropic's API takes instructions beside the messages, so they can only stand before the first. */
static int check_system(const json_t *messages, struct err *e) {
    const json_t *m;
    size_t i, begun = 0;
    json_array_foreach(messages, i, m) {
        if (!is_system(m))
            begun = 1;
        else if (begun)
            return fail(e, ERR_UNSUPPORTED, "message %zu: the Anthropic API takes \"%s\" before all other messages only", i,
                        role_of(m));
        else if (!json_is_string(json_object_get(m, "content")))
            return fail(e, ERR_UNSUPPORTED, "message %zu: expected the content of \"%s\" as text", i, role_of(m));
    }
    return begun ? 0 : fail(e, ERR_ARG, "the Anthropic API wants at least one message that is not \"system\"");
}

static int check_messages(const struct remote__door *d, const json_t *messages, struct err *e) {
    const json_t *m;
    size_t i;
    if (!json_is_array(messages) || !json_array_size(messages)) return fail(e, ERR_ARG, "expected messages, found none");
    json_array_foreach(messages, i, m) TRY(check_message(m, i, e));
    return d->api == CHAT_ANTHROPIC ? check_system(messages, e) : 0;
}

/* What would change how many replies come, how, or how long they get, belongs to the fields, where it is accounted for. */
static int check_extra(const json_t *extra, struct err *e) {
    static const char *const mine[] = {"model",
                                       "messages",
                                       "system",
                                       "stream",
                                       "n",
                                       "best_of",
                                       "max_tokens",
                                       "max_completion_tokens",
                                       "temperature",
                                       "top_p",
                                       "seed",
                                       "stop",
                                       "stop_sequences",
                                       "response_format"};
    if (extra && !json_is_object(extra)) return fail(e, ERR_ARG, "expected further members of a request as an object");
    for (unsigned i = 0; extra && i < sizeof mine / sizeof *mine; i++)
        if (json_object_get(extra, mine[i])) return fail(e, ERR_ARG, "\"%s\" cannot be a further member of a request", mine[i]);
    return 0;
}

int remote__request_check(const struct remote__door *d, const struct chat_request *r, struct err *e) {
    if (r->text) {
        if (!r->text->rest_n) return fail(e, ERR_ARG, "expected messages, found none");
    } else
        TRY(check_messages(d, r->messages, e));
    if (r->temperature < 0 || isinf(r->temperature)) return fail(e, ERR_ARG, "expected a temperature of at least 0");
    if (r->top_p < 0 || r->top_p > 1) return fail(e, ERR_ARG, "expected top_p in [0, 1], found %g", r->top_p);
    if (r->max_tokens < 0) return fail(e, ERR_ARG, "expected max_tokens of at least 0, found %lld", (long long)r->max_tokens);
    if (d->api == CHAT_ANTHROPIC && !r->max_tokens) return fail(e, ERR_ARG, "the Anthropic API wants max_tokens");
    if (d->api == CHAT_ANTHROPIC && r->json)
        return fail(e, ERR_UNSUPPORTED, "the Anthropic API has no JSON mode; it is supported with OpenAI-compatible ones");
    return check_extra(r->extra, e);
}

static json_t *system_text(const json_t *messages) {
    struct str s = {0};
    const json_t *m;
    size_t i;
    json_array_foreach(messages, i, m) {
        if (!is_system(m)) break;
        str_printf(&s, "%s%s", s.len ? "\n\n" : "", json_string_value(json_object_get(m, "content")));
    }
    json_t *j = s.failed ? NULL : json_string(s.s ? s.s : "");
    str_free(&s);
    return j;
}

static int put_messages(json_t *o, const struct remote__door *d, const json_t *messages) {
    json_t *list = json_copy((json_t *)(uintptr_t)messages); /* its messages are shared, and none is changed */
    int bad = !list;
    if (d->api == CHAT_ANTHROPIC && list && is_system(json_array_get(list, 0))) {
        bad |= json_object_set_new(o, "system", system_text(list));
        while (is_system(json_array_get(list, 0))) json_array_remove(list, 0);
    }
    return bad | json_object_set_new(o, "messages", list);
}

static int put_stop(json_t *o, const char *name, const struct chat_request *r) {
    json_t *list = json_array();
    int bad = !list;
    for (int i = 0; i < r->n_stop; i++) bad |= json_array_append_new(list, json_string(r->stop[i]));
    return bad | json_object_set_new(o, name, list);
}

/* Nonzero if something did not fit in memory, or was no text in UTF-8. */
static int put_members(json_t *o, const struct remote__door *d, const struct chat_request *r) {
    int anthropic = d->api == CHAT_ANTHROPIC, bad = json_object_set_new(o, "model", json_string(d->model));
    if (!r->text) bad |= put_messages(o, d, r->messages);
    if (!isnan(r->temperature)) bad |= json_object_set_new(o, "temperature", json_real(r->temperature));
    if (!isnan(r->top_p)) bad |= json_object_set_new(o, "top_p", json_real(r->top_p));
    if (r->max_tokens)
        bad |= json_object_set_new(o, !anthropic && d->completion_tokens ? "max_completion_tokens" : "max_tokens",
                                   json_integer(r->max_tokens));
    if (r->has_seed && !anthropic) bad |= json_object_set_new(o, "seed", json_integer(r->seed));
    if (r->n_stop) bad |= put_stop(o, anthropic ? "stop_sequences" : "stop", r);
    if (r->json) bad |= json_object_set_new(o, "response_format", json_pack("{ss}", "type", "json_object"));
    if (r->extra) {
        json_t *more = json_deep_copy(r->extra);
        bad |= !more || json_object_update(o, more);
        json_decref(more);
    }
    return bad;
}

struct chat_key chat_key_of(const char *head, size_t head_n, const char *body, size_t n) {
    static const char other[] = "the second hash";
    uint64_t h[2] = {HASH_START, hash_bytes(HASH_START, other, sizeof other)};
    hash_two(h, head, head_n);
    hash_two(h, body, n);
    return (struct chat_key){.h = {hash_mix(h[0]), hash_mix(h[1])}, .bytes = (int64_t)(head_n + n)};
}

static struct chat_key key_of(const struct remote__door *d, const struct chat_request *r, const char *body, size_t n) {
    char head[96];
    size_t k = (size_t)snprintf(head, sizeof head, "%s replicate=%lld seed=", remote__api_name(d->api), (long long)r->replicate);
    if (r->has_seed) k += (size_t)snprintf(head + k, sizeof head - k, "%lld", (long long)r->seed);
    head[k++] = '\n';
    return chat_key_of(head, k, body, n);
}

/* ---- the body ---- */

enum { WRITTEN = 2, BODY_FLAGS = JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION(15) };
struct member {
    const char *key;
    json_t *value;   /* NULL: it is text already */
    struct str text; /* JSON */
};

/* The messages, as members whose text is known; returns how many. */
static int text_members(struct member m[WRITTEN], const struct remote__door *d, const struct chat_text *t) {
    struct str list = {0}, system = {0};
    int apart = d->api == CHAT_ANTHROPIC && t->system_n;
    str_puts(&list, "[");
    if (t->system_n && !apart) {
        str_puts(&list, "{\"content\":");
        str_add(&list, t->system, t->system_n);
        str_puts(&list, ",\"role\":\"system\"},");
    }
    str_add(&list, t->rest, t->rest_n);
    str_puts(&list, "]");
    if (apart) str_add(&system, t->system, t->system_n);
    m[0] = (struct member){.key = "messages", .text = list};
    m[1] = (struct member){.key = "system", .text = system};
    return 1 + apart;
}

static int by_key(const void *x, const void *y) {
    return strcmp(((const struct member *)x)->key, ((const struct member *)y)->key);
}

/* Adds the members of an object, which loses them. */
static void add_members(struct str *b, json_t *run) {
    char *text = json_object_size(run) ? json_dumps(run, BODY_FLAGS) : NULL;
    size_t n = text ? strlen(text) : 0;
    if (!text && json_object_size(run)) b->failed = 1;
    if (n && b->len > 1) str_puts(b, ",");
    if (n) str_add(b, text + 1, n - 2);
    free(text);
    json_object_clear(run);
}

/* The members of o and those that are text, sorted, as json_dumps would write them all. */
static void write_members(struct str *b, const json_t *o, const struct member *text, int n_text) {
    size_t n = 0;
    struct member *all = calloc(json_object_size(o) + WRITTEN, sizeof *all);
    json_t *run = json_object();
    if (!all || !run) b->failed = 1;
    for (void *i = json_object_iter((json_t *)(uintptr_t)o); all && i; i = json_object_iter_next((json_t *)(uintptr_t)o, i))
        all[n++] = (struct member){.key = json_object_iter_key(i), .value = json_object_iter_value(i)};
    for (int i = 0; all && i < n_text; i++) all[n++] = text[i];
    if (n) qsort(all, n, sizeof *all, by_key);
    str_puts(b, "{");
    for (size_t i = 0; i < n; i++) {
        if (all[i].value) {
            if (json_object_set(run, all[i].key, all[i].value) < 0) b->failed = 1;
            continue;
        }
        add_members(b, run);
        str_printf(b, "%s\"%s\":", b->len > 1 ? "," : "", all[i].key);
        str_add(b, all[i].text.s, all[i].text.len);
    }
    add_members(b, run);
    str_puts(b, "}");
    json_decref(run);
    free(all);
}

/* o and the messages that are text already; NULL: out of memory. */
static char *body_of(const json_t *o, const struct remote__door *d, const struct chat_text *text) {
    if (!text) return json_dumps(o, BODY_FLAGS);
    struct member m[WRITTEN];
    struct str b = {0};
    int n = text_members(m, d, text), bad = m[0].text.failed | m[1].text.failed;
    if (!bad) write_members(&b, o, m, n);
    for (int i = 0; i < WRITTEN; i++) str_free(&m[i].text);
    if (bad || b.failed) return str_free(&b), NULL;
    return b.s;
}

int remote__request_build(const struct remote__door *d, const struct chat_request *r, char **body, size_t *n,
                          struct chat_key *key, struct err *e) {
    TRY(remote__request_check(d, r, e));
    json_t *o = json_object();
    int bad = !o || put_members(o, d, r);
    char *text = bad ? NULL : body_of(o, d, r->text);
    json_decref(o);
    if (!text) return fail(e, ERR_NOMEM, "a request does not fit in memory, or a text of it is not UTF-8");
    *body = text, *n = strlen(text);
    *key = key_of(d, r, text, *n);
    return 0;
}
