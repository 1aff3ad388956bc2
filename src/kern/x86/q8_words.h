/* Integer weights as lots, in AVX-512 words: what the products of bytes share, those of AVX-512 and those of tiles.
 *
 * A lot is thirty-two columns of sixteen weight rows, four bytes of one row side by side: dword n of register j holds columns 4j … 4j+3 of
 * row n. So one activation's dword, broadcast, meets sixteen rows at once and sums come out one row a lane, with no tree and nothing left
 * of a lane's order; and it is what a tile of bytes wants as its right factor. Codes are unsigned as the instruction wants them: what
 * they are above the weight (4, 8, 16, 32, 128) times Σ of the activations' codes is where a sum of integers begins.
 *
 * Getting there costs a transposition of sixteen rows, which is cheap while four or five bits are still packed: about four instructions
 * a row and block, the scale included; the same for a lane order that a row's own bytes suggest (a block's partial sums in eight lanes,
 * its scale broadcast), which then multiplies four times as many scales.
 *
 * Words: q8_lots_<fmt>(out, p, ld, steps): steps blocks (superblocks) from p on, rows ld bytes apart, block / 32 lots each. */
#ifndef KERN_Q8_WORDS_H
#define KERN_Q8_WORDS_H
#include "kern/kern_int.h"
#include "kern/x86/scale_words.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define INL static inline __attribute__((always_inline, unused))

struct lot {
    uint8_t q[8][64];
    float s[16], m[16]; /* scales; minima, or the scales of the second sixteen columns */
    float m2[16];       /* minima of the second sixteen columns */
} __attribute__((aligned(64)));

/* ---- words --------------------------------------------------------------------------------------------------------------------------- */

/* sixteen rows of sixteen bytes: v[j] = dword j of every row */
INL void load4(__m512i v[4], const char *p, size_t ld) {
    __m512i a[4], t[4];
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) {
        const char *q = p + (size_t)i * ld;
        a[i] = _mm512_castsi128_si512(_mm_loadu_si128((const void *)q));
        a[i] = _mm512_inserti32x4(a[i], _mm_loadu_si128((const void *)(q + 4 * ld)), 1);
        a[i] = _mm512_inserti32x4(a[i], _mm_loadu_si128((const void *)(q + 8 * ld)), 2);
        a[i] = _mm512_inserti32x4(a[i], _mm_loadu_si128((const void *)(q + 12 * ld)), 3);
    }
    t[0] = _mm512_unpacklo_epi32(a[0], a[1]), t[1] = _mm512_unpackhi_epi32(a[0], a[1]);
    t[2] = _mm512_unpacklo_epi32(a[2], a[3]), t[3] = _mm512_unpackhi_epi32(a[2], a[3]);
    v[0] = _mm512_unpacklo_epi64(t[0], t[2]), v[1] = _mm512_unpackhi_epi64(t[0], t[2]);
    v[2] = _mm512_unpacklo_epi64(t[1], t[3]), v[3] = _mm512_unpackhi_epi64(t[1], t[3]);
}
INL void load8(__m512i v[8], const char *p, size_t ld) {
    load4(v, p, ld);
    load4(v + 4, p + 16, ld);
}
INL int dword(const char *p) {
    int d;
    memcpy(&d, p, 4);
    return d;
}
/* a dword of every row */
INL __m512i load1(const char *p, size_t ld) {
    __m128i a[4];
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) {
        const char *q = p + (size_t)(4 * i) * ld;
        a[i] = _mm_cvtsi32_si128(dword(q));
        a[i] = _mm_insert_epi32(a[i], dword(q + ld), 1);
        a[i] = _mm_insert_epi32(a[i], dword(q + 2 * ld), 2);
        a[i] = _mm_insert_epi32(a[i], dword(q + 3 * ld), 3);
    }
    __m512i v = _mm512_inserti32x4(_mm512_castsi128_si512(a[0]), a[1], 1);
    return _mm512_inserti32x4(_mm512_inserti32x4(v, a[2], 2), a[3], 3);
}
/* the f16 in the low, and in the high half of every dword */
INL __m512 half_low(__m512i d) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(d)); }
INL __m512 half_high(__m512i d) { return half_low(_mm512_srli_epi32(d, 16)); }

