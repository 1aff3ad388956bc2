/* Rank tests. Twice a midrank is an integer, so the exact distributions count subsets by their sum of doubled ranks, which handles ties
 * without a second formula. */
#include "stats/infer/rank_test.h"
#include "stats/dist.h"
#include "stats/infer/sample.h"
#include <math.h>
#include <stdlib.h>

enum { MAX_EXACT_CELLS = 20000000 }; /* doubles of the table of counts */

static double normal_p(double w, double expected, double var, double *z) {
    double gap = w - expected;
    gap -= gap > 0 ? 0.5 : gap < 0 ? -0.5 : 0;
    *z = var > 0 ? gap / sqrt(var) : 0;
    return fmin(1, normal_two_sided(*z));
}

/* Twice the smaller tail of mass[0..top], which adds up to 1, at `at`. */
static double tails(const double *mass, size_t top, size_t at) {
    double low = 0, high = 0;
    for (size_t s = 0; s <= top; s++) {
        if (s <= at) low += mass[s];
        if (s >= at) high += mass[s];
    }
    return fmin(1, 2 * fmin(low, high));
}

static size_t doubled(double rank) { return (size_t)(2 * rank + 0.5); }

/* chance[k, s]: that k of the ranks, drawn without order, add up to s (doubled). Updated rank by rank, downwards, so that each is used
 * once; it is scaled by k / (i + 1) as it goes, which keeps every row a distribution. */
static int exact_groups(double *p, const double *rank, size_t n, size_t n1, struct err *e) {
    size_t top = 0, at = 0;
    for (size_t i = 0; i < n; i++) top += doubled(rank[i]), at += i < n1 ? doubled(rank[i]) : 0;
    if ((double)(n1 + 1) * (double)(top + 1) > MAX_EXACT_CELLS)
        return fail(e, ERR_LIMIT, "expected few enough values for the exact test, found %zu (the approximation has no limit)", n);
    double *ways = calloc((n1 + 1) * (top + 1), sizeof *ways);
    if (!ways) return fail(e, ERR_NOMEM, "no memory for the exact test of %zu values", n);
    ways[0] = 1;
    for (size_t i = 0, sum = 0; i < n; i++) {
        size_t r = doubled(rank[i]);
        sum += r;
        for (size_t k = i + 1 < n1 ? i + 1 : n1; k > 0; k--) {
            double *row = ways + k * (top + 1), *less = row - (top + 1), in = (double)k / (double)(i + 1);
            for (size_t s = sum + 1; s-- > 0;) row[s] = row[s] * (1 - in) + (s >= r ? less[s - r] * in : 0);
        }
    }
    *p = tails(ways + n1 * (top + 1), top, at);
    free(ways);
    return 0;
}

static int exact_signs(double *p, const double *rank, size_t n, double v, struct err *e) {
    size_t top = 0;
    for (size_t i = 0; i < n; i++) top += doubled(rank[i]);
    if (top > MAX_EXACT_CELLS) return fail(e, ERR_LIMIT, "expected few enough pairs for the exact test, found %zu", n);
    double *ways = calloc(top + 1, sizeof *ways);
    if (!ways) return fail(e, ERR_NOMEM, "no memory for the exact test of %zu pairs", n);
    ways[0] = 1;
    for (size_t i = 0; i < n; i++)
        for (size_t s = top + 1, r = doubled(rank[i]); s-- > 0;) ways[s] = (ways[s] + (s >= r ? ways[s - r] : 0)) / 2;
    *p = tails(ways, top, doubled(v));
    free(ways);
    return 0;
}

int mann_whitney(struct rank_test *out, const double *x, size_t n1, size_t n2, int exact, struct err *e) {
    double ties, a = (double)n1, b = (double)n2, n = a + b;
    struct rank_test t = {.z = NAN, .exact = exact};
    TRY(sample_ok(x, n1, 1, "the first group", e));
    TRY(sample_ok(x + n1, n2, 1, "the second group", e));
    double *rank = malloc((n1 + n2) * sizeof *rank);
    if (!rank) return fail(e, ERR_NOMEM, "no memory for %zu ranks", n1 + n2);
    int rc = midranks(rank, &ties, x, n1 + n2, e);
    for (size_t i = 0; i < n1 && !rc; i++) t.w += rank[i];
    t.w -= a * (a + 1) / 2;
    if (!rc && exact)
        rc = exact_groups(&t.p, rank, n1 + n2, n1, e);
    else if (!rc)
        t.p = normal_p(t.w, a * b / 2, a * b / 12 * (n + 1 - ties / (n * (n - 1))), &t.z);
    free(rank);
    if (!rc) *out = t;
    return rc;
}

static int rank_signs(struct rank_test *t, double *d, double *size, double *rank, size_t n, struct err *e) {
    double ties, m;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (d[i] != 0) d[kept++] = d[i];
    for (size_t i = 0; i < kept; i++) size[i] = fabs(d[i]);
    t->zeros = n - kept, m = (double)kept;
    if (!kept) return fail(e, ERR_RANGE, "expected differences that are not all 0, found %zu of 0", n);
    TRY(midranks(rank, &ties, size, kept, e));
    for (size_t i = 0; i < kept; i++) t->w += d[i] > 0 ? rank[i] : 0;
    if (t->exact) return exact_signs(&t->p, rank, kept, t->w, e);
    t->p = normal_p(t->w, m * (m + 1) / 4, m * (m + 1) * (2 * m + 1) / 24 - ties / 48, &t->z);
    return 0;
}

int signed_rank(struct rank_test *out, const double *x, const double *y, size_t n, int exact, struct err *e) {
    double *d = NULL;
    struct rank_test t = {.z = NAN, .exact = exact};
    double *zero = y ? NULL : calloc(n + 1, sizeof *zero), *size = malloc((n + 1) * sizeof *size);
    double *rank = malloc((n + 1) * sizeof *rank);
    int rc = (y || zero) && size && rank ? 0 : fail(e, ERR_NOMEM, "no memory for %zu pairs", n);
    if (!rc) rc = differences(&d, x, y ? y : zero, n, 1, e);
    if (!rc) rc = rank_signs(&t, d, size, rank, n, e);
    free(d), free(zero), free(size), free(rank);
    if (!rc) *out = t;
    return rc;
}
