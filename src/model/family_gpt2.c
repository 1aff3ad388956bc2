/* GPT-2: LayerNorm with biases, learned positions, plain GELU feed-forward, one fused tensor for q, k and v, tied head.
 * Hugging Face stores W[in, out] (Conv1D); such weights are used where they lie, through the other orientation of the matmul. */
#include "model/family.h"
#include <stdio.h>

static const struct tensor_name names[] = {
    {"token_embd.weight", "wte.weight"},
    {"position_embd.weight", "wpe.weight"},
    {"output_norm.weight", "ln_f.weight"},
    {"output_norm.bias", "ln_f.bias"},
    {"output.weight", "lm_head.weight"},
    {"cls.output.weight", "score.weight"},
    {"cls.output.bias", "score.bias"},
    {"blk.%d.attn_norm.weight", "h.%d.ln_1.weight"},
    {"blk.%d.attn_norm.bias", "h.%d.ln_1.bias"},
    {"blk.%d.attn_qkv.weight", "h.%d.attn.c_attn.weight"},
    {"blk.%d.attn_qkv.bias", "h.%d.attn.c_attn.bias"},
    {"blk.%d.attn_output.weight", "h.%d.attn.c_proj.weight"},
    {"blk.%d.attn_output.bias", "h.%d.attn.c_proj.bias"},
    {"blk.%d.ffn_norm.weight", "h.%d.ln_2.weight"},
    {"blk.%d.ffn_norm.bias", "h.%d.ln_2.bias"},
    {"blk.%d.ffn_up.weight", "h.%d.mlp.c_fc.weight"},
    {"blk.%d.ffn_up.bias", "h.%d.mlp.c_fc.bias"},
    {"blk.%d.ffn_down.weight", "h.%d.mlp.c_proj.weight"},
    {"blk.%d.ffn_down.bias", "h.%d.mlp.c_proj.bias"},
    {NULL, NULL},
};

/* config.json of GPT-2 has names of its own (n_layer, n_head …), so the common reader is skipped for it. */
static int read_hf(struct model_cfg *c, const struct weights *w, struct err *e) {
    int64_t L, H, C, F = 0, ctx;
    TRY(config_int(w, "hf.n_layer", 1, 1, 4096, &L, e));
    TRY(config_int(w, "hf.n_head", 1, 1, 65536, &H, e));
    TRY(config_int(w, "hf.n_embd", 1, 1, 1 << 20, &C, e));
    TRY(config_int(w, "hf.n_inner", 0, 1, 1 << 20, &F, e));
    static const char *const acts[] = {"gelu_new", "gelu_pytorch_tanh", NULL};
    int by_layer = 0, scaled = 1;
    int rc = config_int(w, "hf.n_positions", 0, 1, 1 << 30, &ctx, e);
    if (rc == 0) rc = config_int(w, "hf.n_ctx", 1, 1, 1 << 30, &ctx, e);
    TRY(rc);
    TRY(family__expect(w, "hf.activation_function", acts, e));
    TRY(meta_bool(w, "hf.scale_attn_by_inverse_layer_idx", &by_layer, e));
    TRY(meta_bool(w, "hf.scale_attn_weights", &scaled, e));
    if (by_layer || !scaled) return fail(e, ERR_UNSUPPORTED, "hf.scale_attn_*: expected scores scaled by the head size alone");
    if (C % H)
        return fail(e, ERR_FORMAT, "hf.n_embd: expected a multiple of hf.n_head %lld, found %lld", (long long)H, (long long)C);
    c->n_layer = (int)L, c->n_head = c->n_kv = (int)H, c->n_embd = (int)C, c->head_dim = (int)(C / H);
    c->n_ff = (int)(F ? F : 4 * C), c->n_ctx = ctx;
    c->norm_eps = 1e-5;
    TRY(config_real(w, "hf.layer_norm_epsilon", 0, &c->norm_eps, e));
    return 0;
}

static int configure(struct model_cfg *c, const struct weights *w, const char *arch, struct err *e) {
    char key[128];
    if (weights_kind(w) == WEIGHTS_SAFETENSORS)
        TRY(read_hf(c, w, e));
    else {
        snprintf(key, sizeof key, "%s.attention.layer_norm_epsilon", arch);
        TRY(config_real(w, key, 1, &c->norm_eps, e));
    }
    c->norm = NORM_LAYER, c->act = ACT_GELU, c->gated = 0;
    c->qkv_bias = c->out_bias = c->ffn_bias = 1;
    c->learned_pos = 1;
    c->rope = (struct rope_cfg){.dims = 0, .factor = 1};
    return 0;
}

static const char *const hf_types[] = {"gpt2", NULL};
const struct family family_gpt2 = {.name = "gpt2",
                                   .hf_types = hf_types,
                                   .names = names,
                                   .hf_prefix = "transformer.",
                                   .hf_lm = "GPT2LMHeadModel",
                                   .hf_score = "GPT2ForSequenceClassification",
                                   .hf_transposed = 1,
                                   .fused_qkv = 1,
                                   .configure = configure};
