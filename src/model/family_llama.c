/* Llama 2 and 3, and everything of their shape (TinyLlama, SmolLM …): RMSNorm, rotary positions, SwiGLU, grouped-query attention.
 * GGUF files of this architecture rotate neighbouring pairs, since the converter permutes wq and wk; Hugging Face files rotate halves. */
#include "model/family.h"
#include <stdio.h>

const struct tensor_name llama_names[] = {
    {"token_embd.weight", "embed_tokens.weight"},
    {"output_norm.weight", "norm.weight"},
    {"output.weight", "lm_head.weight"},
    {"cls.output.weight", "score.weight"},
    {"cls.output.bias", "score.bias"},
    {"blk.%d.attn_norm.weight", "layers.%d.input_layernorm.weight"},
    {"blk.%d.attn_q.weight", "layers.%d.self_attn.q_proj.weight"},
    {"blk.%d.attn_k.weight", "layers.%d.self_attn.k_proj.weight"},
    {"blk.%d.attn_v.weight", "layers.%d.self_attn.v_proj.weight"},
    {"blk.%d.attn_output.weight", "layers.%d.self_attn.o_proj.weight"},
    {"blk.%d.attn_q.bias", "layers.%d.self_attn.q_proj.bias"},
    {"blk.%d.attn_k.bias", "layers.%d.self_attn.k_proj.bias"},
    {"blk.%d.attn_v.bias", "layers.%d.self_attn.v_proj.bias"},
    {"blk.%d.attn_output.bias", "layers.%d.self_attn.o_proj.bias"},
    {"blk.%d.attn_q_norm.weight", "layers.%d.self_attn.q_norm.weight"},
    {"blk.%d.attn_k_norm.weight", "layers.%d.self_attn.k_norm.weight"},
    {"blk.%d.ffn_norm.weight", "layers.%d.post_attention_layernorm.weight"},
    {"blk.%d.ffn_gate.weight", "layers.%d.mlp.gate_proj.weight"},
    {"blk.%d.ffn_up.weight", "layers.%d.mlp.up_proj.weight"},
    {"blk.%d.ffn_down.weight", "layers.%d.mlp.down_proj.weight"},
    {"blk.%d.ffn_gate.bias", "layers.%d.mlp.gate_proj.bias"},
    {"blk.%d.ffn_up.bias", "layers.%d.mlp.up_proj.bias"},
    {"blk.%d.ffn_down.bias", "layers.%d.mlp.down_proj.bias"},
    {NULL, NULL},
};

/* A bias that lies in the file belongs to the model, whatever the configuration says of it: metadata of GGUF has no key for biases,
 * and a bias left out would change every answer without a word. */
static void biases_present(struct model_cfg *c, const struct weights *w) {
    c->qkv_bias = family__tensor(c->family, w, "blk.%d.attn_q.bias", 0) != NULL;
    c->out_bias = family__tensor(c->family, w, "blk.%d.attn_output.bias", 0) != NULL;
    c->ffn_bias = family__tensor(c->family, w, "blk.%d.ffn_up.bias", 0) != NULL;
}

/* A folder of Llama or Qwen3 that promises biases has them. */
int family__promised_biases(struct model_cfg *c, const struct weights *w, struct err *e) {
    int attention = 0, mlp = 0;
    if (weights_kind(w) != WEIGHTS_SAFETENSORS) return 0;
    TRY(meta_bool(w, "hf.attention_bias", &attention, e));
    TRY(meta_bool(w, "hf.mlp_bias", &mlp, e));
    if (attention) c->qkv_bias = c->out_bias = 1;
    if (mlp) c->ffn_bias = 1;
    return 0;
}

/* What Llama, Mistral and Qwen share: RMSNorm and its epsilon, the rotary base, SwiGLU, biases. */
int family__rms_rope(struct model_cfg *c, const struct weights *w, const char *arch, struct err *e) {
    static const char *const acts[] = {"silu", "swish", NULL};
    char key[128];
    int hf = weights_kind(w) == WEIGHTS_SAFETENSORS;
    c->norm = NORM_RMS, c->act = ACT_SILU, c->gated = 1;
    c->norm_eps = hf ? 1e-6 : 1e-5; /* what the Hugging Face configurations mean when they do not say */
    snprintf(key, sizeof key, hf ? "hf.rms_norm_eps" : "%s.attention.layer_norm_rms_epsilon", arch);
    TRY(config_real(w, key, !hf, &c->norm_eps, e));
    if (hf) TRY(config_real(w, "hf.rope_parameters.rope_theta", 0, &c->rope.base, e));
    snprintf(key, sizeof key, hf ? "hf.rope_theta" : "%s.rope.freq_base", arch);
    TRY(config_real(w, key, 0, &c->rope.base, e));
    if (hf) TRY(family__expect(w, "hf.hidden_act", acts, e));
    biases_present(c, w);
    return 0;
}

static int configure(struct model_cfg *c, const struct weights *w, const char *arch, struct err *e) {
    TRY(family__rms_rope(c, w, arch, e));
    TRY(family__promised_biases(c, w, e));
    int hf = weights_kind(w) == WEIGHTS_SAFETENSORS;
    c->rope.style = hf ? ROPE_HALVES : ROPE_PAIRS;
    if (!hf) { /* Mistral files carry this architecture too */
        char key[128];
        snprintf(key, sizeof key, "%s.attention.sliding_window", arch);
        TRY(config_int(w, key, 0, 0, 1ll << 40, &c->window, e));
    }
    return 0;
}

static const char *const hf_types[] = {"llama", NULL};
const struct family family_llama = {.name = "llama",
                                    .hf_types = hf_types,
                                    .names = llama_names,
                                    .hf_prefix = "model.",
                                    .hf_lm = "LlamaForCausalLM",
                                    .hf_score = "LlamaForSequenceClassification",
                                    .configure = configure};
