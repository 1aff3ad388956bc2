/* Many sessions on one model: KV pages, sharing by prefix, batching, and the account of what was spent.
 *
 * Nouns. An `engine` owns the page pool, one pass (scratch) and the counters of one model. A `session` is one growing sequence: token
 * ids and a page table; cheap to fork, since forks share pages. All calls on an engine and its sessions come from one owner thread.
 * Rules (run/README.md): 1. A page with more than one reference is read-only. 2. Who appends to a shared tail page copies it first.
 * 3. A session's length moves forward only by a finished step. 4. Pages are taken and returned by the owner thread only. 5. A taped step
 * holds its session's pages until the session is freed. 6. Results never depend on what else shares the step, the pages or the pool. */
#ifndef RUN_ENGINE_H
#define RUN_ENGINE_H
#include "model/model.h"

struct engine;
struct session;

/* Storage of keys and values. AUTO: bf16 where the device multiplies the model's weights as bf16, otherwise floats (double on the
 * oracle device, which knows nothing narrower). */
enum kv_type { KV_AUTO, KV_F32, KV_F16, KV_BF16 };
int kv_parse(const char *s, enum kv_type *out, struct err *e); /* "auto", "f32", "f16", "bf16" */
const char *kv_name(enum kv_type t);

struct engine_opts { /* zero = default */
    enum kv_type kv;
    int page_len;         /* positions per page; 32 */
    int64_t max_ctx;      /* longest session; the model's context, at most 1 << 20 */
    int64_t max_rows;     /* rows of one step; 512. Longer input is fed in chunks of this */
    int max_sessions;     /* sessions of one step; 64 */
    int64_t max_kv_bytes; /* page pool limit; 0: 4 GiB. Pages are reserved in blocks as needed, never inside a guarded decode */
    int backward;         /* the pass can run backward (engine_backward) */
};
/* What was spent since the engine was made (or reset): honest counting. */
struct account {
    int64_t steps;     /* forward steps that the machine ran (a batch of many sessions is one) */
    int64_t rows;      /* token rows forwarded */
    int64_t generated; /* rows that were decoded one at a time */
    int64_t backward_rows;
    double flops; /* forward and backward, attention included */
};

int engine_new(struct engine **out, const struct model *m, const struct engine_opts *o, struct err *e);
void engine_free(struct engine *g);
const struct model *engine_model(const struct engine *g);
struct account engine_account(const struct engine *g);
struct engine_opts engine_options(const struct engine *g);          /* with the defaults filled in, kv too */
int64_t engine_kv_bytes(const struct engine *g, int64_t positions); /* what that many positions take */
/* What an engine of these options would hold beside the model and its keys and values: buffers and pass, the device's scratch included.
 * Nothing is made. */
int engine_scratch_bytes(const struct model *m, const struct engine_opts *o, int64_t *bytes, struct err *e);
/* Keys and values of `sessions` sequences of `positions` each, as a decode reserves them (engine_reserve). */
int engine_kv_need(const struct model *m, const struct engine_opts *o, int64_t positions, int sessions, int64_t *bytes,
                   struct err *e);
int64_t engine_kv_token(const struct model *m, enum kv_type kv); /* of one position of one sequence */
int64_t engine_pages_in_use(const struct engine *g);
int64_t engine_pages(const struct engine *g); /* all that were ever needed at once: they are kept */
/* Nothing is known any more of what no session holds. Without this a work of many prompts keeps the pages of the old ones until
 * max_kv_bytes is reached. */
void engine_forget(struct engine *g);
int engine_reserve(struct engine *g, int64_t positions, int sessions,
                   struct err *e); /* pages for so much growth, before a guarded loop */

int session_new(struct session **out, struct engine *g, struct err *e);
/* A new session whose pages for the longest known prefix of ids are shared with what this engine computed before (whole pages only,
 * and never the last position, whose logits are wanted). *shared gets the positions that need no forward. */
int session_new_prefixed(struct session **out, struct engine *g, const int32_t *ids, int64_t n, int64_t *shared, struct err *e);
int session_fork(struct session **out, const struct session *s, struct err *e);
void session_free(struct session *s);
int64_t session_len(const struct session *s);
const int32_t *session_ids(const struct session *s); /* [len], valid until the next step of s */
/* Forget positions from len on (len ≤ session_len). */
void session_rewind(struct session *s, int64_t len);

/* One batched step: each feed appends n ids to its session (distinct sessions). Longer than max_rows in all: run in several chunks, same bytes. */
struct feed {
    struct session *s;
    const int32_t *ids; /* or */
    const num *embeds;  /* [n, C] */
    int64_t n;
    num *h;        /* [n, C] final states of all rows, or NULL */
    float *logits; /* [V] of the last row, host, or NULL */
};
int engine_step(struct engine *g, const struct feed *f, int n, const struct taps *taps, struct err *e);
/* The one-session form: feeds ids, gives the last row's logits (host, [V]). */
int session_feed(struct session *s, const int32_t *ids, int64_t n, float *logits, struct err *e);
/* All rows' logits through a callback in chunks, rows in order. */
typedef int (*rows_fn)(void *ctx, int64_t row0, int64_t rows, const float *x, int64_t width);
int session_feed_logits(struct session *s, const int32_t *ids, int64_t n, rows_fn fn, void *ctx, const struct taps *taps,
                        struct err *e);

/* A taped step of one session: appends ids and records; h[n, C] (device) is written. n ≤ max_rows. */
int engine_step_taped(struct engine *g, struct session *s, const int32_t *ids, int64_t n, struct tape *tape,
                      const struct taps *taps, num *h, struct err *e);
/* Backward of that step; charges the account. dh destroyed. */
int engine_backward(struct engine *g, const struct tape *tape, num *dh, const struct taps *dtaps, struct grads *dw, num *dembed,
                    struct err *e);
struct pass *engine_pass(struct engine *g);
/* Fused head on rows a step left: see model_nll; charges the account. */
int engine_nll(struct engine *g, const num *h, int64_t R, const int32_t *target, const double *coef, double *logp, num *dh,
               struct err *e);
#endif
