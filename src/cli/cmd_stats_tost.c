/* candor stats tost: are two means alike within bounds. */
#include "cli/stats_table.h"
#include "stats/infer/mean_test.h"
#include <float.h>

static const struct opt opts[] = {
    OPT_STATS_GROUPS,
    {"low", 0, "X", NULL, "lower bound of a difference that does not matter, in the unit of the values"},
    {"high", 0, "X", NULL, "upper bound"},
    {"alpha", 0, "A", "0.05", "level of each test; the interval has 1 - 2 alpha"},
    OPT_STATS_JSON,
    {0}};

static int groups(struct args *a, const struct selected *s, struct err *e) {
    struct tost t;
    double low = 0, high = 0, alpha = 0;
    TRY(arg_real(a, "low", -DBL_MAX, DBL_MAX, &low, e));
    TRY(arg_real(a, "high", -DBL_MAX, DBL_MAX, &high, e));
    TRY(arg_real(a, "alpha", 0, 0.5, &alpha, e));
    TRY(tost_welch(&t, s->x, s->n1, s->n2, low, high, alpha, e));
    const struct fact f[] = {FACT("p", "p that it is not within", t.p),
                             FACT("p_low", "p against the lower bound", t.p_low),
                             FACT("p_high", "p against the upper bound", t.p_high),
                             FACT("df", "degrees of freedom", t.df),
                             FACT("diff", "difference of means", t.diff),
                             FACT_CI("ci", "interval of 1 - 2 alpha", t.ci),
                             FACT_IS("equivalent", "equivalent at alpha", t.p < alpha)};
    return STATS_PRINT(a, "Equivalence by two one-sided Welch tests", f, s, e);
}

static int run(struct args *a, struct err *e) {
    const char *bound;
    TRY(arg_need(a, "low", &bound, e));
    TRY(arg_need(a, "high", &bound, e));
    return stats_samples(a, groups, NULL, e);
}

const struct command command_stats_tost = {
    .name = "stats tost",
    .summary = "equivalence of two groups: two one-sided tests",
    .usage = "FILE.csv --value COLUMN --group COLUMN --low X --high X [--alpha A] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes = STATS_CSV_NOTE,
};
