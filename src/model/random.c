/* See random.h. A shape becomes the list of tensors of its family, each filled by tiles of rows on the pool. */
#include "model/random.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/str.h"
#include "weights/gguf_write.h"
#include "weights/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct random_shape shapes[] = {
    {"4m", "llama", "a model one trains on a laptop", 6, 192, 6, 6, 512, 4096},
    {"15m", "llama", "stories15M", 6, 288, 6, 6, 768, 32000},
    {"135m", "llama", "SmolLM-135M", 30, 576, 9, 3, 1536, 49152},
    {"0.5b", "qwen2", "Qwen2.5-0.5B", 24, 896, 14, 2, 4864, 151936},
    {"1.5b", "qwen2", "Qwen2.5-1.5B", 28, 1536, 12, 2, 8960, 151936},
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
enum { MAX_POOLS = 8 };
struct maker {
    struct weights *w;
    const struct random_shape *s;
    enum fmt fmt;
    uint64_t seed;
    struct pool *threads;
    struct row_pool pools[MAX_POOLS];
    int n_pools;
    struct err *e;
};

/* The format of a matrix whose rows are not whole blocks of the one asked for. */
static int fallback(const struct maker *k, int64_t cols, enum fmt *out) {
    static const char *const instead[][2] = {{"Q4_K", "Q5_0"}, {"Q5_K", "Q5_1"}, {"Q6_K", "Q8_0"}};
    const struct fmt_row *want = fmt_find((int)k->fmt), *f = want;
    for (size_t i = 0; cols % f->block && i < sizeof instead / sizeof *instead; i++)
        if (!strcmp(want->name, instead[i][0]) && fmt_by_name(instead[i][1])) f = fmt_by_name(instead[i][1]);
    if (cols % f->block || !f->from_f32)
        return fail(k->e, ERR_UNSUPPORTED, "shape %s: rows of %lld numbers cannot be stored as %s", k->s->name, (long long)cols,
                    want->name);
    *out = f->id;
    return 0;
}

static int pool_fill(struct maker *k, struct row_pool *p, int64_t cols) {
    TRY(fallback(k, cols, &p->fmt));
    p->cols = cols, p->row_bytes = fmt_row_bytes(p->fmt, cols);
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

static int pool_of(struct maker *k, int64_t cols, const struct row_pool **out) {
    for (int i = 0; i < k->n_pools; i++)
        if (k->pools[i].cols == cols) {
            *out = &k->pools[i];
            return 0;
        }
    if (k->n_pools == MAX_POOLS) return fail(k->e, ERR_INTERNAL, "more row lengths than expected");
    *out = &k->pools[k->n_pools++]; /* counted before it is filled: whatever it holds is freed */
    return pool_fill(k, &k->pools[k->n_pools - 1], cols);
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
    TRY(pool_of(k, cols, &p));
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

static int layer(struct maker *k, int l) {
    const struct random_shape *s = k->s;
    const int64_t C = s->embd, D = C / s->heads, GD = s->kv * D;
    const struct {
        const char *name;
        int64_t rows, cols; /* cols 0: a vector */
        double mean;
        int qwen;
    } all[] = {
        {"attn_norm.weight", C, 0, 1, 0},    {"attn_q.weight", C, C, 0, 0},      {"attn_k.weight", GD, C, 0, 0},
        {"attn_v.weight", GD, C, 0, 0},      {"attn_q.bias", C, 0, 0, 1},        {"attn_k.bias", GD, 0, 0, 1},
        {"attn_v.bias", GD, 0, 0, 1},        {"attn_output.weight", C, C, 0, 0}, {"ffn_norm.weight", C, 0, 1, 0},
        {"ffn_gate.weight", s->ff, C, 0, 0}, {"ffn_up.weight", s->ff, C, 0, 0},  {"ffn_down.weight", C, s->ff, 0, 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char name[64];
        if (all[i].qwen && strcmp(s->family, "qwen2")) continue;
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
                {"rope.dimension_count", s->embd / s->heads},
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
    return weights_memory_f32(k->w, key, strcmp(s->family, "qwen2") ? 1e4f : 1e6f, k->e);
}

static int make(struct maker *k) {
    TRY(weights_memory_new(&k->w, k->s->name, k->e));
    TRY(keys(k));
    TRY(matrix(k, "token_embd.weight", k->s->vocab, k->s->embd));
    for (int l = 0; l < k->s->layers; l++) TRY(layer(k, l));
    return vector(k, "output_norm.weight", k->s->embd, 1, 0.05);
}

int random_weights(struct weights **out, const struct random_shape *s, enum fmt f, uint64_t seed, struct pool *pool,
                   struct err *e) {
    struct maker k = {.s = s, .fmt = f, .seed = seed, .threads = pool, .e = e};
    int rc = make(&k);
    for (int i = 0; i < k.n_pools; i++) free(k.pools[i].rows);
    if (rc < 0)
        weights_close(k.w);
    else
        *out = k.w;
    return rc;
}

/* ---- as a file ---- */

/* The vocabulary of a SentencePiece file, which needs scores and no merges: <unk>, <s>, </s>, 256 bytes, then words no text has. */
static void word(char *buf, size_t n, int i) {
    if (i < 3)
        snprintf(buf, n, "%s", i == 0 ? "<unk>" : i == 1 ? "<s>" : "</s>");
    else if (i < 259)
        snprintf(buf, n, "<0x%02X>", (unsigned)(i - 3));
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
        v->scores[i] = i < 259 ? 0 : (float)-i;
        v->types[i] = i == 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1; /* unknown, control, byte, normal */
    }
    return 0;
}

static void words_free(struct words *v) { free(v->tokens), free(v->text), free(v->scores), free(v->types); }

static void put_words(struct gguf_writer *g, const struct words *v, int n) {
    gguf_put_str(g, "tokenizer.ggml.model", "llama", 5);
    gguf_put_strs(g, "tokenizer.ggml.tokens", v->tokens, (uint64_t)n);
    gguf_put_f32s(g, "tokenizer.ggml.scores", v->scores, (uint64_t)n);
    gguf_put_i32s(g, "tokenizer.ggml.token_type", v->types, (uint64_t)n);
    gguf_put_u32(g, "tokenizer.ggml.unknown_token_id", 0);
    gguf_put_u32(g, "tokenizer.ggml.bos_token_id", 1);
    gguf_put_u32(g, "tokenizer.ggml.eos_token_id", 2);
}

int random_save(const struct weights *w, const struct random_shape *s, const char *path, struct err *e) {
    struct gguf_writer *g;
    struct words v = {0};
    struct meta_value value;
    TRY(gguf_writer_new(&g, e));
    int rc = words_make(&v, s->vocab, e);
    if (!rc) {
        for (int64_t i = 0; i < meta_count(w); i++) gguf_put_copy(g, w, meta_key_at(w, i, &value));
        put_words(g, &v, s->vocab);
        for (int64_t i = 0; i < weights_n_tensors(w); i++) {
            const struct tensor *t = weights_tensor_at(w, i);
            gguf_put_tensor(g, t->name, t->m.fmt, t->n_dims, t->dims, t->m.data);
        }
        rc = gguf_writer_commit(g, path, e);
    }
    words_free(&v);
    gguf_writer_free(g);
    return rc;
}
