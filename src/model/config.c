/* Reads the configuration out of metadata. The common keys are read here once for both spellings (GGUF and config.json); what is
 * particular to a family is set by its own file. Every number is checked before anything is sized by it. */
#include "model/config.h"
#include "model/family.h"
#include "model/model_int.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct family *const families[] = {
#define XX(n) &family_##n,
    FAMILY_MAP(XX)
#undef XX
};
enum { N_FAMILIES = sizeof families / sizeof *families };

const struct family *family_at(int i) { return i >= 0 && i < N_FAMILIES ? families[i] : NULL; }
const struct family *family_find(const char *name) {
    for (int i = 0; i < N_FAMILIES; i++)
        if (!strcmp(families[i]->name, name)) return families[i];
    return NULL;
}

static const struct family *family_by_hf(const char *type) {
    for (int i = 0; i < N_FAMILIES; i++)
        for (const char *const *t = families[i]->hf_types; *t; t++)
            if (!strcmp(*t, type)) return families[i];
    return NULL;
}

static const char *const prefix[] = {"", "model.", "transformer.", "model.model."};

static const struct tensor *find_hf(const struct weights *w, const char *pattern, int layer) {
    char name[160];
    for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++) {
        int n = snprintf(name, sizeof name, "%s", prefix[i]);
        snprintf(name + n, sizeof name - (size_t)n, pattern, layer);
        const struct tensor *t = weights_tensor(w, name);
        if (t) return t;
    }
    return NULL;
}

const struct tensor *family__tensor(const struct family *f, const struct weights *w, const char *gguf, int layer) {
    char name[96];
    if (weights_kind(w) == WEIGHTS_GGUF) {
        snprintf(name, sizeof name, gguf, layer);
        const struct tensor *t = weights_tensor(w, name);
        /* converters that keep the folder's name for the head of a reward model */
        return t || strncmp(name, "cls.output.", 11) != 0
                   ? t
                   : find_hf(w, !strcmp(name + 11, "bias") ? "score.bias" : "score.weight", 0);
    }
    for (const struct tensor_name *t = f->names; t->gguf; t++)
        if (!strcmp(t->gguf, gguf)) return find_hf(w, t->hf, layer);
    return NULL;
}

/* "blk.3.attn_q.weight" as the pattern "blk.%d.attn_q.weight" and 3. */
static int name_pattern(const char *gguf, char *pattern, size_t size) {
    int layer = 0, at = 0;
    if (sscanf(gguf, "blk.%d.%n", &layer, &at) == 1 && at)
        snprintf(pattern, size, "blk.%%d.%s", gguf + at);
    else
        snprintf(pattern, size, "%s", gguf);
    return layer;
}

const struct tensor *family__tensor_named(const struct family *f, const struct weights *w, const char *gguf) {
    char pattern[96];
    int layer = name_pattern(gguf, pattern, sizeof pattern);
    return family__tensor(f, w, pattern, layer);
}

int family__unread(const struct family *f, const struct weights *w, const char *gguf, int layer, char *buf, size_t size,
                   struct meta_str *type) {
    char key[200];
    for (const struct tensor_name *t = f->names; t->gguf && weights_kind(w) != WEIGHTS_GGUF; t++)
        for (size_t i = 0; !strcmp(t->gguf, gguf) && i < sizeof prefix / sizeof *prefix; i++) {
            int n = snprintf(key, sizeof key, "unread.%s", prefix[i]);
            snprintf(key + n, sizeof key - (size_t)n, t->hf, layer);
            if (meta_str(w, key, type, NULL) > 0) return snprintf(buf, size, "%s", key + 7);
        }
    return 0;
}

int family__hf_name(const struct family *f, const char *gguf, char *buf, size_t size) {
    char pattern[96];
    int layer = name_pattern(gguf, pattern, sizeof pattern);
    int head = !strncmp(gguf, "output.", 7) || !strncmp(gguf, "cls.", 4);
    for (const struct tensor_name *t = f->names; t->gguf; t++) {
        if (strcmp(t->gguf, pattern) != 0) continue;
        int n = snprintf(buf, size, "%s", head ? "" : f->hf_prefix);
        snprintf(buf + n, size - (size_t)n, t->hf, layer);
        return 1;
    }
    return 0;
}

