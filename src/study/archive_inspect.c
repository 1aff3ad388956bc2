/* Logs of Inspect AI (EvalLog, version 2, as JSON): out of an archive and into one.
 *
 * The log is written sample by sample; a run of a group is one sample. What Inspect requires and an archive does not have is filled with
 * what is neutral there (an empty target, no scores); nothing is invented. Reading takes the members that make a transcript and keeps the
 * others as they are. */
#include "study/archive_export.h"
#include "study/archive_int.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct log {
    struct archive *a;
    FILE *out;
    char run[ARCHIVE_MAX_KEY + 1]; /* at hand; "": none */
    json_t *messages, *input, *rest;
    char model[200];
    int64_t samples;
};

/* ---- out ---- */

static int put_json(FILE *out, const char *before, json_t *j, struct err *e) { return archive_write_json(out, before, j, "", e); }

static json_t *message(const char *role, json_t *content) {
    if (json_is_string(content)) return json_pack("{s:s, s:o}", "role", role, "content", content);
    char *s = json_dumps(content, JSON_COMPACT); /* bytes that are no text */
    json_t *j = json_pack("{s:s, s:s?}", "role", role, "content", s);
    free(s);
    json_decref(content);
    return j;
}

static int end_sample(struct log *l, struct err *e) {
    if (!l->run[0]) return 0;
    size_t n = json_array_size(l->messages);
    const json_t *last = n ? json_array_get(l->messages, n - 1) : NULL;
    const char *text = last ? json_string_value(json_object_get(last, "content")) : "";
    json_t *choices =
        json_pack("[{s:{s:s, s:s}, s:s}]", "message", "role", "assistant", "content", text ? text : "", "stop_reason", "stop");
    json_t *output = json_pack("{s:s, s:o, s:s}", "model", l->model, "choices", choices, "completion", text ? text : "");
    json_t *input = json_array_size(l->input) ? json_incref(l->input) : json_string("");
    json_t *sample = json_pack("{s:s, s:i, s:o, s:s, s:o, s:o, s:{s:o}}", "id", l->run, "epoch", 1, "input", input, "target", "",
                               "messages", l->messages, "output", output, "metadata", "facts", l->rest);
    json_decref(l->input);
    l->run[0] = 0;
    l->messages = json_array(), l->rest = json_object(), l->input = json_array();
    return put_json(l->out, l->samples++ ? ",\n" : "\n", sample, e);
}

static int add_input(struct log *l, const json_t *fact, struct err *e) {
    const char *hex = json_string_value(json_object_get(fact, "context_id"));
    struct archive_part *parts;
    struct archive_id id;
    struct str text = {0};
    int n, rc = 0;
    if (!hex || json_array_size(l->input)) return 0;
    TRY(archive_id_parse(hex, &id, e));
    TRY(archive_context_parts(l->a, id, &parts, &n, e));
    for (int i = 0; i < n && rc >= 0; i++) {
        rc = archive_text_get(l->a, parts[i].text, &text, e);
        const char *role = parts[i].role == ARCHIVE_PLAIN ? "user" : archive_role_name(parts[i].role);
        if (rc >= 0) json_array_append_new(l->input, message(role, archive_text_json(text.s, text.len)));
    }
    free(parts);
    str_free(&text);
    return rc;
}

static int add_turn(struct log *l, const char *key, const char *place, json_t *fact, struct err *e) {
    const char *text = json_string_value(json_object_get(fact, "text")),
               *model = json_string_value(json_object_get(fact, "model"));
    TRY(add_input(l, fact, e));
    json_t *m = message("assistant", json_string(text ? text : ""));
    json_object_set_new(m, "source", json_string("generate"));
    if (model) {
        json_object_set_new(m, "model", json_string(model));
        snprintf(l->model, sizeof l->model, "%s", model);
    }
    json_object_set_new(m, "metadata", json_pack("{s:s, s:s, s:O}", "key", key, "place", place, "fact", fact));
    json_array_append_new(l->messages, m);
    return 0;
}

static int on_fact(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct log *l = user;
    const char *turn = strstr(key, "/turn"), *slash = strrchr(key, '/');
    size_t len = turn ? (size_t)(turn - key) : slash ? (size_t)(slash - key) : 0;
    json_t *fact;
    if (len == 0) return 0; /* of the study as a whole */
    if (l->run[0] && (strlen(l->run) != len || strncmp(l->run, key, len) != 0)) TRY(end_sample(l, e));
    snprintf(l->run, sizeof l->run, "%.*s", (int)len, key);
    TRY(archive_parse_json(json, n, &fact, e));
    int rc = 0;
    if (turn && json_is_string(json_object_get(fact, "text")))
        rc = add_turn(l, key, turn + 1, fact, e);
    else
        json_object_set(l->rest, key + len + 1, fact);
    json_decref(fact);
    return rc;
}

static int put_head(struct log *l, const char *created, struct err *e) {
    char hex[ARCHIVE_ID_HEX];
    archive_id_hex(l->a->facts_file.content, hex);
    json_t *eval = json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s}, s:{}, s:{s:s}}", "run_id", hex, "created", created, "task",
                             "candor study", "task_id", hex, "model", "candor/study", "dataset", "name", l->a->path, "config",
                             "metadata", "archive_content_sha256", hex);
    TRY(put_json(l->out, "{\"version\":2,\"status\":\"success\",\"eval\":", eval, e));
    TRY(put_json(l->out, ",\"plan\":", json_pack("{s:s, s:[], s:{}}", "name", "plan", "steps", "config"), e));
    return fputs(",\"samples\":[", l->out) < 0 ? fail(e, ERR_IO, "cannot write: %s", strerror(errno)) : 0;
}

int archive_export_inspect(struct archive *a, const char *created, FILE *out, struct err *e) {
    struct log l = {
        .a = a, .out = out, .messages = json_array(), .input = json_array(), .rest = json_object(), .model = "unknown"};
    int rc = put_head(&l, created, e);
    if (rc >= 0) rc = archive_each(a, NULL, on_fact, &l, e);
    if (rc >= 0) rc = end_sample(&l, e);
    json_int_t n = l.samples;
    if (rc >= 0)
        rc = put_json(out, "],\"results\":", json_pack("{s:I, s:I, s:[]}", "total_samples", n, "completed_samples", n, "scores"),
                      e);
    if (rc >= 0)
        rc = put_json(
            out, ",\"stats\":", json_pack("{s:s, s:s, s:{}}", "started_at", created, "completed_at", created, "model_usage"), e);
    if (rc >= 0 && fputs("}\n", out) < 0) rc = fail(e, ERR_IO, "cannot write: %s", strerror(errno));
    json_decref(l.messages), json_decref(l.input), json_decref(l.rest);
    return rc;
}

/* ---- in ---- */

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

static int import_sample(struct archive *a, size_t i, const json_t *sample, const char *model, struct err *e) {
    static const char *const kept[] = {"id", "epoch", "target", "scores", "metadata", "error"};
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
    for (size_t k = 0; fact && k < sizeof kept / sizeof *kept; k++) keep(fact, sample, kept[k]);
    int rc = fact ? archive_put(a, key, fact, e) : fail(e, ERR_NOMEM, "out of memory for a sample");
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
    for (size_t i = 0; rc >= 0 && i < json_array_size(list); i++) rc = import_sample(a, i, json_array_get(list, i), model, e);
    *samples = (int64_t)json_array_size(list);
    json_decref(log);
    return err_place(e, rc, name);
}
