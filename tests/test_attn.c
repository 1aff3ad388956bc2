/* Attention: against plain softmax in double, for every storage of keys and values, and the promise that a row's bytes are the same
 * whatever it is computed with: threads, pages, chunks of the prompt, other sessions, shared prefixes, cuts by rows or by chunks. */
#include "kern/attn.h"
#include "kern/kern_int.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(attn, .timeout = HANG_S);

static const char *const isas[] = {"ref", "avx2", "avx512"};
static const enum fmt fmts[] = {FMT_F32, FMT_F16, FMT_BF16};
#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))
#define OK(f)                                     \
    do {                                          \
        struct err e = ERR_INIT;                  \
        cr_assert((f) >= 0, "%s: %s", #f, e.msg); \
    } while (0)

static uint64_t seed;
static float uniform(void) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (float)((double)((int64_t)(seed >> 40) - (1 << 23)) / (1 << 23));
}
static float *floats(int64_t n, uint64_t s, float scale) {
    float *x = malloc((size_t)(n + 1) * sizeof *x);
    seed = s;
    for (int64_t i = 0; i < n; i++) x[i] = scale * uniform();
    return x;
}
static struct device *open_isa(const char *isa, int threads) {
    struct device *d = NULL;
    setenv("CANDOR_ISA", isa, 1);
    OK(dev_open(&d, threads, 0, &e));
    unsetenv("CANDOR_ISA");
    return d;
}

/* ---- one sequence: n positions, the last `rows` of them are queries ---- */

struct seq {
    int H, G, D, window, n, rows;
    enum fmt fmt;
    float *q, *k, *v, *dout; /* [rows, H, D], [n, G, D] */
};
struct out {
    float *o, *lse, *dq, *dk, *dv;
};
static struct attn_shape shape_of(const struct seq *s) {
    return (struct attn_shape){.n_head = s->H, .n_kv = s->G, .head_dim = s->D, .window = s->window, .scale = 1.3 / sqrt(s->D)};
}
static struct seq seq_new(int H, int G, int D, int window, int n, int rows, enum fmt fmt) {
    struct seq s = {H,
                    G,
                    D,
                    window,
                    n,
                    rows,
                    fmt,
                    floats(rows * H * D, 1, 2),
                    floats(n * G * D, 2, 1),
                    floats(n * G * D, 3, 1),
                    floats(rows * H * D, 4, 1)};
    char *b = malloc((size_t)(n * G * D) * 4); /* what storage makes of them: then every path reads the same numbers */
    for (int i = 0; i < 2; i++) {
        fmt_find((int)fmt)->from_f32(b, i ? s.v : s.k, n * G * D);
        fmt_find((int)fmt)->to_f32(i ? s.v : s.k, b, n * G * D);
    }
    free(b);
    return s;
}
static void seq_free(struct seq *s) { free(s->q), free(s->k), free(s->v), free(s->dout); }
static struct out out_new(const struct seq *s) {
    size_t q = (size_t)(s->rows * s->H * s->D), k = (size_t)(s->rows * s->G * s->D);
    return (struct out){calloc(q, 4), calloc((size_t)(s->rows * s->H), 4), calloc(q, 4), calloc(k, 4), calloc(k, 4)};
}
static void out_free(struct out *o) { free(o->o), free(o->lse), free(o->dq), free(o->dk), free(o->dv); }

