/* Private to the room: the tables that cpu.c stacks on each other, and what the x86 versions fall back to.
 *
 * kern_fill_ref32/ref64 fill every slot; kern_fill_avx2/avx512 overwrite the slots they have (the caller has checked the CPU). */
#ifndef KERN_KERN_INT_H
#define KERN_KERN_INT_H
#include "kern/device.h"

void kern_fill_ref32(struct kernels *k);
void kern_fill_ref64(struct kernels *k);
void kern_fill_ref32_bf(struct bf_kernels *k);
void kern_fill_ref32_q8(struct q8_kernels *k);
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
void kern_fill_avx512bf_attn(struct kernels *k); /* over kern_fill_avx512 */
void kern_fill_avx512bf(struct bf_kernels *k);
void kern_fill_amx(struct bf_kernels *k);
void kern_fill_avx512vnni(struct q8_kernels *k);
void kern_fill_amx_q8(struct q8_kernels *k);
void kern_vnni_pack(struct q8_block *dst, const num *x, int64_t ldx, int64_t K, int64_t r0, int64_t r1);
void kern_vnni_matmul_t(num *y, int64_t ldy, const struct q8_block *x, int64_t T, const struct mat *w, const num *bias, int acc,
                        int64_t n0, int64_t n1);
/* The first elements of a row of f16, whole vectors of them; how many. */
int64_t kern_avx2_from_halves(float *y, const char *x, int64_t n);
int64_t kern_avx2_to_halves(char *y, const float *x, int64_t n);
#else
#define KERN_X86 0
#endif

/* What this CPU and its operating system can run, whatever CANDOR_ISA says. */
enum isa kern_cpu_isa(void);

/* AVX512_BF16, and AMX tiles with bf16 (the system's leave to use them is asked for here), usable whatever CANDOR_ISA says. */
int kern_cpu_bf16(void);
int kern_cpu_amx(void);

/* Dot products of bytes: AVX512_VNNI with VBMI, and tiles of bytes, likewise. */
int kern_cpu_vnni(void);
int kern_cpu_amx_int8(void);

/* The instruction set to use: the best there is, lowered by CANDOR_ISA (ERR_ARG: no such name). */
int kern_isa_wanted(enum isa *out, struct err *e);
extern const char *const kern_isa_names[]; /* by enum isa */

/* The float reference of a slot, for formats that a fast version leaves alone. */
const struct kernels *kern_ref32(void);
#endif
