/* The words of attention in AVX2, on top of vec_avx2.h: see attn_avx512.h. */
#ifndef KERN_ATTN_AVX2_H
#define KERN_ATTN_AVX2_H
#include "kern/x86/vec_avx2.h"

#define UD        1
#define NVMAX     2
#define MR_OF(NV) ((NV) == 1 ? 8 : 6)

INL vm vlt(vf a, vf b) { return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
INL vf vbcast(const void *p) { return _mm256_broadcast_ss(p); }
INL vf vdot(vf a, vf b, vf s) { return vfma(a, b, s); }
INL void vtrans(vf v[VL]) {
    vf t[8], u[8];
    _Pragma("GCC unroll 8") for (int i = 0; i < 8; i += 2) t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]),
                                                           t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    _Pragma("GCC unroll 8") for (int i = 0; i < 8; i += 4) _Pragma("GCC unroll 8") for (int h = 0; h < 2; h++) {
        u[i + 2 * h] = _mm256_shuffle_ps(t[i + h], t[i + h + 2], 0x44);
        u[i + 2 * h + 1] = _mm256_shuffle_ps(t[i + h], t[i + h + 2], 0xee);
    }
    _Pragma("GCC unroll 8") for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
        v[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
    }
}
INL void vput_words(void *p, __m128i w, int64_t n) {
    uint16_t t[8];
    _mm_storeu_si128((__m128i *)t, w);
    memcpy(p, t, (size_t)n * 2);
}
INL void vput_f16(void *p, vf x, int64_t n) {
    vput_words(p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), n);
}
INL void vput_bf16(void *p, vf x, int64_t n) {
    __m256i u = _mm256_castps_si256(x), lsb = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    __m256i r = _mm256_add_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), lsb);
    r = _mm256_blendv_epi8(r, _mm256_or_si256(u, _mm256_set1_epi32(0x400000)),
                           _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
    r = _mm256_srli_epi32(r, 16);
    vput_words(p, _mm_packus_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1)), n);
}
#endif