/* Plain softmax and its derivative, in double. */
static struct out plain(const struct seq *s) {
    struct out r = out_new(s);
    int H = s->H, G = s->G, D = s->D, pos0 = s->n - s->rows;
    struct attn_shape sh = shape_of(s);
    double *p = malloc((size_t)s->n * sizeof *p), *o = malloc((size_t)D * sizeof *o), *dq = malloc((size_t)D * sizeof *dq);
    double *dk = calloc((size_t)(s->n * G * D), sizeof *dk), *dv = calloc((size_t)(s->n * G * D), sizeof *dv);
    for (int t = 0; t < s->rows; t++)
        for (int h = 0; h < H; h++) {
            int g = h / (H / G), lo = (int)attn_first_key(&sh, pos0 + t), hi = pos0 + t + 1;
            const float *q = s->q + (t * H + h) * D, *go = s->dout + (t * H + h) * D;
            double sum = 0, delta = 0, max = -INFINITY;
            for (int j = lo; j < hi; j++) {
                p[j] = 0;
                for (int c = 0; c < D; c++) p[j] += (double)q[c] * (double)s->k[(j * G + g) * D + c];
                p[j] *= sh.scale;
                if (p[j] > max) max = p[j];
            }
            for (int j = lo; j < hi; j++) sum += p[j] = exp(p[j] - max);
            for (int c = 0; c < D; c++) o[c] = dq[c] = 0;
            for (int j = lo; j < hi; j++)
                for (int c = 0; c < D; c++) o[c] += (p[j] / sum) * (double)s->v[(j * G + g) * D + c];
            for (int c = 0; c < D; c++) delta += o[c] * (double)go[c];
            for (int j = lo; j < hi; j++) {
                double dp = 0;
                for (int c = 0; c < D; c++) dp += (double)go[c] * (double)s->v[(j * G + g) * D + c];
                double ds = p[j] / sum * (dp - delta) * sh.scale;
                for (int c = 0; c < D; c++) {
                    dq[c] += ds * (double)s->k[(j * G + g) * D + c];
                    dk[(j * G + g) * D + c] += ds * (double)q[c];
                    dv[(j * G + g) * D + c] += p[j] / sum * (double)go[c];
                }
            }
            for (int c = 0; c < D; c++) r.o[(t * H + h) * D + c] = (float)o[c], r.dq[(t * H + h) * D + c] = (float)dq[c];
            r.lse[t * H + h] = (float)(max + log(sum));
        }
    for (int i = 0; i < s->rows * G * D; i++) r.dk[i] = (float)dk[pos0 * G * D + i], r.dv[i] = (float)dv[pos0 * G * D + i];
    free(p), free(o), free(dq), free(dk), free(dv);
    return r;
}

/* How a call is put together. */
struct how {
    const char *name;
    int page, split, piece; /* piece: rows of a span, so that the prompt comes in pieces (forward only) */
    int copies, shared;     /* the same rows again, as other sessions: with the first one's pages below `shared`, or their own */
    int back;
};

static void **pages_of(const struct device *d, const struct seq *s, int page, struct kv_ref *kv, int *n_pages) {
    int64_t len = (int64_t)s->G * s->D;
    size_t bytes = (size_t)(2 * page * len) * (s->fmt == FMT_F32 ? 4 : 2);
    *n_pages = (s->n + page - 1) / page;
    void **p = calloc((size_t)*n_pages, sizeof *p);
    for (int i = 0; i < *n_pages; i++) {
        p[i] = malloc(bytes);
        memset(p[i], 0xff, bytes); /* what nobody wrote is no number */
    }
    *kv = (struct kv_ref){p, page, 0, (size_t)(page * len), s->fmt};
    d->k.kv_store(kv, len, 0, (const num *)(const void *)s->k, (const num *)(const void *)s->v, 0, s->n);
    return p;
}

