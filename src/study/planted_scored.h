/* Planted runs as counts, without their text: what scored_read would find in an archive of the back end `planted`, field by field.
 *
 * A run takes some tenths of a millisecond instead of tens of milliseconds, so that a whole study can be repeated some thousand times.
 * Everything behind the counts (exclusions, references, indices, tests) is the code that archives go through.
 * Thread: pure function. Owner: scored_free. */
#ifndef STUDY_PLANTED_SCORED_H
#define STUDY_PLANTED_SCORED_H
#include "study/metric.h"
#include "study/planted_words.h"

/* v: planted_words of the study. */
int planted_scored(struct scored *out, const struct planted *p, const struct study *s, const struct vocabulary *v, struct err *e);
#endif
