/* Models against lme4, sandwich and clubSandwich: the table and the values are made by tests/r/lmm.R. */
#include "base/rng.h"
#include "infer_models.h"
#include "stats/infer/ols.h"
#include "stats/infer/power.h"

TestSuite(infer_lmm, .timeout = HANG_S);

struct fixed {
    const char *name;
    double estimate, se;
};
struct random {
    const char *group, *term, *term2;
    double variance;
};
static const struct fit {
    const char *formula;
    int reml;
    double loglik, residual;
    struct fixed fixed[4];
    struct random random[4];
    int singular;
} fits[] = {
    {"y ~ day + (1 | id)",
     1,
     -679.0780122,
     869.2615247,
     {{"(Intercept)", 265.6570941, 9.053335624}, {"day", 6.689188555, 1.088449593}},
     {{"id", "(Intercept)", "", 1102.059465}},
     0},
    {"y ~ day + (1 | id)",
     0,
     -683.0906774,
     861.9915,
     {{"(Intercept)", 265.6591017, 8.837513366}, {"day", 6.688307667, 1.083876796}},
     {{"id", "(Intercept)", "", 1035.689612}},
     0},
    {"y ~ day * grp + (1 + day | id)",
     0,
     -667.6464603,
     581.4413835,
     {{"(Intercept)", 261.5978378, 8.950083373},
      {"day", 6.51703778, 2.577233562},
      {"grpB", 7.783430056, 12.65559089},
      {"day:grpB", 0.5247255473, 3.63280993}},
     {{"id", "(Intercept)", "", 470.7125113}, {"id", "day", "", 45.03794864}, {"id", "(Intercept)", "day", 5.305291812}},
     0},
    {"y ~ day * grp + (1 + day | id)",
     1,
     -657.6321226,
     581.3035073,
     {{"(Intercept)", 261.556202, 9.50301562},
      {"day", 6.524349604, 2.732265246},
      {"grpB", 7.867237023, 13.43773547},
      {"day:grpB", 0.5123109492, 3.852633718}},
     {{"id", "(Intercept)", "", 562.5432859}, {"id", "day", "", 52.44117903}, {"id", "(Intercept)", "day", -0.4676117706}},
     0},
    {"y ~ day + (day || id)",
     1,
     -663.58028,
     580.9096746,
     {{"(Intercept)", 265.4877815, 6.601139978}, {"day", 6.779756407, 1.876111065}},
     {{"id", "(Intercept)", "", 534.5107241}, {"id", "day", "", 49.01882132}},
     0},
    {"y ~ day * grp + (1 + day | id) + (1 | item)",
     1,
     -635.5528486,
     371.2473851,
     {{"(Intercept)", 257.3467364, 10.47894796},
      {"day", 7.568540106, 2.388205696},
      {"grpB", 9.528713286, 10.12441569},
      {"day:grpB", -0.363487038, 3.364521447}},
     {{"id", "(Intercept)", "", 299.9390722},
      {"id", "day", "", 41.5164166},
      {"id", "(Intercept)", "day", 34.7195735},
      {"item", "(Intercept)", "", 347.8531501}},
     0},
    {"y ~ grp + (1 | class/id)",
     1,
     -692.671791,
     1136.737991,
     {{"(Intercept)", 283.7012311, 11.78840057}, {"grpB", 10.52793371, 16.65847981}},
     {{"id:class", "(Intercept)", "", 1099.664708}, {"class", "(Intercept)", "", 0}},
     1},
    {"y ~ day + (1 | id) + (1 | class)",
     1,
     -679.0780122,
     869.2615293,
     {{"(Intercept)", 265.6570941, 9.053335491}, {"day", 6.689188554, 1.088449596}},
     {{"id", "(Intercept)", "", 1102.059419}, {"class", "(Intercept)", "", 0}},
     1},
    {"y ~ 0 + grp:day + grp + (1 | item) + (0 + day | id)",
     1,
     -642.681998,
     463.7795316,
     {{"grpA", 257.3883981, 9.478885662},
      {"grpB", 266.648075, 9.469321808},
      {"grpA:day", 7.597182148, 2.938656054},
      {"grpB:day", 7.265093132, 2.924563576}},
     {{"id", "day", "", 65.48611457}, {"item", "(Intercept)", "", 400.8290834}},
     0},
    {"y ~ item * grp + (grp | item)", /* the first four of twelve */
     0,
     -702.1133975,
     1537.140912,
     {{"(Intercept)", 305.8592857, 10.47834812},
      {"itemi2", -81.96071429, 18.14903133},
      {"itemi3", 12.44738095, 16.75079742},
      {"itemi4", -44.39228571, 16.23298711}},
     {{"item", "(Intercept)", "", 0}, {"item", "grpB", "", 0}, {"item", "(Intercept)", "grpB", 0}},
     1},
};

