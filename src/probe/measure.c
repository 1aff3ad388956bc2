/* What all measures share: the check of traces, what a reader says where, and sums by question and cell.
 *
 * Every mean here is of values by question, so keeping (sum, count) of each question and cell is enough for the mean over readings,
 * for the mean over questions, and for any resample of questions, which never touches a reading again. */
#include "probe/measure_int.h"
#include "probe/scan.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- traces ---- */

static int row_ok(const double *p, int classes) {
    double sum = 0;
    for (int c = 0; c < classes; c++) {
        if (!(p[c] >= 0 && p[c] <= 1)) return 0;
        sum += p[c];
    }
    return fabs(sum - 1) <= 1e-6;
}

static int rows_ok(const double *p, int64_t n, int classes, const char *whose, int64_t at, struct err *e) {
    for (int64_t i = 0; p && i < n; i++)
        if (!row_ok(p + i * classes, classes))
            return fail_at(e, ERR_RANGE, "trace", at,
                           "expected %d probabilities that sum to 1, found others at reading %lld of the %s", classes,
                           (long long)i, whose);
    return 0;
}

static int steps_ok(const struct reading_trace *t, int64_t at, struct err *e) {
    if (t->n_steps < 0 || (t->n_steps && !t->step_at))
        return fail_at(e, ERR_RANGE, "trace", at, "expected the places of its steps, found %lld steps without",
                       (long long)t->n_steps);
    for (int64_t k = 0; k < t->n_steps; k++)
        if (t->step_at[k] < (k ? t->step_at[k - 1] : t->p ? t->first : 0) || t->step_at[k] > t->n_tokens)
            return fail_at(e, ERR_RANGE, "trace", at, "expected steps that rise up to token %lld, found step %lld at %lld",
                           (long long)t->n_tokens, (long long)k, (long long)t->step_at[k]);
    return 0;
}

static int step_reader_ok(const struct step_reader *s, const struct reading_trace *t, const char *whose, int64_t at,
                          struct err *e) {
    TRY(rows_ok(s->p, t->n_steps, t->classes, whose, at, e));
    for (int64_t k = 0; k < t->n_steps; k++) {
        if (!s->p && s->choice && (s->choice[k] < -1 || s->choice[k] >= t->classes))
            return fail_at(e, ERR_RANGE, "trace", at, "expected -1 or a class below %d, found %d at step %lld of the %s",
                           t->classes, s->choice[k], (long long)k, whose);
        if (s->confidence && !(s->confidence[k] >= 0 && s->confidence[k] <= 1))
            return fail_at(e, ERR_RANGE, "trace", at, "expected a confidence in [0, 1], found %g at step %lld of the %s",
                           s->confidence[k], (long long)k, whose);
        if (s->entropy && !(s->entropy[k] >= 0 && s->entropy[k] < INFINITY))
            return fail_at(e, ERR_RANGE, "trace", at, "expected an entropy from 0 on, found %g at step %lld of the %s",
                           s->entropy[k], (long long)k, whose);
    }
    return 0;
}

static int trace_ok(const struct reading_trace *t, int64_t at, struct err *e) {
    if (t->classes < 2 || t->classes > SCAN_CLASSES)
        return fail_at(e, ERR_RANGE, "trace", at, "expected 2 to %d classes, found %d", SCAN_CLASSES, t->classes);
    if (t->label < -1 || t->label >= t->classes || t->truth < -1 || t->truth >= t->classes || t->right < -1 || t->right > 1)
        return fail_at(e, ERR_RANGE, "trace", at,
                       "expected -1 or classes below %d, and right from -1 to 1, found label %d, truth %d, right %d", t->classes,
                       t->label, t->truth, t->right);
    if (t->n_tokens < 1 || t->n_tokens > INT64_MAX / (2 * MEASURE_BINS) || t->tail < 0 || t->first < 0 || t->first > 1)
        return fail_at(e, ERR_RANGE, "trace", at,
                       "expected a thought of at least one token, a tail from 0 on and a first reading at 0 or 1, "
                       "found %lld, %lld, %d",
                       (long long)t->n_tokens, (long long)t->tail, t->first);
    TRY(steps_ok(t, at, e));
    TRY(rows_ok(t->p, t->n_tokens + 1 - t->first, t->classes, "probe", at, e));
    TRY(step_reader_ok(&t->forced, t, "forced answer", at, e));
    return step_reader_ok(&t->monitor, t, "monitor", at, e);
}

