/* candor stats hedges-g: how large a difference is. */
#include "cli/stats_table.h"
#include "stats/infer/effect.h"
#include <math.h>

static const struct opt opts[] = {
    OPT_STATS_GROUPS,
    OPT_STATS_PAIRS,
    {"bootstrap", 0, "N", "0", "resamples for a percentile interval beside it, 100 or more; 0: none"},
    OPT_STATS_JSON,
    {0}};

static int show(struct args *a, const struct selected *s, const struct effect *g, int resampled, struct interval boot,
                struct err *e) {
    const struct fact f[] = {FACT("g", "Hedges' g", g->g),
                             FACT_CI("ci95", "95 % interval (noncentral t)", g->ci),
                             FACT("d", "Cohen's d", g->d),
                             FACT("j", "small-sample factor J", g->j),
                             FACT("t", "t", g->t),
                             FACT("df", "degrees of freedom", g->df),
                             FACT_CI_OR("bootstrap95", "95 % interval (bootstrap)", boot, "no resample varies")};
    return stats_print(a, "Hedges' g", f, sizeof f / sizeof *f - !resampled, s, e);
}

static int groups(struct args *a, const struct selected *s, struct err *e) {
    struct effect g;
    struct resampling how;
    struct interval boot = {NAN, NAN};
    TRY(stats_bootstrap(a, "bootstrap", &how, e));
    TRY(hedges_g(&g, s->x, s->n1, s->n2, 0.95, e));
    if (how.reps) TRY(hedges_g_bootstrap(&boot, s->x, s->n1, s->n2, &how, e));
    return show(a, s, &g, how.reps > 0, boot, e);
}

static int pairs(struct args *a, const struct selected *s, struct err *e) {
    struct effect g;
    if (arg_has(a, "bootstrap")) return usage_error(a, e, "--bootstrap: expected two groups, found pairs");
    TRY(hedges_g_paired(&g, s->x, s->y, s->n1, 0.95, e));
    return show(a, s, &g, 0, (struct interval){NAN, NAN}, e);
}

static int run(struct args *a, struct err *e) { return stats_samples(a, groups, pairs, e); }

const struct command command_stats_hedges_g = {
    .name = "stats hedges-g",
    .summary = "Hedges' g of two groups, or of pairs",
    .usage = "FILE.csv (--value COLUMN --group COLUMN | --x COLUMN --y COLUMN) [--bootstrap N] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes = "g is d times the exact J of its degrees of freedom; ci95 is the noncentral-t interval of d times J. Of pairs d is "
             "the mean "
             "difference x - y over its\nstandard deviation. The bootstrap resamples each group by itself.\n" STATS_CSV_NOTE,
};
