/* The registry of full pages by content: which page holds the keys and values of these ids after that prefix?
 *
 * An entry is (parent entry, ids of the page). The hash chain only finds the bucket; a hit is decided by comparing the parent's uid and
 * the ids, so two different prefixes never share a page, whatever the hash does. uids are never used twice: entries whose parent was
 * evicted simply cannot be reached any more and grow old. A session's pages are dropped from the last to the first, so a parent is
 * always younger than its children and outlives them. */
#include "base/hash.h"
#include "run/run_int.h"
#include <stdlib.h>
#include <string.h>

uint64_t prefix_hash(uint64_t parent_hash, const int32_t *ids, int n) {
    return hash_mix(hash_bytes(hash_bytes(HASH_START, &parent_hash, sizeof parent_hash), ids, (size_t)n * sizeof *ids));
}

static struct kv_page **bucket(const struct kv_pool *p, uint64_t hash) {
    return &p->buckets[hash & (uint64_t)(p->n_buckets - 1)];
}

struct kv_page *prefix_find(const struct kv_pool *p, uint64_t parent, uint64_t hash, const int32_t *ids) {
    for (struct kv_page *g = *bucket(p, hash); g; g = g->chain)
        if (g->hash == hash && g->parent == parent && !memcmp(g->ids, ids, (size_t)p->page_len * sizeof *ids)) return g;
    return NULL;
}

void prefix_add(struct kv_pool *p, struct kv_page *g, uint64_t parent, uint64_t hash, const int32_t *ids) {
    g->uid = p->next_uid++, g->parent = parent, g->hash = hash;
    memcpy(g->ids, ids, (size_t)p->page_len * sizeof *ids);
    struct kv_page **b = bucket(p, hash);
    g->chain = *b, *b = g;
}

void prefix_remove(struct kv_pool *p, struct kv_page *g) {
    struct kv_page **at = bucket(p, g->hash);
    while (*at != g) at = &(*at)->chain;
    *at = g->chain;
    g->uid = 0, g->chain = NULL;
}

/* As many buckets as there can be pages, so that registering a page (which happens inside a guarded decode) never allocates. */
int prefix_resize(struct kv_pool *p, int64_t pages, struct err *e) {
    int64_t n = 16;
    while (n < pages) n *= 2;
    if (n <= p->n_buckets) return 0;
    struct kv_page **old = p->buckets, **fresh = calloc((size_t)n, sizeof *fresh);
    int64_t n_old = p->n_buckets;
    if (!fresh) return fail(e, ERR_NOMEM, "out of memory");
    p->buckets = fresh, p->n_buckets = n;
    for (int64_t i = 0; i < n_old; i++)
        for (struct kv_page *g = old[i], *next; g; g = next) {
            next = g->chain;
            struct kv_page **b = bucket(p, g->hash);
            g->chain = *b, *b = g;
        }
    free(old);
    return 0;
}
