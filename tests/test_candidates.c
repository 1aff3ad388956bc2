/* The candidate head of a probe: its gradient against finite differences of the written-out definition, what it can read that no other head
 * can, the folding of units into the weights, its file, and reading along. */
#include "base/rng.h"
#include "probe/fit_int.h"
#include "probe/watch.h"
#include "test_files.h"
#include <math.h>

TestSuite(candidates, .timeout = HANG_S);

/* ---- a layer of made-up traces ---- */

enum { W = 6, E = 5, C = 3, N_MAX = 700, ROWS = 8 };
struct layer {
    struct fit_trace t[N_MAX];
    f16 *x, *cand;
    struct fit_data d;
};

static void layer_new(struct layer *l, int64_t n, int64_t width, int64_t cand_width, int classes) {
    l->x = calloc((size_t)(n * ROWS * width), sizeof *l->x);
    l->cand = calloc((size_t)(n * classes * cand_width), sizeof *l->cand);
    l->d = (struct fit_data){l->x, width, l->t, n, l->cand, cand_width};
    for (int64_t i = 0; i < n; i++)
        l->t[i] = (struct fit_trace){.row0 = i * ROWS, .rows = ROWS, .cand0 = i * classes, .n_cand = classes};
}
static void layer_free(struct layer *l) { free(l->x), free(l->cand); }

/* Rows and their negatives, of ones: mean 0 and deviation 1 without rounding, as are the candidates; then in other units (x·by + plus). */
static void make_signs(struct layer *l, int64_t n, double by, double plus, double cand_by) {
    struct rng r = RNG(5, 1);
    layer_new(l, n, W, E, C);
    for (int64_t i = 0; i < n * ROWS * W; i++) {
        if (i / W & 1) continue;
        double sign = rng_below(&r, 2) ? 1 : -1;
        l->x[i] = f32_to_f16((float)(sign * by + plus)), l->x[i + W] = f32_to_f16((float)(-sign * by + plus));
    }
    for (int64_t i = 0; i < n * C * E; i++) l->cand[i] = f32_to_f16((float)((rng_below(&r, 2) ? 1 : -1) * cand_by));
    for (int64_t i = 0; i < n; i++) l->t[i].label = (int)rng_below(&r, C), l->t[i].n_cand = i % 4 == 3 ? 0 : i % 4 == 2 ? 2 : C;
}

Test(candidates, made_up_states_have_mean_zero_and_deviation_one) {
    struct layer l;
    make_signs(&l, 4, 1, 0, 1);
    for (int k = 0; k < W; k++) {
        double sum = 0, square = 0;
        for (int64_t r = 0; r < 4 * ROWS; r++) {
            double v = f16_to_f32(l.x[r * W + k]);
            sum += v, square += v * v;
        }
        cr_expect(sum == 0 && square == 4 * ROWS, "dimension %d: %g, %g", k, sum, square);
    }
    layer_free(&l);
}

/* ---- the definition ---- */

struct whole {
    const struct layer *l;
    struct scan_shape s;
    int R;
};

static double dot(const double *w, const f16 *x, int n) {
    double sum = 0;
    for (int k = 0; k < n; k++) sum += w[k] * (double)f16_to_f32(x[k]);
    return sum;
}

/* q and v of one state; parameters lie as fit_int.h says. */
static void project(const struct whole *m, const double *w, const struct fit_trace *t, int64_t row, double *q, double *v) {
    int H = m->s.heads, R = m->R;
    const double *wv = w + H * W, *wu = wv + H * C * W, *ub = wu + H * R * W + C, *wb = ub + H * R;
    const f16 *x = m->l->x + (t->row0 + row) * W;
    for (int h = 0; h < H; h++) {
        q[h] = dot(w + h * W, x, W);
        for (int c = 0; c < C; c++) {
            v[h * C + c] = dot(wv + (h * C + c) * W, x, W);
            for (int r = 0; c < t->n_cand && r < R; r++) {
                double u = dot(wu + (h * R + r) * W, x, W) + ub[h * R + r];
                v[h * C + c] += u * dot(wb + r * E, m->l->cand + (t->cand0 + c) * E, E);
            }
        }
    }
}

