/* See probe.h: the file of a probe, and what does not belong to training or watching. */
#include "probe/probe.h"
#include "base/hash.h"
#include "weights/gguf_write.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const targets[] = {"own", "truth", "right"};
static const char *const pools[] = {"attention", "mean", "last"};

const char *probe_target_name(enum probe_target t) { return targets[t]; }

int probe_target_parse(const char *s, enum probe_target *out, struct err *e) {
    for (int i = 0; i < 3; i++)
        if (!strcmp(s, targets[i])) {
            *out = (enum probe_target)i;
            return 0;
        }
    return fail(e, ERR_ARG,
                "expected own (the model's answer), truth (the right one) or right (whether it will be right), found \"%s\"", s);
}

void probe_fini(struct probe *p) {
    for (int i = 0; p->fit && i < p->n_layers; i++) fit_free(&p->fit[i]);
    free(p->fit), free(p->layer), free(p->val_accuracy);
    *p = (struct probe){0};
}

enum fit_part probe_part(uint64_t split_seed, const char *id) {
    uint64_t h = hash_mix(hash_text(id) ^ hash_mix(split_seed)), tenth = h % 10;
    return tenth == 0 ? FIT_TEST : tenth > 1 ? FIT_TRAIN : h / 10 % 2 ? FIT_CONFORMAL : FIT_VAL;
}

const struct temperatures *probe_temperature(const struct probe *p, const char *kind) {
    for (int i = 0; kind && i < p->n_kinds; i++)
        if (!strcmp(p->kind[i], kind)) return &p->kind_temperature[i];
    return &p->temperature;
}

void probe_softmax(double *z, int n, const struct temperatures *t, int64_t at) {
    double temperature = temperature_of(t, z, (size_t)n, (double)at);
    for (int k = 0; k < n; k++) z[k] /= temperature;
    log_softmax(z, n, z);
    for (int k = 0; k < n; k++) z[k] = exp(z[k]);
}

struct json_t *temperatures_json(const struct temperatures *t) {
    return json_pack("{s:f, s:f, s:f}", "level", t->level, "spread", t->spread, "position", t->position);
}

int probe_fits(const struct probe *p, const struct probe_model *m, const char *path, struct err *e) {
    const struct probe_model *q = &p->model;
    if (q->width == m->width && q->layers == m->layers && q->vocab == m->vocab) return 0;
    return fail(e, ERR_ARG,
                "%s: this probe is for %s (width %lld, %lld layers, vocabulary %lld), not for %s (width %lld, %lld layers, "
                "vocabulary %lld)",
                path, q->name, (long long)q->width, (long long)q->layers, (long long)q->vocab, m->name, (long long)m->width,
                (long long)m->layers, (long long)m->vocab);
}

/* ---- out ---- */

static void put_str(struct gguf_writer *g, const char *key, const char *s) { gguf_put_str(g, key, s, strlen(s)); }

static void put_candidates(struct gguf_writer *g, const struct probe *p, int i) {
    const struct fit_probe *f = &p->fit[i];
    char name[64];
    int64_t dims[2] = {(int64_t)p->shape.heads * f->rank, p->width};
    snprintf(name, sizeof name, "layer.%d.u", p->layer[i]);
    gguf_put_tensor(g, name, FMT_F32, 2, dims, f->wu);
    snprintf(name, sizeof name, "layer.%d.u_bias", p->layer[i]);
    gguf_put_tensor(g, name, FMT_F32, 1, dims, f->ub);
    dims[0] = f->rank, dims[1] = f->cand_width;
    snprintf(name, sizeof name, "layer.%d.candidate", p->layer[i]);
    gguf_put_tensor(g, name, FMT_F32, 2, dims, f->wb);
}