int traces_check(const struct reading_trace *t, size_t n, struct err *e) {
    for (size_t i = 0; i < n; i++) TRY(trace_ok(t + i, (int64_t)i, e));
    return 0;
}

/* ---- readers ---- */

static const struct step_reader *steps_of(const struct reading_trace *t, enum reader r) {
    return r == FORCED ? &t->forced : &t->monitor;
}

int64_t readings_of(const struct reading_trace *t, enum reader r) {
    if (r == PROBE_TOKENS) return t->p ? t->n_tokens + 1 - t->first : 0;
    if (r == PROBE_STEPS) return t->p ? t->n_steps : 0;
    return steps_of(t, r)->p || steps_of(t, r)->choice ? t->n_steps : 0;
}

double entropy_bits(const double *p, int classes) {
    double h = 0;
    for (int c = 0; c < classes; c++)
        if (p[c] > 0) h -= p[c] * log2(p[c]);
    return fmax(h, 0);
}

static struct said said_by_p(const double *p, int classes, int64_t written) {
    struct said s = {written, 0, p[0], p};
    for (int c = 1; c < classes; c++)
        if (p[c] > s.confidence) s.class = c, s.confidence = p[c];
    return s;
}

struct said reading_of(const struct reading_trace *t, enum reader r, int64_t i) {
    if (r == PROBE_TOKENS) return said_by_p(t->p + i * t->classes, t->classes, i + t->first);
    int64_t written = t->step_at[i];
    if (r == PROBE_STEPS) return said_by_p(t->p + (written - t->first) * t->classes, t->classes, written);
    const struct step_reader *s = steps_of(t, r);
    return s->p ? said_by_p(s->p + i * t->classes, t->classes, written)
                : (struct said){written, s->choice[i], s->confidence ? s->confidence[i] : NAN, NULL};
}

double reading_entropy(const struct reading_trace *t, enum reader r, int64_t i) {
    const double *own = r == FORCED || r == MONITOR ? steps_of(t, r)->entropy : NULL;
    const double *p = reading_of(t, r, i).p;
    return own ? own[i] : p ? entropy_bits(p, t->classes) : NAN;
}

double reading_score(const struct reading_trace *t, enum reader r, int class, enum target vs) {
    if (vs == VS_LABEL ? t->label < 0 : t->right < 0) return NAN;
    if (class < 0) return r == MONITOR ? NA_SCORE : 0;
    return class == (vs == VS_LABEL ? t->label : t->truth);
}

int place_bin(enum along along, int64_t i, int64_t m, int64_t written, int64_t n_tokens, int bins) {
    int64_t b;
    if (along == ALONG_TOKENS)
        b = written > 0 ? (written * bins - 1) / n_tokens : 0;
    else
        b = m > 1 ? i * bins / (m - 1) : bins / 2;
    return (int)(b < bins ? b : bins - 1);
}

int bins_ok(int bins, const char *what, struct err *e) {
    if (bins >= 1 && bins <= MEASURE_BINS) return 0;
    return fail(e, ERR_RANGE, "expected 1 to %d %s, found %d", MEASURE_BINS, what, bins);
}

int reader_ok(enum reader r, struct err *e) {
    return (unsigned)r < READERS ? 0 : fail(e, ERR_RANGE, "expected a reader below %d, found %d", READERS, (int)r);
}

/* ---- tallies ---- */

