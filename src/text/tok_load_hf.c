/* A tokenizer from the files beside a safetensors model: tokenizer.json, or vocab.json + merges.txt.
 *
 * tokenizer.json says everything itself. For vocab.json + merges.txt the tokenizer_class of tokenizer_config.json chooses the row of the pattern
 * table. The names of BOS and EOS come from tokenizer_config.json, else their ids from generation_config.json or config.json.
 * Ids are bounded by the number of entries, so a small file cannot ask for a large vocabulary. */
#include "base/fs.h"
#include "text/tok_hf.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_PATH_LEN = 4096 };

/* ---- files ---- */

/* *out NULL if the file is absent */
static int load_json(json_t **out, const char *dir, const char *name, struct err *e) {
    char path[MAX_PATH_LEN], *text;
    size_t n;
    json_error_t je;
    *out = NULL;
    TRY(path_join(path, sizeof path, dir, name, e));
    if (!file_exists(path)) return 0;
    TRY(file_read_beside(&text, &n, path, 0, e));
    *out = json_loadb(text, n, 0, &je);
    free(text);
    if (!*out) return fail_at(e, ERR_FORMAT, path, je.line, "malformed JSON in line %d: %s", je.line, je.text);
    if (json_is_object(*out)) return 0;
    json_decref(*out);
    *out = NULL;
    return fail_at(e, ERR_FORMAT, path, -1, "expected a JSON object");
}

/* ---- tokens ---- */

static int check_id(int64_t id, size_t entries, int64_t *n, const char *name, struct err *e) {
    if (id < 0 || (uint64_t)id > 4 * (uint64_t)entries + 1024)
        return fail(e, ERR_RANGE, "token '%.40s' has id %lld, out of range for %zu entries", name, (long long)id, entries);
    if (id >= *n) *n = id + 1;
    return 0;
}

/* An added token in either spelling of the files: {"id": 5, "content": …} in a list, {"5": {"content": …}} in an object. */
struct added {
    int64_t id;
    const json_t *content, *props;
};

static int read_added(struct added *a, const json_t *props, const char *id_text, struct err *e) {
    char *end = NULL;
    const json_t *id = json_object_get(props, "id");
    *a = (struct added){.content = json_object_get(props, "content"), .props = props};
    a->id = id_text ? strtoll(id_text, &end, 10) : json_integer_value(id);
    if (!json_is_string(a->content) || json_string_length(a->content) == 0 ||
        (id_text ? !*id_text || *end : !json_is_integer(id)))
        return fail(e, ERR_FORMAT, "expected an added token with an id and a non-empty content");
    if (tok__hf_true(props, "single_word", 0))
        return fail(e, ERR_UNSUPPORTED, "added token '%.40s': option single_word is not supported",
                    json_string_value(a->content));
    return 0;
}

static int put_added(struct tokenizer *t, const struct added *a, struct err *e) {
    const char *s = json_string_value(a->content);
    size_t n = json_string_length(a->content);
    const struct piece *old = &t->sym[a->id];
    if (old->n && (old->n != n || memcmp(old->s, s, n) != 0))
        return fail(e, ERR_FORMAT, "id %lld belongs to '%.40s' and to added token '%.40s'", (long long)a->id, old->s, s);
    TRY(tok__set(t, a->id, s, n, tok__hf_true(a->props, "special", 0) ? TOK_CONTROL : TOK_USER, e));
    if (tok__hf_true(a->props, "lstrip", 0)) t->flag[a->id] |= TOK_LSTRIP;
    if (tok__hf_true(a->props, "rstrip", 0)) t->flag[a->id] |= TOK_RSTRIP;
    return 0;
}

/* t NULL: only the largest id is wanted */
static int walk_added(struct tokenizer *t, const json_t *list, size_t entries, int64_t *n, struct err *e) {
    struct added a;
    if (!list || json_is_null(list)) return 0;
    if (!json_is_array(list) && !json_is_object(list)) return fail(e, ERR_FORMAT, "expected a list of added tokens");
    if (json_is_array(list)) {
        for (size_t i = 0; i < json_array_size(list); i++) {
            TRY(read_added(&a, json_array_get(list, i), NULL, e));
            TRY(check_id(a.id, entries, n, json_string_value(a.content), e));
            if (t) TRY(put_added(t, &a, e));
        }
        return 0;
    }
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)list, key, v) {
        TRY(read_added(&a, v, key, e));
        TRY(check_id(a.id, entries, n, json_string_value(a.content), e));
        if (t) TRY(put_added(t, &a, e));
    }
    return 0;
}

