/* candor stats permutation: the difference of means against all regroupings, or many. */
#include "cli/stats_table.h"
#include "stats/infer/mean_test.h"

static const struct opt opts[] = {OPT_STATS_GROUPS,
                                  OPT_STATS_PAIRS,
                                  {"exact-up-to", 0, "N", "200000", "look at all regroupings where there are at most so many"},
                                  {"reps", 0, "N", "10000", "drawn regroupings where there are more"},
                                  OPT_STATS_JSON,
                                  {0}};

static int set_how(struct permuting *how, struct args *a, struct err *e) {
    int64_t most = 0;
    struct resampling drawn;
    TRY(arg_i64(a, "exact-up-to", 0, 100000000, &most, e));
    TRY(stats_resampling(a, "reps", &drawn, e));
    *how = (struct permuting){(double)most, drawn.reps, drawn.seed};
    return 0;
}

static int show(struct args *a, const struct selected *s, const struct permuted *p, struct err *e) {
    const struct fact f[] = {FACT("diff", "difference of means", p->diff), FACT("p", "p, two-sided", p->p),
                             FACT_IS("exact", "exact", p->exact), FACT_N("regroupings", "regroupings", p->regroupings)};
    return STATS_PRINT(a, "Permutation test", f, s, e);
}

static int groups(struct args *a, const struct selected *s, struct err *e) {
    struct permuting how;
    struct permuted p;
    TRY(set_how(&how, a, e));
    TRY(permutation_means(&p, s->x, s->n1, s->n2, &how, e));
    return show(a, s, &p, e);
}

static int pairs(struct args *a, const struct selected *s, struct err *e) {
    struct permuting how;
    struct permuted p;
    TRY(set_how(&how, a, e));
    TRY(permutation_pairs(&p, s->x, s->y, s->n1, &how, e));
    return show(a, s, &p, e);
}

static int run(struct args *a, struct err *e) { return stats_samples(a, groups, pairs, e); }

const struct command command_stats_permutation = {
    .name = "stats permutation",
    .summary = "permutation test of a difference of means",
    .usage = "FILE.csv (--value COLUMN --group COLUMN | --x COLUMN --y COLUMN) [--reps N] [--seed N] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes = "Groups are shuffled, the signs of paired differences flipped. Drawn: p = (1 + those at least as extreme) / (1 + "
             "reps).\n" STATS_CSV_NOTE,
};
