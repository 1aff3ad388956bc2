/* How fast is attention? Prefill and its mirror as shares of what the registers can multiply, decoding at depth as a share of what memory
 * can be read at, and ten sessions over one shared prefix against ten with prefixes of their own. Usage: bench_attn [threads [f32|f16|bf16 [prefill|decode|ten [MB]]]].
 * What is compared runs in turns, and the best of each counts; the peaks are those this program sees, not a data sheet's. */
#include "base/progress.h"
#include "kern/device.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { PAGE = 32 };
static struct device *d;
static enum fmt fmt = FMT_BF16;
static volatile float sink;
static int mega = 256; /* of keys and values that decoding goes over */

/* One thread counts its own processor time, so that a busy machine does not show. */
static double now(void) {
    struct timespec t;
    if (pool_size(d->pool) > 1) return clock_s();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- what the machine can do ---- */

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bf16"))) static void peak_bf16(void *ctx, int ith, int nth) {
    __m512 s[16];
    __m512bh a = (__m512bh)_mm512_set1_epi32(0x3f803f80);
    (void)nth;
    _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) s[i] = _mm512_setzero_ps();
    for (int k = 0; k < 100000; k++) _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) {
            s[i] = _mm512_dpbf16_ps(s[i], a, a);
            __asm__("" : "+v"(s[i]));
        }
    _Pragma("GCC unroll 16") for (int i = 1; i < 16; i++) s[0] = _mm512_add_ps(s[0], s[i]);
    _mm512_storeu_ps((float *)ctx + 16 * ith, s[0]);
}
__attribute__((target("avx512f"))) static void peak_f32(void *ctx, int ith, int nth) {
    __m512 s[16], a = _mm512_set1_ps(1);
    (void)nth;
    _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) s[i] = _mm512_setzero_ps();
    for (int k = 0; k < 100000; k++) _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) {
            s[i] = _mm512_fmadd_ps(s[i], a, a);
            __asm__("" : "+v"(s[i]));
        }
    _Pragma("GCC unroll 16") for (int i = 1; i < 16; i++) s[0] = _mm512_add_ps(s[0], s[i]);
    _mm512_storeu_ps((float *)ctx + 16 * ith, s[0]);
}
#endif

static double peak(void) {
    double best = 0;
#if defined(__x86_64__)
    float out[256 * 16];
    if (d->isa < ISA_AVX512) return 1e30; /* not known: shares of it read 0 */
    for (int i = 0; i < 5; i++) {
        double t = now();
        pool_run(d->pool, fmt == FMT_BF16 && d->has_bf16 ? peak_bf16 : peak_f32, out);
        t = 16.0 * 100000 * 16 * (fmt == FMT_BF16 && d->has_bf16 ? 4 : 2) * pool_size(d->pool) / (now() - t);
        if (t > best) best = t;
    }
#endif
    return best;
}

struct reading {
    const char *p;
    size_t n;
};
/* Every cache line once, eight streams a thread. */
static void read_all(void *ctx, int ith, int nth) {
    const struct reading *r = ctx;
    size_t part = r->n / (size_t)nth / 8 / 64 * 64;
    const char *p = r->p + part * 8 * (size_t)ith;
    uint64_t s[8] = {0};
    for (size_t i = 0; i < part; i += 64)
        for (int k = 0; k < 8; k++) {
            uint64_t x;
            memcpy(&x, p + part * (size_t)k + i, 8);
            s[k] += x;
        }
    for (int k = 0; k < 8; k++) sink += (float)s[k];
}

/* ---- sessions over pages ---- */

struct world {
    struct attn_shape sh;
    char *slab;
    size_t page_bytes;
    int64_t n_pages, next;
    void *table[16][8192 / PAGE];
    struct attn_span sp[16];
    num *q, *o, *lse, *dout, *dq, *dk, *dv;
    int64_t T;
    int nsp;
};

