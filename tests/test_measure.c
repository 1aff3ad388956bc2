/* Accuracy along the thought, performativity, pairs of readers: by hand, against an independent program, and what must not change
 * them. */
#include "measure_traces.h"

TestSuite(measure, .timeout = HANG_S);

static void all_near(const char *what, const double *got, const double *want, int n) {
    for (int i = 0; i < n; i++)
        cr_expect(fabs(got[i] - want[i]) <= 1e-12, "%s, %d: got %.15g, want %.15g", what, i, got[i], want[i]);
}

/* ---- by hand ---- */

Test(measure, readers_say_what_the_arrays_hold) {
    cr_assert_eq(traces_check(&hand, 1, NULL), 0);
    cr_expect_eq(readings_of(&hand, PROBE_TOKENS), 5);
    cr_expect_eq(readings_of(&hand, PROBE_STEPS), 3);
    cr_expect_eq(readings_of(&hand, MONITOR), 3);
    struct said s = reading_of(&hand, PROBE_TOKENS, 1);
    cr_expect(s.written == 1 && s.class == 1 && s.confidence == .7);
    s = reading_of(&hand, PROBE_STEPS, 1);
    cr_expect(s.written == 2 && s.class == 0 && s.confidence == .5, "the first of equals");
    s = reading_of(&hand, MONITOR, 0);
    cr_expect(s.class == -1 && isnan(s.confidence) && !s.p);
    near("entropy", reading_entropy(&hand, PROBE_STEPS, 1), 1, 0);
    near("entropy", reading_entropy(&hand, PROBE_TOKENS, 4), 0, 0);
    cr_expect(isnan(reading_entropy(&hand, MONITOR, 0)));
}

Test(measure, a_probe_without_a_reading_before_the_first_word) {
    struct reading_trace t = hand;
    const int64_t at[] = {1, 2, 4};
    t.first = 1, t.p = hand_p + 2, t.step_at = at;
    cr_assert_eq(traces_check(&t, 1, NULL), 0);
    cr_expect_eq(readings_of(&t, PROBE_TOKENS), 4);
    cr_expect_eq(reading_of(&t, PROBE_TOKENS, 0).written, 1);
    cr_expect_eq(reading_of(&t, PROBE_STEPS, 0).confidence, .7);
    t.step_at = hand_at; /* nothing was read at 0 */
    cr_expect_eq(traces_check(&t, 1, NULL), ERR_RANGE);
}

Test(measure, curves_by_hand) {
    struct curve_point c[4];
    /* tokens written 0 1 2 3 4 of 4 in 4 bins, closed above: {0, 1} {2} {3} {4}; said 1 1 0 0 0 */
    cr_assert_eq(measure_curve(c, 4, &hand, 1, PROBE_TOKENS, VS_LABEL, ALONG_TOKENS, &how200, NULL), 0);
    const double want[] = {0, 1, 1, 1};
    for (int b = 0; b < 4; b++) {
        near("readings", c[b].readings.value, want[b], 0);
        near("questions", c[b].questions.value, want[b], 0);
        cr_expect(isnan(c[b].readings.ci.lo), "one question has no interval");
    }
    cr_expect(c[0].n_readings == 2 && c[0].n_questions == 1);
    /* steps at 0, 1/2, 1: bins 0, 2, 3; bin 1 is empty */
    cr_assert_eq(measure_curve(c, 4, &hand, 1, MONITOR, VS_LABEL, ALONG_READINGS, NULL, NULL), 0);
    near("N/A", c[0].readings.value, 0.25, 0);
    near("empty", c[1].readings.value, NAN, 0);
    near("N/A", c[2].readings.value, 0.25, 0);
    near("right", c[3].readings.value, 1, 0);
    cr_assert_eq(measure_curve(c, 4, &hand, 1, FORCED, VS_TRUTH, ALONG_READINGS, NULL, NULL), 0);
    near("truth", c[0].readings.value, 1, 0);
    near("truth", c[3].readings.value, 0, 0);
}

