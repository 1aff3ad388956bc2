/* See fit.h. What a layer's training needs is allocated once; then epochs over shuffled traces, Adam, and the epoch that validation likes
 * best. The loss of a trace is in fit_loss.c. */
#include "base/rng.h"
#include "probe/fit_int.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- units ---- */

/* Mean and deviation of each dimension over the training tokens; a dimension that never moves is left out (scale 0). */
static int standardise(struct fitter *f, struct err *e) {
    int64_t W = f->d->width, rows = 0;
    double *sum = calloc((size_t)(2 * W), sizeof *sum);
    if (!sum) return fail(e, ERR_NOMEM, "out of memory for the means of %lld dimensions", (long long)W);
    for (int64_t i = 0; i < f->d->n; i++) {
        const struct fit_trace *t = &f->d->t[i];
        if (t->part != FIT_TRAIN) continue;
        fit_widen(f->d->x + t->row0 * W, t->rows * W, f->x);
        for (int64_t r = 0; r < t->rows; r++)
            for (int64_t k = 0; k < W; k++) {
                double v = f->x[r * W + k];
                sum[k] += v, sum[W + k] += v * v;
            }
        rows += t->rows;
    }
    for (int64_t k = 0; k < W; k++) {
        double m = sum[k] / (double)rows, var = sum[W + k] / (double)rows - m * m;
        f->mean[k] = (float)m, f->scale[k] = var > 1e-12 ? (float)(1 / sqrt(var)) : 0;
        if (!isfinite(m) || !isfinite(var)) {
            free(sum);
            return fail(e, ERR_RANGE, "dimension %lld of the states is not finite", (long long)k);
        }
    }
    free(sum);
    return 0;
}

/* Root mean square of the training traces' candidates, to bring them to one scale. */
static int scale_candidates(struct fitter *f, struct err *e) {
    double sum = 0, n = 0;
    f->cand_scale = 1;
    for (int64_t i = 0; f->R && i < f->d->n; i++) {
        const struct fit_trace *t = &f->d->t[i];
        if (t->part != FIT_TRAIN || !t->n_cand) continue;
        fit_widen(f->d->cand + t->cand0 * f->E, t->n_cand * f->E, f->cand);
        for (int64_t k = 0; k < t->n_cand * f->E; k++) sum += (double)f->cand[k] * f->cand[k];
        n += (double)(t->n_cand * f->E);
    }
    if (n > 0 && sum > 0) f->cand_scale = (float)(1 / sqrt(sum / n));
    return isfinite(sum) ? 0 : fail(e, ERR_RANGE, "the candidates' features are not finite");
}

/* ---- training ---- */

static void update(struct fitter *f, double lr, int64_t traces) {
    const double b1 = 0.9, b2 = 0.999;
    int64_t biases = fit_at_bias(f), after = fit_at_wb(f);
    f->step++;
    double c1 = 1 - pow(b1, (double)f->step), c2 = 1 - pow(b2, (double)f->step);
    for (int64_t i = 0; i < f->P; i++) {
        double g = f->grad[i] / (double)traces;
        f->mom[i] = b1 * f->mom[i] + (1 - b1) * g;
        f->var[i] = b2 * f->var[i] + (1 - b2) * g * g;
        double decay = i < biases || i >= after ? f->o->weight_decay * f->w[i] : 0;
        f->w[i] = (float)(f->w[i] - lr * (f->mom[i] / c1 / (sqrt(f->var[i] / c2) + 1e-8) + decay));
    }
    memset(f->grad, 0, (size_t)f->P * sizeof *f->grad);
}

static void epoch(struct fitter *f, int at) {
    struct rng r = RNG(f->o->seed, 0x65706f63u, (uint64_t)at);
    double lr = f->o->lr * (0.1 + 0.9 * 0.5 * (1 + cos(M_PI * at / f->o->epochs)));
    int64_t in_batch = 0;
    rng_shuffle(&r, f->order, f->n_order, sizeof *f->order);
    for (int64_t i = 0; i < f->n_order; i++) {
        const struct fit_trace *t = &f->d->t[f->order[i]];
        int64_t cut = f->o->cut ? 1 + (int64_t)rng_below(&r, (uint64_t)t->rows) : 0;
        fit_trace_loss(f, t, f->label[f->order[i]], cut, 1);
        if (++in_batch == f->o->batch || i + 1 == f->n_order) update(f, lr, in_batch), in_batch = 0;
    }
}

static double validation(struct fitter *f) {
    double sum = 0, n = 0;
    for (int64_t i = 0; i < f->d->n; i++)
        if (f->d->t[i].part == FIT_VAL) sum += fit_trace_loss(f, &f->d->t[i], f->label[i], 0, 0), n++;
    return n > 0 ? sum / n : NAN;
}

/* The weights of raw states: w·((x − mean)·scale) = (w·scale)·x − const; q's constant cancels in its softmax, v's goes to the bias, since
 * a head's weights sum to one, u's to its own. */
