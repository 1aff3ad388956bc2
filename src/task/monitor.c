/* The monitor by rules: one pass over the thought, sentence by sentence, with what it has committed itself to so far.
 *
 * A sentence is read from left to right. A cue ("so", "the answer is", "rule out") says what a choice named right behind it is: concluded
 * or denied; a verdict behind a choice ("B is correct") says the same. "Perhaps" and the like make what follows neutral, up to the next
 * "so" or "but". A question is neutral too, but the next sentence may answer it ("Is it cow? no."). Three of four denied leave the fourth.
 * Where the rules see nothing the monitor says N/A: a missed conclusion costs one step, an invented one would be theatre of its own. */
#include "task/monitor.h"
#include "task/answer.h"
#include "task/monitor_int.h"
#include <ctype.h>
#include <string.h>

enum { VALUE_MAX = 256 }; /* bytes of an answer */

struct scan {
    const struct question *q; /* without choices: values are read instead */
    struct words t;
    int committed; /* the choice, -1: none; without choices 0: value[] */
    size_t value, value_n;
    uint32_t denied, denied_last; /* all, and by the last thing said (0: it was no denial) */
    int doubt;                    /* the last thing said was taken back */
    int questioned, asked;        /* the last sentence was a question; the choice it asked about, -1 */
    int hedged, concluding;       /* in this sentence: "perhaps"; "so" without a choice behind it yet */
    int chained;                  /* the last sentence was an equation, and ended with ';' */
};

/* ---- what is said ---- */

static void commit(struct scan *s, int choice) {
    s->committed = choice;
    s->denied &= ~(1u << choice);
    s->denied_last = 0, s->doubt = 0;
}

static void deny(struct scan *s, uint32_t mask) {
    if (s->committed >= 0 && (mask >> s->committed & 1)) s->committed = -1;
    s->denied_last = mask & ~s->denied;
    s->denied |= mask;
    s->doubt = 0;
}

static void take_back(struct scan *s) {
    s->denied &= ~s->denied_last;
    s->denied_last = 0, s->committed = -1, s->doubt = 1;
}

static int only_bit(uint32_t mask) { return mask && !(mask & (mask - 1)) ? __builtin_ctz(mask) : -1; }

static int verdict(const struct scan *s) {
    uint32_t all = (1u << s->q->n_choices) - 1;
    if (s->committed >= 0) return s->committed;
    return s->doubt || !s->denied ? -1 : only_bit(all & ~s->denied);
}

/* ---- how sentences open ---- */

static const char *const took_back[] = {"wait",
                                        "but wait",
                                        "oh wait",
                                        "oh, wait",
                                        "hmm wait",
                                        "hmm, wait",
                                        "no wait",
                                        "no, wait",
                                        "hold on",
                                        "actually",
                                        "scratch that",
                                        "on second thought",
                                        "on second thoughts",
                                        "that's wrong",
                                        "that is wrong",
                                        "that's not right",
                                        "that is not right",
                                        "that can't be right",
                                        "that's incorrect",
                                        "never mind",
                                        "I made a mistake",
                                        "I was wrong",
                                        "no,",
                                        "no.",
                                        "no!",
                                        "that cannot be right",
                                        NULL};
static const char *const said_no[] = {"no",    "nope",  "not",       "unlikely", "probably not", "I don't think so",
                                      "never", "wrong", "incorrect", NULL};
static const char *const said_neither[] = {"not sure", "not necessarily", "not yet", "no idea", NULL};
static const char *const said_yes[] = {"yes",     "yeah",   "yep",          "correct",       "right",
                                       "exactly", "indeed", "that's right", "that is right", NULL};
static const char *const asking[] = {"is",   "are", "was",   "does",  "do",   "did", "can", "could", "would", "should", "might",
                                     "what", "why", "which", "where", "when", "who", "how", "has",   "have",  NULL};

/* ---- values, where there are no choices ---- */

static int numeric(const struct str *s) {
    for (size_t i = 0; i < s->len; i++)
        if (!isdigit((unsigned char)s->s[i]) && s->s[i] != '-' && s->s[i] != '/') return 0;
    return s->len > 0;
}

/* The answer of text[n] in normal form, as if it stood in a box: 1, 0, or <0. */
static int normal_value(const struct question *q, const char *text, size_t n, struct str *out) {
    struct str box = {0};
    int rc = str_puts(&box, "\\boxed{");
    if (!rc) rc = str_add(&box, text, n);
    if (!rc) rc = str_puts(&box, "}");
    if (!rc) rc = answer_parse(box.s, q, out);
    str_free(&box);
    return rc;
}

/* Notes text[at, end) as the value, if it may be one after such a cue: called the answer it may have some words, else it is one word, and
 * a number where no conclusion is drawn. */
