/* Gradients of the model room, by central differences on the double device: at the input embeddings, at every tap, in every weight,
 * from every kind of seed, for every family; then the same gradients in float, through stored formats, and behind a cached prefix.
 *
 * The loss of these tests is Σ coef·nll + <v, h> + Σ over taps <s, tap>, so that one backward is checked from all seeds at once; the
 * batch is two sequences, the second behind three cached positions, which are constants. Differences use the four-point
 * stencil (8 (f₁ - f₋₁) - (f₂ - f₋₂)) / 12 h: truncation h⁴, so h = 1e-3 gives about ten digits. An error is relative to the largest element of
 * the same tensor's gradient. */
#include "tiny_models.h"

TestSuite(model_grad, .timeout = HANG_S);

enum { ROWS_A = 7, ROWS_B = 4, PREFIX = 3, ROWS = ROWS_A + ROWS_B };

/* ---- the loss ---- */

/* Seeds at taps: a fixed number in [-1/2, 1/2) for each (tap, layer, element); a cheap hash, since every loss asks for thousands. */
static double tap_seed(enum tap tap, int layer, int64_t i) {
    uint64_t x = ((uint64_t)i * 64 + (uint64_t)tap) * 64 + (uint64_t)layer;
    x = (x ^ x >> 31) * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
    return (double)(x >> 11) / 9007199254740992.0 - 0.5;
}

struct lens {
    uint32_t seeds;           /* taps with seeds in the loss */
    double sum;               /* forward: Σ <s, tap> */
    int edit_tap, edit_layer; /* forward: add edit_by at element edit_at */
    int64_t edit_at;
    double edit_by;
    int read_tap, read_layer; /* backward: gradient seen here, [read_n] */
    double *read;
    int64_t read_n;
};

static int lens_forward(void *ctx, struct device *d, const struct tap_rows *r) {
    struct lens *n = ctx;
    if ((int)r->tap == n->edit_tap && r->layer == n->edit_layer)
        dev_set1(d, r->x, n->edit_at, dev_get1(d, r->x, n->edit_at) + n->edit_by);
    if (!(n->seeds >> r->tap & 1)) return 0;
    for (int64_t i = 0; i < r->rows * r->width; i++) n->sum += tap_seed(r->tap, r->layer, i) * dev_get1(d, r->x, i);
    return 0;
}

static int lens_backward(void *ctx, struct device *d, const struct tap_rows *r) {
    struct lens *n = ctx;
    int64_t count = r->rows * r->width;
    if (n->seeds >> r->tap & 1)
        for (int64_t i = 0; i < count; i++) dev_set1(d, r->x, i, dev_get1(d, r->x, i) + tap_seed(r->tap, r->layer, i));
    if ((int)r->tap == n->read_tap && r->layer == n->read_layer) {
        n->read = realloc(n->read, (size_t)count * sizeof *n->read);
        n->read_n = count;
        dev_get_f64(d, n->read, r->x, count);
    }
    return 0;
}

struct bench {
    struct rig r;
    const struct model *m;
    int32_t ids[ROWS], target[ROWS], prefix[PREFIX];
    double coef[ROWS], *v;    /* v[ROWS, C]: the seed at the final state */
    struct share share[ROWS]; /* other tokens of the first rows that have a target */
    int n_share;
    struct span spans[2];
    int by_embeds, edit;
    struct lens lens;
};

static const uint32_t all_taps = (1u << TAP_LOGITS) - 1;

