/* Attention, cut: which block of rows meets which chunk of keys on which thread.
 *
 * Forward. A span of many rows is cut by rows: a block goes over all its chunks and writes its output. Spans of few rows (decoding) are cut
 * by chunks: each chunk leaves a record per row, and the records are added in order afterwards. Where spans have the same pages in a
 * chunk, their rows meet it as one block, so a shared prefix is read once. How a span is cut does not show in its bytes (attn.h).
 * Backward. Chunk by chunk in ascending order, so that dq of a row has one order; within a chunk a strip of rows is one piece of work and
 * leaves its part of dk and dv, which are added in the order of strips. Strips depend on the span alone.
 *
 * Work goes in waves that fit the reserved memory; within a wave threads take the next item when they are free. */
#include "kern/attn.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS = 4096, MEMBERS = 4096, PARTS = 1 << 19, WAVE_SPANS = 64, SHORT_ROWS = 32 };

struct attn_item {
    int span;            /* cut by rows: the span; by chunks: -1 */
    int member, members; /* by chunks: spans that have the same pages here, in the table of members; backward: see do_add_parts */
    int g;
    int64_t r0, r1; /* rows in the order (position, head of the group), over all members */
    int64_t c0, c1;
    int64_t part; /* backward: where dk, dv go, -1: to the output */
};

static num *at(const struct attn_mem *m, const num *p, int64_t i) {
    return (num *)(uintptr_t)((const char *)p + (int64_t)m->num_bytes * i);
}

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }

/* ---- memory ---------------------------------------------------------------------------------------------------------------------- */

static void *zeroed(size_t bytes) {
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (p) memset(p, 0, bytes);
    return p;
}

/* Sizes of what attn_mem_reserve takes: m's own, or larger. */
static struct attn_mem sizes(const struct attn_mem *m, int head_dim, int n_head) {
    struct attn_mem n = *m;
    n.head_dim = head_dim > m->head_dim ? head_dim : m->head_dim;
    n.n_head = n_head > m->n_head ? n_head : m->n_head;
    int64_t pad = attn_pad(n.head_dim), rows = 2 * SHORT_ROWS * attn_record(n.head_dim) * n.n_head;
    n.n_part = max64(max64(PARTS, rows), 8 * 2 * ATTN_CHUNK * pad);
    n.n_items = ITEMS > 4 * n.n_head ? ITEMS : 4 * n.n_head;
    n.n_members = MEMBERS;
    return n;
}

static int64_t scratch_bytes(const struct attn_mem *m) { return attn_scratch(m->head_dim) * (int64_t)m->num_bytes * m->threads; }

int64_t attn_mem_bytes(const struct attn_mem *m, int head_dim, int n_head) {
    struct attn_mem n = sizes(m, head_dim, n_head);
    return scratch_bytes(&n) + n.n_part * (int64_t)n.num_bytes + n.n_items * (int64_t)sizeof *n.items +
           n.n_members * (int64_t)sizeof *n.members;
}

int attn_mem_reserve(struct attn_mem *m, int head_dim, int n_head, struct err *e) {
    if (head_dim < 0 || head_dim > 1 << 20 || n_head < 0 || n_head > 1 << 20)
        return fail(e, ERR_RANGE, "attention: %d heads of %d numbers", n_head, head_dim);
    if (m->items && head_dim <= m->head_dim && n_head <= m->n_head) return 0;
    struct attn_mem n = sizes(m, head_dim, n_head);
    n.scratch = zeroed((size_t)scratch_bytes(&n));
    n.part = zeroed((size_t)n.n_part * m->num_bytes);
    n.items = calloc((size_t)n.n_items, sizeof *n.items);
    n.members = calloc(MEMBERS, sizeof *n.members);
    if (!n.scratch || !n.part || !n.items || !n.members) {
        attn_mem_free(&n);
        return fail(e, ERR_NOMEM, "no memory for attention with %d heads of %d numbers on %d threads", n_head, head_dim,
                    m->threads);
    }
    attn_mem_free(m);
    *m = n;
    return 0;
}

