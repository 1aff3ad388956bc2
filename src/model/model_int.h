/* Room-private: what a model, a pass and a tape are made of. */
#ifndef MODEL_INT_H
#define MODEL_INT_H
#include "model/family.h"
#include "model/model.h"

/* y = x Wᵀ + b. trans: the file holds W[in, out] (see family_gpt2.c). param/off: where dW goes, -1: nowhere. */
struct lin {
    struct mat w;
    int trans;
    num *bias; /* NULL: none; not owned */
    int64_t n_in, n_out;
    int param, bias_param;
    int64_t param_off, bias_off;
};
struct norm {
    num *w, *b;
    int param, b_param;
};
struct layer {
    struct norm attn_norm, q_norm, k_norm, ffn_norm;
    struct lin q, k, v, o, gate, up, down;
};
struct model {
    struct model_cfg cfg;
    struct device *d;
    int trainable;
    struct mat embd, pos_embd;
    int embd_param, pos_param;
    struct layer *layers;
    struct norm out_norm;
    struct lin head;
    double *freq; /* rope, [dims/2] */
    double rope_m;
    int rope_factors; /* freq was divided by the file's rope_freqs.weight */
    struct param *params;
    int n_params, cap_params;
    num **owned; /* every device array of this model */
    int n_owned, cap_owned;
    int64_t own_nums; /* in all of them */
};

struct pass {
    const struct model *m;
    int64_t max_rows, max_ctx, head_rows;
    int max_spans;
    unsigned flags;
    num *slab;
    /* forward, [max_rows, …] */
    num *x, *n, *out, *q, *k, *v, *qpre, *kpre, *att, *gate, *up, *cs;
    /* backward */
    num *dx, *dn, *dq, *dk, *dv, *datt, *dgate, *dup;
    /* head chunk */
    num *logits, *lse, *coef;
    struct attn_span *spans;
    double *row_host; /* [head_rows] */
};

struct tape_layer {
    num *x, *mid, *q, *att, *lse, *gate, *up, *qpre, *kpre;
    bf16 *gate16, *up16; /* where products are bf16 the tape keeps gate and up so, and gate, up are the pass's own */
};
struct tape {
    const struct model *m;
    int64_t max_rows, T;
    int max_spans, n_spans;
    struct taps seen; /* where the forward was tapped, so may have been edited: mask and layers only */
    num *slab, *cs, *x_last;
    struct tape_layer *layers;
    struct span *spans;
    int32_t *ids; /* [T], or -1 where embeddings were given */
};

/* Hands out successive pieces of one slab; with base NULL it only counts. Pieces are multiples of 16 nums, so stay 64-byte aligned. */
struct carve {
    struct device *d;
    num *base;
    int64_t used;
};
num *model__carve(struct carve *c, int64_t n);
int model__tap(const struct taps *t, struct device *d, enum tap tap, int layer, num *x, int64_t rows, int64_t width,
               const struct batch *b);
static inline int model__tapped(const struct taps *t, enum tap tap, int layer) {
    return t && (t->mask >> tap & 1) && layer >= t->layer_lo && layer <= t->layer_hi;
}
void model__lin(const struct model *m, num *y, const num *x, int64_t T, const struct lin *l, int smooth);
void model__lin_back(const struct model *m, num *dx, const num *dy, int64_t T, const struct lin *l, int acc);
/* The mirror of several layers of one x: with g, dW_i += dy_iᵀ x and db_i += Σ dy_i; then dx (+)= Σ dy_i W_i. dx may be x. */
void model__lin_mirror(const struct model *m, struct grads *g, num *dx, const num *const dy[], const struct lin *const l[], int n,
                       const num *x, int64_t T);

/* Fails for a score head of several labels, or with a layer before the score. */
int model__check_score(const struct family *f, const struct weights *w, struct err *e);
/* Fails for a key that asks for what is not computed; for settings of a rotary scaling without a type; for tensors of the family that no layer
 * reads (config_refuse.c). */
int config__refuse(const struct weights *w, const char *arch, struct err *e);
int config__refuse_untyped(const struct weights *w, struct err *e);
int model__refuse_unread(const struct model_cfg *c, const struct weights *w, struct err *e);
int model__says_score(const struct weights *w); /* config.json calls it a reward model: then the score must be there */
/* Saving. Rows of wq and wk lie as halves in a folder and as pairs in a GGUF of Llama's architecture: is this one of them; where row r
 * of the pairs lies in the halves. */
int model__permuted(const struct model_cfg *c, const char *name);
int64_t model__halves_row(const struct model_cfg *c, int64_t r);
/* The divisors of rope_freqs.weight, malloc'd; *out NULL: the model has none. */
int model__rope_factors(const struct model *m, float **out, struct err *e);
#endif