int family__expect(const struct weights *w, const char *key, const char *const *wanted, struct err *e) {
    struct meta_str s;
    int rc = meta_str(w, key, &s, e);
    if (rc <= 0) return rc;
    for (const char *const *n = wanted; *n; n++)
        if (!strcmp(*n, s.s)) return 0;
    return fail_at(e, ERR_UNSUPPORTED, weights_path(w), -1, "%s: expected %s, found \"%.60s\"", key, wanted[0], s.s);
}

static int unknown_family(const char *key, const char *found, struct err *e) {
    char list[200] = "";
    size_t n = 0;
    for (int i = 0; i < N_FAMILIES; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", families[i]->name);
    return fail(e, ERR_UNSUPPORTED, "%s: expected a family we know (%s), found \"%.60s\"", key, list, found);
}

int config_int(const struct weights *w, const char *key, int required, int64_t lo, int64_t hi, int64_t *out, struct err *e) {
    int64_t v;
    int rc = meta_i64(w, key, &v, e);
    if (rc < 0) return err_place(e, rc, weights_path(w));
    if (!rc) return required ? fail_at(e, ERR_FORMAT, weights_path(w), -1, "expected key %s, found none", key) : 0;
    if (v < lo || v > hi)
        return fail_at(e, ERR_RANGE, weights_path(w), -1, "%s: expected %lld to %lld, found %lld", key, (long long)lo,
                       (long long)hi, (long long)v);
    *out = v;
    return 1;
}

int config_real(const struct weights *w, const char *key, int required, double *out, struct err *e) {
    double v;
    int rc = meta_f64(w, key, &v, e);
    if (rc < 0) return err_place(e, rc, weights_path(w));
    if (!rc) return required ? fail_at(e, ERR_FORMAT, weights_path(w), -1, "expected key %s, found none", key) : 0;
    if (!isfinite(v)) return fail_at(e, ERR_RANGE, weights_path(w), -1, "%s: expected a finite number, found %g", key, v);
    *out = v;
    return 1;
}

enum { DIM_MAX = 1 << 20, LAYER_MAX = 4096 };

struct wanted {
    const char *gguf, *hf;
    int required;
    int64_t lo, hi;
    int64_t *out;
};

static int read_wanted(const struct wanted *t, int n, const struct weights *w, const char *arch, struct err *e) {
    int hf = weights_kind(w) == WEIGHTS_SAFETENSORS;
    for (int i = 0; i < n; i++) {
        char key[128];
        const char *suffix = hf ? t[i].hf : t[i].gguf;
        if (!suffix) continue;
        snprintf(key, sizeof key, "%s.%s", hf ? "hf" : arch, suffix);
        TRY(config_int(w, key, t[i].required, t[i].lo, t[i].hi, t[i].out, e));
    }
    return 0;
}

static int scaling_by_name(struct rope_cfg *r, const char *key, const char *name, struct err *e) {
    if (!strcmp(name, "none") || !strcmp(name, "default"))
        r->scaling = ROPE_SCALE_NONE;
    else if (!strcmp(name, "linear"))
        r->scaling = ROPE_SCALE_LINEAR;
    else if (!strcmp(name, "llama3"))
        r->scaling = ROPE_SCALE_LLAMA3;
    else if (!strcmp(name, "yarn"))
        r->scaling = ROPE_SCALE_YARN;
    else
        return fail(e, ERR_UNSUPPORTED, "%s: expected none, linear, llama3 or yarn, found \"%.60s\"", key, name);
    return 0;
}

static int check_scaling(const struct rope_cfg *r, struct err *e) {
    if (!(r->factor >= 1.0)) return fail(e, ERR_RANGE, "rope scaling factor: expected at least 1, found %g", r->factor);
    if (r->scaling == ROPE_SCALE_LLAMA3 && !(r->low_freq > 0 && r->high_freq > r->low_freq))
        return fail(e, ERR_RANGE, "rope scaling llama3: expected 0 < low_freq_factor < high_freq_factor, found %g and %g",
                    r->low_freq, r->high_freq);
    if (r->scaling == ROPE_SCALE_YARN && !(r->beta_slow > 0 && r->beta_fast > 0 && r->base > 1 && r->attn_factor >= 0))
        return fail(e, ERR_RANGE, "rope scaling yarn: expected positive betas and a base above 1, found %g, %g and %g",
                    r->beta_fast, r->beta_slow, r->base);
    return 0;
}

/* The prefix of the scaling's keys and the key of its type; in config.json "type" is the older and "rope_parameters" the newer spelling. */
static int find_scaling(const struct weights *w, const char *arch, char *base, char *key, size_t size, struct meta_str *s,
                        struct err *e) {
    static const char *const hf[][2] = {
        {"hf.rope_scaling", "rope_type"}, {"hf.rope_scaling", "type"}, {"hf.rope_parameters", "rope_type"}};
    if (weights_kind(w) == WEIGHTS_GGUF) {
        snprintf(base, size, "%s.rope.scaling", arch);
        snprintf(key, size, "%s.rope.scaling.type", arch);
        return meta_str(w, key, s, e);
    }
    int rc = 0;
    for (size_t i = 0; !rc && i < sizeof hf / sizeof *hf; i++) {
        snprintf(base, size, "%s", hf[i][0]);
        snprintf(key, size, "%s.%s", hf[i][0], hf[i][1]);
        rc = meta_str(w, key, s, e);
    }
    return rc;
}

/* A factor without a type, or under the key of older files, is linear scaling in a GGUF; 0 is none. */
static int read_untyped(struct rope_cfg *r, const struct weights *w, const char *arch, struct err *e) {
    static const char *const keys[] = {"rope.scaling.factor", "rope.scale_linear"};
    char key[128];
    double factor = 0;
    for (size_t i = 0; factor == 0 && i < sizeof keys / sizeof *keys; i++) {
        snprintf(key, sizeof key, "%s.%s", arch, keys[i]);
        TRY(config_real(w, key, 0, &factor, e));
    }
    if (factor == 0 || factor == 1) return 0;
    r->scaling = ROPE_SCALE_LINEAR, r->factor = factor;
    return check_scaling(r, e);
}

/* Llama 3's scaling has no GGUF type of its own: files carry it as the tensor rope_freqs.weight (see model_open). */
static int read_rope_scaling(struct model_cfg *c, const struct weights *w, const char *arch, struct err *e) {
    struct rope_cfg *r = &c->rope;
    int hf = weights_kind(w) == WEIGHTS_SAFETENSORS;
    char base[96], key[192];
    struct meta_str s;
    int rc = find_scaling(w, arch, base, key, sizeof base, &s, e);
    if (rc < 0) return rc;
    if (!rc) return hf ? config__refuse_untyped(w, e) : read_untyped(r, w, arch, e);
    TRY(scaling_by_name(r, key, s.s, e));
    if (r->scaling == ROPE_SCALE_NONE) return 0;
    r->orig_ctx = c->n_ctx;
#define KEY(hfname, ggufname) (snprintf(key, sizeof key, "%s.%s", base, hf ? hfname : ggufname), key)
    TRY(config_real(w, KEY("factor", "factor"), 1, &r->factor, e));
    TRY(config_int(w, KEY("original_max_position_embeddings", "original_context_length"), 0, 1, 1 << 30, &r->orig_ctx, e));
    TRY(config_real(w, KEY("low_freq_factor", "low_freq_factor"), 0, &r->low_freq, e));
    TRY(config_real(w, KEY("high_freq_factor", "high_freq_factor"), 0, &r->high_freq, e));
    TRY(config_real(w, KEY("beta_fast", "yarn_beta_fast"), 0, &r->beta_fast, e));
    TRY(config_real(w, KEY("beta_slow", "yarn_beta_slow"), 0, &r->beta_slow, e));
    TRY(config_real(w, KEY("attention_factor", "attn_factor"), 0, &r->attn_factor, e));
#undef KEY
    TRY(check_scaling(r, e));
    /* GGUF's attn_factor multiplies the default; Hugging Face's attention_factor replaces it. */
    if (!hf && r->attn_factor > 0) r->attn_factor *= 0.1 * log(r->factor) + 1.0;
    return 0;
}

static int read_common(struct model_cfg *c, const struct weights *w, const char *arch, struct err *e) {
    int64_t L = 0, H = 0, G = 0, C = 0, F = 0, ctx = 0, D = 0, D2 = 0, rot = -1;
    const struct wanted t[] = {
        {"block_count", "num_hidden_layers", 1, 1, LAYER_MAX, &L},
        {"attention.head_count", "num_attention_heads", 1, 1, 65536, &H},
        {"attention.head_count_kv", "num_key_value_heads", 0, 1, 65536, &G},
        {"embedding_length", "hidden_size", 1, 1, DIM_MAX, &C},
        {"feed_forward_length", "intermediate_size", 1, 1, DIM_MAX, &F},
        {"context_length", "max_position_embeddings", 1, 1, 1ll << 40, &ctx},
        {"attention.key_length", "head_dim", 0, 1, 65536, &D},
        {"attention.value_length", NULL, 0, 1, 65536, &D2},
        {"rope.dimension_count", NULL, 0, 2, 65536, &rot},
    };
    TRY(read_wanted(t, sizeof t / sizeof *t, w, arch, e));
    if (!G) G = H;
    if (!D) {
        if (C % H)
            return fail_at(e, ERR_FORMAT, weights_path(w), -1, "%s.%s: expected a multiple of the %lld heads, found %lld", arch,
                           weights_kind(w) == WEIGHTS_GGUF ? "embedding_length" : "hidden_size", (long long)H, (long long)C);
        D = C / H;
    }
    if (D2 && D2 != D)
        return fail_at(e, ERR_UNSUPPORTED, weights_path(w), -1,
                       "%s.attention.value_length: expected %lld as the keys, found %lld", arch, (long long)D, (long long)D2);
    c->n_layer = (int)L, c->n_head = (int)H, c->n_kv = (int)G, c->n_embd = (int)C, c->n_ff = (int)F, c->head_dim = (int)D;
    c->n_ctx = ctx;
    c->rope = (struct rope_cfg){.dims = rot >= 0 ? (int)rot : (int)D,
                                .base = 10000.0,
                                .factor = 1,
                                .low_freq = 1,
                                .high_freq = 4,
                                .beta_fast = 32,
                                .beta_slow = 1,
                                .orig_ctx = ctx};
    return 0;
}

static int choose_family(struct model_cfg *c, const struct weights *w, char *arch, size_t size, struct err *e) {
    struct meta_str s;
    int hf = weights_kind(w) == WEIGHTS_SAFETENSORS;
    const char *key = hf ? "hf.model_type" : "general.architecture";
    int rc = meta_str(w, key, &s, e);
    if (rc < 0) return err_place(e, rc, weights_path(w));
    if (!rc)
        return fail_at(e, ERR_FORMAT, weights_path(w), -1,
                       hf ? "expected config.json with model_type beside the file, found none"
                          : "expected key general.architecture, found none");
    c->family = hf ? family_by_hf(s.s) : family_find(s.s);
    if (!c->family) return err_place(e, unknown_family(key, s.s, e), weights_path(w));
    snprintf(arch, size, "%s", hf ? "hf" : c->family->name);
    return 0;
}

/* "LlamaForCausalLM", "GPT2LMHeadModel", "Qwen3Model": what comes behind "For" is the kind of head. */
static int check_hf_class(const struct weights *w, struct err *e) {
    struct meta_str s;
    struct meta_value v;
    if (meta_get(w, "hf.quantization_config.quant_method", &v) && v.type == META_STR)
        return fail_at(e, ERR_UNSUPPORTED, weights_path(w), -1,
                       "hf.quantization_config.quant_method: expected weights in F32, F16 or BF16, found \"%.40s\"", v.v.str.s);
    if (!meta_get(w, "hf.architectures", &v) || v.type != META_ARR || v.elem != META_STR || !v.count) return 0;
    TRY(meta_arr_str(w, "hf.architectures", 0, &s, e));
    const char *kind = strstr(s.s, "For");
    if (!kind || !strcmp(kind, "ForCausalLM") || !strcmp(kind, "ForSequenceClassification")) return 0;
    return fail_at(e, ERR_UNSUPPORTED, weights_path(w), -1,
                   "hf.architectures: expected a language model (…ForCausalLM, …LMHeadModel) or a reward model of one label "
                   "(…ForSequenceClassification), found \"%.60s\"",
                   s.s);
}

int config_read(struct model_cfg *c, const struct weights *w, struct err *e) {
    char arch[64];
    *c = (struct model_cfg){0};
    TRY(choose_family(c, w, arch, sizeof arch, e));
    if (weights_kind(w) == WEIGHTS_SAFETENSORS) TRY(check_hf_class(w, e));
    if (!(weights_kind(w) == WEIGHTS_SAFETENSORS && c->family->hf_transposed)) TRY(read_common(c, w, arch, e));
    TRY(c->family->configure(c, w, arch, e));
    TRY(err_place(e, config__refuse(w, arch, e), weights_path(w)));
    if (c->rope.dims) TRY(err_place(e, read_rope_scaling(c, w, arch, e), weights_path(w)));
    return err_place(e, config_check(c, e), weights_path(w));
}

int config_check(const struct model_cfg *c, struct err *e) {
    const struct {
        const char *name;
        int64_t n;
    } dims[] = {{"layers", c->n_layer},  {"heads", c->n_head},           {"key/value heads", c->n_kv}, {"head size", c->head_dim},
                {"channels", c->n_embd}, {"feed-forward size", c->n_ff}, {"context", c->n_ctx}};
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++)
        if (dims[i].n < 1) return fail(e, ERR_RANGE, "%s: expected at least 1, found %lld", dims[i].name, (long long)dims[i].n);
    if (c->n_head % c->n_kv)
        return fail(e, ERR_FORMAT, "expected the head count to be a multiple of the key/value heads, found %d and %d", c->n_head,
                    c->n_kv);
    if (c->window < 0 || c->window_from < 0)
        return fail(e, ERR_RANGE, "sliding window: expected 0 or more, found %lld from layer %d on", (long long)c->window,
                    c->window_from);
    if (c->rope.dims < 0 || c->rope.dims % 2 || c->rope.dims > c->head_dim)
        return fail(e, ERR_FORMAT, "expected an even number of rotated dims up to %d, found %d", c->head_dim, c->rope.dims);
    if (!(c->norm_eps >= 0 && c->norm_eps < 1)) return fail(e, ERR_RANGE, "norm epsilon: expected 0 to 1, found %g", c->norm_eps);
    if (c->rope.dims && !(c->rope.base > 0))
        return fail(e, ERR_RANGE, "rope base: expected a positive number, found %g", c->rope.base);
    if ((int64_t)c->n_head * c->head_dim > DIM_MAX || (int64_t)c->n_layer * c->n_embd > (1ll << 31))
        return fail(e, ERR_LIMIT, "the model's dimensions exceed what is supported (%d heads of %d, %d layers of %d)", c->n_head,
                    c->head_dim, c->n_layer, c->n_embd);
    return c->rope.dims && c->rope.scaling != ROPE_SCALE_NONE ? check_scaling(&c->rope, e) : 0;
}

