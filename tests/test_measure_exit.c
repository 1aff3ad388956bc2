/* Exits: replays by hand and against an independent program, the books of tokens, the choice of a threshold, and what the conformal one
 * promises. */
#include "base/rng.h"
#include "measure_traces.h"
#include "probe/measure_exit.h"

TestSuite(measure_exit, .timeout = HANG_S);

static struct exit_at replay_of(const struct reading_trace *t, struct exit_policy p) {
    struct exit_at x;
    struct err e = ERR_INIT;
    cr_assert_eq(exit_replay(&x, t, &p, &e), 0, "%s", e.msg);
    return x;
}

/* hand: the probe is .6 .7 .5 .8 1 sure of 1 1 0 0 0 after 0 … 4 of 4 tokens; its own answer is 0 (wrong), 2 tokens follow. */
Test(measure_exit, confidence_by_hand) {
    struct exit_policy p = {.rule = EXIT_CONFIDENCE, .reader = PROBE_TOKENS, .threshold = .65, .look_cost = .5, .exit_cost = 3};
    struct exit_at x = replay_of(&hand, p);
    cr_expect(x.early && x.reading == 1 && x.written == 1 && x.class == 1 && x.looks == 2);
    cr_expect(x.right == 1 && x.same == 0, "it was right before it talked itself out of it");
    cr_expect(x.tokens == 1 + 2 * .5 + 3 && x.full == 6);
    p.from = 2;
    x = replay_of(&hand, p);
    cr_expect(x.reading == 3 && x.written == 3 && x.class == 0 && x.looks == 2 && x.right == 0 && x.same == 1);
    cr_expect_eq(x.tokens, 3 + 2 * .5 + 3); /* more than the whole: injected tokens count */
    p.threshold = .9;                       /* reached at the last token only: nothing is cut */
    x = replay_of(&hand, p);
    cr_expect(!x.early && x.reading == -1 && x.written == 4 && x.class == 0 && x.right == 0 && x.same == 1 && x.looks == 2);
    cr_expect_eq(x.tokens, 6 + 2 * .5);
    p.threshold = 0, p.from = 0;
    x = replay_of(&hand, p);
    cr_expect(x.early && x.written == 0 && x.class == 1, "before the first word");
}

Test(measure_exit, agreement_by_hand) {
    struct exit_policy p = {.rule = EXIT_AGREE, .reader = PROBE_TOKENS, .readings = 2};
    struct exit_at x = replay_of(&hand, p);
    cr_expect(x.early && x.reading == 1 && x.class == 1);
    p.from = 1; /* 1 0 0 */
    x = replay_of(&hand, p);
    cr_expect(x.early && x.reading == 3 && x.class == 0);
    p.readings = 3, p.from = 0;
    cr_expect(!replay_of(&hand, p).early);
    const int na[] = {-1, -1, -1}, gap[] = {1, -1, 1};
    struct reading_trace t = hand;
    p.reader = MONITOR, p.readings = 1;
    t.monitor.choice = na;
    cr_expect(!replay_of(&t, p).early, "N/A agrees with nothing");
    t.monitor.choice = gap, p.readings = 2;
    cr_expect(!replay_of(&t, p).early, "N/A breaks a run");
}

Test(measure_exit, entropy_by_hand) {
    /* entropies 1, 0, 0 at steps 0, 2, 4 of 5 tokens with w = 1/2: means 1, .5, .25; variances 0, .125, .09375 */
    const double entropy[] = {1, 0, 0};
    struct reading_trace t = hand;
    const double p[] = {.5, .5, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0};
    t.n_tokens = 5, t.p = p, t.forced.entropy = entropy;
    struct exit_policy q = {.rule = EXIT_ENTROPY, .reader = FORCED, .threshold = .1, .newest = .5, .readings = 1};
    struct exit_at x = replay_of(&t, q);
    cr_expect(x.early && x.reading == 2 && x.looks == 3);
    q.threshold = .09375;
    cr_expect(!replay_of(&t, q).early, "below, not at");
    q.threshold = .13;
    cr_expect_eq(replay_of(&t, q).reading, 1);
    q.readings = 0, q.threshold = 1e-9;
    cr_expect_eq(replay_of(&t, q).reading, 0); /* the first alone varies by nothing */
    q.reader = PROBE_STEPS, q.threshold = .1, q.readings = 1;
    cr_expect_eq(replay_of(&t, q).reading, 2); /* its own entropies are the same */
}

