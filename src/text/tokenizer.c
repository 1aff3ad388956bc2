/* The face of the room: encode, decode and the questions about single ids.
 *
 * Encoding walks the text once. Special tokens are cut out first, the longest at each place; what lies between goes through
 * normal forms, the space prefix, the pre-tokenizer and merging, in that order. All scratch belongs to the call. */
#include "base/fs.h"
#include "text/tok_int.h"
#include "weights/gguf_write.h"
#include <stdlib.h>
#include <string.h>

void toks_free(struct toks *t) {
    if (!t) return;
    free(t->ids);
    *t = (struct toks){0};
}

int toks_push(struct toks *t, tok id, struct err *e) {
    if (t->n == t->cap) {
        int64_t cap = t->cap ? t->cap * 2 : 64;
        tok *p = realloc(t->ids, (size_t)cap * sizeof *p);
        if (!p) return fail(e, ERR_NOMEM, "out of memory for %lld token ids", (long long)cap);
        t->ids = p;
        t->cap = cap;
    }
    t->ids[t->n++] = id;
    return 0;
}

/* ---- opening ---- */

static int finish_open(struct tokenizer **out, struct tokenizer *t, int rc, const char *where, struct err *e) {
    if (rc < 0) {
        tokenizer_free(t);
        return err_place(e, rc, where);
    }
    *out = t;
    return 0;
}

int tokenizer_from_dir(struct tokenizer **out, const char *dir, struct err *e) {
    struct tokenizer *t;
    TRY(tok__new(&t, e));
    return finish_open(out, t, tok__from_dir(t, dir, e), dir, e);
}

int tokenizer_from_weights(struct tokenizer **out, const struct weights *w, struct err *e) {
    if (weights_kind(w) != WEIGHTS_GGUF) return tokenizer_from_dir(out, weights_dir(w), e);
    struct tokenizer *t;
    TRY(tok__new(&t, e));
    return finish_open(out, t, tok__from_gguf(t, w, e), weights_path(w), e);
}

int tokenizer_present(const struct weights *w) {
    static const char *const files[] = {"tokenizer.json", "vocab.json", "tokenizer.model"};
    struct meta_str model;
    char path[4096];
    if (weights_kind(w) == WEIGHTS_GGUF)
        return meta_str(w, "tokenizer.ggml.model", &model, NULL) > 0 && strcmp(model.s, "none") != 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (path_join(path, sizeof path, weights_dir(w), files[i], NULL) == 0 && file_exists(path)) return 1;
    return 0;
}

int tokenizer_open(struct tokenizer **out, const char *path, struct err *e) {
    size_t n = strlen(path);
    if (n > 5 && strcmp(path + n - 5, ".gguf") == 0) {
        struct weights *w;
        TRY(weights_open(&w, path, e));
        int rc = tokenizer_from_weights(out, w, e);
        weights_close(w);
        return rc;
    }
    const char *slash = strrchr(path, '/');
    if (dir_exists(path)) return tokenizer_from_dir(out, path, e);
    if (!file_exists(path)) return fail_at(e, ERR_IO, path, -1, "no such file or folder");
    if (!slash) return tokenizer_from_dir(out, ".", e);
    char *dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (!dir) return fail(e, ERR_NOMEM, "out of memory for a path");
    int rc = tokenizer_from_dir(out, dir, e);
    free(dir);
    return rc;
}

void tokenizer_copy_meta(struct gguf_writer *g, const struct weights *from) {
    struct meta_value v;
    for (int64_t i = 0; i < meta_count(from); i++) {
        const char *key = meta_key_at(from, i, &v);
        if (strncmp(key, "tokenizer.", 10) == 0) gguf_put_copy(g, from, key);
    }
}

/* ---- questions ---- */

int64_t tokenizer_size(const struct tokenizer *t) { return t->n; }
void tokenizer_rows(struct tokenizer *t, int64_t n_vocab) { t->rows = n_vocab; }
int64_t tokenizer_ids(const struct tokenizer *t) { return t->rows > t->n ? t->rows : t->n; }
tok tokenizer_bos(const struct tokenizer *t) { return t->bos; }
tok tokenizer_eos(const struct tokenizer *t) { return t->eos; }
tok tokenizer_pad(const struct tokenizer *t) { return t->pad; }
int tokenizer_adds_bos(const struct tokenizer *t) { return t->add_bos && t->bos >= 0; }

