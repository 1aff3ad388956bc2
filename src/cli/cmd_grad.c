/* candor grad: gradients with respect to input embeddings, or to relaxed one-hot rows. */
#include "cli/open.h"
#include "run/gradient.h"
#include "weights/npy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    OPT_MODEL,
    {"rm", 0, "RM", NULL, "reward model (a model with a score head)"},
    {"ids", 0, "LIST", NULL, "token ids, as 1,2,3"},
    {"from", 0, "I", NULL, "first position that counts as a variable; those before are constants"},
    {"nll", 0, "A", "1", "weight of the summed negative log probability of the targets"},
    {"reward", 0, "B", "1 with --rm, else 0", "weight of the reward, which is subtracted"},
    {"targets", 0, "LIST", "all from I on", "positions whose tokens' log probabilities are summed"},
    {"onehot", 0, NULL, NULL, "gradient with respect to relaxed one-hot rows, [T-I, V]"},
    OPT_KV,
    OPT_PRECISION,
    OPT_JSON,
    OPT_NPY,
    {0},
};

struct grad_args {
    struct gradient_job job;
    int32_t *ids;
    unsigned char *targets;
    int onehot;
    const char *path;
};

static int read_targets(struct grad_args *g, struct args *a, struct err *e) {
    int32_t *list;
    int64_t n;
    if (!arg_has(a, "targets")) return 0;
    TRY(arg_ids(a, "targets", &list, &n, e));
    g->targets = calloc((size_t)g->job.T, 1);
    int rc = g->targets ? 0 : fail(e, ERR_NOMEM, "out of memory");
    int64_t lo = g->job.from > 1 ? g->job.from : 1;
    for (int64_t i = 0; !rc && i < n; i++) {
        if (list[i] < lo || list[i] >= g->job.T)
            rc = usage_error(a, e, "--targets: expected positions from %lld to %lld, found %d", (long long)lo,
                             (long long)g->job.T - 1, list[i]);
        else
            g->targets[list[i]] = 1;
    }
    free(list);
    g->job.targets = g->targets;
    return rc;
}

static int read_args(struct grad_args *g, struct args *a, struct err *e) {
    const char *from;
    TRY(arg_need(a, "output", &g->path, e));
    TRY(arg_ids(a, "ids", &g->ids, &g->job.T, e));
    g->job.ids = g->ids;
    TRY(arg_need(a, "from", &from, e));
    TRY(arg_i64(a, "from", 0, g->job.T - 1, &g->job.from, e));
    TRY(arg_real(a, "nll", -1e30, 1e30, &g->job.nll, e));
    g->job.reward = arg_has(a, "rm") ? 1 : 0;
    if (arg_has(a, "reward")) TRY(arg_real(a, "reward", -1e30, 1e30, &g->job.reward, e));
    if (g->job.reward != 0 && !arg_has(a, "rm")) return usage_error(a, e, "--reward: expected a reward model (--rm RM)");
    g->onehot = arg_has(a, "onehot") > 0;
    return read_targets(g, a, e);
}

struct writer {
    struct npy_out *o;
    struct err *e;
};
static int write_rows(void *ctx, int64_t row0, int64_t rows, const float *x, int64_t width) {
    struct writer *w = ctx;
    (void)row0;
    if (interrupted()) return 1;
    return npy_out_write(w->o, x, rows * width, w->e);
}

static int write_onehot(struct gradient *x, const struct grad_args *g, int64_t V, struct err *e) {
    int64_t dims[2] = {g->job.T - g->job.from, V};
    struct writer w = {NULL, e};
    TRY(npy_out_open(&w.o, g->path, NPY_F4, 2, dims, e));
    int rc = gradient_onehot(x, write_rows, &w, e);
    if (!rc) return npy_out_commit(w.o, e);
    npy_out_abort(w.o);
    return rc;
}

static int write_sum(struct gradient *x, const struct grad_args *g, struct err *e) {
    int64_t dims[2] = {g->job.T - g->job.from, 0};
    TRY(gradient_width(x, &g->job, &dims[1], e));
    float *u = malloc((size_t)(dims[0] * dims[1]) * sizeof *u);
    int rc = u ? gradient_sum(x, u, e) : fail(e, ERR_NOMEM, "out of memory");
    if (!rc) rc = npy_write(g->path, NPY_F4, 2, dims, u, e);
    free(u);
    return rc;
}

static int compute(struct args *a, struct grad_args *g, struct opened *lm, struct opened *rm, struct err *e) {
    struct gradient *x = NULL;
    struct gradient_value v = {0};
    int64_t C;
    TRY(gradient_new(&x, lm->g, rm->g, g->job.T - g->job.from, e));
    int rc = g->onehot ? 0 : gradient_width(x, &g->job, &C, e); /* before the work, not after it */
    if (!rc) rc = gradient_run(x, &g->job, &v, e);
    if (!rc) rc = g->onehot ? write_onehot(x, g, model_cfg(lm->m)->n_vocab, e) : write_sum(x, g, e);
    gradient_free(x);
    if (!rc && arg_has(a, "json")) {
        char line[200];
        int n = snprintf(line, sizeof line, "{\"nll\":%.17g,\"reward\":%.17g,\"loss\":%.17g}\n", v.nll, v.reward, v.loss);
        rc = print_bytes(line, (size_t)n, e);
    }
    return rc;
}

static int engine_for(struct opened *o, const struct grad_args *g, struct err *e) {
    TRY(check_ids(o->m, g->ids, g->job.T, e));
    int64_t rows = g->job.T - g->job.from;
    return open_engine(
        o, &(struct engine_opts){.max_ctx = g->job.T, .max_rows = rows > 64 ? rows : 64, .max_sessions = 1, .backward = 1}, e);
}

static int run(struct args *a, struct err *e) {
    struct grad_args g = {.job.nll = 1};
    struct opened lm = {0}, rm = {0};
    int rc = read_args(&g, a, e);
    if (!rc) rc = open_model(&lm, a, "model", 0, NULL, e);
    if (!rc) rc = engine_for(&lm, &g, e);
    if (!rc && arg_has(a, "rm")) {
        rc = open_model(&rm, a, "rm", MODEL_SCORE, lm.d, e);
        if (!rc && model_cfg(rm.m)->n_vocab != model_cfg(lm.m)->n_vocab)
            rc = fail(e, ERR_ARG, "expected a reward model with the language model's vocabulary of %d tokens, found %d",
                      model_cfg(lm.m)->n_vocab, model_cfg(rm.m)->n_vocab);
        if (!rc) rc = engine_for(&rm, &g, e);
    }
    if (!rc) rc = compute(a, &g, &lm, &rm, e);
    opened_close(&rm, 1);
    opened_close(&lm, 0);
    free(g.ids), free(g.targets);
    return rc;
}

const struct command command_grad = {
    "grad",
    "gradient of log probability and reward with respect to input embeddings",
    "-m M --ids LIST --from I [--rm RM] [--nll A] [--reward B] [--targets LIST] [--onehot] -o OUT.npy",
    opts,
    0,
    0,
    run,
    "loss = A * (sum over targets of -log p(id_i | ids before i)) - B * reward(ids); position 0 is never a target. Writes "
    "float32 [T-I, C]:\n"
    "d loss / d (input embedding of positions I to T-1), through the context only. With --onehot float32 [T-I, V]: d loss / d "
    "(relaxed one-hot\n"
    "rows), the target term -A log p(. | ids before i) included. No token is added to --ids. --json prints nll, reward and "
    "loss."};
