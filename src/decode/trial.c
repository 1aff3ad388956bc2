/* A trial's life: the prompt is prefilled once in each engine, candidates collect, and everything the machine did is charged.
 *
 * Two countings stand side by side. `calls` is honest: every forward step the machine ran (a batched decode step is one) and every
 * backward pass, prefill included. `calls_paper` follows spec section 5.2 and the released code: one for each token of each rollout
 * (however they were batched), one for each sequence scored, one for each forward or backward of a gradient. */
#include "base/hash.h"
#include "base/progress.h"
#include "decode/problem.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reason_opts reason_defaults(void) {
    return (struct reason_opts){.max_new = 256,
                                .temp = 0.5,
                                .top_p = 0.95,
                                .lambda = 10,
                                .nll = NLL_MEAN,
                                .dto = DTO_DEFAULT,
                                .eps_ent = 0.25,
                                .eps_grad = 0.1,
                                .rap_width = 3,
                                .rap_c = 1.4142135623730951,
                                .step_max = 64,
                                .tot_depth = 16};
}

static int opt_in(double x, double lo, double hi, const char *what, struct err *e) {
    if (x >= lo && x <= hi) return 0;
    return fail(e, ERR_ARG, "%s: expected %g to %g, found %g", what, lo, hi, x);
}

int reason_opts_check(const struct reason_opts *o, struct err *e) {
    TRY(opt_in((double)o->max_new, 1, 1 << 20, "longest answer", e));
    TRY(opt_in(o->temp, 0, 100, "temperature", e));
    TRY(opt_in(o->top_p, 1e-9, 1, "top-p", e));
    TRY(opt_in(o->top_k, 0, 1 << 30, "top-k", e));
    TRY(opt_in(o->lambda, 0, 1e12, "lambda", e));
    TRY(opt_in(o->dto.steps, 1, 1e6, "DTO steps", e));
    TRY(opt_in(o->dto.lr, 0, 1e6, "learning rate", e));
    TRY(opt_in(o->dto.lr_floor, 0, 1, "learning rate floor", e));
    TRY(opt_in(o->dto.temp, 1e-6, 1e6, "temperature of the relaxation", e));
    TRY(opt_in(o->eps_ent, 0, 1e6, "entropy gate", e));
    TRY(opt_in(o->eps_grad, 0, 1e12, "gradient gate", e));
    TRY(opt_in(o->rap_width, 1, 64, "children of a tree node", e));
    TRY(opt_in((double)o->step_max, 1, 1 << 20, "longest step", e));
    return opt_in(o->tot_depth, 1, 1 << 20, "depth of the tree", e);
}

/* ---- budgets ---- */

int budget_parse(struct budget *b, const char *text, struct err *e) {
    char *end;
    double x = strtod(text, &end);
    char unit = *end ? *end : 'r';
    int ok = end != text && isfinite(x) && x > 0 && strchr("rctfs", unit) && (!*end || !end[1]) && strlen(text) < sizeof b->text;
    if (ok && unit == 'r' && (x != floor(x) || x > 1 << 20)) ok = 0;
    if (!ok)
        return fail(e, ERR_ARG,
                    "budget: expected a whole number of rollouts, or a number followed by c (calls), t (tokens), f (FLOPs) or s "
                    "(seconds), found \"%.40s\"",
                    text);
    *b = (struct budget){.amount = x, .unit = unit};
    snprintf(b->text, sizeof b->text, "%s", text);
    if (unit == 'r') snprintf(b->text, sizeof b->text, "%lld", (long long)x);
    return 0;
}

static double spent(const struct trial *t) {
    struct cost c = trial_cost(t);
    switch (t->budget->unit) {
    case 'c': return (double)c.calls;
    case 't': return (double)c.tokens;
    case 'f': return c.flops;
    case 's': return c.seconds;
    default: return t->n;
    }
}

int trial_spent(const struct trial *t) { return t->n > 0 && spent(t) >= t->budget->amount; }

int trial_allows(const struct trial *t) {
    if (trial_spent(t)) return 0;
    if (t->budget->unit != 'r') return 1;
    double left = t->budget->amount - t->n;
    return left > TRIAL_BATCH ? TRIAL_BATCH : (int)left;
}

/* ---- account ---- */

