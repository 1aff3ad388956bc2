/* A study, run many times over with planted agents, to see what its tests say when the truth is known.
 *
 * Every simulated study is the whole design: cells, replicates, losses, exclusions, references made of its own runs, its hypotheses with their
 * tests, intervals and correction. Only the seed differs: that of study i is simulate_seed(seed, i), so `seed:` in a study file gives the
 * same study as text. Only the texts are left out (planted_scored.h). The share of studies in which a hypothesis is found is its power
 * under what is planted; with nothing planted, the rate of false findings. Nothing about real models follows from either.
 *
 * truth: what hypotheses estimate in the population, from the `planted` part of the study (planted_truth); null where none is stated there.
 * Thread: one caller; work is dealt to opts.threads, and the answer is the same for any number. Errors: RANGE, CANCELLED, NOMEM. */
#ifndef STUDY_SIMULATE_H
#define STUDY_SIMULATE_H
#include "study/hypothesis.h"
#include "study/planted.h"

struct simulate_opts {
    int64_t n;   /* studies; of a calibration: runs of each cell */
    int threads; /* 0: physical cores */
    uint64_t seed;
    int (*stop)(void);                            /* NULL: never */
    void (*progress)(void *ctx, int64_t studies); /* NULL: none */
    void *ctx;
};
uint64_t simulate_seed(uint64_t seed, int64_t i);

/* {"study", "planted": true, "studies", "runs", "seed", "correction", "hypotheses": [{"id", "metric", "kind", "test", "alpha", "truth",
 *  "g": {"mean", "sd"}, "estimate": {"mean", "sd"}, "coverage": {"k", "n", "rate", "ci95"}, "rejected": p < alpha, "adjusted": corrected
 *  p < alpha, "holds": and as registered; each as coverage}], "any_adjusted": at least one claim of a difference in a study, "analysed": runs}. coverage: of
 *  the 95 % interval of g, in the studies that have one; null without a truth or an interval. */
int study_simulate(struct json_t **out, const struct study *s, const struct planted *p, const struct simulate_opts *o,
                   struct err *e);
/* {"study", "planted": true, "runs_per_cell", "runs", "seed", "contrasts": [{"id", "metric", "target", "g", "se", "difference", "n": [n1, n2]}]}:
 *  contrasts of opts.n or more runs of each cell, standardised by all runs that the study's reference names. */
int64_t study_calibrate_studies(const struct study *s, int64_t runs); /* how many studies it takes */
int study_calibrate(struct json_t **out, const struct study *s, const struct planted *p, const struct simulate_opts *o,
                    struct err *e);
#endif
