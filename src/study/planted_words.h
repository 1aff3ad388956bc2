/* What planted agents make text of: dictionary forms that are hit once and by nothing else, and neutral pieces that are not hit at all.
 * Owner: vocabulary_free; texts are borrowed from the language or owned here. Immutable: any thread. */
#ifndef STUDY_PLANTED_WORDS_H
#define STUDY_PLANTED_WORDS_H
#include "study/dictionary.h"
#include "study/planted.h"

struct piece {
    char *text;
    size_t len;
    int graphemes, words, kind; /* of the text; between commas the same */
    enum component of;          /* whose form it is; COMPONENT_MONOLOGUE: neutral */
};
struct pieces {
    struct piece *at; /* neutral ones by length, dictionary forms by kind */
    int n, cap;
    int first[LANGUAGE_MAX_KINDS + 1]; /* of dictionary forms: kind k is [first[k], first[k + 1]) */
};
struct vocabulary {
    struct pieces of[COMPONENTS]; /* COMPONENT_MONOLOGUE: the neutral pieces */
    const char *comma;            /* between pieces */
    int comma_graphemes;
};
int vocabulary_make(struct vocabulary *v, const struct language *l, struct err *e);
void vocabulary_free(struct vocabulary *v);
/* Those of a study's languages: v[STUDY_MAX_LANGUAGES]; of a council empty ones. */
int planted_words(struct vocabulary *v, const struct study *s, struct err *e);
void planted_words_free(struct vocabulary *v);
#endif
