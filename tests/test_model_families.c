/* Families and files: logits of every family against an independent double decoder (plain_decoder.h), from memory, from GGUF in every storage
 * format and from Hugging Face folders; the configuration read back; greedy ids and mean NLL of stories260K; and what is refused at open. */
#include "plain_decoder.h"
#include <jansson.h>

TestSuite(model_families, .timeout = HANG_S);

static const char *const isas[] = {"ref", "avx2", "avx512"};
enum { T = 21 };

/* ---- logits against the plain decoder ---- */

static double *logits_of(const struct model *m, const int32_t *ids, int64_t n) {
    struct rig r = rig_open(m, n, 8);
    rig_run(&r, 0, ids, n, 0, NULL, NULL);
    OK(model_logits(m, r.h, n, NULL, r.logits, &e));
    double *y = fetch_nums(r.d, r.logits, n * model_n_out(m));
    rig_close(&r);
    return y;
}

static void expect_logits(const struct model *m, const int32_t *ids, int64_t n, const double *want, double tol,
                          const char *what) {
    double *got = logits_of(m, ids, n), bad = rel_diff(got, want, n * model_n_out(m));
    cr_expect(bad <= tol, "%s on %s: logits differ by %.3g of the largest, more than %g", what, model_device(m)->name, bad, tol);
    if (getenv("CANDOR_TEST_FIGURES")) printf("# %-40s %-7s %.2e\n", what, model_device(m)->name, bad);
    free(got);
}

/* On every device; want comes from the same weights. */
static void expect_everywhere(const struct weights *w, const int32_t *ids, int64_t n, const double *want, const char *what) {
    for (int k = 0; k <= 3; k++) {
        struct device *d = k < 3 ? isa_device(isas[k], 2) : tiny_device(1, 1);
        struct model *m = NULL;
        OK(model_open(&m, d, w, 0, &e));
        expect_logits(m, ids, n, want, k < 3 ? 1e-4 : 1e-12, what);
        model_close(m), dev_close(d);
    }
}

Test(model_families, logits_in_memory) {
    int32_t ids[T];
    for (int i = 0; i < N_TINIES + N_BLOCK_TINIES; i++) {
        const struct tiny *t = i < N_TINIES ? &tinies[i] : &block_tinies[i - N_TINIES];
        tiny_ids(ids, T, t->V, 2);
        for (int k = 0; k <= 3; k++) {
            struct device *d = k < 3 ? isa_device(isas[k], 2) : tiny_device(1, 1);
            struct model *m = tiny_new(d, t);
            double *want = plain_logits(model_cfg(m), &(struct source){.m = m}, ids, T);
            expect_logits(m, ids, T, want, k < 3 ? 1e-4 : 1e-12, t->name);
            free(want), model_close(m), dev_close(d);
        }
    }
}

/* ---- GGUF ---- */

/* What was written is what is read, number by number (floats of the file, so epsilon and base as floats). */
static void expect_cfg(const struct model_cfg *a, const struct model_cfg *b, const char *what) {
#define SAME(f) cr_expect(a->f == b->f, "%s: " #f " is %g, expected %g", what, (double)a->f, (double)b->f)
    cr_expect(a->family == b->family, "%s: family %s", what, a->family->name);
    SAME(n_layer);
    SAME(n_head);
    SAME(n_kv);
    SAME(head_dim);
    SAME(n_embd);
    SAME(n_ff);
    SAME(n_vocab);
    SAME(n_ctx);
    SAME(norm);
    SAME(norm_eps);
    SAME(act);
    SAME(gated);
    SAME(qkv_bias);
    SAME(out_bias);
    SAME(ffn_bias);
    SAME(qk_norm);
    SAME(learned_pos);
    SAME(tied);
    SAME(window);
    SAME(rope.dims);
    SAME(rope.base);
    if (b->rope.scaling == ROPE_SCALE_NONE) return;
    SAME(rope.factor);
    if (b->rope.scaling != ROPE_SCALE_LINEAR) SAME(rope.orig_ctx);
#undef SAME
}

static void gguf_of(const struct tiny *t, enum fmt f) {
    struct weights *w = NULL;
    struct device *d = tiny_device(1, 0);
    struct model *m = NULL;
    struct model_cfg c = tiny_cfg(t);
    int32_t ids[T];
    char what[80];
    snprintf(what, sizeof what, "%s, GGUF %s", t->name, fmt_find((int)f)->name);
    tiny_ids(ids, T, t->V, 2);
    OK(weights_open(&w, tiny_gguf(t, f), &e));
    OK(model_open(&m, d, w, 0, &e));
    if (c.family->gguf) c.family = family_find(c.family->gguf);            /* Mistral is written as a Llama with a window */
    if (t->scaling == ROPE_SCALE_LLAMA3) c.rope.scaling = ROPE_SCALE_NONE; /* travels as a tensor */
    expect_cfg(model_cfg(m), &c, what);
    double *want = plain_logits(model_cfg(m), &(struct source){.w = w}, ids, T);
    expect_everywhere(w, ids, T, want, what);
    free(want), model_close(m), weights_close(w), dev_close(d);
}

Test(model_families, gguf_f32_of_every_shape) {
    for (int i = 0; i < N_TINIES; i++) gguf_of(&tinies[i], FMT_F32), gguf_of(&tinies[i], FMT_F16);
}

Test(model_families, gguf_of_every_format) {
    const struct fmt_row *f;
    for (int k = 0; (f = fmt_at(k)); k++) {
        for (int i = 0; f->block <= 32 && i < N_BLOCK_TINIES; i++) gguf_of(&block_tinies[i], f->id);
        for (int i = 0; f->block > 32 && i < N_SUPER_TINIES; i++) gguf_of(&super_tinies[i], f->id);
        for (int i = 0; i < N_SCORE_TINIES; i++)
            if (score_tinies[i].C % f->block == 0 && (f->block > 32) == (score_tinies[i].C == 256))
                gguf_of(&score_tinies[i], f->id);
    }
}

