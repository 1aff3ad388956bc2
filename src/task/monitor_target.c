/* What names a choice in a thought, and what is said of it.
 *
 * A choice is named by its letter or by its whole text. A letter is also a word of the language ("A cat", "I think"), so a bare one counts
 * only where a clause ends behind it or something is said of it; "I" counts only in brackets. A text must be there whole and end with its
 * word; where the thought is cut and a longer option could still come, nothing is named. */
#include "task/monitor_int.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

enum {
    OPTION_MAX = 512, /* longer options are known by their letter only */
    FILLERS_MAX = 12, /* words before a name */
};

static char at_byte(const struct words *t, size_t i) { return i < t->n ? t->s[i] : 0; }

static int is_one_of(char c, const char *set) { return c && strchr(set, c); }

/* ---- before a name ---- */

static const char *const fillers[] = {
    "the",  "a",        "an",    "option",      "choice",     "letter",    "answer", "only",     "us",     "with", "that",
    "it",   "likely",   "still", "most likely", "definitely", "clearly",   "surely", "simply",   "indeed", "then", "really",
    "just", "probably", "must",  "be",          "certainly",  "therefore", "thus",   "actually", "now",    NULL};

size_t target_fill(const struct words *t, size_t at) {
    for (size_t i = 0, from = t->n + 1; i < FILLERS_MAX && from != at; i++) {
        from = at;
        at = words_skip(t, at, " \t\r\n*_$([{\"'`:,");
        for (const char *const *macro = (const char *const[]){"\\text{", "\\textbf{", "\\mathrm{", "\\(", NULL}; *macro; macro++)
            if (t->n - at >= strlen(*macro) && !memcmp(t->s + at, *macro, strlen(*macro))) at += strlen(*macro);
        size_t end = at < t->n && islower((unsigned char)t->s[at]) ? words_any(t, at, fillers) : 0;
        if (end) at = end;
    }
    return at;
}

/* ---- names ---- */

/* The bytes of an option without the blanks around it and the stop behind it. */
static size_t option_text(const char **s) {
    while (isspace((unsigned char)**s)) ++*s;
    size_t n = strlen(*s);
    while (n && (isspace((unsigned char)(*s)[n - 1]) || (*s)[n - 1] == '.')) n--;
    return n;
}

/* Whether another option goes on where the text, cut short, ends: its beginning is s[n]. */
static int may_become(const struct question *q, int self, const char *s, size_t n, int letter) {
    for (int i = 0; i < q->n_choices; i++) {
        const char *o = q->choices[i];
        size_t len = option_text(&o);
        if (i != self && len > n && !(letter ? strncmp : strncasecmp)(o, s, n)) return 1;
    }
    return 0;
}

/* A number that goes on, or is part of an expression. */
static int number_goes_on(const struct words *t, size_t end) {
    char c = at_byte(t, end), next = at_byte(t, end + 1);
    if (!isdigit((unsigned char)t->s[end - 1])) return 0;
    if ((c == '.' || c == ',') && isdigit((unsigned char)next)) return 1;
    return is_one_of(at_byte(t, words_skip(t, end, " \t")), "/^*+-=%");
}

/* The option whose text stands at `at`, the longest; -1 for none, or for two with the same text. */
static int value_at(const struct question *q, const struct words *t, size_t at, size_t *end) {
    int found = -1;
    size_t longest = 0;
    for (int i = 0; i < q->n_choices; i++) {
        const char *o = q->choices[i];
        size_t n = option_text(&o);
        if (!n || n > OPTION_MAX || n > t->n - at || n < longest || strncasecmp(o, t->s + at, n)) continue;
        if ((word_byte(t, at + n - 1) && word_byte(t, at + n)) || number_goes_on(t, at + n)) continue;
        found = n == longest ? -1 : i;
        longest = n;
    }
    *end = at + longest;
    return found >= 0 && *end == t->n && may_become(q, found, t->s + at, longest, 0) ? -1 : found;
}