static struct world *world_new(int H, int G, int D, int64_t positions, int64_t rows) {
    struct world *w = calloc(1, sizeof *w);
    size_t nb = fmt == FMT_F32 ? 4 : 2;
    if (!w) abort();
    w->sh = (struct attn_shape){.n_head = H, .n_kv = G, .head_dim = D, .scale = 0.125};
    w->page_bytes = (size_t)(2 * PAGE * G * D) * nb;
    w->n_pages = positions / PAGE + 64;
    w->slab = dev_alloc_bytes(d, w->n_pages * (int64_t)w->page_bytes);
    num **a[] = {&w->q, &w->o, &w->dout, &w->dq, &w->dk, &w->dv};
    for (int i = 0; i < 6; i++) *a[i] = dev_alloc(d, rows * H * D);
    w->lse = dev_alloc(d, rows * H);
    float *x = malloc((size_t)(rows * H * D) * sizeof *x);
    if (!w->slab || !w->q || !w->o || !w->lse || !w->dout || !w->dq || !w->dk || !w->dv || !x) abort();
    for (int64_t i = 0; i < rows * H * D; i++) x[i] = (float)((i * 7919) % 1009) * 2e-3f - 1;
    dev_put(d, w->q, x, rows * H * D);
    dev_put(d, w->dout, x, rows * H * D);
    free(x);
    float v[64];
    for (size_t i = 0; i < (size_t)w->n_pages * w->page_bytes / nb / 64; i++) {
        for (size_t k = 0; k < 64; k++) v[k] = (float)((i * 31 + k * 17) % 251) * 8e-3f - 1;
        fmt_find((int)fmt)->from_f32(w->slab + i * 64 * nb, v, 64);
    }
    return w;
}
static void world_free(struct world *w) {
    dev_free(d, w->slab), dev_free(d, w->q), dev_free(d, w->o), dev_free(d, w->lse), dev_free(d, w->dout), dev_free(d, w->dq);
    dev_free(d, w->dk), dev_free(d, w->dv), free(w);
}
static void *fresh(struct world *w) { return w->slab + (size_t)(w->next++ % w->n_pages) * w->page_bytes; }
static void add_span(struct world *w, int64_t pos0, int64_t rows, int64_t shared) {
    int i = w->nsp++;
    for (int64_t p = 0; p * PAGE < pos0 + rows; p++) w->table[i][p] = i && (p + 1) * PAGE <= shared ? w->table[0][p] : fresh(w);
    w->sp[i] = (struct attn_span){.row0 = w->T,
                                  .rows = rows,
                                  .pos0 = pos0,
                                  .kv = {w->table[i], PAGE, 0, (size_t)(PAGE * w->sh.n_kv * w->sh.head_dim), fmt}};
    w->T += rows;
}
static double once(struct world *w, int back) {
    double t = now();
    if (back)
        op_attn_back(d, w->dq, w->dk, w->dv, w->dout, w->q, w->o, w->lse, w->T, w->sp, w->nsp, &w->sh);
    else
        op_attn(d, w->o, w->lse, w->q, w->T, w->sp, w->nsp, &w->sh);
    return now() - t;
}

static void prefill(const char *name, int H, int G, int D, int64_t T, double top) {
    struct world *w = world_new(H, G, D, T, T);
    double f = 1e9, b = 1e9, flop = 4.0 * (double)(T * (T + 1) / 2) * H * D;
    add_span(w, 0, T, 0);
    for (int i = 0; i < 30; i++) {
        double t = once(w, 0);
        if (t < f) f = t;
        t = once(w, 1);
        if (t < b) b = t;
    }
    printf("%-26s %4lld rows: forward %7.1f us %7.1f GFLOP/s %3.0f%% of peak, backward %7.1f us %7.1f GFLOP/s %3.0f%%\n", name,
           (long long)T, f * 1e6, flop / f * 1e-9, 100 * flop / f / top, b * 1e6, 2.5 * flop / b * 1e-9, 250 * flop / b / top);
    world_free(w);
}

