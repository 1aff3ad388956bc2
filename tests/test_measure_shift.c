/* Belief shifts, inflections of confident thoughts, and which comes first. */
#include "base/rng.h"
#include "measure_traces.h"
#include "probe/measure_shift.h"

TestSuite(measure_shift, .timeout = HANG_S);

/* ---- shifts ---- */

static int64_t shifts(const struct reading_trace *t, enum reader r, enum shift_of of, double threshold, enum shift_way way,
                      int64_t *out) {
    return belief_shifts(out, t, r, &(struct shift_rule){of, threshold, way});
}

/* hand: the probe is .6 .7 .5 .8 1 sure of 1 1 0 0 0. */
Test(measure_shift, shifts_by_hand) {
    int64_t k[5];
    cr_expect(shifts(&hand, PROBE_TOKENS, SHIFT_TOP, .15, SHIFT_ANY, k) == 3 && k[0] == 2 && k[1] == 3 && k[2] == 4);
    cr_expect(shifts(&hand, PROBE_TOKENS, SHIFT_TOP, .15, SHIFT_UP, k) == 2 && k[0] == 3 && k[1] == 4);
    cr_expect(shifts(&hand, PROBE_TOKENS, SHIFT_TOP, .15, SHIFT_DOWN, k) == 1 && k[0] == 2);
    cr_expect(shifts(&hand, PROBE_TOKENS, SHIFT_SWAP, .15, SHIFT_ANY, k) == 1 && k[0] == 2);
    cr_expect(shifts(&hand, PROBE_TOKENS, SHIFT_ENTROPY, .7, SHIFT_ANY, k) == 1 && k[0] == 4);
    cr_expect(shifts(&hand, PROBE_TOKENS, SHIFT_ENTROPY, .7, SHIFT_DOWN, k) == 1 &&
              shifts(&hand, PROBE_TOKENS, SHIFT_ENTROPY, .7, SHIFT_UP, k) == 0);
    cr_expect(shifts(&hand, MONITOR, SHIFT_SWAP, 0, SHIFT_ANY, k) == 1 && k[0] == 2, "from N/A");
    cr_expect_eq(shifts(&hand, MONITOR, SHIFT_TOP, 0, SHIFT_ANY, k), 0);
    cr_expect_eq(shifts(&hand, MONITOR, SHIFT_ENTROPY, 0, SHIFT_ANY, k), 0);
}

Test(measure_shift, a_swap_at_equal_confidence_is_seen_by_swap_alone) {
    const double p[] = {.8, .2, .2, .8};
    struct reading_trace t = {.classes = 2, .right = -1, .n_tokens = 1, .p = p};
    int64_t k[2];
    cr_expect_eq(shifts(&t, PROBE_TOKENS, SHIFT_TOP, 0, SHIFT_ANY, k), 0);
    cr_expect_eq(shifts(&t, PROBE_TOKENS, SHIFT_ENTROPY, 1e-12, SHIFT_ANY, k), 0);
    cr_expect_eq(shifts(&t, PROBE_TOKENS, SHIFT_SWAP, 0, SHIFT_ANY, k), 1);
}

Test(measure_shift, counts_are_numpy_s) {
    struct made *m = made_new(12345);
    static const struct {
        enum shift_of of;
        double threshold;
        enum shift_way way;
        int64_t n;
    } want[] = {{SHIFT_TOP, .1, SHIFT_ANY, 104},     {SHIFT_TOP, .1, SHIFT_UP, 82},     {SHIFT_TOP, .1, SHIFT_DOWN, 22},
                {SHIFT_ENTROPY, .2, SHIFT_ANY, 145}, {SHIFT_ENTROPY, .2, SHIFT_UP, 30}, {SHIFT_ENTROPY, .2, SHIFT_DOWN, 115},
                {SHIFT_SWAP, 0, SHIFT_ANY, 41}};
    for (size_t j = 0; j < sizeof want / sizeof *want; j++) {
        int64_t k[TOKENS_MAX + 1], n = 0;
        for (int i = 0; i < TRACES; i++) n += shifts(m->t + i, FORCED, want[j].of, want[j].threshold, want[j].way, k);
        cr_expect_eq(n, want[j].n, "rule %zu: %d", j, (int)n);
    }
    free(m);
}

/* ---- inflections ---- */