static void put_layer(struct gguf_writer *g, const struct probe *p, int i, float *bias) {
    char name[64];
    int64_t dims[2] = {p->shape.heads, p->width}, one = p->shape.classes;
    snprintf(name, sizeof name, "layer.%d.q", p->layer[i]);
    gguf_put_tensor(g, name, FMT_F32, 2, dims, p->fit[i].wq);
    snprintf(name, sizeof name, "layer.%d.v", p->layer[i]);
    dims[0] = (int64_t)p->shape.heads * p->shape.classes;
    gguf_put_tensor(g, name, FMT_F32, 2, dims, p->fit[i].wv);
    snprintf(name, sizeof name, "layer.%d.bias", p->layer[i]);
    for (int k = 0; k < p->shape.classes; k++) bias[k] = (float)p->fit[i].bias[k];
    gguf_put_tensor(g, name, FMT_F32, 1, &one, bias);
    if (p->fit[i].rank) put_candidates(g, p, i);
}

/* A threshold keeps its promise only if rounding does not lower it. */
static float float_above(double x) {
    float f = (float)x;
    return (double)f < x ? nextafterf(f, INFINITY) : f;
}

enum { TEMPERATURES = 3 }; /* level, spread, position */
static void put_temperature(float *out, const struct temperatures *t) {
    out[0] = (float)t->level, out[1] = (float)t->spread, out[2] = (float)t->position;
}

static void put_kinds(struct gguf_writer *g, const struct probe *p) {
    struct meta_str names[PROBE_KINDS];
    float t[PROBE_KINDS + 1][TEMPERATURES];
    put_temperature(t[0], &p->temperature);
    for (int i = 0; i < p->n_kinds; i++) {
        names[i] = (struct meta_str){.s = p->kind[i], .n = strlen(p->kind[i])};
        put_temperature(t[i + 1], &p->kind_temperature[i]);
    }
    gguf_put_f32s(g, "probe.temperature", t[0], TEMPERATURES);
    gguf_put_strs(g, "probe.temperature.kinds", names, (uint64_t)p->n_kinds);
    gguf_put_f32s(g, "probe.temperature.of_kinds", t[1], (uint64_t)p->n_kinds * TEMPERATURES);
}

static void put_meta(struct gguf_writer *g, const struct probe *p) {
    float acc[512], alpha[PROBE_ALPHAS], thr[PROBE_ALPHAS];
    put_str(g, "general.architecture", "candor-probe");
    put_str(g, "general.name", "probe");
    put_str(g, "probe.model.name", p->model.name);
    put_str(g, "probe.model.format", p->model.format);
    gguf_put_u32(g, "probe.model.width", (uint32_t)p->model.width);
    gguf_put_u32(g, "probe.model.layers", (uint32_t)p->model.layers);
    gguf_put_u32(g, "probe.model.vocabulary", (uint32_t)p->model.vocab);
    put_str(g, "probe.tap", tap_name(p->tap));
    put_str(g, "probe.target", targets[p->target]);
    put_str(g, "probe.pool", pools[p->shape.pool]);
    gguf_put_u32(g, "probe.heads", (uint32_t)p->shape.heads);
    gguf_put_u32(g, "probe.classes", (uint32_t)p->shape.classes);
    gguf_put_u32(g, "probe.width", (uint32_t)p->width);
    gguf_put_u32(g, "probe.rank", (uint32_t)p->fit[p->best].rank);
    gguf_put_u32(g, "probe.candidate_width", (uint32_t)p->fit[p->best].cand_width);
    gguf_put_i32s(g, "probe.layers", p->layer, (uint64_t)p->n_layers);
    gguf_put_i32(g, "probe.best_layer", p->layer[p->best]);
    for (int i = 0; i < p->n_layers; i++) acc[i] = (float)p->val_accuracy[i];
    gguf_put_f32s(g, "probe.validation_accuracy", acc, (uint64_t)p->n_layers);
    put_kinds(g, p);
    for (int i = 0; i < p->n_alphas; i++) alpha[i] = (float)p->alpha[i], thr[i] = float_above(p->threshold[i]);
    gguf_put_f32s(g, "probe.conformal.alpha", alpha, (uint64_t)p->n_alphas);
    gguf_put_f32s(g, "probe.conformal.threshold", thr, (uint64_t)p->n_alphas);
    if (p->by_token) gguf_put_i32s(g, "probe.class_tokens", p->token, (uint64_t)p->shape.classes);
    gguf_put_u64(g, "probe.split_seed", p->split_seed);
    put_str(g, "probe.kinds", p->kinds);
    put_str(g, "probe.store", p->store);
}

