/* A tokenizer from GGUF metadata (tokenizer.ggml.*).
 *
 * Two models are read: "gpt2" (byte-level merges; `pre` names the pattern) and "llama" (SentencePiece BPE by scores). What a
 * file leaves out has the default llama.cpp gives it; a special id outside the vocabulary counts as absent. */
#include "text/tok_int.h"
#include <string.h>

#define KEY(x) "tokenizer.ggml." x

static int arr_count(const struct weights *w, const char *key, enum meta_type elem, int64_t *n, struct err *e) {
    struct meta_value v;
    *n = -1;
    if (!meta_get(w, key, &v)) return 0;
    if (v.type != META_ARR || (v.count && (elem == META_STR) != (v.elem == META_STR)))
        return fail_at(e, ERR_FORMAT, key, -1, "expected an array of %s", elem == META_STR ? "strings" : "numbers");
    *n = v.count > INT32_MAX ? INT32_MAX : (int64_t)v.count;
    return 0;
}

/* ids that are absent, null (-1) or out of range stay what they were */
static int load_id(const struct tokenizer *t, const struct weights *w, const char *key, tok *out, struct err *e) {
    int64_t v;
    int rc = meta_i64(w, key, &v, e);
    if (rc > 0 && v >= 0 && v < t->n) *out = (tok)v;
    if (rc > 0 && (v < 0 || v >= t->n)) *out = -1;
    return rc < 0 ? rc : 0;
}

static int load_tokens(struct tokenizer *t, const struct weights *w, struct err *e) {
    int64_t n, types, scores;
    TRY(arr_count(w, KEY("tokens"), META_STR, &n, e));
    TRY(arr_count(w, KEY("token_type"), META_I64, &types, e));
    TRY(arr_count(w, KEY("scores"), META_F64, &scores, e));
    if (n < 1) return fail_at(e, ERR_FORMAT, KEY("tokens"), -1, "expected the vocabulary, found none");
    if ((types >= 0 && types < n) || (scores >= 0 && scores < n))
        return fail_at(e, ERR_FORMAT, types >= 0 && types < n ? KEY("token_type") : KEY("scores"), -1,
                       "expected %lld entries, one a token, found %lld", (long long)n,
                       (long long)(types >= 0 && types < n ? types : scores));
    TRY(tok__size(t, n, e));
    for (int64_t i = 0; i < n; i++) {
        struct meta_str s;
        int64_t type = TOK_NORMAL;
        double score = 0;
        TRY(meta_arr_str(w, KEY("tokens"), (uint64_t)i, &s, e));
        if (types >= 0) TRY(meta_arr_i64(w, KEY("token_type"), (uint64_t)i, &type, e));
        if (scores >= 0) TRY(meta_arr_f64(w, KEY("scores"), (uint64_t)i, &score, e));
        TRY(tok__set(t, i, s.s, s.n, type < 0 || type > TOK_BYTE ? TOK_NORMAL : (int)type, e));
        t->score[i] = score > -1e30 && score < 1e30 ? (float)score : -1e30f;
    }
    return tok__index(t, e);
}

static int load_merges(struct tokenizer *t, const struct weights *w, struct err *e) {
    int64_t n;
    TRY(arr_count(w, KEY("merges"), META_STR, &n, e));
    if (n < 0) return fail_at(e, ERR_FORMAT, KEY("merges"), -1, "expected the list of merges, found none");
    for (int64_t i = 0; i < n; i++) {
        struct meta_str s;
        TRY(meta_arr_str(w, KEY("merges"), (uint64_t)i, &s, e));
        TRY(tok__merge_line(t, s.s, s.n, (uint32_t)i, e));
    }
    return 0;
}

static int load_pattern(struct tokenizer *t, const struct weights *w, struct err *e) {
    struct meta_str pre = {"default", 7};
    unsigned flags;
    TRY(meta_str(w, KEY("pre"), &pre, e));
    char name[64];
    size_t k = pre.n < sizeof name ? pre.n : sizeof name - 1;
    memcpy(name, pre.s, k);
    name[k] = 0;
    TRY(err_place(e, pretok_named(&t->pretok, name, &flags, e), KEY("pre")));
    if (flags & PRETOK_NFC) t->norm[t->n_norm++] = (struct tok_norm){.kind = NORM_FORM, .form = NORMAL_NFC};
    t->whole_words = (flags & PRETOK_WHOLE_WORDS) != 0;
    t->add_bos = (flags & PRETOK_ADD_BOS) != 0;
    return 0;
}

