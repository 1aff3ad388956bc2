/* The model room: same bytes whatever the threads, batch, chunks, pages, taps and tape; backward behind a cached prefix; the memory it
 * says it takes; what it refuses. Gradients are in test_model_grad.c, families and files in test_model_families.c. */
#include "tiny_models.h"
#include <malloc.h>

TestSuite(model, .timeout = HANG_S);

static const char *const isas[] = {"ref", "avx2", "avx512"};

/* ---- same bytes ---- */

/* A way of running one sequence; zero is the plain way. */
struct how {
    const char *name;
    int page_len;     /* 0: 8 */
    int64_t chunk[8]; /* rows per forward, 0-terminated; none: all at once */
    int beside;       /* other sequences in the same batch: 1 before ours, 2 also after it */
    int tape, taps, fork;
};

static int look(void *ctx, struct device *d, const struct tap_rows *r) {
    double *sum = ctx;
    *sum += dev_get1(d, r->x, r->rows * r->width - 1);
    return 0;
}

/* The first n positions of sequence 0 become sequence 3's: whole pages shared, the last one copied. */
static void rig_fork(struct rig *r, int64_t n, void **table) {
    for (int i = 0; i < RIG_PAGES; i++) table[i] = r->pages[3][i];
    for (int64_t i = 0; i * r->page_len < n; i++) {
        if ((i + 1) * r->page_len <= n)
            table[i] = r->pages[0][i];
        else
            memcpy(table[i], r->pages[0][i], (size_t)model_kv_page_bytes(r->m, r->page_len, FMT_F32));
    }
}

static const int32_t beside_ids[5] = {3, 1, 4, 1, 5};

/* rows of our sequence from pos0 on; states into out. */
static void run_chunk(struct rig *r, const struct how *h, const int32_t *ids, int64_t rows, int64_t pos0, void *const *table,
                      num *out) {
    int64_t C = model_cfg(r->m)->n_embd, before = h->beside ? 5 : 0, T = rows + before + (h->beside > 1 ? 5 : 0);
    int32_t all[160];
    double sum = 0;
    struct span s[3] = {rig_span(r, 1, 0, 5, 0)};
    struct span *ours = &s[h->beside ? 1 : 0];
    *ours = rig_span(r, 0, before, rows, pos0);
    if (table) ours->kv.pages = table;
    s[2] = rig_span(r, 2, before + rows, 5, 0);
    memcpy(all, beside_ids, sizeof beside_ids);
    memcpy(all + before, ids + pos0, (size_t)rows * sizeof *ids);
    memcpy(all + before + rows, beside_ids, sizeof beside_ids);
    struct batch b = {.T = T, .ids = all, .spans = s, .n_spans = 1 + h->beside};
    struct taps taps = {~0u, 0, 99, look, &sum};
    OK(model_forward(r->m, r->p, &b, h->tape ? r->t : NULL, h->taps ? &taps : NULL, r->h, &e));
    dev_copy(r->d, out, num_at(r->d, r->h, before * C), rows * C);
}

/* States and logits of a whole sequence: [T, C] then [T, V]. */
static double *run_how(const struct model *m, const int32_t *ids, int64_t T, const struct how *h) {
    int64_t C = model_cfg(m)->n_embd, V = model_cfg(m)->n_vocab, done = 0;
    struct rig r = rig_open(m, T + 10, h->page_len ? h->page_len : 8);
    num *states = dev_alloc(r.d, T * C);
    void *table[RIG_PAGES];
    for (int i = 0; done < T; i++) {
        int64_t n = i < 8 && h->chunk[i] ? h->chunk[i] : T - done;
        int forked = h->fork && done;
        if (forked && i == 1) rig_fork(&r, done, table);
        run_chunk(&r, h, ids, n, done, forked ? table : NULL, num_at(r.d, states, done * C));
        done += n;
    }
    OK(model_logits(m, states, T, NULL, r.logits, &e));
    double *out = malloc((size_t)(T * (C + V)) * sizeof *out);
    dev_get_f64(r.d, out, states, T * C);
    dev_get_f64(r.d, out + T * C, r.logits, T * V);
    dev_free(r.d, states), rig_close(&r);
    return out;
}

