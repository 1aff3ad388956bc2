/* A set of tensors made in memory, with the face of an open GGUF file: for weights that no file holds (random ones, to measure with).
 * Built by its maker, in order: new, keys, tensors and their bytes; from then on it is a struct weights like any other. */
#ifndef WEIGHTS_MEMORY_H
#define WEIGHTS_MEMORY_H
#include "weights/weights.h"

int weights_memory_new(struct weights **out, const char *name, struct err *e); /* name: stands for a path in errors */
int weights_memory_u32(struct weights *w, const char *key, uint32_t v, struct err *e);
int weights_memory_f32(struct weights *w, const char *key, float v, struct err *e);
int weights_memory_str(struct weights *w, const char *key, const char *s, struct err *e);
/* dims slowest first. *bytes: where the caller writes the rows, one after another, 64-byte aligned; owned by w. */
int weights_memory_tensor(struct weights *w, const char *name, enum fmt f, int n_dims, const int64_t *dims, void **bytes,
                          struct err *e);
uint64_t weights_tensor_bytes(const struct weights *w); /* of all tensors, of any source */
#endif