INL __m512i low4(__m512i v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }
INL __m512i high4(__m512i v) { return low4(_mm512_srli_epi32(v, 4)); }
/* a | b & mask, bytewise */
INL __m512i with_bits(__m512i a, __m512i b, int mask) {
    return _mm512_ternarylogic_epi32(a, b, _mm512_set1_epi8((char)mask), 0xf8);
}
/* sixteen floats from byte i of every dword */
INL __m512 byte_of(__m512i v, int i) {
    return _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srli_epi32(v, (unsigned)(8 * i)), _mm512_set1_epi32(255)));
}
INL __m512 signed_byte_of(__m512i v, int i) {
    return _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(v, (unsigned)(24 - 8 * i)), 24));
}
/* Where codes go: into lots; or, for one row x, at once into its integers (then lots hold scales only). A block has two sums, of even and
 * odd j so that one need not wait for the other, or where `six` of the first and second sixteen columns. */
struct sink {
    struct lot *o;
    const struct q8_block *x;
    __m512i (*c)[2];
    int six;
};
INL void put_code(const struct sink *k, int lot, int j, __m512i v) {
    if (!k->x) {
        _mm512_store_si512(k->o[lot].q[j], v);
        return;
    }
    int four;
    memcpy(&four, k->x[lot].q + 4 * j, 4);
    __m512i *to = &k->c[lot][k->six ? j >> 2 : j & 1];
    *to = _mm512_dpbusd_epi32(*to, v, _mm512_set1_epi32(four));
}

/* ---- blocks of 32 ---------------------------------------------------------------------------------------------------------------------- */

INL void put_nibbles(const struct sink *k, const char *p, size_t ld) {
    __m512i v[4];
    load4(v, p, ld);
    _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) put_code(k, 0, j, low4(v[j])), put_code(k, 0, 4 + j, high4(v[j]));
}
/* the fifth bits: column c has bit c of its row's dword in h, and wants it as bit 4 of its byte */
INL void put_fives(const struct sink *k, const char *p, size_t ld, __m512i h) {
    const __m512i from =
        _mm512_set1_epi64(0x1f1e1d1c3f3e3d3c); /* bit 4 of the eight from there on: c, and 32 + c of an odd row */
    __m512i v[4];
    load4(v, p, ld);
    _Pragma("GCC unroll 8") for (int j = 0; j < 8; j++) {
        __m512i five = _mm512_multishift_epi64_epi8(_mm512_add_epi8(from, _mm512_set1_epi8((char)(4 * j))), h);
        put_code(k, 0, j, with_bits(j < 4 ? low4(v[j & 3]) : high4(v[j & 3]), five, 16));
    }
}
INL void lot_q8_0(const struct sink *k, const char *p, size_t ld) {
    __m512i v[8];
    load8(v, p + 2, ld);
    _mm512_store_ps(k->o->s, half_low(load1(p, ld)));
    _Pragma("GCC unroll 8") for (int j = 0; j < 8; j++) put_code(k, 0, j, _mm512_xor_si512(v[j], _mm512_set1_epi8((char)0x80)));
}
INL void lot_q4_0(const struct sink *k, const char *p, size_t ld) {
    _mm512_store_ps(k->o->s, half_low(load1(p, ld)));
    put_nibbles(k, p + 2, ld);
}
INL void lot_q4_1(const struct sink *k, const char *p, size_t ld) {
    __m512i d = load1(p, ld);
    _mm512_store_ps(k->o->s, half_low(d)), _mm512_store_ps(k->o->m, half_high(d));
    put_nibbles(k, p + 4, ld);
}
INL void lot_q5_0(const struct sink *k, const char *p, size_t ld) {
    _mm512_store_ps(k->o->s, half_low(load1(p, ld)));
    put_fives(k, p + 6, ld, load1(p + 2, ld));
}
INL void lot_q5_1(const struct sink *k, const char *p, size_t ld) {
    __m512i d = load1(p, ld);
    _mm512_store_ps(k->o->s, half_low(d)), _mm512_store_ps(k->o->m, half_high(d));
    put_fives(k, p + 8, ld, load1(p + 4, ld));
}

/* IQ4_NL and IQ4_XS: a code names a level, of which 128 more is what is multiplied */
INL void put_levels(const struct sink *k, int lot, const char *p, size_t ld) {
    __m512i v[4], t = _mm512_broadcast_i32x4(_mm_xor_si128(levels_iq4(), _mm_set1_epi8((char)0x80)));
    load4(v, p, ld);
    _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) put_code(k, lot, j, _mm512_shuffle_epi8(t, low4(v[j]))),
        put_code(k, lot, 4 + j, _mm512_shuffle_epi8(t, high4(v[j])));
}
INL void lot_iq4_nl(const struct sink *k, const char *p, size_t ld) {
    _mm512_store_ps(k->o->s, half_low(load1(p, ld)));
    put_levels(k, 0, p + 2, ld);
}

