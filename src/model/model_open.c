/* Opens a model: finds each tensor under the family's names, checks its shape against the configuration and puts a view of it in
 * place. Weights stay where the file's mapping has them. Norms and biases (vectors, a few kilobytes) become arrays of the device's
 * numbers. A trainable model copies everything into master arrays instead; a new one fills them with random numbers. All three go
 * through the same list of tensors, so they cannot differ in names or shapes. */
#include "base/rng.h"
#include "model/model_int.h"
#include "weights/gguf_write.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loader {
    struct model *m;
    const struct weights *w; /* NULL: a new model */
    unsigned flags;
    uint64_t seed;
    struct err *e;
};

/* ---- owned arrays and parameters ---- */

static num *own(struct model *m, int64_t n, struct err *e) {
    if (m->n_owned == m->cap_owned) {
        int cap = m->cap_owned ? 2 * m->cap_owned : 64;
        num **p = realloc(m->owned, (size_t)cap * sizeof *p);
        if (!p) return fail(e, ERR_NOMEM, "out of memory"), NULL;
        m->owned = p, m->cap_owned = cap;
    }
    num *x = dev_alloc(m->d, n);
    if (!x) return fail(e, ERR_NOMEM, "out of memory for %lld weights", (long long)n), NULL;
    m->own_nums += n;
    return m->owned[m->n_owned++] = x;
}

static int add_param(struct model *m, const char *name, int n_dims, int64_t d0, int64_t d1, enum fmt f, num *value,
                     struct err *e) {
    if (m->n_params == m->cap_params) {
        int cap = m->cap_params ? 2 * m->cap_params : 64;
        struct param *p = realloc(m->params, (size_t)cap * sizeof *p);
        if (!p) return fail(e, ERR_NOMEM, "out of memory");
        m->params = p, m->cap_params = cap;
    }
    struct param *p = &m->params[m->n_params];
    *p = (struct param){.n_dims = n_dims, .dims = {d0, d1}, .count = d0 * d1, .fmt = f, .value = value, .decay = n_dims == 2};
    snprintf(p->name, sizeof p->name, "%s", name);
    return m->n_params++;
}

/* ---- finding tensors ---- */

static const struct tensor *find(const struct loader *ld, const char *gguf, int layer) {
    return family__tensor(ld->m->cfg.family, ld->w, gguf, layer);
}

static int missing(const struct loader *ld, const char *gguf, int layer) {
    char name[200];
    struct meta_str type;
    if (family__unread(ld->m->cfg.family, ld->w, gguf, layer, name, sizeof name, &type))
        return fail_at(ld->e, ERR_UNSUPPORTED, weights_path(ld->w), -1,
                       "tensor %.120s: expected F32, F16, BF16 or F64, found %.20s", name, type.s);
    const struct family *f = ld->m->cfg.family;
    char hf[200];
    snprintf(name, sizeof name, gguf, layer);
    int folder = weights_kind(ld->w) == WEIGHTS_SAFETENSORS && family__hf_name(f, name, hf, sizeof hf);
    return fail_at(ld->e, ERR_FORMAT, weights_path(ld->w), -1, "expected tensor %s%s%s%s for a %s model, found none", name,
                   folder ? " (" : "", folder ? hf : "", folder ? ")" : "", f->name);
}

static int check_shape(const struct loader *ld, const struct tensor *t, int n_dims, int64_t d0, int64_t d1) {
    if (t->n_dims == n_dims && t->dims[0] == d0 && (n_dims < 2 || t->dims[1] == d1)) return 0;
    char want[48], got[80] = "";
    if (n_dims == 2)
        snprintf(want, sizeof want, "[%lld, %lld]", (long long)d0, (long long)d1);
    else
        snprintf(want, sizeof want, "[%lld]", (long long)d0);
    size_t n = 0;
    for (int i = 0; i < t->n_dims; i++)
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%lld", i ? ", " : "", (long long)t->dims[i]);
    return fail_at(ld->e, ERR_FORMAT, weights_path(ld->w), (int64_t)t->file_offset, "tensor %s: expected shape %s, found [%s]",
                   t->name, want, got);
}

/* ---- reading numbers ---- */

