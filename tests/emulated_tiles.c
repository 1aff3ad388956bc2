/* The loops of tmpl/tiles.inc on tiles that are plain memory, so that any CPU with AVX512_BF16 can test what AMX runs. The product
 * follows the processor's manual: pairs in order, the second of a pair after the first, in float. */
#include <stdint.h>
#include <string.h>
static _Thread_local struct { unsigned char b[16][64]; } tile[8];

static void tile_load(int t, const void *p, int64_t ld) {
    for (int i = 0; i < 16; i++) memcpy(tile[t].b[i], (const char *)p + i * ld, 64);
}
static void tile_store(int t, void *p, int64_t ld) {
    for (int i = 0; i < 16; i++) memcpy((char *)p + i * ld, tile[t].b[i], 64);
}
static float at(int t, int row, int i) { /* bf16 number i of a row */
    uint16_t h;
    memcpy(&h, tile[t].b[row] + 2 * i, 2);
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
}
static void tile_dp(int c, int a, int b) {
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++) {
            float s;
            memcpy(&s, tile[c].b[i] + 4 * j, 4);
            for (int q = 0; q < 16; q++) {
                s += at(a, i, 2 * q) * at(b, q, 2 * j);
                s += at(a, i, 2 * q + 1) * at(b, q, 2 * j + 1);
            }
            memcpy(tile[c].b[i] + 4 * j, &s, 4);
        }
}
#define TILE_CONFIG()        memset(tile, 0xff, sizeof tile) /* nothing may be taken over from another slice */
#define TILE_ZERO(t)         memset(&tile[t], 0, sizeof tile[t])
#define TILE_LOAD(t, p, ld)  tile_load(t, p, ld)
#define TILE_STORE(t, p, ld) tile_store(t, p, ld)
#define TILE_DP(c, a, b)     tile_dp(c, a, b)
#include "kern/tmpl/tiles.inc"

void kern_fill_emulated_tiles(struct bf_kernels *k);
void kern_fill_emulated_tiles(struct bf_kernels *k) {
    *k = (struct bf_kernels){rows, pack, bf_cols, right, matmul_t, matmul_n, matmul_dw, bf_floats};
}