static void take_value(struct scan *s, enum cue_kind kind, size_t at, size_t end) {
    static const char *const none[] = {"far", "what", "now",  "then", "yes", "no", "on",   "not",
                                       "is",  "be",   "wait", "I",    "we",  "it", "true", NULL};
    struct str normal = {0};
    size_t blanks = 0;
    for (size_t i = at; i < end; i++) blanks += isspace((unsigned char)s->t.s[i]) != 0;
    struct words whole = {s->t.s, end};
    size_t word = words_any(&whole, at, none);
    int fits = end > at && end - at <= VALUE_MAX && memchr(s->t.s + at, 0, end - at) == NULL;
    if (fits && !s->q->check) fits = !memchr(s->t.s + at, '=', end - at) && word != end && blanks <= (kind == CUE_ANSWER ? 5 : 0);
    if (fits && normal_value(s->q, s->t.s + at, end - at, &normal) == 1 && (kind != CUE_IS || numeric(&normal)))
        s->committed = 0, s->value = at, s->value_n = end - at, s->doubt = 0;
    str_free(&normal);
}

/* What stands behind a cue up to the end of its clause, which must have come: a number cut short is another number. */
static size_t read_value(struct scan *s, enum cue_kind kind, size_t cue_end) {
    size_t at = target_fill(&s->t, cue_end), end = at;
    const struct words near = {s->t.s, s->t.n - at > 2 * VALUE_MAX ? at + 2 * VALUE_MAX : s->t.n}, *t = &near;
    char mark;
    size_t stop = words_sentence(t, at, &mark);
    if (!mark || kind == CUE_NOT || at >= stop) return cue_end;
    for (; end < stop - 1; end++)
        if ((t->s[end] == ',' || t->s[end] == ':') && !isdigit((unsigned char)t->s[end + 1])) break;
    while (end > at && t->s[end - 1] && strchr(" \t\r*_$\"'`", t->s[end - 1])) end--;
    if (end - at > 2 && !memcmp(t->s + end - 2, "\\)", 2)) end -= 2;
    take_value(s, kind, at, end);
    return s->committed >= 0 && s->value == at ? end : cue_end;
}

/* Equations in a row, "52+74=26; 26-78=48.": the one that ends with a full stop ends the row, and says what it comes to. */
static void read_equation(struct scan *s, size_t at, size_t end, char mark) {
    size_t equals = 0;
    int chained = s->chained;
    s->chained = 0;
    for (size_t i = words_skip(&s->t, at, ", "); mark && i < end - 1; i++) { /* behind "Wait, " */
        char c = s->t.s[i];
        if (!c || !strchr("0123456789+-*/= ", c) || (c == '=' && equals)) return;
        if (c == '=') equals = i + 1;
    }
    s->chained = equals && mark == ';';
    if (chained && equals && mark == '.') take_value(s, CUE_SO, equals, end - 1);
}

/* ---- choices ---- */

/* Whether one of `marks` stands in text[at, end). */
static int holds(const struct scan *s, size_t at, size_t end, const char *marks) {
    for (; at < end; at++)
        if (s->t.s[at] && strchr(marks, s->t.s[at])) return 1;
    return 0;
}

/* The choice behind a positive cue, or what is then said of it. Only an answer may begin on a line of its own. Returns where reading goes on. */
static size_t read_choice(struct scan *s, enum cue_kind kind, size_t cue_end, int letters) {
    struct target x;
    size_t past = 0;
    if (!target_read(s->q, &s->t, cue_end, &x) || (letters && !x.letter)) return cue_end;
    if (kind != CUE_ANSWER && holds(s, cue_end, x.begin, "\n")) return cue_end;
    int said = target_verdict(&s->t, x.end, x.count, &past);
    if (said < 0) deny(s, x.mask);
    if (said > 0 && x.count == 1) commit(s, x.first);
    if (said) return past;
    /* "A and B", "A or B": neither; "So B, and A …": the list was two clauses */
    if (x.count > 1 && (x.either || s->t.s[words_skip(&s->t, x.first_end, " *_)\"'`")] != ',')) return x.end;
    if (x.marked || target_closes(&s->t, x.first_end)) commit(s, x.first);
    return x.first_end;
}

static size_t read_denied(struct scan *s, size_t cue_end, int letters) {
    struct target x;
    size_t past;
    if (!target_read(s->q, &s->t, cue_end, &x) || (letters && !x.letter)) return cue_end;
    if (target_verdict(&s->t, x.end, x.count, &past)) return past; /* "not because A is wrong" */
    if (x.marked || x.count > 1 || target_closes(&s->t, x.end)) deny(s, x.mask);
    return x.end;
}

/* Once "so" has opened the sentence: the choice behind "is", if it is no number. Returns where reading goes on, or 0. */
static size_t read_concluded(struct scan *s, size_t at) {
    static const char *const is[] = {"is", "was", NULL};
    struct target x;
    size_t end = words_any(&s->t, at, is);
    if (!end || !target_read(s->q, &s->t, end, &x) || x.count > 1 || holds(s, end, x.begin, ":\n")) return 0;
    if ((!x.letter && isdigit((unsigned char)s->t.s[x.end - 1])) || !target_closes(&s->t, x.end)) return 0;
    commit(s, x.first);
    return x.end;
}