int probe_save(const struct probe *p, const char *path, struct err *e) {
    struct gguf_writer *g;
    float *bias = malloc((size_t)p->n_layers * SCAN_CLASSES * sizeof *bias);
    if (!bias) return fail(e, ERR_NOMEM, "out of memory for a probe");
    int rc = gguf_writer_new(&g, e);
    if (!rc) {
        put_meta(g, p);
        for (int i = 0; i < p->n_layers; i++) put_layer(g, p, i, bias + i * SCAN_CLASSES);
        rc = gguf_writer_commit(g, path, e);
        gguf_writer_free(g);
    }
    free(bias);
    return rc;
}

/* ---- in ---- */

struct source {
    const struct weights *w;
    const char *path;
};

static int get_str(const struct source *s, const char *key, char *out, size_t size, struct err *e) {
    struct meta_str v;
    int rc = meta_str(s->w, key, &v, e);
    if (!rc) return fail_at(e, ERR_FORMAT, s->path, -1, "expected \"%s\" in a probe file", key);
    if (rc < 0) return err_place(e, rc, s->path);
    snprintf(out, size, "%.*s", (int)(v.n < size ? v.n : size - 1), v.s);
    return 0;
}

static int get_int(const struct source *s, const char *key, int64_t lo, int64_t hi, int64_t *out, struct err *e) {
    int rc = meta_i64(s->w, key, out, e);
    if (rc < 0) return err_place(e, rc, s->path);
    if (!rc || *out < lo || *out > hi)
        return fail_at(e, ERR_FORMAT, s->path, -1, "expected \"%s\" from %lld to %lld in a probe file", key, (long long)lo,
                       (long long)hi);
    return 0;
}

static int get_word(const struct source *s, const char *key, const char *const *words, int n, int *out, struct err *e) {
    char v[64];
    TRY(get_str(s, key, v, sizeof v, e));
    for (*out = 0; *out < n; ++*out)
        if (!strcmp(v, words[*out])) return 0;
    return fail_at(e, ERR_FORMAT, s->path, -1, "\"%s\": \"%s\" is not known", key, v);
}

static int find_tensor(const struct source *s, const char *name, int64_t n, const struct tensor **out, struct err *e) {
    const struct tensor *t = *out = weights_tensor(s->w, name);
    int64_t count = 1;
    for (int i = 0; t && i < t->n_dims; i++) count *= t->dims[i];
    if (t && t->m.fmt == FMT_F32 && count == n) return 0;
    return fail_at(e, ERR_FORMAT, s->path, -1, "expected tensor %s of %lld F32 numbers", name, (long long)n);
}

static int get_tensor(const struct source *s, const char *name, int64_t n, float *out, struct err *e) {
    const struct tensor *t;
    TRY(find_tensor(s, name, n, &t, e));
    memcpy(out, t->m.data, (size_t)n * sizeof *out);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(out[i])) return fail_at(e, ERR_FORMAT, s->path, -1, "tensor %s is not finite", name);
    return 0;
}

static int get_candidates(const struct source *s, struct probe *p, int i, struct err *e) {
    char name[64];
    struct fit_probe *f = &p->fit[i];
    int64_t HR = (int64_t)p->shape.heads * f->rank;
    snprintf(name, sizeof name, "layer.%d.u", p->layer[i]);
    TRY(get_tensor(s, name, HR * p->width, f->wu, e));
    snprintf(name, sizeof name, "layer.%d.u_bias", p->layer[i]);
    TRY(get_tensor(s, name, HR, f->ub, e));
    snprintf(name, sizeof name, "layer.%d.candidate", p->layer[i]);
    return get_tensor(s, name, f->rank * f->cand_width, f->wb, e);
}

