/* From merges to scores: the k-th piece that is made gets −k, what no merge makes follows in the order of ids, as in the files of
 * SentencePiece (whose numbers may differ, but not their order). From scores to merges: every way to cut a piece into two pieces, ordered by the score of the whole. */
#include "text/tok_scores.h"
#include <stdlib.h>
#include <string.h>

static int by_rank(const void *pa, const void *pb) {
    const struct merge_row *a = pa, *b = pb;
    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1;
    return a->made < b->made ? -1 : a->made > b->made;
}

static int collect_merges(const struct tokenizer *t, struct merge_row **rows, size_t *n, struct err *e) {
    const struct pair_map *m = &t->merges;
    struct merge_row *r = malloc((m->n + 1) * sizeof *r);
    size_t k = 0;
    if (!r) return fail(e, ERR_NOMEM, "out of memory for %zu merges", m->n);
    for (size_t i = 0; i < m->cap; i++)
        if (m->keys[i] != UINT64_MAX)
            r[k++] = (struct merge_row){m->vals[i].x, (uint32_t)(m->keys[i] >> 32), (uint32_t)m->keys[i], m->vals[i].y};
    qsort(r, k, sizeof *r, by_rank);
    *rows = r, *n = k;
    return 0;
}

/* ---- every way to cut a piece into two ---- */

enum { MAX_CUT_BYTES = 1024 }; /* the work is quadratic in a piece; published ones have some hundred bytes at most */

typedef int (*cut_fn)(void *ctx, uint32_t a, uint32_t b, uint32_t made, struct err *e);

/* A half that is one character takes part in SentencePiece whether it is a token or not; merges by rank know tokens alone. */
static int cut_at(const struct tokenizer *t, int64_t id, uint32_t at, uint32_t first, uint32_t last, cut_fn f, void *ctx,
                  struct err *e) {
    const struct piece *p = &t->sym[id];
    uint32_t a = tok__find_plain(t, p->s, at), b = tok__find_plain(t, p->s + at, p->n - at);
    int cut_out = (a != TOK_NONE && t->type[a] == TOK_USER) || (b != TOK_NONE && t->type[b] == TOK_USER);
    if (cut_out) return 0; /* a user-defined token never meets another */
    if (a != TOK_NONE && b != TOK_NONE) return f(ctx, a, b, (uint32_t)id, e);
    if ((a == TOK_NONE && at != first) || (b == TOK_NONE && at != last)) return 0; /* no halves that could be there */
    return fail(e, ERR_UNSUPPORTED,
                "tokenizer: '%.40s' holds a character that is no token, which merges by rank and scores treat differently", p->s);
}

/* Calls f for each way to cut a token into two tokens. */
static int each_cut(const struct tokenizer *t, cut_fn f, void *ctx, struct err *e) {
    for (int64_t id = 0; id < t->n; id++) {
        const struct piece *p = &t->sym[id];
        /* control, byte, or a spelling that another id has; user-defined ones are cut out before anything merges */
        if (!p->n || tok__find_plain(t, p->s, p->n) != (uint32_t)id || t->type[id] == TOK_USER) continue;
        if (p->n > MAX_CUT_BYTES)
            return fail(e, ERR_LIMIT, "tokenizer: expected tokens of at most %d bytes, found '%.40s…' of %u", MAX_CUT_BYTES, p->s,
                        p->n);
        uint32_t first = (uint32_t)utf8_len(p->s, p->n), last = 0;
        for (uint32_t i = 0; i < p->n; i += (uint32_t)utf8_len(p->s + i, p->n - i)) last = i;
        for (uint32_t i = first; i < p->n; i += (uint32_t)utf8_len(p->s + i, p->n - i))
            TRY(cut_at(t, id, i, first, last, f, ctx, e));
    }
    return 0;
}

struct cuts {
    const struct tokenizer *t;
    struct merge_row *rows;
    size_t n, cap;
};

static int add_cut(void *ctx, uint32_t a, uint32_t b, uint32_t made, struct err *e) {
    struct cuts *c = ctx;
    if (c->n == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 1024;
        struct merge_row *p = realloc(c->rows, cap * sizeof *p);
        if (!p) return fail(e, ERR_NOMEM, "out of memory for %zu merges", cap);
        c->rows = p, c->cap = cap;
    }
    c->rows[c->n++] = (struct merge_row){0, a, b, made};
    return 0;
}

/* ---- scores to merges ---- */

struct by_score {
    float score;
    uint32_t id;
};

