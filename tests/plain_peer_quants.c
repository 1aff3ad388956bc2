/* Blocks against those of the program whose formats they are, byte for byte: where CANDOR_PEER_LIBS names a folder with libggml-base.so,
 * every quantiser of ours meets its ggml_quantize_chunk without an importance matrix (what it does for whole files) on thousands of
 * random and of nasty blocks, and every reader its dequantize_row_<format> on what the quantisers wrote and on any bytes. Nothing of
 * the library's is compiled in; without it this test is skipped, and tests/test_kern.c holds hashes made by it. */
#include "kern_tests.h"
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 256, KINDS = 16, ROUNDS = 400 };
typedef size_t (*chunk_fn)(int type, const float *src, void *dst, int64_t start, int64_t rows, int64_t per_row,
                           const float *weights);
typedef void (*read_fn)(const void *x, float *y, int64_t n);

/* One number of a block of this kind; `draw` was drawn once for the block. */
static double number(int kind, int i, double draw) {
    double x = normal();
    switch (kind) {
    case 0: return x;
    case 1: return uniform();
    case 2: return draw;                                                /* constant */
    case 3: return i == (int)((draw + 1) * 127) ? 100 * x : x;          /* an outlier */
    case 4: return -fabs(x);                                            /* negative only */
    case 5: return 5 + x / 4;                                           /* far from zero */
    case 6: return i % 7 ? 0 : x;                                       /* mostly zeros */
    case 7: return floor(4 * x) * draw;                                 /* ties */
    case 8: return x * ldexp(1, (int)(60 * draw) - 80);                 /* down to where squares vanish, and denormals */
    case 9: return x * ldexp(1, (int)(60 * draw) + 62);                 /* up to where squares overflow */
    case 10: return i / 16 % 2 ? x : x * 1e-16;                         /* every other sub-block tiny */
    case 11: return x * 2e-15 * fabs(draw);                             /* around what counts as zero */
    case 12: return x * ldexp(1, -(int)(40 * fabs(draw)));              /* down to where scales vanish in f16 */
    case 13: return i / 32 == (int)((draw + 1) * 4) ? 1e3 * x : x;      /* one loud sub-block */
    case 14: return pow(fabs(x), 3) * (x < 0 ? -1 : 1);                 /* heavy tails */
    default: return i < 16 * (int)((draw + 1) * 8) ? 0 : -fabs(x) * 10; /* zeros, then negative ones */
    }
}

static long differences;
static void differ(const char *what, const struct fmt_row *f, int kind, int at) {
    if (differences++ < 20) printf("%s of %s, kind %d: byte or element %d differs\n", what, f->name, kind, at);
}

static void compare_floats(const struct fmt_row *f, read_fn theirs, const void *bytes, int kind) {
    float a[N], b[N];
    f->to_f32(a, bytes, N), theirs(bytes, b, N);
    for (int i = 0; i < N; i++)
        if (memcmp(a + i, b + i, 4) && !(isnan(a[i]) && isnan(b[i]))) {
            differ("reading", f, kind, i);
            return;
        }
}

static long compare_format(const struct fmt_row *f, chunk_fn chunk, read_fn theirs) {
    float x[N];
    unsigned char a[N * 4], b[N * 4];
    int bytes = N / f->block * f->bytes;
    long blocks = 0;
    for (int kind = 0; kind < KINDS; kind++)
        for (int round = 0; round < ROUNDS; round++, blocks += N / f->block) {
            double draw = uniform();
            for (int i = 0; i < N; i++) x[i] = (float)number(kind, i, draw);
            f->from_f32(a, x, N), chunk(f->id, x, b, 0, 1, N, NULL);
            for (int i = 0; i < bytes; i++)
                if (a[i] != b[i]) {
                    differ("quantising", f, kind, i);
                    break;
                }
            compare_floats(f, theirs, b, kind);
            for (int i = 0; i < bytes; i++) b[i] = (unsigned char)(128 + 128 * uniform());
            compare_floats(f, theirs, b, -1);
        }
    return blocks;
}

static void *function(void *lib, const char *name) {
    void *p = dlsym(lib, name);
    if (!p) printf("%s: not in the library\n", name);
    return p;
}

/* Of Q4_K theirs is called dequantize_row_q4_K, of IQ4_NL dequantize_row_iq4_nl. */
static void *reader(void *lib, const struct fmt_row *f) {
    char name[64];
    size_t n = (size_t)snprintf(name, sizeof name, "dequantize_row_%s", f->name);
    for (size_t i = 15; i < n; i++)
        if (name[i] == 'Q' || f->name[0] == 'I') name[i] = (char)(name[i] | ('A' <= name[i] && name[i] <= 'Z' ? 32 : 0));
    return function(lib, name);
}

int main(void) {
    const char *dir = getenv("CANDOR_PEER_LIBS");
    char path[4096];
    if (!dir || !*dir) {
        printf("skipped: CANDOR_PEER_LIBS is not set (a folder with libggml-base.so)\n");
        return 77;
    }
    snprintf(path, sizeof path, "%s/libggml-base.so", dir);
    void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!lib) {
        printf("skipped: %s\n", dlerror());
        return 77;
    }
    void *chunk_at = function(lib, "ggml_quantize_chunk");
    chunk_fn chunk;
    memcpy(&chunk, &chunk_at, sizeof chunk);
    int missing = !chunk_at;
    for (int i = 0; fmt_at(i) && chunk_at; i++) {
        const struct fmt_row *f = fmt_at(i);
        if (f->is_float) continue;
        void *read_at = reader(lib, f);
        read_fn theirs;
        memcpy(&theirs, &read_at, sizeof theirs);
        if (!read_at) {
            missing = 1;
            continue;
        }
        long before = differences, blocks = compare_format(f, chunk, theirs);
        printf("%s: %ld blocks, %ld differences\n", f->name, blocks, differences - before);
    }
    return differences || missing ? 1 : 0;
}
