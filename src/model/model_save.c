/* Writes a trainable model's weights and architecture keys into a GGUF being made, under the names llama.cpp reads too.
 *
 * GGUF's Llama rotates neighbouring pairs, and the file has no key to say otherwise. So the rows of wq and wk of a Llama that came from
 * a Hugging Face folder, which rotates halves, are permuted on their way out: row 2i of a head takes row i, row 2i+1 row i + rot/2. */
#include "model/model_int.h"
#include "weights/gguf_write.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *key(char *buf, size_t n, const struct model *m, const char *suffix) {
    snprintf(buf, n, "%s.%s", m->cfg.family->name, suffix);
    return buf;
}

static void put_config(struct gguf_writer *g, const struct model *m) {
    const struct model_cfg *c = &m->cfg;
    char k[96];
#define U32(suffix, v) gguf_put_u32(g, key(k, sizeof k, m, suffix), (uint32_t)(v))
#define F32(suffix, v) gguf_put_f32(g, key(k, sizeof k, m, suffix), (float)(v))
    gguf_put_str(g, "general.architecture", c->family->name, strlen(c->family->name));
    U32("block_count", c->n_layer);
    U32("context_length", c->n_ctx);
    U32("embedding_length", c->n_embd);
    U32("feed_forward_length", c->n_ff);
    U32("attention.head_count", c->n_head);
    U32("attention.head_count_kv", c->n_kv);
    U32("attention.key_length", c->head_dim);
    U32("attention.value_length", c->head_dim);
    U32("vocab_size", c->n_vocab);
    F32(c->norm == NORM_RMS ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", c->norm_eps);
    if (c->rope.dims) {
        U32("rope.dimension_count", c->rope.dims);
        F32("rope.freq_base", c->rope.base);
    }
    if (c->window) U32("attention.sliding_window", c->window);
    if (c->rope.dims && (c->rope.scaling == ROPE_SCALE_LINEAR || c->rope.scaling == ROPE_SCALE_YARN)) {
        int yarn = c->rope.scaling == ROPE_SCALE_YARN;
        gguf_put_str(g, key(k, sizeof k, m, "rope.scaling.type"), yarn ? "yarn" : "linear", yarn ? 4 : 6);
        F32("rope.scaling.factor", c->rope.factor);
        U32("rope.scaling.original_context_length", c->rope.orig_ctx);
        if (yarn) {
            F32("rope.scaling.yarn_beta_fast", c->rope.beta_fast);
            F32("rope.scaling.yarn_beta_slow", c->rope.beta_slow);
            if (c->rope.attn_factor > 0) F32("rope.scaling.attn_factor", c->rope.attn_factor / (0.1 * log(c->rope.factor) + 1.0));
        }
    }
#undef U32
#undef F32
}

static int is_llama(const struct model *m) {
    return !strcmp(m->cfg.family->name, "llama") || !strcmp(m->cfg.family->name, "mistral");
}

static int turned(const struct model *m, const struct param *p) {
    if (!m->cfg.rope.dims || m->cfg.rope.style != ROPE_HALVES || !is_llama(m)) return 0;
    return strstr(p->name, ".attn_q.") || strstr(p->name, ".attn_k.");
}

/* Where row r of a file's wq or wk lies in a model that rotates halves. */
static int64_t halves_row(const struct model_cfg *c, int64_t r) {
    int64_t head = r - r % c->head_dim, i = r % c->head_dim;
    return i >= c->rope.dims ? r : head + i / 2 + i % 2 * (c->rope.dims / 2);
}

/* A vector is written as rows of one number, so that its permutation is the matrices'. */
static int put_param(struct gguf_writer *g, const struct model *m, const struct param *p, enum fmt f, void **keep,
                     struct err *e) {
    int64_t rows = p->dims[0], cols = p->n_dims == 2 ? p->dims[1] : 1;
    if (p->n_dims == 1 || !fmt_row_bytes(f, cols)) f = FMT_F32;
    const struct fmt_row *row = fmt_find((int)f);
    size_t rb = fmt_row_bytes(f, cols);
    float *tmp = malloc((size_t)cols * sizeof *tmp);
    char *bytes = malloc((size_t)rows * rb);
    if (!tmp || !bytes) {
        free(tmp), free(bytes);
        return fail(e, ERR_NOMEM, "out of memory");
    }
    for (int64_t r = 0; r < rows; r++) {
        dev_get(m->d, tmp, num_at(m->d, p->value, (turned(m, p) ? halves_row(&m->cfg, r) : r) * cols), cols);
        row->from_f32(bytes + (size_t)r * rb, tmp, cols);
    }
    free(tmp);
    *keep = bytes; /* the writer borrows tensor bytes until its commit: the caller frees */
    gguf_put_tensor(g, p->name, f, p->n_dims, p->dims, bytes);
    return 0;
}

/* Llama 3's scaling as the divisors that other programs read. */
static int put_rope_factors(struct gguf_writer *g, const struct model *m, void **keep, struct err *e) {
    const struct rope_cfg *r = &m->cfg.rope;
    int64_t half = r->dims / 2;
    if (!half || !(m->rope_factors || r->scaling == ROPE_SCALE_LLAMA3)) return 0;
    float *f = malloc((size_t)half * sizeof *f);
    if (!f) return fail(e, ERR_NOMEM, "out of memory");
    for (int64_t i = 0; i < half; i++) f[i] = (float)(pow(r->base, -2.0 * (double)i / r->dims) / m->freq[i]);
    *keep = f;
    gguf_put_tensor(g, "rope_freqs.weight", FMT_F32, 1, &half, f);
    return 0;
}

int model_put(struct gguf_writer *g, const struct model *m, enum fmt f, void ***keep, struct err *e) {
    const struct model_cfg *c = &m->cfg;
    if (!m->trainable) return fail(e, ERR_STATE, "only a trainable model can be written");
    if (c->window && c->window_from)
        return fail(e, ERR_UNSUPPORTED, "a model whose sliding window begins at layer %d cannot be written as GGUF",
                    c->window_from);
    if (m->rope_factors && (c->rope.scaling == ROPE_SCALE_LINEAR || c->rope.scaling == ROPE_SCALE_YARN))
        return fail(e, ERR_UNSUPPORTED, "a model with both rope factors and linear or YaRN scaling cannot be written as GGUF");
    put_config(g, m);
    *keep = calloc((size_t)m->n_params + 1, sizeof **keep);
    if (!*keep) return fail(e, ERR_NOMEM, "out of memory");
    for (int i = 0; i < m->n_params; i++) TRY(put_param(g, m, &m->params[i], f, &(*keep)[i], e));
    return put_rope_factors(g, m, &(*keep)[m->n_params], e);
}

void model_put_free(const struct model *m, void **keep) {
    if (!keep) return;
    for (int i = 0; i <= m->n_params; i++) free(keep[i]);
    free(keep);
}
