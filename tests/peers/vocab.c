/* See vocab.h. The made-up ones are small enough that nearly every text is cut in the middle of what looks like a word, which is where
 * two implementations of merging part. */
#include "vocab.h"
#include "base/fs.h"
#include "base/rng.h"
#include "base/str.h"
#include "text/bpe_train.h"
#include "text/pretok.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { SPM_BYTES = 3, SPM_PIECES = SPM_BYTES + 256, PIECE_MAX = 32 };
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN = 2, TYPE_CONTROL = 3, TYPE_BYTE = 6 };

struct spm {
    char text[VOCAB_SIZE][PIECE_MAX];
    struct meta_str tokens[VOCAB_SIZE];
    float scores[VOCAB_SIZE];
    int32_t types[VOCAB_SIZE];
};

static int spm_has(const struct spm *v, int n, const char *s) {
    for (int i = 0; i < n; i++)
        if (!strcmp(v->text[i], s)) return 1;
    return 0;
}

/* Letters and the space mark, then pairs of what is there, each once. */
static void spm_piece(struct spm *v, int i, struct rng *r) {
    static const char *const first[] = {"\xe2\x96\x81", "e", "t", "a", "o", "i", "n", "s", "r", "h", "l", "d", "1", "2", "é",
                                        "世",           "."};
    const int n_first = (int)(sizeof first / sizeof *first), k = i - SPM_PIECES;
    if (k < n_first) {
        snprintf(v->text[i], PIECE_MAX, "%s", first[k]);
        return;
    }
    char s[2 * PIECE_MAX];
    do {
        int a = SPM_PIECES + (int)rng_below(r, (uint64_t)k), b = SPM_PIECES + (int)rng_below(r, (uint64_t)k);
        snprintf(s, sizeof s, "%s%s", v->text[a], v->text[b]);
    } while (strlen(s) > 16 || spm_has(v, i, s));
    memcpy(v->text[i], s, strlen(s) + 1);
}

int vocab_put_spm(struct gguf_writer *g, uint64_t seed, struct err *e) {
    struct rng r = RNG(seed, 0x73706d);
    struct spm *v = calloc(1, sizeof *v);
    if (!v) return fail(e, ERR_NOMEM, "out of memory");
    for (int i = 0; i < VOCAB_SIZE; i++) {
        if (i < SPM_BYTES)
            snprintf(v->text[i], PIECE_MAX, "%s", i == 0 ? "<unk>" : i == 1 ? "<s>" : "</s>");
        else if (i < SPM_PIECES)
            snprintf(v->text[i], PIECE_MAX, "<0x%02X>", (unsigned)(i - SPM_BYTES));
        else
            spm_piece(v, i, &r);
        v->tokens[i] = (struct meta_str){v->text[i], strlen(v->text[i])};
        v->scores[i] = i < SPM_PIECES ? 0 : (float)(SPM_PIECES - i);
        v->types[i] = i == 0 ? TYPE_UNKNOWN : i < SPM_BYTES ? TYPE_CONTROL : i < SPM_PIECES ? TYPE_BYTE : TYPE_NORMAL;
    }
    gguf_put_str(g, "tokenizer.ggml.model", "llama", 5);
    gguf_put_strs(g, "tokenizer.ggml.tokens", v->tokens, VOCAB_SIZE);
    gguf_put_f32s(g, "tokenizer.ggml.scores", v->scores, VOCAB_SIZE);
    gguf_put_i32s(g, "tokenizer.ggml.token_type", v->types, VOCAB_SIZE);
    gguf_put_u32(g, "tokenizer.ggml.unknown_token_id", 0);
    gguf_put_u32(g, "tokenizer.ggml.bos_token_id", 1);
    gguf_put_u32(g, "tokenizer.ggml.eos_token_id", 2);
    free(v);
    return 0;
}

/* Words of a few syllables, some with capitals, digits and characters of several bytes. */
static void made_up_text(struct str *s, struct rng *r) {
    static const char *const part[] = {"ka",  "to", "re", "mi", "sen", "olo", "ul", "in",
                                       "ght", "er", "世", "é",  "7",   "42",  "N",  "'s"};
    for (int w = 0; w < 4000; w++) {
        for (int k = (int)rng_below(r, 4); k >= 0; k--) str_printf(s, "%s", part[rng_below(r, sizeof part / sizeof *part)]);
        str_printf(s, "%s", rng_below(r, 9) ? " " : rng_below(r, 2) ? ", " : "\n\n");
    }
}

int vocab_put_bpe(struct gguf_writer *g, const char *pre, uint64_t seed, struct err *e) {
    static const char *const specials[] = {"<|endoftext|>", "<|im_start|>"};
    struct rng r = RNG(seed, 0x627065);
    struct str text = {0};
    struct bpe_vocab v;
    made_up_text(&text, &r);
    int rc = text.failed ? fail(e, ERR_NOMEM, "out of memory") : 0;
    if (!rc) rc = bpe_train(text.s, strlen(text.s), pre, specials, 2, VOCAB_SIZE, &v, e);
    free(text.s);
    if (rc < 0) return rc;
    tok end = bpe_vocab_find(&v, specials[0]);
    rc = v.n_tokens == VOCAB_SIZE ? bpe_vocab_put(g, &v, pre, end, end, 0)
                                  : fail(e, ERR_INTERNAL, "expected %d tokens, found %d", VOCAB_SIZE, (int)v.n_tokens);
    bpe_vocab_free(&v);
    return rc;
}

