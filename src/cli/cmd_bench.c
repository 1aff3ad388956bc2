/* candor bench: how fast this model runs here, and what share of the machine's own limits that is. See bench.h for the parts. */
#include "base/progress.h"
#include "cli/bench.h"
#include <ctype.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    OPT_MODEL,
    {"shape", 0, "SHAPE", NULL,
     "random weights of this shape instead of a file: 4m, 15m, 135m, 0.5b, 1.5b, qwen3-1m or qwen3-4m"},
    {"dtype", 0, "T", "bf16", "storage of a --shape: every matrix f32, bf16, f16, q8_0, q4_k, …, or a mix: q4_k_m, q3_k_l, …"},
    {"prompt", 'p', "N", "512", "tokens of a prefill"},
    {"generate", 'n', "N", "64", "tokens of a decode"},
    {"depth", 0, "N", "0", "positions before a decode"},
    {"sessions", 0, "N", "1", "also decode so many sessions at once over one prefix of --depth positions"},
    {"step-rows", 0, "N", "256", "tokens of a gradient or training step"},
    {"step-doc", 0, "N", "step-rows", "tokens of each sequence of a training step"},
    {"repeats", 'r', "N", "5", "repeats, after one that warms up and does not count"},
    {"only", 0, "LIST", "what applies", "works to measure: prefill,decode,sessions,grad,grad-logits,train"},
    OPT_KV,
    OPT_PRECISION,
    {"save", 0, "FILE", NULL, "write the random model as GGUF, so that others can run the same bytes, and go on"},
    {"vs", 0, "COMMAND", NULL, "a peer to run between our runs; its JSON gives ratios (bench/README.md)"},
    OPT_JSON,
    {0},
};

const struct work_row bench_works[N_WORKS] = {
#define XX(id, word, key, label, seconds) {word, key, label, seconds},
    WORK_MAP(XX)
#undef XX
};

