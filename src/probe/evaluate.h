/* Everything that is measured on a store with a probe, as one JSON tree: what `theater evaluate` prints and what the report page shows.
 *
 *   {"model", "probe", "store", "settings": {…}, "evaluation": {bootstrap, seed, max_loss},
 *    "layers": [{layer, val_loss, val_accuracy}],
 *    "monitor": {kind: rules|…}, "inflections_by": {kind: rules|…},
 *    "families": {KIND: {kind, traces, questions, accuracy, tokens, excluded, at: {probe, text, forced, monitor: [{at, value, lo, hi}]}, curves, heat,
 *                  performativity: {probe, forced, ci95, ci95_forced}, rates, calibration, agreement, stability, inflections, timing,
 *                  exit: [{policy, threshold, accuracy, accuracy_full, tokens_saved, seconds_saved, saved, change, tokens, looks, confidence,
 *                  forced_confidence, …}], chosen: {POLICY: threshold or null}, live (live_eval.h), and in one number each probe_at_20, probe_at_90, forced_at_20,
 *                  monitor_at_20, text_at_20, ece, brier}},
 *    "examples": [two traces of each family, as show.h has them], "between": [{a, b, reader, value, lo, hi}], "transfer", "sizes" (transfer.h),
 *    "variants" (evaluate_variants)}
 *
 * Policies of exits: probe (at every token; its class is the answer), probe-steps (at steps; the model's own forced answer is), forced (confidence of
 * the forced answer at every step), deer (the same, only where the text turns), agree, entropy, budget; all of them pay for what they inject.
 *
 * An estimate is {value, lo, hi}, null where it cannot be said. Intervals: 95 %, bootstrap over questions. Traces are those of the probe's test part
 * if the store is the one it was trained on, else all. Thresholds to be used (`chosen`) come from the validation part. */
#ifndef PROBE_EVALUATE_H
#define PROBE_EVALUATE_H
#include "probe/panel.h"
#include "task/inflection.h"

struct evaluate_opts {
    int (*monitor)(void *ctx, const struct trace *t, int step, int *choice, struct err *e); /* NULL: rules */
    /* Where the thought turns: as task/inflection.h says, how many or ERR_*; NULL: rules */
    int (*inflections)(void *ctx, const struct trace *t, struct inflection *out, int cap, struct err *e);
    void *ctx;       /* for both */
    int reps;        /* bootstrap */
    double max_loss; /* accuracy that an exit may cost on validation, 0.01: one point */
    uint64_t seed;
    struct pool *pool;
    int (*stop)(void);
};
int evaluate(json_t **out, const struct store *s, const struct probe *p, const struct evaluate_opts *o, struct err *e);
/* Which parts of the probe's split that is (panel.h): the callbacks are asked about their traces only. */
unsigned evaluate_parts(const struct store *s, const struct probe *p);
/* Adds "variants": other probes of the same store beside this one, family by family (evaluate_variants.c). ERR_ARG for a probe of another store
 * or split. */
struct variant {
    const char *name;
    const struct probe *p;
};
int evaluate_variants(json_t *tree, const struct store *s, const struct probe *p, const struct variant *x, int n,
                      const struct evaluate_opts *o, struct err *e);
/* The families of a store, by first appearance: kinds up to a '/', so that the subjects of MMLU are one family. *names: one malloc'd block. */
int store_kinds(const struct store *s, const char ***names, int *n, struct err *e);
#endif
