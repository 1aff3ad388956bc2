/* How fast are the matrix products? GFLOP/s per storage format and number of rows as a share of this machine's own FMA peak, and GB/s
 * of weights at one row. Usage: bench_kern [threads] [N K [full|bf16|int8]]. Figures are the best of several runs; CANDOR_ISA lowers the table;
 * the peak is of float products, so bf16 ones can pass it. Last come the products with activations of eight bits beside those of
 * precision auto, run in turn; int8: only these. */
#include "base/progress.h"
#include "kern/device.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double best(double (*once)(void *), void *ctx) {
    double b = 1e30, t0 = clock_s();
    for (int i = 0; i < 3 || (clock_s() - t0 < 0.15 && i < 10000); i++) {
        double t = once(ctx);
        if (t < b) b = t;
    }
    return b;
}

struct work {
    struct device *d;
    num *y, *x, *dw;
    struct mat w;
    int64_t T;
    int op;
};

static double once(void *p) {
    struct work *k = p;
    int64_t N = k->w.rows, K = k->w.cols;
    double t0 = clock_s();
    if (k->op == 0) op_matmul_t(k->d, k->y, N, k->x, K, k->T, &k->w, NULL, 0);
    if (k->op == 1) op_matmul_n(k->d, k->x, K, k->y, N, k->T, &k->w, NULL, 0);
    if (k->op == 2) op_matmul_dw(k->d, k->dw, k->y, N, k->x, K, k->T, N, K);
    return clock_s() - t0;
}

/* The peak as this program can see it: a matrix product that fits in cache. Stated as such, not as a data sheet's number. */
static double peak_once(void *p) {
    struct work *k = p;
    double t0 = clock_s();
    for (int i = 0; i < 8; i++) op_matmul_n(k->d, k->x, k->w.cols, k->y, k->w.rows, k->T, &k->w, NULL, 1);
    return (clock_s() - t0) / 8;
}

/* One product of each precision after the other, so that both see the same machine. */
static void against_auto(struct work *k, const char *fmt) {
    struct err e = ERR_INIT;
    const enum precision p[2] = {PREC_AUTO, PREC_INT8};
    int64_t N = k->w.rows, K = k->w.cols;
    double b[2] = {1e30, 1e30}, t0 = clock_s();
    for (int i = 0; i < 4 || (clock_s() - t0 < 0.3 && i < 10000); i++)
        for (int j = 0; j < 2; j++) {
            if (dev_set_precision(k->d, p[j], &e) < 0) return;
            double t1 = clock_s();
            op_forward_t(k->d, &(struct product){k->y, N, &k->w, NULL}, 1, k->x, K, k->T);
            double t = clock_s() - t1;
            if (t < b[j]) b[j] = t;
        }
    dev_set_precision(k->d, PREC_FULL, &e);
    for (int j = 0; j < 2; j++)
        printf("%-10s %-5s %6lld %6lld %6lld %10.1f %7.2fx %8.1f\n", j ? "t int8" : "t auto", fmt, (long long)N, (long long)K,
               (long long)k->T, 2.0 * (double)(N * K * k->T) / b[j] * 1e-9, b[0] / b[j],
               (double)((size_t)N * k->w.row_bytes) / b[j] * 1e-9);
}

