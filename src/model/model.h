/* The transformer: one forward, one backward.
 *
 * Nouns. A `model` is immutable after open: configuration plus views into the mapped file (or, if trainable, master weights of its
 * own). A `batch` is T rows of one or more sequences. A `pass` is the scratch of one running forward or backward, sized beforehand.
 * A `tape` is what one forward leaves for one backward.
 *
 * forward  rows -> h[T, C] (after the final norm), keys and values written through the spans' pages. Given a tape it records, given
 *          taps it shows rows; given neither it costs nothing extra. Same bytes in every case, with one exception that must be asked
 *          for: under precision int8 a forward without tape, in a pass made without PASS_BACKWARD, has activations of eight bits, and so
 *          has its head without dh. Whatever may belong to a gradient (its prefix too) is computed as under auto.
 * head     h -> logits, or fused in row chunks: logits -> log-softmax -> seed -> dh. No [T, V] array ever exists.
 * backward seeds dh[T, C] -> gradient at the input embeddings [T, C], at any tap, and on request dW. Rows before the tape's first row
 *          are constants (their keys and values are only read).
 * Loss functions are not here: they are seeds.
 *
 * Thread: one owner thread; the device's pool works inside. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H
#include "kern/device.h"
#include "model/config.h"
#include "model/taps.h"
#include "weights/weights.h"

struct model;
struct pass;
struct tape;
struct grads;

enum {
    MODEL_TRAINABLE = 1 /* copy all weights into master arrays of the device's numbers */,
    MODEL_SCORE = 2 /* expect (or add, zero-initialised, if trainable) a scalar score head */
};
/* w is borrowed until model_close. */
int model_open(struct model **out, struct device *d, const struct weights *w, unsigned flags, struct err *e);
/* A fresh trainable model: N(0, 0.02) weights, output projections scaled by 1/sqrt(2L), unit norms (Radford et al. 2019). */
int model_new(struct model **out, struct device *d, const struct model_cfg *cfg, uint64_t seed, struct err *e);
void model_close(struct model *m);
const struct model_cfg *model_cfg(const struct model *m);
struct device *model_device(const struct model *m);
const struct mat *model_embd(const struct model *m); /* [V, C] */
/* Weights that take part in a matrix product per token (FLOPs forward = 2 * this * rows + attention). */
int64_t model_matmul_params(const struct model *m);
double model_flops(const struct model *m, int64_t rows, int64_t key_reads,
                   int head_rows); /* forward; key_reads = Σ over rows of keys seen */

/* --- parameters (for training and saving) --- */
struct param {
    char name[64]; /* GGUF name */
    int n_dims;
    int64_t dims[2]; /* slowest first */
    int64_t count;
    enum fmt fmt; /* of the storage; a device float for trainable models */
    num *value;   /* [count]; NULL unless trainable */
    int decay;    /* takes part in weight decay: matrices yes, norms and biases no */
};
int model_n_params(const struct model *m);
const struct param *model_param(const struct model *m, int i);
int64_t model_param_count(const struct model *m); /* numbers in all parameters */
struct gguf_writer;
/* Architecture metadata and all tensors of a trainable model, matrices in format f (F32 where a row does not divide into blocks).
 * *keep holds the tensor bytes that g borrows: free it with model_put_free after g was committed (also after a failure). */
int model_put(struct gguf_writer *g, const struct model *m, enum fmt f, void ***keep, struct err *e);
void model_put_free(const struct model *m, void **keep);

/* Weight gradients: one array per parameter, zeroed by grads_zero; a NULL entry is not computed. */
struct grads {
    int n;
    num **g;
    num *flat;
    int64_t count;
    struct device *dev;
};
int grads_new(struct grads *g, const struct model *m,
              struct err *e); /* all parameters; ERR_UNSUPPORTED if any is stored quantised */
void grads_free(struct grads *g);
void grads_zero(struct grads *g);

/* --- batches --- */
struct kv {
    void *const *pages;
    int page_len;
    enum fmt fmt; /* F32 (then double on the oracle device), F16 or BF16 */
};                /* page i: positions [i*page_len, …); layout [L][k, v][page_len][G][D] */
struct span {
    int64_t row0, rows, pos0;
    struct kv kv;
};
struct batch {
    int64_t T;
    const int32_t *ids; /* [T], each in [0, V); or */
    const num *embeds;  /* [T, C] input embeddings (exactly one of the two) */
    const struct span *spans;
    int n_spans; /* rows in order, gap-free */
};
int64_t model_kv_page_bytes(const struct model *m, int page_len, enum fmt f); /* size of one page */
enum fmt model_matmul_fmt(const struct model *m); /* how the matrices of its layers are stored, told from the first */

