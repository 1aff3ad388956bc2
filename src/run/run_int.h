/* Room-private: what engines, sessions and pages are made of. */
#ifndef RUN_INT_H
#define RUN_INT_H
#include "run/engine.h"

/* One page of keys and values of all layers. It is in one of three states: held (refs > 0), idle (refs 0, registered: a cache that
 * may be evicted), free (refs 0, not registered). */
struct kv_page {
    void *data;
    int refs;
    struct kv_page *prev, *next; /* idle list (both), free list (next) */
    /* registry; uid 0: not registered, so its one holder may write to it */
    uint64_t uid, parent, hash;
    int32_t *ids; /* [page_len] */
    struct kv_page *chain;
};
struct kv_block {
    char *slab;
    struct kv_page *pages;
    int32_t *ids;
};
struct kv_pool {
    struct device *d;
    int64_t page_bytes, limit; /* limit in pages */
    int page_len;
    int64_t n_pages, n_free, n_idle;
    struct kv_page *free, idle; /* idle.next: used last; idle.prev: the next to be evicted */
    struct kv_block *blocks;
    int n_blocks;
    struct kv_page **buckets; /* registry */
    int64_t n_buckets;
    uint64_t next_uid;
};
int kv_pool_init(struct kv_pool *p, struct device *d, int64_t page_bytes, int page_len, int64_t limit, struct err *e);
void kv_pool_fini(struct kv_pool *p);
void kv_pool_forget(struct kv_pool *p);                               /* idle pages are free ones again */
int kv_pool_reserve(struct kv_pool *p, int64_t pages, struct err *e); /* at least so many free pages */
int kv_page_take(struct kv_pool *p, struct kv_page **out, struct err *e);
void kv_page_hold(struct kv_pool *p, struct kv_page *g);
void kv_page_drop(struct kv_pool *p, struct kv_page *g);

uint64_t prefix_hash(uint64_t parent_hash, const int32_t *ids, int n);
struct kv_page *prefix_find(const struct kv_pool *p, uint64_t parent, uint64_t hash, const int32_t *ids);
void prefix_add(struct kv_pool *p, struct kv_page *g, uint64_t parent, uint64_t hash, const int32_t *ids);
void prefix_remove(struct kv_pool *p, struct kv_page *g);
int prefix_resize(struct kv_pool *p, int64_t pages, struct err *e);

/* A row of a session's page table. uid and hash name the content of positions 0 … end of this page, if known to the registry. */
struct slot {
    struct kv_page *page;
    uint64_t uid, hash;
};
struct session {
    struct engine *g;
    int32_t *ids;
    int64_t len, cap_ids;
    int64_t pure; /* positions [0, pure) came from ids alone, with no tap that could have edited them */
    void **data;  /* [cap_pages], what the model sees; a tape keeps this pointer */
    struct slot *slots;
    int64_t n_pages, cap_pages;
    void ***old; /* page tables that a tape may still point to */
    int n_old, taped;
    uint64_t mark;  /* number of the step it takes part in */
    int64_t before; /* its length when that step began */
};
/* Room for n more positions: ids, table, and pages that only this session may write to. */
int session__prepare(struct session *s, int64_t n, struct err *e);
int session__room(struct session *s, int64_t len, struct err *e); /* ids and table only */
/* The step that wrote n positions is finished. ids NULL: embeddings. */
void session__advance(struct session *s, const int32_t *ids, int64_t n, int pure);

struct part {
    int feed;
    int64_t at, rows;
}; /* rows [at, at+rows) of a feed, as one span of a chunk */
struct engine {
    const struct model *m;
    struct engine_opts o;
    struct kv_pool pool;
    enum fmt kv;
    struct pass *pass;
    num *h, *h_last, *logits,
        *embeds;        /* [max_rows, C], [max_sessions, C], [logit_rows, V], [max_rows, C] (made when first needed) */
    float *logits_host; /* [logit_rows, V] */
    int64_t logit_rows;
    int32_t *ids;       /* [max_rows] */
    struct span *spans; /* [max_sessions] */
    struct part *parts; /* [max_sessions] */
    struct account account;
    uint64_t step_no;
    int n_sessions;
};
int64_t engine__key_reads(const struct engine *g, const struct span *s, int n);
#endif
