/* The trainer. Distinct words are kept once with their count, as runs of symbols in one array; every pair knows its count and
 * the words it was seen in, so a merge touches only those words. A heap yields the most frequent pair; its entries may be out of date
 * (counts of old pairs only fall) and are refreshed when they come up. A word may stand in a list after it lost the pair:
 * then it is scanned in vain, which is cheaper than keeping lists exact. */
#include "text/bpe_train.h"
#include "base/hash.h"
#include "text/tok_int.h"
#include <stdlib.h>
#include <string.h>

struct word {
    const char *s;
    uint32_t n;
    uint32_t sym;
    int64_t count;
}; /* n: bytes, later symbols; sym: offset */
struct pair {
    int64_t count;
    uint32_t a, b;
    uint32_t *words;
    uint32_t n, cap;
    int touched;
};
struct rank {
    int64_t count;
    uint32_t a, b, pair;
};
struct trainer {
    struct word *words;
    size_t n_words, cap_words;
    uint32_t *slots; /* hash of words: index + 1 */
    size_t n_slots;
    uint32_t *sym;
    struct pair *pairs;
    size_t n_pairs, cap_pairs;
    struct pair_map of_pair;
    struct rank *heap;
    size_t n_heap, cap_heap;
    uint32_t *touched;
    size_t n_touched, cap_touched;
    struct tokenizer *t; /* spellings: the symbols of a byte-level tokenizer under construction */
    struct bpe_vocab v;
    int32_t room; /* capacity of v.tokens and v.merges */
};

static int no_memory(struct err *e) { return fail(e, ERR_NOMEM, "out of memory while training a vocabulary"); }

/* room for one more in a growing array */
static int more(void *pp, size_t n, size_t *cap, size_t size, struct err *e) {
    if (n < *cap) return 0;
    void **p = pp;
    size_t k = *cap ? *cap * 2 : 256;
    void *q = realloc(*p, k * size);
    if (!q) return no_memory(e);
    *p = q;
    *cap = k;
    return 0;
}

/* ---- counting words ---- */

static size_t word_slot(const struct trainer *r, const char *s, size_t n) {
    size_t i = (size_t)hash_mix(hash_bytes(HASH_START, s, n)) & (r->n_slots - 1);
    for (; r->slots[i]; i = (i + 1) & (r->n_slots - 1)) {
        const struct word *w = &r->words[r->slots[i] - 1];
        if (w->n == n && memcmp(w->s, s, n) == 0) break;
    }
    return i;
}

static int grow_slots(struct trainer *r, struct err *e) {
    if (r->n_words * 2 < r->n_slots) return 0;
    size_t n = r->n_slots ? r->n_slots * 2 : 1024;
    uint32_t *p = calloc(n, sizeof *p);
    if (!p) return no_memory(e);
    free(r->slots);
    r->slots = p;
    r->n_slots = n;
    for (size_t i = 0; i < r->n_words; i++) p[word_slot(r, r->words[i].s, r->words[i].n)] = (uint32_t)i + 1;
    return 0;
}

static int count_word(void *ctx, const char *s, size_t n, struct err *e) {
    struct trainer *r = ctx;
    TRY(grow_slots(r, e));
    size_t i = word_slot(r, s, n);
    if (r->slots[i]) {
        r->words[r->slots[i] - 1].count++;
        return 0;
    }
    TRY(more(&r->words, r->n_words, &r->cap_words, sizeof *r->words, e));
    r->words[r->n_words++] = (struct word){.s = s, .n = (uint32_t)n, .count = 1};
    r->slots[i] = (uint32_t)r->n_words;
    return 0;
}

static size_t special_len(const char *s, size_t n, const char *const *specials, int n_specials) {
    size_t best = 0;
    for (int i = 0; i < n_specials; i++) {
        if (specials[i][0] != s[0]) continue;
        size_t k = strlen(specials[i]);
        if (k > best && k <= n && memcmp(s, specials[i], k) == 0) best = k;
    }
    return best;
}

static int count_words(struct trainer *r, const struct pretok *p, const char *s, size_t n, const char *const *specials,
                       int n_specials, struct err *e) {
    size_t from = 0, i = 0;
    while (i < n) {
        size_t k = special_len(s + i, n - i, specials, n_specials);
        if (k) TRY(pretok_split(p, s + from, i - from, count_word, r, e));
        i += k ? k : 1;
        if (k) from = i;
    }
    return pretok_split(p, s + from, n - from, count_word, r, e);
}

/* ---- pairs ---- */

