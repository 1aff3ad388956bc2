/* What the parts of candor theater share. */
#include "cli/theater.h"
#include "task/prefix.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int ask(void *ctx, const struct question *q, struct toks *out, struct err *e) {
    const struct asked_model *m = ctx;
    const struct codec c = vocab_codec(&m->vocab);
    return c.prompt(c.ctx, q, out, e);
}

struct asker theater_asker(struct asked_model *m) {
    return (struct asker){ask, m};
}

/* The format that most bytes of the weights are in. */
enum { FORMATS = 64 };
static const char *main_format(const struct weights *w) {
    uint64_t bytes[FORMATS] = {0};
    int most = 0;
    for (int64_t i = 0; i < weights_n_tensors(w); i++) bytes[weights_tensor_at(w, i)->m.fmt] += weights_tensor_at(w, i)->bytes;
    for (int f = 1; f < FORMATS; f++)
        if (bytes[f] > bytes[most]) most = f;
    return fmt_find((enum fmt)most)->name;
}

struct probe_model theater_model(const struct asked_model *m) {
    const struct model_cfg *c = model_cfg(m->o.m);
    struct probe_model p = {.width = c->n_embd, .layers = c->n_layer, .vocab = c->n_vocab};
    struct meta_str name;
    const char *slash = strrchr(m->o.path, '/');
    if (meta_str(m->o.w, "general.name", &name, NULL) == 1 && name.n)
        snprintf(p.name, sizeof p.name, "%.*s", (int)(name.n < 120 ? name.n : 120), name.s);
    else
        snprintf(p.name, sizeof p.name, "%.120s", slash ? slash + 1 : m->o.path);
    snprintf(p.format, sizeof p.format, "%s", main_format(m->o.w));
    return p;
}

/* ---- words ---- */

static int words_named(const struct answer_prefix **out, struct asked_model *m, struct args *a, struct err *e) {
    const char *name = arg_str(a, "words"), *source = NULL;
    size_t n = 0;
    struct str all = {0};
    *out = strcmp(name, "auto") != 0 ? answer_prefix_find(name) : NULL;
    if (*out) return 0;
    if (strcmp(name, "auto") != 0) return usage_error(a, e, "--words: \"%.40s\" is no family (see --help)", name);
    if (m->chat) TRY(chat_template_source(m->chat, NULL, 0, &source, &n, e));
    if (source && str_add(&all, source, n) < 0) return fail(e, ERR_NOMEM, "out of memory for a template");
    const char *specials[8];
    int k = 0;
    for (int i = 0; task_specials[i] && k < 8; i++)
        if (tokenizer_find(m->o.tok, task_specials[i], strlen(task_specials[i])) >= 0) specials[k++] = task_specials[i];
    *out = answer_prefix_detect(all.s, specials, (size_t)k);
    str_free(&all);
    return 0;
}

int theater_words(struct think_words *out, struct asked_model *m, struct args *a, struct err *e) {
    const struct answer_prefix *p;
    TRY(words_named(&p, m, a, e));
    /* only these mark thoughts: the tags, and the channels of gpt-oss */
    int tags = strstr(p->end_think, "</think>") != NULL, channels = strstr(p->end_think, "<|channel|>") != NULL;
    *out = (struct think_words){tags       ? "<think>"
                                : channels ? "<|channel|>analysis<|message|>"
                                           : NULL,
                                tags       ? "</think>"
                                : channels ? "<|end|>"
                                           : NULL,
                                p->letter, p->free};
    return 0;
}

/* ---- layers ---- */

static int one_layer(const char **s, int n, int *out, struct err *e) {
    char *end;
    long v = strtol(*s, &end, 10);
    if (end == *s || v < 0 || v >= n) return fail(e, ERR_ARG, "expected a layer from 0 to %d, found \"%.20s\"", n - 1, *s);
    *s = end, *out = (int)v;
    return 0;
}

int layer_list(const char *s, int n, int *out, int *count, struct err *e) {
    unsigned char want[STORE_LAYERS] = {0};
    int all = !strcmp(s, "all");
    if (n > STORE_LAYERS - 1) return fail(e, ERR_LIMIT, "expected at most %d layers, found %d", STORE_LAYERS - 1, n);
    while (!all && *s) {
        int lo, hi;
        TRY(one_layer(&s, n, &lo, e));
        hi = lo;
        if (*s == '-') s++, hi = -1;
        if (hi < 0) TRY(one_layer(&s, n, &hi, e));
        for (int i = lo; i <= hi; i++) want[i] = 1;
        if (*s == ',')
            s++;
        else if (*s)
            return fail(e, ERR_ARG, "expected layers as 0,3,5-7, found \"%.20s\"", s);
    }
    *count = 0;
    for (int i = 0; i < n; i++)
        if (all || want[i]) out[(*count)++] = i;
    return *count ? 0 : fail(e, ERR_ARG, "expected at least one layer");
}

static int has_layer(const struct probe *p, int layer) {
    for (int i = 0; i < p->n_layers; i++)
        if (p->layer[i] == layer) return 1;
    return 0;
}

static int no_such_layer(const struct probe *p, int layer, struct args *a, struct err *e) {
    char there[128] = "";
    size_t n = 0;
    for (int i = 0; i < p->n_layers && n + 8 < sizeof there; i++)
        n += (size_t)snprintf(there + n, sizeof there - n, "%s%d", i ? "," : "", p->layer[i]);
    return usage_error(a, e, "--layers: the probe has none of layer %d, it has %s", layer, there);
}

int theater_probe_layers(const struct probe *p, struct args *a, int n, int *out, int *count, struct err *e) {
    int want[STORE_LAYERS], m = 0, all = !strcmp(arg_str(a, "layers"), "all");
    *count = 0;
    if (p->n_layers > STORE_LAYERS) return fail(e, ERR_LIMIT, "expected at most %d layers, found %d", STORE_LAYERS, p->n_layers);
    for (int i = 0; i < p->n_layers; i++)
        if (all || p->layer[i] < 0) out[(*count)++] = p->layer[i];
    if (all) return 0;
    if (layer_list(arg_str(a, "layers"), n, want, &m, e) < 0) return a->wrong = 1, ERR_ARG;
    for (int i = 0; i < m; i++) {
        if (!has_layer(p, want[i])) return no_such_layer(p, want[i], a, e);
        out[(*count)++] = want[i];
    }
    return 0;
}

json_t *theater_model_json(const struct asked_model *m) {
    struct probe_model pm = theater_model(m);
    char id[256];
    describe_model(id, sizeof id, "lm", &m->o);
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "name", pm.name, "format", pm.format, "file", m->o.path, "id", id,
                     "width", (json_int_t)pm.width, "layers", (json_int_t)pm.layers, "vocabulary", (json_int_t)pm.vocab);
}

json_t *theater_layers_json(const int *layer, int n) {
    json_t *layers = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(layers, json_integer(layer[i]));
    return layers;
}
