/* Bodies of replies. They come from outside: a scan bounds depth and number of values before the parser (which recurses, and needs some
 * hundred bytes a value) sees them, and each member is taken only if it has the type the API gives it. What is needed (choices, a
 * message) must be there; what only describes (usage, model) is left out if it is not what it should be, for the text was paid for. */
#include "remote/remote_int.h"
#include "text/unicode.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64, MAX_VALUES = 200000 };

/* Brackets and commas outside of strings: 0, or what there is too much of. *open: brackets that are not closed at the end. */
static const char *too_much(const char *s, size_t n, int64_t *open) {
    int64_t depth = 0, values = 0;
    int quoted = 0;
    for (size_t i = 0; i < n; i++) {
        if (quoted) {
            if (s[i] == '\\')
                i++;
            else if (s[i] == '"')
                quoted = 0;
            continue;
        }
        quoted = s[i] == '"';
        values += s[i] == ',' || s[i] == '[' || s[i] == '{';
        depth += (s[i] == '[' || s[i] == '{') - (s[i] == ']' || s[i] == '}');
        if (depth > MAX_DEPTH) return "is nested deeper than 64";
        if (values > MAX_VALUES) return "has more than 200000 values";
    }
    *open = depth;
    return NULL;
}

int remote__cut_off(const char *body, size_t n) {
    int64_t open = 0;
    return n && body[0] == '{' && !too_much(body, n, &open) && open > 0;
}

/* ---- what a strict reader refuses ---- */

static int surrogate(const char *s, size_t n) { /* a \\uD800 … \\uDFFF at s: 1 high, 2 low; else 0 */
    if (n < 6 || s[0] != '\\' || s[1] != 'u' || (s[2] != 'd' && s[2] != 'D')) return 0;
    if (strspn(s + 3, "0123456789abcdefABCDEF") < 3) return 0;
    return strchr("89abAB", s[3]) ? 1 : strchr("cdefCDEF", s[3]) ? 2 : 0;
}

/* An escape at s, as it may stand; returns how much of s it was. */
static size_t mend_escape(struct str *out, const char *s, size_t n) {
    int half = surrogate(s, n);
    if (half == 1 && surrogate(s + 6, n - 6) == 2) return str_add(out, s, 12), 12;
    if (half) return str_puts(out, "\\uFFFD"), 6;
    size_t k = n < 2 ? n : 2;
    return str_add(out, s, k), k;
}

/* A number at s; null if it is out of range. */
static size_t mend_number(struct str *out, const char *s) {
    size_t n = strspn(s, "+-.0123456789eE");
    char digits[64] = "";
    if (n < sizeof digits) memcpy(digits, s, n), digits[n] = 0;
    int whole = strspn(s, "-0123456789") == n, fits = n < sizeof digits && (whole ? n <= 18 : isfinite(strtod(digits, NULL)));
    if (fits)
        str_add(out, s, n);
    else
        str_puts(out, "null");
    return n;
}

/* s[n], which is UTF-8 and ends with a NUL. */
static void mend(struct str *out, const char *s, size_t n) {
    int quoted = 0;
    for (size_t i = 0; i < n;) {
        if (quoted && s[i] == '\\') {
            i += mend_escape(out, s + i, n - i);
        } else if (!quoted && (s[i] == '-' || (s[i] >= '0' && s[i] <= '9'))) {
            i += mend_number(out, s + i);
        } else {
            if (s[i] == '"') quoted = !quoted;
            str_add(out, s + i++, 1);
        }
    }
}

/* Bytes that are no UTF-8 become U+FFFD. */
static void valid_only(struct str *out, const char *s, size_t n) {
    for (size_t i = 0, len; i < n; i += len) {
        enum utf8 what = utf8_scan(s + i, n - i, &len);
        if (what == UTF8_PARTIAL) len = n - i;
        if (what == UTF8_CHAR)
            str_add(out, s + i, len);
        else
            str_puts(out, "\xEF\xBF\xBD");
    }
}

/* The reply was paid for: what it says is not asked for again for the sake of a character. */
static json_t *read_mended(const char *body, size_t n) {
    struct str valid = {0}, mended = {0};
    json_t *j = NULL;
    valid_only(&valid, body, n);
    if (!valid.failed && valid.s) mend(&mended, valid.s, valid.len);
    if (!mended.failed && mended.s) j = json_loadb(mended.s, mended.len, JSON_ALLOW_NUL, NULL);
    str_free(&valid), str_free(&mended);
    return j;
}

