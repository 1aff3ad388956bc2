/* Tree of thoughts, breadth first (Yao et al. 2023), in a first plain form.
 *
 * A budget of N rollouts becomes b = ⌊√N⌋ kept thoughts with k = ⌊N/b⌋ continuations each, so no level holds more than N partial
 * answers and the whole search generates at most about N rollouts' tokens. Each level samples one more step for every unfinished
 * thought, lets the reward model score the partial texts, and keeps the b best, finished ones competing too. After `tot_depth` levels
 * (or once another kind of budget is used up) what is unfinished is completed greedily. The kept thoughts are the candidates. */
#include "decode/method.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct thought {
    int32_t *ids;
    int64_t n;
    struct session *s;
    double value;
    int done;
};
struct level {
    struct thought *v;
    int n;
};

static void thought_fini(struct thought *x) {
    free(x->ids);
    session_free(x->s);
    *x = (struct thought){0};
}
static void level_fini(struct level *l) {
    for (int i = 0; i < l->n; i++) thought_fini(&l->v[i]);
    free(l->v);
    *l = (struct level){0};
}

static struct roll roll_of(struct trial *t, const struct thought *x, uint64_t stream, double temp, int one_step) {
    return (struct roll){.from = x->s,
                         .keep = t->prompt.n - 1 + x->n,
                         .last = x->n ? x->ids[x->n - 1] : t->prompt.ids[t->prompt.n - 1],
                         .stream = stream,
                         .max_new = t->room - x->n,
                         .temp = temp,
                         .one_step = one_step};
}

/* head + the roll's tokens; takes the roll's session */
static int thought_grow(struct trial *t, struct thought *out, const struct thought *head, struct roll *x, struct err *e) {
    int64_t n = head->n + x->n;
    *out = (struct thought){.ids = malloc((size_t)(n + 1) * sizeof *out->ids), .n = n, .s = x->s};
    x->s = NULL;
    if (!out->ids) return fail(e, ERR_NOMEM, "out of memory");
    if (head->n) memcpy(out->ids, head->ids, (size_t)head->n * sizeof *out->ids);
    if (x->n) memcpy(out->ids + head->n, x->ids, (size_t)x->n * sizeof *out->ids);
    out->done = n >= t->room || (n && trial_is_end(t, out->ids[n - 1]));
    return 0;
}

static int score_level(struct trial *t, struct level *l, int from, struct err *e) {
    struct scored *x = calloc((size_t)l->n + 1, sizeof *x);
    if (!x) return fail(e, ERR_NOMEM, "out of memory");
    for (int i = from; i < l->n; i++) x[i] = (struct scored){.ids = l->v[i].ids, .n = l->v[i].n};
    int rc = rewards_score(t, x + from, l->n - from, e);
    for (int i = from; i < l->n; i++) l->v[i].value = x[i].reward, session_free(x[i].s);
    free(x);
    return rc;
}

/* Every unfinished thought of `a` continued k times; finished ones move over as they are, in front. */
static int expand(struct trial *t, struct level *a, int k, int depth, struct level *out, struct err *e) {
    int m = 0, rc = 0, carried;
    size_t most = (size_t)a->n * (size_t)(k + 1); /* all carried over, all continued */
    struct roll *x = calloc(most, sizeof *x);
    *out = (struct level){.v = calloc(most, sizeof *out->v)};
    if (!x || !out->v) {
        free(x);
        return fail(e, ERR_NOMEM, "out of memory");
    }
    for (int i = 0; i < a->n; i++)
        for (int j = 0; j < k && !a->v[i].done; j++)
            x[m++] =
                roll_of(t, &a->v[i], trial_stream(t, FOR_THOUGHT, (uint64_t)depth, (uint64_t)i, (uint64_t)j), t->r->o.temp, 1);
    rc = rolls_run(t, x, m, e);
    for (int i = 0; rc >= 0 && i < a->n; i++)
        if (a->v[i].done) out->v[out->n++] = a->v[i], a->v[i] = (struct thought){.done = 1};
    carried = out->n;
    for (int i = 0, at = 0; rc >= 0 && i < a->n; i++)
        for (int j = 0; rc >= 0 && j < k && !a->v[i].done; j++) rc = thought_grow(t, &out->v[out->n++], &a->v[i], &x[at++], e);
    if (rc >= 0) rc = score_level(t, out, carried, e);
    for (int i = 0; i < m; i++) roll_fini(&x[i]);
    free(x);
    return rc;
}

static int same(const struct thought *a, const struct thought *b) {
    return a->n == b->n && !memcmp(a->ids, b->ids, (size_t)a->n * sizeof *a->ids);
}

/* The b best different ones by value, ties to the earlier (insertion sort: levels are small). */
static void keep_best(struct level *l, int b) {
    int n = 0;
    for (int i = 0; i < l->n; i++) {
        int twin = 0;
        for (int j = 0; j < n; j++) twin |= same(&l->v[j], &l->v[i]);
        if (twin)
            thought_fini(&l->v[i]);
        else
            l->v[n++] = l->v[i];
    }
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && l->v[j].value > l->v[j - 1].value; j--) {
            struct thought x = l->v[j];
            l->v[j] = l->v[j - 1], l->v[j - 1] = x;
        }
    for (int i = b; i < n; i++) thought_fini(&l->v[i]);
    l->n = n < b ? n : b;
}

static int finish(struct trial *t, struct level *l, struct err *e) {
    for (int i = 0; i < l->n; i++) {
        struct roll x = roll_of(t, &l->v[i], 0, 0, 0);
        if (l->v[i].done) x.max_new = 0;
        int k = rolls_run(t, &x, 1, e);
        if (k >= 0) k = candidate_add(t, l->v[i].ids, l->v[i].n, &x, -1, e);
        if (k >= 0 && l->v[i].done)
            t->c[k].reward = l->v[i].value, t->c[k].scored = 1;
        else if (k >= 0)
            k = candidates_score(t, k, 1, e);
        roll_fini(&x);
        if (k < 0) return k;
    }
    return 0;
}

static int used_up(const struct trial *t) {
    struct cost c = trial_cost(t);
    double x = t->budget->unit == 'c'   ? (double)c.calls
               : t->budget->unit == 't' ? (double)c.tokens
               : t->budget->unit == 'f' ? c.flops
                                        : c.seconds;
    return t->budget->unit != 'r' && x >= t->budget->amount;
}

int method_tot_bfs(struct trial *t, struct err *e) {
    double N = t->budget->unit == 'r' ? t->budget->amount : 8;
    int b = (int)floor(sqrt(N)), k = (int)floor(N / b), live = 1;
    struct level a = {.v = calloc(1, sizeof *a.v), .n = 1}, next = {0};
    int rc = a.v ? session_fork(&a.v->s, t->lm, e) : fail(e, ERR_NOMEM, "out of memory");
    for (int depth = 0; rc >= 0 && live && depth < t->r->o.tot_depth && !used_up(t); depth++) {
        rc = expand(t, &a, depth ? k : (int)N, depth, &next, e);
        level_fini(&a);
        a = next, next = (struct level){0}, live = 0;
        if (rc >= 0) keep_best(&a, b);
        for (int i = 0; i < a.n; i++) live |= !a.v[i].done;
    }
    if (rc >= 0) rc = finish(t, &a, e);
    level_fini(&a);
    t->chosen = trial_best(t) < 0 ? 0 : trial_best(t);
    return rc < 0 ? rc : 0;
}
