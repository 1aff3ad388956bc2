/* Krippendorff's alpha from what each unit holds.
 *
 * Observed disagreement: over units u of m_u values, the sum over ordered pairs of their distance, divided by m_u − 1. Expected: the same
 * over all pairs of all values, divided by n − 1. Ratings are sorted by unit, so that a resample of units is one pass. */
#include "stats/infer/agreement.h"
#include <math.h>
#include <stdlib.h>

struct rating {
    size_t unit;
    int code;
};
struct ratings {
    struct rating *r;
    size_t *first, n; /* [n + 1] where each pairable unit begins in r */
    const double *value;
    double *count, *upto; /* [levels] values of each level in the resample, and before it */
    size_t levels;
    enum alpha_metric metric;
};

static int by_unit(const void *a, const void *b) {
    const struct rating *x = a, *y = b;
    if (x->unit != y->unit) return x->unit < y->unit ? -1 : 1;
    return (x->code > y->code) - (x->code < y->code);
}

/* Squared distance of levels a < b. */
static double distance(const struct ratings *s, size_t a, size_t b) {
    double d = 1;
    if (s->metric == ALPHA_INTERVAL) d = s->value[a] - s->value[b];
    if (s->metric == ALPHA_RATIO) d = (s->value[a] - s->value[b]) / (s->value[a] + s->value[b]);
    if (s->metric == ALPHA_ORDINAL) d = s->upto[b] - s->upto[a] + (s->count[b] - s->count[a]) / 2;
    return d * d;
}

static double within(const struct ratings *s, size_t u) {
    const struct rating *r = s->r + s->first[u];
    size_t m = s->first[u + 1] - s->first[u];
    double sum = 0;
    for (size_t i = 0; i < m; i++)
        for (size_t j = i + 1; j < m; j++)
            if (r[i].code != r[j].code) sum += 2 * distance(s, (size_t)r[i].code, (size_t)r[j].code);
    return sum / (double)(m - 1);
}

static void count_levels(const struct ratings *s, const size_t *idx, size_t n) {
    for (size_t k = 0; k < s->levels; k++) s->count[k] = 0;
    for (size_t u = 0; u < n; u++)
        for (size_t i = s->first[idx[u]]; i < s->first[idx[u] + 1]; i++) s->count[s->r[i].code]++;
    double sum = 0;
    for (size_t k = 0; k < s->levels; k++) s->upto[k] = sum, sum += s->count[k];
}

/* Observed, expected and alpha of the units idx[0..n). */
static void disagreement(double *out, size_t k, const void *data, const size_t *idx, size_t n) {
    const struct ratings *s = data;
    double seen = 0, chance = 0, values;
    count_levels(s, idx, n);
    values = s->upto[s->levels - 1] + s->count[s->levels - 1];
    for (size_t u = 0; u < n; u++) seen += within(s, idx[u]);
    for (size_t a = 0; a < s->levels; a++)
        for (size_t b = a + 1; b < s->levels && s->count[a] > 0; b++)
            if (s->count[b] > 0) chance += 2 * s->count[a] * s->count[b] * distance(s, a, b);
    seen /= values, chance /= values * (values - 1);
    const double all[3] = {chance > 0 ? 1 - seen / chance : NAN, seen, chance};
    for (size_t i = 0; i < k; i++) out[i] = all[i];
}

/* Keeps the ratings of units with two of them or more. */
static void keep_pairable(struct ratings *s, size_t n) {
    size_t kept = 0;
    qsort(s->r, n, sizeof *s->r, by_unit);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && s->r[j].unit == s->r[i].unit; j++) {}
        if (j - i < 2) continue;
        s->first[s->n++] = kept;
        for (size_t k = i; k < j; k++) s->r[kept++] = s->r[k];
    }
    s->first[s->n] = kept;
}

static int fill(struct ratings *s, const size_t *unit, const int *code, size_t n, size_t n_units, struct err *e) {
    for (size_t i = 0; i < n; i++) {
        if (unit[i] >= n_units || code[i] < 0 || (size_t)code[i] >= s->levels)
            return fail(e, ERR_RANGE, "expected units below %zu and levels below %zu, found %zu and %d", n_units, s->levels,
                        unit[i], code[i]);
        s->r[i] = (struct rating){unit[i], code[i]};
    }
    for (size_t k = 0; k < s->levels && s->metric != ALPHA_NOMINAL; k++) {
        if (!isfinite(s->value[k]) || fabs(s->value[k]) > 1e150)
            return fail(e, ERR_RANGE, "expected values below 1e150, found %g", s->value[k]);
        if (s->metric == ALPHA_RATIO && s->value[k] < 0)
            return fail(e, ERR_RANGE, "expected values from 0 on for ratio, found %g", s->value[k]);
    }
    keep_pairable(s, n);
    return s->n ? 0 : fail(e, ERR_RANGE, "expected a unit with two values or more, found none in %zu ratings", n);
}

static int compute(struct alpha *out, const struct ratings *s, const struct resampling *how, struct err *e) {
    struct estimate est[3];
    TRY(estimates(est, 3, disagreement, s, s->n, 0, how, e));
    *out = (struct alpha){est[0].value, est[1].value, est[2].value, est[0].ci, s->n, s->first[s->n], s->levels};
    return 0;
}

int krippendorff_alpha(struct alpha *out, const size_t *unit, const int *code, size_t n, size_t n_units, const double *value,
                       size_t n_levels, enum alpha_metric metric, const struct resampling *how, struct err *e) {
    struct ratings s = {.value = value, .levels = n_levels, .metric = metric};
    if (!n_levels || n_levels > ALPHA_MAX_LEVELS)
        return fail(e, ERR_LIMIT, "expected 1 to %d different values, found %zu", ALPHA_MAX_LEVELS, n_levels);
    s.r = malloc((n + 1) * sizeof *s.r), s.first = malloc((n + 2) * sizeof *s.first);
    s.count = malloc(n_levels * sizeof *s.count), s.upto = malloc(n_levels * sizeof *s.upto);
    int rc = s.r && s.first && s.count && s.upto ? 0 : fail(e, ERR_NOMEM, "no memory for %zu ratings", n);
    if (!rc) rc = fill(&s, unit, code, n, n_units, e);
    if (!rc) rc = compute(out, &s, how, e);
    free(s.r), free(s.first), free(s.count), free(s.upto);
    return rc;
}
