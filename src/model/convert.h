/* A model between its two homes: Hugging Face folder to GGUF, GGUF to folder.
 *
 * The model is opened first, so that a missing tensor, a wrong shape or an unknown family is found before anything is written; what the
 * file holds besides is named. Rows are then read, permuted or turned, and rounded while the output is written, a few MiB at a time
 * (one whole tensor where it is turned). Same format, same numbers: bytes are copied. Tokenizers are not here (room text). */
#ifndef MODEL_CONVERT_H
#define MODEL_CONVERT_H
#include "model/config_save.h"
#include "weights/safetensors_write.h"

struct device;
struct convert;
struct convert_opts {
    int type; /* enum fmt F32, F16 or BF16 of matrices (in a folder, of everything); -1: as it is, BF16 for quantised ones */
    int (*stop)(void); /* asked between pieces; NULL: never. A stopped conversion is ERR_CANCELLED. */
};
/* w is borrowed until convert_free. */
int convert_open(struct convert **out, struct device *d, const struct weights *w, const struct convert_opts *o, struct err *e);
void convert_free(struct convert *c);
int64_t convert_vocab(const struct convert *c);   /* rows of the embedding */
int64_t convert_tensors(const struct convert *c); /* to be written */
int convert_is_reward(const struct convert *c);
/* From a folder: general.*, the architecture's keys, all tensors. name: general.name. c is borrowed until g was committed. */
int convert_put_gguf(struct convert *c, struct gguf_writer *g, const char *name, struct err *e);
/* From a GGUF: all tensors; c is borrowed until s was committed. config.json. */
int convert_put_folder(struct convert *c, struct st_writer *s, struct err *e);
int convert_config(struct convert *c, const struct dir_out *d, const struct config_ids *ids, struct err *e);
#endif
