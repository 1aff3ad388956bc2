/* Qwen2 and Qwen2.5 (and the R1 distillations of that shape): Llama's block with biases on q, k and v; halves are rotated in both
 * kinds of file. The window of config.json counts only where use_sliding_window is true, from layer max_window_layers on. */
#include "model/family.h"
#include <stdio.h>
#include <string.h>

/* Newer folders say the kind of each layer; only what the two older keys can say is computed. */
static int check_layer_types(const struct model_cfg *c, const struct weights *w, struct err *e) {
    struct meta_value v;
    struct meta_str s;
    if (!meta_get(w, "hf.layer_types", &v) || v.type != META_ARR || v.elem != META_STR) return 0;
    for (int l = 0; l < c->n_layer && (uint64_t)l < v.count; l++) {
        const char *want = c->window && l >= c->window_from ? "sliding_attention" : "full_attention";
        TRY(meta_arr_str(w, "hf.layer_types", (uint64_t)l, &s, e));
        if (strcmp(s.s, want) != 0)
            return fail_at(e, ERR_UNSUPPORTED, weights_path(w), -1,
                           "hf.layer_types: expected %s in layer %d, as use_sliding_window and max_window_layers say, found "
                           "\"%.40s\"",
                           want, l, s.s);
    }
    return 0;
}

int family__qwen_window(struct model_cfg *c, const struct weights *w, const char *arch, struct err *e) {
    char key[128];
    int use = 0;
    int64_t from = 28; /* what the Hugging Face configurations mean when they do not say */
    if (weights_kind(w) == WEIGHTS_GGUF) {
        snprintf(key, sizeof key, "%s.attention.sliding_window", arch);
        TRY(config_int(w, key, 0, 0, 1ll << 40, &c->window, e));
        return 0;
    }
    TRY(meta_bool(w, "hf.use_sliding_window", &use, e));
    if (use) {
        c->window = 4096;
        TRY(config_int(w, "hf.sliding_window", 0, 0, 1ll << 40, &c->window, e));
        TRY(config_int(w, "hf.max_window_layers", 0, 0, 4096, &from, e));
        if (from >= c->n_layer) c->window = from = 0; /* no layer has it */
        c->window_from = (int)from;
    }
    return check_layer_types(c, w, e);
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
