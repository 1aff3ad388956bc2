/* Reading, writing and showing questions.
 *
 * Lines of JSON are read here; rows of CSV become the same objects in question_csv.c. The reader is strict, because a silently skipped or half-understood line changes an accuracy without anyone seeing it: every
 * line is one JSON object with all its fields, ids are unique, and the first line that is not so ends the load with its number.
 * Unknown keys are let through: other people's data sets carry more than we need. */
#include "task/question.h"
#include "base/fs.h"
#include "task/check.h"
#include "task/question_int.h"
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const char *const task_specials[] = {"<|pad|>", "<|q|>", "<|a|>", "<think>", "</think>", "<|end|>", NULL};
const char task_chat_template[] =
    "{% for m in messages %}{% if m['role'] == 'user' %}<|q|>{{ m['content'] }}\n<|a|>"
    "{% elif m['role'] == 'assistant' %}{{ m['content'] }}<|end|>"
    "{% else %}{{ raise_exception('expected the roles user and assistant') }}{% endif %}{% endfor %}";

void question_fini(struct question *q) {
    if (!q) return;
    for (int i = 0; i < q->n_choices; i++) free(q->choices[i]);
    free(q->choices);
    free(q->id);
    free(q->question);
    free(q->answer);
    free(q->kind);
    free(q->check);
    free(q->trace);
    free(q->final);
    *q = (struct question){0};
}

void questions_fini(struct questions *qs) {
    if (!qs) return;
    for (size_t i = 0; i < qs->n; i++) question_fini(&qs->q[i]);
    free(qs->q);
    *qs = (struct questions){0};
}

/* ---- reading ---- */

static const char *json_kind(const json_t *v) {
    if (!v) return "nothing";
    switch (json_typeof(v)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_NULL: return "null";
    default: return "a boolean";
    }
}

static int copy_text(char **out, const json_t *v, const char *what, size_t max, const struct place *p) {
    if (!json_is_string(v)) return BAD(p, ERR_FORMAT, "expected a string for %s, found %s", what, json_kind(v));
    size_t n = json_string_length(v);
    if (n > max) return BAD(p, ERR_LIMIT, "expected at most %zu bytes in %s, found %zu", max, what, n);
    *out = strdup(json_string_value(v));
    return *out ? 0 : BAD(p, ERR_NOMEM, "no memory for %s", what);
}

static int required(char **out, const json_t *o, const char *key, size_t max, const struct place *p) {
    const json_t *v = json_object_get(o, key);
    if (!v) return BAD(p, ERR_FORMAT, "expected the field \"%s\", found none", key);
    char what[40];
    snprintf(what, sizeof what, "\"%s\"", key);
    TRY(copy_text(out, v, what, max, p));
    if (!**out) return BAD(p, ERR_FORMAT, "expected text in \"%s\", found an empty string", key);
    return 0;
}

static int optional(char **out, const json_t *o, const char *key, const struct place *p) {
    const json_t *v = json_object_get(o, key);
    if (!v || json_is_null(v)) return 0;
    return copy_text(out, v, key, QUESTION_MAX_TEXT, p);
}

static int read_choices(struct question *q, const json_t *o, const struct place *p) {
    const json_t *v = json_object_get(o, "choices");
    if (!v || json_is_null(v)) return 0;
    if (!json_is_array(v)) return BAD(p, ERR_FORMAT, "expected an array for \"choices\", found %s", json_kind(v));
    size_t n = json_array_size(v);
    if (n < 2 || n > QUESTION_MAX_CHOICES)
        return BAD(p, ERR_RANGE, "expected 2 to %d choices, found %zu", QUESTION_MAX_CHOICES, n);
    q->choices = calloc(n, sizeof *q->choices);
    if (!q->choices) return BAD(p, ERR_NOMEM, "no memory for %zu choices", n);
    for (size_t i = 0; i < n; i++) {
        TRY(copy_text(&q->choices[i], json_array_get(v, i), "a choice", QUESTION_MAX_TEXT, p));
        q->n_choices = (int)i + 1;
    }
    return 0;
}

static int check_letter(struct question *q, const struct place *p) {
    if (!q->n_choices) return 0;
    int c = toupper((unsigned char)q->answer[0]);
    if (q->answer[1] || c < 'A' || c >= 'A' + q->n_choices)
        return BAD(p, ERR_RANGE, "expected a letter from A to %c as \"answer\", found \"%.20s\"", 'A' + q->n_choices - 1,
                   q->answer);
    q->answer[0] = (char)c;
    return 0;
}

