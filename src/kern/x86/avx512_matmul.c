/* Matrix products in AVX-512: the words of vec_avx512.h, the loops of tmpl/matmul.inc. */
#if defined(__x86_64__)
#include "kern/x86/vec_avx512.h"
#include "kern/tmpl/matmul.inc"

void kern_fill_avx512_matmul(struct kernels *k) { FILL_MATMUL(k); }
#endif