static void bench_open(struct bench *b, const struct model *m) {
    int64_t C = model_cfg(m)->n_embd, V = model_cfg(m)->n_vocab;
    *b = (struct bench){.m = m, .r = rig_open(m, ROWS, 4), .lens = {.edit_tap = -1, .read_tap = -1}};
    struct rng r = RNG(5);
    tiny_ids(b->ids, ROWS, (int)V, 1), tiny_ids(b->prefix, PREFIX, (int)V, 2);
    for (int i = 0; i < ROWS; i++) {
        b->target[i] = rng_below(&r, 4) ? (int32_t)rng_below(&r, (uint64_t)V) : -1;
        b->coef[i] = i == 2 ? 0 : rng_normal(&r);
    }
    for (int i = 0; i < ROWS && b->n_share < 4; i++) /* two of one row, then one of each */
        for (int k = b->n_share ? 1 : 0; k < 2 && b->target[i] >= 0; k++)
            b->share[b->n_share++] = (struct share){i, (b->target[i] + 1 + k) % (int32_t)V, 0.3};
    b->v = malloc((size_t)(ROWS * C) * sizeof *b->v);
    for (int64_t i = 0; i < ROWS * C; i++) b->v[i] = 0.2 * rng_normal(&r);
    rig_run(&b->r, 1, b->prefix, PREFIX, 0, NULL, NULL);
    b->spans[0] = rig_span(&b->r, 0, 0, ROWS_A, 0), b->spans[1] = rig_span(&b->r, 1, ROWS_A, ROWS_B, PREFIX);
    double *emb = malloc((size_t)(ROWS * C) * sizeof *emb);
    for (int64_t i = 0; i < ROWS * C; i++) emb[i] = (double)(float)rng_normal(&r);
    dev_put_f64(b->r.d, b->r.emb, emb, ROWS * C);
    free(emb);
}
static void bench_close(struct bench *b) {
    rig_close(&b->r);
    free(b->v), free(b->lens.read);
}

static int score_value(void *ctx, struct device *d, int64_t row0, int64_t rows, int64_t V, num *logits) {
    struct bench *b = ctx;
    cr_assert(V == 1);
    for (int64_t i = 0; i < rows; i++) {
        b->lens.sum += b->coef[row0 + i] * dev_get1(d, logits, i);
        dev_set1(d, logits, i, b->coef[row0 + i]);
    }
    return 0;
}

static struct batch bench_batch(const struct bench *b) {
    return (struct batch){.T = ROWS,
                          .ids = b->by_embeds ? NULL : b->ids,
                          .embeds = b->by_embeds ? b->r.emb : NULL,
                          .spans = b->spans,
                          .n_spans = 2};
}

/* Forward, the loss, and with a tape the head's gradient in dh. */
static double bench_loss(struct bench *b, struct tape *t, struct grads *g) {
    struct rig *r = &b->r;
    struct batch batch = bench_batch(b);
    uint32_t mask = b->lens.seeds | (b->lens.edit_tap >= 0 ? 1u << b->lens.edit_tap : 0);
    struct taps taps = {mask, 0, 99, lens_forward, &b->lens};
    int64_t n = ROWS * (int64_t)model_cfg(b->m)->n_embd;
    double logp[ROWS], loss = 0;
    num *dh = t ? r->dh : NULL;
    b->lens.sum = 0;
    OK(model_forward(b->m, r->p, &batch, t, mask ? &taps : NULL, r->h, &e));
    if (model_cfg(b->m)->n_score)
        OK(model_head(b->m, r->p, r->h, ROWS, score_value, b, dh, g, &e));
    else {
        OK(model_nll_shared(b->m, r->p, r->h, ROWS, b->target, b->coef, b->share, b->n_share, logp, dh, g, &e));
        for (int i = 0; i < ROWS; i++) loss -= b->coef[i] * logp[i];
    }
    for (int64_t i = 0; i < n; i++) loss += b->v[i] * dev_get1(r->d, r->h, i);
    for (int64_t i = 0; t && i < n; i++) dev_set1(r->d, dh, i, dev_get1(r->d, dh, i) + b->v[i]);
    return loss + b->lens.sum;
}

/* One taped step; the gradient at the embeddings in r.demb. */
static double bench_step(struct bench *b, struct grads *g) {
    uint32_t mask = b->lens.seeds | (b->lens.read_tap >= 0 ? 1u << b->lens.read_tap : 0);
    struct taps dtaps = {mask, 0, 99, lens_backward, &b->lens};
    if (g) grads_zero(g);
    double loss = bench_loss(b, b->r.t, g);
    OK(model_backward(b->m, b->r.p, b->r.t, b->r.dh, mask ? &dtaps : NULL, g, b->r.demb, &e));
    return loss;
}

