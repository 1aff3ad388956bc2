/* Memory, told beforehand: what running a model will take, part by part, before any of it is taken.
 *
 * The parts are counted by the functions that later allocate them (pass_bytes, tape_bytes, engine_kv_need …), never estimated. The weights
 * are the mapping of the file: the system reads them when they are needed and may drop and read them again, so a file larger than
 * memory runs, at the speed of its disk. Everything else must fit. Owner thread of the model's device. */
#ifndef RUN_MEMORY_H
#define RUN_MEMORY_H
#include "run/engine.h"

struct memory_ask {
    int64_t context;   /* positions of each sequence */
    int sessions;      /* sequences held at once */
    int64_t grad_rows; /* positions to differentiate; 0: no gradient */
    enum kv_type kv;
};
struct memory_need {  /* bytes */
    int64_t weights;  /* tensors of the file, mapped */
    int64_t copies;   /* the model's own: norms, biases, tables */
    int64_t kv;       /* keys and values of all sequences */
    int64_t kv_token; /* of one position of one sequence */
    int64_t scratch;  /* engine, pass and device */
    int64_t tape;     /* what a forward leaves for its backward, and the gradient's own arrays */
};
/* w: where m was opened from. */
int memory_need(struct memory_need *out, const struct model *m, const struct weights *w, const struct memory_ask *ask,
                struct err *e);
int64_t memory_total(const struct memory_need *n); /* weights included */
/* The engine options that a run of this kind uses. */
struct engine_opts memory_engine(const struct memory_ask *ask);
#endif