static int load_tokens(struct tokenizer *t, json_t *vocab, const json_t *added, struct err *e) {
    if (!json_is_object(vocab) || json_object_size(vocab) == 0)
        return fail(e, ERR_FORMAT, "expected an object of tokens as vocabulary");
    size_t entries = json_object_size(vocab) + (json_is_array(added) ? json_array_size(added) : json_object_size(added));
    int64_t n = 0;
    const char *key;
    json_t *v;
    json_object_foreach(vocab, key, v) {
        if (!json_is_integer(v)) return fail(e, ERR_FORMAT, "expected an integer id for token '%.40s'", key);
        TRY(check_id(json_integer_value(v), entries, &n, key, e));
    }
    TRY(walk_added(NULL, added, entries, &n, e));
    TRY(tok__size(t, n, e));
    json_object_foreach(vocab, key, v) {
        int64_t id = json_integer_value(v);
        if (t->type[id] != TOK_UNUSED)
            return fail(e, ERR_FORMAT, "id %lld belongs to '%.40s' and to '%.40s'", (long long)id, t->sym[id].s, key);
        TRY(tok__set(t, id, key, strlen(key), TOK_NORMAL, e));
    }
    TRY(walk_added(t, added, entries, &n, e));
    return tok__index(t, e);
}

/* ---- BOS, EOS, UNK ---- */

static tok named_token(struct tokenizer *t, const json_t *config, const char *key) {
    const json_t *v = json_object_get(config, key);
    const char *s = json_is_object(v) ? tok__hf_str(v, "content") : json_string_value(v);
    tok id = s ? tokenizer_find(t, s, strlen(s)) : -1;
    if (id >= 0) t->type[id] = TOK_CONTROL;
    return id;
}

static void fill_ids(struct tokenizer *t, const json_t *config) {
    const json_t *b = json_object_get(config, "bos_token_id"), *v = json_object_get(config, "eos_token_id");
    if (t->bos < 0 && json_is_integer(b) && json_integer_value(b) >= 0 && json_integer_value(b) < t->n)
        t->bos = (tok)json_integer_value(b);
    const json_t *p = json_object_get(config, "pad_token_id");
    if (t->pad < 0 && json_is_integer(p) && json_integer_value(p) >= 0 && json_integer_value(p) < t->n)
        t->pad = (tok)json_integer_value(p);
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *x = json_is_array(v) ? json_array_get(v, i) : v;
        int64_t id = json_is_integer(x) ? (int64_t)json_integer_value(x) : -1;
        if (tok__mark_end(t, id) && t->eos < 0) t->eos = (tok)id;
    }
}

static int load_special_ids(struct tokenizer *t, const char *dir, const json_t *config, struct err *e) {
    static const char *const files[] = {"generation_config.json", "config.json"};
    tok bos = named_token(t, config, "bos_token"), eos = named_token(t, config, "eos_token"),
        unk = named_token(t, config, "unk_token");
    t->pad = named_token(t, config, "pad_token");
    if (t->bos < 0) t->bos = bos;
    if (t->eos < 0) t->eos = eos;
    if (t->unk < 0) t->unk = unk;
    for (size_t i = 0; i < 2; i++) {
        json_t *j;
        TRY(load_json(&j, dir, files[i], e));
        fill_ids(t, j);
        json_decref(j);
    }
    return 0;
}

/* ---- tokenizer.json ---- */

static int json_merges(struct tokenizer *t, const json_t *list, struct err *e) {
    if (!json_is_array(list)) return fail(e, ERR_FORMAT, "tokenizer.json: expected a list 'merges' in the model");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i), *a = json_array_get(m, 0), *b = json_array_get(m, 1);
        if (json_is_string(m)) {
            TRY(tok__merge_line(t, json_string_value(m), json_string_length(m), (uint32_t)i, e));
        } else if (json_array_size(m) == 2 && json_is_string(a) && json_is_string(b)) {
            struct piece l = {json_string_value(a), (uint32_t)json_string_length(a)};
            struct piece r = {json_string_value(b), (uint32_t)json_string_length(b)};
            TRY(tok__merge(t, l, r, (uint32_t)i, e));
        } else {
            return fail(e, ERR_FORMAT, "tokenizer.json: merge %zu: expected 'left right' or a pair of strings", i);
        }
    }
    return 0;
}

static int model_options(struct tokenizer *t, const json_t *model, struct err *e) {
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    const char *type = tok__hf_str(model, "type");
    if (!json_is_object(model)) return fail(e, ERR_FORMAT, "tokenizer.json: expected an object 'model'");
    if (type && strcmp(type, "BPE") != 0)
        return fail(e, ERR_UNSUPPORTED, "tokenizer.json: model type '%.40s' is not supported; supported is: BPE", type);
    for (int i = 0; i < 2; i++) {
        const char *s = tok__hf_str(model, affixes[i]);
        if (s && *s) return fail(e, ERR_UNSUPPORTED, "tokenizer.json: model option %s is not supported", affixes[i]);
    }
    if (json_number_value(json_object_get(model, "dropout")) != 0)
        return fail(e, ERR_UNSUPPORTED, "tokenizer.json: model option dropout is not supported");
    t->byte_fallback = tok__hf_true(model, "byte_fallback", 0);
    t->fuse_unk = tok__hf_true(model, "fuse_unk", 0);
    t->whole_words = tok__hf_true(model, "ignore_merges", 0);
    return 0;
}

