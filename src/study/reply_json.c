/* Replies as JSON, since some models answer so whatever they were told: an object of channels, acts with a channel each, a list of them, any
 * of these under one key; alone, in a code fence, with words around it. What is only half of that (cut off, a channel that nobody knows, tags
 * beside it) is asked again rather than read in part: then nothing of it is taken. */
#include "study/reply_int.h"
#include <jansson.h>
#include <string.h>
#include <strings.h>

struct values {
    struct reply *out;
    const struct reply_rules *r;
    int self;
    int half; /* something in it cannot be read for sure */
    struct err *e;
};
enum { DEEPEST = 4 };

static const char *const TO[] = {"to", "recipient", NULL};
static const char *const TEXT[] = {"text", "content", "message", NULL};
static const char *const CHANNEL[] = {"channel", "tag", "type", NULL};

/* The member under one of these names, in whatever case. */
static const json_t *member(const json_t *o, const char *const *names) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)o, key, v) for (int i = 0; names[i]; i++) if (!strcasecmp(key, names[i])) return v;
    return NULL;
}

static int channel_of(const struct values *x, const char *s, size_t n, int *to) {
    int c = reply_key(x->r, s, n, to, x->e);
    if (*to == x->self) *to = -1;
    return c;
}

static int person(const struct values *x, const char *s, size_t n, int *who) {
    struct folded f = {0};
    TRY(fold_text(&f, &x->r->fold, s, n, x->e));
    *who = reply_recipient(x->r, &f, 0, f.n);
    if (*who == x->self) *who = -1;
    folded_free(&f);
    return 0;
}

static int addressee(const struct values *x, const json_t *v, int *who) {
    return json_is_string(v) ? person(x, json_string_value(v), json_string_length(v), who) : 0;
}

/* ---- what is said ---- */

static int said(struct values *x, enum channel c, int to, const json_t *v, int depth);

/* {name: text, …}: to each by name. */
static int said_to_each(struct values *x, const json_t *o, int depth) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)o, key, v) {
        int to = -1;
        TRY(person(x, key, strlen(key), &to));
        if (to < 0) return x->half = 1, 0;
        TRY(said(x, CHANNEL_WHISPER, to, v, depth + 1));
    }
    return 0;
}

static int said_object(struct values *x, enum channel c, int to, const json_t *o, int depth) {
    const json_t *text = member(o, TEXT);
    TRY(addressee(x, member(o, TO), &to));
    if (text) return said(x, c, to, text, depth + 1);
    if (c == CHANNEL_WHISPER) return said_to_each(x, o, depth);
    x->half |= json_object_size(o) > 0;
    return 0;
}

static int said_text(struct values *x, enum channel c, int to, const json_t *v) {
    const char *s = json_string_value(v);
    int tagged = reply_has_tag(x->r, x->self, s, json_string_length(v), x->e);
    if (tagged < 0) return tagged;
    x->half |= tagged;
    return tagged ? 0 : reply_act(x->out, c, to, s, json_string_length(v), x->e);
}

static int said(struct values *x, enum channel c, int to, const json_t *v, int depth) {
    if (json_is_string(v)) return said_text(x, c, to, v);
    if (json_is_object(v) && depth < DEEPEST) return said_object(x, c, to, v, depth);
    x->half |= !json_is_array(v) && !json_is_null(v);
    x->half |= depth >= DEEPEST;
    for (size_t i = 0; !x->half && i < json_array_size(v); i++) TRY(said(x, c, to, json_array_get(v, i), depth + 1));
    return 0;
}

/* ---- the shapes of a reply: 1: it was one, 0: it was none ---- */

static int value(struct values *x, const json_t *v, int depth);

/* {"channel": …, "to": …, "text": …} */
static int one_act(struct values *x, const json_t *o) {
    const json_t *name = member(o, CHANNEL), *to = member(o, TO), *text = member(o, TEXT);
    int who = -1, c = json_is_string(name) ? channel_of(x, json_string_value(name), json_string_length(name), &who) : NO_CHANNEL;
    if (c < 0 || c == NO_CHANNEL || !text) return c < 0 ? c : 0;
    TRY(addressee(x, to, &who));
    TRY(said(x, (enum channel)c, who, text, 1));
    x->out->stray += (int)json_object_size(o) - 2 - (to != NULL);
    return 1;
}

/* {"talk": …, "monologue": …, "whisper": {"to": …, "text": …}} */
static int by_channel(struct values *x, const json_t *o) {
    const json_t *to = member(o, TO);
    int known = 0, others = 0;
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)o, key, v) {
        int who = -1, c = channel_of(x, key, strlen(key), &who);
        if (c < 0) return c;
        others += c == NO_CHANNEL && v != to;
        if (c == NO_CHANNEL) continue;
        if (who < 0) TRY(addressee(x, to, &who));
        known++;
        TRY(said(x, (enum channel)c, who, v, 0));
    }
    if (known) x->out->stray += others;
    return known > 0;
}

