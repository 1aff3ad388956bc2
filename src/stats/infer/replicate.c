/* Replications on a pool of threads, split by replication. */
#include "stats/infer/replicate.h"
#include "base/pool.h"
#include <math.h>
#include <stdlib.h>

struct run {
    double *value;
    const struct replication *how;
    replicate_fn f;
    const void *ctx;
    struct failure {
        int rc, rep;
        struct err e;
    } * failure; /* [threads] */
};

/* Replications are dealt in turn, so that slow ones at one end do not fall to one thread. */
static void work(void *ctx, int ith, int nth) {
    const struct run *r = ctx;
    struct failure *x = &r->failure[ith];
    for (int i = ith; i < r->how->reps && !x->rc; i += nth) {
        struct rng g = RNG(r->how->seed, (uint64_t)i);
        r->value[i] = NAN, x->rep = i;
        if (r->how->stop && r->how->stop())
            x->rc = fail(&x->e, ERR_CANCELLED, "stopped");
        else
            x->rc = r->f(&r->value[i], r->ctx, &g, &x->e);
    }
}

int replicate(double *value, const struct replication *how, replicate_fn f, const void *ctx, struct err *e) {
    struct pool *pool;
    if (how->reps < 1) return fail(e, ERR_RANGE, "expected at least one replication, found %d", how->reps);
    TRY(pool_new(&pool, how->threads, e));
    int n = pool_size(pool), first = -1;
    struct run r = {value, how, f, ctx, calloc((size_t)n, sizeof *r.failure)};
    if (!r.failure) {
        pool_free(pool);
        return fail(e, ERR_NOMEM, "no memory for %d threads", n);
    }
    for (int i = 0; i < n; i++) r.failure[i].e = ERR_INIT;
    pool_run(pool, work, &r);
    for (int i = 0; i < n; i++)
        if (r.failure[i].rc < 0 && (first < 0 || r.failure[i].rep < r.failure[first].rep)) first = i;
    int rc = first < 0 ? 0 : r.failure[first].rc;
    if (rc < 0 && e) *e = r.failure[first].e;
    free(r.failure);
    pool_free(pool);
    return rc;
}