/* The file says what the model in memory says. */
Test(model_families, gguf_equals_memory) {
    for (int i = 0; i < N_TINIES; i++) {
        struct device *d = tiny_device(1, 0);
        struct model *made = tiny_new(d, &tinies[i]), *read = NULL;
        struct weights *w = NULL;
        int32_t ids[T];
        tiny_ids(ids, T, tinies[i].V, 2);
        OK(weights_open(&w, tiny_gguf(&tinies[i], FMT_F32), &e));
        OK(model_open(&read, d, w, 0, &e));
        double *want = logits_of(made, ids, T);
        expect_logits(read, ids, T, want, tinies[i].scaling ? 1e-5 : 0, tinies[i].name); /* the factors are floats in the file */
        free(want), model_close(made), model_close(read), weights_close(w), dev_close(d);
    }
}

/* ---- Hugging Face folders ---- */

/* Names as transformers writes them, kept apart from the room's own table on purpose. */
static const char *const hf_llama[][2] = {{"token_embd.weight", "model.embed_tokens.weight"},
                                          {"output_norm.weight", "model.norm.weight"},
                                          {"output.weight", "lm_head.weight"},
                                          {"cls.output.weight", "score.weight"},
                                          {"attn_norm.weight", "input_layernorm.weight"},
                                          {"attn_q.weight", "self_attn.q_proj.weight"},
                                          {"attn_k.weight", "self_attn.k_proj.weight"},
                                          {"attn_v.weight", "self_attn.v_proj.weight"},
                                          {"attn_output.weight", "self_attn.o_proj.weight"},
                                          {"attn_q.bias", "self_attn.q_proj.bias"},
                                          {"attn_k.bias", "self_attn.k_proj.bias"},
                                          {"attn_v.bias", "self_attn.v_proj.bias"},
                                          {"attn_output.bias", "self_attn.o_proj.bias"},
                                          {"attn_q_norm.weight", "self_attn.q_norm.weight"},
                                          {"attn_k_norm.weight", "self_attn.k_norm.weight"},
                                          {"ffn_norm.weight", "post_attention_layernorm.weight"},
                                          {"ffn_gate.weight", "mlp.gate_proj.weight"},
                                          {"ffn_up.weight", "mlp.up_proj.weight"},
                                          {"ffn_down.weight", "mlp.down_proj.weight"},
                                          {"ffn_gate.bias", "mlp.gate_proj.bias"},
                                          {"ffn_up.bias", "mlp.up_proj.bias"},
                                          {"ffn_down.bias", "mlp.down_proj.bias"},
                                          {NULL, NULL}};
static const char *const hf_gpt2[][2] = {{"token_embd.weight", "transformer.wte.weight"},
                                         {"position_embd.weight", "transformer.wpe.weight"},
                                         {"output_norm.weight", "transformer.ln_f.weight"},
                                         {"output_norm.bias", "transformer.ln_f.bias"},
                                         {"output.weight", "lm_head.weight"},
                                         {"attn_norm.weight", "ln_1.weight"},
                                         {"attn_norm.bias", "ln_1.bias"},
                                         {"attn_qkv.weight", "attn.c_attn.weight"},
                                         {"attn_qkv.bias", "attn.c_attn.bias"},
                                         {"attn_output.weight", "attn.c_proj.weight"},
                                         {"attn_output.bias", "attn.c_proj.bias"},
                                         {"ffn_norm.weight", "ln_2.weight"},
                                         {"ffn_norm.bias", "ln_2.bias"},
                                         {"ffn_up.weight", "mlp.c_fc.weight"},
                                         {"ffn_up.bias", "mlp.c_fc.bias"},
                                         {"ffn_down.weight", "mlp.c_proj.weight"},
                                         {"ffn_down.bias", "mlp.c_proj.bias"},
                                         {NULL, NULL}};

static int hf_name(char *out, size_t size, const struct tiny *t, const char *gguf) {
    const char *const(*names)[2] = is_family(t, "gpt2") ? hf_gpt2 : hf_llama;
    const char *tail = gguf;
    int layer = -1, at = 0;
    if (sscanf(gguf, "blk.%d.%n", &layer, &at) == 1) tail = gguf + at;
    for (; (*names)[0]; names++)
        if (!strcmp((*names)[0], tail)) {
            if (layer < 0) return snprintf(out, size, "%s", (*names)[1]);
            return snprintf(out, size, is_family(t, "gpt2") ? "transformer.h.%d.%s" : "model.layers.%d.%s", layer, (*names)[1]);
        }
    cr_assert(0, "no Hugging Face name for %s", gguf);
    return -1;
}

/* The parameter as transformers stores it: Llama's wq and wk with halves rotated, GPT-2's matrices [in, out]. Returns 1 if turned. */
static int hf_values(float *y, const struct tiny *t, const struct model *m, const struct param *p) {
    int64_t rows = p->dims[0], cols = p->n_dims == 2 ? p->dims[1] : 1, half = t->D / 2;
    int permute =
        (is_family(t, "llama") || is_family(t, "mistral")) && (name_has(p->name, "attn_q.") || name_has(p->name, "attn_k."));
    int turn = is_family(t, "gpt2") && p->n_dims == 2 && name_has(p->name, "blk.");
    for (int64_t r = 0; r < rows; r++) {
        int64_t i = r % t->D, from = !permute ? r : r - i + (i < half ? 2 * i : 2 * (i - half) + 1);
        for (int64_t c = 0; c < cols; c++)
            y[turn ? c * rows + r : r * cols + c] = (float)dev_get1(model_device(m), p->value, from * cols + c);
    }
    return turn;
}

static void field(FILE *f, const char *extra, const char *key, const char *value) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    if (!strstr(extra, quoted)) fprintf(f, "%s: %s,\n", quoted, value);
}
static void number(FILE *f, const char *extra, const char *key, double value) {
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    field(f, extra, key, text);
}

