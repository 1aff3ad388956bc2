/* The executable twin of docs/models.md: a transformer in double precision, written as the equations stand and sharing no arithmetic
 * with candor. One row at a time, whole score rows, no cache, no chunks. It is the oracle for logits of every family. */
#ifndef PLAIN_DECODER_H
#define PLAIN_DECODER_H
#include "tiny_models.h"

/* Where weights come from: a file under its GGUF names, or a model in memory. */
struct source {
    const struct weights *w;
    const struct model *m;
};

static double *fetch_file(const struct weights *w, const char *name) {
    const struct tensor *t = weights_tensor(w, name);
    if (!t) return NULL;
    double *y = malloc((size_t)(t->m.rows * t->m.cols) * sizeof *y);
    float *row = malloc((size_t)t->m.cols * sizeof *row);
    for (int64_t r = 0; r < t->m.rows; r++) {
        fmt_find((int)t->m.fmt)->to_f32(row, (const char *)t->m.data + (size_t)r * t->m.row_bytes, t->m.cols);
        for (int64_t i = 0; i < t->m.cols; i++) y[r * t->m.cols + i] = row[i];
    }
    free(row);
    return y;
}

/* NULL where the model has no such tensor. */
static double *fetch(const struct source *s, const char *pattern, int layer) {
    char name[96];
    snprintf(name, sizeof name, pattern, layer);
    if (s->w) return fetch_file(s->w, name);
    for (int i = 0; i < model_n_params(s->m); i++)
        if (!strcmp(model_param(s->m, i)->name, name))
            return fetch_nums(model_device(s->m), model_param(s->m, i)->value, model_param(s->m, i)->count);
    return NULL;
}

/* y[N] = W[N,K] x[K] + b[N] */
static void plain_linear(double *y, const double *W, const double *b, const double *x, int64_t N, int64_t K) {
    for (int64_t n = 0; n < N; n++) {
        y[n] = b ? b[n] : 0;
        for (int64_t k = 0; k < K; k++) y[n] += W[n * K + k] * x[k];
    }
}

static void plain_norm(double *y, const double *x, const double *w, const double *b, int64_t C, double eps, int layer_norm) {
    double mean = 0, var = 0;
    for (int64_t i = 0; layer_norm && i < C; i++) mean += x[i] / (double)C;
    for (int64_t i = 0; i < C; i++) var += (x[i] - mean) * (x[i] - mean) / (double)C;
    for (int64_t i = 0; i < C; i++) y[i] = (x[i] - mean) / sqrt(var + eps) * w[i] + (b ? b[i] : 0);
}

/* Wavelengths and ramps of the three papers; factors as in rope_freqs.weight. */
static double plain_frequency(const struct rope_cfg *r, int i, const double *factors) {
    const double pi = acos(-1.0);
    double f = 1 / pow(r->base, 2.0 * i / r->dims);
    if (factors) return f / factors[i];
    if (r->scaling == ROPE_SCALE_LINEAR) return f / r->factor;
    if (r->scaling == ROPE_SCALE_LLAMA3) {
        double turns = (double)r->orig_ctx * f / (2 * pi); /* of the original context */
        double s = fmin(1, fmax(0, (turns - r->low_freq) / (r->high_freq - r->low_freq)));
        return f * (s + (1 - s) / r->factor);
    }
    if (r->scaling == ROPE_SCALE_YARN) {
        double at[2], beta[2] = {r->beta_fast, r->beta_slow};
        for (int k = 0; k < 2; k++) at[k] = r->dims * log((double)r->orig_ctx / (beta[k] * 2 * pi)) / (2 * log(r->base));
        double low = fmax(0, floor(at[0])), high = fmin(r->dims - 1, ceil(at[1]));
        double ramp = fmin(1, fmax(0, (i - low) / fmax(0.001, high - low)));
        return f * (1 - ramp) + f / r->factor * ramp;
    }
    return f;
}