int tokenizer_is_end(const struct tokenizer *t, tok id) { return id >= 0 && id < t->n && (t->flag[id] & TOK_END) != 0; }

int tokenizer_is_special(const struct tokenizer *t, tok id) {
    return id >= 0 && id < t->n && (t->type[id] == TOK_CONTROL || t->type[id] == TOK_UNKNOWN);
}

int tokenizer_is_added(const struct tokenizer *t, tok id) {
    return tokenizer_is_special(t, id) || (id >= 0 && id < t->n && t->type[id] == TOK_USER);
}

int tokenizer_is_unused(const struct tokenizer *t, tok id) { return id < 0 || id >= t->n || t->type[id] == TOK_UNUSED; }

tok tokenizer_find(const struct tokenizer *t, const char *piece, size_t n) {
    uint32_t v = tok__find(t, piece, n);
    return (int64_t)v < t->n ? (tok)v : -1;
}

int tokenizer_piece(const struct tokenizer *t, tok id, const char **s, size_t *n, struct err *e) {
    if (id < 0 || id >= tokenizer_ids(t))
        return fail(e, ERR_RANGE, "expected a token id below %lld, found %d", (long long)tokenizer_ids(t), (int)id);
    *s = id < t->n ? t->text[id].s : "";
    *n = id < t->n ? t->text[id].n : 0;
    return 0;
}

/* ---- encoding ---- */

struct span {
    const char *s;
    size_t n;
};

static int oom(struct err *e, size_t n) { return fail(e, ERR_NOMEM, "out of memory for %zu bytes of text", n); }

static int replace_all(struct str *out, struct span in, struct piece a, struct piece b, struct err *e) {
    size_t i = 0;
    while (i < in.n) {
        const char *hit = memmem(in.s + i, in.n - i, a.s, a.n);
        size_t k = hit ? (size_t)(hit - in.s) - i : in.n - i;
        str_add(out, in.s + i, k);
        if (hit) str_add(out, b.s, b.n);
        i += k + (hit ? a.n : 0);
    }
    return out->failed ? oom(e, in.n) : 0;
}

static int apply_norm(struct str *out, struct span in, const struct tok_norm *m, struct err *e) {
    if (m->kind == NORM_FORM) return text_normalize(out, in.s, in.n, m->form, e);
    if (m->kind == NORM_REPLACE) return replace_all(out, in, m->a, m->b, e);
    str_add(out, m->a.s, m->a.n);
    str_add(out, in.s, in.n);
    return out->failed ? oom(e, in.n) : 0;
}

static int has_prefix(struct span in, const char *p) {
    size_t n = strlen(p);
    return in.n >= n && memcmp(in.s, p, n) == 0;
}

static int wants_prefix(const struct tokenizer *t, struct span in, int first) {
    if (!t->space_prefix || (t->first_only && !first)) return 0;
    return !t->prefix_unless || !(has_prefix(in, " ") || (t->escape_space && has_prefix(in, "\xE2\x96\x81")));
}

static int prefix_and_escape(struct str *out, struct span in, int prefix, int escape, struct err *e) {
    static const struct piece space = {" ", 1}, mark = {"\xE2\x96\x81", 3};
    if (prefix) str_add(out, escape ? mark.s : space.s, escape ? mark.n : space.n);
    if (escape) return replace_all(out, in, space, mark, e);
    str_add(out, in.s, in.n);
    return out->failed ? oom(e, in.n) : 0;
}

static int encode_word(void *ctx, const char *s, size_t n, struct err *e) { return tok__bpe_word(ctx, s, n, e); }

