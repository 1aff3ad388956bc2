/* Conversion between folders and GGUF files: every tiny model there and back, bytes of tensors and values of keys; what is refused,
 * and that a refusal leaves nothing behind. Reading of both kinds is held to an independent decoder by test_model_families.c, so equal
 * logits here say that rows, names and configuration went the right way. */
#include "model/convert.h"
#include "tiny_models.h"
#include <jansson.h>

TestSuite(convert, .timeout = HANG_S);

enum { T = 17 };

/* ---- files ---- */

/* Paths are good for sixteen calls, and these stand for whole tests. */
static const char *keep(const char *path) {
    static char kept[64][200];
    static int turn;
    return memcpy(kept[turn++ & 63], path, strlen(path) + 1);
}

/* ---- conversions ---- */

static int try_folder(const char *in, const char *out, int type, int64_t max_shard, struct err *e) {
    struct convert_opts o = {.type = type};
    struct config_ids ids = {-1, -1, -1};
    struct weights *w = NULL;
    struct convert *c = NULL;
    struct st_writer *s = NULL;
    struct device *d = tiny_device(1, 0);
    struct dir_out dir = {0};
    int rc = weights_open(&w, in, e);
    if (!rc) rc = convert_open(&c, d, w, &o, e);
    if (!rc) rc = dir_out_open(&dir, out, 0, e);
    if (!rc) rc = st_writer_new(&s, e);
    if (!rc) rc = convert_config(c, &dir, &ids, e);
    if (!rc) rc = convert_put_folder(c, s, e);
    if (!rc) rc = st_writer_commit(s, &dir, (uint64_t)max_shard, e);
    if (!rc) rc = dir_out_commit(&dir, e);
    dir_out_abort(&dir);
    st_writer_free(s), convert_free(c), weights_close(w), dev_close(d);
    return rc;
}

static int try_gguf(const char *in, const char *out, int type, struct err *e) {
    struct convert_opts o = {.type = type};
    struct weights *w = NULL;
    struct convert *c = NULL;
    struct gguf_writer *g = NULL;
    struct device *d = tiny_device(1, 0);
    int rc = weights_open(&w, in, e);
    if (!rc) rc = convert_open(&c, d, w, &o, e);
    if (!rc) rc = gguf_writer_new(&g, e);
    if (!rc) rc = convert_put_gguf(c, g, "tiny", e);
    if (!rc) rc = gguf_writer_commit(g, out, e);
    gguf_writer_free(g), convert_free(c), weights_close(w), dev_close(d);
    return rc;
}

static const char *folder_of(const char *in, int type, int64_t max_shard) {
    const char *out = fresh("");
    OK(try_folder(in, out, type, max_shard, &e));
    return out;
}

static const char *gguf_from(const char *in, int type) {
    const char *out = fresh(".gguf");
    OK(try_gguf(in, out, type, &e));
    return out;
}

/* ---- comparing ---- */

static double *logits_of(const char *path, int V, int64_t *n) {
    struct device *d = tiny_device(1, 0);
    struct weights *w = NULL;
    struct model *m = NULL;
    int32_t ids[T];
    tiny_ids(ids, T, V, 5);
    OK(weights_open(&w, path, &e));
    OK(model_open(&m, d, w, 0, &e));
    struct rig r = rig_open(m, T, 8);
    rig_run(&r, 0, ids, T, 0, NULL, NULL);
    OK(model_logits(m, r.h, T, NULL, r.logits, &e));
    *n = (int64_t)T * model_n_out(m);
    double *y = fetch_nums(d, r.logits, *n);
    rig_close(&r), model_close(m), weights_close(w), dev_close(d);
    return y;
}

static void expect_same_logits(const char *a, const char *b, int V, double tol, const char *what) {
    int64_t n, k;
    double *x = logits_of(a, V, &n), *y = logits_of(b, V, &k);
    cr_assert(n == k, "%s: %lld logits, expected %lld", what, (long long)n, (long long)k);
    double bad = rel_diff(x, y, n);
    cr_expect(bad <= tol, "%s: logits differ by %.3g of the largest, more than %g", what, bad, tol);
    free(x), free(y);
}