/* extra: further fields, which win over those below. */
static void hf_config(const char *path, const struct tiny *t, const char *extra) {
    FILE *f = fopen(path, "w");
    int gpt = is_family(t, "gpt2");
    char text[300];
    cr_assert(f);
    fputs("{\n", f);
    snprintf(text, sizeof text, "\"%s\"", t->family);
    field(f, extra, "model_type", text);
    number(f, extra, gpt ? "n_layer" : "num_hidden_layers", t->L), number(f, extra, gpt ? "n_head" : "num_attention_heads", t->H);
    number(f, extra, gpt ? "n_embd" : "hidden_size", t->C),
        number(f, extra, gpt ? "n_positions" : "max_position_embeddings", TINY_CTX);
    number(f, extra, gpt ? "n_inner" : "intermediate_size", t->F),
        number(f, extra, gpt ? "layer_norm_epsilon" : "rms_norm_eps", 1e-5f);
    field(f, extra, gpt ? "activation_function" : "hidden_act", gpt ? "\"gelu_new\"" : "\"silu\"");
    if (!gpt) {
        number(f, extra, "num_key_value_heads", t->G), number(f, extra, "head_dim", t->D);
        field(f, extra, "tie_word_embeddings", t->tied ? "true" : "false");
        if (t->window)
            number(f, extra, "sliding_window", (double)t->window);
        else
            field(f, extra, "sliding_window", "null");
        if (t->bias) field(f, extra, "attention_bias", "true");
    }
    if (t->scaling == ROPE_SCALE_LINEAR) field(f, extra, "rope_scaling", "{\"type\": \"linear\", \"factor\": 4.0}");
    if (t->scaling == ROPE_SCALE_LLAMA3)
        field(f, extra, "rope_scaling",
              "{\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0,"
              " \"original_max_position_embeddings\": 256}");
    if (t->scaling == ROPE_SCALE_YARN)
        field(f, extra, "rope_scaling", "{\"rope_type\": \"yarn\", \"factor\": 4.0, \"original_max_position_embeddings\": 4096}");
    fprintf(f, "%s%s\"vocab_size\": %d\n}\n", extra, *extra ? ",\n" : "", t->V);
    cr_assert(!fclose(f));
}

/* One safetensors file; `drop` names a GGUF parameter to leave out. */
static void hf_tensors(const char *path, const struct tiny *t, const struct model *m, enum fmt fmt, const char *drop) {
    FILE *f = fopen(path, "wb");
    enum { HEAD = 65536 };
    char *head = malloc(HEAD), name[96];
    const struct fmt_row *row = fmt_find((int)fmt);
    uint64_t n = 0, at = 0;
    cr_assert(f);
    for (int pass = 0; pass < 2; pass++) {
        if (pass)
            head[n - 1] = '}', fwrite(&n, 8, 1, f), fwrite(head, 1, n, f);
        else
            head[n++] = '{';
        for (int i = 0; i < model_n_params(m); i++) {
            const struct param *p = model_param(m, i);
            if (drop && !strcmp(p->name, drop)) continue;
            float *y = malloc((size_t)p->count * 4);
            char *bytes = malloc((size_t)p->count * 4);
            int turned = hf_values(y, t, m, p);
            uint64_t size = (uint64_t)p->count * (uint64_t)row->bytes;
            row->from_f32(bytes, y, p->count);
            hf_name(name, sizeof name, t, p->name);
            if (pass)
                fwrite(bytes, 1, size, f);
            else {
                n += (uint64_t)snprintf(head + n, HEAD - n, "\"%s\":{\"dtype\":\"%s\",\"shape\":[%lld", name, row->name,
                                        (long long)p->dims[turned ? 1 : 0]);
                if (p->n_dims == 2) n += (uint64_t)snprintf(head + n, HEAD - n, ",%lld", (long long)p->dims[turned ? 0 : 1]);
                n += (uint64_t)snprintf(head + n, HEAD - n, "],\"data_offsets\":[%llu,%llu]},", (unsigned long long)at,
                                        (unsigned long long)(at + size));
                at += size;
            }
            free(y), free(bytes);
        }
    }
    cr_assert(!fclose(f));
    free(head);
}

/* A folder as a Hugging Face download leaves it. */
static const char *tiny_hf(const struct tiny *t, enum fmt fmt, const char *extra, const char *drop) {
    static int turn;
    char name[80], file[300];
    snprintf(name, sizeof name, "hf-%s-%d", t->name, turn++);
    const char *dir = tmp_path(name);
    struct device *d = tiny_device(1, 0);
    struct model *m = tiny_new(d, t);
    cr_assert(!mkdir(dir, 0755));
    snprintf(file, sizeof file, "%s/config.json", dir);
    hf_config(file, t, extra);
    snprintf(file, sizeof file, "%s/model.safetensors", dir);
    hf_tensors(file, t, m, fmt, drop);
    model_close(m), dev_close(d);
    return dir;
}

static int has_hf(const struct tiny *t) { return !t->rot; } /* transformers' Llama turns whole heads */

static void hf_of(const struct tiny *t, enum fmt f) {
    struct weights *folder = NULL, *file = NULL;
    struct device *d = tiny_device(1, 0);
    struct model *m = NULL;
    struct model_cfg c = tiny_cfg(t);
    int32_t ids[T];
    char what[80];
    tiny_ids(ids, T, t->V, 2);
    OK(weights_open(&folder, tiny_hf(t, f, "", NULL), &e));
    OK(weights_open(&file, tiny_gguf(t, f), &e));
    OK(model_open(&m, d, file, 0, &e));
    snprintf(what, sizeof what, "%s, folder %s", t->name, fmt_find((int)f)->name);
    double *want = plain_logits(model_cfg(m), &(struct source){.w = file}, ids, T);
    model_close(m);
    for (int k = 0; k < 3; k++) {
        struct device *dk = isa_device(isas[k], 2);
        OK(model_open(&m, dk, folder, 0, &e));
        if (!k) c.rope.style = ROPE_HALVES, expect_cfg(model_cfg(m), &c, what);
        /* norms and biases are float in the GGUF but of the folder's type in the folder */
        expect_logits(m, ids, T, want, f == FMT_F32 ? 1e-4 : 2e-2, what);
        model_close(m), dev_close(dk);
    }
    free(want), weights_close(folder), weights_close(file), dev_close(d);
}

Test(model_families, hugging_face_folders) {
    for (int i = 0; i < N_TINIES; i++)
        if (has_hf(&tinies[i])) hf_of(&tinies[i], FMT_F32), hf_of(&tinies[i], FMT_BF16);
}