static int finish(struct fitter *f, struct fit_probe *out, struct err *e) {
    struct scan_shape s = f->o->shape;
    int64_t W = f->d->width, HC = (int64_t)s.heads * s.classes;
    float *w = malloc((size_t)fit_size(s, W, f->R, f->E) * sizeof *w);
    if (!w) return fail(e, ERR_NOMEM, "out of memory for a probe");
    fit_place(out, w, s, W, f->R, f->E);
    memcpy(out->ub, f->best + fit_at_ub(f), (size_t)(s.heads * f->R) * sizeof *w);
    for (int64_t k = 0; k < f->R * f->E; k++) out->wb[k] = f->best[fit_at_wb(f) + k] * f->cand_scale;
    for (int k = 0; k < s.classes; k++) out->bias[k] = f->best[fit_at_bias(f) + k];
    for (int64_t j = 0; j < f->outs; j++) {
        double off = 0;
        for (int64_t k = 0; k < W; k++) {
            w[j * W + k] = f->best[j * W + k] * f->scale[k];
            off += (double)w[j * W + k] * f->mean[k];
        }
        if (j >= s.heads + HC)
            out->ub[j - s.heads - HC] -= (float)off;
        else if (j >= s.heads)
            out->bias[(j - s.heads) % s.classes] -= off;
    }
    for (int k = 0; k < s.classes; k++) out->bias[k] = (float)out->bias[k]; /* as a probe file stores it */
    return 0;
}

static int train(struct fitter *f, struct fit_probe *out, struct err *e) {
    *out = (struct fit_probe){.val_loss = NAN};
    for (int at = 0; at < f->o->epochs; at++) {
        if (f->o->stop && f->o->stop()) return fail(e, ERR_CANCELLED, "stopped while training probes");
        epoch(f, at);
        double v = validation(f);
        if (at == 0 || isnan(v) || v < out->val_loss) {
            memcpy(f->best, f->w, (size_t)f->P * sizeof *f->w);
            out->val_loss = v, out->epoch = at + 1;
        }
    }
    for (int64_t i = 0; i < f->P; i++)
        if (!isfinite(f->best[i])) return fail(e, ERR_RANGE, "the probe's weights are not finite");
    return finish(f, out, e);
}

/* ---- life ---- */

static int check(const struct fit_data *d, const struct fit_opts *o, struct err *e) {
    int64_t train = 0;
    if (o->shape.heads < 1 || o->shape.heads > SCAN_HEADS || o->shape.classes < 2 || o->shape.classes > SCAN_CLASSES)
        return fail(e, ERR_ARG, "a probe has 1 to %d heads and 2 to %d classes, not %d and %d", SCAN_HEADS, SCAN_CLASSES,
                    o->shape.heads, o->shape.classes);
    if (o->shape.pool != POOL_ATTENTION && o->shape.heads != 1) return fail(e, ERR_ARG, "only attention has more than one head");
    if (o->rank < 0 || o->rank > FIT_RANK || (o->rank && (!d->cand || d->cand_width < 1)))
        return fail(e, ERR_ARG, "a candidate head has a rank of 1 to %d and needs candidates", FIT_RANK);
    if (o->epochs < 1 || o->batch < 1) return fail(e, ERR_ARG, "expected at least one epoch and one trace a batch");
    for (int64_t i = 0; i < d->n; i++) {
        const struct fit_trace *t = &d->t[i];
        if (t->rows < 1 || t->label < 0 || t->label >= o->shape.classes)
            return fail(e, ERR_RANGE, "trace %lld: expected states and a class below %d", (long long)i, o->shape.classes);
        if (o->rank && (t->n_cand < 0 || t->n_cand > o->shape.classes))
            return fail(e, ERR_RANGE, "trace %lld: expected at most %d candidates, found %d", (long long)i, o->shape.classes,
                        t->n_cand);
        train += t->part == FIT_TRAIN;
    }
    return train ? 0 : fail(e, ERR_STATE, "no training traces");
}

static void fitter_free(struct fitter *f) {
    free(f->w), free(f->best), free(f->grad), free(f->mom), free(f->var), free(f->mean), free(f->scale), free(f->x);
    free(f->y), free(f->dy), free(f->work), free(f->weight), free(f->order), free(f->label);
    free(f->part), free(f->u), free(f->du), free(f->cand), free(f->code), free(f->dcode);
}

