/* A threshold with a promise: the construction and its proof are in measure_exit.h. */
#include "probe/measure_exit.h"
#include "probe/measure_int.h"
#include <math.h>
#include <stdlib.h>

static int target_known(const struct reading_trace *t, enum exit_error bad) {
    return bad == EXIT_NOT_LABEL ? t->label >= 0 : t->right >= 0;
}

static int is_bad(const struct reading_trace *t, enum exit_error bad, int class) {
    if (bad == EXIT_NOT_LABEL) return class != t->label;
    return (bad == EXIT_NOT_TRUTH || t->right) && (class < 0 || class != t->truth);
}

/* The largest confidence of a record with a bad answer, −1: none; over the readings that the policy looks at. */
static double worst_record(const struct reading_trace *t, enum reader r, enum exit_error bad, int64_t from) {
    double record = -1, worst = -1;
    for (int64_t i = 0, m = readings_of(t, r); i < m; i++) {
        struct said s = reading_of(t, r, i);
        if (s.written < from) continue;
        if (s.written >= t->n_tokens) break;
        if (!(s.confidence > record)) continue;
        record = s.confidence;
        if (is_bad(t, bad, s.class)) worst = record;
    }
    return worst;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* score[questions used], sorted; the largest of each question's traces. */
static size_t scores(double *score, const struct tally *y, const struct reading_trace *t, size_t n, enum reader r,
                     enum exit_error bad, int64_t from) {
    size_t m = 0;
    for (size_t q = 0; q < y->questions; q++) score[q] = -INFINITY;
    for (size_t i = 0; i < n; i++)
        if (target_known(t + i, bad) && readings_of(t + i, r))
            score[y->of[i]] = fmax(score[y->of[i]], worst_record(t + i, r, bad, from));
    for (size_t q = 0; q < y->questions; q++)
        if (score[q] > -INFINITY) score[m++] = score[q];
    if (m) qsort(score, m, sizeof *score, ascending);
    return m;
}

int measure_conformal(struct conformal *out, const struct reading_trace *t, size_t n, enum reader r, enum exit_error bad,
                      double alpha, int64_t from, struct err *e) {
    struct tally y;
    struct conformal c = {.bad = 0};
    if (!(alpha > 0 && alpha < 1)) return fail(e, ERR_RANGE, "expected alpha in (0, 1), found %g", alpha);
    TRY(reader_ok(r, e));
    for (size_t i = 0; i < n; i++)
        if (readings_of(t + i, r) && isnan(reading_of(t + i, r, 0).confidence))
            return fail(e, ERR_RANGE, "expected a reader with confidence, found one of classes alone in trace %zu", i);
    TRY(tally_new(&y, t, n, 1, e));
    double *score = y.sum; /* one cell a question: room for one score each */
    size_t m = scores(score, &y, t, n, r, bad, from);
    for (size_t q = 0; q < m; q++) c.bad += score[q] >= 0;
    c.questions = (int64_t)m;
    c.threshold = fmax(0, nextafter(conformal_quantile(score, m, alpha), INFINITY));
    tally_free(&y);
    *out = c;
    return 0;
}
