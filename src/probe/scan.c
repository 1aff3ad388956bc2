/* See scan.h. Forward from left to right, gradient from right to left; no prefix is ever gone over twice.
 *
 * With G_T = w_T (softmax(z_T) − onehot) and everything relative to the running maximum m_T (D_T = e^{m_T} d_T):
 *   A_t = Σ_{T≥t} e^{m_t − m_T} G_T / d_T,   B_t = Σ_{T≥t} e^{m_t − m_T} <G_T, y_T> / d_T      y_T = N_T / D_T of the head
 *   dL/dv_t = e^{q_t − m_t} A_t,             dL/dq_t = e^{q_t − m_t} (<A_t, v_t> − B_t)
 * Every exponent is at most zero: m never falls, and q_t ≤ m_t. */
#include "probe/scan.h"
#include <math.h>
#include <string.h>

void log_softmax(const double *z, int n, double *out) {
    double max = z[0], sum = 0;
    for (int k = 1; k < n; k++) max = fmax(max, z[k]);
    for (int k = 0; k < n; k++) sum += exp(z[k] - max);
    double all = max + log(sum);
    for (int k = 0; k < n; k++) out[k] = z[k] - all;
}

void scan_start(struct scan *s, struct scan_shape shape) {
    memset(s, 0, sizeof *s);
    s->shape = shape;
    for (int h = 0; h < shape.heads; h++) s->max[h] = -INFINITY;
}

static void add_attention(struct scan *s, int h, double q, const double *v) {
    double max = fmax(s->max[h], q), keep = exp(s->max[h] - max), e = exp(q - max);
    s->max[h] = max;
    s->den[h] = s->den[h] * keep + e;
    for (int k = 0; k < s->shape.classes; k++) s->num[h][k] = s->num[h][k] * keep + e * v[k];
}

void scan_add(struct scan *s, const double *q, const double *v) {
    int C = s->shape.classes;
    for (int h = 0; h < s->shape.heads; h++, v += C) switch (s->shape.pool) {
        case POOL_ATTENTION: add_attention(s, h, q[h], v); break;
        case POOL_MEAN: add_attention(s, h, 0, v); break;
        case POOL_LAST:
            s->max[h] = 0, s->den[h] = 1;
            memcpy(s->num[h], v, (size_t)C * sizeof *v);
            break;
        }
}

void scan_read(const struct scan *s, const double *bias, double *z) {
    int C = s->shape.classes;
    memcpy(z, bias, (size_t)C * sizeof *z);
    for (int h = 0; h < s->shape.heads; h++)
        for (int k = 0; k < C; k++) z[k] += s->num[h][k] / s->den[h];
}

/* ---- all prefixes at once ---- */

/* Per prefix: m_h and d_h of each head, then y_h[C] of each head, then G[C]. */
static int64_t stride(struct scan_shape s) { return 2 * s.heads + (int64_t)s.heads * s.classes + s.classes; }
int64_t scan_work(struct scan_shape shape, int64_t T) { return T * stride(shape); }

static void keep_state(const struct scan *s, double *row) {
    int H = s->shape.heads, C = s->shape.classes;
    for (int h = 0; h < H; h++) {
        row[h] = s->max[h], row[H + h] = s->den[h];
        for (int k = 0; k < C; k++) row[2 * H + h * C + k] = s->num[h][k] / s->den[h];
    }
}

/* Leaves G in the rows of work; returns the loss. */
static double forward(struct scan_shape shape, const double *q, const double *v, const double *bias, int64_t T, int label,
                      const double *w, double *db, double *work) {
    int H = shape.heads, C = shape.classes;
    double z[SCAN_CLASSES], loss = 0;
    struct scan s;
    scan_start(&s, shape);
    for (int64_t t = 0; t < T; t++) {
        double *row = work + t * stride(shape), *G = row + 2 * H + (int64_t)H * C, weight = w ? w[t] : 1 / (double)T;
        scan_add(&s, q + t * H, v + t * H * C);
        keep_state(&s, row);
        scan_read(&s, bias, z);
        log_softmax(z, C, z);
        loss -= weight * z[label];
        for (int k = 0; k < C; k++) {
            G[k] = weight * (exp(z[k]) - (k == label));
            db[k] += G[k];
        }
    }
    return loss;
}

static double dot(const double *a, const double *b, int n) {
    double s = 0;
    for (int k = 0; k < n; k++) s += a[k] * b[k];
    return s;
}

static void back_last(struct scan_shape shape, int64_t T, double *dq, double *dv, const double *work) {
    int C = shape.classes;
    for (int64_t t = 0; t < T; t++) {
        dq[t] = 0;
        memcpy(dv + t * C, work + t * stride(shape) + 2 + C, (size_t)C * sizeof *dv);
    }
}

static void back_head(struct scan_shape shape, int h, const double *q, const double *v, int64_t T, double *dq, double *dv,
                      const double *work) {
    int H = shape.heads, C = shape.classes;
    double A[SCAN_CLASSES] = {0}, B = 0, next = 0; /* next: m of the prefix to the right */
    for (int64_t t = T - 1; t >= 0; t--) {
        const double *row = work + t * stride(shape), *y = row + 2 * H + (int64_t)h * C, *G = row + 2 * H + (int64_t)H * C;
        double m = row[h], d = row[H + h], fade = t + 1 < T ? exp(m - next) : 0;
        double e = shape.pool == POOL_ATTENTION ? exp(q[t * H + h] - m) : 1;
        for (int k = 0; k < C; k++) {
            A[k] = A[k] * fade + G[k] / d;
            dv[(t * H + h) * C + k] = e * A[k];
        }
        B = B * fade + dot(G, y, C) / d;
        dq[t * H + h] = shape.pool == POOL_ATTENTION ? e * (dot(A, v + (t * H + h) * C, C) - B) : 0;
        next = m;
    }
}

double scan_loss(struct scan_shape shape, const double *q, const double *v, const double *bias, int64_t T, int label,
                 const double *w, double *dq, double *dv, double *db, double *work) {
    double loss = forward(shape, q, v, bias, T, label, w, db, work);
    if (shape.pool == POOL_LAST)
        back_last(shape, T, dq, dv, work);
    else
        for (int h = 0; h < shape.heads; h++) back_head(shape, h, q, v, T, dq, dv, work);
    return loss;
}