/* ---- superblocks of 256 ------------------------------------------------------------------------------------------------------------------ */

/* The head of Q4_K and Q5_K: two f16, then eight scales and minima of six bits. */
INL void put_scales_k(const struct sink *k, const char *p, size_t ld) {
    const __m512i six = _mm512_set1_epi8(63), four = _mm512_set1_epi8(15);
    __m512i h[4], sc[2], mn[2];
    load4(h, p, ld);
    __m512 d = half_low(h[0]), m = _mm512_sub_ps(_mm512_set1_ps(-0.0f), half_high(h[0]));
    sc[0] = _mm512_and_si512(h[1], six), mn[0] = _mm512_and_si512(h[2], six);
    sc[1] = with_bits(_mm512_and_si512(h[3], four), _mm512_srli_epi32(h[1], 2), 0x30);
    mn[1] = with_bits(high4(h[3]), _mm512_srli_epi32(h[2], 2), 0x30);
    _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++) {
        _mm512_store_ps(k->o[i].s, _mm512_mul_ps(d, byte_of(sc[i / 4], i % 4)));
        _mm512_store_ps(k->o[i].m, _mm512_mul_ps(m, byte_of(mn[i / 4], i % 4)));
    }
}
INL void lot_q4_k(const struct sink *k, const char *p, size_t ld) {
    put_scales_k(k, p, ld);
    _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++) { /* sixteen bytes: half of two lots */
        __m512i v[4];
        load4(v, p + 16 + 16 * i, ld);
        int at = i & ~1, j0 = 4 * (i & 1);
        _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) put_code(k, at, j0 + j, low4(v[j])),
            put_code(k, at + 1, j0 + j, high4(v[j]));
    }
}
INL void lot_q5_k(const struct sink *k, const char *p, size_t ld) {
    put_scales_k(k, p, ld);
    _Pragma("GCC unroll 2") for (int u = 0; u < 2;
                                 u++) { /* columns 16 u … 16 u + 15 of every lot share the bytes of their fifth bits */
        __m512i h[4];
        load4(h, p + 16 + 16 * u, ld);
        _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) {
            __m512i v[4];
            load4(v, p + 48 + 32 * i + 16 * u, ld);
            _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) {
                __m512i a = i < 2 ? _mm512_slli_epi32(h[j], (unsigned)(i < 2 ? 4 - 2 * i : 0))
                                  : _mm512_srli_epi32(h[j], (unsigned)(i < 2 ? 0 : 2 * i - 4));
                __m512i b = i < 2 ? _mm512_slli_epi32(h[j], (unsigned)(i < 2 ? 3 - 2 * i : 0))
                                  : _mm512_srli_epi32(h[j], (unsigned)(i < 2 ? 0 : 2 * i - 3));
                put_code(k, 2 * i, 4 * u + j, with_bits(low4(v[j]), a, 16));
                put_code(k, 2 * i + 1, 4 * u + j, with_bits(high4(v[j]), b, 16));
            }
        }
    }
}
INL void lot_iq4_xs(const struct sink *k, const char *p, size_t ld) {
    __m512i h[4];
    load4(h, p, ld);
    __m512 d = half_low(h[0]);
    _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++) {
        __m512i l = _mm512_and_si512(_mm512_srli_epi32(h[1], (unsigned)(4 * i)), _mm512_set1_epi32(15));
        l = _mm512_ternarylogic_epi32(l, _mm512_srli_epi32(h[0], (unsigned)(12 + 2 * i)), _mm512_set1_epi32(0x30), 0xf8);
        _mm512_store_ps(k->o[i].s, _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_sub_epi32(l, _mm512_set1_epi32(32)))));
        put_levels(k, i, p + 8 + 16 * i, ld);
    }
}
INL __m512i two_at(__m512i v, int at) { return _mm512_and_si512(_mm512_srli_epi32(v, (unsigned)at), _mm512_set1_epi8(3)); }
/* Q2_K: what is multiplied is code times scale, at most 45, so thirty-two columns share d. A dword has the scale in both of its halves,
 * and products of neighbouring bytes do not meet. */
