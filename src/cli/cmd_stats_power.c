/* candor stats power: how often a test would find what is planted. */
#include "cli/stats_model.h"
#include "stats/infer/lmm.h"
#include "stats/infer/power.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    {"g", 0, "G", NULL, "two groups: their distance in standard deviations"},
    {"n", 'n', "N", NULL, "two groups: values in the first"},
    {"n2", 0, "N", "as in the first", "two groups: values in the second"},
    {"formula", 0, "F", NULL, "mixed model of a pilot table FILE.csv, as candor stats lmm takes it"},
    {"test", 0, "NAME", NULL, "with --formula: the fixed effect that is tested, as R names it (ratio:grpB)"},
    {"effect", 0, "[NAME=]X", NULL,
     "with --formula: the true value of --test, or of a named effect; repeatable (default: the pilot's)"},
    {"null", 0, "F0", NULL, "with --formula: test by likelihood ratio against this smaller model instead of --test"},
    {"groups", 0, "N", NULL, "with --formula: the pilot's groups dealt out until there are N (default: as in the pilot)"},
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

enum { FACTS = 5 };
static void power_facts(struct fact f[FACTS], const struct power *w) {
    const struct fact all[FACTS] = {FACT("power", "power", w->power), FACT_CI("ci95", "95 % interval (Wilson)", w->ci),
                                    FACT_N("reps", "data sets", w->reps),
                                    FACT_N("without_p", "of them not fitted", w->without_p)};
    memcpy(f, all, sizeof all);
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
    struct fact f[FACTS];
    power_facts(f, &w), f[4] = (struct fact)FACT("effect", "planted effect", g);
    return STATS_PRINT(a, "Power of Welch's t test", f, NULL, e);
}

static struct lmm_fixed *find(const struct lmm *m, const char *name) {
    for (size_t i = 0; i < m->n_fixed; i++)
        if (!strcmp(m->fixed[i].name, name)) return &m->fixed[i];
    return NULL;
}

/* "NAME=X", or X for the tested effect; names may hold an equals sign, numbers do not. */
static int plant(struct args *a, const struct lmm *truth, const char *tested, const char *text, struct err *e) {
    const char *equals = strrchr(text, '='), *number = equals ? equals + 1 : text;
    char *name = equals ? strndup(text, (size_t)(equals - text)) : strdup(tested ? tested : ""), *end;
    double v = strtod(number, &end);
    if (!name) return fail(e, ERR_NOMEM, "no memory for the name of an effect");
    struct lmm_fixed *f = find(truth, name);
    int rc = 0;
    if (end == number || *end || !isfinite(v))
        rc = usage_error(a, e, "--effect: expected a finite number, found \"%.60s\"", number);
    else if (!equals && !tested)
        rc = usage_error(a, e, "--effect: expected NAME=X without --test, found \"%.60s\"", text);
    else if (!f)
        rc = fail(e, ERR_ARG, "expected a fixed effect \"%.60s\" in the model, found none", name);
    else
        f->estimate = v;
    free(name);
    return rc;
}

/* The designs as they stand, or with as many groups as are asked for. */
struct planned {
    struct design full, null;
    int enlarged;
};

static int enlarge(struct planned *p, struct args *a, const struct stats_model *m, struct err *e) {
    int64_t groups = 0;
    *p = (struct planned){m->full, m->small, 0};
    if (!arg_str(a, "groups")) return 0;
    TRY(arg_i64(a, "groups", 2, 10000000, &groups, e));
    TRY(design_with_groups(&p->full, &m->full, &m->full, (size_t)groups, e));
    p->enlarged = 1, p->null = (struct design){0};
    return m->null ? design_with_groups(&p->null, &m->small, &m->full, (size_t)groups, e) : 0;
}

