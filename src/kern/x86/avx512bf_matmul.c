/* The three matrix products with bf16 factors and float sums, out of vdpbf16ps (AVX512_BF16).
 *
 * matmul_t  y = x Wᵀ. Sixteen lanes, each two neighbouring k of every thirty-two; k goes in blocks of at most KB, a block's lanes are
 *           added by one tree and the blocks in order. Up to three rows of x: weights are decoded in registers, several weight rows
 *           (streams of memory) at once. More rows: PANEL_ROWS weight rows at a time are decoded once into a panel that stays in L2
 *           (bf16 weights serve as they lie), and the rows of x pass over it in groups of six.
 *           Weights of floats go another way, whatever the number of rows: turned_t.
 * matmul_n  dx = dy W: pairs of weight rows are interleaved into a panel of NB rows by STRIP columns, lanes along the columns, n in
 *           order; dW = dyᵀ x is the same tile over pairs of rows of both.
 * The order of every sum depends on K (or N, T of dW) alone. A product of two bf16 is exact in float; the instruction adds two of them
 * in a fixed order and flushes denormals. */
#include "kern/kern_int.h"
#include "kern/x86/bf_words.h"
#include "kern/x86/vec_avx512.h"

#define KB         2048 /* longest block of k */
#define PANEL_ROWS 96
#define WR         4 /* weight rows of a tile */
#define XR         6 /* rows of x of a tile */
#define STRIP      256
#define NB         256
#define SUB        64 /* columns that lie together */
#define few_max    3
#define FETCH_ROWS 48 /* from so many rows on the next panel is fetched a piece a group; fewer would be a burst */

static int64_t up32(int64_t n) { return (n + 31) / 32 * 32; }

/* Equal blocks of k, multiples of 256 (a superblock). */
static int64_t k_block(int64_t K) {
    int64_t n = (K + KB - 1) / KB;
    return n <= 1 ? (K > 0 ? K : 1) : ((K + n - 1) / n + 255) / 256 * 256;
}

/* ---- rounding and packing of activations --------------------------------------------------------------------------------------- */

static void rows(bf16 *dst, const num *x_, int64_t ldx, int64_t C, int64_t r0, int64_t r1) {
    int64_t ld = up32(C);
    for (int64_t r = r0; r < r1; r++) {
        const float *x = (const float *)x_ + r * ldx;
        bf16 *y = dst + r * ld;
        int64_t i = 0;
        for (; i + 32 <= C; i += 32)
            _mm512_storeu_si512(y + i, (__m512i)vb_of(_mm512_loadu_ps(x + i), _mm512_loadu_ps(x + i + 16)));
        if (i < C) {
            uint32_t m = (1u << (C - i)) - 1;
            vb v = vb_of(_mm512_maskz_loadu_ps((__mmask16)m, x + i), _mm512_maskz_loadu_ps((__mmask16)(m >> 16), x + i + 16));
            _mm512_storeu_si512(y + i, (__m512i)v);
        }
    }
}

static void pack(bf16 *dst, const num *x, int64_t ldx, int64_t T, int64_t C, int64_t r0, int64_t r1) {
    (void)T;
    rows(dst, x, ldx, C, r0, r1);
}

/* Both factors of dW: strips of SUB columns one after the other, in each two neighbouring rows interleaved, so that a panel lies together:
 * dst[C/SUB][T'/2][SUB][2]. Zero beyond T; beyond C whatever is there, as deep as nobody looks. */
static void strips(bf16 *dst, const num *x_, int64_t ldx, int64_t T, int64_t C, int64_t r0, int64_t r1) {
    int64_t P = up32(T) / 2;
    for (int64_t p = r0 / 2; p < (r1 + 1) / 2; p++) {
        const float *a = (const float *)x_ + 2 * p * ldx, *b = a + ldx;
        for (int64_t c = 0; c < C; c += 16) {
            __mmask16 m = (__mmask16)(C - c >= 16 ? 0xffff : (1u << (C - c)) - 1);
            __m512 u = _mm512_maskz_loadu_ps(m, a + c);
            __m512 w = 2 * p + 1 < T ? _mm512_maskz_loadu_ps(m, b + c) : _mm512_setzero_ps();
            _mm512_storeu_si512(dst + ((c / SUB * P + p) * SUB + c % SUB) * 2, bf_pair16(u, w));
        }
    }
}

/* ---- y = x Wᵀ ------------------------------------------------------------------------------------------------------------------- */

