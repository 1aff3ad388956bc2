/* Models of a known shape with random weights, made in memory in any storage format, in seconds: what a benchmark runs when speed is the
 * question and text is not. The speed of a matrix product does not depend on the numbers in it.
 *
 * Rows are drawn from a pool of a few hundred random rows (N(0, 0.02), norms 1 ± 0.05, biases N(0, 0.02)) per row length, quantised
 * once by the format's own quantiser and laid down in a scrambled order, the same at any number of threads. Rows that are not whole
 * blocks take another format (quant_fallback). */
#ifndef MODEL_RANDOM_H
#define MODEL_RANDOM_H
#include "base/pool.h"
#include "model/mix.h"

struct random_shape {
    const char *name, *family, *like; /* like: whose shape it is, for people */
    int layers, embd, heads, kv, ff, vocab;
    int head;    /* size of a head; 0: embd / heads */
    int untied;  /* a head of its own over the vocabulary */
    double base; /* of the rotary angles; 0: 10000 */
    int llama3;  /* the rotary scaling of Llama 3.2: rope_freqs.weight */
    int score;   /* a reward model: one score instead of the vocabulary */
};
const struct random_shape *random_shape_find(const char *name);
const struct random_shape *random_shape_at(int i); /* NULL past the last */
/* To be opened with model_open. Every matrix is stored as f; or, unless mix is NULL, as that mix says. pool: may
 * be NULL. */
int random_weights(struct weights **out, const struct random_shape *s, enum fmt f, const struct quant_mix *mix, uint64_t seed,
                   struct pool *pool, struct err *e);
/* As GGUF, so that other programs open it and read the same bytes. put adds the vocabulary (and what else it likes) to the file; NULL: made-up
 * words, every byte among them. */
struct gguf_writer;
typedef int (*random_put)(void *ctx, struct gguf_writer *g, struct err *e);
int random_save(const struct weights *w, const struct random_shape *s, const char *path, random_put put, void *ctx,
                struct err *e);
int random_put_words(struct gguf_writer *g, int n, struct err *e);
#endif
