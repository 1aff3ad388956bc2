/* Norms and softmax rows in AVX2: the words of vec_avx2.h, the loops of tmpl/rows.inc. */
#if defined(__x86_64__)
#include "kern/x86/vec_avx2.h"
#include "kern/tmpl/rows.inc"

void kern_fill_avx2_rows(struct kernels *k) { FILL_ROWS(k); }
#endif