/* Readings z[rows, C] of all prefixes, each softmax written out. */
static void read_whole(const struct whole *m, const double *w, const struct fit_trace *t, double *z) {
    int H = m->s.heads;
    double q[ROWS][SCAN_HEADS], v[ROWS][SCAN_HEADS * C];
    const double *bias = w + (H + H * C + H * m->R) * W;
    for (int64_t r = 0; r < t->rows; r++) project(m, w, t, r, q[r], v[r]);
    for (int64_t n = 1; n <= t->rows; n++, z += C) {
        for (int c = 0; c < C; c++) z[c] = bias[c];
        for (int h = 0; h < H; h++) {
            double den = 0;
            for (int64_t r = 0; r < n; r++) den += exp(q[r][h]);
            for (int64_t r = 0; r < n; r++)
                for (int c = 0; c < C; c++) z[c] += exp(q[r][h]) / den * v[r][h * C + c];
        }
    }
}

/* Mean cross-entropy over the prefixes of one trace. */
static double trace_loss(const struct whole *m, const double *w, const struct fit_trace *t) {
    double all[ROWS * C], *z = all, sum = 0;
    read_whole(m, w, t, all);
    for (int64_t n = 1; n <= t->rows; n++, z += C) { sum += log(exp(z[0]) + exp(z[1]) + exp(z[2])) - z[t->label]; }
    return sum / (double)t->rows;
}

static double whole_loss(const struct whole *m, const double *w) {
    double sum = 0;
    for (int64_t i = 0; i < m->l->d.n; i++) sum += trace_loss(m, w, &m->l->t[i]);
    return sum;
}

static double slope(const struct whole *m, double *w, int64_t i) {
    const double h = 1e-3, at = w[i];
    double y[5];
    for (int k = -2; k <= 2; k++) w[i] = at + k * h, y[k + 2] = whole_loss(m, w);
    w[i] = at;
    return (8 * (y[3] - y[1]) - (y[4] - y[0])) / (12 * h);
}

static void check_gradient(int heads, int rank) {
    struct layer l;
    make_signs(&l, 5, 1, 0, 1);
    struct fit_opts o = FIT_DEFAULT;
    o.shape = (struct scan_shape){POOL_ATTENTION, heads, C}, o.rank = rank;
    const struct whole m = {&l, o.shape, rank};
    int64_t P = fit_params(&l.d, &o);
    float *w = malloc((size_t)P * sizeof *w);
    double *wide = malloc((size_t)P * sizeof *wide), *grad = malloc((size_t)P * sizeof *grad), loss, top = 0;
    struct rng r = RNG(9, (uint64_t)heads);
    for (int64_t i = 0; i < P; i++) wide[i] = w[i] = (float)((double)rng_below(&r, 2048) / 1024 - 1); /* every f32 sum is exact */
    OK(fit_gradient(&l.d, &o, w, &loss, grad, &e));
    double want = whole_loss(&m, wide);
    cr_expect(fabs(loss - want) < 1e-12 * want, "%d heads, rank %d: loss %.15g, not %.15g", heads, rank, loss, want);
    for (int64_t i = 0; i < P; i++) top = fmax(top, fabs(grad[i]));
    for (int64_t i = 0; i < P; i++) { /* a trace's share is summed in f32 */
        double numeric = slope(&m, wide, i);
        cr_expect(fabs(grad[i] - numeric) < 1e-6 * fmax(fabs(numeric), 0.1 * top),
                  "%d heads, rank %d, parameter %d of %d: %.12g, not %.12g", heads, rank, (int)i, (int)P, grad[i], numeric);
    }
    free(w), free(wide), free(grad), layer_free(&l);
}