#define N(p) ((num *)(void *)(p))
/* Runs it and gives what the first session (or, with `last`, the last copy) got. */
static struct out run(struct device *d, const struct seq *s, const struct how *h) {
    enum { COPIES = 12, SPANS = 400 };
    struct attn_span sp[SPANS];
    void **tables[COPIES];
    int np = 0, n = 0, copies = h->copies ? h->copies : 1, piece = h->piece ? h->piece : s->rows;
    struct attn_shape sh = shape_of(s);
    int64_t qn = (int64_t)s->rows * s->H * s->D, kn = (int64_t)s->rows * s->G * s->D, T = (int64_t)copies * s->rows;
    num *q = dev_alloc(d, copies * qn), *o = dev_alloc(d, copies * qn), *lse = dev_alloc(d, T * s->H),
        *go = dev_alloc(d, copies * qn), *dq = dev_alloc(d, copies * qn), *dk = dev_alloc(d, copies * kn),
        *dv = dev_alloc(d, copies * kn);
    OK(dev_reserve(d, s->D, s->H, &e));
    d->attn->always_split = h->split;
    for (int c = 0; c < copies; c++) {
        struct kv_ref kv;
        tables[c] = pages_of(d, s, h->page, &kv, &np);
        for (int i = 0; c && (i + 1) * h->page <= h->shared; i++) free(tables[c][i]), tables[c][i] = tables[0][i];
        dev_put(d, num_at(d, q, c * qn), s->q, qn), dev_put(d, num_at(d, go, c * qn), s->dout, qn);
        for (int r = 0; r < s->rows; r += piece)
            sp[n++] = (struct attn_span){
                .row0 = c * s->rows + r, .rows = s->rows - r < piece ? s->rows - r : piece, .pos0 = s->n - s->rows + r, .kv = kv};
    }
    op_attn(d, o, lse, q, T, sp, n, &sh);
    if (h->back) op_attn_back(d, dq, dk, dv, go, q, o, lse, T, sp, n, &sh);
    struct out r = out_new(s);
    int64_t at = copies - 1;
    dev_get(d, r.o, num_at(d, o, at * qn), qn), dev_get(d, r.lse, num_at(d, lse, at * s->rows * s->H), s->rows * s->H);
    if (h->back)
        dev_get(d, r.dq, num_at(d, dq, at * qn), qn), dev_get(d, r.dk, num_at(d, dk, at * kn), kn),
            dev_get(d, r.dv, num_at(d, dv, at * kn), kn);
    for (int c = 0; c < copies; c++) {
        for (int i = 0; i < np; i++)
            if (!c || tables[c][i] != tables[0][i]) free(tables[c][i]);
    }
    for (int c = 0; c < copies; c++) free(tables[c]);
    d->attn->always_split = 0;
    dev_free(d, q), dev_free(d, o), dev_free(d, lse), dev_free(d, go), dev_free(d, dq), dev_free(d, dk), dev_free(d, dv);
    return r;
}

static double nmse(const float *a, const float *b, int64_t n) {
    double err = 0,
           ref = 0.02 * (double)n; /* where the truth is nearly nothing (a window of one), an error is one of what cancelled */
    for (int64_t i = 0; i < n; i++) err += pow((double)a[i] - (double)b[i], 2), ref += pow((double)b[i], 2);
    return err / ref;
}

/* H, G, D, window, n, rows */
static const int shapes[][6] = {
    {1, 1, 2, 0, 1, 1},      {3, 3, 33, 0, 20, 20},     {2, 1, 40, 0, 300, 300},  {9, 3, 64, 0, 300, 90},
    {14, 2, 64, 0, 270, 1},  {8, 1, 128, 0, 390, 33},   {5, 1, 80, 37, 400, 200}, {6, 2, 24, 130, 500, 70},
    {4, 4, 16, 1, 150, 150}, {12, 2, 96, 0, 140, 9},    {7, 1, 17, 200, 333, 7},  {4, 2, 136, 0, 129, 129},
    {16, 2, 48, 0, 257, 2},  {3, 1, 64, 128, 256, 256}, {2, 2, 31, 64, 1000, 3},
};

/* Floats: a chain of D products and one of the keys of a chunk. bf16: queries, probabilities and, backward, gradients carry half a unit of
 * 2^-8, evenly spread: 2^-18 / 3 in mean square each, where they do not cancel. */
