/* How far a reader's probabilities can be believed: ECE and Brier score, in all and by place, and the reliability table.
 *
 * All of them need only the sums of probabilities and of events in each bin, which are cells of a tally: so intervals resample questions
 * without touching a reading again. The interval of ECE is that of resamples, which are biased upwards as ECE itself is: read it as
 * spread. */
#include "probe/measure_int.h"
#include <math.h>
#include <stdlib.h>

enum { ECE, BRIER, CONFIDENCE, ACCURACY, FIGURES };

/* Cells of a place: `bins` of probabilities, as many of events, one of Brier scores. */
struct book {
    struct tally y;
    struct calibration_opts o;
    int places;
};

static size_t place_cells(const struct book *k) { return 2 * (size_t)k->o.bins + 1; }

static double brier_row(const double *p, int classes, int target) {
    double s = 0;
    for (int c = 0; c < classes; c++) s += (p[c] - (c == target)) * (p[c] - (c == target));
    return s;
}

static void pair_add(struct book *k, size_t trace, size_t at, double p, int event) {
    size_t bins = (size_t)k->o.bins, bin = (size_t)probability_bin(p, k->o.bins);
    tally_add(&k->y, trace, at + bin, p);
    tally_add(&k->y, trace, at + bins + bin, event);
}

static void reading_add(struct book *k, size_t trace, const struct reading_trace *t, size_t at, const struct said *s) {
    int target = k->o.vs == VS_LABEL ? t->label : t->truth;
    if (k->o.of == CALIBRATE_TOP && !isnan(s->confidence))
        pair_add(k, trace, at, s->confidence, s->class >= 0 && s->class == target);
    if (!s->p) return;
    for (int c = 0; k->o.of == CALIBRATE_EACH && c < t->classes; c++) pair_add(k, trace, at, s->p[c], c == target);
    tally_add(&k->y, trace, at + 2 * (size_t)k->o.bins, brier_row(s->p, t->classes, target));
}

static void book_fill(struct book *k, const struct reading_trace *t, size_t n, enum reader r) {
    for (size_t i = 0; i < n; i++) {
        int64_t m = isnan(reading_score(t + i, r, 0, k->o.vs)) ? 0 : readings_of(t + i, r);
        for (int64_t j = 0; j < m; j++) {
            struct said s = reading_of(t + i, r, j);
            int place = place_bin(k->o.along, j, m, s.written, t[i].n_tokens, k->places);
            reading_add(k, i, t + i, (size_t)place * place_cells(k), &s);
        }
    }
}

static int book_new(struct book *k, int places, const struct calibration_opts *o, const struct reading_trace *t, size_t n,
                    enum reader r, struct err *e) {
    TRY(bins_ok(o->bins, "bins of confidence", e));
    TRY(bins_ok(places, "places", e));
    TRY(reader_ok(r, e));
    *k = (struct book){.o = *o, .places = places};
    TRY(tally_new(&k->y, t, n, (size_t)places * place_cells(k), e));
    book_fill(k, t, n, r);
    return 0;
}

static void place_figures(double *out, const double *sum, const double *count, size_t bins) {
    double gap = 0, p = 0, events = 0, pairs = 0;
    for (size_t b = 0; b < bins; b++) {
        gap += fabs(sum[b] - sum[bins + b]);
        p += sum[b], events += sum[bins + b], pairs += count[b];
    }
    out[ECE] = pairs > 0 ? gap / pairs : NAN;
    out[BRIER] = count[2 * bins] > 0 ? sum[2 * bins] / count[2 * bins] : NAN;
    out[CONFIDENCE] = pairs > 0 ? p / pairs : NAN;
    out[ACCURACY] = pairs > 0 ? events / pairs : NAN;
}

/* out[places, FIGURES]. */
static void all_figures(double *out, size_t n, const void *book, const size_t *idx, size_t m) {
    const struct book *k = book;
    (void)n;
    tally_total(&k->y, idx, m);
    for (int p = 0; p < k->places; p++) {
        const double *sum = k->y.total + (size_t)p * place_cells(k);
        place_figures(out + p * FIGURES, sum, sum + k->y.cells, (size_t)k->o.bins);
    }
}

static int64_t pairs_at(const struct book *k, int place) {
    int64_t n = 0;
    for (int b = 0; b < k->o.bins; b++) n += tally_values_in(&k->y, (size_t)place * place_cells(k) + (size_t)b);
    return n;
}

int measure_calibration(struct calibration *out, int places, const struct calibration_opts *o, const struct reading_trace *t,
                        size_t n, enum reader r, const struct resampling *how, struct err *e) {
    struct book k;
    TRY(book_new(&k, places, o, t, n, r, e));
    size_t figures = (size_t)places * FIGURES;
    struct estimate *f = calloc(figures, sizeof *f);
    int rc = f ? estimates(f, figures, all_figures, &k, k.y.questions, 0, how, e)
               : fail(e, ERR_NOMEM, "no memory for the calibration of %d places", places);
    for (int p = 0; rc == 0 && p < places; p++) {
        const struct estimate *x = f + p * FIGURES;
        out[p] = (struct calibration){x[ECE], x[BRIER], x[CONFIDENCE], x[ACCURACY], pairs_at(&k, p)};
    }
    free(f);
    tally_free(&k.y);
    return rc;
}

int measure_reliability(struct reliability *out, const struct calibration_opts *o, const struct reading_trace *t, size_t n,
                        enum reader r, const struct resampling *how, struct err *e) {
    struct book k;
    TRY(book_new(&k, 1, o, t, n, r, e));
    size_t bins = (size_t)o->bins, cells = k.y.cells;
    struct estimate *f = calloc(cells, sizeof *f);
    int rc = f ? estimates(f, cells, readings_means, &k.y, k.y.questions, 0, how, e)
               : fail(e, ERR_NOMEM, "no memory for a table of %d bins", o->bins);
    for (size_t b = 0; rc == 0 && b < bins; b++) {
        int64_t pairs = tally_values_in(&k.y, b);
        struct estimate hit = f[bins + b];
        out[b] = (struct reliability){f[b].value, hit.value, wilson_rate(pairs ? hit.value : 0, pairs, STATS_Z95),
                                      hit.ci,     pairs,     tally_questions_in(&k.y, b)};
    }
    free(f);
    tally_free(&k.y);
    return rc;
}
