/* Random models made in memory (model/random.h): the same bytes at any number of threads and from a file, in every storage format. And the
 * gradient with respect to soft tokens (run/soft.h) against finite differences in double. Nothing here looks at a clock. */
#include "model/quantize.h"
#include "model/random.h"
#include "run/gradient.h"
#include "run/soft.h"
#include "text/tokenizer.h"
#include "tiny_models.h"
#include "weights/memory.h"

/* ---- random models ---- */

static struct weights *made(const char *shape, const char *fmt, int threads) {
    struct weights *w = NULL;
    struct pool *pool = NULL;
    if (threads) OK(pool_new(&pool, threads, &e));
    OK(random_weights(&w, random_shape_find(shape), fmt_by_name(fmt)->id, NULL, 1, pool, &e));
    pool_free(pool);
    return w;
}

static void expect_same(const struct weights *a, const struct weights *b) {
    cr_assert_eq(weights_n_tensors(a), weights_n_tensors(b));
    for (int64_t i = 0; i < weights_n_tensors(a); i++) {
        const struct tensor *t = weights_tensor_at(a, i), *u = weights_tensor(b, t->name);
        cr_assert(u && u->bytes == t->bytes && u->m.fmt == t->m.fmt, "%s", t->name);
        cr_assert(!memcmp(t->m.data, u->m.data, t->bytes), "%s: other bytes", t->name);
    }
}

Test(random_model, same_bytes_at_any_number_of_threads) {
    struct weights *a = made("4m", "q8_0", 0), *b = made("4m", "q8_0", 3);
    expect_same(a, b);
    weights_close(a), weights_close(b);
}

Test(random_model, another_seed_is_another_model) {
    struct weights *a = made("4m", "bf16", 0), *b = NULL;
    OK(random_weights(&b, random_shape_find("4m"), FMT_BF16, NULL, 2, NULL, &e));
    cr_expect(memcmp(weights_tensor(a, "blk.0.ffn_up.weight")->m.data, weights_tensor(b, "blk.0.ffn_up.weight")->m.data, 4096));
    weights_close(a), weights_close(b);
}

static float *last_logits(const struct weights *w) {
    static const int32_t ids[] = {1, 300, 7, 4095, 300};
    struct device *d = tiny_device(2, 0);
    struct model *m = NULL;
    struct engine *g = NULL;
    struct session *s = NULL;
    float *z = malloc(4096 * sizeof *z);
    OK(model_open(&m, d, w, 0, &e));
    OK(engine_new(&g, m, &(struct engine_opts){.max_ctx = 16, .max_rows = 16}, &e));
    OK(session_new(&s, g, &e));
    OK(session_feed(s, ids, 5, z, &e));
    session_free(s), engine_free(g), model_close(m), dev_close(d);
    return z;
}

static void check_file(const char *fmt) {
    char name[40];
    snprintf(name, sizeof name, "random-%s.gguf", fmt);
    const char *path = tmp_path(name);
    struct weights *a = made("4m", fmt, 2), *b = NULL;
    OK(random_save(a, random_shape_find("4m"), path, NULL, NULL, &e));
    OK(weights_open(&b, path, &e));
    expect_same(a, b);
    float *x = last_logits(a), *y = last_logits(b);
    double worst_z = 0;
    for (int i = 0; i < 4096; i++) worst_z = worst(worst_z, fabs((double)x[i]));
    cr_expect(worst_z > 0.01 && worst_z < 100, "%s: logits up to %g", fmt, worst_z);
    cr_expect(!memcmp(x, y, 4096 * sizeof *x), "%s: other logits from the file", fmt);
    free(x), free(y);
    weights_close(a), weights_close(b);
    unlink(path);
}

Test(random_model, a_saved_file_is_the_same_model_in_every_format) {
    for (int i = 0; fmt_at(i); i++)
        if (fmt_at(i)->from_f32 && fmt_at(i)->id != FMT_F64) check_file(fmt_at(i)->name);
}