/* Ten digits: the engines' running sums may have dropped low bits that depend on what ran before (resume), and facts must not. */
static double ten_digits(double x) {
    char z[40];
    snprintf(z, sizeof z, "%.9e", x);
    return strtod(z, NULL);
}

struct cost trial_cost(const struct trial *t) {
    struct account a = engine_account(t->r->lm), b = t->r->rm ? engine_account(t->r->rm) : (struct account){0};
    return (struct cost){
        .calls = a.steps - t->lm0.steps + b.steps - t->rm0.steps + t->calls_extra,
        .calls_paper = t->calls_paper,
        .tokens = t->tokens,
        .flops = ten_digits(a.flops - t->lm0.flops + (b.flops - t->rm0.flops) + t->flops_extra),
        .seconds = clock_s() - t->t0,
    };
}

/* ---- life ---- */

static int prefill(struct trial *t, int reward, struct err *e) {
    const struct reasoner *r = t->r;
    TRY(session_new(&t->lm, r->lm, e));
    if (t->prompt.n > 1) TRY(session_feed(t->lm, t->prompt.ids, t->prompt.n - 1, NULL, e));
    if (!reward) return 0;
    if (!r->rm) return fail(e, ERR_ARG, "a reward model is needed");
    TRY(session_new(&t->rm, r->rm, e));
    return session_feed(t->rm, t->prompt.ids, t->prompt.n, NULL, e);
}

int trial_prompt(const struct reasoner *r, const struct question *q, struct toks *out, struct err *e) {
    struct err mine = ERR_INIT;
    int rc = r->codec.prompt(r->codec.ctx, q, out, &mine);
    if (rc < 0) return fail_at(e, rc, mine.where, mine.at, "question %.60s: %s", q->id, mine.msg);
    if (out->n >= 1 && out->n < r->max_ctx) return 0;
    return fail(e, ERR_LIMIT, "question %s: expected a prompt of 1 to %lld tokens, found %lld", q->id, (long long)r->max_ctx - 1,
                (long long)out->n);
}

int trial_init(struct trial *t, const struct reasoner *r, const struct question *q, const struct budget *b, int reward,
               struct err *e) {
    *t =
        (struct trial){.r = r, .q = q, .budget = b, .key = hash_text(q->id), .chosen = -1, .chosen_reward = NAN, .t0 = clock_s()};
    t->lm0 = engine_account(r->lm);
    if (r->rm) t->rm0 = engine_account(r->rm);
    int rc = trial_prompt(r, q, &t->prompt, e);
    t->room = r->max_ctx - t->prompt.n;
    if (t->room > r->o.max_new) t->room = r->o.max_new;
    if (rc >= 0) rc = prefill(t, reward, e);
    if (rc >= 0) return 0;
    trial_fini(t);
    return rc;
}

static void candidate_fini(struct candidate *c) {
    free(c->ids), free(c->text), free(c->answer), free(c->steps);
    session_free(c->lm), session_free(c->rm);
}

void trial_fini(struct trial *t) {
    for (int i = 0; i < t->n; i++) candidate_fini(&t->c[i]);
    free(t->c), free(t->changes);
    session_free(t->lm), session_free(t->rm);
    toks_free(&t->prompt);
    *t = (struct trial){0};
}

int trial_change(struct trial *t, const struct change *ch, struct err *e) {
    if (t->n_changes == t->cap_changes) {
        int cap = t->cap_changes ? 2 * t->cap_changes : 16;
        struct change *p = realloc(t->changes, (size_t)cap * sizeof *p);
        if (!p) return fail(e, ERR_NOMEM, "out of memory");
        t->changes = p, t->cap_changes = cap;
    }
    t->changes[t->n_changes++] = *ch;
    return 0;
}

int trial_best(const struct trial *t) {
    int best = -1;
    for (int i = 0; i < t->n; i++)
        if (t->c[i].scored && (best < 0 || t->c[i].reward > t->c[best].reward)) best = i;
    return best;
}

uint64_t trial_stream(const struct trial *t, enum purpose what, uint64_t a, uint64_t b, uint64_t c) {
    const uint64_t path[] = {t->key, (uint64_t)what, a, b, c};
    uint64_t h = HASH_START;
    for (size_t i = 0; i < sizeof path / sizeof *path; i++) h = hash_mix(hash_bytes(h, &path[i], sizeof path[i]));
    return h;
}