static int pair_at(struct trainer *r, uint32_t a, uint32_t b, uint32_t *out, struct err *e) {
    const struct pair_val *v = tok__pair_get(&r->of_pair, a, b);
    if (v) {
        *out = v->x;
        return 0;
    }
    TRY(more(&r->pairs, r->n_pairs, &r->cap_pairs, sizeof *r->pairs, e));
    *out = (uint32_t)r->n_pairs;
    TRY(tok__pair_add(&r->of_pair, a, b, (struct pair_val){*out, 0}, e));
    r->pairs[r->n_pairs++] = (struct pair){.a = a, .b = b};
    return 0;
}

static int touch(struct trainer *r, uint32_t p, struct err *e) {
    if (r->pairs[p].touched) return 0;
    TRY(more(&r->touched, r->n_touched, &r->cap_touched, sizeof *r->touched, e));
    r->touched[r->n_touched++] = p;
    r->pairs[p].touched = 1;
    return 0;
}

static int note_word(struct pair *p, uint32_t w, struct err *e) {
    if (p->n && p->words[p->n - 1] == w) return 0;
    size_t cap = p->cap;
    TRY(more(&p->words, p->n, &cap, sizeof *p->words, e));
    p->cap = (uint32_t)cap;
    p->words[p->n++] = w;
    return 0;
}

/* Adds sign * count to every pair of a word; pairs with `made` in them (any, if TOK_NONE) learn the word. */
static int count_pairs(struct trainer *r, uint32_t w, int sign, uint32_t made, struct err *e) {
    const struct word *x = &r->words[w];
    for (uint32_t i = 0; i + 1 < x->n; i++) {
        uint32_t a = r->sym[x->sym + i], b = r->sym[x->sym + i + 1], p;
        TRY(pair_at(r, a, b, &p, e));
        r->pairs[p].count += sign * x->count;
        if (sign < 0 || (made != TOK_NONE && a != made && b != made)) continue;
        TRY(note_word(&r->pairs[p], w, e));
        TRY(touch(r, p, e));
    }
    return 0;
}

/* ---- heap: most frequent first ---- */

static int ahead(const struct rank *x, const struct rank *y) {
    if (x->count != y->count) return x->count > y->count;
    return x->a != y->a ? x->a < y->a : x->b < y->b;
}

static int push(struct trainer *r, uint32_t p, struct err *e) {
    TRY(more(&r->heap, r->n_heap, &r->cap_heap, sizeof *r->heap, e));
    struct rank x = {r->pairs[p].count, r->pairs[p].a, r->pairs[p].b, p};
    size_t i = r->n_heap++;
    for (; i > 0 && ahead(&x, &r->heap[(i - 1) / 2]); i = (i - 1) / 2) r->heap[i] = r->heap[(i - 1) / 2];
    r->heap[i] = x;
    return 0;
}

static struct rank pop(struct trainer *r) {
    struct rank top = r->heap[0], last = r->heap[--r->n_heap];
    size_t i = 0, k;
    while ((k = 2 * i + 1) < r->n_heap) {
        if (k + 1 < r->n_heap && ahead(&r->heap[k + 1], &r->heap[k])) k++;
        if (!ahead(&r->heap[k], &last)) break;
        r->heap[i] = r->heap[k];
        i = k;
    }
    r->heap[i] = last;
    return top;
}

static int push_touched(struct trainer *r, struct err *e) {
    for (size_t i = 0; i < r->n_touched; i++) {
        r->pairs[r->touched[i]].touched = 0;
        TRY(push(r, r->touched[i], e));
    }
    r->n_touched = 0;
    return 0;
}

/* ---- merging ---- */

static int has_pair(const struct trainer *r, const struct word *x, uint32_t a, uint32_t b) {
    for (uint32_t i = 0; i + 1 < x->n; i++)
        if (r->sym[x->sym + i] == a && r->sym[x->sym + i + 1] == b) return 1;
    return 0;
}

/* Joins a b into made throughout a word, from the left. */
static void join(struct trainer *r, struct word *x, uint32_t a, uint32_t b, uint32_t made) {
    uint32_t *s = r->sym + x->sym, k = 0;
    for (uint32_t i = 0; i < x->n; k++) {
        int hit = i + 1 < x->n && s[i] == a && s[i + 1] == b;
        s[k] = hit ? made : s[i];
        i += hit ? 2 : 1;
    }
    x->n = k;
}

