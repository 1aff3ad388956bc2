/* Tile words that every product on AMX shares. What the compiler does not know about these instructions (gcc 12):
 *   ldtilecfg  reads sixty-four bytes, of which it is told eight: a configuration on the stack may never be written, so they are static
 *              const;
 *   tileloadd  reads memory, of which it is told nothing: a panel written just before might not be there yet, or never. */
#ifndef KERN_AMX_TILES_H
#define KERN_AMX_TILES_H
#include <immintrin.h>
#include <stdint.h>

struct tile_config {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

#define TILE_ZERO(t) _tile_zero(t)
#define TILE_LOAD(t, p, ld)                \
    do {                                   \
        __asm__ volatile("" ::: "memory"); \
        _tile_loadd(t, p, ld);             \
    } while (0)
#define TILE_STORE(t, p, ld) _tile_stored(t, p, ld)
#endif
