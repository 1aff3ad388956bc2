/* peer_models DIR SEED [FILE.gguf...]: writes random models of every family and storage format, and DIR/manifest, one comparison a
 * line, for oracle.mjs (which runs the files in llama.cpp), run.sh (which runs candor) and compare (which judges).
 *
 * Why a twin: llama.cpp rounds activations to the weights' format, so its logits of a quantised file are about 5e-4 (NMSE) away from
 * the file's own meaning. So each file that is not F32 gets a twin with the same numbers written out as F32, decoded by us. candor on the
 * file against llama.cpp on the twin is then a comparison of float arithmetic alone; llama.cpp on the file itself shows that both
 * engines read the same numbers from the bytes. Files that are given are compared in the same way.
 *
 * peer_models --qwen2 FOLDER OUT.gguf: the vocabulary of a tokenizer's folder, so that the peer can open it.
 * peer_models --patterns VOCABULARY.gguf DIR: a vocabulary under every pre-tokenizer's name that we know.
 *
 * Manifest, fields parted by tabs: row name, class (see compare.c), file for candor, its --kv, its --precision, file for the peer, its
 * K/V type, its flash attention (on, off; rank: a reward model, read as a ranking), key (names the peer's results), window (0: none),
 * what the peer must say when it refuses ("-": it must not), prompt. */
#include "base/hash.h"
#include "base/rng.h"
#include "model/family.h"
#include "model/model.h"
#include "vocab.h"
#include "weights/gguf_write.h"
#include "weights/weights.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CTX = 128, PROMPT = 40, WINDOW = 11 };

struct shape {
    const char *name, *family;
    int H, G, D, C, F;
    int tied, bias, rot;
    enum rope_scaling scaling;
    double factor;
    int orig_ctx, window, all_formats;
    const char *refused; /* what llama.cpp says of such a file */
    int score;           /* a reward model's head */
};
#define WIDE .C = 256, .F = 256
static const struct shape shapes[] = {
    {"llama", "llama", WIDE, .H = 4, .G = 2, .D = 64, .all_formats = 1},
    {"mistral", "mistral", WIDE, .H = 8, .G = 2, .D = 32, .all_formats = 1},
    {"qwen2", "qwen2", WIDE, .H = 4, .G = 2, .D = 64, .tied = 1, .bias = 1, .all_formats = 1},
    {"qwen3", "qwen3", WIDE, .H = 4, .G = 2, .D = 128, .all_formats = 1},
    {"gpt2", "gpt2", .C = 256, .F = 512, .H = 4, .G = 4, .D = 64, .tied = 1, .bias = 1, .all_formats = 1},
    {"llama_plain", "llama", .C = 96, .F = 160, .H = 3, .G = 3, .D = 32},
    {"llama_tied", "llama", .C = 64, .F = 96, .H = 4, .G = 1, .D = 16, .tied = 1},
    {"llama_bias", "llama", .C = 64, .F = 96, .H = 4, .G = 2, .D = 16, .bias = 1},
    {"llama_head_128", "llama", .C = 64, .F = 64, .H = 2, .G = 1, .D = 128},
    {"llama_partial_rope", "llama", .C = 64, .F = 64, .H = 2, .G = 1, .D = 32, .rot = 16, .refused = "n_rot"},
    {"llama_linear", "llama", WIDE, .H = 4, .G = 2, .D = 64, .scaling = ROPE_SCALE_LINEAR, .factor = 4, .orig_ctx = 32},
    {"llama_llama3", "llama", WIDE, .H = 4, .G = 2, .D = 64, .scaling = ROPE_SCALE_LLAMA3, .factor = 8, .orig_ctx = 128},
    {"llama_yarn", "llama", .C = 128, .F = 128, .H = 2, .G = 1, .D = 128, .scaling = ROPE_SCALE_YARN, .factor = 4,
     .orig_ctx = 4096},
    {"mistral_window", "mistral", .C = 64, .F = 64, .H = 4, .G = 2, .D = 16, .window = WINDOW},
    {"qwen2_untied", "qwen2", .C = 64, .F = 96, .H = 4, .G = 4, .D = 16, .bias = 1},
    {"qwen2_yarn", "qwen2", .C = 128, .F = 64, .H = 2, .G = 1, .D = 64, .bias = 1, .scaling = ROPE_SCALE_YARN, .factor = 8,
     .orig_ctx = 1024},
    {"qwen3_tied", "qwen3", .C = 64, .F = 96, .H = 2, .G = 1, .D = 64, .tied = 1},
    {"qwen3_score", "qwen3", .C = 64, .F = 96, .H = 2, .G = 1, .D = 64, .score = 1},
    {"llama_score", "llama", .C = 64, .F = 96, .H = 4, .G = 2, .D = 16, .score = 1, .refused = "wrong number of tensors"},
    {"gpt2_untied", "gpt2", .C = 96, .F = 64, .H = 3, .G = 3, .D = 32, .bias = 1},
};

