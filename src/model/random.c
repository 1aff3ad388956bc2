/* See random.h. A shape becomes the list of tensors of its family, each filled by tiles of rows on the pool. */
#include "model/random.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/str.h"
#include "model/config.h"
#include "weights/gguf_write.h"
#include "weights/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct random_shape shapes[] = {
    {"4m", "llama", "a model one trains on a laptop", 6, 192, 6, 6, 512, 4096, .base = 1e4},
    {"15m", "llama", "stories15M", 6, 288, 6, 6, 768, 32000, .base = 1e4},
    {"135m", "llama", "SmolLM-135M", 30, 576, 9, 3, 1536, 49152, .base = 1e4},
    {"0.5b", "qwen2", "Qwen2.5-0.5B", 24, 896, 14, 2, 4864, 151936, .base = 1e6},
    {"1.5b", "qwen2", "Qwen2.5-1.5B, Qwen2.5-Math-1.5B", 28, 1536, 12, 2, 8960, 151936, .base = 1e6},
    {"r1-1.5b", "qwen2", "DeepSeek-R1-Distill-Qwen-1.5B", 28, 1536, 12, 2, 8960, 151936, .base = 1e4, .untied = 1},
    {"llama-1b", "llama", "Llama-3.2-1B", 16, 2048, 32, 8, 8192, 128256, .base = 5e5, .llama3 = 1},
    {"qwen3-0.6b", "qwen3", "Qwen3-0.6B", 28, 1024, 16, 8, 3072, 151936, .head = 128, .base = 1e6},
    {"qwen2-4m", "qwen2", "a small one of the family", 6, 256, 4, 2, 768, 1024, .base = 1e6},
    {"qwen3-1m", "qwen3", "models/r1.gguf", 6, 128, 4, 2, 352, 1024, .base = 1e4},
    {"qwen3-4m", "qwen3", "the same at twice the width", 6, 256, 4, 2, 576, 1024, .base = 1e4},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes, POOL_ROWS = 256, CONTEXT = 32768 };

const struct random_shape *random_shape_at(int i) { return i >= 0 && i < N_SHAPES ? &shapes[i] : NULL; }
const struct random_shape *random_shape_find(const char *name) {
    for (int i = 0; i < N_SHAPES; i++)
        if (!strcmp(shapes[i].name, name)) return &shapes[i];
    return NULL;
}

/* ---- rows ---- */

struct row_pool {
    enum fmt fmt;
    int64_t cols;
    size_t row_bytes;
    char *rows; /* [POOL_ROWS][row_bytes] */
};
enum { MAX_POOLS = 32 };
struct maker {
    struct weights *w;
    const struct random_shape *s;
    struct mixer mixer;
    uint64_t seed;
    struct pool *threads;
    struct row_pool pools[MAX_POOLS];
    int n_pools;
    struct err *e;
};

static int pool_fill(struct maker *k, struct row_pool *p, enum fmt f, int64_t cols) {
    p->fmt = f, p->cols = cols, p->row_bytes = fmt_row_bytes(f, cols);
    float *x = malloc((size_t)cols * sizeof *x);
    p->rows = malloc(POOL_ROWS * p->row_bytes);
    if (!x || !p->rows) {
        free(x);
        return fail(k->e, ERR_NOMEM, "out of memory");
    }
    struct rng r = RNG(k->seed, 0x726f7773u, (uint64_t)cols);
    for (int i = 0; i < POOL_ROWS; i++) {
        for (int64_t c = 0; c < cols; c++) x[c] = (float)(0.02 * rng_normal(&r));
        fmt_find((int)p->fmt)->from_f32(p->rows + (size_t)i * p->row_bytes, x, cols);
    }
    free(x);
    return 0;
}

static int pool_of(struct maker *k, enum fmt f, int64_t cols, const struct row_pool **out) {
    for (int i = 0; i < k->n_pools; i++)
        if (k->pools[i].cols == cols && k->pools[i].fmt == f) {
            *out = &k->pools[i];
            return 0;
        }
    if (k->n_pools == MAX_POOLS) return fail(k->e, ERR_INTERNAL, "more row lengths and formats than expected");
    *out = &k->pools[k->n_pools++]; /* counted before it is filled: whatever it holds is freed */
    return pool_fill(k, &k->pools[k->n_pools - 1], f, cols);
}

struct tile {
    const struct row_pool *p;
    char *dst;
    int64_t rows;
    uint64_t key;
};
static void lay_rows(void *ctx, int ith, int nth) {
    const struct tile *t = ctx;
    int64_t a, b;
    slice(t->rows, 64, ith, nth, &a, &b);
    for (int64_t r = a; r < b; r++)
        memcpy(t->dst + (size_t)r * t->p->row_bytes, t->p->rows + hash_mix(t->key + (uint64_t)r) % POOL_ROWS * t->p->row_bytes,
               t->p->row_bytes);
}