static int by_size(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* ids[n] sorted in place, repeated ones dropped. */
static size_t distinct(size_t *ids, size_t n) {
    size_t m = 0;
    if (n) qsort(ids, n, sizeof *ids, by_size);
    for (size_t i = 0; i < n; i++)
        if (!m || ids[m - 1] != ids[i]) ids[m++] = ids[i];
    return m;
}

static int questions_number(struct tally *y, const size_t *question, size_t n, struct err *e) {
    size_t *ids = calloc(n + 1, sizeof *ids);
    y->of = calloc(n + 1, sizeof *y->of);
    if (!ids || !y->of) {
        free(ids);
        return fail(e, ERR_NOMEM, "no memory for the questions of %zu traces", n);
    }
    if (n) memcpy(ids, question, n * sizeof *ids);
    y->questions = distinct(ids, n);
    for (size_t i = 0; i < n; i++)
        y->of[i] = (size_t)((size_t *)bsearch(question + i, ids, y->questions, sizeof *ids, by_size) - ids);
    free(ids);
    return 0;
}

void tally_free(struct tally *y) {
    free(y->sum), free(y->count), free(y->total), free(y->of);
    *y = (struct tally){0};
}

int tally_by(struct tally *y, const size_t *question, size_t n, size_t cells, struct err *e) {
    size_t all;
    *y = (struct tally){.cells = cells};
    int rc = questions_number(y, question, n, e);
    if (rc == 0 && !__builtin_mul_overflow(y->questions + 1, cells + 1, &all)) {
        y->sum = calloc(all, sizeof *y->sum), y->count = calloc(all, sizeof *y->count);
        y->total = calloc(cells + 1, 2 * sizeof *y->total);
    }
    if (rc == 0 && !(y->sum && y->count && y->total))
        rc = fail(e, ERR_NOMEM, "no memory for %zu sums of %zu questions", cells, y->questions);
    if (rc < 0) tally_free(y);
    return rc;
}

int tally_new(struct tally *y, const struct reading_trace *t, size_t n, size_t cells, struct err *e) {
    size_t *question = calloc(n + 1, sizeof *question);
    if (!question) return fail(e, ERR_NOMEM, "no memory for the questions of %zu traces", n);
    for (size_t i = 0; i < n; i++) question[i] = t[i].question;
    int rc = tally_by(y, question, n, cells, e);
    free(question);
    return rc;
}

void tally_total(const struct tally *y, const size_t *idx, size_t m) {
    double *sum = y->total, *count = y->total + y->cells;
    for (size_t c = 0; c < 2 * y->cells; c++) sum[c] = 0;
    for (size_t i = 0; i < m; i++) {
        const double *s = y->sum + idx[i] * y->cells, *k = y->count + idx[i] * y->cells;
        for (size_t c = 0; c < y->cells; c++) sum[c] += s[c], count[c] += k[c];
    }
}

void tally_readings(double *out, const struct tally *y, const size_t *idx, size_t m) {
    tally_total(y, idx, m);
    for (size_t c = 0; c < y->cells; c++) out[c] = y->total[y->cells + c] > 0 ? y->total[c] / y->total[y->cells + c] : NAN;
}

void tally_questions(double *out, const struct tally *y, const size_t *idx, size_t m) {
    double *n = y->total;
    for (size_t c = 0; c < y->cells; c++) out[c] = n[c] = 0;
    for (size_t i = 0; i < m; i++) {
        const double *s = y->sum + idx[i] * y->cells, *k = y->count + idx[i] * y->cells;
        for (size_t c = 0; c < y->cells; c++)
            if (k[c] > 0) out[c] += s[c] / k[c], n[c]++;
    }
    for (size_t c = 0; c < y->cells; c++) out[c] = n[c] > 0 ? out[c] / n[c] : NAN;
}

void readings_means(double *out, size_t k, const void *tally, const size_t *idx, size_t m) {
    (void)k;
    tally_readings(out, tally, idx, m);
}

void questions_means(double *out, size_t k, const void *tally, const size_t *idx, size_t m) {
    (void)k;
    tally_questions(out, tally, idx, m);
}

int64_t tally_questions_in(const struct tally *y, size_t cell) {
    int64_t n = 0;
    for (size_t q = 0; q < y->questions; q++) n += y->count[q * y->cells + cell] > 0;
    return n;
}

int64_t tally_values_in(const struct tally *y, size_t cell) {
    double n = 0;
    for (size_t q = 0; q < y->questions; q++) n += y->count[q * y->cells + cell];
    return (int64_t)n;
}

void tally_scores(struct tally *y, size_t first, const struct reading_trace *t, size_t n, enum reader r, enum target vs,
                  enum along along, int bins) {
    for (size_t i = 0; i < n; i++) {
        int64_t m = readings_of(t + i, r);
        for (int64_t j = 0; j < m; j++) {
            struct said s = reading_of(t + i, r, j);
            double score = reading_score(t + i, r, s.class, vs);
            if (isnan(score)) break; /* the target is the trace's */
            tally_add(y, i, first + (size_t)place_bin(along, j, m, s.written, t[i].n_tokens, bins), score);
        }
    }
}
