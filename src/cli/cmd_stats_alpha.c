/* candor stats alpha: agreement of raters. */
#include "cli/stats_table.h"
#include "stats/infer/agreement.h"
#include <math.h>

static const struct opt opts[] = {{"unit", 0, "COLUMN", NULL, "what was rated; one row per rating"},
                                  {"value", 0, "COLUMN", NULL, "the rating"},
                                  {"metric", 0, "NAME", "nominal", "nominal, ordinal, interval or ratio"},
                                  {"bootstrap", 0, "N", "1000", "resamples of units for the interval, 100 or more; 0: none"},
                                  OPT_STATS_JSON,
                                  {0}};

static int show(struct args *a, const struct alpha *r, const struct left_out *left, struct err *e) {
    static const char same[] = "all ratings are the same: there is no disagreement to expect";
    const char *none = isnan(r->alpha) ? same : r->units < 2 ? "needs two units" : "--bootstrap 0";
    const struct fact f[] = {FACT_OR("alpha", "alpha", r->alpha, same),
                             FACT_CI_OR("ci95", "95 % interval (bootstrap of units)", r->ci, none),
                             FACT("observed", "disagreement observed", r->observed),
                             FACT("expected", "disagreement expected", r->expected),
                             FACT_N("units", "units with two ratings or more", r->units),
                             FACT_N("values", "ratings of these", r->values),
                             FACT_N("left_out", NULL, left->rows)};
    return STATS_PRINT(a, "Krippendorff's alpha", f, NULL, e);
}

static int compute(struct args *a, struct frame *f, const char *unit, const char *value, enum alpha_metric metric,
                   struct err *e) {
    struct ratings_of r;
    struct resampling how;
    struct alpha out;
    TRY(stats_bootstrap(a, "bootstrap", &how, e));
    TRY(select_ratings(&r, f, unit, value, metric != ALPHA_NOMINAL, e));
    int rc = krippendorff_alpha(&out, r.unit, r.code, r.n, r.n_units, r.value, r.n_levels, metric, how.reps ? &how : NULL, e);
    ratings_free(&r);
    TRY(rc);
    stats_remark(a, &r.left);
    return show(a, &out, &r.left, e);
}

static int run(struct args *a, struct err *e) {
    const char *unit, *value;
    struct frame *f;
    TRY(arg_need(a, "unit", &unit, e));
    TRY(arg_need(a, "value", &value, e));
    int metric = stats_choice(a, "metric", (const char *const[]){"nominal", "ordinal", "interval", "ratio", NULL}, e);
    TRY(metric);
    TRY(stats_open(&f, a, e));
    int rc = err_place(e, compute(a, f, unit, value, (enum alpha_metric)metric, e), a->pos[0]);
    frame_free(f);
    return rc;
}

const struct command command_stats_alpha = {
    .name = "stats alpha",
    .summary = "Krippendorff's alpha: agreement of raters beyond chance",
    .usage =
        "FILE.csv --unit COLUMN --value COLUMN [--metric nominal|ordinal|interval|ratio] [--bootstrap N] [--seed N] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes = "One row per rating. Units rated once say nothing about agreement and are not counted.\n" STATS_CSV_NOTE,
};
