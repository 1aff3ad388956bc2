/* candor stats welch: are two means different, without supposing equal variances. */
#include "cli/stats_table.h"
#include "stats/infer/mean_test.h"

static const struct opt opts[] = {OPT_STATS_GROUPS, OPT_STATS_JSON, {0}};

static int groups(struct args *a, const struct selected *s, struct err *e) {
    struct welch w;
    TRY(welch_t(&w, s->x, s->n1, s->n2, 0.95, e));
    const struct fact f[] = {FACT("t", "t", w.t),
                             FACT("df", "degrees of freedom", w.df),
                             FACT("p", "p, two-sided", w.p),
                             FACT("diff", "difference of means", w.diff),
                             FACT_CI("ci95", "95 % interval of the difference", w.ci),
                             FACT_2("mean", "means", w.mean[0], w.mean[1]),
                             FACT_2("sd", "standard deviations", w.sd[0], w.sd[1])};
    return STATS_PRINT(a, "Welch's t test", f, s, e);
}

static int run(struct args *a, struct err *e) { return stats_samples(a, groups, NULL, e); }

const struct command command_stats_welch = {
    .name = "stats welch",
    .summary = "Welch's t test of two groups",
    .usage = "FILE.csv --value COLUMN --group COLUMN [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes = STATS_CSV_NOTE,
};
