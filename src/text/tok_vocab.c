/* The vocabulary of a tokenizer: spellings, symbols, the hash from spelling to symbol, and what tokens stand for.
 *
 * The vocabulary file is untrusted. Duplicate spellings are tolerated (the first keeps the spelling, as an id both decode),
 * merges may name spellings that are no tokens (they become symbols from n on), and every table grows with what the file
 * holds, never with a number the file states. */
#include "base/hash.h"
#include "text/tok_int.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1 << 16 };
struct pool_chunk {
    struct pool_chunk *next;
    size_t used, cap;
    char data[];
};

static int no_memory(struct err *e) { return fail(e, ERR_NOMEM, "out of memory for a vocabulary"); }

/* ---- strings ---- */

int tok__keep(struct tokenizer *t, const char *s, size_t n, struct piece *out, struct err *e) {
    if (n >= UINT32_MAX) return fail(e, ERR_LIMIT, "a vocabulary entry of %zu bytes is too long", n);
    struct pool_chunk *c = t->pool;
    if (!c || c->cap - c->used < n + 1) {
        size_t cap = n + 1 > CHUNK ? n + 1 : CHUNK;
        c = malloc(sizeof *c + cap);
        if (!c) return no_memory(e);
        c->used = 0;
        c->cap = cap;
        c->next = t->pool;
        t->pool = c;
    }
    char *p = c->data + c->used;
    if (n) memcpy(p, s, n);
    p[n] = 0;
    c->used += n + 1;
    *out = (struct piece){p, (uint32_t)n};
    return 0;
}

/* ---- the GPT-2 spelling of bytes: printable Latin-1 stands for itself, the other 68 bytes are U+0100 … U+0143 in order ---- */

static int is_own_code(int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; }

uint32_t tok__byte_code(unsigned char b) {
    if (is_own_code(b)) return b;
    uint32_t k = 256;
    for (int i = 0; i < b; i++) k += !is_own_code(i);
    return k;
}

int tok__code_byte(uint32_t code) {
    if (code < 256) return is_own_code((int)code) ? (int)code : -1;
    if (code >= 256 + 68) return -1;
    if (code < 256 + 33) return (int)code - 256;            /* 0 … 32 */
    if (code < 256 + 67) return (int)code - 256 - 33 + 127; /* 127 … 160 */
    return 173;
}

/* ---- building ---- */

int tok__new(struct tokenizer **out, struct err *e) {
    struct tokenizer *t = calloc(1, sizeof *t);
    if (!t) return no_memory(e);
    t->bos = t->eos = t->unk = t->pad = -1;
    memset(t->byte_sym, 0xFF, sizeof t->byte_sym);
    *out = t;
    return 0;
}

