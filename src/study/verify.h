/* Whether what an archive says of a study can be worked out again from it alone: scenes and visibility (proof.h), the registration that it
 * was stamped with or that is given, and stored scores. The level of bytes is archive_verify's.
 * Findings are no errors. Errors: those of the archive; FORMAT where it is not one of a study. Thread: one. */
#ifndef STUDY_VERIFY_H
#define STUDY_VERIFY_H
#include "study/proof.h"

struct json_t;
struct verify_opts {
    const struct json_t *registration; /* NULL: that of the archive, if there is one */
    const struct json_t *score;        /* of study score --json; NULL: nothing to compare */
    int threads;                       /* 0: physical cores */
};
struct verified {
    struct proof proof;
    int findings;   /* of all kinds */
    int registered; /* the archive was begun with a registration */
    int deviations; /* stamped */
    int scores;     /* runs whose scores were worked out again and compared */
};
int study_verify(struct verified *out, struct archive *a, const struct verify_opts *o, archive_finding_fn *fn, void *user,
                 struct err *e);
#endif
