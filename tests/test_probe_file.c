/* Probe files that someone edited: every key missing, of another type or out of range, every tensor missing, misshapen or not finite,
 * truncations, a model in the place of a probe. Each is an error that names the file; none reads where it may not. */
#include "probe/probe.h"
#include "test_files.h"
#include "weights/gguf_write.h"
#include <math.h>

TestSuite(probe_file, .timeout = HANG_S);

enum { W = 4, C = 3, H = 2, R = 2, CAND = 5, LAYERS = 2 };

static void good(const char *path) {
    struct probe p = {.model = {"a model", "F32", W, 3, 50},
                      .tap = TAP_RESID_OUT,
                      .width = W,
                      .n_layers = LAYERS,
                      .best = 1,
                      .temperature = {2, 0.5, -0.25}};
    float *m[LAYERS];
    p.shape = (struct scan_shape){POOL_ATTENTION, H, C};
    p.layer = (int[]){0, 2}, p.fit = (struct fit_probe[LAYERS]){{0}, {0}}, p.val_accuracy = (double[]){0.5, 0.75};
    for (int i = 0; i < LAYERS; i++) {
        int64_t n = fit_size(p.shape, W, R, CAND);
        m[i] = malloc((size_t)n * sizeof **m);
        for (int64_t k = 0; k < n; k++) m[i][k] = (float)(k + i) / 8;
        fit_place(&p.fit[i], m[i], p.shape, W, R, CAND);
    }
    p.n_alphas = 2, p.alpha[0] = 0.25, p.alpha[1] = 0.5, p.threshold[0] = INFINITY, p.threshold[1] = 0.5;
    p.by_token = 1, p.token[0] = 4, p.token[1] = 2, p.token[2] = 49;
    p.n_kinds = 1, p.kind_temperature[0] = (struct temperatures){0.5, 0, 0}, snprintf(p.kind[0], sizeof p.kind[0], "chain");
    snprintf(p.kinds, sizeof p.kinds, "chain"), snprintf(p.store, sizeof p.store, "0123");
    OK(probe_save(&p, path, &e));
    for (int i = 0; i < LAYERS; i++) free(m[i]);
}

/* ---- a copy with one thing changed ---- */

typedef void put_fn(struct gguf_writer *g, const char *key);
typedef void tensor_fn(struct gguf_writer *g, const struct tensor *t);
struct change {
    const char *key, *tensor; /* which; the other NULL */
    put_fn *put;              /* NULL: left out */
    tensor_fn *put_tensor;
};

static void changed(const char *from, const char *to, const struct change *c) {
    struct weights *w;
    struct gguf_writer *g;
    OK(weights_open(&w, from, &e));
    OK(gguf_writer_new(&g, &e));
    for (int64_t i = 0; i < meta_count(w); i++) {
        struct meta_value v;
        const char *key = meta_key_at(w, i, &v);
        if (!c->key || strcmp(key, c->key) != 0)
            gguf_put_copy(g, w, key);
        else if (c->put)
            c->put(g, key);
    }
    for (int64_t i = 0; i < weights_n_tensors(w); i++) {
        const struct tensor *t = weights_tensor_at(w, i);
        if (!c->tensor || strcmp(t->name, c->tensor) != 0)
            gguf_put_tensor(g, t->name, t->m.fmt, t->n_dims, t->dims, t->m.data);
        else if (c->put_tensor)
            c->put_tensor(g, t);
    }
    OK(gguf_writer_commit(g, to, &e));
    gguf_writer_free(g), weights_close(w);
}

/* Refused, with a message that has `says` in it and names the file. */
static void refused(const char *path, const char *says, const char *what) {
    struct probe p = {.n_layers = -7};
    struct err e = ERR_INIT;
    int rc = probe_open(&p, path, &e);
    cr_expect(rc < 0 && p.n_layers == -7, "%s: opened", what);
    if (rc >= 0) probe_fini(&p);
    cr_expect(strstr(e.msg, says), "%s: expected \"%s\" in \"%s\"", what, says, e.msg);
    cr_expect(strstr(e.where, path) || strstr(e.msg, path), "%s: no file in \"%s\" \"%s\"", what, e.where, e.msg);
}

static void refuse(const char *base, const struct change *c, const char *says) {
    const char *path = tmp_path("changed.gguf");
    char what[160];
    changed(base, path, c);
    snprintf(what, sizeof what, "%s", c->key ? c->key : c->tensor);
    refused(path, says, what);
}