Test(measure_shift, rates_are_numpy_s) {
    struct made *m = made_new(12345);
    int64_t counts[TRACES][2];
    for (int i = 0; i < TRACES; i++)
        for (int k = 0; k < 2; k++) counts[i][k] = (i * k + i) % (3 + k);
    struct inflection_rate r[3];
    struct inflection_split s;
    cr_assert_eq(measure_inflections(r, &s, m->t, TRACES, FORCED, .25, *counts, 2, &how200, NULL), 0);
    cr_expect(s.high_traces == 12 && s.other_traces == 18 && s.high_steps == 114 && s.other_steps == 163);
    static const double want[3][2] = {{0.11403508771929824, 0.10429447852760736},
                                      {0.08771929824561403, 0.12269938650306748},
                                      {0.20175438596491227, 0.22699386503067484}};
    for (int k = 0; k < 3; k++) {
        near("high", r[k].high.value, want[k][0], 1e-12), near("other", r[k].other.value, want[k][1], 1e-12);
        near("difference", r[k].difference.value, want[k][1] - want[k][0], 1e-12);
        cr_expect(r[k].difference.ci.lo < r[k].difference.value && r[k].difference.value < r[k].difference.ci.hi);
    }
    cr_expect_eq(measure_inflections(r, NULL, m->t, TRACES, PROBE_TOKENS, .25, *counts, 2, NULL, NULL), ERR_RANGE);
    cr_expect_eq(measure_inflections(r, NULL, m->t, TRACES, FORCED, .25, *counts, 0, NULL, NULL), ERR_RANGE);
    free(m);
}

Test(measure_shift, who_is_confident) {
    cr_expect(!high_confidence(&hand, FORCED, .2), ".1 of the last class, at first");
    cr_expect(high_confidence(&hand, FORCED, .1) && !high_confidence(&hand, MONITOR, 0));
    struct reading_trace none = {.classes = 2, .n_tokens = 1};
    cr_expect(!high_confidence(&none, FORCED, 0) && !high_confidence(&none, PROBE_TOKENS, 0));
}

/* ---- order in time ---- */

static struct timing timing_of(const struct timed_trace *t, size_t n, size_t window, int draws) {
    struct timing w;
    struct err e = ERR_INIT;
    cr_assert_eq(measure_timing(&w, t, n, window, draws, &how200, 5, &e), 0, "%s", e.msg);
    return w;
}

Test(measure_shift, spans_are_between_readings) {
    const size_t byte[] = {0, 5, 9, 20};
    const int64_t k[] = {1, 3};
    struct byte_span s[2];
    shift_spans(s, k, 2, byte);
    cr_expect(s[0].lo == 0 && s[0].hi == 5 && s[1].lo == 9 && s[1].hi == 20);
}

/* Shift in bytes 10 … 19 of 40, seen from each byte. */
Test(measure_shift, before_within_after_by_hand) {
    const struct byte_span shift = {10, 20};
    for (size_t b = 0; b < 40; b++) {
        struct timed_trace t = {.question = b, .bytes = 40, .inflection = &b, .n_inflections = 1, .shift = &shift, .n_shifts = 1};
        struct timing w = timing_of(&t, 1, 4, 1);
        near("within", w.within.observed.value, b >= 10 && b < 20, 0);
        near("before", w.before.observed.value, b >= 20 && b < 24, 0); /* 1 … 4 bytes from the last byte of the span */
        near("after", w.after.observed.value, b >= 6 && b < 10, 0);    /* 1 … 4 bytes to its first */
        near("order", w.order.observed.value, w.before.observed.value - w.after.observed.value, 0);
    }
}

/* Against all pairs, and the null's mean against all turns of every trace. */
Test(measure_shift, shares_and_null_are_those_of_all_pairs_and_all_turns) {
    enum { N = 6, BYTES = 60, WINDOW = 5 };
    size_t at[N][4];
    struct byte_span s[N][3];
    struct timed_trace t[N];
    double seen[3] = {0}, turned[3] = {0};
    struct rng g = RNG(9);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < 4; j++) at[i][j] = (size_t)j * 15 + rng_below(&g, 15);
        for (int j = 0; j < 3; j++) s[i][j].lo = (size_t)j * 20 + rng_below(&g, 8), s[i][j].hi = s[i][j].lo + rng_below(&g, 12);
        t[i] = (struct timed_trace){(size_t)i / 2, BYTES, at[i], 4, s[i], 3, NULL, 0};
        for (int j = 0; j < 4; j++)
            for (size_t u = 0; u < BYTES; u++) {
                size_t b = (at[i][j] + u) % BYTES;
                int has[3] = {0};
                for (int k = 0; k < 3; k++) {
                    has[0] |= s[i][k].hi <= b && b + 1 - s[i][k].hi <= WINDOW;
                    has[1] |= s[i][k].lo > b && s[i][k].lo - b <= WINDOW;
                    has[2] |= s[i][k].lo <= b && b < s[i][k].hi;
                }
                for (int f = 0; f < 3; f++) seen[f] += u == 0 && has[f], turned[f] += has[f] / (double)BYTES;
            }
    }
    struct timing w = timing_of(t, N, WINDOW, 4000);
    const struct timing_test *got[] = {&w.before, &w.after, &w.within};
    for (int f = 0; f < 3; f++) {
        near("share", got[f]->observed.value, seen[f] / (4 * N), 1e-12);
        near("null", got[f]->expected, turned[f] / (4 * N), 0.006); /* 4000 draws of a share with deviation below .1: 4 s.e. */
    }
    cr_expect(w.inflections == 4 * N && w.shifts == 3 * N && w.traces == N);
}