static double variance_of(const struct lmm *m, const struct random *r) {
    for (size_t i = 0; i < m->n_random; i++)
        if (!strcmp(m->random[i].group, r->group) && !strcmp(m->random[i].term, r->term) &&
            !strcmp(m->random[i].term2 ? m->random[i].term2 : "", r->term2))
            return m->random[i].variance;
    return NAN;
}

static void compare(const struct fit *want, const struct lmm *m) {
    near("loglik", m->loglik, want->loglik, 1e-8);
    near("residual", m->residual, want->residual, 1e-5);
    cr_expect_eq(m->singular, want->singular);
    for (size_t i = 0; i < 4 && want->fixed[i].name; i++) {
        cr_assert(i < m->n_fixed && !strcmp(m->fixed[i].name, want->fixed[i].name), "%s: %s", want->formula, m->fixed[i].name);
        near(m->fixed[i].name, m->fixed[i].estimate, want->fixed[i].estimate, 1e-5);
        near("se", m->fixed[i].se, want->fixed[i].se, 1e-5);
        near("z", m->fixed[i].z, want->fixed[i].estimate / want->fixed[i].se, 1e-5);
    }
    size_t n = 0;
    for (; n < 4 && want->random[n].group; n++) {
        double got = variance_of(m, &want->random[n]), v = want->random[n].variance;
        cr_expect(fabs(got - v) <= (v == 0 ? 1e-9 * want->residual : 1e-4 * fabs(v)), "%s: %s %s: %.8g, want %.8g", want->formula,
                  want->random[n].group, want->random[n].term, got, v);
    }
    cr_expect_eq(n, m->n_random);
}

Test(infer_lmm, fits_against_lme4) {
    struct frame *f = table();
    for (size_t i = 0; i < sizeof fits / sizeof *fits; i++) {
        struct design d;
        struct lmm m;
        struct err e = ERR_INIT;
        design(&d, f, fits[i].formula, NULL);
        cr_expect(d.left.rows == 2 && d.n == 138);
        cr_assert_eq(lmm_fit(&m, &d, fits[i].reml, &e), 0, "%s: %s", fits[i].formula, e.msg);
        compare(&fits[i], &m);
        lmm_free(&m);
        design_free(&d);
    }
    frame_free(f);
}

/* By REML the same formula has a likelihood that is flat in every variance (R: lmer(y ~ item * grp + (grp | item), d, devFunOnly = TRUE) is
 * 1322.41607241 at theta 1 0 1, at 5 1 2 and at 0 0 0), so that lme4's variances and errors are where it began. Here it is refused. */
Test(infer_lmm, random_effects_that_the_fixed_give) {
    static const struct {
        const char *formula;
        int given;
    } of[] = {{"y ~ item * grp + (grp | item)", 1},
              {"y ~ day + item + (day | item)", 1},
              {"y ~ 0 + grp:day + (0 + day | grp)", 1},
              {"y ~ day + class + (1 | id) + (1 | class)", 1},
              {"y ~ grp + (1 | item)", 0},
              {"y ~ day + item + (0 + day | item)", 0},
              {"y ~ day + class + (1 | class:id)", 0}};
    struct frame *f = table();
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct design d;
        struct lmm m;
        struct err e = ERR_INIT;
        design(&d, f, of[i].formula, NULL);
        int rc = lmm_fit(&m, &d, 1, &e);
        cr_expect_eq(rc, of[i].given ? ERR_RANGE : 0, "%s: %s", of[i].formula, e.msg);
        cr_expect(!of[i].given || strstr(e.msg, "random effects beyond the fixed ones"), "%s", e.msg);
        if (!rc) lmm_free(&m);
        design_free(&d);
    }
    frame_free(f);
}

