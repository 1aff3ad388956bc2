/* The device: owns buffers, threads and a table of kernels. All arithmetic of candor goes through this table.
 *
 * Numbers. Activations are arrays of `num`, an opaque element: float on every production device, double on the oracle device
 * ("ref64"). Nobody outside kern dereferences a num; num_at() moves in elements, dev_get/dev_put cross the border. So one model
 * source runs in both precisions, and later on other devices.
 *
 * Table. dev_open first fills every slot with the plain reference (kern/ref, compiled for float and for double), then overwrites
 * slot by slot with what this CPU can do (cpuid and xgetbv), lowered by CANDOR_ISA=ref|avx2|avx512|amx for tests. A slot computes a
 * slice of its output; the wrappers below (op_*) split work over the pool by output, never by reduction. For any output element
 * the order of summation depends on K alone: not on T, not on the slice, not on threads. So: same ISA, same bytes.
 *
 * Shapes are row-major; T rows (tokens), K inputs, N outputs. Leading dimension is the row length unless a ld is given.
 * Kernels cannot fail. T == 0 is a no-op. Owner: one thread calls op_*; the pool works inside. */
#ifndef KERN_DEVICE_H
#define KERN_DEVICE_H
#include "base/err.h"
#include "base/pool.h"
#include "kern/fmt.h"

struct num_; /* never defined */
typedef struct num_ num;

enum rope_style { ROPE_PAIRS /* (2i, 2i+1), llama GGUF */, ROPE_HALVES /* (i, i+d/2), NeoX, Hugging Face, qwen */ };
enum act_kind { ACT_SILU, ACT_GELU /* tanh form, GPT-2 */ };

/* What the matrix products read. FULL: floats (or doubles on the oracle). BF16: activations and decoded weights rounded to bf16,
 * products exact, sums in float. AUTO: BF16 for weights narrower than F32 where this CPU multiplies bf16, otherwise FULL.
 * INT8: as AUTO, except that op_forward_t rounds activations to eight bits where weights are integers in blocks (struct q8_kernels). */
enum precision { PREC_AUTO, PREC_FULL, PREC_BF16, PREC_INT8 };

/* Where one sequence's keys and values lie: page i holds positions [i*page_len, (i+1)*page_len). For the layer and kind chosen by
 * `off` (elements from the page's start) rows are [page_len, G, D] of storage format fmt: F32, F16 or BF16, F64 on the oracle. */
struct kv_ref {
    void *const *pages;
    int page_len;
    size_t k_off, v_off;
    enum fmt fmt;
};

/* One sequence's part of a batch for attention: rows [row0, row0+rows) of q are positions pos0, pos0+1, …; keys 0 … pos are in kv.
 * window > 0: only the last `window` keys (the row's own included) are seen (Mistral). */
struct attn_span {
    int64_t row0, rows, pos0;
    struct kv_ref kv;
};
struct attn_shape {
    int n_head, n_kv, head_dim;
    int64_t window;
    double scale;
};

struct attn_block; /* kern/attn.h */
struct attn_keys;
struct attn_mem;

struct adamw {
    double lr, beta1, beta2, eps, weight_decay;
    int64_t step; /* from 1 */
};