/* Every tensor of a is in b with the same format, shape and bytes; and the other way round. */
static void expect_same_tensors(const char *pa, const char *pb, const char *what) {
    struct weights *a = NULL, *b = NULL;
    OK(weights_open(&a, pa, &e));
    OK(weights_open(&b, pb, &e));
    cr_expect(weights_n_tensors(a) == weights_n_tensors(b), "%s: %lld tensors, expected %lld", what,
              (long long)weights_n_tensors(b), (long long)weights_n_tensors(a));
    for (int64_t i = 0; i < weights_n_tensors(a); i++) {
        const struct tensor *x = weights_tensor_at(a, i), *y = weights_tensor(b, x->name);
        cr_assert(y, "%s: no tensor %s", what, x->name);
        if (x->m.fmt != y->m.fmt && (strstr(x->name, "position_embd") || strstr(x->name, ".wpe.")))
            continue; /* always F32 in a GGUF */
        cr_expect(x->m.fmt == y->m.fmt && x->n_dims == y->n_dims && !memcmp(x->dims, y->dims, sizeof x->dims), "%s: shape of %s",
                  what, x->name);
        cr_expect(x->bytes == y->bytes && !memcmp(x->m.data, y->m.data, x->bytes), "%s: bytes of %s", what, x->name);
    }
    weights_close(a), weights_close(b);
}

/* Every key of a GGUF but those of `but` has the same value in b. */
static void expect_same_keys(const char *pa, const char *pb, const char *what) {
    struct weights *a = NULL, *b = NULL;
    struct meta_value x, y;
    OK(weights_open(&a, pa, &e));
    OK(weights_open(&b, pb, &e));
    for (int64_t i = 0; i < meta_count(a); i++) {
        const char *key = meta_key_at(a, i, &x);
        cr_assert(meta_get(b, key, &y), "%s: no key %s", what, key);
        cr_expect(x.type == y.type && x.count == y.count, "%s: type of %s", what, key);
        if (x.type == META_STR) cr_expect(x.v.str.n == y.v.str.n && !strcmp(x.v.str.s, y.v.str.s), "%s: %s", what, key);
        if (x.type == META_U64) cr_expect(x.v.u == y.v.u, "%s: %s is %llu", what, key, (unsigned long long)y.v.u);
        if (x.type == META_F64) cr_expect(x.v.f == y.v.f, "%s: %s is %.9g, expected %.9g", what, key, y.v.f, x.v.f);
        if (x.type == META_BOOL) cr_expect(x.v.b == y.v.b, "%s: %s", what, key);
    }
    weights_close(a), weights_close(b);
}

/* ---- every tiny model, there and back ---- */

/* Halves and pairs are one sum in another order, so logits are near; rows that are not permuted give the same bytes. */
static void there_and_back(const struct tiny *t, enum fmt f) {
    char what[100];
    snprintf(what, sizeof what, "%s %s", t->name, fmt_find((int)f)->name);
    const char *file = keep(tiny_gguf(t, f)), *folder, *back, *again;
    int pairs = is_family(t, "llama") || is_family(t, "mistral");
    folder = folder_of(file, -1, 0);
    expect_same_logits(folder, file, t->V, pairs ? 1e-5 : 1e-6, what);
    back = gguf_from(folder, -1);
    expect_same_logits(back, file, t->V, t->scaling == ROPE_SCALE_LLAMA3 ? 1e-6 : 0, what);
    if (t->scaling != ROPE_SCALE_LLAMA3) expect_same_tensors(file, back, what); /* its factors are made anew: see below */
    expect_same_keys(file, back, what);
    again = folder_of(back, -1, 0);
    expect_same_tensors(folder, again, what);
}

Test(convert, every_shape_there_and_back) {
    static const enum fmt formats[] = {FMT_F32, FMT_F16, FMT_BF16};
    for (size_t k = 0; k < sizeof formats / sizeof *formats; k++) {
        for (int i = 0; i < N_TINIES; i++)
            if (!tinies[i].rot) there_and_back(&tinies[i], formats[k]);
        for (int i = 0; i < N_SCORE_TINIES; i++) there_and_back(&score_tinies[i], formats[k]);
    }
}