/* ∂loss/∂x[i] by differences, x an array of the device */
static double slope_at(struct bench *b, num *x, int64_t i) {
    struct device *d = b->r.d;
    const double h = 1e-3;
    double x0 = dev_get1(d, x, i), f[4];
    static const int at[4] = {-2, -1, 1, 2};
    for (int k = 0; k < 4; k++) {
        dev_set1(d, x, i, x0 + at[k] * h);
        f[k] = bench_loss(b, NULL, NULL);
    }
    dev_set1(d, x, i, x0);
    return (8 * (f[2] - f[1]) - (f[3] - f[0])) / (12 * h);
}

static double check_array(struct bench *b, num *x, const double *grad, int64_t n, int64_t stride) {
    double bad = 0, top = max_abs(grad, n);
    for (int64_t i = 0; i < n; i += stride) bad = worst(bad, fabs(slope_at(b, x, i) - grad[i]));
    return bad / (top + 1e-6);
}

static double check_embeds_by(struct bench *b, int64_t stride) {
    int64_t n = ROWS * (int64_t)model_cfg(b->m)->n_embd;
    b->by_embeds = 1;
    bench_step(b, NULL);
    double *g = fetch_nums(b->r.d, b->r.demb, n), bad = check_array(b, b->r.emb, g, n, stride);
    cr_expect(max_abs(g, n) > 1e-6, "the gradient is zero");
    free(g);
    return bad;
}
static double check_embeds(struct bench *b) { return check_embeds_by(b, 1); }

/* ---- dX: every family, every element, from all seeds at once and from each kind alone ---- */

static void expect_small(double bad, double tol, const char *model, const char *what) {
    cr_expect(bad <= tol, "%s, %s: relative error %.3g > %g", model, what, bad, tol);
    if (getenv("CANDOR_TEST_FIGURES")) printf("# %-22s %-28s %.2e\n", model, what, bad);
}

static void embeds_of(const struct tiny *t) {
    struct device *d = tiny_device(1, 1);
    struct model *m = tiny_new(d, t);
    struct bench b;
    bench_open(&b, m);
    expect_small(check_embeds(&b), 1e-6, t->name, "dX, head and state seeds");
    b.lens.seeds = all_taps;
    expect_small(check_embeds(&b), 1e-6, t->name, "dX, all seeds");
    bench_close(&b), model_close(m), dev_close(d);
}

Test(model_grad, embeds) {
    for (int i = 0; i < N_TINIES; i++) embeds_of(&tinies[i]);
}

/* A reward model: a scalar score a row, seeded by hand. */
Test(model_grad, score_head) {
    static const char *const names[] = {"llama_gqa_tied", "qwen2", "qwen3", "gpt2"};
    for (int i = 0; i < 4; i++) {
        struct tiny t = *tiny_find(names[i]);
        t.score = 1;
        embeds_of(&t);
    }
}

/* Each tap alone, so that a fault names its place. */
Test(model_grad, tap_seeds) {
    static const char *const names[] = {"llama_gqa_tied", "qwen3", "gpt2"};
    struct device *d = tiny_device(1, 1);
    for (int i = 0; i < 3; i++) {
        struct model *m = tiny_new(d, tiny_find(names[i]));
        struct bench b;
        bench_open(&b, m);
        for (int k = 0; k < TAP_LOGITS; k++) {
            b.lens.seeds = 1u << k;
            if (k == TAP_GATE && !model_cfg(m)->gated) continue;
            expect_small(check_embeds(&b), 1e-6, names[i], tap_name((enum tap)k));
        }
        bench_close(&b), model_close(m);
    }
    dev_close(d);
}

/* ---- d(tap): what a backward tap reads is the slope of the loss when the forward tap adds a constant there ---- */

static double slope_of_edit(struct bench *b, int64_t i) {
    const double h = 1e-3;
    static const int at[4] = {-2, -1, 1, 2};
    double f[4];
    b->lens.edit_at = i;
    for (int k = 0; k < 4; k++) {
        b->lens.edit_by = at[k] * h;
        f[k] = bench_loss(b, NULL, NULL);
    }
    return (8 * (f[2] - f[1]) - (f[3] - f[0])) / (12 * h);
}