/* Formats are those that quantising the same model in floats gives. */
Test(random_model, a_mix_is_that_of_quantising) {
    static const struct random_shape shape = {"mixed", "llama", "a test", 17, 256, 4, 1, 512, 300, .base = 1e4};
    static const char *const names[] = {"Q4_K_M", "Q3_K_L", "Q2_K", "IQ4_XS", "Q4_0"};
    struct weights *f = NULL, *w = NULL;
    OK(random_weights(&f, &shape, FMT_F32, NULL, 1, NULL, &e));
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const struct quant_opts o = {.mix = quant_mix_find(names[k])};
        struct quant_plan *p = NULL;
        OK(random_weights(&w, &shape, o.mix->fmt, o.mix, 1, NULL, &e));
        OK(quant_plan_new(&p, f, &o, &e));
        for (int64_t i = 0; i < p->n; i++) {
            const struct tensor *t = weights_tensor(w, p->items[i].t->name);
            cr_expect(t && t->m.fmt == p->items[i].to, "%s: %s", names[k], p->items[i].t->name);
        }
        quant_plan_free(p);
        weights_close(w);
    }
    weights_close(f);
}

Test(random_model, a_saved_file_has_a_tokenizer) {
    const char *path = tmp_path("random-words.gguf");
    struct weights *a = made("4m", "q4_0", 0), *b = NULL;
    struct tokenizer *t = NULL;
    struct toks ids = {0};
    OK(random_save(a, random_shape_find("4m"), path, NULL, NULL, &e));
    OK(weights_open(&b, path, &e));
    OK(tokenizer_from_weights(&t, b, &e));
    OK(tokenizer_encode(t, "hello", 5, ENCODE_BOS_EOS, &ids, &e));
    cr_expect(ids.n > 1 && ids.ids[0] == 1);
    toks_free(&ids), tokenizer_free(t), weights_close(a), weights_close(b);
}

Test(random_model, every_shape_has_a_name_and_a_consistent_form) {
    for (int i = 0; random_shape_at(i); i++) {
        const struct random_shape *s = random_shape_at(i);
        cr_expect_eq(random_shape_find(s->name), s);
        cr_expect((s->head || s->embd % s->heads == 0) && s->heads % s->kv == 0 && family_find(s->family), "%s", s->name);
    }
    cr_expect_null(random_shape_find("7b"));
}

Test(random_model, metadata_in_memory_reads_as_that_of_a_file) {
    struct weights *w = NULL;
    struct meta_str s;
    int64_t n = 0;
    double x = 0;
    void *bytes = NULL;
    OK(weights_memory_new(&w, "here", &e));
    OK(weights_memory_u32(w, "a.n", 7, &e));
    OK(weights_memory_f32(w, "a.x", 0.5f, &e));
    OK(weights_memory_str(w, "a.s", "text", &e));
    OK(weights_memory_tensor(w, "t", FMT_F32, 2, (int64_t[]){3, 4}, &bytes, &e));
    cr_expect(meta_i64(w, "a.n", &n, NULL) == 1 && n == 7);
    cr_expect(meta_f64(w, "a.x", &x, NULL) == 1 && x == 0.5);
    cr_expect(meta_str(w, "a.s", &s, NULL) == 1 && s.n == 4 && !strcmp(s.s, "text"));
    cr_expect_eq(weights_tensor_bytes(w), 48u);
    cr_expect_lt(weights_memory_u32(w, "a.n", 8, NULL), 0, "a key twice");
    cr_expect_lt(weights_memory_tensor(w, "t", FMT_F32, 2, (int64_t[]){3, 4}, &bytes, NULL), 0, "a tensor twice");
    weights_close(w);
}

/* ---- soft tokens ---- */

enum { T = 7 };
struct soft_rig {
    struct device *d;
    struct model *m;
    struct soft *s;
    int64_t C, V;
    num *w, *z, *dz, *du;
    int32_t ids[T];
};

static struct soft_rig soft_open(const char *name, int threads) {
    struct soft_rig r = {.d = tiny_device(threads, 1)};
    r.m = tiny_new(r.d, tiny_find(name));
    r.C = model_cfg(r.m)->n_embd, r.V = model_cfg(r.m)->n_vocab;
    OK(soft_new(&r.s, r.m, T, FMT_F32, &e));
    r.w = dev_alloc(r.d, r.C), r.z = dev_alloc(r.d, T * r.V), r.dz = dev_alloc(r.d, T * r.V), r.du = dev_alloc(r.d, T * r.C);
    struct rng g = RNG(5, 1);
    for (int64_t i = 0; i < r.C; i++) dev_set1(r.d, r.w, i, rng_normal(&g));
    for (int64_t i = 0; i < T * r.V; i++) dev_set1(r.d, r.z, i, rng_normal(&g));
    tiny_ids(r.ids, T, (int)r.V, 9);
    return r;
}
static void soft_close(struct soft_rig *r) {
    soft_free(r->s);
    dev_free(r->d, r->w), dev_free(r->d, r->z), dev_free(r->d, r->dz), dev_free(r->d, r->du);
    model_close(r->m), dev_close(r->d);
}

