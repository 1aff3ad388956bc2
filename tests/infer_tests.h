/* Shared by the tests of src/stats/infer. */
#ifndef TESTS_INFER_TESTS_H
#define TESTS_INFER_TESTS_H
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Against R's twelve digits. */
static inline void near(const char *what, double got, double want, double relative) {
    double tol = relative * fmax(1e-12, fabs(want));
    cr_expect(fabs(got - want) <= tol, "%s: got %.12g, want %.12g", what, got, want);
}

/* x then y, 8 + 7 values of tests/r/small.R. */
static const double two_samples[15] = {23.1, 19.4, 25.0, 30.2, 21.7, 26.3, 24.4, 28.8, 18.2, 20.1, 17.5, 22.9, 19.4, 16.0, 21.3};
static const double *const second = two_samples + 8;
/* With ties: e then f, 8 + 7. */
static const double tied_samples[15] = {3, 5, 4, 4, 2, 6, 5, 5, 4, 4, 1, 2, 3, 4, 2};
#endif