/* The large parts are there: so the memory taken for them is bounded by the file. */
static int has_layer(const struct source *s, const struct probe *p, int i, int64_t rank, int64_t cand_width, struct err *e) {
    static const char *const parts[] = {"v", "u", "candidate"};
    const int64_t n[] = {p->shape.heads * p->shape.classes * p->width, p->shape.heads * rank * p->width, rank * cand_width};
    char name[64];
    const struct tensor *t;
    for (int k = 0; k < (rank ? 3 : 1); k++) {
        snprintf(name, sizeof name, "layer.%d.%s", p->layer[i], parts[k]);
        TRY(find_tensor(s, name, n[k], &t, e));
    }
    return 0;
}

static int get_layer(const struct source *s, struct probe *p, int i, int rank, int64_t cand_width, struct err *e) {
    char name[64];
    float bias[SCAN_CLASSES];
    int64_t HW = p->shape.heads * p->width;
    struct fit_probe *f = &p->fit[i];
    TRY(has_layer(s, p, i, rank, cand_width, e));
    float *m = malloc((size_t)fit_size(p->shape, p->width, rank, cand_width) * sizeof *m);
    if (!m) return fail(e, ERR_NOMEM, "out of memory for a probe");
    fit_place(f, m, p->shape, p->width, rank, cand_width);
    f->val_loss = NAN;
    snprintf(name, sizeof name, "layer.%d.q", p->layer[i]);
    TRY(get_tensor(s, name, HW, f->wq, e));
    snprintf(name, sizeof name, "layer.%d.v", p->layer[i]);
    TRY(get_tensor(s, name, HW * p->shape.classes, f->wv, e));
    snprintf(name, sizeof name, "layer.%d.bias", p->layer[i]);
    TRY(get_tensor(s, name, p->shape.classes, bias, e));
    for (int k = 0; k < p->shape.classes; k++) f->bias[k] = bias[k];
    return rank ? get_candidates(s, p, i, e) : 0;
}

static int get_layers(const struct source *s, struct probe *p, struct err *e) {
    struct meta_value v;
    int64_t best, layer, rank, cand;
    if (meta_get(s->w, "probe.layers", &v) != 1 || v.type != META_ARR || v.count < 1 || v.count > 512)
        return fail_at(e, ERR_FORMAT, s->path, -1, "expected \"probe.layers\" in a probe file");
    p->n_layers = (int)v.count;
    p->layer = calloc(v.count, sizeof *p->layer), p->fit = calloc(v.count, sizeof *p->fit);
    p->val_accuracy = calloc(v.count, sizeof *p->val_accuracy);
    if (!p->layer || !p->fit || !p->val_accuracy) return fail(e, ERR_NOMEM, "out of memory for a probe");
    TRY(get_int(s, "probe.best_layer", -1, 4096, &best, e));
    TRY(get_int(s, "probe.rank", 0, FIT_RANK, &rank, e));
    TRY(get_int(s, "probe.candidate_width", rank ? 1 : 0, 1 << 22, &cand, e));
    p->best = -1;
    for (int i = 0; i < p->n_layers; i++) {
        TRY(meta_arr_i64(s->w, "probe.layers", (uint64_t)i, &layer, e));
        if (layer < -1 || layer >= p->model.layers)
            return fail_at(e, ERR_FORMAT, s->path, -1, "\"probe.layers\": %lld is no layer", (long long)layer);
        if (i && layer <= p->layer[i - 1])
            return fail_at(e, ERR_FORMAT, s->path, -1, "\"probe.layers\": expected rising numbers, found %lld behind %d",
                           (long long)layer, p->layer[i - 1]);
        p->layer[i] = (int)layer;
        if (layer == best) p->best = i;
        TRY(get_layer(s, p, i, (int)rank, cand, e));
        if (meta_arr_f64(s->w, "probe.validation_accuracy", (uint64_t)i, &p->val_accuracy[i], NULL) < 0) p->val_accuracy[i] = NAN;
    }
    return p->best < 0 ? fail_at(e, ERR_FORMAT, s->path, -1, "\"probe.best_layer\": not one of its layers") : 0;
}

