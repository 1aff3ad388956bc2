/* A toy pair: a random language model and a random reward model over one small vocabulary, made in memory, with a codec that needs no
 * tokenizer. It is what the self-test and the room's tests reason with. Weights are drawn as floats by parameter name, so the double
 * oracle and every float device hold the same numbers. */
#ifndef DECODE_TOY_H
#define DECODE_TOY_H
#include "decode/problem.h"

enum { TOY_V = 40, TOY_CTX = 96, TOY_END = 0 };
struct toy {
    struct device *d;
    struct model *lm, *rm;
    struct reasoner r;
    struct question q[4]; /* borrowed literals: never question_fini */
    struct questions qs;
};
/* family: of both models, whose widths differ. oracle: double precision. */
int toy_open(struct toy *t, const char *family, int oracle, int threads, struct err *e);
void toy_close(struct toy *t);
int toy_model(struct model **out, struct device *d, const char *family, int vocab, int width, int score, uint64_t seed,
              struct err *e);
#endif
