/* See trace.h. The file form keeps everything that a later measure needs, so that neither model nor tokenizer is asked again. */
#include "probe/trace.h"
#include "text/unicode.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const out_names[] = {"ok", "no answer", "no thought", "a state that is not finite", "no room for an answer"};
static const char *const end_names[] = {"max", "end", "context"};
static const char *const answered_names[] = {"not", "written", "forced"};

const char *trace_out_name(enum trace_out o) { return out_names[o]; }

void trace_outs_text(const int64_t out[TRACE_OUTS], char *text, size_t size) {
    size_t n = 0;
    snprintf(text, size, "none");
    for (int i = TRACE_OK + 1; i < TRACE_OUTS; i++)
        if (out[i] && n < size)
            n += (size_t)snprintf(text + n, size - n, "%s%lld %s", n ? ", " : "", (long long)out[i], out_names[i]);
}

void trace_fini(struct trace *t) {
    for (int i = 0; i < t->n_steps; i++) free(t->steps[i].forced.logp), free(t->steps[i].forced.answer);
    question_fini(&t->q);
    free(t->ids), free(t->ends), free(t->text), free(t->steps), free(t->answer);
    *t = (struct trace){0};
}

int64_t reading_at(const struct trace *t, size_t byte) {
    int64_t lo = 0, hi = t->close - t->open;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (reading_byte(t, mid) >= byte)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

static const char *find(const char *s, size_t n, const char *mark) {
    size_t m = strlen(mark);
    for (size_t i = 0; m && i + m <= n; i++)
        if (!memcmp(s + i, mark, m)) return s + i;
    return NULL;
}

void trace_cut(struct trace *t, const char *open_mark, const char *close_mark) {
    const char *open = open_mark ? find(t->text, t->len, open_mark) : NULL;
    size_t from = open ? (size_t)(open - t->text) + strlen(open_mark) : 0;
    const char *close = close_mark ? find(t->text + from, t->len - from, close_mark) : NULL;
    size_t to = close ? (size_t)(close - t->text) : t->len;
    t->open = 0;
    while (t->open < t->n && trace_byte(t, t->open) < from) t->open++;
    t->close = t->open;
    while (t->close < t->n && t->ends[t->close] <= to) t->close++;
    /* the last token is never fed back, so there is no state behind it */
    if (t->close == t->n && t->close > 0) t->close--;
    if (t->open > t->close) t->open = t->close;
}

/* ---- out ---- */

static json_t *text_json(const char *s, size_t n) {
    json_t *j = json_stringn(s, n);
    if (j) return j;
    char *c = malloc(n + 1);
    if (!c) return NULL;
    memcpy(c, s, n);
    for (size_t i = 0; i < n;) {
        size_t len = 0;
        if (utf8_scan(s + i, n - i, &len) == UTF8_CHAR)
            i += len;
        else
            c[i++] = '?';
    }
    j = json_stringn(c, n);
    free(c);
    return j;
}

static json_t *real(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static json_t *reals(const double *x, int n) {
    json_t *a = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(a, real(x[i]));
    return a;
}

static json_t *step_json(const struct trace *t, const struct trace_step *s) {
    json_t *o = json_object();
    json_object_set_new(o, "reading", json_integer(s->reading));
    json_object_set_new(o, "byte", json_integer((json_int_t)s->byte));
    if (s->forced.logp) json_object_set_new(o, "logp", reals(s->forced.logp, t->q.n_choices));
    if (s->forced.logp) json_object_set_new(o, "mass", real(s->forced.mass));
    if (s->forced.answer) {
        json_object_set_new(o, "trial", text_json(s->forced.answer, strlen(s->forced.answer)));
        json_object_set_new(o, "token", json_integer(s->forced.token));
    }
    json_object_set_new(o, "p", real(s->forced.p));
    json_object_set_new(o, "entropy", real(s->forced.entropy));
    return o;
}

static json_t *question_object(const struct question *q) {
    struct str line = {0};
    json_t *j = question_json(q, 0, &line, NULL) < 0 ? NULL : json_loadb(line.s, line.len, 0, NULL);
    str_free(&line);
    return j;
}

json_t *trace_json(const struct trace *t) {
    json_t *o = json_object(), *ids = json_array(), *ends = json_array(), *steps = json_array();
    for (int64_t i = 0; i < t->n; i++) {
        json_array_append_new(ids, json_integer(t->ids[i]));
        json_array_append_new(ends, json_integer((json_int_t)t->ends[i]));
    }
    for (int i = 0; i < t->n_steps; i++) json_array_append_new(steps, step_json(t, &t->steps[i]));
    json_object_set_new(o, "row", json_string("trace"));
    json_object_set_new(o, "index", json_integer(t->index));
    json_object_set_new(o, "question", question_object(&t->q));
    json_object_set_new(o, "prompt", json_integer(t->prompt));
    json_object_set_new(o, "text", text_json(t->text, t->len));
    json_object_set_new(o, "ids", ids);
    json_object_set_new(o, "ends", ends);
    json_object_set_new(o, "open", json_integer(t->open));
    json_object_set_new(o, "close", json_integer(t->close));
    json_object_set_new(o, "end", json_string(end_names[t->end]));
    json_object_set_new(o, "steps", steps);
    json_object_set_new(o, "answered", json_string(answered_names[t->answered]));
    json_object_set_new(o, "answer", t->answer ? text_json(t->answer, strlen(t->answer)) : json_null());
    json_object_set_new(o, "right", json_boolean(t->right));
    json_object_set_new(o, "token", json_integer(t->token));
    json_object_set_new(o, "truth_token", json_integer(t->truth_token));
    json_object_set_new(o, "label", json_integer(t->label));
    json_object_set_new(o, "truth", json_integer(t->truth));
    json_object_set_new(o, "excluded", t->out ? json_string(out_names[t->out]) : json_null());
    json_object_set_new(o, "row0", json_integer(t->row0));
    json_object_set_new(o, "rows", json_integer(t->rows));
    json_object_set_new(o, "choice0", json_integer(t->choice0));
    json_object_set_new(o, "measured", json_pack("{s:f}", "seconds", t->seconds));
    return o;
}

/* ---- in: what stands in a store may have been edited by anyone ---- */

struct reader {
    const json_t *j;
    const char *where;
    int64_t line;
    struct err *e;
    int rc;
};

static int bad(struct reader *r, const char *key, const char *expected) {
    if (!r->rc) r->rc = fail_at(r->e, ERR_FORMAT, r->where, r->line, "trace: expected \"%s\" to be %s", key, expected);
    return r->rc;
}

static int64_t integer(struct reader *r, const json_t *o, const char *key, int64_t lo, int64_t hi) {
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v) || json_integer_value(v) < lo || json_integer_value(v) > hi) {
        bad(r, key, "a whole number in range");
        return lo;
    }
    return json_integer_value(v);
}