static void row_to_host(double *y, float *tmp, const struct mat *w, int64_t r) {
    const char *row = (const char *)w->data + (size_t)r * w->row_bytes;
    if (w->fmt == FMT_F64)
        memcpy(y, row, (size_t)w->cols * 8);
    else {
        fmt_find(w->fmt)->to_f32(tmp, row, w->cols);
        for (int64_t i = 0; i < w->cols; i++) y[i] = tmp[i];
    }
}

/* Copies a stored matrix into an array of the device's numbers, transposing if asked. */
static int copy_in(struct device *d, num *dst, const struct mat *w, int trans, struct err *e) {
    int64_t wide = w->cols > w->rows ? w->cols : w->rows;
    double *row = malloc((size_t)w->cols * 8);
    float *tmp = malloc((size_t)wide * 4);
    int rc = row && tmp ? 0 : fail(e, ERR_NOMEM, "out of memory");
    for (int64_t r = 0; !rc && r < w->rows; r++) {
        row_to_host(row, tmp, w, r);
        if (!trans)
            dev_put_f64(d, num_at(d, dst, r * w->cols), row, w->cols);
        else
            for (int64_t c = 0; c < w->cols; c++) dev_set1(d, dst, c * w->rows + r, row[c]);
    }
    free(row), free(tmp);
    return rc;
}

static void init_normal(struct loader *ld, num *dst, int64_t n, double sd) {
    struct rng r = RNG(ld->seed, 0x6d6f64656cu, (uint64_t)ld->m->n_params);
    for (int64_t i = 0; i < n; i++) dev_set1(ld->m->d, dst, i, sd * rng_normal(&r));
}

static void init_const(struct device *d, num *dst, int64_t n, double x) {
    for (int64_t i = 0; i < n; i++) dev_set1(d, dst, i, x);
}

/* ---- the three kinds of load ---- */

/* A vector (norm weight, bias). fill: value in a new model. Absent and not required: *out stays NULL. */
static int load_vec(struct loader *ld, const char *gguf, int layer, int64_t n, int required, double fill, num **out, int *param) {
    struct model *m = ld->m;
    char name[96];
    *param = -1, *out = NULL;
    const struct tensor *t = NULL;
    if (ld->w) {
        t = find(ld, gguf, layer);
        if (!t) return required ? missing(ld, gguf, layer) : 0;
        TRY(check_shape(ld, t, 1, n, 1));
    } else if (!required)
        return 0;
    num *v = own(m, n, ld->e);
    if (!v) return ERR_NOMEM;
    if (t)
        TRY(copy_in(m->d, v, &t->m, 0, ld->e));
    else
        init_const(m->d, v, n, fill);
    snprintf(name, sizeof name, gguf, layer);
    int p = add_param(m, name, 1, n, 1, dev_mat(m->d, v, 1, n).fmt, v, ld->e);
    if (p < 0) return p;
    *out = v, *param = p;
    return 0;
}

/* A matrix [rows, cols]; *trans: the file has it the other way round and it is used as it lies. sd: of a new model. Returns 1 if loaded. */
static int load_mat(struct loader *ld, const char *gguf, int layer, int64_t rows, int64_t cols, int required, double sd,
                    struct mat *out, int *trans, int *param) {
    struct model *m = ld->m;
    char name[96];
    const struct tensor *t = NULL;
    int turned = 0;
    *param = -1;
    if (ld->w) {
        t = find(ld, gguf, layer);
        if (!t) return required ? missing(ld, gguf, layer) : 0;
        turned = trans && weights_kind(ld->w) == WEIGHTS_SAFETENSORS && m->cfg.family->hf_transposed;
        TRY(turned ? check_shape(ld, t, 2, cols, rows) : check_shape(ld, t, 2, rows, cols));
    }
    num *v = NULL;
    if (m->trainable) {
        v = own(m, rows * cols, ld->e);
        if (!v) return ERR_NOMEM;
        if (t)
            TRY(copy_in(m->d, v, &t->m, turned, ld->e));
        else if (sd > 0)
            init_normal(ld, v, rows * cols, sd);
        *out = dev_mat(m->d, v, rows, cols);
        turned = 0;
    } else
        *out = t->m;
    if (trans) *trans = turned;
    snprintf(name, sizeof name, gguf, layer);
    *param = add_param(m, name, 2, rows, cols, out->fmt, v, ld->e);
    return *param < 0 ? *param : 1;
}

/* sd: of a new model's weights times sqrt(n_in), so that outputs are as large as inputs whatever the width. (0.02, as
 * GPT-2 has for 768 and more, is four times too small at width 128.) */
