/* Tiny random models of every family and variation, and a rig that runs them: shared by the tests of the model room.
 *
 * A `tiny` is a row of a table: the shape of a model. tiny_new makes it in memory on any device (the same float weights on all of
 * them: they are drawn as floats, by name), tiny_gguf and tiny_hf write it to disk. A `rig` is a model with a pass, a tape, pages for
 * its sequences and arrays for states and gradients. Norms and biases are random too: a unit norm hides a forgotten factor. */
#ifndef TINY_MODELS_H
#define TINY_MODELS_H
#include "base/rng.h"
#include "model/family.h"
#include "model/model.h"
#include "test_files.h"
#include "weights/gguf_write.h"
#include <math.h>

#define TINY __attribute__((unused)) static
/* ---- shapes ---- */

struct tiny {
    const char *name, *family;
    int L, H, G, D, C, F, V;
    int rot; /* 0: the whole head */
    enum rope_scaling scaling;
    double factor;
    int64_t orig_ctx, window;
    int tied, bias, score;
};

#define BASE_SHAPE .L = 2, .C = 12, .F = 20, .V = 19
static const struct tiny tinies[] = {
    {"llama", "llama", BASE_SHAPE, .H = 2, .G = 2, .D = 6},
    {"llama_gqa_tied", "llama", BASE_SHAPE, .H = 4, .G = 2, .D = 6, .tied = 1},
    {"llama_one_kv_head", "llama", BASE_SHAPE, .H = 3, .G = 1, .D = 10},
    {"llama_partial_rope", "llama", BASE_SHAPE, .H = 2, .G = 1, .D = 6, .rot = 4},
    {"llama_bias", "llama", BASE_SHAPE, .H = 4, .G = 2, .D = 6, .bias = 1},
    {"llama_linear", "llama", BASE_SHAPE, .H = 2, .G = 1, .D = 6, .scaling = ROPE_SCALE_LINEAR, .factor = 4, .orig_ctx = 64},
    {"llama_llama3", "llama", BASE_SHAPE, .H = 2, .G = 1, .D = 6, .scaling = ROPE_SCALE_LLAMA3, .factor = 8, .orig_ctx = 256},
    {"llama_yarn", "llama", BASE_SHAPE, .H = 2, .G = 1, .D = 8, .scaling = ROPE_SCALE_YARN, .factor = 4, .orig_ctx = 4096},
    {"mistral", "mistral", BASE_SHAPE, .H = 4, .G = 2, .D = 6, .window = 5},
    {"qwen2", "qwen2", BASE_SHAPE, .H = 4, .G = 2, .D = 6, .tied = 1, .bias = 1},
    {"qwen2_yarn", "qwen2", BASE_SHAPE, .H = 2, .G = 2, .D = 8, .bias = 1, .scaling = ROPE_SCALE_YARN, .factor = 4,
     .orig_ctx = 4096},
    {"qwen3", "qwen3", BASE_SHAPE, .H = 4, .G = 2, .D = 10},
    {"gpt2", "gpt2", BASE_SHAPE, .H = 2, .G = 2, .D = 6, .tied = 1, .bias = 1},
    {"gpt2_untied", "gpt2", BASE_SHAPE, .H = 3, .G = 3, .D = 4, .bias = 1},
};
enum { N_TINIES = sizeof tinies / sizeof *tinies, TINY_CTX = 32 };

/* Every row a whole number of blocks of 32, so that all matrices can be stored quantised. */
static const struct tiny block_tinies[] = {
    {"llama_blocks", "llama", .L = 2, .C = 64, .F = 96, .V = 80, .H = 4, .G = 2, .D = 16},
    {"qwen2_blocks", "qwen2", .L = 2, .C = 64, .F = 96, .V = 80, .H = 4, .G = 2, .D = 16, .tied = 1, .bias = 1},
    {"qwen3_blocks", "qwen3", .L = 2, .C = 32, .F = 64, .V = 80, .H = 2, .G = 1, .D = 32, .tied = 1},
    {"llama_head_128", "llama", .L = 1, .C = 32, .F = 32, .V = 64, .H = 2, .G = 1, .D = 128},
    {"mistral_blocks", "mistral", .L = 2, .C = 64, .F = 64, .V = 80, .H = 4, .G = 1, .D = 16, .window = 5},
    {"gpt2_blocks", "gpt2", .L = 2, .C = 64, .F = 96, .V = 80, .H = 4, .G = 4, .D = 16, .tied = 1, .bias = 1},
};
enum { N_BLOCK_TINIES = sizeof block_tinies / sizeof *block_tinies };

