/* Permutation tests. The difference of means is a rising function of the sum of the first group once the grand mean is taken out, so only
 * that sum is followed; sums within rounding of the one found count as equal to it, whatever the order of addition. */
#include "base/rng.h"
#include "stats/infer/mean_test.h"
#include "stats/infer/sample.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct permutation {
    double *x; /* centred, or differences of pairs */
    size_t n, n1;
    double found, slack; /* |sum|, and what rounding may do to it */
};

static int extreme(const struct permutation *s, double sum) { return fabs(sum) >= s->found - s->slack; }

/* raw: the largest number that was read; its last digit is lost before anything is added. */
static void set_found(struct permutation *s, double raw) {
    double sum = 0, size = 0;
    for (size_t i = 0; i < s->n1; i++) sum += s->x[i];
    for (size_t i = 0; i < s->n; i++) size += fabs(s->x[i]);
    s->found = fabs(sum), s->slack = 1e-12 * size + 4 * DBL_EPSILON * raw * (double)s->n;
}

static double largest(const double *x, size_t n) {
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs(x[i]));
    return most;
}

static double choose(size_t n, size_t k) {
    return floor(exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1)) + 0.5);
}

/* All k-subsets in lexicographic order. */
static double all_groups(const struct permutation *s, size_t *at, double *seen) {
    double hits = 0, count = 0;
    size_t k = s->n1;
    for (size_t i = 0; i < k; i++) at[i] = i;
    for (;;) {
        double sum = 0;
        for (size_t i = 0; i < k; i++) sum += s->x[at[i]];
        hits += extreme(s, sum), count++;
        size_t i = k;
        while (i > 0 && at[i - 1] == s->n - k + i - 1) i--;
        if (!i) break;
        at[i - 1]++;
        for (; i < k; i++) at[i] = at[i - 1] + 1;
    }
    *seen = count;
    return hits;
}

static double drawn_groups(const struct permutation *s, size_t *at, const struct permuting *how) {
    double hits = 0;
    for (int r = 0; r < how->reps; r++) {
        struct rng g = RNG(how->seed, (uint64_t)r);
        double sum = 0;
        for (size_t i = 0; i < s->n; i++) at[i] = i;
        for (size_t i = 0; i < s->n1; i++) {
            size_t j = i + (size_t)rng_below(&g, s->n - i), t = at[j];
            at[j] = at[i], at[i] = t;
            sum += s->x[t];
        }
        hits += extreme(s, sum);
    }
    return hits;
}

static double all_signs(const struct permutation *s, double *seen) {
    double hits = 0;
    uint64_t all = (uint64_t)1 << s->n;
    for (uint64_t m = 0; m < all; m++) {
        double sum = 0;
        for (size_t i = 0; i < s->n; i++) sum += m >> i & 1 ? -s->x[i] : s->x[i];
        hits += extreme(s, sum);
    }
    *seen = (double)all;
    return hits;
}

static double drawn_signs(const struct permutation *s, const struct permuting *how) {
    double hits = 0;
    for (int r = 0; r < how->reps; r++) {
        struct rng g = RNG(how->seed, (uint64_t)r);
        double sum = 0;
        uint32_t bits = 0;
        for (size_t i = 0; i < s->n; i++) {
            if (i % 32 == 0) bits = rng_u32(&g);
            sum += bits >> i % 32 & 1 ? -s->x[i] : s->x[i];
        }
        hits += extreme(s, sum);
    }
    return hits;
}

static int how_ok(const struct permuting *how, struct err *e) {
    return how->reps >= 1 && how->most < 1e9 ? 0 : fail(e, ERR_RANGE, "expected at least one draw and at most 1e9 regroupings");
}

static void settle(struct permuted *out, double diff, double hits, double seen, const struct permuting *how) {
    int exact = seen > 0;
    *out = (struct permuted){diff, exact ? hits / seen : (1 + hits) / (1 + (double)how->reps), exact ? seen : how->reps, exact};
}

int permutation_means(struct permuted *out, const double *x, size_t n1, size_t n2, const struct permuting *how, struct err *e) {
    struct permutation s = {.n = n1 + n2, .n1 = n1};
    TRY(how_ok(how, e));
    TRY(sample_ok(x, n1, 1, "the first group", e));
    TRY(sample_ok(x + n1, n2, 1, "the second group", e));
    size_t *at = malloc((s.n + 1) * sizeof *at);
    if (!(s.x = malloc((s.n + 1) * sizeof *s.x)) || !at) {
        free(s.x), free(at);
        return fail(e, ERR_NOMEM, "no memory for %zu values", s.n);
    }
    double m = mean(x, s.n), seen = 0, hits;
    for (size_t i = 0; i < s.n; i++) s.x[i] = x[i] - m;
    set_found(&s, largest(x, s.n));
    hits = choose(s.n, n1) <= how->most ? all_groups(&s, at, &seen) : drawn_groups(&s, at, how);
    settle(out, mean(x, n1) - mean(x + n1, n2), hits, seen, how);
    free(s.x), free(at);
    return 0;
}

int permutation_pairs(struct permuted *out, const double *x, const double *y, size_t n, const struct permuting *how,
                      struct err *e) {
    struct permutation s = {.n = n, .n1 = n};
    double seen = 0, hits;
    TRY(how_ok(how, e));
    TRY(differences(&s.x, x, y, n, 1, e));
    set_found(&s, fmax(largest(x, n), largest(y, n)));
    hits = n < 30 && ldexp(1, (int)n) <= how->most ? all_signs(&s, &seen) : drawn_signs(&s, how);
    settle(out, mean(s.x, n), hits, seen, how);
    free(s.x);
    return 0;
}