void attn_mem_free(struct attn_mem *m) {
    free(m->scratch), free(m->part), free(m->items), free(m->members);
    m->scratch = m->part = NULL, m->items = NULL, m->members = NULL;
}

/* ---- a wave ---------------------------------------------------------------------------------------------------------------------- */

/* A call and the wave it is in. */
struct wave {
    const struct kernels *k;
    struct pool *pool;
    struct attn_mem *m;
    num *o, *lse, *dq, *dk, *dv;
    const num *q, *od, *dout, *lsed;
    const struct attn_span *sp;
    const struct attn_shape *sh;
    int nsp, n, n_members;
    atomic_int next;
    /* spans cut by chunks: which, where their records begin (in records), and the chunks of this wave */
    int split[WAVE_SPANS], n_split;
    int64_t rec[WAVE_SPANS + 1], chunk0, chunks;
};

static int64_t group_of(const struct wave *w) { return w->sh->n_head / w->sh->n_kv; }
static int64_t first_chunk(const struct wave *w, int64_t pos) { return attn_first_key(w->sh, pos) / ATTN_CHUNK; }
/* Chunks that a span sees at all: from the first key of its first row to its last row. */
static int64_t span_c0(const struct wave *w, const struct attn_span *s) { return first_chunk(w, s->pos0); }
static int64_t span_c1(const struct attn_span *s) { return (s->pos0 + s->rows - 1) / ATTN_CHUNK + 1; }

static struct attn_row row_of(const struct wave *w, const struct attn_span *s, int g, int64_t r) {
    int64_t group = group_of(w), t = r / group, pos = s->pos0 + t;
    return (struct attn_row){
        .unit = (s->row0 + t) * w->sh->n_head + g * group + r % group, .lo = attn_first_key(w->sh, pos), .hi = pos + 1};
}

static void run_wave(struct wave *w, pool_fn fn, double ns) {
    atomic_store(&w->next, 0);
    if (w->n > 0) pool_run(ns < 20000 || w->n == 1 ? NULL : w->pool, fn, w);
}

static num *scratch_of(const struct wave *w, int ith) { return at(w->m, w->m->scratch, attn_scratch(w->m->head_dim) * ith); }

/* ---- forward --------------------------------------------------------------------------------------------------------------------- */

static void by_rows(struct wave *w, const struct attn_item *x, num *scratch) {
    struct attn_row rows[ATTN_ROWS];
    const struct attn_span *s = &w->sp[x->span];
    for (int64_t r = x->r0; r < x->r1; r++) rows[r - x->r0] = row_of(w, s, x->g, r);
    struct attn_block b = {.rows = rows, .n = (int)(x->r1 - x->r0), .g = x->g, .c0 = x->c0, .c1 = x->c1, .kv = &s->kv};
    w->k->attn(w->o, w->lse, NULL, w->q, &b, w->sh, scratch);
}

/* next: what this thread will probably do afterwards. */
static void by_chunk(struct wave *w, const struct attn_item *x, const struct attn_item *next, num *scratch) {
    struct attn_row rows[ATTN_ROWS];
    int64_t group = group_of(w), skip = x->r0, left = x->r1 - x->r0, record = attn_record(w->sh->head_dim);
    struct attn_block b = {.rows = rows, .g = x->g, .c0 = x->c0, .c1 = x->c1};
    for (int i = 0; i < x->members && left > 0; i++) {
        int k = w->m->members[x->member + i];
        const struct attn_span *s = &w->sp[w->split[k]];
        int64_t n = s->rows * group;
        if (!b.kv) b.kv = &s->kv;
        for (int64_t r = skip; r < n && left > 0; r++, left--) {
            struct attn_row *y = &rows[b.n++];
            *y = row_of(w, s, x->g, r);
            y->at = ((w->rec[k] + x->g * n + r) * (w->chunks + 1) + 1 + x->c0 - w->chunk0) * record;
        }
        skip = max64(skip - n, 0);
    }
    if (next && next->span < 0) {
        const struct attn_span *s = &w->sp[w->split[w->m->members[next->member]]];
        b.next = &s->kv, b.next_g = next->g, b.next_c = next->c0;
        b.next_n = (int)(min64(s->pos0 + s->rows, (next->c0 + 1) * ATTN_CHUNK) - next->c0 * ATTN_CHUNK);
    }
    w->k->attn(w->o, w->lse, w->m->part, w->q, &b, w->sh, scratch);
}

