/* candor stats power: how often a test would find what is planted. */
#include "cli/stats_model.h"
#include "stats/infer/lmm.h"
#include "stats/infer/power.h"
#include <float.h>
#include <string.h>

static const struct opt opts[] = {
    {"g", 0, "G", NULL, "two groups: their distance in standard deviations"},
    {"n", 'n', "N", NULL, "two groups: values in the first"},
    {"n2", 0, "N", "as in the first", "two groups: values in the second"},
    {"formula", 0, "F", NULL, "mixed model of a pilot table FILE.csv, as candor stats lmm takes it"},
    {"test", 0, "NAME", NULL, "with --formula: the fixed effect that is tested, as R names it (ratio:grpB)"},
    {"effect", 0, "X", NULL, "with --formula: its true value (default: the pilot's estimate)"},
    {"alpha", 0, "A", "0.05", "level of the test"},
    {"reps", 0, "N", "1000", "simulated data sets"},
    OPT_STATS_JSON,
    {0}};

static int set_how(struct replication *how, double *alpha, struct args *a, struct err *e) {
    int64_t threads = 0;
    struct resampling drawn;
    TRY(stats_resampling(a, "reps", &drawn, e));
    TRY(arg_i64(a, "threads", 1, 1024, &threads, e));
    TRY(arg_real(a, "alpha", 0, 1, alpha, e));
    *how = (struct replication){drawn.reps, (int)threads, drawn.seed, interrupted};
    return 0;
}

static int show(struct args *a, const char *title, const struct power *w, double effect, struct err *e) {
    const struct fact f[] = {FACT("power", "power", w->power), FACT_CI("ci95", "95 % interval (Wilson)", w->ci),
                             FACT("effect", "planted effect", effect), FACT_N("reps", "data sets", w->reps),
                             FACT_N("without_p", "of them not fitted", w->without_p)};
    return STATS_PRINT(a, title, f, NULL, e);
}

static int two_groups(struct args *a, const struct replication *how, double alpha, struct err *e) {
    struct power w;
    double g = 0;
    int64_t n1 = 0, n2 = 0;
    const char *given;
    TRY(arg_need(a, "n", &given, e));
    TRY(arg_need(a, "g", &given, e));
    TRY(arg_real(a, "g", -1e6, 1e6, &g, e));
    TRY(arg_i64(a, "n", 2, 10000000, &n1, e));
    n2 = n1;
    TRY(arg_i64(a, "n2", 2, 10000000, &n2, e));
    TRY(power_two_groups(&w, g, (size_t)n1, (size_t)n2, alpha, how, e));
    return show(a, "Power of Welch's t test", &w, g, e);
}

static struct lmm_fixed *find(const struct lmm *m, const char *name) {
    for (size_t i = 0; i < m->n_fixed; i++)
        if (!strcmp(m->fixed[i].name, name)) return &m->fixed[i];
    return NULL;
}

static int of_pilot(struct args *a, const struct stats_model *m, const struct replication *how, double alpha, struct err *e) {
    const char *tested = arg_str(a, "test");
    struct lmm truth;
    struct power w;
    TRY(lmm_fit(&truth, &m->full, 1, e));
    struct lmm_fixed *f = find(&truth, tested);
    int rc = f ? arg_real(a, "effect", -DBL_MAX, DBL_MAX, &f->estimate, e)
               : fail(e, ERR_ARG, "expected a fixed effect \"%.60s\" in the model, found none", tested);
    if (!rc) rc = power_lmm(&w, &truth, &m->full, tested, alpha, how, e);
    double effect = f ? f->estimate : 0;
    lmm_free(&truth);
    return rc ? rc : show(a, "Power of a fixed effect of a mixed model", &w, effect, e);
}

static int run(struct args *a, struct err *e) {
    struct replication how;
    struct stats_model m;
    const char *given;
    double alpha = 0.05;
    TRY(set_how(&how, &alpha, a, e));
    if (!a->n_pos) return two_groups(a, &how, alpha, e);
    TRY(arg_need(a, "test", &given, e));
    TRY(stats_model_open(&m, a, NULL, NULL, e));
    int rc = err_place(e, of_pilot(a, &m, &how, alpha, e), a->pos[0]);
    if (!rc) stats_remark(a, &m.full.left);
    stats_model_close(&m);
    return rc;
}

const struct command command_stats_power = {
    .name = "stats power",
    .summary = "power by simulation: two groups, or a mixed model on a pilot",
    .usage =
        "(--g G -n N [--n2 N] | FILE.csv --formula F --test NAME [--effect X]) [--alpha A] [--reps N] [--seed N] [-t N] [--json]",
    .opts = opts,
    .min_pos = 0,
    .max_pos = 1,
    .run = run,
    .notes = "Two groups of normal values are compared by Welch's t. With a table, its rows are the design: the model is fitted "
             "to it, data are drawn "
             "from the fit with the\ntested effect set to --effect, and its Wald p is counted. The same seed gives the same "
             "answer for any number of "
             "threads.\n" STATS_CSV_NOTE,
};
