/* What a test must see of the training: the layer loss as a function of the parameters, with the gradient that training descends.
 *
 * Parameters in the order of fit.c, of standardised states and scaled candidates: q [heads, width], v [heads · classes, width],
 * u [heads · rank, width], bias [classes], u's bias [heads · rank], candidates [rank, candidate width]. Not for other rooms. */
#ifndef PROBE_FIT_INT_H
#define PROBE_FIT_INT_H
#include "probe/fit.h"

int64_t fit_params(const struct fit_data *d, const struct fit_opts *o);
/* *loss: sum over the training traces; grad[fit_params] is written. */
int fit_gradient(const struct fit_data *d, const struct fit_opts *o, const float *w, double *loss, double *grad, struct err *e);
#endif