/* Slots work on a slice [n0, n1) of their output's fast or slow axis, as each says. `acc`: add to the output instead of overwriting. */
struct kernels {
    /* y[T,N] (+)= x[T,K] W[N,K]^T (+ bias[N], may be NULL), columns n0 ≤ n < n1. ldy, ldx in elements. */
    void (*matmul_t)(num *y, int64_t ldy, const num *x, int64_t ldx, int64_t T, const struct mat *w, const num *bias, int acc,
                     int64_t n0, int64_t n1);
    /* dx[T,K] (+)= dy[T,N] W[N,K] (+ bias[K]), columns k0 ≤ k < k1 (k0, k1 multiples of 32 and of the
     * format's block, or the end). Summation over n in order. */
    void (*matmul_n)(num *dx, int64_t ldx, const num *dy, int64_t ldy, int64_t T, const struct mat *w, const num *bias, int acc,
                     int64_t k0, int64_t k1);
    /* dW[N,K] += dy[T,N]^T x[T,K], rows n0 ≤ n < n1; dW dense [N,K]. */
    void (*matmul_dw)(num *dw, const num *dy, int64_t ldy, const num *x, int64_t ldx, int64_t T, int64_t N, int64_t K, int64_t n0,
                      int64_t n1);
    /* db[N] += Σ_t dy[t,:] */
    void (*bias_dw)(num *db, const num *dy, int64_t ldy, int64_t T, int64_t n0, int64_t n1);
    /* y[r,:] = x[r,:] * rsqrt(mean x² + eps) * w, rows r0 ≤ r < r1 of length C. In place allowed. Zhang & Sennrich 2019. */
    void (*rmsnorm)(num *y, const num *x, const num *w, int64_t C, double eps, int64_t r0, int64_t r1);
    /* dx[r,:] (+)= the mirror; x as given to the forward. dx may alias dy. */
    void (*rmsnorm_back)(num *dx, const num *dy, const num *x, const num *w, int64_t C, double eps, int acc, int64_t r0,
                         int64_t r1);
    /* dw[C] += Σ_r dy * x̂, columns c0 ≤ c < c1, all R rows. */
    void (*rmsnorm_dw)(num *dw, const num *dy, const num *x, int64_t R, int64_t C, double eps, int64_t c0, int64_t c1);
    /* LayerNorm with bias b (may be NULL). Ba et al. 2016. */
    void (*layernorm)(num *y, const num *x, const num *w, const num *b, int64_t C, double eps, int64_t r0, int64_t r1);
    void (*layernorm_back)(num *dx, const num *dy, const num *x, const num *w, int64_t C, double eps, int acc, int64_t r0,
                           int64_t r1);
    void (*layernorm_dw)(num *dw, num *db, const num *dy, const num *x, int64_t R, int64_t C, double eps, int64_t c0, int64_t c1);
    /* Rotate heads in place: x[r, h, :] (row stride ldx, nh heads of D), cs[r, rot] = cos then sin of rot/2 angles each, rows r0..r1.
     * back != 0 rotates by the negative angle (the mirror). Only the first `rot` dims of a head turn. Su et al. 2021. */
    void (*rope)(num *x, int64_t ldx, int nh, int D, int rot, const num *cs, enum rope_style st, int back, int64_t r0,
                 int64_t r1);
    /* cs[r, 2 half] = m cos, then m sin, of the angles (pos0 + r) freq, rows r0..r1: what rope reads. Computed in double everywhere. */
    void (*angles)(num *cs, const double *freq, int half, double m, int64_t pos0, int64_t r0, int64_t r1);
    /* Rows r0 ≤ r < r1 of k and v (row_len numbers each) become positions pos + r of the pages, rounded to nearest even. */
    void (*kv_store)(const struct kv_ref *kv, int64_t row_len, int64_t pos, const num *k, const num *v, int64_t r0, int64_t r1);
    /* o[unit] = softmax(scale q Kᵀ) V for the rows of a block, each over the keys it sees, in the canonical order of kern/attn.h; lse[unit]
     * (lse may be NULL) = log Σ exp of the scaled scores. part not NULL: instead, each row's record of each chunk. scratch: this thread's. */
    void (*attn)(num *o, num *lse, num *part, const num *q, const struct attn_block *b, const struct attn_shape *sh,
                 num *scratch);
    /* Adds n records of one row (attn_record(D) nums apart) to its state, which begins empty if `first`. o not NULL: writes its D outputs
     * and *lse (may be NULL) too. */
    void (*attn_merge)(num *o, num *lse, num *state, const num *part, int64_t n, int D, int first);
    /* Mirror, for the rows of a block and its one chunk. Given do_, q, o, lse: dq[unit] written if this is the row's first chunk, otherwise
     * added to; dk, dv of own keys written. */
    void (*attn_back)(num *dq, const struct attn_keys *own, const num *do_, const num *q, const num *o, const num *lse,
                      const struct attn_block *b, const struct attn_shape *sh, num *scratch);
    /* h = act(g) * u, elements i0..i1 of a flat array; u NULL: h = act(g). Shazeer 2020. In place allowed (h == g or h == u). */
    void (*glu)(num *h, const num *g, const num *u, enum act_kind act, int64_t i0, int64_t i1);
    /* dg, du from dh, g, u (u and du NULL: plain activation). dg may alias g or dh; du may alias u. */
    void (*glu_back)(num *dg, num *du, const num *dh, const num *g, const num *u, enum act_kind act, int64_t i0, int64_t i1);
    /* y = a + b ; y += a x ; y = a x ; flat. In place allowed. */
    void (*add)(num *y, const num *a, const num *b, int64_t i0, int64_t i1);
    void (*axpy)(num *y, double a, const num *x, int64_t i0, int64_t i1);
    void (*scale)(num *y, double a, const num *x, int64_t i0, int64_t i1);
    /* y[r,:] = row ids[r] of W[V,C], rows r0..r1; ids are trusted (checked by the caller). */
    void (*gather)(num *y, const struct mat *w, const int32_t *ids, int64_t r0, int64_t r1);
    /* dw[V,C] += scatter of dy[R,C], columns c0..c1, rows in order (deterministic). */
    void (*scatter_add)(num *dw, const num *dy, const int32_t *ids, int64_t R, int64_t C, int64_t c0, int64_t c1);
    /* Per row of x[R,V]: m = max, lse = m + log Σ exp(x - m). lse[R]. rows r0..r1 */
    void (*row_lse)(num *lse, const num *x, int64_t V, int64_t r0, int64_t r1);
    /* x[r,v] <- coef[r] * (exp(x[r,v] - lse[r]) - [v == target[r]]), in place: logits to seed of coef·NLL. target < 0: the row becomes 0. */
    void (*nll_seed)(num *x, const num *lse, const num *coef, const int32_t *target, int64_t V, int64_t r0, int64_t r1);
    /* x <- softmax(x / temp) per row */
    void (*softmax)(num *x, int64_t V, double temp, int64_t r0, int64_t r1);
    /* AdamW on flat arrays (Loshchilov & Hutter 2019): p, m, v updated; gscale multiplies g first (clipping). */
    void (*adamw)(num *p, num *m, num *v, const num *g, double gscale, struct adamw o, int64_t i0, int64_t i1);
    /* Σ x², in a fixed order that does not depend on threads: one block per 4096 elements, blocks added in order. */
    double (*sumsq)(const num *x, int64_t n);
    double (*dot)(const num *a, const num *b, int64_t n); /* the same blocks */
};

