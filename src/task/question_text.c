/* A question from plain text: the choices are the last run of lines that begin with A, B, C … in order, each behind a mark such as "A)", "A.",
 * "(A)", "- (A)"; what stands before them is the stem. For programs that get a prompt and no question. */
#include "task/question.h"
#include <stdlib.h>
#include <string.h>

/* The text of a line that begins with the k-th letter's mark; NULL: it does not. */
static const char *marked(const char *s, const char *end, int k) {
    int open = 0;
    while (s < end && (*s == ' ' || *s == '-' || *s == '*')) s++;
    if (s < end && *s == '(') open = 1, s++;
    if (s >= end || *s != 'A' + k) return NULL;
    s++;
    if (s >= end || (*s != ')' && (open || (*s != '.' && *s != ':')))) return NULL;
    s++;
    while (s < end && *s == ' ') s++;
    return s < end ? s : NULL;
}

struct line {
    const char *s, *end;
};

static const char *next_line(const char *s, const char *stop, struct line *out) {
    const char *end = memchr(s, '\n', (size_t)(stop - s));
    *out = (struct line){s, end ? end : stop};
    return end ? end + 1 : stop;
}

/* How many choices begin at s; where is the first line behind them. */
static int run_at(const char *s, const char *stop) {
    struct line l;
    int k = 0;
    while (s < stop && k < QUESTION_MAX_CHOICES) {
        s = next_line(s, stop, &l);
        if (!marked(l.s, l.end, k)) break;
        k++;
    }
    return k;
}

static int take(struct question *q, const char *text, const char *s, const char *stop, int n) {
    struct line l;
    q->question = strndup(text, (size_t)(s - text));
    q->choices = calloc((size_t)n, sizeof *q->choices);
    if (!q->question || !q->choices) return ERR_NOMEM;
    for (int k = 0; k < n; k++) {
        s = next_line(s, stop, &l);
        const char *c = marked(l.s, l.end, k);
        if (!(q->choices[k] = strndup(c, (size_t)(l.end - c)))) return ERR_NOMEM;
        q->n_choices = k + 1;
    }
    return 0;
}

int question_from_text(struct question *out, const char *text, size_t n, struct err *e) {
    struct question q = {0};
    struct line l;
    const char *stop = text + n, *found = NULL;
    int best = 0;
    for (const char *s = text; s < stop; s = next_line(s, stop, &l)) {
        int k = run_at(s, stop);
        if (k >= 2) found = s, best = k;
    }
    int rc = found ? take(&q, text, found, stop, best) : (q.question = strndup(text, n)) ? 0 : ERR_NOMEM;
    q.id = strdup("prompt"), q.kind = strdup(""), q.answer = strdup("A");
    if (rc < 0 || !q.id || !q.kind || !q.answer) {
        question_fini(&q);
        return fail(e, ERR_NOMEM, "out of memory for a question");
    }
    *out = q;
    return 0;
}
