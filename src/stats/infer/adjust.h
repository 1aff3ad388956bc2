/* p values of several tests at once. Thread: no state. */
#ifndef STATS_INFER_ADJUST_H
#define STATS_INFER_ADJUST_H
#include "base/err.h"
#include <stddef.h>

#define ADJUST_METHODS "holm, hommel, bh" /* as said in errors and help */

/* adjusted[n] in the order of p[n], at most 1. holm and hommel hold the chance of any false rejection, bh the expected share of them.
 * NaN counts as no test and stays NaN. ERR_ARG for another method, ERR_RANGE for p outside [0, 1]. */
int adjust_p(double *adjusted, const double *p, size_t n, const char *method, struct err *e);
#endif
