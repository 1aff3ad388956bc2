/* Logs of Inspect AI (EvalLog, version 2, as JSON) out of an archive (archive_inspect_in.c: into one).
 *
 * The log is written sample by sample; a run of a group is one sample, and so is what was imported as one. What Inspect requires and an archive
 * does not have is filled with what is neutral there (an empty target, no scores); nothing is invented. */
#include "study/archive_export.h"
#include "study/archive_int.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct log {
    struct archive *a;
    FILE *out;
    char run[ARCHIVE_MAX_KEY + 1];          /* at hand; "": none */
    json_t *messages, *input, *rest, *over; /* over: what stood over the samples of an import; NULL: none */
    char model[200];
    const char *stop; /* why the last reply of the run ended, in Inspect's words */
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
        json_pack("[{s:{s:s, s:s}, s:s}]", "message", "role", "assistant", "content", text ? text : "", "stop_reason", l->stop);
    json_t *output = json_pack("{s:s, s:o, s:s}", "model", l->model, "choices", choices, "completion", text ? text : "");
    json_t *input = json_array_size(l->input) ? json_incref(l->input) : json_string("");
    json_t *sample = json_pack("{s:s, s:i, s:o, s:s, s:o, s:o, s:{s:o}}", "id", l->run, "epoch", 1, "input", input, "target", "",
                               "messages", l->messages, "output", output, "metadata", "facts", l->rest);
    json_decref(l->input);
    l->run[0] = 0, l->stop = "unknown";
    l->messages = json_array(), l->rest = json_object(), l->input = json_array();
    return put_json(l->out, l->samples++ ? ",\n" : "\n", sample, e);
}

/* The messages of a context, behind those of list. */
static int add_context(struct log *l, const json_t *fact, const char *plain, json_t *list, struct err *e) {
    const char *hex = json_string_value(json_object_get(fact, "context_id"));
    struct archive_part *parts;
    struct archive_id id;
    struct str text = {0};
    int n, rc = 0;
    if (!hex) return 0;
    TRY(archive_id_parse(hex, &id, e));
    TRY(archive_context_parts(l->a, id, &parts, &n, e));
    for (int i = 0; i < n && rc >= 0; i++) {
        rc = archive_text_get(l->a, parts[i].text, &text, e);
        const char *role = parts[i].role == ARCHIVE_PLAIN ? plain : archive_role_name(parts[i].role);
        if (rc >= 0) json_array_append_new(list, message(role, archive_text_json(text.s ? text.s : "", text.len)));
    }
    free(parts);
    str_free(&text);
    return rc;
}

static int add_input(struct log *l, const json_t *fact, struct err *e) {
    return json_array_size(l->input) ? 0 : add_context(l, fact, "user", l->input, e);
}

static const char *stop_reason(const char *finish) {
    static const char *const words[][2] = {{"stop", "stop"},
                                           {"length", "max_tokens"},
                                           {"filter", "content_filter"},
                                           {"refusal", "content_filter"},
                                           {"tool", "tool_calls"}};
    for (size_t i = 0; finish && i < sizeof words / sizeof *words; i++)
        if (!strcmp(finish, words[i][0])) return words[i][1];
    return "unknown";
}

static int add_turn(struct log *l, const char *key, const char *place, json_t *fact, struct err *e) {
    const char *text = json_string_value(json_object_get(fact, "text")),
               *model = json_string_value(json_object_get(fact, "model"));
    TRY(add_input(l, fact, e));
    l->stop = stop_reason(json_string_value(json_object_get(fact, "finish")));
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

/* ---- what was imported ---- */

/* A member that was kept as JSON text, as JSON again. */
static json_t *parsed(const json_t *v) {
    json_t *back = json_is_string(v) ? json_loads(json_string_value(v), 0, NULL) : NULL;
    return back ? back : json_incref((json_t *)(uintptr_t)v);
}

static int all_strings(const json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i))) return 0;
    return json_is_array(list);
}

/* What a message has beside its words and its role, by the message's number. */
static void put_more(json_t *messages, const json_t *fact) {
    json_t *all = parsed(json_object_get(fact, "more")), *more;
    const char *number;
    json_object_foreach(all, number, more) json_object_update(json_array_get(messages, (size_t)strtoul(number, NULL, 10)), more);
    json_decref(all);
}