Test(measure, places_by_hand) {
    struct curve_point c[4];
    const double at[] = {.2, .5, .51, 1};
    /* after ⌈0.8⌉, 2, ⌈2.04⌉, 4 tokens */
    cr_assert_eq(measure_at(c, at, 4, &hand, 1, PROBE_TOKENS, VS_LABEL, ALONG_TOKENS, NULL, NULL), 0);
    const double probe[] = {0, 1, 1, 1};
    for (int j = 0; j < 4; j++) near("probe", c[j].questions.value, probe[j], 0);
    /* the last step made by 1, 2, 3, 4 tokens: 0, 1, 1, 2 */
    cr_assert_eq(measure_at(c, at, 4, &hand, 1, MONITOR, VS_LABEL, ALONG_TOKENS, NULL, NULL), 0);
    const double monitor[] = {.25, .25, .25, 1};
    for (int j = 0; j < 4; j++) near("monitor", c[j].questions.value, monitor[j], 0);
    /* no step made yet: nobody knows anything, forced or not */
    struct reading_trace late = hand;
    const int64_t steps[] = {3, 3, 4};
    late.step_at = steps;
    cr_assert_eq(measure_at(c, at, 4, &late, 1, FORCED, VS_LABEL, ALONG_TOKENS, NULL, NULL), 0);
    const double forced[] = {.25, .25, 1, 1};
    for (int j = 0; j < 4; j++) near("forced", c[j].questions.value, forced[j], 0);
    cr_expect_eq(measure_at(c, (const double[]){0}, 1, &hand, 1, FORCED, VS_LABEL, ALONG_TOKENS, NULL, NULL), ERR_RANGE);
    cr_expect_eq(measure_at(c, (const double[]){NAN}, 1, &hand, 1, FORCED, VS_LABEL, ALONG_TOKENS, NULL, NULL), ERR_RANGE);
}

Test(measure, slopes_by_hand) {
    /* Steps at 0, 1/2, 1 in three bins: reader says wrong, right, right; monitor N/A, N/A, right. Parabolas through three points:
     * mean slopes 1 and 0.75; the reader leads by −.25, .75, 0 */
    struct rate r;
    struct rate_opts o = RATE_DEFAULT;
    o.bins = 3;
    cr_assert_eq(measure_rate(&r, &hand, 1, FORCED, &o, NULL, NULL), 0);
    near("reader", r.reader.value, 1, 1e-12);
    near("monitor", r.monitor.value, .75, 1e-12);
    near("gap", r.gap.value, -.25, 1e-12);
    near("rise", r.rise_gap.value, -.25, 1e-12);
    near("area", r.area.value, .5 / 3, 1e-12);
    near("mean", r.mean.value, .5 / 3, 1e-12);
    /* in 20 bins the same three are all there are; the area counts them as 3 of 20 */
    cr_assert_eq(measure_rate(&r, &hand, 1, FORCED, &RATE_DEFAULT, NULL, NULL), 0);
    near("area", r.area.value, .5 / 20, 1e-12);
    near("mean", r.mean.value, .5 / 3, 1e-12);
}

Test(measure, pairs_by_hand) {
    struct estimate x;
    struct agreement a;
    cr_assert_eq(measure_max_gap(&x, &hand, 1, FORCED, MONITOR, VS_LABEL, NULL, NULL), 0);
    near("lead", x.value, .75, 0);
    cr_assert_eq(measure_stability(&x, &hand, 1, FORCED, NULL, NULL), 0);
    near("restless", x.value, (2 * .25 + 2 * .09) / 2, 1e-15);
    cr_assert_eq(measure_stability(&x, &hand, 1, MONITOR, NULL, NULL), 0);
    near("classes alone", x.value, NAN, 0);
    cr_assert_eq(measure_agreement(&a, &hand, 1, PROBE_STEPS, MONITOR, VS_LABEL, NULL, NULL), 0);
    near("both", a.both.value, 1.0 / 3, 1e-15), near("neither", a.neither.value, 1.0 / 3, 1e-15);
    near("probe", a.only_a.value, 1.0 / 3, 1e-15), near("monitor", a.only_b.value, 0, 0);
    cr_expect_eq(measure_agreement(&a, &hand, 1, PROBE_TOKENS, MONITOR, VS_LABEL, NULL, NULL), ERR_RANGE);
}

