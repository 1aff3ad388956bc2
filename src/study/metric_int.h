/* What counting an agent-turn needs: shared by metric_read.c, which finds the turns, and metric_turn.c, which counts one. */
#ifndef STUDY_METRIC_INT_H
#define STUDY_METRIC_INT_H
#include "study/metric.h"
#include "text/tokenizer.h"

/* Dictionaries of a language, compiled. */
struct lexicon {
    const struct language *l;
    struct dictionary *d[METRIC_DICTIONARIES];
    int first[METRIC_DICTIONARIES + 1]; /* of each dictionary's forms among all */
};
/* What a thread needs for the turn that it reads. */
struct scratch {
    ptrdiff_t *without;   /* [forms]: of the act */
    unsigned char *still; /* [forms]: the turn conforms also without this one */
    struct identities who;
    struct toks ids;
};
/* Where an agent-turn is counted. */
struct tallies {
    struct counts *c;
    struct form_count *form; /* [forms of the language]; NULL: too many */
    const struct lexicon *x;
    struct scratch *by;
    const struct tokenizer *words_of;
    int aloud, conformed;
};

int lexicon_make(struct lexicon *x, const struct language *l, struct err *e);
/* Adds what the fact of an agent-turn says; FORMAT: it is none. */
int count_turn(struct tallies *t, const struct json_t *fact, struct err *e);
#endif
