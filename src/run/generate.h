/* The decode loop: from a prompt to a stop, token by token, for one session or many at once. Between its guards nothing allocates. */
#ifndef RUN_GENERATE_H
#define RUN_GENERATE_H
#include "run/engine.h"
#include "run/sampler.h"

enum gen_stop { GEN_MAX, GEN_END, GEN_CALLER, GEN_CTX };
struct generation {
    /* in */
    struct session *s; /* already holds the prompt but its last token */
    int32_t last;      /* the prompt's last token: the first row fed */
    int64_t max_new;
    struct sampling sampling;
    uint64_t seed, stream; /* uniform draw of step i: RNG(seed, stream, first + i) */
    int64_t first;         /* tokens that an earlier call already drew: a generation in pieces draws what a whole one does */
    const int32_t *ends;   /* tokens that end it (kept in ids) */
    int n_ends;
    /* called after each token; nonzero stops. May allocate (the guard is paused). NULL allowed */
    int (*on_token)(void *ctx, int32_t id, double logprob, int64_t i);
    void *ctx;
    /* out: caller's arrays of max_new, may be NULL except ids */
    int32_t *ids;
    double *logprobs;
    int64_t n;
    enum gen_stop stop;
};
/* Runs all to their ends, one batched step a token. Each result is the same whatever runs beside it. */
int generate(struct engine *g, struct generation *gen, int n, struct err *e);

/* What is to be seen of the rows that a decode feeds anyway. row: called for each tapped row, layer by layer: generation `which`, the state
 * after its first `i` new tokens (i = 0: after the prompt), x[r->width]. It runs within the guard: it may not allocate. */
struct gen_taps {
    uint32_t mask; /* 1u << TAP_x; of one position a row, so not LOGITS */
    int layer_lo, layer_hi;
    int (*row)(void *ctx, int which, int64_t i, struct device *d, const struct tap_rows *r, const num *x);
    void *ctx;
};
int generate_tapped(struct engine *g, struct generation *gen, int n, const struct gen_taps *taps, struct err *e);
#endif
