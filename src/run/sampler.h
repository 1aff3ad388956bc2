/* Picks the next token from logits. Order: repeat penalty, then (temperature 0: argmax, everything else off) temperature, top-k, top-p,
 * min-p, one uniform draw. All arithmetic in double, ties to the lower id, so a draw u selects the same token everywhere.
 * A struct sampler is plain data plus scratch sized by sampler_init; owner thread only; sampler_pick never allocates. */
#ifndef RUN_SAMPLER_H
#define RUN_SAMPLER_H
#include "base/err.h"
#include <stdint.h>

struct sampling {
    double temp;           /* 0: greedy */
    int top_k;             /* 0: off */
    double top_p;          /* 1: off */
    double min_p;          /* 0: off */
    double repeat_penalty; /* 1: off; divides positive, multiplies negative logits of tokens in the window (Keskar et al. 2019) */
    int repeat_window;     /* last n tokens; 64 */
};
#define SAMPLING_DEFAULT ((struct sampling){.temp = 0, .top_p = 1, .repeat_penalty = 1, .repeat_window = 64})
struct sampler {
    int V;
    double *p;
    int32_t *order;
};
int sampler_init(struct sampler *s, int V, struct err *e);
void sampler_fini(struct sampler *s);
/* u in [0, 1). history[n]: tokens so far. *logprob (may be NULL): log softmax of the raw logits at the picked token, temperature 1. */
int32_t sampler_pick(struct sampler *s, const float *logits, const struct sampling *o, double u, const int32_t *history,
                     int64_t n, double *logprob);
int sampling_check(const struct sampling *o, struct err *e);
#endif
