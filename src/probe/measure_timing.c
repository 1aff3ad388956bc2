/* Do shifts come before inflections or after them? Shares by byte distance, and a permutation test that moves inflections around. */
#include "base/rng.h"
#include "probe/measure_int.h"
#include "probe/measure_shift.h"
#include <math.h>
#include <stdlib.h>

enum { BEFORE, AFTER, WITHIN, ORDER, FIGURES };

static int places_ok(const size_t *at, int64_t n, size_t bytes, size_t trace, const char *what, struct err *e) {
    if (n < 0 || (n && !at))
        return fail_at(e, ERR_RANGE, "trace", (int64_t)trace, "expected %s, found none of %lld", what, (long long)n);
    for (int64_t i = 0; i < n; i++)
        if (at[i] >= bytes || (i && at[i] < at[i - 1]))
            return fail_at(e, ERR_RANGE, "trace", (int64_t)trace, "expected %s that rise below byte %zu, found %zu", what, bytes,
                           at[i]);
    return 0;
}

static int timed_ok(const struct timed_trace *t, size_t trace, struct err *e) {
    TRY(places_ok(t->inflection, t->n_inflections, t->bytes, trace, "inflections", e));
    if (t->slot) {
        TRY(places_ok(t->slot, t->n_slots, t->bytes, trace, "slots", e));
        if (t->n_inflections && (t->n_slots < 1 || t->slot[0]))
            return fail_at(e, ERR_RANGE, "trace", (int64_t)trace, "expected slots from byte 0 on, found %lld",
                           (long long)t->n_slots);
    }
    size_t last = 0;
    if (t->n_shifts < 0 || (t->n_shifts && !t->shift))
        return fail_at(e, ERR_RANGE, "trace", (int64_t)trace, "expected shifts, found none of %lld", (long long)t->n_shifts);
    for (int64_t i = 0; i < t->n_shifts; i++) {
        struct byte_span s = t->shift[i];
        if (s.lo < last || s.hi < s.lo || s.hi > t->bytes)
            return fail_at(e, ERR_RANGE, "trace", (int64_t)trace,
                           "expected spans that rise apart up to byte %zu, found %zu to %zu", t->bytes, s.lo, s.hi);
        last = s.hi;
    }
    return 0;
}

/* What an inflection at byte b has around it, added to sum[FIGURES]. */
static void relate(double *sum, const struct timed_trace *t, size_t b, size_t window) {
    int64_t lo = 0, hi = t->n_shifts; /* the first span that ends behind b */
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (t->shift[mid].hi > b)
            hi = mid;
        else
            lo = mid + 1;
    }
    int within = lo < t->n_shifts && t->shift[lo].lo <= b;
    int before = lo > 0 && b - t->shift[lo - 1].hi < window;
    int64_t next = lo + within;
    int after = next < t->n_shifts && t->shift[next].lo - b <= window;
    sum[BEFORE] += before, sum[AFTER] += after, sum[WITHIN] += within, sum[ORDER] += before - after;
}

/* ---- the null ---- */

static int64_t slot_of(const struct timed_trace *t, size_t b) {
    int64_t lo = 0, hi = t->n_slots; /* the first slot behind b */
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (t->slot[mid] > b)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo - 1;
}

static size_t moved(const struct timed_trace *t, size_t b, uint64_t by) {
    if (!t->slot) return (size_t)((b + by) % t->bytes);
    int64_t from = slot_of(t, b), to = (int64_t)(((uint64_t)from + by) % (uint64_t)t->n_slots);
    size_t end = to + 1 < t->n_slots ? t->slot[to + 1] : t->bytes, room = end - t->slot[to], offset = b - t->slot[from];
    return t->slot[to] + (offset < room ? offset : room ? room - 1 : 0);
}

