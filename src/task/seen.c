/* Open addressing with linear probing, at most half full. 0 marks an empty slot, so the hash 0 is kept as 1: hashes of content
 * collide that way once in 2^64, as they do anyway. */
#include "task/seen.h"
#include "base/err.h"
#include "base/hash.h"
#include <stdlib.h>

static int put(struct seen *s, uint64_t h) {
    size_t i = hash_mix(h) & (s->cap - 1);
    while (s->slot[i] && s->slot[i] != h) i = (i + 1) & (s->cap - 1);
    int is_new = !s->slot[i];
    s->slot[i] = h;
    s->n += (size_t)is_new;
    return is_new;
}

static int grow(struct seen *s) {
    struct seen b = {.cap = s->cap ? s->cap * 2 : 1024};
    b.slot = calloc(b.cap, sizeof *b.slot);
    if (!b.slot) return ERR_NOMEM;
    for (size_t i = 0; i < s->cap; i++)
        if (s->slot[i]) put(&b, s->slot[i]);
    free(s->slot);
    *s = b;
    return 0;
}

int seen_add(struct seen *s, uint64_t h) {
    if (s->n * 2 >= s->cap) TRY(grow(s));
    return put(s, h ? h : 1);
}

void seen_fini(struct seen *s) {
    free(s->slot);
    *s = (struct seen){0};
}
