/* Writes a trainable model's weights and architecture keys into a GGUF being made, under the names llama.cpp reads too.
 * New models are born in GGUF's conventions (Llama rotates pairs), so nothing is permuted here; a Llama that came from a Hugging Face
 * folder rotates halves and is refused, since the file could not say so. */
#include "model/model_int.h"
#include "weights/gguf_write.h"
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
#undef U32
#undef F32
}

static int put_param(struct gguf_writer *g, const struct model *m, const struct param *p, enum fmt f, void **keep, struct err *e) {
    int64_t rows = p->n_dims == 2 ? p->dims[0] : 1, cols = p->n_dims == 2 ? p->dims[1] : p->dims[0];
    if (p->n_dims == 1 || !fmt_row_bytes(f, cols)) f = FMT_F32;
    const struct fmt_row *row = fmt_find(f);
    size_t rb = fmt_row_bytes(f, cols);
    float *tmp = malloc((size_t)cols * sizeof *tmp);
    char *bytes = malloc((size_t)rows * rb);
    if (!tmp || !bytes) {
        free(tmp), free(bytes);
        return fail(e, ERR_NOMEM, "out of memory");
    }
    for (int64_t r = 0; r < rows; r++) {
        dev_get(m->d, tmp, num_at(m->d, p->value, r * cols), cols);
        row->from_f32(bytes + (size_t)r * rb, tmp, cols);
    }
    free(tmp);
    *keep = bytes; /* the writer borrows tensor bytes until its commit: the caller frees */
    gguf_put_tensor(g, p->name, f, p->n_dims, p->dims, bytes);
    return 0;
}

int model_put(struct gguf_writer *g, const struct model *m, enum fmt f, void ***keep, struct err *e) {
    const struct model_cfg *c = &m->cfg;
    if (!m->trainable) return fail(e, ERR_STATE, "only a trainable model can be written");
    if (c->rope.dims && c->rope.style == ROPE_HALVES && (!strcmp(c->family->name, "llama") || !strcmp(c->family->name, "mistral")))
        return fail(e, ERR_UNSUPPORTED, "a %s model that rotates halves (from a Hugging Face folder) cannot be written as GGUF", c->family->name);
    if (c->rope.scaling != ROPE_SCALE_NONE) return fail(e, ERR_UNSUPPORTED, "writing a model with rope scaling is not supported");
    put_config(g, m);
    *keep = calloc((size_t)m->n_params, sizeof **keep);
    if (!*keep) return fail(e, ERR_NOMEM, "out of memory");
    for (int i = 0; i < m->n_params; i++) TRY(put_param(g, m, &m->params[i], f, &(*keep)[i], e));
    return 0;
}

void model_put_free(const struct model *m, void **keep) {
    if (!keep) return;
    for (int i = 0; i < m->n_params; i++) free(keep[i]);
    free(keep);
}
