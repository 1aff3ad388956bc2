/* Text made comparable: what differs between two spellings of the same word is folded away, and every folded character still knows the
 * bytes it came from.
 *
 * Folding is NFKC with full case folding (Unicode's NFKC_Casefold: ß is ss, ﬁ is fi, full-width letters are plain, zero-width characters
 * and soft hyphens are gone), after that
 *   - typographic apostrophes (U+2018, U+2019, U+02BC, U+FF07) are ', and any white space is one space;
 *   - with `turkic`, I folds to ı and İ to i, as Turkish and Azerbaijani want it;
 *   - FOLD_TASHKEEL removes Arabic vowel and Koranic marks, FOLD_TATWEEL the stretching stroke, FOLD_HAMZA makes أ إ آ ٱ plain ا and ى ي;
 *   - FOLD_NUKTA removes the dot of borrowed Devanagari letters; vowel signs always stay, since they make another word;
 *   - FOLD_YO makes ё е.
 * Bytes that are no UTF-8 fold to U+FFFD and match nothing. Linear in the text.
 * Boundaries of graphemes and words (ICU, with its dictionaries for Thai, Chinese and Japanese) are those of the original text.
 * Thread: pure functions; a struct folded belongs to its caller. */
#ifndef STUDY_FOLD_H
#define STUDY_FOLD_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define FOLD_MARK_MAP(XX)       \
    XX(TASHKEEL, "tashkeel", 1) \
    XX(TATWEEL, "tatweel", 2)   \
    XX(HAMZA, "hamza", 4)       \
    XX(NUKTA, "nukta", 8)       \
    XX(YO, "yo", 16)
enum fold_mark {
#define XX(id, name, bit) FOLD_##id = bit,
    FOLD_MARK_MAP(XX)
#undef XX
};
unsigned fold_mark_bit(const char *name); /* 0: no such mark */
const char *fold_mark_names(void);        /* "tashkeel, tatweel, …" */

struct fold_rules {
    int turkic;
    unsigned ignore; /* FOLD_* */
};

struct folded {
    uint32_t *code;  /* [n] folded characters */
    uint32_t *start; /* [n] byte of the original where the character's source begins */
    uint32_t *end;   /* [n] byte after its source */
    size_t n;
};
enum { FOLD_MAX_BYTES = 64 << 20 };
int fold_text(struct folded *out, const struct fold_rules *r, const char *s, size_t n, struct err *e);
void folded_free(struct folded *f);

/* Flags per byte offset of a text, 0..n. */
enum { AT_GRAPHEME = 1, AT_WORD = 2 };
struct breaks {
    unsigned char *at;       /* [n + 1] AT_*: a boundary lies before this byte */
    size_t graphemes, words; /* words: segments with a letter or number in them */
};
int find_breaks(struct breaks *out, const char *locale, const char *s, size_t n, struct err *e);
void breaks_free(struct breaks *b);
int count_graphemes(const char *s, size_t n, size_t *out, struct err *e);
#endif
