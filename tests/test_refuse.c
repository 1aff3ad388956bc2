/* What a file asks for and this engine does not compute is refused, not left out: keys with a meaning of their own, tensors no layer would
 * read. A GGUF that is fine is written again with one thing more. Folders: folders_refused in test_model_families.c. */
#include "base/dir_out.h"
#include "text/tok_save.h"
#include "tiny_models.h"

TestSuite(refuse, .timeout = HANG_S);

/* One thing more in a GGUF of the tiny llama (two layers). */
struct more {
    const char *why, *key;
    double value;
    int is_bool;
    const char *tensor;
    int64_t n; /* its length */
    int code;
    const char *says;
};

static const struct more mores[] = {
    {.why = "nothing more"},
    {.why = "no experts", .key = "llama.expert_count", .value = 0},
    {.why = "experts",
     .key = "llama.expert_count",
     .value = 8,
     .code = ERR_UNSUPPORTED,
     .says = "llama.expert_count: expected 0 (a model without experts), found 8"},
    {.why = "causal", .key = "llama.attention.causal", .value = 1, .is_bool = 1},
    {.why = "attention in both directions",
     .key = "llama.attention.causal",
     .value = 0,
     .is_bool = 1,
     .code = ERR_UNSUPPORTED,
     .says = "llama.attention.causal: expected 1"},
    {.why = "factor below 1 without a type",
     .key = "llama.rope.scaling.factor",
     .value = 0.5,
     .code = ERR_RANGE,
     .says = "factor: expected at least 1"},
    {.why = "a bias in one layer",
     .tensor = "blk.1.attn_q.bias",
     .n = 12,
     .code = ERR_UNSUPPORTED,
     .says = "expected biases of q, k and v in all layers or in none, found tensor blk.1.attn_q.bias"},
    {.why = "a bias of the keys alone",
     .tensor = "blk.0.attn_k.bias",
     .n = 12,
     .code = ERR_UNSUPPORTED,
     .says = "found tensor blk.0.attn_k.bias"},
    {.why = "a bias of the output of one layer",
     .tensor = "blk.1.attn_output.bias",
     .n = 12,
     .code = ERR_UNSUPPORTED,
     .says = "expected a bias of attn_output in all layers or in none"},
    {.why = "a bias of the way down alone",
     .tensor = "blk.0.ffn_down.bias",
     .n = 12,
     .code = ERR_UNSUPPORTED,
     .says = "expected biases of the feed-forward"},
    {.why = "a norm of queries in a family without",
     .tensor = "blk.0.attn_q_norm.weight",
     .n = 6,
     .code = ERR_UNSUPPORTED,
     .says = "expected a model without norms of queries and keys, found tensor blk.0.attn_q_norm.weight"},
    {.why = "a layer that is not counted",
     .tensor = "blk.2.attn_norm.weight",
     .n = 12,
     .code = ERR_UNSUPPORTED,
     .says = "expected 2 layers, as the configuration says, found tensor blk.2.attn_norm.weight"},
};

static const char *with(const struct more *x) {
    static const float zeros[64];
    struct gguf_writer *g = NULL;
    struct weights *w = NULL;
    const char *path = tmp_path("more.gguf");
    OK(weights_open(&w, tiny_gguf(tiny_find("llama"), FMT_F32), &e));
    OK(gguf_writer_new(&g, &e));
    for (int64_t i = 0; i < meta_count(w); i++) gguf_put_copy(g, w, meta_key_at(w, i, NULL));
    if (x->key && x->is_bool)
        gguf_put_bool(g, x->key, x->value != 0);
    else if (x->key)
        gguf_put_f32(g, x->key, (float)x->value);
    for (int64_t i = 0; i < weights_n_tensors(w); i++) {
        const struct tensor *t = weights_tensor_at(w, i);
        gguf_put_tensor(g, t->name, t->m.fmt, t->n_dims, t->dims, t->m.data);
    }
    if (x->tensor) gguf_put_tensor(g, x->tensor, FMT_F32, 1, &x->n, zeros);
    OK(gguf_writer_commit(g, path, &e));
    gguf_writer_free(g), weights_close(w);
    return path;
}

