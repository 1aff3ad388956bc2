/* Replies as JSON, since some models answer so whatever they were told. */
#include "study/reply_int.h"
#include <jansson.h>
#include <string.h>

/* The object within: behind white space and a code fence. */
static const char *object_in(const char *s, size_t *n) {
    const char *end = s + *n, *p = s;
    while (p < end && (unsigned char)*p <= ' ') p++;
    if (end - p > 3 && !memcmp(p, "```", 3)) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        if (!nl) return NULL;
        p = nl + 1;
        while (p < end && (unsigned char)*p <= ' ') p++;
    }
    *n = (size_t)(end - p);
    return p < end && *p == '{' ? p : NULL;
}

static int add_texts(struct reply *out, enum channel c, int to, const json_t *v, struct err *e) {
    if (json_is_string(v)) return reply_act(out, c, to, json_string_value(v), json_string_length(v), e);
    for (size_t i = 0; json_is_array(v) && i < json_array_size(v); i++) {
        const json_t *s = json_array_get(v, i);
        if (json_is_string(s)) TRY(reply_act(out, c, to, json_string_value(s), json_string_length(s), e));
    }
    return 0;
}

static int add_whisper(struct reply *out, const struct reply_rules *r, int self, const json_t *v, struct err *e) {
    struct folded f = {0};
    const json_t *to = json_object_get(v, "to");
    int who = -1;
    if (json_is_string(v)) return add_texts(out, CHANNEL_WHISPER, -1, v, e);
    if (json_is_string(to)) {
        TRY(fold_text(&f, &r->fold, json_string_value(to), json_string_length(to), e));
        who = reply_recipient(r, &f, 0, f.n);
        folded_free(&f);
    }
    return add_texts(out, CHANNEL_WHISPER, who == self ? -1 : who, json_object_get(v, "text"), e);
}

static int add_whispers(struct reply *out, const struct reply_rules *r, int self, const json_t *v, struct err *e) {
    if (!json_is_array(v)) return v ? add_whisper(out, r, self, v, e) : 0;
    for (size_t i = 0; i < json_array_size(v); i++) TRY(add_whisper(out, r, self, json_array_get(v, i), e));
    return 0;
}

int reply_parse_json(struct reply *out, const struct reply_rules *r, int self, const char *s, size_t n, struct err *e) {
    const char *p = object_in(s, &n);
    json_t *o = p ? json_loadb(p, n, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!o) return 0;
    const json_t *talk = json_object_get(o, channel_name(CHANNEL_TALK)),
                 *own = json_object_get(o, channel_name(CHANNEL_MONOLOGUE));
    const json_t *whisper = json_object_get(o, channel_name(CHANNEL_WHISPER));
    int rc = add_texts(out, CHANNEL_TALK, -1, talk, e);
    if (rc >= 0) rc = add_texts(out, CHANNEL_MONOLOGUE, -1, own, e);
    if (rc >= 0) rc = add_whispers(out, r, self, whisper, e);
    out->json = rc >= 0 && (talk || own || whisper);
    json_decref(o);
    return rc < 0 ? rc : out->json;
}