static int from_tokenizer_json(struct tokenizer *t, const json_t *j, struct err *e) {
    const json_t *model = json_object_get(j, "model");
    TRY(model_options(t, model, e));
    TRY(tok__hf_normalizer(t, json_object_get(j, "normalizer"), e));
    TRY(tok__hf_pre_tokenizer(t, json_object_get(j, "pre_tokenizer"), e));
    TRY(tok__hf_decoder(t, json_object_get(j, "decoder"), e));
    TRY(load_tokens(t, json_object_get(model, "vocab"), json_object_get(j, "added_tokens"), e));
    TRY(json_merges(t, json_object_get(model, "merges"), e));
    const char *unk = tok__hf_str(model, "unk_token");
    if (unk) t->unk = tokenizer_find(t, unk, strlen(unk));
    return tok__hf_post_processor(t, json_object_get(j, "post_processor"), e);
}

/* ---- vocab.json + merges.txt ---- */

static const struct class_row {
    const char *tokenizer_class, *pre;
} classes[] = {
    {"GPT2Tokenizer", "gpt-2"},
    {"GPT2TokenizerFast", "gpt-2"},
    {"Qwen2Tokenizer", "qwen2"},
    {"Qwen2TokenizerFast", "qwen2"},
};

static int choose_class(struct tokenizer *t, const json_t *config, struct err *e) {
    const char *name = tok__hf_str(config, "tokenizer_class"), *pre = NULL;
    unsigned flags = 0;
    for (size_t i = 0; name && i < sizeof classes / sizeof *classes; i++)
        if (strcmp(name, classes[i].tokenizer_class) == 0) pre = classes[i].pre;
    if (!pre)
        return fail(
            e, ERR_UNSUPPORTED,
            "tokenizer_config.json: tokenizer_class '%.60s' is not supported with vocab.json and merges.txt; supported are: "
            "GPT2Tokenizer Qwen2Tokenizer (others with tokenizer.json)",
            name ? name : "(absent)");
    TRY(pretok_named(&t->pretok, pre, &flags, e));
    if (flags & PRETOK_NFC) t->norm[t->n_norm++] = (struct tok_norm){.kind = NORM_FORM, .form = NORMAL_NFC};
    t->space_prefix = t->prefix_unless = tok__hf_true(config, "add_prefix_space", 0);
    t->model = TOK_BPE_BYTES;
    return 0;
}

static int merges_text(struct tokenizer *t, const char *s, size_t n, struct err *e) {
    uint32_t rank = 0;
    for (size_t i = 0; i < n;) {
        const char *nl = memchr(s + i, '\n', n - i);
        size_t k = nl ? (size_t)(nl - s) - i : n - i, len = k && s[i + k - 1] == '\r' ? k - 1 : k;
        int header = i == 0 && len >= 8 && memcmp(s, "#version", 8) == 0;
        if (len && !header) TRY(tok__merge_line(t, s + i, len, rank++, e));
        i += k + 1;
    }
    return 0;
}

static int load_merges_file(struct tokenizer *t, const char *dir, struct err *e) {
    char path[MAX_PATH_LEN], *text;
    size_t n;
    TRY(path_join(path, sizeof path, dir, "merges.txt", e));
    TRY(file_read_beside(&text, &n, path, 0, e));
    int rc = merges_text(t, text, n, e);
    free(text);
    return err_place(e, rc, path);
}

static int from_vocab_json(struct tokenizer *t, const char *dir, json_t *vocab, const json_t *config, struct err *e) {
    TRY(choose_class(t, config, e));
    TRY(load_tokens(t, vocab, json_object_get(config, "added_tokens_decoder"), e));
    TRY(load_merges_file(t, dir, e));
    t->add_bos = tok__hf_true(config, "add_bos_token", 0);
    t->add_eos = tok__hf_true(config, "add_eos_token", 0);
    return 0;
}

/* ---- the folder ---- */

static int has_file(const char *dir, const char *name) {
    char path[MAX_PATH_LEN];
    return path_join(path, sizeof path, dir, name, NULL) == 0 && file_exists(path);
}

int tok__from_dir(struct tokenizer *t, const char *dir, struct err *e) {
    json_t *whole = NULL, *vocab = NULL, *config = NULL;
    int rc;
    TRYTO(out, load_json(&config, dir, "tokenizer_config.json", e));
    TRYTO(out, load_json(&whole, dir, "tokenizer.json", e));
    if (!whole) TRYTO(out, load_json(&vocab, dir, "vocab.json", e));
    if (whole)
        rc = from_tokenizer_json(t, whole, e);
    else if (vocab)
        rc = from_vocab_json(t, dir, vocab, config, e);
    else
        rc = fail_at(e, ERR_IO, dir, -1, "expected tokenizer.json, or vocab.json and merges.txt, found %s",
                     has_file(dir, "tokenizer.model") ? "tokenizer.model alone, which is not read" : "neither");
    if (rc < 0) goto out;
    TRYTO(out, load_special_ids(t, dir, config, e));
    rc = tok__finish(t, e);
out:
    json_decref(whole);
    json_decref(vocab);
    json_decref(config);
    return rc;
}