Test(measure_exit, budgets_by_hand) {
    struct exit_policy p = {.rule = EXIT_BUDGET, .reader = FORCED, .tokens = 3, .exit_cost = 1, .look_cost = 9};
    struct exit_at x = replay_of(&hand, p);
    cr_expect(x.early && x.written == 3 && x.reading == 1 && x.class == 0 && x.looks == 0 && x.tokens == 4);
    p.tokens = 4;
    cr_expect(!replay_of(&hand, p).early, "all of it is no cut");
    p.tokens = 0;
    x = replay_of(&hand, p);
    cr_expect(x.early && x.written == 0 && x.reading == 0 && x.class == 1 && x.right == 1);
    struct reading_trace late = hand;
    const int64_t at[] = {3, 3, 4};
    late.step_at = at;
    x = replay_of(&late, p);
    cr_expect(x.early && x.reading == -1 && x.class == -1 && x.right == 0 && x.same == 0, "no answer is a wrong one");
}

/* hand's forced answers: 1 1 0 (.9 .6 .9 sure) after 0, 2 and 4 of 4 tokens. */
Test(measure_exit, looks_are_paid_for_as_they_are) {
    const double trial[] = {3, 5, 7};
    struct reading_trace t = hand;
    struct exit_policy p = {.rule = EXIT_CONFIDENCE, .reader = FORCED, .threshold = 2, .look_cost = 2, .exit_cost = 9};
    t.forced.tokens = trial;
    struct exit_at x = replay_of(&t, p);
    cr_expect(!x.early && x.looks == 2 && x.tokens == 6 + (2 + 3) + (2 + 5), "%g tokens", x.tokens);
    cr_expect(isnan(x.sure) && isnan(x.forced_sure));
    p.last = 1; /* a run that looks where its thought ends */
    x = replay_of(&t, p);
    cr_expect(!x.early && x.looks == 3 && x.tokens == 6 + 5 + 7 + 9, "%g tokens", x.tokens);
    p.threshold = 0;
    x = replay_of(&t, p);
    cr_expect(x.early && x.looks == 1 && x.tokens == 0 + (2 + 3) + 9 && x.sure == .9 && x.forced_sure == .9);
    p.reader = PROBE_STEPS; /* a probe's looks write no trial answer */
    cr_expect_eq(replay_of(&t, p).tokens, 0 + 2 + 9);
}

Test(measure_exit, cues_say_where_to_look) {
    const unsigned char cue[] = {0, 1, 1};
    struct reading_trace t = hand;
    struct exit_policy p = {
        .rule = EXIT_CONFIDENCE, .reader = FORCED, .threshold = .5, .cues = 1, .look_cost = 1, .exit_cost = 2};
    cr_expect(!replay_of(&t, p).early && replay_of(&t, p).looks == 0, "a text that never turns is never asked");
    t.cue = cue;
    struct exit_at x = replay_of(&t, p);
    cr_expect(x.early && x.reading == 1 && x.written == 2 && x.looks == 1 && x.class == 0 && x.tokens == 2 + 1 + 2);
    p.reader = PROBE_TOKENS;
    cr_expect_eq(exit_replay(&x, &t, &p, NULL), ERR_RANGE, "cues are of steps");
}

Test(measure_exit, the_model_may_be_asked_where_the_probe_leaves) {
    struct exit_policy p = {.rule = EXIT_CONFIDENCE, .reader = PROBE_STEPS, .threshold = .6, .asks = 1, .exit_cost = 2};
    struct reading_trace t = hand;
    struct exit_at x = replay_of(&t, p); /* the probe says 1 with .6 before the first word; so does the forced answer, with .9 */
    cr_expect(x.early && x.reading == 0 && x.class == 1 && x.right == 1 && x.sure == .6 && x.forced_sure == .9);
    const double forced[] = {.8, .2, .8, .2, .8, .2};
    t.forced.p = forced;
    x = replay_of(&t, p);
    cr_expect(x.early && x.class == 0 && x.right == 0 && x.same == 1, "its own answer, not the probe's");
    t.forced.p = NULL;
    cr_expect(!replay_of(&t, p).early, "nobody to ask");
    p.reader = PROBE_TOKENS;
    cr_expect_eq(exit_replay(&x, &hand, &p, NULL), ERR_RANGE, "forced answers are of steps");
}