Test(attn, every_storage_agrees_with_plain_softmax) {
    for (int i = 0; i < COUNT(shapes); i++)
        for (int f = 0; f < COUNT(fmts); f++) {
            const int *x = shapes[i];
            struct seq s = seq_new(x[0], x[1], x[2], x[3], x[4], x[5], fmts[f]);
            struct out want = plain(&s);
            for (int a = 0; a < COUNT(isas); a++) {
                struct device *d = open_isa(isas[a], 2);
                struct out got = run(d, &s, &(struct how){.page = 24 + i, .back = 1});
                double lim = fmts[f] == FMT_BF16 && d->has_bf16 ? 4e-5 : 1e-11;
                int64_t qn = s.rows * s.H * s.D, kn = s.rows * s.G * s.D;
                double e[] = {nmse(got.o, want.o, qn), nmse(got.lse, want.lse, s.rows * s.H), nmse(got.dq, want.dq, qn),
                              nmse(got.dk, want.dk, kn), nmse(got.dv, want.dv, kn)};
                for (int k = 0; k < 5; k++)
                    cr_expect(e[k] <= lim, "%s %s H=%d G=%d D=%d window=%d n=%d rows=%d: %s NMSE %.3g", isas[a],
                              fmt_find((int)fmts[f])->name, x[0], x[1], x[2], x[3], x[4], x[5],
                              (const char *const[]){"o", "lse", "dq", "dk", "dv"}[k], e[k]);
                out_free(&got);
                dev_close(d);
            }
            out_free(&want);
            seq_free(&s);
        }
}

static void same(const float *a, const float *b, int64_t n, const char *what, const char *isa, const struct seq *s,
                 const char *how) {
    for (int64_t i = 0; i < n; i++)
        if (memcmp(a + i, b + i, 4)) {
            cr_expect(0, "%s %s H=%d G=%d D=%d window=%d n=%d rows=%d, %s: %s differs at %lld: %.9g and %.9g", isa,
                      fmt_find((int)s->fmt)->name, s->H, s->G, s->D, s->window, s->n, s->rows, how, what, (long long)i,
                      (double)a[i], (double)b[i]);
            return;
        }
}

static const struct how hows[] = {
    {.name = "other pages", .page = 7, .back = 1},
    {.name = "long pages", .page = 512, .back = 1},
    {.name = "cut by chunks", .page = 16, .split = 1, .back = 1},
    {.name = "row by row", .page = 32, .piece = 1},
    {.name = "row by row, by chunks", .page = 9, .piece = 1, .split = 1},
    {.name = "in pieces", .page = 32, .piece = 23},
    {.name = "many sessions", .page = 32, .copies = 5},
    {.name = "many sessions, by chunks", .page = 32, .copies = 5, .split = 1},
    {.name = "shared prefix", .page = 8, .copies = 11, .shared = 200},
    {.name = "shared prefix, by chunks", .page = 8, .copies = 7, .shared = 256, .split = 1},
};

Test(attn, the_company_of_a_row_does_not_show) {
    for (int a = 0; a < COUNT(isas); a++)
        for (int i = 0; i < COUNT(shapes); i++)
            for (int f = 0; f < COUNT(fmts); f++) {
                const int *x = shapes[i];
                if (a == 0 && (i % 3 || f == 1)) continue; /* the reference is slow */
                struct seq s = seq_new(x[0], x[1], x[2], x[3], x[4], x[5], fmts[f]);
                struct device *d = open_isa(isas[a], 2);
                struct out want = run(d, &s, &(struct how){.page = 32, .back = 1});
                int64_t qn = s.rows * s.H * s.D, kn = s.rows * s.G * s.D;
                for (int h = 0; h < COUNT(hows); h++) {
                    struct how how = hows[h];
                    if (how.shared > s.n - s.rows) how.shared = s.n - s.rows;
                    if (how.copies && s.rows > 100) continue;
                    if (a == 0 && s.rows > 100 && h > 3) continue;
                    struct out got = run(d, &s, &how);
                    same(want.o, got.o, qn, "o", isas[a], &s, how.name);
                    same(want.lse, got.lse, s.rows * s.H, "lse", isas[a], &s, how.name);
                    if (how.back)
                        same(want.dq, got.dq, qn, "dq", isas[a], &s, how.name),
                            same(want.dk, got.dk, kn, "dk", isas[a], &s, how.name),
                            same(want.dv, got.dv, kn, "dv", isas[a], &s, how.name);
                    out_free(&got);
                }
                dev_close(d);
                for (int threads = 1; threads <= 5; threads += a ? 1 : 3) {
                    char how[32];
                    snprintf(how, sizeof how, "%d threads", threads);
                    d = open_isa(isas[a], threads);
                    struct out got = run(d, &s, &(struct how){.page = 32, .back = 1});
                    same(want.o, got.o, qn, "o", isas[a], &s, how), same(want.dq, got.dq, qn, "dq", isas[a], &s, how);
                    same(want.dk, got.dk, kn, "dk", isas[a], &s, how), same(want.dv, got.dv, kn, "dv", isas[a], &s, how);
                    out_free(&got);
                    dev_close(d);
                }
                out_free(&want);
                seq_free(&s);
            }
}

