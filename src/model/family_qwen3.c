/* Qwen3: Llama's block with RMSNorm on each head's queries and keys before rotation, biases only where the file has them, a head size of its own. */
#include "model/family.h"

static int configure(struct model_cfg *c, const struct weights *w, const char *arch, struct err *e) {
    TRY(family__rms_rope(c, w, arch, e));
    TRY(family__promised_biases(c, w, e));
    c->rope.style = ROPE_HALVES;
    c->qk_norm = 1;
    return family__qwen_window(c, w, arch, e);
}

static const char *const hf_types[] = {"qwen3", NULL};
const struct family family_qwen3 = {.name = "qwen3",
                                    .hf_types = hf_types,
                                    .names = llama_names,
                                    .hf_prefix = "model.",
                                    .hf_lm = "Qwen3ForCausalLM",
                                    .hf_score = "Qwen3ForSequenceClassification",
                                    .configure = configure};
