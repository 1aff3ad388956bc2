/* Linear mixed models by (restricted) maximum likelihood.
 *
 * The method is that of Bates, Mächler, Bolker, Walker (2015), "Fitting linear mixed-effects models using lme4": the profiled deviance as a
 * function of theta, the relative covariance factors, minimised by BOBYQA within its bounds. Random terms of any number, crossed or nested.
 * Owner: lmm_free; names are borrowed from the design. Thread: no state. */
#ifndef STATS_INFER_LMM_H
#define STATS_INFER_LMM_H
#include "stats/infer/design.h"

struct lmm_fixed {
    const char *name;
    double estimate, se, z, p; /* Wald, two-sided */
};
struct lmm_random {
    const char *group, *term, *term2; /* term2 NULL: the variance of term; else their covariance */
    double variance;
};
struct lmm {
    size_t n, n_fixed, n_random, n_dropped, parameters; /* parameters: fixed, random and the residual */
    struct lmm_fixed *fixed;
    struct lmm_random *random;
    const char **dropped; /* fixed columns that the others explain */
    double residual;      /* variance */
    double loglik;        /* restricted with reml */
    double *theta;        /* lower triangles of the relative covariance factors (row by row), random part by part of the design */
    size_t n_theta;
    int reml, singular; /* singular: a variance is 0, or a correlation is ±1 */
    int evaluations;
};
/* ERR_RANGE where the data cannot tell the parameters apart (by REML also where the fixed columns give a random one in each of its levels), ERR_LIMIT where it does not converge. */
int lmm_fit(struct lmm *out, const struct design *d, int reml, struct err *e);
void lmm_free(struct lmm *m);

/* y[n] drawn from a fitted model. */
struct rng;
int lmm_draw(double *y, const struct lmm *m, const struct design *d, struct rng *r, struct err *e);

/* Likelihood ratio of two models of the same rows, both by maximum likelihood, the first within the second (design_nested tells). */
struct lmm_compared {
    double chi2, df, p;
    double p_boot; /* NaN without bootstrap */
    int reps, failed;
};
int lmm_compare(struct lmm_compared *out, const struct lmm *null, const struct lmm *full, struct err *e);
int lmm_ratio(struct lmm_compared *out, const struct design *null, const struct design *full, struct err *e); /* fits both */
/* Parametric bootstrap of that ratio: p = (1 + those at least as large) / (1 + those that could be fitted), NaN where
 * none could. ERR_ARG where the first is not
 * within the second. */
struct replication;
int lmm_bootstrap(struct lmm_compared *out, const struct design *null, const struct design *full, const struct replication *how,
                  struct err *e);
#endif
