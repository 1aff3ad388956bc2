/* See settle.h. */
#include "probe/settle.h"
#include "task/answer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- text ---- */

/* A NUL, which only an untrained model writes, becomes a '?': answers and monitors read C text. */
int settle_text(const struct settler *x, struct trace *t, struct err *e) {
    struct str text = {0};
    t->ends = malloc((size_t)(t->n + 1) * sizeof *t->ends);
    if (!t->ends) return fail(e, ERR_NOMEM, "out of memory for a trace");
    for (int64_t i = 0; i < t->n; i++) {
        const char *piece;
        size_t n;
        int rc = tokenizer_piece(x->force->tok, t->ids[i], &piece, &n, e);
        if (rc >= 0 && str_add(&text, piece, n) < 0) rc = fail(e, ERR_NOMEM, "out of memory for a trace");
        if (rc < 0) {
            str_free(&text);
            return rc;
        }
        t->ends[i] = text.len;
    }
    for (size_t k = 0; k < text.len; k++)
        if (!text.s[k]) text.s[k] = '?';
    t->text = text.s ? text.s : calloc(1, 1), t->len = text.len;
    return t->text ? 0 : fail(e, ERR_NOMEM, "out of memory for a trace");
}

int settle_ends_with(const char *text, size_t n, const char *mark) {
    size_t m = mark ? strlen(mark) : 0;
    while (n && (text[n - 1] == '\n' || text[n - 1] == ' ')) n--;
    return m && n >= m && !memcmp(text + n - m, mark, m);
}

/* ---- steps ---- */

static int add_step(struct trace *t, int64_t reading, size_t byte) {
    if (t->n_steps && t->steps[t->n_steps - 1].reading == reading) {
        t->steps[t->n_steps - 1].byte = byte;
        return 0;
    }
    t->steps[t->n_steps++] =
        (struct trace_step){.reading = reading, .byte = byte, .forced = {.token = -1, .mass = NAN, .p = NAN, .entropy = NAN}};
    return 0;
}

/* The start, every step's end, and the end of the thought. */
static int cut_steps(const struct settler *x, struct trace *t, struct err *e) {
    size_t *ends = malloc(SETTLE_STEPS * sizeof *ends), from = thought_byte(t);
    int64_t last = t->close - t->open;
    int n = 0;
    t->steps = malloc((SETTLE_STEPS + 2) * sizeof *t->steps);
    if (!ends || !t->steps) {
        free(ends);
        return fail(e, ERR_NOMEM, "out of memory for the steps of a trace");
    }
    if (x->every)
        for (int64_t r = x->every; r < last && n < SETTLE_STEPS; r += x->every) ends[n++] = reading_byte(t, r);
    else
        n = text_steps(t->text + from, thought_len(t), x->steps, ends, SETTLE_STEPS);
    add_step(t, 0, 0);
    for (int i = 0; i < n; i++) add_step(t, reading_at(t, ends[i]), ends[i]);
    add_step(t, last, thought_len(t));
    free(ends);
    return 0;
}

/* ---- answers ---- */

/* The token in which the written answer begins, of a question without choices. */
static int32_t answer_token(const struct trace *t) {
    const char *from = t->text + trace_byte(t, t->close), *box = NULL;
    for (const char *p = strstr(from, "\\boxed{"); p; p = strstr(p + 1, "\\boxed{")) box = p;
    if (!box) return -1;
    size_t byte = (size_t)(box - t->text) + 7;
    for (int64_t i = t->close; i < t->n; i++)
        if (t->ends[i] > byte) return t->ids[i];
    return -1;
}

static int first_token(const struct settler *x, const char *text, int32_t *out, struct err *e) {
    struct toks ids = {0};
    int rc = tokenizer_encode(x->force->tok, text, strlen(text), 0, &ids, e);
    *out = !rc && ids.n ? ids.ids[0] : -1;
    toks_free(&ids);
    return rc;
}

static int written(struct trace *t, struct err *e) {
    struct str parsed = {0};
    int rc = answer_parse(t->text, &t->q, &parsed);
    if (rc > 0) {
        t->answer = strdup(parsed.s ? parsed.s : ""), t->answered = ANSWERED_WRITTEN;
        t->token = t->q.n_choices ? -1 : answer_token(t);
        if (!t->answer) rc = ERR_NOMEM;
    }
    str_free(&parsed);
    return rc < 0 ? fail(e, ERR_NOMEM, "out of memory for an answer") : 0;
}

static int force_steps(const struct settler *x, struct trace *t, const struct session *s, struct err *e) {
    int first = x->forced ? 0 : t->n_steps - 1, n = t->n_steps - first;
    int64_t *len = malloc((size_t)n * sizeof *len);
    struct forced *f = calloc((size_t)n, sizeof *f);
    int rc = len && f ? 0 : fail(e, ERR_NOMEM, "out of memory for forced answers");
    for (int i = 0; !rc && i < n; i++) len[i] = t->prompt + t->open + t->steps[first + i].reading;
    if (!rc) rc = force_at(x->force, s, len, n, &t->q, f, e);
    for (int i = 0; f && i < n; i++) t->steps[first + i].forced = f[i];
    free(len), free(f);
    return rc;
}

/* Logits that are not numbers answer nothing. */
static int take_forced(struct trace *t, struct err *e) {
    const struct forced *f = &t->steps[t->n_steps - 1].forced;
    if (!isfinite(f->entropy)) return 0;
    char letter[2] = {(char)('A' + forced_choice(f, t->q.n_choices)), 0};
    const char *answer = t->q.n_choices ? letter : f->answer;
    if (!answer || !*answer) return 0;
    t->answer = strdup(answer), t->answered = ANSWERED_FORCED, t->token = f->token;
    return t->answer ? 0 : fail(e, ERR_NOMEM, "out of memory for an answer");
}

int settle_trace(const struct settler *x, struct trace *t, const struct session *s, int closed, int bad, struct err *e) {
    trace_cut(t, x->force->words.open, x->force->words.close);
    if (closed) t->open = t->close = 0;
    TRY(cut_steps(x, t, e));
    TRY(written(t, e));
    if (x->forced || !t->answer) TRY(force_steps(x, t, s, e));
    if (!t->answer) TRY(take_forced(t, e));
    t->right = t->answer && answer_grade(&t->q, t->answer);
    if (t->q.n_choices && t->answer) t->label = t->answer[0] - 'A';
    if (t->q.n_choices) t->truth = t->q.answer[0] - 'A';
    if (!t->q.n_choices) TRY(first_token(x, t->q.answer, &t->truth_token, e));
    t->out = bad ? OUT_NOT_FINITE : !t->answer ? OUT_NO_ANSWER : t->close == t->open ? OUT_NO_THOUGHT : TRACE_OK;
    return 0;
}
