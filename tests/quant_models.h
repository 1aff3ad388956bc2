/* Models of chosen shapes for tests of quantising: the tensors and keys that the rules look at, with random numbers. */
#ifndef QUANT_MODELS_H
#define QUANT_MODELS_H
#include "base/hash.h"
#include "base/rng.h"
#include "weights/gguf_write.h"
#include "weights/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qshape {
    const char *name, *family;
    int L, C, F, H, G, V, tied;
};
/* Every kind of row (whole blocks of 256, of 32, of neither), of sharing (1, 4, 7 heads a value), tied or not, few layers and many. */
static const struct qshape qshapes[] = {
    {"small", "llama", 2, 256, 512, 4, 4, 24, 0},   {"shared", "llama", 28, 256, 256, 8, 2, 24, 1},
    {"untied", "llama", 17, 256, 512, 4, 1, 24, 0}, {"large", "llama", 80, 256, 256, 2, 1, 24, 1},
    {"bias", "qwen2", 28, 256, 256, 4, 4, 24, 1},   {"seven", "qwen2", 24, 224, 256, 7, 1, 24, 1},
    {"norms", "qwen3", 9, 512, 256, 4, 2, 24, 0},   {"fused", "gpt2", 12, 256, 512, 4, 4, 24, 1},
    {"thin", "gpt2", 3, 96, 384, 3, 3, 24, 0},      {"odd", "llama", 8, 36, 100, 3, 3, 24, 0},
};
enum { N_QSHAPES = sizeof qshapes / sizeof *qshapes };

__attribute__((unused)) static const struct qshape *qshape_find(const char *name) {
    for (int i = 0; i < N_QSHAPES; i++)
        if (!strcmp(qshapes[i].name, name)) return &qshapes[i];
    return NULL;
}

struct qmaker {
    struct weights *w;
    enum fmt fmt;
    int fill; /* with numbers; rules need none */
    int bad;  /* something failed */
};

/* N(0, 0.05), in every sixteenth row four times as wide; around 1 for norms. */
static void qfill(void *bytes, enum fmt f, const char *name, int64_t rows, int64_t cols) {
    struct rng r = RNG(11, hash_text(name));
    float *x = malloc((size_t)cols * sizeof *x);
    double mean = strstr(name, "norm.weight") ? 1 : 0;
    for (int64_t i = 0; x && i < rows; i++) {
        for (int64_t c = 0; c < cols; c++) x[c] = (float)(mean + (i % 16 ? 0.05 : 0.2) * rng_normal(&r));
        fmt_find((int)f)->from_f32((char *)bytes + (size_t)i * fmt_row_bytes(f, cols), x, cols);
    }
    free(x);
}

/* cols 0: a vector, always F32. */
static void qtensor(struct qmaker *k, const char *name, int64_t rows, int64_t cols) {
    const int64_t dims[2] = {rows, cols};
    enum fmt f = cols && !strstr(name, "position") ? k->fmt : FMT_F32;
    void *bytes = NULL;
    k->bad |= weights_memory_tensor(k->w, name, f, cols ? 2 : 1, dims, &bytes, NULL) < 0;
    if (bytes && k->fill) qfill(bytes, f, name, cols ? rows : 1, cols ? cols : rows);
}

