/* Statistics of an archive by its hypotheses: each is tested as it was registered, corrected over all that are confirmatory, and marked.
 *
 * A hypothesis is confirmatory if the archive was begun with a registration, nothing deviates from it, every planned run is finished, and
 * the scores stand on the registered reference; else it is exploratory, and why is said. Slopes by language and model, their interactions
 * and the effects of each model, of the arms that vary nothing but the share of aligned agents (sweep.h), are given for CPI and DI whether somebody claimed something about them or not; they are exploratory.
 *
 * {"study", "planted", "registration": hash or null, "why_exploratory": [sentence], "remarks": [sentence], "correction", "hypotheses": [{"id", "status":
 * "confirmatory" | "exploratory", the members of its terms, "n", "without_value": analysed runs that are not in n, since nothing countable was said in them, "estimate", "g", "ci95", "within": of an equivalence, the interval of 1 - 2 alpha about the estimate, "statistic", "statistic_name": "t", "z", "chi2" or "difference", "df", "p", "p_adjusted", "directional_p", "holds",
 * "why": why it could not be computed, or ""}], "slopes": [{"metric", "language", "model": id or null (all, each a level of a factor),
 * "estimate", "z", "p", "why"}], "interactions": [{"metric", "by": "language" or "model", "language": that of a comparison of models, else
 * null, "formula", "null", "estimate", "statistic", "statistic_name", "df", "p", "why"}], "effects": [{"metric", "language", "model", "n", "g", "ci95", "p"}]
 * all aligned against none, "reference_from": as reference_from_name, "reference_runs", "loss": [as in score.h], "words": [{"id", "figure": "g" | "estimate" | "statistic", "value", "lo", "hi",
 * "lo_without", "hi_without", "words", "verdict_turned_without"}], "made_with": as again.h, "power_distance": the slopes by language against numbers by country, as
 * countries.h}. What is not there for a kind is null; a word is {"language", "dictionary", "word"}.
 * "words", if they are asked for: each word that was said, in turn, is left out of its dictionary and every hypothesis is tested again;
 * lo and hi are the least and the greatest value, over words of languages that the hypothesis is about. A reference that was given,
 * registered or frozen stays, one that is the archive's own is made anew.
 * "remarks": what a reader should know and what does not turn a result: that the registration left open who answers; that what answered a
 * model of the study changed on the way (answered.h).
 * Owner: JSON is the caller's. Thread: pure function. Errors: NOMEM; tests that cannot be computed are no errors. */
#ifndef STUDY_ANALYSE_H
#define STUDY_ANALYSE_H
#include "study/countries.h"
#include "study/freeze.h"

struct analyse_opts {
    struct reference_choice reference; /* its units are those of the reference, else graphemes and hits per 1,000 */
    int scope; /* 0: that of each hypothesis (of what nobody claimed: pooled); else 1 + SCOPE_… for all */
    int words; /* leave each word out in turn */
    const struct country_values *countries; /* NULL: none */
};
/* o NULL: as registered. */
int study_analyse(struct json_t **out, const struct scored *c, const struct analyse_opts *o, struct archive *a, struct err *e);
#endif
