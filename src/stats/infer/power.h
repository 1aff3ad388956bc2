/* Power by simulation: how often a test finds what was planted.
 *
 * Replication i draws from its own stream, so the answer is the same for any number of threads. */
#ifndef STATS_INFER_POWER_H
#define STATS_INFER_POWER_H
#include "stats/infer/design.h"
#include "stats/infer/replicate.h"
#include "stats/stats.h"

/* A planted design: make draws a data set, test gives its p (NaN: it had none, a fit that did not converge). Both are called from several
 * threads at once; drop (may be NULL) frees what make made. A negative return ends the simulation. */
struct planted {
    int (*make)(void **data, const void *ctx, struct rng *r, struct err *e);
    int (*test)(double *p, const void *data, const void *ctx, struct err *e);
    void (*drop)(void *data);
    const void *ctx;
};
struct power {
    double power;       /* share of replications with p < alpha, those without a p counted as not found */
    struct interval ci; /* Wilson, 95 % */
    int reps, without_p;
};
int power_simulate(struct power *out, const struct planted *d, double alpha, const struct replication *how, struct err *e);

/* Two groups of normal values with standard deviation 1, means delta apart (so g is about delta), compared by Welch's t. */
int power_two_groups(struct power *out, double delta, size_t n1, size_t n2, double alpha, const struct replication *how,
                     struct err *e);

/* A mixed model on the rows of a design, whose response is not read: data are drawn from `truth` (a fit to a pilot with its estimates changed
 * at will, or lmm_plant), fitted again by REML, and the Wald p of the fixed column `tested` counts. */
struct lmm;
int power_lmm(struct power *out, const struct lmm *truth, const struct design *d, const char *tested, double alpha,
              const struct replication *how, struct err *e);
/* The same with the likelihood ratio of `null`, a model within d on the same rows, both by ML: tests effects of several columns at once. */
int power_lmm_ratio(struct power *out, const struct lmm *truth, const struct design *null, const struct design *d, double alpha,
                    const struct replication *how, struct err *e);
/* A model out of nothing: fixed[d->x.k] coefficients, sd of every random term, part by part, without correlations, and of the residual.
 * lmm_free. */
int lmm_plant(struct lmm *out, const struct design *d, const double *fixed, const double *sd, double residual_sd, struct err *e);
#endif
