/* Letters as they follow each other in several languages: counts of one, two and three of them, and what they make probable in each.
 *
 * P(c | a b) is interpolated: three letters lean on two, two on one, and one on an equal share for letters never seen, each with the
 * weight of NGRAM_WEIGHT observations. What is no letter counts as one space. A text is asked about in all languages at once: they are
 * columns of one table, so that a letter costs one look-up and not three in each language.
 * Owner: ngram_free. Learning changes it, asking does not (any thread). */
#ifndef STUDY_NGRAM_H
#define STUDY_NGRAM_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define NGRAM_WEIGHT 3.0

struct ngram;
int ngram_new(struct ngram **out, int languages, struct err *e);
void ngram_free(struct ngram *g);
/* c[0..n): letters and single spaces of a text in one language; it is taken to have a space on either side. */
int ngram_learn(struct ngram *g, int language, const uint32_t *c, size_t n, struct err *e);
/* When all is learnt, once: makes logarithms of the counts. */
int ngram_ready(struct ngram *g, struct err *e);
/* ll[languages]: natural logarithm of the probability of c[0..n) in each language, n > 0. */
void ngram_loglik(const struct ngram *g, const uint32_t *c, size_t n, double *ll);
#endif