Test(candidates, gradient_of_the_layer_loss_is_that_of_the_definition) {
    check_gradient(1, 0), check_gradient(1, 1), check_gradient(1, 4), check_gradient(2, 3);
}

static void check_readings(int heads, int rank) {
    struct layer l;
    make_signs(&l, 6, 1.5, 0.25, 3);
    const struct whole m = {&l, {POOL_ATTENTION, heads, C}, rank};
    struct rng r = RNG(10, (uint64_t)rank);
    struct fit_probe p = {.bias = {0}};
    int64_t n = fit_size(m.s, W, rank, E), rows = (heads * (1 + C) + heads * rank) * W;
    float *w = malloc((size_t)n * sizeof *w);
    double *wide = malloc((size_t)(n + C) * sizeof *wide), worst = 0, z[ROWS * C], want[ROWS * C];
    for (int64_t i = 0; i < n; i++) w[i] = (float)(0.5 * rng_normal(&r));
    fit_place(&p, w, m.s, W, rank, E);
    for (int64_t i = 0; i < n; i++) wide[i < rows ? i : i + C] = w[i]; /* the bias lies in between */
    for (int c = 0; c < C; c++) wide[rows + c] = p.bias[c] = rng_normal(&r);
    for (int i = 0; i < l.d.n; i++) {
        const struct fit_trace *t = &l.t[i];
        OK(fit_read(&p, m.s, l.x + t->row0 * W, t->rows, W, l.cand + t->cand0 * E, t->n_cand, z, &e));
        read_whole(&m, wide, t, want);
        for (int k = 0; k < ROWS * C; k++) worst = fmax(worst, fabs(z[k] - want[k]) / (1 + fabs(want[k])));
    }
    cr_expect(worst < 1e-5, "%d heads, rank %d: readings are %g from the definition", heads, rank, worst);
    free(w), free(wide), layer_free(&l);
}

Test(candidates, readings_are_those_of_the_definition) {
    check_readings(1, 0), check_readings(1, 4), check_readings(2, 3), check_readings(2, 32);
}

/* ---- what only candidates tell ---- */

enum { LATENT = 4, WIDE = 12, CAND = 8, CHOICES = 4 };

static void unit(struct rng *r, double c[LATENT]) {
    double norm = 0;
    for (int k = 0; k < LATENT; k++) c[k] = rng_normal(r), norm += c[k] * c[k];
    for (int k = 0; k < LATENT; k++) c[k] /= sqrt(norm);
}

static void put(f16 *out, const double *map, const double c[LATENT], int n, struct rng *r, double noise) {
    for (int k = 0; k < n; k++) {
        double v = noise * rng_normal(r);
        for (int j = 0; j < LATENT; j++) v += map[k * LATENT + j] * c[j];
        out[k] = f32_to_f16((float)v);
    }
}

/* Every trace is about another point of a sphere; four points are its choices, in any order; its states show the one it is about. */
static void make_meaning(struct layer *l) {
    struct rng r = RNG(31, 4);
    double to_x[WIDE * LATENT], to_cand[CAND * LATENT], c[CHOICES][LATENT];
    layer_new(l, N_MAX, WIDE, CAND, CHOICES);
    for (int k = 0; k < WIDE * LATENT; k++) to_x[k] = rng_normal(&r);
    for (int k = 0; k < CAND * LATENT; k++) to_cand[k] = 0.05 * rng_normal(&r);
    for (int i = 0; i < N_MAX; i++) {
        struct fit_trace *t = &l->t[i];
        t->label = (int)rng_below(&r, CHOICES), t->part = i % 7 == 5 ? FIT_VAL : i % 7 == 6 ? FIT_TEST : FIT_TRAIN;
        t->rows = 2 + (int64_t)rng_below(&r, 3);
        for (int k = 0; k < CHOICES; k++) unit(&r, c[k]), put(l->cand + (t->cand0 + k) * CAND, to_cand, c[k], CAND, &r, 0);
        for (int64_t row = 0; row < t->rows; row++) put(l->x + (t->row0 + row) * WIDE, to_x, c[t->label], WIDE, &r, 0.02);
    }
}

