/* Writes safetensors: one file, or shards with an index where a limit is given (the format is drawn in safetensors.c).
 *
 * Tensors are declared in order; their bytes are asked for while the file is written, a few rows at a time (as by
 * gguf_put_tensor_from), so the memory taken does not depend on a tensor's size. Names are copied, ctx is borrowed until commit. Errors are sticky: a declaration that fails
 * makes the commit fail. F32, F16, BF16 and F64 can be written; other formats have no name in safetensors. One thread. */
#ifndef WEIGHTS_SAFETENSORS_WRITE_H
#define WEIGHTS_SAFETENSORS_WRITE_H
#include "base/dir_out.h"
#include "base/err.h"
#include "kern/fmt.h"
#include "weights/gguf_write.h"

struct st_writer;
int st_writer_new(struct st_writer **out, struct err *e);
void st_writer_free(struct st_writer *s);
void st_put_tensor(struct st_writer *s, const char *name, enum fmt f, int n_dims, const int64_t *dims, gguf_fill_fn fill,
                   void *ctx);
/* max_shard: bytes of tensors in a file, 0: one file. model.safetensors, or model-0000i-of-0000n.safetensors and the index. Each
 * tensor lies in one file, whatever its size. */
int st_writer_commit(struct st_writer *s, const struct dir_out *d, uint64_t max_shard, struct err *e);
#endif
