/* The machine's limits, as close to what it can do as a program gets: the denominators of every share.
 *
 * Bandwidth: a buffer far larger than the caches is read with several concurrent streams a thread, since one sequential stream leaves a
 * third of most machines' bandwidth unused; the best of 4 and 8 streams counts. Products: the ceiling is another program's (oneDNN's,
 * candor-ceiling), so that nobody can say it was made low. Register peaks (fused multiply-add, bf16 dot products) need no memory at
 * all; nothing real reaches them and no share uses them. */
#include "base/progress.h"
#include "cli/bench.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER_MB = 512 };

/* ---- reading ---- */

typedef uint64_t line __attribute__((vector_size(64)));

struct reading {
    const char *p;
    int64_t lines;
    int streams;
    uint64_t sum; /* keeps the reads from being removed */
};

#define UNROLLED _Pragma("GCC unroll 16") for /* so that what is indexed lives in registers */

/* k streams side by side, each through its own part of [p, p + n). */
#define READ_BODY(K)                                                                                                         \
    line acc[K] = {0};                                                                                                       \
    int64_t part = n / (K);                                                                                                  \
    for (int64_t i = 0; i < part; i += 2) UNROLLED(int s = 0; s < (K); s++) acc[s] ^= p[s * part + i] ^ p[s * part + i + 1]; \
    UNROLLED(int s = 1; s < (K); s++) acc[0] ^= acc[s];                                                                      \
    return acc[0][0] ^ acc[0][1] ^ acc[0][2] ^ acc[0][3] ^ acc[0][4] ^ acc[0][5] ^ acc[0][6] ^ acc[0][7];

static uint64_t read_4(const line *p, int64_t n) { READ_BODY(4) }
static uint64_t read_8(const line *p, int64_t n) { READ_BODY(8) }
#if defined(__x86_64__)
__attribute__((target("avx512f"))) static uint64_t read_4_wide(const line *p, int64_t n) { READ_BODY(4) }
__attribute__((target("avx512f"))) static uint64_t read_8_wide(const line *p, int64_t n) { READ_BODY(8) }
#endif

typedef uint64_t (*read_fn)(const line *p, int64_t n);
static read_fn reader(int streams) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return streams == 4 ? read_4_wide : read_8_wide;
#endif
    return streams == 4 ? read_4 : read_8;
}

static void read_slice(void *ctx, int ith, int nth) {
    struct reading *r = ctx;
    int64_t a, b;
    slice(r->lines, 256, ith, nth, &a, &b);
    uint64_t x = reader(r->streams)((const line *)(const void *)r->p + a, (b - a) & ~(int64_t)15);
    __atomic_fetch_xor(&r->sum, x, __ATOMIC_RELAXED);
}

static double bandwidth(const struct machine *m) {
    double best = 0;
    for (int streams = 4; streams <= 8; streams += 4)
        for (int k = 0; k < 2; k++) {
            struct reading r = {m->buffer, (int64_t)(m->bytes / 64), streams, 0};
            double t0 = clock_s();
            pool_run(m->d->pool, read_slice, &r);
            double rate = (double)m->bytes / (clock_s() - t0);
            if (rate > best) best = rate;
        }
    return best;
}

/* ---- registers ---- */

struct burn {
    int64_t rounds;
    int pairs; /* of bf16 */
    double sum;
};
enum { CHAINS = 12, BURN_ROUNDS = 1 << 19 };
typedef float lanes __attribute__((vector_size(64)));

/* CHAINS independent multiply-adds of 16 lanes a round. */
#define FMA_BODY                                                                                   \
    lanes x[CHAINS], a, b;                                                                         \
    for (int i = 0; i < 16; i++) a[i] = 0.999f, b[i] = 1e-3f;                                      \
    UNROLLED(int c = 0; c < CHAINS; c++) x[c] = b * (float)c;                                      \
    for (int64_t i = 0; i < rounds; i++) UNROLLED(int c = 0; c < CHAINS; c++) x[c] = x[c] * a + b; \
    UNROLLED(int c = 1; c < CHAINS; c++) x[0] += x[c];                                             \
    return (double)x[0][0];

#if defined(__x86_64__)
#include <immintrin.h>
__attribute__((target("avx512f"))) static double fma_wide(int64_t rounds) { FMA_BODY }
__attribute__((target("avx2,fma"))) static double fma_avx2(int64_t rounds) { FMA_BODY }
__attribute__((target("avx512f,avx512bf16"))) static double dot_bf16(int64_t rounds) {
    __m512 x[CHAINS];
    __m512bh a = (__m512bh)_mm512_set1_epi32(0x3c003c00), b = (__m512bh)_mm512_set1_epi32(0x3b803b80);
    UNROLLED(int c = 0; c < CHAINS; c++) x[c] = _mm512_set1_ps((float)c);
    for (int64_t i = 0; i < rounds; i++) UNROLLED(int c = 0; c < CHAINS; c++) x[c] = _mm512_dpbf16_ps(x[c], a, b);
    UNROLLED(int c = 1; c < CHAINS; c++) x[0] = _mm512_add_ps(x[0], x[c]);
    return (double)_mm512_cvtss_f32(x[0]);
}
static int has_bf16(void) { return __builtin_cpu_supports("avx512bf16"); }
static double burn_fma(int64_t rounds) {
    if (__builtin_cpu_supports("avx512f")) return fma_wide(rounds);
    return __builtin_cpu_supports("fma") ? fma_avx2(rounds) : 0;
}
#else
static double fma_plain(int64_t rounds) { FMA_BODY }
static double dot_bf16(int64_t rounds) { return (double)rounds; }
static int has_bf16(void) { return 0; }
static double burn_fma(int64_t rounds) { return fma_plain(rounds); }
#endif

