/* See watch.h. The state is rounded to f16 first, as stored ones are, so that live and stored readings are the same. */
#include "probe/watch.h"
#include <math.h>
#include <stdlib.h>

int watch_open(struct watch *w, const struct probe *p, int at, struct err *e) {
    *w = (struct watch){.p = p,
                        .fit = &p->fit[at],
                        .x = malloc((size_t)p->width * sizeof *w->x),
                        .h = malloc((size_t)p->width * sizeof *w->h),
                        .g = calloc((size_t)(p->shape.classes * p->fit[at].rank) + 1, sizeof *w->g)};
    if (!w->x || !w->h || !w->g) {
        watch_close(w);
        return fail(e, ERR_NOMEM, "out of memory for a probe");
    }
    w->temperature = &p->temperature;
    watch_again(w);
    return 0;
}

void watch_close(struct watch *w) {
    free(w->x), free(w->h), free(w->g);
    w->x = w->g = NULL, w->h = NULL;
}

void watch_start(struct watch *w, const char *kind, const f16 *cand, int n_cand) {
    w->temperature = probe_temperature(w->p, kind);
    if (w->fit->rank) fit_codes(w->fit, w->p->shape, cand, n_cand, w->g);
    watch_again(w);
}

void watch_again(struct watch *w) {
    scan_start(&w->scan, w->p->shape);
    w->n = 0, w->broken = 0;
}

void watch_row(struct watch *w, struct device *d, const num *x) {
    double y[SCAN_HEADS * (1 + SCAN_CLASSES)];
    struct scan_shape s = w->p->shape;
    const struct fmt_row *f = fmt_find(FMT_F16);
    unsigned worst = 0;
    dev_get(d, w->x, x, w->p->width);
    f->from_f32(w->h, w->x, w->p->width);
    for (int64_t k = 0; k < w->p->width; k++) worst |= (w->h[k] & 0x7c00u) == 0x7c00u;
    f->to_f32(w->x, w->h, w->p->width);
    w->broken |= (int)worst;
    fit_project(w->fit, s, w->x, w->p->width, w->g, y);
    scan_add(&w->scan, y, y + s.heads);
    w->n++;
}

int watch_read(const struct watch *w, double *p) {
    int n = w->p->shape.classes, at = 0;
    if (!w->n || w->broken) return -1;
    scan_read(&w->scan, w->fit->bias, p);
    probe_softmax(p, n, w->temperature, w->n);
    for (int k = 1; k < n; k++)
        if (p[k] > p[at]) at = k;
    return at;
}
