/* Simulated studies: each a function of the seed and its number, whoever works on it. */
#include "base/pool.h"
#include "base/rng.h"
#include "study/simulate_int.h"

uint64_t simulate_seed(uint64_t seed, int64_t i) {
    struct rng g = RNG(seed, (uint64_t)i);
    return rng_u64(&g) >> 11; /* any reader of numbers keeps 53 bits */
}

static int make_one(struct simulation *x, int at, struct err *e) {
    struct study s = *x->s; /* what it points to is shared */
    struct scored c;
    if (x->o->stop && x->o->stop()) return fail(e, ERR_CANCELLED, "stopped");
    study_reseed(&s, simulate_seed(x->o->seed, x->first + at));
    TRY(planted_scored(&c, x->p, &s, x->words, e));
    int rc = x->one(x, x->first + at, at, &c, e);
    scored_free(&c);
    return rc;
}

static void work(void *ctx, int ith, int nth) {
    struct simulation *x = ctx;
    for (int at = ith; at < x->n; at += nth) {
        struct failure *f = &x->failure[at];
        f->e = ERR_INIT;
        f->rc = make_one(x, at, &f->e);
    }
}

static int batches(struct simulation *x, struct pool *pool, int64_t studies, struct err *e) {
    for (x->first = 0; x->first < studies; x->first += x->n) {
        x->n = studies - x->first < SIMULATION_BATCH ? (int)(studies - x->first) : SIMULATION_BATCH;
        pool_run(pool, work, x);
        for (int at = 0; at < x->n; at++) {
            const struct failure *f = &x->failure[at];
            if (f->rc < 0 && e) *e = f->e;
            TRY(f->rc);
        }
        if (x->taken) x->taken(x);
        if (x->o->progress) x->o->progress(x->o->ctx, x->first + x->n);
    }
    return 0;
}

int simulation_run(struct simulation *x, int64_t studies, struct err *e) {
    struct pool *pool;
    TRY(planted_words(x->words, x->s, e));
    int rc = pool_new(&pool, x->o->threads, e);
    if (rc >= 0) {
        rc = batches(x, pool, studies, e);
        pool_free(pool);
    }
    planted_words_free(x->words);
    return rc;
}
