/* The words of attention in AVX-512, on top of vec_avx512.h. A unit is 32 bits, what one lane multiplies at once: a float, or (with
 * ATTN_BF16) two neighbouring bf16. UD: numbers in a unit. NVMAX, MR_OF: vectors and rows of a tile. */
#ifndef KERN_ATTN_AVX512_H
#define KERN_ATTN_AVX512_H
#include "kern/x86/vec_avx512.h"

#define NVMAX     4
#define MR_OF(NV) ((NV) == 4 ? 6 : 8)

INL vm vlt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
INL vf vbcast(const void *p) { /* one unit to all lanes */
    int32_t u;
    memcpy(&u, p, 4);
    return _mm512_castsi512_ps(_mm512_set1_epi32(u));
}
INL void vtrans(vf v[VL]) { /* sixteen vectors of units, transposed */
    vf t[16], u[16];
    _Pragma("GCC unroll 16") for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
    }
    _Pragma("GCC unroll 16") for (int i = 0; i < 16; i += 4) _Pragma("GCC unroll 2") for (int h = 0; h < 2; h++) {
        u[i + 2 * h] = _mm512_shuffle_ps(t[i + h], t[i + h + 2], 0x44);
        u[i + 2 * h + 1] = _mm512_shuffle_ps(t[i + h], t[i + h + 2], 0xee);
    }
    /* u[4a + c]: rows 4a … 4a+3, columns c, c + 4, c + 8, c + 12 of four lanes each */
    _Pragma("GCC unroll 4") for (int c = 0; c < 4; c++) {
        vf x = _mm512_shuffle_f32x4(u[c], u[4 + c], 0x88), y = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0x88);
        vf z = _mm512_shuffle_f32x4(u[c], u[4 + c], 0xdd), w = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0xdd);
        v[c] = _mm512_shuffle_f32x4(x, y, 0x88);
        v[c + 8] = _mm512_shuffle_f32x4(x, y, 0xdd);
        v[c + 4] = _mm512_shuffle_f32x4(z, w, 0x88);
        v[c + 12] = _mm512_shuffle_f32x4(z, w, 0xdd);
    }
}

/* n ≤ VL floats rounded to nearest even and stored */
INL void vput_f16(void *p, vf x, int64_t n) {
    _mm256_mask_storeu_epi16(p, vmask(n), _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
INL void vput_bf16(void *p, vf x, int64_t n) {
    __m512i u = _mm512_castps_si512(x), lsb = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    __m512i r = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), lsb);
    r = _mm512_mask_or_epi32(r, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), u, _mm512_set1_epi32(0x400000));
    _mm256_mask_storeu_epi16(p, vmask(n), _mm512_cvtepi32_epi16(_mm512_srli_epi32(r, 16)));
}

#ifdef ATTN_BF16
#define UD 2
INL vf vdot(vf a, vf b, vf s) { return _mm512_dpbf16_ps(s, (__m512bh)a, (__m512bh)b); }
INL vf vrounded(vf a) { return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(a)), 16); }
/* thirty-two floats, in order, as units of neighbours */
INL vf vnarrow(vf lo, vf hi) { return (vf)_mm512_cvtne2ps_pbh(hi, lo); }
/* words of two vectors of bf16 interleaved: their lower and upper halves */
INL vf vzip_lo(vf a, vf b) {
    const __m512i at = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37, 5, 36, 4,
                                        35, 3, 34, 2, 33, 1, 32, 0);
    return (vf)_mm512_permutex2var_epi16((__m512i)a, at, (__m512i)b);
}
INL vf vzip_hi(vf a, vf b) {
    const __m512i at = _mm512_set_epi16(63, 31, 62, 30, 61, 29, 60, 28, 59, 27, 58, 26, 57, 25, 56, 24, 55, 23, 54, 22, 53, 21,
                                        52, 20, 51, 19, 50, 18, 49, 17, 48, 16);
    return (vf)_mm512_permutex2var_epi16((__m512i)a, at, (__m512i)b);
}
/* units (a_i, b_i) of two vectors of floats */
INL vf vpair(vf a, vf b) {
    const __m512i at = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4,
                                        19, 3, 18, 2, 17, 1, 16, 0);
    return (vf)_mm512_permutexvar_epi16(at, (__m512i)vnarrow(a, b));
}
INL int vwild(vf a) { /* an infinity or no number among bf16 */
    const __m512i e = _mm512_set1_epi16(0x7f80);
    return _mm512_cmpeq_epi16_mask(_mm512_and_si512((__m512i)a, e), e) != 0;
}
INL vf vwords(const void *p, int64_t n) { /* n ≤ 32 bf16 */
    return (vf)_mm512_maskz_loadu_epi16(n >= 32 ? 0xffffffffu : (1u << n) - 1, p);
}
#else
#define UD 1
INL vf vdot(vf a, vf b, vf s) { return vfma(a, b, s); }
#endif
#endif
