/* See fit.h. The states of a trace are widened once, multiplied by all heads' weights, scanned, and multiplied again by what the
 * scan gives back: five dot products a token each way. */
#include "probe/fit.h"
#include "base/rng.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct fitter {
    const struct fit_data *d;
    const struct fit_opts *o;
    int outs;           /* rows of W: heads q, then heads × classes v */
    int64_t P, longest; /* parameters: outs × width + classes */
    float *w, *best;    /* [P] */
    double *grad, *mom, *var;
    float *mean, *scale; /* [width] */
    float *x;            /* [longest, width], standardised */
    double *y, *dy;      /* [longest, outs]: q of all tokens, then v */
    double *work, *weight;
    int64_t *order;
    int *label;
    int64_t n_order, step;
};

static int outs_of(struct scan_shape s) { return s.heads * (1 + s.classes); }

void fit_free(struct fit_probe *p) {
    free(p->wq);
    p->wq = p->wv = NULL;
}

/* ---- states ---- */

static void widen(const f16 *x, int64_t n, float *out) { fmt_find(FMT_F16)->to_f32(out, x, n); }

/* Mean and deviation of each dimension over the training tokens; a dimension that never moves is left out (scale 0). */
static int standardise(struct fitter *f, struct err *e) {
    int64_t W = f->d->width, rows = 0;
    double *sum = calloc((size_t)(2 * W), sizeof *sum);
    if (!sum) return fail(e, ERR_NOMEM, "out of memory for the means of %lld dimensions", (long long)W);
    for (int64_t i = 0; i < f->d->n; i++) {
        const struct fit_trace *t = &f->d->t[i];
        if (t->part != FIT_TRAIN) continue;
        widen(f->d->x + t->row0 * W, t->rows * W, f->x);
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

static void load(struct fitter *f, const struct fit_trace *t) {
    int64_t W = f->d->width;
    widen(f->d->x + t->row0 * W, t->rows * W, f->x);
    for (int64_t r = 0; r < t->rows; r++)
        for (int64_t k = 0; k < W; k++) f->x[r * W + k] = (f->x[r * W + k] - f->mean[k]) * f->scale[k];
}

/* ---- one trace ---- */

static float dot(const float *restrict a, const float *restrict b, int64_t n) {
    float s[16] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 16; k++) s[k] += a[i + k] * b[i + k];
    for (; i < n; i++) sum += a[i] * b[i];
    for (int k = 0; k < 16; k++) sum += s[k];
    return sum;
}

/* y = q[T, heads] and then v[T, heads, classes], as the scan wants them. */
static void project(const float *w, struct scan_shape s, const float *x, int64_t T, int64_t W, double *y) {
    int H = s.heads, HC = s.heads * s.classes;
    for (int64_t t = 0; t < T; t++) {
        for (int h = 0; h < H; h++) y[t * H + h] = dot(w + h * W, x + t * W, W);
        for (int j = 0; j < HC; j++) y[T * H + t * HC + j] = dot(w + (H + j) * W, x + t * W, W);
    }
}

static void add_scaled(double *restrict out, const float *restrict x, double a, int64_t n) {
    for (int64_t k = 0; k < n; k++) out[k] += a * x[k];
}

static void project_back(struct fitter *f, int64_t T) {
    int64_t W = f->d->width;
    int H = f->o->shape.heads, HC = H * f->o->shape.classes;
    for (int64_t t = 0; t < T; t++) {
        const float *x = f->x + t * W;
        for (int h = 0; h < H; h++) add_scaled(f->grad + h * W, x, f->dy[t * H + h], W);
        for (int j = 0; j < HC; j++) add_scaled(f->grad + (H + j) * W, x, f->dy[T * H + t * HC + j], W);
    }
}

/* Loss of one trace; its gradient is added if back. cut > 0: only the prefix of that length counts. */
static double trace_loss(struct fitter *f, const struct fit_trace *t, int label, int64_t cut, int back) {
    struct scan_shape s = f->o->shape;
    int64_t T = t->rows, W = f->d->width;
    double bias[SCAN_CLASSES], db[SCAN_CLASSES] = {0};
    for (int k = 0; k < s.classes; k++) bias[k] = f->w[f->outs * W + k];
    for (int64_t i = 0; cut && i < T; i++) f->weight[i] = i + 1 == cut;
    load(f, t);
    project(f->w, s, f->x, T, W, f->y);
    double loss =
        scan_loss(s, f->y, f->y + T * s.heads, bias, T, label, cut ? f->weight : NULL, f->dy, f->dy + T * s.heads, db, f->work);
    if (!back) return loss;
    project_back(f, T);
    for (int k = 0; k < s.classes; k++) f->grad[f->outs * W + k] += db[k];
    return loss;
}

/* ---- training ---- */

static void update(struct fitter *f, double lr, int64_t traces) {
    const double b1 = 0.9, b2 = 0.999;
    int64_t biases = f->outs * f->d->width;
    f->step++;
    double c1 = 1 - pow(b1, (double)f->step), c2 = 1 - pow(b2, (double)f->step);
    for (int64_t i = 0; i < f->P; i++) {
        double g = f->grad[i] / (double)traces;
        f->mom[i] = b1 * f->mom[i] + (1 - b1) * g;
        f->var[i] = b2 * f->var[i] + (1 - b2) * g * g;
        double decay = i < biases ? f->o->weight_decay * f->w[i] : 0;
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
        trace_loss(f, t, f->label[f->order[i]], cut, 1);
        if (++in_batch == f->o->batch || i + 1 == f->n_order) update(f, lr, in_batch), in_batch = 0;
    }
}

static double validation(struct fitter *f) {
    double sum = 0, n = 0;
    for (int64_t i = 0; i < f->d->n; i++)
        if (f->d->t[i].part == FIT_VAL) sum += trace_loss(f, &f->d->t[i], f->label[i], 0, 0), n++;
    return n > 0 ? sum / n : NAN;
}

/* The weights of raw states: w·((x − mean)·scale) = (w·scale)·x − const; q's constant cancels in its softmax, v's goes to the bias, since
 * a head's weights sum to one. */
static int finish(struct fitter *f, struct fit_probe *out, struct err *e) {
    struct scan_shape s = f->o->shape;
    int64_t W = f->d->width;
    float *w = malloc((size_t)(f->outs * W) * sizeof *w);
    if (!w) return fail(e, ERR_NOMEM, "out of memory for a probe");
    for (int k = 0; k < s.classes; k++) out->bias[k] = f->best[f->outs * W + k];
    for (int j = 0; j < f->outs; j++)
        for (int64_t k = 0; k < W; k++) {
            w[j * W + k] = f->best[j * W + k] * f->scale[k];
            if (j >= s.heads) out->bias[(j - s.heads) % s.classes] -= (double)w[j * W + k] * f->mean[k];
        }
    out->wq = w, out->wv = w + s.heads * W;
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
    if (o->epochs < 1 || o->batch < 1) return fail(e, ERR_ARG, "expected at least one epoch and one trace a batch");
    for (int64_t i = 0; i < d->n; i++) {
        const struct fit_trace *t = &d->t[i];
        if (t->rows < 1 || t->label < 0 || t->label >= o->shape.classes)
            return fail(e, ERR_RANGE, "trace %lld: expected states and a class below %d", (long long)i, o->shape.classes);
        train += t->part == FIT_TRAIN;
    }
    return train ? 0 : fail(e, ERR_STATE, "no training traces");
}

static void fitter_free(struct fitter *f) {
    free(f->w), free(f->best), free(f->grad), free(f->mom), free(f->var), free(f->mean), free(f->scale), free(f->x);
    free(f->y), free(f->dy), free(f->work), free(f->weight), free(f->order), free(f->label);
}

static int fitter_new(struct fitter *f, const struct fit_data *d, const struct fit_opts *o, struct err *e) {
    *f = (struct fitter){.d = d, .o = o, .outs = outs_of(o->shape)};
    for (int64_t i = 0; i < d->n; i++) f->longest = d->t[i].rows > f->longest ? d->t[i].rows : f->longest;
    f->P = f->outs * d->width + o->shape.classes;
    size_t P = (size_t)f->P, W = (size_t)d->width, T = (size_t)f->longest, n = (size_t)d->n, Y = T * (size_t)f->outs;
    f->w = calloc(P, sizeof *f->w), f->best = calloc(P, sizeof *f->best), f->grad = calloc(P, sizeof *f->grad);
    f->mom = calloc(P, sizeof *f->mom), f->var = calloc(P, sizeof *f->var), f->mean = calloc(W, sizeof *f->mean);
    f->scale = calloc(W, sizeof *f->scale), f->x = malloc(T * W * sizeof *f->x), f->y = malloc(Y * sizeof *f->y);
    f->dy = malloc(Y * sizeof *f->dy), f->work = malloc((size_t)scan_work(o->shape, f->longest) * sizeof *f->work);
    f->weight = malloc(T * sizeof *f->weight), f->order = malloc(n * sizeof *f->order), f->label = malloc(n * sizeof *f->label);
    if (!f->w || !f->best || !f->grad || !f->mom || !f->var || !f->mean || !f->scale || !f->x || !f->y || !f->dy || !f->work ||
        !f->weight || !f->order || !f->label)
        return fail(e, ERR_NOMEM, "out of memory for a probe of %lld parameters", (long long)f->P);
    return 0;
}

/* Small random weights: a probe that begins at zero has no gradient at q. */
static void begin(struct fitter *f) {
    struct rng r = RNG(f->o->seed, 0x696e6974u);
    double s = 1 / sqrt((double)f->d->width);
    for (int64_t i = 0; i < f->outs * f->d->width; i++) f->w[i] = (float)(s * (2 * rng_uniform(&r) - 1));
    for (int64_t i = 0; i < f->d->n; i++) {
        f->label[i] = f->o->shuffle_labels ? (int)rng_below(&r, (uint64_t)f->o->shape.classes) : f->d->t[i].label;
        if (f->d->t[i].part == FIT_TRAIN) f->order[f->n_order++] = i;
    }
}

int fit_layer(struct fit_probe *out, const struct fit_data *d, const struct fit_opts *o, struct err *e) {
    struct fitter f;
    TRY(check(d, o, e));
    int rc = fitter_new(&f, d, o, e);
    if (!rc) begin(&f), rc = standardise(&f, e);
    if (!rc) rc = train(&f, out, e);
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

/* ---- reading ---- */

int fit_read(const struct fit_probe *p, struct scan_shape shape, const f16 *x, int64_t rows, int64_t width, double *z,
             struct err *e) {
    int HC = shape.heads * shape.classes;
    float *wide = malloc((size_t)(rows * width) * sizeof *wide);
    double *y = malloc((size_t)(rows * outs_of(shape)) * sizeof *y);
    int rc = wide && y ? 0 : fail(e, ERR_NOMEM, "out of memory for a trace of %lld tokens", (long long)rows);
    struct scan s;
    scan_start(&s, shape);
    if (!rc) widen(x, rows * width, wide), project(p->wq, shape, wide, rows, width, y);
    for (int64_t t = 0; !rc && t < rows; t++) {
        scan_add(&s, y + t * shape.heads, y + rows * shape.heads + t * HC);
        scan_read(&s, p->bias, z + t * shape.classes);
    }
    free(wide), free(y);
    return rc;
}
