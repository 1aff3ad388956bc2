/* Checks of samples, and ranks. */
#include "stats/infer/sample.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>

int sample_ok(const double *x, size_t n, size_t least, const char *what, struct err *e) {
    double sum = 0;
    if (n < least) return fail(e, ERR_RANGE, "expected at least %zu values in %s, found %zu", least, what, n);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) return fail(e, ERR_RANGE, "expected finite numbers in %s, found %g at %zu", what, x[i], i);
        sum += x[i] * x[i];
        if (!isfinite(sum))
            return fail(e, ERR_RANGE, "expected numbers in %s whose squares add up, found %g at %zu", what, x[i], i);
    }
    return 0;
}

int constant(const double *x, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (x[i] != x[0]) return 0;
    return 1;
}

int varies(double sd, int same, const char *found, struct err *e) {
    if (!same && sd > 0) return 0;
    return fail(e, ERR_RANGE, "expected values that vary, found %s", same ? found : "differences too small to be squared");
}

/* Differences of 0.3 - 0.1 and 0.4 - 0.2 are not the same number, but for what the digits say. */
static void settle_rounding(double *d, const double *x, const double *y, size_t n) {
    double size = 0, least = d[0], most = d[0];
    for (size_t i = 0; i < n; i++) {
        size = fmax(size, fmax(fabs(x[i]), fabs(y[i])));
        least = fmin(least, d[i]), most = fmax(most, d[i]);
    }
    for (size_t i = 0; i < n && most - least <= 4 * DBL_EPSILON * size; i++) d[i] = d[0];
}

int differences(double **d, const double *x, const double *y, size_t n, size_t least, struct err *e) {
    double *z;
    TRY(sample_ok(x, n, least, "the first of the pairs", e));
    TRY(sample_ok(y, n, least, "the second of the pairs", e));
    if (!(z = malloc((n + 1) * sizeof *z))) return fail(e, ERR_NOMEM, "no memory for %zu pairs", n);
    for (size_t i = 0; i < n; i++) z[i] = x[i] - y[i];
    settle_rounding(z, x, y, n);
    int rc = sample_ok(z, n, least, "the differences of pairs", e);
    if (rc < 0)
        free(z);
    else
        *d = z;
    return rc;
}

struct ranked {
    double x;
    size_t at;
};
static int by_value(const void *a, const void *b) {
    double x = ((const struct ranked *)a)->x, y = ((const struct ranked *)b)->x;
    return (x > y) - (x < y);
}

int midranks(double *rank, double *ties, const double *x, size_t n, struct err *e) {
    struct ranked *r = malloc((n + 1) * sizeof *r);
    double sum = 0;
    if (!r) return fail(e, ERR_NOMEM, "no memory for %zu ranks", n);
    for (size_t i = 0; i < n; i++) r[i] = (struct ranked){x[i], i};
    qsort(r, n, sizeof *r, by_value);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && r[j].x == r[i].x; j++) {}
        double t = (double)(j - i);
        sum += t * t * t - t;
        for (size_t k = i; k < j; k++) rank[r[k].at] = ((double)(i + j) + 1) / 2;
    }
    free(r);
    if (ties) *ties = sum;
    return 0;
}
