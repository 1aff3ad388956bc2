/* What an open model says of itself (its parts, its counts, what it costs), and its end. */
#include "model/model_int.h"
#include <stdlib.h>

void model_close(struct model *m) {
    if (!m) return;
    for (int i = 0; i < m->n_owned; i++) dev_free(m->d, m->owned[i]);
    free(m->owned), free(m->params), free(m->layers), free(m->freq);
    free(m);
}

const struct model_cfg *model_cfg(const struct model *m) { return &m->cfg; }
struct device *model_device(const struct model *m) {
    return m->d;
}
int64_t model_own_bytes(const struct model *m) {
    return m->own_nums * (int64_t)m->d->num_bytes + m->n_owned * (int64_t)sizeof *m->owned +
           m->n_params * (int64_t)sizeof *m->params + m->cfg.n_layer * (int64_t)sizeof *m->layers +
           m->cfg.rope.dims / 2 * (int64_t)sizeof *m->freq;
}
const struct mat *model_embd(const struct model *m) { return &m->embd; }
int model_n_params(const struct model *m) { return m->n_params; }
const struct param *model_param(const struct model *m, int i) { return &m->params[i]; }
int model_n_out(const struct model *m) { return (int)m->head.n_out; }

int64_t model_param_count(const struct model *m) {
    int64_t n = 0;
    for (int i = 0; i < m->n_params; i++) n += m->params[i].count;
    return n;
}

int64_t model_matmul_params(const struct model *m) {
    const struct model_cfg *c = &m->cfg;
    int64_t HD = (int64_t)c->n_head * c->head_dim, GD = (int64_t)c->n_kv * c->head_dim;
    return (int64_t)c->n_layer * ((2 * HD + 2 * GD) * c->n_embd + (int64_t)(c->gated ? 3 : 2) * c->n_ff * c->n_embd);
}

double model_flops(const struct model *m, int64_t rows, int64_t key_reads, int head_rows) {
    const struct model_cfg *c = &m->cfg;
    double body = 2.0 * (double)model_matmul_params(m) * (double)rows;
    double attn = 4.0 * c->n_layer * c->n_head * c->head_dim * (double)key_reads;
    return body + attn + 2.0 * (double)m->head.n_out * c->n_embd * head_rows;
}

int64_t model_kv_page_bytes(const struct model *m, int page_len, enum fmt f) {
    int64_t bytes = f == FMT_F32 ? (int64_t)m->d->num_bytes : fmt_find((int)f)->bytes;
    return (int64_t)m->cfg.n_layer * 2 * page_len * m->cfg.n_kv * m->cfg.head_dim * bytes;
}
enum fmt model_matmul_fmt(const struct model *m) { return m->layers[0].up.w.fmt; }
