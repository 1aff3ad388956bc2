/* Fractions of 64-bit integers, for comparing answers as numbers. An operation that leaves int64 says so. */
#ifndef TASK_RATIO_H
#define TASK_RATIO_H
#include <stdint.h>

struct ratio {
    int64_t num, den; /* den > 0 */
};

/* Of non-negative numbers, not both 0. */
static inline int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

/* num/den in lowest terms; 0 where den is not positive, or num too large for its sign to be taken off. */
static inline int ratio_reduce(int64_t num, int64_t den, struct ratio *out) {
    if (den <= 0 || num == INT64_MIN) return 0;
    int64_t g = gcd(num < 0 ? -num : num, den);
    *out = (struct ratio){num / g, den / g};
    return 1;
}
#endif
