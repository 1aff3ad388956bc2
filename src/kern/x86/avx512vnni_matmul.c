/* The product of bytes out of vpdpbusd (AVX512_VNNI; VBMI for fifth bits). A lot's register holds four columns of sixteen rows, so an
 * activation's dword is broadcast from memory and a sum is a lane. Six rows of x by two groups of sixteen: twelve sums of integers and
 * twelve of floats stay in registers. Two and three rows take one group at a time, with two chains of integers each so that the
 * instruction's latency does not show. One row has the words multiply instead of store: writing lots to L1 and reading them again took
 * as long as all the rest, half the speed of a decode.
 *
 * Beside the multiplications a block costs four instructions a sum (where it begins, to float, two of scaling) for every eight that
 * multiply 512 numbers; bf16 takes sixteen for the same. */
#include "kern/x86/q8_words.h"

static void pack(struct q8_block *dst, const num *x_, int64_t ldx, int64_t K, int64_t r0, int64_t r1) {
    const __m512i sign = _mm512_set1_epi32((int)0x80000000), most_code = _mm512_set1_epi32(127);
    for (int64_t r = r0; r < r1; r++)
        for (int64_t b = 0; b < K / 32; b++) {
            const float *x = (const float *)x_ + r * ldx + 32 * b;
            struct q8_block *o = dst + r * (K / 32) + b;
            __m512 v[2] = {_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16)};
            /* magnitudes of floats are ordered as their bits, infinity and NaN at the top */
            __m512i a = _mm512_andnot_si512(sign, (__m512i)v[0]);
            uint32_t bits = _mm512_reduce_max_epu32(_mm512_max_epu32(a, _mm512_andnot_si512(sign, (__m512i)v[1])));
            float most;
            memcpy(&most, &bits, 4);
            int finite = bits < 0x7f800000, sum[2];
            o->d = finite ? most / 127 : NAN;
            __mmask16 any = finite && o->d > 0 ? 0xffff : 0;
            for (int i = 0; i < 2; i++) {
                __m512i q = _mm512_maskz_cvtps_epi32(any, _mm512_div_ps(v[i], _mm512_set1_ps(o->d)));
                q = _mm512_max_epi32(_mm512_min_epi32(q, most_code), _mm512_sub_epi32(_mm512_setzero_si512(), most_code));
                sum[i] = _mm512_reduce_add_epi32(q);
                _mm_storeu_si128((void *)(o->q + 16 * i), _mm512_cvtepi32_epi8(q));
            }
            o->ds = o->d * (float)(sum[0] + sum[1]);
            o->n = -sum[0] - sum[1], o->n0 = -sum[0];
        }
}

INL __m512i pin(__m512i v) {
    __asm__("" : "+v"(v));
    return v;
}
INL __m512i code4(const struct q8_block *x, int j) {
    int d;
    memcpy(&d, x->q + 4 * j, 4);
    return _mm512_set1_epi32(d);
}

/* The integers of columns 4 j0 … 4 j1 of one block, and their way into the sums. */
INL void half_block(const int MR, const int G, const enum q8_kind KIND, __m512 s[6][2], const struct q8_block *x, int64_t ldx,
                    const struct lot *const w[2], int shift, int j0, int j1) {
    const int chains = MR * G < 4 ? 2 : 1;
    __m512i c[6][2][2];
    __m128i by = _mm_cvtsi32_si128(shift);
    _Pragma("GCC unroll 8") for (int i = 0; i < MR; i++) {
        const struct q8_block *a = x + i * ldx;
        __m512i from = Q8_HAS_MIN(KIND) ? _mm512_setzero_si512()
                                        : _mm512_sll_epi32(_mm512_set1_epi32(KIND == Q8_PLAIN ? a->n
                                                                             : j0             ? a->n - a->n0
                                                                                              : a->n0),
                                                           by);
        _Pragma("GCC unroll 2") for (int g = 0; g < G; g++) c[i][g][0] = from, c[i][g][1] = _mm512_setzero_si512();
    }
    _Pragma("GCC unroll 8") for (int j = j0; j < j1; j++) {
        __m512i v[2];
        _Pragma("GCC unroll 2") for (int g = 0; g < G; g++) v[g] = pin(_mm512_load_si512(w[g]->q[j]));
        _Pragma("GCC unroll 8") for (int i = 0; i < MR; i++) {
            __m512i a = code4(x + i * ldx, j);
            _Pragma("GCC unroll 2") for (int g = 0; g < G; g++) {
                __m512i *to = &c[i][g][j & (chains - 1)];
                *to = _mm512_dpbusd_epi32(*to, v[g], a);
            }
        }
    }
    _Pragma("GCC unroll 2") for (int g = 0; g < G; g++) {
        __m512 sc = _mm512_load_ps(KIND == Q8_SIX && j0 ? w[g]->m : w[g]->s);
        _Pragma("GCC unroll 8") for (int i = 0; i < MR; i++) {
            __m512i all = chains == 2 ? _mm512_add_epi32(c[i][g][0], c[i][g][1]) : c[i][g][0];
            s[i][g] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(all), _mm512_mul_ps(sc, _mm512_set1_ps(x[i * ldx].d)), s[i][g]);
        }
    }
}

