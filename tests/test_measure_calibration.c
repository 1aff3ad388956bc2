/* Calibration of readers: against an independent program, against the plain function on arrays, and by hand. */
#include "measure_traces.h"

TestSuite(measure_calibration, .timeout = HANG_S);

static void calibration_near(const struct calibration *k, double ece_, double brier_, double p, double y, int64_t n) {
    near("ece", k->ece.value, ece_, 1e-12), near("brier", k->brier.value, brier_, 1e-12);
    near("confidence", k->confidence.value, p, 1e-12), near("accuracy", k->accuracy.value, y, 1e-12);
    cr_expect_eq(k->pairs, n);
}

Test(measure_calibration, calibration_is_numpy_s) {
    struct made *m = made_new(12345);
    struct calibration k[4];
    struct calibration_opts each = CALIBRATION_DEFAULT;
    each.of = CALIBRATE_EACH, each.bins = 20, each.vs = VS_TRUTH;
    cr_assert_eq(measure_calibration(k, 1, &CALIBRATION_DEFAULT, m->t, TRACES, PROBE_TOKENS, &how200, NULL), 0);
    calibration_near(k, 0.17680260497137448, 0.2494347845208656, 0.6847669207371965, 0.8587047939444912, 1189);
    cr_expect(k->ece.ci.lo > .1 && k->ece.ci.hi < .3 && k->ece.ci.lo < k->ece.ci.hi);
    cr_assert_eq(measure_calibration(k, 1, &each, m->t, TRACES, FORCED, NULL, NULL), 0);
    calibration_near(k, 0.10531681659348184, 0.6190485493805586, 0.26330027051397653, 0.26330027051397653, 1109);
    cr_assert_eq(measure_calibration(k, 4, &CALIBRATION_DEFAULT, m->t, TRACES, PROBE_TOKENS, &how200, NULL), 0);
    calibration_near(k, 0.09676905079418843, 0.6160700292140595, 0.4541528990125147, 0.5117845117845118, 297);
    calibration_near(k + 1, 0.3295273114839923, 0.28003595675267384, 0.592769985813305, 0.9222972972972973, 296);
    calibration_near(k + 2, 0.2123233946375806, 0.08464000915639382, 0.7876766053624193, 1.0, 293);
    calibration_near(k + 3, 0.09882740403339133, 0.01952143312580421, 0.9011725959666088, 1.0, 303);
    free(m);
}

Test(measure_calibration, ece_is_that_of_the_array) {
    struct made *m = made_new(77);
    double *p = calloc(TRACES * (TOKENS_MAX + 1), sizeof *p);
    int *y = calloc(TRACES * (TOKENS_MAX + 1), sizeof *y);
    size_t n = 0;
    for (int i = 0; i < TRACES; i++)
        for (int64_t j = 0; j < readings_of(m->t + i, PROBE_TOKENS); j++, n++) {
            struct said s = reading_of(m->t + i, PROBE_TOKENS, j);
            p[n] = s.confidence, y[n] = s.class == m->t[i].label;
        }
    struct calibration k;
    cr_assert_eq(measure_calibration(&k, 1, &CALIBRATION_DEFAULT, m->t, TRACES, PROBE_TOKENS, NULL, NULL), 0);
    near("ece", k.ece.value, ece(p, y, n, 15), 1e-12);
    free(p), free(y), free(m);
}

Test(measure_calibration, reliability_is_numpy_s) {
    struct made *m = made_new(12345);
    struct reliability r[10];
    struct calibration_opts o = CALIBRATION_DEFAULT;
    o.bins = 10;
    cr_assert_eq(measure_reliability(r, &o, m->t, TRACES, PROBE_TOKENS, &how200, NULL), 0);
    near("confidence", r[4].confidence, 0.4460341491142727, 1e-12), near("accuracy", r[4].accuracy, 0.6625766871165644, 1e-12);
    near("confidence", r[9].confidence, 0.9388508045607614, 1e-12), near("accuracy", r[9].accuracy, 1, 0);
    cr_expect(r[4].pairs == 163 && r[9].pairs == 235 && r[0].pairs == 0 && isnan(r[0].accuracy));
    cr_expect(r[0].wilson.lo == 0 && r[0].wilson.hi == 1 && r[4].questions > 2);
    struct interval w = wilson(108, 163, STATS_Z95);
    near("wilson", r[4].wilson.lo, w.lo, 1e-12), near("wilson", r[4].wilson.hi, w.hi, 1e-12);
    cr_expect(r[4].by_question.lo <= r[4].accuracy && r[4].accuracy <= r[4].by_question.hi);
    free(m);
}

/* Confident readings of classes alone: pairs (.9, right), (.9, wrong), (.6, N/A counts as wrong). */
Test(measure_calibration, confidences_without_probabilities) {
    const double confidence[] = {.9, .9, .6};
    const int choice[] = {0, 1, -1};
    struct reading_trace t = hand;
    t.forced = (struct step_reader){.choice = choice, .confidence = confidence};
    struct calibration k;
    struct calibration_opts each = CALIBRATION_DEFAULT;
    each.of = CALIBRATE_EACH;
    cr_assert_eq(traces_check(&t, 1, NULL), 0);
    cr_assert_eq(measure_calibration(&k, 1, &CALIBRATION_DEFAULT, &t, 1, FORCED, NULL, NULL), 0);
    near("ece", k.ece.value, (.8 + .6) / 3, 1e-12);
    near("accuracy", k.accuracy.value, 1.0 / 3, 1e-12), near("brier", k.brier.value, NAN, 0);
    cr_assert_eq(measure_calibration(&k, 1, &each, &t, 1, FORCED, NULL, NULL), 0);
    cr_expect(isnan(k.ece.value) && k.pairs == 0);
}

Test(measure_calibration, where_the_bins_end) {
    cr_expect(probability_bin(0, 10) == 0 && probability_bin(.1, 10) == 0 && probability_bin(.11, 10) == 1);
    cr_expect(probability_bin(1, 10) == 9 && probability_bin(.5, 2) == 0 && probability_bin(.51, 2) == 1);
}
