/* Model formulas: `y ~ a * b + (1 + a | g) + (1 | h)`.
 *
 * Right of the tilde: columns by name (letters, digits, . and _, other bytes above 127, or anything in backticks), 0 and 1 for the intercept,
 * + - * : and parentheses, as R reads them. Random terms: (terms | g), (terms || g) without correlations, g:h as one grouping factor and
 * g/h for g and g:h. Functions of columns are not read. Owner: formula_free. Thread: read-only after parsing. */
#ifndef STATS_INFER_FORMULA_H
#define STATS_INFER_FORMULA_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum { FORMULA_MAX_VARS = 64, FORMULA_MAX_TERMS = 128, FORMULA_MAX_BARS = 16, FORMULA_MAX_GROUP = 8 };

/* Each term is a set of variables; those of fewer variables come first, as in R. */
struct terms {
    uint64_t term[FORMULA_MAX_TERMS];
    size_t n;
    int intercept;
};
struct bar {
    struct terms terms;
    size_t group[FORMULA_MAX_GROUP], n_group; /* variables whose levels together make the grouping factor, as R names it */
    int correlated;
};
struct formula {
    char *var[FORMULA_MAX_VARS];
    size_t n_vars, n_bars;
    size_t response; /* a variable */
    struct terms fixed;
    struct bar bar[FORMULA_MAX_BARS];
};
/* ERR_ARG with the character where reading stopped. */
int formula_parse(struct formula **out, const char *text, struct err *e);
void formula_free(struct formula *f);
#endif
