/* Vector words for AVX2 with FMA and F16C: eight float lanes; the words of vec_avx512.h. A mask is a vector of all-ones lanes. */
#ifndef KERN_VEC_AVX2_H
#define KERN_VEC_AVX2_H
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define VL 8
#define NR 4    /* weight rows of a dot tile */
#define KVMAX 2 /* column vectors of an outer tile */
#define ISA(name) avx2_##name
#define INL static inline __attribute__((always_inline, unused))
typedef __m256 vf;
typedef __m256i vm;
typedef __m128 vr; /* NR reduced sums */

INL vf vzero(void) { return _mm256_setzero_ps(); }
INL vf vset1(float x) { return _mm256_set1_ps(x); }
INL vf vload(const float *p) { return _mm256_loadu_ps(p); }
INL vf vloadm(const float *p, vm m) { return _mm256_maskload_ps(p, m); }
INL void vstore(float *p, vf x) { _mm256_storeu_ps(p, x); }
INL void vstorem(float *p, vf x, vm m) { _mm256_maskstore_ps(p, m, x); }
/* Keeps a loaded vector in a register: gcc otherwise folds the load into each of its uses. */
INL vf vpin(vf x) {
    __asm__("" : "+x"(x));
    return x;
}
INL vm vmask(int64_t n) { return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0)); }
INL vf vkeep(vf x, vm m, vf other) { return _mm256_blendv_ps(other, x, _mm256_castsi256_ps(m)); }
INL vf vadd(vf a, vf b) { return _mm256_add_ps(a, b); }
INL vf vsub(vf a, vf b) { return _mm256_sub_ps(a, b); }
INL vf vmul(vf a, vf b) { return _mm256_mul_ps(a, b); }
INL vf vdiv(vf a, vf b) { return _mm256_div_ps(a, b); }
INL vf vsqrt(vf a) { return _mm256_sqrt_ps(a); }
INL vf vmax(vf a, vf b) { return _mm256_max_ps(a, b); } /* b if either is NaN */
INL vf vmin(vf a, vf b) { return _mm256_min_ps(a, b); }
INL vf vfma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }   /* a b + c */
INL vf vfnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); } /* c - a b */
INL vf vround(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
INL vf vpow2(vf x, vf n) { /* in two steps, so that 2^n may leave the range of normal exponents on the way */
    __m256i i = _mm256_cvtps_epi32(n), h = _mm256_srai_epi32(i, 1), one = _mm256_set1_epi32(127);
    vf a = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(h, one), 23));
    vf b = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(i, h), one), 23));
    return vmul(vmul(x, a), b);
}

INL float vsum(vf a) {
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
INL float vmaxall(vf a) {
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

/* Sums of the lanes of v[0 … 3], all four by the same tree, in order. */
INL vr vreduce(const vf *v) {
    vf p0 = vadd(_mm256_blend_ps(v[0], v[2], 0xf0), _mm256_permute2f128_ps(v[0], v[2], 0x21));
    vf p1 = vadd(_mm256_blend_ps(v[1], v[3], 0xf0), _mm256_permute2f128_ps(v[1], v[3], 0x21));
    vf s = vadd(_mm256_blend_ps(p0, p1, 0xcc), _mm256_castpd_ps(_mm256_shuffle_pd(_mm256_castps_pd(p0), _mm256_castps_pd(p1), 0x5)));
    s = vadd(s, _mm256_permute_ps(s, 0xb1));
    return _mm_shuffle_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1), 0x88);
}
INL __m128i vrmask(int n) { return _mm_cmpgt_epi32(_mm_set1_epi32(n), _mm_set_epi32(3, 2, 1, 0)); }
INL vr vrload(const float *p, int n) { return _mm_maskload_ps(p, vrmask(n)); }
INL void vrstore(float *p, vr x, int n) {
    if (n == NR) _mm_storeu_ps(p, x);
    else _mm_maskstore_ps(p, vrmask(n), x);
}
INL vr vradd(vr a, vr b) { return _mm_add_ps(a, b); }

INL vf vf16(const void *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
INL vf vf16m(const void *p, int64_t n) {
    uint16_t t[8] = {0};
    memcpy(t, p, (size_t)n * 2);
    return vf16(t);
}
INL vf vbf16(const void *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
INL vf vbf16m(const void *p, int64_t n) {
    uint16_t t[8] = {0};
    memcpy(t, p, (size_t)n * 2);
    return vbf16(t);
}
INL vf vscale16(const void *p) { /* an f16 block scale in every lane */
    uint16_t h;
    memcpy(&h, p, 2);
    return _mm256_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(h)));
}
INL void vq8_0(const char *p, vf v[4]) {
    vf d = vscale16(p);
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++)
        v[i] = vmul(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(p + 2 + 8 * i)))));
}
INL void vq4_0(const char *p, vf v[4]) {
    vf d = vscale16(p);
    __m128i b = _mm_loadu_si128((const __m128i *)(p + 2)), m = _mm_set1_epi8(15), o = _mm_set1_epi8(8);
    __m128i lo = _mm_sub_epi8(_mm_and_si128(b, m), o), hi = _mm_sub_epi8(_mm_and_si128(_mm_srli_epi16(b, 4), m), o);
    v[0] = vmul(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(lo)));
    v[1] = vmul(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(lo, 8))));
    v[2] = vmul(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(hi)));
    v[3] = vmul(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(hi, 8))));
}
/* 32 signed bytes */
INL void vcodes(__m256i q, vf v[4]) {
    __m128i lo = _mm256_castsi256_si128(q), hi = _mm256_extracti128_si256(q, 1);
    v[0] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(lo));
    v[1] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(lo, 8)));
    v[2] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(hi));
    v[3] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(hi, 8)));
}
#include "kern/tmpl/codes.inc"

INL void vunzip(vf a, vf b, vf *even, vf *odd) {
    vf lo = _mm256_permute2f128_ps(a, b, 0x20), hi = _mm256_permute2f128_ps(a, b, 0x31);
    *even = _mm256_shuffle_ps(lo, hi, 0x88);
    *odd = _mm256_shuffle_ps(lo, hi, 0xdd);
}
INL void vzip(vf even, vf odd, vf *a, vf *b) {
    vf lo = _mm256_unpacklo_ps(even, odd), hi = _mm256_unpackhi_ps(even, odd);
    *a = _mm256_permute2f128_ps(lo, hi, 0x20);
    *b = _mm256_permute2f128_ps(lo, hi, 0x31);
}

typedef struct { __m256d lo, hi; } vd;
INL vd vdzero(void) { return (vd){_mm256_setzero_pd(), _mm256_setzero_pd()}; }
INL vd vdfma(vf a, vf b, vd s) {
    s.lo = _mm256_fmadd_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(a)), _mm256_cvtps_pd(_mm256_castps256_ps128(b)), s.lo);
    s.hi = _mm256_fmadd_pd(_mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)), _mm256_cvtps_pd(_mm256_extractf128_ps(b, 1)), s.hi);
    return s;
}
INL double vdsum(vd s) {
    __m256d t = _mm256_add_pd(s.lo, s.hi);
    __m128d q = _mm_add_pd(_mm256_castpd256_pd128(t), _mm256_extractf128_pd(t, 1));
    return _mm_cvtsd_f64(_mm_add_sd(q, _mm_unpackhi_pd(q, q)));
}
#endif
