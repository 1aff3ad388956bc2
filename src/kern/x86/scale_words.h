/* Scales of sub-blocks that lie as scattered bits, in AVX2 words: what codes.inc and bf_words.h share. Layouts: fmt_super.c, fmt_levels.c. */
#ifndef KERN_SCALE_WORDS_H
#define KERN_SCALE_WORDS_H
#include "kern/fmt_int.h"
#include <immintrin.h>

#define INL static inline __attribute__((always_inline, unused))

/* The sixteen scales of a Q3_K superblock, 0 … 63, as bytes; the sixteen bytes that are read end with it. */
INL __m128i scales_q3_k(const char *p) {
    const __m128i twice = _mm_setr_epi8(2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5, 6, 7, 8, 9);
    const __m128i fourfold = _mm_setr_epi8(10, 11, 12, 13, 10, 11, 12, 13, 10, 11, 12, 13, 10, 11, 12, 13);
    __m128i v = _mm_loadu_si128((const void *)(p + 94));
    __m128i low = _mm_and_si128(_mm_srlv_epi64(_mm_shuffle_epi8(v, twice), _mm_set_epi64x(4, 0)), _mm_set1_epi8(15));
    __m128i high = _mm_and_si128(_mm_srlv_epi32(_mm_shuffle_epi8(v, fourfold), _mm_setr_epi32(0, 2, 4, 6)), _mm_set1_epi8(3));
    return _mm_or_si128(low, _mm_slli_epi16(high, 4));
}

/* The eight scales of an IQ4_XS superblock times d */
INL __m256 scales_iq4_xs(const char *p) {
    __m128i v = _mm_loadl_epi64((const void *)p); /* d and h, l */
    __m256i dh = _mm256_broadcastd_epi32(v), l = _mm256_broadcastd_epi32(_mm_srli_epi64(v, 32));
    l = _mm256_and_si256(_mm256_srlv_epi32(l, _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28)), _mm256_set1_epi32(15));
    __m256i h = _mm256_and_si256(_mm256_srlv_epi32(dh, _mm256_setr_epi32(12, 14, 16, 18, 20, 22, 24, 26)), _mm256_set1_epi32(48));
    __m256i s = _mm256_sub_epi32(_mm256_or_si256(l, h), _mm256_set1_epi32(32));
    return _mm256_mul_ps(_mm256_broadcastss_ps(_mm_cvtph_ps(v)), _mm256_cvtepi32_ps(s));
}

/* The levels of IQ4_NL and IQ4_XS, as bytes */
INL __m128i levels_iq4(void) {
    static const int8_t level[16] = FMT_IQ4_LEVELS;
    return _mm_loadu_si128((const void *)level);
}
#endif
