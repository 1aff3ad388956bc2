/* Two ways to write a configuration. GGUF takes every number under "<arch>."; config.json of Llama-like models and of GPT-2 have
 * names of their own, and say by flags (attention_bias, tie_word_embeddings) what GGUF leaves to the tensors. */
#include "model/config_save.h"
#include "model/family.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- GGUF ---- */

struct keys {
    struct gguf_writer *g;
    const char *arch;
    char key[96];
};
static const char *named(struct keys *k, const char *suffix) {
    snprintf(k->key, sizeof k->key, "%s.%s", k->arch, suffix);
    return k->key;
}
static void u32(struct keys *k, const char *suffix, int64_t v) { gguf_put_u32(k->g, named(k, suffix), (uint32_t)v); }
static void f32(struct keys *k, const char *suffix, double v) { gguf_put_f32(k->g, named(k, suffix), (float)v); }

static void put_scaling(struct keys *k, const struct rope_cfg *r) {
    int yarn = r->scaling == ROPE_SCALE_YARN;
    if (!yarn && r->scaling != ROPE_SCALE_LINEAR) return; /* Llama 3's travels as a tensor */
    gguf_put_str(k->g, named(k, "rope.scaling.type"), yarn ? "yarn" : "linear", yarn ? 4 : 6);
    f32(k, "rope.scaling.factor", r->factor);
    if (!yarn) return;
    u32(k, "rope.scaling.original_context_length", r->orig_ctx);
    f32(k, "rope.scaling.yarn_beta_fast", r->beta_fast);
    f32(k, "rope.scaling.yarn_beta_slow", r->beta_slow);
    if (r->attn_factor > 0) f32(k, "rope.scaling.attn_factor", r->attn_factor / (0.1 * log(r->factor) + 1.0));
}

/* A sequence classifier of one label, as llama.cpp's rerankers: pooling "rank" takes the last token. */
static void put_score(struct keys *k) {
    static const struct meta_str label = {"LABEL_0", 7};
    enum { POOLING_RANK = 4 };
    u32(k, "pooling_type", POOLING_RANK);
    gguf_put_strs(k->g, named(k, "classifier.output_labels"), &label, 1);
}

int config_put(struct gguf_writer *g, const struct model_cfg *c, struct err *e) {
    struct keys k = {.g = g, .arch = c->family->gguf ? c->family->gguf : c->family->name};
    if (c->window && c->window_from)
        return fail(e, ERR_UNSUPPORTED, "a model whose sliding window begins at layer %d cannot be written as GGUF",
                    c->window_from);
    gguf_put_str(g, "general.architecture", k.arch, strlen(k.arch));
    u32(&k, "block_count", c->n_layer);
    u32(&k, "context_length", c->n_ctx);
    u32(&k, "embedding_length", c->n_embd);
    u32(&k, "feed_forward_length", c->n_ff);
    u32(&k, "attention.head_count", c->n_head);
    u32(&k, "attention.head_count_kv", c->n_kv);
    u32(&k, "attention.key_length", c->head_dim);
    u32(&k, "attention.value_length", c->head_dim);
    u32(&k, "vocab_size", c->n_vocab);
    f32(&k, c->norm == NORM_RMS ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", c->norm_eps);
    if (c->rope.dims) {
        u32(&k, "rope.dimension_count", c->rope.dims);
        f32(&k, "rope.freq_base", c->rope.base);
        put_scaling(&k, &c->rope);
    }
    if (c->window) u32(&k, "attention.sliding_window", c->window);
    if (c->n_score) put_score(&k);
    return 0;
}

/* ---- config.json ---- */

/* Reals of a GGUF are floats: 1e-5f is written 1e-05, the shortest decimal that is that float. */
static json_t *real(double x) {
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        double y = strtod(text, NULL);
        if (y == x || (float)y == (float)x) return json_real(y);
    }
    return json_real(x);
}

static int is_type(const struct model_cfg *c, const char *name) { return !strcmp(c->family->name, name); }

/* Llama 3's scaling told from the angles: the factor is the largest divisor, the original context a power of two. */
static int find_llama3(struct rope_cfg *r, const double *freq, struct err *e) {
    enum { HALF_MAX = 4096 };
    double plain[HALF_MAX], tried[HALF_MAX];
    struct rope_cfg base = *r;
    int half = r->dims / 2, same = 1;
    if (half > HALF_MAX) return fail(e, ERR_LIMIT, "expected at most %d rotated pairs, found %d", HALF_MAX, half);
    base.scaling = ROPE_SCALE_NONE;
    rope_freqs(plain, &base, NULL);
    base.scaling = ROPE_SCALE_LLAMA3, base.low_freq = 1, base.high_freq = 4, base.factor = 1;
    for (int i = 0; i < half; i++) {
        double f = (double)(float)(plain[i] / freq[i]);
        same &= f == 1;
        if (f > base.factor) base.factor = f;
    }
    r->scaling = ROPE_SCALE_NONE;
    if (same) return 0;
    for (base.orig_ctx = 64; base.orig_ctx <= 1 << 24; base.orig_ctx *= 2) {
        int ok = 1;
        rope_freqs(tried, &base, NULL);
        for (int i = 0; i < half && ok; i++) ok = fabs(tried[i] - freq[i]) <= 1e-6 * freq[i];
        if (!ok) continue;
        *r = base;
        return 0;
    }
    return fail(e, ERR_UNSUPPORTED,
                "tensor rope_freqs.weight: expected Llama 3's scaling with bounds 1 and 4, the only one config.json "
                "has a name for, found other factors (the largest %g)",
                base.factor);
}