INL void tile(const int MR, const int G, const enum q8_kind KIND, float *sum, const struct q8_block *x, int64_t ldx,
              const struct lot *w, int64_t n, int apart, int shift) {
    __m512 s[6][2];
    const int ld = 32;
    _Pragma("GCC unroll 8") for (int i = 0; i < MR; i++) _Pragma("GCC unroll 2") for (int g = 0; g < G; g++) s[i][g] =
        _mm512_load_ps(sum + i * ld + 16 * g);
    for (int64_t b = 0; b < n; b++, x++, w++) {
        const struct lot *const at[2] = {w, w + apart};
        half_block(MR, G, KIND, s, x, ldx, at, shift, 0, KIND == Q8_SIX ? 4 : 8);
        if (KIND == Q8_SIX) half_block(MR, G, KIND, s, x, ldx, at, shift, 4, 8);
        if (KIND == Q8_MIN) _Pragma("GCC unroll 2") for (int g = 0; g < G; g++) {
                __m512 m = _mm512_load_ps(at[g]->m);
                _Pragma("GCC unroll 8") for (int i = 0; i < MR; i++) s[i][g] =
                    _mm512_fmadd_ps(m, _mm512_set1_ps(x[i * ldx].ds), s[i][g]);
            }
        if (KIND == Q8_TWO)
            _Pragma("GCC unroll 8") for (int i = 0; i < MR; i++) _Pragma("GCC unroll 2") for (int half = 0; half < 2; half++) {
                __m512 all = q8_sum(x + i * ldx, half);
                _Pragma("GCC unroll 2") for (int g = 0; g < G; g++) s[i][g] =
                    _mm512_fmadd_ps(_mm512_load_ps(half ? at[g]->m2 : at[g]->m), all, s[i][g]);
            }
    }
    _Pragma("GCC unroll 8") for (int i = 0; i < MR; i++) _Pragma("GCC unroll 2") for (int g = 0; g < G; g++)
        _mm512_store_ps(sum + i * ld + 16 * g, s[i][g]);
}

typedef void (*tile_fn)(float *sum, const struct q8_block *x, int64_t ldx, const struct lot *w, int64_t n, int apart, int shift);
#define TILE(MR, G, KIND)                                                                                                   \
    static void tile_##MR##x##G##_##KIND(float *sum, const struct q8_block *x, int64_t ldx, const struct lot *w, int64_t n, \
                                         int apart, int shift) {                                                            \
        tile(MR, G, KIND, sum, x, ldx, w, n, apart, shift);                                                                 \
    }
