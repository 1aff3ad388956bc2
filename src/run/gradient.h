/* One gradient through frozen models: of a weighted sum of log probabilities and a reward, with respect to the input embeddings.
 *
 *   loss = A · (−Σ_{i target} log p(id_i | ids_<i))  −  B · reward(ids)
 *   u_i  = d loss / d(input embedding of position i),  i = from … T−1
 *
 * "Through the context": how position i, as an input, moves what comes after it. Positions before `from` are constants (an untaped
 * prefix). That id_i is itself a target is a separate term, which gradient_onehot adds: with a relaxed one-hot row z_i in place of id_i
 *
 *   d loss / d z_i = −A [i target] log p(· | ids_<i) + E_lm u_lm_i + E_rm u_rm_i.
 *
 * A struct gradient holds tape and buffers for runs of up to max_rows positions; it borrows the engines (made with .backward = 1).
 * The reward is the score head on the last position. Owner thread of the engines. */
#ifndef RUN_GRADIENT_H
#define RUN_GRADIENT_H
#include "run/engine.h"

struct gradient;
struct gradient_job {
    const int32_t *ids;           /* [T] */
    int64_t T, from;              /* 0 <= from < T */
    double nll, reward;           /* A, B */
    const unsigned char *targets; /* [T], nonzero: a target; NULL: all i >= max(from, 1). Only i >= max(from, 1) can be one */
};
struct gradient_value {
    double nll, reward, loss;
}; /* Σ −log p of the targets, score, A·nll − B·reward */

/* lm or rm may be NULL (then A or B must be 0). Their vocabularies must be of one size. */
int gradient_new(struct gradient **out, struct engine *lm, struct engine *rm, int64_t max_rows, struct err *e);
/* What gradient_new of one such model would take: tape, seeds and rows over the vocabulary. */
int64_t gradient_bytes(const struct model *m, int64_t max_rows);
void gradient_free(struct gradient *x);
/* Pages of the job's sessions are given back before it returns. value may be NULL. */
int gradient_run(struct gradient *x, const struct gradient_job *job, struct gradient_value *value, struct err *e);
/* After a run. Device arrays [T-from, C] of each model's part, NULL where the part is zero. */
const num *gradient_lm(const struct gradient *x);
const num *gradient_rm(const struct gradient *x);
/* After a run: u = u_lm + u_rm, host [T-from, C]; ERR_ARG if the two models' widths differ. gradient_width: that C. */
int gradient_width(const struct gradient *x, const struct gradient_job *job, int64_t *C, struct err *e);
int gradient_sum(const struct gradient *x, float *u, struct err *e);
/* After a run: the rows of d loss / d z, [T-from, V], in order, a few at a time. A nonzero answer of fn ends it. */
int gradient_onehot(struct gradient *x, rows_fn fn, void *ctx, struct err *e);
#endif
