/* Writes GGUF v3 files: collect metadata and tensors, then one write through base/fs (temporary name, rename).
 * Tensor bytes are borrowed until gguf_writer_commit, or made during it, piece by piece (gguf_put_tensor_from), so that a file may be
 * larger than memory. Names and keys are copied. Errors are sticky: an add that fails makes commit fail. */
#ifndef WEIGHTS_GGUF_WRITE_H
#define WEIGHTS_GGUF_WRITE_H
#include "base/err.h"
#include "kern/fmt.h"
#include "weights/weights.h"

struct gguf_writer;
int gguf_writer_new(struct gguf_writer **out, struct err *e);
void gguf_writer_free(struct gguf_writer *g);
void gguf_put_u16(struct gguf_writer *g, const char *key, uint16_t v);
void gguf_put_u32(struct gguf_writer *g, const char *key, uint32_t v);
void gguf_put_u64(struct gguf_writer *g, const char *key, uint64_t v);
void gguf_put_i32(struct gguf_writer *g, const char *key, int32_t v);
void gguf_put_f32(struct gguf_writer *g, const char *key, float v);
void gguf_put_f64(struct gguf_writer *g, const char *key, double v);
void gguf_put_bool(struct gguf_writer *g, const char *key, int v);
void gguf_put_str(struct gguf_writer *g, const char *key, const char *s, size_t n);
void gguf_put_strs(struct gguf_writer *g, const char *key, const struct meta_str *s, uint64_t n);
void gguf_put_i32s(struct gguf_writer *g, const char *key, const int32_t *v, uint64_t n);
void gguf_put_f32s(struct gguf_writer *g, const char *key, const float *v, uint64_t n);
/* Copies one metadata value of an open GGUF (any type) under the same key. */
void gguf_put_copy(struct gguf_writer *g, const struct weights *w, const char *key);
/* dims slowest first; data holds the bytes in format f. */
void gguf_put_tensor(struct gguf_writer *g, const char *name, enum fmt f, int n_dims, const int64_t *dims, const void *data);
/* The same with bytes that fill makes during commit, on its thread: rows [row, row + rows) of the matrix (all but the last dimension
 * are rows) into bytes[rows * row_bytes]. Pieces come in order, once each, of a few MiB or one row. A negative return ends commit,
 * and nothing is written. ctx is borrowed until commit returns. */
typedef int (*gguf_fill_fn)(void *ctx, int64_t row, int64_t rows, void *bytes, struct err *e);
void gguf_put_tensor_from(struct gguf_writer *g, const char *name, enum fmt f, int n_dims, const int64_t *dims, gguf_fill_fn fill,
                          void *ctx);
int gguf_writer_commit(struct gguf_writer *g, const char *path, struct err *e);
#endif