INL __m512 dp(__m512 s, vb a, vb b) { return _mm512_dpbf16_ps(s, a, b); }
INL vb loadb(const bf16 *p) { return (vb)_mm512_loadu_si512(p); }
INL vb pinb(vb v) {
    __asm__("" : "+v"(v));
    return v;
}

/* y[i, 0 … nv) (+)= x[i] · w[j] over n (a multiple of 32) for MR rows of x and WR rows of w */
INL void tile_t(const int MR, float *y, int64_t ldy, const bf16 *x, int64_t ldx, const bf16 *w, int64_t ldw, int64_t n,
                const float *bias, int add, __mmask8 mask) {
    __m512 s[XR][WR];
    _Pragma("GCC unroll 8") for (int i = 0; i < MR; i++) _Pragma("GCC unroll 8") for (int j = 0; j < WR; j++) s[i][j] =
        _mm512_setzero_ps();
    for (int64_t k = 0; k < n; k += 32) {
        vb b[WR];
        _Pragma("GCC unroll 8") for (int j = 0; j < WR; j++) b[j] = pinb(loadb(w + j * ldw + k));
        _Pragma("GCC unroll 8") for (int i = 0; i < MR; i++) {
            vb a = pinb(loadb(x + i * ldx + k));
            _Pragma("GCC unroll 8") for (int j = 0; j < WR; j++) s[i][j] = dp(s[i][j], a, b[j]);
        }
    }
    __m128 c = bias ? _mm_maskz_loadu_ps(mask, bias) : _mm_setzero_ps();
    _Pragma("GCC unroll 8") for (int i = 0; i < MR; i += 2) {
        const int two = i + 1 < MR;
        __m512 v[8];
        _Pragma("GCC unroll 8") for (int j = 0; j < WR; j++) v[j] = s[i][j], v[WR + j] = s[two ? i + 1 : i][j];
        __m256 r = vreduce(v);
        float *p = y + i * ldy;
        __m128 base = add ? _mm_add_ps(_mm_maskz_loadu_ps(mask, p), c) : c;
        _mm_mask_storeu_ps(p, mask, _mm_add_ps(base, _mm256_castps256_ps128(r)));
        if (!two) continue;
        p += ldy;
        base = add ? _mm_add_ps(_mm_maskz_loadu_ps(mask, p), c) : c;
        _mm_mask_storeu_ps(p, mask, _mm_add_ps(base, _mm256_extractf128_ps(r, 1)));
    }
}

#define TILE_T(MR)                                                                                                              \
    static void tile_t##MR(float *y, int64_t ldy, const bf16 *x, int64_t ldx, const bf16 *w, int64_t ldw, int64_t N, int64_t n, \
                           const float *bias, int add) {                                                                        \
        for (int64_t j = 0; j < N; j += WR)                                                                                     \
            tile_t(MR, y + j, ldy, x, ldx, w + j * ldw, ldw, n, bias ? bias + j : NULL, add,                                    \
                   (__mmask8)(N - j >= WR ? 15 : (1 << (N - j)) - 1));                                                          \
    }
TILE_T(1)
TILE_T(2)
TILE_T(3)
TILE_T(4)
TILE_T(5)
TILE_T(6)

/* Weights that will be needed next: rows of `bytes` bytes, ld apart, fetched bit by bit while something else is multiplied. */
struct ahead {
    const char *p;
    size_t ld;
    int64_t rows, bytes;
};
static void fetch(const struct ahead *a, int64_t part, int64_t parts) {
    for (int64_t r = a->rows * part / parts; r < a->rows * (part + 1) / parts; r++)
        for (int64_t l = 0; l < a->bytes; l += 64) _mm_prefetch(a->p + (size_t)r * a->ld + l, _MM_HINT_T1);
}

/* All rows of x against N rows of w (bf16 in memory, ldw apart; rows up to the next multiple of WR can be read). */
static void panel_t(float *y, int64_t ldy, const bf16 *x, int64_t ldx, int64_t T, const bf16 *w, int64_t ldw, int64_t N,
                    int64_t n, const float *bias, int add, const struct ahead *next) {
    int64_t t = 0;
    for (; t + XR <= T; t += XR) {
        if (T >= FETCH_ROWS) fetch(next, t / XR, T / XR);
        tile_t6(y + t * ldy, ldy, x + t * ldx, ldx, w, ldw, N, n, bias, add);
    }
    y += t * ldy, x += t * ldx;
    switch (T - t) {
    case 1: tile_t1(y, ldy, x, ldx, w, ldw, N, n, bias, add); break;
    case 2: tile_t2(y, ldy, x, ldx, w, ldw, N, n, bias, add); break;
    case 3: tile_t3(y, ldy, x, ldx, w, ldw, N, n, bias, add); break;
    case 4: tile_t4(y, ldy, x, ldx, w, ldw, N, n, bias, add); break;
    case 5: tile_t5(y, ldy, x, ldx, w, ldw, N, n, bias, add); break;
    default: break;
    }
}

