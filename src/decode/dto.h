/* Differentiable textual optimisation of one position: T steps on its logits z for a gradient g = dL/dy that does not change.
 *
 *   p = softmax(z/τ),  y = onehot(token) + p − stop(p),  dL/dz = p ⊙ (g − p·g) / τ,  z ← z − lr_t · Adam(dL/dz)
 *
 * y's value is the rollout's own token whatever z becomes, so g is a constant of the trajectory: all ahead positions move
 * independently of each other, and updating only the position that is about to be sampled gives, bit for bit, what updating all of
 * them would (tested). The paper takes onehot(argmax z) instead; then a flip changes the sequence and g must be computed again.
 *
 * z, m, v are float (the released code's bf16 freezes them); sums and exponentials are double and in index order.
 * Pure arithmetic on the host; the scratch is sized by dto_work_init, nothing else allocates. */
#ifndef DECODE_DTO_H
#define DECODE_DTO_H
#include "base/err.h"
#include <stdint.h>

enum dto_mode { DTO_ADAM, DTO_CLOSED /* z − S·sign(g − p·g), S = Σ lr_t */ };
enum dto_schedule {
    DTO_CLAMPED /* lr·max(floor, ½(1 + cos πt/T)), released code */,
    DTO_COSINE /* from lr to lr·floor, paper */
};
struct dto_opts {
    int steps;           /* T, 20 */
    double lr, lr_floor; /* 0.01, 0.1 */
    double temp;         /* τ of the relaxation, 1 */
    enum dto_mode mode;
    enum dto_schedule schedule;
};
#define DTO_DEFAULT ((struct dto_opts){.steps = 20, .lr = 0.01, .lr_floor = 0.1, .temp = 1})
struct dto_work {
    int64_t V;
    double *p;
    float *m, *v;
};
int dto_work_init(struct dto_work *w, int64_t V, struct err *e);
void dto_work_fini(struct dto_work *w);

double dto_lr(const struct dto_opts *o, int t); /* t = 0 … steps − 1 */
double dto_lr_sum(const struct dto_opts *o);
void dto_softmax(double *p, const float *z, int64_t V, double temp);
double dto_entropy(const double *p, int64_t V); /* nats */
/* dz = p ⊙ (g − p·g) / temp; returns its 2-norm. dz may be NULL. */
double dto_grad(double *dz, const double *p, const double *g, int64_t V, double temp);
/* One Adam step t (from 0), β 0.9 and 0.999, ε 1e-8, no decay; w->m and w->v carry over. */
void dto_step(float *z, const double *g, const struct dto_opts *o, int t, struct dto_work *w);
/* All steps from fresh moments, or the closed form. */
void dto_run(float *z, const double *g, const struct dto_opts *o, struct dto_work *w);
#endif
