/* From a table to the arrays that tests read. Rows with a missing cell in a column that is used are left out and counted.
 *
 * Owner: free x, y and unit with selected_free. Thread: read-only on the frame. */
#ifndef STATS_INFER_SELECT_H
#define STATS_INFER_SELECT_H
#include "stats/infer/frame.h"

struct left_out {
    size_t rows;   /* left out in all */
    char why[160]; /* "value missing in 2, group missing in 1"; empty: none */
};
struct selected {
    double *x, *y;       /* groups: x[n1 + n2]; pairs: x[n1], y[n1] */
    size_t n1, n2;       /* n2 0: pairs, or one column */
    const char *name[2]; /* levels of the groups, in order */
    struct left_out left;
};
/* The values of the two levels of a column. ERR_FORMAT where there are not two levels. */
int select_groups(struct selected *out, struct frame *f, const char *value, const char *group, struct err *e);
/* y NULL: one column alone. */
int select_pairs(struct selected *out, const struct frame *f, const char *x, const char *y, struct err *e);
void selected_free(struct selected *s);

/* Ratings, one a row: which unit, and which level of the value. measured: the value must be a number. */
struct ratings_of {
    size_t *unit, n, n_units, n_levels;
    int *code;
    double *value; /* what the levels measure; 0 for words */
    struct left_out left;
};
int select_ratings(struct ratings_of *out, struct frame *f, const char *unit, const char *value, int measured, struct err *e);
void ratings_free(struct ratings_of *r);

/* Counts what is missing in k columns; keep[rows] (may be NULL) becomes 1 where none is. */
void count_missing(struct left_out *out, unsigned char *keep, const struct frame *f, const struct column *const *c, size_t k);
#endif
