/* Training a probe from a store: which traces, which classes, every stored layer side by side, the best one by validation, its temperature
 * and its thresholds. Nothing here looks at the test part. */
#ifndef PROBE_LEARN_H
#define PROBE_LEARN_H
#include "probe/probe.h"
#include "probe/store.h"

/* A family has a temperature of its own from so many validation traces on. */
enum { LEARN_KIND = 30 };
struct learn_opts {
    enum probe_target target;
    const char *kinds;   /* question families by commas; NULL: all */
    int by_token;        /* −1: by what most traces have */
    int layer;           /* −2: all stored ones; else only this one (−1: the embeddings) */
    struct fit_opts fit; /* classes are filled in */
    uint64_t split_seed;
};
#define LEARN_DEFAULT ((struct learn_opts){TARGET_OWN, NULL, -1, -2, FIT_DEFAULT, 42})
struct learned {
    int64_t traces, part[4], out[TRACE_OUTS];
    int64_t other_kind, other_form, no_class; /* left out: other family; (no) choices; an answer that is no class of the probe */
    double seconds;
};
int learn(struct probe *out, const struct store *s, const struct learn_opts *o, struct pool *pool, struct learned *sum,
          struct err *e);

/* The class of a trace for this probe: −1 if it has none. */
int probe_class(const struct probe *p, const struct trace *t);
int probe_truth(const struct probe *p, const struct trace *t); /* of the right answer; −1: none */
/* Whether `kind` is one of the families that a list by commas names ("mmlu" names "mmlu/anatomy" too); NULL or "": all are. */
int kind_in(const char *kinds, const char *kind);
/* Calibrated readings of the probe's layer `at` (place): p[rows, classes]. */
int probe_read(const struct probe *p, int at, const struct store *s, const struct trace *t, double *out, struct err *e);
/* What a store's settings say about the model it was collected with. */
int store_model(const struct store *s, struct probe_model *out, struct err *e);
#endif
