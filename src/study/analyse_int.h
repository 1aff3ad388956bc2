/* What the files of the analysis share: rows of runs, and results of tests. */
#ifndef STUDY_ANALYSE_INT_H
#define STUDY_ANALYSE_INT_H
#include "stats/stats.h"
#include "study/analyse.h"

/* One analysed run as a row. */
struct rows {
    size_t n, lost; /* lost: analysed, but without a value, as where nothing was said */
    double *y, *share;
    int *language, *replicate, *arm, *model;
};
struct tested {
    size_t n1, n2, lost; /* runs; n2: of the second arm; lost: as in rows */
    double estimate, g, lo, hi, statistic, df, p, p_adjusted;
    struct interval within; /* of an equivalence: 1 - 2 alpha about the estimate, inside ± margin exactly when p < alpha */
    char why[160];          /* why there is none; "": there is */
};
struct analysis {
    const struct scored *c;
    struct analyse_opts o;
    struct reference r;
    enum reference_from from;
    struct archive *a;
    struct json_t *registration, *why; /* why: sentences for which everything is exploratory */
    int fixed;                         /* r does not follow from the archive's counts */
    struct err *e;
};
/* The slope of a metric in a language, with a model or (model < 0) all, from no to all agents aligned. */
int explored_slope(struct tested *t, const struct scored *c, const struct reference *r, int metric, int language, int model,
                   struct err *e);
int test_one(struct tested *t, const struct scored *c, const struct reference *r, const struct hypothesis *h, struct err *e);
struct json_t *interval_json(const struct tested *t); /* ci95, or null */
/* What nobody claimed, into out: "slopes", "interactions", "effects"; with countries "power_distance". */
int explore(struct analysis *x, struct json_t *out);
/* A metric but conformity, from the parts; by: the moments that standardise. */
double parts_value(const double parts[METRIC_PARTS], const struct moments *by, const struct hypothesis *h);
double run_value(const struct scored *c, const struct reference *r, const struct cell *cell, const struct counts *n,
                 const struct hypothesis *h, int of_agent);
int rows_of(struct rows *out, const struct scored *c, const struct reference *r, const struct hypothesis *h, struct err *e);
void rows_free(struct rows *x);
/* What its statistic is: "t", "z", "chi2" of a likelihood ratio, "difference" of means. */
const char *statistic_name(const struct hypothesis *h);
/* Whether it is as registered: adjusted p below alpha, the sign as claimed. */
int hypothesis_holds(const struct hypothesis *h, const struct tested *t);
/* fixed: r stays what it is when a word is left out; else it is made anew. full: with all words. */
int analyse_words(struct json_t *list, const struct scored *c, const struct reference *r, int fixed, const struct tested *full,
                  struct err *e);
/* Tests; what cannot be computed is said in t->why. Errors: NOMEM. */
int test_contrast(struct tested *t, const struct scored *c, const struct reference *r, const struct hypothesis *h, struct err *e);
int test_agents(struct tested *t, const struct scored *c, const struct reference *r, const struct hypothesis *h, struct err *e);
int test_model(struct tested *t, const struct scored *c, const struct reference *r, const struct hypothesis *h, struct err *e);
/* All hypotheses of the study, corrected together: t[n_hypotheses]. */
int test_hypotheses(struct tested *t, const struct scored *c, const struct reference *r, struct err *e);
#endif
