/* Writes a trainable model's weights and architecture keys into a GGUF being made, under the names llama.cpp reads too.
 *
 * GGUF's Llama rotates neighbouring pairs, and the file has no key to say otherwise. So the rows of wq and wk of a Llama that came from
 * a Hugging Face folder, which rotates halves, are permuted on their way out: row 2i of a head takes row i, row 2i+1 row i + rot/2. */
#include "model/config_save.h"
#include "model/model_int.h"
#include "weights/gguf_write.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int model__permuted(const struct model_cfg *c, const char *name) {
    if (!c->rope.dims || (strcmp(c->family->name, "llama") != 0 && strcmp(c->family->name, "mistral") != 0)) return 0;
    return strstr(name, ".attn_q.") || strstr(name, ".attn_k.");
}

static int turned(const struct model *m, const struct param *p) {
    return m->cfg.rope.style == ROPE_HALVES && model__permuted(&m->cfg, p->name);
}

/* Where row r of a file's wq or wk lies in a model that rotates halves. */
int64_t model__halves_row(const struct model_cfg *c, int64_t r) {
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
        dev_get(m->d, tmp, num_at(m->d, p->value, (turned(m, p) ? model__halves_row(&m->cfg, r) : r) * cols), cols);
        row->from_f32(bytes + (size_t)r * rb, tmp, cols);
    }
    free(tmp);
    *keep = bytes; /* the writer borrows tensor bytes until its commit: the caller frees */
    gguf_put_tensor(g, p->name, f, p->n_dims, p->dims, bytes);
    return 0;
}

/* Llama 3's scaling as the divisors that other programs read. */
int model__rope_factors(const struct model *m, float **out, struct err *e) {
    const struct rope_cfg *r = &m->cfg.rope;
    int64_t half = r->dims / 2;
    *out = NULL;
    if (!half || !(m->rope_factors || r->scaling == ROPE_SCALE_LLAMA3)) return 0;
    if (r->scaling == ROPE_SCALE_LINEAR || r->scaling == ROPE_SCALE_YARN)
        return fail(e, ERR_UNSUPPORTED, "a model with both rope factors and linear or YaRN scaling cannot be written as GGUF");
    float *f = malloc((size_t)half * sizeof *f);
    if (!f) return fail(e, ERR_NOMEM, "out of memory");
    for (int64_t i = 0; i < half; i++) f[i] = (float)(pow(r->base, -2.0 * (double)i / r->dims) / m->freq[i]);
    *out = f;
    return 0;
}

static int put_rope_factors(struct gguf_writer *g, const struct model *m, void **keep, struct err *e) {
    int64_t half = m->cfg.rope.dims / 2;
    float *f;
    TRY(model__rope_factors(m, &f, e));
    if (f) gguf_put_tensor(g, "rope_freqs.weight", FMT_F32, 1, &half, f);
    *keep = f;
    return 0;
}

int model_put(struct gguf_writer *g, const struct model *m, enum fmt f, void ***keep, struct err *e) {
    if (!m->trainable) return fail(e, ERR_STATE, "only a trainable model can be written");
    TRY(config_put(g, &m->cfg, e));
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