/* n traces of 20 steps of 30 bytes, three shifts and three inflections in each. lag: inflections come that many steps behind a shift. */
static struct timing staged(int n, int lag, int lagged, uint64_t seed, int slots) {
    enum { STEPS = 20, STEP = 30 };
    size_t slot[STEPS];
    struct timed_trace *t = calloc((size_t)n, sizeof *t);
    size_t(*at)[3] = calloc((size_t)n, sizeof *at);
    struct byte_span(*s)[3] = calloc((size_t)n, sizeof *s);
    for (size_t k = 0; k < STEPS; k++) slot[k] = k * STEP;
    for (int i = 0; i < n; i++) {
        struct rng g = RNG(seed, (uint64_t)i);
        for (size_t j = 0; j < 3; j++) {
            size_t k = j * 6 + 1 + rng_below(&g, 4), to = lagged ? (size_t)((int)k + lag) : j * 6 + 1 + rng_below(&g, 4);
            s[i][j] = (struct byte_span){slot[k], slot[k] + STEP}, at[i][j] = slot[to];
        }
        t[i] = (struct timed_trace){(size_t)i, STEPS * STEP, at[i], 3, s[i], 3, slots ? slot : NULL, slots ? STEPS : 0};
    }
    struct timing w = timing_of(t, (size_t)n, STEP, 199);
    free(t), free(at), free(s);
    return w;
}

Test(measure_shift, the_test_finds_what_comes_first) {
    for (int slots = 0; slots < 2; slots++) {
        struct timing w = staged(60, 1, 1, 1, slots); /* the shift, and at the next step "Wait" */
        cr_expect(w.before.observed.value == 1 && w.before.p < .01 && w.order.p <= .011 && w.order.observed.value > .9, "%g %g",
                  w.before.p, w.order.p);
        cr_expect(w.after.p > .5 && w.order.observed.ci.lo > .5);
        w = staged(60, -1, 1, 2, slots); /* "Wait" first; its text ends where the shift's begins: 30 bytes */
        cr_expect(w.after.observed.value == 1 && w.after.p < .01 && w.order.p <= .011 && w.order.observed.value < -.9);
        w = staged(60, 0, 1, 3, slots); /* in the same step: neither */
        cr_expect(w.within.observed.value == 1 && w.within.p < .01 && w.order.p > .05, "%g", w.order.p);
        cr_expect(w.before.observed.value == 0 && w.after.observed.value == 0);
    }
}

Test(measure_shift, the_test_finds_nothing_where_nothing_is) {
    int low[2] = {0};
    for (uint64_t r = 0; r < 100; r++) {
        struct timing w = staged(12, 0, 0, 100 + r, 1);
        low[0] += w.before.p <= .1, low[1] += w.order.p <= .1;
    }
    /* three by three in thirds of the trace is not quite the null of turns, so only a bound: 10 of 100 expected, 4 s.e. are 12 */
    cr_expect(low[0] <= 22 && low[1] <= 22, "%d and %d of 100 below .1", low[0], low[1]);
}

Test(measure_shift, timing_of_nothing_and_of_broken_traces) {
    const size_t at[] = {3, 2}, beyond[] = {10}, late[] = {1, 2};
    const struct byte_span s[] = {{0, 4}, {3, 5}}, back[] = {{4, 2}}, far[] = {{4, 11}};
    const struct timed_trace bad[] = {
        {.bytes = 10, .inflection = at, .n_inflections = 2},
        {.bytes = 10, .inflection = beyond, .n_inflections = 1},
        {.bytes = 10, .n_inflections = 1},
        {.bytes = 10, .inflection = at, .n_inflections = -1},
        {.bytes = 10, .shift = s, .n_shifts = 2},
        {.bytes = 10, .shift = back, .n_shifts = 1},
        {.bytes = 10, .shift = far, .n_shifts = 1},
        {.bytes = 10, .n_shifts = 1},
        {.bytes = 10, .inflection = at, .n_inflections = 1, .slot = late, .n_slots = 2},
        {.bytes = 10, .inflection = at, .n_inflections = 1, .slot = late, .n_slots = 0},
    };
    struct timing w;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(measure_timing(&w, bad + i, 1, 5, 10, NULL, 1, NULL), ERR_RANGE, "trace %zu", i);
    cr_expect_eq(measure_timing(&w, NULL, 0, 5, 0, NULL, 1, NULL), ERR_RANGE);
    w = timing_of(NULL, 0, 5, 10);
    cr_expect(isnan(w.before.observed.value) && isnan(w.before.p) && w.inflections == 0);
    const struct timed_trace quiet = {.bytes = 0}, lone = {.bytes = 10, .inflection = at, .n_inflections = 1};
    w = timing_of(&quiet, 1, 5, 10);
    cr_expect(isnan(w.order.observed.value));
    w = timing_of(&lone, 1, 5, 10);
    cr_expect(w.before.observed.value == 0 && w.before.p == 1 && w.order.p == 1);
}