/* A folder opened for training and written as GGUF answers as before: Llama's rows find their way back into pairs. */
Test(model_families, folder_to_gguf) {
    for (int i = 0; i < N_TINIES; i++) {
        const struct tiny *t = &tinies[i];
        if (!has_hf(t)) continue;
        struct device *d = tiny_device(1, 1);
        struct weights *folder = NULL, *file = NULL;
        struct model *a = NULL, *b = NULL;
        struct gguf_writer *g = NULL;
        void **keep = NULL;
        int32_t ids[T];
        const char *path = tmp_path("from-folder.gguf");
        tiny_ids(ids, T, t->V, 2);
        OK(weights_open(&folder, tiny_hf(t, FMT_F32, "", NULL), &e));
        OK(model_open(&a, d, folder, MODEL_TRAINABLE, &e));
        OK(gguf_writer_new(&g, &e));
        OK(model_put(g, a, FMT_F32, &keep, &e));
        OK(gguf_writer_commit(g, path, &e));
        OK(weights_open(&file, path, &e));
        OK(model_open(&b, d, file, 0, &e));
        double *want = logits_of(a, ids, T);
        expect_logits(b, ids, T, want, 1e-6, t->name);
        free(want), gguf_writer_free(g), model_put_free(a, keep), model_close(a), model_close(b);
        weights_close(folder), weights_close(file), dev_close(d);
    }
}

/* Opening for training gives the same answers as reading in place, and a score head of zeros where there is none. */
Test(model_families, trainable_copies) {
    for (int i = 0; i < N_BLOCK_TINIES; i++) {
        const struct tiny *t = &block_tinies[i];
        struct device *d = tiny_device(1, 1);
        struct weights *w = NULL;
        struct model *a = NULL, *b = NULL, *reward = NULL;
        int32_t ids[T];
        tiny_ids(ids, T, t->V, 2);
        OK(weights_open(&w, tiny_gguf(t, FMT_Q4_0), &e));
        OK(model_open(&a, d, w, 0, &e));
        OK(model_open(&b, d, w, MODEL_TRAINABLE, &e));
        double *want = logits_of(a, ids, T);
        expect_logits(b, ids, T, want, 1e-12, t->name);
        OK(model_open(&reward, d, w, MODEL_TRAINABLE | MODEL_SCORE, &e));
        double *score = logits_of(reward, ids, T);
        cr_expect(model_n_out(reward) == 1 && max_abs(score, T) == 0);
        struct err err = ERR_INIT;
        struct model *none = NULL;
        cr_expect(model_open(&none, d, w, MODEL_SCORE, &err) == ERR_FORMAT && strstr(err.msg, "score head"), "%s", err.msg);
        free(want), free(score), model_close(a), model_close(b), model_close(reward), weights_close(w), dev_close(d);
    }
}

/* ---- stories260K: ids and mean NLL made by other programs ---- */

#define STORY "models/stories260K/"

static int32_t best_id(struct device *d, const num *row, int64_t V) {
    int64_t best = 0;
    for (int64_t v = 1; v < V; v++)
        if (dev_get1(d, row, v) > dev_get1(d, row, best)) best = v;
    return (int32_t)best;
}

struct story {
    struct device *d;
    struct model *m;
    struct pass *p;
    void *pages[16];
    num *h, *row;
};

static void story_rows(struct story *s, const int32_t *ids, int64_t rows, int64_t pos0) {
    struct span sp = {0, rows, pos0, {s->pages, 32, FMT_F32}};
    struct batch b = {.T = rows, .ids = ids, .spans = &sp, .n_spans = 1};
    OK(model_forward(s->m, s->p, &b, NULL, NULL, s->h, &e));
}

static void story_check(struct story *s, const json_t *golden, double nll_tol, const char *what) {
    const json_t *jids = json_object_get(golden, "ids"), *greedy = json_object_get(golden, "greedy");
    int32_t ids[256];
    double coef[256], logp[256], sum = 0, want = json_real_value(json_object_get(golden, "mean_nll"));
    int64_t n = (int64_t)json_array_size(jids), C = model_cfg(s->m)->n_embd, V = model_cfg(s->m)->n_vocab, wrong = 0;
    for (int64_t i = 0; i < n; i++) ids[i] = (int32_t)json_integer_value(json_array_get(jids, (size_t)i)), coef[i] = 1;
    story_rows(s, ids, n, 0);
    OK(model_nll(s->m, s->p, s->h, n - 1, ids + 1, coef, logp, NULL, NULL, &e));
    for (int64_t i = 0; i < n - 1; i++) sum -= logp[i];
    cr_expect(fabs(sum / (double)(n - 1) - want) <= nll_tol, "%s: mean NLL %.6f, expected %.6f", what, sum / (double)(n - 1),
              want);
    num *last = num_at(s->d, s->h, (n - 1) * C);
    for (size_t i = 0; i < json_array_size(greedy); i++) {
        OK(model_logits(s->m, last, 1, NULL, s->row, &e));
        int32_t id = best_id(s->d, s->row, V);
        wrong += id != json_integer_value(json_array_get(greedy, i));
        story_rows(s, &id, 1, n++);
        last = s->h;
    }
    cr_expect(!wrong, "%s: %lld of 64 greedy ids differ", what, (long long)wrong);
    if (getenv("CANDOR_TEST_FIGURES"))
        printf("# %-40s mean NLL off by %.1e, %lld ids differ\n", what, fabs(sum / (double)(n - 65) - want), (long long)wrong);
}

