/* Small fits: a parabola through a curve, a temperature for logits, a conformal quantile. */
#include "stats/stats.h"
#include <math.h>

/* Moments of u = (x − centre) / scale, which lies in [−1, 1]: the normal equations are then well conditioned. */
struct moments {
    double centre, scale, s[5], t[3]; /* Σ u^i, Σ y u^i */
};

static struct moments moments_of(const double *x, const double *y, size_t n) {
    double lo = INFINITY, hi = -INFINITY;
    for (size_t i = 0; i < n; i++)
        if (!isnan(y[i])) lo = fmin(lo, x[i]), hi = fmax(hi, x[i]);
    struct moments m = {.centre = (lo + hi) / 2, .scale = hi > lo ? (hi - lo) / 2 : 1};
    for (size_t i = 0; i < n; i++) {
        if (isnan(y[i])) continue;
        double u = (x[i] - m.centre) / m.scale, power = 1;
        for (int j = 0; j < 5; j++, power *= u) {
            m.s[j] += power;
            if (j < 3) m.t[j] += y[i] * power;
        }
    }
    return m;
}

/* Σ_k s[j + k]·w[k] = t[j], positive definite with three different x: eliminated in order. */
static int solve(const struct moments *m, double w[3]) {
    double a[3][4];
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) a[i][j] = m->s[i + j];
        a[i][3] = m->t[i];
    }
    for (int i = 0; i < 3; i++) {
        if (!(a[i][i] > 1e-12 * m->s[0])) return 0;
        for (int k = i + 1; k < 3; k++)
            for (int j = 3; j >= i; j--) a[k][j] -= a[k][i] / a[i][i] * a[i][j];
    }
    for (int i = 2; i >= 0; i--) {
        w[i] = a[i][3];
        for (int j = i + 1; j < 3; j++) w[i] -= a[i][j] * w[j];
        w[i] /= a[i][i];
    }
    return 1;
}

void quadratic_fit(double out[3], const double *x, const double *y, size_t n) {
    double w[3];
    struct moments m = moments_of(x, y, n);
    if (!solve(&m, w)) {
        out[0] = out[1] = out[2] = NAN;
        return;
    }
    double a = w[2] / (m.scale * m.scale), b = w[1] / m.scale;
    out[0] = a, out[1] = b - 2 * a * m.centre, out[2] = w[0] - b * m.centre + a * m.centre * m.centre;
}

/* ---- temperature ---- */

struct slope {
    double loss, first, second; /* of the mean loss, by 1/t */
};

static struct slope slope_at(double inv, const double *z, const int *label, const double *weight, size_t n, size_t k) {
    struct slope sum = {0, 0, 0};
    double total = 0;
    for (size_t i = 0; i < n; i++, z += k) {
        double max = z[0], den = 0, m1 = 0, m2 = 0, w = weight ? weight[i] : 1;
        for (size_t c = 1; c < k; c++) max = fmax(max, z[c]);
        for (size_t c = 0; c < k; c++) {
            double u = z[c] - max, p = exp(inv * u);
            den += p, m1 += p * u, m2 += p * u * u;
        }
        m1 /= den, m2 /= den;
        double right = z[label[i]] - max;
        sum.loss += w * (log(den) - inv * right), sum.first += w * (m1 - right), sum.second += w * (m2 - m1 * m1);
        total += w;
    }
    return (struct slope){sum.loss / total, sum.first / total, sum.second / total};
}

static int temperature_ok(const double *z, const int *label, const double *weight, size_t n, size_t k, struct err *e) {
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        double w = weight ? weight[i] : 1;
        if (label[i] < 0 || (size_t)label[i] >= k)
            return fail(e, ERR_RANGE, "expected labels below %zu, found %d at row %zu", k, label[i], i);
        if (!isfinite(w) || w < 0) return fail(e, ERR_RANGE, "expected weights from 0 on, found %g at row %zu", w, i);
        for (size_t c = 0; c < k; c++)
            if (!isfinite(z[i * k + c]))
                return fail(e, ERR_RANGE, "expected finite logits, found %g at row %zu", z[i * k + c], i);
        total += w;
    }
    return total > 0 ? 0 : fail(e, ERR_RANGE, "expected rows with weight, found none in %zu", n);
}

/* The slope rises with x = 1/t: Newton's step where it stays between the ends, their middle where not. */
static double steepest_rest(const double *z, const int *label, const double *weight, size_t n, size_t k, int *bound) {
    double lo = 1e-3, hi = 1e3, x = 1;
    *bound = 1;
    if (slope_at(lo, z, label, weight, n, k).first >= 0) return lo;
    if (slope_at(hi, z, label, weight, n, k).first <= 0) return hi;
    *bound = 0;
    for (int i = 0; i < 200 && hi - lo > 1e-12 * hi; i++) {
        struct slope s = slope_at(x, z, label, weight, n, k);
        if (s.first == 0) break;
        if (s.first < 0)
            lo = x;
        else
            hi = x;
        double next = x - s.first / s.second;
        if (!(next > lo && next < hi)) next = sqrt(lo * hi);
        if (fabs(next - x) <= 1e-14 * x) break;
        x = next;
    }
    return x;
}

int temperature_fit(struct temperature *out, const double *z, const int *label, const double *weight, size_t n, size_t k,
                    struct err *e) {
    TRY(temperature_ok(z, label, weight, n, k, e));
    struct slope one = slope_at(1, z, label, weight, n, k);
    struct temperature t = {1, one.loss, one.loss, 0};
    if (one.second > 0 || one.first != 0) {
        double x = steepest_rest(z, label, weight, n, k, &t.bound);
        t.t = 1 / x, t.loss_after = slope_at(x, z, label, weight, n, k).loss;
    }
    *out = t;
    return 0;
}

double conformal_quantile(const double *sorted, size_t n, double alpha) {
    double rank = ceil(((double)n + 1) * (1 - alpha) - 1e-9); /* 20·0.95 is 19, whatever its last bit says */
    if (!(rank <= (double)n)) return INFINITY;
    return rank < 1 ? -INFINITY : sorted[(size_t)rank - 1];
}
