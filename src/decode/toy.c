/* See toy.h. The codec: a prompt is five ids drawn by the question's text; an answer's text is its ids and a boxed digit, so that
 * different rollouts agree often enough to vote. */
#include "decode/toy.h"
#include "base/hash.h"
#include "base/rng.h"
#include "model/family.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void fill(const struct model *m, uint64_t seed) {
    for (int i = 0; i < model_n_params(m); i++) {
        const struct param *p = model_param(m, i);
        struct rng g = RNG(seed, hash_text(p->name));
        int norm = strstr(p->name, "norm.weight") != NULL, embd = strstr(p->name, "_embd") != NULL;
        double scale = p->n_dims == 1 ? 0.2 : embd ? 0.7 : 1.3 / sqrt((double)p->dims[1]);
        for (int64_t j = 0; j < p->count; j++)
            dev_set1(model_device(m), p->value, j, (double)(float)(norm + scale * rng_normal(&g)));
    }
}

int toy_model(struct model **out, struct device *d, const char *family, int vocab, int width, int score, uint64_t seed,
              struct err *e) {
    const struct family *f = family_find(family);
    int gpt = !strcmp(family, "gpt2"), qwen2 = !strcmp(family, "qwen2"), qwen3 = !strcmp(family, "qwen3");
    struct model_cfg c = {.family = f,
                          .n_layer = 2,
                          .n_head = 4,
                          .n_kv = gpt ? 4 : 2,
                          .head_dim = width / 4,
                          .n_embd = width,
                          .n_ff = width + 8,
                          .n_vocab = vocab,
                          .n_ctx = TOY_CTX,
                          .norm = gpt ? NORM_LAYER : NORM_RMS,
                          .norm_eps = (double)1e-5f,
                          .act = gpt ? ACT_GELU : ACT_SILU,
                          .gated = !gpt,
                          .qkv_bias = gpt || qwen2,
                          .out_bias = gpt,
                          .ffn_bias = gpt,
                          .qk_norm = qwen3,
                          .learned_pos = gpt,
                          .tied = gpt || qwen3,
                          .window = strcmp(family, "mistral") ? 0 : 6,
                          .n_score = score};
    if (!gpt)
        c.rope =
            (struct rope_cfg){.dims = width / 4, .style = qwen2 || qwen3 ? ROPE_HALVES : ROPE_PAIRS, .base = 10000, .factor = 1};
    if (!f) return fail(e, ERR_ARG, "no family \"%s\"", family);
    TRY(model_new(out, d, &c, seed, e));
    fill(*out, seed);
    return 0;
}

static int prompt(void *ctx, const struct question *q, struct toks *out, struct err *e) {
    struct rng g = RNG(1, hash_text(q->question));
    (void)ctx;
    for (int i = 0; i < 5; i++) TRY(toks_push(out, (tok)(1 + rng_below(&g, TOY_V - 1)), e));
    return 0;
}

static int text(void *ctx, const int32_t *ids, int64_t n, char **out, struct err *e) {
    struct str s = {0};
    (void)ctx;
    for (int64_t i = 0; i < n; i++) str_printf(&s, "%d ", ids[i]);
    str_printf(&s, "\\boxed{%d}", n ? ids[n / 2] % 3 : 0);
    if (s.failed) return fail(e, ERR_NOMEM, "out of memory");
    *out = s.s;
    return 0;
}

static int open_all(struct toy *t, const char *family, int oracle, int threads, struct err *e) {
    static const int32_t ends[] = {TOY_END};
    static const unsigned char step_end[TOY_V] = {[7] = 1, [14] = 1, [21] = 1, [28] = 1, [35] = 1};
    TRY(dev_open(&t->d, threads, oracle, e));
    TRY(toy_model(&t->lm, t->d, family, TOY_V, 24, 0, 11, e));
    TRY(toy_model(&t->rm, t->d, family, TOY_V, 32, 1, 12, e));
    const struct engine_opts o = {.page_len = 8, .max_ctx = TOY_CTX, .max_rows = TOY_CTX, .backward = 1};
    TRY(engine_new(&t->r.lm, t->lm, &o, e));
    TRY(engine_new(&t->r.rm, t->rm, &o, e));
    t->r.max_ctx = TOY_CTX, t->r.codec = (struct codec){.prompt = prompt, .text = text};
    t->r.ends = ends, t->r.n_ends = 1, t->r.step_end = step_end;
    t->r.o = reason_defaults();
    t->r.o.max_new = 20, t->r.o.temp = 1, t->r.o.top_p = 1, t->r.o.eps_grad = 0.01, t->r.o.step_max = 8;
    return 0;
}

int toy_open(struct toy *t, const char *family, int oracle, int threads, struct err *e) {
    static const char *const names[] = {"q0", "q1", "q2", "q3"}, *const answers[] = {"0", "1", "2", "1"};
    *t = (struct toy){0};
    for (int i = 0; i < 4; i++) {
        char *name = (char *)(uintptr_t)names[i], *answer = (char *)(uintptr_t)answers[i];
        t->q[i] = (struct question){.id = name, .question = name, .answer = answer, .kind = name};
    }
    t->qs = (struct questions){.q = t->q, .n = 4};
    int rc = open_all(t, family, oracle, threads, e);
    if (rc < 0) toy_close(t);
    return rc;
}

void toy_close(struct toy *t) {
    engine_free(t->r.lm), engine_free(t->r.rm);
    model_close(t->lm), model_close(t->rm);
    if (t->d) dev_close(t->d);
    *t = (struct toy){0};
}
