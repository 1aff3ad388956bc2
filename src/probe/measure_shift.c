/* Shifts of belief at single readings, and how many inflections confident and other thoughts hold. */
#include "probe/measure_shift.h"
#include "probe/measure_int.h"
#include <math.h>
#include <stdlib.h>

static double belief(const struct reading_trace *t, enum reader r, int64_t i, enum shift_of of) {
    return of == SHIFT_TOP ? reading_of(t, r, i).confidence : reading_entropy(t, r, i);
}

static int is_shift(const struct reading_trace *t, enum reader r, int64_t i, const struct shift_rule *rule) {
    if (rule->of == SHIFT_SWAP) return reading_of(t, r, i).class != reading_of(t, r, i - 1).class;
    double change = belief(t, r, i, rule->of) - belief(t, r, i - 1, rule->of); /* NaN is no shift */
    if (rule->way == SHIFT_UP) return change > rule->threshold;
    if (rule->way == SHIFT_DOWN) return -change > rule->threshold;
    return fabs(change) > rule->threshold;
}

int64_t belief_shifts(int64_t *out, const struct reading_trace *t, enum reader r, const struct shift_rule *rule) {
    int64_t n = 0;
    for (int64_t i = 1, m = readings_of(t, r); i < m; i++)
        if (is_shift(t, r, i, rule)) out[n++] = i;
    return n;
}

void shift_spans(struct byte_span *out, const int64_t *k, int64_t n, const size_t *byte) {
    for (int64_t i = 0; i < n; i++) out[i] = (struct byte_span){byte[k[i] - 1], byte[k[i]]};
}

int high_confidence(const struct reading_trace *t, enum reader r, double bar) {
    int64_t m = readings_of(t, r);
    if (!m || !reading_of(t, r, m - 1).p) return 0;
    int last = reading_of(t, r, m - 1).class;
    for (int64_t i = 0; i < m; i++)
        if (!(reading_of(t, r, i).p[last] >= bar)) return 0;
    return 1;
}

/* ---- inflections of confident and other thoughts ---- */

static int64_t steps_with_text(const struct reading_trace *t) {
    int64_t n = 0;
    for (int64_t k = 0; k < t->n_steps; k++) n += t->step_at[k] > 0;
    return n;
}

/* Cells: kinds and all of them, of the confident; then of the others. */
static void inflections_add(struct tally *y, size_t trace, int high, const int64_t *counts, int kinds, int64_t steps) {
    size_t first = high ? 0 : (size_t)kinds + 1;
    double all = 0;
    for (int j = 0; j < kinds; j++) {
        tally_put(y, trace, first + (size_t)j, (double)counts[j], (double)steps);
        all += (double)counts[j];
    }
    tally_put(y, trace, first + (size_t)kinds, all, (double)steps);
}

/* out[3, kinds + 1]: rates of the confident, of the others, differences. */
static void rates_and_differences(double *out, size_t k, const void *tally, const size_t *idx, size_t m) {
    tally_readings(out, tally, idx, m);
    for (size_t j = 0; j < k / 3; j++) out[2 * k / 3 + j] = out[k / 3 + j] - out[j];
}

static void split_add(struct inflection_split *s, int high, int64_t steps) {
    if (high)
        s->high_traces++, s->high_steps += steps;
    else
        s->other_traces++, s->other_steps += steps;
}

static int rates_of(struct inflection_rate *out, const struct tally *y, int kinds, const struct resampling *how, struct err *e) {
    size_t k = (size_t)kinds + 1;
    struct estimate *f = calloc(3 * k, sizeof *f);
    int rc = f ? estimates(f, 3 * k, rates_and_differences, y, y->questions, 0, how, e)
               : fail(e, ERR_NOMEM, "no memory for rates of %d kinds", kinds);
    for (size_t j = 0; rc == 0 && j < k; j++) out[j] = (struct inflection_rate){f[j], f[k + j], f[2 * k + j]};
    free(f);
    return rc;
}

int measure_inflections(struct inflection_rate *rates, struct inflection_split *split, const struct reading_trace *t, size_t n,
                        enum reader r, double bar, const int64_t *counts, int kinds, const struct resampling *how,
                        struct err *e) {
    struct inflection_split s = {0};
    struct tally y;
    TRY(bins_ok(kinds, "kinds", e));
    TRY(reader_ok(r, e));
    if (r == PROBE_TOKENS) return fail(e, ERR_RANGE, "expected a reader at steps, found one at every token");
    TRY(tally_new(&y, t, n, 2 * ((size_t)kinds + 1), e));
    for (size_t i = 0; i < n; i++) {
        int64_t steps = readings_of(t + i, r) ? steps_with_text(t + i) : 0;
        if (!steps) continue;
        int high = high_confidence(t + i, r, bar);
        split_add(&s, high, steps);
        inflections_add(&y, i, high, counts + i * (size_t)kinds, kinds, steps);
    }
    int rc = rates_of(rates, &y, kinds, how, e);
    if (rc == 0 && split) *split = s;
    tally_free(&y);
    return rc;
}