static int load_lin(struct loader *ld, const char *weight, const char *bias, int layer, int64_t n_out, int64_t n_in, double sd,
                    struct lin *l) {
    *l = (struct lin){.n_in = n_in, .n_out = n_out};
    TRY(load_mat(ld, weight, layer, n_out, n_in, 1, sd / sqrt((double)n_in), &l->w, &l->trans, &l->param));
    l->bias_param = -1;
    return bias ? load_vec(ld, bias, layer, n_out, 1, 0, &l->bias, &l->bias_param) : 0;
}

static int load_norm(struct loader *ld, const char *weight, const char *bias, int layer, int64_t n, struct norm *o) {
    o->b_param = -1;
    TRY(load_vec(ld, weight, layer, n, 1, 1.0, &o->w, &o->param));
    return bias ? load_vec(ld, bias, layer, n, 1, 0.0, &o->b, &o->b_param) : 0;
}

/* The band [at, at + n) of a fused projection's outputs. */
static struct lin lin_band(const struct device *d, const struct lin *all, int64_t at, int64_t n) {
    struct lin l = *all;
    const struct fmt_row *f = fmt_find(all->w.fmt);
    if (all->trans) {
        l.w.cols = n;
        l.w.data = (const char *)all->w.data + at * f->bytes;
    } else {
        l.w.rows = n;
        l.w.data = (const char *)all->w.data + (size_t)at * all->w.row_bytes;
    }
    l.n_out = n;
    l.param_off = at * all->n_in;
    if (all->bias) l.bias = num_at(d, all->bias, at);
    l.bias_off = at;
    return l;
}

static int load_qkv(struct loader *ld, struct layer *y, int l) {
    const struct model_cfg *c = &ld->m->cfg;
    int64_t HD = (int64_t)c->n_head * c->head_dim, GD = (int64_t)c->n_kv * c->head_dim;
    const int b = c->qkv_bias;
    if (c->family->fused_qkv) {
        struct lin all;
        TRY(load_lin(ld, "blk.%d.attn_qkv.weight", b ? "blk.%d.attn_qkv.bias" : NULL, l, HD + 2 * GD, c->n_embd, 1, &all));
        y->q = lin_band(ld->m->d, &all, 0, HD);
        y->k = lin_band(ld->m->d, &all, HD, GD);
        y->v = lin_band(ld->m->d, &all, HD + GD, GD);
        return 0;
    }
    TRY(load_lin(ld, "blk.%d.attn_q.weight", b ? "blk.%d.attn_q.bias" : NULL, l, HD, c->n_embd, 1, &y->q));
    TRY(load_lin(ld, "blk.%d.attn_k.weight", b ? "blk.%d.attn_k.bias" : NULL, l, GD, c->n_embd, 1, &y->k));
    return load_lin(ld, "blk.%d.attn_v.weight", b ? "blk.%d.attn_v.bias" : NULL, l, GD, c->n_embd, 1, &y->v);
}

static int load_layer(struct loader *ld, int l) {
    struct model *m = ld->m;
    const struct model_cfg *c = &m->cfg;
    struct layer *y = &m->layers[l];
    int64_t HD = (int64_t)c->n_head * c->head_dim;
    int ln = c->norm == NORM_LAYER, fb = c->ffn_bias;
    double sd_out = 1 / sqrt(2.0 * c->n_layer); /* what adds to the residual stream starts small */
    TRY(load_norm(ld, "blk.%d.attn_norm.weight", ln ? "blk.%d.attn_norm.bias" : NULL, l, c->n_embd, &y->attn_norm));
    TRY(load_qkv(ld, y, l));
    if (c->qk_norm) {
        TRY(load_norm(ld, "blk.%d.attn_q_norm.weight", NULL, l, c->head_dim, &y->q_norm));
        TRY(load_norm(ld, "blk.%d.attn_k_norm.weight", NULL, l, c->head_dim, &y->k_norm));
    }
    TRY(load_lin(ld, "blk.%d.attn_output.weight", c->out_bias ? "blk.%d.attn_output.bias" : NULL, l, c->n_embd, HD, sd_out,
                 &y->o));
    TRY(load_norm(ld, "blk.%d.ffn_norm.weight", ln ? "blk.%d.ffn_norm.bias" : NULL, l, c->n_embd, &y->ffn_norm));
    if (c->gated)
        TRY(load_lin(ld, "blk.%d.ffn_gate.weight", fb ? "blk.%d.ffn_gate.bias" : NULL, l, c->n_ff, c->n_embd, 1, &y->gate));
    TRY(load_lin(ld, "blk.%d.ffn_up.weight", fb ? "blk.%d.ffn_up.bias" : NULL, l, c->n_ff, c->n_embd, 1, &y->up));
    return load_lin(ld, "blk.%d.ffn_down.weight", fb ? "blk.%d.ffn_down.bias" : NULL, l, c->n_embd, c->n_ff, sd_out, &y->down);
}

