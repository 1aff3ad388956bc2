/* See show.h: names, marks and JSON. Rendering is in show_text.c, the choice of examples in show_examples.c. */
#include "probe/show.h"
#include "probe/measure_exit.h"
#include "probe/measure_shift.h"
#include "task/inflection.h"
#include "text/unicode.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words ---- */

void show_safe(struct str *out, const char *s, size_t n, int lines) {
    for (size_t i = 0, len; i < n; i += len) {
        enum utf8 what = utf8_scan(s + i, n - i, &len);
        if (what == UTF8_PARTIAL) len = n - i;
        uint32_t c = what == UTF8_CHAR ? utf8_code(s + i, len) : 0xFFFD;
        int turns = c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
                    (c >= 0x2066 && c <= 0x2069); /* of the writing direction */
        if (c == '\n' || c == '\t')
            str_add(out, lines ? s + i : " ", 1);
        else if (what != UTF8_CHAR || c < 32 || (c >= 127 && c < 160) || turns)
            str_puts(out, "\xEF\xBF\xBD");
        else
            str_add(out, s + i, len);
    }
}

/* Past the rest of a character that an earlier token began. */
static size_t whole(const struct trace *t, size_t at) {
    while (at < t->len && ((unsigned char)t->text[at] & 0xC0) == 0x80) at++;
    return at;
}

void show_token(const struct trace *t, int64_t i, size_t *from, size_t *to) {
    *from = whole(t, trace_byte(t, t->open + i)), *to = whole(t, trace_byte(t, t->open + i + 1));
    size_t end = thought_byte(t) + thought_len(t);
    if (*to > end) *to = end;
    if (*from > *to) *from = *to;
}

/* The text of a token somewhere in the store: where an answer began with it. */
static int token_text(struct str *out, const struct store *s, int32_t token) {
    for (int64_t k = 0; s && k < store_n(s); k++) {
        const struct trace *t = store_trace(s, k);
        for (int64_t i = t->close; t->token == token && i < t->n; i++) {
            if (t->ids[i] != token) continue;
            show_safe(out, t->text + trace_byte(t, i), trace_byte(t, i + 1) - trace_byte(t, i), 0);
            return 1;
        }
    }
    return 0;
}

void show_class(char out[40], const struct shown *x, int class) {
    struct str text = {0};
    if (class < 0)
        snprintf(out, 40, "none");
    else if (x->p->target == TARGET_RIGHT)
        snprintf(out, 40, class ? "right" : "wrong");
    else if (!x->p->by_token && class < 26)
        snprintf(out, 40, "%c", 'A' + class);
    else if (!x->p->by_token)
        snprintf(out, 40, "choice %d", class + 1);
    else if (token_text(&text, x->s, x->p->token[class]) && text.len && text.len < 30)
        snprintf(out, 40, "\"%.*s\"", (int)text.len, text.s);
    else
        snprintf(out, 40, "token %d", (int)x->p->token[class]);
    str_free(&text);
}

/* ---- marks ---- */

struct marks {
    const struct shown *x;
    struct mark *at;
    int n;
};

static char *put(struct marks *m, int64_t token, enum show_mark kind) {
    m->at[m->n] = (struct mark){token, kind, ""};
    return m->at[m->n++].text;
}

static void belief(char out[48], const struct shown *x, struct said s) {
    char name[40];
    show_class(name, x, s.class);
    snprintf(out, 48, "%.36s %.0f %%", name, 100 * s.confidence);
}

static int put_shifts(struct marks *m, struct err *e) {
    const struct shift_rule rule = {SHIFT_TOP, 0.2, SHIFT_ANY};
    int64_t *k = calloc((size_t)m->x->r->n_steps + 1, sizeof *k);
    if (!k) return fail(e, ERR_NOMEM, "out of memory for belief shifts");
    int64_t n = belief_shifts(k, m->x->r, PROBE_STEPS, &rule);
    for (int64_t i = 0; i < n; i++) {
        char before[48], after[48];
        belief(before, m->x, reading_of(m->x->r, PROBE_STEPS, k[i] - 1)),
            belief(after, m->x, reading_of(m->x->r, PROBE_STEPS, k[i]));
        snprintf(put(m, m->x->r->step_at[k[i]], MARK_SHIFT), sizeof m->at->text, "belief %.40s → %.40s", before, after);
    }
    free(k);
    return 0;
}

enum { TURNS = 256 };
static int put_turns(struct marks *m, struct err *e) {
    const struct trace *t = m->x->t;
    struct inflection *turn = calloc(TURNS, sizeof *turn);
    if (!turn) return fail(e, ERR_NOMEM, "out of memory for inflections");
    int n = inflections(t->text + thought_byte(t), thought_len(t), turn, TURNS);
    for (int i = 0; i < n; i++) {
        int64_t token = reading_at(t, turn[i].at + 1) - 1;
        snprintf(put(m, token < 0 ? 0 : token, MARK_INFLECTION), sizeof m->at->text, "%s", inflection_name(turn[i].kind));
    }
    free(turn);
    return 0;
}

static void put_commitment(struct marks *m) {
    const struct reading_trace *r = m->x->r;
    char name[40];
    for (int64_t i = 0; i < readings_of(r, MONITOR); i++) {
        struct said s = reading_of(r, MONITOR, i);
        if (s.class < 0) continue;
        show_class(name, m->x, s.class);
        snprintf(put(m, s.written, MARK_COMMIT), sizeof m->at->text, "monitor: %s", name);
        return;
    }
}

static int replay(struct exit_at *out, const struct shown *x, struct err *e) {
    const struct exit_policy p = {.rule = EXIT_CONFIDENCE, .reader = PROBE_TOKENS, .threshold = x->exit_at};
    return exit_replay(out, x->r, &p, e);
}

