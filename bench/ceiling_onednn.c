/* candor-ceiling: what oneDNN reaches on this machine in a matrix product, as a ceiling to hold our own products against.
 *
 * A program of its own, so that candor never links the library it is compared with. It prints "ready", then answers each line "run" on
 * stdin with one line: TYPE MxNxK GFLOP/s, three words a product. Weights are laid out as the library likes best, once and outside
 * the timing (format_tag any): a ceiling, not a fair fight. OMP_NUM_THREADS says how many threads. */
#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct product {
    const char *type, *shape;
    dnnl_data_type_t dt;
    dnnl_dim_t m, n, k;
    dnnl_primitive_t prim;
    dnnl_memory_t src, wei, dst;
};
static struct product products[] = {
    {"bf16", "512x4864x896", dnnl_bf16, 512, 4864, 896, NULL, NULL, NULL, NULL},
    {"bf16", "512x8960x1536", dnnl_bf16, 512, 8960, 1536, NULL, NULL, NULL, NULL},
    {"f32", "512x8960x1536", dnnl_f32, 512, 8960, 1536, NULL, NULL, NULL, NULL},
};
enum { N_PRODUCTS = sizeof products / sizeof *products, TRIES = 4 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A matrix filled with the same small number in each element: speed does not depend on it, but subnormals would matter. */
static int filled(dnnl_memory_t *out, dnnl_engine_t eng, const dnnl_memory_desc_t *md, dnnl_data_type_t dt) {
    void *p = NULL;
    size_t bytes = dnnl_memory_desc_get_size(md);
    if (dnnl_memory_create(out, md, eng, DNNL_MEMORY_ALLOCATE) != dnnl_success) return 0;
    if (dnnl_memory_get_data_handle(*out, &p) != dnnl_success || !p) return 0;
    const float f = 0.5f;
    unsigned bits;
    memcpy(&bits, &f, sizeof bits);
    for (size_t i = 0; dt == dnnl_f32 && i < bytes / 4; i++) ((float *)p)[i] = f;
    for (size_t i = 0; dt == dnnl_bf16 && i < bytes / 2; i++) ((unsigned short *)p)[i] = (unsigned short)(bits >> 16);
    return 1;
}

/* src [M, K] and dst [M, N] (float) as rows, weights [K, N] as the library likes. All elements alike, so no reorder is needed. */
static int prepare(struct product *p, dnnl_engine_t eng) {
    dnnl_memory_desc_t src, wei, dst;
    dnnl_matmul_desc_t op;
    dnnl_primitive_desc_t pd;
    const dnnl_dims_t s = {p->m, p->k}, w = {p->k, p->n}, d = {p->m, p->n};
    if (dnnl_memory_desc_init_by_tag(&src, 2, s, p->dt, dnnl_ab) ||
        dnnl_memory_desc_init_by_tag(&wei, 2, w, p->dt, dnnl_format_tag_any) ||
        dnnl_memory_desc_init_by_tag(&dst, 2, d, dnnl_f32, dnnl_ab))
        return 0;
    if (dnnl_matmul_desc_init(&op, &src, &wei, NULL, &dst) || dnnl_primitive_desc_create(&pd, &op, NULL, eng, NULL)) return 0;
    const dnnl_memory_desc_t *blocked = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
    int ok = dnnl_primitive_create(&p->prim, pd) == dnnl_success && filled(&p->src, eng, &src, p->dt) &&
             filled(&p->wei, eng, blocked, p->dt) && filled(&p->dst, eng, &dst, dnnl_f32);
    dnnl_primitive_desc_destroy(pd);
    return ok;
}

static double once(const struct product *p, dnnl_stream_t stream) {
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, p->src}, {DNNL_ARG_WEIGHTS, p->wei}, {DNNL_ARG_DST, p->dst}};
    double t0 = now();
    if (dnnl_primitive_execute(p->prim, stream, 3, args) || dnnl_stream_wait(stream)) return 1e30;
    return now() - t0;
}

/* The first try wakes the threads; the best of the others counts. */
static double gflops(const struct product *p, dnnl_stream_t stream) {
    double best = 1e30;
    for (int i = 0; i <= TRIES; i++) {
        double t = once(p, stream);
        if (i && t < best) best = t;
    }
    return 2e-9 * (double)p->m * (double)p->n * (double)p->k / best;
}

static void drop(struct product *p) {
    if (p->prim) dnnl_primitive_destroy(p->prim);
    if (p->src) dnnl_memory_destroy(p->src);
    if (p->wei) dnnl_memory_destroy(p->wei);
    if (p->dst) dnnl_memory_destroy(p->dst);
    *p = (struct product){0};
}

int main(void) {
    dnnl_engine_t eng;
    dnnl_stream_t stream;
    char line[64];
    if (dnnl_engine_create(&eng, dnnl_cpu, 0) || dnnl_stream_create(&stream, eng, dnnl_stream_default_flags)) return 1;
    for (int i = 0; i < N_PRODUCTS; i++)
        if (!prepare(&products[i], eng)) drop(&products[i]); /* a CPU that lacks the type */
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) && !strcmp(line, "run\n")) {
        for (int i = 0; i < N_PRODUCTS; i++)
            if (products[i].prim) printf("%s %s %.1f ", products[i].type, products[i].shape, gflops(&products[i], stream));
        putchar('\n');
        fflush(stdout);
    }
    for (int i = 0; i < N_PRODUCTS; i++) drop(&products[i]);
    dnnl_stream_destroy(stream), dnnl_engine_destroy(eng);
    return 0;
}
