/* Tables, formulas, designs and replications: what they promise, and what they refuse. */
#include "base/rng.h"
#include "infer_tests.h"
#include "stats/infer/design.h"
#include "stats/infer/power.h"
#include <stdio.h>

TestSuite(infer_table, .timeout = HANG_S);

static struct frame *parsed(const char *text) {
    struct frame *f = NULL;
    struct err e = ERR_INIT;
    cr_assert_eq(frame_parse(&f, text, strlen(text), "t.csv", &e), 0, "%s", e.msg);
    return f;
}

Test(infer_table, columns_of_numbers_and_words) {
    struct frame *f = parsed("\xef\xbb\xbf"
                             "y,g,n\r\n1.5,b,10\r\n,\"a, \"\"x\"\"\nline\",9\r\n-2e3,b,NA\r\n");
    const struct column *c;
    cr_expect(frame_rows(f) == 3 && frame_line(f, 0) == 2 && frame_line(f, 2) == 5);
    cr_assert_eq(frame_numeric(&c, f, "y", NULL), 0);
    cr_expect(c->x[0] == 1.5 && isnan(c->x[1]) && c->x[2] == -2000 && c->missing == 1 && !c->is_words);
    cr_assert_eq(frame_column(&c, f, "g", NULL), 0);
    cr_expect(c->is_words && c->n_levels == 2 && c->code[0] == 1 && c->code[1] == 0);
    cr_expect_str_eq(c->level[0], "a, \"x\"\nline");
    cr_assert_eq(frame_levels(&c, f, "n", NULL), 0); /* 9 before 10: by value */
    cr_expect(c->n_levels == 2 && c->code[0] == 1 && c->code[2] == -1 && !c->is_words);
    cr_expect_eq(frame_numeric(&c, f, "g", NULL), ERR_FORMAT);
    cr_expect_eq(frame_column(&c, f, "z", NULL), ERR_ARG);
    frame_free(f);
}

static const struct {
    const char *text, *says;
    int64_t line;
} bad_tables[] = {{"", "empty file", 1},
                  {"\n\n", "empty file", 2},
                  {"a,b\n", "rows below", 1},
                  {"a,\n1,2\n", "a name for every column", 1},
                  {"a,a\n1,2\n", "different column names", -1},
                  {"a,b\n1,2\n3\n", "2 fields as in the header, found 1", 3},
                  {"a,b\n1,2\n\n3,4,5\n", "found 3", 4},
                  {"a,b\n1,\"2\n3,4\n", "ends the field", 2},
                  {"a,b\n1,2\n1\"2,3\n", "RFC 4180", 3}};

Test(infer_table, tables_that_cannot_be_read) {
    for (size_t i = 0; i < sizeof bad_tables / sizeof *bad_tables; i++) {
        struct frame *f = NULL;
        struct err e = ERR_INIT;
        cr_expect(frame_parse(&f, bad_tables[i].text, strlen(bad_tables[i].text), "t.csv", &e) < 0);
        cr_expect(!f && strstr(e.msg, bad_tables[i].says) && !strcmp(e.where, "t.csv"), "%zu: %s (%s)", i, e.msg, e.where);
        cr_expect(bad_tables[i].line < 0 || e.at == bad_tables[i].line, "%zu: line %lld", i, (long long)e.at);
    }
    struct frame *f = NULL;
    cr_expect_eq(frame_parse(&f, "a\nx\0y\n", 6, "t.csv", NULL), ERR_FORMAT);
}

/* What looks like numbers and is none stays a word. */
Test(infer_table, not_numbers) {
    struct frame *f = parsed("a,b,c,d,e,f\n0x10,1e999,inf,1e,1.2.3,--1\n");
    static const char *const name[] = {"a", "b", "c", "d", "e", "f"};
    const struct column *c;
    struct err e = ERR_INIT;
    for (int i = 0; i < 6; i++) cr_expect_eq(frame_numeric(&c, f, name[i], &e), ERR_FORMAT);
    cr_expect(strstr(e.msg, "\"--1\"") && e.at == 2, "%s", e.msg);
    frame_free(f);
}

