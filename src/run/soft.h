/* One gradient step through a frozen model for a whole sequence at once, with respect to its input: either the embeddings of given tokens
 * or the logits of soft tokens.
 *
 *   embeddings   loss = −Σ_{i≥1} log π(id_i | ids_<i)  −  w·h_last                    du = d loss / d e      [T, C]
 *   logits       y_i = softmax(z_i),  e_i = y_i E
 *                loss = −Σ_{i≥1} y_i · log π(· | y_<i)  −  w·h_last                   dz = d loss / d z      [T, V]
 *
 * w is a linear reward on the last final state (NULL: none). With dy_i = E du_i − l_{i−1} (l: the logits that predict position i; their
 * log-sum-exp is one number a row and the softmax's mirror ignores it), dz_i = y_i ⊙ (dy_i − y_i·dy_i). z and dz are the only [T, V]
 * arrays, both the caller's; everything else over the vocabulary exists a few rows at a time and is computed again where it is needed.
 *
 * A struct soft holds pages, pass and tape for up to max_rows positions of one model. Owner thread of the model's device. */
#ifndef RUN_SOFT_H
#define RUN_SOFT_H
#include "model/model.h"

struct soft;
/* kv: storage of keys and values, F32 (double on the oracle device), F16 or BF16. */
int soft_new(struct soft **out, const struct model *m, int64_t max_rows, enum fmt kv, struct err *e);
void soft_free(struct soft *s);
int64_t soft_bytes(const struct model *m, int64_t max_rows, enum fmt kv); /* what soft_new takes */
/* loss may be NULL. Value only: no tape, no backward. */
int soft_value(struct soft *s, const int32_t *ids, int64_t T, const num *w, double *loss, struct err *e);
int soft_embeddings(struct soft *s, const int32_t *ids, int64_t T, const num *w, double *loss, num *du, struct err *e);
int soft_logits(struct soft *s, const num *z, int64_t T, const num *w, double *loss, num *dz, struct err *e);
#endif
