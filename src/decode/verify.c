/* A second opinion after the fact. A reward model that a method optimises is no judge of that method: its score rises with the budget
 * whether answers get better or not. The verifier is another reward model that no method ever asks. It reads the finished candidates when
 * the method has chosen and its cost was taken, so neither the choice nor any count depends on it.
 * In the same way the reward model is asked about the steps of the candidates: is it still right here? */
#include "decode/steps.h"
#include <math.h>
#include <stdlib.h>

/* The rewards of x[n], on a session of its own over the prompt. */
static int score_after(const struct trial *t, struct engine *g, struct scored *x, int n, struct err *e) {
    struct session *prompt = NULL;
    int rc = session_new(&prompt, g, e);
    if (rc >= 0) rc = session_feed(prompt, t->prompt.ids, t->prompt.n, NULL, e);
    if (rc >= 0) rc = scores_run(g, prompt, x, n, e);
    for (int i = 0; i < n; i++) session_free(x[i].s);
    session_free(prompt);
    return rc < 0 ? rc : 0;
}

static struct scored whole(const struct candidate *c) { return (struct scored){.ids = c->ids, .n = c->n}; }

static int verdicts(struct trial *t, struct err *e) {
    struct scored *x = calloc((size_t)t->n, sizeof *x);
    if (!x) return fail(e, ERR_NOMEM, "out of memory for %d verdicts", t->n);
    for (int i = 0; i < t->n; i++) x[i] = whole(&t->c[i]);
    int rc = score_after(t, t->r->verifier, x, t->n, e);
    for (int i = 0; rc >= 0 && i < t->n; i++) t->c[i].verdict = x[i].reward, t->c[i].verified = 1;
    free(x);
    return rc;
}

/* ---- steps ---- */

static int judge_question(const void *what, const char *thought, size_t n, struct gym_step *out, int cap, struct err *e) {
    return question_steps(what, thought, n, out, cap, e);
}

/* Which steps there are, without their rewards. */
static int steps_find(const struct trial *t, struct candidate *c, struct err *e) {
    signed char *right = malloc((size_t)c->n + 1);
    if (!right) return fail(e, ERR_NOMEM, "out of memory for steps");
    int rc = steps_mark(&t->r->codec, c->ids, c->n, judge_question, t->q, right, e);
    if (rc > 0 && !(c->steps = calloc((size_t)rc, sizeof *c->steps))) rc = fail(e, ERR_NOMEM, "out of memory for %d steps", rc);
    for (int64_t i = 0; rc > 0 && i < c->n && c->n_steps < rc; i++)
        if (right[i] >= 0) c->steps[c->n_steps++] = (struct step_score){.at = i, .right = right[i]};
    free(right);
    return rc < 0 ? rc : 0;
}

static int steps_score(struct trial *t, struct candidate *c, struct err *e) {
    TRY(steps_find(t, c, e));
    if (!c->n_steps) return 0;
    struct scored *x = calloc((size_t)c->n_steps, sizeof *x);
    if (!x) return fail(e, ERR_NOMEM, "out of memory for %d steps", c->n_steps);
    for (int i = 0; i < c->n_steps; i++) x[i] = (struct scored){.ids = c->ids, .n = c->steps[i].at + 1};
    int rc = score_after(t, t->r->rm, x, c->n_steps, e);
    for (int i = 0; rc >= 0 && i < c->n_steps; i++) c->steps[i].reward = x[i].reward;
    free(x);
    return rc;
}

/* ---- all of it ---- */

static int chosen_reward(struct trial *t, struct err *e) {
    struct scored x = whole(&t->c[t->chosen]);
    TRY(score_after(t, t->r->rm, &x, 1, e));
    t->chosen_reward = x.reward;
    return 0;
}

int trial_verify(struct trial *t, struct err *e) {
    const struct candidate *c = &t->c[t->chosen];
    t->chosen_reward = c->scored ? c->reward : NAN;
    for (int i = 0; t->r->step_scores && i < t->n; i++) TRY(steps_score(t, &t->c[i], e));
    if (!t->r->verifier) return 0;
    if (t->r->rm && !c->scored) TRY(chosen_reward(t, e));
    return verdicts(t, e);
}
