/* A tokenizer as tokenizer.ggml.* keys.
 *
 * Byte-level merges are model "gpt2", with `pre` found by comparing the expressions with the table of pretok.c; merges over characters
 * and SentencePiece scores are model "llama". Two things GGUF has no key for are written under tokenizer.candor.*, which other
 * programs leave alone: where the space prefix goes if it is not everywhere, and tokens that take the blanks beside them. */
#include "text/tok_save.h"
#include "text/tok_scores.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY(x) "tokenizer.ggml." x
enum { PAD_NAME = 24 };

static int unsaid(struct err *e, const char *what, const char *which) {
    return fail(e, ERR_UNSUPPORTED, "tokenizer: GGUF has no way to say %s %.80s", what, which);
}

static void put_text(struct gguf_writer *g, const char *key, const char *s) { gguf_put_str(g, key, s, strlen(s)); }

/* ---- what goes before merging ---- */

static int put_byte_kind(struct gguf_writer *g, const struct tokenizer *t, struct err *e) {
    char pre[64];
    unsigned flags = t->whole_words ? PRETOK_WHOLE_WORDS : 0;
    size_t n = 0;
    enum pretok_how how;
    int literal;
    if (t->n_norm == 1 && t->norm[0].kind == NORM_FORM && t->norm[0].form == NORMAL_NFC)
        flags |= PRETOK_NFC;
    else if (t->n_norm)
        return unsaid(e, "a normalizer other than NFC", "in front of bytes");
    if (!pretok_name_of(t->pretok, flags, pre, sizeof pre)) {
        const char *re = pretok_size(t->pretok) ? pretok_at(t->pretok, 0, &n, &how, &literal) : "(none)";
        return fail(e, ERR_UNSUPPORTED,
                    "tokenizer: expected the expressions of a known pre-tokenizer%s%s, found %d, the first '%.160s'",
                    flags & PRETOK_NFC ? " with NFC" : "", flags & PRETOK_WHOLE_WORDS ? " with ignore_merges" : "",
                    pretok_size(t->pretok), re);
    }
    put_text(g, KEY("model"), "gpt2");
    put_text(g, KEY("pre"), pre);
    if (t->space_prefix) gguf_put_u32(g, "tokenizer.candor.prefix", tok__prefix_bits(t));
    return 0;
}

static int is_piece(struct piece p, const char *s) { return p.n == strlen(s) && memcmp(p.s, s, p.n) == 0; }

/* The older spelling of a space prefix and of spaces: normalizers Prepend and Replace. */
static int legacy_norms(const struct tokenizer *t, int *prefix, struct err *e) {
    int i = 0;
    *prefix = t->n_norm == 2 && t->norm[0].kind == NORM_PREPEND && is_piece(t->norm[0].a, "\xE2\x96\x81");
    i += *prefix;
    if (t->n_norm == i + 1 && t->norm[i].kind == NORM_REPLACE && is_piece(t->norm[i].a, " ") &&
        is_piece(t->norm[i].b, "\xE2\x96\x81"))
        return 0;
    return unsaid(e, "normalizers other than Prepend and Replace", "of a space by U+2581");
}

static int put_char_kind(struct gguf_writer *g, const struct tokenizer *t, struct err *e) {
    int prefix = t->space_prefix;
    if (t->model == TOK_BPE_CHARS) {
        if (!t->byte_fallback) return unsaid(e, "merges over characters without", "byte_fallback");
        if (t->fuse_unk && !tok__all_bytes(t)) return unsaid(e, "option fuse_unk without", "all 256 byte tokens");
        if (t->whole_words) return unsaid(e, "option", "ignore_merges for characters");
        if (pretok_size(t->pretok)) return unsaid(e, "a pre_tokenizer", "in front of characters (Metaspace with split)");
        if (!t->escape_space)
            TRY(legacy_norms(t, &prefix, e));
        else if (t->n_norm)
            return unsaid(e, "a normalizer", "in front of Metaspace");
    }
    put_text(g, KEY("model"), "llama");
    put_text(g, KEY("pre"), "default");
    gguf_put_bool(g, KEY("add_space_prefix"), prefix);
    unsigned bits = tok__prefix_bits(t) | (prefix ? 1u : 0);
    if (bits != (prefix ? 9u : 0)) gguf_put_u32(g, "tokenizer.candor.prefix", bits);
    return 0;
}

/* ---- tokens ---- */

static int32_t type_of(const struct tokenizer *t, int64_t id) {
    if (id >= t->n || !t->sym[id].n) return TOK_UNUSED;
    return id == t->unk && t->model != TOK_BPE_BYTES && t->type[id] == TOK_CONTROL ? TOK_UNKNOWN : t->type[id];
}

struct columns {
    struct meta_str *piece;
    char (*pad)[PAD_NAME];
    int32_t *type, *strip;
    float *score;
};

