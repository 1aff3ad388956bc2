/* The identities the method stands on, checked on toy models in double precision: each with its bound and what was reached.
 * V-numbers as in the specification's table; nothing is read from disk. */
#ifndef DECODE_SELFTEST_H
#define DECODE_SELFTEST_H
#include "base/err.h"

struct identity {
    const char *id, *what;
    double bound, reached; /* holds when reached <= bound; reached is NaN if it could not be computed */
    int holds;
};
enum { IDENTITIES_MAX = 24 };
/* Fills out[*n]; returns 0 also when some do not hold, an error only if the checks could not run. */
int selftest_run(struct identity *out, int *n, struct err *e);
#endif
