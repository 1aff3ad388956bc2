/* Correlations. */
#include "stats/infer/correlation.h"
#include "stats/dist.h"
#include "stats/infer/sample.h"
#include <math.h>
#include <stdlib.h>

/* Both are divided by their largest deviation first, so that squares neither overflow nor vanish. */
static double largest(const double *x, size_t n, double m) {
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs(x[i] - m));
    return most;
}

static int pearson(double *r, const double *x, const double *y, size_t n, struct err *e) {
    double mx = mean(x, n), my = mean(y, n), ux = largest(x, n, mx), uy = largest(y, n, my);
    double xx = 0, yy = 0, xy = 0;
    TRY(varies(ux, constant(x, n), "one value throughout x", e));
    TRY(varies(uy, constant(y, n), "one value throughout y", e));
    for (size_t i = 0; i < n; i++) {
        double a = (x[i] - mx) / ux, b = (y[i] - my) / uy;
        xx += a * a, yy += b * b, xy += a * b;
    }
    *r = fmax(-1, fmin(1, xy / sqrt(xx * yy)));
    return 0;
}

static int on_a_line(double r) { return 1 - fabs(r) < 1e-14; }

struct interval fisher_interval(double r, size_t n, double level) {
    if (n < 4 || on_a_line(r)) return (struct interval){NAN, NAN};
    double z = atanh(r), half = normal_quantile((1 + level) / 2) / sqrt((double)n - 3);
    return (struct interval){tanh(z - half), tanh(z + half)};
}

static double t_of(double r, double df) { return on_a_line(r) ? NAN : r * sqrt(df / (1 - r * r)); }

static int spearman(double *rho, const double *x, const double *y, size_t n, struct err *e) {
    double *rank = malloc(2 * n * sizeof *rank);
    if (!rank) return fail(e, ERR_NOMEM, "no memory for %zu ranks", n);
    int rc = midranks(rank, NULL, x, n, e);
    if (!rc) rc = midranks(rank + n, NULL, y, n, e);
    if (!rc) rc = pearson(rho, rank, rank + n, n, e);
    free(rank);
    return rc;
}

int correlation(struct correlation *out, const double *x, const double *y, size_t n, double level, struct err *e) {
    struct correlation c = {.df = (double)n - 2};
    TRY(sample_ok(x, n, 3, "x", e));
    TRY(sample_ok(y, n, 3, "y", e));
    TRY(pearson(&c.r, x, y, n, e));
    TRY(spearman(&c.rho, x, y, n, e));
    c.t = t_of(c.r, c.df);
    c.p = t_two_sided(c.t, c.df);
    c.ci = fisher_interval(c.r, n, level);
    c.rho_p = t_two_sided(t_of(c.rho, c.df), c.df);
    *out = c;
    return 0;
}