static int letter_at(const struct question *q, const struct words *t, size_t at, size_t *end, int *marked) {
    int i = at_byte(t, at) - 'A';
    char next = at_byte(t, at + 1);
    if (i < 0 || i >= q->n_choices || (next == '\'' && isalpha((unsigned char)at_byte(t, at + 2)))) return -1;
    if (word_byte(t, at + 1) || is_one_of(next, "-+/&=%^<>")) return -1;
    *marked = next == ')' || next == ']';
    if (!*marked && (i == 'I' - 'A' || (at + 1 == t->n && may_become(q, i, t->s + at, 1, 1)))) return -1;
    *end = at + 1 + (size_t)*marked;
    return i;
}

struct name {
    size_t end;
    int letter, marked; /* as in struct target */
};

/* One choice right at `at`: a letter (and its text behind it), or a text. */
static int name_at(const struct question *q, const struct words *t, size_t at, struct name *x) {
    *x = (struct name){.end = at};
    if (at >= t->n) return -1;
    int i = letter_at(q, t, at, &x->end, &x->marked);
    x->letter = i >= 0;
    if (i < 0) return value_at(q, t, at, &x->end);
    size_t past, from = words_skip(t, x->end, " *_:.");
    if (from < t->n && from > x->end && value_at(q, t, from, &past) == i) x->end = past;
    return i;
}

/* "," "and" "or" "nor" "/" between two names; returns where the next begins, or 0. */
static size_t joint(const struct words *t, size_t at, int *either) {
    static const char *const words[] = {"and", "or", "nor", "&", "/", NULL};
    size_t from = words_skip(t, at, " *_`'\""), end;
    int comma = at_byte(t, from) == ',';
    if (comma) from = words_skip(t, from + 1, " *_`'\"");
    *either |= words_phrase(t, from, "or") != 0;
    if ((end = words_any(t, from, words))) return target_fill(t, end);
    return comma ? target_fill(t, from) : 0;
}

int target_read(const struct question *q, const struct words *t, size_t at, struct target *out) {
    struct name x;
    size_t begin = target_fill(t, at);
    int i = name_at(q, t, begin, &x);
    if (i < 0) return 0;
    *out = (struct target){.mask = 1u << i,
                           .first = i,
                           .begin = begin,
                           .first_end = x.end,
                           .end = x.end,
                           .count = 1,
                           .letter = x.letter,
                           .marked = x.marked};
    while (out->count < QUESTION_MAX_CHOICES) {
        int either = out->either;
        at = joint(t, out->end, &either);
        if (!at || (i = name_at(q, t, at, &x)) < 0) break;
        out->mask |= 1u << i, out->end = x.end, out->count++, out->either = either;
    }
    return 1;
}

/* ---- behind a name ---- */

static size_t past_marks(const struct words *t, size_t at) { return words_skip(t, at, "*_$)]}\"'`"); }

int target_closes(const struct words *t, size_t end) {
    static const char *const reasons[] = {"because", "since", "as",  "which", "due",   "given", "but",
                                          "here",    "by",    "for", "based", "again", "then",  NULL};
    size_t at = past_marks(t, end);
    if (at == t->n || at != end || is_one_of(t->s[at], ".,;:!?\n\r")) return 1;
    at = words_skip(t, at, " \t");
    return at == t->n || is_one_of(t->s[at], "(-\n\r") || words_any(t, at, reasons);
}

/* "is" and the like, then what it is. */
static const char *const being[] = {"is",        "must be",   "seems",   "looks", "would be",
                                    "should be", "has to be", "appears", "are",   NULL};
static const char *const not_being[] = {"is not",       "isn't",        "cannot be",     "can't be",    "can not be",
                                        "are not",      "aren't",       "was not",       "must not be", "couldn't be",
                                        "could not be", "doesn't seem", "does not seem", NULL};
static const char *const right[] = {"correct",
                                    "right",
                                    "the answer",
                                    "the correct",
                                    "the right",
                                    "the best",
                                    "best",
                                    "my answer",
                                    "most likely",
                                    "the most likely",
                                    "to be correct",
                                    "to be the",
                                    "the most appropriate",
                                    "most appropriate",
                                    "it",
                                    "the only option",
                                    "the only one",
                                    "the one",
                                    NULL};
