/* Models of a known shape with random weights, made in memory in any storage format, in seconds: what a benchmark runs when speed is the
 * question and text is not. The speed of a matrix product does not depend on the numbers in it.
 *
 * Rows are drawn from a pool of a few hundred random rows (N(0, 0.02), norms 1 ± 0.05, biases N(0, 0.02)) per row length, quantised
 * once by the format's own quantiser and laid down in a scrambled order, the same at any number of threads. What does not divide
 * into a K-quant's blocks of 256 takes the format that llama.cpp takes there: Q5_0 for Q4_K, Q5_1 for Q5_K, Q8_0 for Q6_K. */
#ifndef MODEL_RANDOM_H
#define MODEL_RANDOM_H
#include "base/pool.h"
#include "weights/weights.h"

struct random_shape {
    const char *name, *family, *like; /* like: whose shape it is, for people */
    int layers, embd, heads, kv, ff, vocab;
};
const struct random_shape *random_shape_find(const char *name);
const struct random_shape *random_shape_at(int i); /* NULL past the last */
/* To be opened with model_open; the embedding is tied. pool: may be NULL. */
int random_weights(struct weights **out, const struct random_shape *s, enum fmt f, uint64_t seed, struct pool *pool,
                   struct err *e);
/* As GGUF with a vocabulary of made-up words, so that other programs open it and read the same bytes. */
int random_save(const struct weights *w, const struct random_shape *s, const char *path, struct err *e);
#endif