static int matrix(struct maker *k, const char *name, int64_t rows, int64_t cols) {
    const struct row_pool *p = NULL;
    void *bytes;
    int64_t dims[2] = {rows, cols};
    enum fmt f;
    TRY(mix_next(&k->mixer, name, 2, dims, FMT_F32, &f, k->e));
    TRY(pool_of(k, f, cols, &p));
    TRY(weights_memory_tensor(k->w, name, p->fmt, 2, dims, &bytes, k->e));
    struct tile t = {p, bytes, rows, k->seed ^ hash_text(name)};
    pool_run(k->threads, lay_rows, &t);
    return 0;
}

static int vector(struct maker *k, const char *name, int64_t n, double mean, double sd) {
    void *bytes;
    struct rng r = RNG(k->seed, hash_text(name));
    TRY(weights_memory_tensor(k->w, name, FMT_F32, 1, &n, &bytes, k->e));
    for (int64_t i = 0; i < n; i++) ((float *)bytes)[i] = (float)(mean + sd * rng_normal(&r));
    return 0;
}

/* ---- the tensors of a shape ---- */

static int64_t head_dim(const struct random_shape *s) { return s->head ? s->head : s->embd / s->heads; }

static int layer(struct maker *k, int l) {
    const struct random_shape *s = k->s;
    const int64_t C = s->embd, D = head_dim(s), HD = s->heads * D, GD = s->kv * D;
    const struct {
        const char *name;
        int64_t rows, cols; /* cols 0: a vector */
        double mean;
        const char *only; /* of this family */
    } all[] = {
        {"attn_norm.weight", C, 0, 1, NULL},      {"attn_q.weight", HD, C, 0, NULL},
        {"attn_k.weight", GD, C, 0, NULL},        {"attn_v.weight", GD, C, 0, NULL},
        {"attn_q.bias", HD, 0, 0, "qwen2"},       {"attn_k.bias", GD, 0, 0, "qwen2"},
        {"attn_v.bias", GD, 0, 0, "qwen2"},       {"attn_q_norm.weight", D, 0, 1, "qwen3"},
        {"attn_k_norm.weight", D, 0, 1, "qwen3"}, {"attn_output.weight", C, HD, 0, NULL},
        {"ffn_norm.weight", C, 0, 1, NULL},       {"ffn_gate.weight", s->ff, C, 0, NULL},
        {"ffn_up.weight", s->ff, C, 0, NULL},     {"ffn_down.weight", C, s->ff, 0, NULL},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char name[64];
        if (all[i].only && strcmp(s->family, all[i].only)) continue;
        snprintf(name, sizeof name, "blk.%d.%s", l, all[i].name);
        if (all[i].cols)
            TRY(matrix(k, name, all[i].rows, all[i].cols));
        else
            TRY(vector(k, name, all[i].rows, all[i].mean, all[i].mean > 0 ? 0.05 : 0.02));
    }
    return 0;
}

static int keys(struct maker *k) {
    const struct random_shape *s = k->s;
    const struct {
        const char *suffix;
        int v;
    } ints[] = {{"block_count", s->layers},
                {"context_length", CONTEXT},
                {"embedding_length", s->embd},
                {"feed_forward_length", s->ff},
                {"attention.head_count", s->heads},
                {"attention.head_count_kv", s->kv},
                {"rope.dimension_count", (int)head_dim(s)},
                {"attention.key_length", (int)head_dim(s)},
                {"attention.value_length", (int)head_dim(s)},
                {"vocab_size", s->vocab}};
    char key[96];
    TRY(weights_memory_str(k->w, "general.architecture", s->family, k->e));
    TRY(weights_memory_str(k->w, "general.name", s->name, k->e));
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        snprintf(key, sizeof key, "%s.%s", s->family, ints[i].suffix);
        TRY(weights_memory_u32(k->w, key, (uint32_t)ints[i].v, k->e));
    }
    snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", s->family);
    TRY(weights_memory_f32(k->w, key, 1e-5f, k->e));
    snprintf(key, sizeof key, "%s.rope.freq_base", s->family);
    return weights_memory_f32(k->w, key, s->base > 0 ? (float)s->base : 1e4f, k->e);
}

/* Llama 3.2: slow angles are divided by 32, fast ones stay, those between pass over. */
static int rope_factors(struct maker *k) {
    const struct rope_cfg r = {
        .dims = (int)head_dim(k->s), .base = k->s->base, .factor = 32, .low_freq = 1, .high_freq = 4, .orig_ctx = 8192};
    struct rope_cfg scaled = r;
    double plain[256], slow[256];
    int64_t n = r.dims / 2;
    void *bytes;
    if (n > 256) return fail(k->e, ERR_LIMIT, "shape %s: heads of more than 512 numbers", k->s->name);
    scaled.scaling = ROPE_SCALE_LLAMA3;
    rope_freqs(plain, &r, NULL), rope_freqs(slow, &scaled, NULL);
    TRY(weights_memory_tensor(k->w, "rope_freqs.weight", FMT_F32, 1, &n, &bytes, k->e));
    for (int64_t i = 0; i < n; i++) ((float *)bytes)[i] = (float)(plain[i] / slow[i]);
    return 0;
}

