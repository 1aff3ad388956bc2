/* Byte pair encoding of one word: symbols from bytes (GPT-2 spelling) or from characters (with byte fallback), then merges by
 * rank. A merge may end in a spelling that is no token; such a symbol is written as the single bytes or characters it
 * covers, as the published engines do. */
#include "text/tok_int.h"
#include <string.h>

static int rank_rule(const void *ctx, uint32_t a, uint32_t b, size_t from, size_t to, uint32_t *prio, uint32_t *made) {
    const struct tokenizer *t = ctx;
    (void)from;
    (void)to;
    if (a == TOK_NONE || b == TOK_NONE) return 0;
    const struct pair_val *v = tok__pair_get(&t->merges, a, b);
    if (!v) return 0;
    *prio = v->x;
    *made = v->y;
    return 1;
}

int tok__emit_bytes(struct encoder *c, const char *s, size_t n, struct err *e) {
    const struct tokenizer *t = c->t;
    int whole = t->model == TOK_BPE_BYTES || t->byte_fallback;
    for (size_t i = 0; i < n && whole; i++) {
        uint32_t id = t->byte_sym[(unsigned char)s[i]];
        if ((int64_t)id >= t->n) whole = 0;
    }
    if (!whole) {
        if (t->unk < 0) return 0; /* nothing in the vocabulary stands for it */
        int again = t->fuse_unk && c->out->n > c->word_from && c->out->ids[c->out->n - 1] == t->unk;
        return again ? 0 : toks_push(c->out, t->unk, e);
    }
    for (size_t i = 0; i < n; i++) TRY(toks_push(c->out, (tok)t->byte_sym[(unsigned char)s[i]], e));
    return 0;
}

/* The tokens of a stretch that merged into something that is none. */
static int emit_parts(struct encoder *c, const char *s, size_t n, struct err *e) {
    for (size_t i = 0, len; i < n; i += len) {
        len = c->t->model == TOK_BPE_BYTES ? 1 : utf8_len(s + i, n - i);
        uint32_t id = c->t->model == TOK_BPE_BYTES ? TOK_NONE : tok__find_plain(c->t, s + i, len);
        if (id != TOK_NONE)
            TRY(toks_push(c->out, (tok)id, e));
        else
            TRY(tok__emit_bytes(c, s + i, len, e));
    }
    return 0;
}

static int emit(struct encoder *c, const char *s, struct err *e) {
    struct merge_work *w = &c->work;
    for (int32_t i = 0; i >= 0; i = w->next[i]) {
        int32_t next = w->next[i];
        size_t from = w->start[i], to = w->start[next < 0 ? (int32_t)w->n : next];
        if (w->sym[i] != TOK_NONE && tok__is_plain(c->t, w->sym[i]))
            TRY(toks_push(c->out, (tok)w->sym[i], e));
        else
            TRY(emit_parts(c, s + from, to - from, e));
    }
    return 0;
}

/* A word that is a token as it stands, in the spelling of the vocabulary. */
static uint32_t whole_word(struct encoder *c, const char *s, size_t n) {
    const struct tokenizer *t = c->t;
    if (t->model != TOK_BPE_BYTES) return tok__find_plain(t, s, n);
    if (n > t->max_piece) return TOK_NONE;
    str_clear(&c->word);
    for (size_t i = 0; i < n; i++) {
        const struct piece *p = &t->sym[t->byte_sym[(unsigned char)s[i]]];
        str_add(&c->word, p->s, p->n);
    }
    return c->word.failed || !c->word.len ? TOK_NONE : tok__find_plain(t, c->word.s, c->word.len);
}

static int word_symbols(struct encoder *c, const char *s, size_t n, struct err *e) {
    const struct tokenizer *t = c->t;
    struct merge_work *w = &c->work;
    TRY(tok__merge_room(w, n, e));
    size_t k = 0;
    for (size_t i = 0, len; i < n; i += len, k++) {
        len = t->model == TOK_BPE_BYTES ? 1 : utf8_len(s + i, n - i);
        w->start[k] = (uint32_t)i;
        w->sym[k] = t->model == TOK_BPE_BYTES ? t->byte_sym[(unsigned char)s[i]] : tok__find_plain(t, s + i, len);
    }
    w->start[k] = (uint32_t)n;
    w->n = k;
    return 0;
}

int tok__bpe_word(struct encoder *c, const char *s, size_t n, struct err *e) {
    c->word_from = c->out->n;
    if (c->t->whole_words) {
        uint32_t id = whole_word(c, s, n);
        if (id != TOK_NONE) return toks_push(c->out, (tok)id, e);
    }
    TRY(word_symbols(c, s, n, e));
    TRY(tok__merge_run(&c->work, rank_rule, c->t, e));
    return emit(c, s, e);
}
