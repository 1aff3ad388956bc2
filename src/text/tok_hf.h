/* What the two halves of the Hugging Face loader share: tok_load_hf.c reads folders and token lists, tok_hf_json.c reads the
 * constructs of tokenizer.json (normalizer, pre_tokenizer, post_processor, decoder). Private to this room. */
#ifndef TEXT_TOK_HF_H
#define TEXT_TOK_HF_H
#include "text/tok_int.h"
#include <jansson.h>

/* The constructs; called after the model's own fields and before the token list, as they decide how pieces are spelled. */
int tok__hf_normalizer(struct tokenizer *t, const json_t *j, struct err *e);
int tok__hf_pre_tokenizer(struct tokenizer *t, const json_t *j, struct err *e);
int tok__hf_decoder(struct tokenizer *t, const json_t *j, struct err *e);
int tok__hf_post_processor(struct tokenizer *t, const json_t *j, struct err *e); /* after the token list */
/* A member that is a string, else NULL; a member that is true; */
const char *tok__hf_str(const json_t *j, const char *key);
int tok__hf_true(const json_t *j, const char *key, int otherwise);
#endif