/* Llama 3's scaling: the tensor of a file becomes keys of a folder, and the same tensor again. */
Test(convert, llama3_scaling_has_names) {
    const struct tiny *t = tiny_find("llama_llama3");
    const char *file = keep(tiny_gguf(t, FMT_F32)), *folder = folder_of(file, -1, 0), *back = gguf_from(folder, -1);
    struct weights *w = NULL, *a = NULL, *b = NULL;
    struct meta_str type;
    double factor = 0;
    int64_t ctx = 0;
    OK(weights_open(&w, folder, &e));
    cr_assert(meta_str(w, "hf.rope_scaling.rope_type", &type, NULL) == 1 && !strcmp(type.s, "llama3"));
    cr_expect(meta_f64(w, "hf.rope_scaling.factor", &factor, NULL) == 1 && factor == 8);
    cr_expect(meta_i64(w, "hf.rope_scaling.original_max_position_embeddings", &ctx, NULL) == 1 && ctx == 256);
    OK(weights_open(&a, file, &e));
    OK(weights_open(&b, back, &e));
    const struct tensor *x = weights_tensor(a, "rope_freqs.weight"), *y = weights_tensor(b, "rope_freqs.weight");
    cr_assert(x && y && x->bytes == y->bytes);
    const float *p = x->m.data, *q = y->m.data;
    for (int64_t i = 0; i < x->dims[0]; i++) cr_expect(fabsf(p[i] - q[i]) <= 1e-6f * p[i], "factor %lld", (long long)i);
    weights_close(w), weights_close(a), weights_close(b);
}

/* Quantised matrices become bf16 in a folder, or what is asked for; the numbers are those of the blocks. */
Test(convert, quantised_to_folder) {
    for (int i = 0; i < N_BLOCK_TINIES; i++) {
        const char *file = keep(tiny_gguf(&block_tinies[i], FMT_Q8_0));
        expect_same_logits(folder_of(file, FMT_F32, 0), file, block_tinies[i].V, 1e-5, block_tinies[i].name);
        const char *folder = folder_of(file, -1, 0);
        struct weights *w = NULL;
        OK(weights_open(&w, folder, &e));
        for (int64_t k = 0; k < weights_n_tensors(w); k++) {
            const struct tensor *x = weights_tensor_at(w, k);
            cr_expect(x->m.fmt == (x->n_dims == 2 ? FMT_BF16 : FMT_F32), "%s", x->name);
        }
        weights_close(w);
    }
}

/* Another type: matrices are rounded, vectors of a GGUF stay F32. */
Test(convert, other_types) {
    const struct tiny *t = tiny_find("llama_bias");
    const char *folder = folder_of(keep(tiny_gguf(t, FMT_F32)), -1, 0), *half = gguf_from(folder, FMT_F16);
    struct weights *w = NULL;
    int64_t type = -1;
    OK(weights_open(&w, half, &e));
    cr_expect(meta_i64(w, "general.file_type", &type, NULL) == 1 && type == 1);
    for (int64_t k = 0; k < weights_n_tensors(w); k++) {
        const struct tensor *x = weights_tensor_at(w, k);
        cr_expect(x->m.fmt == (x->n_dims == 2 ? FMT_F16 : FMT_F32), "%s", x->name);
    }
    weights_close(w);
    expect_same_tensors(half, gguf_from(folder_of(half, -1, 0), -1), "F16 again");
    expect_same_tensors(half, keep(tiny_gguf(t, FMT_F16)), "F16 of the same model");
}

/* Shards: several files and an index, each tensor in one, and the model is the same. */
Test(convert, shards) {
    const struct tiny *t = tiny_find("qwen3_blocks");
    const char *file = keep(tiny_gguf(t, FMT_F32)), *one = folder_of(file, -1, 0), *many = folder_of(file, -1, 20000);
    cr_expect(visible_files(one, 0) == 2, "%d files", visible_files(one, 0));
    cr_expect(visible_files(many, 0) > 4 && file_exists(in_dir(many, "model.safetensors.index.json")), "%d files",
              visible_files(many, 0));
    cr_expect(!file_exists(in_dir(many, "model.safetensors")));
    expect_same_tensors(one, many, "shards");
    expect_same_logits(one, many, t->V, 0, "shards");
}

/* ---- reward models ---- */

