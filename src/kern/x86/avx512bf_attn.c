/* Attention over keys and values stored as bf16, by vdpbf16ps (AVX512_BF16): queries, probabilities and, backward, gradients are rounded to
 * bf16, sums are floats. Other storage goes the way of plain AVX-512. */
#if defined(__x86_64__)
#define ATTN_BF16 1
#include "kern/x86/attn_avx512.h"
#undef ISA
#define ISA(name) avx512bf_##name
#include "kern/tmpl/attn.inc"

static void attn(num *o, num *lse, num *part, const num *q, const struct attn_block *b, const struct attn_shape *sh,
                 num *scratch) {
    struct kernels plain;
    kern_fill_avx512_attn(&plain);
    (b->kv->fmt == FMT_BF16 ? avx512bf_attn : plain.attn)(o, lse, part, q, b, sh, scratch);
}

static void attn_back(num *dq, const struct attn_keys *own, const num *do_, const num *q, const num *o, const num *lse,
                      const struct attn_block *b, const struct attn_shape *sh, num *scratch) {
    struct kernels plain;
    kern_fill_avx512_attn(&plain);
    (b->kv->fmt == FMT_BF16 ? avx512bf_attn_back : plain.attn_back)(dq, own, do_, q, o, lse, b, sh, scratch);
}

void kern_fill_avx512bf_attn(struct kernels *k) {
    FILL_ATTN(k);
    k->attn = attn, k->attn_back = attn_back;
}
#endif