static int read_check(struct question *q, const json_t *o, const struct place *p) {
    TRY(optional(&q->check, o, "check", p));
    if (!q->check) return 0;
    if (!check_known(q->check))
        return BAD(p, ERR_UNSUPPORTED, "expected a \"check\" of the form \"%s\", found \"%.60s\"", CHECK_KINDS, q->check);
    if (q->n_choices) return BAD(p, ERR_FORMAT, "expected a \"check\" only where there are no choices, found both");
    return 0;
}

/* Others' data have levels of their own ("Level 5"): what is no small number is none of ours. */
static int read_level(const json_t *o) {
    const json_t *v = json_object_get(o, "level");
    json_int_t n = json_integer_value(v);
    return json_is_integer(v) && n > 0 && n <= QUESTION_MAX_LEVEL ? (int)n : 0;
}

static int read_fields(struct question *q, const json_t *o, const struct place *p) {
    if (!json_is_object(o)) return BAD(p, ERR_FORMAT, "expected a JSON object, found %s", json_kind(o));
    TRY(required(&q->id, o, "id", QUESTION_MAX_ID, p));
    TRY(required(&q->question, o, "question", QUESTION_MAX_TEXT, p));
    TRY(required(&q->answer, o, "answer", QUESTION_MAX_TEXT, p));
    TRY(required(&q->kind, o, "kind", QUESTION_MAX_ID, p));
    TRY(read_choices(q, o, p));
    TRY(check_letter(q, p));
    TRY(read_check(q, o, p));
    TRY(optional(&q->trace, o, "trace", p));
    TRY(optional(&q->final, o, "final", p));
    q->at_once = json_is_true(json_object_get(o, "at_once"));
    q->level = read_level(o);
    q->line = p->line;
    return 0;
}

int question_read(struct question *out, const json_t *o, const struct place *p) {
    struct question q = {0};
    int rc = read_fields(&q, o, p);
    if (rc < 0)
        question_fini(&q);
    else
        *out = q;
    return rc;
}

static int read_line(struct question *out, const char *z, size_t n, const struct place *p) {
    if (n > QUESTION_MAX_LINE) return BAD(p, ERR_LIMIT, "expected a line of at most %d bytes, found %zu", QUESTION_MAX_LINE, n);
    json_error_t je;
    json_t *o = json_loadb(z, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);
    if (!o) return BAD(p, ERR_FORMAT, "expected one JSON object, found malformed JSON at byte %d: %.160s", je.position, je.text);
    int rc = question_read(out, o, p);
    json_decref(o);
    return rc;
}

static int blank(const char *z, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!strchr(" \t\r", z[i])) return 0;
    return 1;
}

static int by_id(const void *a, const void *b) {
    const struct question *x = *(const struct question *const *)a, *y = *(const struct question *const *)b;
    int c = strcmp(x->id, y->id);
    return c ? c : (x->line > y->line) - (x->line < y->line);
}

static int check_ids(const struct questions *qs, struct place *p) {
    const struct question **s = malloc(qs->n * sizeof *s);
    if (!s) return BAD(p, ERR_NOMEM, "no memory for %zu ids", qs->n);
    for (size_t i = 0; i < qs->n; i++) s[i] = &qs->q[i];
    qsort(s, qs->n, sizeof *s, by_id);
    const struct question *first = NULL, *again = NULL; /* the earliest line that repeats an id */
    for (size_t i = 1; i < qs->n; i++)
        if (!strcmp(s[i - 1]->id, s[i]->id) && (!again || s[i]->line < again->line)) first = s[i - 1], again = s[i];
    free(s);
    if (!again) return 0;
    p->line = again->line;
    return BAD(p, ERR_FORMAT, "expected unique ids, found \"%.80s\" already on line %lld", again->id, (long long)first->line);
}

int questions_grow(struct questions *qs, size_t *cap, const struct place *p) {
    if (qs->n < *cap) return 0;
    if (qs->n >= QUESTION_MAX_COUNT) return BAD(p, ERR_LIMIT, "expected at most %d questions, found more", QUESTION_MAX_COUNT);
    size_t c = *cap ? *cap * 2 : 64;
    struct question *q = realloc(qs->q, c * sizeof *q);
    if (!q) return BAD(p, ERR_NOMEM, "no memory for %zu questions", c);
    qs->q = q;
    *cap = c;
    return 0;
}