/* The keys of a ranking head are what llama.cpp's files have, and a bias of the score is added to it. */
Test(convert, score_heads) {
    const struct tiny *t = tiny_find("qwen3_score");
    const char *file = keep(tiny_gguf(t, FMT_F32)), *biased = fresh(".gguf");
    struct weights *w = NULL;
    struct gguf_writer *g = NULL;
    struct meta_value v;
    struct meta_str label;
    int64_t pooling = 0, n = 0, one = 1;
    const float bias = 0.5f;
    OK(weights_open(&w, file, &e));
    cr_expect(meta_i64(w, "qwen3.pooling_type", &pooling, NULL) == 1 && pooling == 4);
    OK(meta_arr_str(w, "qwen3.classifier.output_labels", 0, &label, &e));
    cr_expect(!strcmp(label.s, "LABEL_0"));
    OK(gguf_writer_new(&g, &e));
    for (int64_t i = 0; i < meta_count(w); i++) gguf_put_copy(g, w, meta_key_at(w, i, &v));
    for (int64_t i = 0; i < weights_n_tensors(w); i++) {
        const struct tensor *x = weights_tensor_at(w, i);
        const char *name = strcmp(x->name, "cls.output.weight") ? x->name : "score.weight"; /* a spelling that is met, too */
        gguf_put_tensor(g, name, x->m.fmt, x->n_dims, x->dims, x->m.data);
    }
    gguf_put_tensor(g, "cls.output.bias", FMT_F32, 1, &one, &bias);
    OK(gguf_writer_commit(g, biased, &e));
    double *a = logits_of(file, t->V, &n), *b = logits_of(biased, t->V, &n);
    for (int64_t i = 0; i < n; i++) cr_expect(fabs(b[i] - a[i] - 0.5) < 1e-5, "score %g, with the bias %g", a[i], b[i]);
    cr_expect(n == T && max_abs(a, n) > 1e-3);
    expect_same_logits(gguf_from(folder_of(biased, -1, 0), -1), biased, t->V, 0, "a score with a bias");
    struct weights *folder = NULL;
    OK(weights_open(&folder, folder_of(biased, -1, 0), &e));
    cr_expect(weights_tensor(folder, "score.weight") && weights_tensor(folder, "score.bias") &&
              !weights_tensor(folder, "lm_head.weight"));
    OK(meta_arr_str(folder, "hf.architectures", 0, &label, &e));
    cr_expect(!strcmp(label.s, "Qwen3ForSequenceClassification"), "%s", label.s);
    free(a), free(b), gguf_writer_free(g), weights_close(w), weights_close(folder);
}

/* ---- refusals ---- */

/* A copy of a GGUF with a tensor left out, another shape, or another tensor. */
static const char *gguf_with(const char *file, const char *drop, const char *add, int64_t rows, int64_t cols) {
    static const float zeros[4096];
    const char *out = fresh(".gguf");
    struct weights *w = NULL;
    struct gguf_writer *g = NULL;
    struct meta_value v;
    int64_t dims[2] = {rows, cols};
    OK(weights_open(&w, file, &e));
    OK(gguf_writer_new(&g, &e));
    for (int64_t i = 0; i < meta_count(w); i++) gguf_put_copy(g, w, meta_key_at(w, i, &v));
    for (int64_t i = 0; i < weights_n_tensors(w); i++) {
        const struct tensor *x = weights_tensor_at(w, i);
        if (!drop || strcmp(x->name, drop) != 0) gguf_put_tensor(g, x->name, x->m.fmt, x->n_dims, x->dims, x->m.data);
    }
    cr_assert(rows * cols <= 4096);
    if (add) gguf_put_tensor(g, add, FMT_F32, 2, dims, zeros);
    OK(gguf_writer_commit(g, out, &e));
    gguf_writer_free(g), weights_close(w);
    return out;
}

static void refuse_folder(const char *in, int code, const char *says) {
    struct err err = ERR_INIT;
    const char *out = fresh("");
    int rc = try_folder(in, out, -1, 0, &err);
    cr_expect(rc == code && strstr(err.msg, says), "expected %s, \"%s\", found %s, %s", err_name(code), says, err_name(rc),
              err.msg);
    cr_expect(!dir_exists(out) && !file_exists(out));
}

static void refuse_gguf(const char *in, int code, const char *says) {
    struct err err = ERR_INIT;
    const char *out = fresh(".gguf");
    int rc = try_gguf(in, out, -1, &err);
    cr_expect(rc == code && strstr(err.msg, says), "expected %s, \"%s\", found %s, %s", err_name(code), says, err_name(rc),
              err.msg);
    cr_expect(!file_exists(out));
}

