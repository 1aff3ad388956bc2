/* candor stats mwu: the Mann-Whitney test. */
#include "cli/stats_table.h"
#include "stats/infer/rank_test.h"

static const struct opt opts[] = {
    OPT_STATS_GROUPS,
    {"exact", 0, NULL, NULL, "the exact distribution, ties included, instead of the normal approximation"},
    OPT_STATS_JSON,
    {0}};

static int groups(struct args *a, const struct selected *s, struct err *e) {
    struct rank_test t;
    TRY(mann_whitney(&t, s->x, s->n1, s->n2, arg_has(a, "exact"), e));
    const struct fact f[] = {FACT("w", "W", t.w), FACT("p", "p, two-sided", t.p),
                             FACT("above", "share of pairs with the first above", t.w / ((double)s->n1 * (double)s->n2)),
                             FACT_IS("exact", "exact", t.exact), FACT("z", t.exact ? NULL : "z", t.z)};
    return STATS_PRINT(a, "Mann-Whitney test", f, s, e);
}

static int run(struct args *a, struct err *e) { return stats_samples(a, groups, NULL, e); }

const struct command command_stats_mwu = {
    .name = "stats mwu",
    .summary = "Mann-Whitney test of two groups",
    .usage = "FILE.csv --value COLUMN --group COLUMN [--exact] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes = "W counts the pairs in which the first group is above, ties half. p is the normal approximation with correction for "
             "ties and "
             "continuity.\n" STATS_CSV_NOTE,
};