/* MR rows of x (1 to 3) against SR rows of w decoded in registers; K blocks as everywhere. */
#define FEW(MR, SR, word, STEP, BYTES)                                                                                         \
    static void few_##word##_##MR(float *y, int64_t ldy, const bf16 *x, int64_t ldx, const char *const w[8], int64_t ahead,    \
                                  int64_t K, int64_t kb, const float *bias, int acc, int nv) {                                 \
        __mmask8 mask = (__mmask8)((1u << nv) - 1);                                                                            \
        __m256 out[MR];                                                                                                        \
        for (int i = 0; i < MR; i++) {                                                                                         \
            __m256 c = bias ? _mm256_maskz_loadu_ps(mask, bias) : _mm256_setzero_ps();                                         \
            out[i] = acc ? _mm256_add_ps(_mm256_maskz_loadu_ps(mask, y + i * ldy), c) : c;                                     \
        }                                                                                                                      \
        for (int64_t k0 = 0; k0 < K; k0 += kb) {                                                                               \
            int64_t k1 = K - k0 < kb ? K : k0 + kb, k = k0;                                                                    \
            __m512 s[MR][8];                                                                                                   \
            _Pragma("GCC unroll 8") for (int i = 0; i < MR; i++) _Pragma("GCC unroll 8") for (int j = 0; j < 8; j++) s[i][j] = \
                _mm512_setzero_ps();                                                                                           \
            for (; k + STEP <= k1; k += STEP) _Pragma("GCC unroll 8") for (int j = 0; j < SR; j++) {                           \
                    for (int l = 0; l < (BYTES + 63) / 64; l++)                                                                \
                        _mm_prefetch(w[j] + k / STEP * BYTES + 64 * l + ahead, _MM_HINT_T0);                                   \
                    vb v[STEP / 32];                                                                                           \
                    bf_decode_##word(v, w[j] + k / STEP * BYTES);                                                              \
                    _Pragma("GCC unroll 8") for (int q = 0; q < STEP / 32; q++)                                                \
                        _Pragma("GCC unroll 8") for (int i = 0; i < MR; i++) s[i][j] =                                         \
                            dp(s[i][j], loadb(x + i * ldx + k + 32 * q), v[q]);                                                \
                }                                                                                                              \
            if (k < k1)                                                                                                        \
                for (int j = 0; j < SR; j++) {                                                                                 \
                    bf16 last[32];                                                                                             \
                    bf_row_##word(last, w[j] + k / STEP * BYTES, k1 - k);                                                      \
                    for (int i = 0; i < MR; i++) s[i][j] = dp(s[i][j], loadb(x + i * ldx + k), loadb(last));                   \
                }                                                                                                              \
            for (int i = 0; i < MR; i++) out[i] = _mm256_add_ps(out[i], vreduce(s[i]));                                        \
        }                                                                                                                      \
        for (int i = 0; i < MR; i++) _mm256_mask_storeu_ps(y + i * ldy, mask, out[i]);                                         \
    }
#define FEWS(NAME, word, STEP, BYTES) FEW(1, 8, word, STEP, BYTES) FEW(2, 4, word, STEP, BYTES) FEW(3, 4, word, STEP, BYTES)
BF_FORMATS(FEWS)

typedef void (*few_fn)(float *y, int64_t ldy, const bf16 *x, int64_t ldx, const char *const w[8], int64_t ahead, int64_t K,
                       int64_t kb, const float *bias, int acc, int nv);
static const few_fn few[][few_max] = {/* in the order of bf_format */
#define FEW_ROW(NAME, word, STEP, BYTES) {few_##word##_1, few_##word##_2, few_##word##_3},
                                      BF_FORMATS(FEW_ROW)};

