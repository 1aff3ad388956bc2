/* See watch.h. The state is rounded to f16 first, as stored ones are, so that live and stored readings are the same. */
#include "probe/watch.h"
#include <math.h>
#include <stdlib.h>

int watch_open(struct watch *w, const struct probe *p, int at, struct err *e) {
    *w = (struct watch){.p = p,
                        .fit = &p->fit[at],
                        .x = malloc((size_t)p->width * sizeof *w->x),
                        .h = malloc((size_t)p->width * sizeof *w->h),
                        .temperature = &p->temperature};
    int rc = fit_reader_open(&w->reader, w->fit, p->shape, p->width, e);
    if (!rc && (!w->x || !w->h)) rc = fail(e, ERR_NOMEM, "out of memory for a probe");
    if (rc) watch_close(w);
    return rc;
}

void watch_close(struct watch *w) {
    fit_reader_close(&w->reader), free(w->x), free(w->h);
    w->x = NULL, w->h = NULL;
}

void watch_start(struct watch *w, const char *kind, const f16 *cand, int n_cand) {
    w->temperature = probe_temperature(w->p, kind);
    fit_reader_question(&w->reader, cand, n_cand);
    watch_again(w);
}

void watch_again(struct watch *w) {
    fit_reader_again(&w->reader);
    w->n = 0, w->broken = 0;
}

/* What f16 does not hold becomes infinite. */
void watch_row(struct watch *w, struct device *d, const num *x) {
    float qv[SCAN_HEADS * (1 + SCAN_CLASSES)];
    const struct fmt_row *f = fmt_find(FMT_F16);
    dev_get(d, w->x, x, w->p->width);
    f->from_f32(w->h, w->x, w->p->width);
    f->to_f32(w->x, w->h, w->p->width);
    w->broken |= !fit_reader_project(&w->reader, w->x, qv);
    fit_reader_add(&w->reader, qv);
    w->n++;
}

int watch_read(const struct watch *w, double *p) {
    int n = w->p->shape.classes, at = 0;
    if (!w->n || w->broken) return -1;
    fit_reader_read(&w->reader, p);
    probe_softmax(p, n, w->temperature, w->n);
    for (int k = 1; k < n; k++)
        if (p[k] > p[at]) at = k;
    return at;
}
