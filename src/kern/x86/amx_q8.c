/* The product of bytes on AMX: the loops of tmpl/tiles_q8.inc in the processor's tile instructions. */
#include "kern/x86/amx_tiles.h"

static const struct tile_config blocks_of_32
    __attribute__((aligned(64))) = {1, 0, {0}, {64, 64, 64, 64, 32, 32, 64, 64}, {16, 16, 16, 16, 16, 16, 8, 8}};
static const struct tile_config blocks_of_16
    __attribute__((aligned(64))) = {1, 0, {0}, {64, 64, 64, 64, 16, 16, 64, 64}, {16, 16, 16, 16, 16, 16, 4, 4}};

#define FEW_TILES          4
#define TILE_CONFIG(bytes) ((bytes) == 32 ? _tile_loadconfig(&blocks_of_32) : _tile_loadconfig(&blocks_of_16))
#define TILE_RELEASE()     _tile_release()
#define TILE_DP(c, a, b)   _tile_dpbsud(c, a, b)
#include "kern/tmpl/tiles_q8.inc"

void kern_fill_amx_q8(struct q8_kernels *k) { *k = (struct q8_kernels){kern_vnni_pack, matmul_tiles}; }
