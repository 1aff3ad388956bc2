/* Rendering: which template, which variables, and what may be wrong with the messages before a template sees them. */
#include "text/chat_int.h"
#include "text/jinja.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the set ---- */

int chat__alloc(struct chat_template **out, const char *where, struct err *e) {
    struct chat_template *t = calloc(1, sizeof *t);
    if (t) t->where = strdup(where), t->tokens = json_object();
    if (!t || !t->where || !t->tokens) {
        chat_template_free(t);
        return fail(e, ERR_NOMEM, "out of memory for a chat template");
    }
    *out = t;
    return 0;
}

static void entry_free(struct chat_entry *x) { free(x->name), free(x->source), free(x->where); }

void chat_template_free(struct chat_template *t) {
    if (!t) return;
    for (int i = 0; i < t->n; i++) entry_free(&t->entry[i]);
    json_decref(t->tokens);
    free(t->entry), free(t->where), free(t);
}

static int find(const struct chat_template *t, const char *name) {
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->entry[i].name, name) == 0) return i;
    return -1;
}

int chat__add(struct chat_template *t, const char *name, const char *source, size_t n, const char *where, struct err *e) {
    int at = find(t, name);
    struct chat_entry x = {strdup(name), malloc(n + 1), strdup(where), n}, *p = NULL;
    if (x.name && x.source && x.where) p = at >= 0 ? t->entry : realloc(t->entry, (size_t)(t->n + 1) * sizeof *p);
    if (!p) {
        entry_free(&x);
        return fail(e, ERR_NOMEM, "out of memory for a chat template");
    }
    memcpy(x.source, source, n);
    x.source[n] = 0;
    t->entry = p;
    if (at >= 0)
        entry_free(&t->entry[at]);
    else
        at = t->n++;
    t->entry[at] = x;
    return 0;
}

int chat__token(struct chat_template *t, const char *name, const char *s, size_t n, struct err *e) {
    json_t *v = json_stringn(s, n); /* NULL: not UTF-8, no text that a template could use */
    if (v && json_object_set_new(t->tokens, name, v) < 0) return fail(e, ERR_NOMEM, "out of memory for a chat template");
    return 0;
}

int chat_template_new(struct chat_template **out, const char *source, size_t n, const char *where, struct err *e) {
    struct chat_template *t;
    struct jinja *j;
    TRY(jinja_new(&j, source, n, where, e));
    jinja_free(j);
    TRY(chat__alloc(&t, where, e));
    int rc = chat__add(t, "default", source, n, where, e);
    if (rc < 0)
        chat_template_free(t);
    else
        *out = t;
    return rc;
}

int chat_template_count(const struct chat_template *t) { return t->n; }
const char *chat_template_name(const struct chat_template *t, int i) { return i >= 0 && i < t->n ? t->entry[i].name : NULL; }

static int choose(const struct chat_template *t, const char *name, int with_tools, struct err *e) {
    char names[240] = "";
    int at = name ? find(t, name) : with_tools ? find(t, "tool_use") : -1;
    if (at < 0 && !name) at = find(t, "default");
    if (at < 0 && !name && t->n == 1) at = 0;
    if (at >= 0) return at;
    for (int i = 0; i < t->n; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, " %s", t->entry[i].name);
    }
    return fail_at(e, ERR_ARG, t->where, -1, "expected the name of a chat template, found %.60s; there are:%s",
                   name ? name : "none and no default", names);
}

int chat_template_source(const struct chat_template *t, const char *name, int with_tools, const char **s, size_t *n,
                         struct err *e) {
    int i = choose(t, name, with_tools, e);
    if (i < 0) return i;
    *s = t->entry[i].source, *n = t->entry[i].n;
    return 0;
}

/* ---- messages ---- */

static const char *kind_of(const json_t *v) {
    static const char *const names[] = {"an object",     "a list", "a string", "a whole number",
                                        "a real number", "true",   "false",    "null"};
    return v ? names[json_typeof(v)] : "nothing";
}

static int check_objects(const json_t *list, const char *what, struct err *e) {
    if (!list || json_is_null(list)) return 0;
    if (!json_is_array(list)) return fail(e, ERR_ARG, "%s: expected a list of objects, found %s", what, kind_of(list));
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_object(json_array_get(list, i)))
            return fail(e, ERR_ARG, "%s: expected a list of objects, found %s as item %zu", what,
                        kind_of(json_array_get(list, i)), i);
    return 0;
}

static int check_messages(const json_t *list, struct err *e) {
    if (!json_is_array(list)) return fail(e, ERR_ARG, "messages: expected a list of objects, found %s", kind_of(list));
    TRY(check_objects(list, "messages", e));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i), *role = json_object_get(m, "role"), *c = json_object_get(m, "content");
        if (!json_is_string(role)) return fail(e, ERR_ARG, "message %zu: expected a string 'role', found %s", i, kind_of(role));
        if (c && !json_is_string(c) && !json_is_null(c) && !json_is_array(c))
            return fail(e, ERR_ARG, "message %zu: expected a string, null or a list as 'content', found %s", i, kind_of(c));
    }
    return 0;
}

/* ---- rendering ---- */

static int put(json_t *vars, const char *key, json_t *v) {
    return v ? json_object_set(vars, key, v) : json_object_set_new(vars, key, json_null());
}

static json_t *variables(const struct chat_template *t, const struct chat_render *r) {
    json_t *vars = json_copy(t->tokens);
    int rc = vars ? 0 : -1;
    if (r->extra) rc |= json_object_update(vars, r->extra);
    rc |= put(vars, "messages", r->messages) | put(vars, "tools", r->tools) | put(vars, "documents", r->documents);
    rc |= json_object_set_new(vars, "add_generation_prompt", json_boolean(r->add_generation_prompt));
    if (rc == 0) return vars;
    json_decref(vars);
    return NULL;
}

