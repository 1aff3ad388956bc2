/* What the files of the verification share. */
#ifndef STUDY_VERIFY_INT_H
#define STUDY_VERIFY_INT_H
#include "study/verify.h"

struct scored;
struct verifier {
    struct verified v;
    struct archive *a;
    struct study *s;
    archive_finding_fn *fn;
    void *user;
    struct err *e;
};
__attribute__((format(printf, 3, 4))) void verify_found(struct verifier *x, const char *record, const char *fmt, ...);
/* verify_score.c: stored scores against those that the archive gives. */
int verify_scores(struct verifier *x, const struct json_t *stored, const struct tokenizer *words_of, int threads);
/* verify_again.c: what `study stats --json` or `study report --json` wrote against the same analysis made again; the first place that
 * differs is a finding of that record. */
int verify_again(struct verifier *x, const char *record, const struct json_t *stored, struct json_t *again);
/* Numbers as they are when they were written once. New reference; NULL: no memory. */
struct json_t *verify_written(const struct json_t *j);
#endif