void tokenizer_free(struct tokenizer *t) {
    if (!t) return;
    tok__pair_free(&t->merges);
    tok__trie_free(&t->specials);
    pretok_free(t->pretok);
    free(t->sym);
    free(t->text);
    free(t->type);
    free(t->flag);
    free(t->score);
    free(t->map);
    for (struct pool_chunk *c = t->pool, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(t);
}

int tok__size(struct tokenizer *t, int64_t n, struct err *e) {
    if (n < 1 || n > INT32_MAX / 2) return fail(e, ERR_LIMIT, "expected 1 to %d tokens, found %lld", INT32_MAX / 2, (long long)n);
    size_t k = (size_t)n;
    t->sym = calloc(k, sizeof *t->sym);
    t->text = calloc(k, sizeof *t->text);
    t->type = calloc(k, 1);
    t->flag = calloc(k, 1);
    t->score = calloc(k, sizeof *t->score);
    if (!t->sym || !t->text || !t->type || !t->flag || !t->score) return no_memory(e);
    t->n = t->n_sym = t->cap = n;
    for (size_t i = 0; i < k; i++) {
        t->sym[i] = (struct piece){"", 0};
        t->type[i] = TOK_UNUSED;
    }
    return 0;
}

int tok__set(struct tokenizer *t, int64_t id, const char *s, size_t n, int type, struct err *e) {
    if (id < 0 || id >= t->n)
        return fail(e, ERR_RANGE, "token id %lld is outside the vocabulary of %lld", (long long)id, (long long)t->n);
    TRY(tok__keep(t, s, n, &t->sym[id], e));
    t->type[id] = (unsigned char)(type < 0 || type > TOK_BYTE ? TOK_NORMAL : type);
    return 0;
}

static size_t map_slot(const struct tokenizer *t, const char *s, size_t n) {
    size_t i = (size_t)hash_mix(hash_bytes(HASH_START, s, n)) & (t->map_cap - 1);
    for (;; i = (i + 1) & (t->map_cap - 1)) {
        if (t->map[i] == 0) return i;
        const struct piece *p = &t->sym[t->map[i] - 1];
        if (p->n == n && memcmp(p->s, s, n) == 0) return i;
    }
}

uint32_t tok__find(const struct tokenizer *t, const char *s, size_t n) {
    if (!t->map_cap || n == 0) return TOK_NONE;
    uint32_t v = t->map[map_slot(t, s, n)];
    return v ? v - 1 : TOK_NONE;
}

int tok__is_plain(const struct tokenizer *t, uint32_t sym) {
    if ((int64_t)sym >= t->n) return 0;
    int k = t->type[sym];
    return k != TOK_CONTROL && k != TOK_UNKNOWN && k != TOK_BYTE;
}

uint32_t tok__find_plain(const struct tokenizer *t, const char *s, size_t n) {
    if (n > t->max_piece) return TOK_NONE;
    uint32_t v = tok__find(t, s, n);
    return v != TOK_NONE && tok__is_plain(t, v) ? v : TOK_NONE;
}

static int map_grow(struct tokenizer *t, size_t want, struct err *e) {
    size_t cap = 64;
    while (cap < want * 2) cap *= 2;
    uint32_t *old = t->map, *p = calloc(cap, sizeof *p);
    if (!p) return no_memory(e);
    t->map = p;
    t->map_cap = cap;
    free(old);
    for (int64_t i = 0; i < t->n_sym; i++) {
        if (t->sym[i].n == 0) continue;
        size_t j = map_slot(t, t->sym[i].s, t->sym[i].n);
        if (!t->map[j]) t->map[j] = (uint32_t)i + 1;
    }
    return 0;
}

/* The symbol of a spelling, made if it is new. */
static int intern(struct tokenizer *t, const char *s, size_t n, uint32_t *out, struct err *e) {
    *out = tok__find(t, s, n);
    if (*out != TOK_NONE) return 0;
    if ((size_t)t->n_sym * 2 >= t->map_cap) TRY(map_grow(t, (size_t)t->n_sym + 1, e));
    if (t->n_sym == t->cap) {
        int64_t cap = t->cap * 2;
        struct piece *p = realloc(t->sym, (size_t)cap * sizeof *p);
        if (!p) return no_memory(e);
        t->sym = p;
        t->cap = cap;
    }
    size_t slot = map_slot(t, s, n);
    TRY(tok__keep(t, s, n, &t->sym[t->n_sym], e));
    *out = (uint32_t)t->n_sym++;
    t->map[slot] = *out + 1;
    return 0;
}

static int index_bytes(struct tokenizer *t, struct err *e) {
    for (int b = 0; b < 256; b++) {
        char s[8];
        if (t->model == TOK_BPE_BYTES) {
            size_t n = utf8_put(s, tok__byte_code((unsigned char)b));
            TRY(intern(t, s, n, &t->byte_sym[b], e));
            continue;
        }
        static const char hex[] = "0123456789ABCDEF";
        memcpy(s, "<0x00>", 6);
        s[3] = hex[b >> 4];
        s[4] = hex[b & 15];
        t->byte_sym[b] = tok__find(t, s, 6);
    }
    return 0;
}

int tok__index(struct tokenizer *t, struct err *e) {
    TRY(map_grow(t, (size_t)t->n_sym + 256, e));
    for (int64_t i = 0; i < t->n; i++) {
        if (t->sym[i].n > t->max_piece) t->max_piece = t->sym[i].n;
        if (!isfinite(t->score[i])) t->score[i] = -1e30f; /* a NaN has no place in an order */
    }
    return index_bytes(t, e);
}

int tok__merge(struct tokenizer *t, struct piece l, struct piece r, uint32_t rank, struct err *e) {
    uint32_t a, b, made;
    size_t n = (size_t)l.n + r.n;
    if (l.n == 0 || r.n == 0) return fail(e, ERR_FORMAT, "merge %u: expected two pieces, found an empty one", rank);
    char small[256], *buf = n <= sizeof small ? small : malloc(n);
    if (!buf) return no_memory(e);
    memcpy(buf, l.s, l.n);
    memcpy(buf + l.n, r.s, r.n);
    int rc = intern(t, l.s, l.n, &a, e);
    if (rc == 0) rc = intern(t, r.s, r.n, &b, e);
    if (rc == 0) rc = intern(t, buf, n, &made, e);
    if (rc == 0) rc = tok__pair_add(&t->merges, a, b, (struct pair_val){rank, made}, e);
    if (buf != small) free(buf);
    return rc;
}

int tok__merge_line(struct tokenizer *t, const char *s, size_t n, uint32_t rank, struct err *e) {
    const char *sp = n > 2 ? memchr(s + 1, ' ', n - 2) : NULL;
    if (!sp)
        return fail(e, ERR_FORMAT, "merge %u: expected two pieces with a space between, found '%.*s'", rank,
                    (int)(n > 40 ? 40 : n), s);
    struct piece l = {s, (uint32_t)(sp - s)}, r = {sp + 1, (uint32_t)(n - (size_t)(sp - s) - 1)};
    return tok__merge(t, l, r, rank, e);
}

/* ---- what tokens stand for ---- */

static int text_of_bytes(const struct piece *p, struct str *b) {
    for (size_t i = 0, len; i < p->n; i += len) {
        len = utf8_len(p->s + i, p->n - i);
        int byte = len > 1 || (unsigned char)p->s[i] < 0x80 ? tok__code_byte(utf8_code(p->s + i, len)) : -1;
        char c = (char)byte;
        if (byte >= 0)
            str_add(b, &c, 1);
        else
            str_add(b, p->s + i, len);
    }
    return b->failed;
}

static int text_of_chars(const struct piece *p, struct str *b) {
    for (size_t i = 0; i < p->n;) {
        int space = p->n - i >= 3 && memcmp(p->s + i, "\xE2\x96\x81", 3) == 0;
        str_add(b, space ? " " : p->s + i, 1);
        i += space ? 3 : 1;
    }
    return b->failed;
}

static int is_byte_piece(const struct tokenizer *t, int64_t id, unsigned *byte) {
    const struct piece *p = &t->sym[id];
    if (t->model == TOK_BPE_BYTES || p->n != 6 || memcmp(p->s, "<0x", 3) != 0 || p->s[5] != '>') return 0;
    if (t->type[id] != TOK_BYTE && t->type[id] != TOK_NORMAL) return 0;
    char hex[3] = {p->s[3], p->s[4], 0}, *end;
    *byte = (unsigned)strtoul(hex, &end, 16);
    return end == hex + 2 && hex[0] != '+' && hex[0] != '-' && hex[0] != ' ';
}

static int make_text(struct tokenizer *t, int64_t id, struct str *b, struct err *e) {
    const struct piece *p = &t->sym[id];
    int k = t->type[id];
    unsigned byte;
    if (k == TOK_CONTROL || k == TOK_UNKNOWN || k == TOK_USER) {
        t->text[id] = *p;
        return 0;
    }
    if (k == TOK_UNUSED) { /* a row of the embedding without a meaning, whatever it is called */
        t->text[id] = (struct piece){"", 0};
        return 0;
    }
    str_clear(b);
    if (is_byte_piece(t, id, &byte)) {
        char c = (char)byte;
        str_add(b, &c, 1);
        t->type[id] = TOK_BYTE;
    } else if (t->model == TOK_BPE_BYTES) {
        text_of_bytes(p, b);
    } else {
        text_of_chars(p, b);
    }
    if (b->failed) return no_memory(e);
    return tok__keep(t, b->s, b->len, &t->text[id], e);
}

/* What the published chat models end a turn or a text with; only tokens of type control or user-defined count. */
static const char *const end_names[] = {
    "</s>",
    "<eos>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|end_of_turn|>",
    "<|endofturn|>",
    "<|return|>",
    "<|call|>",
    "<|EOT|>",
    "<EOT>",
    "_<EOT>",
    "<\xEF\xBD\x9C"
    "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
    "<|eot|>",
    "<|eom|>",
};

int tok__mark_end(struct tokenizer *t, int64_t id) {
    if (id < 0 || id >= t->n) return 0;
    t->flag[id] |= TOK_END;
    return 1;
}

int tok__end_by_name(const struct tokenizer *t, int64_t id) {
    if (t->type[id] != TOK_CONTROL && t->type[id] != TOK_USER) return 0;
    for (size_t i = 0; i < sizeof end_names / sizeof *end_names; i++)
        if (strlen(end_names[i]) == t->sym[id].n && memcmp(end_names[i], t->sym[id].s, t->sym[id].n) == 0) return 1;
    return 0;
}

static void mark_ends(struct tokenizer *t) {
    tok__mark_end(t, t->eos);
    for (size_t i = 0; i < sizeof end_names / sizeof *end_names; i++) {
        uint32_t id = tok__find(t, end_names[i], strlen(end_names[i]));
        if ((int64_t)id < t->n && tok__end_by_name(t, id)) tok__mark_end(t, id);
    }
}

int tok__finish(struct tokenizer *t, struct err *e) {
    struct str b = {0};
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < t->n; i++) {
        rc = make_text(t, i, &b, e);
        int k = t->type[i];
        if (rc == 0 && t->sym[i].n && (k == TOK_CONTROL || k == TOK_USER || k == TOK_UNKNOWN))
            rc = tok__trie_add(&t->specials, t->sym[i].s, t->sym[i].n, (uint32_t)i, e);
    }
    str_free(&b);
    if (t->bos >= t->n) t->bos = -1;
    if (t->eos >= t->n) t->eos = -1;
    if (t->unk >= t->n) t->unk = -1;
    if (t->pad >= t->n) t->pad = -1;
    mark_ends(t);
    return rc;
}
