/* Whether several languages say the same: what is missing or not translated, what has another length, and how their dictionaries compare.
 *
 * A claim across languages stands on texts that differ in nothing but the language. Four things can be checked without understanding
 * them: that every language has all parts (ids, turns, phases, kinds), that no part stands in another language's words, that parts have
 * the lengths that the other languages lead one to expect, and that dictionaries have comparable sizes and find little in text that has
 * nothing to do with the theme. What a part means is for people to check.
 *
 * Lengths are graphemes. A part's share is its length over the language's total; `ratio` is the share over the median share of all
 * languages, so that it does not matter that Chinese needs fewer characters than German. Deterministic. Owner: parity_free; languages are
 * borrowed. */
#ifndef STUDY_PARITY_H
#define STUDY_PARITY_H
#include "study/detect.h"

enum {
    PARITY_SHORT = 60,    /* parts with fewer graphemes (scaled to the first language) are not held to a length */
    PARITY_SAME = 12,     /* a text of so many graphemes, without its placeholders, is not the same in two languages */
    PARITY_SENTENCE = 40, /* graphemes of a sentence whose language is told */
    PARITY_FOLDS = 5,     /* it is told by what was learnt of the other four fifths of all sentences */
    PARITY_FORMS_MIN = 25,
    PARITY_FORMS_MAX = 40, /* forms of a dictionary, to be comparable */
};
#define PARITY_RATIO   1.6  /* a part's ratio lies between 1 / this and this */
#define PARITY_TOLD    10.0 /* nats: a sentence that another language makes so much likelier is not translated */
#define PARITY_PLACEBO 0.05 /* length of the placebo prefix: that of the alignment prefix, give or take */

enum parity_grade { PARITY_NOTE, PARITY_WRONG };
struct parity_finding {
    enum parity_grade grade; /* WRONG: the languages cannot be compared as they are */
    const struct language *l;
    char what[300];
};

/* What a dictionary finds in a text that is not scored. */
struct parity_hits {
    size_t hits;
    double per_1000;
};
struct parity_dictionary {
    const struct dictionary_source *source;
    double size_ratio;                                             /* forms over the median of all languages */
    struct parity_hits neutral, setting, events, prefix[PREFIXES]; /* events: all of them together */
    size_t foreign;                                                /* hits on the neutral texts of all other languages together */
    int shared;                                                    /* forms that another dictionary of this language has too */
};
struct parity_language {
    const struct language *l;
    size_t graphemes, words, prefix[PREFIXES]; /* of all texts; of the prefixes */
    double expansion;                          /* graphemes over those of the reference */
    double placebo_ratio;                      /* placebo over alignment */
    double worst_ratio;                        /* of the part that is furthest from 1 */
    char worst_part[96];
    struct detect_score told; /* its sentences, by a detector that has not learnt them */
    struct parity_dictionary dictionaries[LANGUAGE_MAX_DICTIONARIES];
};
struct parity {
    const struct language *reference; /* English, else the first */
    struct parity_language *at;       /* in the order of the languages */
    int n;
    struct parity_finding *findings; /* by language, in the order of its parts */
    int n_findings, n_wrong;
};
/* Errors: those of compiling dictionaries (FORMAT, placed), ARG without a language, NOMEM. */
int parity_check(struct parity *out, const struct languages *s, struct err *e);
void parity_free(struct parity *p);
#endif
