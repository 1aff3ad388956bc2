/* Weights of every storage format as bf16, thirty-two at a time, in AVX-512 words: what the bf16 products of AVX-512 and AMX share.
 *
 * A weight is the format's float (fmt.h: to_f32) rounded to bf16, nothing else, so the words here, the panels and the reference agree
 * bit for bit. Formats of 16 or 32 levels never touch their levels one by one: a block's levels are rounded once, as a table of one
 * register, and vpermw looks the thirty-two weights up. Products like d·sc·q are exact in float for these formats (11 + 6 + 5 bits),
 * so a fused multiply-add rounds where the reference rounds.
 *
 * bf_decode_<fmt>(v, p): v[0 … step/32) from the block(s) at p; the step is the format's block, 32 for the float formats.
 *
 * Tried and lost, at one row: converting the scales of eight rows together, gathered in general registers (a tenth slower) or moved to
 * a buffer beforehand (a quarter slower: small stores do not forward to a wide load); levels of Q4_0 from a table by the mantissa of the
 * scale (as fast alone, 40 % slower while the core's other thread works). */
#ifndef KERN_BF_WORDS_H
#define KERN_BF_WORDS_H
#include "kern/device.h"
#include "kern/x86/scale_words.h"
#include <immintrin.h>
#include <string.h>

#define INL static inline __attribute__((always_inline, unused))
typedef __m512bh vb;

INL vb vb_of(__m512 lo, __m512 hi) { return _mm512_cvtne2ps_pbh(hi, lo); }
/* the f16 at p to all lanes; reads eight bytes */
INL __m512 half1(const void *p) { return _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_loadl_epi64(p))); }
INL __m512 levels(int from) {
    return _mm512_add_ps(_mm512_set1_ps((float)from), _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}
/* sixteen bytes: as words 0 … 15, and shifted down by four as words 16 … 31 (upper bits are left in) */
INL __m512i nibbles(const void *p) {
    const __m512i spread = _mm512_set_epi64(0x0f0f0e0e0d0d0c0c, 0x0b0b0a0a09090808, 0x0707060605050404, 0x0303020201010000,
                                            0x0f0f0e0e0d0d0c0c, 0x0b0b0a0a09090808, 0x0707060605050404, 0x0303020201010000);
    const __m512i shift = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(4), 1);
    return _mm512_srlv_epi16(_mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(p)), spread), shift);
}
/* a table of 16 levels, twice: bit 4 of an index does not matter */
INL vb pick16(__m512 level, __m512i at) { return (vb)_mm512_permutexvar_epi16(at, (__m512i)vb_of(level, level)); }
INL vb pick32(__m512 lo, __m512 hi, __m512i at) { return (vb)_mm512_permutexvar_epi16(at, (__m512i)vb_of(lo, hi)); }

INL void bf_decode_f32(vb *v, const char *p) { v[0] = vb_of(_mm512_loadu_ps(p), _mm512_loadu_ps(p + 64)); }
INL void bf_decode_f16(vb *v, const char *p) {
    v[0] =
        vb_of(_mm512_cvtph_ps(_mm256_loadu_si256((const void *)p)), _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(p + 32))));
}
INL void bf_decode_bf16(vb *v, const char *p) { v[0] = (vb)_mm512_loadu_si512(p); }

INL void bf_decode_q8_0(vb *v, const char *p) {
    __m512 d = half1(p);
    __m512 lo = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(p + 2))));
    __m512 hi = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(p + 18))));
    v[0] = vb_of(_mm512_mul_ps(d, lo), _mm512_mul_ps(d, hi));
}
INL void bf_decode_q4_0(vb *v, const char *p) {
    __m512 d = half1(p);
    v[0] = pick16(_mm512_mul_ps(d, levels(-8)), nibbles(p + 2));
}
INL void bf_decode_q4_1(vb *v, const char *p) {
    __m512 d = half1(p);
    v[0] = pick16(_mm512_fmadd_ps(d, levels(0), half1(p + 2)), nibbles(p + 4));
}
/* low four bits from the nibbles, the fifth from a mask of 32 bits */
INL __m512i five_bits(const char *qh, const char *qs) {
    uint32_t high;
    memcpy(&high, qh, 4);
    __m512i q = _mm512_and_si512(nibbles(qs), _mm512_set1_epi16(15));
    return _mm512_mask_add_epi16(q, high, q, _mm512_set1_epi16(16));
}
INL void bf_decode_q5_0(vb *v, const char *p) {
    __m512 d = half1(p);
    v[0] = pick32(_mm512_mul_ps(d, levels(-16)), _mm512_mul_ps(d, levels(0)), five_bits(p + 2, p + 6));
}
INL void bf_decode_q5_1(vb *v, const char *p) {
    __m512 d = half1(p);
    __m512 m = half1(p + 2);
    v[0] = pick32(_mm512_fmadd_ps(d, levels(0), m), _mm512_fmadd_ps(d, levels(16), m), five_bits(p + 4, p + 8));
}

