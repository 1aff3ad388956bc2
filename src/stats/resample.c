/* The bootstrap: rows drawn with replacement, a statistic or many of each resample, percentile intervals.
 *
 * Resample r has its own stream, so more resamples keep the first ones, and a statistic sees the same resamples whether it is asked for
 * alone or among others. */
#include "base/rng.h"
#include "stats/stats.h"
#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct draws {
    size_t *idx;   /* [n] */
    double *now;   /* [k], of one resample */
    double *value; /* [k, reps] */
    size_t *kept;  /* [k] values that are numbers */
};

static void draws_free(struct draws *d) { free(d->idx), free(d->now), free(d->value), free(d->kept); }

static int draws_new(struct draws *d, size_t n, size_t k, size_t reps, struct err *e) {
    size_t all;
    int fits = !__builtin_mul_overflow(k, reps, &all);
    *d = (struct draws){calloc(n + 1, sizeof *d->idx), calloc(k + 1, sizeof *d->now),
                        fits ? calloc(all + 1, sizeof *d->value) : NULL, calloc(k + 1, sizeof *d->kept)};
    if (d->idx && d->now && d->value && d->kept) return 0;
    draws_free(d);
    return fail(e, ERR_NOMEM, "no memory for a bootstrap of %zu rows, %zu resamples, %zu statistics", n, reps, k);
}

static void draw(size_t *idx, size_t n, size_t split, uint64_t seed, uint64_t rep) {
    struct rng g = RNG(seed, rep);
    for (size_t i = 0; i < split; i++) idx[i] = (size_t)rng_below(&g, split);
    for (size_t i = split; i < n; i++) idx[i] = split + (size_t)rng_below(&g, n - split);
}

static void resample(struct draws *d, size_t k, statistics f, const void *data, size_t n, size_t split,
                     const struct resampling *how) {
    for (int r = 0; r < how->reps; r++) {
        draw(d->idx, n, split, how->seed, (uint64_t)r);
        f(d->now, k, data, d->idx, n);
        for (size_t j = 0; j < k; j++)
            if (!isnan(d->now[j])) d->value[j * (size_t)how->reps + d->kept[j]++] = d->now[j];
    }
}

static struct interval percentiles(double *value, size_t kept, double level) {
    qsort(value, kept, sizeof *value, ascending);
    return (struct interval){quantile(value, kept, (1 - level) / 2), quantile(value, kept, (1 + level) / 2)};
}

static int how_ok(size_t n, const struct resampling *how, struct err *e) {
    if (n && how->reps >= 1 && how->level > 0 && how->level < 1) return 0;
    return fail(e, ERR_RANGE, "expected data, resamples and a level in (0, 1), found n %zu, reps %d, level %g", n, how->reps,
                how->level);
}

int estimates(struct estimate *out, size_t k, statistics f, const void *data, size_t n, size_t split,
              const struct resampling *how, struct err *e) {
    struct draws d;
    if (split > n) return fail(e, ERR_RANGE, "expected a first sample of at most %zu rows, found %zu", n, split);
    if (how) TRY(how_ok(1, how, e));
    TRY(draws_new(&d, n, k, how ? (size_t)how->reps : 0, e));
    for (size_t i = 0; i < n; i++) d.idx[i] = i;
    for (size_t j = 0; j < k; j++) d.now[j] = NAN;
    if (n) f(d.now, k, data, d.idx, n);
    for (size_t j = 0; j < k; j++) out[j] = (struct estimate){d.now[j], {NAN, NAN}};
    if (how && n > 1) {
        resample(&d, k, f, data, n, split, how);
        for (size_t j = 0; j < k; j++) out[j].ci = percentiles(d.value + j * (size_t)how->reps, d.kept[j], how->level);
    }
    draws_free(&d);
    return 0;
}

struct one {
    statistic f;
    const void *data;
};

static void only(double *out, size_t k, const void *data, const size_t *idx, size_t n) {
    const struct one *x = data;
    (void)k;
    *out = x->f(x->data, idx, n);
}

int bootstrap(struct interval *out, statistic f, const void *data, size_t n, int reps, double level, uint64_t seed,
              struct err *e) {
    const struct resampling how = {reps, level, seed};
    const struct one x = {f, data};
    struct draws d;
    TRY(how_ok(n, &how, e));
    TRY(draws_new(&d, n, 1, (size_t)reps, e));
    resample(&d, 1, only, &x, n, 0, &how);
    struct interval ci = percentiles(d.value, *d.kept, level);
    size_t kept = *d.kept;
    draws_free(&d);
    if (!kept) return fail(e, ERR_RANGE, "expected a statistic of the resamples, found none defined");
    *out = ci;
    return 0;
}
