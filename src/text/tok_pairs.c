/* Maps of pairs, and the trie of specials, whose steps are such a map: (node, byte) to node. Open addressing; they grow with what is
 * put in, never with a number that a file states. */
#include "base/hash.h"
#include "text/tok_int.h"
#include <stdlib.h>
#include <string.h>

static int no_room(struct err *e) { return fail(e, ERR_NOMEM, "out of memory for a vocabulary"); }

/* ---- pairs ---- */

static size_t pair_slot(const struct pair_map *m, uint64_t key) {
    size_t i = (size_t)hash_mix(key) & (m->cap - 1);
    while (m->keys[i] != UINT64_MAX && m->keys[i] != key) i = (i + 1) & (m->cap - 1);
    return i;
}

static int pair_grow(struct pair_map *m, struct err *e) {
    struct pair_map b = {.cap = m->cap ? m->cap * 2 : 64, .n = m->n};
    b.keys = malloc(b.cap * sizeof *b.keys);
    b.vals = malloc(b.cap * sizeof *b.vals);
    if (!b.keys || !b.vals) {
        tok__pair_free(&b);
        return no_room(e);
    }
    memset(b.keys, 0xFF, b.cap * sizeof *b.keys);
    for (size_t i = 0; i < m->cap; i++) {
        if (m->keys[i] == UINT64_MAX) continue;
        size_t j = pair_slot(&b, m->keys[i]);
        b.keys[j] = m->keys[i];
        b.vals[j] = m->vals[i];
    }
    tok__pair_free(m);
    *m = b;
    return 0;
}

static int pair_put(struct pair_map *m, uint32_t a, uint32_t b, struct pair_val v, int last, struct err *e) {
    if (m->n * 2 >= m->cap) TRY(pair_grow(m, e));
    uint64_t key = (uint64_t)a << 32 | b;
    size_t i = pair_slot(m, key);
    if (m->keys[i] == key) {
        if (last) m->vals[i] = v;
        return 0;
    }
    m->keys[i] = key;
    m->vals[i] = v;
    m->n++;
    return 0;
}

int tok__pair_add(struct pair_map *m, uint32_t a, uint32_t b, struct pair_val v, struct err *e) {
    return pair_put(m, a, b, v, 0, e);
}

int tok__pair_set(struct pair_map *m, uint32_t a, uint32_t b, struct pair_val v, struct err *e) {
    return pair_put(m, a, b, v, 1, e);
}

const struct pair_val *tok__pair_get(const struct pair_map *m, uint32_t a, uint32_t b) {
    if (m->n == 0) return NULL;
    uint64_t key = (uint64_t)a << 32 | b;
    size_t i = pair_slot(m, key);
    return m->keys[i] == key ? &m->vals[i] : NULL;
}

void tok__pair_free(struct pair_map *m) {
    free(m->keys);
    free(m->vals);
    *m = (struct pair_map){0};
}

/* ---- trie ---- */

static int trie_node(struct tok_trie *t, uint32_t *out, struct err *e) {
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        uint32_t *p = realloc(t->id, cap * sizeof *p);
        if (!p) return no_room(e);
        t->id = p;
        t->cap = cap;
    }
    t->id[t->n] = TOK_NONE;
    *out = (uint32_t)t->n++;
    return 0;
}

int tok__trie_add(struct tok_trie *t, const char *s, size_t n, uint32_t id, struct err *e) {
    uint32_t at = 0;
    if (t->n == 0) TRY(trie_node(t, &at, e));
    for (size_t i = 0; i < n; i++) {
        const struct pair_val *v = tok__pair_get(&t->step, at, (unsigned char)s[i]);
        uint32_t to;
        if (v) {
            to = v->x;
        } else {
            TRY(trie_node(t, &to, e));
            TRY(tok__pair_add(&t->step, at, (unsigned char)s[i], (struct pair_val){to, 0}, e));
        }
        at = to;
    }
    if (t->id[at] == TOK_NONE) t->id[at] = id;
    return 0;
}

void tok__trie_free(struct tok_trie *t) {
    tok__pair_free(&t->step);
    free(t->id);
    *t = (struct tok_trie){0};
}