static double check_tap(struct bench *b, int tap, int layer) {
    double bad = 0;
    b->lens.read_tap = tap, b->lens.read_layer = layer, b->lens.edit_tap = -1;
    bench_step(b, NULL);
    b->lens.edit_tap = tap, b->lens.edit_layer = layer;
    double top = max_abs(b->lens.read, b->lens.read_n);
    for (int64_t i = 0; i < b->lens.read_n; i += 5) bad = worst(bad, fabs(slope_of_edit(b, i) - b->lens.read[i]));
    b->lens.edit_tap = b->lens.read_tap = -1;
    return bad / (top + 1e-6);
}

static void taps_of(const struct tiny *t, struct device *d) {
    struct model *m = tiny_new(d, t);
    struct bench b;
    bench_open(&b, m);
    b.lens.seeds = all_taps;
    for (int k = 0; k < TAP_LOGITS; k++) {
        if (k == TAP_GATE && !model_cfg(m)->gated) continue;
        double bad = 0;
        if (k == TAP_FINAL_NORM)
            bad = check_tap(&b, k, t->L);
        else
            for (int l = 0; l < t->L; l++) bad = worst(bad, check_tap(&b, k, l));
        expect_small(bad, 1e-6, t->name, tap_name((enum tap)k));
    }
    bench_close(&b), model_close(m);
}

Test(model_grad, taps_read) {
    static const char *const names[] = {"llama_gqa_tied", "mistral", "qwen2", "qwen3", "gpt2"};
    struct device *d = tiny_device(1, 1);
    for (int i = 0; i < 5; i++) taps_of(tiny_find(names[i]), d);
    dev_close(d);
}

/* The gradient of a run whose forward was edited is the gradient at the edited point: an edit is a constant. */
Test(model_grad, edited_forward) {
    static const char *const names[] = {"llama_gqa_tied", "qwen3", "gpt2"};
    struct device *d = tiny_device(1, 1);
    for (int i = 0; i < 3; i++) {
        struct model *m = tiny_new(d, tiny_find(names[i]));
        struct bench b;
        bench_open(&b, m);
        for (int k = 0; k < TAP_LOGITS; k++) {
            if (k == TAP_GATE && !model_cfg(m)->gated) continue;
            b.lens.edit_tap = k, b.lens.edit_layer = k == TAP_FINAL_NORM ? 2 : 0, b.lens.edit_at = 15, b.lens.edit_by = 0.8;
            char what[64];
            snprintf(what, sizeof what, "dX after an edit of %s", tap_name((enum tap)k));
            expect_small(check_embeds(&b), 1e-6, names[i], what);
        }
        bench_close(&b), model_close(m);
    }
    dev_close(d);
}

/* ---- dW: every parameter of every family; all elements of the short ones, every seventh of the others ---- */

static void weights_of(const struct tiny *t, int64_t stride) {
    struct device *d = tiny_device(1, 1);
    struct model *m = tiny_new(d, t);
    struct bench b;
    struct grads g;
    bench_open(&b, m);
    b.lens.seeds = all_taps & ~(1u << TAP_ATTN_NORM | 1u << TAP_FFN_NORM);
    OK(grads_new(&g, m, &e));
    bench_step(&b, &g);
    double **grad = calloc((size_t)g.n, sizeof *grad), all = 0;
    for (int i = 0; i < g.n; i++) grad[i] = fetch_nums(d, g.g[i], model_param(m, i)->count);
    for (int i = 0; i < g.n; i++) {
        const struct param *p = model_param(m, i);
        double bad = check_array(&b, p->value, grad[i], p->count, p->count > 64 ? stride : 1);
        cr_expect(bad <= 1e-6, "%s, dW of %s: relative error %.3g", t->name, p->name, bad);
        cr_expect(max_abs(grad[i], p->count) > 1e-6, "%s: dW of %s is zero", t->name, p->name);
        all = worst(all, bad);
        free(grad[i]);
    }
    expect_small(all, 1e-6, t->name, "dW, all parameters");
    free(grad), grads_free(&g), bench_close(&b), model_close(m), dev_close(d);
}