/* Little room: waves of a few chunks and strips must give what one wave gives. */
Test(attn, waves_do_not_show) {
    for (int f = 0; f < COUNT(fmts); f++) {
        struct seq s = seq_new(6, 2, 40, 0, 900, 300, fmts[f]);
        struct device *d = open_isa("avx512", 2);
        struct out want = run(d, &s, &(struct how){.page = 32, .split = 1, .back = 1});
        d->attn->n_part = 2 * attn_record(40) * 300 * 6 + 7; /* two records a row: one chunk a wave */
        struct out got = run(d, &s, &(struct how){.page = 32, .split = 1, .back = 1});
        d->attn->n_items = 24, d->attn->n_part = 5 * 2 * ATTN_CHUNK * 40;
        struct out other = run(d, &s, &(struct how){.page = 32, .back = 1});
        for (int k = 0; k < 2; k++) {
            const struct out *x = k ? &other : &got;
            const char *how = k ? "few items" : "a chunk a wave";
            same(want.o, x->o, s.rows * 240, "o", "avx512", &s, how),
                same(want.lse, x->lse, s.rows * 6, "lse", "avx512", &s, how);
            same(want.dq, x->dq, s.rows * 240, "dq", "avx512", &s, how),
                same(want.dk, x->dk, s.rows * 80, "dk", "avx512", &s, how);
            same(want.dv, x->dv, s.rows * 80, "dv", "avx512", &s, how);
        }
        out_free(&want), out_free(&got), out_free(&other);
        dev_close(d);
        seq_free(&s);
    }
}

/* A key or value that is no number spoils the rows that see it and no other. */
Test(attn, what_is_no_number_stays_where_it_is_seen) {
    for (int a = 0; a < COUNT(isas); a++)
        for (int f = 0; f < COUNT(fmts); f++)
            for (int window = 0; window < 60; window += 50) {
                struct seq s = seq_new(6, 2, 40, window, 200, 150, fmts[f]);
                struct device *d = open_isa(isas[a], 2);
                struct out want = run(d, &s, &(struct how){.page = 32});
                for (int c = 0; c < 80; c++) s.k[140 * 80 + c] = NAN, s.v[140 * 80 + c] = c % 2 ? NAN : INFINITY;
                struct out got = run(d, &s, &(struct how){.page = 32});
                for (int t = 0; t < s.rows; t++) {
                    int pos = 50 + t, sees = pos >= 140 && (!window || pos - window < 140);
                    for (int c = 0; c < 240; c++)
                        cr_assert(sees ? isnan(got.o[t * 240 + c]) : got.o[t * 240 + c] == want.o[t * 240 + c],
                                  "%s %s window %d: row at %d: %g", isas[a], fmt_find((int)fmts[f])->name, window, pos,
                                  (double)got.o[t * 240 + c]);
                }
                out_free(&want), out_free(&got);
                dev_close(d);
                seq_free(&s);
            }
}
