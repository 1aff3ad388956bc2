/* Inference as a user meets it: the engine's own step and decode loop on random tokens.
 *
 * prefill    a fresh session takes a prompt of -p tokens; logits of the last row only
 * decode     -n tokens greedily, each with its row of logits and its choice, after --depth untimed positions (at least one token)
 * sessions   --sessions N of them at once, forks of one session that holds the --depth positions they share
 *
 * Sessions go back to their beginning between repeats, so the pages are the same and none is taken for the first time. */
#include "base/progress.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "run/generate.h"
#include <stdlib.h>

struct infer {
    int32_t *ids; /* prompt, and what stands before the decode */
    float *logits;
    struct session *prompt, *base;
    int32_t *out; /* [sessions, generate] */
    struct generation *gen;
    struct session **forks;
};

int64_t bench_ids(const struct bench *b, int64_t n, uint64_t stream, int32_t **out, struct err *e) {
    uint64_t V = (uint64_t)model_cfg(b->m.m)->n_vocab;
    struct rng r = RNG(1, 0x62656e6368u, stream);
    if (!(*out = malloc((size_t)n * sizeof **out))) return fail(e, ERR_NOMEM, "out of memory");
    for (int64_t i = 0; i < n; i++) (*out)[i] = (int32_t)rng_below(&r, V);
    return n;
}

static int64_t longest(const struct bench *b) {
    int64_t n = b->depth + b->generate + 1;
    return n > b->prompt ? n : b->prompt;
}

int infer_open(struct bench *b, struct err *e) {
    struct infer *f = b->infer = calloc(1, sizeof *f);
    int64_t n = longest(b), k = b->sessions;
    if (!f) return fail(e, ERR_NOMEM, "out of memory");
    struct engine_opts o = {.max_ctx = n, .max_sessions = (int)(k > 8 ? k : 8)};
    if (!(b->works & ((1u << WORK_GRAD) - 1))) o.max_rows = 1; /* steps only: the least that can be asked what it would do */
    TRY(open_engine(&b->m, &o, e));
    if (o.max_rows) return 0;
    TRY(bench_ids(b, n, 0, &f->ids, e));
    f->logits = malloc((size_t)model_cfg(b->m.m)->n_vocab * sizeof *f->logits);
    f->out = malloc((size_t)(k * b->generate) * sizeof *f->out);
    f->gen = calloc((size_t)k, sizeof *f->gen);
    f->forks = calloc((size_t)k, sizeof *f->forks);
    if (!f->logits || !f->out || !f->gen || !f->forks) return fail(e, ERR_NOMEM, "out of memory");
    TRY(session_new(&f->prompt, b->m.g, e));
    TRY(session_new(&f->base, b->m.g, e));
    return b->depth ? session_feed(f->base, f->ids, b->depth, NULL, e) : 0;
}

void infer_close(struct bench *b) {
    struct infer *f = b->infer;
    if (!f) return;
    session_free(f->prompt), session_free(f->base);
    free(f->ids), free(f->logits), free(f->out), free(f->gen), free(f->forks), free(f);
}

/* ---- the works ---- */

static int prefill(struct bench *b, double *seconds, struct err *e) {
    struct infer *f = b->infer;
    session_rewind(f->prompt, 0);
    double t0 = clock_s();
    TRY(session_feed(f->prompt, f->ids, b->prompt, f->logits, e));
    *seconds = clock_s() - t0;
    return 0;
}

static int decode(struct bench *b, struct session **s, int n, double *seconds, struct err *e) {
    struct infer *f = b->infer;
    for (int i = 0; i < n; i++)
        f->gen[i] = (struct generation){.s = s[i],
                                        .last = f->ids[(b->depth + i) % longest(b)],
                                        .max_new = b->generate,
                                        .sampling = SAMPLING_DEFAULT,
                                        .ids = f->out + i * b->generate};
    double t0 = clock_s();
    TRY(generate(b->m.g, f->gen, n, e));
    *seconds = clock_s() - t0;
    return 0;
}

static int decode_one(struct bench *b, double *seconds, struct err *e) {
    session_rewind(b->infer->base, b->depth);
    return decode(b, &b->infer->base, 1, seconds, e);
}

static int decode_many(struct bench *b, double *seconds, struct err *e) {
    struct infer *f = b->infer;
    int n = (int)b->sessions, rc = 0;
    session_rewind(f->base, b->depth);
    for (int i = 0; !rc && i < n; i++) rc = session_fork(&f->forks[i], f->base, e);
    if (!rc) rc = decode(b, f->forks, n, seconds, e);
    for (int i = 0; i < n; i++) session_free(f->forks[i]), f->forks[i] = NULL;
    return rc;
}

int infer_run(struct bench *b, enum work w, double *seconds, struct err *e) {
    if (w == WORK_PREFILL) return prefill(b, seconds, e);
    return w == WORK_DECODE ? decode_one(b, seconds, e) : decode_many(b, seconds, e);
}

/* ---- what they cost ---- */

double infer_tokens(const struct bench *b, enum work w) {
    if (w == WORK_PREFILL) return (double)b->prompt;
    return (double)b->generate * (double)(w == WORK_SESSIONS ? b->sessions : 1);
}

/* Of a prefill: rows, keys each row sees, one row of the head. */
double infer_flops(const struct bench *b, enum work w) {
    int64_t p = b->prompt;
    return w == WORK_PREFILL ? model_flops(b->m.m, p, p * (p + 1) / 2, 1) : 0;
}

/* Of a decode: every weight once a step, however many sessions; each session's own keys and values, the shared ones once. */
double infer_bytes(const struct bench *b, enum work w) {
    if (w == WORK_PREFILL) return 0;
    double n = (double)b->generate, page = (double)engine_options(b->m.g).page_len;
    double position = (double)engine_kv_bytes(b->m.g, (int64_t)page) / page;
    double own = n * (n + 1) / 2 * (double)(w == WORK_SESSIONS ? b->sessions : 1);
    return n * (double)b->weight_bytes + position * (own + n * (double)b->depth);
}
