/* candor stats wilcoxon: the signed-rank test of pairs. */
#include "cli/stats_table.h"
#include "stats/infer/rank_test.h"

static const struct opt opts[] = {
    OPT_STATS_PAIRS,
    {"exact", 0, NULL, NULL, "the exact distribution, ties included, instead of the normal approximation"},
    OPT_STATS_JSON,
    {0}};

static int pairs(struct args *a, const struct selected *s, struct err *e) {
    struct rank_test t;
    TRY(signed_rank(&t, s->x, s->y, s->n1, arg_has(a, "exact"), e));
    const struct fact f[] = {FACT("v", "V", t.w), FACT("p", "p, two-sided", t.p),
                             FACT_N("zeros", "differences of 0, left out", t.zeros), FACT_IS("exact", "exact", t.exact),
                             FACT("z", t.exact ? NULL : "z", t.z)};
    return STATS_PRINT(a, "Wilcoxon's signed-rank test", f, s, e);
}

static int run(struct args *a, struct err *e) { return stats_samples(a, NULL, pairs, e); }

const struct command command_stats_wilcoxon = {
    .name = "stats wilcoxon",
    .summary = "Wilcoxon's signed-rank test of pairs",
    .usage = "FILE.csv --x COLUMN --y COLUMN [--exact] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes =
        "V is the sum of the ranks of the positive differences x - y. p is the normal approximation with correction for ties and "
        "continuity.\n" STATS_CSV_NOTE,
};
