/* Inside the measures: sums of values by question and cell, of which all their means and intervals are made. */
#ifndef PROBE_MEASURE_INT_H
#define PROBE_MEASURE_INT_H
#include "probe/measure.h"

enum { MEASURE_BINS = 10000 }; /* most bins or places that can be asked for */

/* A cell is a bin, or whatever a measure keeps apart. Questions are numbered 0 … in the order of their ids, so a result does not
 * hang on the order of traces but by rounding. */
struct tally {
    size_t questions, cells;
    double *sum, *count; /* [questions, cells] */
    double *total;       /* [2 cells], scratch of the statistics */
    size_t *of;          /* [traces] question of each */
};
int tally_new(struct tally *y, const struct reading_trace *t, size_t n, size_t cells, struct err *e);
int tally_by(struct tally *y, const size_t *question, size_t n, size_t cells, struct err *e);
void tally_free(struct tally *y);
static inline void tally_put(struct tally *y, size_t trace, size_t cell, double sum, double count) {
    size_t at = y->of[trace] * y->cells + cell;
    y->sum[at] += sum, y->count[at] += count;
}
static inline void tally_add(struct tally *y, size_t trace, size_t cell, double value) { tally_put(y, trace, cell, value, 1); }
/* Sums over the questions idx[m]: total[cells] of values, total[cells + …] of counts. */
void tally_total(const struct tally *y, const size_t *idx, size_t m);
/* out[cells] over the questions idx[m]: Σ sum / Σ count; the mean over questions that have any of sum / count. */
void tally_readings(double *out, const struct tally *y, const size_t *idx, size_t m);
void tally_questions(double *out, const struct tally *y, const size_t *idx, size_t m);
/* The latter two as statistics of a tally: out[k = cells]. */
void readings_means(double *out, size_t k, const void *tally, const size_t *idx, size_t m);
void questions_means(double *out, size_t k, const void *tally, const size_t *idx, size_t m);
/* Questions with anything in a cell; values in it. */
int64_t tally_questions_in(const struct tally *y, size_t cell);
int64_t tally_values_in(const struct tally *y, size_t cell);

/* The bin of reading i of m, `written` of n_tokens. */
int place_bin(enum along along, int64_t i, int64_t m, int64_t written, int64_t n_tokens, int bins);
int bins_ok(int bins, const char *what, struct err *e);
int reader_ok(enum reader r, struct err *e);
/* Adds every reading's score to cell first + its bin. */
void tally_scores(struct tally *y, size_t first, const struct reading_trace *t, size_t n, enum reader r, enum target vs,
                  enum along along, int bins);
#endif
