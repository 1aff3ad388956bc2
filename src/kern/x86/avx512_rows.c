/* Norms and softmax rows in AVX-512: the words of vec_avx512.h, the loops of tmpl/rows.inc. */
#if defined(__x86_64__)
#include "kern/x86/vec_avx512.h"
#include "kern/tmpl/rows.inc"

void kern_fill_avx512_rows(struct kernels *k) { FILL_ROWS(k); }
#endif
