/* The noncentral t distribution, by quadrature.
 *
 * T = (Z + ncp) / (S / √df) with S a chi variable: P(T <= t) is the mean of Φ(t·S/√df − ncp) over S. Over x = log S the integrand falls off
 * exponentially to the left and doubly so to the right and is analytic, so the trapezoid rule converges faster than any power of its
 * step; series lose their digits where the ncp is large. */
#include "stats/dist.h"
#include <math.h>

/* log of the density of x = log(S / √df) up to a constant; its maximum lies at x = 0. */
static double log_density(double x, double df) { return df * (x - expm1(2 * x) / 2); }

/* The ends of what matters: to the left x falls by df each unit, to the right by df·e^2x / 2. */
static void ends(double df, double *lo, double *hi) {
    double sd = 1 / sqrt(2 * df);
    *lo = -10 * sd - 40 / df, *hi = 10 * sd;
    if (*hi > 3) *hi = 3;
}

double nct_cdf(double t, double df, double ncp) {
    if (!isfinite(t) || !(df > 0) || !isfinite(ncp) || !isfinite(df)) return NAN;
    double lo, hi, sum = 0, weight = 0;
    ends(df, &lo, &hi);
    /* as many steps as the narrower of the two factors needs: Φ turns within 1 / ncp */
    int steps = (int)fmin(100000, 400 + 20 * (hi - lo) * fabs(ncp));
    double h = (hi - lo) / steps;
    for (int i = 0; i <= steps; i++) {
        double x = lo + h * i, w = exp(log_density(x, df));
        sum += w * normal_cdf(t * exp(x) - ncp);
        weight += w;
    }
    return sum / weight;
}

/* The chance falls as the ncp rises: bracket, then bisect with secant steps (Illinois). */
double nct_ncp(double p, double t, double df) {
    if (!(p > 0 && p < 1) || !isfinite(t) || !(df > 0)) return NAN;
    double width = 4 + fabs(t) * 4 / sqrt(df), a = t - width, b = t + width;
    double fa = nct_cdf(t, df, a) - p, fb = nct_cdf(t, df, b) - p;
    for (int i = 0; i < 60 && fa < 0; i++) width *= 2, a = t - width, fa = nct_cdf(t, df, a) - p;
    for (int i = 0; i < 60 && fb > 0; i++) width *= 2, b = t + width, fb = nct_cdf(t, df, b) - p;
    if (!(fa >= 0 && fb <= 0)) return NAN;
    for (int i = 0; i < 300 && b - a > 1e-12 * (1 + fabs(a) + fabs(b)); i++) {
        double m = (a * fb - b * fa) / (fb - fa);
        if (!(m > a && m < b) || i % 4 == 3) m = a + (b - a) / 2;
        double fm = nct_cdf(t, df, m) - p;
        if (fm == 0) return m;
        if (fm > 0)
            a = m, fa = fm;
        else
            b = m, fb = fm;
    }
    return a + (b - a) / 2;
}
