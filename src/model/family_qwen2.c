/* Qwen2 and Qwen2.5 (and the R1 distillations of that shape): Llama's block with biases on q, k and v; halves are rotated in both
 * kinds of file. The window of config.json counts only where use_sliding_window is true, from layer max_window_layers on. */
#include "model/family.h"
#include <stdio.h>

int family__qwen_window(struct model_cfg *c, const struct weights *w, const char *arch, struct err *e) {
    char key[128];
    int use = 0;
    int64_t from = 0;
    if (weights_kind(w) == WEIGHTS_GGUF) {
        snprintf(key, sizeof key, "%s.attention.sliding_window", arch);
        TRY(config_int(w, key, 0, 0, 1ll << 40, &c->window, e));
        return 0;
    }
    TRY(meta_bool(w, "hf.use_sliding_window", &use, e));
    if (!use) return 0;
    TRY(config_int(w, "hf.sliding_window", 0, 0, 1ll << 40, &c->window, e));
    TRY(config_int(w, "hf.max_window_layers", 0, 0, 4096, &from, e));
    c->window_from = (int)from;
    return 0;
}

static int configure(struct model_cfg *c, const struct weights *w, const char *arch, struct err *e) {
    TRY(family__rms_rope(c, w, arch, e));
    c->rope.style = ROPE_HALVES;
    c->qkv_bias = 1;
    return family__qwen_window(c, w, arch, e);
}

static const char *const hf_types[] = {"qwen2", NULL};
const struct family family_qwen2 = {.name = "qwen2",
                                    .hf_types = hf_types,
                                    .names = llama_names,
                                    .hf_prefix = "model.",
                                    .hf_lm = "Qwen2ForCausalLM",
                                    .hf_score = "Qwen2ForSequenceClassification",
                                    .configure = configure};
