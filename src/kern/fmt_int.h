/* Inside of the format table: the converters of each row, and what the files of blocks share. */
#ifndef KERN_FMT_INT_H
#define KERN_FMT_INT_H
#include "kern/fmt.h"
#include <string.h>

#define XX(id, name, text, block, bytes)                    \
    void fmt_to_##name(float *y, const void *x, int64_t n); \
    void fmt_from_##name(void *y, const float *x, int64_t n);
FMT_MAP(XX)
#undef XX

/* The levels of IQ4_NL and IQ4_XS. */
#define FMT_IQ4_LEVELS \
    { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 }

/* To the nearest whole number, ties to even, for |x| < 2^22: 1.5 2^23 + x has it in its last bits. Any x gives some int. */
static inline int fmt_nearest(float x) {
    float y = x + 12582912.0f;
    uint32_t u;
    memcpy(&u, &y, 4);
    return (int)(u & 0x7fffff) - 0x400000;
}
static inline int fmt_clamp(int x, int lo, int hi) { return x < lo ? lo : x > hi ? hi : x; }

/* fmt_to_ and fmt_from_ of a format of `block` elements, out of unpack_##name and pack_##name for one struct name. Blocks are read and
 * written with memcpy, since rows of a mapped file need not be aligned. */
#define FMT_BLOCKS(name, block)                                              \
    void fmt_to_##name(float *y, const void *x, int64_t n) {                 \
        const char *p = x;                                                   \
        for (int64_t i = 0; i < n; i += (block), p += sizeof(struct name)) { \
            struct name b;                                                   \
            memcpy(&b, p, sizeof b);                                         \
            unpack_##name(y + i, &b);                                        \
        }                                                                    \
    }                                                                        \
    void fmt_from_##name(void *y, const float *x, int64_t n) {               \
        char *p = y;                                                         \
        for (int64_t i = 0; i < n; i += (block), p += sizeof(struct name)) { \
            struct name b;                                                   \
            pack_##name(&b, x + i);                                          \
            memcpy(p, &b, sizeof b);                                         \
        }                                                                    \
    }
#endif