/* ---- against an independent program ---- */

Test(measure, curves_are_numpy_s) {
    struct made *m = made_new(12345);
    struct curve_point c[10];
    double got[2][10];
    cr_assert_eq(traces_check(m->t, TRACES, NULL), 0);
    cr_assert_eq(measure_curve(c, 10, m->t, TRACES, PROBE_TOKENS, VS_LABEL, ALONG_TOKENS, &how200, NULL), 0);
    for (int b = 0; b < 10; b++) got[0][b] = c[b].readings.value, got[1][b] = c[b].questions.value;
    all_near("readings", got[0],
             (const double[]){0.38524590163934425, 0.5739130434782609, 0.7435897435897436, 0.8956521739130435, 0.9838709677419355,
                              1, 1, 1, 1, 1},
             10);
    all_near("questions", got[1],
             (const double[]){0.4017388167388167, 0.5647619047619048, 0.7448316498316497, 0.8781721981721983, 0.9844155844155845,
                              1, 1, 1, 1, 1},
             10);
    double heat[10];
    cr_assert_eq(measure_heat(heat, 10, m->t, TRACES, NULL), 0);
    all_near("heat", heat, got[0], 10);
    cr_assert_eq(measure_curve(c, 10, m->t, TRACES, MONITOR, VS_TRUTH, ALONG_READINGS, &how200, NULL), 0);
    for (int b = 0; b < 10; b++) {
        got[0][b] = c[b].readings.value, got[1][b] = c[b].questions.value;
        cr_expect(c[b].readings.ci.lo <= got[0][b] && got[0][b] <= c[b].readings.ci.hi);
    }
    all_near("monitor", got[0],
             (const double[]){0.25, 0.34375, 0.29310344827586204, 0.42045454545454547, 0.4583333333333333, 0.3790322580645161,
                              0.61, 0.5, 0.6111111111111112, 0.5813953488372093},
             10);
    all_near("monitor", got[1],
             (const double[]){0.25, 0.325, 0.2857142857142857, 0.4166666666666667, 0.5029761904761905, 0.3777777777777778,
                              0.6166666666666667, 0.5357142857142857, 0.6277777777777778, 0.6166666666666668},
             10);
    free(m);
}

Test(measure, places_are_numpy_s) {
    struct made *m = made_new(12345);
    struct curve_point c[2];
    const double at[] = {.2, .9};
    cr_assert_eq(measure_at(c, at, 2, m->t, TRACES, PROBE_TOKENS, VS_LABEL, ALONG_TOKENS, NULL, NULL), 0);
    near("probe", c[0].questions.value, 0.6333333333333333, 1e-12), near("probe", c[1].questions.value, 1, 1e-12);
    cr_assert_eq(measure_at(c, at, 2, m->t, TRACES, FORCED, VS_LABEL, ALONG_TOKENS, NULL, NULL), 0);
    near("forced", c[0].questions.value, 0.6333333333333333, 1e-12), near("forced", c[1].questions.value, 1, 1e-12);
    cr_assert_eq(measure_at(c, at, 2, m->t, TRACES, MONITOR, VS_LABEL, ALONG_READINGS, NULL, NULL), 0);
    near("monitor", c[0].questions.value, 0.325, 1e-12), near("monitor", c[1].questions.value, 0.8416666666666667, 1e-12);
    free(m);
}

Test(measure, rates_are_numpy_s) {
    static const double want[2][6] = {{0.44233276527394305, 0.5840638493159502, 0.14173108404200718, -0.21666666666666667,
                                       0.31610942978590034, 0.31610942978590034},
                                      {0.4274799010513308, 0.5930617398474547, 0.16558183879612387, -0.21666666666666667,
                                       0.3131469918969919, 0.3131469918969919}};
    struct made *m = made_new(12345);
    for (int by = 0; by < 2; by++) {
        struct rate r;
        struct rate_opts o = RATE_DEFAULT;
        o.by_question = by;
        cr_assert_eq(measure_rate(&r, m->t, TRACES, FORCED, &o, &how200, NULL), 0);
        const double got[] = {r.reader.value, r.monitor.value, r.gap.value, r.rise_gap.value, r.area.value, r.mean.value};
        all_near("rate", got, want[by], 6);
        cr_expect(r.gap.ci.lo < r.gap.value && r.gap.value < r.gap.ci.hi);
    }
    free(m);
}