static void burn_slice(void *ctx, int ith, int nth) {
    struct burn *b = ctx;
    (void)nth;
    double x = b->pairs ? dot_bf16(b->rounds) : burn_fma(b->rounds);
    if (ith == 0) b->sum = x;
}

/* flop/s of all threads together: 2 a lane and round, 4 for pairs of bf16. */
static double burn(const struct machine *m, int pairs) {
    struct burn b = {BURN_ROUNDS, pairs, 0};
    double t0 = clock_s();
    pool_run(m->d->pool, burn_slice, &b);
    double s = clock_s() - t0;
    return (pairs ? 4.0 : 2.0) * 16 * CHAINS * (double)b.rounds * pool_size(m->d->pool) / s;
}

/* ---- the ceiling of matrix products ---- */

static const char no_program[] =
    "no candor-ceiling beside candor: install libdnnl-dev (oneDNN) and build again, or set CANDOR_CEILING to the program";

static int ceiling_path(char out[PATH_SIZE]) {
    const char *env = getenv("CANDOR_CEILING");
    if (env) return snprintf(out, PATH_SIZE, "%s", env) < PATH_SIZE && access(out, X_OK) == 0;
    ssize_t n = readlink("/proc/self/exe", out, PATH_SIZE - 20);
    if (n < 1) return 0;
    out[n] = 0;
    char *cut = strrchr(out, '/');
    snprintf(cut + 1, (size_t)(PATH_SIZE - (cut + 1 - out)), "candor-ceiling");
    return access(out, X_OK) == 0;
}

static int ceiling_start(struct machine *m, struct err *e) {
    char path[PATH_SIZE], word[40];
    m->no_ceiling = no_program;
    if (!ceiling_path(path)) return 0;
    char *argv[] = {path, NULL};
    TRY(child_start(&m->ceiling, argv, pool_size(m->d->pool), e));
    if (child_line(&m->ceiling, word, sizeof word) && !strcmp(word, "ready")) {
        m->no_ceiling = NULL;
        return 0;
    }
    child_end(&m->ceiling);
    m->no_ceiling = "candor-ceiling does not run on this machine";
    return 0;
}

/* "TYPE SHAPE GFLOP/s", three words a product: the best of each type. */
static int ceiling_measure(struct machine *m, struct err *e) {
    char buf[400], type[16];
    double x, best[2] = {0, 0};
    int used;
    TRY(child_ask(&m->ceiling, "run", buf, sizeof buf, e));
    for (const char *p = buf; sscanf(p, "%15s %*s %lf%n", type, &x, &used) == 2; p += used) {
        double *b = &best[!strcmp(type, "f32")];
        if (x > *b) *b = x;
    }
    if (!(best[0] > 0)) return fail(e, ERR_FORMAT, "candor-ceiling: expected products and their GFLOP/s, found \"%.60s\"", buf);
    series_add(&m->product, best[0] * 1e9);
    if (best[1] > 0) series_add(&m->product_f32, best[1] * 1e9);
    return 0;
}

/* ---- all of it ---- */

static void touch(void *ctx, int ith, int nth) {
    struct machine *m = ctx;
    int64_t a, b;
    slice((int64_t)m->bytes, 1 << 16, ith, nth, &a, &b);
    memset((char *)m->buffer + a, 1, (size_t)(b - a));
}

int machine_open(struct machine *m, struct device *d, struct err *e) {
    m->d = d, m->bytes = (size_t)BUFFER_MB << 20;
    m->buffer = aligned_alloc(64, m->bytes);
    if (!m->buffer) return fail(e, ERR_NOMEM, "out of memory for a buffer of %d MB to read", BUFFER_MB);
    pool_run(d->pool, touch, m);
    return ceiling_start(m, e);
}

int machine_measure(struct machine *m, struct err *e) {
    series_add(&m->bandwidth, bandwidth(m));
    if (m->ceiling.pid) TRY(ceiling_measure(m, e));
    series_add(&m->fma, burn(m, 0));
    if (has_bf16()) series_add(&m->bf16, burn(m, 1));
    return 0;
}

void machine_close(struct machine *m) {
    child_end(&m->ceiling);
    free(m->buffer);
}