#define TILES(MR, G) TILE(MR, G, Q8_PLAIN) TILE(MR, G, Q8_MIN) TILE(MR, G, Q8_SIX) TILE(MR, G, Q8_TWO)
TILES(1, 1)
TILES(2, 1)
TILES(3, 1)
TILES(1, 2)
TILES(2, 2)
TILES(3, 2)
TILES(4, 2)
TILES(5, 2)
TILES(6, 2)
#define ROW(MR, G) \
    { tile_##MR##x##G##_Q8_PLAIN, tile_##MR##x##G##_Q8_MIN, tile_##MR##x##G##_Q8_SIX, tile_##MR##x##G##_Q8_TWO }
static const tile_fn tiles[2][6][4] = {{ROW(1, 1), ROW(2, 1), ROW(3, 1)},
                                       {ROW(1, 2), ROW(2, 2), ROW(3, 2), ROW(4, 2), ROW(5, 2), ROW(6, 2)}};

/* One row of x: sum[16] += its products with sixteen rows of w from p on, all columns. Codes never leave registers. next: bytes that will
 * be wanted as these are now. */
#define ONE(NAME, word, STEP, BYTES, KIND, SHIFT)                                                                             \
    static void one_##word(float *sum, const struct q8_block *x, const char *p, size_t ld, int64_t steps, const char *next) { \
        __m512 s = _mm512_load_ps(sum);                                                                                       \
        for (int64_t i = 0; i < steps; i++, x += STEP / 32, p += BYTES, next += BYTES) {                                      \
            struct lot o[STEP / 32];                                                                                          \
            __m512i c[STEP / 32][2];                                                                                          \
            const struct sink k = {o, x, c, KIND == Q8_SIX};                                                                  \
            if (2 * BYTES > 64 || i % 2 == 0)                                                                                 \
                for (int r = 0; r < 16; r++)                                                                                  \
                    for (int l = 0; l < (BYTES + 63) / 64; l++) _mm_prefetch(next + (size_t)r * ld + 64 * l, _MM_HINT_T0);    \
            _Pragma("GCC unroll 8") for (int b = 0; b < STEP / 32; b++) {                                                     \
                int from = Q8_HAS_MIN(KIND) ? 0                                                                               \
                           : KIND == Q8_SIX ? x[b].n0                                                                         \
                                            : x[b].n,                                                                         \
                    then = KIND == Q8_SIX ? x[b].n - x[b].n0 : 0;                                                             \
                c[b][0] = _mm512_slli_epi32(_mm512_set1_epi32(from), SHIFT);                                                  \
                c[b][1] = _mm512_slli_epi32(_mm512_set1_epi32(then), SHIFT);                                                  \
            }                                                                                                                 \
            lot_##word(&k, p, ld);                                                                                            \
            _Pragma("GCC unroll 8") for (int b = 0; b < STEP / 32; b++) {                                                     \
                __m512 d = _mm512_set1_ps(x[b].d), sc = _mm512_mul_ps(_mm512_load_ps(o[b].s), d);                             \
                __m512i all = KIND == Q8_SIX ? c[b][0] : _mm512_add_epi32(c[b][0], c[b][1]);                                  \
                s = _mm512_fmadd_ps(_mm512_cvtepi32_ps(all), sc, s);                                                          \
                if (KIND == Q8_SIX)                                                                                           \
                    s = _mm512_fmadd_ps(_mm512_cvtepi32_ps(c[b][1]), _mm512_mul_ps(_mm512_load_ps(o[b].m), d), s);            \
                if (KIND == Q8_MIN) s = _mm512_fmadd_ps(_mm512_load_ps(o[b].m), _mm512_set1_ps(x[b].ds), s);                  \
                if (KIND == Q8_TWO)                                                                                           \
                    s = _mm512_fmadd_ps(_mm512_load_ps(o[b].m2), q8_sum(x + b, 1),                                            \
                                        _mm512_fmadd_ps(_mm512_load_ps(o[b].m), q8_sum(x + b, 0), s));                        \
            }                                                                                                                 \
        }                                                                                                                     \
        _mm512_store_ps(sum, s);                                                                                              \
    }
Q8_FORMATS(ONE)
typedef void (*one_fn)(float *sum, const struct q8_block *x, const char *p, size_t ld, int64_t steps, const char *next);
static const one_fn one[] = {/* in the order of q8_format */
#define ONE_ROW(NAME, word, STEP, BYTES, KIND, SHIFT) one_##word,
                             Q8_FORMATS(ONE_ROW)};

static void multiply(float *sum, const struct q8_block *x, int64_t ldx, int64_t T, const struct lot *w, int64_t n, int groups,
                     const struct q8_format *f);
#include "kern/tmpl/q8.inc"
_Static_assert(GROUPS == 2, "tiles of two groups, sums 32 apart");

static void multiply(float *sum, const struct q8_block *x, int64_t ldx, int64_t T, const struct lot *w, int64_t n, int groups,
                     const struct q8_format *f) {
    int64_t most = groups == 2 ? 6 : 3;
    for (int64_t t = 0; t < T; t += most) {
        int64_t rows = least(most, T - t);
        tiles[groups - 1][rows - 1][f->kind](sum + t * 16 * GROUPS, x + t * ldx, ldx, w, n, LOTS, f->shift);
    }
}

void kern_vnni_pack(struct q8_block *dst, const num *x, int64_t ldx, int64_t K, int64_t r0, int64_t r1) {
    pack(dst, x, ldx, K, r0, r1);
}
void kern_vnni_matmul_t(num *y, int64_t ldy, const struct q8_block *x, int64_t T, const struct mat *w, const num *bias, int acc,
                        int64_t n0, int64_t n1) {
    const struct q8_format *f = q8_format_of(w->fmt);
    int64_t n = n0;
    for (; T == 1 && n < n1 && n + 16 <= w->rows; n += 16) {
        float sum[16 * GROUPS] __attribute__((aligned(64))), *to = (float *)y + n;
        int64_t N = least(16, n1 - n);
        const char *p = bytes_at(f, w, n, 0);
        begin(sum, to, ldy, 1, N, bias ? (const float *)bias + n : NULL, acc);
        one[f - q8_format](sum, x, p, w->row_bytes, w->cols / f->step, p + 16 * w->row_bytes);
        end(to, ldy, sum, 1, N);
    }
    matmul_t(y, ldy, x, T, w, bias, acc, n, n1);
}
void kern_fill_avx512vnni(struct q8_kernels *k) { *k = (struct q8_kernels){kern_vnni_pack, kern_vnni_matmul_t}; }