/* The three matrix products with bf16 factors and float sums, a table of their own: whether they run is a matter of precision. */
struct bf_kernels {
    /* Activations are rounded and laid out once per product:
     *   rows   dst[R, C']            rows r0 … r1; C' is C rounded up to 32, filled with zeros
     *   pack   the layout that this table's matmul_t reads, T' C' elements; r0, r1 multiples of 32 or the end
     *   left   what this table's matmul_dw reads of dy, T' C" elements (C" is C rounded up to 64); r0, r1 as for pack
     *   right  what it reads of x, as many */
    void (*rows)(bf16 *dst, const num *x, int64_t ldx, int64_t C, int64_t r0, int64_t r1);
    void (*pack)(bf16 *dst, const num *x, int64_t ldx, int64_t T, int64_t C, int64_t r0, int64_t r1);
    void (*left)(bf16 *dst, const num *x, int64_t ldx, int64_t T, int64_t C, int64_t r0, int64_t r1);
    void (*right)(bf16 *dst, const num *x, int64_t ldx, int64_t T, int64_t C, int64_t r0, int64_t r1);
    /* as matmul_t, x from pack */
    void (*matmul_t)(num *y, int64_t ldy, const bf16 *x, int64_t T, const struct mat *w, const num *bias, int acc, int64_t n0,
                     int64_t n1);
    /* as matmul_n, dy from rows; k0 a multiple of 32 and of the format's block */
    void (*matmul_n)(num *dx, int64_t ldx, const bf16 *dy, int64_t T, const struct mat *w, const num *bias, int acc, int64_t k0,
                     int64_t k1);
    /* as matmul_dw, dy from left, x from right; n0 a multiple of 16 */
    void (*matmul_dw)(num *dw, const bf16 *dy, const bf16 *x, int64_t T, int64_t K, int64_t n0, int64_t n1);
    /* the way back: y[R, C] = what rows has kept, rows r0 … r1 */
    void (*floats)(num *y, const bf16 *x, int64_t C, int64_t r0, int64_t r1);
};