/* --- passes --- */
enum { PASS_BACKWARD = 1, PASS_GRADS = 2 /* dW too */ };
/* Bytes that pass_new / tape_new will take, so that a user can be told beforehand. What the device holds for such a pass, shared by all
 * passes, is pass_device_bytes; a tape's spans (sizeof(struct span) each) come on top. */
int64_t pass_bytes(const struct model *m, int64_t max_rows, int max_spans, int64_t max_ctx, unsigned flags);
int64_t pass_device_bytes(const struct model *m, int64_t max_rows, unsigned flags);
int64_t tape_bytes(const struct model *m, int64_t max_rows);
int64_t model_own_bytes(const struct model *m); /* copies and tables beside the file: norms, biases, angles */
int pass_new(struct pass **out, const struct model *m, int64_t max_rows, int max_spans, int64_t max_ctx, unsigned flags,
             struct err *e);
void pass_free(struct pass *p);
int tape_new(struct tape **out, const struct model *m, int64_t max_rows, int max_spans, struct err *e);
void tape_free(struct tape *t);
int64_t tape_rows(const struct tape *t);
const struct span *tape_spans(const struct tape *t, int *n); /* of the taped batch */

/* h[T, C]: final normalised states. tape and taps may be NULL. Checks ids, positions and page tables' shape, never their content. */
int model_forward(const struct model *m, struct pass *p, const struct batch *b, struct tape *tape, const struct taps *taps,
                  num *h, struct err *e);
/* dh[T, C] is destroyed. dembed[T, C] written unless NULL. grads NULL: no dW. The pages of the taped forward must still stand.
 * A tape may be run backward more than once. */
int model_backward(const struct model *m, struct pass *p, const struct tape *tape, num *dh, const struct taps *dtaps,
                   struct grads *dw, num *dembed, struct err *e);

/* out[n, C]: rows of the token embedding, as layer 0 gets them before positions are added. */
int model_embed(const struct model *m, const int32_t *ids, int64_t n, num *out, struct err *e);

/* --- head --- */
/* Plain rows: logits[R, V] = h[R, C] Wᵀ (language head), or scores [R, n_score]. */
int model_logits(const struct model *m, const num *h, int64_t R, const struct taps *taps, num *logits, struct err *e);
/* The same as this pass computes: of eight-bit activations where its forwards are. */
int model_pass_logits(const struct model *m, const struct pass *p, const num *h, int64_t R, const struct taps *taps, num *logits,
                      struct err *e);
int model_n_out(const struct model *m); /* V, or n_score */
/* Fused: for each chunk of rows the logits are made, seed() turns them in place into d(loss)/d(logits), and dh = seed · W.
 * dh NULL: seed() only looks. grads: head dW and (score) bias too. */
typedef int (*seed_fn)(void *ctx, struct device *d, int64_t row0, int64_t rows, int64_t V, num *logits);
int model_head(const struct model *m, struct pass *p, const num *h, int64_t R, seed_fn seed, void *ctx, num *dh, struct grads *dw,
               struct err *e);
/* The commonest seed: loss = Σ_r coef[r] · (−log p(target[r] | row r)); target < 0: row takes no part. logp[R] (host, may be NULL) gets
 * log p of each target (0 where none). dh NULL: value only. */
int model_nll(const struct model *m, struct pass *p, const num *h, int64_t R, const int32_t *target, const double *coef,
              double *logp, num *dh, struct grads *dw, struct err *e);
/* Where the next token was drawn from known chances: of row's target, `share` belongs to the token `id`. The loss of row r is then
 * coef[r] · −(Σ share_k log p(id_k) + (1 − Σ share_k) log p(target[r])), its expectation over the draw, and logp[r] the sum in brackets. */
struct share {
    int64_t row;
    int32_t id;
    double share;
};
/* share[n] by ascending rows, each with a target. */
int model_nll_shared(const struct model *m, struct pass *p, const num *h, int64_t R, const int32_t *target, const double *coef,
                     const struct share *share, int64_t n, double *logp, num *dh, struct grads *dw, struct err *e);
int64_t model_head_rows(const struct pass *p); /* rows of one head chunk */
#endif
