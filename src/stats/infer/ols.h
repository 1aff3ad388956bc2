/* Ordinary least squares with errors that may be alike within clusters. Owner: ols_free. Thread: no state. */
#ifndef STATS_INFER_OLS_H
#define STATS_INFER_OLS_H
#include "stats/infer/design.h"

enum ols_errors { OLS_CLASSICAL, OLS_CR1, OLS_CR2 };

struct ols {
    size_t n, p; /* rows, coefficients that can be told apart */
    char **name; /* [p], borrowed from the design */
    double *estimate, *se, *t, *pvalue;
    double df, sigma, r2; /* df of t: n − p, or clusters − 1; r2 against the mean, without an intercept against 0 */
    size_t clusters;
    char **dropped; /* [n_dropped] columns that the others explain, borrowed */
    size_t n_dropped;
};
/* OLS_CR1: the sandwich over design->cluster times G/(G − 1)·(n − 1)/(n − p); OLS_CR2: with the residuals of each cluster freed of what
 * the fit takes out of them (Bell and McCaffrey 2002). */
/* ERR_RANGE where there is nothing to estimate an error from: a response that does not vary or that the columns give exactly, clusters no
 * more than coefficients. A coefficient whose error the clusters leave at 0 (to rounding) has NaN for se, t and p. */
int ols_fit(struct ols *out, const struct design *d, enum ols_errors errors, struct err *e);
void ols_free(struct ols *o);
#endif