static void do_forward(void *ctx, int ith, int nth) {
    struct wave *w = ctx;
    for (int i; (i = atomic_fetch_add(&w->next, 1)) < w->n;) {
        const struct attn_item *x = &w->m->items[i];
        if (x->span >= 0)
            by_rows(w, x, scratch_of(w, ith));
        else
            by_chunk(w, x, i + nth < w->n ? x + nth : NULL, scratch_of(w, ith));
    }
}

/* The records of one span's rows into their states, or into the output. */
static void merge_span(struct wave *w, int k) {
    const struct attn_span *s = &w->sp[w->split[k]];
    int64_t n = s->rows * group_of(w), record = attn_record(w->sh->head_dim);
    for (int g = 0; g < w->sh->n_kv; g++)
        for (int64_t r = 0; r < n; r++) {
            struct attn_row y = row_of(w, s, g, r);
            int64_t c0 = max64(y.lo / ATTN_CHUNK, w->chunk0), c1 = min64((y.hi - 1) / ATTN_CHUNK + 1, w->chunk0 + w->chunks);
            if (c0 >= c1) continue;
            num *state = at(w->m, w->m->part, (w->rec[k] + g * n + r) * (w->chunks + 1) * record);
            int first = c0 == y.lo / ATTN_CHUNK, last = c1 == (y.hi - 1) / ATTN_CHUNK + 1;
            w->k->attn_merge(last ? at(w->m, w->o, y.unit * w->sh->head_dim) : NULL, w->lse ? at(w->m, w->lse, y.unit) : NULL,
                             state, at(w->m, state, (1 + c0 - w->chunk0) * record), c1 - c0, w->sh->head_dim, first);
        }
}

static void do_merge(void *ctx, int ith, int nth) {
    struct wave *w = ctx;
    for (int k = ith; k < w->n_split; k += nth) merge_span(w, k);
}

/* A multiply-add in nanoseconds of one thread, roughly; only to tell small work from large. */
static double ns_of(double macs) { return macs / 20; }

static void flush(struct wave *w, double ns) {
    run_wave(w, do_forward, ns);
    w->n = w->n_members = 0;
}

/* The same pages wherever either of two spans looks in chunk c? */
static int same_pages(const struct wave *w, const struct attn_span *a, const struct attn_span *b, int64_t c) {
    const struct kv_ref *x = &a->kv, *y = &b->kv;
    if (x->page_len != y->page_len || x->k_off != y->k_off || x->v_off != y->v_off || x->fmt != y->fmt) return 0;
    int64_t lo = max64(c * ATTN_CHUNK, attn_first_key(w->sh, min64(a->pos0, b->pos0)));
    int64_t hi = min64((c + 1) * ATTN_CHUNK, max64(a->pos0 + a->rows, b->pos0 + b->rows));
    int64_t own = min64(a->pos0 + a->rows, b->pos0 + b->rows);
    if (own < hi) return 0;
    for (int64_t p = lo / x->page_len; p <= (hi - 1) / x->page_len; p++)
        if (x->pages[p] != y->pages[p]) return 0;
    return 1;
}

static int sees(const struct wave *w, const struct attn_span *s, int64_t c) { return c >= span_c0(w, s) && c < span_c1(s); }

