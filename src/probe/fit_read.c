/* See fit_read.h. Weights are folded class by class in f64, a stretch of the width at a time, and rounded once. */
#include "probe/fit_read.h"
#include "probe/fit_int.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int64_t fit_size(struct scan_shape s, int64_t W, int rank, int64_t E) {
    return (fit_outs(s) + s.heads * rank) * W + s.heads * rank + rank * E;
}

void fit_place(struct fit_probe *p, float *m, struct scan_shape s, int64_t W, int rank, int64_t E) {
    p->wq = m, p->wv = p->wq + s.heads * W, p->wu = p->wv + (int64_t)s.heads * s.classes * W;
    p->ub = p->wu + (int64_t)s.heads * rank * W, p->wb = p->ub + s.heads * rank;
    p->rank = rank, p->cand_width = E;
}

void fit_free(struct fit_probe *p) {
    free(p->wq);
    p->wq = p->wv = p->wu = p->ub = p->wb = NULL;
}

/* ---- a question's candidates ---- */

enum { STRETCH = 256 };

/* g[rank] = wb e */
static void code(const struct fit_probe *p, const f16 *e, double *g) {
    float x[STRETCH];
    memset(g, 0, (size_t)p->rank * sizeof *g);
    for (int64_t k = 0; k < p->cand_width; k += STRETCH) {
        int64_t n = p->cand_width - k < STRETCH ? p->cand_width - k : STRETCH;
        fit_widen(e + k, n, x);
        for (int r = 0; r < p->rank; r++) g[r] += fit_dot(p->wb + r * p->cand_width + k, x, n);
    }
}

/* to = wv + Σ_r g_r wu_r, [width] */
static void fold(const float *wv, const float *wu, const double *g, int rank, int64_t W, float *to) {
    for (int64_t k = 0; k < W; k += STRETCH) {
        int64_t n = W - k < STRETCH ? W - k : STRETCH;
        double sum[STRETCH] = {0};
        for (int r = 0; r < rank; r++) fit_add_scaled(sum, wu + r * W + k, g[r], n);
        for (int64_t i = 0; i < n; i++) to[k + i] = (float)(wv[k + i] + sum[i]);
    }
}

static void fold_class(struct fit_reader *r, int c, const f16 *cand) {
    const struct fit_probe *p = r->p;
    int H = r->scan.shape.heads, C = r->scan.shape.classes, R = p->rank;
    int64_t W = r->width;
    double g[FIT_RANK];
    code(p, cand, g);
    for (int h = 0; h < H; h++) {
        int64_t row = h * C + c;
        double off = 0;
        fold(p->wv + row * W, p->wu + h * R * W, g, R, W, r->folded + (H + row) * W);
        for (int k = 0; k < R; k++) off += p->ub[h * R + k] * g[k];
        r->off[row] = (float)off;
    }
}

/* ---- a trace ---- */

int fit_reader_open(struct fit_reader *r, const struct fit_probe *p, struct scan_shape s, int64_t W, struct err *e) {
    *r = (struct fit_reader){.p = p, .width = W, .w = p->wq, .off = calloc((size_t)(s.heads * s.classes), sizeof *r->off)};
    if (p->rank) r->w = r->folded = malloc((size_t)(fit_outs(s) * W) * sizeof *r->folded);
    if (!r->off || !r->w) return fail(e, ERR_NOMEM, "out of memory to read with a probe");
    r->scan.shape = s;
    fit_reader_question(r, NULL, 0);
    return 0;
}

void fit_reader_close(struct fit_reader *r) {
    free(r->folded), free(r->off);
    r->folded = NULL, r->w = NULL, r->off = NULL;
}

void fit_reader_question(struct fit_reader *r, const f16 *cand, int n_cand) {
    struct scan_shape s = r->scan.shape;
    if (r->folded) {
        memcpy(r->folded, r->p->wq, (size_t)(fit_outs(s) * r->width) * sizeof *r->folded);
        memset(r->off, 0, (size_t)(s.heads * s.classes) * sizeof *r->off);
        for (int c = 0; c < n_cand && c < s.classes; c++) fold_class(r, c, cand + c * r->p->cand_width);
    }
    fit_reader_again(r);
}

void fit_reader_again(struct fit_reader *r) { scan_start(&r->scan, r->scan.shape); }

/* What is not finite makes every sum it enters infinite or NaN. */
int fit_reader_project(const struct fit_reader *r, const float *x, float *qv) {
    int H = r->scan.shape.heads, n = fit_outs(r->scan.shape), finite = 1;
    for (int j = 0; j < n; j++) {
        qv[j] = fit_dot(r->w + j * r->width, x, r->width);
        if (j >= H) qv[j] += r->off[j - H];
        finite &= isfinite(qv[j]) != 0;
    }
    return finite;
}

void fit_reader_add(struct fit_reader *r, const float *qv) {
    double y[SCAN_HEADS * (1 + SCAN_CLASSES)];
    for (int j = 0; j < fit_outs(r->scan.shape); j++) y[j] = qv[j];
    scan_add(&r->scan, y, y + r->scan.shape.heads);
}

void fit_reader_read(const struct fit_reader *r, double *z) { scan_read(&r->scan, r->p->bias, z); }

int fit_read(const struct fit_probe *p, struct scan_shape s, const f16 *x, int64_t rows, int64_t W, const f16 *cand, int n_cand,
             double *z, struct err *e) {
    struct fit_reader r;
    float *wide = malloc((size_t)W * sizeof *wide), qv[SCAN_HEADS * (1 + SCAN_CLASSES)];
    int rc = fit_reader_open(&r, p, s, W, e);
    if (!rc && !wide) rc = fail(e, ERR_NOMEM, "out of memory for a state of %lld numbers", (long long)W);
    if (!rc) fit_reader_question(&r, cand, n_cand);
    for (int64_t t = 0; !rc && t < rows; t++) {
        fit_widen(x + t * W, W, wide);
        fit_reader_project(&r, wide, qv);
        fit_reader_add(&r, qv);
        fit_reader_read(&r, z + t * s.classes);
    }
    fit_reader_close(&r), free(wide);
    return rc;
}
