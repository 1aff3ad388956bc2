/* What the files of this room share: the inside of a struct tokenizer.
 *
 * Three nouns. A *piece* is the spelling of a token in the vocabulary file. A *text* is the bytes a token stands for. A *symbol*
 * is what merging works on: ids below n are tokens; symbols from n on are spellings that merges name but the vocabulary
 * lacks, kept so that a merge chain may pass through them. Everything lives as long as the tokenizer; strings lie in its pool. */
#ifndef TEXT_TOK_INT_H
#define TEXT_TOK_INT_H
#include "base/str.h"
#include "text/pretok.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

/* values as GGUF stores them */
enum tok_type { TOK_UNDEFINED, TOK_NORMAL, TOK_UNKNOWN, TOK_CONTROL, TOK_USER, TOK_UNUSED, TOK_BYTE };
enum tok_model {
    TOK_BPE_BYTES, /* merges by rank over bytes in the GPT-2 spelling */
    TOK_BPE_CHARS, /* merges by rank over characters, bytes as <0xXX> (tokenizer.json of the Llama family) */
    TOK_SPM        /* merges by score over characters, bytes as <0xXX> */
};
enum { TOK_LSTRIP = 1, TOK_RSTRIP = 2, TOK_END = 4 }; /* per-token flags */
#define TOK_NONE UINT32_MAX

struct piece {
    const char *s;
    uint32_t n;
};

/* (a, b) -> (x, y); keys are never both TOK_NONE */
struct pair_val {
    uint32_t x, y;
};
struct pair_map {
    uint64_t *keys;
    struct pair_val *vals;
    size_t cap, n;
};
int tok__pair_add(struct pair_map *m, uint32_t a, uint32_t b, struct pair_val v, struct err *e); /* the first of equals stays */
int tok__pair_set(struct pair_map *m, uint32_t a, uint32_t b, struct pair_val v, struct err *e); /* the last of equals stays */
const struct pair_val *tok__pair_get(const struct pair_map *m, uint32_t a, uint32_t b);
void tok__pair_free(struct pair_map *m);

/* Trie of spellings to split off before anything else looks at the text. */
struct tok_trie {
    struct pair_map step;
    uint32_t *id;
    size_t n, cap;
};
int tok__trie_add(struct tok_trie *t, const char *s, size_t n, uint32_t id, struct err *e);
void tok__trie_free(struct tok_trie *t);

enum norm_kind { NORM_FORM, NORM_PREPEND, NORM_REPLACE };
struct tok_norm {
    enum norm_kind kind;
    enum normal_form form;
    struct piece a, b;
};
enum { TOK_MAX_NORMS = 16, TOK_MAX_ENDS = 16 };

struct tokenizer {
    enum tok_model model;
    int64_t n;           /* tokens */
    int64_t rows;        /* ids from n to here have no text (tokenizer_rows) */
    int64_t n_sym, cap;  /* symbols, of which the first n are tokens */
    struct piece *sym;   /* [n_sym] spelling */
    struct piece *text;  /* [n] bytes emitted */
    unsigned char *type; /* [n] enum tok_type */
    unsigned char *flag; /* [n] TOK_LSTRIP … */
    float *score;        /* [n], SPM only */
    uint32_t *map;       /* spelling -> symbol + 1, open addressing */
    size_t map_cap;
    size_t max_piece;
    struct pair_map merges; /* (left, right) -> (rank, merged symbol) */
    struct tok_trie specials;
    struct pretok *pretok; /* NULL: none */
    struct tok_norm norm[TOK_MAX_NORMS];
    int n_norm;
    uint32_t byte_sym[256]; /* BPE_BYTES: symbol of a byte; else id of <0xXX> or TOK_NONE */
    tok bos, eos, unk, pad;
    int add_bos, add_eos;
    int space_prefix;  /* a space goes before the first text and after special tokens */
    int first_only;    /* … but only before the first text */
    int prefix_unless; /* … and only where the text does not begin with one */
    int escape_space;  /* ' ' is spelled U+2581 */
    int strip_space;   /* decode: one leading space is dropped */
    int whole_words;   /* a word that is a token is not taken apart ("ignore_merges") */
    int byte_fallback, fuse_unk;
    struct pool_chunk *pool;
};