Test(measure_exit, confidence_at_the_exit_has_its_means) {
    struct made *m = made_new(5);
    const struct exit_policy p[] = {{.rule = EXIT_CONFIDENCE, .reader = PROBE_TOKENS, .threshold = .8, .exit_cost = 4},
                                    {.rule = EXIT_CONFIDENCE, .reader = FORCED, .threshold = .8, .look_cost = 1, .exit_cost = 4}};
    struct exit_point x[2];
    cr_assert_eq(measure_exit(x, p, 2, m->t, TRACES, &how200, NULL), 0);
    cr_expect(x[0].sure.value >= .8 && x[1].sure.value >= .8);
    near("the forced answer is its own rival", x[1].forced_sure.value, x[1].sure.value, 1e-12);
    cr_expect(x[0].forced_sure.value > 0 && x[0].forced_sure.value < 1 && x[0].forced_sure.value != x[0].sure.value);
    double looks = 0, tokens = 0, each[TRACES / 2][2] = {{0}};
    for (int i = 0; i < TRACES; i++) {
        struct exit_at y = replay_of(m->t + i, p[1]);
        each[i / 2][0] += (double)y.looks / 2, each[i / 2][1] += y.tokens / 2;
    }
    for (int q = 0; q < TRACES / 2; q++) looks += each[q][0] / (TRACES / 2), tokens += each[q][1] / (TRACES / 2);
    near("looks", x[1].looks.value, looks, 1e-9);
    near("tokens", x[1].tokens.value, tokens, 1e-9);
    free(m);
}

Test(measure_exit, unknown_answers_stay_unknown) {
    struct reading_trace t = hand;
    t.right = -1, t.label = -1;
    struct exit_policy p = {.rule = EXIT_CONFIDENCE, .reader = PROBE_TOKENS, .threshold = .65};
    struct exit_at x = replay_of(&t, p);
    cr_expect(x.early && x.right == -1 && x.same == -1);
    struct exit_point q;
    cr_assert_eq(measure_exit(&q, &p, 1, &t, 1, NULL, NULL), 0);
    cr_expect(isnan(q.accuracy.value) && isnan(q.same.value) && q.early.value == 1);
    t.right = 0, t.truth = -1; /* the right answer is none of the classes */
    cr_expect_eq(replay_of(&t, p).right, 0);
}

