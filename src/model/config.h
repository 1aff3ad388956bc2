/* The shape of a transformer: everything a forward pass must know that is not a weight.
 *
 * Read from metadata by a family (family.h): GGUF keys "<arch>.…" or a flattened config.json "hf.…". Plain data, no pointers
 * that need freeing. Dims: L layers, H heads, G key/value heads, D head size, C channels, F feed-forward, V vocabulary. */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H
#include "kern/device.h"
#include "weights/weights.h"

enum norm_kind { NORM_RMS, NORM_LAYER };
enum rope_scaling { ROPE_SCALE_NONE, ROPE_SCALE_LINEAR, ROPE_SCALE_LLAMA3, ROPE_SCALE_YARN };

struct rope_cfg {
    int dims; /* rotated dims of a head; 0: no rotation (learned positions) */
    enum rope_style style;
    double base;
    enum rope_scaling scaling;
    double factor;                            /* linear, llama3, yarn */
    double low_freq, high_freq;               /* llama3 */
    double beta_fast, beta_slow, attn_factor; /* yarn; attn_factor 0: 0.1 ln(factor) + 1 */
    int64_t orig_ctx;                         /* llama3, yarn */
};

struct family;
struct model_cfg {
    const struct family *family;
    int n_layer, n_head, n_kv, head_dim, n_embd, n_ff, n_vocab;
    int64_t n_ctx; /* trained context, a hard limit only for learned positions */
    enum norm_kind norm;
    double norm_eps;
    enum act_kind act;
    int gated; /* h = act(gate) * up; else h = act(up) */
    int qkv_bias, out_bias, ffn_bias, qk_norm, learned_pos, tied;
    struct rope_cfg rope;
    int64_t window;  /* sliding window, 0: none */
    int window_from; /* first layer with the window */
    int n_score;     /* 0: language head; 1: scalar score head (reward model) */
};

/* Fill cfg from metadata; the family is chosen by general.architecture or hf.model_type. */
int config_read(struct model_cfg *cfg, const struct weights *w, struct err *e);
/* Consistency of the numbers themselves (positive, divisible, within limits). */
int config_check(const struct model_cfg *cfg, struct err *e);
/* Angle per position of the dims/2 rotated pairs, scaling applied; freq_factors[dims/2] (may be NULL) divide first. Returns the factor
 * on cos and sin (1 but for YaRN). Sources: Su et al. 2021; Llama 3.1; Peng et al. 2023 (YaRN). */
double rope_freqs(double *freq, const struct rope_cfg *r, const double *freq_factors);

/* Readers for families: GGUF key "<arch>.<suffix>" or HF key "hf.<name>". required: absent is an error. */
int config_int(const struct weights *w, const char *key, int required, int64_t lo, int64_t hi, int64_t *out, struct err *e);
int config_real(const struct weights *w, const char *key, int required, double *out, struct err *e);
#endif
