/* Inflection points by rules.
 *
 * Only the opening of a sentence is looked at, and only one that is written as an opening, with a capital: "wait" within a sentence is
 * mostly just a word. What could be a plain word at an opening too ("Wait times", "Actually the") must have its comma. Longer cues come first,
 * so "But wait" is a reconsideration and no backtrack. */
#include "task/inflection.h"
#include "task/words.h"
#include <ctype.h>
#include <string.h>

static const struct cue {
    const char *phrase;
    enum inflection_kind kind;
    int pause; /* a comma, stop or dash must follow */
} cues[] = {
    {"but wait", INFLECTION_RECONSIDERATION, 0},
    {"but hold on", INFLECTION_RECONSIDERATION, 0},
    {"but actually", INFLECTION_RECONSIDERATION, 0},
    {"hmm", INFLECTION_RECONSIDERATION, 0},
    {"hm", INFLECTION_RECONSIDERATION, 1},
    {"hold on", INFLECTION_RECONSIDERATION, 1},
    {"on second thought", INFLECTION_RECONSIDERATION, 0},
    {"on second thoughts", INFLECTION_RECONSIDERATION, 0},
    {"let me double-check", INFLECTION_RECONSIDERATION, 0},
    {"let me double check", INFLECTION_RECONSIDERATION, 0},
    {"let me re-check", INFLECTION_RECONSIDERATION, 0},
    {"let me recheck", INFLECTION_RECONSIDERATION, 0},
    {"let me check again", INFLECTION_RECONSIDERATION, 0},
    {"let me reconsider", INFLECTION_RECONSIDERATION, 0},
    {"let me rethink", INFLECTION_RECONSIDERATION, 0},
    {"let me re-examine", INFLECTION_RECONSIDERATION, 0},
    {"oh", INFLECTION_REALIZATION, 1},
    {"oh wait", INFLECTION_REALIZATION, 0},
    {"oh right", INFLECTION_REALIZATION, 0},
    {"ah", INFLECTION_REALIZATION, 1},
    {"ah yes", INFLECTION_REALIZATION, 0},
    {"aha", INFLECTION_REALIZATION, 0},
    {"I see now", INFLECTION_REALIZATION, 0},
    {"now I see", INFLECTION_REALIZATION, 0},
    {"I see", INFLECTION_REALIZATION, 1},
    {"I just realized", INFLECTION_REALIZATION, 0},
    {"I realize now", INFLECTION_REALIZATION, 0},
    {"wait", INFLECTION_BACKTRACK, 1},
    {"wait no", INFLECTION_BACKTRACK, 0},
    {"no wait", INFLECTION_BACKTRACK, 0},
    {"no, wait", INFLECTION_BACKTRACK, 0},
    {"actually", INFLECTION_BACKTRACK, 1},
    {"actually no", INFLECTION_BACKTRACK, 0},
    {"scratch that", INFLECTION_BACKTRACK, 0},
    {"I made a mistake", INFLECTION_BACKTRACK, 0},
    {"let me correct", INFLECTION_BACKTRACK, 0},
};

const char *inflection_name(enum inflection_kind kind) {
    static const char *const names[INFLECTION_KINDS] = {"backtrack", "realization", "reconsideration"};
    return names[kind];
}

/* A comma, stop, dash or ellipsis at `at`; "Wait-list" has none. */
static int pauses(const struct words *t, size_t at) {
    at = words_skip(t, at, "*_");
    if (at < t->n && t->s[at] && strchr(",.!:;", t->s[at])) return 1;
    size_t next = words_skip(t, at, " ");
    if (t->n - next < 2) return 0;
    if (t->s[next] == '-') return t->s[next + 1] == '-' || t->s[next + 1] == ' ';
    return !memcmp(t->s + next, "\xe2\x80", 2) && t->n - next > 2 && strchr("\x93\x94\x95\xa6", t->s[next + 2]) && t->s[next + 2];
}

/* The cue that opens a sentence at `at`; returns whether there is one. */
static int opens(const struct words *t, size_t at, enum inflection_kind *kind) {
    for (size_t i = 0; i < sizeof cues / sizeof *cues; i++) {
        size_t end = words_phrase(t, at, cues[i].phrase);
        if (!end || (cues[i].pause && !pauses(t, end))) continue;
        *kind = cues[i].kind;
        return 1;
    }
    return 0;
}

int inflections(const char *text, size_t n, struct inflection *out, int cap) {
    const struct words t = {text, n};
    int found = 0;
    for (size_t at = 0; at < n && found < cap;) {
        enum inflection_kind kind;
        char mark;
        at = words_skip(&t, at, " \t\r\n*_#>(\"'`-.?!;");
        if (at < n && isupper((unsigned char)text[at]) && opens(&t, at, &kind)) out[found++] = (struct inflection){at, kind};
        at = words_sentence(&t, at, &mark);
    }
    return found;
}