/* y = x Wᵀ with activations of eight bits, a table of its own, for the integer formats of fmt.h. Of thirty-two activations x the scale is
 * d = max|x| / 127 and the codes are x / d rounded to nearest even; of as many weights q with scale s and minimum m (zero where the
 * format has none)
 *     y = fma(Σ q code, s d, y);  y = fma(m, d Σ code, y)      the sums over codes exact, blocks in index order, y from acc and bias
 * (Q3_K, Q6_K: the first line for each sixteen. Q2_K: q the code times its scale of four bits, s = d, and the second line for each sixteen,
 * Σ over these.) Nothing is left open, so every table gives the same bytes, the plain one included. */
struct q8_block {
    int8_t q[32];
    float d, ds;   /* d Σ q. Where an activation is no finite number: NaN, and codes 0 */
    int32_t n, n0; /* -Σ q, and of the first sixteen */
};
struct q8_kernels {
    /* dst[T, K/32] from x; rows r0 … r1. The rest of the last sixteen rows may be read by matmul_t and does not matter. */
    void (*pack)(struct q8_block *dst, const num *x, int64_t ldx, int64_t K, int64_t r0, int64_t r1);
    void (*matmul_t)(num *y, int64_t ldy, const struct q8_block *x, int64_t T, const struct mat *w, const num *bias, int acc,
                     int64_t n0, int64_t n1);
};

enum isa { ISA_REF, ISA_AVX2, ISA_AVX512 /* with BF16 where present */, ISA_AMX };

struct device {
    const char *name; /* "ref64", "ref", "avx2", "avx512", "amx" */
    enum isa isa;
    size_t num_bytes;  /* 4 or 8 */
    struct pool *pool; /* owned */
    struct kernels k;
    enum precision precision; /* PREC_FULL after dev_open; set by dev_set_precision */
    int has_bf16;             /* the table's bf16 products are fast */
    struct bf_kernels bf;
    int has_int8; /* the table's products of bytes are fast */
    struct q8_kernels q8;
    bf16 *rounded[3]; /* rounded activations of the running product, grown by dev_reserve_rounded */
    int64_t rounded_room[3];
    struct attn_mem *attn; /* scratch of attention, grown only by dev_reserve */
};

/* threads 0: physical cores. oracle != 0: the double reference. */
int dev_open(struct device **out, int threads, int oracle, struct err *e);
void dev_close(struct device *d);
enum isa dev_best_isa(void); /* what this CPU and CANDOR_ISA allow; ERR_ARG text goes to dev_open */
/* Which products the op_matmul wrappers use from now on. ERR_UNSUPPORTED: BF16 or INT8 asked for on a CPU (or a CANDOR_ISA) without such
 * instructions; the reference has them, slowly. The oracle device stays FULL, whatever is asked. */
