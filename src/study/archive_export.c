/* An archive as JSON lines. Everything is written as it is met, so memory holds one fact and what it refers to. */
#include "study/archive_export.h"
#include "study/archive_int.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct lines {
    struct archive *a;
    FILE *out;
    int inlined, notes;
    struct str text;
    json_t *texts, *contexts; /* of the fact at hand */
};

json_t *archive_text_json(const char *s, size_t n) {
    static const char digits[] = "0123456789abcdef";
    json_t *j = json_stringn(n ? s : "", n);
    if (j) return j;
    char *hex = malloc(2 * n + 1);
    if (!hex) return NULL;
    for (size_t i = 0; i < n; i++) hex[2 * i] = digits[(unsigned char)s[i] >> 4], hex[2 * i + 1] = digits[s[i] & 15];
    j = json_pack("{s:s#}", "hex", hex, (int)(2 * n));
    free(hex);
    return j;
}

int archive_write_json(FILE *out, const char *before, json_t *j, const char *after, struct err *e) {
    char *s = j ? json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(j);
    if (!s) return fail(e, ERR_NOMEM, "out of memory for JSON");
    int ok = fputs(before, out) >= 0 && fputs(s, out) >= 0 && fputs(after, out) >= 0;
    free(s);
    return ok ? 0 : fail(e, ERR_IO, "cannot write: %s", strerror(errno));
}

static int put_line(FILE *out, json_t *j, struct err *e) { return archive_write_json(out, "", j, "\n", e); }

static int text_of(struct lines *l, const struct archive_id *id, json_t **out, struct err *e) {
    TRY(archive_text_get(l->a, *id, &l->text, e));
    *out = archive_text_json(l->text.s, l->text.len);
    return *out ? 0 : fail(e, ERR_NOMEM, "out of memory for a text");
}

/* ---- the tables ---- */

static int text_lines(struct lines *l, struct err *e) {
    for (size_t i = 0; i < l->a->texts.n; i++) {
        char hex[ARCHIVE_ID_HEX];
        json_t *text;
        struct archive_id id = l->a->texts.at[i].id;
        archive_id_hex(id, hex);
        TRY(text_of(l, &id, &text, e));
        TRY(put_line(l->out, json_pack("{s:s, s:o}", "text_id", hex, "text", text), e));
    }
    return 0;
}

static int context_lines(struct lines *l, struct err *e) {
    const struct context_table *t = &l->a->contexts;
    for (size_t i = 0; i < t->n; i++) {
        const struct context_entry *c = &t->at[i];
        char hex[ARCHIVE_ID_HEX], up[ARCHIVE_ID_HEX];
        json_t *parts = json_array();
        for (uint32_t p = 0; p < c->n; p++) {
            archive_id_hex(l->a->texts.at[t->parts[c->first + p].text].id, hex);
            json_array_append_new(
                parts, json_pack("{s:s, s:s}", "role", archive_role_name(t->parts[c->first + p].role), "text_id", hex));
        }
        archive_id_hex(c->id, hex);
        if (c->parent) archive_id_hex(t->at[c->parent - 1].id, up);
        TRY(put_line(l->out, json_pack("{s:s, s:s?, s:o}", "context_id", hex, "parent_id", c->parent ? up : NULL, "parts", parts),
                     e));
    }
    return 0;
}

/* ---- facts ---- */

static int inline_context(struct lines *l, const struct archive_id *id, const char *hex, struct err *e) {
    struct archive_part *parts;
    json_t *list = json_array(), *text;
    int n, rc = archive_context_parts(l->a, *id, &parts, &n, e);
    for (int i = 0; i < n && rc >= 0; i++) {
        rc = text_of(l, &parts[i].text, &text, e);
        if (rc >= 0) json_array_append_new(list, json_pack("{s:s, s:o}", "role", archive_role_name(parts[i].role), "text", text));
    }
    if (rc >= 0) free(parts);
    json_object_set_new(l->contexts, hex, list);
    return rc;
}

static int inline_ref(void *user, int context, const char *hex, struct err *e) {
    struct lines *l = user;
    struct archive_id id;
    json_t *text;
    if (json_object_get(context ? l->contexts : l->texts, hex)) return 0;
    TRY(archive_id_parse(hex, &id, e));
    if (context) return inline_context(l, &id, hex, e);
    TRY(text_of(l, &id, &text, e));
    json_object_set_new(l->texts, hex, text);
    return 0;
}

static int fact_line(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct lines *l = user;
    json_t *fact, *line;
    TRY(archive_parse_json(json, n, &fact, e));
    if (!l->inlined || l->notes)
        return put_line(l->out, json_pack("{s:s, s:o}", "key", key, l->notes ? "measured" : "fact", fact), e);
    l->texts = json_object(), l->contexts = json_object();
    int rc = archive_refs(fact, inline_ref, l, e);
    line = json_pack("{s:s, s:o, s:o, s:o}", "key", key, "fact", fact, "texts", l->texts, "contexts", l->contexts);
    if (rc >= 0) return put_line(l->out, line, e);
    json_decref(line);
    return rc;
}

int archive_export_lines(struct archive *a, int inlined, FILE *out, struct err *e) {
    struct lines l = {.a = a, .out = out, .inlined = inlined};
    int rc = inlined ? 0 : text_lines(&l, e);
    if (rc >= 0 && !inlined) rc = context_lines(&l, e);
    if (rc >= 0) rc = archive_each(a, NULL, fact_line, &l, e);
    l.notes = 1;
    if (rc >= 0) rc = archive_each_note(a, NULL, fact_line, &l, e);
    str_free(&l.text);
    return rc;
}