/* No bytes crash the reader of tables or that of formulas; what is read can be freed and asked. */
Test(infer_table, random_bytes) {
    static const char few[] = "ab01,\"\n\r;.NA ~+*:|/()-`\xc3";
    struct rng g = RNG(11, 0);
    for (int round = 0; round < 4000; round++) {
        char text[64];
        size_t n = (size_t)rng_below(&g, sizeof text - 1);
        struct frame *f;
        struct formula *m;
        const struct column *c;
        for (size_t i = 0; i < n; i++) text[i] = few[rng_below(&g, sizeof few - 1)];
        text[n] = 0;
        if (!frame_parse(&f, text, n, "t.csv", NULL)) {
            frame_numeric(&c, f, "a", NULL), frame_levels(&c, f, "b", NULL);
            frame_free(f);
        }
        memcpy(text, "y~", n < 2 ? 0 : 2);
        if (!formula_parse(&m, text, NULL)) formula_free(m);
    }
}

static void columns_are(const char *formula, const char *want) {
    struct frame *f = parsed("y,x,a,b\n1,1,p,u\n2,2,q,v\n3,1,r,u\n4,3,p,v\n5,2,q,u\n6,5,r,v\n");
    struct formula *m;
    struct design d;
    struct err e = ERR_INIT;
    char got[200] = "";
    cr_assert_eq(formula_parse(&m, formula, &e), 0, "%s: %s", formula, e.msg);
    cr_assert_eq(design_build(&d, f, m, NULL, NULL, &e), 0, "%s: %s", formula, e.msg);
    for (size_t j = 0; j < d.x.k; j++) snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", j ? " " : "", d.x.name[j]);
    cr_expect_str_eq(got, want, "%s: %s, want %s", formula, got, want);
    design_free(&d), formula_free(m), frame_free(f);
}

/* As colnames(model.matrix(formula, data)) has them in R. */
Test(infer_table, columns_as_r_names_them) {
    columns_are("y ~ x", "(Intercept) x");
    columns_are("y ~ a * x", "(Intercept) aq ar x aq:x ar:x");
    columns_are("y ~ x * a * b", "(Intercept) x aq ar bv x:aq x:ar x:bv aq:bv ar:bv x:aq:bv x:ar:bv");
    columns_are("y ~ a * b - a:b", "(Intercept) aq ar bv");
    columns_are("y ~ 0 + a + b", "ap aq ar bv");
    columns_are("y ~ a + x - 1", "ap aq ar x");
    columns_are("y ~ a:x", "(Intercept) ap:x aq:x ar:x");
    columns_are("y ~ a + a:b", "(Intercept) aq ar ap:bv aq:bv ar:bv");
    columns_are("y ~ (a + b):x + x", "(Intercept) x aq:x ar:x bv:x");
    columns_are("y ~ `x` + 1 + (1 | a) + (x || b)", "(Intercept) x");
    columns_are("y ~ 1", "(Intercept)");
}

Test(infer_table, formulas_that_cannot_be_read) {
    static const char *const bad[] = {"",
                                      "y",
                                      "y ~",
                                      "~ x",
                                      "y ~ x +",
                                      "y ~ x y",
                                      "y ~ log(x)",
                                      "y ~ (x",
                                      "y ~ x)",
                                      "y ~ (x | )",
                                      "y ~ (x | 1)",
                                      "y ~ x * (1 | g)",
                                      "y ~ y",
                                      "y ~ x^2",
                                      "y ~ ((x | g))",
                                      "y ~ 2",
                                      "y ~ `x",
                                      "y ~ (0 | g)",
                                      "y ~ x - (1 | g)",
                                      "y ~ (1 | g:g)",
                                      "y ~ (1 | y)"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct formula *m = NULL;
        struct err e = ERR_INIT;
        cr_expect(formula_parse(&m, bad[i], &e) == ERR_ARG && !m && e.msg[0], "%s: %s", bad[i], e.msg);
        if (m) formula_free(m);
    }
    char deep[3000] = "y ~ ", wide[3000] = "y ~ v0";
    memset(deep + 4, '(', 2000), deep[2004] = 0;
    for (int i = 1; i < 200; i++) snprintf(wide + strlen(wide), sizeof wide - strlen(wide), "+v%d", i);
    struct formula *m;
    cr_expect_eq(formula_parse(&m, deep, NULL), ERR_ARG);
    cr_expect_eq(formula_parse(&m, wide, NULL), ERR_LIMIT);
}

