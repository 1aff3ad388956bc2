/* candor reason: the same questions answered by several methods at several budgets. Opens policy, reward model and questions, hands
 * them to decode's harness, and prints its summary. Nothing is printed or written before all inputs were found to be sound. */
#include "base/hash.h"
#include "base/progress.h"
#include "cli/asking.h"
#include "cli/reason_report.h"
#include "decode/reason.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    struct asked_model lm;
    struct opened rm, verifier;
    struct questions qs;
    struct reasoner r;
    struct reason_job job;
    char models[896];
};

/* ---- options ---- */

static const struct opt opts[] = {
    OPT_MODEL,
    {"rm", 0, "M", NULL, "reward model over the same vocabulary (bon, nabla, rap, tot-bfs need one)"},
    {"verifier", 0, "M", NULL, "another reward model, held out: it scores all answers after the fact and is not counted"},
    {"data", 0, "Q", NULL, "questions: JSON lines, MMLU-Redux CSV or GPQA CSV"},
    {"method", 0, "A,B,…", "greedy", "methods: greedy sample sc bon nabla rap tot-bfs"},
    {"budget", 0, "N,N,…", "8",
     "rollouts, the first included; suffix c calls, t tokens, f FLOPs, s seconds: no rollout starts once they are used up"},
    {"n-questions", 'n', "N", "all", "only the first N questions"},
    OPT_ASK,
    {"max-new", 0, "N", "256", "longest answer, tokens"},
    {"temp", 0, "T", "0.5", "temperature of rollouts and of resampling"},
    {"top-p", 0, "P", "0.95", "nucleus of rollouts and of resampling"},
    {"top-k", 0, "K", "0", "keep the K likeliest tokens; 0: all"},
    {"lambda", 0, "X", "10", "weight of the reward against the likelihood (see below)"},
    {"nll", 0, "mean|sum", "mean", "likelihood per token of the answer, or summed over it"},
    {"lr", 0, "X", "0.01", "learning rate of the descent on logits"},
    {"lr-floor", 0, "X", "0.1", "lowest learning rate, as a share of --lr"},
    {"schedule", 0, "S", "clamped", "clamped: cosine cut off at the floor; cosine: cosine that ends on it"},
    {"steps", 0, "N", "20", "steps of the descent"},
    {"dto", 0, "adam|closed", "adam", "Adam steps, or their closed form z − S·sign(g − p·g)"},
    {"dto-temp", 0, "T", "1", "temperature of the relaxation"},
    {"eps-ent", 0, "X", "0.25", "optimise a token only if its entropy is above this, nats"},
    {"eps-grad", 0, "X", "0.1", "and the norm of dL/dz above this, in units of the loss (scales with --lambda)"},
    {"rap-width", 0, "N", "3", "children of a node in rap"},
    {"rap-c", 0, "X", "1.4142135623730951", "exploration constant of rap, rewards scaled to [0, 1]"},
    {"step-max", 0, "N", "64", "longest reasoning step of rap and tot-bfs, tokens"},
    {"tot-depth", 0, "N", "16", "steps of tot-bfs before the rest is finished greedily"},
    {"output", 'o', "ROWS.jsonl", NULL, "one row per candidate, changed token and result"},
    {"by", 0, "level,kind", NULL, "accuracy also on the questions of each level, of each kind, or of both"},
    {"resume", 0, NULL, NULL, "go on with the rows of a run that was stopped"},
    {"step-scores", 0, NULL, NULL, "--rm also scores, after the fact and uncounted, every step of all answers (see below)"},
    {"show", 0, NULL, NULL, "show one question on which the gradient changed a token"},
    OPT_KV,
    OPT_PRECISION,
    OPT_JSON,
    {0},
};

static int arg_int(struct args *a, const char *name, int lo, int hi, int *out, struct err *e) {
    int64_t v = *out;
    TRY(arg_i64(a, name, lo, hi, &v, e));
    *out = (int)v;
    return 0;
}

/* One of two words; *out = 1 for the second. */
static int arg_word(struct args *a, const char *name, const char *first, const char *second, int *out, struct err *e) {
    const char *s = arg_str(a, name);
    *out = !strcmp(s, second);
    return *out || !strcmp(s, first) ? 0 : usage_error(a, e, "--%s: expected %s or %s, found \"%.40s\"", name, first, second, s);
}

static int read_dto(struct dto_opts *o, struct args *a, struct err *e) {
    int closed, cosine;
    TRY(arg_real(a, "lr", 0, 1e6, &o->lr, e));
    TRY(arg_real(a, "lr-floor", 0, 1, &o->lr_floor, e));
    TRY(arg_int(a, "steps", 1, 1000000, &o->steps, e));
    TRY(arg_real(a, "dto-temp", 1e-6, 1e6, &o->temp, e));
    TRY(arg_word(a, "dto", "adam", "closed", &closed, e));
    TRY(arg_word(a, "schedule", "clamped", "cosine", &cosine, e));
    o->mode = closed ? DTO_CLOSED : DTO_ADAM, o->schedule = cosine ? DTO_COSINE : DTO_CLAMPED;
    return 0;
}

