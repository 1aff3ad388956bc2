/* Matrix products in AVX2: the words of vec_avx2.h, the loops of tmpl/matmul.inc. */
#if defined(__x86_64__)
#include "kern/x86/vec_avx2.h"
#include "kern/tmpl/matmul.inc"

void kern_fill_avx2_matmul(struct kernels *k) { FILL_MATMUL(k); }
#endif