int chat_template_render(const struct chat_template *t, const struct chat_render *r, struct str *out, struct err *e) {
    struct jinja *j;
    TRY(check_messages(r->messages, e));
    TRY(check_objects(r->tools, "tools", e));
    TRY(check_objects(r->documents, "documents", e));
    if (r->extra && !json_is_object(r->extra))
        return fail(e, ERR_ARG, "expected an object of variables, found %s", kind_of(r->extra));
    int i = choose(t, r->name, r->tools && !json_is_null(r->tools), e);
    if (i < 0) return i;
    TRY(jinja_new(&j, t->entry[i].source, t->entry[i].n, t->entry[i].where, e));
    json_t *vars = variables(t, r);
    int rc = vars ? jinja_render(j, vars, r->now, out, e) : fail(e, ERR_NOMEM, "out of memory for a chat template");
    json_decref(vars);
    jinja_free(j);
    return rc;
}

/* ---- requests ---- */

int chat_json(json_t **out, const char *json, size_t n, const char *where, struct err *e) {
    json_error_t je;
    char place[sizeof e->where];
    *out = json_loadb(json, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);
    if (*out) return 0;
    snprintf(place, sizeof place, "%.*s:%d", (int)sizeof place - 16, where, je.line < 1 ? 1 : je.line);
    return fail_at(e, ERR_FORMAT, place, je.column < 0 ? 0 : je.column, "malformed JSON: %s", je.text);
}

void chat_input_free(struct chat_input *r) {
    json_decref(r->messages), json_decref(r->tools), json_decref(r->documents), json_decref(r->extra);
    *r = (struct chat_input){0};
}

static json_t *take(json_t *from, const char *key) {
    json_t *v = json_incref(json_object_get(from, key));
    json_object_del(from, key);
    return v;
}

static int split_request(struct chat_input *r, json_t *j, const char *where, struct err *e) {
    json_t *gen = json_object_get(j, "add_generation_prompt");
    if (!json_object_get(j, "messages"))
        return fail_at(e, ERR_ARG, where, -1, "expected a list of messages, or an object with 'messages'");
    if (gen && !json_is_boolean(gen))
        return fail_at(e, ERR_ARG, where, -1, "add_generation_prompt: expected true or false, found %s", kind_of(gen));
    r->add_generation_prompt = gen ? json_is_true(gen) : 1;
    json_object_del(j, "add_generation_prompt");
    r->messages = take(j, "messages"), r->tools = take(j, "tools"), r->documents = take(j, "documents");
    r->extra = json_incref(j);
    return 0;
}

int chat_input_read(struct chat_input *r, const char *json, size_t n, const char *where, struct err *e) {
    json_t *j;
    int rc = 0;
    TRY(chat_json(&j, json, n, where, e));
    *r = (struct chat_input){.add_generation_prompt = 1};
    if (json_is_array(j))
        r->messages = json_incref(j), r->extra = json_object();
    else
        rc = split_request(r, j, where, e);
    json_decref(j);
    if (!rc && !r->extra) rc = fail(e, ERR_NOMEM, "out of memory for messages");
    if (!rc) rc = err_place(e, check_messages(r->messages, e), where);
    if (rc < 0) chat_input_free(r);
    return rc;
}

int chat_input_set(struct chat_input *r, const char *assignment, struct err *e) {
    const char *eq = strchr(assignment, '=');
    if (!eq || eq == assignment) return fail(e, ERR_ARG, "expected KEY=VALUE, found \"%.60s\"", assignment);
    char *key = strndup(assignment, (size_t)(eq - assignment));
    json_t *v = json_loads(eq + 1, JSON_DECODE_ANY, NULL);
    if (!v) v = json_string(eq + 1);
    int rc = !v ? fail(e, ERR_ARG, "expected a value in UTF-8 for %.60s, found other bytes", assignment) : 0;
    if (!rc && (!key || json_object_set(r->extra, key, v) < 0))
        rc = fail(e, ERR_ARG, "expected a key in UTF-8, found \"%.60s\"", assignment);
    json_decref(v);
    free(key);
    return rc;
}

int chat_time(struct tm *out, const char *text, struct err *e) {
    struct tm t = {0}, back;
    time_t now = time(NULL);
    int end = 0, n;
    if (!text) return localtime_r(&now, out) ? 0 : fail(e, ERR_INTERNAL, "the time of day is not known");
    n = sscanf(text, "%4d-%2d-%2d%n", &t.tm_year, &t.tm_mon, &t.tm_mday, &end);
    if (n == 3 && (text[end] == 'T' || text[end] == ' ')) {
        int more = 0;
        n = sscanf(text + end + 1, "%2d:%2d:%2d%n", &t.tm_hour, &t.tm_min, &t.tm_sec, &more) == 3 ? 3 : 0;
        end += 1 + more;
    }
    t.tm_year -= 1900, t.tm_mon -= 1;
    struct tm copy = t;
    time_t s = n == 3 ? timegm(&copy) : 0;
    if (n != 3 || text[end] || !gmtime_r(&s, &back) || back.tm_mday != t.tm_mday || back.tm_mon != t.tm_mon ||
        back.tm_hour != t.tm_hour || back.tm_min != t.tm_min || back.tm_sec != t.tm_sec)
        return fail(e, ERR_ARG, "expected a date YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS, found \"%.60s\"", text);
    *out = back;
    return 0;
}
