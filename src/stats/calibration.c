/* How well scores separate (AUC) and how far probabilities can be believed (ECE, Brier). */
#include "stats/stats.h"
#include <math.h>
#include <stdlib.h>

struct scored {
    double s;
    int y;
};

static int by_score(const void *a, const void *b) {
    double x = ((const struct scored *)a)->s, y = ((const struct scored *)b)->s;
    return (x > y) - (x < y);
}

/* Mann-Whitney by one pass over tied groups: a positive beats the negatives below it and half of those beside it. */
static double area(const struct scored *r, size_t n) {
    double below = 0, wins = 0, pos = 0;
    for (size_t i = 0; i < n;) {
        double p = 0, q = 0;
        size_t j = i;
        for (; j < n && r[j].s == r[i].s; j++) r[j].y ? p++ : q++;
        wins += p * (below + q / 2);
        below += q;
        pos += p;
        i = j;
    }
    return pos > 0 && below > 0 ? wins / (pos * below) : NAN;
}

int auc(double *out, const double *score, const int *label, size_t n, struct err *e) {
    struct scored *r = calloc(n ? n : 1, sizeof *r);
    if (!r) return fail(e, ERR_NOMEM, "no memory for %zu scores", n);
    for (size_t i = 0; i < n; i++) {
        r[i] = (struct scored){score[i], label[i] != 0};
        if (!isnan(score[i])) continue;
        free(r);
        return fail(e, ERR_RANGE, "expected numbers as scores, found NaN at row %zu", i);
    }
    qsort(r, n, sizeof *r, by_score);
    *out = area(r, n);
    free(r);
    return 0;
}

/* Bin b of B is (b/B, (b+1)/B], the first closed below. */
static int bin_of(double p, int bins) {
    int b = (int)ceil(p * bins) - 1;
    return b < 0 ? 0 : b >= bins ? bins - 1 : b;
}

double ece(const double *p, const int *y, size_t n, int bins) {
    if (!n) return NAN;
    if (bins < 1) bins = 15;
    double sum = 0;
    for (int b = 0; b < bins; b++) { /* a pass per bin: no scratch, and bins are few */
        double gap = 0;
        for (size_t i = 0; i < n; i++)
            if (bin_of(p[i], bins) == b) gap += p[i] - (y[i] != 0);
        sum += fabs(gap);
    }
    return sum / (double)n;
}

double brier(const double *p, const int *y, size_t n) {
    double s = 0;
    for (size_t i = 0; i < n; i++) s += (p[i] - (y[i] != 0)) * (p[i] - (y[i] != 0));
    return n ? s / (double)n : NAN;
}

double brier_multi(const double *p, const int *label, size_t n, size_t k) {
    double s = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < k; c++) {
            double d = p[i * k + c] - ((size_t)label[i] == c);
            s += d * d;
        }
    return n ? s / (double)n : NAN;
}