static void story_of(const char *file, const char *isa, double nll_tol, const json_t *goldens) {
    struct weights *w = NULL;
    struct story s = {.d = isa ? isa_device(isa, 2) : tiny_device(1, 1)};
    char what[120];
    OK(weights_open(&w, data_path(file), &e));
    OK(model_open(&s.m, s.d, w, 0, &e));
    OK(pass_new(&s.p, s.m, 256, 1, 512, 0, &e));
    for (int i = 0; i < 16; i++) s.pages[i] = dev_alloc_bytes(s.d, model_kv_page_bytes(s.m, 32, FMT_F32));
    s.h = dev_alloc(s.d, 256 * model_cfg(s.m)->n_embd), s.row = dev_alloc(s.d, model_cfg(s.m)->n_vocab);
    for (size_t i = 0; i < json_array_size(goldens); i++) {
        snprintf(what, sizeof what, "%s on %s, prompt %zu", file, s.d->name, i);
        story_check(&s, json_array_get(goldens, i), nll_tol, what);
    }
    for (int i = 0; i < 16; i++) dev_free(s.d, s.pages[i]);
    dev_free(s.d, s.h), dev_free(s.d, s.row), pass_free(s.p), model_close(s.m), weights_close(w), dev_close(s.d);
}

Test(model_families, stories260K_goldens) {
    json_error_t je;
    if (access(data_path(STORY "golden.json"), R_OK)) cr_skip_test("no stories260K in CANDOR_TEST_DATA");
    json_t *goldens = json_load_file(data_path(STORY "golden.json"), 0, &je);
    cr_assert(goldens && json_array_size(goldens) == 4, "%s", je.text);
    for (int k = 0; k <= 3; k++) {
        const char *isa = k < 3 ? isas[k] : NULL;
        story_of(STORY "stories260K-f32.gguf", isa, 2e-5, goldens);
        story_of(STORY "stories260K-f16.gguf", isa, 2e-3, goldens);
        story_of(STORY "hf-f32", isa, 2e-5, goldens);
    }
    json_decref(goldens);
}

/* Real weights, f32 and f16, against the plain decoder on the same file. */
Test(model_families, stories260K_logits) {
    static const char *const files[] = {STORY "stories260K-f32.gguf", STORY "stories260K-f16.gguf"};
    if (access(data_path(files[0]), R_OK)) cr_skip_test("no stories260K in CANDOR_TEST_DATA");
    for (int i = 0; i < 2; i++) {
        struct weights *w = NULL;
        struct device *d = tiny_device(1, 0);
        struct model *m = NULL;
        int32_t ids[24] = {1,   403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315,
                           421, 395, 317, 426, 338, 401, 396, 267, 337, 410, 408, 419};
        OK(weights_open(&w, data_path(files[i]), &e));
        OK(model_open(&m, d, w, 0, &e));
        double *want = plain_logits(model_cfg(m), &(struct source){.w = w}, ids, 24);
        expect_everywhere(w, ids, 24, want, files[i]);
        free(want), model_close(m), weights_close(w), dev_close(d);
    }
}

/* ---- refused at open: every message names its key or tensor ---- */

/* One fault in a GGUF that is otherwise fine. A key's suffix (after "llama.") with another value, or dropped; a tensor dropped or of another
 * shape; the architecture's name. */
struct fault {
    const char *why, *key;
    double value;
    int drop_key;
    const char *text; /* value of a string key */
    const char *tensor;
    int64_t dims[3]; /* {0}: dropped */
    int n_dims, code;
    const char *says;
};

static void fault_key(struct gguf_writer *g, const struct fault *f, const char *key, double value, int real) {
    if (f->key && !strcmp(f->key, key)) {
        if (f->drop_key) return;
        if (f->text) {
            gguf_put_str(g, key, f->text, strlen(f->text));
            return;
        }
        value = f->value;
    }
    if (real)
        gguf_put_f32(g, key, (float)value);
    else
        gguf_put_i32(g, key, (int32_t)value);
}

static const char *faulty_gguf(const struct tiny *t, const struct fault *f) {
    struct {
        const char *key;
        double v;
        int real;
    } keys[] = {{"llama.block_count", t->L, 0},
                {"llama.context_length", TINY_CTX, 0},
                {"llama.embedding_length", t->C, 0},
                {"llama.feed_forward_length", t->F, 0},
                {"llama.attention.head_count", t->H, 0},
                {"llama.attention.head_count_kv", t->G, 0},
                {"llama.attention.key_length", t->D, 0},
                {"llama.attention.value_length", t->D, 0},
                {"llama.rope.dimension_count", t->D, 0},
                {"llama.rope.freq_base", 10000, 1},
                {"llama.attention.layer_norm_rms_epsilon", 1e-5, 1}};
    const char *path = tmp_path("faulty.gguf"), *arch = f->key && !strcmp(f->key, "general.architecture") ? f->text : "llama";
    struct device *d = tiny_device(1, 0);
    struct model *m = tiny_new(d, t);
    struct gguf_writer *g = NULL;
    OK(gguf_writer_new(&g, &e));
    if (arch) gguf_put_str(g, "general.architecture", arch, strlen(arch));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) fault_key(g, f, keys[i].key, keys[i].v, keys[i].real);
    if (f->key && name_has(f->key, "scaling")) {
        if (!f->text) gguf_put_str(g, "llama.rope.scaling.type", "yarn", 4);
        fault_key(g, f, f->key, 0, 1);
    }
    if (f->key && name_has(f->key, "sliding_window")) fault_key(g, f, f->key, 0, 0);
    float *tensors[64] = {0};
    for (int i = 0; i < model_n_params(m); i++) {
        const struct param *p = model_param(m, i);
        int hit = f->tensor && !strcmp(f->tensor, p->name);
        int64_t dims[3] = {p->dims[0], p->dims[1], 1};
        if (hit && !f->n_dims) continue;
        if (hit) memcpy(dims, f->dims, sizeof dims);
        tensors[i] = calloc((size_t)p->count * 8 + 4096, 4);
        dev_get(d, tensors[i], p->value, p->count);
        gguf_put_tensor(g, p->name, FMT_F32, hit ? f->n_dims : p->n_dims, dims, tensors[i]);
    }
    if (f->tensor && !strcmp(f->tensor, "rope_freqs.weight")) {
        tensors[63] = calloc(64, 4); /* zeros: a factor that divides */
        gguf_put_tensor(g, f->tensor, FMT_F32, 1, f->dims, tensors[63]);
    }
    OK(gguf_writer_commit(g, path, &e));
    for (int i = 0; i < 64; i++) free(tensors[i]);
    gguf_writer_free(g), model_close(m), dev_close(d);
    return path;
}