void series_add(struct series *s, double x) {
    if (s->n < REPEATS_MAX) s->x[s->n++] = x;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct summary series_summary(const struct series *s) {
    double x[REPEATS_MAX];
    int n = s->n;
    if (!n) return (struct summary){NAN, NAN, NAN};
    memcpy(x, s->x, (size_t)n * sizeof *x);
    qsort(x, (size_t)n, sizeof *x, by_value);
    return (struct summary){(x[(n - 1) / 2] + x[n / 2]) / 2, x[0], x[n - 1]};
}

/* ---- the command line ---- */

static int read_only(struct bench *b, struct err *e) {
    const char *p = arg_str(b->a, "only");
    b->works = 1 << WORK_PREFILL | 1 << WORK_DECODE | 1 << WORK_GRAD | 1 << WORK_GRAD_LOGITS;
    if (b->sessions > 1) b->works |= 1 << WORK_SESSIONS;
    if (b->shape && b->shape->layers == 6) b->works |= 1 << WORK_TRAIN; /* what one trains on a CPU */
    if (!arg_has(b->a, "only")) return 0;
    for (b->works = 0; *p; p += *p == ',') {
        size_t n = strcspn(p, ",");
        int i = 0;
        while (i < N_WORKS && (strlen(bench_works[i].word) != n || memcmp(bench_works[i].word, p, n))) i++;
        if (i == N_WORKS)
            return usage_error(b->a, e, "--only: expected prefill, decode, sessions, grad, grad-logits or train, found \"%.*s\"",
                               (int)(n > 40 ? 40 : n), p);
        b->works |= 1u << i;
        p += n;
    }
    return 0;
}

static int read_shape(struct bench *b, struct err *e) {
    const char *name = arg_str(b->a, "shape");
    char list[160] = "";
    size_t n = 0;
    if (!name == !arg_has(b->a, "model"))
        return usage_error(b->a, e, "expected -m M or --shape SHAPE, found %s (see candor bench --help)",
                           name ? "both" : "neither");
    if (!name && (arg_has(b->a, "dtype") || arg_has(b->a, "save")))
        return usage_error(b->a, e, "--dtype and --save belong to --shape: a file has its own format");
    if (!name) return 0;
    b->shape = random_shape_find(name);
    for (int i = 0; random_shape_at(i); i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", random_shape_at(i)->name);
    if (!b->shape) return usage_error(b->a, e, "--shape: expected one of %s, found \"%.60s\"", list, name);
    const struct fmt_row *f = fmt_by_name(arg_str(b->a, "dtype"));
    if (!f) b->mix = quant_mix_find(arg_str(b->a, "dtype"));
    if (!b->mix && (!f || !f->from_f32))
        return usage_error(b->a, e,
                           "--dtype: expected a storage format that can be written (f32, bf16, q8_0 …) or a mix (q4_k_m …), "
                           "found \"%.60s\"",
                           arg_str(b->a, "dtype"));
    b->dtype = f ? f->name : b->mix->name;
    return 0;
}

static int read_args(struct bench *b, struct err *e) {
    b->prompt = 512, b->generate = 64, b->sessions = 1, b->rows = 256, b->repeats = 5;
    TRY(arg_i64(b->a, "prompt", 1, 1 << 20, &b->prompt, e));
    TRY(arg_i64(b->a, "generate", 1, 1 << 20, &b->generate, e));
    TRY(arg_i64(b->a, "depth", 0, 1 << 20, &b->depth, e));
    TRY(arg_i64(b->a, "sessions", 1, 1024, &b->sessions, e));
    TRY(arg_i64(b->a, "step-rows", 2, 1 << 16, &b->rows, e));
    b->doc = b->rows;
    TRY(arg_i64(b->a, "step-doc", 2, b->rows, &b->doc, e));
    TRY(arg_i64(b->a, "repeats", 1, REPEATS_MAX, &b->repeats, e));
    b->vs = arg_str(b->a, "vs");
    TRY(read_shape(b, e));
    return read_only(b, e);
}

/* ---- the model ---- */

static int make_model(struct bench *b, struct err *e) {
    struct opened *o = &b->m;
    enum precision p;
    int64_t threads = 0, seed = 0;
    TRY(misused(b->a, precision_parse(arg_str(b->a, "precision"), &p, e)));
    TRY(misused(b->a, kv_parse(arg_str(b->a, "kv"), &o->kv, e)));
    TRY(arg_i64(b->a, "threads", 1, 1024, &threads, e));
    TRY(arg_i64(b->a, "seed", 0, INT64_MAX, &seed, e));
    TRY(dev_open(&o->d, (int)threads, 0, e));
    TRY(dev_set_precision(o->d, p, e));
    TRY(random_weights(&o->w, b->shape, b->mix ? b->mix->fmt : fmt_by_name(b->dtype)->id, b->mix, (uint64_t)seed, o->d->pool, e));
    if (arg_has(b->a, "save")) TRY(random_save(o->w, b->shape, arg_str(b->a, "save"), NULL, NULL, e));
    return model_open(&o->m, o->d, o->w, 0, e);
}

/* Bytes of the weights that a decoded token reads: all but an embedding that is no head, of which it reads one row. */
static int64_t weight_bytes(const struct model *m) {
    int64_t n = 0;
    for (int i = 0; i < model_n_params(m); i++) {
        const struct param *p = model_param(m, i);
        int table = strstr(p->name, "_embd.weight") != NULL && !(model_cfg(m)->tied && !strncmp(p->name, "token", 5));
        int64_t rows = table ? 1 : p->dims[0];
        n += p->n_dims == 1 ? p->count * 4 : rows * (int64_t)fmt_row_bytes(p->fmt, p->dims[1]);
    }
    return n;
}

/* What most of the matrices are stored as. */
static const char *commonest(const struct model *m) {
    int64_t most = 0;
    enum fmt f = FMT_F32;
    for (int i = 0; i < model_n_params(m); i++)
        if (model_param(m, i)->n_dims == 2 && model_param(m, i)->count > most && strncmp(model_param(m, i)->name, "token", 5))
            most = model_param(m, i)->count, f = model_param(m, i)->fmt;
    return fmt_find((int)f)->name;
}

static int open_all(struct bench *b, struct err *e) {
    if (b->shape)
        TRY(make_model(b, e));
    else
        TRY(open_model(&b->m, b->a, "model", 0, NULL, e));
    if (model_cfg(b->m.m)->n_score) return fail(e, ERR_ARG, "expected a language model, found a reward model");
    if (!b->dtype) b->dtype = commonest(b->m.m);
    b->weight_bytes = weight_bytes(b->m.m);
    TRY(infer_open(b, e));
    TRY(step_open(b, e));
    return machine_open(&b->machine, b->m.d, e);
}

static void close_all(struct bench *b) {
    machine_close(&b->machine);
    peer_end(b);
    step_close(b), infer_close(b);
    opened_close(&b->m, 0);
}

/* ---- the repeats ---- */

static int is_step(enum work w) { return w >= WORK_GRAD; }
static int wanted(const struct bench *b, enum work w) { return b->works >> w & 1 && !b->left_out[w]; }

/* Shares are of this repeat's own limits. */
static void add_figures(struct bench *b, enum work w, double seconds) {
    const struct machine *m = &b->machine;
    int i = b->ours[w].n;
    series_add(&b->ours[w], is_step(w) ? seconds : infer_tokens(b, w) / seconds);
    if (w == WORK_DECODE || w == WORK_SESSIONS)
        series_add(&b->share[w], infer_bytes(b, w) / seconds / m->bandwidth.x[i]);
    else if (m->product.n > i)
        series_add(&b->share[w], (is_step(w) ? step_flops(b, w) : infer_flops(b, w)) / seconds / m->product.x[i]);
}

static int one_work(struct bench *b, enum work w, int counts, double *total, struct err *e) {
    double s;
    TRY(is_step(w) ? step_run(b, w, &s, e) : infer_run(b, w, &s, e));
    *total += s;
    if (counts) add_figures(b, w, s);
    return counts && b->vs && b->peer_stays ? peer_run(b, w, e) : 0;
}

static int one_repeat(struct bench *b, int counts, struct err *e) {
    double total = 0, forward;
    if (counts) TRY(machine_measure(&b->machine, e));
    for (int w = 0; w < N_WORKS; w++) {
        if (!wanted(b, (enum work)w)) continue;
        if (interrupted()) return fail(e, ERR_CANCELLED, "interrupted");
        TRY(one_work(b, (enum work)w, counts, &total, e));
    }
    if (wanted(b, WORK_GRAD) || wanted(b, WORK_GRAD_LOGITS)) {
        TRY(step_forward(b, &forward, e));
        if (counts) series_add(&b->forward, forward);
    }
    if (!counts || !b->vs || b->peer_stays) return 0;
    series_add(&b->wall[0], total);
    return peer_once(b, e);
}

static int measure(struct bench *b, struct err *e) {
    struct progress p;
    if (b->vs) TRY(peer_start(b, e));
    progress_start(&p, "bench", "repeats", (double)b->repeats + 1);
    int rc = 0;
    for (int64_t i = 0; !rc && i <= b->repeats; i++) {
        rc = one_repeat(b, i > 0, e);
        progress_step(&p, (double)i + 1, NULL);
    }
    progress_end(&p);
    return rc;
}

static int run(struct args *a, struct err *e) {
    struct bench *b = calloc(1, sizeof *b);
    if (!b) return fail(e, ERR_NOMEM, "out of memory");
    b->a = a;
    signal(SIGPIPE, SIG_IGN); /* a child that ends early is an error of ours, not the end of us */
    int rc = read_args(b, e);
    if (!rc) rc = open_all(b, e);
    if (!rc) rc = measure(b, e);
    if (!rc || (rc == ERR_CANCELLED && b->machine.bandwidth.n)) { /* Ctrl-C: what was measured is said, the status stays */
        int said = bench_report(b, rc ? NULL : e);
        if (!rc) rc = said;
    }
    close_all(b);
    free(b);
    return rc;
}

const struct command command_bench = {
    "bench",
    "prefill, decode and gradient steps: speed, and the share of this machine's measured limits",
    "(-m M | --shape 4m|15m|135m|0.5b|1.5b [--dtype T]) [-p 512] [-n 64] [-r 5] [--depth N] [--vs COMMAND] [--json]",
    opts,
    0,
    0,
    run,
    "Each repeat measures the machine first, then our works, each followed by the peer's (--vs); shares and ratios are formed "
    "within a "
    "repeat.\n"
    "Median, least and greatest over the repeats are shown.\n\n"
    "bandwidth: what all threads together read from a buffer of 512 MB, the best of 4 and 8 streams a thread. ceiling: the best "
    "product\n"
    "bf16 x bf16 -> f32 that oneDNN reaches among 512x4864x896 and 512x8960x1536 with as many threads (the program "
    "candor-ceiling).\n\n"
    "prefill: -p tokens into an empty session, logits of the last one. Its share of the ceiling counts 2 flops a weight of the "
    "blocks and\n"
    "token, attention (4 flops a head dimension and key seen), and one row of the head. decode: -n tokens, one after another, "
    "greedily, after\n"
    "--depth positions. Its share of the bandwidth counts the bytes of all weights once a token (of an embedding that is not "
    "the head, one\n"
    "row) and of the keys and values seen. sessions: the same for N forks at once; weights count once a step, the shared prefix "
    "too.\n"
    "grad: forward and backward of --step-rows tokens through frozen weights to the input embeddings; loss = -sum log p(next "
    "token) -\n"
    "w.h[last]. grad-logits: z[T,V] -> softmax -> soft embeddings -> the same loss on the soft tokens -> dL/dz. Both count "
    "forward "
    "and\n"
    "backward of blocks and head at 2 flops a weight and token each, attention at 4 and 10 flops a head dimension and key, and "
    "the soft\n"
    "embeddings twice 2 T V C. train: the same with weight gradients and AdamW (f32 weights; shapes of six layers, or "
    "-m with --only train), as sequences of --step-doc tokens, with the products that candor train takes for --precision auto: "
    "bf16 where the "
    "CPU has them."};