json_t *remote__json(const char *body, size_t n, struct err *e) {
    json_error_t je;
    int64_t open;
    const char *why = too_much(body, n, &open);
    json_t *j = why ? NULL : json_loadb(body, n, JSON_ALLOW_NUL, &je);
    if (!why && !j) j = read_mended(body, n);
    if (why)
        fail(e, ERR_FORMAT, "JSON %s", why);
    else if (!j)
        fail(e, ERR_FORMAT, "expected JSON, found at byte %d: %.160s", je.position, je.text);
    return j;
}

/* ---- texts ---- */

/* Appends a string's text; a NUL in it becomes U+FFFD. */
static void add_text(struct str *b, const json_t *v) {
    const char *s = json_string_value(v);
    size_t n = json_string_length(v);
    for (size_t i = 0; s && i <= n;) {
        size_t k = strnlen(s + i, n - i);
        str_add(b, s + i, k);
        if (i + k < n) str_puts(b, "\xEF\xBF\xBD");
        i += k + 1;
    }
}

/* Text, or a list of parts {"type": t, member: text} of which those of the wanted type count. 0: it was one of the two, or absent. */
static int add_content(struct str *b, const json_t *v, const char *type, const char *member) {
    const json_t *p;
    size_t i;
    if (json_is_string(v)) add_text(b, v);
    if (!json_is_array(v)) return v && !json_is_string(v) && !json_is_null(v);
    json_array_foreach(v, i, p) {
        const char *t = json_string_value(json_object_get(p, "type"));
        if (!t) return 1;
        if (!strcmp(t, type)) add_text(b, json_object_get(p, member));
    }
    return 0;
}

/* A short text into a field: printable, cut at a character. */
static void put_short(char *out, size_t size, const json_t *o, const char *member) {
    const json_t *v = json_object_get(o, member);
    out[0] = 0;
    if (json_is_string(v)) remote__printable(out, size, json_string_value(v), json_string_length(v), 0);
}

static int64_t count_of(const json_t *usage, const char *member) {
    const json_t *v = json_object_get(usage, member);
    int64_t n = json_is_integer(v) ? json_integer_value(v) : -1;
    return n >= 0 && n <= INT64_C(1) << 40 ? n : -1;
}

/* ---- why it ends ---- */

static enum chat_finish finish_of(const char *word) {
    static const struct {
        const char *word;
        enum chat_finish finish;
    } words[] = {{"", CHAT_FINISH_NONE},
                 {"stop", CHAT_FINISH_STOP},
                 {"end_turn", CHAT_FINISH_STOP},
                 {"stop_sequence", CHAT_FINISH_STOP},
                 {"eos", CHAT_FINISH_STOP},
                 {"length", CHAT_FINISH_LENGTH},
                 {"max_tokens", CHAT_FINISH_LENGTH},
                 {"model_context_window_exceeded", CHAT_FINISH_LENGTH},
                 {"content_filter", CHAT_FINISH_FILTER},
                 {"refusal", CHAT_FINISH_REFUSAL},
                 {"tool_calls", CHAT_FINISH_TOOL},
                 {"function_call", CHAT_FINISH_TOOL},
                 {"tool_use", CHAT_FINISH_TOOL}};
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i].word, word)) return words[i].finish;
    return CHAT_FINISH_OTHER;
}

const char *chat_finish_name(enum chat_finish f) {
    static const char *const names[] = {
#define XX(name, text) [CHAT_FINISH_##name] = text,
        CHAT_FINISH_MAP(XX)
#undef XX
    };
    return f >= CHAT_FINISH_NONE && f <= CHAT_FINISH_OTHER ? names[f] : "other";
}

static void put_finish(struct chat_reply *r, const json_t *o, const char *member) {
    put_short(r->finish_raw, sizeof r->finish_raw, o, member);
    r->finish = finish_of(r->finish_raw);
}

/* ---- the two shapes ---- */

static int take_texts(struct chat_reply *r, struct str *text, struct str *reasoning, struct err *e) {
    str_puts(text, ""), str_puts(reasoning, "");
    if (text->failed || reasoning->failed) return fail(e, ERR_NOMEM, "no memory for a reply's text");
    r->text = text->s, r->reasoning = reasoning->s;
    *text = *reasoning = (struct str){0};
    return 0;
}

static int openai_texts(struct chat_reply *r, const json_t *m, struct str *text, struct str *reasoning, struct err *e) {
    const json_t *content = json_object_get(m, "content"), *declined = json_object_get(m, "refusal");
    const json_t *thought = json_object_get(m, "reasoning_content");
    if (!json_is_string(thought)) thought = json_object_get(m, "reasoning");
    if (add_content(text, content, "text", "text"))
        return fail(e, ERR_FORMAT, "expected choices[0].message.content as text, found something else");
    add_text(reasoning, thought);
    if (json_is_string(declined) && json_string_length(declined)) {
        if (!text->len) add_text(text, declined);
        r->finish = CHAT_FINISH_REFUSAL;
    }
    if (!content && (r->finish == CHAT_FINISH_STOP || r->finish == CHAT_FINISH_NONE))
        return fail(e, ERR_FORMAT, "expected choices[0].message.content, found none");
    return take_texts(r, text, reasoning, e);
}

