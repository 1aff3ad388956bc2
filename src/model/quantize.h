/* A model file in another storage format: planned first (which tensor takes which format, what the file will weigh), then written tensor by
 * tensor, so that neither the old nor the new model need fit in memory.
 *
 * What is written is a GGUF with the keys of the old one (general.quantization_version and general.file_type are new), tensors in
 * llama.cpp's order. Bytes are those of the formats' own quantisers, the same at any number of threads. */
#ifndef MODEL_QUANTIZE_H
#define MODEL_QUANTIZE_H
#include "base/pool.h"
#include "model/mix.h"

struct quant_item {
    const struct tensor *t;
    enum fmt to;
    uint64_t bytes; /* in the new format */
};
struct quant_plan {
    const struct weights *w; /* borrowed */
    const struct quant_mix *mix;
    struct quant_item *items; /* [n], in the order of the file to be */
    int64_t n;
    int64_t numbers;        /* in all tensors */
    uint64_t before, after; /* bytes of all tensors */
};
/* w: a GGUF of a family we know. Refused: what is quantised already (unless o->requantize) and would become something else. o and what
 * it points to are needed for this call only. */
int quant_plan_new(struct quant_plan **out, const struct weights *w, const struct quant_opts *o, struct err *e);
void quant_plan_free(struct quant_plan *p);

struct quant_run {
    struct pool *pool;        /* NULL: the calling thread alone */
    int (*stop)(void);        /* asked between pieces; NULL: never. A run that is stopped is ERR_CANCELLED and leaves no file. */
    int64_t tensors_per_file; /* 0: all in one; else NAME.gguf becomes NAME-00001-of-0000N.gguf and so on */
};
/* path must not be a file of the model that is read. Progress goes to stderr. Not finite numbers, and numbers the new format has no room
 * for, are refused with their place. */
int quant_write(const struct quant_plan *p, const char *path, const struct quant_run *r, struct err *e);
/* Files that quant_write makes: their number, and the path of each. */
int64_t quant_files(const struct quant_plan *p, int64_t tensors_per_file);
int quant_file_path(char *buf, size_t size, const char *path, int64_t i, int64_t n, struct err *e);
#endif