static json_t *scaling_json(const struct rope_cfg *r) {
    if (r->scaling == ROPE_SCALE_LINEAR)
        return json_pack("{s:s, s:s, s:o}", "rope_type", "linear", "type", "linear", "factor", real(r->factor));
    if (r->scaling == ROPE_SCALE_LLAMA3)
        return json_pack("{s:s, s:o, s:o, s:o, s:I}", "rope_type", "llama3", "factor", real(r->factor), "low_freq_factor",
                         real(r->low_freq), "high_freq_factor", real(r->high_freq), "original_max_position_embeddings",
                         (json_int_t)r->orig_ctx);
    if (r->scaling != ROPE_SCALE_YARN) return json_null();
    json_t *j = json_pack("{s:s, s:s, s:o, s:I, s:o, s:o}", "rope_type", "yarn", "type", "yarn", "factor", real(r->factor),
                          "original_max_position_embeddings", (json_int_t)r->orig_ctx, "beta_fast", real(r->beta_fast),
                          "beta_slow", real(r->beta_slow));
    if (j && r->attn_factor > 0) json_object_set_new(j, "attention_factor", json_real(r->attn_factor));
    return j;
}

static void set(json_t *j, const char *key, json_t *v) { json_object_set_new(j, key, v); }
static void set_int(json_t *j, const char *key, int64_t v) { set(j, key, json_integer(v)); }

static void put_gpt2(json_t *j, const struct model_cfg *c) {
    set_int(j, "n_layer", c->n_layer), set_int(j, "n_head", c->n_head), set_int(j, "n_embd", c->n_embd);
    set_int(j, "n_positions", c->n_ctx), set_int(j, "n_ctx", c->n_ctx), set_int(j, "n_inner", c->n_ff);
    set(j, "layer_norm_epsilon", real(c->norm_eps));
    set(j, "activation_function", json_string("gelu_new"));
}

static int put_llama(json_t *j, const struct model_cfg *c, const struct rope_cfg *r, struct err *e) {
    if (r->dims != c->head_dim)
        return fail(e, ERR_UNSUPPORTED, "config.json of a %s has no key for a head of which %d of %d numbers are rotated",
                    c->family->name, r->dims, c->head_dim);
    if (c->qkv_bias && !c->out_bias && !is_type(c, "qwen2"))
        return fail(e, ERR_UNSUPPORTED,
                    "attention_bias of a %s in config.json means four biases a layer: expected one of "
                    "attn_output, found none",
                    c->family->name);
    set_int(j, "num_hidden_layers", c->n_layer), set_int(j, "num_attention_heads", c->n_head);
    set_int(j, "num_key_value_heads", c->n_kv), set_int(j, "head_dim", c->head_dim);
    set_int(j, "hidden_size", c->n_embd), set_int(j, "intermediate_size", c->n_ff);
    set_int(j, "max_position_embeddings", c->n_ctx);
    set(j, "rms_norm_eps", real(c->norm_eps)), set(j, "hidden_act", json_string("silu"));
    set(j, "rope_theta", real(r->base)), set(j, "rope_scaling", scaling_json(r));
    if (!is_type(c, "qwen2")) set(j, "attention_bias", json_boolean(c->qkv_bias));
    if (!is_type(c, "qwen2") && !is_type(c, "qwen3")) set(j, "mlp_bias", json_boolean(c->ffn_bias));
    return 0;
}

static void put_window(json_t *j, const struct model_cfg *c, int mistral) {
    int qwen = !strncmp(c->family->name, "qwen", 4);
    if (qwen) set(j, "use_sliding_window", json_boolean(c->window > 0));
    if (qwen && c->window) set_int(j, "max_window_layers", c->window_from);
    if (c->window)
        set_int(j, "sliding_window", c->window);
    else if (mistral)
        set(j, "sliding_window", json_null());
}

int config_json(json_t **out, const struct model_cfg *c, const double *freq, int factors, const struct config_ids *ids,
                enum fmt f, struct err *e) {
    const char *types = f == FMT_BF16 ? "bfloat16" : f == FMT_F16 ? "float16" : "float32";
    struct rope_cfg r = c->rope;
    /* GGUF's Llama with a window is a Mistral */
    const struct family *fam = is_type(c, "llama") && c->window ? family_find("mistral") : c->family;
    if (factors) TRY(find_llama3(&r, freq, e));
    json_t *j =
        json_pack("{s:[s], s:s, s:I, s:b, s:s}", "architectures", c->n_score ? fam->hf_score : fam->hf_lm, "model_type",
                  fam->hf_types[0], "vocab_size", (json_int_t)c->n_vocab, "tie_word_embeddings", c->tied, "torch_dtype", types);
    if (!j) return fail(e, ERR_NOMEM, "out of memory for config.json");
    if (c->learned_pos) put_gpt2(j, c);
    int rc = c->learned_pos ? 0 : put_llama(j, c, &r, e);
    if (!c->learned_pos) put_window(j, c, !strcmp(fam->name, "mistral"));
    if (c->n_score) {
        set_int(j, "num_labels", 1);
        set(j, "id2label", json_pack("{s:s}", "0", "LABEL_0")), set(j, "label2id", json_pack("{s:i}", "LABEL_0", 0));
    }
    if (ids->bos >= 0) set_int(j, "bos_token_id", ids->bos);
    if (ids->eos >= 0) set_int(j, "eos_token_id", ids->eos);
    if (ids->pad >= 0) set_int(j, "pad_token_id", ids->pad);
    if (rc < 0)
        json_decref(j);
    else
        *out = j;
    return rc;
}
