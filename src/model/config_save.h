/* A configuration written again: as keys of a GGUF, or as config.json. The inverse of config.c. */
#ifndef MODEL_CONFIG_SAVE_H
#define MODEL_CONFIG_SAVE_H
#include "model/config.h"
#include "weights/gguf_write.h"

struct json_t;
/* general.architecture and the keys of the architecture, as llama.cpp's converter names them. Refused: what GGUF has no key for. */
int config_put(struct gguf_writer *g, const struct model_cfg *c, struct err *e);
/* What a configuration does not know and config.json says: ids of special tokens (-1: none), and how most numbers are stored. */
struct config_ids {
    int32_t bos, eos, pad;
};
/* freq[dims/2]: the angles the model rotates by; factors: they were divided by the file's rope_freqs.weight, which becomes Llama 3's
 * scaling if that is what it is. *out is a new reference. */
int config_json(struct json_t **out, const struct model_cfg *c, const double *freq, int factors, const struct config_ids *ids,
                enum fmt f, struct err *e);
#endif