static int read_opts(struct reason_opts *o, struct args *a, struct err *e) {
    int64_t seed = 0;
    int sum;
    *o = reason_defaults();
    TRY(arg_i64(a, "seed", 0, INT64_MAX, &seed, e));
    o->seed = (uint64_t)seed;
    TRY(arg_i64(a, "max-new", 1, 1 << 20, &o->max_new, e));
    TRY(arg_real(a, "temp", 0, 100, &o->temp, e));
    TRY(arg_real(a, "top-p", 1e-9, 1, &o->top_p, e));
    TRY(arg_int(a, "top-k", 0, 1 << 30, &o->top_k, e));
    TRY(arg_real(a, "lambda", 0, 1e12, &o->lambda, e));
    TRY(arg_word(a, "nll", "mean", "sum", &sum, e));
    o->nll = sum ? NLL_SUM : NLL_MEAN;
    TRY(read_dto(&o->dto, a, e));
    TRY(arg_real(a, "eps-ent", 0, 1e6, &o->eps_ent, e));
    TRY(arg_real(a, "eps-grad", 0, 1e12, &o->eps_grad, e));
    TRY(arg_int(a, "rap-width", 1, 64, &o->rap_width, e));
    TRY(arg_real(a, "rap-c", 0, 1e6, &o->rap_c, e));
    TRY(arg_i64(a, "step-max", 1, 1 << 20, &o->step_max, e));
    return arg_int(a, "tot-depth", 1, 1 << 20, &o->tot_depth, e);
}

static int read_job(struct bench *x, struct args *a, struct err *e) {
    struct reason_job *j = &x->job;
    TRY(read_opts(&x->r.o, a, e));
    if (reason_parse_methods(j, arg_str(a, "method"), e) < 0 || reason_parse_budgets(j, arg_str(a, "budget"), e) < 0) {
        a->wrong = 1;
        return ERR_ARG;
    }
    if (arg_has(a, "by") && reason_parse_by(j, arg_str(a, "by"), e) < 0) {
        a->wrong = 1;
        return ERR_ARG;
    }
    j->r = &x->r, j->qs = &x->qs, j->models = x->models, j->stopped = interrupted;
    j->rows = arg_str(a, "output"), j->resume = arg_has(a, "resume"), x->r.step_scores = arg_has(a, "step-scores");
    if (x->r.step_scores && !arg_has(a, "rm")) return usage_error(a, e, "--step-scores needs a reward model (--rm M)");
    if (j->resume && !j->rows) return usage_error(a, e, "--resume needs the file of rows (-o)");
    for (int i = 0; i < j->n_methods && !arg_has(a, "rm"); i++)
        if (j->methods[i]->needs_rm) return usage_error(a, e, "method %s needs a reward model (--rm M)", j->methods[i]->name);
    return 0;
}

/* ---- opening ---- */

static int open_questions(struct bench *x, struct args *a, struct err *e) {
    const char *path;
    TRY(arg_need(a, "data", &path, e));
    TRY(questions_load(&x->qs, path, e));
    x->job.n = (int64_t)x->qs.n;
    return arg_i64(a, "n-questions", 1, (int64_t)x->qs.n, &x->job.n, e);
}

/* A reward model over the policy's vocabulary, if the option is given. */
static int open_judge(struct bench *x, struct opened *o, struct args *a, const char *option, struct err *e) {
    if (!arg_has(a, option)) return 0;
    TRY(open_model(o, a, option, MODEL_SCORE, x->lm.o.d, e));
    TRY(open_tokenizer(o, e));
    return vocab_same(x->lm.o.tok, o->tok, x->lm.o.path, o->path, e);
}

static int open_models(struct bench *x, struct args *a, struct err *e) {
    TRY(open_asked(&x->lm, a, e));
    TRY(open_judge(x, &x->rm, a, "rm", e));
    TRY(open_judge(x, &x->verifier, a, "verifier", e));
    if (x->rm.m && x->verifier.m && !strcmp(x->rm.path, x->verifier.path))
        return usage_error(a, e, "--verifier: expected another model than --rm, found %s twice: it would judge itself",
                           x->rm.path);
    return 0;
}

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

static int open_engines(struct bench *x, struct err *e) {
    struct reasoner *r = &x->r;
    r->max_ctx = model_cfg(x->lm.o.m)->n_ctx;
    if (x->rm.m) r->max_ctx = min64(r->max_ctx, model_cfg(x->rm.m)->n_ctx);
    if (x->verifier.m) r->max_ctx = min64(r->max_ctx, model_cfg(x->verifier.m)->n_ctx);
    r->max_ctx = min64(r->max_ctx, 1 << 20);
    int64_t rows = min64(r->o.max_new, r->max_ctx) + 1;
    const struct engine_opts o = {.max_ctx = r->max_ctx, .max_rows = rows > 512 ? rows : 512, .backward = x->rm.m != NULL};
    TRY(open_engine(&x->lm.o, &o, e));
    if (x->rm.m) TRY(open_engine(&x->rm, &o, e));
    const struct engine_opts forward = {.max_ctx = o.max_ctx, .max_rows = o.max_rows};
    if (x->verifier.m) TRY(open_engine(&x->verifier, &forward, e));
    r->lm = x->lm.o.g, r->rm = x->rm.g, r->verifier = x->verifier.g, r->codec = vocab_codec(&x->lm.vocab);
    r->ends = x->lm.vocab.ends, r->n_ends = x->lm.vocab.n_ends, r->step_end = x->lm.vocab.step_end;
    return 0;
}

