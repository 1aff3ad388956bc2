/* The exact binomial test. Thread: no state. */
#ifndef STATS_INFER_BINOMIAL_H
#define STATS_INFER_BINOMIAL_H
#include "stats/stats.h"

enum tail { TWO_SIDED, GREATER, LESS };
struct binomial_test {
    double rate, p;
    struct interval ci; /* Clopper-Pearson; one-sided for GREATER and LESS */
};
/* k of n against the chance p0. Two-sided as in R: the outcomes no more likely than k (up to a relative 1e-7) are added up. */
int binomial_test(struct binomial_test *out, int64_t k, int64_t n, double p0, enum tail tail, double level, struct err *e);
#endif
