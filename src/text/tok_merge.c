/* Merging neighbours until nothing merges: one algorithm for rank-driven and score-driven vocabularies.
 *
 * Symbols form a linked list over the word; a binary heap holds the pairs that may merge. A pair is taken when both its symbols
 * are still what they were when it was pushed; otherwise it is stale and dropped. (A symbol that merges gets a longer
 * spelling, hence another number, so equal numbers mean the same pair.) Every merge pushes at most two pairs, so a word of
 * n bytes costs O(n log n), also a megabyte of one letter. */
#include "text/tok_int.h"
#include <stdlib.h>

static int grow(void *pp, size_t n, size_t size, struct err *e) {
    void **p = pp;
    void *q = realloc(*p, n * size);
    if (!q) return fail(e, ERR_NOMEM, "out of memory for a word of %zu symbols", n);
    *p = q;
    return 0;
}

int tok__merge_room(struct merge_work *w, size_t n, struct err *e) {
    if (n > INT32_MAX - 2) return fail(e, ERR_LIMIT, "a word of %zu symbols is too long", n);
    w->n = n;
    w->n_heap = 0;
    if (n + 1 <= w->cap) return 0;
    size_t cap = w->cap * 2 > n + 1 ? w->cap * 2 : n + 64;
    w->cap = 0;
    TRY(grow(&w->sym, cap, sizeof *w->sym, e));
    TRY(grow(&w->start, cap, sizeof *w->start, e));
    TRY(grow(&w->prev, cap, sizeof *w->prev, e));
    TRY(grow(&w->next, cap, sizeof *w->next, e));
    w->cap = cap;
    return 0;
}

void tok__merge_free(struct merge_work *w) {
    free(w->sym);
    free(w->start);
    free(w->prev);
    free(w->next);
    free(w->heap);
    *w = (struct merge_work){0};
}

static int before(const struct merge_cand *a, const struct merge_cand *b) {
    return a->prio != b->prio ? a->prio < b->prio : a->left < b->left;
}

static int heap_push(struct merge_work *w, struct merge_cand c, struct err *e) {
    if (w->n_heap == w->heap_cap) {
        size_t cap = w->heap_cap ? w->heap_cap * 2 : 64;
        TRY(grow(&w->heap, cap, sizeof *w->heap, e));
        w->heap_cap = cap;
    }
    size_t i = w->n_heap++;
    for (; i > 0 && before(&c, &w->heap[(i - 1) / 2]); i = (i - 1) / 2) w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = c;
    return 0;
}

static struct merge_cand heap_pop(struct merge_work *w) {
    struct merge_cand top = w->heap[0], last = w->heap[--w->n_heap];
    size_t i = 0, k;
    while ((k = 2 * i + 1) < w->n_heap) {
        if (k + 1 < w->n_heap && before(&w->heap[k + 1], &w->heap[k])) k++;
        if (!before(&w->heap[k], &last)) break;
        w->heap[i] = w->heap[k];
        i = k;
    }
    w->heap[i] = last;
    return top;
}

static int try_pair(struct merge_work *w, int32_t left, merge_rule rule, const void *ctx, struct err *e) {
    int32_t right = left < 0 ? -1 : w->next[left];
    if (right < 0) return 0;
    int32_t behind = w->next[right];
    size_t end = w->start[behind < 0 ? (int32_t)w->n : behind];
    struct merge_cand c = {.left = (uint32_t)left, .a = w->sym[left], .b = w->sym[right]};
    w->steps++;
    if (!rule(ctx, c.a, c.b, w->start[left], end, &c.prio, &c.made)) return 0;
    return heap_push(w, c, e);
}

/* On return the symbols that are left are 0, next[0], … until -1. */
int tok__merge_run(struct merge_work *w, merge_rule rule, const void *ctx, struct err *e) {
    int32_t n = (int32_t)w->n;
    enum { DEAD = -2 };
    for (int32_t i = 0; i < n; i++) {
        w->prev[i] = i - 1;
        w->next[i] = i + 1 < n ? i + 1 : -1;
    }
    for (int32_t i = 0; i + 1 < n; i++) TRY(try_pair(w, i, rule, ctx, e));
    while (w->n_heap) {
        struct merge_cand c = heap_pop(w);
        int32_t left = (int32_t)c.left, right = w->next[left];
        if (right < 0 || w->sym[left] != c.a || w->sym[right] != c.b) continue;
        w->sym[left] = c.made;
        w->next[left] = w->next[right];
        if (w->next[right] >= 0) w->prev[w->next[right]] = left;
        w->next[right] = DEAD;
        TRY(try_pair(w, w->prev[left], rule, ctx, e));
        TRY(try_pair(w, left, rule, ctx, e));
    }
    return 0;
}
