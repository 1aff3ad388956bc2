/* The product of bytes on AMX: the loops of tmpl/tiles_q8.inc in the processor's tile instructions. Configurations are static const for
 * the reason given in amx_matmul.c. */
#include <immintrin.h>
#include <stdint.h>

struct config {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};
static const struct config blocks_of_32
    __attribute__((aligned(64))) = {1, 0, {0}, {64, 64, 64, 64, 32, 32, 64, 64}, {16, 16, 16, 16, 16, 16, 8, 8}};
static const struct config blocks_of_16
    __attribute__((aligned(64))) = {1, 0, {0}, {64, 64, 64, 64, 16, 16, 64, 64}, {16, 16, 16, 16, 16, 16, 4, 4}};

#define FEW_TILES          4
#define TILE_CONFIG(bytes) ((bytes) == 32 ? _tile_loadconfig(&blocks_of_32) : _tile_loadconfig(&blocks_of_16))
#define TILE_RELEASE()     _tile_release()
#define TILE_ZERO(t)       _tile_zero(t)
/* gcc 12 does not know that tileloadd reads memory: without this a panel written just before may not be there yet, or never. */
#define TILE_LOAD(t, p, ld)                \
    do {                                   \
        __asm__ volatile("" ::: "memory"); \
        _tile_loadd(t, p, ld);             \
    } while (0)
#define TILE_STORE(t, p, ld) _tile_stored(t, p, ld)
#define TILE_DP(c, a, b)     _tile_dpbsud(c, a, b)
#include "kern/tmpl/tiles_q8.inc"

void kern_fill_amx_q8(struct q8_kernels *k) { *k = (struct q8_kernels){kern_vnni_pack, matmul_tiles}; }
