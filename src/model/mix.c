/* See mix.h. The rules are a table: the first row that fits a tensor's part, the mix and the place of its layer decides; none: the mix's
 * own format. Three things stand outside of it, in this order: what is not quantised at all, what the user wished, and the output
 * matrix, which comes before every rule. The last step of all is the fallback, for rows that are not whole blocks. */
#include "model/mix.h"
#include "model/family.h"
#include "model/mix_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct quant_mix mixes[] = {
#define XX(name, fmt, type, bits, about) {name, FMT_##fmt, type, bits, about},
    MIX_MAP(XX)
#undef XX
};
enum { N_MIXES = sizeof mixes / sizeof *mixes };

const struct quant_mix *quant_mix_at(int i) { return i >= 0 && i < N_MIXES ? &mixes[i] : NULL; }

const struct quant_mix *quant_mix_find(const char *name) {
    static const char *const medium[] = {"Q3_K", "Q4_K", "Q5_K"};
    char full[16];
    for (size_t i = 0; i < sizeof medium / sizeof *medium; i++)
        if (!strcasecmp(name, medium[i])) {
            snprintf(full, sizeof full, "%s_M", medium[i]);
            name = full;
            break;
        }
    for (int i = 0; i < N_MIXES; i++)
        if (!strcasecmp(mixes[i].name, name)) return &mixes[i];
    return NULL;
}

enum fmt quant_fallback(enum fmt f, int64_t cols) {
    static const enum fmt instead[][2] = {{FMT_IQ4_XS, FMT_IQ4_NL}, {FMT_Q2_K, FMT_Q4_0}, {FMT_Q3_K, FMT_Q4_0},
                                          {FMT_Q4_K, FMT_Q5_0},     {FMT_Q5_K, FMT_Q5_1}, {FMT_Q6_K, FMT_Q8_0}};
    if (cols % fmt_find((int)f)->block == 0) return f;
    for (size_t i = 0; i < sizeof instead / sizeof *instead; i++)
        if (instead[i][0] == f && cols % fmt_find((int)instead[i][1])->block == 0) return instead[i][1];
    return FMT_F16;
}

/* ---- what a tensor is ---- */

enum part { PART_OTHER, PART_OUTPUT, PART_EMBEDDING, PART_VALUE, PART_ATTN_OUT, PART_DOWN };

static int has(const char *name, const char *piece) { return strstr(name, piece) != NULL; }

int mix_is_value(const char *name) {
    return has(name, "attn_v.weight") || has(name, "attn_qkv.weight") || has(name, "attn_kv_b.weight");
}

static enum part part_of(const char *name) {
    if (!strcmp(name, "output.weight")) return PART_OUTPUT;
    if (!strcmp(name, "token_embd.weight")) return PART_EMBEDDING;
    if (mix_is_value(name)) return PART_VALUE;
    if (has(name, "attn_output.weight")) return PART_ATTN_OUT;
    return has(name, "ffn_down") ? PART_DOWN : PART_OTHER;
}

/* Vectors stay as they are, whatever they are called: dimensions of 1 in front do not count. */
static int is_vector(int n_dims, const int64_t *dims) {
    int n = n_dims;
    while (n > 1 && dims[n_dims - n] == 1) n--;
    return n < 2;
}

static int is_left(const struct quant_opts *o, const char *name, int n_dims, const int64_t *dims) {
    static const char *const never[] = {"_norm.weight", "position_embd", "token_types.weight", "ffn_gate_inp.weight"};
    size_t n = strlen(name);
    if (is_vector(n_dims, dims) || n < 6 || strcmp(name + n - 6, "weight") != 0) return 1;
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (has(name, never[i])) return 1;
    return o->keep_output && !strcmp(name, "output.weight");
}

/* ---- the rules ---- */

/* Of the i-th of n layers: all; where four query heads or more share a value head; the first two, four; the first eighth, sixteenth
 * of them; the first and last eighth and every third between. */
enum when { ALWAYS, SHARED, FIRST_2, FIRST_4, EIGHTH, SIXTEENTH, ENDS_AND_THIRDS };

