/* Letters as they follow each other: counts of one, two and three of them, and what they make probable.
 *
 * P(c | a b) is interpolated: three letters lean on two, two on one, and one on an equal share for letters never seen, each with the
 * weight of NGRAM_WEIGHT observations. What is no letter counts as one space.
 * Owner: ngram_free. Counting changes it, asking does not. */
#ifndef STUDY_NGRAM_H
#define STUDY_NGRAM_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define NGRAM_WEIGHT 3.0

struct ngram;
int ngram_new(struct ngram **out, struct err *e);
void ngram_free(struct ngram *g);
/* c[0..n): letters and single spaces; the text is taken to have a space on either side. */
int ngram_learn(struct ngram *g, const uint32_t *c, size_t n, struct err *e);
double ngram_loglik(const struct ngram *g, const uint32_t *c, size_t n); /* natural logarithm */
#endif