static int is(const struct shape *s, const char *family) { return !strcmp(s->family, family); }

static struct model_cfg shape_cfg(const struct shape *s) {
    int gpt = is(s, "gpt2"), qwen = is(s, "qwen2") || is(s, "qwen3");
    struct model_cfg c = {.family = family_find(s->family), .n_layer = 2, .n_head = s->H, .n_kv = s->G, .head_dim = s->D};
    c.n_embd = s->C, c.n_ff = s->F, c.n_vocab = VOCAB_SIZE, c.n_ctx = CTX, c.window = s->window, c.n_score = s->score;
    c.norm = gpt ? NORM_LAYER : NORM_RMS, c.norm_eps = (double)1e-5f;
    c.act = gpt ? ACT_GELU : ACT_SILU, c.gated = !gpt, c.learned_pos = gpt, c.tied = s->tied, c.qk_norm = is(s, "qwen3");
    c.qkv_bias = s->bias, c.out_bias = s->bias && !qwen, c.ffn_bias = gpt || c.out_bias;
    if (!gpt) {
        c.rope = (struct rope_cfg){.dims = s->rot ? s->rot : s->D, .style = qwen ? ROPE_HALVES : ROPE_PAIRS, .base = 10000};
        c.rope.scaling = s->scaling, c.rope.factor = s->factor > 0 ? s->factor : 1, c.rope.orig_ctx = s->orig_ctx;
        c.rope.low_freq = 1, c.rope.high_freq = 4, c.rope.beta_fast = 32, c.rope.beta_slow = 1;
    }
    return c;
}

/* Norms and biases are random too (a unit norm hides a forgotten factor). A layer is about as large beside what it adds to as in trained
 * models, so that what the peer rounds is not blown up more than there. */
static double weight(const struct param *p, struct rng *r) {
    double x = rng_normal(r);
    if (strstr(p->name, "norm.weight")) return 1 + 0.3 * x;
    if (p->n_dims == 1) return 0.3 * x;
    if (strstr(p->name, "_embd")) return 0.7 * x;
    return (strstr(p->name, "attn_output") || strstr(p->name, "ffn_down") ? 0.5 : 1.0) * x / sqrt((double)p->dims[1]);
}

static void fill(const struct model *m, uint64_t seed) {
    for (int i = 0; i < model_n_params(m); i++) {
        const struct param *p = model_param(m, i);
        struct rng r = RNG(seed, hash_text(p->name));
        for (int64_t j = 0; j < p->count; j++) dev_set1(model_device(m), p->value, j, (double)(float)weight(p, &r));
    }
}

static int put_vocab(struct gguf_writer *g, const struct shape *s, uint64_t seed, struct err *e) {
    if (is(s, "llama") || is(s, "mistral")) return vocab_put_spm(g, seed, e);
    return vocab_put_bpe(g, is(s, "gpt2") ? "gpt-2" : "qwen2", seed, e);
}

static int write_model(const struct shape *s, enum fmt f, uint64_t seed, const char *path, struct err *e) {
    struct model_cfg c = shape_cfg(s);
    struct device *d = NULL;
    struct model *m = NULL;
    struct gguf_writer *g = NULL;
    void **keep = NULL;
    int rc = dev_open(&d, 1, 0, e);
    if (!rc) rc = model_new(&m, d, &c, seed, e);
    if (!rc) fill(m, seed ^ hash_text(s->name));
    if (!rc) rc = gguf_writer_new(&g, e);
    if (!rc) rc = model_put(g, m, f, &keep, e);
    if (!rc) rc = put_vocab(g, s, seed, e);
    if (!rc) rc = gguf_writer_commit(g, path, e);
    if (g) gguf_writer_free(g);
    if (m) model_put_free(m, keep), model_close(m);
    if (d) dev_close(d);
    return rc;
}