static const struct rule {
    enum part part;
    const char *mix;
    enum when when;
    enum fmt to;
} rules[] = {
    {PART_VALUE, "Q2_K", SHARED, FMT_Q4_K},
    {PART_VALUE, "Q2_K", ALWAYS, FMT_Q3_K},
    {PART_VALUE, "Q2_K_S", SHARED, FMT_Q4_K},
    {PART_VALUE, "Q3_K_M", FIRST_2, FMT_Q5_K},
    {PART_VALUE, "Q3_K_M", ALWAYS, FMT_Q4_K},
    {PART_VALUE, "Q3_K_L", ALWAYS, FMT_Q5_K},
    {PART_VALUE, "IQ4_NL", SHARED, FMT_Q5_K},
    {PART_VALUE, "IQ4_XS", SHARED, FMT_Q5_K},
    {PART_VALUE, "Q4_K_S", FIRST_4, FMT_Q5_K},
    {PART_VALUE, "Q4_K_M", ENDS_AND_THIRDS, FMT_Q6_K},
    {PART_VALUE, "Q5_K_M", ENDS_AND_THIRDS, FMT_Q6_K},
    {PART_ATTN_OUT, "Q2_K", ALWAYS, FMT_Q3_K},
    {PART_ATTN_OUT, "Q3_K_M", ALWAYS, FMT_Q4_K},
    {PART_ATTN_OUT, "Q3_K_L", ALWAYS, FMT_Q5_K},
    {PART_DOWN, "Q2_K", ALWAYS, FMT_Q3_K},
    {PART_DOWN, "Q2_K_S", EIGHTH, FMT_Q4_K},
    {PART_DOWN, "Q3_K_M", SIXTEENTH, FMT_Q5_K},
    {PART_DOWN, "Q3_K_M", ALWAYS, FMT_Q4_K},
    {PART_DOWN, "Q3_K_L", ALWAYS, FMT_Q5_K},
    {PART_DOWN, "IQ4_NL", EIGHTH, FMT_Q5_K},
    {PART_DOWN, "IQ4_XS", EIGHTH, FMT_Q5_K},
    {PART_DOWN, "Q4_K_S", EIGHTH, FMT_Q5_K},
    {PART_DOWN, "Q4_K_M", ENDS_AND_THIRDS, FMT_Q6_K},
    {PART_DOWN, "Q5_K_M", ENDS_AND_THIRDS, FMT_Q6_K},
};
enum { N_RULES = sizeof rules / sizeof *rules };

static int applies(enum when when, const struct mix_model *m, int i, int n) {
    switch (when) {
    case SHARED: return m->heads_each >= 4;
    case FIRST_2: return i < 2;
    case FIRST_4: return i < 4;
    case EIGHTH: return i < n / 8;
    case SIXTEENTH: return i < n / 16;
    case ENDS_AND_THIRDS: return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
    case ALWAYS: break;
    }
    return 1;
}

static enum fmt by_rule(struct mixer *x, enum part part) {
    int i = 0, n = x->m.layers;
    enum fmt to = x->o->mix->fmt;
    if (part == PART_VALUE) i = x->i_value++, n = x->m.values;
    if (part == PART_DOWN) i = x->i_down++;
    for (const struct rule *r = rules; r < rules + N_RULES; r++)
        if (r->part == part && !strcmp(r->mix, x->o->mix->name) && applies(r->when, &x->m, i, n)) {
            to = r->to;
            break;
        }
    if (part == PART_VALUE && x->m.large && (to == FMT_Q3_K || to == FMT_Q4_K)) to = FMT_Q5_K;
    return to;
}

static enum fmt of_output(const struct quant_opts *o, int64_t cols) {
    if (o->output) return o->output->id;
    if (o->mix->fmt == FMT_Q8_0 || cols % fmt_find((int)o->mix->fmt)->block) return FMT_Q8_0;
    return FMT_Q6_K;
}

static enum fmt of_mix(struct mixer *x, enum part part, int64_t cols) {
    if (part == PART_OUTPUT || (part == PART_EMBEDDING && x->m.tied)) return of_output(x->o, cols);
    return by_rule(x, part);
}