/* Items of chunk c: spans with the same pages together. family[k]: a number that spans which were together in the chunk before share. */
static void add_chunk(struct wave *w, int64_t c, int *family) {
    int taken[WAVE_SPANS] = {0}, old[WAVE_SPANS];
    int64_t group = group_of(w);
    memcpy(old, family, (size_t)w->n_split * sizeof *old);
    for (int k = 0; k < w->n_split; k++) {
        const struct attn_span *s = &w->sp[w->split[k]];
        if (taken[k] || !sees(w, s, c)) continue;
        int first = w->n_members;
        int64_t rows = 0;
        for (int i = k; i < w->n_split; i++) {
            const struct attn_span *z = &w->sp[w->split[i]];
            if (taken[i] || (i != k && (old[i] != old[k] || !sees(w, z, c) || !same_pages(w, s, z, c)))) continue;
            taken[i] = 1, family[i] = k;
            w->m->members[w->n_members++] = i;
            rows += z->rows * group;
        }
        for (int64_t r = 0; r < rows; r += ATTN_ROWS)
            for (int g = 0; g < w->sh->n_kv; g++)
                w->m->items[w->n++] = (struct attn_item){.span = -1,
                                                         .member = first,
                                                         .members = w->n_members - first,
                                                         .g = g,
                                                         .r0 = r,
                                                         .r1 = min64(r + ATTN_ROWS, rows),
                                                         .c0 = c,
                                                         .c1 = c + 1};
    }
}

/* The spans gathered in w->split, chunk by chunk, as many chunks at a time as there is room for. */
static void forward_split(struct wave *w) {
    int64_t rows = w->rec[w->n_split], record = attn_record(w->sh->head_dim), c0 = INT64_MAX, c1 = 0, blocks = 0;
    double ns = 0;
    for (int k = 0; k < w->n_split; k++) {
        const struct attn_span *s = &w->sp[w->split[k]];
        c0 = min64(c0, span_c0(w, s)), c1 = max64(c1, span_c1(s));
        blocks += w->sh->n_kv * (s->rows * group_of(w) / ATTN_ROWS + 1);
        ns += ns_of((double)(s->rows * (span_c1(s) - span_c0(w, s))) * 2 * ATTN_CHUNK * w->sh->n_head * w->sh->head_dim);
    }
    int64_t room = w->m->n_part / (rows * record) - 1;
    room = min64(room, w->m->n_items / blocks), room = min64(room, w->m->n_members / w->n_split);
    assert(room >= 1);
    int family[WAVE_SPANS] = {0};
    w->chunks = min64(room, c1 - c0);
    for (w->chunk0 = c0; w->chunk0 < c1; w->chunk0 += w->chunks) {
        for (int64_t c = w->chunk0; c < min64(w->chunk0 + w->chunks, c1); c++) add_chunk(w, c, family);
        flush(w, ns);
        pool_run(ns < 200000 || w->n_split < 2 ? NULL : w->pool, do_merge, w);
    }
    w->n_split = 0;
}

/* By chunks, if the span has several and not enough rows to keep all threads busy. */
static int wants_split(const struct wave *w, const struct attn_span *s, int threads) {
    int64_t rows = s->rows * group_of(w), chunks = span_c1(s) - span_c0(w, s);
    if (s->rows * w->sh->n_head * 2 * attn_record(w->sh->head_dim) > w->m->n_part) return 0;
    if (w->sh->n_kv * (rows / ATTN_ROWS + 1) * 2 > w->m->n_items) return 0;
    if (w->m->always_split) return 1;
    return chunks > 1 && (rows < SHORT_ROWS || (w->nsp == 1 && (rows + ATTN_ROWS - 1) / ATTN_ROWS * w->sh->n_kv < 3 * threads));
}

static void gather_split(struct wave *w, int i) {
    const struct attn_span *s = &w->sp[i];
    int64_t rows = s->rows * w->sh->n_head, record = attn_record(w->sh->head_dim);
    int64_t blocks = w->sh->n_kv * (s->rows * group_of(w) / ATTN_ROWS + 1);
    if (w->n_split == WAVE_SPANS ||
        (w->n_split && ((w->rec[w->n_split] + rows) * 2 * record > w->m->n_part || blocks * (w->n_split + 1) > w->m->n_items)))
        forward_split(w);
    if (!w->n_split) w->rec[0] = 0;
    w->split[w->n_split++] = i;
    w->rec[w->n_split] = w->rec[w->n_split - 1] + rows;
}