static void qlayer(struct qmaker *k, const struct qshape *s, int l) {
    const int64_t C = s->C, D = C / s->H, GD = s->G * D;
    const struct {
        const char *name, *families; /* NULL: all */
        int64_t rows, cols;
    } all[] = {
        {"attn_norm.weight", NULL, C, 0},
        {"attn_norm.bias", "gpt2", C, 0},
        {"attn_qkv.weight", "gpt2", 3 * C, C},
        {"attn_qkv.bias", "gpt2", 3 * C, 0},
        {"attn_q.weight", "llama qwen2 qwen3", C, C},
        {"attn_k.weight", "llama qwen2 qwen3", GD, C},
        {"attn_v.weight", "llama qwen2 qwen3", GD, C},
        {"attn_q.bias", "qwen2", C, 0},
        {"attn_k.bias", "qwen2", GD, 0},
        {"attn_v.bias", "qwen2", GD, 0},
        {"attn_q_norm.weight", "qwen3", D, 0},
        {"attn_k_norm.weight", "qwen3", D, 0},
        {"attn_output.weight", NULL, C, C},
        {"attn_output.bias", "gpt2", C, 0},
        {"ffn_norm.weight", NULL, C, 0},
        {"ffn_norm.bias", "gpt2", C, 0},
        {"ffn_gate.weight", "llama qwen2 qwen3", s->F, C},
        {"ffn_up.weight", NULL, s->F, C},
        {"ffn_up.bias", "gpt2", s->F, 0},
        {"ffn_down.weight", NULL, C, s->F},
        {"ffn_down.bias", "gpt2", C, 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char name[64];
        const char *f = all[i].families;
        if (f && !strstr(f, s->family)) continue;
        snprintf(name, sizeof name, "blk.%d.%s", l, all[i].name);
        qtensor(k, name, all[i].rows, all[i].cols);
    }
}

static void qkeys(struct qmaker *k, const struct qshape *s) {
    const int gpt = !strcmp(s->family, "gpt2");
    const struct {
        const char *suffix;
        int v;
    } ints[] = {{"block_count", s->L},         {"context_length", 64},         {"embedding_length", s->C},
                {"feed_forward_length", s->F}, {"attention.head_count", s->H}, {"attention.head_count_kv", s->G},
                {"vocab_size", s->V}};
    char key[96];
    k->bad |= weights_memory_str(k->w, "general.architecture", s->family, NULL) < 0;
    k->bad |= weights_memory_str(k->w, "general.name", s->name, NULL) < 0;
    k->bad |= weights_memory_u32(k->w, "general.file_type", 0, NULL) < 0; /* an old one, to be replaced */
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        snprintf(key, sizeof key, "%s.%s", s->family, ints[i].suffix);
        k->bad |= weights_memory_u32(k->w, key, (uint32_t)ints[i].v, NULL) < 0;
    }
    snprintf(key, sizeof key, "%s.attention.layer_norm_%sepsilon", s->family, gpt ? "" : "rms_");
    k->bad |= weights_memory_f32(k->w, key, 1e-5f, NULL) < 0;
}

/* fill 0: without numbers. NULL: out of memory. */
__attribute__((unused)) static struct weights *qmodel(const struct qshape *s, enum fmt f, int fill) {
    struct qmaker k = {.fmt = f, .fill = fill};
    if (weights_memory_new(&k.w, s->name, NULL) < 0) return NULL;
    qkeys(&k, s);
    qtensor(&k, "token_embd.weight", s->V, s->C);
    if (!strcmp(s->family, "gpt2")) qtensor(&k, "position_embd.weight", 64, s->C);
    for (int l = 0; l < s->L; l++) qlayer(&k, s, l);
    qtensor(&k, "output_norm.weight", s->C, 0);
    if (!strcmp(s->family, "gpt2")) qtensor(&k, "output_norm.bias", s->C, 0);
    if (!s->tied) qtensor(&k, "output.weight", s->V, s->C);
    if (!k.bad) return k.w;
    weights_close(k.w);
    return NULL;
}

/* Tensors [a, z) as one file; parts > 1: as part `no` of so many. */
__attribute__((unused)) static int qsave_part(const struct weights *w, const char *path, int64_t a, int64_t z, int no,
                                              int parts) {
    struct gguf_writer *g = NULL;
    struct meta_value v;
    if (gguf_writer_new(&g, NULL) < 0) return -1;
    for (int64_t i = 0; no == 0 && i < meta_count(w); i++) gguf_put_copy(g, w, meta_key_at(w, i, &v));
    if (parts > 1) {
        gguf_put_u16(g, "split.no", (uint16_t)no), gguf_put_u16(g, "split.count", (uint16_t)parts);
        gguf_put_i32(g, "split.tensors.count", (int32_t)weights_n_tensors(w));
    }
    for (int64_t i = a; i < z; i++) {
        const struct tensor *t = weights_tensor_at(w, i);
        gguf_put_tensor(g, t->name, t->m.fmt, t->n_dims, t->dims, t->m.data);
    }
    int rc = gguf_writer_commit(g, path, NULL);
    gguf_writer_free(g);
    return rc;
}

__attribute__((unused)) static int qsave(const struct weights *w, const char *path) {
    return qsave_part(w, path, 0, weights_n_tensors(w), 0, 1);
}
#endif
