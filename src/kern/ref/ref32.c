/* The reference in float: fallback of every CPU. */
#define REAL      float
#define REF(name) ref32_##name
#define REAL_SQRT sqrtf
#define REAL_EXP  expf
#define REAL_LOG  logf
#define REAL_TANH tanhf
#include "kern/ref/ref_kernels.inc"

void kern_fill_ref32(struct kernels *k) { *k = ref32_table; }
const struct kernels *kern_ref32(void) { return &ref32_table; }
