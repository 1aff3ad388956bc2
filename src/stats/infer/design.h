/* From a formula and a table to numbers: response, fixed columns, random columns with their grouping factors.
 *
 * Treatment coding with the first level in order as reference; a factor is coded by all its levels where the term without it is not in the
 * formula (R's rule). Columns are named as R names them: (Intercept), ratio:grpB. Only levels that occur in kept rows count.
 * Owner: design_free. Thread: read-only after it is built. */
#ifndef STATS_INFER_DESIGN_H
#define STATS_INFER_DESIGN_H
#include "stats/infer/formula.h"
#include "stats/infer/select.h"

enum { DESIGN_MAX_NUMBERS = 200000000 }; /* in one matrix */

struct columns {
    size_t k;
    double *x;   /* column-major [k][n] */
    char **name; /* [k] */
};
struct random_part {
    struct columns z;
    char *group; /* "g" or "g:h" */
    int *level;  /* [n] */
    size_t n_levels;
    int correlated;
};
struct design {
    size_t n; /* rows kept */
    char *response;
    double *y; /* [n] */
    struct columns x;
    struct random_part *part;
    size_t n_parts;
    int *cluster; /* [n] levels of the cluster column, NULL without one */
    size_t n_clusters;
    struct left_out left;
};
/* also (may be NULL): a second formula whose columns must not be missing either, so that two models see the same rows. cluster: a column or
 * NULL. */
int design_build(struct design *out, struct frame *f, const struct formula *m, const struct formula *also, const char *cluster,
                 struct err *e);
void design_free(struct design *d);
/* The rows of `d` dealt so that the first random part of `as` has `groups` groups (enlarge.c says how): columns and random parts of the same
 * names, a response of zeros. as: d itself, or a model of the same rows that d is to be compared with. ERR_RANGE for fewer than two groups. */
int design_with_groups(struct design *out, const struct design *d, const struct design *as, size_t groups, struct err *e);
/* 0 where `null` is a model within `full`, both of the same rows: its fixed columns in the span of the other's, its random effects among the
 * other's. Else ERR_ARG with what lies outside. */
int design_nested(const struct design *null, const struct design *full, struct err *e);
#endif
