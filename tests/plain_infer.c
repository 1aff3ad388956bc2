/* Statistics under threads and under nonsense: the same answer for any number of threads (also for TSan), and no table and no formula that
 * crashes a model: each is fitted or refused with a sentence. */
#include "base/rng.h"
#include "stats/infer/lmm.h"
#include "stats/infer/ols.h"
#include "stats/infer/power.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wrong;
#define CHECK(ok, ...) \
    ((ok) ? (void)0 : (void)(wrong++, printf("%s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), printf("\n")))

static void any_number_of_threads(void) {
    struct power w[4];
    for (int t = 1; t <= 4; t++) {
        const struct replication how = {200, t, 5, NULL};
        CHECK(power_two_groups(&w[t - 1], 0.7, 12, 15, 0.05, &how, NULL) == 0, "power");
        CHECK(w[t - 1].power == w[0].power, "%d threads: %g, one: %g", t, w[t - 1].power, w[0].power);
    }
}

/* A table with columns y x a g h: few rows and levels, now and then constant, huge, missing or tied. */
static struct frame *nonsense(struct rng *r) {
    static const char *const name[] = {"y", "x", "a", "g", "h"};
    char text[6000] = "y,x,a,g,h\n";
    size_t rows = 1 + (size_t)rng_below(r, 40), at = strlen(text);
    unsigned style = rng_u32(r);
    struct frame *f = NULL;
    for (size_t i = 0; i < rows; i++)
        for (int c = 0; c < 5; c++) {
            double v = c < 2 ? rng_normal(r) : (double)rng_below(r, c == 3 ? 7 : 3);
            if (style >> c & 1 && !rng_below(r, 3)) v = c ? 1 : floor(v);
            if ((style & 0x700) == 0x700 && c < 2) v *= 1e200;
            if ((style & 0x7000) == 0x7000 && c < 2) v = 2;
            if (!rng_below(r, 60)) /* missing */
                at += (size_t)snprintf(text + at, sizeof text - at, "%s", c == 4 ? "\n" : ",");
            else if (c < 2)
                at += (size_t)snprintf(text + at, sizeof text - at, "%.17g,", v);
            else
                at += (size_t)snprintf(text + at, sizeof text - at, "%s%.0f%s", c == 2 ? "l" : name[c], v, c == 4 ? "\n" : ",");
        }
    CHECK(frame_parse(&f, text, at, "nonsense", NULL) == 0, "a table was refused");
    return f;
}

static const char *pick(struct rng *r, const char *const *of, size_t n) { return of[rng_below(r, n)]; }

static void formula_of(char *out, size_t size, struct rng *r) {
    static const char *const fixed[] = {"1", "x", "a", "x * a", "0 + a", "x + a:x", "a - 1 + x", "x:a", "a * h * x"};
    static const char *const random[] = {"(1 | g)",   "(1 + x | g)", "(x || g)",    "(a | g)",
                                         "(1 | g/h)", "(1 | g:h)",   "(0 + x | h)", "(1 | h)"};
    size_t n = rng_below(r, 4), at = (size_t)snprintf(out, size, "y ~ %s", pick(r, fixed, sizeof fixed / sizeof *fixed));
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(out + at, size - at, " + %s", pick(r, random, sizeof random / sizeof *random));
}

static int fit(const struct design *d, struct err *e) {
    struct lmm m;
    struct ols o;
    if (!d->n_parts) {
        TRY(ols_fit(&o, d, OLS_CLASSICAL, e));
        ols_free(&o);
        return 0;
    }
    TRY(lmm_fit(&m, d, d->n % 2 == 0, e));
    CHECK(isfinite(m.loglik) && m.residual > 0, "loglik %g, residual %g", m.loglik, m.residual);
    for (size_t i = 0; i < m.n_random; i++)
        CHECK(m.random[i].term2 || m.random[i].variance >= 0, "variance %g", m.random[i].variance);
    lmm_free(&m);
    return 0;
}

static void models_of_nonsense(void) {
    int fitted = 0, refused = 0;
    for (uint64_t i = 0; i < 400; i++) {
        struct rng r = RNG(17, i);
        struct err e = ERR_INIT;
        struct design d;
        struct formula *m = NULL;
        struct frame *f = nonsense(&r);
        char text[200];
        formula_of(text, sizeof text, &r);
        int rc = f ? formula_parse(&m, text, &e) : ERR_FORMAT;
        CHECK(rc == 0, "%s: %s", text, e.msg);
        if (!rc && !(rc = design_build(&d, f, m, NULL, NULL, &e))) {
            rc = fit(&d, &e);
            design_free(&d);
        }
        CHECK(rc == 0 || (e.msg[0] && rc != ERR_INTERNAL), "%s: %d without a sentence", text, rc);
        fitted += !rc, refused += rc < 0;
        formula_free(m), frame_free(f);
    }
    printf("%d models fitted, %d refused\n", fitted, refused);
    CHECK(fitted > 100 && refused > 20, "too much of one kind");
}

int main(void) {
    any_number_of_threads();
    models_of_nonsense();
    return wrong != 0;
}