/* Text without specials. first: nothing stands before it. */
static int encode_text(struct encoder *c, struct span in, int first, struct err *e) {
    const struct tokenizer *t = c->t;
    struct str *to = &c->a;
    if (in.n == 0) return 0;
    for (int i = 0; i < t->n_norm; i++) {
        str_clear(to);
        TRY(apply_norm(to, in, &t->norm[i], e));
        in = (struct span){to->s, to->len};
        to = to == &c->a ? &c->b : &c->a;
        if (in.n == 0) return 0;
    }
    int prefix = wants_prefix(t, in, first);
    if (prefix || t->escape_space) {
        str_clear(to);
        TRY(prefix_and_escape(to, in, prefix, t->escape_space, e));
        in = (struct span){to->s, to->len};
    }
    if (t->model == TOK_SPM) return tok__spm_text(c, in.s, in.n, e);
    return pretok_split(t->pretok, in.s, in.n, encode_word, c, e);
}

/* The longest special at s, or TOK_NONE. */
static uint32_t special_at(const struct tokenizer *t, const char *s, size_t n, unsigned flags, size_t *len) {
    uint32_t at = 0, best = TOK_NONE;
    for (size_t i = 0; i < n; i++) {
        const struct pair_val *v = tok__pair_get(&t->specials.step, at, (unsigned char)s[i]);
        if (!v) break;
        at = v->x;
        uint32_t id = t->specials.id[at];
        if (id == TOK_NONE || (t->type[id] != TOK_USER && !(flags & ENCODE_SPECIAL))) continue;
        best = id;
        *len = i + 1;
    }
    return best;
}

static int is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static int encode_spans(struct encoder *c, const char *s, size_t n, unsigned flags, struct err *e) {
    size_t from = 0, i = 0, len = 0;
    while (i < n) {
        uint32_t id = special_at(c->t, s + i, n - i, flags, &len);
        if (id == TOK_NONE) {
            i++;
            continue;
        }
        size_t to = i;
        while (c->t->flag[id] & TOK_LSTRIP && to > from && is_blank(s[to - 1])) to--;
        TRY(encode_text(c, (struct span){s + from, to - from}, from == 0, e));
        TRY(toks_push(c->out, (tok)id, e));
        i += len;
        while (c->t->flag[id] & TOK_RSTRIP && i < n && is_blank(s[i])) i++;
        from = i;
    }
    return encode_text(c, (struct span){s + from, n - from}, from == 0, e);
}

int tokenizer_encode(const struct tokenizer *t, const char *text, size_t n, unsigned flags, struct toks *out, struct err *e) {
    struct encoder c = {.t = t, .out = out};
    int64_t before = out->n;
    int rc = 0;
    if (flags & ENCODE_BOS_EOS && t->add_bos && t->bos >= 0) rc = toks_push(out, t->bos, e);
    if (rc == 0) rc = encode_spans(&c, text, n, flags, e);
    if (rc == 0 && flags & ENCODE_BOS_EOS && t->add_eos && t->eos >= 0) rc = toks_push(out, t->eos, e);
    if (rc < 0) out->n = before;
    tok__merge_free(&c.work);
    str_free(&c.a);
    str_free(&c.b);
    str_free(&c.word);
    return rc;
}

/* ---- decoding ---- */

int tokenizer_decode(const struct tokenizer *t, const tok *ids, int64_t n, int skip_special, char **out, size_t *len,
                     struct err *e) {
    struct str b = {0};
    int started = 0;
    for (int64_t i = 0; i < n; i++) {
        const char *s;
        size_t k;
        int rc = tokenizer_piece(t, ids[i], &s, &k, e);
        if (rc < 0) {
            str_free(&b);
            return rc;
        }
        if (k == 0 || (skip_special && t->type[ids[i]] == TOK_CONTROL)) continue;
        int strip = !started && t->strip_space && s[0] == ' ';
        started = 1;
        str_add(&b, s + strip, k - (size_t)strip);
    }
    str_add(&b, "", 0);
    if (b.failed || !b.s) {
        str_free(&b);
        return fail(e, ERR_NOMEM, "out of memory for the text of %lld tokens", (long long)n);
    }
    *out = b.s;
    *len = b.len;
    return 0;
}
