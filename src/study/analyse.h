/* Statistics of an archive by its hypotheses: each is tested as it was registered, corrected over all that are confirmatory, and marked.
 *
 * A hypothesis is confirmatory if the archive was begun with a registration, nothing deviates from it, every planned run is finished, and
 * the scores stand on the registered reference; else it is exploratory, and why is said. Slopes by language and their interaction are
 * given for CPI and DI whether somebody claimed something about them or not; they are exploratory.
 *
 * {"study", "planted", "registration": hash or null, "why_exploratory": [sentence], "correction", "hypotheses": [{"id", "status":
 *  "confirmatory" | "exploratory", the members of its terms, "n", "estimate", "g", "ci95", "statistic", "df", "p", "p_adjusted", "holds",
 *  "why": why it could not be computed, or ""}], "slopes": [{"metric", "language", "estimate", "se", "z", "p"}], "interactions": [{"metric", "chi2",
 *  "df", "p"}], "loss": [as in score.h]}. What is not there for a kind is null.
 * Owner: JSON is the caller's. Thread: pure function. Errors: NOMEM; tests that cannot be computed are no errors. */
#ifndef STUDY_ANALYSE_H
#define STUDY_ANALYSE_H
#include "study/score.h"

/* reference: one that was written before; NULL: the registered one, else one made of the archive's runs. */
int study_analyse(struct json_t **out, const struct scored *c, const struct json_t *reference, struct archive *a, struct err *e);
#endif