/* Other units, another origin and another order of rows are the same model. */
Test(infer_lmm, reparametrised) {
    struct frame *f = table(), *g;
    const struct column *y, *day, *id;
    struct design d;
    struct lmm a, b;
    size_t n = frame_rows(f);
    double *yy = malloc(n * sizeof *yy), *dd = malloc(n * sizeof *dd);
    const char **ii = malloc(n * sizeof *ii);
    fit(&a, &d, f, "y ~ day + (1 + day | id)", 1);
    cr_assert(!frame_numeric(&y, f, "y", NULL) && !frame_numeric(&day, f, "day", NULL) && !frame_column(&id, f, "id", NULL));
    for (size_t i = 0; i < n; i++) {
        size_t j = (i * 37 + 5) % n;
        yy[i] = 1e6 * y->x[j], dd[i] = (day->x[j] - 3) / 1000, ii[i] = id->level[id->code[j]];
    }
    cr_assert_eq(frame_new(&g, n, "again", NULL), 0);
    cr_assert(!frame_add_numbers(g, "y", yy, NULL) && !frame_add_numbers(g, "day", dd, NULL) &&
              !frame_add_words(g, "id", ii, NULL));
    design_free(&d);
    fit(&b, &d, g, "y ~ day + (1 + day | id)", 1);
    near("slope", b.fixed[1].estimate, 1e9 * a.fixed[1].estimate, 1e-6);
    near("slope se", b.fixed[1].se, 1e9 * a.fixed[1].se, 1e-5);
    near("variance of slopes", b.random[1].variance, 1e18 * a.random[1].variance, 1e-4);
    near("residual", b.residual, 1e12 * a.residual, 1e-5);
    /* each row's density by 1e-6, given back by the two dimensions that REML takes out; the determinant of XᵀX by (1/1000)² */
    near("loglik", b.loglik, a.loglik - 136 * log(1e6) + log(1000), 1e-8);
    design_free(&d), lmm_free(&a), lmm_free(&b), frame_free(f), frame_free(g), free(yy), free(dd), free(ii);
}

/* Crossed factors of hundreds of levels: planted variances come back, and quickly. */
Test(infer_lmm, planted_crossed) {
    enum { ROWS = 2000, SUBJECTS = 150, ITEMS = 60 };
    double *y = malloc(ROWS * sizeof *y), *x = malloc(ROWS * sizeof *x), *s = malloc(ROWS * sizeof *s),
           *w = malloc(ROWS * sizeof *w);
    double us[SUBJECTS], uw[ITEMS];
    struct rng g = RNG(4, 4);
    struct frame *f;
    struct design d;
    struct lmm m;
    for (int i = 0; i < SUBJECTS; i++) us[i] = 2 * rng_normal(&g);
    for (int i = 0; i < ITEMS; i++) uw[i] = rng_normal(&g);
    for (int i = 0; i < ROWS; i++) {
        s[i] = (double)(i % SUBJECTS), w[i] = (double)rng_below(&g, ITEMS), x[i] = rng_uniform(&g);
        y[i] = 1 + 3 * x[i] + us[(int)s[i]] + uw[(int)w[i]] + 1.5 * rng_normal(&g);
    }
    cr_assert_eq(frame_new(&f, ROWS, "planted", NULL), 0);
    cr_assert(!frame_add_numbers(f, "y", y, NULL) && !frame_add_numbers(f, "x", x, NULL));
    cr_assert(!frame_add_numbers(f, "s", s, NULL) && !frame_add_numbers(f, "w", w, NULL));
    fit(&m, &d, f, "y ~ x + (1 | w) + (1 + x || s)", 1);
    cr_expect(fabs(m.fixed[1].estimate - 3) < 4 * m.fixed[1].se && m.fixed[1].se < 0.2, "%g %g", m.fixed[1].estimate,
              m.fixed[1].se);
    cr_expect(fabs(sqrt(m.residual) - 1.5) < 0.1);
    cr_expect(fabs(variance_of(&m, &(struct random){"s", "(Intercept)", "", 0}) - 4) < 1.5);
    cr_expect(fabs(variance_of(&m, &(struct random){"w", "(Intercept)", "", 0}) - 1) < 0.6);
    design_free(&d), lmm_free(&m), frame_free(f), free(y), free(x), free(s), free(w);
}

