/* Elementwise operations and rotations in AVX2: the words of vec_avx2.h, the loops of tmpl/flat.inc. */
#if defined(__x86_64__)
#include "kern/x86/vec_avx2.h"
#include "kern/tmpl/flat.inc"

void kern_fill_avx2_flat(struct kernels *k) { FILL_FLAT(k); }
#endif
