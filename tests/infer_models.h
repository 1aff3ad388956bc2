/* Shared by the tests of models: the table that tests/r/lmm.R makes, designs and fits. */
#ifndef TESTS_INFER_MODELS_H
#define TESTS_INFER_MODELS_H
#include "base/fs.h"
#include "infer_tests.h"
#include "stats/infer/lmm.h"

static inline struct frame *table(void) {
    char *text;
    size_t n;
    struct frame *f;
    cr_assert_eq(file_read(&text, &n, "tests/r/lmm.csv", 0, NULL), 0);
    cr_assert_eq(frame_parse(&f, text, n, "lmm.csv", NULL), 0);
    free(text);
    return f;
}

static inline void design(struct design *d, struct frame *f, const char *formula, const char *cluster) {
    struct formula *m;
    struct err e = ERR_INIT;
    cr_assert_eq(formula_parse(&m, formula, &e), 0, "%s", e.msg);
    cr_assert_eq(design_build(d, f, m, NULL, cluster, &e), 0, "%s", e.msg);
    formula_free(m);
}

static inline void fit(struct lmm *m, struct design *d, struct frame *f, const char *formula, int reml) {
    struct err e = ERR_INIT;
    design(d, f, formula, NULL);
    cr_assert_eq(lmm_fit(m, d, reml, &e), 0, "%s", e.msg);
}

#endif
