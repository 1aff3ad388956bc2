/* Mistral: Llama's block with a sliding window (each position sees the last `sliding_window` positions, itself included).
 * Other programs know it in GGUF as architecture `llama`, so it is written as one, with the window's key; both are read. */
#include "model/family.h"
#include <stdio.h>

static int configure(struct model_cfg *c, const struct weights *w, const char *arch, struct err *e) {
    char key[128];
    int hf = weights_kind(w) == WEIGHTS_SAFETENSORS;
    TRY(family__rms_rope(c, w, arch, e));
    c->rope.style = hf ? ROPE_HALVES : ROPE_PAIRS;
    snprintf(key, sizeof key, hf ? "hf.sliding_window" : "%s.attention.sliding_window", arch);
    TRY(config_int(w, key, 0, 0, 1ll << 40, &c->window, e));
    return 0;
}

static const char *const hf_types[] = {"mistral", NULL};
const struct family family_mistral = {.name = "mistral",
                                      .hf_types = hf_types,
                                      .names = llama_names,
                                      .gguf = "llama",
                                      .hf_prefix = "model.",
                                      .hf_lm = "MistralForCausalLM",
                                      .hf_score = "MistralForSequenceClassification",
                                      .configure = configure};
