/* Small dense linear algebra, in an order of additions that never changes. Thread: no state. */
#ifndef STATS_INFER_DENSE_H
#define STATS_INFER_DENSE_H
#include <stddef.h>

double dot(const double *a, const double *b, size_t n);
/* x[p][n], column-major, becomes an orthonormal basis: x_j = Σ r[i·p + j]·q_i over i <= j. A column that earlier ones explain up to 1e-7 of
 * its length (R's bound) is aliased: alias[j] = 1, its q is 0 and its r NaN-free but unused. Returns the rank. */
size_t orthonormalise(double *x, double *r, unsigned char *alias, size_t n, size_t p);
/* v ← R⁻¹v for the upper triangle R = r[kept, kept], rows `stride` apart; v has p numbers, `step` apart. kept NULL: the first p. */
void back_substitute(double *v, size_t step, const double *r, size_t stride, const size_t *kept, size_t p);
/* a[n, n] = L Lᵀ in its lower triangle, rows `stride` apart; the upper is not touched. 0, or −1 where a pivot is not positive. */
int cholesky(double *a, size_t n, size_t stride);
/* inv[n, n] of the lower triangular a[n, n], itself lower triangular; the upper is set to 0. */
void lower_inverse(double *inv, const double *a, size_t n, size_t stride);
/* Eigenvalues of symmetric a[n, n], which is used up; v[n, n] has an eigenvector a row. */
void symmetric_eigen(double *value, double *v, double *a, size_t n);
#endif
