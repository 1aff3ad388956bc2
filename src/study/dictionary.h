/* Counting the words of a dictionary in a text.
 *
 * A dictionary is compiled once (an Aho-Corasick automaton over folded characters) and then finds all its forms in one pass over a folded
 * text. A form counts where its rule allows it:
 *   word       begins and ends at word boundaries; it may be of several words, with one space between them
 *   stem       begins at a word boundary; any ending may follow (also a vowel sign that continues the last letter)
 *   substring  anywhere, but never a part of a grapheme: for writing without spaces, and for words that take prefixes
 * Behind an apostrophe a word begins as well (l'aide). Hits never overlap: longer ones go first, of equally long ones the one to the left,
 * so that "to threaten" is not counted again as "threat". Rates are per 1,000 graphemes of the original text.
 * Owner: dictionary_free, prepared_free, hits_free. A compiled dictionary is immutable: any thread. */
#ifndef STUDY_DICTIONARY_H
#define STUDY_DICTIONARY_H
#include "study/language.h"

enum { FORM_MAX_CHARACTERS = 64 };

struct dictionary;
/* l and its source are borrowed and must outlive the dictionary. Errors have the form's place: a form that folds to nothing, is longer
 * than FORM_MAX_CHARACTERS, or folds to the same characters as another one. */
int dictionary_build(struct dictionary **out, const struct language *l, const struct dictionary_source *source, struct err *e);
void dictionary_free(struct dictionary *d);
const struct dictionary_source *dictionary_source(const struct dictionary *d);

/* A text made ready for all dictionaries of a language; s is borrowed. */
struct prepared {
    const char *s;
    size_t n;
    struct folded f;
    struct breaks b;
};
int text_prepare(struct prepared *p, const struct language *l, const char *s, size_t n, struct err *e);
void prepared_free(struct prepared *p);

struct hit {
    size_t from, to; /* bytes [from, to) of the original text */
    int form;        /* index into the source's forms */
};
struct hits {
    struct hit *at; /* in the order of the text */
    size_t n;
    size_t *per_form; /* [n_forms] */
    size_t per_kind[LANGUAGE_MAX_KINDS];
    size_t graphemes, words; /* of the text */
};
int dictionary_match(const struct dictionary *d, const struct prepared *p, struct hits *out, struct err *e);
/* The same, and for each form how many hits more there would be without it in the dictionary: as a rule −per_form, but a shorter form may
 * come to light where it was. without[n_forms]. */
int dictionary_match_without(const struct dictionary *d, const struct prepared *p, struct hits *out, ptrdiff_t *without,
                             struct err *e);
/* The same of a text that is asked once. */
int dictionary_count(const struct dictionary *d, const struct language *l, const char *s, size_t n, struct hits *out,
                     struct err *e);
void hits_free(struct hits *h);
double hits_per_1000(size_t hits, size_t graphemes); /* 0 of an empty text */
#endif