static int best(const double *z, int n) {
    int k = 0;
    for (int i = 1; i < n; i++) k = z[i] > z[k] ? i : k;
    return k;
}

static double test_accuracy(const struct layer *l, int rank) {
    struct fit_opts o = FIT_DEFAULT;
    struct fit_probe p;
    double z[ROWS * CHOICES], right = 0, n = 0;
    o.shape.classes = CHOICES, o.epochs = 60, o.batch = 16, o.lr = 0.02, o.rank = rank;
    OK(fit_layer(&p, &l->d, &o, &e));
    for (int i = 0; i < N_MAX; i++) {
        const struct fit_trace *t = &l->t[i];
        if (t->part != FIT_TEST) continue;
        OK(fit_read(&p, o.shape, l->x + t->row0 * WIDE, t->rows, WIDE, l->cand + t->cand0 * CAND, t->n_cand, z, &e));
        right += best(z + (t->rows - 1) * CHOICES, CHOICES) == t->label, n++;
    }
    fit_free(&p);
    return right / n;
}

Test(candidates, tell_what_no_class_by_itself_tells) {
    struct layer l;
    make_meaning(&l);
    double without = test_accuracy(&l, 0), with = test_accuracy(&l, LATENT);
    cr_expect(without < 0.4, "of four classes in any order nothing is to be known: %g", without);
    cr_expect(with > 0.9, "the candidates tell: %g", with);
    layer_free(&l);
}

/* ---- units ---- */

static void fit_signs(struct layer *l, struct fit_probe *p, struct scan_shape s, int rank) {
    struct fit_opts o = FIT_DEFAULT;
    o.shape = s, o.rank = rank, o.epochs = 6, o.batch = 4, o.lr = 0.05;
    OK(fit_layer(p, &l->d, &o, &e));
}

static void read_one(const struct layer *l, const struct fit_probe *p, struct scan_shape s, int64_t i, double *z) {
    const struct fit_trace *t = &l->t[i];
    OK(fit_read(p, s, l->x + t->row0 * W, t->rows, W, l->cand + t->cand0 * E, t->n_cand, z, &e));
}

/* In these units mean and scale are exact, so both trainings are the same and only the folding differs. */
Test(candidates, readings_do_not_depend_on_units) {
    enum { N = 24 };
    const struct scan_shape s = {POOL_ATTENTION, 2, C};
    struct layer a, b;
    struct fit_probe p, q;
    double x[ROWS * C], y[ROWS * C], spread = 0;
    make_signs(&a, N, 1, 0, 1), make_signs(&b, N, 2, 3, 4);
    for (int rank = 0; rank <= 4; rank += 4) {
        fit_signs(&a, &p, s, rank), fit_signs(&b, &q, s, rank);
        for (int64_t i = 0; i < N; i++) {
            read_one(&a, &p, s, i, x), read_one(&b, &q, s, i, y);
            for (int k = 0; k < ROWS * C; k++) {
                cr_expect(fabs(x[k] - y[k]) < 2e-6 * (1 + fabs(x[k])), "rank %d, trace %d: %.9g, not %.9g", rank, (int)i, y[k],
                          x[k]);
                spread = fmax(spread, fabs(x[k] - x[0]));
            }
        }
        cr_expect(spread > 0.3, "it reads something: %g", spread);
        fit_free(&p), fit_free(&q);
    }
    layer_free(&a), layer_free(&b);
}

