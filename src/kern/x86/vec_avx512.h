/* Vector words for AVX-512: sixteen float lanes. The loops in kern/tmpl are written in these words; see vec_avx2.h for the same in
 * eight lanes. vm is a lane mask; a masked load fills the other lanes with zero. */
#ifndef KERN_VEC_AVX512_H
#define KERN_VEC_AVX512_H
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define VL 16
#define NR 8    /* weight rows of a dot tile */
#define KVMAX 4 /* column vectors of an outer tile */
#define ISA(name) avx512_##name
#define INL static inline __attribute__((always_inline, unused))
typedef __m512 vf;
typedef __mmask16 vm;
typedef __m256 vr; /* NR reduced sums */

INL vf vzero(void) { return _mm512_setzero_ps(); }
INL vf vset1(float x) { return _mm512_set1_ps(x); }
INL vf vload(const float *p) { return _mm512_loadu_ps(p); }
INL vf vloadm(const float *p, vm m) { return _mm512_maskz_loadu_ps(m, p); }
INL void vstore(float *p, vf x) { _mm512_storeu_ps(p, x); }
INL void vstorem(float *p, vf x, vm m) { _mm512_mask_storeu_ps(p, m, x); }
/* Keeps a loaded vector in a register: gcc otherwise folds the load into each of its uses. */
INL vf vpin(vf x) {
    __asm__("" : "+v"(x));
    return x;
}
INL vm vmask(int64_t n) { return (vm)((1u << n) - 1); } /* 0 ≤ n ≤ VL */
INL vf vkeep(vf x, vm m, vf other) { return _mm512_mask_blend_ps(m, other, x); }
INL vf vadd(vf a, vf b) { return _mm512_add_ps(a, b); }
INL vf vsub(vf a, vf b) { return _mm512_sub_ps(a, b); }
INL vf vmul(vf a, vf b) { return _mm512_mul_ps(a, b); }
INL vf vdiv(vf a, vf b) { return _mm512_div_ps(a, b); }
INL vf vsqrt(vf a) { return _mm512_sqrt_ps(a); }
INL vf vmax(vf a, vf b) { return _mm512_max_ps(a, b); } /* b if either is NaN */
INL vf vmin(vf a, vf b) { return _mm512_min_ps(a, b); }
INL vf vfma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }   /* a b + c */
INL vf vfnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); } /* c - a b */
INL vf vround(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
INL vf vpow2(vf x, vf n) { return _mm512_scalef_ps(x, n); } /* x 2^n, n whole */

/* one fixed tree: halves, quarters, … */
INL float vsum(vf a) {
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
INL float vmaxall(vf a) { return _mm512_reduce_max_ps(a); }

/* Sums of the lanes of v[0 … 7], all eight by the same tree, in order. */
INL vr vreduce(const vf *v) {
    vf p0 = vadd(_mm512_mask_blend_ps(0xff00, v[0], v[4]), _mm512_shuffle_f32x4(v[0], v[4], 0x4e));
    vf p1 = vadd(_mm512_mask_blend_ps(0xff00, v[1], v[5]), _mm512_shuffle_f32x4(v[1], v[5], 0x4e));
    vf p2 = vadd(_mm512_mask_blend_ps(0xff00, v[2], v[6]), _mm512_shuffle_f32x4(v[2], v[6], 0x4e));
    vf p3 = vadd(_mm512_mask_blend_ps(0xff00, v[3], v[7]), _mm512_shuffle_f32x4(v[3], v[7], 0x4e));
    vf u0 = _mm512_mask_blend_ps(0xf0f0, p2, p0), u1 = _mm512_mask_blend_ps(0xf0f0, p3, p1);
    vf q0 = vadd(_mm512_mask_blend_ps(0xf0f0, p0, p2), _mm512_shuffle_f32x4(u0, u0, 0xb1)); /* v0 v2 v4 v6, four lanes each */
    vf q1 = vadd(_mm512_mask_blend_ps(0xf0f0, p1, p3), _mm512_shuffle_f32x4(u1, u1, 0xb1)); /* v1 v3 v5 v7 */
    vf s = vadd(_mm512_mask_blend_ps(0xcccc, q0, q1),
                _mm512_castpd_ps(_mm512_shuffle_pd(_mm512_castps_pd(q0), _mm512_castps_pd(q1), 0x55)));
    s = vadd(s, _mm512_permute_ps(s, 0xb1));
    return _mm512_castps512_ps256(_mm512_permutexvar_ps(_mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 14, 12, 10, 8, 6, 4, 2, 0), s));
}
INL vr vrload(const float *p, int n) { return _mm256_maskz_loadu_ps((__mmask8)((1u << n) - 1), p); }
INL void vrstore(float *p, vr x, int n) {
    if (n == NR) _mm256_storeu_ps(p, x);
    else _mm256_mask_storeu_ps(p, (__mmask8)((1u << n) - 1), x);
}
INL vr vradd(vr a, vr b) { return _mm256_add_ps(a, b); }

/* Stored numbers become float lanes. */
INL vf vf16(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
INL vf vf16m(const void *p, int64_t n) { return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(vmask(n), p)); }
INL vf vbf16(const void *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}
INL vf vbf16m(const void *p, int64_t n) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(vmask(n), p)), 16));
}
INL vf vscale16(const void *p) { /* an f16 block scale in every lane */
    uint16_t h;
    memcpy(&h, p, 2);
    return _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(h)));
}
INL void vq8_0(const char *p, vf v[2]) {
    vf d = vscale16(p);
    _Pragma("GCC unroll 4") for (int i = 0; i < 2; i++)
        v[i] = vmul(d, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(p + 2 + 16 * i)))));
}
INL void vq4_0(const char *p, vf v[2]) {
    /* A permutation looks at the low four bits of its index only: the table holds d (n - 8) for each nibble n. */
    vf t = vmul(vscale16(p), _mm512_set_ps(7, 6, 5, 4, 3, 2, 1, 0, -1, -2, -3, -4, -5, -6, -7, -8));
    __m512i b = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(p + 2)));
    v[0] = _mm512_permutexvar_ps(b, t);
    v[1] = _mm512_permutexvar_ps(_mm512_srli_epi32(b, 4), t);
}
/* 32 signed bytes */
INL void vcodes(__m256i q, vf v[2]) {
    v[0] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(q)));
    v[1] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(q, 1)));
}
#include "kern/tmpl/codes.inc"