/* IQ4_NL and IQ4_XS */
INL __m512 uneven_levels(void) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(levels_iq4())); }
INL void bf_decode_iq4_nl(vb *v, const char *p) { v[0] = pick16(_mm512_mul_ps(half1(p), uneven_levels()), nibbles(p + 2)); }
INL void bf_decode_iq4_xs(vb *v, const char *p) {
    float s[8];
    _mm256_storeu_ps(s, scales_iq4_xs(p));
    __asm__("" : "+m"(s)); /* and do load them */
    __m512 level = uneven_levels();
    _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++) v[i] =
        pick16(_mm512_mul_ps(_mm512_set1_ps(s[i]), level), nibbles(p + 8 + 16 * i));
}

/* The eight 6-bit scales and minima of a Q4_K or Q5_K superblock (12 bytes), times d and dmin: s[0 … 7] the scales, s[8 … 15] the
 * minima. Through memory, because a load broadcasts for nothing and a permutation does not. */
INL void scales_k(float s[16], const char *p) {
    uint32_t a, b, c;
    memcpy(&a, p + 4, 4), memcpy(&b, p + 8, 4), memcpy(&c, p + 12, 4);
    __asm__("" : "+r"(a), "+r"(b), "+r"(c)); /* in general registers, not in lanes */
    uint64_t sc = (a & 0x3f3f3f3fu) | (uint64_t)((c & 0x0f0f0f0fu) | (a >> 2 & 0x30303030u)) << 32;
    uint64_t mn = (b & 0x3f3f3f3fu) | (uint64_t)((c >> 4 & 0x0f0f0f0fu) | (b >> 2 & 0x30303030u)) << 32;
    __m512 v = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_set_epi64x((long long)mn, (long long)sc)));
    _mm512_storeu_ps(s, _mm512_mul_ps(v, _mm512_mask_blend_ps(0xff00, half1(p), half1(p + 2))));
    __asm__("" : "+m"(*(float(*)[16])s)); /* and do load them */
}
INL __m512i bytes32(const char *p) { return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const void *)p)); }

/* levels from … from + 15 of sub-block i */
INL __m512 level_k(const float *s, int i, int from) {
    return _mm512_fmsub_ps(_mm512_set1_ps(s[i]), levels(from), _mm512_set1_ps(s[i + 8]));
}
INL void bf_decode_q4_k(vb *v, const char *p) {
    float s[16];
    scales_k(s, p);
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) {
        __m512i q = bytes32(p + 16 + 32 * i);
        v[2 * i] = pick16(level_k(s, 2 * i, 0), q);
        v[2 * i + 1] = pick16(level_k(s, 2 * i + 1, 0), _mm512_srli_epi16(q, 4));
    }
}
INL vb pick_q5_k(const float *s, int i, __m512i nibble, __m512i high) {
    __m512i q = _mm512_and_si512(nibble, _mm512_set1_epi16(15));
    q = _mm512_mask_add_epi16(q, _mm512_test_epi16_mask(high, _mm512_set1_epi16((short)(1 << i))), q, _mm512_set1_epi16(16));
    return pick32(level_k(s, i, 0), level_k(s, i, 16), q);
}
INL void bf_decode_q5_k(vb *v, const char *p) {
    float s[16];
    scales_k(s, p);
    __m512i high = bytes32(p + 16);
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) {
        __m512i q = bytes32(p + 48 + 32 * i);
        v[2 * i] = pick_q5_k(s, 2 * i, q, high);
        v[2 * i + 1] = pick_q5_k(s, 2 * i + 1, _mm512_srli_epi16(q, 4), high);
    }
}
/* Two and three bits: a register of thirty-two levels serves eight sub-blocks of four, or four of eight, and the sub-block is part of the
 * index. Lane i of levels16(s, n, at): the scale of sub-block at + i / n. */
