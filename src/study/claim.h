/* A hypothesis as a PRML manifest (prml.h), so that what a registration promises can be checked by any program that reads that format.
 *
 * PRML binds one number to one threshold. The number here is directional_p: the corrected p (two-sided; of an equivalence, of two one-sided
 * tests) where the estimate has the sign of the hypothesis, else 1; the claim is directional_p < alpha, which is what "holds" means (analyse.h). dataset is the study file (its SHA-256),
 * metric_args name hypothesis, test, correction, direction and, of an equivalence, its margin. What PRML cannot say (cells, sample sizes, exclusions) stands in the registration.
 * The claim id is of the time of registration and, in place of randomness, of the study file and the hypothesis: the same registration has the same bytes.
 * PRML has times in UTC and whole seconds; a date is its midnight. Thread: pure functions. Errors: FORMAT (created_at is no date or time of RFC 3339), NOMEM. */
#ifndef STUDY_CLAIM_H
#define STUDY_CLAIM_H
#include "base/str.h"
#include "study/registration.h"
#include "study/study.h"

/* Canonical bytes; replaces the content of out. */
int study_claim(struct str *out, const struct study *s, const struct hypothesis *h, const char *created_at, struct err *e);
/* One for each hypothesis, into the claims of a registration that has no hash yet. */
int study_claims(struct json_t *registration, const struct study *s, const char *created_at, struct err *e);
#endif
