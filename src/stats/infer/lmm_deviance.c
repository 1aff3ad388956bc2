/* One evaluation: the profiled deviance at theta.
 *
 * With Λ the relative covariance factor, A = ΛᵀZᵀZΛ + I is factored in two steps. The first block is block-diagonal: each level's small
 * matrix is factored and taken out of the tail (a Schur complement). What is left, with the fixed columns and the response as its last rows,
 * is one dense Cholesky factorisation; its diagonal holds the determinants and, at the very end, the root of the penalised residual sum of
 * squares. */
#include "stats/infer/dense.h"
#include "stats/infer/lmm_int.h"
#include <math.h>
#include <string.h>

static void set_lambda(struct lmm_problem *m, const double *theta) {
    for (size_t b = 0; b < m->n_blocks; b++)
        for (size_t i = 0; i < m->block[b].k * m->block[b].k; i++)
            m->block[b].lambda[i] = m->block[b].theta[i] < 0 ? 0 : theta[m->block[b].theta[i]];
}

/* out[k, k] = Λᵀ a Λ + I for a[k, k]. */
static void scale_square(double *out, const double *a, const double *lambda, size_t k) {
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j <= i; j++) {
            double s = i == j;
            for (size_t c = i; c < k; c++) {
                double t = 0;
                for (size_t d = j; d < k; d++) t += a[c * k + d] * lambda[d * k + j];
                s += lambda[c * k + i] * t;
            }
            out[i * k + j] = s;
        }
}

/* out[k, wide] = L⁻¹ Λᵀ c[k, wide]; L[k, k] lower. */
static void solve_cross(double *out, const double *c, const double *l, const double *lambda, size_t k, size_t wide) {
    for (size_t i = 0; i < k; i++) {
        double *row = out + i * wide;
        memset(row, 0, wide * sizeof *row);
        for (size_t a = i; a < k; a++)
            for (size_t j = 0; j < wide && lambda[a * k + i] != 0; j++) row[j] += lambda[a * k + i] * c[a * wide + j];
        for (size_t a = 0; a < i; a++)
            for (size_t j = 0; j < wide; j++) row[j] -= l[i * k + a] * out[a * wide + j];
        for (size_t j = 0; j < wide; j++) row[j] /= l[i * k + i];
    }
}

static int eliminate_first(struct lmm_problem *m) {
    const struct block *b = &m->block[0];
    size_t k = b->k;
    for (size_t l = 0; l < b->n_levels; l++) {
        size_t wide = m->level[l].touched;
        const unsigned *column = m->column + m->level[l].at;
        double *square = m->small, *w = m->small + k * k;
        scale_square(square, m->square + l * k * k, b->lambda, k);
        if (cholesky(square, k, k) < 0) return -1;
        for (size_t i = 0; i < k; i++) m->log_random += log(square[i * k + i]);
        solve_cross(w, m->cross + m->level[l].at * k, square, b->lambda, k, wide);
        for (size_t c = 0; c < k; c++)
            for (size_t i = 0; i < wide; i++) {
                double *row = m->work + column[i] * m->tail, by = w[c * wide + i];
                for (size_t j = 0; j <= i && by != 0; j++) row[column[j]] -= by * w[c * wide + j];
            }
    }
    return 0;
}

/* x[i·step] ← (Λᵀx)_i, in place from the top, since row i of Λᵀ reads i and below. */
static void by_lambda(double *x, size_t step, const double *lambda, size_t k) {
    for (size_t i = 0; i < k; i++) {
        double s = 0;
        for (size_t a = i; a < k; a++) s += lambda[a * k + i] * x[a * step];
        x[i * step] = s;
    }
}

/* Rows and columns of one level of a tail block by Λ, and the identity of its prior. */
static void scale_level(struct lmm_problem *m, const struct block *b, size_t at) {
    size_t k = b->k, n = m->tail;
    double *work = m->work;
    for (size_t j = 0; j < at; j++) by_lambda(work + at * n + j, n, b->lambda, k);
    for (size_t i = at + k; i < n; i++) by_lambda(work + i * n + at, 1, b->lambda, k);
    for (size_t i = 0; i < k; i++) /* the square in the middle, whole for a moment */
        for (size_t j = 0; j < i; j++) work[(at + j) * n + at + i] = work[(at + i) * n + at + j];
    for (size_t j = 0; j < k; j++) by_lambda(work + at * n + at + j, n, b->lambda, k);
    for (size_t i = 0; i < k; i++) by_lambda(work + (at + i) * n + at, 1, b->lambda, k);
    for (size_t i = 0; i < k; i++) work[(at + i) * n + at + i] += 1;
}

double lmm__deviance(struct lmm_problem *m, const double *theta) {
    size_t n = m->tail;
    m->evaluations++;
    m->log_random = m->log_fixed = 0;
    set_lambda(m, theta);
    memcpy(m->work, m->whole, n * n * sizeof *m->work);
    if (eliminate_first(m) < 0) return INFINITY;
    for (size_t b = 1; b < m->n_blocks; b++)
        for (size_t l = 0; l < m->block[b].n_levels; l++) scale_level(m, &m->block[b], m->block[b].tail_at + l * m->block[b].k);
    if (cholesky(m->work, n, n) < 0) return INFINITY;
    for (size_t i = 0; i < m->q; i++) m->log_random += log(m->work[i * n + i]);
    for (size_t i = m->q; i < m->q + m->p; i++) m->log_fixed += log(m->work[i * n + i]);
    m->rss = m->work[n * n - 1] * m->work[n * n - 1];
    double rows = (double)(m->reml ? m->n - m->p : m->n);
    double dev = 2 * m->log_random + rows * (1 + log(2 * M_PI * m->rss / rows));
    return isfinite(dev) ? dev + (m->reml ? 2 * m->log_fixed : 0) : INFINITY;
}