static void as_text(struct gguf_writer *g, const char *key) { gguf_put_str(g, key, "nothing known", 13); }
static void as_true(struct gguf_writer *g, const char *key) { gguf_put_bool(g, key, 1); }
static void as_minus_two(struct gguf_writer *g, const char *key) { gguf_put_i32(g, key, -2); }
static void as_huge(struct gguf_writer *g, const char *key) { gguf_put_u64(g, key, UINT64_MAX); }
static void as_large(struct gguf_writer *g, const char *key) { gguf_put_u32(g, key, 1 << 20); }
static void as_zero(struct gguf_writer *g, const char *key) { gguf_put_f64(g, key, 0); }
static void as_nan(struct gguf_writer *g, const char *key) { gguf_put_f64(g, key, NAN); }
static void as_nans(struct gguf_writer *g, const char *key) { gguf_put_f32s(g, key, (float[]){NAN, NAN}, 2); }
static void as_one_nan(struct gguf_writer *g, const char *key) { gguf_put_f32s(g, key, (float[]){NAN}, 1); }
static void as_halves(struct gguf_writer *g, const char *key) { gguf_put_f32s(g, key, (float[]){0.5f, 1.5f, 2.5f}, 3); }
static void as_cold(struct gguf_writer *g, const char *key) { gguf_put_f32s(g, key, (float[]){0, 0.5f, 0}, 3); }
static void as_none(struct gguf_writer *g, const char *key) { gguf_put_i32s(g, key, (int32_t[]){0}, 0); }
static void as_falling(struct gguf_writer *g, const char *key) { gguf_put_i32s(g, key, (int32_t[]){2, 0}, 2); }
static void as_twice(struct gguf_writer *g, const char *key) { gguf_put_i32s(g, key, (int32_t[]){2, 2}, 2); }
static void as_beyond(struct gguf_writer *g, const char *key) { gguf_put_i32s(g, key, (int32_t[]){2, 3}, 2); }
static void as_before(struct gguf_writer *g, const char *key) { gguf_put_i32s(g, key, (int32_t[]){-5, 2}, 2); }
static void as_foreign(struct gguf_writer *g, const char *key) { gguf_put_i32s(g, key, (int32_t[]){1, 2, 50}, 3); }
static void as_negative(struct gguf_writer *g, const char *key) { gguf_put_i32s(g, key, (int32_t[]){1, 2, -1}, 3); }
static void as_mean(struct gguf_writer *g, const char *key) { gguf_put_str(g, key, "mean", 4); }
static void as_many(struct gguf_writer *g, const char *key) {
    int32_t x[600];
    for (int i = 0; i < 600; i++) x[i] = i;
    gguf_put_i32s(g, key, x, 600);
}

static const char *const needed[] = {"general.architecture",
                                     "probe.model.name",
                                     "probe.model.format",
                                     "probe.model.width",
                                     "probe.model.layers",
                                     "probe.model.vocabulary",
                                     "probe.tap",
                                     "probe.target",
                                     "probe.pool",
                                     "probe.heads",
                                     "probe.classes",
                                     "probe.width",
                                     "probe.rank",
                                     "probe.candidate_width",
                                     "probe.layers",
                                     "probe.best_layer",
                                     "probe.temperature",
                                     "probe.split_seed",
                                     "probe.kinds",
                                     "probe.store"};
static const char *const tensors[] = {"layer.0.q",      "layer.0.v",         "layer.0.bias",   "layer.0.u",
                                      "layer.0.u_bias", "layer.0.candidate", "layer.2.q",      "layer.2.v",
                                      "layer.2.bias",   "layer.2.u",         "layer.2.u_bias", "layer.2.candidate"};
enum { NEEDED = sizeof needed / sizeof *needed, TENSORS = sizeof tensors / sizeof *tensors };

/* In memory where there is such a place: every file is synced to its disk. */
static const char *base(void) {
    static char path[128];
    if (!tmp_dir[0] && access("/dev/shm", W_OK) == 0) {
        snprintf(tmp_dir, sizeof tmp_dir, "/dev/shm/candor-test-XXXXXX");
        cr_assert(mkdtemp(tmp_dir));
        atexit(tmp_at_exit);
    }
    snprintf(path, sizeof path, "%s", tmp_path("good.gguf"));
    struct probe p;
    good(path);
    OK(probe_open(&p, path, &e));
    cr_expect(p.n_layers == LAYERS && p.best == 1 && p.token[2] == 49 && isinf(p.threshold[0]));
    probe_fini(&p);
    return path;
}