static void few_t(float *y, int64_t ldy, const bf16 *x, int64_t ldx, int T, const struct mat *w, int f, const float *bias,
                  int acc, int64_t n0, int64_t n1) {
    int sr = T == 1 ? 8 : 4;
    for (int64_t n = n0; n < n1; n += sr) {
        int nv = (int)(n1 - n < sr ? n1 - n : sr);
        const char *p[8];
        for (int j = 0; j < 8; j++) p[j] = (const char *)w->data + (size_t)(n + (j < nv ? j : 0)) * w->row_bytes;
        few[f][T - 1](y + n, ldy, x, ldx, p, (int64_t)w->row_bytes * sr, w->cols, k_block(w->cols), bias ? bias + n : NULL, acc,
                      nv);
    }
}

/* What follows rows n … n+N, k … k+kb: the same rows further on, or the next rows from the start. */
static struct ahead block_after(const struct mat *w, int f, int64_t n, int64_t N, int64_t n1, int64_t k, int64_t kb) {
    k += kb;
    if (k >= w->cols) {
        k = 0, n += N;
        N = n1 - n < PANEL_ROWS ? n1 - n : PANEL_ROWS;
    }
    int64_t len = w->cols - k < kb ? w->cols - k : kb, block = bf_format[f].block, bytes = bf_format[f].bytes;
    return (struct ahead){(const char *)w->data + (size_t)n * w->row_bytes + (size_t)(k / block) * (size_t)bytes, w->row_bytes, N,
                          len / block * bytes};
}

static __attribute__((noinline)) void many_t(float *y, int64_t ldy, const bf16 *x, int64_t ldx, int64_t T, const struct mat *w,
                                             int f, const float *bias, int acc, int64_t n0, int64_t n1) {
    bf16 panel[PANEL_ROWS * KB] __attribute__((aligned(64)));
    int64_t K = w->cols, kb = k_block(K);
    for (int64_t n = n0; n < n1; n += PANEL_ROWS) {
        int64_t N = n1 - n < PANEL_ROWS ? n1 - n : PANEL_ROWS;
        for (int64_t k = 0; k < K; k += kb) {
            int64_t len = K - k < kb ? K - k : kb, ld = up32(len);
            const char *p =
                (const char *)w->data + (size_t)n * w->row_bytes + (size_t)(k / bf_format[f].block) * (size_t)bf_format[f].bytes;
            const bf16 *b = panel;
            if (w->fmt == FMT_BF16 && len % 32 == 0 && N % WR == 0 && w->row_bytes % 2 == 0 && !((uintptr_t)p & 1)) {
                b = (const bf16 *)(const void *)p;
                ld = (int64_t)(w->row_bytes / 2);
            } else {
                for (int64_t i = 0; i < N; i++) bf_format[f].row(panel + i * ld, p + (size_t)i * w->row_bytes, len);
                for (int64_t i = N; i % WR; i++) memset(panel + i * ld, 0, (size_t)ld * sizeof *panel);
            }
            struct ahead next = block_after(w, f, n, N, n1, k, kb);
            panel_t(y + n, ldy, x + k, ldx, T, b, ld, N, up32(len), bias && k == 0 ? bias + n : NULL, acc || k > 0, &next);
        }
    }
}

/* ---- out[I, …] (+)= Σ over pairs j of a[i, j] b[j, …] ----------------------------------------------------------------------------- */

/* a: bf16, lda apart, a pair is a dword, the next one SJ further on; b[J, SUB] dwords, pairs interleaved. CV vectors of sixteen columns,
 * the last by mask. */
INL void tile_n(const int MR, const int CV, const int SJ, float *out, int64_t ldo, const bf16 *a, int64_t lda, const bf16 *b,
                int64_t J, int add, const float *bias, __mmask16 mask) {
    __m512 s[6][4];
    _Pragma("GCC unroll 8") for (int v = 0; v < CV; v++) {
        __mmask16 m = v == CV - 1 ? mask : 0xffff;
        __m512 c = bias ? _mm512_maskz_loadu_ps(m, bias + 16 * v) : _mm512_setzero_ps();
        _Pragma("GCC unroll 8") for (int i = 0; i < MR; i++) s[i][v] =
            add ? _mm512_add_ps(_mm512_maskz_loadu_ps(m, out + i * ldo + 16 * v), c) : c;
    }
    for (int64_t j = 0; j < J; j++) {
        vb bv[4];
        _Pragma("GCC unroll 8") for (int v = 0; v < CV; v++) bv[v] = pinb(loadb(b + (j * SUB + 16 * v) * 2));
        _Pragma("GCC unroll 8") for (int i = 0; i < MR; i++) {
            int32_t d;
            memcpy(&d, a + i * lda + SJ * j, 4);
            vb x = (vb)_mm512_set1_epi32(d);
            _Pragma("GCC unroll 8") for (int v = 0; v < CV; v++) s[i][v] = dp(s[i][v], x, bv[v]);
        }
    }
    _Pragma("GCC unroll 8") for (int i = 0; i < MR; i++) _Pragma("GCC unroll 8") for (int v = 0; v < CV; v++)
        _mm512_mask_storeu_ps(out + i * ldo + 16 * v, v == CV - 1 ? mask : 0xffff, s[i][v]);
}