Test(candidates, what_they_cannot_be_is_refused) {
    struct layer l;
    struct fit_probe p;
    struct err e = ERR_INIT;
    struct fit_opts o = FIT_DEFAULT;
    make_signs(&l, 8, 1, 0, 1);
    o.shape.classes = C, o.rank = FIT_RANK + 1;
    cr_expect_eq(fit_layer(&p, &l.d, &o, &e), ERR_ARG);
    o.rank = 2, l.t[2].n_cand = C + 1;
    cr_expect_eq(fit_layer(&p, &l.d, &o, &e), ERR_RANGE);
    l.t[2].n_cand = 2, l.cand[l.t[1].cand0 * E] = f32_to_f16(NAN);
    cr_expect_eq(fit_layer(&p, &l.d, &o, &e), ERR_RANGE);
    cr_expect(strstr(e.msg, "candidates' features are not finite"), "%s", e.msg);
    l.d.cand = NULL;
    cr_expect_eq(fit_layer(&p, &l.d, &o, &e), ERR_ARG);
    layer_free(&l);
}

/* ---- the file, and reading along ---- */

/* Two layers; thresholds that no f32 holds, and one that no reading reaches. */
static struct probe made_probe(struct layer *l, int rank, int by_token) {
    const int64_t n = 24;
    struct probe p = {.model = {"a model", "Q8_0", W, 3, 50}, .tap = TAP_RESID_OUT, .target = TARGET_TRUTH, .width = W};
    make_signs(l, n, 2, 3, 4);
    p.shape = (struct scan_shape){POOL_ATTENTION, 2, C}, p.n_layers = 2, p.best = 1,
    p.temperature = (struct temperatures){1.0f / 3, 0.25, -0.5}, p.split_seed = 1234567890123;
    p.layer = calloc(2, sizeof *p.layer), p.fit = calloc(2, sizeof *p.fit), p.val_accuracy = calloc(2, sizeof *p.val_accuracy);
    p.layer[0] = -1, p.layer[1] = 2, p.val_accuracy[0] = 0.25, p.val_accuracy[1] = 0.75;
    for (int i = 0; i < 2; i++) fit_signs(l, &p.fit[i], p.shape, rank), p.fit[i].wq[0] += (float)i;
    p.n_alphas = 3, p.alpha[0] = 0.25, p.alpha[1] = 0.5, p.alpha[2] = 0.75;
    p.threshold[0] = INFINITY, p.threshold[1] = 0.1, p.threshold[2] = 0.7;
    p.by_token = by_token, p.n_kinds = 1, p.kind_temperature[0] = (struct temperatures){0.5, 0, 0};
    snprintf(p.kind[0], sizeof p.kind[0], "chain");
    for (int k = 0; by_token && k < C; k++) p.token[k] = 7 * k;
    snprintf(p.kinds, sizeof p.kinds, "chain,recall"), snprintf(p.store, sizeof p.store, "0123");
    return p;
}

static void same_weights(const struct probe *a, const struct probe *b, int i) {
    size_t n = (size_t)fit_size(a->shape, a->width, a->fit[i].rank, a->fit[i].cand_width) * sizeof(float);
    cr_expect(a->fit[i].rank == b->fit[i].rank && a->fit[i].cand_width == b->fit[i].cand_width);
    cr_expect(!memcmp(a->fit[i].wq, b->fit[i].wq, n), "layer %d: weights", i);
    for (int k = 0; k < C; k++) cr_expect_eq(a->fit[i].bias[k], b->fit[i].bias[k]);
}

