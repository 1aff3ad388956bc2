/* A temperature for each reading of a sequence: how far its logits spread and how far the sequence has come decide how much they are
 * trusted. One temperature for all readings cannot mend a reader that is bold where it knows nothing and shy where it knows. */
#include "stats/stats.h"
#include <math.h>
#include <string.h>

enum { PARAMS = 3 };
static const double LOWEST = 1e-6, STEEPEST = 0.9;

/* 1, log s, log at: what the logarithm of the temperature is linear in. */
static void features(double f[PARAMS], const double *z, size_t k, double at) {
    double mean = 0, square = 0;
    for (size_t c = 0; c < k; c++) mean += z[c] / (double)k;
    for (size_t c = 0; c < k; c++) square += (z[c] - mean) * (z[c] - mean) / (double)k;
    f[0] = 1, f[1] = log(fmax(sqrt(square), LOWEST)), f[2] = log(at);
}

static double temperature_at(const double x[PARAMS], const double f[PARAMS]) {
    double log_t = 0;
    for (int i = 0; i < PARAMS; i++) log_t += x[i] * f[i];
    return fmin(fmax(exp(log_t), 1e-3), 1e3);
}

double temperature_of(const struct temperatures *t, const double *z, size_t k, double at) {
    if (t->spread == 0 && t->position == 0) return t->level;
    double f[PARAMS], x[PARAMS] = {log(t->level), t->spread, t->position};
    features(f, z, k, at);
    return temperature_at(x, f);
}

struct bend {
    double loss, g[PARAMS], h[PARAMS][PARAMS];
};

/* Of one reading: its loss, the slope of the loss by log t, and the variance of its logits / t, which is the part of the curvature that is
 * never negative (Fisher's). */
static void add_reading(struct bend *b, const double x[PARAMS], const double *z, size_t k, int label, double at, double w) {
    double f[PARAMS], max = z[0], den = 0, m1 = 0, m2 = 0;
    features(f, z, k, at);
    double t = temperature_at(x, f);
    for (size_t c = 1; c < k; c++) max = fmax(max, z[c]);
    for (size_t c = 0; c < k; c++) {
        double u = (z[c] - max) / t, p = exp(u);
        den += p, m1 += p * u, m2 += p * u * u;
    }
    m1 /= den, m2 /= den;
    double right = (z[label] - max) / t;
    b->loss += w * (log(den) - right);
    for (int i = 0; i < PARAMS; i++) {
        b->g[i] += w * (right - m1) * f[i];
        for (int j = 0; j < PARAMS; j++) b->h[i][j] += w * (m2 - m1 * m1) * f[i] * f[j];
    }
}

struct readings {
    const double *z, *weight, *at;
    const int *label;
    size_t n, k;
    double prior; /* of (log level)² / 4, spread² and position² */
};

static struct bend bend_at(const struct readings *r, const double x[PARAMS]) {
    struct bend b = {0, {0}, {{0}}};
    double total = 0;
    for (size_t i = 0; i < r->n; i++) {
        double w = r->weight ? r->weight[i] : 1;
        add_reading(&b, x, r->z + i * r->k, r->k, r->label[i], r->at[i], w);
        total += w;
    }
    b.loss /= total;
    for (int i = 0; i < PARAMS; i++) {
        b.g[i] /= total;
        for (int j = 0; j < PARAMS; j++) b.h[i][j] /= total;
        double prior = i ? r->prior : r->prior / 4;
        b.loss += prior * x[i] * x[i], b.g[i] += 2 * prior * x[i], b.h[i][i] += 2 * prior;
    }
    return b;
}

/* (h + damp·diag h) step = −g by elimination; the matrix is positive definite. */
static void solve(double step[PARAMS], const struct bend *b, double damp) {
    double a[PARAMS][PARAMS + 1];
    for (int i = 0; i < PARAMS; i++) {
        for (int j = 0; j < PARAMS; j++) a[i][j] = b->h[i][j];
        a[i][i] += damp * b->h[i][i] + 1e-12;
        a[i][PARAMS] = -b->g[i];
    }
    for (int i = 0; i < PARAMS; i++)
        for (int k = i + 1; k < PARAMS; k++)
            for (int j = PARAMS; j >= i; j--) a[k][j] -= a[k][i] / a[i][i] * a[i][j];
    for (int i = PARAMS - 1; i >= 0; i--) {
        step[i] = a[i][PARAMS];
        for (int j = i + 1; j < PARAMS; j++) step[i] -= a[i][j] * step[j];
        step[i] /= a[i][i];
    }
}

/* Levenberg's way down: a step is taken only if the loss falls. */
static void descend(double x[PARAMS], const struct readings *r) {
    struct bend b = bend_at(r, x);
    double damp = 1e-2, step[PARAMS], y[PARAMS];
    for (int i = 0; i < 100 && damp < 1e9; i++) {
        double size = 0;
        solve(step, &b, damp);
        for (int j = 0; j < PARAMS; j++) y[j] = x[j] + step[j];
        y[1] = fmin(y[1], STEEPEST);
        struct bend next = bend_at(r, y);
        if (!(next.loss < b.loss)) {
            damp *= 10;
            continue;
        }
        for (int j = 0; j < PARAMS; j++) size = fmax(size, fabs(y[j] - x[j]));
        b = next, damp /= 10;
        memcpy(x, y, sizeof y);
        if (size < 1e-7) break;
    }
}

int temperatures_fit(struct temperatures *out, const double *z, const int *label, const double *weight, const double *at,
                     size_t n, size_t k, size_t sequences, struct err *e) {
    struct temperature one = {.t = 1};
    TRY(temperature_fit(&one, z, label, weight, n, k, e));
    for (size_t i = 0; i < n; i++)
        if (!(at[i] >= 1) || !isfinite(at[i]))
            return fail(e, ERR_RANGE, "expected places from 1 on, found %g at row %zu", at[i], i);
    if (!sequences) return fail(e, ERR_RANGE, "expected sequences, found none");
    double x[PARAMS] = {log(one.t), 0, 0};
    const struct readings r = {z, weight, at, label, n, k, 0.5 / (double)sequences};
    descend(x, &r);
    *out = (struct temperatures){exp(x[0]), x[1], x[2]};
    return 0;
}
