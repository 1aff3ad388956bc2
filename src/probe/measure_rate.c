/* Performativity: how much steeper the monitor's accuracy climbs than a reader's.
 *
 * Both curves come from one tally, so a resample of questions gives both at once and the interval of their difference is paired.
 * Slopes are differences of heights over the whole thought, as the bins that have readings span it. */
#include "probe/measure_int.h"
#include <math.h>
#include <stdlib.h>

enum { SLOPE_READER, SLOPE_MONITOR, GAP, RISE_READER, RISE_MONITOR, RISE_GAP, AREA, MEAN, FIGURES };

/* Two curves in one tally, the reader's bins and then the monitor's, and room to compute in. */
struct curves {
    struct tally y;
    int bins, by_question;
    double *now; /* [3 bins]: both curves, then the x of one */
};

static void curves_free(struct curves *c) { tally_free(&c->y), free(c->now); }

static int curves_new(struct curves *c, const struct reading_trace *t, size_t n, enum reader r, const struct rate_opts *o,
                      struct err *e) {
    TRY(bins_ok(o->bins, "bins", e));
    TRY(reader_ok(r, e));
    *c = (struct curves){.bins = o->bins, .by_question = o->by_question};
    TRY(tally_new(&c->y, t, n, 2 * (size_t)o->bins, e));
    c->now = calloc(3 * (size_t)o->bins, sizeof *c->now);
    if (!c->now) return tally_free(&c->y), fail(e, ERR_NOMEM, "no memory for curves of %d bins", o->bins);
    tally_scores(&c->y, 0, t, n, r, o->vs, o->along, o->bins);
    tally_scores(&c->y, (size_t)o->bins, t, n, MONITOR, o->vs, o->along, o->bins);
    return 0;
}

/* y(1) − y(0) of the parabola through the bins that have a value, and of the curve itself; x[bins] is room. */
static void climb(double *slope, double *rise, const double *y, double *x, int bins) {
    int first = bins, last = -1;
    for (int b = 0; b < bins; b++)
        if (!isnan(y[b])) first = b < first ? b : first, last = b;
    *slope = *rise = NAN;
    if (last <= first) return;
    for (int b = 0; b < bins; b++) x[b] = (double)(b - first) / (double)(last - first);
    double fit[3];
    quadratic_fit(fit, x, y, (size_t)bins);
    *slope = fit[0] + fit[1], *rise = y[last] - y[first];
}

static void compare(double *out, const double *reader, const double *monitor, double *x, int bins) {
    climb(&out[SLOPE_READER], &out[RISE_READER], reader, x, bins);
    climb(&out[SLOPE_MONITOR], &out[RISE_MONITOR], monitor, x, bins);
    out[GAP] = out[SLOPE_MONITOR] - out[SLOPE_READER], out[RISE_GAP] = out[RISE_MONITOR] - out[RISE_READER];
    double sum = 0;
    int common = 0;
    for (int b = 0; b < bins; b++)
        if (!isnan(reader[b] - monitor[b])) sum += reader[b] - monitor[b], common++;
    out[AREA] = common ? sum / bins : NAN, out[MEAN] = common ? sum / common : NAN;
}

static void figures(double *out, size_t k, const void *curves, const size_t *idx, size_t m) {
    const struct curves *c = curves;
    (void)k;
    if (c->by_question)
        tally_questions(c->now, &c->y, idx, m);
    else
        tally_readings(c->now, &c->y, idx, m);
    compare(out, c->now, c->now + c->bins, c->now + 2 * c->bins, c->bins);
}

int measure_rate(struct rate *out, const struct reading_trace *t, size_t n, enum reader r, const struct rate_opts *o,
                 const struct resampling *how, struct err *e) {
    struct curves c;
    struct estimate f[FIGURES];
    TRY(curves_new(&c, t, n, r, o, e));
    int rc = estimates(f, FIGURES, figures, &c, c.y.questions, 0, how, e);
    curves_free(&c);
    if (rc == 0)
        *out = (struct rate){.reader = f[SLOPE_READER],
                             .monitor = f[SLOPE_MONITOR],
                             .gap = f[GAP],
                             .reader_rise = f[RISE_READER],
                             .monitor_rise = f[RISE_MONITOR],
                             .rise_gap = f[RISE_GAP],
                             .area = f[AREA],
                             .mean = f[MEAN]};
    return rc;
}

/* ---- two samples ---- */

struct pair {
    struct curves a, b;
    size_t *other; /* rows of the second sample, numbered from 0 */
};

static void gaps_apart(double *out, size_t k, const void *pair, const size_t *idx, size_t m) {
    const struct pair *p = pair;
    size_t na = p->a.y.questions;
    double a[FIGURES], b[FIGURES];
    (void)k;
    for (size_t i = na; i < m; i++) p->other[i - na] = idx[i] - na;
    figures(a, FIGURES, &p->a, idx, na);
    figures(b, FIGURES, &p->b, p->other, m - na);
    *out = a[GAP] - b[GAP];
}

int measure_rate_between(struct estimate *out, const struct reading_trace *a, size_t na, const struct reading_trace *b, size_t nb,
                         enum reader r, const struct rate_opts *o, const struct resampling *how, struct err *e) {
    struct pair p = {.other = NULL};
    TRY(curves_new(&p.a, a, na, r, o, e));
    int rc = curves_new(&p.b, b, nb, r, o, e);
    if (rc < 0) return curves_free(&p.a), rc;
    size_t qa = p.a.y.questions, qb = p.b.y.questions;
    p.other = calloc(qb + 1, sizeof *p.other);
    rc = p.other ? estimates(out, 1, gaps_apart, &p, qa + qb, qa, qa > 1 && qb > 1 ? how : NULL, e)
                 : fail(e, ERR_NOMEM, "no memory for %zu questions", qb);
    curves_free(&p.a), curves_free(&p.b), free(p.other);
    return rc;
}
