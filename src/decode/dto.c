/* The vector half of DTO; see dto.h for the equations. Everything is O(V) per step, and no model is involved. */
#include "decode/dto.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int dto_work_init(struct dto_work *w, int64_t V, struct err *e) {
    *w = (struct dto_work){.V = V,
                           .p = malloc((size_t)V * sizeof *w->p),
                           .m = malloc((size_t)V * sizeof *w->m),
                           .v = malloc((size_t)V * sizeof *w->v)};
    if (w->p && w->m && w->v) return 0;
    dto_work_fini(w);
    return fail(e, ERR_NOMEM, "out of memory for a vocabulary of %lld", (long long)V);
}

void dto_work_fini(struct dto_work *w) {
    free(w->p), free(w->m), free(w->v);
    *w = (struct dto_work){0};
}

double dto_lr(const struct dto_opts *o, int t) {
    if (o->schedule == DTO_CLAMPED) {
        double c = 0.5 * (1 + cos(M_PI * t / o->steps));
        return o->lr * (c > o->lr_floor ? c : o->lr_floor);
    }
    double c = o->steps > 1 ? 0.5 * (1 + cos(M_PI * t / (o->steps - 1))) : 1;
    return o->lr * (o->lr_floor + (1 - o->lr_floor) * c);
}

double dto_lr_sum(const struct dto_opts *o) {
    double s = 0;
    for (int t = 0; t < o->steps; t++) s += dto_lr(o, t);
    return s;
}

void dto_softmax(double *p, const float *z, int64_t V, double temp) {
    double max = -INFINITY, sum = 0;
    for (int64_t v = 0; v < V; v++)
        if (z[v] > max) max = z[v];
    for (int64_t v = 0; v < V; v++) sum += p[v] = exp((z[v] - max) / temp);
    for (int64_t v = 0; v < V; v++) p[v] /= sum;
}

double dto_entropy(const double *p, int64_t V) {
    double h = 0;
    for (int64_t v = 0; v < V; v++)
        if (p[v] > 0) h -= p[v] * log(p[v]);
    return h;
}

static double dot(const double *a, const double *b, int64_t n) {
    double s = 0;
    for (int64_t i = 0; i < n; i++) s += a[i] * b[i];
    return s;
}

double dto_grad(double *dz, const double *p, const double *g, int64_t V, double temp) {
    double mean = dot(p, g, V), sum = 0;
    for (int64_t v = 0; v < V; v++) {
        double x = p[v] * (g[v] - mean) / temp;
        sum += x * x;
        if (dz) dz[v] = x;
    }
    return sqrt(sum);
}

/* Kingma & Ba 2015; without decay AdamW is the same. p becomes the gradient in place. */
void dto_step(float *z, const double *g, const struct dto_opts *o, int t, struct dto_work *w) {
    const double b1 = 0.9, b2 = 0.999, eps = 1e-8;
    double lr = dto_lr(o, t), c1 = 1 - pow(b1, t + 1), c2 = 1 - pow(b2, t + 1);
    if (t == 0) memset(w->m, 0, (size_t)w->V * sizeof *w->m), memset(w->v, 0, (size_t)w->V * sizeof *w->v);
    dto_softmax(w->p, z, w->V, o->temp);
    dto_grad(w->p, w->p, g, w->V, o->temp);
    for (int64_t i = 0; i < w->V; i++) {
        double d = w->p[i];
        w->m[i] = (float)(b1 * w->m[i] + (1 - b1) * d);
        w->v[i] = (float)(b2 * w->v[i] + (1 - b2) * d * d);
        z[i] = (float)(z[i] - lr * (w->m[i] / c1) / (sqrt(w->v[i] / c2) + eps));
    }
}

static void closed_form(float *z, const double *g, const struct dto_opts *o, struct dto_work *w) {
    dto_softmax(w->p, z, w->V, o->temp);
    double mean = dot(w->p, g, w->V), S = dto_lr_sum(o);
    for (int64_t i = 0; i < w->V; i++) z[i] = (float)(z[i] - S * ((g[i] > mean) - (g[i] < mean)));
}

void dto_run(float *z, const double *g, const struct dto_opts *o, struct dto_work *w) {
    if (o->mode == DTO_CLOSED) {
        closed_form(z, g, o, w);
        return;
    }
    for (int t = 0; t < o->steps; t++) dto_step(z, g, o, t, w);
}