Test(measure, pairs_are_numpy_s) {
    struct made *m = made_new(12345);
    struct estimate x;
    struct agreement a;
    cr_assert_eq(measure_max_gap(&x, m->t, TRACES, FORCED, MONITOR, VS_TRUTH, &how200, NULL), 0);
    near("lead", x.value, 0.6916666666666667, 1e-12);
    cr_assert_eq(measure_stability(&x, m->t, TRACES, FORCED, &how200, NULL), 0);
    near("restless", x.value, 0.08599547637249083, 1e-12);
    cr_assert_eq(measure_agreement(&a, m->t, TRACES, PROBE_STEPS, FORCED, VS_LABEL, &how200, NULL), 0);
    cr_expect_eq(a.steps, 292);
    near("both", a.both.value, 234.0 / 292, 1e-12), near("neither", a.neither.value, 24.0 / 292, 1e-12);
    near("probe", a.only_a.value, 13.0 / 292, 1e-12), near("forced", a.only_b.value, 21.0 / 292, 1e-12);
    free(m);
}

/* ---- what must not change a result, and what must ---- */

Test(measure, the_order_of_traces_and_the_names_of_questions_change_nothing) {
    struct made *m = made_new(8);
    struct rate a, b;
    cr_assert_eq(measure_rate(&a, m->t, TRACES, FORCED, &RATE_DEFAULT, &how200, NULL), 0);
    for (int i = 0; i < TRACES / 2; i++) {
        struct reading_trace x = m->t[i];
        m->t[i] = m->t[TRACES - 1 - i], m->t[TRACES - 1 - i] = x;
    }
    for (int i = 0; i < TRACES; i++) m->t[i].question = 1000 * m->t[i].question + SIZE_MAX / 2;
    cr_assert_eq(measure_rate(&b, m->t, TRACES, FORCED, &RATE_DEFAULT, &how200, NULL), 0);
    near("gap", b.gap.value, a.gap.value, 1e-12);
    near("lo", b.gap.ci.lo, a.gap.ci.lo, 1e-12), near("hi", b.gap.ci.hi, a.gap.ci.hi, 1e-12);
    free(m);
}

Test(measure, renaming_the_classes_changes_nothing) {
    struct made *m = made_new(21), *r = made_new(21);
    for (int i = 0; i < TRACES; i++) { /* class c becomes C − 1 − c */
        struct reading_trace *t = r->t + i;
        int C = t->classes;
        t->label = C - 1 - t->label, t->truth = C - 1 - t->truth;
        for (int64_t k = 0; k < t->n_steps; k++) {
            for (int c = 0; c < C; c++) r->forced[i][k * C + c] = m->forced[i][k * C + C - 1 - c];
            if (m->choice[i][k] >= 0) r->choice[i][k] = C - 1 - m->choice[i][k];
        }
    }
    struct rate a, b;
    cr_assert_eq(measure_rate(&a, m->t, TRACES, FORCED, &RATE_DEFAULT, &how200, NULL), 0);
    cr_assert_eq(measure_rate(&b, r->t, TRACES, FORCED, &RATE_DEFAULT, &how200, NULL), 0);
    cr_expect(a.gap.value == b.gap.value && a.gap.ci.lo == b.gap.ci.lo && a.gap.ci.hi == b.gap.ci.hi);
    free(m), free(r);
}

