/* Captures one tap over a whole input: what the residual stream (or any other named activation) was at each position. */
#ifndef RUN_HIDDEN_H
#define RUN_HIDDEN_H
#include "run/engine.h"

/* Numbers of one row at a tap; 0 if this family has no such tap (a gate where none is). */
int64_t hidden_width(const struct model_cfg *c, enum tap t);
/* out[layers, T, width], host; layers lo … hi inclusive (for final_norm pass lo = hi = 0). Computes on a fresh session. */
int hidden_capture(struct engine *g, const int32_t *ids, int64_t T, enum tap t, int lo, int hi, float *out, struct err *e);
#endif