static int openai_reply(struct chat_reply *r, const json_t *o, struct str *text, struct str *reasoning, struct err *e) {
    const json_t *choice = json_array_get(json_object_get(o, "choices"), 0), *m = json_object_get(choice, "message");
    const json_t *usage = json_object_get(o, "usage");
    if (!json_is_object(m)) return fail(e, ERR_FORMAT, "expected choices[0].message, found none");
    put_finish(r, choice, "finish_reason");
    put_short(r->fingerprint, sizeof r->fingerprint, o, "system_fingerprint");
    put_short(r->provider, sizeof r->provider, o, "provider");
    r->tokens_in = count_of(usage, "prompt_tokens");
    r->tokens_out = count_of(usage, "completion_tokens");
    return openai_texts(r, m, text, reasoning, e);
}

/* Anthropic counts what came from, or went to, its prompt cache apart from input_tokens. */
static int64_t anthropic_input(const json_t *usage) {
    int64_t n = count_of(usage, "input_tokens"), made = count_of(usage, "cache_creation_input_tokens"),
            read = count_of(usage, "cache_read_input_tokens");
    return n < 0 ? -1 : n + (made > 0 ? made : 0) + (read > 0 ? read : 0);
}

static int anthropic_reply(struct chat_reply *r, const json_t *o, struct str *text, struct str *reasoning, struct err *e) {
    const json_t *content = json_object_get(o, "content"), *usage = json_object_get(o, "usage");
    if (!json_is_array(content)) return fail(e, ERR_FORMAT, "expected content as a list of blocks, found none");
    put_finish(r, o, "stop_reason");
    r->tokens_in = anthropic_input(usage);
    r->tokens_out = count_of(usage, "output_tokens");
    if (add_content(text, content, "text", "text") || add_content(reasoning, content, "thinking", "thinking"))
        return fail(e, ERR_FORMAT, "expected a \"type\" in each block of content, found none");
    return take_texts(r, text, reasoning, e);
}

/* Some brokers send errors with status 200. */
static int error_inside(const json_t *o, int *status, struct err *e) {
    const json_t *err = json_object_get(o, "error");
    if (!err || json_is_null(err)) err = json_object_get(json_array_get(json_object_get(o, "choices"), 0), "error");
    if (!err || json_is_null(err)) return 0;
    int64_t code = json_integer_value(json_object_get(err, "code"));
    if (code >= 400 && code < 600) *status = (int)code;
    return fail(e, ERR_STATE, "the body is an error");
}

int remote__reply_parse(struct chat_reply *r, enum chat_api api, const char *body, size_t n, int *status, struct err *e) {
    struct str text = {0}, reasoning = {0};
    json_t *o = remote__json(body, n, e);
    if (!o) return ERR_FORMAT;
    int rc = json_is_object(o) ? error_inside(o, status, e) : fail(e, ERR_FORMAT, "expected an object, found another value");
    r->tokens_in = r->tokens_out = -1;
    put_short(r->model, sizeof r->model, o, "model");
    if (rc == 0)
        rc = api == CHAT_ANTHROPIC ? anthropic_reply(r, o, &text, &reasoning, e) : openai_reply(r, o, &text, &reasoning, e);
    str_free(&text), str_free(&reasoning);
    json_decref(o);
    if (rc < 0) remote__reply_clear_facts(r);
    return rc;
}

/* ---- owning ---- */

void remote__reply_clear_facts(struct chat_reply *r) {
    free(r->text), free(r->reasoning);
    r->text = r->reasoning = NULL;
    r->finish = CHAT_FINISH_NONE;
    r->finish_raw[0] = r->model[0] = r->fingerprint[0] = r->provider[0] = 0;
    r->tokens_in = r->tokens_out = -1;
}

void chat_reply_fini(struct chat_reply *r) {
    remote__reply_clear_facts(r);
    free(r->raw);
    *r = (struct chat_reply){0};
}

void remote__reply_copy(struct chat_reply *to, const struct chat_reply *from) {
    *to = *from;
    to->raw = NULL, to->raw_n = 0;
    to->text = from->text ? strdup(from->text) : NULL;
    to->reasoning = from->reasoning ? strdup(from->reasoning) : NULL;
    if ((from->text && !to->text) || (from->reasoning && !to->reasoning)) {
        remote__reply_clear_facts(to);
        to->rc = fail(&to->why, ERR_NOMEM, "no memory for a reply's text");
    }
}