INL __m512 levels16(__m512 s, int n, int at) {
    const __m512i fours = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    return _mm512_permutexvar_ps(_mm512_add_epi32(n == 4 ? fours : _mm512_srli_epi32(fours, 1), _mm512_set1_epi32(at)), s);
}
/* number i of the four f16 at p, to all lanes */
INL __m512 half_of(const char *p, const int i) {
    __m128 v = _mm_cvtph_ps(_mm_loadl_epi64((const void *)p));
    return _mm512_broadcastss_ps(_mm_permute_ps(v, i));
}
/* words 0 … 15 and 16 … 31 get the numbers of two neighbouring sub-blocks, at << shift and (at + 1) << shift */
INL __m512i sub_of(int at, int shift) {
    return _mm512_inserti64x4(_mm512_set1_epi16((short)(at << shift)), _mm256_set1_epi16((short)((at + 1) << shift)), 1);
}
INL void bf_decode_q2_k(vb *v, const char *p) {
    const __m512 step = _mm512_setr_ps(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
    __m512i s = _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)p));
    __m512 d = _mm512_mul_ps(half_of(p + 76, 2), _mm512_cvtepi32_ps(_mm512_and_si512(s, _mm512_set1_epi32(15))));
    __m512 m = _mm512_mul_ps(half_of(p + 76, 3), _mm512_cvtepi32_ps(_mm512_srli_epi32(s, 4)));
    _Pragma("GCC unroll 2") for (int h = 0; h < 2; h++) {
        __m512 t[2];
        _Pragma("GCC unroll 2") for (int i = 0; i < 2; i++) t[i] =
            _mm512_fmsub_ps(levels16(d, 4, 8 * h + 4 * i), step, levels16(m, 4, 8 * h + 4 * i));
        __m512i q = bytes32(p + 16 + 32 * h), table = (__m512i)vb_of(t[0], t[1]);
        _Pragma("GCC unroll 4") for (int r = 0; r < 4; r++) {
            __m512i at =
                _mm512_ternarylogic_epi32(_mm512_srli_epi16(q, (unsigned)(2 * r)), _mm512_set1_epi16(3), sub_of(2 * r, 2), 0xea);
            v[4 * h + r] = (vb)_mm512_permutexvar_epi16(at, table);
        }
    }
}
INL void bf_decode_q3_k(vb *v, const char *p) {
    const __m512 step = _mm512_setr_ps(-4, -3, -2, -1, 0, 1, 2, 3, -4, -3, -2, -1, 0, 1, 2, 3);
    const __m512i three = _mm512_set1_epi16(3), seven = _mm512_set1_epi16(7);
    __m512i s = _mm512_cvtepi8_epi32(_mm_sub_epi8(scales_q3_k(p), _mm_set1_epi8(32)));
    __m512 d = _mm512_mul_ps(half_of(p + 102, 3), _mm512_cvtepi32_ps(s));
    __m512i high = bytes32(p);
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) { /* two rows of thirty-two, four sub-blocks */
        __m512i q = bytes32(p + 32 + 32 * (i >> 1));
        vb t = vb_of(_mm512_mul_ps(levels16(d, 8, 4 * i), step), _mm512_mul_ps(levels16(d, 8, 4 * i + 2), step));
        _Pragma("GCC unroll 2") for (int r = 0; r < 2; r++) {
            int row = 2 * i + r;
            __m512i third = row < 2 ? _mm512_slli_epi16(high, (unsigned)(row < 2 ? 2 - row : 0))
                                    : _mm512_srli_epi16(high, (unsigned)(row < 2 ? 0 : row - 2));
            __m512i at = _mm512_ternarylogic_epi32(three, _mm512_srli_epi16(q, (unsigned)(2 * (row & 3))), third, 0xca);
            at = _mm512_ternarylogic_epi32(at, seven, sub_of(2 * r, 3), 0xea);
            v[row] = (vb)_mm512_permutexvar_epi16(at, (__m512i)t);
        }
    }
}
/* 32 words of 0 … 63 as weights, sixteen to each of two scales */
INL vb scaled_q6(__m512i q, const float *d) {
    q = _mm512_sub_epi16(q, _mm512_set1_epi16(32));
    __m512 lo = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_castsi512_si256(q)));
    __m512 hi = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(q, 1)));
    return vb_of(_mm512_mul_ps(_mm512_set1_ps(d[0]), lo), _mm512_mul_ps(_mm512_set1_ps(d[1]), hi));
}
INL void bf_decode_q6_k(vb *v, const char *p) {
    __m512 sc = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(p + 192))));
    float s[16];
    _mm512_storeu_ps(s, _mm512_mul_ps(half_of(p + 202, 3), sc));
    __asm__("" : "+m"(s));
    const __m512i low = _mm512_set1_epi16(15), two = _mm512_set1_epi16(0x30);
    _Pragma("GCC unroll 2") for (int h = 0; h < 2; h++) {
        __m512i a = bytes32(p + 64 * h), b = bytes32(p + 64 * h + 32), t = bytes32(p + 128 + 32 * h);
        __m512i q0 = _mm512_or_si512(_mm512_and_si512(a, low), _mm512_and_si512(_mm512_slli_epi16(t, 4), two));
        __m512i q1 = _mm512_or_si512(_mm512_and_si512(b, low), _mm512_and_si512(_mm512_slli_epi16(t, 2), two));
        __m512i q2 = _mm512_or_si512(_mm512_srli_epi16(a, 4), _mm512_and_si512(t, two));
        __m512i q3 = _mm512_or_si512(_mm512_srli_epi16(b, 4), _mm512_and_si512(_mm512_srli_epi16(t, 2), two));
        v[4 * h] = scaled_q6(q0, s + 8 * h);
        v[4 * h + 1] = scaled_q6(q1, s + 8 * h + 2);
        v[4 * h + 2] = scaled_q6(q2, s + 8 * h + 4);
        v[4 * h + 3] = scaled_q6(q3, s + 8 * h + 6);
    }
}