INL void lot_q2_k(const struct sink *k, const char *p, size_t ld) {
    const __m512i pair = _mm512_broadcast_i32x4(_mm_setr_epi8(0, -16, 0, -16, 4, -16, 4, -16, 8, -16, 8, -16, 12, -16, 12,
                                                              -16)); /* a byte of every dword to both halves */
    __m512i s[4], dm = load1(p + 80, ld);
    load4(s, p, ld);
    __m512 d = half_low(dm), m = _mm512_sub_ps(_mm512_set1_ps(-0.0f), half_high(dm));
    _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++) {
        __m512i mn = high4(s[i / 2]);
        _mm512_store_ps(k->o[i].s, d);
        _mm512_store_ps(k->o[i].m, _mm512_mul_ps(m, byte_of(mn, 2 * (i & 1))));
        _mm512_store_ps(k->o[i].m2, _mm512_mul_ps(m, byte_of(mn, 2 * (i & 1) + 1)));
    }
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) { /* half of the superblock, half of its lots' columns */
        int h = i >> 1, u = i & 1;
        __m512i v[4];
        load4(v, p + 16 + 32 * h + 16 * u, ld);
        _Pragma("GCC unroll 4") for (int r = 0; r < 4; r++) {
            int lot = 4 * h + r;
            __m512i at = _mm512_add_epi8(pair, _mm512_set1_epi16((short)(2 * (lot & 1) + u)));
            __m512i sc = _mm512_shuffle_epi8(low4(s[lot / 2]), at);
            _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++)
                put_code(k, lot, 4 * u + j, _mm512_mullo_epi16(two_at(v[j], 2 * r), sc));
        }
    }
}
/* The sixteen scales of six bits of Q3_K, read with the two bytes before and behind them, which are of the same superblock. */
INL void put_scales_q3(const struct sink *k, const char *p, size_t ld) {
    __m512i h[4], v[3], sc[4];
    load4(h, p + 94, ld);
    for (int i = 0; i < 3; i++) v[i] = _mm512_or_si512(_mm512_srli_epi32(h[i], 16), _mm512_slli_epi32(h[i + 1], 16));
    __m512 d = half_high(h[3]);
    sc[0] = with_bits(low4(v[0]), _mm512_slli_epi32(v[2], 4), 0x30);
    sc[1] = with_bits(low4(v[1]), _mm512_slli_epi32(v[2], 2), 0x30);
    sc[2] = with_bits(high4(v[0]), v[2], 0x30);
    sc[3] = with_bits(high4(v[1]), _mm512_srli_epi32(v[2], 2), 0x30);
    _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++) {
        __m512 zero = _mm512_set1_ps(32), a = byte_of(sc[i / 2], 2 * (i & 1)), b = byte_of(sc[i / 2], 2 * (i & 1) + 1);
        _mm512_store_ps(k->o[i].s, _mm512_mul_ps(d, _mm512_sub_ps(a, zero)));
        _mm512_store_ps(k->o[i].m, _mm512_mul_ps(d, _mm512_sub_ps(b, zero)));
    }
}
INL void lot_q3_k(const struct sink *k, const char *p, size_t ld) {
    put_scales_q3(k, p, ld);
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) { /* as in Q2_K; third bits are shared by all lots */
        int h = i & 1, u = i >> 1;
        __m512i v[4], third[4];
        load4(third, p + 16 * u, ld);
        load4(v, p + 32 + 32 * h + 16 * u, ld);
        _Pragma("GCC unroll 4") for (int r = 0; r < 4; r++) {
            int lot = 4 * h + r;
            _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) {
                __m512i b = lot < 2 ? _mm512_slli_epi32(third[j], (unsigned)(lot < 2 ? 2 - lot : 0))
                                    : _mm512_srli_epi32(third[j], (unsigned)(lot < 2 ? 0 : lot - 2));
                put_code(k, lot, 4 * u + j, with_bits(two_at(v[j], 2 * r), b, 4));
            }
        }
    }
}
INL void lot_q6_k(const struct sink *k, const char *p, size_t ld) {
    __m512i sc[4];
    load4(sc, p + 192, ld);
    __m512 d = half_high(load1(p + 206, ld)); /* the last two bytes */
    _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++) {
        _mm512_store_ps(k->o[i].s, _mm512_mul_ps(d, signed_byte_of(sc[i / 2], 2 * (i & 1))));
        _mm512_store_ps(k->o[i].m, _mm512_mul_ps(d, signed_byte_of(sc[i / 2], 2 * (i & 1) + 1)));
    }
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) { /* half of the superblock, half of its lots' columns */
        int h = i >> 1, u = i & 1;
        __m512i t[4], a[4], b[4];
        load4(t, p + 128 + 32 * h + 16 * u, ld);
        load4(a, p + 64 * h + 16 * u, ld);
        load4(b, p + 64 * h + 32 + 16 * u, ld);
        _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) {
            int at = 4 * h;
            put_code(k, at, 4 * u + j, with_bits(low4(a[j]), _mm512_slli_epi32(t[j], 4), 0x30));
            put_code(k, at + 1, 4 * u + j, with_bits(low4(b[j]), _mm512_slli_epi32(t[j], 2), 0x30));
            put_code(k, at + 2, 4 * u + j, with_bits(high4(a[j]), t[j], 0x30));
            put_code(k, at + 3, 4 * u + j, with_bits(high4(b[j]), _mm512_srli_epi32(t[j], 2), 0x30));
        }
    }
}