static const struct how hows[] = {
    {.name = "again"},
    {"pages of 3", .page_len = 3},
    {"pages of 32", .page_len = 32},
    {"chunks 1 + rest", .chunk = {1}},
    {"chunks 7 + 1 + 1 + rest", .chunk = {7, 1, 1}},
    {"chunks, pages of 3", .page_len = 3, .chunk = {4, 2, 5}},
    {"beside one", .beside = 1},
    {"between two", .beside = 2},
    {"between two, in chunks", .beside = 2, .chunk = {3, 6}},
    {"tape", .tape = 1},
    {"tape, chunks", .tape = 1, .chunk = {6}},
    {"taps", .taps = 1},
    {"tape and taps", .tape = 1, .taps = 1},
    {"fork", .fork = 1, .chunk = {8}},
    {"fork inside a page", .fork = 1, .chunk = {6}, .page_len = 4},
};

static void bytes_of(const struct tiny *t, const char *isa, int oracle, int64_t T) {
    struct device *d = oracle ? tiny_device(1, 1) : isa_device(isa, 1);
    struct model *m = tiny_new(d, t);
    int32_t ids[128];
    struct how plain = {.name = "plain"};
    size_t n = (size_t)T * (size_t)(t->C + t->V) * sizeof(double);
    tiny_ids(ids, T, t->V, 4);
    double *want = run_how(m, ids, T, &plain);
    for (size_t i = 0; i < sizeof hows / sizeof *hows; i++) {
        double *got = run_how(m, ids, T, &hows[i]);
        cr_expect(!memcmp(got, want, n), "%s on %s, %s: other bytes (by %.2g)", t->name, d->name, hows[i].name,
                  rel_diff(got, want, (int64_t)(n / sizeof(double))));
        free(got);
    }
    free(want), model_close(m), dev_close(d);
}

Test(model, same_bytes_any_way) {
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < N_TINIES; i++) bytes_of(&tinies[i], isas[k], 0, 17);
        for (int i = 0; i < N_BLOCK_TINIES; i++) bytes_of(&block_tinies[i], isas[k], 0, 17);
    }
    for (int i = 0; i < N_TINIES; i++) bytes_of(&tinies[i], "ref", 1, 17);
}

/* Large enough for the device to cut its work over threads. */
static const struct tiny wide_tinies[] = {
    {"llama_wide", "llama", .L = 2, .C = 128, .F = 320, .V = 512, .H = 8, .G = 4, .D = 16, .tied = 1},
    {"qwen3_wide", "qwen3", .L = 1, .C = 96, .F = 320, .V = 331, .H = 4, .G = 2, .D = 20},
    {"gpt2_wide", "gpt2", .L = 1, .C = 96, .F = 384, .V = 331, .H = 4, .G = 4, .D = 24, .bias = 1},
};

struct outcome {
    double *x;
    int64_t n;
};
static void outcome_add(struct outcome *o, struct device *d, const num *x, int64_t n) {
    o->x = realloc(o->x, (size_t)(o->n + n) * sizeof *o->x);
    dev_get_f64(d, o->x + o->n, x, n);
    o->n += n;
}

/* States, head gradient, dX and every dW of one step over two sequences of 30 and 66 rows. */
static struct outcome step_outcome(const struct tiny *t, const char *isa, int threads) {
    enum { T = 96 };
    struct device *d = isa_device(isa, threads);
    struct model *m = tiny_new(d, t);
    struct rig r = {.d = d, .m = m, .page_len = 32};
    struct grads g;
    struct outcome o = {0};
    int32_t ids[T + 1];
    double coef[T], logp[T];
    tiny_ids(ids, T + 1, t->V, 9);
    for (int i = 0; i < T; i++) coef[i] = 1.0 / T;
    OK(pass_new(&r.p, m, T, RIG_SEQS, T, PASS_GRADS, &e));
    OK(tape_new(&r.t, m, T, RIG_SEQS, &e));
    OK(grads_new(&g, m, &e));
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < 3; i++) r.pages[s][i] = dev_alloc_bytes(d, model_kv_page_bytes(m, 32, FMT_F32));
    r.h = dev_alloc(d, T * t->C), r.dh = dev_alloc(d, T * t->C), r.demb = dev_alloc(d, T * t->C);
    struct span s[2] = {rig_span(&r, 0, 0, 30, 0), rig_span(&r, 1, 30, 66, 0)};
    if (is_family(t, "gpt2")) s[1].rows = 32, s[0].rows = 32, s[1].row0 = 32; /* learned positions end at 32 */
    struct batch b = {.T = s[0].rows + s[1].rows, .ids = ids, .spans = s, .n_spans = 2};
    OK(model_forward(m, r.p, &b, r.t, NULL, r.h, &e));
    OK(model_nll(m, r.p, r.h, b.T, ids + 1, coef, logp, r.dh, &g, &e));
    outcome_add(&o, d, r.h, b.T * t->C), outcome_add(&o, d, r.dh, b.T * t->C);
    OK(model_backward(m, r.p, r.t, r.dh, NULL, &g, r.demb, &e));
    outcome_add(&o, d, r.demb, b.T * t->C), outcome_add(&o, d, g.flat, g.count);
    grads_free(&g), rig_close(&r), model_close(m), dev_close(d);
    return o;
}