void attn_forward(const struct kernels *k, struct pool *pool, struct attn_mem *m, num *o, num *lse, const num *q,
                  const struct attn_span *sp, int nsp, const struct attn_shape *sh) {
    struct wave w = {.k = k, .pool = pool, .m = m, .o = o, .lse = lse, .q = q, .sp = sp, .sh = sh, .nsp = nsp};
    int64_t group = group_of(&w);
    double ns = 0;
    for (int i = 0; i < nsp; i++)
        if (sp[i].rows > 0 && wants_split(&w, &sp[i], m->threads)) gather_split(&w, i);
    if (w.n_split) forward_split(&w);
    for (int i = nsp - 1; i >= 0; i--) {
        const struct attn_span *s = &sp[i];
        if (s->rows <= 0 || wants_split(&w, s, m->threads)) continue;
        for (int64_t r1 = s->rows * group, r0; r1 > 0; r1 = r0) { /* late rows see most: they go first */
            r0 = (r1 - 1) / ATTN_ROWS * ATTN_ROWS;
            int64_t c0 = first_chunk(&w, s->pos0 + r0 / group), c1 = (s->pos0 + (r1 - 1) / group) / ATTN_CHUNK + 1;
            if (w.n + sh->n_kv > m->n_items) flush(&w, ns), ns = 0;
            for (int g = 0; g < sh->n_kv; g++)
                m->items[w.n++] = (struct attn_item){.span = i, .g = g, .r0 = r0, .r1 = r1, .c0 = c0, .c1 = c1};
            ns += ns_of((double)((r1 - r0) * (c1 - c0)) * 2 * ATTN_CHUNK * sh->n_kv * sh->head_dim);
        }
    }
    flush(&w, ns);
}

/* ---- backward -------------------------------------------------------------------------------------------------------------------- */

/* Own keys of span s in chunk c: [*lo, *hi), may be empty. */
static void own_keys(const struct attn_span *s, int64_t c, int64_t *lo, int64_t *hi) {
    *lo = max64(c * ATTN_CHUNK, s->pos0), *hi = min64((c + 1) * ATTN_CHUNK, s->pos0 + s->rows);
}

static void do_backward(void *ctx, int ith, int nth) {
    struct wave *w = ctx;
    struct attn_row rows[ATTN_STRIP];
    int64_t D = w->sh->head_dim, G = w->sh->n_kv, lo, hi;
    (void)nth;
    for (int i; (i = atomic_fetch_add(&w->next, 1)) < w->n;) {
        const struct attn_item *x = &w->m->items[i];
        const struct attn_span *s = &w->sp[x->span];
        for (int64_t r = x->r0; r < x->r1; r++) rows[r - x->r0] = row_of(w, s, x->g, r);
        struct attn_block b = {.rows = rows, .n = (int)(x->r1 - x->r0), .g = x->g, .c0 = x->c0, .c1 = x->c1, .kv = &s->kv};
        own_keys(s, x->c0, &lo, &hi);
        struct attn_keys own = {.lo = lo, .hi = hi};
        if (lo < hi && x->part < 0) {
            int64_t to = ((s->row0 + lo - s->pos0) * G + x->g) * D;
            own.dk = at(w->m, w->dk, to), own.dv = at(w->m, w->dv, to), own.ld = G * D;
        } else if (lo < hi) {
            own.dk = at(w->m, w->m->part, x->part), own.dv = at(w->m, own.dk, ATTN_CHUNK * D), own.ld = D;
        }
        w->k->attn_back(w->dq, &own, w->dout, w->q, w->od, w->lsed, &b, w->sh, scratch_of(w, ith));
    }
}