/* ---- embeddings, head, rope ---- */

static int load_embd(struct loader *ld) {
    struct model *m = ld->m;
    struct model_cfg *c = &m->cfg;
    if (ld->w) {
        const struct tensor *t = find(ld, "token_embd.weight", 0);
        if (!t) return missing(ld, "token_embd.weight", 0);
        if (t->n_dims != 2 || t->dims[1] != c->n_embd) return check_shape(ld, t, 2, t->dims[0], c->n_embd);
        if (t->dims[0] < 1 || t->dims[0] > 1 << 24)
            return fail_at(ld->e, ERR_LIMIT, weights_path(ld->w), -1, "tensor %s: expected 1 to %d tokens, found %lld", t->name,
                           1 << 24, (long long)t->dims[0]);
        c->n_vocab = (int)t->dims[0];
    }
    TRY(load_mat(ld, "token_embd.weight", 0, c->n_vocab, c->n_embd, 1, 0.02, &m->embd, NULL, &m->embd_param));
    m->pos_param = -1;
    if (c->learned_pos)
        TRY(load_mat(ld, "position_embd.weight", 0, c->n_ctx, c->n_embd, 1, 0.02, &m->pos_embd, NULL, &m->pos_param));
    return 0;
}

static int load_score_row(struct loader *ld) {
    struct model *m = ld->m;
    const struct tensor *t = ld->w ? find(ld, "cls.output.weight", 0) : NULL;
    if (!ld->w || t) { return load_mat(ld, "cls.output.weight", 0, 1, m->cfg.n_embd, 1, 0.0, &m->head.w, NULL, &m->head.param); }
    num *v = own(m, m->cfg.n_embd, ld->e);
    if (!v) return ERR_NOMEM;
    m->head.w = dev_mat(m->d, v, 1, m->cfg.n_embd);
    m->head.param = add_param(m, "cls.output.weight", 2, 1, m->cfg.n_embd, m->head.w.fmt, v, ld->e);
    return m->head.param;
}

static int load_score(struct loader *ld) {
    struct model *m = ld->m;
    m->cfg.n_score = 1;
    m->head = (struct lin){.n_in = m->cfg.n_embd, .n_out = 1, .bias_param = -1};
    if (ld->w) TRY(model__check_score(m->cfg.family, ld->w, ld->e));
    TRY(load_score_row(ld));
    return load_vec(ld, "cls.output.bias", 0, 1, 0, 0.0, &m->head.bias, &m->head.bias_param);
}

static int load_head(struct loader *ld) {
    struct model *m = ld->m;
    struct model_cfg *c = &m->cfg;
    int has_score = ld->w ? find(ld, "cls.output.weight", 0) != NULL : c->n_score > 0;
    if (ld->flags & MODEL_SCORE && !has_score && !m->trainable)
        return fail_at(ld->e, ERR_FORMAT, weights_path(ld->w), -1,
                       "expected a reward model (tensor cls.output.weight), found a language model without a score head");
    if (!has_score && model__says_score(ld->w)) return missing(ld, "cls.output.weight", 0);
    if (has_score || ld->flags & MODEL_SCORE) return load_score(ld);
    m->head = (struct lin){.n_in = c->n_embd, .n_out = c->n_vocab, .bias_param = -1};
    if (ld->w) {
        /* A folder that says "tied" means the embedding, whatever head lies beside it; one that says "not tied" and has no head is a
         * folder with a file missing. */
        int tied = -1;
        TRY(meta_bool(ld->w, "hf.tie_word_embeddings", &tied, ld->e));
        c->tied = tied == 1 || find(ld, "output.weight", 0) == NULL;
        if (c->tied && tied == 0) return missing(ld, "output.weight", 0);
    }
    if (!c->tied)
        return load_mat(ld, "output.weight", 0, c->n_vocab, c->n_embd, 1, 0.02, &m->head.w, NULL, &m->head.param) < 0 ? ERR_FORMAT
                                                                                                                      : 0;
    m->head.w = m->embd, m->head.param = m->embd_param;
    return 0;
}

