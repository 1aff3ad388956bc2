/* candor stats cor: correlations. */
#include "cli/stats_table.h"
#include "stats/infer/correlation.h"

static const struct opt opts[] = {OPT_STATS_PAIRS, OPT_STATS_JSON, {0}};

static int pairs(struct args *a, const struct selected *s, struct err *e) {
    struct correlation c;
    TRY(correlation(&c, s->x, s->y, s->n1, 0.95, e));
    static const char line[] = "the pairs lie on one line: nothing is left to measure an error by";
    const struct fact f[] = {FACT("r", "Pearson's r", c.r),
                             FACT_CI_OR("ci95", "95 % interval (Fisher)", c.ci, s->n1 < 4 ? "needs four rows" : line),
                             FACT_OR("p", "p of r", c.p, line),
                             FACT_OR("t", "t", c.t, line),
                             FACT("df", "degrees of freedom", c.df),
                             FACT("rho", "Spearman's rho", c.rho),
                             FACT_OR("rho_p", "p of rho", c.rho_p, "both orders are the same, or opposite: t has no p of that")};
    return STATS_PRINT(a, "Correlation", f, s, e);
}

static int run(struct args *a, struct err *e) { return stats_samples(a, NULL, pairs, e); }

const struct command command_stats_cor = {
    .name = "stats cor",
    .summary = "Pearson's and Spearman's correlation",
    .usage = "FILE.csv --x COLUMN --y COLUMN [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes = "Both p are those of t with n - 2 degrees of freedom; ci95 is Fisher's and needs four rows. A "
             "correlation of 1 or -1 has neither.\n" STATS_CSV_NOTE,
};
