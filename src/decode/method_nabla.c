/* The decoding loop of ∇-Reasoner (Algorithms 1 and 3), in the paper's meaning.
 *
 *   y ← rollout; for each position i of y, while rollouts are left:
 *     commit y_i unless its entropy and the norm of dL/dz_i both exceed their gates
 *     z̃ ← DTO(z_i);  t ~ softmax(z̃/τ) with the position's one uniform draw
 *     t = y_i: commit.  Otherwise y' ← rollout(y_<i + t), and y ← y' iff r(y') > r(y), else commit y_i
 *
 * Exact savings over the published form: the gradient is constant along a trajectory (objective.h), so one forward and backward per
 * accepted trajectory serves all its positions; both rewards are the RM's score of prompt + whole answer, read once each (the
 * released code scores the current answer with its prompt repeated); z, and Adam's moments, are float.
 * A position counts as changed by the gradient when the same draw gives another token from z̃ than from z. */
#include "base/rng.h"
#include "decode/method.h"
#include "decode/objective.h"
#include <stdlib.h>
#include <string.h>

struct nabla {
    struct trial *t;
    struct objective *g;
    struct dto_work work;
    struct sampler sampler;
    float *z0, *z; /* [V]: logits before and after */
    double *gi;    /* [V] */
    int cur;       /* the trajectory */
};

static int nabla_open(struct nabla *a, struct trial *t, struct err *e) {
    int64_t V = model_cfg(engine_model(t->r->lm))->n_vocab;
    *a = (struct nabla){.t = t,
                        .z0 = malloc((size_t)V * sizeof *a->z0),
                        .z = malloc((size_t)V * sizeof *a->z),
                        .gi = malloc((size_t)V * sizeof *a->gi)};
    if (!a->z0 || !a->z || !a->gi) return fail(e, ERR_NOMEM, "out of memory for a vocabulary of %lld", (long long)V);
    TRY(dto_work_init(&a->work, V, e));
    TRY(sampler_init(&a->sampler, (int)V, e));
    return objective_new(&a->g, t->r, t->room, e);
}

static void nabla_close(struct nabla *a) {
    objective_free(a->g);
    sampler_fini(&a->sampler);
    dto_work_fini(&a->work);
    free(a->z0), free(a->z), free(a->gi);
}

/* The first trajectory. Its reward is the forward half of its gradient, so it costs no pass of its own. */
static int nabla_first(struct nabla *a, struct err *e) {
    struct trial *t = a->t;
    TRY(candidates_draw(t, 0, 1, t->r->o.temp, e));
    struct candidate *c = &t->c[0];
    c->accepted = 1, t->judged = 1;
    if (trial_spent(t)) return candidates_score(t, 0, 1, e);
    TRY(objective_take(a->g, t, c->lm, NULL, c->ids, c->n, 0, e));
    c->reward = a->g->reward, c->scored = 1;
    c->rm = a->g->rm_session, a->g->rm_session = NULL;
    return 0;
}

/* y_<i + token, rolled out to its end and scored over the trajectory's own prefix. Returns the new candidate's index. */
static int nabla_propose(struct nabla *a, int64_t i, int32_t token, struct err *e) {
    struct trial *t = a->t;
    const struct candidate *c = &t->c[a->cur];
    int64_t P = t->prompt.n;
    /* positions 0 … P+i−1 are prompt and y_<i; an end token needs no continuation */
    struct roll x = {.from = c->lm,
                     .keep = P + i,
                     .last = token,
                     .temp = t->r->o.temp,
                     .max_new = trial_is_end(t, token) ? 0 : t->room - i - 1,
                     .stream = trial_stream(t, FOR_REROLL, (uint64_t)i, (uint64_t)t->n, 0)};
    int32_t *head = malloc((size_t)(i + 1) * sizeof *head);
    if (!head) return fail(e, ERR_NOMEM, "out of memory");
    if (i) memcpy(head, c->ids, (size_t)i * sizeof *head);
    head[i] = token;
    int rc = rolls_run(t, &x, 1, e), k = -1;
    if (rc >= 0) rc = k = candidate_add(t, head, i + 1, &x, a->cur, e);
    if (rc >= 0) {
        struct candidate *y = &t->c[k];
        struct scored s = {.from = t->c[a->cur].rm, .keep = P + i, .ids = y->ids + i, .n = y->n - i, .hold = 1};
        y->from = i;
        rc = rewards_score(t, &s, 1, e);
        y->reward = s.reward, y->scored = rc >= 0, y->rm = s.s;
    }
    roll_fini(&x);
    free(head);
    return rc < 0 ? rc : k;
}