static int put_exit(struct marks *m, struct err *e) {
    struct exit_at at;
    char said[48];
    TRY(replay(&at, m->x, e));
    if (!at.early) return 0;
    belief(said, m->x, reading_of(m->x->r, PROBE_TOKENS, at.reading));
    snprintf(put(m, at.written, MARK_EXIT), sizeof m->at->text, "exit: %s", said);
    return 0;
}

static int by_token(const void *a, const void *b) {
    const struct mark *x = a, *y = b;
    return x->token != y->token ? (x->token > y->token) - (x->token < y->token) : (int)x->kind - (int)y->kind;
}

int show_marks(struct mark **out, const struct shown *x, struct err *e) {
    if (!readings_of(x->r, PROBE_TOKENS)) return fail(e, ERR_ARG, "expected a trace with readings of a probe, found none");
    struct marks m = {x, calloc((size_t)x->r->n_steps + TURNS + 2, sizeof(struct mark)), 0};
    if (!m.at) return fail(e, ERR_NOMEM, "out of memory for marks");
    int rc = put_shifts(&m, e);
    if (!rc) rc = put_turns(&m, e);
    if (!rc) put_commitment(&m);
    if (!rc) rc = put_exit(&m, e);
    if (rc < 0) return free(m.at), rc;
    qsort(m.at, (size_t)m.n, sizeof *m.at, by_token);
    *out = m.at;
    return m.n;
}

/* ---- JSON ---- */

static json_t *safe_json(const char *s, size_t n) {
    struct str text = {0};
    show_safe(&text, s, n, 1);
    json_t *j = text.failed ? NULL : json_stringn(text.s ? text.s : "", text.len);
    str_free(&text);
    return j;
}

static json_t *said_json(const struct shown *x, struct said s) {
    char name[40];
    show_class(name, x, s.class);
    return json_pack("{s:o, s:o}", "class", s.class < 0 ? json_null() : json_string(name), "p",
                     isfinite(s.confidence) ? json_real(s.confidence) : json_null());
}

static json_t *tokens_json(const struct shown *x, int64_t n) {
    json_t *list = json_array();
    for (int64_t i = 0; i < n; i++) {
        size_t from, to;
        show_token(x->t, i, &from, &to);
        json_t *one = said_json(x, reading_of(x->r, PROBE_TOKENS, i + 1 - x->r->first));
        json_object_set_new(one, "text", safe_json(x->t->text + from, to - from));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *steps_json(const struct shown *x) {
    static const enum reader readers[] = {PROBE_STEPS, FORCED, MONITOR};
    static const char *const names[] = {"probe", "forced", "monitor"};
    json_t *list = json_array();
    for (int64_t i = 0; i < x->r->n_steps; i++) {
        json_t *step = json_pack("{s:I, s:I}", "token", (json_int_t)x->r->step_at[i], "byte", (json_int_t)x->t->steps[i].byte);
        for (int k = 0; k < 3; k++)
            json_object_set_new(step, names[k],
                                readings_of(x->r, readers[k]) ? said_json(x, reading_of(x->r, readers[k], i)) : json_null());
        json_array_append_new(list, step);
    }
    return list;
}

static json_t *marks_json(const struct mark *m, int n, int64_t tokens) {
    static const char *const names[] = {
#define XX(id, name, symbol, words) name,
        SHOW_MARK_MAP(XX)
#undef XX
    };
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        int64_t at = m[i].token == tokens ? tokens - 1 : m[i].token;
        if (at < tokens)
            json_array_append_new(
                list, json_pack("{s:I, s:s, s:s}", "token", (json_int_t)at, "kind", names[m[i].kind], "text", m[i].text));
    }
    return list;
}

static json_t *question_text_json(const struct question *q) {
    struct str body = {0};
    question_body(q, &body);
    json_t *j = safe_json(body.s ? body.s : "", body.len);
    str_free(&body);
    return j;
}

static json_t *exit_json(const struct shown *x, const struct exit_at *at) {
    if (!at->early) return json_null();
    json_t *j = said_json(x, reading_of(x->r, PROBE_TOKENS, at->reading));
    json_object_set_new(j, "token", json_integer(at->written));
    json_object_set_new(j, "right", at->right < 0 ? json_null() : json_boolean(at->right));
    json_object_set_new(j, "same", at->same < 0 ? json_null() : json_boolean(at->same));
    return j;
}

int show_json(json_t **out, const struct shown *x, int64_t most, struct err *e) {
    const struct trace *t = x->t;
    int64_t n = most && most < x->r->n_tokens ? most : x->r->n_tokens;
    struct mark *marks;
    struct exit_at at;
    int k = show_marks(&marks, x, e);
    if (k < 0) return k;
    int rc = replay(&at, x, e);
    json_t *j = rc < 0 ? NULL
                       : json_pack("{s:s, s:I, s:s, s:o, s:o, s:o, s:b, s:I, s:f, s:o, s:o, s:o, s:o}", "id", t->q.id, "index",
                                   (json_int_t)t->index, "kind", t->q.kind, "question", question_text_json(&t->q), "answer",
                                   t->answer ? safe_json(t->answer, strlen(t->answer)) : json_null(), "truth",
                                   t->q.answer ? safe_json(t->q.answer, strlen(t->q.answer)) : json_null(), "right", t->right,
                                   "thought_tokens", (json_int_t)x->r->n_tokens, "exit_at", x->exit_at, "exit", exit_json(x, &at),
                                   "steps", steps_json(x), "tokens", tokens_json(x, n), "marks", marks_json(marks, k, n));
    free(marks);
    if (rc < 0) return rc;
    if (!j) return fail(e, ERR_NOMEM, "out of memory for a trace as JSON");
    *out = j;
    return 0;
}