Test(model_grad, weights_llama) {
    for (int i = 0; i < N_TINIES; i++)
        if (is_family(&tinies[i], "llama")) weights_of(&tinies[i], 7);
}
Test(model_grad, weights_other) {
    for (int i = 0; i < N_TINIES; i++)
        if (!is_family(&tinies[i], "llama")) weights_of(&tinies[i], 7);
}
Test(model_grad, weights_score) {
    static const char *const names[] = {"llama_gqa_tied", "qwen3", "gpt2"};
    for (int i = 0; i < 3; i++) {
        struct tiny t = *tiny_find(names[i]);
        t.score = 1;
        weights_of(&t, 7);
    }
}

/* ---- float devices against double ---- */

struct answer {
    double loss, *demb;
    double **dw;
    int n;
};

static struct answer answer_of(const struct model *m, int with_dw) {
    struct bench b;
    struct grads g = {0};
    struct answer a = {0};
    bench_open(&b, m);
    b.lens.seeds = 1u << TAP_RESID_MID | 1u << TAP_Q | 1u << TAP_UP;
    if (with_dw) OK(grads_new(&g, m, &e));
    a.loss = bench_step(&b, with_dw ? &g : NULL);
    a.demb = fetch_nums(b.r.d, b.r.demb, ROWS * (int64_t)model_cfg(m)->n_embd);
    a.n = with_dw ? g.n : 0;
    a.dw = calloc((size_t)a.n + 1, sizeof *a.dw);
    for (int i = 0; i < a.n; i++) a.dw[i] = fetch_nums(b.r.d, g.g[i], model_param(m, i)->count);
    grads_free(&g), bench_close(&b);
    return a;
}
static void answer_free(struct answer *a) {
    for (int i = 0; i < a->n; i++) free(a->dw[i]);
    free(a->dw), free(a->demb);
}

static double answer_diff(const struct model *m, const struct answer *a, const struct answer *b) {
    double bad =
        worst(fabs(a->loss - b->loss) / (fabs(b->loss) + 1), rel_diff(a->demb, b->demb, ROWS * (int64_t)model_cfg(m)->n_embd));
    for (int i = 0; i < a->n; i++) {
        double r = rel_diff(a->dw[i], b->dw[i], model_param(m, i)->count);
        cr_expect(r <= 1e-3, "dW of %s: relative error %.3g", model_param(m, i)->name, r);
        bad = worst(bad, r);
    }
    return bad;
}

static void floats_of(const struct tiny *t, const char *isa) {
    struct device *d64 = tiny_device(1, 1), *d32 = isa_device(isa, 2);
    struct model *m64 = tiny_new(d64, t), *m32 = tiny_new(d32, t);
    struct answer a = answer_of(m64, 1), b = answer_of(m32, 1);
    char what[40];
    snprintf(what, sizeof what, "dX, dW in float on %s", d32->name);
    expect_small(answer_diff(m64, &b, &a), 1e-3, t->name, what);
    answer_free(&a), answer_free(&b), model_close(m64), model_close(m32), dev_close(d64), dev_close(d32);
}

Test(model_grad, floats) {
    static const char *const isas[] = {"ref", "avx2", "avx512"};
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < N_TINIES; i++) floats_of(&tinies[i], isas[k]);
        for (int i = 0; i < N_BLOCK_TINIES; i++) floats_of(&block_tinies[i], isas[k]);
    }
}

/* ---- <Ju, v> = <u, Jᵀv>: no oracle needed ---- */

static double states_dot(struct bench *b, const double *v, int64_t n) {
    struct batch batch = bench_batch(b);
    double s = 0;
    OK(model_forward(b->m, b->r.p, &batch, NULL, NULL, b->r.h, &e));
    for (int64_t i = 0; i < n; i++) s += v[i] * dev_get1(b->r.d, b->r.h, i);
    return s;
}

