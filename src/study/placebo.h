/* The placebo prefix of a study against what it stands in for: a text of the same language and length that says nothing of alignment.
 *
 * Where an arm of a language uses a placebo whose length is not that of the alignment prefix (within parity.h's bounds or two graphemes), or which is told to be
 * in another language, what the arm shows may be the length or the language. That is no error, since a study may want it: it is said
 * before the study runs. Thread: pure functions. Errors: NOMEM, those of text boundaries. */
#ifndef STUDY_PLACEBO_H
#define STUDY_PLACEBO_H
#include "study/study.h"

enum { PLACEBO_SLACK = 2 }; /* graphemes that are no difference: of the short prefixes of a council, one is more than 5 % */
struct json_t;
/* Graphemes of a language's placebo over those of its alignment prefix. */
int placebo_ratio(const struct language *l, size_t *placebo, size_t *alignment, double *ratio, struct err *e);
/* Appends a sentence to the list for each thing that is not as it should be; none where no arm uses the placebo. */
int placebo_remarks(struct json_t *list, const struct study *s, struct err *e);
#endif
