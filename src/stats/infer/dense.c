/* Dense factorisations for models of at most a few thousand columns. */
#include "stats/infer/dense.h"
#include <math.h>
#include <string.h>

/* Eight sums side by side: the order is fixed, and the compiler may keep them in vector registers. */
double dot(const double *a, const double *b, size_t n) {
    double s[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++) s[k] += a[i + (size_t)k] * b[i + (size_t)k];
    double rest = 0;
    for (; i < n; i++) rest += a[i] * b[i];
    return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7])) + rest;
}

static void subtract(double *x, const double *q, double by, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] -= by * q[i];
}

size_t orthonormalise(double *x, double *r, unsigned char *alias, size_t n, size_t p) {
    size_t rank = 0;
    memset(r, 0, p * p * sizeof *r);
    for (size_t j = 0; j < p; j++) {
        double *c = x + j * n, whole = sqrt(dot(c, c, n));
        for (int twice = 0; twice < 2; twice++)
            for (size_t i = 0; i < j; i++) {
                double d = dot(x + i * n, c, n);
                subtract(c, x + i * n, d, n);
                r[i * p + j] += d;
            }
        double left = sqrt(dot(c, c, n));
        alias[j] = !(left > 1e-7 * whole);
        rank += !alias[j];
        r[j * p + j] = alias[j] ? 1 : left;
        for (size_t i = 0; i < n; i++) c[i] = alias[j] ? 0 : c[i] / left;
    }
    return rank;
}

void back_substitute(double *v, size_t step, const double *r, size_t stride, const size_t *kept, size_t p) {
    for (size_t i = p; i-- > 0;) {
        const double *row = r + (kept ? kept[i] : i) * stride;
        double s = v[i * step];
        for (size_t j = i + 1; j < p; j++) s -= row[kept ? kept[j] : j] * v[j * step];
        v[i * step] = s / row[kept ? kept[i] : i];
    }
}

int cholesky(double *a, size_t n, size_t stride) {
    for (size_t i = 0; i < n; i++) {
        double *row = a + i * stride;
        for (size_t j = 0; j < i; j++) row[j] = (row[j] - dot(row, a + j * stride, j)) / a[j * stride + j];
        double pivot = row[i] - dot(row, row, i);
        if (!(pivot > 0) || !isfinite(pivot)) return -1;
        row[i] = sqrt(pivot);
    }
    return 0;
}

void lower_inverse(double *inv, const double *a, size_t n, size_t stride) {
    memset(inv, 0, n * n * sizeof *inv);
    for (size_t j = 0; j < n; j++) {
        inv[j * n + j] = 1 / a[j * stride + j];
        for (size_t i = j + 1; i < n; i++) {
            double s = 0;
            for (size_t k = j; k < i; k++) s += a[i * stride + k] * inv[k * n + j];
            inv[i * n + j] = -s / a[i * stride + i];
        }
    }
}

/* One Jacobi rotation, which makes a[p, q] zero. */
static void rotate(double *a, double *v, size_t n, size_t p, size_t q) {
    double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1)), c = 1 / sqrt(t * t + 1), s = t * c;
    for (size_t k = 0; k < n; k++) {
        double x = a[k * n + p], y = a[k * n + q];
        a[k * n + p] = c * x - s * y, a[k * n + q] = s * x + c * y;
    }
    for (size_t k = 0; k < n; k++) {
        double x = a[p * n + k], y = a[q * n + k];
        a[p * n + k] = c * x - s * y, a[q * n + k] = s * x + c * y;
        x = v[p * n + k], y = v[q * n + k];
        v[p * n + k] = c * x - s * y, v[q * n + k] = s * x + c * y;
    }
}

void symmetric_eigen(double *value, double *v, double *a, size_t n) {
    double size = 0;
    for (size_t i = 0; i < n * n; i++) v[i] = i % (n + 1) == 0, size += a[i] * a[i];
    for (int sweep = 0; sweep < 60; sweep++) {
        double off = 0;
        for (size_t p = 0; p < n; p++)
            for (size_t q = p + 1; q < n; q++) {
                off += a[p * n + q] * a[p * n + q];
                if (a[p * n + q] * a[p * n + q] > 1e-36 * size) rotate(a, v, n, p, q);
            }
        if (!(off > 1e-32 * size)) break;
    }
    for (size_t i = 0; i < n; i++) value[i] = a[i * n + i];
}
