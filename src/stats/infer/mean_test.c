/* Welch's t and equivalence. */
#include "stats/infer/mean_test.h"
#include "stats/dist.h"
#include "stats/infer/sample.h"
#include <math.h>

int welch_t(struct welch *out, const double *x, size_t n1, size_t n2, double level, struct err *e) {
    TRY(sample_ok(x, n1, 2, "the first group", e));
    TRY(sample_ok(x + n1, n2, 2, "the second group", e));
    double v1 = variance(x, n1), v2 = variance(x + n1, n2), a = v1 / (double)n1, b = v2 / (double)n2;
    struct welch w = {.mean = {mean(x, n1), mean(x + n1, n2)}, .sd = {sqrt(v1), sqrt(v2)}, .se = sqrt(a + b)};
    TRY(varies(w.se, constant(x, n1) && constant(x + n1, n2), "one value throughout each group", e));
    double share = a / (a + b), rest = b / (a + b); /* (a + b)² itself may underflow */
    w.diff = w.mean[0] - w.mean[1];
    w.t = w.diff / w.se;
    w.df = 1 / (share * share / (double)(n1 - 1) + rest * rest / (double)(n2 - 1));
    w.p = t_two_sided(w.t, w.df);
    double half = w.se * t_quantile((1 + level) / 2, w.df);
    w.ci = (struct interval){w.diff - half, w.diff + half};
    *out = w;
    return 0;
}

int tost_of(struct tost *out, double diff, double se, double df, double low, double high, double alpha, struct err *e) {
    if (!(low < high)) return fail(e, ERR_RANGE, "expected bounds with low below high, found %g and %g", low, high);
    if (!(alpha > 0 && alpha < 0.5)) return fail(e, ERR_RANGE, "expected alpha between 0 and 0.5, found %g", alpha);
    if (!(se > 0 && isfinite(se) && isfinite(diff) && df > 0))
        return fail(e, ERR_RANGE, "expected an estimate with a standard error above zero, found %g with %g", diff, se);
    double half = se * t_quantile(1 - alpha, df);
    struct tost t = {.diff = diff, .se = se, .df = df, .ci = {diff - half, diff + half}};
    t.t_low = (diff - low) / se, t.p_low = t_upper(t.t_low, df);
    t.t_high = (diff - high) / se, t.p_high = t_cdf(t.t_high, df);
    t.p = fmax(t.p_low, t.p_high);
    *out = t;
    return 0;
}

int tost_welch(struct tost *out, const double *x, size_t n1, size_t n2, double low, double high, double alpha, struct err *e) {
    struct welch w;
    TRY(welch_t(&w, x, n1, n2, 0.95, e));
    return tost_of(out, w.diff, w.se, w.df, low, high, alpha, e);
}