/* YaRN (Peng et al. 2023): dims below `low` keep their frequency, above `high` are interpolated, between them a ramp. */
static double yarn_freq(const struct rope_cfg *r, int i, double freq) {
    double ln = 2.0 * log(r->base), two_pi = 6.283185307179586;
    double low = floor(r->dims * log((double)r->orig_ctx / (r->beta_fast * two_pi)) / ln);
    double high = ceil(r->dims * log((double)r->orig_ctx / (r->beta_slow * two_pi)) / ln);
    if (low < 0) low = 0;
    if (high > r->dims - 1) high = r->dims - 1;
    if (high - low < 0.001) high = low + 0.001;
    double ramp = (i - low) / (high - low);
    ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
    return freq * (1.0 - ramp) + freq / r->factor * ramp;
}

/* Llama 3.1: long wavelengths are slowed by `factor`, short ones kept, smooth between. */
static double llama3_freq(const struct rope_cfg *r, double freq) {
    double wavelen = 6.283185307179586 / freq, ctx = (double)r->orig_ctx;
    if (wavelen < ctx / r->high_freq) return freq;
    if (wavelen > ctx / r->low_freq) return freq / r->factor;
    double smooth = (ctx / wavelen - r->low_freq) / (r->high_freq - r->low_freq);
    return (1.0 - smooth) * freq / r->factor + smooth * freq;
}

double rope_freqs(double *freq, const struct rope_cfg *r, const double *factors) {
    for (int i = 0; i < r->dims / 2; i++) {
        double f = pow(r->base, -2.0 * i / r->dims);
        if (factors) f /= factors[i];
        if (r->scaling == ROPE_SCALE_LINEAR)
            f /= r->factor;
        else if (r->scaling == ROPE_SCALE_LLAMA3)
            f = llama3_freq(r, f);
        else if (r->scaling == ROPE_SCALE_YARN)
            f = yarn_freq(r, i, f);
        freq[i] = f;
    }
    if (r->scaling != ROPE_SCALE_YARN) return 1.0;
    return r->attn_factor > 0 ? r->attn_factor : 0.1 * log(r->factor) + 1.0;
}