int dev_set_precision(struct device *d, enum precision p, struct err *e);
const char *precision_name(enum precision p); /* "auto", "full", "bf16", "int8" */
int precision_parse(const char *s, enum precision *out, struct err *e);
/* Whether a product with a matrix of this format goes through bf16 here. */
int dev_is_bf16(const struct device *d, enum fmt f);
/* Whether op_forward_t takes activations of eight bits for it. */
int dev_is_int8(const struct device *d, enum fmt f);
/* Room for n rounded activations: factor 0 of a product, factor 1 where both are rounded (dW) or have eight bits, and 2 where a mirror
 * goes both ways at once (op_matmul_back). Called by whoever plans memory, like dev_reserve. */
int dev_reserve_rounded(struct device *d, int factor, int64_t n, struct err *e);
/* Memory for attention with so many heads of so many numbers, whatever the context; called by whoever plans memory, before the loop. */
int dev_reserve(struct device *d, int head_dim, int n_head, struct err *e);
/* Bytes that the device holds after both: attention with such heads, and `rounded` activations. */
int64_t dev_scratch_bytes(const struct device *d, int head_dim, int n_head, int64_t rounded);

/* Buffers: zero-filled, 64-byte aligned. */
num *dev_alloc(struct device *d, int64_t n); /* NULL: out of memory */
void *dev_alloc_bytes(struct device *d, int64_t bytes);
int64_t dev_block_bytes(int64_t bytes); /* what dev_alloc_bytes takes for them: large blocks are whole large pages */
void dev_free(struct device *d, void *p);
static inline num *num_at(const struct device *d, const num *p, int64_t i) {
    return (num *)(uintptr_t)((const char *)p + (int64_t)d->num_bytes * i);
}
void dev_put(struct device *d, num *dst, const float *src, int64_t n);
void dev_put_f64(struct device *d, num *dst, const double *src, int64_t n);
void dev_get(const struct device *d, float *dst, const num *src, int64_t n);
void dev_get_f64(const struct device *d, double *dst, const num *src, int64_t n);
void dev_copy(struct device *d, num *dst, const num *src, int64_t n);
void dev_zero(struct device *d, num *dst, int64_t n);
double dev_get1(const struct device *d, const num *src, int64_t i);
void dev_set1(struct device *d, num *dst, int64_t i, double x);
/* A dense matrix of this device's own numbers (F32 or F64) over a buffer. */
struct mat dev_mat(const struct device *d, const num *p, int64_t rows, int64_t cols);

/* Wrappers: the same meaning as the slots, whole outputs, split over the pool. */
void op_matmul_t(struct device *d, num *y, int64_t ldy, const num *x, int64_t ldx, int64_t T, const struct mat *w,
                 const num *bias, int acc);
/* One x, several matrices (they have the same cols): the same bytes as one call each, x rounded and threads woken once. */
struct product {
    num *y;
    int64_t ldy;
    const struct mat *w;
    const num *bias;
};
void op_matmul_t_all(struct device *d, const struct product *p, int n, const num *x, int64_t ldx, int64_t T);
/* The same in a forward that nobody goes back through: where dev_is_int8, with activations of eight bits. Rounding them makes the forward
 * a step function, whose derivative is zero almost everywhere and not what the mirror computes: so all other operations leave it be. */
void op_forward_t(struct device *d, const struct product *p, int n, const num *x, int64_t ldx, int64_t T);
void op_matmul_n(struct device *d, num *dx, int64_t ldx, const num *dy, int64_t ldy, int64_t T, const struct mat *w,
                 const num *bias, int acc);
void op_matmul_dw(struct device *d, num *dw, const num *dy, int64_t ldy, const num *x, int64_t ldx, int64_t T, int64_t N,
                  int64_t K);
