/* run: the identities that make an engine trustworthy. Whatever shares a step, a page or a pool, the bytes are the same. */
#include "base/guard.h"
#include "base/rng.h"
#include "model/family.h"
#include "run/follow.h"
#include "run/generate.h"
#include "run/gradient.h"
#include "run/hidden.h"
#include "run/score.h"
#include "weights/gguf_write.h"
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(run, .timeout = HANG_S);

enum { V = 97, CTX = 96, N_IDS = 61 };

#define OK(f)                                              \
    do {                                                   \
        struct err *e = &(struct err)ERR_INIT;             \
        int rc_ = (f);                                     \
        cr_assert(rc_ >= 0, "%s: %d %s", #f, rc_, e->msg); \
    } while (0)

/* ---- tiny models of every family, written and read back ---- */

struct tiny {
    struct device *d;
    struct weights *w;
    struct model *m;
    char path[64];
};

static struct model_cfg tiny_cfg(const char *name) {
    struct model_cfg c = {.family = family_find(name),
                          .n_layer = 2,
                          .n_head = 4,
                          .n_kv = 2,
                          .head_dim = 16,
                          .n_embd = 64,
                          .n_ff = 96,
                          .n_vocab = V,
                          .n_ctx = CTX,
                          .norm = NORM_RMS,
                          .norm_eps = 1e-5,
                          .act = ACT_SILU,
                          .gated = 1,
                          .rope = {.dims = 16, .style = ROPE_HALVES, .base = 10000, .factor = 1}};
    if (!strcmp(name, "llama") || !strcmp(name, "mistral")) c.rope.style = ROPE_PAIRS;
    if (!strcmp(name, "mistral")) c.window = 11;
    if (!strcmp(name, "qwen2")) c.qkv_bias = 1, c.tied = 1;
    if (!strcmp(name, "qwen3")) c.qk_norm = 1, c.head_dim = c.rope.dims = 24;
    if (!strcmp(name, "gpt2")) {
        c.norm = NORM_LAYER, c.act = ACT_GELU, c.gated = 0, c.n_kv = 4, c.tied = 1;
        c.qkv_bias = c.out_bias = c.ffn_bias = c.learned_pos = 1;
        c.rope = (struct rope_cfg){.factor = 1};
    }
    return c;
}

/* Fresh weights are so small that every distribution is nearly flat; larger ones make mistakes visible. */
static void liven(struct model *m, struct device *d) {
    for (int i = 0; i < model_n_params(m); i++) {
        const struct param *p = model_param(m, i);
        struct rng r = RNG(11, (uint64_t)i);
        if (p->n_dims == 2 && strncmp(p->name, "blk.", 4)) /* embeddings as large as the blocks' matrices */
            op_scale(d, p->value, 6.0, p->value, p->count);
        else if (p->n_dims != 2)
            for (int64_t k = 0; k < p->count; k++) dev_set1(d, p->value, k, dev_get1(d, p->value, k) + 0.2 * rng_normal(&r));
    }
}

static void write_model(const char *path, const struct model_cfg *cfg, uint64_t seed) {
    struct device *d;
    struct model *m;
    struct gguf_writer *g;
    void **keep = NULL;
    OK(dev_open(&d, 1, 0, e));
    OK(model_new(&m, d, cfg, seed, e));
    liven(m, d);
    OK(gguf_writer_new(&g, e));
    OK(model_put(g, m, FMT_F32, &keep, e));
    OK(gguf_writer_commit(g, path, e));
    model_put_free(m, keep);
    gguf_writer_free(g);
    model_close(m);
    dev_close(d);
}

static struct tiny tiny_cfg_open(const struct model_cfg *c, int threads, int oracle, unsigned flags) {
    struct tiny t = {.path = "/tmp/candor-run-XXXXXX"};
    int fd = mkstemp(t.path);
    cr_assert(fd >= 0);
    close(fd);
    unlink(t.path);
    write_model(t.path, c, 5);
    OK(dev_open(&t.d, threads, oracle, e));
    OK(weights_open(&t.w, t.path, e));
    OK(model_open(&t.m, t.d, t.w, flags, e));
    return t;
}
static struct tiny tiny_open(const char *family, int threads) {
    struct model_cfg c = tiny_cfg(family);
    return tiny_cfg_open(&c, threads, 0, 0);
}
static void tiny_close(struct tiny *t) {
    model_close(t->m);
    weights_close(t->w);
    dev_close(t->d);
    unlink(t->path);
}

static int32_t *text_ids(uint64_t seed) {
    static int32_t ids[8][N_IDS];
    int32_t *x = ids[seed % 8];
    struct rng r = RNG(3, seed);
    for (int i = 0; i < N_IDS; i++) x[i] = (int32_t)rng_below(&r, V);
    return x;
}

static struct engine *engine_of(const struct model *m, struct engine_opts o) {
    struct engine *g;
    OK(engine_new(&g, m, &o, e));
    return g;
}

static int keep_rows(void *ctx, int64_t row0, int64_t rows, const float *x, int64_t width) {
    memcpy((float *)ctx + row0 * width, x, (size_t)(rows * width) * sizeof *x);
    return 0;
}
/* All rows' logits of a fresh session. free() */
static float *whole(struct engine *g, const int32_t *ids, int64_t n) {
    float *x = malloc((size_t)(n * V) * sizeof *x);
    struct session *s;
    OK(session_new(&s, g, e));
    OK(session_feed_logits(s, ids, n, keep_rows, x, NULL, e));
    session_free(s);
    return x;
}
static void same(const float *a, const float *b, int64_t n, const char *what) {
    for (int64_t i = 0; i < n; i++)
        cr_assert(!memcmp(a + i, b + i, sizeof *a), "%s: number %lld: %.9g and %.9g", what, (long long)i, a[i], b[i]);
    cr_assert(n < 2 || a[0] != a[1], "%s: all alike", what);
}

#define EACH_FAMILY(f) \
    for (const char *const *f = (const char *const[]){"llama", "mistral", "qwen2", "qwen3", "gpt2", NULL}; *f; f++)

/* ---- identities ---- */

Test(run, threads_do_not_matter) {
    EACH_FAMILY(f) {
        struct tiny a = tiny_open(*f, 1), b = tiny_open(*f, 2);
        struct engine *ga = engine_of(a.m, (struct engine_opts){0}), *gb = engine_of(b.m, (struct engine_opts){0});
        float *x = whole(ga, text_ids(0), N_IDS), *y = whole(gb, text_ids(0), N_IDS);
        same(x, y, N_IDS * V, *f);
        free(x), free(y);
        engine_free(ga), engine_free(gb);
        tiny_close(&a), tiny_close(&b);
    }
}

Test(run, chunks_and_pages_do_not_matter) {
    EACH_FAMILY(f) {
        struct tiny t = tiny_open(*f, 2);
        struct engine *g = engine_of(t.m, (struct engine_opts){.page_len = 32});
        float *x = whole(g, text_ids(1), N_IDS);
        const struct engine_opts others[] = {
            {.page_len = 8}, {.max_rows = 7}, {.max_rows = 1, .page_len = 3}, {.max_rows = 16, .page_len = 16}};
        for (int i = 0; i < 4; i++) {
            struct engine *h = engine_of(t.m, others[i]);
            float *y = whole(h, text_ids(1), N_IDS);
            same(x, y, N_IDS * V, *f);
            free(y);
            engine_free(h);
        }
        free(x);
        engine_free(g);
        tiny_close(&t);
    }
}

Test(run, feeding_by_pieces_is_feeding_whole) {
    EACH_FAMILY(f) {
        struct tiny t = tiny_open(*f, 1);
        struct engine *g = engine_of(t.m, (struct engine_opts){.page_len = 8});
        float *x = whole(g, text_ids(2), N_IDS), y[V];
        struct session *s;
        OK(session_new(&s, g, e));
        for (int64_t at = 0, n = 1; at < N_IDS; at += n, n = n * 2 + 1) {
            if (n > N_IDS - at) n = N_IDS - at;
            OK(session_feed(s, text_ids(2) + at, n, y, e));
            same(x + (at + n - 1) * V, y, V, *f);
        }
        session_free(s);
        free(x);
        engine_free(g);
        tiny_close(&t);
    }
}

Test(run, a_batch_is_each_alone) {
    EACH_FAMILY(f) {
        struct tiny t = tiny_open(*f, 2);
        struct engine *g = engine_of(t.m, (struct engine_opts){.page_len = 8, .max_rows = 50, .max_sessions = 3});
        struct session *s[5];
        struct feed feeds[5];
        float got[5][V];
        for (int i = 0; i < 5; i++) {
            OK(session_new(&s[i], g, e));
            feeds[i] = (struct feed){.s = s[i], .ids = text_ids((uint64_t)i), .n = 5 + 13 * i, .logits = got[i]};
        }
        OK(engine_step(g, feeds, 5, NULL, e));
        for (int i = 0; i < 5; i++) {
            float *x = whole(g, text_ids((uint64_t)i), 5 + 13 * i);
            same(x + (4 + 13 * i) * V, got[i], V, *f);
            free(x);
            session_free(s[i]);
        }
        cr_assert_eq(engine_pages_in_use(g), 0);
        engine_free(g);
        tiny_close(&t);
    }
}

Test(run, a_fork_is_a_fresh_session) {
    EACH_FAMILY(f) {
        struct tiny t = tiny_open(*f, 1);
        struct engine *g = engine_of(t.m, (struct engine_opts){.page_len = 8});
        const int32_t *a = text_ids(0), *b = text_ids(1);
        int32_t mixed[40];
        memcpy(mixed, a, sizeof mixed);
        memcpy(mixed + 21, b, 19 * sizeof *b);
        float *x = whole(g, a, 40), *y = whole(g, mixed, 40), gx[V], gy[V];
        struct session *s, *k;
        OK(session_new(&s, g, e));
        OK(session_feed(s, a, 21, NULL, e));
        OK(session_fork(&k, s, e));
        cr_assert_eq(engine_pages_in_use(g), 3, "a fork shares its pages");
        OK(engine_step(g,
                       (struct feed[]){{.s = s, .ids = a + 21, .n = 19, .logits = gx}, {.s = k, .ids = b, .n = 19, .logits = gy}},
                       2, NULL, e));
        same(x + 39 * V, gx, V, *f);
        same(y + 39 * V, gy, V, *f);
        session_rewind(s, 21); /* and back: the same again, over pages that the registry knows by now */
        OK(session_feed(s, b, 19, gy, e));
        same(y + 39 * V, gy, V, *f);
        session_free(s), session_free(k);
        free(x), free(y);
        engine_free(g);
        tiny_close(&t);
    }
}

/* A text whose end changes, followed by one session: the last row's logits are those of a fresh one, and the common prefix is not fed again. */
Test(run, following_a_text_is_reading_it_anew) {
    struct tiny t = tiny_open("qwen3", 2);
    struct engine *g = engine_of(t.m, (struct engine_opts){.page_len = 8});
    int32_t *ids = text_ids(3), other[N_IDS];
    struct session *s, *fresh;
    float a[V], b[V];
    int64_t reused = -1, fed;
    memcpy(other, ids, sizeof other);
    for (int i = 20; i < N_IDS; i++) other[i] = (ids[i] + 1) % V;
    OK(session_new(&s, g, e));
    const struct {
        const int32_t *ids;
        int64_t n, reused;
    } turns[] = {{ids, 30, 0}, {ids, 50, 29}, {other, 40, 20}, {other, 10, 9}, {ids, N_IDS, 9}, {ids, 1, 0}, {ids, 2, 0}};
    for (size_t k = 0; k < sizeof turns / sizeof *turns; k++) {
        fed = engine_account(g).rows;
        OK(session_follow(s, turns[k].ids, turns[k].n, &reused, e));
        cr_assert_eq(reused, turns[k].reused, "turn %zu: %d reused", k, (int)reused);
        cr_assert_eq(session_len(s), turns[k].n - 1);
        cr_assert_eq(engine_account(g).rows - fed, turns[k].n - 1 - reused);
        OK(session_new(&fresh, g, e));
        OK(session_feed(fresh, turns[k].ids, turns[k].n, a, e));
        OK(session_feed(s, turns[k].ids + turns[k].n - 1, 1, b, e));
        same(a, b, V, "followed text");
        session_rewind(s, turns[k].n - 1);
        session_free(fresh);
    }
    cr_assert_eq(session_follow(s, ids, 0, NULL, NULL), ERR_ARG);
    session_free(s);
    engine_free(g);
    tiny_close(&t);
}

Test(run, a_shared_prefix_is_a_private_one) {
    EACH_FAMILY(f) {
        struct tiny t = tiny_open(*f, 1);
        struct engine *g = engine_of(t.m, (struct engine_opts){.page_len = 8}),
                      *h = engine_of(t.m, (struct engine_opts){.page_len = 8});
        const int32_t *a = text_ids(4);
        float *x = whole(h, a, N_IDS), y[V];
        struct session *s;
        int64_t shared = -1;
        OK(session_new_prefixed(&s, g, a, N_IDS, &shared, e));
        cr_assert_eq(shared, 0);
        OK(session_feed(s, a, N_IDS, NULL, e));
        session_free(s);
        for (int64_t n = 40; n < 50; n++) { /* never the last position: its logits are wanted */
            OK(session_new_prefixed(&s, g, a, n, &shared, e));
            cr_assert_eq(shared, (n - 1) / 8 * 8);
            OK(session_feed(s, a + shared, n - shared, y, e));
            same(x + (n - 1) * V, y, V, *f);
            session_free(s);
        }
        int32_t other[40];
        memcpy(other, a, sizeof other);
        other[3] = (other[3] + 1) % V;
        OK(session_new_prefixed(&s, g, other, 40, &shared, e));
        cr_assert_eq(shared, 0, "another prefix shares nothing, though its later pages look alike");
        session_free(s);
        free(x);
        engine_free(g), engine_free(h);
        tiny_close(&t);
    }
}

static int only_look(void *ctx, struct device *d, const struct tap_rows *r) {
    *(double *)ctx += dev_get1(d, r->x, r->rows * r->width - 1);
    return 0;
}
static int double_it(void *ctx, struct device *d, const struct tap_rows *r) {
    (void)ctx;
    op_scale(d, r->x, 2.0, r->x, r->rows * r->width);
    return 0;
}

Test(run, looking_changes_nothing_and_edits_stay_private) {
    EACH_FAMILY(f) {
        struct tiny t = tiny_open(*f, 1);
        struct engine *g = engine_of(t.m, (struct engine_opts){.page_len = 8, .max_rows = 17});
        const int32_t *a = text_ids(5);
        float *x = malloc(N_IDS * V * sizeof *x), *y = NULL;
        double seen = 0;
        struct taps look = {(1u << TAP_COUNT) - 1, 0, 1, only_look, &seen}, edit = {1u << TAP_RESID_MID, 0, 0, double_it, NULL};
        struct session *s;
        OK(session_new(&s, g, e));
        OK(session_feed_logits(s, a, N_IDS, keep_rows, x, &edit, e));
        session_free(s);
        int64_t shared;
        OK(session_new_prefixed(&s, g, a, N_IDS, &shared, e));
        cr_assert_eq(shared, 0, "edited pages must not be found by others");
        session_free(s);
        OK(session_new(&s, g, e));
        OK(session_feed_logits(s, a, N_IDS, keep_rows, x, &look, e));
        session_free(s);
        y = whole(g, a, N_IDS);
        same(x, y, N_IDS * V, *f);
        cr_assert(seen != 0);
        free(x), free(y);
        engine_free(g);
        tiny_close(&t);
    }
}

Test(run, a_tape_changes_nothing) {
    EACH_FAMILY(f) {
        struct tiny t = tiny_open(*f, 2);
        struct engine *g = engine_of(t.m, (struct engine_opts){.page_len = 8, .backward = 1});
        const int32_t *a = text_ids(6);
        int64_t C = model_cfg(t.m)->n_embd;
        struct tape *tape;
        struct session *s, *k;
        num *h = dev_alloc(t.d, 30 * C), *h2 = dev_alloc(t.d, 30 * C);
        float *x = malloc((size_t)(60 * C) * sizeof *x);
        OK(tape_new(&tape, t.m, 30, 1, e));
        OK(session_new(&s, g, e));
        OK(session_feed(s, a, 20, NULL, e));
        OK(session_fork(&k, s, e));
        OK(engine_step_taped(g, s, a + 20, 30, tape, NULL, h, e));
        OK(engine_step(g, &(struct feed){.s = k, .ids = a + 20, .n = 30, .h = h2}, 1, NULL, e));
        dev_get(t.d, x, h, 30 * C), dev_get(t.d, x + 30 * C, h2, 30 * C);
        same(x, x + 30 * C, 30 * C, *f);
        session_free(s), session_free(k);
        tape_free(tape);
        dev_free(t.d, h), dev_free(t.d, h2);
        free(x);
        engine_free(g);
        tiny_close(&t);
    }
}

/* Narrow keys and values: every identity above, and logits near those of floats. */
Test(run, storage_of_keys_and_values) {
    static const double bound[] = {0, 0, 1e-5, 1e-3};
    EACH_FAMILY(f) {
        struct tiny t = tiny_open(*f, 2);
        struct engine *exact = engine_of(t.m, (struct engine_opts){.kv = KV_F32});
        float *want = whole(exact, text_ids(3), N_IDS);
        for (enum kv_type kv = KV_AUTO; kv <= KV_BF16; kv++) {
            struct engine *g = engine_of(t.m, (struct engine_opts){.kv = kv, .page_len = 8}),
                          *h = engine_of(t.m, (struct engine_opts){.kv = kv, .page_len = 5, .max_rows = 9});
            float *x = whole(g, text_ids(3), N_IDS), *y = whole(h, text_ids(3), N_IDS), z[4][V];
            double err = 0, ref = 0;
            same(x, y, N_IDS * V, *f);
            for (int i = 0; i < N_IDS * V; i++) err += pow((double)x[i] - (double)want[i], 2), ref += pow((double)want[i], 2);
            cr_expect(err <= bound[kv] * ref, "%s, %s: NMSE of logits %.3g", *f, kv_name(kv), err / ref);
            cr_expect(engine_options(g).kv == (kv == KV_AUTO ? KV_F32 : kv), "float weights take float keys and values");
            cr_expect_eq(engine_kv_bytes(g, 8), model_kv_page_bytes(t.m, 8, FMT_F32) / (kv > KV_F32 ? 2 : 1));
            struct session *s[4];
            struct feed feeds[4];
            int64_t shared;
            for (int i = 0; i < 4; i++) { /* forks of a known prefix, in one step */
                if (i % 2)
                    OK(session_fork(&s[i], s[i - 1], e));
                else
                    OK(session_new_prefixed(&s[i], g, text_ids(3), 41, &shared, e));
                cr_assert_eq(session_len(s[i]), 40);
                feeds[i] = (struct feed){.s = s[i], .ids = text_ids(3) + 40, .n = 1 + 4 * i, .logits = z[i]};
            }
            OK(engine_step(g, feeds, 4, NULL, e));
            for (int i = 0; i < 4; i++) same(x + (40 + 4 * i) * V, z[i], V, *f), session_free(s[i]);
            free(x), free(y);
            engine_free(g), engine_free(h);
        }
        free(want);
        engine_free(exact);
        tiny_close(&t);
    }
}

/* ---- generation ---- */

static int stop_at_seven(void *ctx, int32_t id, double logprob, int64_t i) {
    (void)id, (void)logprob;
    free(malloc(10)); /* a callback may */
    ++*(int *)ctx;
    return i == 6;
}

static struct generation gen_of(struct engine *g, int i, int32_t *ids, double *logprobs) {
    struct generation x = {
        .max_new = 20 + i, .sampling = SAMPLING_DEFAULT, .seed = 9, .stream = (uint64_t)i, .ids = ids, .logprobs = logprobs};
    const int32_t *a = text_ids((uint64_t)i);
    x.sampling.temp = i % 2 ? 1.3 : 0, x.sampling.top_k = i == 3 ? 20 : 0, x.sampling.top_p = i == 5 ? 0.8 : 1;
    x.sampling.repeat_penalty = i == 2 ? 1.5 : 1;
    OK(session_new(&x.s, g, e));
    OK(session_feed(x.s, a, 9 + i, NULL, e));
    x.last = a[9 + i];
    return x;
}

Test(run, generations_do_not_see_each_other) {
    EACH_FAMILY(f) {
        struct tiny t = tiny_open(*f, 2);
        struct engine *g = engine_of(t.m, (struct engine_opts){.page_len = 8, .max_sessions = 4});
        int32_t ids[7][40], alone[40];
        double lp[7][40], lp1[40];
        struct generation many[7];
        int calls = 0;
        for (int i = 0; i < 7; i++) many[i] = gen_of(g, i, ids[i], lp[i]);
        many[4].on_token = stop_at_seven, many[4].ctx = &calls;
        guard_counting(1);
        OK(generate(g, many, 7, e));
        cr_assert_eq(guard_count(), 0, "the decode loop allocates");
        guard_counting(0);
        cr_assert_eq(calls, 7);
        cr_assert_eq(many[4].stop, GEN_CALLER);
        for (int i = 0; i < 7; i++) {
            struct generation one = gen_of(g, i, alone, lp1);
            OK(generate(g, &one, 1, e));
            int64_t n = i == 4 ? 7 : 20 + i;
            cr_assert_eq(many[i].n, n);
            cr_assert(!memcmp(ids[i], alone, (size_t)n * sizeof *alone), "%s: generation %d", *f, i);
            cr_assert(!memcmp(lp[i], lp1, (size_t)n * sizeof *lp1), "%s: log probabilities of generation %d", *f, i);
            session_free(one.s), session_free(many[i].s);
        }
        engine_free(g);
        tiny_close(&t);
    }
}

/* States seen while decoding: [generation][token][layer][width]. */
struct seen {
    float x[5][24][2][64];
};

static int see_row(void *ctx, int which, int64_t i, struct device *d, const struct tap_rows *r, const num *x) {
    struct seen *s = ctx;
    cr_assert_eq(r->width, 64);
    dev_get(d, s->x[which][i][r->layer], x, r->width);
    return 0;
}

static int refuse_row(void *ctx, int which, int64_t i, struct device *d, const struct tap_rows *r, const num *x) {
    (void)ctx, (void)which, (void)d, (void)r, (void)x;
    return i == 3 ? ERR_LIMIT : 0;
}

/* Whatever shares the decode step, the rows that taps see are those of a prefill of the same ids, byte for byte. */
Test(run, states_seen_in_decode_are_those_of_a_prefill) {
    EACH_FAMILY(f) {
        struct tiny t = tiny_open(*f, 2);
        struct engine *g = engine_of(t.m, (struct engine_opts){.page_len = 8, .max_sessions = 3});
        struct seen *seen = calloc(1, sizeof *seen);
        int32_t ids[5][40], all[CTX];
        struct generation many[5];
        float whole[2 * CTX * 64];
        const struct gen_taps taps = {1u << TAP_RESID_OUT, 0, 1, see_row, seen};
        for (int i = 0; i < 5; i++) many[i] = gen_of(g, i, ids[i], NULL), many[i].max_new = 10 + 2 * i;
        guard_counting(1);
        OK(generate_tapped(g, many, 5, &taps, e));
        cr_assert_eq(guard_count(), 0, "a tapped decode allocates");
        guard_counting(0);
        for (int i = 0; i < 5; i++) {
            int64_t P = 10 + i, T = P + many[i].n - 1;
            memcpy(all, text_ids((uint64_t)i), (size_t)P * sizeof *all);
            memcpy(all + P, ids[i], (size_t)(many[i].n - 1) * sizeof *all);
            OK(hidden_capture(g, all, T, TAP_RESID_OUT, 0, 1, whole, e));
            for (int64_t k = 0; k < many[i].n; k++)
                for (int l = 0; l < 2; l++)
                    cr_assert(!memcmp(seen->x[i][k][l], whole + (l * T + P - 1 + k) * 64, 64 * sizeof(float)),
                              "%s: generation %d, token %d, layer %d", *f, i, (int)k, l);
            session_free(many[i].s);
        }
        free(seen);
        engine_free(g);
        tiny_close(&t);
    }
}

/* Looking changes nothing, a generation in pieces draws what a whole one does, and a tap may end it. */
Test(run, a_seen_generation_is_the_same_and_may_come_in_pieces) {
    struct tiny t = tiny_open("qwen3", 1);
    struct engine *g = engine_of(t.m, (struct engine_opts){.page_len = 8});
    struct seen *seen = calloc(1, sizeof *seen);
    int32_t whole[40], pieces[40];
    const struct gen_taps taps = {1u << TAP_RESID_OUT, 0, 1, see_row, seen};
    struct generation a = gen_of(g, 1, whole, NULL), b = gen_of(g, 1, pieces, NULL);
    OK(generate(g, &a, 1, e));
    b.max_new = 8;
    OK(generate_tapped(g, &b, 1, &taps, e));
    b.ids = pieces + 8, b.first = 8, b.max_new = a.n - 8;
    OK(generate(g, &b, 1, e));
    cr_assert(!memcmp(whole, pieces, (size_t)a.n * sizeof *whole));
    struct generation c = gen_of(g, 2, pieces, NULL);
    struct err e = ERR_INIT;
    cr_assert_eq(generate_tapped(g, &c, 1, &(struct gen_taps){1u << TAP_RESID_OUT, 0, 1, refuse_row, NULL}, &e), ERR_LIMIT);
    cr_assert_eq(generate_tapped(g, &c, 1, &(struct gen_taps){1u << TAP_LOGITS, 0, 1, see_row, NULL}, &e), ERR_ARG);
    session_free(a.s), session_free(b.s), session_free(c.s);
    free(seen);
    engine_free(g);
    tiny_close(&t);
}

Test(run, generation_stops_where_it_should) {
    struct tiny t = tiny_open("llama", 1);
    struct engine *g = engine_of(t.m, (struct engine_opts){.page_len = 8});
    int32_t ids[CTX + 10];
    struct generation x = gen_of(g, 0, ids, NULL);
    x.max_new = CTX + 10;
    OK(generate(g, &x, 1, e));
    cr_assert_eq(x.stop, GEN_CTX);
    cr_assert_eq(x.n, CTX - 9);
    cr_assert_eq(session_len(x.s), CTX);
    session_free(x.s);
    int32_t end = ids[4], got[30];
    struct generation y = gen_of(g, 0, got, NULL);
    y.ends = &end, y.n_ends = 1;
    OK(generate(g, &y, 1, e));
    cr_assert_eq(y.stop, GEN_END);
    cr_assert_eq(got[y.n - 1], end);
    session_free(y.s);
    engine_free(g);
    tiny_close(&t);
}

/* ---- pages ---- */

Test(run, a_full_pool_evicts_the_oldest_and_says_when_it_cannot) {
    struct tiny t = tiny_open("llama", 1);
    int64_t page = model_kv_page_bytes(t.m, 8, FMT_F32);
    struct engine *g = engine_of(t.m, (struct engine_opts){.page_len = 8, .max_kv_bytes = 6 * page});
    struct session *s, *k;
    int64_t shared;
    for (uint64_t i = 0; i < 5; i++) { /* each takes three pages of the six; two full ones stay idle */
        OK(session_new(&s, g, e));
        OK(session_feed(s, text_ids(i), 20, NULL, e));
        session_free(s);
    }
    cr_assert_eq(engine_pages_in_use(g), 0);
    OK(session_new_prefixed(&s, g, text_ids(4), 20, &shared, e));
    cr_assert_eq(shared, 16, "the youngest is still there");
    session_free(s);
    OK(session_new_prefixed(&s, g, text_ids(0), 20, &shared, e));
    cr_assert_eq(shared, 0, "the oldest is gone");
    session_free(s);
    OK(session_new(&s, g, e));
    OK(session_feed(s, text_ids(1), 40, NULL, e));
    OK(session_new(&k, g, e));
    struct err err = ERR_INIT;
    cr_assert_eq(session_feed(k, text_ids(2), 20, NULL, &err), ERR_LIMIT);
    cr_assert_eq(session_len(k), 0);
    cr_assert_eq(engine_pages_in_use(g), 5);
    cr_assert_eq(engine_reserve(g, 8, 1, &err), ERR_LIMIT);
    session_free(s);
    OK(session_feed(k, text_ids(2), 20, NULL, e));
    session_free(k);
    engine_free(g);
    tiny_close(&t);
}

Test(run, wrong_feeds_leave_sessions_as_they_were) {
    struct tiny t = tiny_open("gpt2", 1);
    struct engine *g = engine_of(t.m, (struct engine_opts){0});
    struct session *s;
    struct err e1 = ERR_INIT;
    int32_t bad[3] = {1, V, 2};
    OK(session_new(&s, g, e));
    OK(session_feed(s, text_ids(0), 5, NULL, e));
    cr_assert_eq(session_feed(s, bad, 3, NULL, &e1), ERR_RANGE);
    cr_assert_eq(session_feed(s, bad, 0, NULL, &e1), ERR_ARG);
    cr_assert_eq(session_feed(s, text_ids(0), N_IDS, NULL, &e1), 0);
    cr_assert_eq(session_feed(s, text_ids(0), N_IDS, NULL, &e1), ERR_LIMIT);
    struct feed f = {.s = s, .ids = text_ids(0), .n = 1};
    cr_assert_eq(engine_step(g, (struct feed[]){f, f}, 2, NULL, &e1), ERR_ARG);
    cr_assert_eq(session_len(s), 5 + N_IDS);
    session_free(s);
    engine_free(g);
    tiny_close(&t);
}

Test(run, the_account_is_honest) {
    struct tiny t = tiny_open("mistral", 1);
    struct engine *g = engine_of(t.m, (struct engine_opts){.max_rows = 16});
    struct session *s;
    float x[V];
    OK(session_new(&s, g, e));
    OK(session_feed(s, text_ids(0), 40, x, e));
    OK(session_feed(s, text_ids(0), 1, NULL, e));
    int64_t keys = 0;
    for (int pos = 0; pos < 41; pos++) keys += pos + 1 < 11 ? pos + 1 : 11;
    struct account a = engine_account(g);
    cr_assert_eq(a.steps, 4);
    cr_assert_eq(a.rows, 41);
    cr_assert_eq(a.generated, 1);
    cr_assert_float_eq(a.flops, model_flops(t.m, 41, keys, 1), 1e-3);
    session_free(s);
    engine_free(g);
    tiny_close(&t);
}

/* ---- sampler ---- */

struct rank {
    double p;
    int32_t id;
};
static int by_rank(const void *a, const void *b) {
    const struct rank *x = a, *y = b;
    return x->p != y->p ? (x->p < y->p ? 1 : -1) : x->id - y->id;
}
/* The plain version: sort, cut, walk. */
static int32_t plain_pick(const float *logits, const struct sampling *o, double u) {
    struct rank r[V];
    double total = 0, sum = 0, max = -INFINITY;
    int n = o->top_k ? o->top_k : V, k = 0;
    for (int i = 0; i < V; i++) max = fmax(max, logits[i]);
    for (int i = 0; i < V; i++) r[i] = (struct rank){exp((logits[i] - max) / o->temp), i};
    qsort(r, V, sizeof *r, by_rank);
    for (int i = 0; i < n; i++) total += r[i].p;
    while (k < n && (k == 0 || sum < o->top_p * total)) sum += r[k++].p;
    while (k > 1 && r[k - 1].p < o->min_p) k--;
    for (int i = total = 0; i < k; i++) total += r[i].p;
    sum = 0;
    for (int i = 0; i < k; i++)
        if ((sum += r[i].p) > u * total) return r[i].id;
    return r[0].id;
}

Test(run, the_sampler_is_the_plain_one) {
    struct sampler s;
    float z[V];
    OK(sampler_init(&s, V, e));
    struct rng r = RNG(77, 1);
    for (int round = 0; round < 2000; round++) {
        struct sampling o = SAMPLING_DEFAULT;
        for (int i = 0; i < V; i++) z[i] = (float)(3 * rng_normal(&r));
        o.temp = 0.3 + rng_uniform(&r), o.top_k = 1 + (int)rng_below(&r, 40),
        o.top_p = round % 3 ? 0.2 + 0.8 * rng_uniform(&r) : 1;
        o.min_p = round % 2 ? 0.2 * rng_uniform(&r) : 0;
        if (round % 5 == 0) o.top_k = 0, o.top_p = 0.9;
        double u = rng_uniform(&r), lp;
        cr_assert_eq(sampler_pick(&s, z, &o, u, NULL, 0, &lp), plain_pick(z, &o, u));
        cr_assert(lp < 0);
    }
    sampler_fini(&s);
}

Test(run, sampler_corners) {
    struct sampler s;
    struct sampling o = SAMPLING_DEFAULT;
    double lp;
    OK(sampler_init(&s, 4, e));
    const float tie[4] = {1, 3, 3, 0}, bad[4] = {NAN, -1, NAN, 2};
    cr_assert_eq(sampler_pick(&s, tie, &o, 0.9, NULL, 0, NULL), 1, "ties go to the lower id");
    o.top_k = 1, o.top_p = 0.1;
    cr_assert_eq(sampler_pick(&s, bad, &o, 0.5, NULL, 0, NULL), 3);
    o = SAMPLING_DEFAULT;
    o.repeat_penalty = 2;
    const int32_t seen[3] = {1, 1, 2};
    cr_assert_eq(sampler_pick(&s, tie, &o, 0, seen, 2, &lp), 2, "penalised once, though seen twice");
    cr_assert_float_eq(lp, 3 - log(exp(1) + 2 * exp(3) + 1), 1e-12, "log probability is that of the raw logits");
    o = SAMPLING_DEFAULT, o.temp = 1, o.min_p = 0.5;
    int count[4] = {0};
    for (int i = 0; i < 1000; i++) count[sampler_pick(&s, tie, &o, i / 1000.0, NULL, 0, NULL)]++;
    cr_assert(count[0] == 0 && count[1] == 500 && count[2] == 500 && count[3] == 0);
    struct err e1 = ERR_INIT;
    o.top_p = 0;
    cr_assert_eq(sampling_check(&o, &e1), ERR_RANGE);
    sampler_fini(&s);
}

/* ---- gradient, in double against finite differences ---- */

/* Loss as gradient_run reports it, but with the embeddings of position i moved by eps along channel c. */
static double moved(struct engine *g, const struct gradient_job *j, int rm, int64_t i, int64_t c, double eps) {
    const struct model *m = engine_model(g);
    struct device *d = model_device(m);
    int64_t C = model_cfg(m)->n_embd;
    num *x = dev_alloc(d, j->T * C), *h = dev_alloc(d, j->T * C), *z = dev_alloc(d, V);
    op_gather(d, x, model_embd(m), j->ids, j->T);
    dev_set1(d, x, i * C + c, dev_get1(d, x, i * C + c) + eps);
    struct session *s;
    OK(session_new(&s, g, e));
    OK(engine_step(g, &(struct feed){.s = s, .embeds = x, .n = j->T, .h = h}, 1, NULL, e));
    double loss = 0;
    if (rm) {
        OK(model_logits(m, num_at(d, h, (j->T - 1) * C), 1, NULL, z, e));
        loss = -j->reward * dev_get1(d, z, 0);
    } else {
        int32_t target[N_IDS];
        double coef[N_IDS] = {0}, logp[N_IDS];
        for (int64_t r = 0; r < j->T; r++)
            target[r] =
                r + 1 < j->T && r + 1 >= (j->from > 1 ? j->from : 1) && (!j->targets || j->targets[r + 1]) ? j->ids[r + 1] : -1;
        OK(engine_nll(g, h, j->T, target, coef, logp, NULL, e));
        for (int64_t r = 0; r < j->T; r++) loss -= j->nll * logp[r];
    }
    session_free(s);
    dev_free(d, x), dev_free(d, h), dev_free(d, z);
    return loss;
}

static void check_gradient(const char *family, int64_t from) {
    struct model_cfg c = tiny_cfg(family), rc = tiny_cfg("llama");
    rc.n_score = 1, rc.n_embd = 32, rc.n_head = rc.n_kv = 2;
    struct tiny lm = tiny_cfg_open(&c, 1, 1, 0);
    struct model *rmm;
    OK(model_new(&rmm, lm.d, &rc, 8, e));
    for (int i = 0; i < model_n_params(rmm); i++) /* a zero score head has no gradient */
        if (!strcmp(model_param(rmm, i)->name, "cls.output.weight"))
            for (int64_t k = 0; k < 32; k++) dev_set1(lm.d, model_param(rmm, i)->value, k, 0.1 * (double)(k % 7 - 3));
    struct engine_opts o = {.page_len = 8, .backward = 1};
    struct engine *g = engine_of(lm.m, o), *rg = engine_of(rmm, o);
    unsigned char targets[14] = {0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 1, 0, 1, 1};
    struct gradient_job j = {
        .ids = text_ids(3), .T = 14, .from = from, .nll = 0.7, .reward = 1.3, .targets = from == 5 ? targets : NULL};
    struct gradient *x;
    OK(gradient_new(&x, g, rg, 14, e));
    OK(gradient_run(x, &j, NULL, e));
    for (int rm = 0; rm < 2; rm++) {
        struct engine *side = rm ? rg : g;
        const num *u = rm ? gradient_rm(x) : gradient_lm(x);
        int64_t C = model_cfg(engine_model(side))->n_embd;
        cr_assert(u != NULL);
        for (int64_t i = from; i < j.T; i += 2)
            for (int64_t ch = 0; ch < C; ch += 13) {
                double h = 1e-5, fd = (moved(side, &j, rm, i, ch, h) - moved(side, &j, rm, i, ch, -h)) / (2 * h);
                double got = dev_get1(lm.d, u, (i - from) * C + ch);
                cr_assert(fabs(got - fd) < 1e-6 * (1 + fabs(fd)), "%s %s position %lld channel %lld: %.10g, differences %.10g",
                          family, rm ? "rm" : "lm", (long long)i, (long long)ch, got, fd);
            }
    }
    int64_t C;
    struct err e1 = ERR_INIT;
    cr_assert_eq(gradient_width(x, &j, &C, &e1), ERR_ARG, "widths 64 and 32 cannot be added");
    gradient_free(x);
    engine_free(g), engine_free(rg);
    model_close(rmm);
    tiny_close(&lm);
}

Test(run, gradients_agree_with_differences) {
    EACH_FAMILY(f) {
        check_gradient(*f, 0);
        check_gradient(*f, 5);
    }
}

/* A one-hot row times the gradient over the vocabulary must be E u plus the target term, in every chunking. */
Test(run, onehot_rows_are_the_formula) {
    struct model_cfg c = tiny_cfg("qwen2");
    struct tiny t = tiny_cfg_open(&c, 1, 1, 0);
    struct engine *g = engine_of(t.m, (struct engine_opts){.backward = 1});
    struct gradient_job j = {.ids = text_ids(3), .T = 20, .from = 3, .nll = 2};
    struct gradient *x;
    float *got = malloc(17 * V * sizeof *got), *z = whole(g, j.ids, 20);
    struct gradient_value v;
    OK(gradient_new(&x, g, NULL, 17, e));
    OK(gradient_run(x, &j, &v, e));
    OK(gradient_onehot(x, keep_rows, got, e));
    double u[64], w[64], nll = 0;
    num *row = dev_alloc(t.d, 64);
    for (int64_t i = 0; i < 17; i++) {
        double lse = 0;
        const float *zi = z + (2 + i) * V;
        for (int k = 0; k < V; k++) lse += exp(zi[k]);
        lse = log(lse), nll += lse - zi[j.ids[3 + i]];
        dev_get_f64(t.d, u, num_at(t.d, gradient_lm(x), i * 64), 64);
        for (int32_t k = 0; k < V; k++) {
            double want = -2 * (zi[k] - lse);
            op_gather(t.d, row, model_embd(t.m), &k, 1);
            dev_get_f64(t.d, w, row, 64);
            for (int ch = 0; ch < 64; ch++) want += w[ch] * u[ch];
            cr_assert_float_eq(got[i * V + k], want, 1e-5 * (1 + fabs(want)), "row %lld id %d", (long long)i, k);
        }
    }
    cr_assert_float_eq(v.nll, nll, 1e-4);
    cr_assert_float_eq(v.loss, 2 * nll, 1e-4);
    dev_free(t.d, row);
    free(got), free(z);
    gradient_free(x);
    engine_free(g);
    tiny_close(&t);
}

/* ---- scores and captures ---- */

Test(run, windows_score_every_token_once) {
    struct tiny t = tiny_open("llama", 1);
    struct engine *g = engine_of(t.m, (struct engine_opts){.max_ctx = 24, .max_rows = 10, .page_len = 8}),
                  *big = engine_of(t.m, (struct engine_opts){0});
    const int32_t *a = text_ids(1);
    for (int bos = -1; bos < 6; bos += 6) {
        double got[N_IDS];
        int64_t scored, room = 24 - (bos >= 0);
        struct score_opts o = {.window = 24, .stride = 7, .bos = bos};
        OK(score_tokens(g, a, N_IDS, &o, got, &scored, e));
        cr_assert_eq(scored, N_IDS);
        for (int64_t i = 0; i < N_IDS; i++) {
            int64_t end = i < room ? room : room + (i - room) / 7 * 7 + 7;
            if (end > N_IDS) end = N_IDS;
            int64_t first = end > room ? end - room : 0, n = 0;
            int32_t in[24];
            if (bos >= 0) in[n++] = bos;
            for (int64_t k = first; k < i; k++) in[n++] = a[k];
            if (!n) {
                cr_assert(isnan(got[i]));
                continue;
            }
            float *z = whole(big, in, n);
            double sum = 0;
            for (int k = 0; k < V; k++) sum += exp(z[(n - 1) * V + k]);
            cr_assert_float_eq(got[i], z[(n - 1) * V + a[i]] - log(sum), 1e-5, "token %lld", (long long)i);
            free(z);
        }
    }
    struct score_mean m = score_nll((double[]){-1, NAN, -3}, 3);
    cr_assert(m.n == 2 && m.mean == 2 && fabs(m.se - 1) < 1e-12);
    engine_free(g), engine_free(big);
    tiny_close(&t);
}

Test(run, captures_do_not_depend_on_chunks) {
    struct tiny t = tiny_open("qwen3", 1);
    struct engine *g = engine_of(t.m, (struct engine_opts){0}), *h = engine_of(t.m, (struct engine_opts){.max_rows = 9});
    for (int tap = 0; tap < TAP_LOGITS; tap++) {
        int64_t W = hidden_width(model_cfg(t.m), (enum tap)tap), n = 2 * N_IDS * W;
        int hi = tap == TAP_FINAL_NORM ? 0 : 1;
        float *x = calloc((size_t)n, sizeof *x), *y = calloc((size_t)n, sizeof *y);
        OK(hidden_capture(g, text_ids(0), N_IDS, (enum tap)tap, 0, hi, x, e));
        OK(hidden_capture(h, text_ids(0), N_IDS, (enum tap)tap, 0, hi, y, e));
        same(x, y, n, tap_name((enum tap)tap));
        free(x), free(y);
    }
    engine_free(g), engine_free(h);
    tiny_close(&t);
}

/* ---- a real model ---- */

Test(run, stories260k_speaks_its_golden_words) {
    const char *data = getenv("CANDOR_TEST_DATA");
    char path[512];
    json_error_t je;
    snprintf(path, sizeof path, "%s/models/stories260K/golden.json", data ? data : "");
    json_t *golden = data ? json_load_file(path, 0, &je) : NULL, *c;
    if (!golden) cr_skip_test("no reference data (CANDOR_TEST_DATA)");
    snprintf(path, sizeof path, "%s/models/stories260K/stories260K-f32.gguf", data);
    struct device *d;
    struct weights *w;
    struct model *m;
    OK(dev_open(&d, 2, 0, e));
    OK(weights_open(&w, path, e));
    OK(model_open(&m, d, w, 0, e));
    struct engine *g = engine_of(m, (struct engine_opts){0});
    size_t k;
    cr_assert_eq(json_array_size(golden), 4);
    json_array_foreach(golden, k, c) {
        json_t *jp = json_object_get(c, "ids"), *jg = json_object_get(c, "greedy");
        int32_t prompt[256], got[256];
        int64_t n = (int64_t)json_array_size(jp), ng = (int64_t)json_array_size(jg);
        for (int64_t i = 0; i < n; i++) prompt[i] = (int32_t)json_integer_value(json_array_get(jp, (size_t)i));
        struct generation x = {.max_new = ng, .sampling = SAMPLING_DEFAULT, .ids = got, .last = prompt[n - 1]};
        OK(session_new(&x.s, g, e));
        OK(session_feed(x.s, prompt, n - 1, NULL, e));
        OK(generate(g, &x, 1, e));
        for (int64_t i = 0; i < ng; i++)
            cr_assert_eq(got[i], json_integer_value(json_array_get(jg, (size_t)i)), "prompt %zu, token %lld", k, (long long)i);
        session_free(x.s);
        double logp[256];
        struct score_opts so = {.bos = prompt[0]};
        OK(score_tokens(g, prompt + 1, n - 1, &so, logp, NULL, e));
        cr_assert_float_eq(score_nll(logp, n - 1).mean, json_number_value(json_object_get(c, "mean_nll")), 2e-5);
    }
    json_decref(golden);
    engine_free(g);
    model_close(m);
    weights_close(w);
    dev_close(d);
}

/* Greedy decoding has a way of its own: the first greatest, NaN never. */
Test(run_sampler, greedy_takes_the_first_greatest) {
    enum { WORDS = 1003 };
    struct sampler s;
    float x[WORDS];
    struct rng r = RNG(5);
    struct err bad = ERR_INIT;
    cr_assert(sampler_init(&s, WORDS, &bad) >= 0);
    struct sampling o = {.top_p = 1, .repeat_penalty = 1};
    for (int trial = 0; trial < 300; trial++) {
        int best = -1;
        for (int i = 0; i < WORDS; i++) {
            x[i] = trial % 3 == 2 && i % 7 ? NAN : (float)rng_below(&r, trial % 2 ? 50 : 100000) - 1e5f;
            if (!isnan(x[i]) && (best < 0 || x[i] > x[best])) best = i;
        }
        double lp;
        cr_assert(sampler_pick(&s, x, &o, 0, NULL, 0, &lp) == best, "trial %d", trial);
    }
    for (int i = 0; i < WORDS; i++) x[i] = -INFINITY;
    cr_expect(sampler_pick(&s, x, &o, 0, NULL, 0, NULL) == 0);
    x[WORDS - 1] = -1e30f;
    cr_expect(sampler_pick(&s, x, &o, 0, NULL, 0, NULL) == WORDS - 1);
    sampler_fini(&s);
}