static int score_order(const void *pa, const void *pb) {
    const struct by_score *a = pa, *b = pb;
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

/* rank[id]: place of a token among all by score, the highest first */
static int rank_tokens(const struct tokenizer *t, uint32_t *rank, struct err *e) {
    struct by_score *s = malloc((size_t)t->n * sizeof *s);
    if (!s) return fail(e, ERR_NOMEM, "out of memory for the order of scores");
    for (int64_t i = 0; i < t->n; i++) s[i] = (struct by_score){t->score[i], (uint32_t)i};
    qsort(s, (size_t)t->n, sizeof *s, score_order);
    for (int64_t i = 0; i < t->n; i++) rank[s[i].id] = (uint32_t)i;
    free(s);
    return 0;
}

/* by_rank, and the cuts of one piece by their left and right ids */
static int cut_order(const void *pa, const void *pb) {
    const struct merge_row *a = pa, *b = pb;
    int c = by_rank(a, b);
    if (c) return c;
    if (a->a != b->a) return a->a < b->a ? -1 : 1;
    return a->b < b->b ? -1 : a->b > b->b;
}

static int merges_of_scores(const struct tokenizer *t, struct merge_row **rows, size_t *n, struct err *e) {
    struct cuts c = {.t = t};
    uint32_t *rank = malloc((size_t)t->n * sizeof *rank);
    int rc = rank ? rank_tokens(t, rank, e) : fail(e, ERR_NOMEM, "out of memory for the order of scores");
    if (rc == 0) rc = each_cut(t, add_cut, &c, e);
    for (size_t i = 0; rc == 0 && i < c.n; i++) c.rows[i].rank = rank[c.rows[i].made];
    free(rank);
    if (rc < 0) {
        free(c.rows);
        return rc;
    }
    if (c.n) qsort(c.rows, c.n, sizeof *c.rows, cut_order);
    *rows = c.rows, *n = c.n;
    return 0;
}

int tok__merge_rows(const struct tokenizer *t, struct merge_row **rows, size_t *n, struct err *e) {
    return t->model == TOK_SPM ? merges_of_scores(t, rows, n, e) : collect_merges(t, rows, n, e);
}

/* ---- merges to scores ---- */

static int must_merge(void *ctx, uint32_t a, uint32_t b, uint32_t made, struct err *e) {
    const struct tokenizer *t = ctx;
    if (tok__pair_get(&t->merges, a, b)) return 0;
    return fail(
        e, ERR_UNSUPPORTED,
        "tokenizer: '%.40s' is spelled by '%.40s' and '%.40s', which do not merge; scores, as GGUF has them, would merge them",
        t->sym[made].s, t->sym[a].s, t->sym[b].s);
}

/* A piece that merges make, with the first and the last of those merges. */
struct made {
    uint32_t id, lo, hi;
};

/* Pieces in the order in which they are first made. at[id]: 1 + the place in the list. What merges make of control tokens does not
 * count: a text that spells one never gives it (README, rule 3). */
static int list_made(const struct tokenizer *t, struct made *list, uint32_t *at, uint32_t *n_made, struct err *e) {
    struct merge_row *r = NULL;
    size_t n = 0;
    int rc = 0;
    uint32_t k = 0;
    TRY(collect_merges(t, &r, &n, e));
    for (size_t i = 0; rc == 0 && i < n; i++) {
        uint32_t id = r[i].made;
        if (id >= t->n || r[i].a >= t->n || r[i].b >= t->n)
            rc = fail(e, ERR_UNSUPPORTED, "tokenizer: merge %u of '%.40s' is not of tokens, and so has no score in GGUF",
                      r[i].rank, t->sym[id].s);
        else if (tok__is_plain(t, id) && !at[id])
            list[k++] = (struct made){id, r[i].rank, r[i].rank}, at[id] = k;
        else if (tok__is_plain(t, id))
            list[at[id] - 1].hi = r[i].rank;
    }
    free(r);
    *n_made = k;
    return rc;
}

/* "    ": one character, repeated. */
static int is_run(const struct piece *p) {
    uint32_t len = (uint32_t)utf8_len(p->s, p->n);
    for (uint32_t i = len; i < p->n; i += len)
        if (p->n - i < len || memcmp(p->s, p->s + i, len) != 0) return 0;
    return 1;
}

/* order[id]: 1 + its place among the pieces that are made. Pieces whose merges interleave have one place, and one score. The published
 * vocabularies have such runs of spaces; of other pieces it would be another tokenizer. */
static int order_made(const struct tokenizer *t, const struct made *list, uint32_t n, uint32_t *order, uint32_t *places,
                      struct err *e) {
    uint32_t k = 0, hi = 0;
    int runs = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct piece *p = &t->sym[list[i].id];
        int apart = i == 0 || list[i].lo > hi;
        runs = is_run(p) && (apart || runs);
        if (!apart && !runs)
            return fail(e, ERR_UNSUPPORTED,
                        "tokenizer: merges of '%.40s' lie between those of another piece, and a score, as in GGUF, is one place",
                        p->s);
        k += (uint32_t)apart;
        if (apart || list[i].hi > hi) hi = list[i].hi;
        order[list[i].id] = k;
    }
    *places = k;
    return 0;
}

static void number_pieces(const struct tokenizer *t, const uint32_t *order, uint32_t k, float *score) {
    for (int64_t i = 0; i < t->n; i++) {
        score[i] = 0;
        if (order[i])
            score[i] = -(float)(order[i] - 1);
        else if (t->type[i] == TOK_NORMAL && t->sym[i].n)
            score[i] = -(float)k++;
    }
}

int tok__scores(const struct tokenizer *t, float *score, struct err *e) {
    size_t n = (size_t)t->n;
    uint32_t n_made = 0, places = 0;
    for (size_t i = 0; i < n; i++) score[i] = t->score[i];
    if (t->model != TOK_BPE_CHARS) return 0;
    uint32_t *at = calloc(n, sizeof *at), *order = calloc(n, sizeof *order);
    struct made *list = calloc(n, sizeof *list);
    int rc = at && order && list ? 0 : fail(e, ERR_NOMEM, "out of memory for %zu scores", n);
    if (rc == 0) rc = list_made(t, list, at, &n_made, e);
    if (rc == 0) rc = order_made(t, list, n_made, order, &places, e);
    if (rc == 0) rc = each_cut(t, must_merge, (void *)(uintptr_t)t, e);
    if (rc == 0) number_pieces(t, order, places, score);
    free(at), free(order), free(list);
    return rc;
}
