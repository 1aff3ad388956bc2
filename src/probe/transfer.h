/* Probes away from home: across families, across storage formats, across models of several sizes.
 *
 * A cell is a probe trained there on traces from here: accuracy of all its readings against the model's own answer, ECE, and what an exit saves at
 * the threshold that was chosen where it was trained. Only questions of the test part count, which is the same in every store (probe.h), so no
 * cell is about questions that its probe has seen. A probe can read another store if width, layers, vocabulary and tap are equal: the
 * same model in another format. Across sizes widths differ: there a model reads what another one wrote (collect --from), and its own probe, trained
 * on its own thoughts, is read on that. Rows are added to "transfer": [{what: families|stores, kind (of stores), train, test, traces, accuracy, ece,
 * tokens_saved, change, threshold}], and to "sizes": [{model, kind, traces, thought_tokens, accuracy, probe_at_20, probe_at_90, forced_at_20, ece, rate,
 * threshold, tokens_saved, change}]; estimates as in evaluate.h, of at most 200 resamples. */
#ifndef PROBE_TRANSFER_H
#define PROBE_TRANSFER_H
#include "probe/evaluate.h"

struct transfer_place {
    const struct store *s;
    const struct probe *p;
    const char *name;
};
/* Trains a probe of the best layer on each family with enough traces, and reads it on all. */
int transfer_families(json_t *tree, const struct store *s, const struct probe *p, const struct evaluate_opts *o, struct err *e);
/* Each probe on each store that it can read; and the figures of each place at home. */
int transfer_places(json_t *tree, const struct transfer_place *x, int n, const struct evaluate_opts *o, struct err *e);
#endif
