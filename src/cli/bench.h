/* What the parts of `candor bench` share: the machine's limits, the works that are timed, the series of figures, the child programs.
 *
 * Everything is measured in repeats. One repeat takes the machine's limits first, then each work of ours and, straight after it, the same
 * work of the peer (--vs), so that a machine that drifts drifts for all of them; shares and ratios are formed inside a repeat
 * and only then summed up as median, least and greatest.
 *
 *   cmd_bench.c      options, order of events      bench_work.c    prefill, decode, many sessions
 *   bench_machine.c  bandwidth, register peaks     bench_step.c    gradient and training steps
 *   bench_child.c    programs spoken to by lines   bench_report.c  table and JSON */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H
#include "cli/open.h"
#include "model/random.h"
#include <jansson.h>
#include <sys/types.h>

/* XX(id, word of --only and of the protocol, key of JSON, label, 0 a rate in tokens/s or 1 seconds a step) */
#define WORK_MAP(XX)                                                                 \
    XX(PREFILL, "prefill", "prefill_tps", "prefill", 0)                              \
    XX(DECODE, "decode", "decode_tps", "decode", 0)                                  \
    XX(SESSIONS, "sessions", "sessions_tps", "many sessions", 0)                     \
    XX(GRAD, "grad", "grad_step_s", "gradient step, embeddings", 1)                  \
    XX(GRAD_LOGITS, "grad-logits", "grad_logits_step_s", "gradient step, logits", 1) \
    XX(TRAIN, "train", "train_step_s", "training step", 1)
enum work {
#define XX(id, word, key, label, seconds) WORK_##id,
    WORK_MAP(XX)
#undef XX
        N_WORKS
};
struct work_row {
    const char *word, *key, *label;
    int seconds;
};
extern const struct work_row bench_works[N_WORKS];

enum { REPEATS_MAX = 200 };
struct series {
    double x[REPEATS_MAX];
    int n;
};
void series_add(struct series *s, double x);
struct summary {
    double median, min, max;
};
struct summary series_summary(const struct series *s); /* NaN where empty */

/* --- children --- */
struct child {
    pid_t pid; /* 0: none */
    FILE *to, *from;
};
int child_start(struct child *c, char *const argv[], int threads, struct err *e);
/* Says a word and reads the line that answers it. */
int child_ask(struct child *c, const char *word, char *buf, size_t n, struct err *e);
/* The next line without its newline, into buf; 0 at the end of the output, 1 otherwise. */
int child_line(struct child *c, char *buf, size_t n);
int child_end(struct child *c); /* closes its input, waits; its exit status, -1 for a signal */

/* --- the machine --- */
struct machine {
    struct device *d;
    void *buffer;
    size_t bytes;
    int asked_ceiling; /* the ceiling program was looked for */
    struct child ceiling;
    const char *no_ceiling;                                   /* why there is none; NULL */
    struct series bandwidth, product, product_f32, fma, bf16; /* bytes/s, flop/s */
};
int machine_open(struct machine *m, struct device *d, struct err *e);
int machine_measure(struct machine *m, struct err *e); /* one repeat */
void machine_close(struct machine *m);

/* --- works --- */
struct infer; /* engine and sessions of prefill, decode, many sessions */
struct step;  /* buffers of gradient and training steps */
struct bench {
    struct args *a;
    const struct random_shape *shape; /* NULL: -m */
    const char *dtype;
    const struct quant_mix *mix;                                   /* of dtype; NULL: it is a format */
    int64_t prompt, generate, depth, sessions, rows, doc, repeats; /* doc: rows of a sequence of a training step */
    unsigned works;                                                /* bit i: work i is wanted */
    struct opened m;
    struct machine machine;
    struct infer *infer;
    struct step *step;
    int64_t weight_bytes; /* that one decoded token reads */
    struct series ours[N_WORKS], theirs[N_WORKS], share[N_WORKS];
    struct series forward;         /* seconds of a plain forward with its loss, over the rows of a step */
    int64_t peak[N_WORKS];         /* bytes resident at most during a step, without the buffer of the bandwidth */
    const char *left_out[N_WORKS]; /* why a work that was wanted is not measured */
    /* the peer */
    const char *vs;
    struct child peer;
    int peer_stays;        /* it said ready: asked for each work; else run anew */
    struct series wall[2]; /* seconds of all works, ours and theirs, for a peer without figures */
};
int64_t bench_ids(const struct bench *b, int64_t n, uint64_t stream, int32_t **out, struct err *e); /* random tokens */
int infer_open(struct bench *b, struct err *e);
int infer_run(struct bench *b, enum work w, double *seconds, struct err *e);
double infer_tokens(const struct bench *b, enum work w);
double infer_flops(const struct bench *b, enum work w);
double infer_bytes(const struct bench *b, enum work w); /* of weights, keys and values read */
void infer_close(struct bench *b);
int step_open(struct bench *b, struct err *e);
int step_run(struct bench *b, enum work w, double *seconds, struct err *e);
int step_forward(struct bench *b, double *seconds, struct err *e);
double step_flops(const struct bench *b, enum work w);
void step_close(struct bench *b);

/* --- the peer --- */
int peer_start(struct bench *b, struct err *e); /* also its warm-up, if it does not stay */
int peer_run(struct bench *b, enum work w, struct err *e);
int peer_once(struct bench *b, struct err *e);
void peer_end(struct bench *b);

int bench_report(const struct bench *b, struct err *e);
#endif