static int add_text(char ***list, int32_t *n, const char *s, size_t k, struct err *e) {
    char *z = malloc(k + 1);
    if (!z) return no_memory(e);
    memcpy(z, s, k); /* s ends without a zero */
    z[k] = 0;
    (*list)[(*n)++] = z;
    return 0;
}

/* Records the merge; a spelling that exists already (reached by another road) keeps its id. */
static int make_token(struct trainer *r, uint32_t a, uint32_t b, uint32_t *made, struct err *e) {
    struct tokenizer *t = r->t;
    struct piece x = t->sym[a], y = t->sym[b];
    int64_t before = t->n_sym;
    TRY(tok__merge(t, x, y, (uint32_t)r->v.n_merges, e));
    *made = tok__pair_get(&t->merges, a, b)->y;
    const struct piece *z = &t->sym[*made];
    if (t->n_sym > before) TRY(add_text(&r->v.tokens, &r->v.n_tokens, z->s, z->n, e));
    char *line = malloc((size_t)x.n + y.n + 2);
    if (!line) return no_memory(e);
    memcpy(line, x.s, x.n);
    line[x.n] = ' ';
    memcpy(line + x.n + 1, y.s, (size_t)y.n + 1);
    r->v.merges[r->v.n_merges++] = line;
    return 0;
}

static int merge_pair(struct trainer *r, uint32_t p, struct err *e) {
    uint32_t a = r->pairs[p].a, b = r->pairs[p].b, made;
    TRY(make_token(r, a, b, &made, e));
    uint32_t *list = r->pairs[p].words, n = r->pairs[p].n;
    r->pairs[p].words = NULL; /* the pair cannot come back into these words except through `made` */
    r->pairs[p].n = r->pairs[p].cap = 0;
    int rc = 0;
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        struct word *x = &r->words[list[i]];
        if (!has_pair(r, x, a, b)) continue;
        rc = count_pairs(r, list[i], -1, made, e);
        join(r, x, a, b, made);
        if (rc == 0) rc = count_pairs(r, list[i], 1, made, e);
    }
    free(list);
    return rc < 0 ? rc : push_touched(r, e);
}

static int merge_all(struct trainer *r, int32_t want, struct err *e) {
    while (r->v.n_tokens < want && r->n_heap && r->v.n_merges < r->room) {
        struct rank top = pop(r);
        int64_t now = r->pairs[top.pair].count;
        if (now != top.count) {
            if (now > 1 && now < top.count) TRY(push(r, top.pair, e));
            continue;
        }
        if (now < 2) break;
        TRY(merge_pair(r, top.pair, e));
    }
    return 0;
}

/* ---- the whole ---- */

static int start_symbols(struct trainer *r, struct err *e) {
    size_t total = 0;
    for (size_t i = 0; i < r->n_words; i++) total += r->words[i].n;
    if (total >= UINT32_MAX) return fail(e, ERR_LIMIT, "too many distinct words to train on (%zu bytes)", total);
    r->sym = malloc((total + 1) * sizeof *r->sym);
    if (!r->sym) return no_memory(e);
    uint32_t at = 0;
    for (size_t i = 0; i < r->n_words; i++) {
        r->words[i].sym = at;
        for (uint32_t k = 0; k < r->words[i].n; k++) r->sym[at++] = r->t->byte_sym[(unsigned char)r->words[i].s[k]];
        TRY(count_pairs(r, (uint32_t)i, 1, TOK_NONE, e));
    }
    return push_touched(r, e);
}

/* The 256 bytes in the order of GPT-2's vocabulary: the printable ones first. */
static int start_bytes(struct trainer *r, struct err *e) {
    TRY(tok__new(&r->t, e));
    r->t->model = TOK_BPE_BYTES;
    TRY(tok__size(r->t, 256, e));
    int64_t id = 0;
    for (int printable = 1; printable >= 0; printable--) {
        for (int b = 0; b < 256; b++) {
            uint32_t code = tok__byte_code((unsigned char)b);
            if ((code < 256) != printable) continue;
            char s[4];
            size_t n = utf8_put(s, code);
            TRY(tok__set(r->t, id++, s, n, TOK_NORMAL, e));
            TRY(add_text(&r->v.tokens, &r->v.n_tokens, s, n, e));
        }
    }
    return tok__index(r->t, e);
}

static void trainer_fini(struct trainer *r) {
    for (size_t i = 0; i < r->n_pairs; i++) free(r->pairs[i].words);
    tok__pair_free(&r->of_pair);
    tokenizer_free(r->t);
    free(r->words);
    free(r->slots);
    free(r->sym);
    free(r->pairs);
    free(r->heap);
    free(r->touched);
    bpe_vocab_free(&r->v);
}

