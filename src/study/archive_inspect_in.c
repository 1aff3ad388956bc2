/* Logs of Inspect AI into an archive: the members that make a transcript become a context, the others are kept as they are, as text, so that
 * nothing in them is taken for a reference. */
#include "study/archive_export.h"
#include "study/archive_int.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int add_text(struct str *out, const json_t *content, struct err *e) {
    if (json_is_string(content)) {
        str_add(out, json_string_value(content), json_string_length(content));
        return 0;
    }
    for (size_t i = 0; i < json_array_size(content); i++) {
        const json_t *part = json_array_get(content, i), *text = json_object_get(part, "text");
        if (json_is_string(text)) {
            str_add(out, json_string_value(text), json_string_length(text));
            continue;
        }
        char *s = json_dumps(part, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY); /* an image, a tool call: as it is */
        if (!s) return fail(e, ERR_NOMEM, "out of memory for a message");
        str_puts(out, s);
        free(s);
    }
    return 0;
}

static enum archive_role role_of(const json_t *m) {
    const char *name = json_string_value(json_object_get(m, "role"));
    for (int r = ARCHIVE_SYSTEM; name && r < ARCHIVE_ROLES; r++)
        if (!strcmp(name, archive_role_name((enum archive_role)r))) return (enum archive_role)r;
    return ARCHIVE_PLAIN; /* tool */
}

static int import_messages(struct archive *a, const json_t *messages, struct archive_id *id, struct err *e) {
    struct str text = {0};
    int rc = 0;
    for (size_t i = 0; i < json_array_size(messages) && rc >= 0; i++) {
        const json_t *m = json_array_get(messages, i);
        struct archive_part part = {.role = role_of(m)};
        str_clear(&text);
        rc = add_text(&text, json_object_get(m, "content"), e);
        if (rc >= 0 && text.failed) rc = fail(e, ERR_NOMEM, "out of memory for a message");
        if (rc >= 0) rc = archive_text(a, text.s ? text.s : "", text.len, &part.text, e);
        if (rc >= 0) rc = archive_context(a, *id, &part, 1, id, e);
    }
    str_free(&text);
    return rc;
}

/* What an import must not carry over as a reference: members of a stranger's JSON are kept as text. */
static void keep(json_t *fact, const json_t *sample, const char *name) {
    const json_t *v = json_object_get(sample, name);
    char *s = v && !json_is_null(v) ? json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
    if (s && (json_is_object(v) || json_is_array(v)))
        json_object_set_new(fact, name, json_string(s));
    else if (s)
        json_object_set(fact, name, (json_t *)(uintptr_t)v);
    free(s);
}

/* Members of an object that are not told by what is kept of it, as text; NULL: none. */
static json_t *rest_of(const json_t *o, const char *const *told, size_t n) {
    json_t *rest = json_copy((json_t *)(uintptr_t)o); /* shallow; jansson has no const for it */
    for (size_t i = 0; i < n; i++)
        if (!json_is_null(json_object_get(rest, told[i]))) json_object_del(rest, told[i]);
    char *s = json_object_size(rest) ? json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_t *text = s ? json_string(s) : NULL;
    json_decref(rest);
    free(s);
    return text;
}

/* What a message has beside its words and its role (calls of tools, parts that are no text, who made it), as text, by its number. */
static void keep_more(json_t *fact, const json_t *messages) {
    json_t *more = json_object(), *m;
    char number[24];
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)messages, i, m) {
        const char *role = json_string_value(json_object_get(m, "role"));
        json_t *rest = json_copy(m);
        if (json_is_string(json_object_get(m, "content"))) json_object_del(rest, "content");
        if (role && (role_of(m) != ARCHIVE_PLAIN || !strcmp(role, "tool"))) json_object_del(rest, "role");
        snprintf(number, sizeof number, "%zu", i);
        if (json_object_size(rest)) json_object_set(more, number, rest);
        json_decref(rest);
    }
    char *s = json_object_size(more) ? json_dumps(more, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (s) json_object_set_new(fact, "more", json_string(s));
    free(s);
    json_decref(more);
}

static int import_sample(struct archive *a, size_t i, const json_t *sample, const char *model, struct err *e) {
    static const char *const kept[] = {"id", "epoch", "target", "scores", "metadata", "error", "messages"};
    enum { KEPT = sizeof kept / sizeof *kept };
    struct archive_id id = {{0}};
    char key[32], hex[ARCHIVE_ID_HEX];
    snprintf(key, sizeof key, "sample%06zu", i);
    if (archive_has(a, key)) return 0;
    const json_t *messages = json_object_get(sample, "messages");
    if (!json_is_array(messages)) return fail(e, ERR_FORMAT, "sample %zu: expected a list of messages, found none", i);
    TRY(import_messages(a, messages, &id, e));
    archive_id_hex(id, hex);
    json_t *fact =
        json_pack("{s:s, s:I, s:s?}", "context_id", hex, "messages", (json_int_t)json_array_size(messages), "model", model);
    for (size_t k = 0; fact && k < KEPT - 1; k++) keep(fact, sample, kept[k]);
    if (fact) keep_more(fact, messages);
    json_t *rest = fact ? rest_of(sample, kept, KEPT) : NULL;
    if (rest) json_object_set_new(fact, "rest", rest);
    int rc = fact ? archive_put(a, key, fact, e) : fail(e, ERR_NOMEM, "out of memory for a sample");
    json_decref(fact);
    return rc;
}

/* What stands over all samples, once: whether it says planted is not lost on the way. */
static int import_head(struct archive *a, const json_t *log, struct err *e) {
    static const char *const kept[] = {"task", "model", "metadata"}, *const samples[] = {"samples"};
    const json_t *eval = json_object_get(log, "eval");
    json_t *fact = json_object(), *rest = rest_of(log, samples, 1);
    if (rest) json_object_set_new(fact, "rest", rest);
    if (archive_has(a, "log")) return json_decref(fact), 0;
    for (size_t k = 0; k < sizeof kept / sizeof *kept; k++) keep(fact, eval, kept[k]);
    int rc = archive_put(a, "log", fact, e);
    json_decref(fact);
    return rc;
}

int archive_import_inspect(struct archive *a, const char *name, const char *json, size_t n, int64_t *samples, struct err *e) {
    json_t *log;
    if (archive_has(a, "study"))
        return fail_at(e, ERR_STATE, name, -1,
                       "expected an archive that is new or of imported transcripts, found that of a study: what others said is "
                       "none of its facts");
    int rc = archive_parse_json(json, n, &log, e);
    if (rc < 0) return err_place(e, rc, name);
    const json_t *list = json_object_get(log, "samples"), *eval = json_object_get(log, "eval");
    const char *model = json_string_value(json_object_get(eval, "model"));
    if (!json_is_object(eval) || !json_is_array(list))
        rc = fail(e, ERR_FORMAT,
                  "expected a log of Inspect AI with \"eval\" and \"samples\" (as JSON, not .eval), found other JSON");
    if (rc >= 0) rc = import_head(a, log, e);
    for (size_t i = 0; rc >= 0 && i < json_array_size(list); i++) rc = import_sample(a, i, json_array_get(list, i), model, e);
    *samples = (int64_t)json_array_size(list);
    json_decref(log);
    return err_place(e, rc, name);
}