int main(int argc, char **argv) {
    struct err e = ERR_INIT;
    struct device *d;
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    if (dev_open(&d, threads, 0, &e) < 0) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    int64_t shapes[][2] = {{128, 128}, {352, 128}, {128, 352}, {512, 192}, {512, 512}, {1536, 1536}, {8960, 1536}};
    int nshapes = (int)(sizeof shapes / sizeof *shapes);
    if (argc > 3) shapes[0][0] = atoll(argv[2]), shapes[0][1] = atoll(argv[3]), nshapes = 1;
    const enum fmt fmts[] = {FMT_F32,  FMT_BF16, FMT_F16,  FMT_Q8_0, FMT_Q4_0, FMT_Q4_1,   FMT_Q5_0,  FMT_Q5_1,
                             FMT_Q2_K, FMT_Q3_K, FMT_Q4_K, FMT_Q5_K, FMT_Q6_K, FMT_IQ4_NL, FMT_IQ4_XS};
    const int64_t Ts[] = {1, 4, 16, 64, 512, 2048};
    static const char *const names[] = {"matmul_t", "matmul_n", "matmul_dw"};
    double peak = 0;
    {
        struct work k = {.d = d, .T = 96, .op = 1};
        k.x = dev_alloc(d, 96 * 128);
        k.y = dev_alloc(d, 96 * 64);
        num *w = dev_alloc(d, 64 * 128);
        if (!k.x || !k.y || !w) return 1;
        k.w = dev_mat(d, w, 64, 128);
        peak = 2.0 * 96 * 64 * 128 / best(peak_once, &k) * 1e-9;
        dev_free(d, k.x), dev_free(d, k.y), dev_free(d, w);
    }
    printf("isa %s, threads %d, peak seen on one thread in cache %.1f GFLOP/s\n", d->name, pool_size(d->pool), peak);
    printf("%-10s %-5s %6s %6s %6s %10s %8s %8s\n", "op", "fmt", "N", "K", "T", "GFLOP/s", "of peak", "GB/s");
    for (int s = 0; s < nshapes; s++) {
        int64_t N = shapes[s][0], K = shapes[s][1];
        float *src = malloc((size_t)(N * K) * 4);
        void *bytes = malloc((size_t)(N * K) * 4);
        struct work k = {.d = d, .x = dev_alloc(d, 2048 * K), .y = dev_alloc(d, 2048 * N), .dw = dev_alloc(d, N * K)};
        if (!src || !bytes || !k.x || !k.y || !k.dw) return 1;
        for (int64_t i = 0; i < N * K; i++) src[i] = (float)((i * 7919) % 1000) * 1e-3f - 0.5f;
        int only = argc > 4 && !strcmp(argv[4], "int8");
        if (argc > 4 && !strcmp(argv[4], "bf16") && dev_set_precision(d, PREC_BF16, &e) < 0) {
            fprintf(stderr, "%s\n", e.msg);
            return 1;
        }
        for (int f = 0; !only && f < (int)(sizeof fmts / sizeof *fmts); f++) {
            const struct fmt_row *r = fmt_find((int)fmts[f]);
            if (K % r->block) continue; /* rows are whole blocks */
            r->from_f32(bytes, src, N * K);
            k.w = (struct mat){.fmt = fmts[f], .rows = N, .cols = K, .data = bytes, .row_bytes = fmt_row_bytes(fmts[f], K)};
            for (k.op = 0; k.op < (f ? 2 : 3); k.op++)
                for (int t = 0; t < (int)(sizeof Ts / sizeof *Ts); t++) {
                    k.T = Ts[t];
                    if (N * K > 4000000 && k.T > 512) continue;
                    double sec = best(once, &k), gf = 2.0 * (double)(N * K * k.T) / sec * 1e-9;
                    printf("%-10s %-5s %6lld %6lld %6lld %10.1f %7.0f%% %8.1f\n", names[k.op], r->name, (long long)N,
                           (long long)K, (long long)k.T, gf, 100 * gf / (peak * pool_size(d->pool)),
                           (double)((size_t)N * k.w.row_bytes) / sec * 1e-9);
                }
        }
        const int64_t few[] = {1, 4, 64, 512};
        for (int f = 3; d->has_int8 && f < (int)(sizeof fmts / sizeof *fmts); f++) {
            fmt_find((int)fmts[f])->from_f32(bytes, src, N * K);
            k.w = (struct mat){.fmt = fmts[f], .rows = N, .cols = K, .data = bytes, .row_bytes = fmt_row_bytes(fmts[f], K)};
            for (int t = 0; K % 256 == 0 && t < (int)(sizeof few / sizeof *few); t++) {
                k.T = few[t];
                against_auto(&k, fmt_find((int)fmts[f])->name);
            }
        }
        free(src), free(bytes);
        dev_free(d, k.x), dev_free(d, k.y), dev_free(d, k.dw);
    }
    dev_close(d);
    return 0;
}
