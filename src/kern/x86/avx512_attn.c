/* Attention in AVX-512: the words of attn_avx512.h, the loops of tmpl/attn.inc. */
#if defined(__x86_64__)
#include "kern/x86/attn_avx512.h"
#include "kern/tmpl/attn.inc"

void kern_fill_avx512_attn(struct kernels *k) { FILL_ATTN(k); }
#endif