/* sum[FIGURES] over all inflections of one draw. */
static void draw_null(double *sum, const struct timed_trace *t, size_t n, size_t window, uint64_t seed, uint64_t draw) {
    for (int f = 0; f < FIGURES; f++) sum[f] = 0;
    for (size_t i = 0; i < n; i++) {
        if (!t[i].n_inflections || !t[i].n_shifts) continue;
        struct rng g = RNG(seed, draw, i);
        uint64_t by = rng_below(&g, t[i].slot ? (uint64_t)t[i].n_slots : t[i].bytes);
        for (int64_t j = 0; j < t[i].n_inflections; j++) relate(sum, t + i, moved(t + i, t[i].inflection[j], by), window);
    }
}

struct null {
    double mean[FIGURES];
    double above[FIGURES], below[FIGURES]; /* draws at least, at most, as observed */
};

static void null_of(struct null *x, const double *seen, const struct timed_trace *t, size_t n, size_t window, int draws,
                    uint64_t seed) {
    *x = (struct null){.mean = {0}};
    for (int d = 0; d < draws; d++) {
        double sum[FIGURES];
        draw_null(sum, t, n, window, seed, (uint64_t)d);
        for (int f = 0; f < FIGURES; f++) {
            x->mean[f] += sum[f] / draws;
            x->above[f] += sum[f] >= seen[f], x->below[f] += sum[f] <= seen[f];
        }
    }
}

/* ---- the test ---- */

static int observe(struct estimate *out, double *seen, struct timing *w, const struct timed_trace *t, size_t n, size_t window,
                   const struct resampling *how, struct err *e) {
    struct tally y;
    size_t *question = calloc(n + 1, sizeof *question);
    if (!question) return fail(e, ERR_NOMEM, "no memory for the questions of %zu traces", n);
    for (size_t i = 0; i < n; i++) question[i] = t[i].question;
    int rc = tally_by(&y, question, n, FIGURES, e);
    free(question);
    TRY(rc);
    for (size_t i = 0; i < n; i++) {
        double sum[FIGURES] = {0};
        for (int64_t j = 0; j < t[i].n_inflections; j++) relate(sum, t + i, t[i].inflection[j], window);
        for (size_t f = 0; f < FIGURES; f++) tally_put(&y, i, f, sum[f], (double)t[i].n_inflections), seen[f] += sum[f];
        w->inflections += t[i].n_inflections, w->shifts += t[i].n_shifts, w->traces += t[i].n_inflections > 0;
    }
    rc = estimates(out, FIGURES, readings_means, &y, y.questions, 0, how, e);
    tally_free(&y);
    return rc;
}

static struct timing_test test_of(struct estimate observed, const struct null *x, int f, int64_t inflections, int draws) {
    double above = (1 + x->above[f]) / (1.0 + draws), below = (1 + x->below[f]) / (1.0 + draws);
    double p = f == ORDER ? fmin(1, 2 * fmin(above, below)) : above;
    return (struct timing_test){observed, inflections ? x->mean[f] / (double)inflections : NAN, inflections ? p : NAN};
}

int measure_timing(struct timing *out, const struct timed_trace *t, size_t n, size_t window, int draws,
                   const struct resampling *how, uint64_t seed, struct err *e) {
    struct estimate f[FIGURES];
    struct timing w = {.inflections = 0};
    double seen[FIGURES] = {0};
    struct null x;
    if (draws < 1) return fail(e, ERR_RANGE, "expected draws, found %d", draws);
    for (size_t i = 0; i < n; i++) TRY(timed_ok(t + i, i, e));
    TRY(observe(f, seen, &w, t, n, window, how, e));
    null_of(&x, seen, t, n, window, draws, seed);
    w.before = test_of(f[BEFORE], &x, BEFORE, w.inflections, draws);
    w.after = test_of(f[AFTER], &x, AFTER, w.inflections, draws);
    w.within = test_of(f[WITHIN], &x, WITHIN, w.inflections, draws);
    w.order = test_of(f[ORDER], &x, ORDER, w.inflections, draws);
    *out = w;
    return 0;
}
