/* The AVX-512 table: one line a file of kernels. */
#include "kern/kern_int.h"
#if KERN_X86
void kern_fill_avx512(struct kernels *k) {
    kern_fill_avx512_matmul(k);
    kern_fill_avx512_attn(k);
    kern_fill_avx512_rows(k);
    kern_fill_avx512_flat(k);
}
#endif