/* The input is what stands before the first answer, the output the last one. */
static void put_ends(json_t *sample, const json_t *messages, const char *model) {
    json_t *input = json_array(), *m;
    const char *last = "";
    size_t i;
    int answered = 0;
    json_array_foreach((json_t *)(uintptr_t)messages, i, m) {
        const char *role = json_string_value(json_object_get(m, "role"));
        int answer = role && !strcmp(role, "assistant");
        answered |= answer;
        if (!answered) json_array_append(input, m);
        if (answer && json_is_string(json_object_get(m, "content"))) last = json_string_value(json_object_get(m, "content"));
    }
    json_t *choices =
        json_pack("[{s:{s:s, s:s}, s:s}]", "message", "role", "assistant", "content", last, "stop_reason", "unknown");
    json_object_set_new(sample, "output", json_pack("{s:s, s:o, s:s}", "model", model, "choices", choices, "completion", last));
    json_object_set_new(sample, "input", input);
}

static int put_sample(struct log *l, const char *key, const json_t *fact, struct err *e) {
    static const char *const kept[] = {"scores", "metadata", "error"};
    const char *model = json_string_value(json_object_get(fact, "model"));
    json_t *id = json_object_get(fact, "id"), *epoch = json_object_get(fact, "epoch"), *messages = json_array();
    json_t *target = parsed(json_object_get(fact, "target"));
    int rc = add_context(l, fact, "tool", messages, e);
    if (rc < 0) return json_decref(messages), json_decref(target), rc;
    put_more(messages, fact);
    if (!all_strings(target)) json_decref(target), target = json_incref(json_object_get(fact, "target"));
    json_t *sample = json_pack("{s:o, s:o, s:o, s:o, s:{}}", "id", id ? json_incref(id) : json_string(key), "epoch",
                               json_is_integer(epoch) ? json_incref(epoch) : json_integer(1), "target",
                               target ? target : json_string(""), "messages", messages, "metadata");
    put_ends(sample, messages, model ? model : "unknown");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        json_t *v = parsed(json_object_get(fact, kept[i]));
        if (json_is_object(v)) json_object_set(sample, kept[i], v);
        json_decref(v);
    }
    json_t *rest = parsed(json_object_get(fact, "rest")); /* as it was, over what we would say */
    if (json_is_object(rest)) json_object_update(sample, rest);
    json_decref(rest);
    return put_json(l->out, l->samples++ ? ",\n" : "\n", sample, e);
}

static int on_sample(struct log *l, const char *key, const char *json, size_t n, struct err *e) {
    json_t *fact;
    TRY(archive_parse_json(json, n, &fact, e));
    int rc = end_sample(l, e);
    if (rc >= 0) rc = put_sample(l, key, fact, e);
    json_decref(fact);
    return rc;
}

static int on_fact(void *user, const char *key, const char *json, size_t n, struct err *e) {
    struct log *l = user;
    const char *turn = strstr(key, "/turn"), *slash = strrchr(key, '/');
    size_t len = turn ? (size_t)(turn - key) : slash ? (size_t)(slash - key) : 0;
    json_t *fact;
    if (!strncmp(key, "sample", 6) && !slash) return on_sample(l, key, json, n, e);
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

/* ---- the head ---- */

/* A fact of the study as a whole with the text that it names ("study", "registration"), into the head's metadata. */
static int put_whole(struct log *l, json_t *metadata, const char *key, const char *id_key, struct err *e) {
    struct archive_id id;
    struct str text = {0};
    json_t *fact = NULL;
    TRY(archive_find(l->a, key, &fact, e));
    const char *hex = json_string_value(json_object_get(fact, id_key));
    int rc = hex ? archive_id_parse(hex, &id, e) : 0;
    if (rc >= 0 && hex) rc = archive_text_get(l->a, id, &text, e);
    if (rc >= 0 && hex) json_object_set_new(fact, "text", archive_text_json(text.s ? text.s : "", text.len));
    if (rc >= 0 && fact) json_object_set(metadata, key, fact);
    json_decref(fact);
    str_free(&text);
    return rc;
}

/* What stands over all samples; of an import: what stood over them. */
static int metadata_of(json_t **out, struct log *l, char model[200], struct err *e) {
    char hex[ARCHIVE_ID_HEX];
    json_t *log = NULL;
    archive_id_hex(l->a->facts_file.content, hex);
    TRY(archive_find(l->a, "log", &log, e));
    json_t *over = parsed(json_object_get(log, "rest"));
    if (json_is_object(over)) l->over = json_incref(over);
    json_decref(over);
    json_t *was = parsed(json_object_get(log, "metadata")), *o = json_is_object(was) ? json_copy(was) : json_object();
    const char *said = json_string_value(json_object_get(log, "model"));
    snprintf(model, 200, "%s", said ? said : "candor/study");
    json_object_set_new(o, "archive_content_sha256", json_string(hex));
    int rc = put_whole(l, o, "study", "study_text_id", e);
    if (rc >= 0) rc = put_whole(l, o, "registration", "registration_text_id", e);
    int planted =
        json_is_true(json_object_get(json_object_get(o, "study"), "planted")) || json_is_true(json_object_get(was, "planted"));
    json_object_set_new(o, "planted", json_boolean(planted));
    json_decref(was), json_decref(log);
    if (rc < 0)
        json_decref(o);
    else
        *out = o;
    return rc;
}

/* What an imported log said under a name, else ours; takes `own`. */
static json_t *over_or(const struct log *l, const char *name, json_t *own) {
    json_t *was = json_object_get(l->over, name);
    if (!was) return own;
    json_decref(own);
    return json_incref(was);
}

/* Members of an imported log that we have no word for. */
static int put_others(struct log *l, struct err *e) {
    static const char *const ours[] = {"version", "status", "eval", "plan", "results", "stats", "samples"};
    const char *name;
    json_t *v;
    json_object_foreach(l->over, name, v) {
        int known = 0;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) known |= !strcmp(name, ours[i]);
        if (known) continue;
        if (fputs(",", l->out) < 0) return fail(e, ERR_IO, "cannot write: %s", strerror(errno));
        TRY(put_json(l->out, "", json_string(name), e));
        TRY(put_json(l->out, ":", json_incref(v), e));
    }
    return 0;
}

