/* Holm, Hommel, Benjamini-Hochberg: each works on the sorted p values. */
#include "stats/infer/adjust.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct tested {
    double p, q;
    size_t at;
};

static int by_p(const void *a, const void *b) {
    double x = ((const struct tested *)a)->p, y = ((const struct tested *)b)->p;
    return (x > y) - (x < y);
}

static void holm(struct tested *t, size_t m) {
    double most = 0;
    for (size_t i = 0; i < m; i++) most = fmax(most, fmin(1, (double)(m - i) * t[i].p)), t[i].q = most;
}

static void bh(struct tested *t, size_t m) {
    double least = 1;
    for (size_t i = m; i-- > 0;) least = fmin(least, (double)m / (double)(i + 1) * t[i].p), t[i].q = least;
}

/* By closure under Simes' test: the adjusted p of a hypothesis is the largest Simes p among the sets that hold it. Of the sets of k the
 * worst holds it beside the k − 1 largest others: `rest` is what those give, min over j >= 2 of k·p(m−k+j)/j, and the smallest member
 * gives k·p; it is the hypothesis itself, or the k-th largest where the hypothesis is among the k largest. */
static void hommel(struct tested *t, size_t m) {
    for (size_t i = 0; i < m; i++) t[i].q = t[i].p;
    for (size_t k = 2; k <= m; k++) {
        double rest = INFINITY;
        for (size_t j = 2; j <= k; j++) rest = fmin(rest, (double)k * t[m - k + j - 1].p / (double)j);
        for (size_t i = 0; i < m; i++) {
            double smallest = t[i < m - k ? i : m - k].p;
            t[i].q = fmax(t[i].q, fmin(rest, (double)k * smallest));
        }
    }
}

static const struct {
    const char *name;
    void (*run)(struct tested *t, size_t m);
} methods[] = {{"holm", holm}, {"hommel", hommel}, {"bh", bh}};

int adjust_p(double *adjusted, const double *p, size_t n, const char *method, struct err *e) {
    void (*run)(struct tested *, size_t) = NULL;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (!strcasecmp(method, methods[i].name)) run = methods[i].run;
    if (!run) return fail(e, ERR_ARG, "expected a method out of " ADJUST_METHODS ", found \"%.40s\"", method);
    if (run == hommel && n > 20000) return fail(e, ERR_LIMIT, "expected at most 20000 values for hommel, found %zu", n);
    struct tested *t = malloc((n + 1) * sizeof *t);
    size_t m = 0;
    if (!t) return fail(e, ERR_NOMEM, "no memory for %zu values", n);
    for (size_t i = 0; i < n; i++) {
        if (isnan(p[i])) continue;
        if (!(p[i] >= 0 && p[i] <= 1)) {
            free(t);
            return fail(e, ERR_RANGE, "expected p values from 0 to 1, found %g at %zu", p[i], i);
        }
        t[m++] = (struct tested){p[i], 0, i};
    }
    qsort(t, m, sizeof *t, by_p);
    run(t, m);
    for (size_t i = 0; i < n; i++) adjusted[i] = NAN;
    for (size_t i = 0; i < m; i++) adjusted[t[i].at] = t[i].q;
    free(t);
    return 0;
}
