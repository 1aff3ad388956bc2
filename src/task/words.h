/* Words, phrases and sentences of a text that may be cut anywhere, even within a character.
 *
 * What the readers of thoughts (monitor, inflection) share: where a word begins, whether a phrase stands at a place, where a sentence
 * ends. They look at bytes and need no table of the language: letters and digits of ASCII and every other script make words, punctuation
 * and symbols do not. Nothing here reads past n. Pure functions; any thread. */
#ifndef TASK_WORDS_H
#define TASK_WORDS_H
#include <stddef.h>

struct words {
    const char *s;
    size_t n;
};

/* Byte i belongs to a word. An apostrophe (' or U+2019) between letters does. */
int word_byte(const struct words *t, size_t i);
/* A word begins at byte i. */
int word_start(const struct words *t, size_t i);
/* The first byte from `at` on that is not in `set`; quotation marks and dashes beyond ASCII count as in any set that has '"'. */
size_t words_skip(const struct words *t, size_t at, const char *set);
/* Whether `phrase` stands at `at`: returns where it ends, 0 if it does not. Case of ASCII is ignored, a blank stands for any run of blanks,
 * line ends and Markdown's * and _, an apostrophe for U+2019 too. What ends in a letter ends with its word. */
size_t words_phrase(const struct words *t, size_t at, const char *phrase);
/* The first of a list (NULL ends it) that stands at `at`; returns where it ends, or 0. */
size_t words_any(const struct words *t, size_t at, const char *const *phrases);
/* Where the sentence at `at` ends: past its `.`, `?`, `!`, `;` or line end, which goes to *mark; or n, *mark 0: it may go on. A full stop
 * within a word or number ends none. */
size_t words_sentence(const struct words *t, size_t at, char *mark);
/* The word before byte i begins there; i where a clause begins at i, or there is none. */
size_t word_before(const struct words *t, size_t i);
/* A clause begins at byte i: the text begins there, or only blanks and marks stand between it and . ? ! ; : , ( - or a line end. */
int clause_start(const struct words *t, size_t i);
#endif