/* {"messages": [one of these]} */
static int wrapped(struct values *x, const json_t *o, int depth) {
    const json_t *only = NULL;
    const char *key;
    int containers = 0;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)o, key, v) if (json_is_object(v) || json_is_array(v)) only = v, containers++;
    int rc = containers == 1 ? value(x, only, depth + 1) : 0;
    if (rc > 0) x->out->stray += (int)json_object_size(o) - 1;
    return rc;
}

static int list(struct values *x, const json_t *v, int depth) {
    size_t known = 0, n = json_array_size(v);
    for (size_t i = 0; i < n; i++) {
        int rc = value(x, json_array_get(v, i), depth + 1);
        if (rc < 0) return rc;
        known += rc > 0;
    }
    x->half |= known && known < n;
    return known > 0;
}

static int value(struct values *x, const json_t *v, int depth) {
    if (depth >= DEEPEST) return 0;
    if (json_is_array(v)) return list(x, v, depth);
    if (!json_is_object(v)) return 0;
    int rc = one_act(x, v);
    if (rc == 0) rc = by_channel(x, v);
    return rc == 0 ? wrapped(x, v, depth) : rc;
}

/* ---- where it is ---- */

static size_t skip(const char *s, size_t i, size_t n, const char *what) {
    while (i < n && s[i] && strchr(what, s[i])) i++;
    return i;
}

static int begins_line(const char *s, size_t i) {
    while (i && (s[i - 1] == ' ' || s[i - 1] == '\t')) i--;
    return !i || s[i - 1] == '\n' || s[i - 1] == '\r';
}

/* What stands before the colon at i: a text in quotes, or the word of a channel. */
static int is_member(const struct values *x, const char *s, size_t i, size_t n) {
    enum { FAR = 80 };
    size_t end = i + 1;
    int to, quoted = i < n && (s[i] == '"' || s[i] == '\'');
    while (end < n && s[end] != '\n' && (quoted ? s[end] != s[i] : s[end] != ':' && s[end] != '}' && end < i + FAR))
        end += s[end] == '\\' ? 2 : 1;
    if (end >= n) return 0;
    if (quoted) return (end = skip(s, end + 1, n, " \t\r\n")) < n && s[end] == ':';
    int c = s[end] == ':' ? reply_key(x->r, s + i, end - i, &to, x->e) : NO_CHANNEL;
    return c < 0 ? c : c != NO_CHANNEL;
}

/* Whether JSON begins at i, or what is meant as such. Other brackets are brackets. */
static int begins_json(const struct values *x, const char *s, size_t i, size_t n) {
    if (s[i] == '[') {
        i = skip(s, i + 1, n, " \t\r\n");
        return i < n && s[i] == '{' ? begins_json(x, s, i, n) : 0;
    }
    if (s[i] != '{') return 0;
    size_t k = skip(s, i + 1, n, " \t\r\n");
    if (begins_line(s, i) && memchr(s + i, '\n', k - i)) return 1;
    return is_member(x, s, k, n);
}

/* Only what may stand between two values: white space, a comma, the ends of fences. */
static int nothing_between(const char *s, size_t i, size_t to) {
    for (size_t before = to; i != before;) {
        before = i = skip(s, i, to, " \t\r\n,`");
        if (to - i >= 4 && !strncasecmp(s + i, "json", 4)) i += 4;
    }
    return i >= to;
}

/* The value at i: 1 with its end if it is a reply. */
static int take(struct values *x, const char *s, size_t i, size_t n, size_t *end) {
    json_error_t at;
    json_t *v = json_loadb(s + i, n - i, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &at);
    if (!v) return x->half = 1, 0;
    *end = i + (size_t)at.position;
    int rc = value(x, v, 0);
    json_decref(v);
    if (rc != 0) return rc;
    int tagged = reply_has_tag(x->r, x->self, s + i, *end - i, x->e); /* of another shape, and something is said in it */
    if (tagged > 0) x->half = 1;
    return tagged < 0 ? tagged : 0;
}

int reply_parse_json(struct reply *out, const struct reply_rules *r, int self, char *s, size_t n, struct err *e) {
    struct values x = {.out = out, .r = r, .self = self, .e = e};
    size_t last = 0, end = 0;
    int found = 0;
    for (size_t i = 0; i < n && !x.half; i++) {
        int begins = s[i] == '{' || s[i] == '[' ? begins_json(&x, s, i, n) : 0;
        int rc = begins > 0 ? take(&x, s, i, n, &end) : begins;
        if (rc < 0) return rc;
        if (!begins || x.half) continue;
        if (rc > 0) {
            x.half |= found && !nothing_between(s, last, i);
            for (size_t k = i; k < end; k++) s[k] = s[k] == '\n' ? '\n' : ' ';
            found = 1, last = end;
        }
        i = end - 1;
    }
    return x.half ? REPLY_HALF_JSON : found ? REPLY_JSON : REPLY_NO_JSON;
}