Test(refuse, what_is_not_computed) {
    for (size_t i = 0; i < sizeof mores / sizeof *mores; i++) {
        const struct more *x = &mores[i];
        struct device *d = tiny_device(1, 0);
        struct weights *w = NULL;
        struct model *m = NULL;
        struct err err = ERR_INIT;
        OK(weights_open(&w, with(x), &e));
        int rc = model_open(&m, d, w, 0, &err);
        cr_expect(rc == x->code, "%s: code %s (%s)", x->why, rc ? err_name(rc) : "none", err.msg);
        cr_expect(!x->says || (strstr(err.msg, x->says) && strstr(err.where, "more.gguf")), "%s: %s: %s", x->why, err.where,
                  err.msg);
        model_close(m), weights_close(w), dev_close(d);
    }
}

/* A factor without a type is linear scaling, under the newer and the older key; 0 and 1 are none. */
Test(refuse, scaling_without_a_type) {
    static const struct more files[] = {{.key = "llama.rope.scaling.factor", .value = 4},
                                        {.key = "llama.rope.scale_linear", .value = 4},
                                        {.key = "llama.rope.scaling.factor", .value = 0},
                                        {.key = "llama.rope.scale_linear", .value = 1}};
    for (int i = 0; i < 4; i++) {
        struct device *d = tiny_device(1, 0);
        struct weights *w = NULL;
        struct model *m = NULL;
        OK(weights_open(&w, with(&files[i]), &e));
        OK(model_open(&m, d, w, 0, &e));
        const struct rope_cfg *r = &model_cfg(m)->rope;
        cr_expect(r->scaling == (i < 2 ? ROPE_SCALE_LINEAR : ROPE_SCALE_NONE), "%s: scaling %d", files[i].key, (int)r->scaling);
        cr_expect(r->factor == (i < 2 ? 4 : 1), "%s: factor %g", files[i].key, r->factor);
        model_close(m), weights_close(w), dev_close(d);
    }
}

/* Every way to cut a piece in two is looked at when scores become merges: no piece may be so long that this never ends. */
Test(refuse, a_token_that_is_too_long) {
    static char text[2048];
    const struct meta_str pieces[] = {{"<unk>", 5}, {"<s>", 3}, {"</s>", 4}, {"a", 1}, {text, sizeof text}};
    const float scores[] = {0, 0, 0, -1, -2};
    const int32_t types[] = {2, 3, 3, 1, 1};
    struct gguf_writer *g = NULL;
    struct tokenizer *t = NULL;
    struct dir_out d = {0};
    struct err err = ERR_INIT;
    const char *path = tmp_path("long.gguf");
    memset(text, 'a', sizeof text);
    OK(gguf_writer_new(&g, &e));
    gguf_put_str(g, "tokenizer.ggml.model", "llama", 5);
    gguf_put_strs(g, "tokenizer.ggml.tokens", pieces, 5);
    gguf_put_f32s(g, "tokenizer.ggml.scores", scores, 5);
    gguf_put_i32s(g, "tokenizer.ggml.token_type", types, 5);
    OK(gguf_writer_commit(g, path, &e));
    OK(tokenizer_open(&t, path, &e));
    OK(dir_out_open(&d, tmp_path("long"), 0, &e));
    cr_expect(tokenizer_put_dir(&d, t, NULL, &err) == ERR_LIMIT && strstr(err.msg, "expected tokens of at most"), "%s", err.msg);
    dir_out_abort(&d), tokenizer_free(t), gguf_writer_free(g);
}

/* An input is known under any name, so that no output replaces it. */
Test(refuse, an_input_under_another_name) {
    struct weights *w = NULL;
    const char *file = tiny_gguf(tiny_find("llama"), FMT_F32), *link_to = tmp_path("link.gguf"), *hard = tmp_path("hard.gguf");
    cr_assert(symlink(file, link_to) == 0 && link(file, hard) == 0);
    OK(weights_open(&w, file, &e));
    cr_expect(weights_is_file(w, file) && weights_is_file(w, link_to) && weights_is_file(w, hard));
    cr_expect(!weights_is_file(w, tmp_path("none.gguf")) && !weights_is_file(w, tmp_path("more.gguf")));
    weights_close(w);
}
