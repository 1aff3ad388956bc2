/* Writing systems by their ISO 15924 code, as language files name them ("Latn"). Some codes are several of Unicode's scripts: Jpan is
 * Han, Hiragana and Katakana, Kore Hangul and Han, Hans and Hant are Han. Thread: pure functions. */
#ifndef STUDY_SCRIPT_H
#define STUDY_SCRIPT_H
#include <stdint.h>

enum { SCRIPT_PARTS = 3 };
struct script {
    int part[SCRIPT_PARTS]; /* Unicode scripts (ICU's numbers); -1: none */
};
int script_find(struct script *out, const char *code); /* 1, or 0: no such code */
int script_of(uint32_t letter);                        /* ICU's number of the script that a letter is in */
int script_has(const struct script *s, int of);
/* Whether a grapheme of it is a syllable or a word, so that few of them say much: Han, kana, Hangul, Thai. */
int script_dense(const struct script *s);
/* Whether two codes share a script: their texts have to be told apart by words. */
int script_shared(const struct script *a, const struct script *b);
#endif
