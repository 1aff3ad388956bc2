/* Krippendorff's alpha: agreement of raters beyond chance, for any number of raters and missing values (Krippendorff 2004, ch. 11).
 * Thread: no state. */
#ifndef STATS_INFER_AGREEMENT_H
#define STATS_INFER_AGREEMENT_H
#include "stats/stats.h"

enum alpha_metric { ALPHA_NOMINAL, ALPHA_ORDINAL, ALPHA_INTERVAL, ALPHA_RATIO };
enum { ALPHA_MAX_LEVELS = 3000 };

struct alpha {
    double alpha, observed, expected; /* 1 − observed / expected; NaN where all values are the same */
    struct interval ci;               /* percentile bootstrap over units; NaN without one */
    size_t units, values, levels;     /* units with two values or more, and what they hold */
};
/* n ratings: unit[n] in [0, n_units), code[n] the index of its level. value[n_levels]: what the levels measure, rising (not read for
 * nominal ones). A rater may rate a unit once; who it was plays no part. how NULL: no interval. */
int krippendorff_alpha(struct alpha *out, const size_t *unit, const int *code, size_t n, size_t n_units, const double *value,
                       size_t n_levels, enum alpha_metric metric, const struct resampling *how, struct err *e);
#endif