Test(model, same_bytes_any_threads) {
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 3; i++) {
            struct outcome one = step_outcome(&wide_tinies[i], isas[k], 1);
            for (int threads = 2; threads <= 5; threads++) {
                struct outcome more = step_outcome(&wide_tinies[i], isas[k], threads);
                cr_expect(one.n == more.n && !memcmp(one.x, more.x, (size_t)one.n * sizeof(double)),
                          "%s on %s: %d threads give other bytes (by %.2g)", wide_tinies[i].name, isas[k], threads,
                          rel_diff(more.x, one.x, one.n));
                free(more.x);
            }
            free(one.x);
        }
}

/* Gradients of a sequence do not depend on who shares its batch. */
static struct outcome alone_or_beside(const struct tiny *t, const char *isa, int beside) {
    struct device *d = isa_device(isa, 2);
    struct model *m = tiny_new(d, t);
    struct rig r = rig_open(m, 24, 4);
    struct outcome o = {0};
    int32_t ids[24];
    int64_t before = beside ? 5 : 0, rows = 9, T = rows + (beside ? 10 : 0), C = t->C;
    double dh[24 * 64];
    tiny_ids(ids, 24, t->V, 9);
    memmove(ids + before, ids, (size_t)rows * sizeof *ids);
    struct rng rg = RNG(3);
    for (int64_t i = 0; i < rows * C; i++) dh[i] = (double)(float)rng_normal(&rg);
    struct span s[3] = {rig_span(&r, 1, 0, 5, 0)};
    s[beside ? 1 : 0] = rig_span(&r, 0, before, rows, 0);
    s[2] = rig_span(&r, 2, before + rows, 5, 0);
    struct batch b = {.T = T, .ids = ids, .spans = s, .n_spans = beside ? 3 : 1};
    OK(model_forward(m, r.p, &b, r.t, NULL, r.h, &e));
    for (int64_t i = 0; i < T * C; i++) dev_set1(d, r.dh, i, 0.125);
    dev_put_f64(d, num_at(d, r.dh, before * C), dh, rows * C);
    OK(model_backward(m, r.p, r.t, r.dh, NULL, NULL, r.demb, &e));
    outcome_add(&o, d, num_at(d, r.demb, before * C), rows * C);
    rig_close(&r), model_close(m), dev_close(d);
    return o;
}

Test(model, gradient_bytes_any_batch) {
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < N_TINIES + N_BLOCK_TINIES; i++) {
            const struct tiny *t = i < N_TINIES ? &tinies[i] : &block_tinies[i - N_TINIES];
            struct outcome a = alone_or_beside(t, isas[k], 0), b = alone_or_beside(t, isas[k], 1);
            cr_expect(!memcmp(a.x, b.x, (size_t)a.n * sizeof(double)), "%s on %s: dX depends on the batch (by %.2g)", t->name,
                      isas[k], rel_diff(b.x, a.x, a.n));
            free(a.x), free(b.x);
        }
}

/* ---- a cached prefix is a constant: rows behind it get the gradient they get without the cache ---- */

enum { P0 = 6, PT = 15 };

