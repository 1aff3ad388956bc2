/* The same thing many times over, each with a random stream of its own: the results depend neither on the number of threads nor on how many
 * more there are. */
#ifndef STATS_INFER_REPLICATE_H
#define STATS_INFER_REPLICATE_H
#include "base/err.h"
#include "base/rng.h"
#include <stddef.h>

struct replication {
    int reps, threads; /* threads 0: physical cores */
    uint64_t seed;
    int (*stop)(void); /* asked between replications; NULL: never. Stopped: ERR_CANCELLED */
};
/* One replication: *value, NaN where it has none (a fit that did not converge). A negative return ends them all. Called from several threads
 * at once. */
typedef int (*replicate_fn)(double *value, const void *ctx, struct rng *r, struct err *e);
/* value[reps]; the error is that of the first replication that failed. */
int replicate(double *value, const struct replication *how, replicate_fn f, const void *ctx, struct err *e);
#endif