/* Every row a whole number of superblocks of 256. */
static const struct tiny super_tinies[] = {
    {"llama_super", "llama", .L = 1, .C = 256, .F = 256, .V = 40, .H = 4, .G = 4, .D = 64},
    {"gpt2_super", "gpt2", .L = 1, .C = 256, .F = 512, .V = 40, .H = 8, .G = 8, .D = 32, .tied = 1, .bias = 1},
};
enum { N_SUPER_TINIES = sizeof super_tinies / sizeof *super_tinies };

/* Reward models: a score head in the place of the vocabulary. The last one's rows are whole superblocks. */
static const struct tiny score_tinies[] = {
    {"llama_score", "llama", .L = 2, .C = 64, .F = 96, .V = 80, .H = 4, .G = 2, .D = 16, .score = 1},
    {"qwen3_score", "qwen3", .L = 2, .C = 32, .F = 64, .V = 80, .H = 2, .G = 1, .D = 32, .score = 1},
    {"qwen3_score_super", "qwen3", .L = 1, .C = 256, .F = 256, .V = 40, .H = 4, .G = 2, .D = 64, .score = 1},
};
enum { N_SCORE_TINIES = sizeof score_tinies / sizeof *score_tinies };

TINY const struct tiny *tiny_find(const char *name) {
    for (int i = 0; i < N_TINIES; i++)
        if (!strcmp(tinies[i].name, name)) return &tinies[i];
    for (int i = 0; i < N_BLOCK_TINIES; i++)
        if (!strcmp(block_tinies[i].name, name)) return &block_tinies[i];
    for (int i = 0; i < N_SUPER_TINIES; i++)
        if (!strcmp(super_tinies[i].name, name)) return &super_tinies[i];
    for (int i = 0; i < N_SCORE_TINIES; i++)
        if (!strcmp(score_tinies[i].name, name)) return &score_tinies[i];
    cr_assert(0, "no tiny model %s", name);
    return NULL;
}

TINY int is_family(const struct tiny *t, const char *family) { return !strcmp(t->family, family); }

TINY struct model_cfg tiny_cfg(const struct tiny *t) {
    int gpt = is_family(t, "gpt2"), qwen = is_family(t, "qwen2") || is_family(t, "qwen3");
    struct model_cfg c = {.family = family_find(t->family),
                          .n_layer = t->L,
                          .n_head = t->H,
                          .n_kv = t->G,
                          .head_dim = t->D,
                          .n_embd = t->C,
                          .n_ff = t->F,
                          .n_vocab = t->V,
                          .n_ctx = TINY_CTX,
                          .norm = gpt ? NORM_LAYER : NORM_RMS,
                          .norm_eps = (double)1e-5f,
                          .act = gpt ? ACT_GELU : ACT_SILU,
                          .gated = !gpt,
                          .qkv_bias = t->bias,
                          .out_bias = t->bias && !qwen,
                          .ffn_bias = gpt || (t->bias && !qwen),
                          .qk_norm = is_family(t, "qwen3"),
                          .learned_pos = gpt,
                          .tied = t->tied,
                          .window = t->window,
                          .n_score = t->score};
    if (!gpt)
        c.rope = (struct rope_cfg){.dims = t->rot ? t->rot : t->D,
                                   .style = qwen ? ROPE_HALVES : ROPE_PAIRS,
                                   .base = 10000,
                                   .scaling = t->scaling,
                                   .factor = t->factor > 0 ? t->factor : 1,
                                   .low_freq = 1,
                                   .high_freq = 4,
                                   .beta_fast = 32,
                                   .beta_slow = 1,
                                   .orig_ctx = t->orig_ctx};
    return c;
}

/* ---- weights ---- */

TINY uint64_t name_hash(const char *s) {
    uint64_t h = 1469598103934665603u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h;
}

TINY int name_has(const char *s, const char *part) { return strstr(s, part) != NULL; }

TINY double tiny_weight(const struct param *p, struct rng *r) {
    double x = rng_normal(r);
    if (name_has(p->name, "norm.weight")) return (double)(float)(1 + 0.3 * x);
    if (p->n_dims == 1) return (double)(float)(0.3 * x);
    if (name_has(p->name, "_embd")) return (double)(float)(0.7 * x);
    return (double)(float)(1.3 * x / sqrt((double)p->dims[1]));
}

TINY void tiny_fill(const struct model *m) {
    for (int i = 0; i < model_n_params(m); i++) {
        const struct param *p = model_param(m, i);
        struct rng r = RNG(7, name_hash(p->name));
        for (int64_t j = 0; j < p->count; j++) dev_set1(model_device(m), p->value, j, tiny_weight(p, &r));
    }
}

TINY struct model *tiny_new(struct device *d, const struct tiny *t) {
    struct model_cfg c = tiny_cfg(t);
    struct model *m = NULL;
    OK(model_new(&m, d, &c, 1, &e));
    tiny_fill(m);
    return m;
}

