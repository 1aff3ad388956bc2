/* What looking costs while a model decodes: a probe that reads one layer after every token, and the capture of one layer's states as f16, each against
 * plain decoding. Usage: bench_probe MODEL [tokens [rounds [rank]]]. Every round decodes plainly, with the probe, plainly again and
 * with the capture, in a drawn order, each twice in a row: the second counts, since what a run leaves behind (pages, caches) is part of what the next one costs, and
 * who looks once looks always. Each way is held against the first plain one of its round; the median ratio counts, with its quartiles. Weights and choices of the probe are random: what it says does not matter to its cost. Taking a question's choices into
 * the weights (once a trace) is in the time. */
#include "base/progress.h"
#include "base/rng.h"
#include "probe/choices.h"
#include "probe/watch.h"
#include "run/generate.h"
#include "weights/weights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct err err = ERR_INIT;
static void must(int rc) {
    if (rc >= 0) return;
    fprintf(stderr, "%s\n", err.msg);
    exit(1);
}

enum { CHOICES = 4 };
struct look {
    struct watch *watch;
    const f16 *cand; /* [CHOICES, candidate width], or */
    f16 *out;        /* [tokens + 1, width] */
    float *row;
    int64_t width;
};

static int on_row(void *ctx, int which, int64_t i, struct device *d, const struct tap_rows *r, const num *x) {
    struct look *l = ctx;
    double p[SCAN_CLASSES];
    (void)which, (void)r;
    if (l->watch) {
        watch_row(l->watch, d, x);
        watch_read(l->watch, p);
    } else {
        dev_get(d, l->row, x, l->width);
        fmt_find(FMT_F16)->from_f32(l->out + i * l->width, l->row, l->width);
    }
    return 0;
}

/* Seconds of decoding n tokens behind a prompt of 32. */
static double decode(struct engine *g, int64_t n, struct look *l, int layer) {
    static int32_t ids[1 << 14];
    int32_t prompt[32];
    struct generation x = {.max_new = n, .sampling = SAMPLING_DEFAULT, .ids = ids};
    const struct gen_taps taps = {1u << TAP_RESID_OUT, layer, layer, on_row, l};
    for (int i = 0; i < 32; i++) prompt[i] = 10 + i;
    must(session_new(&x.s, g, &err));
    must(session_feed(x.s, prompt, 31, NULL, &err));
    x.last = prompt[31];
    double t = clock_s();
    if (l && l->watch) watch_start(l->watch, NULL, l->cand, CHOICES);
    must(generate_tapped(g, &x, 1, l ? &taps : NULL, &err));
    t = clock_s() - t;
    session_free(x.s);
    return t;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { WAYS = 4 };
struct way {
    const char *name;
    struct look *look;
    double *seconds; /* [rounds] */
};

static void print_way(const struct way *w, const struct way *plain, int rounds, int64_t n) {
    double *ratio = malloc((size_t)rounds * sizeof *ratio);
    for (int i = 0; i < rounds; i++) ratio[i] = w->seconds[i] / plain->seconds[i];
    qsort(ratio, (size_t)rounds, sizeof *ratio, by_size);
    printf("%-22s %+.2f %% (quartiles %+.2f, %+.2f; %d rounds of %lld tokens)\n", w->name, 100 * (ratio[rounds / 2] - 1),
           100 * (ratio[rounds / 4] - 1), 100 * (ratio[3 * rounds / 4] - 1), rounds, (long long)n);
    free(ratio);
}

static void compare(struct engine *g, int64_t n, int rounds, struct look *reads, struct look *captures, int layer) {
    struct way way[WAYS] = {
        {"plain", NULL, NULL}, {"probe", reads, NULL}, {"plain again", NULL, NULL}, {"capture of one layer", captures, NULL}};
    for (int w = 0; w < WAYS; w++) {
        way[w].seconds = malloc((size_t)rounds * sizeof *way[w].seconds);
        decode(g, n, way[w].look, layer);
    }
    struct rng order = RNG(1, 4);
    for (int i = 0; i < rounds; i++) {
        int at[WAYS];
        for (int k = 0; k < WAYS; k++) at[k] = k;
        rng_shuffle(&order, at, WAYS, sizeof *at);
        for (int k = 0; k < WAYS; k++) {
            struct way *w = &way[at[k]];
            decode(g, n, w->look, layer);
            w->seconds[i] = decode(g, n, w->look, layer);
        }
    }
    for (int w = 1; w < WAYS; w++) print_way(&way[w], &way[0], rounds, n);
    for (int w = 0; w < WAYS; w++) free(way[w].seconds);
}

static void random_probe(struct probe *p, const struct model *m, int layer, int rank) {
    static int layers[1];
    static struct fit_probe fit;
    const struct model_cfg *c = model_cfg(m);
    struct rng r = RNG(1, 2);
    layers[0] = layer;
    *p = (struct probe){.tap = TAP_RESID_OUT,
                        .shape = {POOL_ATTENTION, 1, CHOICES},
                        .width = c->n_embd,
                        .n_layers = 1,
                        .layer = layers,
                        .fit = &fit,
                        .temperature = {1, 0.5, 0.5}};
    int64_t n = fit_size(p->shape, p->width, rank, choice_width(m));
    float *w = malloc((size_t)n * sizeof *w);
    for (int64_t i = 0; i < n; i++) w[i] = (float)(0.01 * rng_normal(&r));
    fit_place(&fit, w, p->shape, p->width, rank, choice_width(m));
}

static const f16 *random_choices(int64_t width) {
    struct rng r = RNG(1, 3);
    f16 *x = malloc((size_t)(CHOICES * width) * sizeof *x);
    for (int64_t i = 0; i < CHOICES * width; i++) x[i] = f32_to_f16((float)rng_normal(&r));
    return x;
}

int main(int argc, char **argv) {
    struct weights *w;
    struct device *d;
    struct model *m;
    struct engine *g;
    struct probe p;
    struct watch watch;
    if (argc < 2) return fprintf(stderr, "usage: bench_probe MODEL [tokens [rounds [rank]]]\n"), 2;
    int64_t n = argc > 2 ? atoll(argv[2]) : 200;
    int rounds = argc > 3 ? atoi(argv[3]) : 30, rank = argc > 4 ? atoi(argv[4]) : 32;
    must(weights_open(&w, argv[1], &err));
    must(dev_open(&d, 0, 0, &err));
    must(model_open(&m, d, w, 0, &err));
    must(engine_new(&g, m, &(struct engine_opts){.max_sessions = 1}, &err));
    int layer = model_cfg(m)->n_layer - 1;
    random_probe(&p, m, layer, rank);
    must(watch_open(&watch, &p, 0, &err));
    struct look reads = {.watch = &watch, .cand = random_choices(choice_width(m))}, captures = {.width = model_cfg(m)->n_embd};
    captures.out = malloc((size_t)((n + 1) * captures.width) * sizeof(f16)),
    captures.row = malloc((size_t)captures.width * sizeof(float));
    compare(g, n, rounds, &reads, &captures, layer);
    return 0;
}
