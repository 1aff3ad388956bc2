/* Muon: momentum whose every update of a matrix is brought near the closest half-orthogonal matrix, by five Newton–Schulz steps
 * (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks").
 *
 * All directions of a matrix move equally far, the rare ones too. AdamW stays for embeddings, heads, norms and biases. Owner thread of the device. */
#ifndef DECODE_MUON_H
#define DECODE_MUON_H
#include "kern/device.h"

struct muon {
    struct device *d;
    num *x, *y; /* [N, K] of the largest matrix */
    num *a, *b; /* [n, n], n the lesser of N and K */
};
/* Scratch for matrices of up to `count` numbers whose lesser side is at most `side`. */
int muon_new(struct muon *u, struct device *d, int64_t count, int64_t side, struct err *e);
void muon_free(struct muon *u);
/* m <- 0.95 m + gscale g;  p <- (1 − lr decay) p − lr sqrt(max(1, N/K)) orthogonal(gscale g + 0.95 m).  p, m, g: [N, K]; g is overwritten. */
void muon_step(struct muon *u, num *p, num *m, num *g, int64_t N, int64_t K, double gscale, double lr, double decay);
#endif
