/* What the two kinds of simulation share: studies dealt to threads in batches, taken in order. */
#ifndef STUDY_SIMULATE_INT_H
#define STUDY_SIMULATE_INT_H
#include "study/planted_scored.h"
#include "study/simulate.h"

enum { SIMULATION_BATCH = 64 }; /* studies between two looks at progress */

struct simulation {
    const struct study *s;
    const struct planted *p;
    const struct simulate_opts *o;
    struct vocabulary words[STUDY_MAX_LANGUAGES];
    int64_t first; /* of the batch */
    int n;         /* in the batch */
    /* What becomes of the i-th study, the at-th of the batch; called from several threads. */
    int (*one)(struct simulation *x, int64_t i, int at, const struct scored *c, struct err *e);
    /* Sees each batch once it is whole, in order; NULL: not asked for. */
    void (*taken)(struct simulation *x);
    void *into; /* theirs */
    struct failure {
        int rc;
        struct err e;
    } failure[SIMULATION_BATCH];
};
int simulation_run(struct simulation *x, int64_t studies, struct err *e);
#endif
