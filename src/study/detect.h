/* Which language a text is written in, among those that a study has.
 *
 * First by its writing system: a language is a candidate if most letters are of its script. Among candidates by how probable the
 * sequence of letters is in each language's own shipped texts (n-grams of up to three letters, so that short function words and endings
 * count most). The margin is the difference of the two best log-likelihoods, in nats; below DETECT_MARGIN, or with fewer letters
 * than DETECT_LETTERS, the answer is "undecided". A text in two languages is told by `share`: the letters that are of the best
 * language's script. What it cannot tell: languages that the set does not have look like their nearest relative.
 * Deterministic; thread: a built detector is immutable. */
#ifndef STUDY_DETECT_H
#define STUDY_DETECT_H
#include "study/language.h"

#define DETECT_MARGIN 3.0 /* nats: some twenty to one */
enum { DETECT_LETTERS = 8 };

struct detector;
/* Languages are borrowed. Of folds > 0 every folds-th sentence, beginning with number `fold`, is not learnt. */
int detector_build(struct detector **out, const struct languages *s, int fold, int folds, struct err *e);
void detector_free(struct detector *d);

/* Of the letters of a text, those in l's script (0: no letters); letters: how many there are. */
int detect_share(const struct language *l, const char *s, size_t n, double *share, size_t *letters, struct err *e);

struct detection {
    const struct language *best, *second; /* NULL: undecided; no other candidate */
    double margin;                        /* nats; INFINITY without another candidate */
    double share;                         /* of the letters, those in the best one's script */
    size_t letters;
};
int detect_language(const struct detector *d, const char *s, size_t n, struct detection *out, struct err *e);

/* How well it does on sentences that it has not learnt: each of `folds` parts in turn is left out and asked. */
struct detect_score {
    size_t right, wrong, undecided;
};
/* A sentence of l's text `id` that is told to be in another language; below 0 ends it. */
typedef int detect_other_fn(void *ctx, const struct language *l, const char *id, const struct detection *told, struct err *e);
/* scores: [s->n], of sentences with at least min_graphemes. other: called for every wrong one, or NULL. */
int detect_validate(const struct languages *s, int folds, size_t min_graphemes, struct detect_score *scores,
                    detect_other_fn *other, void *ctx, struct err *e);
#endif