/* 1: the user wished *to for this tensor. */
static int wished(const struct quant_opts *o, const char *name, enum part part, enum fmt *to, struct err *e) {
    const struct fmt_row *f = part == PART_EMBEDDING ? o->embedding : part == PART_OUTPUT ? o->output : NULL;
    if (f) {
        *to = f->id;
        return 1;
    }
    for (int i = 0; i < o->n_choices && !fmt_find((int)o->mix->fmt)->is_float; i++) {
        int fits = mix__choice_fits(&o->choices[i], name, e);
        if (fits < 0) return fits;
        *to = o->choices[i].to;
        if (fits) return 1;
    }
    return 0;
}

int mix_next(struct mixer *x, const char *name, int n_dims, const int64_t *dims, enum fmt from, enum fmt *to, struct err *e) {
    const struct quant_opts *o = x->o;
    const int64_t cols = dims[n_dims - 1];
    enum part part = part_of(name);
    *to = from;
    if (is_left(o, name, n_dims, dims)) return 0;
    int mine = wished(o, name, part, to, e);
    if (mine < 0) return mine;
    if (!mine) *to = o->pure || fmt_find((int)o->mix->fmt)->is_float ? o->mix->fmt : of_mix(x, part, cols);
    *to = quant_fallback(*to, cols);
    return 0;
}

/* ---- the model ---- */

/* 1 and the number behind "blk."; 0: a tensor outside of layers. */
static int layer_of(const char *name, long *layer) {
    char *end;
    if (strncmp(name, "blk.", 4) != 0) return 0;
    *layer = strtol(name + 4, &end, 10);
    return end > name + 4;
}

int mix_order(const char *a, const char *b) {
    long i = -1, j = -1;
    layer_of(a, &i), layer_of(b, &j);
    return i != j ? (i > j) - (i < j) : strcmp(a, b);
}

/* A number of the model, or that of its first layer where the key holds one a layer; 0: absent. */
static int read_number(const struct weights *w, const char *arch, const char *suffix, int64_t *out, struct err *e) {
    char key[160];
    struct meta_value v;
    snprintf(key, sizeof key, "%.80s.%s", arch, suffix);
    if (!meta_get(w, key, &v)) return 0;
    if (v.type != META_ARR) return meta_i64(w, key, out, e);
    int rc = v.count ? meta_arr_i64(w, key, 0, out, e) : 0;
    return rc < 0 ? rc : v.count > 0;
}

static int need_number(const struct weights *w, const char *arch, const char *suffix, int64_t *out, struct err *e) {
    int rc = read_number(w, arch, suffix, out, e);
    if (rc < 0) return rc;
    if (rc && *out >= 1 && *out <= 1 << 20) return 0;
    return fail_at(e, ERR_FORMAT, weights_path(w), -1, "key %.60s.%s: expected a positive number (--pure needs none), found %s",
                   arch, suffix, rc ? "another one" : "no such key");
}

int mix_model_read(struct mix_model *m, const struct weights *w, struct err *e) {
    struct meta_str arch = {"", 0};
    int64_t layers = 0, heads = 0, kv = 0, experts = 0;
    TRY(meta_str(w, "general.architecture", &arch, e));
    if (!family_find(arch.s))
        return fail_at(e, ERR_UNSUPPORTED, weights_path(w), -1,
                       "key general.architecture: expected a family whose tensors the rules of a mix know (candor models "
                       "--support; --pure asks for "
                       "none), found \"%.60s\"",
                       arch.s);
    TRY(read_number(w, arch.s, "expert_count", &experts, e));
    if (experts > 0)
        return fail_at(e, ERR_UNSUPPORTED, weights_path(w), -1,
                       "key %.60s.expert_count: expected a model without experts, found %lld", arch.s, (long long)experts);
    TRY(need_number(w, arch.s, "block_count", &layers, e));
    TRY(need_number(w, arch.s, "attention.head_count", &heads, e));
    kv = heads;
    TRY(read_number(w, arch.s, "attention.head_count_kv", &kv, e));
    int qwen2 = !strcmp(arch.s, "qwen2"), llama = !strcmp(arch.s, "llama");
    *m = (struct mix_model){.layers = (int)layers,
                            .heads_each = kv > 0 ? (int)(heads / kv) : 0,
                            .tied = !weights_tensor(w, "output.weight"),
                            .large = layers == 80 && (qwen2 || (llama && kv != heads))};
    for (int64_t i = 0; i < weights_n_tensors(w); i++) m->values += mix_is_value(weights_tensor_at(w, i)->name);
    return 0;
}
