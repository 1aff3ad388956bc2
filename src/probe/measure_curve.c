/* Accuracy against position: curves, single places, a layer's row of the map. */
#include "probe/measure_int.h"
#include <math.h>
#include <stdlib.h>

static void both_means(double *out, size_t k, const void *tally, const size_t *idx, size_t m) {
    tally_readings(out, tally, idx, m);
    tally_questions(out + k / 2, tally, idx, m);
}

/* out[y->cells], of the scores in y. */
static int points(struct curve_point *out, const struct tally *y, const struct resampling *how, struct err *e) {
    size_t cells = y->cells;
    struct estimate *both = calloc(2 * cells, sizeof *both);
    if (!both) return fail(e, ERR_NOMEM, "no memory for a curve of %zu points", cells);
    int rc = estimates(both, 2 * cells, both_means, y, y->questions, 0, how, e);
    for (size_t c = 0; rc == 0 && c < cells; c++)
        out[c] = (struct curve_point){both[c], both[cells + c], tally_values_in(y, c), tally_questions_in(y, c)};
    free(both);
    return rc;
}

int measure_curve(struct curve_point *out, int bins, const struct reading_trace *t, size_t n, enum reader r, enum target vs,
                  enum along along, const struct resampling *how, struct err *e) {
    struct tally y;
    TRY(bins_ok(bins, "bins", e));
    TRY(reader_ok(r, e));
    TRY(tally_new(&y, t, n, (size_t)bins, e));
    tally_scores(&y, 0, t, n, r, vs, along, bins);
    int rc = points(out, &y, how, e);
    tally_free(&y);
    return rc;
}

/* ⌈at·m⌉, at least 1: rounding of the product must not pass a whole number that was meant (0.07·100 is 7). */
static int64_t share_of(double at, int64_t m) {
    double x = ceil(at * (double)m - 1e-9);
    return x < 1 ? 1 : x > (double)m ? m : (int64_t)x;
}

/* The reading that counts at a place; −1: none was made yet. */
static int64_t reading_by(const struct reading_trace *t, enum reader r, double at, enum along along) {
    int64_t m = readings_of(t, r), lo = 0, hi = m;
    if (along == ALONG_READINGS) return share_of(at, m) - 1;
    for (int64_t written = share_of(at, t->n_tokens); lo < hi;) { /* the first reading made later */
        int64_t mid = lo + (hi - lo) / 2;
        if (reading_of(t, r, mid).written > written)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo - 1;
}

static double score_by(const struct reading_trace *t, enum reader r, enum target vs, double at, enum along along) {
    int64_t i = reading_by(t, r, at, along);
    double score = reading_score(t, r, i < 0 ? -1 : reading_of(t, r, i).class, vs);
    return i < 0 && !isnan(score) ? NA_SCORE : score;
}

int measure_at(struct curve_point *out, const double *at, size_t m, const struct reading_trace *t, size_t n, enum reader r,
               enum target vs, enum along along, const struct resampling *how, struct err *e) {
    struct tally y;
    for (size_t j = 0; j < m; j++)
        if (!(at[j] > 0 && at[j] <= 1)) return fail(e, ERR_RANGE, "expected places in (0, 1], found %g", at[j]);
    TRY(reader_ok(r, e));
    TRY(tally_new(&y, t, n, m, e));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m && readings_of(t + i, r); j++) {
            double score = score_by(t + i, r, vs, at[j], along);
            if (!isnan(score)) tally_add(&y, i, j, score);
        }
    int rc = m ? points(out, &y, how, e) : 0;
    tally_free(&y);
    return rc;
}

int measure_heat(double *out, int bins, const struct reading_trace *t, size_t n, struct err *e) {
    TRY(bins_ok(bins, "bins", e));
    struct curve_point *row = calloc((size_t)bins, sizeof *row);
    if (!row) return fail(e, ERR_NOMEM, "no memory for a row of %d bins", bins);
    int rc = measure_curve(row, bins, t, n, PROBE_TOKENS, VS_LABEL, ALONG_TOKENS, NULL, e);
    for (int b = 0; rc == 0 && b < bins; b++) out[b] = row[b].readings.value;
    free(row);
    return rc;
}
