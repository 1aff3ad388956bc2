/* Thirty made-up traces, two of each question, whose figures were also computed by an independent program (numpy) from the same recurrence:
 * u = (s >> 11) / 2^53 of s ← 6364136223846793005 s + 1442695040888963407. The belief in the label grows along each thought. */
#ifndef TESTS_MEASURE_TRACES_H
#define TESTS_MEASURE_TRACES_H
#include "probe/measure.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { TRACES = 30, TOKENS_MAX = 65 };

struct draws {
    uint64_t s;
};
static inline double draws_u(struct draws *g) {
    g->s = g->s * 6364136223846793005u + 1442695040888963407u;
    return (double)(g->s >> 11) * 0x1p-53;
}
static inline int draws_below(struct draws *g, int n) { return (int)(draws_u(g) * n); }

struct made {
    struct reading_trace t[TRACES];
    double p[TRACES][(TOKENS_MAX + 1) * 4], forced[TRACES][(TOKENS_MAX + 1) * 4];
    int64_t at[TRACES][TOKENS_MAX + 1];
    int choice[TRACES][TOKENS_MAX + 1];
};

static inline void made_row(double *p, struct draws *g, int classes, int label, double pull) {
    double sum = 0;
    for (int c = 0; c < classes; c++) sum += p[c] = exp(2 * draws_u(g) + (c == label ? pull : 0));
    for (int c = 0; c < classes; c++) p[c] /= sum;
}

static inline void made_trace(struct made *m, int i, struct draws *g) {
    struct reading_trace *t = m->t + i;
    *t =
        (struct reading_trace){.question = (size_t)(i / 2 * 7), .classes = i % 5 == 4 ? 3 : 4, .tail = 3 + i % 4, .first = i % 2};
    t->n_tokens = 5 + draws_below(g, 60), t->label = draws_below(g, t->classes);
    double x = draws_u(g);
    int other = draws_below(g, t->classes);
    t->truth = x < 0.7 ? t->label : other, t->right = t->truth == t->label;
    for (int64_t w = t->first; w <= t->n_tokens; w++)
        made_row(m->p[i] + (w - t->first) * t->classes, g, t->classes, t->label, 4.0 * (double)w / (double)t->n_tokens);
    int64_t n = 0;
    for (m->at[i][n++] = t->first; m->at[i][n - 1] < t->n_tokens; n++) {
        int64_t next = m->at[i][n - 1] + 1 + draws_below(g, 8);
        m->at[i][n] = next < t->n_tokens ? next : t->n_tokens;
    }
    for (int64_t k = 0; k < n; k++)
        made_row(m->forced[i] + k * t->classes, g, t->classes, t->label, 5.0 * (double)m->at[i][k] / (double)t->n_tokens);
    for (int64_t k = 0; k < n; k++) {
        double a = draws_u(g), b = draws_u(g);
        int o = draws_below(g, t->classes);
        m->choice[i][k] = a < 1 - (double)m->at[i][k] / (double)t->n_tokens ? -1 : b < 0.8 ? t->label : o;
    }
    t->n_steps = n, t->p = m->p[i], t->step_at = m->at[i], t->forced.p = m->forced[i], t->monitor.choice = m->choice[i];
}

/* The caller frees it. */
static inline struct made *made_new(uint64_t seed) {
    struct made *m = calloc(1, sizeof *m);
    struct draws g = {seed};
    cr_assert_not_null(m);
    for (int i = 0; i < TRACES; i++) made_trace(m, i, &g);
    return m;
}

static inline void near(const char *what, double got, double want, double tol) {
    cr_expect(fabs(got - want) <= tol || (isnan(got) && isnan(want)), "%s: got %.12g, want %.12g", what, got, want);
}

static const struct resampling how200 = {200, 0.95, 42};
/* One thought of 4 tokens, two classes; the probe says 1 1 0 0 0 after 0 … 4 tokens; label 0, truth 1. */
static const double hand_p[] = {.4, .6, .3, .7, .5, .5, .8, .2, 1, 0};
static const int64_t hand_at[] = {0, 2, 4};
static const double hand_forced[] = {.1, .9, .6, .4, .9, .1};
static const int hand_choice[] = {-1, -1, 0};
static const struct reading_trace hand = {.question = 9,
                                          .classes = 2,
                                          .label = 0,
                                          .truth = 1,
                                          .right = 0,
                                          .n_tokens = 4,
                                          .tail = 2,
                                          .p = hand_p,
                                          .n_steps = 3,
                                          .step_at = hand_at,
                                          .forced = {.p = hand_forced},
                                          .monitor = {.choice = hand_choice}};
#endif
