/* Items of the gym, for tests: a default spec and an item of it, or the test fails. */
#ifndef GYM_ITEMS_H
#define GYM_ITEMS_H
#include "task/gym.h"
#include <criterion/criterion.h>

static inline struct gym_spec spec(const char *family, enum gym_split split, uint64_t seed) {
    struct gym_spec s;
    struct err e = ERR_INIT;
    cr_assert_eq(gym_spec_init(&s, family, &e), 0, "%s", e.msg);
    s.split = split;
    s.seed = seed;
    return s;
}

static inline struct gym_item item(const struct gym_spec *s, int64_t i) {
    struct gym_item it;
    struct err e = ERR_INIT;
    cr_assert_eq(gym_make(s, i, &it, &e), 0, "%s", e.msg);
    return it;
}

static inline int by_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static inline uint64_t text_hash(const char *z) { /* not the gym's hash: FNV-1a here, over the whole text */
    uint64_t h = 14695981039346656037ull;
    for (; *z; z++) h = (h ^ (unsigned char)*z) * 1099511628211ull;
    return h;
}

/* How many of a[n] are in b[m], which is sorted. */
static inline int common(const uint64_t *a, size_t n, const uint64_t *b, size_t m) {
    int k = 0;
    for (size_t i = 0; i < n; i++) k += bsearch(&a[i], b, m, sizeof *b, by_u64) != NULL;
    return k;
}
#endif