/* building, in this order: new, size, set…, index, merge…, finish */
int tok__new(struct tokenizer **out, struct err *e);
int tok__size(struct tokenizer *t, int64_t n, struct err *e); /* n empty unused tokens */
int tok__set(struct tokenizer *t, int64_t id, const char *s, size_t n, int type, struct err *e);
int tok__index(struct tokenizer *t, struct err *e);
int tok__merge(struct tokenizer *t, struct piece left, struct piece right, uint32_t rank, struct err *e);
int tok__merge_line(struct tokenizer *t, const char *s, size_t n, uint32_t rank, struct err *e); /* "left right" */
int tok__finish(struct tokenizer *t, struct err *e);
int tok__keep(struct tokenizer *t, const char *s, size_t n, struct piece *out, struct err *e); /* copy into the pool */
uint32_t tok__find(const struct tokenizer *t, const char *s, size_t n);                        /* symbol or TOK_NONE */
/* As a piece of plain text: a token that is neither control, unknown nor byte; or TOK_NONE. */
uint32_t tok__find_plain(const struct tokenizer *t, const char *s, size_t n);
int tok__is_plain(const struct tokenizer *t, uint32_t sym);
int tok__mark_end(struct tokenizer *t, int64_t id);
int tok__end_by_name(const struct tokenizer *t, int64_t id); /* its spelling alone marks it as an end */
/* Every byte has a token, so that no character is unknown. */
static inline int tok__all_bytes(const struct tokenizer *t) {
    for (int b = 0; b < 256; b++)
        if (t->byte_sym[b] == TOK_NONE) return 0;
    return 1;
}
/* space_prefix, first_only, prefix_unless, strip_space as bits 1, 2, 4, 8, for tokenizer.candor.prefix */
static inline unsigned tok__prefix_bits(const struct tokenizer *t) {
    return (t->space_prefix ? 1u : 0) | (t->space_prefix && t->first_only ? 2u : 0) |
           (t->space_prefix && t->prefix_unless ? 4u : 0) | (t->strip_space ? 8u : 0);
}
/* byte -> code point of the GPT-2 spelling; code point -> byte, -1: none */
uint32_t tok__byte_code(unsigned char b);
int tok__code_byte(uint32_t code);

/* loaders */
int tok__from_gguf(struct tokenizer *t, const struct weights *w, struct err *e);
int tok__from_dir(struct tokenizer *t, const char *dir, struct err *e);

/* Merging, one algorithm for both kinds: a linked list of symbols and a heap of candidate pairs; O(n log n). */
struct merge_cand {
    uint32_t prio, left, a, b, made;
};
struct merge_work {
    uint32_t *sym, *start; /* [n], start[n] = end of the word */
    int32_t *prev, *next;
    size_t n, cap;
    struct merge_cand *heap;
    size_t n_heap, heap_cap;
    uint64_t steps; /* merges tried, for tests */
};
/* 1 and *prio (smaller first), *made: the pair at bytes [from, to) may merge; 0: it may not */
typedef int (*merge_rule)(const void *ctx, uint32_t a, uint32_t b, size_t from, size_t to, uint32_t *prio, uint32_t *made);
int tok__merge_room(struct merge_work *w, size_t n, struct err *e); /* sym[n], start[n + 1] */
int tok__merge_run(struct merge_work *w, merge_rule rule, const void *ctx, struct err *e);
void tok__merge_free(struct merge_work *w);

/* One encode call. */
struct encoder {
    const struct tokenizer *t;
    struct toks *out;
    struct merge_work work;
    int64_t word_from;     /* ids before this one belong to other words */
    struct str a, b, word; /* two ends of the normaliser chain; the spelling of one word */
};
int tok__bpe_word(struct encoder *c, const char *s, size_t n, struct err *e);
int tok__spm_text(struct encoder *c, const char *s, size_t n, struct err *e);
/* An unknown character: bytes, or the unknown token. */
int tok__emit_bytes(struct encoder *c, const char *s, size_t n, struct err *e);
#endif
