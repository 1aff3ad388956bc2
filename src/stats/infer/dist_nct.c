/* The noncentral t distribution, by quadrature.
 *
 * T = (Z + ncp) / (S / √df) with S a chi variable: P(T <= t) is the mean of Φ(t·S/√df − ncp) over S. Over x = log S the integrand falls off
 * exponentially to the left and doubly so to the right and is analytic, so the trapezoid rule converges faster than any power of its
 * step; series lose their digits where the ncp is large. */
#include "stats/dist.h"
#include <math.h>
#include <stddef.h>

/* The ends of what matters, around the maximum at x = 0: to the left x falls by df each unit, to the right by df·e^2x / 2. */
static void ends(double df, double *lo, double *hi) {
    double sd = 1 / sqrt(2 * df);
    *lo = -10 * sd - 40 / df, *hi = 10 * sd;
    if (*hi > 3) *hi = 3;
}

/* P(T <= t), and in *slope how much of it goes with each unit of the ncp (NULL: not asked). The density of x = log(S / √df) is
 * exp(df·(x − (e^2x − 1) / 2)), up to a constant. */
static double chance(double t, double df, double ncp, double *slope) {
    double lo, hi, sum = 0, density = 0, weight = 0;
    ends(df, &lo, &hi);
    /* as many steps as the narrower of the two factors needs: Φ turns within 1 / ncp */
    int steps = (int)fmin(100000, 400 + 20 * (hi - lo) * fabs(ncp));
    double h = (hi - lo) / steps;
    for (int i = 0; i <= steps; i++) {
        double x = lo + h * i, grown = expm1(2 * x), w = exp(df * (x - grown / 2)), z = t * exp(x) - ncp;
        sum += w * normal_cdf(z);
        if (slope) density += w * exp(-z * z / 2);
        weight += w;
    }
    if (slope) *slope = density / weight / sqrt(2 * M_PI);
    return sum / weight;
}

double nct_cdf(double t, double df, double ncp) {
    if (!isfinite(t) || !(df > 0) || !isfinite(ncp) || !isfinite(df)) return NAN;
    return chance(t, df, ncp, NULL);
}

/* The chance falls as the ncp rises. From the normal approximation by Newton's steps, halved inside what is known to bracket the root where
 * they leave it, or grow too long while nothing brackets it. */
double nct_ncp(double p, double t, double df) {
    if (!(p > 0 && p < 1) || !isfinite(t) || !(df > 0)) return NAN;
    double spread = sqrt(1 + t * t / (2 * df)), a = -INFINITY, b = INFINITY, reach = 4 * spread;
    double m = t - normal_quantile(p) * spread;
    for (int i = 0; i < 200; i++) {
        double slope, f = chance(t, df, m, &slope) - p, next;
        if (!isfinite(f)) return NAN;
        if (f == 0) return m;
        *(f > 0 ? &a : &b) = m;
        next = m + f / slope;
        if (!(fabs(next - m) <= reach)) next = m + (f > 0 ? reach : -reach), reach *= 2;
        if (fmin(fabs(next - m), b - a) <= 1e-13 * (1 + fabs(m))) return next;
        if (!(next > a && next < b)) next = a + (b - a) / 2;
        m = next;
    }
    return NAN;
}