static const struct fault faults[] = {
    {.why = "nothing wrong"},
    {.why = "no architecture",
     .key = "general.architecture",
     .text = NULL,
     .code = ERR_FORMAT,
     .says = "expected key general.architecture"},
    {.why = "unknown architecture",
     .key = "general.architecture",
     .text = "mamba",
     .code = ERR_UNSUPPORTED,
     .says = "general.architecture: expected a family we know (llama, mistral, qwen2, qwen3, gpt2), found \"mamba\""},
    {.why = "no layers key",
     .key = "llama.block_count",
     .drop_key = 1,
     .code = ERR_FORMAT,
     .says = "expected key llama.block_count"},
    {.why = "no layers",
     .key = "llama.block_count",
     .value = 0,
     .code = ERR_RANGE,
     .says = "llama.block_count: expected 1 to 4096, found 0"},
    {.why = "absurdly many layers",
     .key = "llama.block_count",
     .value = 2000000000,
     .code = ERR_RANGE,
     .says = "llama.block_count"},
    {.why = "one layer too many",
     .key = "llama.block_count",
     .value = 3,
     .code = ERR_FORMAT,
     .says = "expected tensor blk.2.attn_norm.weight"},
    {.why = "no heads", .key = "llama.attention.head_count", .value = 0, .code = ERR_RANGE, .says = "llama.attention.head_count"},
    {.why = "heads not a multiple of kv heads",
     .key = "llama.attention.head_count_kv",
     .value = 3,
     .code = ERR_FORMAT,
     .says = "found 4 and 3"},
    {.why = "negative kv heads",
     .key = "llama.attention.head_count_kv",
     .value = -2,
     .code = ERR_RANGE,
     .says = "llama.attention.head_count_kv"},
    {.why = "heads of the wrong type",
     .key = "llama.attention.head_count",
     .text = "four",
     .code = ERR_FORMAT,
     .says = "llama.attention.head_count"},
    {.why = "absurd width",
     .key = "llama.embedding_length",
     .value = 2000000000,
     .code = ERR_RANGE,
     .says = "llama.embedding_length"},
    {.why = "other width",
     .key = "llama.embedding_length",
     .value = 16,
     .code = ERR_FORMAT,
     .says = "tensor token_embd.weight: expected shape [19, 16], found [19, 12]"},
    {.why = "other feed-forward",
     .key = "llama.feed_forward_length",
     .value = 24,
     .code = ERR_FORMAT,
     .says = "blk.0.ffn_gate.weight: expected shape [24, 12]"},
    {.why = "odd rotation",
     .key = "llama.rope.dimension_count",
     .value = 5,
     .code = ERR_FORMAT,
     .says = "even number of rotated dims up to 6, found 5"},
    {.why = "rotation beyond the head", .key = "llama.rope.dimension_count", .value = 8, .code = ERR_FORMAT, .says = "found 8"},
    {.why = "no rotation",
     .key = "llama.rope.dimension_count",
     .value = 0,
     .code = ERR_RANGE,
     .says = "llama.rope.dimension_count"},
    {.why = "values of another length",
     .key = "llama.attention.value_length",
     .value = 4,
     .code = ERR_UNSUPPORTED,
     .says = "llama.attention.value_length"},
    {.why = "negative window",
     .key = "llama.attention.sliding_window",
     .value = -5,
     .code = ERR_RANGE,
     .says = "llama.attention.sliding_window: expected 0 to"},
    {.why = "no epsilon",
     .key = "llama.attention.layer_norm_rms_epsilon",
     .drop_key = 1,
     .code = ERR_FORMAT,
     .says = "layer_norm_rms_epsilon"},
    {.why = "epsilon of 2",
     .key = "llama.attention.layer_norm_rms_epsilon",
     .value = 2,
     .code = ERR_RANGE,
     .says = "norm epsilon"},
    {.why = "epsilon not a number",
     .key = "llama.attention.layer_norm_rms_epsilon",
     .value = NAN,
     .code = ERR_RANGE,
     .says = "finite"},
    {.why = "base of 0", .key = "llama.rope.freq_base", .value = 0, .code = ERR_RANGE, .says = "rope base"},
    {.why = "unknown scaling",
     .key = "llama.rope.scaling.type",
     .text = "longrope",
     .code = ERR_UNSUPPORTED,
     .says = "llama.rope.scaling.type: expected none"},
    {.why = "scaling without factor",
     .key = "llama.rope.scaling.type",
     .text = "linear",
     .code = ERR_FORMAT,
     .says = "llama.rope.scaling.factor"},
    {.why = "scaling by less than 1",
     .key = "llama.rope.scaling.factor",
     .value = 0.5,
     .code = ERR_RANGE,
     .says = "factor: expected at least 1"},
    {.why = "no embeddings", .tensor = "token_embd.weight", .code = ERR_FORMAT, .says = "expected tensor token_embd.weight"},
    {.why = "embeddings of one dimension",
     .tensor = "token_embd.weight",
     .n_dims = 1,
     .dims = {19},
     .code = ERR_FORMAT,
     .says = "token_embd.weight"},
    {.why = "no final norm", .tensor = "output_norm.weight", .code = ERR_FORMAT, .says = "expected tensor output_norm.weight"},
    {.why = "no wv", .tensor = "blk.1.attn_v.weight", .code = ERR_FORMAT, .says = "expected tensor blk.1.attn_v.weight"},
    {.why = "wk of another shape",
     .tensor = "blk.0.attn_k.weight",
     .n_dims = 2,
     .dims = {24, 12},
     .code = ERR_FORMAT,
     .says = "tensor blk.0.attn_k.weight: expected shape [12, 12], found [24, 12]"},
    {.why = "wq turned",
     .tensor = "blk.0.attn_q.weight",
     .n_dims = 2,
     .dims = {12, 24},
     .code = ERR_FORMAT,
     .says = "expected shape [24, 12]"},
    {.why = "wo in three dimensions",
     .tensor = "blk.1.attn_output.weight",
     .n_dims = 3,
     .dims = {12, 12, 2},
     .code = ERR_FORMAT,
     .says = "found [12, 12, 2]"},
    {.why = "norm of another length",
     .tensor = "blk.1.ffn_norm.weight",
     .n_dims = 1,
     .dims = {11},
     .code = ERR_FORMAT,
     .says = "expected shape [12], found [11]"},
    {.why = "head of another vocabulary",
     .tensor = "output.weight",
     .n_dims = 2,
     .dims = {18, 12},
     .code = ERR_FORMAT,
     .says = "output.weight"},
    {.why = "rope factors of another length",
     .tensor = "rope_freqs.weight",
     .n_dims = 1,
     .dims = {4},
     .code = ERR_FORMAT,
     .says = "rope_freqs.weight: expected shape [3]"},
    {.why = "rope factors of zero",
     .tensor = "rope_freqs.weight",
     .n_dims = 1,
     .dims = {3},
     .code = ERR_RANGE,
     .says = "positive factors"},
};

