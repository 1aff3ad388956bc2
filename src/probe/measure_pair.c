/* Measures of single steps and of two readers at the same step: largest lead, restlessness, agreement. */
#include "probe/measure_int.h"
#include <math.h>

static int both_at_steps(enum reader a, enum reader b, struct err *e) {
    TRY(reader_ok(a, e));
    TRY(reader_ok(b, e));
    if (a != PROBE_TOKENS && b != PROBE_TOKENS) return 0;
    return fail(e, ERR_RANGE, "expected two readers at steps, found one at every token");
}

/* Steps that both read; 0 where the target is not known. */
static int64_t shared_steps(const struct reading_trace *t, enum reader a, enum reader b, enum target vs) {
    if (isnan(reading_score(t, a, 0, vs))) return 0;
    return readings_of(t, a) ? readings_of(t, b) : 0;
}

static double score_at(const struct reading_trace *t, enum reader r, int64_t k, enum target vs) {
    return reading_score(t, r, reading_of(t, r, k).class, vs);
}

static double largest_lead(const struct reading_trace *t, enum reader r, enum reader rival, enum target vs) {
    double most = -INFINITY;
    for (int64_t k = 0, m = shared_steps(t, r, rival, vs); k < m; k++)
        most = fmax(most, score_at(t, r, k, vs) - score_at(t, rival, k, vs));
    return most;
}

static int question_means(struct estimate *out, struct tally *y, const struct resampling *how, struct err *e) {
    int rc = estimates(out, y->cells, questions_means, y, y->questions, 0, how, e);
    tally_free(y);
    return rc;
}

int measure_max_gap(struct estimate *out, const struct reading_trace *t, size_t n, enum reader r, enum reader rival,
                    enum target vs, const struct resampling *how, struct err *e) {
    struct tally y;
    TRY(both_at_steps(r, rival, e));
    TRY(tally_new(&y, t, n, 1, e));
    for (size_t i = 0; i < n; i++) {
        double most = largest_lead(t + i, r, rival, vs);
        if (most > -INFINITY) tally_add(&y, i, 0, most);
    }
    return question_means(out, &y, how, e);
}

/* NaN with fewer than two readings, or none of probabilities. */
static double restlessness(const struct reading_trace *t, enum reader r) {
    int64_t m = readings_of(t, r);
    double sum = 0;
    if (m < 2 || !reading_of(t, r, 0).p) return NAN;
    for (int64_t i = 1; i < m; i++) {
        const double *was = reading_of(t, r, i - 1).p, *is = reading_of(t, r, i).p;
        for (int c = 0; c < t->classes; c++) sum += (is[c] - was[c]) * (is[c] - was[c]);
    }
    return sum / (double)(m - 1);
}

int measure_stability(struct estimate *out, const struct reading_trace *t, size_t n, enum reader r, const struct resampling *how,
                      struct err *e) {
    struct tally y;
    TRY(reader_ok(r, e));
    TRY(tally_new(&y, t, n, 1, e));
    for (size_t i = 0; i < n; i++) {
        double x = restlessness(t + i, r);
        if (!isnan(x)) tally_add(&y, i, 0, x);
    }
    return question_means(out, &y, how, e);
}

int measure_agreement(struct agreement *out, const struct reading_trace *t, size_t n, enum reader a, enum reader b,
                      enum target vs, const struct resampling *how, struct err *e) {
    struct tally y;
    struct estimate share[4];
    TRY(both_at_steps(a, b, e));
    TRY(tally_new(&y, t, n, 4, e));
    for (size_t i = 0; i < n; i++)
        for (int64_t k = 0, m = shared_steps(t + i, a, b, vs); k < m; k++) {
            size_t seen = (score_at(t + i, a, k, vs) == 1 ? 2 : 0) + (score_at(t + i, b, k, vs) == 1 ? 1 : 0);
            for (size_t c = 0; c < 4; c++) tally_add(&y, i, c, c == seen);
        }
    int rc = estimates(share, 4, readings_means, &y, y.questions, 0, how, e);
    if (rc == 0) *out = (struct agreement){share[3], share[0], share[2], share[1], tally_values_in(&y, 0)};
    tally_free(&y);
    return rc;
}