/* Layers beside each other in memory, so that no layer is found in cache: as many as make 256 MB. */
static void decode(const char *name, int H, int G, int D, int64_t depth) {
    struct world *w = world_new(H, G, D, 0, 1);
    size_t bytes = w->page_bytes * (size_t)(depth / PAGE);
    int layers = (int)(((size_t)mega << 20) / bytes) + 1, n = 3 + 256 / mega;
    world_free(w);
    w = world_new(H, G, D, layers * (depth + PAGE), 1);
    double f = 1e9, r = 1e9;
    for (int k = 0; k < n; k++) {
        double t = 0;
        w->next = 0;
        for (int l = 0; l < layers; l++) {
            w->nsp = 0, w->T = 0;
            add_span(w, depth - 1, 1, 0);
            t += once(w, 0);
        }
        t /= layers;
        if (t < f) f = t;
        struct reading all = {w->slab, bytes * (size_t)layers};
        t = now();
        pool_run(d->pool, read_all, &all);
        t = (now() - t) / layers;
        if (t < r) r = t;
    }
    printf("%-26s depth %5lld: %7.1f us, %5.1f GB/s; plain read %5.1f GB/s; %3.0f%%\n", name, (long long)depth, f * 1e6,
           (double)bytes / f * 1e-9, (double)bytes / r * 1e-9, 100 * r / f);
    world_free(w);
}

static void ten(const char *name, int H, int G, int D, int64_t depth, int64_t own) {
    double f[2] = {1e9, 1e9};
    for (int k = 0; k < 3; k++)
        for (int shared = 0; shared < 2; shared++) {
            struct world *w = world_new(H, G, D, 20 * (10 * (depth + own + PAGE)), 10);
            double t = 0;
            for (int l = 0; l < 20; l++) {
                w->nsp = 0, w->T = 0;
                for (int i = 0; i < 10; i++) add_span(w, depth + own - 1, 1, shared ? depth : 0);
                t += once(w, 0) / 20;
            }
            if (t < f[shared]) f[shared] = t;
            world_free(w);
        }
    printf("%-26s ten at %lld + %lld: separate %7.1f us, shared %7.1f us: %.1fx\n", name, (long long)depth, (long long)own,
           f[0] * 1e6, f[1] * 1e6, f[0] / f[1]);
}

int main(int argc, char **argv) {
    struct err e = ERR_INIT;
    if (dev_open(&d, argc > 1 ? atoi(argv[1]) : 0, 0, &e) < 0) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    if (argc > 2 && fmt_by_name(argv[2])) fmt = fmt_by_name(argv[2])->id;
    if (argc > 4 && atoi(argv[4]) > 0) mega = atoi(argv[4]);
    double top = peak();
    printf("%s, %d threads, keys and values %s; peak seen %.0f GFLOP/s\n", d->name, pool_size(d->pool), fmt_find((int)fmt)->name,
           top < 1e30 ? top * 1e-9 : 0);
    const char *only = argc > 3 ? argv[3] : "prefill decode ten";
    static const struct {
        const char *name;
        int H, G, D;
    } m[] = {
        {"135m (9/3/64)", 9, 3, 64}, {"0.5b (14/2/64)", 14, 2, 64}, {"1.5b (12/2/128)", 12, 2, 128}, {"tiny (4/4/32)", 4, 4, 32}};
    for (int i = 0; i < 4 && strstr(only, "prefill"); i++)
        for (int64_t T = i == 3 ? 128 : 512; T >= 128; T /= 2) prefill(m[i].name, m[i].H, m[i].G, m[i].D, T, top);
    for (int i = 0; i < 2 && strstr(only, "decode"); i++)
        for (int64_t depth = 992; depth <= 4000; depth += 3008) decode(m[i].name, m[i].H, m[i].G, m[i].D, depth);
    for (int i = 0; i < 2 && strstr(only, "ten"); i++) ten(m[i].name, m[i].H, m[i].G, m[i].D, 1000, 40);
    dev_close(d);
    return 0;
}