Test(measure_exit, impossible_policies_are_refused) {
    struct exit_at x;
    struct reading_trace plain = hand;
    const struct exit_policy bad[] = {
        {.rule = EXIT_RULES, .reader = FORCED},
        {.rule = EXIT_NEVER, .reader = READERS},
        {.rule = EXIT_CONFIDENCE, .reader = FORCED, .threshold = NAN},
        {.rule = EXIT_CONFIDENCE, .reader = FORCED, .look_cost = -1},
        {.rule = EXIT_CONFIDENCE, .reader = FORCED, .exit_cost = INFINITY},
        {.rule = EXIT_CONFIDENCE, .reader = MONITOR},
        {.rule = EXIT_ENTROPY, .reader = MONITOR, .newest = .5},
        {.rule = EXIT_ENTROPY, .reader = FORCED, .newest = 0},
        {.rule = EXIT_AGREE, .reader = FORCED, .readings = 0},
        {.rule = EXIT_BUDGET, .reader = FORCED, .tokens = -1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(exit_replay(&x, &plain, bad + i, NULL), ERR_RANGE, "policy %zu", i);
    plain.monitor.choice = NULL; /* nothing to look at: it runs to its end */
    cr_expect(!replay_of(&plain, bad[5]).early);
}

/* ---- against an independent program ---- */

static const struct exit_policy policies[] = {
    {.rule = EXIT_CONFIDENCE, .reader = PROBE_TOKENS, .threshold = .8, .exit_cost = 4},
    {.rule = EXIT_CONFIDENCE, .reader = FORCED, .threshold = .9, .look_cost = 2, .exit_cost = 4, .from = 3},
    {.rule = EXIT_ENTROPY, .reader = FORCED, .threshold = .02, .newest = .2, .readings = 2, .look_cost = 1, .exit_cost = 4},
    {.rule = EXIT_AGREE, .reader = MONITOR, .readings = 2, .look_cost = .5, .exit_cost = 5},
    {.rule = EXIT_BUDGET, .reader = PROBE_STEPS, .tokens = 12, .exit_cost = 4},
    {.rule = EXIT_CONFIDENCE, .reader = PROBE_TOKENS, .threshold = 2},
};
enum { POLICIES = sizeof policies / sizeof *policies };

Test(measure_exit, points_are_numpy_s) {
    /* right, the model's own, same, early, saved, the paper's, Σ saved / Σ full */
    static const double want[POLICIES][7] = {
        {2.0 / 3, 2.0 / 3, 1, 1, 0.4660929092103002, 0.5414086868969252, 0.49732211170619745},
        {2.0 / 3, 2.0 / 3, 1, 0.9333333333333333, 0.04207634270901082, 0.3098122434045552, 0.06120887528691665},
        {0.5666666666666667, 2.0 / 3, 0.8666666666666667, 2.0 / 3, 0.35367681869653206, 0.5136527385703109, 0.459831675592961},
        {2.0 / 3, 2.0 / 3, 1, 0.7333333333333333, 0.14438095099018006, 0.2652634227218932, 0.19089517980107118},
        {0.4666666666666667, 2.0 / 3, 0.7, 0.9, 0.5620873605727853, 0.6250869590611017, 0.640397857689365},
        {2.0 / 3, 2.0 / 3, 1, 0, 0, 0, 0}};
    struct made *m = made_new(12345);
    struct exit_point p[POLICIES];
    cr_assert_eq(measure_exit(p, policies, POLICIES, m->t, TRACES, &how200, NULL), 0);
    for (int j = 0; j < POLICIES; j++) {
        const double got[] = {p[j].accuracy.value, p[j].full_accuracy.value, p[j].same.value,       p[j].early.value,
                              p[j].saved.value,    p[j].saved_paper.value,   p[j].saved_total.value};
        for (int f = 0; f < 7; f++)
            cr_expect(fabs(got[f] - want[j][f]) < 1e-12, "policy %d, figure %d: %.15g, not %.15g", j, f, got[f], want[j][f]);
        near("change", p[j].change.value, p[j].accuracy.value - p[j].full_accuracy.value, 1e-15);
        cr_expect(p[j].saved.ci.lo <= p[j].saved.value && p[j].saved.value <= p[j].saved.ci.hi);
    }
    cr_expect(p[0].change.ci.lo == 0 && p[0].change.ci.hi == 0, "no answer changed in any resample");
    cr_expect(p[4].change.ci.hi < 0.1 && p[4].change.ci.lo < -0.2 && p[0].traces == 30 && p[0].questions == 15);
    free(m);
}

Test(measure_exit, a_higher_threshold_never_stops_earlier) {
    struct made *m = made_new(31);
    for (int i = 0; i < TRACES; i++) {
        int64_t last = -1;
        for (double threshold = 0; threshold <= 1.01; threshold += .05) {
            struct exit_at x = replay_of(
                m->t + i, (struct exit_policy){.rule = EXIT_CONFIDENCE, .reader = PROBE_TOKENS, .threshold = threshold});
            cr_expect_geq(x.written, last);
            last = x.written;
        }
        cr_expect_eq(last, m->t[i].n_tokens);
    }
    free(m);
}

Test(measure_exit, the_choice) {
    struct exit_point p[5] = {0};
    const double saved[] = {.9, .5, .5, .2, 0}, change[] = {-.2, -.01, -.01, .01, 0}, right[] = {.5, .7, .71, .73, .72};
    for (int j = 0; j < 5; j++)
        p[j].saved.value = saved[j], p[j].change.value = change[j], p[j].change.ci.lo = change[j] - .05,
        p[j].accuracy.value = right[j];
    cr_expect_eq(exit_choose(p, 5, .01, 0), 2);
    cr_expect_eq(exit_choose(p, 5, 1, 0), 0);
    cr_expect_eq(exit_choose(p, 5, 0, 0), 3);
    for (int j = 0; j < 5; j++) p[j].questions = 400, p[j].lost.value = j < 3 ? (3 - j) / 400. : 0;
    cr_expect_eq(exit_choose(p, 3, .015, 1), 2, "one of 400 may be 1.2 %%, two may be 1.6 %%");
    cr_expect_eq(exit_choose(p, 3, .01, 1), -1);
    cr_expect_eq(exit_choose(p, 5, .01, 1), 3, "none of 400 is less than 1 %%");
    for (int j = 0; j < 5; j++) p[j].questions = 200, p[j].lost.value = j < 3 ? .005 : 0;
    cr_expect_eq(exit_choose(p, 5, .01, 1), 3, "200 cannot show 1 %%: none may be lost");
    cr_expect_eq(exit_choose(p, 3, .01, 1), -1);
    cr_expect_eq(exit_choose(p + 4, 1, 1, 0), -1); /* saves nothing */
    cr_expect_eq(exit_choose(NULL, 0, 1, 0), -1);
    for (int j = 0; j < 5; j++) p[j].change.value = NAN;
    cr_expect_eq(exit_choose(p, 5, 1, 0), -1);
}

/* ---- the promise ---- */

Test(measure_exit, conformal_is_numpy_s) {
    struct made *m = made_new(12345);
    const double alpha[] = {.1, .25, .5}, score[] = {0.7169531732419224, 0.5702054628223922, 0.5358322732384572};
    for (int j = 0; j < 3; j++) {
        struct conformal c;
        cr_assert_eq(measure_conformal(&c, m->t, TRACES, PROBE_TOKENS, EXIT_NOT_LABEL, alpha[j], 0, NULL), 0);
        near("threshold", c.threshold, score[j], 1e-12);
        cr_expect(c.questions == 15 && c.bad == 15);
    }
    free(m);
}

/* Records of hand: .6 (1), .7 (1), .8 (0); the last token does not count. */
Test(measure_exit, conformal_by_hand) {
    struct conformal c;
    struct reading_trace t[3] = {hand, hand, hand};
    for (int i = 0; i < 3; i++) t[i].question = (size_t)i;
    cr_assert_eq(measure_conformal(&c, t, 3, PROBE_TOKENS, EXIT_NOT_LABEL, .25, 0, NULL), 0);
    cr_expect(c.threshold == nextafter(.7, 1) && c.questions == 3 && c.bad == 3);
    cr_assert_eq(measure_conformal(&c, t, 3, PROBE_TOKENS, EXIT_NOT_TRUTH, .25, 0, NULL), 0);
    cr_expect_eq(c.threshold, nextafter(.8, 1));
    cr_assert_eq(measure_conformal(&c, t, 3, PROBE_TOKENS, EXIT_LOSES, .25, 0, NULL), 0);
    cr_expect(c.threshold == 0 && c.bad == 0, "what was wrong in full cannot be lost");
    cr_assert_eq(measure_conformal(&c, t, 3, PROBE_TOKENS, EXIT_NOT_LABEL, .25, 2, NULL), 0);
    cr_expect_eq(c.threshold, 0, "from 2 tokens on it says 0 and 0");
    cr_assert_eq(measure_conformal(&c, t, 3, PROBE_TOKENS, EXIT_NOT_LABEL, .2, 0, NULL), 0);
    cr_expect_eq(c.threshold, INFINITY); /* three questions cannot promise one in five */
    t[1].question = t[2].question = 0;   /* one question: the worst of its traces */
    cr_assert_eq(measure_conformal(&c, t, 3, PROBE_TOKENS, EXIT_NOT_LABEL, .5, 0, NULL), 0);
    cr_expect(c.questions == 1 && c.threshold == nextafter(.7, 1));
    cr_expect_eq(measure_conformal(&c, t, 3, MONITOR, EXIT_NOT_LABEL, .5, 0, NULL), ERR_RANGE);
    cr_expect_eq(measure_conformal(&c, t, 3, PROBE_TOKENS, EXIT_NOT_LABEL, 0, 0, NULL), ERR_RANGE);
    cr_assert_eq(measure_conformal(&c, NULL, 0, PROBE_TOKENS, EXIT_NOT_LABEL, .5, 0, NULL), 0);
    cr_expect(c.questions == 0 && c.threshold == INFINITY);
}

/* A wandering belief in class 1 against class 0, badly calibrated; label 0 or 1. Two traces of a question are alike. */
enum { WANDER = 40 };
static void wander(struct reading_trace *t, double *p, struct rng *g, size_t question, double ease) {
    *t = (struct reading_trace){
        .question = question, .classes = 2, .label = rng_uniform(g) < .5, .right = -1, .n_tokens = WANDER, .first = 1, .p = p};
    double z = 0;
    for (int w = 0; w < WANDER; w++) {
        z += .6 * rng_normal(g) + (t->label ? ease : -ease);
        p[2 * w + 1] = 1 / (1 + exp(-2 * z)), p[2 * w] = 1 - p[2 * w + 1];
    }
}

static void wander_all(struct reading_trace *t, double *p, struct rng *g, int n) {
    double ease = 0;
    for (int i = 0; i < n; i++) {
        if (i % 2 == 0) ease = .3 * rng_uniform(g);
        wander(t + i, p + (size_t)i * WANDER * 2, g, (size_t)i / 2, ease);
    }
}

Test(measure_exit, the_promise_holds_and_is_not_empty) {
    enum { REPS = 400, Q = 40, NEW = 10 };
    const double alpha = .2;
    double *p = calloc((size_t)(2 * (Q + NEW)) * WANDER * 2, sizeof *p);
    int64_t bad = 0, early = 0, of = 0;
    for (int r = 0; r < REPS; r++) {
        struct rng g = RNG(2024, (uint64_t)r);
        struct reading_trace t[2 * (Q + NEW)];
        struct conformal c;
        wander_all(t, p, &g, 2 * (Q + NEW));
        cr_assert_eq(measure_conformal(&c, t, 2 * (size_t)Q, PROBE_TOKENS, EXIT_NOT_LABEL, alpha, 0, NULL), 0);
        for (int q = Q; q < Q + NEW; q++, of++) {
            struct exit_policy o = {.rule = EXIT_CONFIDENCE, .reader = PROBE_TOKENS, .threshold = c.threshold};
            struct exit_at a = replay_of(t + 2 * q, o), b = replay_of(t + 2 * q + 1, o);
            bad += (a.early && !a.same) || (b.early && !b.same);
            early += a.early;
        }
    }
    double share = (double)bad / (double)of;
    cr_expect_leq(share, alpha + .02, "%g of new questions had a bad exit, promised %g", share,
                  alpha); /* 4 s.e. of clustered draws */
    cr_expect_gt(share, alpha / 4, "%g: a promise that is kept by never exiting is worth nothing", share);
    cr_expect_gt(early, of / 4);
    free(p);
}

/* ---- transfer ---- */

Test(measure_exit, a_cell_is_made_of_its_measures) {
    struct made *m = made_new(12345);
    struct transfer_cell c;
    struct curve_point all;
    cr_assert_eq(measure_transfer(&c, policies, m->t, TRACES, &how200, NULL), 0);
    cr_assert_eq(measure_curve(&all, 1, m->t, TRACES, PROBE_TOKENS, VS_LABEL, ALONG_TOKENS, &how200, NULL), 0);
    cr_expect(c.accuracy.value == all.questions.value && c.accuracy.ci.lo == all.questions.ci.lo);
    near("ece", c.ece.value, 0.17680260497137448, 1e-12), near("saved", c.exit.saved.value, 0.4660929092103002, 1e-12);
    free(m);
}