/* What tok_save_gguf.c says beside llama.cpp's keys. */
static int load_extras(struct tokenizer *t, const struct weights *w, struct err *e) {
    int64_t bits = -1, n;
    TRY(meta_i64(w, "tokenizer.candor.prefix", &bits, e));
    if (bits >= 0) {
        t->space_prefix = (bits & 1) != 0, t->first_only = (bits & 2) != 0, t->prefix_unless = (bits & 4) != 0;
        if (t->model == TOK_SPM) t->strip_space = (bits & 8) != 0;
    }
    TRY(arr_count(w, "tokenizer.candor.strip", META_I64, &n, e));
    for (int64_t i = 0; i < n && i < t->n; i++) {
        int64_t v;
        TRY(meta_arr_i64(w, "tokenizer.candor.strip", (uint64_t)i, &v, e));
        t->flag[i] |= (unsigned char)(v & (TOK_LSTRIP | TOK_RSTRIP));
    }
    return 0;
}

static int load_specials(struct tokenizer *t, const struct weights *w, struct err *e) {
    static const char *const ends[] = {KEY("eot_token_id"), KEY("eom_token_id")};
    TRY(load_id(t, w, KEY("bos_token_id"), &t->bos, e));
    TRY(load_id(t, w, KEY("eos_token_id"), &t->eos, e));
    TRY(load_id(t, w, KEY("unknown_token_id"), &t->unk, e));
    TRY(load_id(t, w, KEY("padding_token_id"), &t->pad, e));
    TRY(load_extras(t, w, e));
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        tok id = -1;
        TRY(load_id(t, w, ends[i], &id, e));
        tok__mark_end(t, id);
    }
    TRY(meta_bool(w, KEY("add_bos_token"), &t->add_bos, e));
    TRY(meta_bool(w, KEY("add_eos_token"), &t->add_eos, e));
    return 0;
}

static int load_spm(struct tokenizer *t, const struct weights *w, struct err *e) {
    t->model = TOK_SPM;
    t->byte_fallback = t->escape_space = t->add_bos = t->space_prefix = 1;
    TRY(load_tokens(t, w, e));
    t->bos = t->n > 1 ? 1 : -1;
    t->eos = t->n > 2 ? 2 : -1;
    t->unk = 0;
    TRY(meta_bool(w, KEY("add_space_prefix"), &t->space_prefix, e));
    t->strip_space = t->space_prefix;
    return 0;
}

static int load_bpe(struct tokenizer *t, const struct weights *w, struct err *e) {
    t->model = TOK_BPE_BYTES;
    TRY(load_pattern(t, w, e));
    TRY(load_tokens(t, w, e));
    return load_merges(t, w, e);
}

static int load(struct tokenizer *t, const struct weights *w, struct err *e) {
    struct meta_str model = {0};
    int rc = meta_str(w, KEY("model"), &model, e);
    if (rc < 0) return rc;
    if (rc == 0 || (model.n == 4 && memcmp(model.s, "none", 4) == 0))
        return fail_at(e, ERR_FORMAT, KEY("model"), -1, "the file has no tokenizer");
    if (model.n == 4 && memcmp(model.s, "gpt2", 4) == 0)
        TRY(load_bpe(t, w, e));
    else if (model.n == 5 && memcmp(model.s, "llama", 5) == 0)
        TRY(load_spm(t, w, e));
    else
        return fail_at(e, ERR_UNSUPPORTED, KEY("model"), -1, "tokenizer model '%.*s' is not supported; supported are: gpt2 llama",
                       (int)(model.n > 40 ? 40 : model.n), model.s);
    TRY(load_specials(t, w, e));
    return tok__finish(t, e);
}

/* Where a key was given as the place of an error, the place becomes the file. */
int tok__from_gguf(struct tokenizer *t, const struct weights *w, struct err *e) {
    int rc = load(t, w, e);
    if (rc < 0 && e && !strncmp(e->where, "tokenizer.", 10))
        return fail_at(e, rc, weights_path(w), -1, "key %s: %s", e->where, e->msg);
    return err_place(e, rc, weights_path(w));
}