/* a as rows (n), or as a strip of pairs like b (w) */
#define TILE_N(MR, CV)                                                                                                     \
    static void tile_n##MR##x##CV(float *out, int64_t ldo, const bf16 *a, int64_t lda, const bf16 *b, int64_t J, int add,  \
                                  const float *bias, __mmask16 m) {                                                        \
        tile_n(MR, CV, 2, out, ldo, a, lda, b, J, add, bias, m);                                                           \
    }                                                                                                                      \
    static void tile_w##MR##x##CV(float *out, int64_t ldo, const bf16 *a, int64_t lda, const bf16 *b, int64_t J, int add,  \
                                  const float *bias, __mmask16 m) {                                                        \
        (void)lda, (void)add, (void)bias;                                                                                  \
        tile_n(MR, CV, 2 * SUB, out, ldo, a, 2, b, J, 1, NULL, m);                                                         \
    }
TILE_N(6, 4)
TILE_N(4, 4)
TILE_N(2, 4)
TILE_N(1, 4)
TILE_N(6, 2) TILE_N(4, 2) TILE_N(2, 2) TILE_N(1, 2) TILE_N(6, 1) TILE_N(4, 1) TILE_N(2, 1) TILE_N(1, 1)

    typedef void (*tile_fn)(float *out, int64_t ldo, const bf16 *a, int64_t lda, const bf16 *b, int64_t J, int add,
                            const float *bias, __mmask16 m);