/* The strips' parts of dk and dv, in their order. members > 0: so many items from here on are strips of the same keys. */
static void do_add_parts(void *ctx, int ith, int nth) {
    struct wave *w = ctx;
    int64_t D = w->sh->head_dim, G = w->sh->n_kv, lo, hi;
    for (int i = 0, run = 0; i < w->n; i++) {
        const struct attn_item *x = &w->m->items[i];
        if (!x->members || run++ % nth != ith) continue;
        const struct attn_span *s = &w->sp[x->span];
        own_keys(s, x->c0, &lo, &hi);
        for (int n = 0; n < x->members; n++) {
            const num *part = at(w->m, w->m->part, x[n].part);
            for (int64_t j = lo; j < hi; j++) {
                int64_t to = ((s->row0 + j - s->pos0) * G + x->g) * D, from = (j - lo) * D;
                if (x[n].member == 0) {
                    memcpy(at(w->m, w->dk, to), at(w->m, part, from), (size_t)D * w->m->num_bytes);
                    memcpy(at(w->m, w->dv, to), at(w->m, part, from + ATTN_CHUNK * D), (size_t)D * w->m->num_bytes);
                } else {
                    w->k->axpy(at(w->m, w->dk, to), 1, at(w->m, part, from), 0, D);
                    w->k->axpy(at(w->m, w->dv, to), 1, at(w->m, part, from + ATTN_CHUNK * D), 0, D);
                }
            }
        }
    }
}

/* Strips of span s that see chunk c: rows whose window reaches down to it and that stand at or behind its first key. */
static void strips(const struct wave *w, const struct attn_span *s, int64_t c, int64_t *a, int64_t *b) {
    int64_t group = group_of(w), t0 = max64(c * ATTN_CHUNK - s->pos0, 0), t1 = s->rows;
    if (w->sh->window > 0) t1 = min64(t1, (c + 1) * ATTN_CHUNK - 1 + w->sh->window - s->pos0);
    *a = t0 * group / ATTN_STRIP, *b = t1 > t0 ? (t1 * group - 1) / ATTN_STRIP + 1 : *a;
}

static void flush_backward(struct wave *w, double ns, int parts) {
    run_wave(w, do_backward, ns);
    if (parts) pool_run(w->pool, do_add_parts, w);
    w->n = 0;
}

void attn_backward(const struct kernels *k, struct pool *pool, struct attn_mem *m, num *dq, num *dk, num *dv, const num *do_,
                   const num *q, const num *o, const num *lse, const struct attn_span *sp, int nsp, const struct attn_shape *sh) {
    struct wave w = {.k = k,
                     .pool = pool,
                     .m = m,
                     .dq = dq,
                     .dk = dk,
                     .dv = dv,
                     .q = q,
                     .od = o,
                     .dout = do_,
                     .lsed = lse,
                     .sp = sp,
                     .sh = sh,
                     .nsp = nsp};
    int64_t group = group_of(&w), D = sh->head_dim, c0 = INT64_MAX, c1 = 0;
    for (int i = 0; i < nsp; i++)
        if (sp[i].rows > 0) c0 = min64(c0, span_c0(&w, &sp[i])), c1 = max64(c1, span_c1(&sp[i]));
    for (int64_t c = c0; c < c1; c++) {
        int64_t part = 0;
        double ns = 0;
        for (int i = 0; i < nsp; i++) {
            const struct attn_span *s = &sp[i];
            int64_t a, b, lo, hi;
            if (s->rows <= 0 || c < span_c0(&w, s) || c >= span_c1(s)) continue;
            strips(&w, s, c, &a, &b), own_keys(s, c, &lo, &hi);
            int parts = b - a > 1 && lo < hi;
            for (int g = 0; g < sh->n_kv; g++) {
                int lead = -1;
                for (int64_t t = a; t < b; t++) {
                    if (w.n == m->n_items || (parts && part + 2 * ATTN_CHUNK * D > m->n_part)) {
                        flush_backward(&w, ns, part > 0);
                        part = 0, ns = 0, lead = -1;
                    }
                    if (lead < 0) lead = w.n;
                    int64_t r0 = t * ATTN_STRIP, r1 = min64(r0 + ATTN_STRIP, s->rows * group);
                    m->items[w.n++] = (struct attn_item){.span = i,
                                                         .member = (int)(t - a),
                                                         .g = g,
                                                         .r0 = r0,
                                                         .r1 = r1,
                                                         .c0 = c,
                                                         .c1 = c + 1,
                                                         .part = parts ? part : -1};
                    m->items[lead].members += parts;
                    part += parts ? 2 * ATTN_CHUNK * D : 0;
                    ns += ns_of((double)(r1 - r0) * 5 * ATTN_CHUNK * (double)D);
                }
            }
        }
        flush_backward(&w, ns, part > 0);
    }
}