Test(model_families, files_refused) {
    struct tiny t = *tiny_find("llama_gqa_tied");
    t.tied = 0;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const struct fault *f = &faults[i];
        struct device *d = tiny_device(1, 0);
        struct weights *w = NULL;
        struct model *m = NULL;
        struct err err = ERR_INIT;
        OK(weights_open(&w, faulty_gguf(&t, f), &e));
        int rc = model_open(&m, d, w, 0, &err);
        cr_expect(rc == f->code, "%s: code %s (%s)", f->why, rc ? err_name(rc) : "none", err.msg);
        if (rc < 0)
            cr_expect(f->says && strstr(err.msg, f->says) && strstr(err.where, "faulty.gguf"), "%s: %s: %s", f->why, err.where,
                      err.msg);
        cr_expect((rc < 0) == (m == NULL));
        model_close(m), weights_close(w), dev_close(d);
    }
}

struct folder_fault {
    const char *why, *model, *extra, *drop;
    int code;
    const char *says;
};
static const struct folder_fault folder_faults[] = {
    {"nothing wrong", "llama", "", NULL, 0, ""},
    {"unknown type", "llama", "\"model_type\": \"falcon\"", NULL, ERR_UNSUPPORTED, "hf.model_type: expected a family we know"},
    {"no such activation", "llama", "\"hidden_act\": \"gelu\"", NULL, ERR_UNSUPPORTED,
     "hf.hidden_act: expected silu, found \"gelu\""},
    {"exact GELU", "gpt2", "\"activation_function\": \"gelu\"", NULL, ERR_UNSUPPORTED,
     "hf.activation_function: expected gelu_new"},
    {"scores scaled by layer", "gpt2", "\"scale_attn_by_inverse_layer_idx\": true", NULL, ERR_UNSUPPORTED, "hf.scale_attn_"},
    {"head missing", "llama", "", "output.weight", ERR_FORMAT, "expected tensor output.weight"},
    {"negative window", "mistral", "\"sliding_window\": -1", NULL, ERR_RANGE, "hf.sliding_window"},
    {"heads do not divide", "llama", "\"num_attention_heads\": 5, \"head_dim\": null", NULL, ERR_FORMAT,
     "hf.hidden_size: expected a multiple of the 5 heads"},
    {"heads do not divide", "gpt2", "\"n_head\": 5", NULL, ERR_FORMAT, "hf.n_embd: expected a multiple of hf.n_head 5"},
    {"unknown scaling", "llama", "\"rope_scaling\": {\"rope_type\": \"longrope\", \"factor\": 2.0}", NULL, ERR_UNSUPPORTED,
     "hf.rope_scaling.rope_type"},
    {"llama3 bounds", "llama",
     "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 2.0, \"low_freq_factor\": 4, \"high_freq_factor\": 4}", NULL,
     ERR_RANGE, "low_freq_factor"},
    {"scaling of another kind", "llama", "\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2.0}", NULL, ERR_UNSUPPORTED,
     "found \"dynamic\""},
    {"scaling without a type", "llama", "\"rope_scaling\": {\"factor\": 2.0}", NULL, ERR_UNSUPPORTED,
     "hf.rope_scaling.factor: expected hf.rope_scaling.rope_type beside it"},
    {"rotation by the kind of layer", "llama", "\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 1e6}}", NULL,
     ERR_UNSUPPORTED, "hf.rope_parameters.full_attention.rope_theta"},
    {"YaRN with a factor of attention of its own", "llama_yarn",
     "\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4.0, \"mscale\": 1.0, \"mscale_all_dim\": 1.0}", NULL, ERR_UNSUPPORTED,
     "hf.rope_scaling.mscale_all_dim: expected 0"},
    {"half of a head rotated", "llama", "\"partial_rotary_factor\": 0.5", NULL, ERR_UNSUPPORTED,
     "hf.partial_rotary_factor: expected 1 (heads that are rotated whole), found 0.5"},
    {"biases promised", "llama", "\"attention_bias\": true", NULL, ERR_FORMAT,
     "expected tensor blk.0.attn_q.bias (model.layers.0.self_attn.q_proj.bias) for a llama model"},
    {"biases of the feed-forward promised", "llama", "\"mlp_bias\": true", NULL, ERR_FORMAT, "mlp.gate_proj.bias"},
    {"a bias that layer 0 has not", "llama_bias", "\"attention_bias\": false", "blk.0.attn_q.bias", ERR_UNSUPPORTED,
     "expected biases of q, k and v in all layers or in none"},
    {"norms that no layer reads", "qwen3", "\"model_type\": \"llama\"", NULL, ERR_UNSUPPORTED,
     "expected a model without norms of queries and keys"},
    {"fewer layers than there are", "llama", "\"num_hidden_layers\": 1", NULL, ERR_UNSUPPORTED,
     "expected 1 layers, as the configuration says"},
    {"layers of another kind", "qwen2", "\"layer_types\": [\"full_attention\", \"sliding_attention\"]", NULL, ERR_UNSUPPORTED,
     "hf.layer_types: expected full_attention in layer 1"},
    {"layers of the kind they are", "qwen2",
     "\"layer_types\": [\"full_attention\", \"sliding_attention\"], \"use_sliding_window\": true, \"sliding_window\": 5, "
     "\"max_window_layers\": 1",
     NULL, 0, ""},
    {"no layers key", "qwen2", "\"num_hidden_layers\": null", NULL, ERR_FORMAT, "expected key hf.num_hidden_layers"},
    {"layers as text", "qwen2", "\"num_hidden_layers\": \"two\"", NULL, ERR_FORMAT, "hf.num_hidden_layers"},
    {"no q bias", "qwen2", "", "blk.0.attn_q.bias", ERR_FORMAT, "blk.0.attn_q.bias"},
    {"no position table", "gpt2", "", "position_embd.weight", ERR_FORMAT, "position_embd.weight"},
    {"context of another table", "gpt2", "\"n_positions\": 64", NULL, ERR_FORMAT, "expected shape [64, 12], found [32, 12]"},
};