static int read_all(struct questions *qs, const char *text, size_t n, struct place *p) {
    size_t cap = 0;
    for (size_t at = 0; at < n;) {
        const char *nl = memchr(text + at, '\n', n - at);
        size_t len = nl ? (size_t)(nl - text) - at : n - at;
        p->line++;
        if (!blank(text + at, len)) {
            TRY(questions_grow(qs, &cap, p));
            TRY(read_line(&qs->q[qs->n], text + at, len, p));
            qs->n++;
        }
        at += len + 1;
    }
    return 0;
}

static int read_text(struct questions *qs, const char *text, size_t n, struct place *p) {
    TRY(csv_is(text, n, p->name) ? csv_questions(qs, text, n, p) : read_all(qs, text, n, p));
    if (!qs->n && qs->left_out)
        return fail_at(p->e, ERR_FORMAT, p->name, -1, "expected at least one question, found %zu that are marked as faulty",
                       qs->left_out);
    if (!qs->n) return fail_at(p->e, ERR_FORMAT, p->name, -1, "expected at least one question, found an empty file");
    return check_ids(qs, p);
}

int questions_parse(struct questions *out, const char *text, size_t n, const char *name, struct err *e) {
    struct questions qs = {0};
    struct place p = {.name = name, .e = e};
    int rc = read_text(&qs, text, n, &p);
    if (rc < 0)
        questions_fini(&qs);
    else
        *out = qs;
    return rc;
}

int questions_load(struct questions *out, const char *path, struct err *e) {
    char *text = NULL;
    size_t n = 0;
    TRY(file_read(&text, &n, path, 0, e));
    int rc = questions_parse(out, text, n, path, e);
    free(text);
    return rc;
}

/* ---- writing ---- */

static int put(json_t *o, const char *key, const char *z) { return json_object_set_new(o, key, json_string(z)); }

static int put_choices(json_t *o, const struct question *q) {
    if (!q->n_choices) return 0;
    json_t *a = json_array();
    int bad = 0;
    for (int i = 0; i < q->n_choices; i++) bad |= json_array_append_new(a, json_string(q->choices[i]));
    return json_object_set_new(o, "choices", a) | bad;
}

int question_json(const struct question *q, int traces, struct str *out, struct err *e) {
    json_t *o = json_object();
    int bad = !o;
    bad |= put(o, "id", q->id) | put(o, "question", q->question) | put_choices(o, q);
    bad |= put(o, "answer", q->answer) | put(o, "kind", q->kind);
    if (q->check) bad |= put(o, "check", q->check);
    if (q->level) bad |= json_object_set_new(o, "level", json_integer(q->level));
    if (q->at_once) bad |= json_object_set_new(o, "at_once", json_true());
    if (traces && q->trace) bad |= put(o, "trace", q->trace);
    if (traces && q->final) bad |= put(o, "final", q->final);
    char *z = bad ? NULL : json_dumps(o, JSON_PRESERVE_ORDER);
    json_decref(o);
    if (!z)
        return fail(e, ERR_FORMAT, "expected valid UTF-8 in question \"%.80s\", found bytes that are none", q->id ? q->id : "");
    int rc = str_puts(out, z);
    free(z);
    if (rc == 0) rc = str_add(out, "\n", 1);
    return rc < 0 ? fail(e, rc, "no room for question \"%.80s\"", q->id) : 0;
}

/* ---- what the reasoner reads ---- */

int question_body(const struct question *q, struct str *out) {
    TRY(str_puts(out, q->question));
    for (int i = 0; i < q->n_choices; i++) TRY(str_printf(out, "\n%c) %s", 'A' + i, q->choices[i]));
    return 0;
}

int question_prompt(const struct question *q, struct str *out) {
    TRY(str_puts(out, "<|q|>"));
    TRY(question_body(q, out));
    return str_puts(out, q->at_once ? "\n<|a|><think></think>" : "\n<|a|>");
}

int question_text(const struct question *q, struct str *out) {
    if (!q->final || (!q->at_once && !q->trace)) return ERR_ARG;
    TRY(question_prompt(q, out));
    if (!q->at_once) TRY(str_printf(out, "<think>%s</think>", q->trace));
    return str_printf(out, "%s<|end|>", q->final);
}
