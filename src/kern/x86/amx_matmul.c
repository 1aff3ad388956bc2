/* The bf16 products on AMX: the loops of tmpl/tiles.inc in the processor's tile instructions. Eight tiles of sixteen rows by sixty-four
 * bytes, for every product; configuring is cheap beside a slice, so every slice does it and none leaves tiles behind (a thread with
 * tiles in use makes switching dear). */
#include "kern/x86/amx_tiles.h"

static const struct tile_config config
    __attribute__((aligned(64))) = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

#define TILE_CONFIG()    _tile_loadconfig(&config)
#define TILE_DP(c, a, b) _tile_dpbf16ps(c, a, b)
#include "kern/tmpl/tiles.inc"

#define WITH_RELEASE(name, params, args) \
    static void name##_released params { \
        name args;                       \
        _tile_release();                 \
    }
WITH_RELEASE(matmul_t,
             (num * y, int64_t ldy, const bf16 *x, int64_t T, const struct mat *w, const num *bias, int acc, int64_t n0,
              int64_t n1),
             (y, ldy, x, T, w, bias, acc, n0, n1))
WITH_RELEASE(matmul_n,
             (num * dx, int64_t ldx, const bf16 *dy, int64_t T, const struct mat *w, const num *bias, int acc, int64_t k0,
              int64_t k1),
             (dx, ldx, dy, T, w, bias, acc, k0, k1))
WITH_RELEASE(matmul_dw, (num * dw, const bf16 *dy, const bf16 *x, int64_t T, int64_t K, int64_t n0, int64_t n1),
             (dw, dy, x, T, K, n0, n1))

void kern_fill_amx(struct bf_kernels *k) {
    *k = (struct bf_kernels){rows, pack, bf_cols, right, matmul_t_released, matmul_n_released, matmul_dw_released, bf_floats};
}
