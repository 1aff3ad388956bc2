/* Words and sentences, by bytes.
 *
 * Beyond ASCII a few lead bytes tell punctuation from letters: C2 (Latin-1 signs), E2 (general punctuation, arrows, operators), E3 80 and
 * EF BC (East Asian punctuation). That is coarse, and enough for cues that are ASCII themselves. */
#include "task/words.h"
#include <ctype.h>
#include <string.h>

static unsigned char byte(const struct words *t, size_t i) { return i < t->n ? (unsigned char)t->s[i] : 0; }

static int plain(const struct words *t, size_t i) { return isalnum(byte(t, i)) != 0; }

/* U+2019 from byte i on. */
static int curly(const struct words *t, size_t i) {
    return byte(t, i) == 0xe2 && byte(t, i + 1) == 0x80 && byte(t, i + 2) == 0x99;
}

/* The first byte of the character that byte i is in. */
static size_t lead(const struct words *t, size_t i) {
    size_t j = i;
    while (j > 0 && i - j < 3 && (byte(t, j) & 0xc0) == 0x80) j--;
    return j;
}

int word_byte(const struct words *t, size_t i) {
    unsigned char c = byte(t, i);
    if (c < 0x80) return isalnum(c) || (c == '\'' && i > 0 && plain(t, i - 1) && plain(t, i + 1));
    size_t j = lead(t, i);
    unsigned char a = byte(t, j), b = byte(t, j + 1);
    if (curly(t, j)) return j > 0 && plain(t, j - 1) && plain(t, j + 3);
    if (a == 0xc2 || a == 0xe2 || (a == 0xe3 && b == 0x80) || (a == 0xef && b == 0xbc)) return 0;
    return !(a == 0xc3 && (b == 0x97 || b == 0xb7)); /* the signs of product and quotient */
}

int word_start(const struct words *t, size_t i) { return word_byte(t, i) && !(i > 0 && word_byte(t, i - 1)); }

/* A character of U+2010…U+201F: dashes and quotation marks. */
static int fancy(const struct words *t, size_t i) {
    return byte(t, i) == 0xe2 && byte(t, i + 1) == 0x80 && byte(t, i + 2) >= 0x90 && byte(t, i + 2) <= 0x9f;
}

size_t words_skip(const struct words *t, size_t at, const char *set) {
    int quotes = strchr(set, '"') != NULL;
    while (at < t->n) {
        if (t->s[at] && strchr(set, t->s[at]))
            at++;
        else if (quotes && fancy(t, at))
            at += 3;
        else
            break;
    }
    return at;
}

size_t words_phrase(const struct words *t, size_t at, const char *phrase) {
    for (; *phrase; phrase++) {
        size_t from = at;
        if (*phrase == ' ') {
            at = words_skip(t, at, " \t\r\n*_");
            if (at == from) return 0;
        } else if (*phrase == '\'' && curly(t, at)) {
            at += 3;
        } else if (at < t->n && tolower(byte(t, at)) == tolower((unsigned char)*phrase)) {
            at++;
        } else {
            return 0;
        }
    }
    return isalnum((unsigned char)phrase[-1]) && word_byte(t, at) ? 0 : at;
}

size_t words_any(const struct words *t, size_t at, const char *const *phrases) {
    for (; *phrases; phrases++) {
        size_t end = words_phrase(t, at, *phrases);
        if (end) return end;
    }
    return 0;
}

size_t words_sentence(const struct words *t, size_t at, char *mark) {
    for (; at < t->n; at++) {
        char c = t->s[at];
        if (!c || !strchr(".?!;\n", c) || (c == '.' && word_byte(t, at + 1))) continue;
        *mark = c;
        return at + 1;
    }
    *mark = 0;
    return t->n;
}

int clause_start(const struct words *t, size_t i) {
    while (i > 0 && t->s[i - 1] && strchr(" \t\r*_\"'`", t->s[i - 1])) i--;
    if (i == 0 || strchr(".?!;:,(-\n", t->s[i - 1])) return 1;
    return i >= 3 && fancy(t, i - 3);
}

size_t word_before(const struct words *t, size_t i) {
    size_t end = i, at;
    if (clause_start(t, i)) return i;
    while (end > 0 && t->s[end - 1] && strchr(" \t\r*_\"'`", t->s[end - 1])) end--;
    for (at = end; at > 0 && word_byte(t, at - 1);) at--;
    return at == end ? i : at;
}
