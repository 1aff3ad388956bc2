/* Hedges' g. The interval turns the noncentral t around: the two noncentralities for which the t found is just at the level's edge,
 * divided by what takes d to t. */
#include "stats/infer/effect.h"
#include "stats/dist.h"
#include "stats/infer/sample.h"
#include <math.h>
#include <stdlib.h>

double hedges_j(double m) { return m > 1 ? exp(lgamma(m / 2) - lgamma((m - 1) / 2)) / sqrt(m / 2) : NAN; }

/* scale: t = d·scale */
static int finish(struct effect *out, double d, double df, double scale, double level, struct err *e) {
    struct effect r = {.d = d, .df = df, .t = d * scale, .j = hedges_j(df)};
    if (!(level > 0 && level < 1)) return fail(e, ERR_RANGE, "expected a level between 0 and 1, found %g", level);
    r.g = r.j * d;
    r.ci.lo = r.j / scale * nct_ncp((1 + level) / 2, r.t, df);
    r.ci.hi = r.j / scale * nct_ncp((1 - level) / 2, r.t, df);
    *out = r;
    return 0;
}

static double pooled_sd(const double *x, size_t n1, size_t n2) {
    double a = variance(x, n1), b = variance(x + n1, n2), df = (double)(n1 + n2) - 2;
    return sqrt(((double)(n1 - 1) * a + (double)(n2 - 1) * b) / df);
}

int hedges_g(struct effect *out, const double *x, size_t n1, size_t n2, double level, struct err *e) {
    TRY(sample_ok(x, n1, 2, "the first group", e));
    TRY(sample_ok(x + n1, n2, 2, "the second group", e));
    double sd = pooled_sd(x, n1, n2), a = (double)n1, b = (double)n2;
    TRY(varies(sd, constant(x, n1) && constant(x + n1, n2), "one value throughout each group", e));
    return finish(out, (mean(x, n1) - mean(x + n1, n2)) / sd, a + b - 2, sqrt(a * b / (a + b)), level, e);
}

int hedges_g_paired(struct effect *out, const double *x, const double *y, size_t n, double level, struct err *e) {
    double *d;
    TRY(differences(&d, x, y, n, 3, e));
    double sd = sqrt(variance(d, n)), m = mean(d, n);
    int same = constant(d, n);
    free(d);
    TRY(varies(sd, same, "the same difference in all pairs", e));
    return finish(out, m / sd, (double)n - 1, sqrt((double)n), level, e);
}

struct two {
    const double *x;
    size_t n1;
    double j;
};

/* A resample of one value over and over in both groups has no g. */
static int drawn_vary(const struct two *s, const size_t *idx, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (i != s->n1 && s->x[idx[i]] != s->x[idx[i - 1]]) return 1;
    return 0;
}

static void g_of(double *out, size_t k, const void *data, const size_t *idx, size_t n) {
    const struct two *s = data;
    double m[2] = {0, 0}, ss[2] = {0, 0}, count[2] = {(double)s->n1, (double)(n - s->n1)};
    (void)k;
    for (size_t i = 0; i < n; i++) m[i >= s->n1] += s->x[idx[i]] / count[i >= s->n1];
    for (size_t i = 0; i < n; i++) {
        double d = s->x[idx[i]] - m[i >= s->n1];
        ss[i >= s->n1] += d * d;
    }
    double sd = sqrt((ss[0] + ss[1]) / ((double)n - 2));
    *out = sd > 0 && drawn_vary(s, idx, n) ? s->j * (m[0] - m[1]) / sd : NAN;
}

int hedges_g_bootstrap(struct interval *out, const double *x, size_t n1, size_t n2, const struct resampling *how, struct err *e) {
    struct effect g;
    struct estimate r;
    TRY(hedges_g(&g, x, n1, n2, how->level, e));
    const struct two s = {x, n1, g.j};
    TRY(estimates(&r, 1, g_of, &s, n1 + n2, n1, how, e));
    *out = r.ci;
    return 0;
}
