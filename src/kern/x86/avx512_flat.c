/* Elementwise operations and rotations in AVX-512: the words of vec_avx512.h, the loops of tmpl/flat.inc. */
#if defined(__x86_64__)
#include "kern/x86/vec_avx512.h"
#include "kern/tmpl/flat.inc"

void kern_fill_avx512_flat(struct kernels *k) { FILL_FLAT(k); }
#endif
