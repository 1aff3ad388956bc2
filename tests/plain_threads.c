/* One training-like step and a batched decode on three threads and on one: same bytes, and (under the thread sanitizer, for which this
 * is a plain program) no race between the pool's slices. */
#include "model/family.h"
#include "model/model.h"
#include "run/generate.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { T = 96, C = 64, V = 300, SPANS = 3, PAGE = 8, NEW = 24 };

static void must(int rc, const struct err *e) {
    if (rc >= 0) return;
    fprintf(stderr, "%s\n", e->msg);
    exit(1);
}

static struct model_cfg shape(const char *family) {
    struct model_cfg c = {.family = family_find(family),
                          .n_layer = 2,
                          .n_head = 4,
                          .n_kv = 2,
                          .head_dim = 16,
                          .n_embd = C,
                          .n_ff = 96,
                          .n_vocab = V,
                          .n_ctx = 128,
                          .norm_eps = 1e-5,
                          .gated = 1,
                          .tied = 1};
    c.qk_norm = !strcmp(family, "qwen3");
    c.rope = (struct rope_cfg){.dims = 16, .base = 1e4, .factor = 1, .style = ROPE_HALVES};
    return c;
}

/* Gradients of one taped step over three sequences, into out[params]. */
static void taped_step(const struct model *m, float *out) {
    struct err e = ERR_INIT;
    struct device *d = model_device(m);
    struct pass *p;
    struct tape *t;
    struct grads g;
    must(pass_new(&p, m, T, SPANS, 64, PASS_GRADS, &e), &e);
    must(tape_new(&t, m, T, SPANS, &e), &e);
    must(grads_new(&g, m, &e), &e);
    enum { ROWS = T / SPANS, PAGES = ROWS / PAGE };
    num *h = dev_alloc(d, T * C), *dh = dev_alloc(d, T * C);
    int64_t page = model_kv_page_bytes(m, PAGE, FMT_F32);
    char *kv = dev_alloc_bytes(d, SPANS * PAGES * page);
    void *pages[SPANS * PAGES];
    struct span spans[SPANS];
    int32_t ids[T], target[T];
    double coef[T];
    for (int i = 0; i < SPANS * PAGES; i++) pages[i] = kv + i * page;
    for (int i = 0; i < SPANS; i++) spans[i] = (struct span){i * ROWS, ROWS, 0, {pages + i * PAGES, PAGE, FMT_F32}};
    for (int i = 0; i < T; i++) ids[i] = (i * 37 + 5) % V, target[i] = (i * 53 + 1) % V, coef[i] = 1.0 / T;
    struct batch b = {.T = T, .ids = ids, .spans = spans, .n_spans = SPANS};
    must(model_forward(m, p, &b, t, NULL, h, &e), &e);
    must(model_nll(m, p, h, T, target, coef, NULL, dh, &g, &e), &e);
    must(model_backward(m, p, t, dh, NULL, &g, NULL, &e), &e);
    dev_get(d, out, g.flat, g.count);
    dev_free(d, h), dev_free(d, dh), dev_free(d, kv);
    grads_free(&g), tape_free(t), pass_free(p);
}

static void decode(const struct model *m, int32_t *out) {
    struct err e = ERR_INIT;
    struct engine *g;
    struct generation gen[SPANS];
    int32_t prompt[5] = {1, 2, 3, 4, 5};
    must(engine_new(&g, m, &(struct engine_opts){.max_ctx = 128}, &e), &e);
    for (int i = 0; i < SPANS; i++) {
        gen[i] = (struct generation){
            .last = 5 + i, .max_new = NEW, .sampling = SAMPLING_DEFAULT, .seed = 1, .stream = (uint64_t)i, .ids = out + i * NEW};
        gen[i].sampling.temp = 1;
        must(session_new(&gen[i].s, g, &e), &e);
        must(session_feed(gen[i].s, prompt, 5, NULL, &e), &e);
    }
    must(generate(g, gen, SPANS, &e), &e);
    for (int i = 0; i < SPANS; i++) session_free(gen[i].s);
    engine_free(g);
}

