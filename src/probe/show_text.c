/* A trace for a terminal: question, thought on the colour of what the probe believes after each token, marks, a line per step, the end. Without colours the
 * same text has the probe's belief in brackets at every step. Backgrounds are light and the text on them dark, whatever the terminal's own colours. */
#include "base/err.h"
#include "probe/show.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct painter {
    struct str *out;
    const struct shown *x;
    enum show_colours colours;
    const struct mark *marks;
    int n_marks;
};

static const char *const symbols[] = {
#define XX(id, name, symbol, words) symbol,
    SHOW_MARK_MAP(XX)
#undef XX
};
static const char *const meanings[] = {
#define XX(id, name, symbol, words) words,
    SHOW_MARK_MAP(XX)
#undef XX
};

/* ---- colours ---- */

/* A hue a class, as strong as the probe is sure: chance is grey. */
static void paint(struct painter *w, int class, double confidence) {
    static const unsigned char hues[][3] = {{70, 140, 255}, {255, 150, 40}, {60, 195, 95}, {235, 95, 190},
                                            {0, 185, 195},  {230, 195, 0},  {240, 85, 75}, {150, 120, 240}};
    double chance = 1.0 / w->x->r->classes,
           sure = isfinite(confidence) ? fmax(0, fmin(1, (confidence - chance) / (1 - chance))) : 0;
    const unsigned char *hue = hues[class < 0 ? 0 : class % 8];
    int rgb[3];
    for (int i = 0; i < 3; i++) rgb[i] = (int)lround(238 + (class < 0 ? 0 : sure) * (hue[i] - 238));
    if (w->colours == SHOW_RGB)
        str_printf(w->out, "\x1b[38;2;20;20;20;48;2;%d;%d;%dm", rgb[0], rgb[1], rgb[2]);
    else if (w->colours == SHOW_256)
        str_printf(w->out, "\x1b[38;5;16;48;5;%dm", 16 + 36 * (rgb[0] * 5 / 255) + 6 * (rgb[1] * 5 / 255) + rgb[2] * 5 / 255);
}

static void look(struct painter *w, const char *code) {
    if (w->colours) str_puts(w->out, code);
}
#define PLAIN "\x1b[0m"
#define BOLD  "\x1b[1m"

/* ---- question ---- */

static void put_z(struct painter *w, const char *s) { show_safe(w->out, s, strlen(s), 1); }

static void put_question(struct painter *w) {
    const struct trace *t = w->x->t;
    look(w, BOLD);
    str_printf(w->out, "trace %lld: ", (long long)t->index), show_safe(w->out, t->q.id, strlen(t->q.id), 0);
    str_puts(w->out, " ("), show_safe(w->out, t->q.kind, strlen(t->q.kind), 0), str_puts(w->out, ")\n");
    look(w, PLAIN);
    put_z(w, t->q.question), str_puts(w->out, "\n");
    for (int i = 0; i < t->q.n_choices; i++) {
        str_printf(w->out, "  %c) ", 'A' + i), put_z(w, t->q.choices[i]);
        str_puts(w->out, i == t->truth   ? i == t->label ? "   <- right, and the model's answer\n" : "   <- right\n"
                         : i == t->label ? "   <- the model's answer\n"
                                         : "\n");
    }
}

static void put_legend(struct painter *w) {
    char name[40];
    int most = w->x->r->classes < 8 ? w->x->r->classes : 8;
    str_puts(w->out, "\n");
    if (w->colours) {
        str_puts(w->out, "believed answer, the stronger the surer: ");
        for (int k = 0; k < most; k++) {
            show_class(name, w->x, k);
            for (int i = 0; i < 3; i++) paint(w, k, (double[]){0.4, 0.7, 1}[i]), str_printf(w->out, " %s ", i == 1 ? name : "");
            look(w, PLAIN), str_puts(w->out, " ");
        }
        str_puts(w->out, "\n");
    } else
        str_puts(w->out, "[answer the probe believes in, and how surely] at every step\n");
    for (int k = 0; k < MARKS; k++) str_printf(w->out, "%s %s%s", symbols[k], meanings[k], k + 1 < MARKS ? "   " : "");
    str_printf(w->out, " at %.4g %%\n", 100 * w->x->exit_at);
}

/* ---- thought ---- */

static void put_said(struct painter *w, struct said s, int width) {
    char name[40], text[80];
    show_class(name, w->x, s.class);
    if (s.class < 0)
        snprintf(text, sizeof text, "N/A");
    else if (isfinite(s.confidence))
        snprintf(text, sizeof text, "%s %.0f %%", name, 100 * s.confidence);
    else
        snprintf(text, sizeof text, "%s", name);
    str_printf(w->out, "%-*s", width, text);
}

/* What stands before a token: marks, and without colours the reading of a step. */
static void put_before(struct painter *w, int64_t token, int64_t *step, int *mark) {
    const struct reading_trace *r = w->x->r;
    for (; *step < r->n_steps && r->step_at[*step] <= token; ++*step) {
        if (w->colours || (*step + 1 < r->n_steps && r->step_at[*step + 1] == r->step_at[*step])) continue;
        str_puts(w->out, "["), put_said(w, reading_of(r, PROBE_STEPS, *step), 0), str_puts(w->out, "]");
    }
    for (; *mark < w->n_marks && w->marks[*mark].token <= token; ++*mark) {
        look(w, PLAIN BOLD);
        str_puts(w->out, symbols[w->marks[*mark].kind]);
        look(w, PLAIN);
    }
}

