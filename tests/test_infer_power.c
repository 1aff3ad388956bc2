/* Power of mixed models on a pilot with other numbers of groups. The rows are balanced, so what a simulation should find is known: means of
 * groups are independent normal values, and Wald's z and the likelihood ratio are functions of their t or F. */
#include "infer_models.h"
#include "stats/infer/power.h"

TestSuite(infer_power, .timeout = HANG_S);

enum { EACH = 4, MOST = 12 };

/* groups: a kind for each, as letters. Each group has EACH rows, x counts them, item repeats over groups, part lies within one. */
static struct frame *pilot(const char *groups) {
    double y[MOST * EACH] = {0}, x[MOST * EACH], g[MOST * EACH], item[MOST * EACH], part[MOST * EACH];
    const char *kind[MOST * EACH];
    static const char *const name[] = {"a", "b", "c"};
    struct frame *f;
    size_t n = strlen(groups) * EACH;
    for (size_t i = 0; i < n; i++) {
        kind[i] = name[groups[i / EACH] - 'a'], g[i] = (double)(i / EACH);
        x[i] = item[i] = (double)(i % EACH), part[i] = (double)(i / 2);
    }
    cr_assert(!frame_new(&f, n, "pilot", NULL) && !frame_add_numbers(f, "y", y, NULL) && !frame_add_words(f, "kind", kind, NULL));
    cr_assert(!frame_add_numbers(f, "x", x, NULL) && !frame_add_numbers(f, "g", g, NULL));
    cr_assert(!frame_add_numbers(f, "item", item, NULL) && !frame_add_numbers(f, "part", part, NULL));
    return f;
}

/* Within what chance does to 2,000 data sets in 999 of 1,000 seeds. */
static void found(const struct power *w, double want) {
    double slack = 3.3 * sqrt(want * (1 - want) / w->reps);
    cr_expect(w->without_p == 0 && fabs(w->power - want) < slack, "%g, want %g within %g", w->power, want, slack);
}

/* R: n <- 20; G <- 2 * n; v <- 1 + 1 / 4; ncp <- 1.1 / sqrt(v * 2 / n)
 * two <- function(k) pt(k, G - 2, ncp, lower.tail = FALSE) + pt(-k, G - 2, ncp)
 * two(qnorm(.975)); two(sqrt((G - 2) * (exp(qchisq(.95, 1) / G) - 1))) */
Test(infer_power, two_kinds_of_groups) {
    struct frame *f = pilot("aaabbb");
    struct design d, d0, more, null;
    struct lmm truth;
    struct power w;
    struct replication how = {2000, 2, 5, NULL};
    const double fixed[2] = {0, 1.1}, sd[1] = {1};
    design(&d, f, "y ~ kind + (1 | g)", NULL), design(&d0, f, "y ~ 1 + (1 | g)", NULL);
    cr_assert_eq(lmm_plant(&truth, &d, fixed, sd, 1, NULL), 0);
    cr_assert_eq(design_with_groups(&more, &d, &d, 40, NULL), 0);
    cr_expect(more.n == 40 * EACH && more.part->n_levels == 40);
    cr_assert_eq(power_lmm(&w, &truth, &more, "kindb", 0.05, &how, NULL), 0);
    found(&w, 0.872007);
    cr_expect_eq(design_with_groups(&null, &d0, &more, 40, NULL), ERR_ARG); /* of other rows */
    cr_assert_eq(design_with_groups(&null, &d0, &d, 40, NULL), 0);
    cr_assert_eq(power_lmm_ratio(&w, &truth, &null, &more, 0.05, &how, NULL), 0);
    found(&w, 0.872597);
    cr_expect_eq(power_lmm_ratio(&w, &truth, &more, &null, 0.05, &how, NULL), ERR_ARG);
    lmm_free(&truth), design_free(&d), design_free(&d0), design_free(&more), design_free(&null), frame_free(f);
}

/* Three levels at once. R: G <- 42; k <- (exp(qchisq(.95, 2) / G) - 1) * (G - 3) / 2
 * pf(k, 2, G - 3, 14 * 0.5 / (1 + 1 / 4), lower.tail = FALSE) */
Test(infer_power, three_kinds_by_likelihood_ratio) {
    struct frame *f = pilot("abccba");
    struct design d, d0, more, null;
    struct lmm truth;
    struct power w;
    struct replication how = {2000, 2, 8, NULL};
    const double fixed[3] = {0, 0.5, 1}, sd[1] = {1};
    design(&d, f, "y ~ kind + (1 | g)", NULL), design(&d0, f, "y ~ 1 + (1 | g)", NULL);
    cr_assert_eq(lmm_plant(&truth, &d, fixed, sd, 1, NULL), 0);
    cr_assert_eq(design_with_groups(&more, &d, &d, 42, NULL), 0);
    cr_assert_eq(design_with_groups(&null, &d0, &d, 42, NULL), 0);
    cr_assert_eq(power_lmm_ratio(&w, &truth, &null, &more, 0.05, &how, NULL), 0);
    found(&w, 0.558565);
    lmm_free(&truth), design_free(&d), design_free(&d0), design_free(&more), design_free(&null), frame_free(f);
}

/* Kinds keep their shares at any number, levels within a group are new in each copy, shared ones are not. */
Test(infer_power, dealt_groups) {
    static const size_t wanted[] = {2, 3, 4, 6, 7, 12, 13, 30};
    struct frame *f = pilot("aabbbb"); /* two of six */
    struct design d, more;
    design(&d, f, "y ~ kind * x + (1 + x | g) + (1 | item) + (1 | g:part)", NULL);
    for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
        size_t n = wanted[k];
        double of_b = 0;
        cr_assert_eq(design_with_groups(&more, &d, &d, n, NULL), 0);
        cr_expect(more.n == n * EACH && more.part[0].n_levels == n && more.part[1].n_levels == EACH);
        cr_expect(more.part[2].n_levels == 2 * n, "%zu: %zu", n, more.part[2].n_levels);
        cr_expect_str_eq(more.x.name[1], "kindb");
        for (size_t i = 0; i < more.n; i++) of_b += more.x.x[more.n + i] / EACH;
        cr_expect(fabs(of_b - 2.0 / 3 * (double)n) < 1, "%g of %zu", of_b, n);
        design_free(&more);
    }
    cr_expect_eq(design_with_groups(&more, &d, &d, 1, NULL), ERR_RANGE);
    cr_expect_eq(design_with_groups(&more, &d, &d, 10000000, NULL), ERR_LIMIT);
    design_free(&d), frame_free(f);
}