/* ---- Qwen2's files ---- */

static int put_merges(struct gguf_writer *g, char *text, struct err *e) {
    size_t n = 0, cap = 1;
    for (const char *p = text; *p; p++) cap += *p == '\n';
    struct meta_str *lines = malloc(cap * sizeof *lines);
    if (!lines) return fail(e, ERR_NOMEM, "out of memory");
    char *save = NULL;
    for (char *line = strtok_r(text, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save))
        if (strncmp(line, "#version", 8) != 0) lines[n++] = (struct meta_str){line, strlen(line)};
    gguf_put_strs(g, "tokenizer.ggml.merges", lines, n);
    free(lines);
    return 0;
}

static int put_tokens(struct gguf_writer *g, json_t *vocab, json_t *added, struct err *e) {
    size_t n = json_object_size(vocab) + json_object_size(added);
    struct meta_str *tokens = calloc(n, sizeof *tokens);
    int32_t *types = malloc(n * sizeof *types);
    const char *key;
    json_t *value;
    if (!tokens || !types) return free(tokens), free(types), fail(e, ERR_NOMEM, "out of memory");
    json_object_foreach(vocab, key, value) {
        int64_t id = json_integer_value(value);
        if (id >= 0 && id < (int64_t)n) tokens[id] = (struct meta_str){key, strlen(key)}, types[id] = TYPE_NORMAL;
    }
    json_object_foreach(added, key, value) {
        int64_t id = strtoll(key, NULL, 10);
        const char *s = json_string_value(json_object_get(value, "content"));
        if (s && id >= 0 && id < (int64_t)n) tokens[id] = (struct meta_str){s, strlen(s)}, types[id] = TYPE_CONTROL;
    }
    int rc = 0;
    for (size_t i = 0; !rc && i < n; i++)
        if (!tokens[i].s) rc = fail(e, ERR_FORMAT, "vocab.json: expected a token with id %zu, found none", i);
    if (!rc) {
        gguf_put_strs(g, "tokenizer.ggml.tokens", tokens, n);
        gguf_put_i32s(g, "tokenizer.ggml.token_type", types, n);
    }
    free(tokens), free(types);
    return rc;
}

static int read_json(json_t **out, const char *dir, const char *name, struct err *e) {
    char path[512];
    json_error_t je;
    TRY(path_join(path, sizeof path, dir, name, e));
    *out = json_load_file(path, 0, &je);
    return *out ? 0 : fail_at(e, ERR_FORMAT, path, je.position, "%s", je.text);
}

static int put_qwen2(struct gguf_writer *g, json_t *vocab, json_t *config, const char *dir, struct err *e) {
    char path[512], *merges = NULL;
    size_t n;
    TRY(path_join(path, sizeof path, dir, "merges.txt", e));
    TRY(file_read(&merges, &n, path, 0, e));
    gguf_put_str(g, "general.architecture", "qwen2", 5);
    gguf_put_str(g, "tokenizer.ggml.model", "gpt2", 4);
    gguf_put_str(g, "tokenizer.ggml.pre", "qwen2", 5);
    int rc = put_tokens(g, vocab, json_object_get(config, "added_tokens_decoder"), e);
    if (!rc) rc = put_merges(g, merges, e);
    free(merges);
    return rc;
}

int vocab_qwen2(const char *dir, const char *path, struct err *e) {
    json_t *vocab = NULL, *config = NULL;
    struct gguf_writer *g = NULL;
    int rc = read_json(&vocab, dir, "vocab.json", e);
    if (!rc) rc = read_json(&config, dir, "tokenizer_config.json", e);
    if (!rc) rc = gguf_writer_new(&g, e);
    if (!rc) rc = put_qwen2(g, vocab, config, dir, e);
    if (!rc) rc = gguf_writer_commit(g, path, e);
    if (g) gguf_writer_free(g);
    json_decref(vocab), json_decref(config);
    return rc;
}

/* ---- one vocabulary under other patterns ---- */

static int put_pattern(const struct weights *w, const char *pre, const char *path, struct err *e) {
    struct gguf_writer *g = NULL;
    struct meta_value v;
    TRY(gguf_writer_new(&g, e));
    for (int64_t i = 0; i < meta_count(w); i++) {
        const char *key = meta_key_at(w, i, &v);
        if (strcmp(key, "tokenizer.ggml.pre") != 0) gguf_put_copy(g, w, key);
    }
    gguf_put_str(g, "tokenizer.ggml.pre", pre, strlen(pre));
    int rc = gguf_writer_commit(g, path, e);
    gguf_writer_free(g);
    return rc;
}

int vocab_patterns(const char *from, const char *dir, struct err *e) {
    struct weights *w = NULL;
    const char *name;
    TRY(weights_open(&w, from, e));
    int rc = 0;
    for (int i = 0; !rc && (name = pretok_name_at(i)); i++) {
        char path[640];
        snprintf(path, sizeof path, "%s/pre-%s.gguf", dir, name);
        rc = put_pattern(w, name, path, e);
    }
    weights_close(w);
    return rc;
}