static int read_q_seed(void *ctx, struct device *d, const struct tap_rows *r) {
    double *q = ctx; /* [L][PT][width] of the tap, filled backwards from the end so that rows align */
    dev_get_f64(d, q + ((int64_t)r->layer * PT + PT - r->rows) * r->width, r->x, r->rows * r->width);
    return 0;
}

static void prefix_run(struct rig *r, const int32_t *ids, int64_t from, double *demb, double *dq) {
    int64_t C = model_cfg(r->m)->n_embd, rows = PT - from;
    struct rng rg = RNG(8);
    if (from) rig_run(r, 0, ids, from, 0, NULL, NULL);
    rig_run(r, 0, ids + from, rows, from, r->t, NULL);
    for (int64_t i = 0; i < PT * C; i++) {
        double x = (double)(float)rng_normal(&rg);
        if (i >= P0 * C)
            dev_set1(r->d, r->dh, i - from * C, x);
        else if (i >= from * C)
            dev_set1(r->d, r->dh, i - from * C, 0); /* the prefix carries no seed */
    }
    struct taps dtaps = {1u << TAP_Q, 0, 99, read_q_seed, dq};
    OK(model_backward(r->m, r->p, r->t, r->dh, &dtaps, NULL, r->demb, &e));
    dev_get_f64(r->d, demb + from * C, r->demb, rows * C);
}

static void prefix_of(const struct tiny *t, const char *isa, int oracle) {
    struct device *d = oracle ? tiny_device(1, 1) : isa_device(isa, 2);
    struct model *m = tiny_new(d, t);
    struct rig r = rig_open(m, PT, 4);
    int64_t C = t->C, HD = (int64_t)t->H * t->D, nq = (int64_t)t->L * PT * HD;
    int32_t ids[PT];
    double *a = calloc((size_t)(PT * C), 8), *b = calloc((size_t)(PT * C), 8), *qa = calloc((size_t)nq, 8),
           *qb = calloc((size_t)nq, 8);
    tiny_ids(ids, PT, t->V, 6);
    prefix_run(&r, ids, 0, a, qa), prefix_run(&r, ids, P0, b, qb);
    double bad = rel_diff(b + P0 * C, a + P0 * C, (PT - P0) * C);
    for (int l = 0; l < t->L; l++)
        bad = worst(bad, rel_diff(qb + ((int64_t)l * PT + P0) * HD, qa + ((int64_t)l * PT + P0) * HD, (PT - P0) * HD));
    cr_expect(bad == 0, "%s on %s: backward behind a prefix differs by %.3g", t->name, d->name,
              bad); /* by nothing: the same sums */
    free(a), free(b), free(qa), free(qb), rig_close(&r), model_close(m), dev_close(d);
}

Test(model, backward_behind_a_prefix) {
    for (int i = 0; i < N_TINIES; i++) {
        prefix_of(&tinies[i], "ref", 1);
        for (int k = 0; k < 3; k++) prefix_of(&tinies[i], isas[k], 0);
    }
    for (int i = 0; i < N_BLOCK_TINIES; i++)
        for (int k = 0; k < 3; k++) prefix_of(&block_tinies[i], isas[k], 0);
}

/* A tape may be run backward more than once. */
Test(model, backward_twice) {
    struct device *d = tiny_device(2, 0);
    struct model *m = tiny_new(d, tiny_find("qwen3"));
    struct rig r = rig_open(m, 9, 4);
    int64_t n = 9 * (int64_t)model_cfg(m)->n_embd;
    int32_t ids[9];
    double *got[2];
    tiny_ids(ids, 9, model_cfg(m)->n_vocab, 1);
    rig_run(&r, 0, ids, 9, 0, r.t, NULL);
    for (int k = 0; k < 2; k++) {
        for (int64_t i = 0; i < n; i++) dev_set1(d, r.dh, i, (double)(i % 7) - 3);
        OK(model_backward(m, r.p, r.t, r.dh, NULL, NULL, r.demb, &e));
        got[k] = fetch_nums(d, r.demb, n);
    }
    cr_expect(!memcmp(got[0], got[1], (size_t)n * sizeof(double)));
    free(got[0]), free(got[1]), rig_close(&r), model_close(m), dev_close(d);
}

/* ---- the head in chunks ---- */

static const struct tiny many_words = {"many_words", "llama", .L = 1, .C = 8, .F = 8, .V = 60000, .H = 1, .G = 1, .D = 8};

