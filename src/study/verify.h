/* Whether what an archive says of a study can be worked out again from it alone: scenes and visibility (proof.h), the registration that it
 * was stamped with or that is given, stored scores, and stored statistics and reports beside the same made again (again.h). The level of bytes is archive_verify's.
 * Findings are no errors. Errors: those of the archive; FORMAT where it is not one of a study. Thread: one. */
#ifndef STUDY_VERIFY_H
#define STUDY_VERIFY_H
#include "study/proof.h"

struct json_t;
struct tokenizer;
struct verify_opts {
    const struct json_t *registration;         /* NULL: that of the archive, if there is one */
    const struct json_t *score;                /* of study score --json; NULL: nothing to compare */
    const struct json_t *stats, *report;       /* of study stats --json and study report --json; NULL: nothing to compare */
    struct json_t *stats_again, *report_again; /* the same made again */
    const struct tokenizer *words_of;          /* for scores in tokens; NULL: none */
    int threads;                               /* 0: physical cores */
};
struct verified {
    struct proof proof;
    int findings;   /* of all kinds */
    int registered; /* the archive was begun with a registration */
    int deviations; /* stamped */
    const char
        *reference; /* of what the reference of the scores is: "this archive" (made again), "the registration", "another archive"
                              (taken as it is); NULL: no scores */
    int reference_planted; /* of planted runs, and this archive is not */
    int analyses;          /* stored statistics and reports that were compared */
    int planted;           /* the archive says that its replies were planted */
    int scores;            /* runs whose scores were worked out again and compared */
};
int study_verify(struct verified *out, struct archive *a, const struct verify_opts *o, archive_finding_fn *fn, void *user,
                 struct err *e);
#endif
