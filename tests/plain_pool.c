/* The pool under load, as a plain program so that the thread sanitizer can watch it: many short runs of several sizes, with the
 * owner reading what the workers wrote after each. Two things are proven: nothing races, and the bytes do not depend on the
 * number of threads. Prints its timing, because a decode step calls pool_run some hundred times. */
#include "base/pool.h"
#include "base/progress.h"
#include "base/rng.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { N = 1000, ROUNDS = 2000 };

struct job {
    double out[N];
    int round;
};

static void job_slice(void *ctx, int ith, int nth) {
    struct job *j = ctx;
    int64_t a, b;
    slice(N, 32, ith, nth, &a, &b);
    for (int64_t i = a; i < b; i++) {
        struct rng r = RNG(7, (uint64_t)j->round, (uint64_t)i);
        j->out[i] = j->out[i] * 0.5 + rng_uniform(&r);
    }
}

static int run_with(int threads, struct job *j, struct err *e) {
    struct pool *p;
    TRY(pool_new(&p, threads, e));
    int64_t t0 = clock_ns();
    memset(j, 0, sizeof *j);
    for (j->round = 0; j->round < ROUNDS; j->round++) {
        pool_run(p, job_slice, j);
        if (j->round % 500 == 0) usleep(2000); /* let the workers fall asleep now and then */
    }
    printf("%d threads: %.1f us a run\n", threads, (double)(clock_ns() - t0) * 1e-3 / ROUNDS);
    pool_free(p);
    return 0;
}

int main(void) {
    static struct job want, got;
    static const int sizes[] = {1, 2, 3, 5, 8};
    struct err e = ERR_INIT;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (run_with(sizes[i], i ? &got : &want, &e) < 0) {
            fprintf(stderr, "%s: %s\n", err_name(e.code), e.msg);
            return 1;
        }
        if (i && memcmp(want.out, got.out, sizeof want.out) != 0) {
            fprintf(stderr, "%d threads give other bytes than one\n", sizes[i]);
            return 1;
        }
    }
    return 0;
}