/* rope_freqs.weight of GGUF: a divisor for each rotated pair, which is how Llama 3's scaling travels. Fills f[half]. */
static int read_factors(struct loader *ld, const struct tensor *t, int half, double *f) {
    float *tmp = malloc((size_t)half * sizeof *tmp);
    if (!tmp) return fail(ld->e, ERR_NOMEM, "out of memory");
    row_to_host(f, tmp, &t->m, 0);
    free(tmp);
    for (int i = 0; i < half; i++)
        if (!(f[i] > 0))
            return fail_at(ld->e, ERR_RANGE, weights_path(ld->w), (int64_t)t->file_offset,
                           "tensor %s: expected positive factors, found %g", t->name, f[i]);
    return 0;
}

static int load_rope(struct loader *ld) {
    struct model *m = ld->m;
    int half = m->cfg.rope.dims / 2;
    if (!half) return 0;
    m->freq = malloc((size_t)half * sizeof *m->freq);
    if (!m->freq) return fail(ld->e, ERR_NOMEM, "out of memory");
    const struct tensor *t = ld->w && weights_kind(ld->w) == WEIGHTS_GGUF ? weights_tensor(ld->w, "rope_freqs.weight") : NULL;
    struct rope_cfg r = m->cfg.rope;
    double *factors = NULL;
    int rc = 0;
    if (t) {
        TRY(check_shape(ld, t, 1, half, 1));
        if (r.scaling == ROPE_SCALE_LLAMA3) r.scaling = ROPE_SCALE_NONE; /* the factors are that scaling */
        factors = malloc((size_t)half * sizeof *factors);
        rc = factors ? read_factors(ld, t, half, factors) : fail(ld->e, ERR_NOMEM, "out of memory");
    }
    if (!rc) m->rope_m = rope_freqs(m->freq, &r, factors);
    m->rope_factors = t != NULL;
    free(factors);
    return rc;
}

static int load_all(struct loader *ld) {
    struct model *m = ld->m;
    TRY(load_embd(ld));
    m->layers = calloc((size_t)m->cfg.n_layer, sizeof *m->layers);
    if (!m->layers) return fail(ld->e, ERR_NOMEM, "out of memory");
    for (int l = 0; l < m->cfg.n_layer; l++) TRY(load_layer(ld, l));
    const char *bias = m->cfg.norm == NORM_LAYER ? "output_norm.bias" : NULL;
    TRY(load_norm(ld, "output_norm.weight", bias, 0, m->cfg.n_embd, &m->out_norm));
    TRY(load_head(ld));
    return load_rope(ld);
}

static int model_make(struct model **out, struct device *d, const struct weights *w, const struct model_cfg *cfg, unsigned flags,
                      uint64_t seed, struct err *e) {
    struct model *m = calloc(1, sizeof *m);
    if (!m) return fail(e, ERR_NOMEM, "out of memory");
    m->d = d;
    m->trainable = flags & MODEL_TRAINABLE;
    struct loader ld = {m, w, flags, seed, e};
    int rc = 0;
    if (w)
        rc = config_read(&m->cfg, w, e);
    else
        m->cfg = *cfg, rc = config_check(cfg, e);
    if (!rc) rc = load_all(&ld);
    if (!rc && w) rc = model__refuse_unread(&m->cfg, w, e);
    if (rc < 0) {
        model_close(m);
        return rc;
    }
    *out = m;
    return 0;
}

int model_open(struct model **out, struct device *d, const struct weights *w, unsigned flags, struct err *e) {
    return model_make(out, d, w, NULL, flags, 0, e);
}

int model_new(struct model **out, struct device *d, const struct model_cfg *cfg, uint64_t seed, struct err *e) {
    if (!cfg->family || cfg->n_vocab < 1) return fail(e, ERR_ARG, "a new model needs a family and a vocabulary");
    return model_make(out, d, NULL, cfg, MODEL_TRAINABLE | (cfg->n_score ? MODEL_SCORE : 0), seed, e);
}