struct chunks {
    int64_t next, most;
    double *lse;
};
static int count_rows(void *ctx, struct device *d, int64_t row0, int64_t rows, int64_t V, num *logits) {
    struct chunks *c = ctx;
    cr_expect(row0 == c->next && V == 60000);
    c->next = row0 + rows;
    if (rows > c->most) c->most = rows;
    for (int64_t r = 0; r < rows; r++) {
        double top = -INFINITY, sum = 0;
        for (int64_t v = 0; v < V; v++) top = fmax(top, dev_get1(d, logits, r * V + v));
        for (int64_t v = 0; v < V; v++) sum += exp(dev_get1(d, logits, r * V + v) - top);
        c->lse[row0 + r] = top + log(sum);
    }
    return 0;
}

/* No [T, V] array: rows come in chunks, and a pass for many rows grows by less than one logit row each. */
Test(model, head_in_chunks) {
    enum { T = 400 };
    struct device *d = tiny_device(2, 0);
    struct model *m = tiny_new(d, &many_words);
    struct pass *p;
    double lse[T], logp[T], coef[T], *want = malloc(60000 * sizeof *want);
    int32_t target[T];
    struct share share[T];
    int n = 0;
    struct chunks c = {0, 0, lse};
    OK(pass_new(&p, m, T, 1, T, PASS_BACKWARD, &e));
    num *h = dev_alloc(d, T * 8), *dh = dev_alloc(d, T * 8), *row = dev_alloc(d, 60000);
    struct rng r = RNG(1);
    for (int i = 0; i < T; i++) target[i] = i % 5 ? (int32_t)rng_below(&r, 60000) : -1, coef[i] = rng_normal(&r);
    for (int64_t i = 0; i < T * 8; i++) dev_set1(d, h, i, rng_normal(&r));
    OK(model_head(m, p, h, T, count_rows, &c, NULL, NULL, &e));
    cr_expect(c.next == T && c.most <= model_head_rows(p) && model_head_rows(p) < T);
    for (int i = 0; i < T; i++)
        if (target[i] > 0) share[n++] = (struct share){i, target[i] - 1, 0.25};
    OK(model_nll_shared(m, p, h, T, target, coef, share, n, logp, dh, NULL, &e));
    for (int i = 0; i < T; i++) {
        OK(model_logits(m, num_at(d, h, i * 8), 1, NULL, row, &e));
        double w = target[i] < 0 ? 0 : dev_get1(d, row, target[i]) - lse[i];
        if (target[i] > 0) w += 0.25 * (dev_get1(d, row, target[i] - 1) - dev_get1(d, row, target[i]));
        cr_expect(fabs(logp[i] - w) < 1e-4, "row %d: log p %.7g, expected %.7g", i, logp[i], w);
        for (int k = 0; k < 8 && target[i] < 0; k++)
            cr_expect(dev_get1(d, dh, i * 8 + k) == 0, "a row without target has a gradient");
    }
    double per_row = (double)(pass_bytes(m, 4096, 1, 64, PASS_GRADS) - pass_bytes(m, 512, 1, 64, PASS_GRADS)) / (4096 - 512);
    cr_expect(per_row < 60000 * 4.0 / 50, "a row of a pass takes %.0f bytes", per_row);
    free(want), dev_free(d, h), dev_free(d, dh), dev_free(d, row), pass_free(p), model_close(m), dev_close(d);
}

