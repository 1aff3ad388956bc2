/* Private to the room: the tables that cpu.c stacks on each other, and what the x86 versions fall back to.
 *
 * kern_fill_ref32/ref64 fill every slot; kern_fill_avx2/avx512 overwrite the slots they have (the caller has checked the CPU).
 * Scratch of attention: KERN_ATTN_ROWS score rows forward, twice that backward, each as long as the longest context in the call
 * rounded up to KERN_ATTN_PAD. */
#ifndef KERN_KERN_INT_H
#define KERN_KERN_INT_H
#include "kern/device.h"

#define KERN_ATTN_ROWS 12
#define KERN_ATTN_PAD  16

void kern_fill_ref32(struct kernels *k);
void kern_fill_ref64(struct kernels *k);
#if defined(__x86_64__)
#define KERN_X86 1
void kern_fill_avx2(struct kernels *k);
void kern_fill_avx512(struct kernels *k);
void kern_fill_avx2_matmul(struct kernels *k);
void kern_fill_avx2_attn(struct kernels *k);
void kern_fill_avx2_rows(struct kernels *k);
void kern_fill_avx2_flat(struct kernels *k);
void kern_fill_avx512_matmul(struct kernels *k);
void kern_fill_avx512_attn(struct kernels *k);
void kern_fill_avx512_rows(struct kernels *k);
void kern_fill_avx512_flat(struct kernels *k);
#else
#define KERN_X86 0
#endif

/* What this CPU and its operating system can run, whatever CANDOR_ISA says. */
enum isa kern_cpu_isa(void);

/* The float reference of a slot, for formats that a fast version leaves alone. */
const struct kernels *kern_ref32(void);

/* Scratch nums one thread needs for attention over at most ctx keys. */
static inline int64_t kern_attn_scratch(int64_t ctx) {
    return 2 * KERN_ATTN_ROWS * ((ctx + KERN_ATTN_PAD - 1) / KERN_ATTN_PAD * KERN_ATTN_PAD);
}
#endif