static int fitter_new(struct fitter *f, const struct fit_data *d, const struct fit_opts *o, struct err *e) {
    *f = (struct fitter){.d = d, .o = o, .R = o->rank, .E = o->rank ? d->cand_width : 0};
    f->outs = fit_outs(o->shape) + o->shape.heads * f->R;
    for (int64_t i = 0; i < d->n; i++) f->longest = d->t[i].rows > f->longest ? d->t[i].rows : f->longest;
    f->P = fit_at_wb(f) + f->R * f->E;
    size_t P = (size_t)f->P, W = (size_t)d->width, T = (size_t)f->longest, n = (size_t)d->n;
    size_t Y = T * (size_t)fit_outs(o->shape), U = T * (size_t)(o->shape.heads * f->R) + 1, C = (size_t)o->shape.classes;
    f->w = calloc(P, sizeof *f->w), f->best = calloc(P, sizeof *f->best), f->grad = calloc(P, sizeof *f->grad);
    f->mom = calloc(P, sizeof *f->mom), f->var = calloc(P, sizeof *f->var), f->mean = calloc(W, sizeof *f->mean);
    f->scale = calloc(W, sizeof *f->scale), f->x = malloc(T * W * sizeof *f->x), f->y = malloc(Y * sizeof *f->y);
    f->dy = malloc(Y * sizeof *f->dy), f->work = malloc((size_t)scan_work(o->shape, f->longest) * sizeof *f->work);
    f->weight = malloc(T * sizeof *f->weight), f->order = malloc(n * sizeof *f->order), f->label = malloc(n * sizeof *f->label);
    f->u = malloc(U * sizeof *f->u), f->du = malloc(U * sizeof *f->du),
    f->cand = malloc((C * (size_t)f->E + 1) * sizeof *f->cand);
    f->code = malloc((C * (size_t)f->R + 1) * sizeof *f->code), f->dcode = malloc((C * (size_t)f->R + 1) * sizeof *f->dcode);
    f->part = malloc((size_t)(f->outs * d->width) * sizeof *f->part);
    if (!f->part || !f->u || !f->du || !f->cand || !f->code || !f->dcode || !f->w || !f->best || !f->grad || !f->mom || !f->var ||
        !f->mean || !f->scale || !f->x || !f->y || !f->dy || !f->work || !f->weight || !f->order || !f->label)
        return fail(e, ERR_NOMEM, "out of memory for a probe of %lld parameters", (long long)f->P);
    return 0;
}

/* Small random weights: a probe that begins at zero has no gradient at q. */
static void begin(struct fitter *f) {
    struct rng r = RNG(f->o->seed, 0x696e6974u);
    double s = 1 / sqrt((double)f->d->width);
    for (int64_t i = 0; i < fit_at_bias(f); i++) f->w[i] = (float)(s * (2 * rng_uniform(&r) - 1));
    double sb = f->E ? 1 / sqrt((double)f->E) : 0;
    for (int64_t i = fit_at_wb(f); i < f->P; i++) f->w[i] = (float)(sb * (2 * rng_uniform(&r) - 1));
    for (int64_t i = 0; i < f->d->n; i++) {
        f->label[i] = f->o->shuffle_labels ? (int)rng_below(&r, (uint64_t)f->o->shape.classes) : f->d->t[i].label;
        if (f->d->t[i].part == FIT_TRAIN) f->order[f->n_order++] = i;
    }
}

/* fitter_free is due in any case. */
static int fitter_open(struct fitter *f, const struct fit_data *d, const struct fit_opts *o, struct err *e) {
    *f = (struct fitter){0};
    TRY(check(d, o, e));
    TRY(fitter_new(f, d, o, e));
    begin(f);
    TRY(standardise(f, e));
    return scale_candidates(f, e);
}

int fit_layer(struct fit_probe *out, const struct fit_data *d, const struct fit_opts *o, struct err *e) {
    struct fitter f;
    int rc = fitter_open(&f, d, o, e);
    if (!rc) rc = train(&f, out, e);
    fitter_free(&f);
    return rc;
}

int64_t fit_params(const struct fit_data *d, const struct fit_opts *o) {
    return fit_size(o->shape, d->width, o->rank, o->rank ? d->cand_width : 0) + o->shape.classes;
}

int fit_gradient(const struct fit_data *d, const struct fit_opts *o, const float *w, double *loss, double *grad, struct err *e) {
    struct fitter f;
    int rc = fitter_open(&f, d, o, e);
    *loss = 0;
    if (!rc) memcpy(f.w, w, (size_t)f.P * sizeof *w);
    for (int64_t i = 0; !rc && i < d->n; i++)
        if (d->t[i].part == FIT_TRAIN) *loss += fit_trace_loss(&f, &d->t[i], f.label[i], 0, 1);
    if (!rc) memcpy(grad, f.grad, (size_t)f.P * sizeof *grad);
    fitter_free(&f);
    return rc;
}

/* ---- layers side by side ---- */

struct side {
    struct fit_probe *out;
    const struct fit_data *d;
    const struct fit_opts *o;
    int n;
    struct err *errs;
};

static void run_side(void *ctx, int ith, int nth) {
    struct side *s = ctx;
    for (int i = ith; i < s->n; i += nth) fit_layer(&s->out[i], &s->d[i], s->o, &s->errs[i]);
}

int fit_layers(struct fit_probe *out, const struct fit_data *d, int n, const struct fit_opts *o, struct pool *pool,
               struct err *e) {
    struct side s = {out, d, o, n, calloc((size_t)n, sizeof *s.errs)};
    int rc = s.errs ? 0 : fail(e, ERR_NOMEM, "out of memory");
    memset(out, 0, (size_t)n * sizeof *out);
    if (!rc) pool_run(pool, run_side, &s);
    for (int i = 0; !rc && i < n; i++)
        if (s.errs[i].code) rc = fail_at(e, s.errs[i].code, NULL, -1, "layer %d: %s", i, s.errs[i].msg);
    for (int i = 0; rc && s.errs && i < n; i++) fit_free(&out[i]);
    free(s.errs);
    return rc;
}
