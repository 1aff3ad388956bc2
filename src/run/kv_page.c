/* The page pool. Pages come in blocks (one slab each), are counted by their holders, and go back to a free list or, if the registry
 * knows their content, to the list of idle pages, from whose old end they are evicted when the pool has reached its limit.
 *
 * A page is a fixed number of positions of all layers, keys and values together: so one number tells what a position costs, and a
 * fork shares one object. Everything that allocates is in kv_pool_reserve; taking a page that is free never does. */
#include "run/run_int.h"
#include <stdlib.h>

enum { BLOCK_MIN = 8, BLOCK_MAX = 256 };

int kv_pool_init(struct kv_pool *p, struct device *d, int64_t page_bytes, int page_len, int64_t limit, struct err *e) {
    *p = (struct kv_pool){.d = d, .page_bytes = page_bytes, .limit = limit, .page_len = page_len, .next_uid = 1};
    p->idle.next = p->idle.prev = &p->idle;
    return prefix_resize(p, BLOCK_MIN, e);
}

void kv_pool_fini(struct kv_pool *p) {
    for (int i = 0; i < p->n_blocks; i++) {
        dev_free(p->d, p->blocks[i].slab);
        free(p->blocks[i].pages), free(p->blocks[i].ids);
    }
    free(p->blocks), free(p->buckets);
    *p = (struct kv_pool){0};
}

static void idle_push(struct kv_pool *p, struct kv_page *g) {
    g->next = p->idle.next, g->prev = &p->idle;
    g->next->prev = g->prev->next = g;
    p->n_idle++;
}
static void idle_remove(struct kv_pool *p, struct kv_page *g) {
    g->next->prev = g->prev, g->prev->next = g->next;
    p->n_idle--;
}
static void free_push(struct kv_pool *p, struct kv_page *g) {
    g->next = p->free, p->free = g;
    p->n_free++;
}

static void evict(struct kv_pool *p) {
    struct kv_page *g = p->idle.prev;
    idle_remove(p, g);
    prefix_remove(p, g);
    free_push(p, g);
}

static int block_fill(const struct kv_pool *p, struct kv_block *b, int64_t n) {
    *b = (struct kv_block){.slab = dev_alloc_bytes(p->d, n * p->page_bytes),
                           .pages = calloc((size_t)n, sizeof *b->pages),
                           .ids = calloc((size_t)(n * p->page_len), sizeof *b->ids)};
    if (b->slab && b->pages && b->ids) return 0;
    dev_free(p->d, b->slab);
    free(b->pages), free(b->ids);
    return ERR_NOMEM;
}

static int grow(struct kv_pool *p, int64_t want, struct err *e) {
    int64_t n = p->n_pages < BLOCK_MIN ? BLOCK_MIN : p->n_pages > BLOCK_MAX ? BLOCK_MAX : p->n_pages;
    if (n < want) n = want;
    if (n > p->limit - p->n_pages) n = p->limit - p->n_pages;
    struct kv_block *more = realloc(p->blocks, (size_t)(p->n_blocks + 1) * sizeof *more);
    if (!more) return fail(e, ERR_NOMEM, "out of memory");
    p->blocks = more;
    TRY(prefix_resize(p, p->n_pages + n, e));
    struct kv_block *b = &p->blocks[p->n_blocks];
    if (block_fill(p, b, n) < 0)
        return fail(e, ERR_NOMEM, "out of memory for %lld pages of keys and values (%lld bytes)", (long long)n,
                    (long long)(n * p->page_bytes));
    p->n_blocks++, p->n_pages += n;
    for (int64_t i = n - 1; i >= 0; i--) {
        b->pages[i].data = b->slab + i * p->page_bytes;
        b->pages[i].ids = b->ids + i * p->page_len;
        free_push(p, &b->pages[i]);
    }
    return 0;
}

int kv_pool_reserve(struct kv_pool *p, int64_t pages, struct err *e) {
    int64_t held = p->n_pages - p->n_free - p->n_idle;
    if (pages > p->limit - held)
        return fail(e, ERR_LIMIT,
                    "keys and values: expected at most %lld more pages of %d positions (limit %lld), found need of %lld",
                    (long long)(p->limit - held), p->page_len, (long long)p->limit, (long long)pages);
    if (pages > p->n_free && p->n_pages < p->limit) TRY(grow(p, pages - p->n_free, e));
    while (p->n_free < pages) evict(p);
    return 0;
}

void kv_pool_forget(struct kv_pool *p) {
    while (p->n_idle) evict(p);
}

int kv_page_take(struct kv_pool *p, struct kv_page **out, struct err *e) {
    if (!p->free) TRY(kv_pool_reserve(p, 1, e));
    struct kv_page *g = p->free;
    p->free = g->next, p->n_free--;
    g->refs = 1, g->next = NULL;
    *out = g;
    return 0;
}

void kv_page_hold(struct kv_pool *p, struct kv_page *g) {
    if (g->refs++ == 0) idle_remove(p, g);
}

void kv_page_drop(struct kv_pool *p, struct kv_page *g) {
    if (--g->refs) return;
    if (g->uid)
        idle_push(p, g);
    else
        free_push(p, g);
}
