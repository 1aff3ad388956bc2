/* See fit_int.h. The states of a trace are widened once, multiplied by all heads' weights, scanned, and multiplied again by what the
 * scan gives back: five dot products a token each way, and two for each dimension of a candidate head. */
#include "probe/fit_int.h"
#include <string.h>

/* ---- states and candidates ---- */

static void load_candidates(struct fitter *f, const struct fit_trace *t) {
    int C = f->o->shape.classes, R = f->R;
    int64_t E = f->E;
    const float *wb = f->w + fit_at_wb(f);
    memset(f->cand, 0, (size_t)(C * E) * sizeof *f->cand);
    if (t->n_cand) fit_widen(f->d->cand + t->cand0 * E, t->n_cand * E, f->cand);
    for (int64_t k = 0; k < C * E; k++) f->cand[k] *= f->cand_scale;
    for (int c = 0; c < C; c++)
        for (int r = 0; r < R; r++) f->code[c * R + r] = fit_dot(wb + r * E, f->cand + c * E, E);
}

static void load(struct fitter *f, const struct fit_trace *t) {
    int64_t W = f->d->width;
    fit_widen(f->d->x + t->row0 * W, t->rows * W, f->x);
    for (int64_t r = 0; r < t->rows; r++)
        for (int64_t k = 0; k < W; k++) f->x[r * W + k] = (f->x[r * W + k] - f->mean[k]) * f->scale[k];
}

/* y = q[T, heads] and then v[T, heads, classes], as the scan wants them; u[T, heads, rank] on the way. */
static void project(struct fitter *f, int64_t T) {
    struct scan_shape s = f->o->shape;
    int H = s.heads, C = s.classes, HC = H * C, R = f->R;
    int64_t W = f->d->width;
    const float *w = f->w, *ub = f->w + fit_at_ub(f);
    for (int64_t t = 0; t < T; t++) {
        const float *x = f->x + t * W;
        double *v = f->y + T * H + t * HC, *u = f->u + t * H * R;
        for (int h = 0; h < H; h++) f->y[t * H + h] = fit_dot(w + h * W, x, W);
        for (int j = 0; j < HC; j++) v[j] = fit_dot(w + (H + j) * W, x, W);
        for (int j = 0; j < H * R; j++) u[j] = fit_dot(w + (H + HC + j) * W, x, W) + ub[j];
        for (int j = 0; R && j < HC; j++)
            for (int r = 0; r < R; r++) v[j] += u[j / C * R + r] * f->code[j % C * R + r];
    }
}

/* v_hc = … + Σ_r u_hr g_cr:  du_hr = Σ_c dv_hc g_cr,  dg_cr = Σ_th dv_hc u_hr,  dwb_r = Σ_c dg_cr e_c. */
static void candidates_back(struct fitter *f, int64_t T) {
    struct scan_shape s = f->o->shape;
    int H = s.heads, C = s.classes, R = f->R;
    memset(f->du, 0, (size_t)(T * H * R) * sizeof *f->du);
    memset(f->dcode, 0, (size_t)(C * R) * sizeof *f->dcode);
    for (int64_t th = 0; th < T * H; th++) {
        const double *dv = f->dy + T * H + th * C, *u = f->u + th * R;
        double *du = f->du + th * R;
        for (int c = 0; c < C; c++)
            for (int r = 0; r < R; r++) du[r] += dv[c] * f->code[c * R + r], f->dcode[c * R + r] += dv[c] * u[r];
    }
    for (int64_t th = 0; th < T * H; th++)
        for (int r = 0; r < R; r++) f->grad[fit_at_ub(f) + th % H * R + r] += f->du[th * R + r];
    for (int c = 0; c < C; c++)
        for (int r = 0; r < R; r++)
            fit_add_scaled(f->grad + fit_at_wb(f) + r * f->E, f->cand + c * f->E, f->dcode[c * R + r], f->E);
}

static void add_row(float *restrict out, const float *restrict x, float a, int64_t n) {
    int64_t i = 0;
    for (; i + FIT_BLOCK <= n; i += FIT_BLOCK) FIT_UNROLL for (int k = 0; k < FIT_BLOCK; k++) out[i + k] += a * x[i + k];
    for (; i < n; i++) out[i] += a * x[i];
}

/* A trace's share of dW is summed in f32, and added to that of the batch in f64. */
static void project_back(struct fitter *f, int64_t T) {
    int64_t W = f->d->width;
    int H = f->o->shape.heads, HC = H * f->o->shape.classes, HR = H * f->R;
    if (f->R) candidates_back(f, T);
    memset(f->part, 0, (size_t)(f->outs * W) * sizeof *f->part);
    for (int64_t t = 0; t < T; t++) {
        const float *x = f->x + t * W;
        for (int h = 0; h < H; h++) add_row(f->part + h * W, x, (float)f->dy[t * H + h], W);
        for (int j = 0; j < HC; j++) add_row(f->part + (H + j) * W, x, (float)f->dy[T * H + t * HC + j], W);
        for (int j = 0; j < HR; j++) add_row(f->part + (H + HC + j) * W, x, (float)f->du[t * HR + j], W);
    }
    for (int64_t k = 0; k < f->outs * W; k++) f->grad[k] += f->part[k];
}

double fit_trace_loss(struct fitter *f, const struct fit_trace *t, int label, int64_t cut, int back) {
    struct scan_shape s = f->o->shape;
    int64_t T = t->rows;
    double bias[SCAN_CLASSES], db[SCAN_CLASSES] = {0};
    for (int k = 0; k < s.classes; k++) bias[k] = f->w[fit_at_bias(f) + k];
    for (int64_t i = 0; cut && i < T; i++) f->weight[i] = i + 1 == cut;
    load(f, t);
    if (f->R) load_candidates(f, t);
    project(f, T);
    double loss =
        scan_loss(s, f->y, f->y + T * s.heads, bias, T, label, cut ? f->weight : NULL, f->dy, f->dy + T * s.heads, db, f->work);
    if (!back) return loss;
    project_back(f, T);
    for (int k = 0; k < s.classes; k++) f->grad[fit_at_bias(f) + k] += db[k];
    return loss;
}