/* Every format: enum name, word, elements of a step, bytes of a step. */
#define BF_FORMATS(XX)         \
    XX(F32, f32, 32, 128)      \
    XX(F16, f16, 32, 64)       \
    XX(BF16, bf16, 32, 64)     \
    XX(Q8_0, q8_0, 32, 34)     \
    XX(Q4_0, q4_0, 32, 18)     \
    XX(Q4_1, q4_1, 32, 20)     \
    XX(Q5_0, q5_0, 32, 22)     \
    XX(Q5_1, q5_1, 32, 24)     \
    XX(Q2_K, q2_k, 256, 84)    \
    XX(Q3_K, q3_k, 256, 110)   \
    XX(Q4_K, q4_k, 256, 144)   \
    XX(Q5_K, q5_k, 256, 176)   \
    XX(Q6_K, q6_k, 256, 210)   \
    XX(IQ4_NL, iq4_nl, 32, 18) \
    XX(IQ4_XS, iq4_xs, 256, 136)

/* out[0 … n up to 32) = the weights from p on, zero from n to the next multiple of 32. n is a multiple of the block for quantised
 * formats; for float formats a last part reads no byte past n. */
#define BF_AHEAD 2048 /* bytes that rows are fetched ahead: they lie one after another */
#define BF_DECODE_ROW(NAME, word, STEP, BYTES)                                                                                \
    __attribute__((unused)) static void bf_row_##word(bf16 *out, const char *p, int64_t n) {                                  \
        int64_t i = 0;                                                                                                        \
        for (; i + STEP <= n; i += STEP, p += BYTES) {                                                                        \
            for (int l = 0; l < BYTES; l += 64) _mm_prefetch(p + l + BF_AHEAD, _MM_HINT_T0);                                  \
            vb v[STEP / 32];                                                                                                  \
            bf_decode_##word(v, p);                                                                                           \
            _Pragma("GCC unroll 8") for (int s = 0; s < STEP / 32; s++) _mm512_storeu_si512(out + i + 32 * s, (__m512i)v[s]); \
        }                                                                                                                     \
        if (i < n) {                                                                                                          \
            char last[BYTES] = {0};                                                                                           \
            vb v[STEP / 32];                                                                                                  \
            memcpy(last, p, (size_t)(n - i) * (BYTES / STEP));                                                                \
            bf_decode_##word(v, last);                                                                                        \
            _mm512_storeu_si512(out + i, (__m512i)v[0]);                                                                      \
        }                                                                                                                     \
    }