static int train(struct trainer *r, const struct pretok *p, const char *text, size_t n, const char *const *specials,
                 int n_specials, int vocab_size, struct err *e) {
    r->room = vocab_size * 2; /* a spelling reached twice costs a merge but no token */
    r->v.tokens = calloc((size_t)vocab_size, sizeof *r->v.tokens);
    r->v.merges = calloc((size_t)r->room, sizeof *r->v.merges);
    if (!r->v.tokens || !r->v.merges) return no_memory(e);
    TRY(start_bytes(r, e));
    TRY(count_words(r, p, text, n, specials, n_specials, e));
    TRY(start_symbols(r, e));
    TRY(merge_all(r, vocab_size - n_specials, e));
    for (int i = 0; i < n_specials; i++) TRY(add_text(&r->v.tokens, &r->v.n_tokens, specials[i], strlen(specials[i]), e));
    r->v.n_specials = n_specials;
    return 0;
}

int bpe_train(const char *text, size_t n, const char *pre, const char *const *specials, int n_specials, int vocab_size,
              struct bpe_vocab *out, struct err *e) {
    if (n_specials < 0 || vocab_size < 256 + n_specials || vocab_size > 1 << 24)
        return fail(e, ERR_ARG, "expected a vocabulary size from %d to %d, found %d", 256 + n_specials, 1 << 24, vocab_size);
    struct trainer r = {0};
    struct pretok *p = NULL;
    struct str nfc = {0};
    unsigned flags = 0;
    int rc = pretok_named(&p, pre, &flags, e);
    if (rc == 0 && flags & PRETOK_NFC) {
        rc = text_normalize(&nfc, text, n, NORMAL_NFC, e);
        text = nfc.s ? nfc.s : "";
        n = nfc.len;
    }
    if (rc == 0) rc = train(&r, p, text, n, specials, n_specials, vocab_size, e);
    if (rc == 0) {
        *out = r.v;
        r.v = (struct bpe_vocab){0};
    }
    pretok_free(p);
    str_free(&nfc);
    trainer_fini(&r);
    return rc;
}

void bpe_vocab_free(struct bpe_vocab *v) {
    if (!v) return;
    for (int32_t i = 0; i < v->n_tokens; i++) free(v->tokens[i]);
    for (int32_t i = 0; i < v->n_merges; i++) free(v->merges[i]);
    free(v->tokens);
    free(v->merges);
    *v = (struct bpe_vocab){0};
}

tok bpe_vocab_find(const struct bpe_vocab *v, const char *token) {
    for (int32_t i = v->n_tokens; i-- > 0;)
        if (strcmp(v->tokens[i], token) == 0) return i;
    return -1;
}

static int put_list(struct gguf_writer *g, const char *key, char *const *s, int32_t n) {
    struct meta_str *m = calloc((size_t)n + 1, sizeof *m);
    if (!m) return ERR_NOMEM;
    for (int32_t i = 0; i < n; i++) m[i] = (struct meta_str){s[i], strlen(s[i])};
    gguf_put_strs(g, key, m, (uint64_t)n);
    free(m);
    return 0;
}

int bpe_vocab_put(struct gguf_writer *g, const struct bpe_vocab *v, const char *pre, tok bos, tok eos, int add_bos) {
    int32_t *type = calloc((size_t)v->n_tokens + 1, sizeof *type);
    if (!type) return ERR_NOMEM;
    for (int32_t i = 0; i < v->n_tokens; i++) type[i] = i < v->n_tokens - v->n_specials ? TOK_NORMAL : TOK_CONTROL;
    gguf_put_str(g, "tokenizer.ggml.model", "gpt2", 4);
    gguf_put_str(g, "tokenizer.ggml.pre", pre, strlen(pre));
    int rc = put_list(g, "tokenizer.ggml.tokens", v->tokens, v->n_tokens);
    gguf_put_i32s(g, "tokenizer.ggml.token_type", type, (uint64_t)v->n_tokens);
    if (rc == 0) rc = put_list(g, "tokenizer.ggml.merges", v->merges, v->n_merges);
    if (bos >= 0) gguf_put_u32(g, "tokenizer.ggml.bos_token_id", (uint32_t)bos);
    if (eos >= 0) gguf_put_u32(g, "tokenizer.ggml.eos_token_id", (uint32_t)eos);
    gguf_put_bool(g, "tokenizer.ggml.add_bos_token", add_bos != 0);
    free(type);
    return rc;
}