static void same_probe(const struct probe *a, const struct probe *b) {
    cr_expect(!strcmp(a->model.name, b->model.name) && !strcmp(a->model.format, b->model.format) &&
              a->model.width == b->model.width);
    cr_expect(a->model.layers == b->model.layers && a->model.vocab == b->model.vocab && a->tap == b->tap &&
              a->target == b->target);
    cr_expect(a->shape.pool == b->shape.pool && a->shape.heads == b->shape.heads && a->shape.classes == b->shape.classes);
    cr_expect(a->width == b->width && a->n_layers == b->n_layers && a->best == b->best);
    cr_expect(!memcmp(&a->temperature, &b->temperature, sizeof a->temperature));
    cr_expect(a->split_seed == b->split_seed && !strcmp(a->kinds, b->kinds) && !strcmp(a->store, b->store));
    cr_expect(a->by_token == b->by_token && !memcmp(a->token, b->token, sizeof a->token) && a->n_alphas == b->n_alphas);
    cr_expect(probe_temperature(b, "chain")->level == 0.5 && probe_temperature(b, "recall") == &b->temperature);
    for (int i = 0; i < a->n_layers; i++) {
        cr_expect(a->layer[i] == b->layer[i] && a->val_accuracy[i] == b->val_accuracy[i]);
        same_weights(a, b, i);
    }
}

static void round_trip(int rank, int by_token) {
    struct layer l;
    struct probe p = made_probe(&l, rank, by_token), q;
    const char *path = fresh(".gguf");
    double x[ROWS * C], y[ROWS * C];
    OK(probe_save(&p, path, &e));
    OK(probe_open(&q, path, &e));
    same_probe(&p, &q);
    for (int i = 0; i < p.n_alphas; i++) {
        cr_expect(q.alpha[i] == p.alpha[i] && q.threshold[i] >= p.threshold[i], "a threshold keeps its promise: %.17g",
                  q.threshold[i]);
        cr_expect(isinf(p.threshold[i]) ? isinf(q.threshold[i]) : q.threshold[i] < p.threshold[i] + 1e-7);
    }
    for (int64_t i = 0; i < l.d.n; i++)
        for (int k = 0; k < 2; k++) {
            read_one(&l, &p.fit[k], p.shape, i, x), read_one(&l, &q.fit[k], p.shape, i, y);
            cr_expect(!memcmp(x, y, sizeof x), "rank %d, trace %d, layer %d", rank, (int)i, k);
        }
    probe_fini(&p), probe_fini(&q), layer_free(&l);
}

Test(candidates, a_probe_reads_the_same_out_of_its_file) {
    round_trip(0, 0), round_trip(4, 0), round_trip(0, 1);
    tmp_end_strict();
}

Test(candidates, a_watch_reads_what_the_stored_trace_gives) {
    struct layer l;
    struct device *d;
    OK(dev_open(&d, 1, 0, &e));
    for (int rank = 0; rank <= 4; rank += 4) {
        struct probe p = made_probe(&l, rank, 0);
        struct watch w;
        num *row = dev_alloc(d, W);
        OK(watch_open(&w, &p, 1, &e));
        for (int64_t i = 0; i < l.d.n; i++) {
            const struct fit_trace *t = &l.t[i];
            double z[ROWS * C], y[C];
            read_one(&l, &p.fit[1], p.shape, i, z);
            watch_start(&w, NULL, l.cand + t->cand0 * E, t->n_cand);
            cr_expect_eq(watch_read(&w, y), -1, "nothing read yet");
            for (int64_t r = 0; r < t->rows; r++) {
                float wide[W];
                for (int k = 0; k < W; k++) wide[k] = f16_to_f32(l.x[(t->row0 + r) * W + k]);
                dev_put(d, row, wide, W);
                watch_row(&w, d, row);
                int at = watch_read(&w, y);
                probe_softmax(z + r * C, C, &p.temperature, r + 1);
                cr_expect(!memcmp(y, z + r * C, sizeof y) && at == best(y, C), "rank %d, trace %d, row %d", rank, (int)i, (int)r);
            }
        }
        dev_put(d, row, (float[W]){1, 2, 1e6f}, W);
        watch_row(&w, d, row);
        cr_expect_eq(watch_read(&w, (double[C]){0}), -1, "a state that f16 does not hold is not read");
        watch_close(&w), dev_free(d, row), probe_fini(&p), layer_free(&l);
    }
    dev_close(d);
}
