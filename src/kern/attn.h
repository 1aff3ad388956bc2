/* Private to the room: attention cut into blocks of rows and chunks of keys, and the memory that takes.
 *
 * Canonical order (every table, every cut): keys go in chunks of ATTN_CHUNK, aligned to position 0. For one row and one chunk, from the
 * keys that the row sees there: m = max of the scaled scores, s = Σ exp(score - m), a = Σ exp(score - m) v, each from zero. The chunks of
 * a row are then added in ascending order to a state (M, S, A) that begins empty (-∞, 0, 0):
 *   M' = max(M, m),  S' = S exp(M - M') + s exp(m - M'),  A' = A exp(M - M') + a exp(m - M')
 * and o = A / S, lse = M + log S. So a chunk may be attended by any thread, together with any other rows that have the same pages there,
 * and the sum of a row does not know. */
#ifndef KERN_ATTN_H
#define KERN_ATTN_H
#include "kern/device.h"

enum { ATTN_CHUNK = 128, ATTN_ROWS = 64, ATTN_STRIP = 4 * ATTN_ROWS };

/* A row of a block: row*H + head of q and o; it sees the keys lo ≤ j < hi. at: where its record for the block's first chunk lies. */
struct attn_row {
    int64_t unit, lo, hi, at;
};
/* n rows of the heads of key group g, whose keys lie in the same pages in chunks c0 ≤ c < c1. */
struct attn_block {
    const struct attn_row *rows;
    int n, g;
    int64_t c0, c1;
    const struct kv_ref *kv;
    const struct kv_ref
        *next; /* worth fetching ahead: next_n keys and values of group next_g from chunk next_c on. NULL: nothing */
    int next_g, next_n;
    int64_t next_c;
};

/* Where the gradients of the keys lo ≤ j < hi of a chunk go: dk + (j - lo) ld, dv alike. Empty: nowhere. */
struct attn_keys {
    num *dk, *dv;
    int64_t ld, lo, hi;
};

/* Nums of one record (m, s, a) and of one thread's scratch. */
static inline int64_t attn_record(int head_dim) { return head_dim + 2; }
static inline int64_t attn_pad(int64_t D) { return (D + 31) / 32 * 32; }
static inline int64_t attn_scratch(int head_dim) {
    return (10 * ATTN_ROWS + 8 * ATTN_CHUNK) * attn_pad(head_dim) + 4 * ATTN_CHUNK * ATTN_ROWS + 1024;
}

/* What a device keeps for attention: scratch of each thread, and what one wave of work needs. */
struct attn_item;
struct attn_mem {
    int threads, head_dim, n_head;
    size_t num_bytes;
    num *scratch, *part;
    int64_t n_part; /* nums */
    struct attn_item *items;
    int32_t *members;
    int n_items, n_members;
    int always_split; /* for tests: every span by chunks */
};
/* What attn_mem_reserve would hold then, in bytes. */
int64_t attn_mem_bytes(const struct attn_mem *m, int head_dim, int n_head);
int attn_mem_reserve(struct attn_mem *m, int head_dim, int n_head, struct err *e); /* threads and num_bytes are set */
void attn_mem_free(struct attn_mem *m);
void attn_forward(const struct kernels *k, struct pool *pool, struct attn_mem *m, num *o, num *lse, const num *q,
                  const struct attn_span *sp, int nsp, const struct attn_shape *sh);
void attn_backward(const struct kernels *k, struct pool *pool, struct attn_mem *m, num *dq, num *dk, num *dv, const num *do_,
                   const num *q, const num *o, const num *lse, const struct attn_span *sp, int nsp, const struct attn_shape *sh);

static inline int64_t attn_first_key(const struct attn_shape *sh, int64_t pos) {
    return sh->window > 0 && pos + 1 > sh->window ? pos + 1 - sh->window : 0;
}
#endif