static int show_pilot(struct args *a, const struct planned *p, const struct lmm *truth, const struct power *w, struct err *e) {
    const struct lmm_fixed *tested = arg_str(a, "test") ? find(truth, arg_str(a, "test")) : NULL;
    struct fact f[FACTS + 2];
    power_facts(f, w);
    f[4] = (struct fact)FACT_N("rows", "rows of each", p->full.n);
    f[5] = (struct fact)FACT_N("groups", "groups of the first random term", p->full.part[0].n_levels);
    if (tested) f[6] = (struct fact)FACT("effect", "planted effect", tested->estimate);
    return stats_print(
        a, arg_str(a, "null") ? "Power of a likelihood ratio of mixed models" : "Power of a fixed effect of a mixed model", f,
        FACTS + 1 + (tested != NULL), NULL, e);
}

static int simulate(struct args *a, const struct planned *p, const struct lmm *truth, const struct replication *how, double alpha,
                    struct err *e) {
    const char *tested = arg_str(a, "test"), *effect;
    struct power w;
    if (tested && !find(truth, tested))
        return fail(e, ERR_ARG, "expected a fixed effect \"%.60s\" in the model, found none", tested);
    for (int i = 0; (effect = arg_nth(a, "effect", i)); i++) TRY(plant(a, truth, tested, effect, e));
    if (arg_str(a, "null"))
        TRY(power_lmm_ratio(&w, truth, &p->null, &p->full, alpha, how, e));
    else
        TRY(power_lmm(&w, truth, &p->full, tested, alpha, how, e));
    return show_pilot(a, p, truth, &w, e);
}

static int of_pilot(struct args *a, const struct stats_model *m, const struct replication *how, double alpha, struct err *e) {
    struct lmm truth;
    struct planned p;
    TRY(lmm_fit(&truth, &m->full, 1, e));
    int rc = enlarge(&p, a, m, e);
    if (!rc) rc = simulate(a, &p, &truth, how, alpha, e);
    if (p.enlarged) design_free(&p.full), design_free(&p.null);
    lmm_free(&truth);
    return rc;
}

static int run(struct args *a, struct err *e) {
    struct replication how;
    struct stats_model m;
    const char *given;
    double alpha = 0.05;
    TRY(set_how(&how, &alpha, a, e));
    if (!a->n_pos && (arg_str(a, "formula") || arg_str(a, "groups") || arg_str(a, "null")))
        return usage_error(a, e, "expected a table of a pilot with --formula, --groups and --null, found none");
    if (!a->n_pos) return two_groups(a, &how, alpha, e);
    if (!arg_str(a, "null")) TRY(arg_need(a, "test", &given, e));
    TRY(stats_model_open(&m, a, arg_str(a, "null"), NULL, e));
    int rc = err_place(e, of_pilot(a, &m, &how, alpha, e), a->pos[0]);
    if (!rc) stats_remark(a, &m.full.left);
    stats_model_close(&m);
    return rc;
}

const struct command command_stats_power = {
    .name = "stats power",
    .summary = "power by simulation: two groups, or a mixed model on a pilot",
    .usage =
        "(--g G -n N [--n2 N] | FILE.csv --formula F (--test NAME | --null F0) [--effect [NAME=]X] [--groups N]) [--alpha A] "
        "[--reps N] [--seed N] [-t N] [--json]",
    .opts = opts,
    .min_pos = 0,
    .max_pos = 1,
    .run = run,
    .notes = "Two groups of normal values are compared by Welch's t. With a table, its rows are the design: the model is fitted "
             "to it, data "
             "are drawn from the fit with\n"
             "the effects of --effect in place of the pilot's, fitted again, and a p below --alpha counts: Wald's of --test, or "
             "with --null "
             "that of the likelihood\n"
             "ratio, which takes effects of several columns together (an interaction of three levels). --groups N deals the "
             "groups of the "
             "first random term with\n"
             "their rows out again until there are N; groups whose fixed columns are alike keep their share, so give a multiple "
             "of the "
             "pilot's where kinds must\n"
             "be balanced. Groups of other terms are new in each copy if they lie within one group, else shared. The same seed "
             "gives the "
             "same answer for any\n"
             "number of threads.\n" STATS_CSV_NOTE,
};