Test(measure, intervals_are_of_questions_not_of_traces) {
    struct made *m = made_new(4);
    struct reading_trace twice[2 * TRACES];
    for (int i = 0; i < 2 * TRACES; i++) twice[i] = m->t[i / 2]; /* copies are no new evidence */
    struct curve_point a, b;
    cr_assert_eq(measure_curve(&a, 1, m->t, TRACES, FORCED, VS_LABEL, ALONG_TOKENS, &how200, NULL), 0);
    cr_assert_eq(measure_curve(&b, 1, twice, 2 * TRACES, FORCED, VS_LABEL, ALONG_TOKENS, &how200, NULL), 0);
    near("value", b.readings.value, a.readings.value, 1e-12);
    near("lo", b.readings.ci.lo, a.readings.ci.lo, 1e-12), near("hi", b.readings.ci.hi, a.readings.ci.hi, 1e-12);
    free(m);
}

Test(measure, a_family_compared_with_itself_and_with_another) {
    struct made *m = made_new(5), *flat = made_new(6);
    struct estimate x;
    for (int i = 0; i < TRACES; i++) /* a monitor that says what the forced answer says: no gap */
        for (int64_t k = 0; k < flat->t[i].n_steps; k++) flat->choice[i][k] = reading_of(flat->t + i, FORCED, k).class;
    struct rate r;
    cr_assert_eq(measure_rate(&r, flat->t, TRACES, FORCED, &RATE_DEFAULT, &how200, NULL), 0);
    near("no gap", r.gap.value, 0, 1e-12), near("no gap", r.gap.ci.hi, 0, 1e-12), near("no area", r.area.value, 0, 1e-12);
    cr_assert_eq(measure_rate_between(&x, m->t, TRACES, m->t, TRACES, FORCED, &RATE_DEFAULT, &how200, NULL), 0);
    near("itself", x.value, 0, 0);
    cr_expect(x.ci.lo < 0 && x.ci.hi > 0, "each side is drawn by itself");
    cr_assert_eq(measure_rate(&r, m->t, TRACES, FORCED, &RATE_DEFAULT, &how200, NULL), 0);
    cr_assert_eq(measure_rate_between(&x, m->t, TRACES, flat->t, TRACES, FORCED, &RATE_DEFAULT, &how200, NULL), 0);
    near("all of the gap", x.value, r.gap.value, 1e-12);
    cr_expect(x.ci.lo < x.value && x.value < x.ci.hi);
    cr_assert_eq(measure_rate_between(&x, m->t, TRACES, flat->t, 0, FORCED, &RATE_DEFAULT, &how200, NULL), 0);
    cr_expect(isnan(x.value) && isnan(x.ci.lo));
    free(m), free(flat);
}

/* The interval of a mean over questions holds the true accuracy about as often as it says. */
Test(measure, intervals_cover) {
    enum { REPS = 300, Q = 40 };
    int held = 0;
    const struct resampling how = {200, 0.9, 3};
    for (int r = 0; r < REPS; r++) {
        struct draws g = {(uint64_t)r * 7919 + 1};
        for (int warm = 0; warm < 8; warm++) draws_u(&g);
        struct reading_trace t[2 * Q];
        int choice[2 * Q][3];
        static const int64_t at[] = {1, 2, 3};
        for (int i = 0; i < 2 * Q; i++) {
            static double level;
            if (i % 2 == 0) level = draws_u(&g); /* both traces of a question are about equally easy: mean 1/2 */
            for (int k = 0; k < 3; k++) choice[i][k] = draws_u(&g) < level;
            t[i] = (struct reading_trace){.question = (size_t)i / 2,
                                          .classes = 2,
                                          .label = 1,
                                          .right = -1,
                                          .n_tokens = 3,
                                          .n_steps = 3,
                                          .step_at = at,
                                          .forced.choice = choice[i]};
        }
        struct curve_point c;
        cr_assert_eq(measure_curve(&c, 1, t, 2 * Q, FORCED, VS_LABEL, ALONG_TOKENS, &how, NULL), 0);
        held += c.questions.ci.lo <= .5 && .5 <= c.questions.ci.hi;
    }
    near("coverage", (double)held / REPS, 0.9, 0.06); /* 4 standard errors are 0.07; percentile intervals are a little short */
}