Test(probe_file, without_a_key_it_says_which) {
    const char *from = base();
    for (int i = 0; i < NEEDED; i++) refuse(from, &(struct change){.key = needed[i]}, i ? needed[i] : "general.architecture");
    tmp_end_strict();
}

Test(probe_file, a_key_of_another_type_is_named) {
    const char *from = base();
    for (int i = 0; i < NEEDED; i++) refuse(from, &(struct change){.key = needed[i], .put = as_true}, needed[i]);
    refuse(from, &(struct change){.key = "probe.conformal.alpha", .put = as_true}, "conformal");
    refuse(from, &(struct change){.key = "probe.conformal.threshold", .put = as_true}, "conformal");
    refuse(from, &(struct change){.key = "probe.class_tokens", .put = as_true}, "a token for each of 3 classes");
    tmp_end_strict();
}

Test(probe_file, a_value_out_of_range_is_named) {
    static const char *const counts[] = {"probe.model.width", "probe.model.layers",    "probe.model.vocabulary",
                                         "probe.width",       "probe.heads",           "probe.classes",
                                         "probe.rank",        "probe.candidate_width", "probe.split_seed"};
    static const char *const words[] = {"probe.tap", "probe.target", "probe.pool", "general.architecture"};
    const char *from = base();
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        refuse(from, &(struct change){.key = counts[i], .put = as_minus_two}, counts[i]);
        refuse(from, &(struct change){.key = counts[i], .put = as_huge}, counts[i]);
    }
    for (int i = 0; i < 4; i++) refuse(from, &(struct change){.key = words[i], .put = as_text}, "nothing known");
    refuse(from, &(struct change){.key = "probe.best_layer", .put = as_large}, "probe.best_layer");
    refuse(from, &(struct change){.key = "probe.best_layer", .put = as_minus_two}, "probe.best_layer");
    refuse(from, &(struct change){.key = "probe.temperature", .put = as_zero}, "probe.temperature");
    refuse(from, &(struct change){.key = "probe.temperature", .put = as_nan}, "probe.temperature");
    refuse(from, &(struct change){.key = "probe.temperature", .put = as_nans}, "three numbers");
    refuse(from, &(struct change){.key = "probe.temperature", .put = as_halves}, "spread < 1");
    refuse(from, &(struct change){.key = "probe.temperature", .put = as_cold}, "level > 0");
    refuse(from, &(struct change){.key = "probe.pool", .put = as_mean}, "more than one head");
    tmp_end_strict();
}

Test(probe_file, lists_that_do_not_fit_are_refused) {
    const char *from = base();
    refuse(from, &(struct change){.key = "probe.layers", .put = as_none}, "probe.layers");
    refuse(from, &(struct change){.key = "probe.layers", .put = as_falling}, "rising");
    refuse(from, &(struct change){.key = "probe.layers", .put = as_beyond}, "no layer");
    refuse(from, &(struct change){.key = "probe.layers", .put = as_before}, "no layer");
    refuse(from, &(struct change){.key = "probe.layers", .put = as_many}, "probe.layers");
    refuse(from, &(struct change){.key = "probe.layers", .put = as_halves}, "");
    refuse(from, &(struct change){.key = "probe.class_tokens", .put = as_foreign}, "not in a vocabulary of 50");
    refuse(from, &(struct change){.key = "probe.class_tokens", .put = as_negative}, "not in a vocabulary of 50");
    refuse(from, &(struct change){.key = "probe.class_tokens", .put = as_twice}, "a token for each of 3 classes");
    refuse(from, &(struct change){.key = "probe.conformal.alpha", .put = as_many}, "conformal");
    refuse(from, &(struct change){.key = "probe.conformal.alpha", .put = as_twice}, "conformal levels");
    refuse(from, &(struct change){.key = "probe.conformal.threshold"}, "conformal");
    refuse(from, &(struct change){.key = "probe.conformal.threshold", .put = as_halves}, "conformal");
    refuse(from, &(struct change){.key = "probe.temperature.kinds", .put = as_true}, "temperature");
    refuse(from, &(struct change){.key = "probe.temperature.kinds", .put = as_many}, "temperature");
    refuse(from, &(struct change){.key = "probe.temperature.of_kinds"}, "temperature");
    refuse(from, &(struct change){.key = "probe.temperature.of_kinds", .put = as_true}, "temperature");
    refuse(from, &(struct change){.key = "probe.temperature.of_kinds", .put = as_one_nan}, "temperature");
    refuse(from, &(struct change){.key = "probe.conformal.threshold", .put = as_nans}, "conformal levels");
    tmp_end_strict();
}

