/* A hash table of counts by (length, letters), open addressing, at most half full. */
#include "study/ngram.h"
#include "base/hash.h"
#include <math.h>
#include <stdlib.h>

enum { LETTERS_MAX = 4096 }; /* an equal share for the unseen is one in so many */

struct slot {
    uint64_t key; /* 0: empty */
    uint32_t count;
};
struct ngram {
    struct slot *at;
    size_t n, cap; /* cap: a power of two */
    uint64_t total;
};

static uint64_t key_of(int len, uint32_t a, uint32_t b, uint32_t c) {
    return (uint64_t)len << 62 | (uint64_t)a << 42 | (uint64_t)b << 21 | c;
}

static struct slot *find(const struct ngram *g, uint64_t key) {
    size_t i = (size_t)hash_mix(key) & (g->cap - 1);
    while (g->at[i].key && g->at[i].key != key) i = (i + 1) & (g->cap - 1);
    return &g->at[i];
}

static double count(const struct ngram *g, uint64_t key) { return find(g, key)->count; }

int ngram_new(struct ngram **out, struct err *e) {
    struct ngram *g = calloc(1, sizeof *g);
    if (g) g->at = calloc(g->cap = 1024, sizeof *g->at);
    if (!g || !g->at) {
        ngram_free(g);
        return fail(e, ERR_NOMEM, "out of memory for letter counts");
    }
    *out = g;
    return 0;
}

void ngram_free(struct ngram *g) {
    if (g) free(g->at);
    free(g);
}

static int grow(struct ngram *g, struct err *e) {
    struct ngram big = {.cap = g->cap * 2, .n = g->n, .total = g->total};
    big.at = calloc(big.cap, sizeof *big.at);
    if (!big.at) return fail(e, ERR_NOMEM, "out of memory for letter counts");
    for (size_t i = 0; i < g->cap; i++)
        if (g->at[i].key) *find(&big, g->at[i].key) = g->at[i];
    free(g->at);
    *g = big;
    return 0;
}

static int add(struct ngram *g, uint64_t key, struct err *e) {
    if (2 * (g->n + 1) > g->cap) TRY(grow(g, e));
    struct slot *s = find(g, key);
    g->n += !s->key;
    s->key = key;
    s->count++;
    return 0;
}

int ngram_learn(struct ngram *g, const uint32_t *c, size_t n, struct err *e) {
    uint32_t a = ' ', b = ' ';
    for (size_t i = 0; i <= n; i++) {
        uint32_t x = i < n ? c[i] : ' ';
        TRY(add(g, key_of(1, 0, 0, x), e));
        TRY(add(g, key_of(2, 0, b, x), e));
        TRY(add(g, key_of(3, a, b, x), e));
        g->total++;
        a = b, b = x;
    }
    return 0;
}

/* The number of times that what stands before a letter was seen is that of the shorter gram, which was asked for one letter earlier. */
double ngram_loglik(const struct ngram *g, const uint32_t *c, size_t n) {
    const double w = NGRAM_WEIGHT;
    uint32_t a = ' ', b = ' ';
    double sum = 0, seen_b = count(g, key_of(1, 0, 0, b)), seen_ab = count(g, key_of(2, 0, a, b));
    for (size_t i = 0; i <= n; i++) {
        uint32_t x = i < n ? c[i] : ' ';
        double seen_x = count(g, key_of(1, 0, 0, x)), seen_bx = count(g, key_of(2, 0, b, x));
        double p = (seen_x + w / LETTERS_MAX) / ((double)g->total + w);
        p = (seen_bx + w * p) / (seen_b + w);
        p = (count(g, key_of(3, a, b, x)) + w * p) / (seen_ab + w);
        sum += log(p);
        a = b, b = x, seen_b = seen_x, seen_ab = seen_bx;
    }
    return sum;
}