Test(convert, refuses_files) {
    const struct tiny *t = tiny_find("llama"), *s = tiny_find("llama_score");
    const char *file = keep(tiny_gguf(t, FMT_F32)), *score = keep(tiny_gguf(s, FMT_F32));
    refuse_folder(gguf_with(file, "blk.1.ffn_up.weight", NULL, 0, 0), ERR_FORMAT, "expected tensor blk.1.ffn_up.weight");
    refuse_folder(gguf_with(file, "blk.1.ffn_up.weight", "blk.1.ffn_up.weight", t->F, t->C + 1), ERR_FORMAT,
                  "expected shape [20, 12], found [20, 13]");
    refuse_folder(gguf_with(file, NULL, "blk.0.ffn_gate_inp.weight", 4, 4), ERR_UNSUPPORTED, "blk.0.ffn_gate_inp.weight");
    refuse_folder(gguf_with(score, "cls.output.weight", "cls.output.weight", 2, s->C), ERR_UNSUPPORTED,
                  "expected a reward model of 1 label, found 2: LABEL_0");
    refuse_folder(gguf_with(score, NULL, "cls.weight", s->C, s->C), ERR_UNSUPPORTED, "tensor cls.weight");
    refuse_folder(keep(tiny_gguf(tiny_find("llama_partial_rope"), FMT_F32)), ERR_UNSUPPORTED, "4 of 6 numbers are rotated");
}

Test(convert, refuses_folders) {
    static const struct {
        const char *config;
        int code;
        const char *says;
    } c[] = {
        {"{\"model_type\": \"phi3\"}", ERR_UNSUPPORTED, "(llama, mistral, qwen2, qwen3, gpt2), found \"phi3\""},
        {"{\"model_type\": \"llama\", \"quantization_config\": {\"quant_method\": \"gptq\"}}", ERR_UNSUPPORTED, "found \"gptq\""},
        {"{\"model_type\": \"llama\", \"architectures\": [\"LlamaForTokenClassification\"]}", ERR_UNSUPPORTED,
         "found \"LlamaForTokenClassification\""},
        {"{\"model_type\": \"llama\"}", ERR_FORMAT, "hf.num_hidden_layers"},
        {"{\"model_type\": 7}", ERR_FORMAT, "hf.model_type"},
        {"{}", ERR_FORMAT, "model_type"},
        {"[", ERR_FORMAT, "JSON"},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        const char *dir = folder_of(keep(tiny_gguf(tiny_find("llama"), FMT_F32)), -1, 0);
        write_file(in_dir(dir, "config.json"), c[i].config);
        refuse_gguf(dir, c[i].code, c[i].says);
    }
    /* a reward model by its name, without the score */
    const char *dir = folder_of(keep(tiny_gguf(tiny_find("llama"), FMT_F32)), -1, 0);
    char *text = NULL;
    size_t n = 0;
    OK(file_read(&text, &n, in_dir(dir, "config.json"), 0, &e));
    char *at = strstr(text, "LlamaForCausalLM"), *edited = malloc(n + 64);
    cr_assert(at);
    snprintf(edited, n + 64, "%.*sLlamaForSequenceClassification%s", (int)(at - text), text, at + 16);
    write_file(in_dir(dir, "config.json"), edited);
    free(text), free(edited);
    refuse_gguf(dir, ERR_FORMAT, "expected tensor cls.output.weight");
    remove(in_dir(dir, "config.json"));
    refuse_gguf(dir, ERR_FORMAT, "expected config.json");
}

/* A tensor of a type that is not read is not "missing": it is named with its type. */
Test(convert, unread_types_are_named) {
    const char *dir = folder_of(keep(tiny_gguf(tiny_find("llama"), FMT_F32)), -1, 0);
    char *bytes = NULL;
    size_t n = 0;
    OK(file_read(&bytes, &n, in_dir(dir, "model.safetensors"), 0, &e));
    static const char key[] = "\"model.layers.1.mlp.up_proj.weight\":{\"dtype\":\"F32\"";
    char *at = memmem(bytes, n, key, sizeof key - 1);
    cr_assert(at);
    memcpy(memmem(at, 60, "F32", 3), "I32", 3);
    write_bytes(in_dir(dir, "model.safetensors"), bytes, n);
    free(bytes);
    refuse_gguf(dir, ERR_UNSUPPORTED, "tensor model.layers.1.mlp.up_proj.weight: expected F32, F16, BF16 or F64, found I32");
}

/* F16 has no room for a number: said, with the tensor, and nothing is left. */
Test(convert, too_large_for_f16) {
    struct device *d = tiny_device(1, 0);
    struct model *m = tiny_new(d, tiny_find("qwen2"));
    struct gguf_writer *g = NULL;
    void **keep = NULL;
    struct err err = ERR_INIT;
    const char *file = fresh(".gguf"), *out = fresh("");
    for (int i = 0; i < model_n_params(m); i++)
        if (!strcmp(model_param(m, i)->name, "blk.1.ffn_down.weight")) dev_set1(d, model_param(m, i)->value, 3, 1e6);
    OK(gguf_writer_new(&g, &e));
    OK(model_put(g, m, FMT_F32, &keep, &e));
    OK(gguf_writer_commit(g, file, &e));
    gguf_writer_free(g), model_put_free(m, keep), model_close(m), dev_close(d);
    int rc = try_folder(file, out, FMT_F16, 0, &err);
    cr_expect(rc == ERR_RANGE && strstr(err.msg, "blk.1.ffn_down.weight") && strstr(err.msg, "1e+06"), "%s", err.msg);
    cr_expect(!dir_exists(out));
    OK(try_folder(file, out, FMT_BF16, 0, &e));
}