#define TILES(x)                                                                                                             \
    {                                                                                                                        \
        {tile_##x##6x4, tile_##x##4x4, tile_##x##2x4, tile_##x##1x4}, {tile_##x##6x2, tile_##x##4x2, tile_##x##2x2, tile_##x##1x2}, \
        {tile_##x##6x1, tile_##x##4x1, tile_##x##2x1, tile_##x##1x1},                                                        \
    }
static const tile_fn tiles_n[3][4] = TILES(n), tiles_w[3][4] = TILES(w);

/* I rows, C ≤ SUB columns */
static void strip_n(const tile_fn tiles[3][4], float *out, int64_t ldo, int64_t I, const bf16 *a, int64_t lda, const bf16 *b,
                    int64_t J, int64_t C, int add, const float *bias) {
    static const int rows_of[4] = {6, 4, 2, 1};
    for (int64_t c = 0, step; c < C; c += step) {
        int wide = C == SUB ? 0 : C - c >= 32 ? 1 : 2;
        __mmask16 m = (__mmask16)(C - c >= 16 ? 0xffff : (1u << (C - c)) - 1);
        step = wide == 0 ? SUB : wide == 1 ? 32 : 16;
        for (int64_t i = 0, r = 0; r < 4; r++)
            for (; i + rows_of[r] <= I; i += rows_of[r])
                tiles[wide][r](out + i * ldo + c, ldo, a + i * lda, lda, b + 2 * c, J, add, bias ? bias + c : NULL, m);
    }
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* dst[p][SUB] = (w[n + i, k + 2p], w[n + i, k + 2p + 1]) of N ≤ SUB rows of floats and len columns: pairs of k, one of each row side by side */
static void turned_panel(bf16 *dst, const struct mat *w, int64_t n, int64_t N, int64_t k, int64_t len) {
    for (int64_t i = 0; i < N; i += 16)
        for (int64_t c = 0; c < len; c += 32) {
            uint32_t m = len - c >= 32 ? 0xffffffffu : (1u << (len - c)) - 1;
            __m512i v[16];
            for (int64_t r = 0; r < 16; r++) {
                const float *p = (const float *)(const void *)((const char *)w->data + (size_t)(n + i + r) * w->row_bytes) + k + c;
                v[r] = i + r < N ? (__m512i)vb_of(_mm512_maskz_loadu_ps((__mmask16)m, p),
                                                  _mm512_maskz_loadu_ps((__mmask16)(m >> 16), p + 16))
                                 : _mm512_setzero_si512();
            }
            bf_turn16(v);
            for (int64_t r = 0; r < 16; r++) _mm512_storeu_si512(dst + ((c / 2 + r) * SUB + i) * 2, v[r]);
        }
}

/* Floats: y = x Wᵀ with the tile of matmul_n, k in order, lanes along the columns of y. Models in training are short in k, where adding up
 * the lanes of a dot product costs a third of the product. */
static __attribute__((noinline)) void turned_t(float *y, int64_t ldy, const bf16 *x, int64_t ldx, int64_t T, const struct mat *w,
                                               const float *bias, int acc, int64_t n0, int64_t n1) {
    bf16 panel[NB * SUB] __attribute__((aligned(64)));
    for (int64_t n = n0; n < n1; n += SUB)
        for (int64_t k = 0; k < w->cols; k += NB) {
            int64_t N = least(SUB, n1 - n), len = least(NB, w->cols - k);
            turned_panel(panel, w, n, N, k, len);
            strip_n(tiles_n, y + n, ldy, T, x + k, ldx, panel, (len + 1) / 2, N, acc || k > 0, bias && k == 0 ? bias + n : NULL);
        }
}

static void matmul_t(num *y, int64_t ldy, const bf16 *x, int64_t T, const struct mat *w, const num *bias, int acc, int64_t n0,
                     int64_t n1) {
    int f = bf_format_of(w->fmt);
    int64_t ldx = up32(w->cols);
    if (w->cols == 0) /* nothing but the bias */
        for (int64_t t = 0; t < T; t++) few_t((float *)y + t * ldy, ldy, x, ldx, 1, w, f, (const float *)bias, acc, n0, n1);
    else if (w->fmt == FMT_F32)
        turned_t((float *)y, ldy, x, ldx, T, w, (const float *)bias, acc, n0, n1);
    else if (T <= few_max)
        few_t((float *)y, ldy, x, ldx, (int)T, w, f, (const float *)bias, acc, n0, n1);
    else
        many_t((float *)y, ldy, x, ldx, T, w, f, (const float *)bias, acc, n0, n1);
}

static __attribute__((noinline)) void matmul_n(num *dx_, int64_t ldx, const bf16 *dy, int64_t T, const struct mat *w,
                                               const num *bias_, int acc, int64_t k0, int64_t k1) {
    bf16 panel[NB * STRIP] __attribute__((aligned(64)));
    int f = bf_format_of(w->fmt);
    int64_t ldy = up32(w->rows);
    float *dx = (float *)dx_;
    const float *bias = (const float *)bias_;
    for (int64_t k = k0; k < k1; k += STRIP) {
        int64_t C = least(STRIP, k1 - k);
        for (int64_t n = 0; n < w->rows; n += NB) {
            int64_t N = least(NB, w->rows - n);
            bf_weight_pairs(panel, SUB, NB / 2 * SUB, w, f, n, N, k, C);
            for (int64_t c = 0; c < C; c += SUB)
                strip_n(tiles_n, dx + k + c, ldx, T, dy + n, ldy, panel + c / SUB * NB * SUB, (N + 1) / 2, least(SUB, C - c), acc || n > 0,
                        bias && n == 0 ? bias + k + c : NULL);
        }
        if (w->rows == 0)
            for (int64_t t = 0; t < T; t++)
                for (int64_t c = k; c < k + C; c++) dx[t * ldx + c] = (acc ? dx[t * ldx + c] : 0) + (bias ? bias[c] : 0);
    }
}

static void matmul_dw(num *dw, const bf16 *dy, const bf16 *x, int64_t T, int64_t K, int64_t n0, int64_t n1) {
    int64_t strip = up32(T) * SUB;
    for (int64_t t = 0; t < T; t += NB) {
        int64_t J = (least(NB, T - t) + 1) / 2;
        for (int64_t k = 0; k < K; k += SUB)
            for (int64_t n = n0, I; n < n1; n += I) {
                I = least(SUB - n % SUB, n1 - n);
                strip_n(tiles_w, (float *)dw + n * K + k, K, I, dy + n / SUB * strip + t * SUB + n % SUB * 2, 2,
                        x + k / SUB * strip + t * SUB, J, least(SUB, K - k), 1, NULL);
            }
    }
}

void kern_fill_avx512bf(struct bf_kernels *k) {
    *k = (struct bf_kernels){rows, pack, strips, strips, matmul_t, matmul_n, matmul_dw, bf_floats};
}