BF_FORMATS(BF_DECODE_ROW)

static const struct {
    enum fmt fmt;
    int block, bytes;
    void (*row)(bf16 *out, const char *p, int64_t n);
} bf_format[] = {
#define BF_ROW(NAME, word, STEP, BYTES)                                                               \
    {FMT_##NAME, FMT_##NAME == FMT_F32 || FMT_##NAME == FMT_F16 || FMT_##NAME == FMT_BF16 ? 1 : STEP, \
     FMT_##NAME == FMT_F32                             ? 4                                            \
     : FMT_##NAME == FMT_F16 || FMT_##NAME == FMT_BF16 ? 2                                            \
                                                       : BYTES,                                       \
     bf_row_##word},
    BF_FORMATS(BF_ROW)
#undef BF_ROW
};
/* index into bf_format, -1: not among them (F64) */
INL int bf_format_of(enum fmt f) {
    for (int i = 0; i < (int)(sizeof bf_format / sizeof *bf_format); i++)
        if (bf_format[i].fmt == f) return i;
    return -1;
}

/* 0, STEP, 1, STEP + 1, … */
#define BF_ALTERNATE(STEP)                                                                                                  \
    {                                                                                                                       \
        0, STEP, 1, STEP + 1, 2, STEP + 2, 3, STEP + 3, 4, STEP + 4, 5, STEP + 5, 6, STEP + 6, 7, STEP + 7, 8, STEP + 8, 9, \
            STEP + 9, 10, STEP + 10, 11, STEP + 11, 12, STEP + 12, 13, STEP + 13, 14, STEP + 14, 15, STEP + 15              \
    }
static const uint16_t bf_alternate16[32] __attribute__((aligned(64))) = BF_ALTERNATE(16);
static const uint16_t bf_alternate32[32] __attribute__((aligned(64))) = BF_ALTERNATE(32);

/* two rows of sixteen floats, rounded and interleaved: lane i holds (a[i], b[i]) */
INL __m512i bf_pair16(__m512 a, __m512 b) {
    return _mm512_permutexvar_epi16(_mm512_load_si512(bf_alternate16), (__m512i)vb_of(a, b));
}
/* two rows of thirty-two bf16, interleaved: pairs 0 … 15 or 16 … 31 */
INL __m512i bf_alternate(__m512i a, __m512i b, int half) {
    __m512i ix = _mm512_add_epi16(_mm512_load_si512(bf_alternate32), _mm512_set1_epi16((short)(16 * half)));
    return _mm512_permutex2var_epi16(a, ix, b);
}

/* sixteen by sixteen dwords, turned */
INL void bf_turn16(__m512i r[16]) {
    __m512i a[16], b[16];
    _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++) a[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]),
                                                              a[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) {
        b[4 * i] = _mm512_unpacklo_epi64(a[4 * i], a[4 * i + 2]), b[4 * i + 1] = _mm512_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
        b[4 * i + 2] = _mm512_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]),
                  b[4 * i + 3] = _mm512_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
    }
    /* b[4g + c]: rows 4g … 4g+3 of columns c, c+4, c+8, c+12 */
    _Pragma("GCC unroll 4") for (int c = 0; c < 4; c++) {
        __m512i u = _mm512_shuffle_i32x4(b[c], b[4 + c], 0x88), v = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], 0x88);
        __m512i w = _mm512_shuffle_i32x4(b[c], b[4 + c], 0xdd), x = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], 0xdd);
        r[c] = _mm512_shuffle_i32x4(u, v, 0x88), r[8 + c] = _mm512_shuffle_i32x4(u, v, 0xdd);
        r[4 + c] = _mm512_shuffle_i32x4(w, x, 0x88), r[12 + c] = _mm512_shuffle_i32x4(w, x, 0xdd);
    }
}

