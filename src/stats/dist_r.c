/* The distributions of R's mathlib behind names of our own. It is licensed under the GPL, so it stays in this file, which is linked into
 * the program and not into libcandor.
 *
 * Mathlib writes to stdout when an argument is outside its domain; what could do that is turned into NaN before. */
#define MATHLIB_STANDALONE 1
#include "stats/dist.h"
#include <Rmath.h>

static int chance(double p) { return p >= 0 && p <= 1; }

double normal_cdf(double z) { return pnorm(z, 0, 1, 1, 0); }
double normal_upper(double z) { return pnorm(z, 0, 1, 0, 0); }
double normal_quantile(double p) { return chance(p) ? qnorm(p, 0, 1, 1, 0) : NAN; }
double normal_two_sided(double z) { return 2 * pnorm(-fabs(z), 0, 1, 1, 0); }

double t_cdf(double t, double df) { return !isnan(t) && df > 0 ? pt(t, df, 1, 0) : NAN; }
double t_upper(double t, double df) { return !isnan(t) && df > 0 ? pt(t, df, 0, 0) : NAN; }
double t_quantile(double p, double df) { return chance(p) && df > 0 ? qt(p, df, 1, 0) : NAN; }
double t_two_sided(double t, double df) { return 2 * t_cdf(-fabs(t), df); }

double chi2_upper(double x, double df) { return !isnan(x) && df > 0 ? pchisq(x, df, 0, 0) : NAN; }

static int counts(double k, double n, double p) { return k >= 0 && k <= n && k == floor(k) && n == floor(n) && chance(p); }
double binomial_mass(double k, double n, double p) { return counts(k, n, p) ? dbinom(k, n, p, 0) : NAN; }
double binomial_cdf(double k, double n, double p) { return counts(k, n, p) ? pbinom(k, n, p, 1, 0) : NAN; }
double beta_quantile(double q, double a, double b) { return chance(q) && a > 0 && b > 0 ? qbeta(q, a, b, 1, 0) : NAN; }
