/* What the tests of the room kern share: numbers that are the same on every machine, memory that shows what was not written, figures. */
#ifndef TESTS_KERN_TESTS_H
#define TESTS_KERN_TESTS_H
#include "kern/fmt.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* figures for people: CANDOR_TEST_FIGURES=1 */
#define FIGURE(fmt, ...) (getenv("CANDOR_TEST_FIGURES") ? printf("# " fmt "\n", __VA_ARGS__) : 0)
#define COUNT(a)         (sizeof(a) / sizeof *(a))

static uint64_t seed = 1;
static inline double uniform(void) { /* in (-1, 1), exactly a float */
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)((int64_t)(seed >> 40) - (1 << 23)) / (1 << 23);
}
static inline double normal(void) { /* nearly, of unit variance */
    double s = 0;
    for (int i = 0; i < 12; i++) s += uniform();
    return s / 2;
}
/* n bytes of 0xee, for vectors; free() */
static inline void *take(size_t n) {
    void *p = aligned_alloc(64, (n + 127) / 64 * 64);
    memset(p, 0xee, (n + 127) / 64 * 64);
    return p;
}
static inline const char *name_of(enum fmt f) { return fmt_find((int)f)->name; }
#endif