Test(infer_lmm, least_squares_against_r) {
    static const double estimate[4] = {263.413953204, 5.84274009457, 5.45674235555, 1.25989679139};
    static const double se[3][4] = {{9.62382885001, 2.32409069585, 13.6043473202, 3.25447759655},
                                    {10.4691057664, 2.74911773748, 13.1850936002, 3.80127538982},
                                    {10.6729029998, 2.81257420799, 13.4413562517, 3.88077276995}};
    static const double p_day[3] = {0.0131210621126, 0.0485179518785, NAN};
    struct frame *f = table();
    struct design d;
    design(&d, f, "y ~ day * grp", "id");
    for (int k = 0; k < 3; k++) {
        struct ols o;
        cr_assert_eq(ols_fit(&o, &d, (enum ols_errors)k, NULL), 0);
        for (int i = 0; i < 4; i++) near("estimate", o.estimate[i], estimate[i], 1e-9), near("se", o.se[i], se[k][i], 1e-9);
        if (k < 2) near("p", o.pvalue[1], p_day[k], 1e-8);
        near("sigma", o.sigma, 44.1433302211, 1e-9);
        near("r2", o.r2, 0.118184211332, 1e-8);
        ols_free(&o);
    }
    design_free(&d), frame_free(f);
}

/* Without an intercept R squared is against 0, as R has it: summary(lm(y ~ 0 + grp + day, d)). */
Test(infer_lmm, least_squares_without_an_intercept) {
    struct frame *f = table();
    struct design d;
    struct ols o;
    design(&d, f, "y ~ 0 + grp + day", NULL);
    cr_assert_eq(ols_fit(&o, &d, OLS_CLASSICAL, NULL), 0);
    near("r2", o.r2, 0.977858348562, 1e-9);
    near("sigma", o.sigma, 44.0041193009, 1e-9);
    ols_free(&o), design_free(&d);
    design(&d, f, "y ~ day * grp", "class"); /* four clusters, four coefficients */
    cr_expect_eq(ols_fit(&o, &d, OLS_CR1, NULL), ERR_RANGE);
    cr_expect_eq(ols_fit(&o, &d, OLS_CR2, NULL), ERR_RANGE);
    design_free(&d), frame_free(f);
}

/* A planted interaction of a group of languages with a ratio: power rises with it, is the level without it, and one seed is one answer. */
Test(infer_lmm, power_of_an_interaction) {
    enum { LANGUAGES = 8, RATIOS = 5, RUNS = 2, ROWS = LANGUAGES * RATIOS * RUNS };
    double y[ROWS] = {0}, ratio[ROWS];
    const char *language[ROWS], *family[ROWS];
    static const char *const name[LANGUAGES] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    struct frame *f;
    struct formula *m;
    struct design d;
    struct lmm truth;
    struct power w[3];
    for (int i = 0; i < ROWS; i++) {
        int l = i % LANGUAGES;
        language[i] = name[l], family[i] = l % 2 ? "east" : "west", ratio[i] = i / LANGUAGES % RATIOS / 4.0;
    }
    cr_assert_eq(frame_new(&f, ROWS, "planted", NULL), 0);
    cr_assert(!frame_add_numbers(f, "y", y, NULL) && !frame_add_numbers(f, "ratio", ratio, NULL));
    cr_assert(!frame_add_words(f, "language", language, NULL) && !frame_add_words(f, "family", family, NULL));
    cr_assert_eq(formula_parse(&m, "y ~ ratio * family + (1 + ratio | language)", NULL), 0);
    cr_assert_eq(design_build(&d, f, m, NULL, NULL, NULL), 0);
    struct replication how = {200, 1, 6, NULL};
    for (int k = 0; k < 3; k++) {
        const double fixed[4] = {0, -1, 0, k == 1 ? 0 : 2.5}, sd[2] = {0.5, 0.3};
        how.threads = 1 + k;
        cr_assert_eq(lmm_plant(&truth, &d, fixed, sd, 1, NULL), 0);
        cr_assert_eq(power_lmm(&w[k], &truth, &d, "ratio:familywest", 0.05, &how, NULL), 0);
        cr_expect_eq(power_lmm(&w[k], &truth, &d, "nothing", 0.05, &how, NULL), ERR_ARG);
        lmm_free(&truth);
    }
    cr_expect(w[0].power == w[2].power && w[0].power > 0.8, "%g %g", w[0].power, w[2].power);
    cr_expect(w[1].power < 0.13 && w[1].without_p == 0, "%g, %d", w[1].power, w[1].without_p);
    design_free(&d), formula_free(m), frame_free(f);
}
