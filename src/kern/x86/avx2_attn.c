/* Attention in AVX2: the words of attn_avx2.h, the loops of tmpl/attn.inc. */
#if defined(__x86_64__)
#include "kern/x86/attn_avx2.h"
#include "kern/tmpl/attn.inc"

void kern_fill_avx2_attn(struct kernels *k) { FILL_ATTN(k); }
#endif