static void adjoint_of(const struct tiny *t) {
    struct device *d = tiny_device(1, 1);
    struct model *m = tiny_new(d, t);
    struct bench b;
    bench_open(&b, m);
    b.by_embeds = 1;
    int64_t n = ROWS * (int64_t)t->C;
    double *x = fetch_nums(d, b.r.emb, n), *u = malloc((size_t)n * 8), *y = malloc((size_t)n * 8), f[4], ju, jv = 0, scale = 0;
    static const int at[4] = {-2, -1, 1, 2};
    struct rng r = RNG(21);
    for (int64_t i = 0; i < n; i++) u[i] = rng_normal(&r);
    for (int k = 0; k < 4; k++) {
        for (int64_t i = 0; i < n; i++) y[i] = x[i] + at[k] * 1e-3 * u[i];
        dev_put_f64(d, b.r.emb, y, n);
        f[k] = states_dot(&b, b.v, n);
    }
    ju = (8 * (f[2] - f[1]) - (f[3] - f[0])) / 12e-3;
    dev_put_f64(d, b.r.emb, x, n), dev_put_f64(d, b.r.dh, b.v, n);
    struct batch batch = bench_batch(&b);
    OK(model_forward(m, b.r.p, &batch, b.r.t, NULL, b.r.h, &e));
    OK(model_backward(m, b.r.p, b.r.t, b.r.dh, NULL, NULL, b.r.demb, &e));
    for (int64_t i = 0; i < n; i++) jv += u[i] * dev_get1(d, b.r.demb, i), scale += fabs(u[i] * dev_get1(d, b.r.demb, i));
    expect_small(fabs(ju - jv) / scale, 1e-8, t->name, "<Ju, v> = <u, J'v>");
    free(x), free(u), free(y), bench_close(&b), model_close(m), dev_close(d);
}

Test(model_grad, adjoint) {
    for (int i = 0; i < N_TINIES; i++) adjoint_of(&tinies[i]);
}

/* ---- through stored formats: float and double devices on the same file ---- */

static void stored_of(const struct tiny *t, enum fmt f) {
    const char *path = tiny_gguf(t, f);
    struct weights *w = NULL;
    struct device *d64 = tiny_device(1, 1);
    struct model *m64 = NULL;
    int dw = fmt_find((int)f)->is_float;
    char what[60];
    OK(weights_open(&w, path, &e));
    OK(model_open(&m64, d64, w, 0, &e));
    struct bench b;
    bench_open(&b, m64);
    b.lens.seeds = all_taps;
    snprintf(what, sizeof what, "dX through %s, differences", fmt_find((int)f)->name);
    expect_small(check_embeds_by(&b, 23), 1e-6, t->name, what);
    bench_close(&b);
    struct answer want = answer_of(m64, dw);
    for (int k = 0; k < 3; k++) {
        struct device *d = isa_device(k == 0 ? "ref" : k == 1 ? "avx2" : "avx512", 2);
        struct model *m = NULL;
        OK(model_open(&m, d, w, 0, &e));
        struct answer got = answer_of(m, dw);
        snprintf(what, sizeof what, "%s through %s on %s", dw ? "dX, dW" : "dX", fmt_find((int)f)->name, d->name);
        expect_small(answer_diff(m, &got, &want), 1e-3, t->name, what);
        answer_free(&got), model_close(m), dev_close(d);
    }
    struct grads g;
    struct err err = ERR_INIT;
    if (!dw) cr_expect(grads_new(&g, m64, &err) == ERR_UNSUPPORTED && strstr(err.msg, "float formats only"), "%s", err.msg);
    answer_free(&want), model_close(m64), weights_close(w), dev_close(d64);
}

Test(model_grad, stored_formats) {
    const struct fmt_row *f;
    for (int k = 0; (f = fmt_at(k)); k++) {
        for (int i = 0; f->block <= 32 && i < N_BLOCK_TINIES; i++) stored_of(&block_tinies[i], f->id);
        if (f->block > 32) stored_of(&super_tinies[0], f->id);
        for (int i = 0; i < N_SCORE_TINIES; i++)
            if (score_tinies[i].C % f->block == 0 && (f->block > 32) == (score_tinies[i].C == 256))
                stored_of(&score_tinies[i], f->id);
    }
}