Test(model_families, folders_refused) {
    for (size_t i = 0; i < sizeof folder_faults / sizeof *folder_faults; i++) {
        const struct folder_fault *f = &folder_faults[i];
        struct device *d = tiny_device(1, 0);
        struct weights *w = NULL;
        struct model *m = NULL;
        struct err err = ERR_INIT;
        OK(weights_open(&w, tiny_hf(tiny_find(f->model), FMT_F32, f->extra, f->drop), &e));
        int rc = model_open(&m, d, w, 0, &err);
        cr_expect(rc == f->code && strstr(err.msg, f->says), "%s: code %d, %s", f->why, rc, err.msg);
        model_close(m), weights_close(w), dev_close(d);
    }
}

/* Qwen's window: only when it is asked for, and only from a layer on. */
Test(model_families, qwen_window) {
    static const char *const extra[] = {"\"use_sliding_window\": false, \"sliding_window\": 5, \"max_window_layers\": 1",
                                        "\"use_sliding_window\": true, \"sliding_window\": 5, \"max_window_layers\": 1"};
    const struct tiny *t = tiny_find("qwen2");
    double *want[2];
    int32_t ids[T];
    struct weights *file = NULL;
    tiny_ids(ids, T, t->V, 2);
    OK(weights_open(&file, tiny_gguf(t, FMT_F32), &e));
    for (int i = 0; i < 2; i++) {
        struct model_cfg c = tiny_cfg(t);
        c.window = i ? 5 : 0, c.window_from = i;
        want[i] = plain_logits(&c, &(struct source){.w = file}, ids, T);
        struct device *d = tiny_device(1, 1);
        struct weights *w = NULL;
        struct model *m = NULL;
        OK(weights_open(&w, tiny_hf(t, FMT_F32, extra[i], NULL), &e));
        OK(model_open(&m, d, w, 0, &e));
        expect_logits(m, ids, T, want[i], 1e-12, i ? "qwen2, window from layer 1" : "qwen2, window not used");
        model_close(m), weights_close(w), dev_close(d);
    }
    cr_expect(rel_diff(want[0], want[1], T * t->V) > 1e-3, "the window changes nothing");
    free(want[0]), free(want[1]), weights_close(file);
}

/* The newer spelling of the rotation in config.json. */
Test(model_families, rope_parameters) {
    struct device *d = tiny_device(1, 0);
    struct weights *w = NULL;
    struct model *m = NULL;
    const char *extra = "\"rope_parameters\": {\"rope_theta\": 500000.0, \"rope_type\": \"linear\", \"factor\": 2.0}";
    OK(weights_open(&w, tiny_hf(tiny_find("llama"), FMT_F32, extra, NULL), &e));
    OK(model_open(&m, d, w, 0, &e));
    const struct rope_cfg *r = &model_cfg(m)->rope;
    cr_expect(r->base == 500000 && r->scaling == ROPE_SCALE_LINEAR && r->factor == 2);
    model_close(m), weights_close(w), dev_close(d);
}

/* A folder that says it is tied means the embedding, even with a head beside it; a window that begins behind the last layer is none. */
Test(model_families, what_a_folder_says) {
    static const char *const windowed = "\"use_sliding_window\": true, \"sliding_window\": 5";
    struct device *d = tiny_device(1, 0);
    struct weights *w = NULL;
    struct model *m = NULL;
    OK(weights_open(&w, tiny_hf(tiny_find("llama"), FMT_F32, "\"tie_word_embeddings\": true", NULL), &e));
    OK(model_open(&m, d, w, 0, &e));
    cr_expect(weights_tensor(w, "lm_head.weight") && model_cfg(m)->tied);
    model_close(m), weights_close(w);
    OK(weights_open(&w, tiny_hf(tiny_find("qwen2"), FMT_F32, windowed, NULL), &e)); /* from layer 28 on, if it is not said */
    OK(model_open(&m, d, w, 0, &e));
    cr_expect(model_cfg(m)->window == 0 && model_cfg(m)->window_from == 0);
    model_close(m), weights_close(w), dev_close(d);
}

/* What a new model may not be. */
Test(model_families, new_models_refused) {
    struct device *d = tiny_device(1, 0);
    struct model *m = NULL;
    struct err err = ERR_INIT;
    struct model_cfg c = tiny_cfg(tiny_find("llama"));
    c.n_head = 0;
    cr_expect(model_new(&m, d, &c, 1, &err) == ERR_RANGE && strstr(err.msg, "heads: expected at least 1"), "%s", err.msg);
    c = tiny_cfg(tiny_find("llama")), c.n_vocab = 0;
    cr_expect(model_new(&m, d, &c, 1, &err) == ERR_ARG && strstr(err.msg, "vocabulary"), "%s", err.msg);
    c = tiny_cfg(tiny_find("mistral")), c.window = -1;
    cr_expect(model_new(&m, d, &c, 1, &err) == ERR_RANGE && strstr(err.msg, "sliding window"), "%s", err.msg);
    c = tiny_cfg(tiny_find("llama_yarn")), c.rope.base = 1;
    cr_expect(model_new(&m, d, &c, 1, &err) == ERR_RANGE && strstr(err.msg, "yarn"), "%s", err.msg);
    cr_expect(m == NULL);
    dev_close(d);
}
