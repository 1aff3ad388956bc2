/* A hash table of grams by (length, letters), open addressing, at most half full; each has a row of numbers, one for every language.
 *
 * While learning, a row holds counts. Then it holds two logarithms: what the gram's last letter has after the others, and what the gram,
 * standing before a letter it was never seen with, leaves to the shorter ones. A gram no language has seen is made of its two shorter
 * parts, down to the equal share: so most letters take one look-up for all languages together. */
#include "study/ngram.h"
#include "base/hash.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LETTERS_MAX = 4096 }; /* an equal share for the unseen is one in so many */
enum { LONGEST = 3 };

struct slot {
    uint64_t key; /* 0: empty */
    size_t row;
};
struct ngram {
    int languages;
    struct slot *at;
    size_t cap;          /* of at: a power of two */
    size_t rows, room;   /* row 0: the gram without letters, counted at every letter */
    uint32_t *count;     /* [rows, languages] */
    float *given, *left; /* [rows, languages] natural logarithms */
};

/* ---- the table ---- */

static uint64_t key_of(int len, const uint32_t *c) {
    uint64_t key = (uint64_t)len << 62;
    for (int i = 0; i < len; i++) key |= (uint64_t)c[i] << 21 * (len - 1 - i);
    return key;
}

static int letters_of(uint64_t key, uint32_t *c) {
    int len = (int)(key >> 62);
    for (int i = 0; i < len; i++) c[i] = (uint32_t)((key & ~(UINT64_C(3) << 62)) >> 21 * (len - 1 - i)) & 0x1FFFFF;
    return len;
}

static struct slot *find(const struct ngram *g, uint64_t key) {
    size_t i = (size_t)hash_mix(key) & (g->cap - 1);
    while (g->at[i].key && g->at[i].key != key) i = (i + 1) & (g->cap - 1);
    return &g->at[i];
}

/* The row of a gram; 0 of one never seen, too. */
static size_t row_of(const struct ngram *g, int len, const uint32_t *c) { return len ? find(g, key_of(len, c))->row : 0; }

int ngram_new(struct ngram **out, int languages, struct err *e) {
    struct ngram *g = calloc(1, sizeof *g);
    if (g) {
        *g = (struct ngram){.languages = languages > 0 ? languages : 1, .cap = 1024, .rows = 1, .room = 512};
        g->at = calloc(g->cap, sizeof *g->at);
        g->count = calloc(g->room * (size_t)g->languages, sizeof *g->count);
    }
    if (!g || !g->at || !g->count) {
        ngram_free(g);
        return fail(e, ERR_NOMEM, "out of memory for letter counts");
    }
    *out = g;
    return 0;
}

void ngram_free(struct ngram *g) {
    if (!g) return;
    free(g->at);
    free(g->count);
    free(g->given);
    free(g->left);
    free(g);
}

static int grow_slots(struct ngram *g, struct err *e) {
    struct ngram big = *g;
    big.cap = g->cap * 2;
    big.at = calloc(big.cap, sizeof *big.at);
    if (!big.at) return fail(e, ERR_NOMEM, "out of memory for letter counts");
    for (size_t i = 0; i < g->cap; i++)
        if (g->at[i].key) *find(&big, g->at[i].key) = g->at[i];
    free(g->at);
    *g = big;
    return 0;
}

static int grow_rows(struct ngram *g, struct err *e) {
    size_t old = g->room * (size_t)g->languages;
    uint32_t *count = realloc(g->count, 2 * old * sizeof *count);
    if (!count) return fail(e, ERR_NOMEM, "out of memory for letter counts");
    memset(count + old, 0, old * sizeof *count);
    g->count = count;
    g->room *= 2;
    return 0;
}

/* ---- learning ---- */

static int add(struct ngram *g, int language, int len, const uint32_t *c, struct err *e) {
    if (2 * (g->rows + 1) > g->cap) TRY(grow_slots(g, e));
    if (g->rows == g->room) TRY(grow_rows(g, e));
    struct slot *s = len ? find(g, key_of(len, c)) : NULL;
    if (s && !s->key) *s = (struct slot){key_of(len, c), g->rows++};
    g->count[(s ? s->row : 0) * (size_t)g->languages + (size_t)language]++;
    return 0;
}

/* What the first letter follows is counted with it; of the two spaces before it, the last letter's own space stands for the second. */
int ngram_learn(struct ngram *g, int language, const uint32_t *c, size_t n, struct err *e) {
    uint32_t w[LONGEST] = {' ', ' ', ' '};
    TRY(add(g, language, 2, w, e));
    for (size_t i = 0; i <= n; i++) {
        w[0] = w[1], w[1] = w[2], w[2] = i < n ? c[i] : ' ';
        for (int len = 0; len <= LONGEST; len++) TRY(add(g, language, len, w + LONGEST - len, e));
    }
    return 0;
}

/* Of one gram in every language; the shorter ones are done. */
static void make_row(struct ngram *g, int len, const uint32_t *c, size_t row) {
    const double w = NGRAM_WEIGHT;
    size_t of = (size_t)g->languages, before = len ? row_of(g, len - 1, c) : 0;
    size_t shorter = len ? row_of(g, len - 1, c + 1) : 0;
    for (size_t l = 0; l < of; l++) {
        double n = g->count[row * of + l];
        double p = !len ? 1.0 / LETTERS_MAX : (n + w * exp((double)g->given[shorter * of + l])) / (g->count[before * of + l] + w);
        g->given[row * of + l] = (float)log(p);
        g->left[row * of + l] = (float)log(w / (n + w));
    }
}

int ngram_ready(struct ngram *g, struct err *e) {
    size_t n = g->rows * (size_t)g->languages;
    g->given = malloc(n * sizeof *g->given);
    g->left = malloc(n * sizeof *g->left);
    if (!g->given || !g->left) return fail(e, ERR_NOMEM, "out of memory for letter counts");
    make_row(g, 0, NULL, 0);
    for (int len = 1; len <= LONGEST; len++)
        for (size_t i = 0; i < g->cap; i++) {
            uint32_t c[LONGEST];
            if (g->at[i].key && letters_of(g->at[i].key, c) == len) make_row(g, len, c, g->at[i].row);
        }
    free(g->count);
    g->count = NULL;
    return 0;
}

/* ---- asking ---- */

static void add_row(const struct ngram *g, const float *table, size_t row, double *ll) {
    const float *x = table + row * (size_t)g->languages;
    for (int l = 0; l < g->languages; l++) ll[l] += (double)x[l];
}

void ngram_loglik(const struct ngram *g, const uint32_t *c, size_t n, double *ll) {
    uint32_t w[LONGEST] = {' ', ' ', ' '};
    for (int l = 0; l < g->languages; l++) ll[l] = 0;
    for (size_t i = 0; i <= n; i++) {
        int len = LONGEST;
        size_t row = 0;
        w[0] = w[1], w[1] = w[2], w[2] = i < n ? c[i] : ' ';
        while (len && !(row = row_of(g, len, w + LONGEST - len))) {
            size_t before = row_of(g, len - 1, w + LONGEST - len);
            len--;
            if (before || !len) add_row(g, g->left, before, ll);
        }
        add_row(g, g->given, row, ll);
    }
}
