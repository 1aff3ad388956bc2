/* candor stats lmm: linear mixed models. */
#include "cli/stats_model.h"
#include "stats/infer/lmm.h"
#include "stats/infer/replicate.h"
#include <jansson.h>
#include <stdio.h>

static const struct opt opts[] = {OPT_STATS_FORMULA,
                                  {"ml", 0, NULL, NULL, "maximum likelihood instead of restricted maximum likelihood (REML)"},
                                  {"null", 0, "F0", NULL, "a smaller model within the first: likelihood-ratio test, both by ML"},
                                  {"bootstrap", 0, "N", "0", "draws from the smaller model for the p of that ratio"},
                                  OPT_STATS_JSON,
                                  {0}};

struct shown {
    struct lmm m;
    struct lmm_compared c;
    int compared;
};

static json_t *random_json(const struct lmm *m) {
    json_t *list = json_array();
    for (size_t i = 0; i < m->n_random; i++) {
        const struct lmm_random *r = &m->random[i];
        json_array_append_new(list,
                              json_pack("{s:o,s:o,s:o,s:o}", "group", json_name(r->group), "term", json_name(r->term), "term2",
                                        r->term2 ? json_name(r->term2) : json_null(), "variance", json_number(r->variance)));
    }
    return list;
}

static json_t *compared_json(const struct lmm_compared *c) {
    return json_pack("{s:o,s:o,s:o,s:o,s:i,s:i}", "chi2", json_number(c->chi2), "df", json_number(c->df), "p", json_number(c->p),
                     "p_boot", json_number(c->p_boot), "reps", c->reps, "failed", c->failed);
}

static int print_fit_json(const struct shown *s, const struct left_out *left, struct err *e) {
    json_t *fixed = json_object(), *j;
    for (size_t i = 0; i < s->m.n_fixed; i++) {
        const struct lmm_fixed *f = &s->m.fixed[i];
        json_object_set_new(fixed, f->name, stats_coefficient_json("z", f->estimate, f->se, f->z, f->p));
    }
    j = json_pack("{s:o,s:o,s:o,s:o,s:s,s:b,s:I,s:I,s:o}", "fixed", fixed, "random", random_json(&s->m), "residual",
                  json_number(s->m.residual), "loglik", json_number(s->m.loglik), "method", s->m.reml ? "REML" : "ML", "singular",
                  s->m.singular, "n", (json_int_t)s->m.n, "left_out", (json_int_t)left->rows, "dropped",
                  stats_names_json(s->m.dropped, s->m.n_dropped));
    if (j && s->compared) json_object_set_new(j, "lrt", compared_json(&s->c));
    return print_json(j, e);
}

static void print_random(const struct lmm *m) {
    char group[60], one[60], two[60], both[124];
    printf("  %-28s %13s\n", "random effects", "variance");
    for (size_t i = 0; i < m->n_random; i++) {
        const struct lmm_random *r = &m->random[i];
        snprintf(both, sizeof both, "%s%s%s", stats_name(one, sizeof one, r->term), r->term2 ? ", " : "",
                 r->term2 ? stats_name(two, sizeof two, r->term2) : "");
        printf("  %-10s %-17s %13.6g\n", stats_name(group, sizeof group, r->group), both, r->variance);
    }
    printf("  %-28s %13.6g\n", "residual", m->residual);
}

static int print_fit(const struct shown *s, struct err *e) {
    const struct lmm *m = &s->m;
    char p[32];
    printf("Linear mixed model by %s: %zu rows, log likelihood %.6f\n  %-28s %13s %13s %10s %12s\n", m->reml ? "REML" : "ML",
           m->n, m->loglik, "fixed effects", "estimate", "se", "z", "p");
    for (size_t i = 0; i < m->n_fixed; i++)
        stats_coefficient(m->fixed[i].name, m->fixed[i].estimate, m->fixed[i].se, m->fixed[i].z, m->fixed[i].p);
    print_random(m);
    if (m->singular) printf("singular: a variance is 0 or a correlation is 1; the data do not carry all random terms\n");
    if (s->compared) printf("likelihood ratio: chi2 %.6g, df %.0f, p %.6g\n", s->c.chi2, s->c.df, s->c.p);
    if (s->compared && s->c.reps)
        printf("parametric bootstrap: p %s of %d draws, %d not fitted\n", stats_number(p, sizeof p, s->c.p_boot), s->c.reps,
               s->c.failed);
    return print_bytes("", 0, e);
}

static int compare(struct shown *s, const struct stats_model *m, struct args *a, struct err *e) {
    struct resampling drawn;
    int64_t threads = 0;
    TRY(stats_resampling(a, "bootstrap", &drawn, e));
    TRY(arg_i64(a, "threads", 1, 1024, &threads, e));
    s->compared = 1;
    const struct replication how = {drawn.reps, (int)threads, drawn.seed, interrupted};
    if (drawn.reps) return lmm_bootstrap(&s->c, &m->small, &m->full, &how, e);
    return lmm_ratio(&s->c, &m->small, &m->full, e);
}

static int fit(struct args *a, const struct stats_model *m, struct err *e) {
    struct shown s = {.compared = 0};
    TRY(lmm_fit(&s.m, &m->full, !arg_has(a, "ml"), e));
    int rc = m->null ? compare(&s, m, a, e) : 0;
    if (!rc) {
        stats_dropped(a, s.m.dropped, s.m.n_dropped);
        if (s.m.singular && !arg_has(a, "quiet")) fprintf(stderr, "candor: the fit is singular\n");
        rc = arg_has(a, "json") ? print_fit_json(&s, &m->full.left, e) : print_fit(&s, e);
    }
    lmm_free(&s.m);
    return rc;
}

static int run(struct args *a, struct err *e) {
    struct stats_model m;
    if (arg_has(a, "bootstrap") && !arg_str(a, "null"))
        return usage_error(a, e, "--bootstrap: expected --null with it, found none");
    TRY(stats_model_open(&m, a, arg_str(a, "null"), NULL, e));
    int rc = err_place(e, fit(a, &m, e), a->pos[0]);
    if (!rc) stats_remark(a, &m.full.left);
    stats_model_close(&m);
    return rc;
}

const struct command command_stats_lmm = {
    .name = "stats lmm",
    .summary = "linear mixed model by REML or ML",
    .usage = "FILE.csv --formula \"y ~ a * b + (1 + a | g)\" [--ml] [--null F0 [--bootstrap N]] [--seed N] [-t N] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes =
        "Right of ~: columns, 0 or 1 for the intercept, + - * : and parentheses. Random terms: (a | g), (a || g) without "
        "correlations, g:h and g/h\n"
        "as grouping factors. Words are coded against their first level. z and p are Wald's. Variances are in the units of "
        "the data squared, as is\n"
        "`residual`; `loglik` is the restricted one under REML. A singular fit is reported as such; one that does not "
        "converge is an error, by REML\n"
        "also one whose random effects the fixed ones give. The fixed effects of --null must be given by those of --formula, "
        "its random effects be\n"
        "among them.\n" STATS_CSV_NOTE,
};
