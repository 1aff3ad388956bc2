/* How far probabilities can be believed: ECE and Brier scores. */
#include "stats/stats.h"
#include <math.h>

int probability_bin(double p, int bins) {
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
            if (probability_bin(p[i], bins) == b) gap += p[i] - (y[i] != 0);
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
