/* Rollouts and rewards, batched: what every method does with the two models.
 *
 * A rollout forks a session, forgets what it does not share, and decodes to its end; all rollouts of one call run in one batched
 * decode loop over the shared prefix. A reward is the RM's score at the last token of prompt + answer, read over the RM's own
 * shared prefix, so every answer is judged on equal inputs whatever path led to it. */
#include "decode/problem.h"
#include "task/answer.h"
#include <stdlib.h>
#include <string.h>

int trial_is_end(const struct trial *t, int32_t id) {
    for (int i = 0; i < t->r->n_ends; i++)
        if (t->r->ends[i] == id) return 1;
    return 0;
}

/* ---- rollouts ---- */

void roll_fini(struct roll *x) {
    free(x->ids);
    session_free(x->s);
    x->ids = NULL, x->s = NULL, x->n = 0;
}

static int step_stop(void *ctx, int32_t id, double logprob, int64_t i) {
    const struct reasoner *r = ctx;
    (void)logprob;
    return i + 1 >= r->o.step_max || (r->step_end && r->step_end[id]);
}

static int roll_open(struct trial *t, struct roll *x, struct generation *g, struct err *e) {
    const struct reasoner *r = t->r;
    x->ids = malloc((size_t)(x->max_new + 1) * sizeof *x->ids);
    if (!x->ids) return fail(e, ERR_NOMEM, "out of memory for a rollout of %lld tokens", (long long)x->max_new);
    TRY(session_fork(&x->s, x->from, e));
    session_rewind(x->s, x->keep);
    *g = (struct generation){.s = x->s,
                             .last = x->last,
                             .max_new = x->max_new,
                             .sampling = SAMPLING_DEFAULT,
                             .seed = r->o.seed,
                             .stream = x->stream,
                             .ends = r->ends,
                             .n_ends = r->n_ends,
                             .ids = x->ids,
                             .on_token = x->one_step ? step_stop : NULL,
                             .ctx = (void *)(uintptr_t)r};
    g->sampling.temp = x->temp, g->sampling.top_p = r->o.top_p, g->sampling.top_k = r->o.top_k;
    return 0;
}

static int rolls_batch(struct trial *t, struct roll *x, int n, struct err *e) {
    struct generation g[TRIAL_BATCH];
    int at[TRIAL_BATCH], m = 0;
    for (int i = 0; i < n; i++) {
        TRY(roll_open(t, &x[i], &g[m], e));
        if (x[i].max_new > 0) at[m++] = i;
    }
    if (m) TRY(generate(t->r->lm, g, m, e));
    for (int i = 0; i < m; i++) {
        x[at[i]].n = g[i].n;
        t->tokens += g[i].n, t->calls_paper += g[i].n;
    }
    return 0;
}

int rolls_run(struct trial *t, struct roll *x, int n, struct err *e) {
    for (int i = 0; i < n; i += TRIAL_BATCH) TRY(rolls_batch(t, x + i, n - i < TRIAL_BATCH ? n - i : TRIAL_BATCH, e));
    return 0;
}

/* ---- candidates ---- */

static int candidate_grade(struct trial *t, struct candidate *c, struct err *e) {
    struct str parsed = {0};
    TRY(t->r->codec.text(t->r->codec.ctx, c->ids, c->n, &c->text, e));
    int rc = answer_parse(c->text, t->q, &parsed);
    c->correct = rc > 0 && answer_grade(t->q, parsed.s);
    if (rc >= 0) c->answer = strdup(rc > 0 && parsed.s ? parsed.s : "");
    str_free(&parsed);
    return rc < 0 || !c->answer ? fail(e, ERR_NOMEM, "out of memory for an answer") : 0;
}

static struct candidate *candidate_slot(struct trial *t) {
    if (t->n == t->cap) {
        int cap = t->cap ? 2 * t->cap : 16;
        struct candidate *p = realloc(t->c, (size_t)cap * sizeof *p);
        if (!p) return NULL;
        t->c = p, t->cap = cap;
    }
    return &t->c[t->n];
}