/* Colours end with the line, so that they do not run to the edge of the screen. */
static void put_token(struct painter *w, int64_t i) {
    const struct reading_trace *r = w->x->r;
    struct said s = reading_of(r, PROBE_TOKENS, i + 1 - r->first);
    size_t from, to;
    show_token(w->x->t, i, &from, &to);
    while (from < to) {
        const char *text = w->x->t->text + from, *end = memchr(text, '\n', to - from);
        size_t n = end ? (size_t)(end - text) : to - from;
        if (n) paint(w, s.class, s.confidence), show_safe(w->out, text, n, 0), look(w, PLAIN);
        if (end) str_puts(w->out, "\n"), n++;
        from += n;
    }
}

static void put_thought(struct painter *w) {
    int64_t step = 0, n = w->x->r->n_tokens;
    int mark = 0;
    str_puts(w->out, "\n");
    for (int64_t i = 0; i < n; i++) put_before(w, i, &step, &mark), put_token(w, i);
    put_before(w, n, &step, &mark);
    str_puts(w->out, "\n");
}

/* ---- marks and steps ---- */

static void put_marks(struct painter *w) {
    if (w->n_marks) str_puts(w->out, "\n");
    for (int i = 0; i < w->n_marks; i++)
        str_printf(w->out, "%s token %lld: %s\n", symbols[w->marks[i].kind], (long long)w->marks[i].token, w->marks[i].text);
}

enum { STEP_TEXT = 60 };
static void put_step_text(struct painter *w, int64_t i) {
    const struct trace *t = w->x->t;
    size_t from = i ? t->steps[i - 1].byte : 0, to = t->steps[i].byte, most = thought_len(t);
    if (to > most) to = most;
    if (from >= to) return;
    const char *s = t->text + thought_byte(t);
    while (from < to && (s[from] == ' ' || s[from] == '\n' || ((unsigned char)s[from] & 0xC0) == 0x80)) from++;
    size_t n = to - from > STEP_TEXT ? STEP_TEXT : to - from;
    while (n < to - from && ((unsigned char)s[from + n] & 0xC0) == 0x80) n++;
    show_safe(w->out, s + from, n, 0);
    if (n < to - from) str_puts(w->out, "…");
}

/* What a reader says at a step, on its colour; "-" where there is no such reader. */
static void put_cell(struct painter *w, enum reader reader, int64_t step, int width) {
    if (!readings_of(w->x->r, reader)) {
        str_printf(w->out, "%-*s", width, "-");
        return;
    }
    struct said s = reading_of(w->x->r, reader, step);
    if (s.class >= 0 && isfinite(s.confidence)) paint(w, s.class, s.confidence);
    put_said(w, s, width - 1);
    look(w, PLAIN);
    str_puts(w->out, " ");
}

static void put_steps(struct painter *w) {
    static const enum reader readers[] = {PROBE_STEPS, FORCED, MONITOR};
    static const int widths[] = {14, 14, 9};
    const struct reading_trace *r = w->x->r;
    look(w, BOLD);
    str_printf(w->out, "\n%5s %6s  %-14s%-14s%-9s%s\n", "step", "token", "probe", "forced", "monitor", "what was written");
    look(w, PLAIN);
    for (int64_t i = 0; i < r->n_steps; i++) {
        str_printf(w->out, "%5lld %6lld  ", (long long)i, (long long)r->step_at[i]);
        for (int k = 0; k < 3; k++) put_cell(w, readers[k], i, widths[k]);
        put_step_text(w, i);
        str_puts(w->out, "\n");
    }
}

/* ---- the end ---- */

static int put_exit(struct painter *w, struct err *e) {
    json_t *j;
    TRY(show_json(&j, w->x, 1, e));
    const json_t *at = json_object_get(j, "exit"), *same = json_object_get(at, "same"), *right = json_object_get(at, "right");
    long long token = json_integer_value(json_object_get(at, "token")), all = w->x->r->n_tokens;
    if (json_is_object(at))
        str_printf(w->out, "\nexit at %.4g %%: after %lld of %lld tokens, answer %s (%s%s)\n", 100 * w->x->exit_at, token, all,
                   json_string_value(json_object_get(at, "class")),
                   json_is_true(same) ? "the model's own" : "not the model's own",
                   json_is_true(right)    ? ", right"
                   : json_is_false(right) ? ", wrong"
                                          : "");
    else
        str_printf(w->out, "\nexit at %.4g %%: never; the thought runs to its end\n", 100 * w->x->exit_at);
    json_decref(j);
    return 0;
}

static void put_end(struct painter *w) {
    const struct trace *t = w->x->t;
    str_puts(w->out, "answer: "), put_z(w, t->answer ? t->answer : "none");
    str_puts(w->out, t->answered == ANSWERED_FORCED ? " (forced)" : "");
    look(w, BOLD);
    str_puts(w->out, t->right ? ", right" : ", wrong");
    look(w, PLAIN);
    if (!t->right && t->q.answer) str_puts(w->out, "; right is "), put_z(w, t->q.answer);
    str_puts(w->out, "\n");
}

int show_text(struct str *out, const struct shown *x, enum show_colours colours, struct err *e) {
    struct mark *marks;
    int n = show_marks(&marks, x, e);
    if (n < 0) return n;
    struct painter w = {out, x, colours, marks, n};
    put_question(&w);
    put_legend(&w);
    put_thought(&w);
    put_marks(&w);
    put_steps(&w);
    int rc = put_exit(&w, e);
    put_end(&w);
    free(marks);
    if (rc < 0) return rc;
    return out->failed ? fail(e, ERR_NOMEM, "out of memory for a trace as text") : 0;
}