/* ---- formats ------------------------------------------------------------------------------------------------------------------------------ */

enum q8_kind {
    Q8_PLAIN, /* a code is weight + 2^shift */
    Q8_MIN,   /* one minimum */
    Q8_SIX,   /* two scales, and weight + 2^shift */
    Q8_TWO    /* two minima */
};
#define Q8_HAS_MIN(kind) ((kind) == Q8_MIN || (kind) == Q8_TWO)
/* what minimum i of Q8_TWO is multiplied by */
INL __m512 q8_sum(const struct q8_block *x, int i) { return _mm512_set1_ps(x->d * (float)(i ? x->n0 - x->n : -x->n0)); }
/* enum name, word, columns and bytes of a step, kind, shift */
#define Q8_FORMATS(XX)                        \
    XX(Q2_K, q2_k, 256, 84, Q8_TWO, 0)        \
    XX(Q3_K, q3_k, 256, 110, Q8_SIX, 2)       \
    XX(IQ4_NL, iq4_nl, 32, 18, Q8_PLAIN, 7)   \
    XX(IQ4_XS, iq4_xs, 256, 136, Q8_PLAIN, 7) \
    XX(Q8_0, q8_0, 32, 34, Q8_PLAIN, 7)       \
    XX(Q4_0, q4_0, 32, 18, Q8_PLAIN, 3)       \
    XX(Q5_0, q5_0, 32, 22, Q8_PLAIN, 4)       \
    XX(Q4_1, q4_1, 32, 20, Q8_MIN, 0)         \
    XX(Q5_1, q5_1, 32, 24, Q8_MIN, 0)         \
    XX(Q4_K, q4_k, 256, 144, Q8_MIN, 0)       \
    XX(Q5_K, q5_k, 256, 176, Q8_MIN, 0)       \
    XX(Q6_K, q6_k, 256, 210, Q8_SIX, 5)

#define Q8_LOTS(NAME, word, STEP, BYTES, KIND, SHIFT)                                                            \
    __attribute__((unused)) static void q8_lots_##word(struct lot *o, const char *p, size_t ld, int64_t steps) { \
        for (int64_t i = 0; i < steps; i++) {                                                                    \
            struct sink k = {.o = o + i * (STEP / 32)};                                                          \
            lot_##word(&k, p + i * BYTES, ld);                                                                   \
        }                                                                                                        \
    }
Q8_FORMATS(Q8_LOTS)

struct q8_format {
    enum fmt fmt;
    int step, bytes;
    enum q8_kind kind;
    int shift;
    void (*lots)(struct lot *o, const char *p, size_t ld, int64_t steps);
};
static const struct q8_format q8_format[] = {
#define Q8_ROW(NAME, word, STEP, BYTES, KIND, SHIFT) {FMT_##NAME, STEP, BYTES, KIND, SHIFT, q8_lots_##word},
    Q8_FORMATS(Q8_ROW)
#undef Q8_ROW
};
INL const struct q8_format *q8_format_of(enum fmt f) {
    for (int i = 0; i < (int)(sizeof q8_format / sizeof *q8_format); i++)
        if (q8_format[i].fmt == f) return &q8_format[i];
    return NULL;
}
#endif
