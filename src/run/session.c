/* One growing sequence: its ids and its page table. Forking copies the table, not the pages; who appends to a page that someone else
 * holds, or that the registry knows, writes into a copy of it. */
#include "run/run_int.h"
#include <stdlib.h>
#include <string.h>

int session_new(struct session **out, struct engine *g, struct err *e) {
    struct session *s = calloc(1, sizeof *s);
    if (!s) return fail(e, ERR_NOMEM, "out of memory");
    s->g = g;
    g->n_sessions++;
    *out = s;
    return 0;
}

/* From the last page to the first: see prefix.c. */
static void drop_pages(struct session *s, int64_t keep) {
    while (s->n_pages > keep) kv_page_drop(&s->g->pool, s->slots[--s->n_pages].page);
}

void session_free(struct session *s) {
    if (!s) return;
    drop_pages(s, 0);
    for (int i = 0; i < s->n_old; i++) free(s->old[i]);
    s->g->n_sessions--;
    free(s->old), free(s->data), free(s->slots), free(s->ids), free(s);
}

int64_t session_len(const struct session *s) { return s->len; }
const int32_t *session_ids(const struct session *s) { return s->ids; }

static int64_t pages_for(const struct session *s, int64_t positions) {
    int page_len = s->g->o.page_len;
    return (positions + page_len - 1) / page_len;
}

static int grow_ids(struct session *s, int64_t len, struct err *e) {
    if (len <= s->cap_ids) return 0;
    int64_t cap = len > 2 * s->cap_ids ? len : 2 * s->cap_ids;
    int32_t *ids = realloc(s->ids, (size_t)cap * sizeof *ids);
    if (!ids) return fail(e, ERR_NOMEM, "out of memory");
    s->ids = ids, s->cap_ids = cap;
    return 0;
}

/* A tape may point to the old table: then it stays until the session is freed. */
static int retire(struct session *s, void **data) {
    if (!s->taped) {
        free(data);
        return 0;
    }
    void ***old = realloc(s->old, (size_t)(s->n_old + 1) * sizeof *old);
    if (!old) return ERR_NOMEM;
    s->old = old;
    s->old[s->n_old++] = data;
    return 0;
}

static int grow_table(struct session *s, int64_t pages, struct err *e) {
    if (pages <= s->cap_pages) return 0;
    int64_t cap = pages > 2 * s->cap_pages ? pages : 2 * s->cap_pages;
    struct slot *slots = realloc(s->slots, (size_t)cap * sizeof *slots);
    if (slots) s->slots = slots;
    void **data = malloc((size_t)cap * sizeof *data);
    if (!slots || !data) {
        free(data);
        return fail(e, ERR_NOMEM, "out of memory");
    }
    if (s->n_pages) memcpy(data, s->data, (size_t)s->n_pages * sizeof *data);
    if (retire(s, s->data) < 0) {
        free(data);
        return fail(e, ERR_NOMEM, "out of memory");
    }
    s->data = data, s->cap_pages = cap;
    return 0;
}

int session__room(struct session *s, int64_t len, struct err *e) {
    TRY(grow_ids(s, len, e));
    return grow_table(s, pages_for(s, len), e);
}

static void put_page(struct session *s, int64_t i, struct kv_page *page, uint64_t uid, uint64_t hash) {
    s->slots[i] = (struct slot){page, uid, hash};
    s->data[i] = page->data;
    if (i == s->n_pages) s->n_pages++;
}

/* Page i, made writable. Only the page that holds the last position has something to copy. */
static int own_page(struct session *s, int64_t i, struct err *e) {
    struct kv_pool *pool = &s->g->pool;
    struct kv_page *page, *was = i < s->n_pages ? s->slots[i].page : NULL;
    if (was && was->refs == 1 && !was->uid) return 0;
    TRY(kv_page_take(pool, &page, e));
    if (was) {
        if (s->len > i * pool->page_len) memcpy(page->data, was->data, (size_t)pool->page_bytes);
        kv_page_drop(pool, was);
    }
    put_page(s, i, page, 0, 0);
    return 0;
}