/* The mirror of op_matmul_t_all: dW_i += dy_iᵀ x for each product that has a dw, then dx (+)= Σ dy_i W_i in the order given. The same bytes
 * as one op_matmul_dw and one op_matmul_n each, but every array is rounded once and threads are woken twice. dx may be x. At most 4. */
struct product_back {
    const num *dy; /* [T, ldy] */
    int64_t ldy;
    const struct mat *w;
    num *dw; /* dense, NULL: none wanted */
};
void op_matmul_back(struct device *d, num *dx, int64_t ldx, const struct product_back *p, int n, const num *x, int64_t ld_of_x,
                    int64_t T, int acc);
/* Rows kept in 16 bits, C rounded up to 32 apart: dst[T, C'] = bf16(x[T, C]), and back. Whatever the precision. */
void op_keep(struct device *d, bf16 *dst, const num *x, int64_t T, int64_t C);
void op_kept(struct device *d, num *y, const bf16 *x, int64_t T, int64_t C);
void op_bias_dw(struct device *d, num *db, const num *dy, int64_t ldy, int64_t T, int64_t N);
void op_rmsnorm(struct device *d, num *y, const num *x, const num *w, int64_t R, int64_t C, double eps);
void op_rmsnorm_back(struct device *d, num *dx, const num *dy, const num *x, const num *w, int64_t R, int64_t C, double eps,
                     int acc);
void op_rmsnorm_dw(struct device *d, num *dw, const num *dy, const num *x, int64_t R, int64_t C, double eps);
void op_layernorm(struct device *d, num *y, const num *x, const num *w, const num *b, int64_t R, int64_t C, double eps);
void op_layernorm_back(struct device *d, num *dx, const num *dy, const num *x, const num *w, int64_t R, int64_t C, double eps,
                       int acc);
void op_layernorm_dw(struct device *d, num *dw, num *db, const num *dy, const num *x, int64_t R, int64_t C, double eps);
void op_rope(struct device *d, num *x, int64_t ldx, int64_t R, int nh, int D, int rot, const num *cs, enum rope_style st,
             int back);
void op_angles(struct device *d, num *cs, const double *freq, int half, double m, int64_t pos0, int64_t R);
void op_kv_store(struct device *d, const struct kv_ref *kv, int64_t row_len, int64_t pos, const num *k, const num *v,
                 int64_t rows);
void op_attn(struct device *d, num *o, num *lse, const num *q, int64_t T, const struct attn_span *sp, int nsp,
             const struct attn_shape *sh);
void op_attn_back(struct device *d, num *dq, num *dk, num *dv, const num *do_, const num *q, const num *o, const num *lse,
                  int64_t T, const struct attn_span *sp, int nsp, const struct attn_shape *sh);
void op_glu(struct device *d, num *h, const num *g, const num *u, enum act_kind act, int64_t n);
void op_glu_back(struct device *d, num *dg, num *du, const num *dh, const num *g, const num *u, enum act_kind act, int64_t n);
void op_add(struct device *d, num *y, const num *a, const num *b, int64_t n);
void op_axpy(struct device *d, num *y, double a, const num *x, int64_t n);
void op_scale(struct device *d, num *y, double a, const num *x, int64_t n);
void op_gather(struct device *d, num *y, const struct mat *w, const int32_t *ids, int64_t R);
void op_scatter_add(struct device *d, num *dw, const num *dy, const int32_t *ids, int64_t R, int64_t C);
void op_row_lse(struct device *d, num *lse, const num *x, int64_t R, int64_t V);
void op_nll_seed(struct device *d, num *x, const num *lse, const num *coef, const int32_t *target, int64_t R, int64_t V);
void op_softmax(struct device *d, num *x, int64_t R, int64_t V, double temp);
void op_adamw(struct device *d, num *p, num *m, num *v, const num *g, double gscale, struct adamw o, int64_t n);
double op_sumsq(struct device *d, const num *x, int64_t n);
double op_dot(struct device *d, const num *a, const num *b, int64_t n);
#endif