/* dst[c, t] = x[t, c]: pairs of rows as dwords, turned sixteen columns by thirty-two rows at a time */
__attribute__((unused)) static void bf_cols(bf16 *dst, const num *x_, int64_t ldx, int64_t T, int64_t C, int64_t r0, int64_t r1) {
    int64_t ld = (T + 31) / 32 * 32;
    for (int64_t t = r0; t < r1; t += 32) {
        for (int64_t c = 0; c < C; c += 16) {
            uint32_t m = (1u << (C - c < 16 ? C - c : 16)) - 1;
            __m512i v[16];
            for (int i = 0; i < 16; i++) {
                const float *x = (const float *)x_ + (t + 2 * i) * ldx + c;
                __m512 a = t + 2 * i < T ? _mm512_maskz_loadu_ps((__mmask16)m, x) : _mm512_setzero_ps();
                __m512 b = t + 2 * i + 1 < T ? _mm512_maskz_loadu_ps((__mmask16)m, x + ldx) : _mm512_setzero_ps();
                v[i] = bf_pair16(a, b);
            }
            bf_turn16(v);
            for (int64_t i = 0; i < 16 && c + i < C; i++) _mm512_storeu_si512(dst + (c + i) * ld + t, v[i]);
        }
    }
}

/* y[r, c] = x[r, c], x rows C rounded up to 32 apart */
__attribute__((unused)) static void bf_floats(num *y, const bf16 *x, int64_t C, int64_t r0, int64_t r1) {
    for (int64_t r = r0; r < r1; r++)
        for (int64_t c = 0; c < C; c += 16) {
            __mmask16 m = (__mmask16)(C - c >= 16 ? 0xffff : (1u << (C - c)) - 1);
            __m256i h = _mm256_loadu_si256((const void *)(x + r * ((C + 31) / 32 * 32) + c));
            _mm512_mask_storeu_ps((float *)y + r * C + c, m, (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
        }
}

/* dst[c / SUB][p][c % SUB] = (w[2p, c], w[2p+1, c]) for rows n … n+N and columns k … k+C (C ≤ 256), dwords, P of them from one group of
 * SUB columns to the next: a group lies together, so that it does not fight itself for the sets of L1. */
INL void bf_weight_pairs(bf16 *dst, const int SUB, int64_t P, const struct mat *w, int f, int64_t n, int64_t N, int64_t k,
                         int64_t C) {
    bf16 row[2][256] __attribute__((aligned(64)));
    const char *p =
        (const char *)w->data + (size_t)n * w->row_bytes + (size_t)(k / bf_format[f].block) * (size_t)bf_format[f].bytes;
    int64_t bytes = C / bf_format[f].block * bf_format[f].bytes;
    for (int64_t i = 0; i < N; i += 2, dst += 2 * SUB) {
        for (int64_t l = 0; l < 2 * bytes; l += 64) /* short pieces far apart: nothing else fetches them in time */
            _mm_prefetch(p + (size_t)(i + 16 + (l >= bytes)) * w->row_bytes + (l >= bytes ? l - bytes : l), _MM_HINT_T0);
        bf_format[f].row(row[0], p + (size_t)i * w->row_bytes, C);
        if (i + 1 < N)
            bf_format[f].row(row[1], p + (size_t)(i + 1) * w->row_bytes, C);
        else
            memset(row[1], 0, sizeof row[1]);
        for (int64_t c = 0; c < C; c += 32) {
            __m512i a = _mm512_load_si512(row[0] + c), b = _mm512_load_si512(row[1] + c);
            bf16 *to = dst + (c / SUB * P + c % SUB) * 2;
            _mm512_store_si512(to, bf_alternate(a, b, 0));
            _mm512_store_si512(to + 32, bf_alternate(a, b, 1));
        }
    }
}
#endif