int session__prepare(struct session *s, int64_t n, struct err *e) {
    TRY(session__room(s, s->len + n, e));
    for (int64_t i = s->len / s->g->o.page_len; i < pages_for(s, s->len + n); i++) TRY(own_page(s, i, e));
    return 0;
}

/* Full pages that came from ids alone become known to the registry. Content it knows already keeps its first page. */
static void enroll(struct session *s) {
    struct kv_pool *pool = &s->g->pool;
    int page_len = pool->page_len;
    for (int64_t i = 0; (i + 1) * page_len <= s->pure; i++) {
        struct slot *t = &s->slots[i];
        if (t->uid) continue;
        uint64_t parent = i ? s->slots[i - 1].uid : 0;
        const int32_t *ids = s->ids + i * page_len;
        t->hash = prefix_hash(i ? s->slots[i - 1].hash : 0, ids, page_len);
        const struct kv_page *known = prefix_find(pool, parent, t->hash, ids);
        if (!known) prefix_add(pool, t->page, parent, t->hash, ids);
        t->uid = known ? known->uid : t->page->uid;
    }
}

void session__advance(struct session *s, const int32_t *ids, int64_t n, int pure) {
    for (int64_t i = 0; i < n; i++) s->ids[s->len + i] = ids ? ids[i] : -1;
    int was_full = (int)(s->len / s->g->o.page_len);
    if (ids && pure && s->pure == s->len) s->pure += n;
    s->len += n;
    if (s->pure / s->g->o.page_len > was_full) enroll(s);
}

void session_rewind(struct session *s, int64_t len) {
    if (len > s->len) len = s->len;
    if (len < 0) len = 0;
    s->len = len;
    if (s->pure > len) s->pure = len;
    if (!s->taped) drop_pages(s, pages_for(s, len));
    for (int64_t i = len / s->g->o.page_len; i < s->n_pages; i++)
        s->slots[i].uid = 0; /* no longer full: another content will follow */
}

int session_fork(struct session **out, const struct session *s, struct err *e) {
    struct session *f = NULL;
    TRY(session_new(&f, s->g, e));
    int rc = session__room(f, s->len, e);
    if (rc < 0) {
        session_free(f);
        return rc;
    }
    for (int64_t i = 0; i < pages_for(s, s->len); i++) {
        kv_page_hold(&s->g->pool, s->slots[i].page);
        put_page(f, i, s->slots[i].page, s->slots[i].uid, s->slots[i].hash);
    }
    if (s->len) memcpy(f->ids, s->ids, (size_t)s->len * sizeof *f->ids);
    f->len = s->len, f->pure = s->pure;
    *out = f;
    return 0;
}

int session_new_prefixed(struct session **out, struct engine *g, const int32_t *ids, int64_t n, int64_t *shared, struct err *e) {
    struct session *s = NULL;
    TRY(session_new(&s, g, e));
    int rc = session__room(s, n, e);
    if (rc < 0) {
        session_free(s);
        return rc;
    }
    int page_len = g->o.page_len;
    uint64_t parent = 0, hash = 0;
    for (int64_t i = 0; (i + 1) * page_len <= n - 1; i++) {
        hash = prefix_hash(hash, ids + i * page_len, page_len);
        struct kv_page *page = prefix_find(&g->pool, parent, hash, ids + i * page_len);
        if (!page) break;
        kv_page_hold(&g->pool, page);
        put_page(s, i, page, page->uid, hash);
        parent = page->uid;
    }
    s->len = s->pure = s->n_pages * page_len;
    if (s->len) memcpy(s->ids, ids, (size_t)s->len * sizeof *ids);
    if (shared) *shared = s->len;
    *out = s;
    return 0;
}
