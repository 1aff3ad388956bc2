/* Storage formats: how numbers lie in a file. One row per format; a newcomer joins by adding a row (and its cases in the op table).
 *
 * A row of a matrix is cols/block blocks of `bytes` bytes. to_f32/from_f32 work on whole blocks and are exact inverses of ggml's layout;
 * from_f32 is byte-exact with ggml's quantising of a file without an importance matrix. Ids are ggml's type ids, since files carry
 * them. */
#ifndef KERN_FMT_H
#define KERN_FMT_H
#include <stddef.h>
#include <stdint.h>

typedef uint16_t bf16;
typedef uint16_t f16;

#define FMT_MAP(XX)                    \
    XX(0, F32, "F32", 1, 4)            \
    XX(1, F16, "F16", 1, 2)            \
    XX(2, Q4_0, "Q4_0", 32, 18)        \
    XX(3, Q4_1, "Q4_1", 32, 20)        \
    XX(6, Q5_0, "Q5_0", 32, 22)        \
    XX(7, Q5_1, "Q5_1", 32, 24)        \
    XX(8, Q8_0, "Q8_0", 32, 34)        \
    XX(10, Q2_K, "Q2_K", 256, 84)      \
    XX(11, Q3_K, "Q3_K", 256, 110)     \
    XX(12, Q4_K, "Q4_K", 256, 144)     \
    XX(13, Q5_K, "Q5_K", 256, 176)     \
    XX(14, Q6_K, "Q6_K", 256, 210)     \
    XX(20, IQ4_NL, "IQ4_NL", 32, 18)   \
    XX(23, IQ4_XS, "IQ4_XS", 256, 136) \
    XX(28, F64, "F64", 1, 8)           \
    XX(30, BF16, "BF16", 1, 2)
enum fmt {
#define XX(id, name, text, block, bytes) FMT_##name = id,
    FMT_MAP(XX)
#undef XX
};
struct fmt_row {
    enum fmt id;
    const char *name;
    int block, bytes;                                   /* elements and bytes of a block */
    int is_float;                                       /* dW exists for float formats only */
    void (*to_f32)(float *y, const void *x, int64_t n); /* n elements, a multiple of block */
    void (*from_f32)(void *y, const float *x, int64_t n);
};
/* NULL for an id we do not know. */
const struct fmt_row *fmt_find(int id);
const struct fmt_row *fmt_by_name(const char *name); /* case-insensitive */
/* Rows in the table, for listings: i = 0, 1, … until NULL. */
const struct fmt_row *fmt_at(int i);
/* Bytes of a row of cols elements; 0 if cols is not a multiple of the block. */
size_t fmt_row_bytes(enum fmt f, int64_t cols);

float f16_to_f32(f16 h);
f16 f32_to_f16(float x); /* round to nearest even */
float bf16_to_f32(bf16 h);
bf16 f32_to_bf16(float x); /* round to nearest even, NaN stays NaN */

/* A matrix in storage: row-major [rows, cols], rows row_bytes apart (so a view may be a band of rows, or for float formats of columns).
 * Never owns its bytes. */
struct mat {
    enum fmt fmt;
    int64_t rows, cols;
    const void *data;
    size_t row_bytes;
};
#endif