static int put_head(struct log *l, const char *created, struct err *e) {
    char hex[ARCHIVE_ID_HEX], model[200];
    json_t *metadata = NULL;
    archive_id_hex(l->a->facts_file.content, hex);
    TRY(metadata_of(&metadata, l, model, e));
    json_t *eval =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s}, s:{}, s:o}", "run_id", hex, "created", created, "task", "candor study",
                  "task_id", hex, "model", model, "dataset", "name", l->a->path, "config", "metadata", metadata);
    /* of an import: what stood over the samples, as it was */
    json_t *was = json_object_get(l->over, "eval"), *said = json_incref(json_object_get(eval, "metadata"));
    if (json_is_object(was)) json_object_update(eval, was), json_object_set(eval, "metadata", said);
    json_decref(said);
    int rc = put_json(l->out, "{\"version\":", over_or(l, "version", json_integer(2)), e);
    if (rc >= 0) rc = put_json(l->out, ",\"status\":", over_or(l, "status", json_string("success")), e);
    if (rc < 0) return json_decref(eval), rc;
    TRY(put_json(l->out, ",\"eval\":", eval, e));
    TRY(put_json(l->out, ",\"plan\":", over_or(l, "plan", json_pack("{s:s, s:[], s:{}}", "name", "plan", "steps", "config")), e));
    return fputs(",\"samples\":[", l->out) < 0 ? fail(e, ERR_IO, "cannot write: %s", strerror(errno)) : 0;
}

int archive_export_inspect(struct archive *a, const char *created, FILE *out, struct err *e) {
    struct log l = {.a = a,
                    .out = out,
                    .messages = json_array(),
                    .input = json_array(),
                    .rest = json_object(),
                    .model = "unknown",
                    .stop = "unknown"};
    int rc = put_head(&l, created, e);
    if (rc >= 0) rc = archive_each(a, NULL, on_fact, &l, e);
    if (rc >= 0) rc = end_sample(&l, e);
    json_int_t n = l.samples;
    if (rc >= 0)
        rc = put_json(out, "],\"results\":",
                      over_or(&l, "results", json_pack("{s:I, s:I, s:[]}", "total_samples", n, "completed_samples", n, "scores")),
                      e);
    if (rc >= 0)
        rc = put_json(
            out, ",\"stats\":",
            over_or(&l, "stats", json_pack("{s:s, s:s, s:{}}", "started_at", created, "completed_at", created, "model_usage")),
            e);
    if (rc >= 0) rc = put_others(&l, e);
    if (rc >= 0 && fputs("}\n", out) < 0) rc = fail(e, ERR_IO, "cannot write: %s", strerror(errno));
    json_decref(l.messages), json_decref(l.input), json_decref(l.rest), json_decref(l.over);
    return rc;
}