/* ---- the twin ---- */

#define SCORE_HEAD "cls.output.weight"
#define LABELS     ".classifier.output_labels"

/* The peer gives a softmax over labels, which is 1 for a single one: a second label whose score is 0 makes it the sigmoid of the first. */
static void put_labels(struct gguf_writer *g, const struct weights *w, const float *score, int64_t C) {
    static const struct meta_str labels[] = {{"right", 5}, {"wrong", 5}};
    const int64_t dims[] = {2, C};
    struct meta_str family = {"", 0};
    char key[96];
    meta_str(w, "general.architecture", &family, NULL);
    snprintf(key, sizeof key, "%s%s", family.s, LABELS);
    gguf_put_strs(g, key, labels, 2);
    gguf_put_tensor(g, SCORE_HEAD, FMT_F32, 2, dims, score);
}

/* y has room for a second row of zeros. */
static int put_decoded(struct gguf_writer *g, const struct weights *w, const struct tensor *t, float **out, struct err *e) {
    float *y = calloc((size_t)((t->m.rows + 1) * t->m.cols), sizeof *y);
    if (!y) return fail(e, ERR_NOMEM, "out of memory");
    for (int64_t r = 0; r < t->m.rows; r++)
        fmt_find((int)t->m.fmt)->to_f32(y + r * t->m.cols, (const char *)t->m.data + (size_t)r * t->m.row_bytes, t->m.cols);
    *out = y;
    if (!strcmp(t->name, SCORE_HEAD))
        put_labels(g, w, y, t->m.cols);
    else
        gguf_put_tensor(g, t->name, FMT_F32, t->n_dims, t->dims, y);
    return 0;
}

static int write_twin(const char *from, const char *to, struct err *e) {
    struct weights *w = NULL;
    struct gguf_writer *g = NULL;
    struct meta_value v;
    TRY(weights_open(&w, from, e));
    int64_t n = weights_n_tensors(w);
    float **keep = calloc((size_t)n + 1, sizeof *keep);
    int rc = keep ? gguf_writer_new(&g, e) : fail(e, ERR_NOMEM, "out of memory");
    for (int64_t i = 0; !rc && i < meta_count(w); i++)
        if (!strstr(meta_key_at(w, i, &v), LABELS)) gguf_put_copy(g, w, meta_key_at(w, i, &v));
    for (int64_t i = 0; !rc && i < n; i++) rc = put_decoded(g, w, weights_tensor_at(w, i), &keep[i], e);
    if (!rc) rc = gguf_writer_commit(g, to, e);
    if (g) gguf_writer_free(g);
    for (int64_t i = 0; keep && i < n; i++) free(keep[i]);
    free(keep);
    weights_close(w);
    return rc;
}

/* ---- the manifest ---- */

struct job {
    const char *row, *class, *file, *kv, *precision, *peer_file, *peer_kv, *flash, *refused;
    int window, gelu, score, narrow, vocab; /* narrow: 16-bit floats */
};

static void put_job(FILE *o, const struct job *j, uint64_t seed) {
    const char *base = strrchr(j->peer_file, '/');
    struct rng r = RNG(seed, 0x70726f6d7074);
    fprintf(o, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s.%s.%s\t%d\t%s\t", j->row, j->class, j->file, j->kv, j->precision, j->peer_file,
            j->peer_kv, j->flash, base ? base + 1 : j->peer_file, j->peer_kv, j->flash, j->window, j->refused ? j->refused : "-");
    for (int i = 0; i < PROMPT; i++) fprintf(o, "%s%d", i ? "," : "", (int)rng_below(&r, (uint64_t)j->vocab));
    fputc('\n', o);
}

/* How one file is compared: in float arithmetic; as it stands; as it stands with what a user gets unasked. */
static int jobs_of(FILE *o, struct job j, const char *twin, uint64_t seed, struct err *e) {
    const char *stored = j.peer_file;
    j.kv = "f32", j.precision = "full", j.peer_kv = "F32", j.flash = "off";
    j.class = j.window ? "window" : j.gelu ? "gelu16" : "exact";
    if (twin) {
        TRY(write_twin(stored, twin, e));
        j.peer_file = twin, j.flash = j.score ? "rank" : "off";
        put_job(o, &j, seed);
        if (j.score) return 0;
        j.peer_file = stored, j.class = j.narrow ? "narrow" : "stored";
    }
    put_job(o, &j, seed);
    if (j.refused || j.window) return 0;
    if (twin) {
        j.precision = "auto";
        put_job(o, &j, seed);
        j.precision = "int8"; /* then both round */
        if (!j.narrow) put_job(o, &j, seed);
    } else {
        j.class = "kv16", j.peer_kv = "F16";
        put_job(o, &j, seed);
        j.flash = "on", j.kv = "f16";
        put_job(o, &j, seed);
    }
    return 0;
}