static int get_temperature(const struct source *s, struct temperatures *t, const char *key, int i, struct err *e) {
    double *x[TEMPERATURES] = {&t->level, &t->spread, &t->position};
    struct meta_value v;
    if (meta_get(s->w, key, &v) != 1 || v.type != META_ARR || v.count < (uint64_t)((i + 1) * TEMPERATURES))
        return fail_at(e, ERR_FORMAT, s->path, -1, "\"%s\": expected three numbers of a temperature", key);
    for (int k = 0; k < TEMPERATURES; k++) TRY(meta_arr_f64(s->w, key, (uint64_t)(i * TEMPERATURES + k), x[k], e));
    if (t->level > 0 && isfinite(t->level) && t->spread < 1 && isfinite(t->spread) && isfinite(t->position)) return 0;
    return fail_at(e, ERR_FORMAT, s->path, -1, "\"%s\": expected level > 0, spread < 1 and position, found %g, %g, %g", key,
                   t->level, t->spread, t->position);
}

static int get_kinds(const struct source *s, struct probe *p, struct err *e) {
    struct meta_value v, w;
    struct meta_str name;
    if (meta_get(s->w, "probe.temperature.kinds", &v) != 1) return 0;
    if (v.type != META_ARR || v.count > PROBE_KINDS || meta_get(s->w, "probe.temperature.of_kinds", &w) != 1 ||
        w.type != META_ARR || w.count != v.count * TEMPERATURES)
        return fail_at(e, ERR_FORMAT, s->path, -1, "expected three temperature numbers for each family, at most %d", PROBE_KINDS);
    for (int i = 0; i < (int)v.count; i++) {
        TRY(meta_arr_str(s->w, "probe.temperature.kinds", (uint64_t)i, &name, e));
        TRY(get_temperature(s, &p->kind_temperature[i], "probe.temperature.of_kinds", i, e));
        if (name.n >= sizeof p->kind[i])
            return fail_at(e, ERR_FORMAT, s->path, -1, "\"probe.temperature.kinds\": expected names of at most %d bytes",
                           (int)sizeof p->kind[i] - 1);
        memcpy(p->kind[i], name.s, name.n);
    }
    p->n_kinds = (int)v.count;
    return 0;
}

static int get_thresholds(const struct source *s, struct probe *p, struct err *e) {
    struct meta_value v, w;
    if (meta_get(s->w, "probe.conformal.alpha", &v) != 1) return 0;
    if (v.type != META_ARR || v.count > PROBE_ALPHAS || meta_get(s->w, "probe.conformal.threshold", &w) != 1 ||
        w.type != META_ARR || w.count != v.count)
        return fail_at(e, ERR_FORMAT, s->path, -1, "expected as many conformal thresholds as levels, at most %d", PROBE_ALPHAS);
    p->n_alphas = (int)v.count;
    for (int i = 0; i < p->n_alphas; i++) {
        TRY(meta_arr_f64(s->w, "probe.conformal.alpha", (uint64_t)i, &p->alpha[i], e));
        TRY(meta_arr_f64(s->w, "probe.conformal.threshold", (uint64_t)i, &p->threshold[i], e));
        if (!(p->alpha[i] > 0 && p->alpha[i] < 1) || isnan(p->threshold[i]))
            return fail_at(e, ERR_FORMAT, s->path, -1,
                           "expected conformal levels between 0 and 1, each with a threshold, found %g with %g", p->alpha[i],
                           p->threshold[i]);
    }
    return 0;
}

static int get_classes(const struct source *s, struct probe *p, struct err *e) {
    struct meta_value v;
    int64_t id;
    if (meta_get(s->w, "probe.class_tokens", &v) != 1) return 0;
    if (v.type != META_ARR || v.count != (uint64_t)p->shape.classes)
        return fail_at(e, ERR_FORMAT, s->path, -1, "expected a token for each of %d classes", p->shape.classes);
    p->by_token = 1;
    for (int k = 0; k < p->shape.classes; k++) {
        TRY(meta_arr_i64(s->w, "probe.class_tokens", (uint64_t)k, &id, e));
        if (id < 0 || id >= p->model.vocab)
            return fail_at(e, ERR_FORMAT, s->path, -1, "\"probe.class_tokens\": %lld is not in a vocabulary of %lld",
                           (long long)id, (long long)p->model.vocab);
        p->token[k] = (int32_t)id;
    }
    return 0;
}

