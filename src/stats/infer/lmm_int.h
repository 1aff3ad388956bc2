/* A mixed model made ready for evaluation: for lmm*.c alone.
 *
 * Random terms with the same grouping factor are one block; the factor with most random effects comes first and is eliminated level by
 * level, the others, the fixed columns and the response are the `tail`, a dense matrix. Fixed columns are orthonormal and the response is
 * what they leave, scaled to variance 1; random columns are scaled to mean square 1: so every number is near 1 whatever the units are. */
#ifndef STATS_INFER_LMM_INT_H
#define STATS_INFER_LMM_INT_H
#include "stats/infer/lmm.h"

struct block {
    size_t k, n_levels;
    const int *level;  /* [n], borrowed */
    const char *group; /* borrowed */
    double *z, *scale; /* [k][n] scaled columns; [k] what they were divided by */
    const char **name; /* [k], borrowed */
    int *theta;        /* [k, k] index into theta, −1: always 0 */
    double *lambda;    /* [k, k] lower triangular, of the theta at hand */
    size_t tail_at;    /* first of its columns in the tail; not for the first block */
};
struct level_of_first {
    size_t touched, at; /* tail columns it has something in common with; where they begin in `column` and, times k, in `cross` */
};
struct lmm_problem {
    const struct design *d;
    int reml;
    size_t n, p, q, tail; /* rows, fixed columns, random effects in the tail, q + p + 1 */
    struct block *block;
    size_t n_blocks, n_theta;
    double *x, *r, *y, *c0; /* orthonormal columns [p][n]; R; scaled residual response; Qᵀy */
    unsigned char *alias;
    double y_scale, log_r;
    double *square;               /* [levels, k, k] ZᵀZ of the first block */
    struct level_of_first *level; /* [levels] */
    unsigned *column;
    double *cross;                     /* k rows of `touched` numbers a level */
    double *whole, *work;              /* [tail, tail] lower triangles: constant, and of the theta at hand */
    double *small;                     /* scratch of one level */
    double log_random, log_fixed, rss; /* of the theta at hand */
    int evaluations;
};

int lmm__prepare(struct lmm_problem *m, const struct design *d, int reml, struct err *e);
void lmm__release(struct lmm_problem *m);
/* −2 log likelihood at theta in our units; +∞ where it is not defined. Leaves the factor of the tail in `work`. */
double lmm__deviance(struct lmm_problem *m, const double *theta);
int lmm__optimise(struct lmm_problem *m, double *theta, double *deviance, struct err *e);
#endif