static void plain_rotate(double *x, const struct model_cfg *c, int heads, int64_t pos, const double *factors) {
    int pairs = !strcmp(c->family->name, "llama") || !strcmp(c->family->name, "mistral"), half = c->rope.dims / 2;
    double m = c->rope.scaling != ROPE_SCALE_YARN ? 1
               : c->rope.attn_factor > 0          ? c->rope.attn_factor
                                                  : 1 + 0.1 * log(c->rope.factor);
    for (int h = 0; h < heads; h++)
        for (int i = 0; i < half; i++) {
            double *a = x + h * c->head_dim + (pairs ? 2 * i : i), *b = pairs ? a + 1 : a + half;
            double t = (double)pos * plain_frequency(&c->rope, i, factors), a0 = *a, b0 = *b;
            *a = m * (a0 * cos(t) - b0 * sin(t)), *b = m * (a0 * sin(t) + b0 * cos(t));
        }
}

static void plain_attend(double *o, const double *q, const double *k, const double *v, const struct model_cfg *c, int64_t pos,
                         int layer) {
    int D = c->head_dim, G = c->n_kv, group = c->n_head / G;
    double *p = malloc((size_t)(pos + 1) * sizeof *p);
    for (int h = 0; h < c->n_head; h++) {
        double sum = 0, top = -INFINITY;
        for (int64_t j = 0; j <= pos; j++) {
            p[j] = 0;
            for (int i = 0; i < D; i++) p[j] += q[h * D + i] * k[(j * G + h / group) * D + i] / sqrt(D);
            if (c->window && layer >= c->window_from && j <= pos - c->window) p[j] = -INFINITY;
            top = fmax(top, p[j]);
        }
        for (int64_t j = 0; j <= pos; j++) sum += p[j] = exp(p[j] - top);
        for (int i = 0; i < D; i++) {
            o[h * D + i] = 0;
            for (int64_t j = 0; j <= pos; j++) o[h * D + i] += p[j] / sum * v[(j * G + h / group) * D + i];
        }
    }
    free(p);
}

static double plain_act(const struct model_cfg *c, double g) {
    return c->act == ACT_SILU ? g / (1 + exp(-g)) : 0.5 * g * (1 + tanh(sqrt(2 / acos(-1.0)) * (g + 0.044715 * g * g * g)));
}

struct plain_layer {
    double *an, *ab, *wq, *bq, *wk, *bk, *wv, *bv, *qn, *kn, *wo, *bo, *fn, *fb, *wg, *bg, *wu, *bu, *wd, *bd, *fused, *fused_b;
};

static void plain_load(struct plain_layer *y, const struct source *s, const struct model_cfg *c, int l) {
    int64_t HD = (int64_t)c->n_head * c->head_dim, GD = (int64_t)c->n_kv * c->head_dim;
#define T(field, name) y->field = fetch(s, "blk.%d." name, l)
    T(an, "attn_norm.weight"), T(ab, "attn_norm.bias"), T(wq, "attn_q.weight"), T(bq, "attn_q.bias"), T(wk, "attn_k.weight"),
        T(bk, "attn_k.bias");
    T(wv, "attn_v.weight"), T(bv, "attn_v.bias"), T(qn, "attn_q_norm.weight"), T(kn, "attn_k_norm.weight"),
        T(wo, "attn_output.weight");
    T(bo, "attn_output.bias"), T(fn, "ffn_norm.weight"), T(fb, "ffn_norm.bias"), T(wg, "ffn_gate.weight"), T(bg, "ffn_gate.bias");
    T(wu, "ffn_up.weight"), T(bu, "ffn_up.bias"), T(wd, "ffn_down.weight"), T(bd, "ffn_down.bias");
    T(fused, "attn_qkv.weight"), T(fused_b, "attn_qkv.bias");
#undef T
    if (!y->fused) return;
    y->wq = y->fused, y->wk = y->fused + HD * c->n_embd, y->wv = y->wk + GD * c->n_embd;
    y->bq = y->fused_b, y->bk = y->fused_b + HD, y->bv = y->bk + GD;
}
static void plain_unload(struct plain_layer *y) {
    double *own[] = {y->an, y->ab, y->qn, y->kn, y->wo, y->bo, y->fn, y->fb, y->wg, y->bg, y->wu, y->bu, y->wd, y->bd};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) free(own[i]);
    if (y->fused)
        free(y->fused), free(y->fused_b);
    else
        free(y->wq), free(y->wk), free(y->wv), free(y->bq), free(y->bk), free(y->bv);
}