Test(infer_table, designs_that_say_nothing) {
    static const char *const bad[] = {"y ~ w + (1 | g)", "y ~ x + (1 | z)", "w ~ x"};
    struct frame *f = parsed("y,x,w,g\n1,1,c,u\n2,2,c,v\n3,4,c,u\n");
    for (size_t i = 0; i < 3; i++) {
        struct formula *m;
        struct design d;
        cr_assert_eq(formula_parse(&m, bad[i], NULL), 0);
        cr_expect(design_build(&d, f, m, NULL, NULL, NULL) < 0, "%s", bad[i]);
        formula_free(m);
    }
    frame_free(f);
}

/* A column of both formulas is named once among what is missing. */
Test(infer_table, missing_in_two_models) {
    struct frame *f = parsed("y,x,g\n1,1,u\n,2,v\n3,,u\n4,2,v\n");
    struct formula *m;
    struct design d;
    cr_assert_eq(formula_parse(&m, "y ~ x", NULL), 0);
    cr_assert_eq(design_build(&d, f, m, m, NULL, NULL), 0);
    cr_expect_str_eq(d.left.why, "y missing in 1, x missing in 1");
    design_free(&d), formula_free(m), frame_free(f);
}

/* Against R: power.t.test(n = 15, delta = 0.8)$power = 0.5618; without a difference the level comes back. */
Test(infer_table, power_of_two_groups) {
    struct power a, b;
    struct replication how = {4000, 1, 1, NULL};
    cr_assert_eq(power_two_groups(&a, 0.8, 15, 15, 0.05, &how, NULL), 0);
    cr_expect(a.ci.lo < 0.5618 && a.ci.hi > 0.555, "[%g, %g]", a.ci.lo, a.ci.hi);
    how.threads = 4;
    cr_assert_eq(power_two_groups(&b, 0.8, 15, 15, 0.05, &how, NULL), 0);
    cr_expect(a.power == b.power);
    cr_assert_eq(power_two_groups(&b, 0, 15, 15, 0.05, &how, NULL), 0);
    cr_expect(b.ci.lo < 0.05 && b.ci.hi > 0.05, "[%g, %g]", b.ci.lo, b.ci.hi);
    cr_expect_eq(power_two_groups(&b, 0, 1, 15, 0.05, &how, NULL), ERR_RANGE);
    cr_expect_eq(power_two_groups(&b, 0, 9, 15, 1.5, &how, NULL), ERR_RANGE);
}

static int failing_make(void **data, const void *ctx, struct rng *r, struct err *e) {
    (void)data, (void)ctx;
    return rng_below(r, 3) ? 0 : fail(e, ERR_STATE, "planted failure");
}
static int no_p(double *p, const void *data, const void *ctx, struct err *e) {
    (void)data, (void)ctx, (void)e;
    *p = NAN;
    return 0;
}
static int always(void) { return 1; }

Test(infer_table, power_that_fails_or_stops) {
    struct power w;
    struct err e = ERR_INIT;
    struct replication how = {50, 2, 1, NULL};
    struct planted d = {failing_make, no_p, NULL, NULL};
    cr_expect_eq(power_simulate(&w, &d, 0.05, &how, &e), ERR_STATE);
    cr_expect_str_eq(e.msg, "planted failure");
    how.stop = always;
    cr_expect_eq(power_simulate(&w, &d, 0.05, &how, &e), ERR_CANCELLED);
    how.reps = 0;
    cr_expect_eq(power_simulate(&w, &d, 0.05, &how, &e), ERR_RANGE);
}
