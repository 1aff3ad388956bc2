/* Collecting: a question file through a model, each answer stored as a trace with its states and forced answers.
 *
 * States are taken from the rows that decoding computes anyway (generate_tapped): no extra forward, and they are the states of a prefill of the
 * same ids, byte for byte, whatever else was in the batch. Questions run side by side in batches whose buffers are bounded
 * (COLLECT_BYTES), and a batch is on disk before the next begins: memory does not grow with traces, and a stopped run goes on
 * behind its last whole batch. With a probe only what it says of each state is kept (readings.h), taken while decoding, too. */
#ifndef PROBE_COLLECT_H
#define PROBE_COLLECT_H
#include "probe/readings.h"
#include "probe/settle.h"
#include "run/sampler.h"

enum { COLLECT_BYTES = 512 << 20, COLLECT_BATCH = 64 };
/* How a question becomes the ids of a prompt. */
struct asker {
    int (*prompt)(void *ctx, const struct question *q, struct toks *out, struct err *e);
    void *ctx;
};
/* Traces that another has written. */
struct written {
    int64_t n;
    /* The index-th: all of it but rows (of no use where t->out is set), and the ids of its prompt. */
    int (*read)(void *ctx, int64_t index, struct trace *t, struct toks *prompt, struct err *e);
    void *ctx;
};
struct collect_opts {
    enum tap tap;
    int layer
        [STORE_LAYERS]; /* rising; -1: the input of layer 0, which knows the text so far and nothing else of it (a control) */
    int n_layers;
    const struct probe *probe; /* not NULL: store what it says of these layers, all of them its own, and of its tap */
    int64_t max_new;           /* tokens */
    struct sampling sampling;
    uint64_t seed; /* question i draws from stream i */
    enum step_rule steps;
    int forced;                    /* force an answer at every step; in any case at the end of a thought that has none */
    int64_t every;                 /* > 0: a step every so many tokens instead */
    const struct written *written; /* not NULL: read these traces instead of writing own ones */
};
struct collected {
    int64_t traces, right, tokens, out[TRACE_OUTS], forced; /* forced: answers that the model did not write itself */
    double seconds;
};
/* The traces of a store, their prompts by `ask`; free() */
struct written *collect_from(const struct store *s, const struct asker *ask);
/* Everything that what is stored depends on is in `settings`. With o->written, ask and qs are
 * not read, and w only where a trace has no `ends`: NULL. */
int collect_run(const char *dir, const json_t *settings, struct engine *g, const struct tokenizer *words_of,
                const struct think_words *w, const struct asker *ask, const struct questions *qs, const struct collect_opts *o,
                int (*stopped)(void), struct collected *out, struct err *e);
#endif
