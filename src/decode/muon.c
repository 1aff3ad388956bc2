/* One step of Muon. The products run on whichever side is shorter: X Xᵀ for wide matrices, Xᵀ X for tall ones, so that nothing is transposed. */
#include "decode/muon.h"
#include <math.h>

enum { STEPS = 5 };
static const double MOMENTUM = 0.95, A = 3.4445, B = -4.7750,
                    C = 2.0315; /* Jordan et al.: the steepest odd quintic that stays bounded */

int muon_new(struct muon *u, struct device *d, int64_t count, int64_t side, struct err *e) {
    *u = (struct muon){d, dev_alloc(d, count), dev_alloc(d, count), dev_alloc(d, side * side), dev_alloc(d, side * side)};
    return u->x && u->y && u->a && u->b ? 0 : fail(e, ERR_NOMEM, "out of memory for the optimiser");
}

void muon_free(struct muon *u) {
    if (!u->d) return;
    dev_free(u->d, u->x), dev_free(u->d, u->y), dev_free(u->d, u->a), dev_free(u->d, u->b);
    *u = (struct muon){.d = NULL};
}

/* x <- A x + (B S + C S²) x with S = x xᵀ, or with S = xᵀ x from the right. */
static void newton_schulz(struct muon *u, int64_t N, int64_t K) {
    struct device *d = u->d;
    int tall = N > K;
    int64_t n = tall ? K : N;
    struct mat x = dev_mat(d, u->x, N, K), s = dev_mat(d, u->a, n, n), t = dev_mat(d, u->b, n, n);
    if (tall) {
        dev_zero(d, u->a, n * n);
        op_matmul_dw(d, u->a, u->x, K, u->x, K, N, K, K);
    } else
        op_matmul_t(d, u->a, n, u->x, K, N, &x, NULL, 0);
    op_matmul_t(d, u->b, n, u->a, n, n, &s, NULL, 0); /* S is symmetric */
    op_scale(d, u->b, C, u->b, n * n);
    op_axpy(d, u->b, B, u->a, n * n);
    op_scale(d, u->y, A, u->x, N * K);
    if (tall)
        op_matmul_t(d, u->y, K, u->x, K, N, &t, NULL, 1);
    else
        op_matmul_n(d, u->y, K, u->b, n, N, &x, NULL, 1);
    num *swap = u->x;
    u->x = u->y, u->y = swap;
}

void muon_step(struct muon *u, num *p, num *m, num *g, int64_t N, int64_t K, double gscale, double lr, double decay) {
    struct device *d = u->d;
    int64_t n = N * K;
    op_scale(d, g, gscale, g, n);
    op_scale(d, m, MOMENTUM, m, n);
    op_add(d, m, m, g, n);
    op_axpy(d, g, MOMENTUM, m, n);
    op_scale(d, u->x, 1 / (sqrt(op_sumsq(d, g, n)) + 1e-7), g, n);
    for (int i = 0; i < STEPS; i++) newton_schulz(u, N, K);
    if (decay > 0) op_scale(d, p, 1 - lr * decay, p, n);
    op_axpy(d, p, -lr * sqrt(N > K ? (double)N / (double)K : 1), u->x, n);
}