static int fill_columns(const struct tokenizer *t, int64_t n, struct columns *c, int *strips, struct err *e) {
    for (int64_t i = 0; i < n; i++) {
        c->type[i] = type_of(t, i);
        c->strip[i] = i < t->n ? t->flag[i] & (TOK_LSTRIP | TOK_RSTRIP) : 0;
        *strips |= c->strip[i];
        if (i < t->n && t->sym[i].n) {
            c->piece[i] = (struct meta_str){t->sym[i].s, t->sym[i].n};
            continue;
        }
        int k = snprintf(c->pad[i], PAD_NAME, "[PAD%lld]", (long long)i);
        c->piece[i] = (struct meta_str){c->pad[i], (size_t)k};
    }
    return t->model == TOK_BPE_BYTES ? 0 : tok__scores(t, c->score, e);
}

static int put_tokens(struct gguf_writer *g, const struct tokenizer *t, int64_t n, struct err *e) {
    size_t k = (size_t)n;
    struct columns c = {calloc(k, sizeof *c.piece), calloc(k, PAD_NAME), calloc(k, sizeof *c.type), calloc(k, sizeof *c.strip),
                        calloc(k, sizeof *c.score)};
    int strips = 0, ok = c.piece && c.pad && c.type && c.strip && c.score;
    int rc = ok ? fill_columns(t, n, &c, &strips, e) : fail(e, ERR_NOMEM, "out of memory for %lld tokens", (long long)n);
    if (rc == 0) {
        gguf_put_strs(g, KEY("tokens"), c.piece, k);
        if (t->model != TOK_BPE_BYTES) gguf_put_f32s(g, KEY("scores"), c.score, k);
        gguf_put_i32s(g, KEY("token_type"), c.type, k);
        if (strips) gguf_put_i32s(g, "tokenizer.candor.strip", c.strip, k);
    }
    free(c.piece), free(c.pad), free(c.type), free(c.strip), free(c.score);
    return rc;
}

static int put_merge_list(struct gguf_writer *g, const struct tokenizer *t, struct err *e) {
    struct merge_row *r = NULL;
    struct str all = {.max = (size_t)1 << 31};
    size_t n = 0;
    TRY(tok__merge_rows(t, &r, &n, e));
    struct meta_str *line = malloc((n + 1) * sizeof *line);
    int rc = line ? 0 : fail(e, ERR_NOMEM, "out of memory for %zu merges", n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct piece *a = &t->sym[r[i].a], *b = &t->sym[r[i].b];
        if (memchr(a->s, ' ', a->n) || memchr(b->s, ' ', b->n)) rc = unsaid(e, "a merge of a piece with a space,", a->s);
        line[i].n = (size_t)a->n + 1 + b->n;
        str_add(&all, a->s, a->n), str_add(&all, " ", 1), str_add(&all, b->s, b->n);
    }
    if (rc == 0 && all.failed) rc = fail(e, ERR_NOMEM, "out of memory for %zu merges", n);
    size_t at = 0;
    for (size_t i = 0; rc == 0 && i < n; at += line[i++].n) line[i].s = all.s + at;
    if (rc == 0) gguf_put_strs(g, KEY("merges"), line, n);
    str_free(&all);
    free(line), free(r);
    return rc;
}

/* ---- ids ---- */

/* Ends that no name gives away when the file is read: at most two, for which there are keys. */
static int put_ends(struct gguf_writer *g, const struct tokenizer *t, struct err *e) {
    static const char *const keys[] = {KEY("eot_token_id"), KEY("eom_token_id")};
    size_t k = 0;
    for (int64_t i = 0; i < t->n; i++) {
        if (!(t->flag[i] & TOK_END) || i == t->eos || tok__end_by_name(t, i)) continue;
        if (k == 2) return unsaid(e, "more than two ends of a turn beside EOS: another is", t->sym[i].s);
        gguf_put_u32(g, keys[k++], (uint32_t)i);
    }
    return 0;
}

/* A SentencePiece file that is silent about BOS, EOS and unknown has 1, 2 and 0: that there is none is said by an id no token has. */
static void put_id(struct gguf_writer *g, const char *key, tok id, int has_default) {
    if (id >= 0 || has_default) gguf_put_u32(g, key, (uint32_t)id);
}

int tokenizer_fits(const struct tokenizer *t, int64_t n_vocab, struct err *e) {
    if (t->n <= n_vocab) return 0;
    return fail(e, ERR_FORMAT, "tokenizer: expected at most %lld tokens, the rows of the embedding, found %lld",
                (long long)n_vocab, (long long)t->n);
}

int tokenizer_put_gguf(struct gguf_writer *g, const struct tokenizer *t, int64_t n_vocab, struct err *e) {
    if (n_vocab) TRY(tokenizer_fits(t, n_vocab, e));
    TRY(t->model == TOK_BPE_BYTES ? put_byte_kind(g, t, e) : put_char_kind(g, t, e));
    TRY(put_tokens(g, t, n_vocab ? n_vocab : t->n, e));
    if (t->model == TOK_BPE_BYTES) TRY(put_merge_list(g, t, e));
    int chars = t->model != TOK_BPE_BYTES;
    put_id(g, KEY("bos_token_id"), t->bos, chars);
    put_id(g, KEY("eos_token_id"), t->eos, chars);
    put_id(g, KEY("unknown_token_id"), t->unk, chars);
    put_id(g, KEY("padding_token_id"), t->pad, 0);
    gguf_put_bool(g, KEY("add_bos_token"), t->add_bos);
    gguf_put_bool(g, KEY("add_eos_token"), t->add_eos);
    return put_ends(g, t, e);
}