static int shape_files(FILE *o, const char *dir, const struct shape *s, const struct fmt_row *f, uint64_t seed, struct err *e) {
    char row[96], path[600], twin[640];
    snprintf(row, sizeof row, "%s %s", s->name, f->name);
    snprintf(path, sizeof path, "%s/%s-%s.gguf", dir, s->name, f->name);
    snprintf(twin, sizeof twin, "%s/%s-%s.twin.gguf", dir, s->name, f->name);
    TRY(write_model(s, f->id, seed, path, e));
    struct job j = {.row = row,
                    .file = path,
                    .peer_file = path,
                    .window = s->window,
                    .gelu = is(s, "gpt2"),
                    .score = s->score,
                    .narrow = f->is_float,
                    .refused = s->refused,
                    .vocab = VOCAB_SIZE};
    return jobs_of(o, j, f->id == FMT_F32 && !s->score ? NULL : twin, seed, e);
}

/* F64 is no format of a model. */
static int shape_all(FILE *o, const char *dir, const struct shape *s, uint64_t seed, struct err *e) {
    const struct fmt_row *f;
    for (int i = 0; (f = fmt_at(i)); i++)
        if (f->id != FMT_F64 && f->from_f32 && (s->all_formats || f->id == FMT_F32)) TRY(shape_files(o, dir, s, f, seed, e));
    return 0;
}

static int all_floats(const struct weights *w) {
    for (int64_t i = 0; i < weights_n_tensors(w); i++)
        if (weights_tensor_at(w, i)->m.fmt != FMT_F32) return 0;
    return 1;
}

static int given_file(FILE *o, const char *dir, const char *path, uint64_t seed, struct err *e) {
    struct weights *w = NULL;
    const char *base = strrchr(path, '/');
    char twin[640];
    TRY(weights_open(&w, path, e));
    const struct tensor *embd = weights_tensor(w, "token_embd.weight");
    struct job j = {.row = base ? base + 1 : path, .file = path, .peer_file = path, .vocab = embd ? (int)embd->m.rows : 1};
    j.score = weights_tensor(w, SCORE_HEAD) != NULL;
    int plain = all_floats(w) && !j.score;
    weights_close(w);
    snprintf(twin, sizeof twin, "%s/%s.twin.gguf", dir, j.row);
    return jobs_of(o, j, plain ? NULL : twin, seed, e);
}

static int make_all(const char *dir, uint64_t seed, char **files, int n, struct err *e) {
    char path[600];
    snprintf(path, sizeof path, "%s/manifest", dir);
    FILE *o = fopen(path, "w");
    if (!o) return fail_at(e, ERR_IO, path, -1, "cannot be written");
    int rc = 0;
    for (size_t i = 0; !rc && i < sizeof shapes / sizeof *shapes; i++) rc = shape_all(o, dir, &shapes[i], seed, e);
    for (int i = 0; !rc && i < n; i++) rc = given_file(o, dir, files[i], seed, e);
    return fclose(o) && !rc ? fail_at(e, ERR_IO, path, -1, "cannot be written") : rc;
}

int main(int argc, char **argv) {
    struct err e = ERR_INIT;
    int rc;
    if (argc == 4 && !strcmp(argv[1], "--qwen2"))
        rc = vocab_qwen2(argv[2], argv[3], &e);
    else if (argc == 4 && !strcmp(argv[1], "--patterns"))
        rc = vocab_patterns(argv[2], argv[3], &e);
    else if (argc >= 3)
        rc = make_all(argv[1], strtoull(argv[2], NULL, 10), argv + 3, argc - 3, &e);
    else
        return fprintf(stderr,
                       "usage: peer_models DIR SEED [FILE.gguf...] | --qwen2 FOLDER OUT.gguf | --patterns VOCABULARY.gguf DIR\n"),
               2;
    if (rc >= 0) return 0;
    fprintf(stderr, "peer_models: %s %s\n", e.where, e.msg);
    return 1;
}
