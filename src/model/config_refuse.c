/* What a file asks for and this engine does not compute. Left alone it would give answers that are wrong without a word: a key with another
 * value than the one that changes nothing, a bias or a norm that no layer would read, layers beyond those the configuration counts. */
#include "model/model_int.h"
#include <stdio.h>
#include <string.h>

/* ---- keys ---- */

/* The only value of a key that is computed; the key may be absent. gguf: behind the architecture's name. */
struct neutral {
    const char *gguf, *hf;
    double value;
    const char *what;
};
static const struct neutral neutrals[] = {
    {"expert_count", NULL, 0, "a model without experts"},
    {"attention.causal", NULL, 1, "attention to what came before"},
    {NULL, "hf.partial_rotary_factor", 1, "heads that are rotated whole"},
    {NULL, "hf.rope_parameters.partial_rotary_factor", 1, "heads that are rotated whole"},
    {NULL, "hf.rope_scaling.mscale_all_dim", 0, "YaRN's own factor of attention"},
    {NULL, "hf.rope_parameters.mscale_all_dim", 0, "YaRN's own factor of attention"},
    {NULL, "hf.rope_scaling.truncate", 1, "YaRN's bounds as whole numbers"},
    {NULL, "hf.rope_parameters.truncate", 1, "YaRN's bounds as whole numbers"},
};

static int check_neutral(const struct neutral *n, const struct weights *w, const char *key, struct err *e) {
    struct meta_value v;
    int flag = 0;
    double x = n->value;
    if (!meta_get(w, key, &v)) return 0;
    if (v.type == META_BOOL) {
        TRY(meta_bool(w, key, &flag, e));
        x = flag;
    } else
        TRY(meta_f64(w, key, &x, e));
    if (x == n->value) return 0;
    return fail_at(e, ERR_UNSUPPORTED, weights_path(w), -1, "%s: expected %g (%s), found %g", key, n->value, n->what, x);
}

int config__refuse(const struct weights *w, const char *arch, struct err *e) {
    char key[160];
    int hf = weights_kind(w) == WEIGHTS_SAFETENSORS;
    for (const struct neutral *n = neutrals; n < neutrals + sizeof neutrals / sizeof *neutrals; n++) {
        if (!(hf ? n->hf : n->gguf)) continue;
        if (hf)
            snprintf(key, sizeof key, "%s", n->hf);
        else
            snprintf(key, sizeof key, "%s.%s", arch, n->gguf);
        TRY(check_neutral(n, w, key, e));
    }
    return 0;
}

/* Settings of a scaling in config.json that has no type: what they would do is not said. */
int config__refuse_untyped(const struct weights *w, struct err *e) {
    static const char *const groups[] = {"hf.rope_scaling.", "hf.rope_parameters."};
    static const char *const alone[] = {"rope_theta", "partial_rotary_factor", NULL};
    const char *key;
    for (int64_t i = 0; (key = meta_key_at(w, i, NULL)); i++)
        for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
            size_t n = strlen(groups[g]);
            int known = strncmp(key, groups[g], n) != 0;
            for (const char *const *s = alone; *s && !known; s++) known = !strcmp(key + n, *s);
            if (!known)
                return fail_at(e, ERR_UNSUPPORTED, weights_path(w), -1,
                               "%.100s: expected %srope_type beside it (default, linear, llama3 or yarn), found none", key,
                               groups[g]);
        }
    return 0;
}

/* ---- tensors ---- */

static int refuse_tensor(const struct weights *w, const struct tensor *t, const char *expected, struct err *e) {
    return fail_at(e, ERR_UNSUPPORTED, weights_path(w), (int64_t)t->file_offset, "expected %s, found tensor %.120s", expected,
                   t->name);
}

int model__refuse_unread(const struct model_cfg *c, const struct weights *w, struct err *e) {
    const struct {
        const char *name;
        int read;
        const char *expected;
    } parts[] = {
        {"blk.%d.attn_q.bias", c->qkv_bias, "biases of q, k and v in all layers or in none"},
        {"blk.%d.attn_k.bias", c->qkv_bias, "biases of q, k and v in all layers or in none"},
        {"blk.%d.attn_v.bias", c->qkv_bias, "biases of q, k and v in all layers or in none"},
        {"blk.%d.attn_output.bias", c->out_bias, "a bias of attn_output in all layers or in none"},
        {"blk.%d.ffn_gate.bias", c->ffn_bias, "biases of the feed-forward in all layers or in none"},
        {"blk.%d.ffn_up.bias", c->ffn_bias, "biases of the feed-forward in all layers or in none"},
        {"blk.%d.ffn_down.bias", c->ffn_bias, "biases of the feed-forward in all layers or in none"},
        {"blk.%d.attn_q_norm.weight", c->qk_norm, "a model without norms of queries and keys"},
        {"blk.%d.attn_k_norm.weight", c->qk_norm, "a model without norms of queries and keys"},
    };
    char expected[60];
    const struct tensor *t = family__tensor(c->family, w, "blk.%d.attn_norm.weight", c->n_layer);
    snprintf(expected, sizeof expected, "%d layers, as the configuration says", c->n_layer);
    if (t) return refuse_tensor(w, t, expected, e);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (int l = 0; l < c->n_layer && !parts[i].read; l++)
            if ((t = family__tensor(c->family, w, parts[i].name, l))) return refuse_tensor(w, t, parts[i].expected, e);
    return 0;
}