/* Pairs (2i, 2i+1): two vectors taken apart into evens and odds, and back. */
INL void vunzip(vf a, vf b, vf *even, vf *odd) {
    const __m512i e = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    *even = _mm512_permutex2var_ps(a, e, b);
    *odd = _mm512_permutex2var_ps(a, _mm512_add_epi32(e, _mm512_set1_epi32(1)), b);
}
INL void vzip(vf even, vf odd, vf *a, vf *b) {
    const __m512i lo = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    *a = _mm512_permutex2var_ps(even, lo, odd);
    *b = _mm512_permutex2var_ps(even, _mm512_add_epi32(lo, _mm512_set1_epi32(8)), odd);
}

/* Sums in double: VL floats are added as products to VL doubles. */
typedef struct { __m512d lo, hi; } vd;
INL vd vdzero(void) { return (vd){_mm512_setzero_pd(), _mm512_setzero_pd()}; }
INL vd vdfma(vf a, vf b, vd s) {
    s.lo = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(a)), _mm512_cvtps_pd(_mm512_castps512_ps256(b)), s.lo);
    s.hi = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(b, 1)), s.hi);
    return s;
}
INL double vdsum(vd s) { return _mm512_reduce_add_pd(_mm512_add_pd(s.lo, s.hi)); }
#endif