static int nabla_judge(struct nabla *a, int k, struct err *e) {
    struct trial *t = a->t;
    struct candidate *y = &t->c[k];
    t->judged++;
    if (!(y->reward > t->c[a->cur].reward)) {
        t->rejected++;
        return 0;
    }
    y->accepted = 1;
    a->cur = k;
    if (trial_spent(t) || y->from + 1 >= y->n) return 0;
    return objective_take(a->g, t, y->lm, y->rm, y->ids, y->n, y->from + 1, e);
}

/* The gates of token selection; leaves z and g_i behind. 1: optimise, 0: commit. */
static int nabla_select(struct nabla *a, int64_t i, struct err *e) {
    struct trial *t = a->t;
    const struct reason_opts *o = &t->r->o;
    TRY(objective_logits(a->g, t, i, a->z0, e));
    dto_softmax(a->work.p, a->z0, a->work.V, 1);
    if (!(dto_entropy(a->work.p, a->work.V) > o->eps_ent)) return t->low_entropy++, 0;
    TRY(objective_row(a->g, t, i, a->gi, e));
    dto_softmax(a->work.p, a->z0, a->work.V, o->dto.temp);
    if (!(dto_grad(NULL, a->work.p, a->gi, a->work.V, o->dto.temp) > o->eps_grad)) return t->low_gradient++, 0;
    t->optimised++;
    return 1;
}

static double prob_of(struct nabla *a, const float *z, int32_t id) {
    dto_softmax(a->work.p, z, a->work.V, 1);
    return a->work.p[id];
}

static int nabla_step(struct nabla *a, int64_t i, struct err *e) {
    struct trial *t = a->t;
    const struct reason_opts *o = &t->r->o;
    int rc = nabla_select(a, i, e);
    if (rc <= 0) return rc;
    memcpy(a->z, a->z0, (size_t)a->work.V * sizeof *a->z);
    dto_run(a->z, a->gi, &o->dto, &a->work);
    struct rng g = RNG(o->seed, trial_stream(t, FOR_RESAMPLE, (uint64_t)i, 0, 0));
    struct sampling sm = SAMPLING_DEFAULT;
    sm.temp = o->temp, sm.top_p = o->top_p, sm.top_k = o->top_k;
    struct change ch = {.pos = i, .was = t->c[a->cur].ids[i], .u = rng_uniform(&g), .before = a->cur, .after = -1};
    ch.plain = sampler_pick(&a->sampler, a->z0, &sm, ch.u, NULL, 0, NULL);
    ch.tilted = sampler_pick(&a->sampler, a->z, &sm, ch.u, NULL, 0, NULL);
    ch.p_plain = prob_of(a, a->z0, ch.tilted), ch.p_tilted = prob_of(a, a->z, ch.tilted);
    if (ch.tilted != ch.was) {
        TRY(ch.after = nabla_propose(a, i, ch.tilted, e));
        TRY(nabla_judge(a, ch.after, e));
        ch.accepted = t->c[ch.after].accepted;
    }
    return ch.plain == ch.tilted ? 0 : trial_change(t, &ch, e);
}

int method_nabla(struct trial *t, struct err *e) {
    struct nabla a;
    int rc = nabla_open(&a, t, e);
    if (rc >= 0) rc = nabla_first(&a, e);
    for (int64_t i = 0; rc >= 0 && i < t->c[a.cur].n && !trial_spent(t); i++) rc = nabla_step(&a, i, e);
    t->chosen = a.cur;
    nabla_close(&a);
    return rc < 0 ? rc : 0;
}
