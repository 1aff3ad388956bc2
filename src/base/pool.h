/* A fixed pool of threads. Work is split by output, never by reduction: pool_run calls fn(ctx, i, n) once for each i in [0, n),
 * where n is the pool's size, and returns when all are done. fn(…, 0, n) runs on the calling thread.
 * Which slice runs where is fixed, so results cannot depend on timing. Not reentrant; one owner thread calls pool_run. */
#ifndef BASE_POOL_H
#define BASE_POOL_H
#include "base/err.h"

struct pool;
typedef void (*pool_fn)(void *ctx, int ith, int nth);

int pool_new(struct pool **out, int threads, struct err *e); /* threads >= 1; 0: physical cores */
void pool_free(struct pool *p);
int pool_size(const struct pool *p);
void pool_run(struct pool *p, pool_fn fn, void *ctx); /* p NULL: runs fn(ctx, 0, 1) */
int cpu_cores(void);                                  /* physical cores this process may use */
/* The slice [*a, *b) of [0, n) that belongs to ith of nth, in whole multiples of `unit` (the last may be short). */
void slice(int64_t n, int64_t unit, int ith, int nth, int64_t *a, int64_t *b);
#endif