static void plain_block(double *x, int64_t T, const struct plain_layer *y, const struct model_cfg *c, int l,
                        const double *factors) {
    int64_t C = c->n_embd, HD = (int64_t)c->n_head * c->head_dim, GD = (int64_t)c->n_kv * c->head_dim, D = c->head_dim,
            F = c->n_ff;
    int ln = c->norm == NORM_LAYER;
    double *k = malloc((size_t)(T * GD) * 8), *v = malloc((size_t)(T * GD) * 8), *q = malloc((size_t)HD * 8),
           *o = malloc((size_t)HD * 8);
    double *n = malloc((size_t)C * 8), *g = malloc((size_t)F * 8), *u = malloc((size_t)F * 8);
    for (int64_t t = 0; t < T; t++) {
        double *xt = x + t * C;
        plain_norm(n, xt, y->an, y->ab, C, c->norm_eps, ln);
        plain_linear(q, y->wq, y->bq, n, HD, C), plain_linear(k + t * GD, y->wk, y->bk, n, GD, C),
            plain_linear(v + t * GD, y->wv, y->bv, n, GD, C);
        for (int h = 0; y->qn && h < c->n_head; h++) plain_norm(q + h * D, q + h * D, y->qn, NULL, D, c->norm_eps, 0);
        for (int h = 0; y->kn && h < c->n_kv; h++)
            plain_norm(k + t * GD + h * D, k + t * GD + h * D, y->kn, NULL, D, c->norm_eps, 0);
        if (!c->learned_pos) plain_rotate(q, c, c->n_head, t, factors), plain_rotate(k + t * GD, c, c->n_kv, t, factors);
        plain_attend(o, q, k, v, c, t, l);
        plain_linear(n, y->wo, y->bo, o, C, HD);
        for (int64_t i = 0; i < C; i++) xt[i] += n[i];
        plain_norm(n, xt, y->fn, y->fb, C, c->norm_eps, ln);
        plain_linear(u, y->wu, y->bu, n, F, C);
        if (y->wg) plain_linear(g, y->wg, y->bg, n, F, C);
        for (int64_t i = 0; i < F; i++) u[i] = y->wg ? plain_act(c, g[i]) * u[i] : plain_act(c, u[i]);
        plain_linear(n, y->wd, y->bd, u, C, F);
        for (int64_t i = 0; i < C; i++) xt[i] += n[i];
    }
    free(k), free(v), free(q), free(o), free(n), free(g), free(u);
}

/* logits[T, V] of one sequence from position 0, of a reward model scores [T, 1]; the caller frees. */
TINY double *plain_logits(const struct model_cfg *c, const struct source *s, const int32_t *ids, int64_t T) {
    int64_t C = c->n_embd, V = c->n_score ? c->n_score : c->n_vocab;
    double *embd = fetch(s, "token_embd.weight", 0), *pos = fetch(s, "position_embd.weight", 0),
           *head = fetch(s, c->n_score ? "cls.output.weight" : "output.weight", 0),
           *head_bias = c->n_score ? fetch(s, "cls.output.bias", 0) : NULL;
    double *nw = fetch(s, "output_norm.weight", 0), *nb = fetch(s, "output_norm.bias", 0);
    double *factors = s->w ? fetch(s, "rope_freqs.weight", 0) : NULL, *x = malloc((size_t)(T * C) * 8),
           *y = malloc((size_t)(T * V) * 8);
    for (int64_t i = 0; i < T * C; i++) x[i] = embd[ids[i / C] * C + i % C] + (pos ? pos[i] : 0);
    for (int l = 0; l < c->n_layer; l++) {
        struct plain_layer p;
        plain_load(&p, s, c, l);
        plain_block(x, T, &p, c, l, factors);
        plain_unload(&p);
    }
    for (int64_t t = 0; t < T; t++) {
        plain_norm(x + t * C, x + t * C, nw, nb, C, c->norm_eps, c->norm == NORM_LAYER);
        plain_linear(y + t * V, head ? head : embd, head_bias, x + t * C, V, C);
    }
    free(embd), free(pos), free(head), free(head_bias), free(nw), free(nb), free(factors), free(x);
    return y;
}
#endif