/* Attention deep enough to be cut by chunks (four sessions, a prefix of the same pages) and, backward, by strips. */
enum { DEEP = 600, LONG = 300, OUT = 4 * 6 * 8 + 2 * LONG * 6 * 8 + 2 * LONG * 2 * 8 };
static void attention(struct device *d, float *out) {
    enum { H = 6, G = 2, D = 8, SEQ = 4, ROW = G * D, PER = DEEP / PAGE };
    struct attn_shape sh = {.n_head = H, .n_kv = G, .head_dim = D, .scale = 0.3};
    struct attn_span sp[SEQ], one;
    static void *pages[SEQ][PER];
    char *kv = dev_alloc_bytes(d, (int64_t)SEQ * PER * PAGE * 2 * ROW * 4);
    num *x = dev_alloc(d, LONG * H * D), *o = dev_alloc(d, LONG * H * D), *lse = dev_alloc(d, LONG * H),
        *dq = dev_alloc(d, LONG * H * D), *dk = dev_alloc(d, LONG * ROW), *dv = dev_alloc(d, LONG * ROW);
    for (int64_t i = 0; i < LONG * H * D; i++) dev_set1(d, x, i, (double)(i * 37 % 101) / 50 - 1);
    for (int s = 0; s < SEQ; s++) {
        for (int i = 0; i < PER; i++)
            pages[s][i] = s && i < PER / 2 ? pages[0][i] : kv + (s * PER + i) * (int64_t)PAGE * 2 * ROW * 4;
        sp[s] = (struct attn_span){s, 1, DEEP - 1 - s, {pages[s], PAGE, 0, PAGE * ROW, FMT_F32}};
        for (int64_t at = 0; at < DEEP; at += LONG) op_kv_store(d, &sp[s].kv, ROW, at, x, num_at(d, x, 7), LONG);
    }
    one = (struct attn_span){0, LONG, DEEP - LONG, sp[0].kv};
    op_attn(d, o, NULL, x, SEQ, sp, SEQ, &sh);
    dev_get(d, out, o, SEQ * H * D), out += SEQ * H * D;
    op_attn(d, o, lse, x, LONG, &one, 1, &sh);
    op_attn_back(d, dq, dk, dv, x, x, o, lse, LONG, &one, 1, &sh);
    dev_get(d, out, o, LONG * H * D), out += LONG * H * D;
    dev_get(d, out, dq, LONG * H * D), out += LONG * H * D;
    dev_get(d, out, dk, LONG * ROW), dev_get(d, out + LONG * ROW, dv, LONG * ROW);
    dev_free(d, kv), dev_free(d, x), dev_free(d, o), dev_free(d, lse), dev_free(d, dq), dev_free(d, dk), dev_free(d, dv);
}

static void run(const char *family, int threads, float **grad, int64_t *n, int32_t *ids, float *att) {
    struct err e = ERR_INIT;
    struct device *d;
    struct model *m;
    struct model_cfg c = shape(family);
    must(dev_open(&d, threads, 0, &e), &e);
    must(model_new(&m, d, &c, 3, &e), &e);
    struct grads g;
    must(grads_new(&g, m, &e), &e);
    *n = g.count;
    grads_free(&g);
    *grad = malloc((size_t)*n * sizeof **grad);
    if (!*grad) exit(1);
    taped_step(m, *grad);
    decode(m, ids);
    attention(d, att);
    model_close(m);
    dev_close(d);
}

int main(void) {
    static const char *const families[] = {"qwen3", "llama"};
    for (int f = 0; f < 2; f++) {
        float *a, *b;
        int64_t n, k;
        int32_t x[SPANS * NEW], y[SPANS * NEW];
        static float p[OUT], q[OUT];
        run(families[f], 1, &a, &n, x, p);
        run(families[f], 3, &b, &k, y, q);
        int same = n == k && !memcmp(a, b, (size_t)n * sizeof *a) && !memcmp(x, y, sizeof x) && !memcmp(p, q, sizeof p);
        printf("%s: %s\n", families[f], same ? "same bytes on one and three threads" : "threads change the result");
        free(a), free(b);
        if (!same) return 1;
    }
    return 0;
}
