/* An archive's counts as if one form were not in its dictionary: what every table of words left out stands on.
 *
 * A copy of the counts is changed in place and changed back, so that 1,200 runs cost microseconds a form and no text is read again. Exact:
 * `form_count.without` was found in the texts themselves, with the shorter forms that come to light.
 * Owner: leaving_free. Thread: one at a time. Errors: NOMEM. */
#ifndef STUDY_LEAVE_H
#define STUDY_LEAVE_H
#include "study/metric.h"

struct leaving {
    struct scored c; /* counts are its own; all else is borrowed from the archive's */
};
struct left_form {
    int language, dictionary, form; /* form: in its dictionary */
};
int leaving_open(struct leaving *out, const struct scored *c, struct err *e);
void leaving_free(struct leaving *x);
/* Takes a form out, or puts it back. */
void leave_out(struct leaving *x, const struct left_form *f);
void leave_in(struct leaving *x, const struct left_form *f);
/* Hits of a form in the analysed runs. */
int64_t left_hits(const struct scored *c, const struct left_form *f);
const struct form *left_text(const struct study *s, const struct left_form *f);
const char *left_kind(const struct study *s, const struct left_form *f);
/* The next form after *f of the languages in the set (bit i: the i-th), in order; 0: there is none. Begin with form −1 of the first
 * dictionary of language 0. */
int left_next(const struct study *s, uint64_t languages, struct left_form *f);
#endif
