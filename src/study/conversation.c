/* Messages of a chat, as values and as text. */
#include "study/conversation.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* The parts from i on that are one message, as its content; returns the part behind them. */
static int join(struct str *b, const struct context *c, int i) {
    enum part_role role = c->parts[i].role;
    str_clear(b);
    for (; i < c->n && c->parts[i].role == role; i++) {
        if (b->len) str_add(b, "\n", 1);
        str_add(b, c->parts[i].text, c->parts[i].len);
    }
    return i;
}

static json_t *message(enum part_role role, const struct str *content) {
    json_t *m = json_object();
    if (json_object_set_new(m, "role", json_string(part_role_name(role))) < 0 ||
        json_object_set_new(m, "content", json_stringn(content->s, content->len)) < 0) {
        json_decref(m);
        return NULL;
    }
    return m;
}

json_t *context_messages(const struct context *c) {
    json_t *list = json_array();
    struct str b = {0};
    for (int i = 0; list && i < c->n;) {
        enum part_role role = c->parts[i].role;
        i = join(&b, c, i);
        json_t *m = b.failed ? NULL : message(role, &b);
        if (!m || json_array_append_new(list, m) < 0) {
            json_decref(list);
            list = NULL;
        }
    }
    str_free(&b);
    return list;
}

void conversation_free(struct conversation *t) {
    str_free(&t->system);
    str_free(&t->rest);
    *t = (struct conversation){0};
}

static int add_json(struct str *out, json_t *j) {
    char *text = j ? json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
    json_decref(j);
    if (!text) return -1;
    if (out->len) str_add(out, ",", 1);
    str_puts(out, text);
    free(text);
    return out->failed ? -1 : 0;
}

static size_t bytes_of(const struct context *c, int parts) {
    size_t n = 0;
    for (int i = 0; i < parts; i++) n += c->parts[i].len;
    return n;
}

static int begins_with(const struct context *c, const struct conversation_mark *w) {
    return w->parts <= c->n && bytes_of(c, w->parts) == w->text;
}

/* How much of what is kept the context goes on from; the rest is taken away. */
static struct conversation_mark cut(struct conversation *t, const struct context *c) {
    struct conversation_mark w = t->all;
    if (w.parts && w.parts < c->n && c->parts[w.parts].role == c->parts[w.parts - 1].role) w = t->closed;
    if (!begins_with(c, &w)) w = (struct conversation_mark){0};
    if (!w.parts) str_clear(&t->system);
    if (t->rest.s) t->rest.len = w.rest, t->rest.s[w.rest] = 0;
    return w;
}

int conversation_write(struct conversation *t, const struct context *c, int grows, struct err *e) {
    struct str b = {0};
    struct conversation_mark from = cut(t, c), last = t->closed;
    int rc = 0;
    for (int i = from.parts; i < c->n && rc >= 0;) {
        enum part_role role = c->parts[i].role;
        last = (struct conversation_mark){.parts = i, .rest = t->rest.len};
        i = join(&b, c, i);
        if (b.failed)
            rc = -1;
        else if (role == PART_SYSTEM && last.parts == 0)
            rc = add_json(&t->system, json_stringn(b.s, b.len));
        else
            rc = add_json(&t->rest, message(role, &b));
    }
    str_free(&b);
    if (rc < 0) {
        conversation_free(t);
        return fail(e, ERR_NOMEM, "a prompt does not fit in memory, or a text of it is not UTF-8");
    }
    if (!grows) return 0;
    last.text = bytes_of(c, last.parts);
    t->closed = last;
    t->all = (struct conversation_mark){.parts = c->n, .text = bytes_of(c, c->n), .rest = t->rest.len};
    return 0;
}