/* The loss is linear in what the next token may be: shared between tokens it is the mean of the losses of each alone, and so is its gradient. */
Test(model, shares_are_the_mean_over_tokens) {
    enum { T = 40 };
    static const int32_t also[2] = {7, 18};
    static const double part[3] = {0.5, 0.3, 0.2};
    struct device *d = tiny_device(2, 1);
    struct model *m = tiny_new(d, &tinies[0]);
    struct pass *p;
    struct share share[2 * T];
    double coef[T], logp[T], one[T], want[T] = {0};
    int32_t target[T], alone[T];
    int64_t C = model_cfg(m)->n_embd, n = 0;
    OK(pass_new(&p, m, T, 1, T, PASS_BACKWARD, &e));
    num *h = dev_alloc(d, T * C), *dh = dev_alloc(d, T * C), *dh1 = dev_alloc(d, T * C);
    double *mean = calloc((size_t)(T * C), sizeof *mean);
    struct rng r = RNG(3);
    for (int64_t i = 0; i < T * C; i++) dev_set1(d, h, i, rng_normal(&r));
    for (int i = 0; i < T; i++) {
        target[i] = i % 4 ? (int32_t)rng_below(&r, 6) : -1, coef[i] = rng_normal(&r);
        for (int k = 0; k < 2 && target[i] >= 0; k++) share[n++] = (struct share){i, also[k], part[k + 1]};
    }
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < T; i++) alone[i] = target[i] < 0 || !k ? target[i] : also[k - 1];
        OK(model_nll(m, p, h, T, alone, coef, one, dh1, NULL, &e));
        for (int i = 0; i < T; i++) want[i] += part[k] * one[i];
        for (int64_t i = 0; i < T * C; i++) mean[i] += part[k] * dev_get1(d, dh1, i);
    }
    OK(model_nll_shared(m, p, h, T, target, coef, share, n, logp, dh, NULL, &e));
    for (int i = 0; i < T; i++) cr_expect_float_eq(logp[i], want[i], 1e-12, "row %d: %.9g, expected %.9g", i, logp[i], want[i]);
    for (int64_t i = 0; i < T * C; i++) cr_expect_float_eq(dev_get1(d, dh, i), mean[i], 1e-12);
    static const struct share bad[] = {{1, 19, 0.5}, {1, -1, 0.5}, {0, 3, 0.5}, {-1, 3, 0.5}, {T, 3, 0.5}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = ERR_INIT;
        cr_expect(model_nll_shared(m, p, h, T, target, coef, &bad[i], 1, NULL, NULL, NULL, &err) == ERR_RANGE, "case %zu", i);
    }
    struct share back[2] = {{2, 7, 0.5}, {1, 7, 0.5}};
    cr_expect_eq(model_nll_shared(m, p, h, T, target, coef, back, 2, NULL, NULL, NULL, NULL), ERR_RANGE);
    free(mean), dev_free(d, h), dev_free(d, dh), dev_free(d, dh1), pass_free(p), model_close(m), dev_close(d);
}

/* ---- memory: what is told is what is taken ---- */

static double heap_bytes(void) {
    struct mallinfo2 i = mallinfo2();
    return (double)i.uordblks + (double)i.hblkhd;
}

static void memory_of(const struct tiny *t, int64_t rows, unsigned flags) {
    struct device *d = tiny_device(2, 0);
    struct model *m = tiny_new(d, t);
    struct pass *p;
    struct tape *tp;
    OK(dev_reserve(d, 256, 64, &e)); /* the device's own, beforehand */
    double at = heap_bytes(), told = (double)pass_bytes(m, rows, 3, 4096, flags);
    OK(pass_new(&p, m, rows, 3, 4096, flags, &e));
    double taken = heap_bytes() - at;
    cr_expect(fabs(taken - told) <= 0.001 * told + 8192, "%s, pass of %lld rows: told %.0f, taken %.0f", t->name, (long long)rows,
              told, taken);
    at = heap_bytes(), told = (double)tape_bytes(m, rows);
    OK(tape_new(&tp, m, rows, 3, &e));
    taken = heap_bytes() - at;
    cr_expect(fabs(taken - told) <= 0.001 * told + 8192, "%s, tape of %lld rows: told %.0f, taken %.0f", t->name, (long long)rows,
              told, taken);
    tape_free(tp), pass_free(p), model_close(m), dev_close(d);
}

Test(model, memory_told_is_taken) {
#if defined(__SANITIZE_ADDRESS__)
    cr_skip_test("the sanitizer's allocator does not count");
#endif
    for (int i = 0; i < N_BLOCK_TINIES; i++) memory_of(&block_tinies[i], 500, PASS_GRADS), memory_of(&block_tinies[i], 300, 0);
    memory_of(&many_words, 64, PASS_BACKWARD);
}

/* ---- names of taps ---- */

Test(model, tap_names) {
    for (int i = 0; i < TAP_COUNT; i++) {
        cr_expect(tap_find(tap_name((enum tap)i)) == i);
        cr_expect(strlen(tap_help((enum tap)i)) > 10);
    }
    cr_expect(tap_find("nowhere") == -1);
}