/* ---- tensors ---- */

static void shorter(struct gguf_writer *g, const struct tensor *t) {
    const int64_t dims[2] = {t->dims[0], t->dims[1] - 1}, one = t->dims[0] - 1;
    gguf_put_tensor(g, t->name, FMT_F32, t->n_dims, t->n_dims == 2 ? dims : &one, t->m.data);
}
static void halves(struct gguf_writer *g, const struct tensor *t) {
    gguf_put_tensor(g, t->name, FMT_F16, t->n_dims, t->dims, t->m.data);
}
static void broken(struct gguf_writer *g, const struct tensor *t) {
    static float x[2][256];
    static int turn;
    float *y = x[turn++ & 1];
    memcpy(y, t->m.data, t->bytes);
    y[t->bytes / sizeof *y - 1] = turn & 2 ? NAN : INFINITY;
    gguf_put_tensor(g, t->name, FMT_F32, t->n_dims, t->dims, y);
}

Test(probe_file, tensors_are_there_whole_and_finite) {
    const char *from = base();
    for (int i = 0; i < TENSORS; i++) {
        refuse(from, &(struct change){.tensor = tensors[i]}, tensors[i]);
        refuse(from, &(struct change){.tensor = tensors[i], .put_tensor = shorter}, tensors[i]);
        refuse(from, &(struct change){.tensor = tensors[i], .put_tensor = halves}, tensors[i]);
        refuse(from, &(struct change){.tensor = tensors[i], .put_tensor = broken}, "not finite");
    }
    tmp_end_strict();
}

/* A file of a few kilobytes must not make anyone take gigabytes. */
Test(probe_file, what_it_says_of_itself_takes_no_memory) {
    const char *from = base();
    refuse(from, &(struct change){.key = "probe.width", .put = as_large}, "layer.0.v");
    refuse(from, &(struct change){.key = "probe.candidate_width", .put = as_large}, "layer.0.candidate");
    tmp_end_strict();
}

/* ---- other files ---- */

/* Where the last tensor ends; padding may follow. */
static size_t last_byte(const char *path) {
    struct weights *w;
    uint64_t end = 0;
    OK(weights_open(&w, path, &e));
    for (int64_t i = 0; i < weights_n_tensors(w); i++) {
        const struct tensor *t = weights_tensor_at(w, i);
        if (t->file_offset + t->bytes > end) end = t->file_offset + t->bytes;
    }
    weights_close(w);
    return (size_t)end;
}

Test(probe_file, a_cut_file_is_refused) {
    const char *from = base(), *path = tmp_path("cut.gguf");
    char *text;
    size_t n;
    OK(file_read(&text, &n, from, 0, &e));
    n = last_byte(from);
    for (size_t k = 0; k < n; k += k < 64 || n - k < 64 ? 1 : 37) {
        struct probe p;
        struct err e = ERR_INIT;
        char *exact = malloc(k + 1);
        memcpy(exact, text, k);
        write_bytes(path, exact, k);
        free(exact);
        int rc = probe_open(&p, path, &e);
        cr_expect(rc < 0 && e.msg[0], "%zu of %zu bytes: opened", k, n);
        if (rc >= 0) probe_fini(&p);
    }
    free(text);
    tmp_end_strict();
}

/* Every byte of the head in turn is another one: opened or refused, never worse. */
Test(probe_file, no_changed_byte_does_harm) {
    const char *from = base(), *path = tmp_path("byte.gguf");
    char *text;
    size_t n;
    OK(file_read(&text, &n, from, 0, &e));
    for (size_t k = 0; k < n && k < 2400; k += 3) {
        struct probe p;
        struct err e = ERR_INIT;
        char was = text[k];
        text[k] = (char)(k % 2 ? was ^ 0x80 : was + 1);
        write_bytes(path, text, n);
        int rc = probe_open(&p, path, &e);
        if (rc >= 0)
            probe_fini(&p);
        else
            cr_expect(e.msg[0], "byte %zu: refused without a word", k);
        text[k] = was;
    }
    free(text);
    tmp_end_strict();
}

Test(probe_file, a_model_or_nothing_is_no_probe) {
    if (file_exists("models/r1.gguf")) refused("models/r1.gguf", "expected a probe file, found a model", "a model");
    refused(tmp_path("absent.gguf"), "", "absent");
    write_file(tmp_path("empty.gguf"), "");
    refused(tmp_path("empty.gguf"), "", "empty");
    tmp_end_strict();
}
