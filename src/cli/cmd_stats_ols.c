/* candor stats ols: least squares, with errors robust to clusters. */
#include "cli/stats_model.h"
#include "stats/infer/ols.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct opt opts[] = {
    OPT_STATS_FORMULA,
    {"cluster", 0, "COLUMN", NULL, "rows of one cluster may be alike; their errors are robust to that"},
    {"errors", 0, "NAME", "cr1", "with --cluster: cr1 or cr2"},
    OPT_STATS_JSON,
    {0}};

static int print_model_json(const struct ols *o, const char *errors, struct err *e) {
    json_t *coef = json_object();
    for (size_t i = 0; i < o->p; i++)
        json_object_set_new(coef, o->name[i], stats_coefficient_json("t", o->estimate[i], o->se[i], o->t[i], o->pvalue[i]));
    return print_json(json_pack("{s:o,s:o,s:o,s:o,s:I,s:s,s:o}", "coef", coef, "df", json_number(o->df), "sigma",
                                json_number(o->sigma), "r2", json_number(o->r2), "n", (json_int_t)o->n, "errors", errors,
                                "dropped", stats_names_json((const char *const *)o->dropped, o->n_dropped)),
                      e);
}

static int print_model(struct args *a, const struct ols *o, const char *errors, struct err *e) {
    int lost = 0;
    stats_dropped(a, (const char *const *)o->dropped, o->n_dropped);
    if (arg_has(a, "json")) return print_model_json(o, errors, e);
    printf("Least squares: %zu rows, %s errors\n  %-28s %13s %13s %10s %12s\n", o->n, errors, "", "estimate", "se", "t", "p");
    for (size_t i = 0; i < o->p; i++)
        stats_coefficient(o->name[i], o->estimate[i], o->se[i], o->t[i], o->pvalue[i]), lost |= isnan(o->se[i]);
    printf("  %.6g degrees of freedom, residual sd %.6g, R squared %.6g", o->df, o->sigma, o->r2);
    if (o->clusters) printf(", %zu clusters", o->clusters);
    printf("\n");
    if (lost) printf("  -: the clusters leave nothing to estimate this error by\n");
    return print_bytes("", 0, e);
}

static int run(struct args *a, struct err *e) {
    struct stats_model m;
    struct ols o;
    const char *cluster = arg_str(a, "cluster"), *errors = cluster ? arg_str(a, "errors") : "classical";
    int cr2 = stats_choice(a, "errors", (const char *const[]){"cr1", "cr2", NULL}, e);
    TRY(cr2);
    if (!cluster && arg_has(a, "errors")) return usage_error(a, e, "--errors: expected --cluster with it, found none");
    TRY(stats_model_open(&m, a, NULL, cluster, e));
    int rc = m.full.n_parts ? usage_error(a, e, "--formula: expected no random terms, found %zu (candor stats lmm fits them)",
                                          m.full.n_parts)
                            : err_place(e,
                                        ols_fit(&o, &m.full,
                                                !cluster ? OLS_CLASSICAL
                                                : cr2    ? OLS_CR2
                                                         : OLS_CR1,
                                                e),
                                        a->pos[0]);
    if (!rc) {
        rc = print_model(a, &o, errors, e);
        stats_remark(a, &m.full.left);
        ols_free(&o);
    }
    stats_model_close(&m);
    return rc;
}

const struct command command_stats_ols = {
    .name = "stats ols",
    .summary = "least squares, with errors robust to clusters",
    .usage = "FILE.csv --formula \"y ~ a * b\" [--cluster COLUMN [--errors cr1|cr2]] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes = "Words are coded against their first level. cr1 scales by G/(G - 1) (n - 1)/(n - p), cr2 is Bell and McCaffrey's; "
             "both go with a t of "
             "G - 1 degrees of freedom\n"
             "and need more clusters than coefficients.\n" STATS_CSV_NOTE,
};