static double loss_at(struct soft_rig *r, int64_t i, double x) {
    double loss = 0, was = dev_get1(r->d, r->z, i);
    num *unused = dev_alloc(r->d, T * r->V);
    dev_set1(r->d, r->z, i, x);
    OK(soft_logits(r->s, r->z, T, r->w, &loss, unused, &e));
    dev_set1(r->d, r->z, i, was);
    dev_free(r->d, unused);
    return loss;
}

Test(soft_tokens, gradient_of_logits_is_that_of_finite_differences) {
    static const char *const names[] = {"llama", "qwen2", "gpt2"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        struct soft_rig r = soft_open(names[k], 2);
        double loss, far = 0, most = 0;
        OK(soft_logits(r.s, r.z, T, r.w, &loss, r.dz, &e));
        for (int64_t i = 0; i < T * r.V; i += 3) {
            double x = dev_get1(r.d, r.z, i), step = 1e-5;
            double slope = (loss_at(&r, i, x + step) - loss_at(&r, i, x - step)) / (2 * step);
            far = worst(far, fabs(slope - dev_get1(r.d, r.dz, i)));
            most = worst(most, fabs(slope));
        }
        cr_expect(most > 1e-3 && far < 1e-7 * (1 + most), "%s: off by %g of %g", names[k], far, most);
        soft_close(&r);
    }
}

Test(soft_tokens, certain_logits_give_the_loss_of_the_tokens) {
    struct soft_rig r = soft_open("qwen2", 1);
    double hard, soft, value;
    for (int64_t t = 0; t < T; t++)
        for (int64_t v = 0; v < r.V; v++) dev_set1(r.d, r.z, t * r.V + v, v == r.ids[t] ? 200 : 0);
    OK(soft_embeddings(r.s, r.ids, T, r.w, &hard, r.du, &e));
    OK(soft_logits(r.s, r.z, T, r.w, &soft, r.dz, &e));
    OK(soft_value(r.s, r.ids, T, r.w, &value, &e));
    cr_expect(fabs(hard - soft) < 1e-9 * fabs(hard) && hard == value, "%.12g %.12g %.12g", hard, soft, value);
    soft_close(&r);
}

Test(soft_tokens, gradient_of_embeddings_is_that_of_the_engine) {
    struct soft_rig r = soft_open("llama", 2);
    struct engine *g = NULL;
    struct gradient *x = NULL;
    double *u = NULL, *v = NULL;
    OK(engine_new(&g, r.m, &(struct engine_opts){.max_ctx = 16, .max_rows = 16, .backward = 1}, &e));
    OK(gradient_new(&x, g, NULL, T, &e));
    OK(gradient_run(x, &(struct gradient_job){.ids = r.ids, .T = T, .nll = 1}, NULL, &e));
    OK(soft_embeddings(r.s, r.ids, T, NULL, NULL, r.du, &e));
    u = fetch_nums(r.d, gradient_lm(x), T * r.C), v = fetch_nums(r.d, r.du, T * r.C);
    cr_expect_lt(rel_diff(v, u, T * r.C), 1e-12);
    free(u), free(v), gradient_free(x), engine_free(g);
    soft_close(&r);
}

Test(soft_tokens, too_many_positions_are_refused) {
    struct soft_rig r = soft_open("llama", 1);
    struct err e = ERR_INIT;
    cr_expect_eq(soft_logits(r.s, r.z, T + 1, r.w, NULL, r.dz, &e), ERR_LIMIT);
    cr_expect_eq(soft_embeddings(r.s, r.ids, 0, r.w, NULL, r.du, &e), ERR_LIMIT);
    soft_close(&r);
}