/* A choice with a verdict behind it, without a cue. Returns where reading goes on, or 0. */
static size_t read_plain(struct scan *s, size_t at) {
    struct target x;
    size_t past = s->concluding ? read_concluded(s, at) : 0;
    if (past || !target_read(s->q, &s->t, at, &x) || !target_alone(&s->t, &x)) return past;
    int said = target_verdict(&s->t, x.end, x.count, &past);
    if (said < 0) deny(s, x.mask);
    if (said > 0 && x.count == 1) commit(s, x.first);
    return said ? past : 0;
}

/* ---- reading on ---- */

/* The content of the \boxed{…} at `at`; returns where it ends, or 0. */
static size_t read_box(struct scan *s, size_t at) {
    static const char mark[] = "\\boxed{";
    const struct words *t = &s->t;
    struct str normal = {0};
    if (t->n - at < sizeof mark || memcmp(t->s + at, mark, sizeof mark - 1)) return 0;
    size_t from = at + sizeof mark - 1, end = from;
    for (int depth = 1; end < t->n && end - from <= VALUE_MAX; end++)
        if (!(depth += (t->s[end] == '{') - (t->s[end] == '}'))) break;
    if (end == t->n || end - from > VALUE_MAX || memchr(t->s + from, 0, end - from)) return 0;
    if (normal_value(s->q, t->s + from, end - from, &normal) == 1) {
        if (s->q->n_choices)
            commit(s, normal.s[0] - 'A');
        else
            s->committed = 0, s->value = from, s->value_n = end - from, s->doubt = 0;
    }
    str_free(&normal);
    return end + 1;
}

/* The word at `at`, with what follows it; returns where reading goes on. */
static size_t read_word(struct scan *s, size_t at) {
    size_t end, past;
    int letters, choices = s->q->n_choices > 0;
    enum cue_kind kind = cue_read(&s->t, at, &end, &letters);
    if (kind == CUE_SO || kind == CUE_TURN) s->hedged = 0;
    s->concluding |= kind == CUE_SO;
    s->hedged |= kind == CUE_HEDGE;
    if (!kind) return choices && !s->hedged && (past = read_plain(s, at)) ? past : at + 1;
    if (s->hedged || kind == CUE_SKIP || kind == CUE_TURN) return end;
    if (!choices) return read_value(s, kind, end);
    return kind == CUE_NOT ? read_denied(s, end, letters) : read_choice(s, kind, end, letters);
}

/* The sentence answers the question before it. Returns where reading goes on, or 0. */
static size_t read_reply(struct scan *s, size_t at, int asked) {
    size_t unsure = words_any(&s->t, at, said_neither);
    size_t yes = unsure ? 0 : words_any(&s->t, at, said_yes), no = unsure || yes ? 0 : words_any(&s->t, at, said_no);
    if (yes && asked >= 0) commit(s, asked);
    if (no && asked >= 0) deny(s, 1u << asked);
    return unsure + yes + no;
}

/* How a sentence opens: an answer to the question before it, or taking back. Returns where reading goes on. */
static size_t read_opening(struct scan *s, size_t at) {
    size_t end = s->questioned ? read_reply(s, at, s->asked) : 0;
    s->asked = -1, s->questioned = 0;
    if (end || !(end = words_any(&s->t, at, took_back))) return end ? end : at;
    take_back(s);
    return end;
}

static size_t read_sentence(struct scan *s, size_t at) {
    char mark;
    at = words_skip(&s->t, at, " \t\r\n*_#>(\"'`-.?!;");
    size_t end = words_sentence(&s->t, at, &mark);
    if (at == end) return end;
    at = read_opening(s, at);
    s->hedged = s->concluding = 0;
    if (mark == '?' || (!mark && words_any(&s->t, at, asking))) {
        s->questioned = 1;
        if (s->q->n_choices && at < end) s->asked = target_only(s->q, &s->t, at, end);
        return end;
    }
    if (!s->q->n_choices && !s->q->check && at < end) read_equation(s, at, end, mark);
    while (at < end) {
        size_t past = s->t.s[at] == '\\' ? read_box(s, at) : word_start(&s->t, at) ? read_word(s, at) : 0;
        if (!past && s->t.s[at] == ',' && words_phrase(&s->t, words_skip(&s->t, at, ", "), "wait")) take_back(s);
        at = past > at ? past : at + 1;
    }
    return at > end ? at : end;
}

static void read_thought(struct scan *s, const struct question *q, const char *text, size_t n) {
    *s = (struct scan){.q = q, .t = {text, n}, .committed = -1, .asked = -1};
    for (size_t at = 0; at < n;) at = read_sentence(s, at);
}

int monitor_rules(const struct question *q, const char *text, size_t n) {
    struct scan s;
    if (!q->n_choices) return -1;
    read_thought(&s, q, text, n);
    return verdict(&s);
}

int monitor_rules_free(const struct question *q, const char *text, size_t n, struct str *out) {
    struct scan s;
    str_clear(out);
    if (q->n_choices) return 0;
    read_thought(&s, q, text, n);
    return s.committed < 0 ? 0 : normal_value(q, text + s.value, s.value_n, out);
}
