/* The loops of tmpl/tiles_q8.inc on tiles that are plain memory, so that any CPU with AVX512_VNNI can test what AMX runs. The product
 * follows the processor's manual: signed bytes of the left factor by unsigned ones of the right, in integers. */
#include <stdint.h>
#include <string.h>
static _Thread_local struct { unsigned char b[16][64]; } tile[8];
static _Thread_local int factor; /* bytes of a left factor's row */

static int rows_of(int t) { return t < 6 ? 16 : factor / 4; }
static size_t bytes_of(int t) { return t == 4 || t == 5 ? (size_t)factor : 64; }
static void tile_load(int t, const void *p, int64_t ld) {
    for (int i = 0; i < rows_of(t); i++) memcpy(tile[t].b[i], (const char *)p + i * ld, bytes_of(t));
}
static void tile_store(int t, void *p, int64_t ld) {
    for (int i = 0; i < rows_of(t); i++) memcpy((char *)p + i * ld, tile[t].b[i], bytes_of(t));
}
static void tile_dp(int c, int a, int b) {
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++) {
            int32_t s;
            memcpy(&s, tile[c].b[i] + 4 * j, 4);
            for (int q = 0; q < factor / 4; q++)
                for (int r = 0; r < 4; r++) s += (int8_t)tile[a].b[i][4 * q + r] * tile[b].b[q][4 * j + r];
            memcpy(tile[c].b[i] + 4 * j, &s, 4);
        }
}
#define FEW_TILES            0
#define TILE_CONFIG(bytes)   (factor = (bytes), (void)memset(tile, 0xff, sizeof tile))
#define TILE_RELEASE()       (void)0
#define TILE_ZERO(t)         memset(&tile[t], 0, sizeof tile[t])
#define TILE_LOAD(t, p, ld)  tile_load(t, p, ld)
#define TILE_STORE(t, p, ld) tile_store(t, p, ld)
#define TILE_DP(c, a, b)     tile_dp(c, a, b)
#include "kern/tmpl/tiles_q8.inc"

void kern_fill_emulated_tiles_q8(struct q8_kernels *k);
void kern_fill_emulated_tiles_q8(struct q8_kernels *k) { *k = (struct q8_kernels){kern_vnni_pack, matmul_tiles}; }
