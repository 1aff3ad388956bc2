/* Models against each other: likelihood ratios, their bootstrap, and which may be compared. Values of R are made by tests/r/lmm.R. */
#include "infer_models.h"
#include "stats/infer/replicate.h"

TestSuite(infer_compare, .timeout = HANG_S);

/* The likelihood ratio test, and its bootstrap at two numbers of threads. */
Test(infer_compare, likelihood_ratio) {
    struct frame *f = table();
    struct design full, null;
    struct lmm a, b;
    struct lmm_compared c, d;
    fit(&a, &full, f, "y ~ day * grp + (1 + day | id)", 0);
    fit(&b, &null, f, "y ~ day + grp + (1 + day | id)", 0);
    cr_assert_eq(lmm_compare(&c, &b, &a, NULL), 0);
    cr_expect(c.df == 1);
    near("chi2", c.chi2, 0.02084261796, 1e-4);
    near("p", c.p, 0.885208521, 1e-4);
    cr_expect_eq(lmm_compare(&c, &a, &b, NULL), ERR_ARG);
    struct replication how = {40, 1, 9, NULL};
    cr_assert_eq(lmm_bootstrap(&c, &null, &full, &how, NULL), 0);
    how.threads = 3;
    cr_assert_eq(lmm_bootstrap(&d, &null, &full, &how, NULL), 0);
    cr_expect(c.p_boot == d.p_boot && c.failed == d.failed && c.p_boot > 0.6, "%g %g", c.p_boot, d.p_boot);
    lmm_free(&a), lmm_free(&b), design_free(&full), design_free(&null), frame_free(f);
}

/* Against PBmodcomp of pbkrtest, 2,000 draws: two shares of draws differ by chance, here by at most four times its size. */
Test(infer_compare, bootstrap_against_pbkrtest) {
    static const struct {
        const char *full, *null;
        double chi2, p;
    } of[] = {{"y ~ day + grp + (1 | item)", "y ~ day + (1 | item)", 2.367826572, 0.1329335332},
              {"y ~ day + (day | id)", "y ~ 1 + (day | id)", 10.35649317, 0.001499250375}};
    struct frame *f = table();
    for (int i = 0; i < 2; i++) {
        struct design full, null;
        struct lmm_compared c;
        struct replication how = {2000, 2, 3, NULL};
        design(&full, f, of[i].full, NULL), design(&null, f, of[i].null, NULL);
        cr_assert_eq(lmm_bootstrap(&c, &null, &full, &how, NULL), 0);
        near("chi2", c.chi2, of[i].chi2, 1e-6);
        double slack = 4 * sqrt(of[i].p * (1 - of[i].p) * 2 / 2000);
        cr_expect(!c.failed && fabs(c.p_boot - of[i].p) < slack, "%g, want %g within %g", c.p_boot, of[i].p, slack);
        design_free(&full), design_free(&null);
    }
    frame_free(f);
}

static const struct {
    const char *null, *full, *outside; /* NULL: within */
} nestings[] = {{"y ~ day + (1 | id)", "y ~ day * grp + (1 + day | id)", NULL},
                {"y ~ 1 + (day | id)", "y ~ day + (1 + day | id) + (1 | item)", NULL},
                {"y ~ day + (1 | id)", "y ~ day + (day || id)", NULL},
                {"y ~ day + (day || id)", "y ~ day + (1 + day | id)", NULL},
                {"y ~ 0 + grp + (1 | id)", "y ~ grp + day + (0 + grp | id)", NULL}, /* the same span, other columns */
                {"y ~ day + (1 | class:id)", "y ~ day + (1 + day | id:class)", NULL},
                {"y ~ 1 + (1 | id)", "y ~ 1 + (1 | class/id)", NULL}, /* each id is in one class */
                {"y ~ grp + (1 | id)", "y ~ day + (1 + day | id)", "the fixed effect grpB"},
                {"y ~ 1 + (1 | id)", "y ~ 0 + day + (1 + day | id)", "the fixed effect (Intercept)"},
                {"y ~ 1 + (1 | item)", "y ~ day + (1 + day | id)", "random effects ((Intercept)) of item"},
                {"y ~ 1 + (0 + day | id)", "y ~ day + (1 | id) + (1 | item)", "random effects (day) of id"},
                {"y ~ 1 + (1 + day | id)", "y ~ day * grp + (day || id)", "random effects ((Intercept), …) of id"},
                {"y ~ 1 + (1 | class)", "y ~ day + (1 + day | id)", "random effects ((Intercept)) of class"},
                {"day ~ 1 + (1 | id)", "y ~ grp + (1 + grp | id)", "models of one response"}};

/* What a likelihood ratio may compare: never the number of parameters alone. */
Test(infer_compare, models_within_models) {
    struct frame *f = table();
    for (size_t i = 0; i < sizeof nestings / sizeof *nestings; i++) {
        struct design full, null;
        struct err e = ERR_INIT;
        const char *outside = nestings[i].outside;
        design(&full, f, nestings[i].full, NULL), design(&null, f, nestings[i].null, NULL);
        int rc = design_nested(&null, &full, &e);
        cr_expect_eq(rc, outside ? ERR_ARG : 0, "%s in %s: %s", nestings[i].null, nestings[i].full, e.msg);
        cr_expect(!outside || strstr(e.msg, outside), "%s", e.msg);
        struct replication how = {2, 1, 9, NULL};
        struct lmm_compared c;
        if (outside) cr_expect_eq(lmm_bootstrap(&c, &null, &full, &how, NULL), ERR_ARG);
        design_free(&full), design_free(&null);
    }
    frame_free(f);
}
