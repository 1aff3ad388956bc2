/* Room-private: the trainer's state, shared by the loop, the step and the checkpoint. */
#ifndef DECODE_TRAIN_INT_H
#define DECODE_TRAIN_INT_H
#include "decode/corpus.h"
#include "decode/train.h"
#include "model/model.h"

enum { TRAIN_PAGE = 32 };

struct train_state {
    int64_t stage, step, next_doc; /* next_doc: of this stage */
    double tokens;                 /* of this stage */
    double loss;                   /* running mean, for people */
};
struct trainer {
    const struct recipe *r;
    const struct train_opts *o;
    struct device *d;
    struct weights *source; /* whose tokenizer goes into the output */
    struct tokenizer *tok;
    struct model *m;
    struct pass *pass;
    struct tape *tape;
    struct grads grads;
    num **mom, **var; /* [n_params][count] */
    num *h, *dh;
    char *kv;
    enum fmt kv_fmt;
    void **pages;
    struct span *spans;
    int32_t *ids, *target;
    double *coef, *logp, *score;
    struct doc *docs;
    int n_docs, max_docs;
    int64_t rows, T;
    struct samples samples;
    struct train_state s;
};

int train__batch(struct trainer *t, int valid, int64_t *next, struct err *e);
/* Loss of the batch in hand (sum), and gradients added to t->grads if back. *n: how many terms the sum has. */
int train__loss(struct trainer *t, int back, double scale, double *sum, double *n, struct err *e);
int train__update(struct trainer *t, double lr, double *norm);
int checkpoint_write(const struct trainer *t, const char *path, struct err *e);
/* 1 read, 0 none there; a checkpoint of another recipe is an error. */
int checkpoint_read(struct trainer *t, const char *path, struct err *e);
#endif
