/* Room-private: the trainer's state, shared by the loop, the step and the checkpoint. */
#ifndef DECODE_TRAIN_INT_H
#define DECODE_TRAIN_INT_H
#include "decode/corpus.h"
#include "decode/docfile.h"
#include "decode/muon.h"
#include "decode/train.h"
#include "model/model.h"

enum { TRAIN_PAGE = 32 };

struct train_state {
    int64_t stage, step, next_doc; /* next_doc: of this stage */
    double tokens;                 /* of this stage */
    double loss;                   /* running mean, for people */
    int64_t docs, cut;             /* of this stage: trained on; longer than the context, so cut off at it */
};
/* Documents first … first + n − 1 of a stage. */
struct docs_ahead {
    struct doc *doc;
    int *rc; /* what making it returned */
    int64_t stage, first, n, cap;
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
    struct muon muon;
    num *h, *dh;
    char *kv;
    enum fmt kv_fmt;
    void **pages;
    struct span *spans;
    int32_t *ids, *target;
    double *coef, *logp, *score, *weight; /* weight: of each target in the loss */
    struct doc *docs;                     /* of the batch in hand */
    int n_docs, max_docs;
    struct share *share; /* [cap_share], of the batch's rows */
    int64_t n_share, cap_share;
    double floor;               /* of the batch's loss (sum): the entropy of what its tokens were drawn from */
    struct docs_ahead ahead[2]; /* to train on, to validate with */
    int64_t rows, T;
    struct samples samples;
    struct docfile *files;      /* [r->n_files] */
    struct chat_template *chat; /* NULL: no files */
    struct corpus corpus;       /* of the pointers above */
    struct train_state s;
};

/* Documents i … i + n − 1 of the running stage, valid: of the validation split. They stay the trainer's until the next call; who keeps one
 * moves it out and leaves an empty one behind. */
int train__docs(struct trainer *t, int valid, int64_t i, int n, struct doc **out, struct err *e);
void train__docs_fini(struct trainer *t);
/* The files' documents: opened before the vocabulary is made; their template belongs to it, so it is opened afterwards. */
int train__files_open(struct trainer *t, struct err *e);
int train__chat_open(struct trainer *t, struct err *e);
void train__files_close(struct trainer *t);
uint64_t train__files_hash(const struct trainer *t); /* 0: no files */
int train__batch(struct trainer *t, int valid, int64_t *next, struct err *e);
/* Loss of the batch in hand (sum), and gradients added to t->grads if back. *n: how many terms the sum has. */
int train__loss(struct trainer *t, int back, double scale, double *sum, double *n, struct err *e);
int train__update(struct trainer *t, double lr, double *norm);
int checkpoint_write(const struct trainer *t, const char *path, struct err *e);
/* 1 read, 0 none there; a checkpoint of another recipe is an error. */
int checkpoint_read(struct trainer *t, const char *path, struct err *e);
#endif