int candidate_add(struct trial *t, const int32_t *head, int64_t n_head, struct roll *x, int parent, struct err *e) {
    int64_t n = n_head + x->n;
    int32_t *ids = malloc((size_t)(n + 1) * sizeof *ids);
    if (!ids || !candidate_slot(t)) {
        free(ids);
        return fail(e, ERR_NOMEM, "out of memory for a candidate");
    }
    if (n_head) memcpy(ids, head, (size_t)n_head * sizeof *ids);
    if (x->n) memcpy(ids + n_head, x->ids, (size_t)x->n * sizeof *ids);
    struct candidate *c = &t->c[t->n++];
    *c = (struct candidate){.ids = ids, .n = n, .parent = parent, .lm = x->s};
    c->ended = n > 0 && trial_is_end(t, ids[n - 1]);
    x->s = NULL;
    TRY(candidate_grade(t, c, e));
    return t->n - 1;
}

int candidates_draw(struct trial *t, uint64_t first, int n, double temp, struct err *e) {
    struct roll x[TRIAL_BATCH] = {0};
    int rc = 0;
    for (int i = 0; i < n; i++)
        x[i] = (struct roll){.from = t->lm,
                             .keep = session_len(t->lm),
                             .last = t->prompt.ids[t->prompt.n - 1],
                             .temp = temp,
                             .stream = trial_stream(t, FOR_ROLLOUT, first + (uint64_t)i, 0, 0),
                             .max_new = t->room};
    rc = rolls_run(t, x, n, e);
    for (int i = 0; rc >= 0 && i < n; i++) rc = candidate_add(t, NULL, 0, &x[i], -1, e);
    for (int i = 0; i < n; i++) roll_fini(&x[i]);
    return rc < 0 ? rc : 0;
}

/* ---- rewards ---- */

static int score_batch(struct engine *g, const struct session *prompt, struct scored *x, int n, struct err *e) {
    const struct model *m = engine_model(g);
    struct device *d = model_device(m);
    int64_t C = model_cfg(m)->n_embd, rows = 0, at = 0;
    struct feed f[TRIAL_BATCH];
    num *one = dev_alloc(d, 16);
    for (int i = 0; i < n; i++) rows += x[i].n;
    num *h = dev_alloc(d, rows * C);
    int rc = h && one ? 0 : fail(e, ERR_NOMEM, "out of memory for the reward of %lld tokens", (long long)rows);
    for (int i = 0; rc >= 0 && i < n; i++) {
        rc = session_fork(&x[i].s, x[i].from ? x[i].from : prompt, e);
        if (rc >= 0 && x[i].from) session_rewind(x[i].s, x[i].keep);
        f[i] = (struct feed){.s = x[i].s, .ids = x[i].ids, .n = x[i].n, .h = num_at(d, h, at * C)};
        at += x[i].n;
    }
    if (rc >= 0) rc = engine_step(g, f, n, NULL, e);
    for (int i = 0; rc >= 0 && i < n; i++) {
        rc = model_logits(m, num_at(d, f[i].h, (x[i].n - 1) * C), 1, NULL, one, e);
        x[i].reward = dev_get1(d, one, 0);
        if (!x[i].hold) session_free(x[i].s), x[i].s = NULL;
    }
    dev_free(d, h), dev_free(d, one);
    return rc < 0 ? rc : 0;
}

int scores_run(struct engine *g, const struct session *prompt, struct scored *x, int n, struct err *e) {
    for (int i = 0; i < n; i += TRIAL_BATCH) TRY(score_batch(g, prompt, x + i, n - i < TRIAL_BATCH ? n - i : TRIAL_BATCH, e));
    return 0;
}

int rewards_score(struct trial *t, struct scored *x, int n, struct err *e) {
    t->calls_paper += n;
    return scores_run(t->r->rm, t->rm, x, n, e);
}

int candidates_score(struct trial *t, int first, int n, struct err *e) {
    struct scored x[TRIAL_BATCH] = {0};
    for (int i = 0; i < n; i++) x[i] = (struct scored){.ids = t->c[first + i].ids, .n = t->c[first + i].n};
    int rc = rewards_score(t, x, n, e);
    for (int i = 0; i < n; i++) {
        if (rc >= 0) t->c[first + i].reward = x[i].reward, t->c[first + i].scored = 1;
        session_free(x[i].s);
    }
    return rc;
}
