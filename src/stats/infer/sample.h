/* What samples must be before a test reads them. Each fails with one sentence; 0 means that all is well. */
#ifndef STATS_INFER_SAMPLE_H
#define STATS_INFER_SAMPLE_H
#include "base/err.h"
#include <stddef.h>

/* At least `least` finite numbers whose sum of squares is finite. what: "the first group". */
int sample_ok(const double *x, size_t n, size_t least, const char *what, struct err *e);
/* Is it one value throughout, as written, whatever rounding makes of its mean? */
int constant(const double *x, size_t n);
/* ERR_RANGE where `same`, with what was found instead ("the same difference in all pairs"), or where sd is not above 0. */
int varies(double sd, int same, const char *found, struct err *e);
/* *d: malloc'd, x − y of n >= least pairs; free(). Differences that are one number but for rounding become that number. */
int differences(double **d, const double *x, const double *y, size_t n, size_t least, struct err *e);
/* Ranks from 1, ties share their mean; rank[n] may not be x. *ties (may be NULL): Σ t³ − t over groups of t equal values. */
int midranks(double *rank, double *ties, const double *x, size_t n, struct err *e);
#endif
