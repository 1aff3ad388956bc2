/* The reference in double: the oracle of all tests, and the device on which gradients are checked. */
#define REAL      double
#define REF(name) ref64_##name
#define REAL_SQRT sqrt
#define REAL_EXP  exp
#define REAL_LOG  log
#define REAL_TANH tanh
#include "kern/ref/ref_kernels.inc"

void kern_fill_ref64(struct kernels *k) { *k = ref64_table; }
