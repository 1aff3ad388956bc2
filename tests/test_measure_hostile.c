/* Measures of next to nothing, of nothing, of impossible options and of broken traces: NaN or an error, never a crash. */
#include "measure_traces.h"
#include "probe/scan.h"
#include <string.h>

TestSuite(measure_hostile, .timeout = HANG_S);

Test(measure_hostile, one_token_one_step_no_steps_no_readers) {
    const double p[] = {1, 0};
    const int64_t at[] = {1};
    const int na[] = {-1};
    struct reading_trace t[] = {{.question = 1,
                                 .classes = 2,
                                 .label = 0,
                                 .right = -1,
                                 .n_tokens = 1,
                                 .first = 1,
                                 .p = p,
                                 .n_steps = 1,
                                 .step_at = at,
                                 .forced.p = p,
                                 .monitor.choice = na},
                                {.question = 2, .classes = 26, .label = -1, .truth = -1, .right = -1, .n_tokens = 1}};
    cr_assert_eq(traces_check(t, 2, NULL), 0);
    for (int r = 0; r < READERS; r++) {
        struct curve_point c[7];
        struct calibration k[3];
        struct reliability l[15];
        struct rate rate;
        const double at_half = .5;
        cr_assert_eq(measure_curve(c, 7, t, 2, (enum reader)r, VS_LABEL, ALONG_READINGS, &how200, NULL), 0);
        near("in the middle", c[3].readings.value, r == MONITOR ? .25 : 1, 0);
        cr_assert_eq(measure_at(c, &at_half, 1, t, 2, (enum reader)r, VS_LABEL, ALONG_TOKENS, &how200, NULL), 0);
        near("at the only token", c->questions.value, r == MONITOR ? .25 : 1, 0);
        cr_assert_eq(measure_curve(c, 7, t, 2, (enum reader)r, VS_TRUTH, ALONG_TOKENS, &how200, NULL), 0);
        near("no truth is known", c[6].readings.value, NAN, 0);
        cr_assert_eq(measure_rate(&rate, t, 2, (enum reader)r, &RATE_DEFAULT, &how200, NULL), 0);
        near("one bin has no slope", rate.gap.value, NAN, 0);
        cr_assert_eq(measure_calibration(k, 3, &CALIBRATION_DEFAULT, t, 2, (enum reader)r, &how200, NULL), 0);
        near("no error", k[2].ece.value, r == MONITOR ? NAN : 0, 0);
        cr_assert_eq(measure_reliability(l, &CALIBRATION_DEFAULT, t, 2, (enum reader)r, &how200, NULL), 0);
    }
    struct estimate x;
    cr_assert_eq(measure_stability(&x, t, 2, FORCED, &how200, NULL), 0);
    near("no pair", x.value, NAN, 0);
    cr_assert_eq(measure_max_gap(&x, t, 2, FORCED, MONITOR, VS_LABEL, &how200, NULL), 0);
    near("one step", x.value, .75, 0);
}

Test(measure_hostile, no_traces_at_all) {
    struct curve_point c[3];
    struct rate r;
    struct agreement a;
    struct calibration k;
    double heat[2];
    cr_assert_eq(measure_curve(c, 3, NULL, 0, FORCED, VS_LABEL, ALONG_TOKENS, &how200, NULL), 0);
    cr_expect(isnan(c[0].readings.value) && c[0].n_readings == 0);
    cr_assert_eq(measure_rate(&r, NULL, 0, FORCED, &RATE_DEFAULT, &how200, NULL), 0);
    cr_assert_eq(measure_agreement(&a, NULL, 0, FORCED, MONITOR, VS_LABEL, &how200, NULL), 0);
    cr_assert_eq(measure_calibration(&k, 1, &CALIBRATION_DEFAULT, NULL, 0, FORCED, &how200, NULL), 0);
    cr_assert_eq(measure_heat(heat, 2, NULL, 0, NULL), 0);
    cr_expect(isnan(r.gap.value) && isnan(a.both.value) && isnan(k.ece.value) && isnan(heat[1]));
}

Test(measure_hostile, impossible_options_are_refused) {
    struct curve_point c[3];
    struct calibration k;
    struct calibration_opts o = CALIBRATION_DEFAULT;
    const struct resampling bad = {10, 1, 1};
    cr_expect_eq(measure_curve(c, 0, &hand, 1, FORCED, VS_LABEL, ALONG_TOKENS, NULL, NULL), ERR_RANGE);
    cr_expect_eq(measure_curve(c, 1 << 30, &hand, 1, FORCED, VS_LABEL, ALONG_TOKENS, NULL, NULL), ERR_RANGE);
    cr_expect_eq(measure_curve(c, 3, &hand, 1, READERS, VS_LABEL, ALONG_TOKENS, NULL, NULL), ERR_RANGE);
    cr_expect_eq(measure_curve(c, 3, &hand, 1, FORCED, VS_LABEL, ALONG_TOKENS, &bad, NULL), ERR_RANGE);
    o.bins = -1;
    cr_expect_eq(measure_calibration(&k, 1, &o, &hand, 1, FORCED, NULL, NULL), ERR_RANGE);
    cr_expect_eq(measure_calibration(&k, 0, &CALIBRATION_DEFAULT, &hand, 1, FORCED, NULL, NULL), ERR_RANGE);
}

#define REFUSED(...)                                                                      \
    do {                                                                                  \
        struct reading_trace x[2] = {hand, hand};                                         \
        struct err e = ERR_INIT;                                                          \
        __VA_ARGS__;                                                                      \
        cr_expect_eq(traces_check(x, 2, &e), ERR_RANGE, "%s", #__VA_ARGS__);              \
        cr_expect(e.at == 1 && strstr(e.msg, "expected"), "%s: %s", #__VA_ARGS__, e.msg); \
    } while (0)

Test(measure_hostile, broken_traces_are_refused) {
    const double nan_p[] = {NAN, 1, .3, .7, .5, .5, .8, .2, 1, 0}, sum[] = {.5, .6, .3, .7, .5, .5, .8, .2, 1, 0};
    const double minus[] = {-.5, 1.5, .6, .4, .9, .1}, confidence[] = {0, 2, 0}, entropy[] = {0, INFINITY, 0};
    const int64_t falling[] = {2, 0, 4}, beyond[] = {0, 2, 5}, below[] = {-1, 2, 4};
    const int high[] = {0, 2, 0}, low[] = {-2, 0, 0};
    REFUSED(x[1].classes = 1);
    REFUSED(x[1].classes = SCAN_CLASSES + 1);
    REFUSED(x[1].label = 2);
    REFUSED(x[1].truth = -2);
    REFUSED(x[1].right = 2);
    REFUSED(x[1].n_tokens = 0);
    REFUSED(x[1].n_tokens = INT64_MAX);
    REFUSED(x[1].tail = -1);
    REFUSED(x[1].first = 2);
    REFUSED(x[1].n_steps = -1);
    REFUSED(x[1].step_at = NULL);
    REFUSED(x[1].step_at = falling);
    REFUSED(x[1].step_at = beyond);
    REFUSED(x[1].step_at = below);
    REFUSED(x[1].p = nan_p);
    REFUSED(x[1].p = sum);
    REFUSED(x[1].forced.p = minus);
    REFUSED(x[1].monitor.choice = high);
    REFUSED(x[1].monitor.choice = low);
    REFUSED(x[1].monitor.confidence = confidence);
    REFUSED(x[1].forced.entropy = entropy);
}