struct seen {
    int n[TAP_COUNT];
    int64_t width[TAP_COUNT];
    int last_layer;
};
static int note(void *ctx, struct device *d, const struct tap_rows *r) {
    struct seen *s = ctx;
    (void)d;
    s->n[r->tap]++, s->width[r->tap] = r->width, s->last_layer = r->layer;
    return 0;
}
static int refuse(void *ctx, struct device *d, const struct tap_rows *r) {
    (void)ctx, (void)d, (void)r;
    return ERR_CANCELLED;
}

/* Every tap fires once a layer within its range, with the width it promises; a callback's error ends the pass and voids the tape. */
Test(model, taps_fire) {
    struct device *d = tiny_device(1, 0);
    const struct tiny *t = tiny_find("llama_gqa_tied");
    struct model *m = tiny_new(d, t);
    struct rig r = rig_open(m, 5, 4);
    int32_t ids[5] = {1, 2, 3, 4, 5};
    struct seen s = {0};
    struct taps taps = {~0u, 1, 1, note, &s};
    rig_run(&r, 0, ids, 5, 0, r.t, &taps);
    OK(model_logits(m, r.h, 5, &taps, r.logits, &e));
    for (int k = 0; k < TAP_COUNT; k++) cr_expect(s.n[k] == 1, "tap %s fired %d times", tap_name((enum tap)k), s.n[k]);
    cr_expect(s.width[TAP_Q] == t->H * t->D && s.width[TAP_K] == t->G * t->D && s.width[TAP_UP] == t->F &&
              s.width[TAP_LOGITS] == t->V);
    struct err err = ERR_INIT;
    struct span sp = rig_span(&r, 0, 0, 5, 0);
    struct batch b = {.T = 5, .ids = ids, .spans = &sp, .n_spans = 1};
    struct taps stop = {1u << TAP_UP, 0, 0, refuse, NULL};
    cr_expect(model_forward(m, r.p, &b, r.t, &stop, r.h, &err) == ERR_CANCELLED);
    cr_expect(model_backward(m, r.p, r.t, r.dh, NULL, NULL, NULL, &err) == ERR_STATE, "a broken-off forward left a tape");
    rig_close(&r), model_close(m), dev_close(d);
}

/* ---- what a forward refuses ---- */

struct bad_batch {
    const char *why;
    int32_t id;
    int64_t T, row0, rows, pos0;
    int page_len, n_spans, both, code;
    const char *text;
};