/* What a user has in a folder stays. */
Test(convert, folders_are_not_replaced) {
    const char *file = keep(tiny_gguf(tiny_find("llama"), FMT_F32)), *out = fresh("");
    struct err err = ERR_INIT;
    OK(try_folder(file, out, -1, 0, &e));
    int rc = try_folder(file, out, -1, 0, &err);
    cr_expect(rc == ERR_IO && strstr(err.msg, "does not exist or is empty"), "%s", err.msg);
    struct dir_out d = {0};
    char path[400];
    OK(dir_out_open(&d, out, 1, &e));
    OK(dir_out_name(&d, "more", path, sizeof path, &e));
    write_file(path, "x");
    dir_out_abort(&d);
    cr_expect(visible_files(out, 0) == 3, "force wrote in place, and an abort removed nothing of it");
    cr_expect(dir_out_open(&d, file, 0, &err) == ERR_IO && strstr(err.msg, "found a file"), "%s", err.msg);
    cr_expect(dir_out_open(&d, "", 0, &err) == ERR_ARG);
}

static int stop_at_once(void) { return 1; }

Test(convert, interrupted) {
    struct convert_opts o = {.type = -1, .stop = stop_at_once};
    struct weights *w = NULL;
    struct convert *c = NULL;
    struct gguf_writer *g = NULL;
    struct device *d = tiny_device(1, 0);
    struct err err = ERR_INIT;
    const char *out = fresh(".gguf");
    OK(weights_open(&w, folder_of(keep(tiny_gguf(tiny_find("llama"), FMT_F32)), -1, 0), &e));
    OK(convert_open(&c, d, w, &o, &e));
    OK(gguf_writer_new(&g, &e));
    OK(convert_put_gguf(c, g, "tiny", &e));
    cr_expect(gguf_writer_commit(g, out, &err) == ERR_CANCELLED, "%s", err.msg);
    cr_expect(!file_exists(out));
    gguf_writer_free(g), convert_free(c), weights_close(w), dev_close(d);
}

/* The writer of safetensors refuses what its reader would. */
static int zeros(void *ctx, int64_t row, int64_t n, void *dst, struct err *e) {
    (void)row, (void)e;
    memset(dst, 0, (size_t)n * *(size_t *)ctx);
    return 0;
}

Test(convert, safetensors_writer) {
    static const struct {
        const char *name;
        enum fmt f;
        int n_dims;
        int64_t d0;
        const char *says;
    } c[] = {{"", FMT_F32, 1, 1, "name"},          {"a", FMT_Q8_0, 1, 32, "Q8_0"},         {"a", FMT_F32, 0, 1, "dimensions"},
             {"a", FMT_F32, 1, 0, "at least 1"},   {"b", FMT_F32, 1, 2, "each name once"}, {"a", FMT_F32, 5, 1, "dimensions"},
             {"a", (enum fmt)99, 1, 1, "unknown"}, {"a\xFF", FMT_F32, 1, 1, "UTF-8"}};
    size_t bytes = 4 * 3;
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        struct st_writer *s = NULL;
        struct dir_out d = {0};
        struct err err = ERR_INIT;
        int64_t dims[5] = {c[i].d0, 3, 1, 1, 1}, b[2] = {2, 3};
        const char *out = fresh("");
        OK(st_writer_new(&s, &e));
        OK(dir_out_open(&d, out, 0, &e));
        st_put_tensor(s, "b", FMT_F32, 2, b, zeros, &bytes);
        st_put_tensor(s, c[i].name, c[i].f, c[i].n_dims, dims, zeros, &bytes);
        cr_expect(st_writer_commit(s, &d, 0, &err) < 0 && strstr(err.msg, c[i].says), "%s: %s", c[i].says, err.msg);
        dir_out_abort(&d), st_writer_free(s);
        cr_expect(!dir_exists(out));
    }
}