static char *string(struct reader *r, const json_t *o, const char *key, size_t *n) {
    const json_t *v = json_object_get(o, key);
    if (!json_is_string(v)) {
        bad(r, key, "a string");
        return NULL;
    }
    size_t len = json_string_length(v);
    char *s = malloc(len + 1);
    if (!s) {
        r->rc = fail(r->e, ERR_NOMEM, "out of memory for a trace");
        return NULL;
    }
    memcpy(s, json_string_value(v), len + 1);
    if (n) *n = len;
    return s;
}

static double number(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static int one_of(struct reader *r, const char *key, const char *const *names, int n) {
    const char *s = json_string_value(json_object_get(r->j, key));
    for (int i = 0; s && i < n; i++)
        if (!strcmp(s, names[i])) return i;
    bad(r, key, "a known word");
    return 0;
}

static int read_question(struct reader *r, struct trace *t) {
    struct questions qs = {0};
    char *s = json_dumps(json_object_get(r->j, "question"), JSON_COMPACT | JSON_ENCODE_ANY);
    if (!s) return bad(r, "question", "a question");
    int rc = questions_parse(&qs, s, strlen(s), r->where, r->e);
    free(s);
    if (rc < 0) return r->rc = rc;
    t->q = qs.q[0], t->q.line = 0;
    qs.q[0] = (struct question){0};
    questions_fini(&qs);
    return 0;
}

static int read_tokens(struct reader *r, struct trace *t) {
    const json_t *ids = json_object_get(r->j, "ids"), *ends = json_object_get(r->j, "ends");
    size_t n = json_array_size(ids);
    if (!json_is_array(ids) || json_array_size(ends) != n) return bad(r, "ends", "as long as \"ids\"");
    t->ids = malloc((n + 1) * sizeof *t->ids), t->ends = malloc((n + 1) * sizeof *t->ends);
    if (!t->ids || !t->ends) return r->rc = fail(r->e, ERR_NOMEM, "out of memory for a trace");
    for (size_t i = 0; i < n; i++) {
        json_int_t id = json_integer_value(json_array_get(ids, i)), at = json_integer_value(json_array_get(ends, i));
        if (id < 0 || id > INT32_MAX) return bad(r, "ids", "token ids");
        if (at < 0 || (size_t)at > t->len || (i && (size_t)at < t->ends[i - 1]))
            return bad(r, "ends", "rising byte offsets in \"text\"");
        t->ids[i] = (int32_t)id, t->ends[i] = (size_t)at;
    }
    t->n = (int64_t)n;
    return 0;
}

static int read_logp(struct reader *r, const json_t *o, int n, struct forced *f) {
    const json_t *a = json_object_get(o, "logp");
    if (!a) return 0;
    if ((int)json_array_size(a) != n) return bad(r, "logp", "one number a choice");
    f->logp = malloc((size_t)n * sizeof *f->logp);
    if (!f->logp) return r->rc = fail(r->e, ERR_NOMEM, "out of memory for a trace");
    for (int i = 0; i < n; i++) {
        const json_t *v = json_array_get(a, (size_t)i);
        f->logp[i] = json_is_number(v) ? json_number_value(v) : NAN;
        if (!(f->logp[i] <= 0)) return bad(r, "logp", "log-probabilities");
    }
    return 0;
}

static int read_step(struct reader *r, const json_t *o, struct trace *t, struct trace_step *s) {
    s->reading = integer(r, o, "reading", 0, t->close - t->open);
    s->byte = (size_t)integer(r, o, "byte", 0, (int64_t)thought_len(t));
    s->forced = (struct forced){.mass = number(o, "mass"), .p = number(o, "p"), .entropy = number(o, "entropy"), .token = -1};
    if (json_object_get(o, "trial")) {
        s->forced.answer = string(r, o, "trial", NULL);
        s->forced.token = (int32_t)integer(r, o, "token", -1, INT32_MAX);
    }
    return read_logp(r, o, t->q.n_choices, &s->forced);
}

static int read_steps(struct reader *r, struct trace *t) {
    const json_t *a = json_object_get(r->j, "steps");
    size_t n = json_array_size(a);
    if (!json_is_array(a) || n > 1000000) return bad(r, "steps", "a list");
    t->steps = calloc(n + 1, sizeof *t->steps);
    if (!t->steps) return r->rc = fail(r->e, ERR_NOMEM, "out of memory for a trace");
    for (size_t i = 0; i < n; i++) {
        t->n_steps = (int)i + 1;
        TRY(read_step(r, json_array_get(a, i), t, &t->steps[i]));
        if (i && t->steps[i].reading < t->steps[i - 1].reading) return bad(r, "steps", "in order");
    }
    return r->rc;
}

static int read_outcome(struct reader *r, struct trace *t) {
    int n = t->q.n_choices;
    const json_t *out = json_object_get(r->j, "excluded");
    t->answered = (enum trace_answered)one_of(r, "answered", answered_names, 3);
    t->end = (enum trace_end)one_of(r, "end", end_names, 3);
    t->out = json_is_null(out) ? TRACE_OK : (enum trace_out)one_of(r, "excluded", out_names, TRACE_OUTS);
    if (!json_is_null(json_object_get(r->j, "answer"))) t->answer = string(r, r->j, "answer", NULL);
    t->right = json_is_true(json_object_get(r->j, "right"));
    t->token = (int32_t)integer(r, r->j, "token", -1, INT32_MAX);
    t->truth_token = (int32_t)integer(r, r->j, "truth_token", -1, INT32_MAX);
    t->label = (int)integer(r, r->j, "label", -1, n - 1 < 0 ? -1 : n - 1);
    t->truth = (int)integer(r, r->j, "truth", -1, n - 1 < 0 ? -1 : n - 1);
    t->seconds = number(json_object_get(r->j, "measured"), "seconds");
    return r->rc;
}

int trace_read(struct trace *out, const json_t *j, const char *where, int64_t line, struct err *e) {
    struct reader r = {j, where, line, e, 0};
    struct trace t = {0};
    if (!json_is_object(j)) return fail_at(e, ERR_FORMAT, where, line, "trace: expected an object");
    t.index = integer(&r, j, "index", 0, QUESTION_MAX_COUNT);
    t.prompt = integer(&r, j, "prompt", 0, INT32_MAX);
    t.text = string(&r, j, "text", &t.len);
    if (!r.rc) read_question(&r, &t);
    if (!r.rc) read_tokens(&r, &t);
    t.open = integer(&r, j, "open", 0, t.n), t.close = integer(&r, j, "close", t.open, t.n);
    t.row0 = integer(&r, j, "row0", 0, INT64_MAX / 2), t.rows = integer(&r, j, "rows", 0, INT32_MAX);
    t.choice0 = integer(&r, j, "choice0", -1, INT64_MAX / 2);
    if (!r.rc && t.rows && t.rows != t.close - t.open + 1) bad(&r, "rows", "one more than the tokens of the thought");
    if (!r.rc) read_steps(&r, &t);
    if (!r.rc) read_outcome(&r, &t);
    if (!r.rc && !t.out && !t.rows) bad(&r, "rows", "above 0, since the trace is not excluded");
    if (r.rc < 0) {
        trace_fini(&t);
        return r.rc;
    }
    *out = t;
    return 0;
}