Test(model, batches_refused) {
    static const struct bad_batch bad[] = {
        {"fine", 1, 4, 0, 4, 0, 4, 1, 0, 0, ""},
        {"id too large", 19, 4, 0, 4, 0, 4, 1, 0, ERR_RANGE, "position 2"},
        {"id negative", -1, 4, 0, 4, 0, 4, 1, 0, ERR_RANGE, "expected 0 to 18, found -1"},
        {"ids and embeddings", 1, 4, 0, 4, 0, 4, 1, 1, ERR_ARG, "either ids or embeddings"},
        {"no rows", 1, 0, 0, 0, 0, 4, 1, 0, ERR_RANGE, "batch of 0 rows"},
        {"more rows than the pass", 1, 9, 0, 9, 0, 4, 1, 0, ERR_RANGE, "1 to 8"},
        {"span longer than the batch", 1, 4, 0, 5, 0, 4, 1, 0, ERR_ARG, "at most 4, found 5"},
        {"span shorter than the batch", 1, 4, 0, 3, 0, 4, 1, 0, ERR_ARG, "cover 3 of 4"},
        {"span does not begin at 0", 1, 4, 1, 3, 0, 4, 1, 0, ERR_ARG, "from 1 on"},
        {"no spans", 1, 4, 0, 4, 0, 4, 0, 0, ERR_RANGE, "0 sequences"},
        {"too many spans", 1, 4, 0, 4, 0, 4, 5, 0, ERR_RANGE, "5 sequences"},
        {"negative position", 1, 4, 0, 4, -1, 4, 1, 0, ERR_ARG, "position -1"},
        {"position beyond the pass", 1, 4, 0, 4, 29, 4, 1, 0, ERR_LIMIT, "beyond the 32"},
        {"position that overflows", 1, 4, 0, 4, INT64_MAX - 1, 4, 1, 0, ERR_LIMIT, "beyond the 32"},
        {"pages of nothing", 1, 4, 0, 4, 0, 0, 1, 0, ERR_ARG, "pages of 0"},
    };
    struct device *d = tiny_device(1, 0);
    struct model *m = tiny_new(d, tiny_find("llama")), *other = tiny_new(d, tiny_find("llama"));
    struct rig r = rig_open(m, 8, 4);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct bad_batch *x = &bad[i];
        int32_t ids[16] = {0, 1, x->id, 3};
        struct err err = ERR_INIT;
        struct span s[5] = {{x->row0, x->rows, x->pos0, {r.pages[0], x->page_len, FMT_F32}}};
        struct batch b = {.T = x->T, .ids = ids, .embeds = x->both ? r.emb : NULL, .spans = s, .n_spans = x->n_spans};
        int rc = model_forward(m, r.p, &b, NULL, NULL, r.h, &err);
        cr_expect(rc == x->code && strstr(err.msg, x->text), "%s: %d %s", x->why, rc, err.msg);
    }
    int32_t ids[2] = {1, 2};
    struct err err = ERR_INIT;
    struct span s = rig_span(&r, 0, 0, 2, 0);
    struct batch b = {.T = 2, .ids = ids, .spans = &s, .n_spans = 1};
    cr_expect(model_forward(other, r.p, &b, NULL, NULL, r.h, &err) == ERR_ARG && strstr(err.msg, "another model"));
    int32_t target = 19;
    double coef = 1;
    cr_expect(model_nll(m, r.p, r.h, 1, &target, &coef, NULL, NULL, NULL, &err) == ERR_RANGE && strstr(err.msg, "target 19"));
    rig_close(&r), model_close(other), model_close(m), dev_close(d);
}

Test(model, positions_end_where_they_were_learned) {
    struct device *d = tiny_device(1, 0);
    struct model *m = tiny_new(d, tiny_find("gpt2"));
    struct rig r = rig_open(m, 8, 4);
    pass_free(r.p);
    OK(pass_new(&r.p, m, 8, 1, 64, 0, &e));
    int32_t ids[4] = {1, 2, 3, 4};
    struct err err = ERR_INIT;
    struct span s = rig_span(&r, 0, 0, 4, 30);
    struct batch b = {.T = 4, .ids = ids, .spans = &s, .n_spans = 1};
    cr_expect(model_forward(m, r.p, &b, NULL, NULL, r.h, &err) == ERR_LIMIT && strstr(err.msg, "32 learned positions"), "%s",
              err.msg);
    rig_close(&r), model_close(m), dev_close(d);
}

Test(model, backward_refused) {
    struct device *d = tiny_device(1, 0);
    struct model *m = tiny_new(d, tiny_find("llama"));
    struct rig r = rig_open(m, 8, 4);
    struct pass *forward_only;
    struct grads g;
    struct err err = ERR_INIT;
    int32_t ids[4] = {1, 2, 3, 4};
    struct seen s = {0};
    struct taps taps = {1u << TAP_FFN_NORM, 0, 9, note, &s};
    OK(pass_new(&forward_only, m, 8, 1, 16, 0, &e));
    OK(grads_new(&g, m, &e));
    cr_expect(model_backward(m, r.p, r.t, r.dh, NULL, NULL, NULL, &err) == ERR_STATE && strstr(err.msg, "0 rows"));
    rig_run(&r, 0, ids, 4, 0, r.t, &taps);
    cr_expect(model_backward(m, forward_only, r.t, r.dh, NULL, NULL, NULL, &err) == ERR_STATE &&
              strstr(err.msg, "PASS_BACKWARD"));
    cr_expect(model_backward(m, r.p, r.t, r.dh, NULL, &g, NULL, &err) == ERR_UNSUPPORTED && strstr(err.msg, "tapped"));
    OK(model_backward(m, r.p, r.t, r.dh, NULL, NULL, NULL, &e));
    cr_expect(model_head(m, r.p, r.h, 4, NULL, NULL, NULL, &g, &err) == ERR_ARG);
    grads_free(&g), pass_free(forward_only), rig_close(&r), model_close(m), dev_close(d);
}