static int get_shape(const struct source *s, struct probe *p, struct err *e) {
    char tap[64];
    int target, pool, at;
    int64_t heads, classes;
    TRY(get_int(s, "probe.model.width", 1, 1 << 20, &p->model.width, e));
    TRY(get_int(s, "probe.model.layers", 1, 4096, &p->model.layers, e));
    TRY(get_int(s, "probe.model.vocabulary", 1, INT32_MAX, &p->model.vocab, e));
    TRY(get_int(s, "probe.width", 1, 1 << 20, &p->width, e));
    TRY(get_int(s, "probe.heads", 1, SCAN_HEADS, &heads, e));
    TRY(get_int(s, "probe.classes", 2, SCAN_CLASSES, &classes, e));
    TRY(get_word(s, "probe.target", targets, 3, &target, e));
    TRY(get_word(s, "probe.pool", pools, 3, &pool, e));
    TRY(get_str(s, "probe.tap", tap, sizeof tap, e));
    if ((at = tap_find(tap)) < 0) return fail_at(e, ERR_FORMAT, s->path, -1, "\"probe.tap\": \"%s\" is no tap", tap);
    if (pool != POOL_ATTENTION && heads != 1) return fail_at(e, ERR_FORMAT, s->path, -1, "only attention has more than one head");
    p->tap = (enum tap)at, p->target = (enum probe_target)target;
    p->shape = (struct scan_shape){(enum scan_pool)pool, (int)heads, (int)classes};
    return 0;
}

static int get_all(const struct source *s, struct probe *p, struct err *e) {
    char arch[64];
    int64_t seed;
    TRY(get_str(s, "general.architecture", arch, sizeof arch, e));
    if (strcmp(arch, "candor-probe") != 0)
        return fail_at(e, ERR_FORMAT, s->path, -1, "expected a probe file, found a model of architecture \"%s\"", arch);
    TRY(get_str(s, "probe.model.name", p->model.name, sizeof p->model.name, e));
    TRY(get_str(s, "probe.model.format", p->model.format, sizeof p->model.format, e));
    TRY(get_str(s, "probe.kinds", p->kinds, sizeof p->kinds, e));
    TRY(get_str(s, "probe.store", p->store, sizeof p->store, e));
    TRY(get_shape(s, p, e));
    TRY(get_int(s, "probe.split_seed", 0, INT64_MAX, &seed, e));
    p->split_seed = (uint64_t)seed;
    TRY(get_temperature(s, &p->temperature, "probe.temperature", 0, e));
    TRY(get_classes(s, p, e));
    TRY(get_thresholds(s, p, e));
    TRY(get_kinds(s, p, e));
    return get_layers(s, p, e);
}

static uint64_t hash_weights(const struct probe *p) {
    const int64_t shape[] = {p->tap, p->shape.pool, p->shape.heads, p->shape.classes, p->width, p->n_layers};
    uint64_t h = hash_bytes(HASH_START, shape, sizeof shape);
    h = hash_bytes(h, p->layer, (size_t)p->n_layers * sizeof *p->layer);
    for (int i = 0; i < p->n_layers; i++) {
        const struct fit_probe *f = &p->fit[i];
        const int64_t rank[] = {f->rank, f->cand_width};
        h = hash_bytes(h, rank, sizeof rank);
        h = hash_bytes(h, f->wq, (size_t)fit_size(p->shape, p->width, f->rank, f->cand_width) * sizeof *f->wq);
        h = hash_bytes(h, f->bias, (size_t)p->shape.classes * sizeof *f->bias);
    }
    return hash_mix(h);
}

int probe_open(struct probe *out, const char *path, struct err *e) {
    struct weights *w;
    struct probe p = {0};
    TRY(weights_open(&w, path, e));
    int rc = get_all(&(struct source){w, path}, &p, e);
    weights_close(w);
    if (!rc) p.id = hash_weights(&p);
    if (rc < 0)
        probe_fini(&p);
    else
        *out = p;
    return rc;
}