static const char *const wrong[] = {"wrong",      "incorrect",   "unlikely",    "eliminated",    "ruled out", "excluded",
                                    "impossible", "less likely", "implausible", "very unlikely", "not",       NULL};
static const char *const adverbs[] = {"probably", "likely",    "definitely", "clearly", "also",     "indeed", "therefore",
                                      "thus",     "certainly", "surely",     "still",   "actually", "then",   NULL};
static const char *const fits[] = {
    "fits best", "fits the best", "makes the most sense", "makes sense", "sounds right", "sounds correct", "looks good",
    "it is",     "it must be",    "it has to be",         NULL};
static const char *const fits_not[] = {
    "doesn't fit",         "does not fit",     "doesn't match",     "does not match",  "doesn't work",
    "does not work",       "makes no sense",   "don't fit",         "do not fit",      "doesn't make sense",
    "does not make sense", "can be ruled out", "can be eliminated", "can be excluded", NULL};
static const char *const more_right[] = {"likely", "possible", "plausible", "appropriate", "a match", "a good fit", NULL};

static const char *const of_one[] = {"is", "isn't", "seems", "looks", "appears", "fits", "makes", "doesn't", "does not", NULL};

static size_t then(const struct words *t, size_t at, const char *const *phrases) {
    static const char marks[] = " \t*_\"'";
    if (!at) return 0;
    at = words_skip(t, at, marks);
    size_t end = words_any(t, at, phrases), adverb = end ? 0 : words_any(t, at, adverbs);
    return adverb ? words_any(t, words_skip(t, adverb, marks), phrases) : end;
}

int target_verdict(const struct words *t, size_t end, int count, size_t *past) {
    size_t at = past_marks(t, end), no;
    if (words_skip(t, at, " \t") == at && at < t->n) return 0;
    at = words_skip(t, at, " \t");
    if (count > 1 && words_any(t, at, of_one)) return 0;
    if ((*past = words_any(t, at, fits_not))) return -1;
    if ((*past = words_any(t, at, fits))) return 1;
    if ((no = words_any(t, at, not_being)))
        return (*past = then(t, no, right)) || (*past = then(t, no, more_right)) || (target_closes(t, no) && (*past = no)) ? -1
                                                                                                                           : 0;
    size_t is = words_any(t, at, being);
    if ((*past = then(t, is, wrong))) return -1;
    return (*past = then(t, is, right)) ? 1 : 0;
}

/* ---- alone, and in a question ---- */

/* Words before a letter that leave it a letter. */
static const char *const before_letters[] = {
    "option", "choice", "answer", "that",    "so",    "and",   "or",      "but",   "then",  "think",     "is",     "be",  "it",
    "about",  "was",    "choose", "not",     "if",    "why",   "does",    "could", "would", "can",       "should", "are", "than",
    "with",   "to",     "for",    "because", "since", "while", "believe", "says",  "thus",  "therefore", "of",     NULL};

static int letter_alone(const struct words *t, size_t at) {
    size_t before = word_before(t, at);
    return before == at || words_any(t, before, before_letters);
}

int target_alone(const struct words *t, const struct target *x) { return !x->letter || x->marked || letter_alone(t, x->begin); }

/* A bare "A" before a word is an article: "Is A cat?" asks for nothing of that name. */
static int an_article(const struct words *t, size_t at, size_t end) {
    size_t past;
    return t->s[at] == 'A' && end == at + 1 && !target_closes(t, end) && !target_verdict(t, end, 1, &past) &&
           !then(t, end, right);
}

int target_only(const struct question *q, const struct words *t, size_t at, size_t end) {
    struct name x;
    int found = -1;
    while (at < end) {
        int i = word_start(t, at) || at_byte(t, at) == '-' ? name_at(q, t, at, &x) : -1;
        if (i >= 0 && x.letter && !x.marked && (an_article(t, at, x.end) || !letter_alone(t, at))) i = -1;
        if (i >= 0 && found >= 0 && i != found) return -1;
        if (i >= 0) found = i;
        at = i >= 0 && x.end > at ? x.end : at + 1;
    }
    return found;
}
