/* A second opinion after the fact. A reward model that a method optimises is no judge of that method: its score rises with the budget
 * whether answers get better or not. The verifier is another reward model that no method ever asks. It reads the finished candidates when
 * the method has chosen and its cost was taken, so neither the choice nor any count depends on it. */
#include "decode/problem.h"
#include <math.h>
#include <stdlib.h>

/* reward[n] of candidates first, first + 1, …, on a session of its own over the prompt. */
static int score_after(const struct trial *t, struct engine *g, int first, int n, double *reward, struct err *e) {
    struct session *prompt = NULL;
    struct scored *x = calloc((size_t)n, sizeof *x);
    if (!x) return fail(e, ERR_NOMEM, "out of memory for %d verdicts", n);
    for (int i = 0; i < n; i++) x[i] = (struct scored){.ids = t->c[first + i].ids, .n = t->c[first + i].n};
    int rc = session_new(&prompt, g, e);
    if (rc >= 0) rc = session_feed(prompt, t->prompt.ids, t->prompt.n, NULL, e);
    if (rc >= 0) rc = scores_run(g, prompt, x, n, e);
    for (int i = 0; i < n; i++) {
        reward[i] = x[i].reward;
        session_free(x[i].s);
    }
    session_free(prompt);
    free(x);
    return rc < 0 ? rc : 0;
}

static int verdicts(struct trial *t, struct err *e) {
    double *v = calloc((size_t)t->n, sizeof *v);
    if (!v) return fail(e, ERR_NOMEM, "out of memory for %d verdicts", t->n);
    int rc = score_after(t, t->r->verifier, 0, t->n, v, e);
    for (int i = 0; rc >= 0 && i < t->n; i++) t->c[i].verdict = v[i], t->c[i].verified = 1;
    free(v);
    return rc;
}

int trial_verify(struct trial *t, struct err *e) {
    const struct candidate *c = &t->c[t->chosen];
    t->chosen_reward = c->scored ? c->reward : NAN;
    if (!t->r->verifier) return 0;
    if (t->r->rm && !c->scored) TRY(score_after(t, t->r->rm, t->chosen, 1, &t->chosen_reward, e));
    return verdicts(t, e);
}
