/* Between questions and token ids, with a tokenizer: the prompt a model gets, the text it wrote, where its answers end and its steps
 * end; and whether two models speak the same vocabulary. Borrows the tokenizer. */
#ifndef DECODE_CODEC_H
#define DECODE_CODEC_H
#include "decode/problem.h"

struct vocab {
    const struct tokenizer *t;
    int32_t *ends;
    int n_ends;
    unsigned char *step_end;
};
/* Step ends: tokens that contain a newline or ';', or that are "." or "</think>" themselves. */
int vocab_open(struct vocab *v, const struct tokenizer *t, struct err *e);
void vocab_close(struct vocab *v);
struct codec vocab_codec(const struct vocab *v);
/* A reward model must read the policy's own ids: the same number of tokens, with the same bytes. Names both files. */
int vocab_same(const struct tokenizer *lm, const struct tokenizer *rm, const char *lm_name, const char *rm_name, struct err *e);
#endif