/* As GGUF, all matrices in format f. */
TINY const char *tiny_gguf(const struct tiny *t, enum fmt f) {
    char name[80];
    snprintf(name, sizeof name, "%s-%s.gguf", t->name, fmt_find((int)f)->name);
    const char *path = tmp_path(name);
    struct device *d = NULL;
    OK(dev_open(&d, 1, 0, &e));
    struct model *m = tiny_new(d, t);
    struct gguf_writer *g = NULL;
    void **keep = NULL;
    OK(gguf_writer_new(&g, &e));
    OK(model_put(g, m, f, &keep, &e));
    OK(gguf_writer_commit(g, path, &e));
    gguf_writer_free(g), model_put_free(m, keep), model_close(m), dev_close(d);
    return path;
}

/* ---- the rig ---- */

enum { RIG_PAGES = 32, RIG_SEQS = 4 };
struct rig {
    struct device *d;
    const struct model *m;
    struct pass *p;
    struct tape *t;
    void *pages[RIG_SEQS][RIG_PAGES];
    int page_len;
    int64_t rows; /* capacity */
    num *h, *dh, *emb, *demb, *logits;
};

TINY struct device *tiny_device(int threads, int oracle) {
    struct device *d = NULL;
    OK(dev_open(&d, threads, oracle, &e));
    return d;
}
TINY struct device *isa_device(const char *isa, int threads) {
    setenv("CANDOR_ISA", isa, 1);
    struct device *d = tiny_device(threads, 0);
    unsetenv("CANDOR_ISA");
    return d;
}

TINY struct rig rig_open(const struct model *m, int64_t rows, int page_len) {
    struct rig r = {.d = model_device(m), .m = m, .page_len = page_len, .rows = rows};
    int64_t C = model_cfg(m)->n_embd;
    OK(pass_new(&r.p, m, rows, RIG_SEQS, TINY_CTX, PASS_GRADS, &e));
    OK(tape_new(&r.t, m, rows, RIG_SEQS, &e));
    for (int s = 0; s < RIG_SEQS; s++)
        for (int i = 0; i < (TINY_CTX + page_len - 1) / page_len; i++)
            r.pages[s][i] = dev_alloc_bytes(r.d, model_kv_page_bytes(m, page_len, FMT_F32));
    r.h = dev_alloc(r.d, rows * C), r.dh = dev_alloc(r.d, rows * C);
    r.emb = dev_alloc(r.d, rows * C), r.demb = dev_alloc(r.d, rows * C);
    r.logits = dev_alloc(r.d, rows * model_n_out(m));
    return r;
}
TINY void rig_close(struct rig *r) {
    tape_free(r->t), pass_free(r->p);
    for (int s = 0; s < RIG_SEQS; s++)
        for (int i = 0; i < RIG_PAGES; i++) dev_free(r->d, r->pages[s][i]);
    dev_free(r->d, r->h), dev_free(r->d, r->dh), dev_free(r->d, r->emb), dev_free(r->d, r->demb), dev_free(r->d, r->logits);
}
TINY struct span rig_span(struct rig *r, int seq, int64_t row0, int64_t rows, int64_t pos0) {
    return (struct span){row0, rows, pos0, {r->pages[seq], r->page_len, FMT_F32}};
}
/* One sequence's rows [pos0, pos0 + rows), states into h + row 0. */
TINY void rig_run(struct rig *r, int seq, const int32_t *ids, int64_t rows, int64_t pos0, struct tape *tape,
                  const struct taps *taps) {
    struct span s = rig_span(r, seq, 0, rows, pos0);
    struct batch b = {.T = rows, .ids = ids, .spans = &s, .n_spans = 1};
    OK(model_forward(r->m, r->p, &b, tape, taps, r->h, &e));
}
TINY void tiny_ids(int32_t *ids, int64_t n, int V, uint64_t seed) {
    struct rng r = RNG(seed, 3);
    for (int64_t i = 0; i < n; i++) ids[i] = (int32_t)rng_below(&r, (uint64_t)V);
}
TINY double worst(double a, double b) { return b > a || b != b ? b : a; } /* NaN stays */
TINY double max_abs(const double *x, int64_t n) {
    double m = 0;
    for (int64_t i = 0; i < n; i++) m = worst(m, fabs(x[i]));
    return m;
}
/* Largest difference relative to the largest element of b. */
TINY double rel_diff(const double *a, const double *b, int64_t n) {
    double m = 0;
    for (int64_t i = 0; i < n; i++) m = worst(m, fabs(a[i] - b[i]));
    return m / (max_abs(b, n) + 1e-30);
}
TINY double *fetch_nums(struct device *d, const num *x, int64_t n) {
    double *y = malloc((size_t)n * sizeof *y + 8);
    dev_get_f64(d, y, x, n);
    return y;
}
#endif
