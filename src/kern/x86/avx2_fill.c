/* The AVX2 table: one line a file of kernels. */
#include "kern/kern_int.h"
#if KERN_X86
void kern_fill_avx2(struct kernels *k) {
    kern_fill_avx2_matmul(k);
    kern_fill_avx2_attn(k);
    kern_fill_avx2_rows(k);
    kern_fill_avx2_flat(k);
}
#endif