/* Of the questions only the first, since a finished run may go on with more of them; their order is checked by id. */
static void describe_inputs(struct bench *x) {
    char lm[256], rm[256], verifier[256] = "";
    describe_model(lm, sizeof lm, "lm", &x->lm.o);
    describe_model(rm, sizeof rm, "rm", &x->rm);
    if (x->verifier.w) verifier[0] = ' ', describe_model(verifier + 1, sizeof verifier - 1, "verifier", &x->verifier);
    snprintf(x->models, sizeof x->models, "%s %s%s data=%016llx", lm, rm, verifier,
             (unsigned long long)hash_text(x->qs.q[0].question));
}

static void reason_close(struct bench *x) {
    questions_fini(&x->qs);
    opened_close(&x->verifier, 1);
    opened_close(&x->rm, 1);
    asked_close(&x->lm, 0);
    free(x);
}

static int report(struct args *a, const struct reason_summary *s, int n, const struct reason_show *show, struct err *e) {
    for (int i = 0; i < n && arg_has(a, "json"); i++) TRY(print_reason_json(&s[i], e));
    if (arg_has(a, "json")) return 0;
    print_reason_tables(s, n);
    if (arg_has(a, "show")) print_reason_show(show);
    return 0;
}

static int run_all(struct bench *x, struct args *a, struct err *e) {
    struct reason_summary s[REASON_METHODS * REASON_BUDGETS];
    struct reason_show show = {0};
    TRY(read_job(x, a, e));
    TRY(open_questions(x, a, e));
    TRY(open_models(x, a, e));
    TRY(open_asking(&x->lm, a, e));
    TRY(open_engines(x, e));
    describe_inputs(x);
    int rc = reason_run(&x->job, s, &show, e), n = x->job.n_methods * x->job.n_budgets, done = rc >= 0;
    if (done) rc = report(a, s, n, &show, e);
    for (int i = 0; done && i < n; i++) reason_summary_fini(&s[i]);
    reason_show_fini(&show);
    return rc;
}

static int run(struct args *a, struct err *e) {
    struct bench *x = calloc(1, sizeof *x);
    if (!x) return fail(e, ERR_NOMEM, "out of memory");
    int rc = run_all(x, a, e);
    reason_close(x);
    return rc;
}

const struct command command_reason = {
    .name = "reason",
    .summary = "answers questions by several methods at several budgets, and counts what it cost",
    .usage = "-m LM [--rm RM] [--verifier V] --data Q --method A,B,… --budget N,N,…",
    .opts = opts,
    .run = run,
    .notes =
        "nabla minimises L(y) = NLL(y) − lambda·reward(y), NLL the mean over the answer's tokens (--nll sum: their sum), by "
        "--steps Adam steps on\n"
        "the logits of one token at a time, draws it again, and keeps the new answer only if its reward is higher. --show "
        "prints one question\n"
        "on which the same draw gives another token after the descent than before.\n\n"
        "calls counts every forward step (a batched one once) and backward pass the machine ran; \"as paper\" counts one "
        "per token of each\n"
        "rollout, per sequence scored, and per forward or backward of a gradient. All rollouts of a question come from "
        "common random numbers.\n\n"
        "pass@k (sample, sc, bon): the share of questions with a right one among k answers, k the fewest that a question "
        "got; from more than k\n"
        "the unbiased estimate. AUC, ECE and Brier judge the reward model on the candidates it scored: AUC over all of "
        "them (its interval\n"
        "resamples questions) and within a question (\"of\": questions with right and wrong answers); ECE, in 15 bins, and "
        "Brier take\n"
        "sigmoid(reward) for the chance of being right.\n\n"
        "--verifier tells whether a method finds better answers or only ones that --rm likes better: reward and verifier are "
        "the means of\n"
        "both over the chosen answers, beside the accuracy. With it --rm also scores, uncounted, the chosen answers of "
        "methods that do not use\n"
        "it. Calls, tokens, FLOPs and seconds never hold what was scored after the fact; peak memory does.\n\n"
        "--step-scores reads the reward model at the end of every step as if it were the end of the answer (rows `step`), and "
        "says "
        "how well it\n"
        "knows whether all was right up to there. What is right is told by a question's check (countdown) or its worked trace "
        "(candor gym\n"
        "--traces: chain, arith, multihop); questions without either have no steps to judge.",
};
