/* Between questions and token ids, with a tokenizer: the prompt a model gets, the text it wrote, where its answers end and its steps
 * end; and whether two models speak the same vocabulary. Borrows the tokenizer. */
#ifndef DECODE_CODEC_H
#define DECODE_CODEC_H
#include "decode/problem.h"
#include "text/chat_template.h"

/* How a model of the public kind is asked: a user message of the question and an instruction, through its chat template. */
struct asking {
    const struct chat_template *chat; /* NULL: the question as plain text, "Answer:" behind it */
    const char *system;               /* the system message; NULL: none */
    const char *instruction;          /* a line behind the question; NULL or "": none */
};
struct vocab {
    const struct tokenizer *t;
    struct asking asking; /* set after vocab_open, before the first prompt; a shipped reasoner has its own way and ignores it */
    int32_t *ends;
    int n_ends;
    unsigned char *step_end;
};
/* Step ends: tokens that contain a newline or ';', or that are "." or "</think>" themselves. */
int vocab_open(struct vocab *v, const struct tokenizer *t, struct err *e);
void vocab_close(struct vocab *v);
struct codec vocab_codec(const struct vocab *v);
/* A reward model must read the policy's own ids: the same bytes for each. An added token (special or user-defined) that only one of them
 * has, where the other has none or a filler, does not matter: releases of one family differ in these. Names both files. */
int vocab_same(const struct tokenizer *lm, const struct tokenizer *rm, const char *lm_name, const char *rm_name, struct err *e);
#endif
