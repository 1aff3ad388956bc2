/* candor stats cor: correlations. */
#include "cli/stats_table.h"
#include "stats/infer/correlation.h"

static const struct opt opts[] = {OPT_STATS_PAIRS, OPT_STATS_JSON, {0}};

static int pairs(struct args *a, const struct selected *s, struct err *e) {
    struct correlation c;
    TRY(correlation(&c, s->x, s->y, s->n1, 0.95, e));
    const struct fact f[] = {FACT("r", "Pearson's r", c.r),
                             FACT_CI("ci95", "95 % interval (Fisher)", c.ci),
                             FACT("p", "p of r", c.p),
                             FACT("t", "t", c.t),
                             FACT("df", "degrees of freedom", c.df),
                             FACT("rho", "Spearman's rho", c.rho),
                             FACT("rho_p", "p of rho", c.rho_p)};
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
    .notes = "Both p are those of t with n - 2 degrees of freedom; ci95 is Fisher's and needs four rows.\n" STATS_CSV_NOTE,
};