static int make(struct maker *k) {
    TRY(weights_memory_new(&k->w, k->s->name, k->e));
    TRY(keys(k));
    TRY(matrix(k, "token_embd.weight", k->s->vocab, k->s->embd));
    for (int l = 0; l < k->s->layers; l++) TRY(layer(k, l));
    if (k->s->untied && !k->s->score) TRY(matrix(k, "output.weight", k->s->vocab, k->s->embd));
    if (k->s->score) TRY(matrix(k, "cls.output.weight", 1, k->s->embd));
    if (k->s->llama3) TRY(rope_factors(k));
    return vector(k, "output_norm.weight", k->s->embd, 1, 0.05);
}

int random_weights(struct weights **out, const struct random_shape *s, enum fmt f, const struct quant_mix *mix, uint64_t seed,
                   struct pool *pool, struct err *e) {
    const struct quant_mix plain = {.fmt = f};
    const struct quant_opts opts = {.mix = mix ? mix : &plain, .pure = !mix};
    struct maker k = {.s = s, .seed = seed, .threads = pool, .e = e};
    k.mixer = (struct mixer){.o = &opts, .m = {s->layers, s->heads / s->kv, s->layers, !s->untied || s->score, 0}};
    int rc = make(&k);
    for (int i = 0; i < k.n_pools; i++) free(k.pools[i].rows);
    if (rc < 0)
        weights_close(k.w);
    else
        *out = k.w;
    return rc;
}

/* ---- as a file ---- */

/* The vocabulary of a SentencePiece file, which needs scores and no merges: <unk>, <s>, </s>, 256 bytes, the characters of the words (without
 * them the file would have no form as a folder), then words no text has. */
enum { BYTES_END = 259, LETTERS_END = BYTES_END + 12 };

static void word(char *buf, size_t n, int i) {
    if (i < 3)
        snprintf(buf, n, "%s", i == 0 ? "<unk>" : i == 1 ? "<s>" : "</s>");
    else if (i < BYTES_END)
        snprintf(buf, n, "<0x%02X>", (unsigned)(i - 3));
    else if (i < LETTERS_END - 10)
        snprintf(buf, n, "%s", i == BYTES_END ? "\xe2\x96\x81" : "w");
    else if (i < LETTERS_END)
        snprintf(buf, n, "%d", i - (LETTERS_END - 10));
    else
        snprintf(buf, n, "\xe2\x96\x81w%d", i);
}

struct words {
    struct meta_str *tokens;
    char (*text)[16];
    float *scores;
    int32_t *types;
};

static int words_make(struct words *v, int n, struct err *e) {
    size_t k = (size_t)n;
    *v = (struct words){malloc(k * sizeof *v->tokens), malloc(k * sizeof *v->text), malloc(k * sizeof *v->scores),
                        malloc(k * sizeof *v->types)};
    if (!v->tokens || !v->text || !v->scores || !v->types) return fail(e, ERR_NOMEM, "out of memory for %d words", n);
    for (int i = 0; i < n; i++) {
        word(v->text[i], sizeof v->text[i], i);
        v->tokens[i] = (struct meta_str){v->text[i], strlen(v->text[i])};
        v->scores[i] = i < BYTES_END ? 0 : (float)-i;
        v->types[i] = i == 0 ? 2 : i < 3 ? 3 : i < BYTES_END ? 6 : 1; /* unknown, control, byte, normal */
    }
    return 0;
}

static void words_free(struct words *v) { free(v->tokens), free(v->text), free(v->scores), free(v->types); }

static void put_keys(struct gguf_writer *g, const struct words *v, int n) {
    gguf_put_str(g, "tokenizer.ggml.model", "llama", 5);
    gguf_put_strs(g, "tokenizer.ggml.tokens", v->tokens, (uint64_t)n);
    gguf_put_f32s(g, "tokenizer.ggml.scores", v->scores, (uint64_t)n);
    gguf_put_i32s(g, "tokenizer.ggml.token_type", v->types, (uint64_t)n);
    gguf_put_u32(g, "tokenizer.ggml.unknown_token_id", 0);
    gguf_put_u32(g, "tokenizer.ggml.bos_token_id", 1);
    gguf_put_u32(g, "tokenizer.ggml.eos_token_id", 2);
}

int random_put_words(struct gguf_writer *g, int n, struct err *e) {
    struct words v;
    int rc = words_make(&v, n, e);
    if (!rc) put_keys(g, &v, n);
    words_free(&v);
    return rc;
}

int random_save(const struct weights *w, const struct random_shape *s, const char *path, random_put put, void *ctx,
                struct err *e) {
    struct gguf_writer *g;
    struct meta_value value;
    TRY(gguf_writer_new(&g, e));
    int rc = put ? put(ctx, g, e) : random_put_words(g, s->vocab, e);
    for (int64_t i = 0; !rc && i < meta_count(w); i++) gguf_put_copy(g, w, meta_key_at(w, i, &value));
    if (!rc) {
        for (int64_t i = 0; i < weights_n_tensors(w); i++) {
            const struct tensor *t = weights_tensor_at(w, i);
            gguf_put_tensor(g, t->name, t->m.fmt, t->n_dims, t->dims, t->m.data);
        }
        rc = gguf_writer_commit(g, path, e);
    }
    gguf_writer_free(g);
    return rc;
}
