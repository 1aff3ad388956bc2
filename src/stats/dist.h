/* Distributions: the chances that tests and intervals read off. Program only (see README): the functions stand on R's own code.
 *
 * What is not a number, or a parameter that makes no sense, gives NaN. Thread: no state. */
#ifndef STATS_DIST_H
#define STATS_DIST_H

double normal_cdf(double z);
double normal_upper(double z); /* 1 - normal_cdf, without the loss of digits */
double normal_quantile(double p);
double normal_two_sided(double z); /* P(|Z| >= |z|) */
double t_cdf(double t, double df);
double t_upper(double t, double df);
double t_quantile(double p, double df);
double t_two_sided(double t, double df);
double chi2_upper(double x, double df);
double binomial_mass(double k, double n, double p);
double binomial_cdf(double k, double n, double p);
double beta_quantile(double q, double a, double b);

/* P(T <= t) of the noncentral t, by the trapezoid rule over the logarithm of the chi variable; absolute error below 1e-12. */
double nct_cdf(double t, double df, double ncp);
/* The ncp at which nct_cdf(t, df, ncp) = p, 0 < p < 1. */
double nct_ncp(double p, double t, double df);
#endif
