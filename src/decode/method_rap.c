/* RAP (Hao et al. 2023) in a first plain form: Monte-Carlo tree search over reasoning steps.
 *
 * A node is a prefix of an answer that ends at a step. One iteration walks down by UCT to a node that has fewer than `rap_width`
 * children, samples one rollout from there (its first step becomes the child, the rest is the simulation), scores the complete
 * answer with the reward model and adds the reward along the path. So one iteration is one rollout, and no token is spent twice.
 * A step that was drawn before leads to the child it already has. Rewards enter UCT scaled to [0, 1] by what was seen so far.
 * The answer is the complete rollout with the highest reward. */
#include "decode/method.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct node {
    int cand; /* its tokens are the first `len` of this candidate */
    int64_t len;
    int parent;
    int visits, open; /* open 0: nothing below is left to explore */
    int end;          /* the answer ends here */
    double sum;
};
struct tree {
    struct trial *t;
    struct node *v;
    int n, cap;
    double lo, hi; /* rewards seen */
};

static int node_add(struct tree *a, struct node x, struct err *e) {
    if (a->n == a->cap) {
        int cap = a->cap ? 2 * a->cap : 64;
        struct node *p = realloc(a->v, (size_t)cap * sizeof *p);
        if (!p) return fail(e, ERR_NOMEM, "out of memory for a tree of %d nodes", cap);
        a->v = p, a->cap = cap;
    }
    a->v[a->n] = x;
    return a->n++;
}

static int children(const struct tree *a, int p) {
    int n = 0;
    for (int i = 0; i < a->n; i++) n += a->v[i].parent == p;
    return n;
}

static double uct(const struct tree *a, int i) {
    const struct node *v = &a->v[i];
    double mean = v->sum / v->visits, q = a->hi > a->lo ? (mean - a->lo) / (a->hi - a->lo) : 0.5;
    return q + a->t->r->o.rap_c * sqrt(log(a->v[v->parent].visits) / v->visits);
}

static int best_child(const struct tree *a, int p) {
    int best = -1;
    for (int i = 0; i < a->n; i++)
        if (a->v[i].parent == p && a->v[i].open && (best < 0 || uct(a, i) > uct(a, best))) best = i;
    return best;
}

/* The node to expand, or -1 when the tree is exhausted. */
static int descend(struct tree *a) {
    int at = 0;
    while (a->v[at].open && children(a, at) >= a->t->r->o.rap_width) {
        int next = best_child(a, at);
        if (next >= 0) {
            at = next;
            continue;
        }
        a->v[at].open = 0;
        at = a->v[at].parent < 0 ? at : a->v[at].parent;
    }
    return a->v[at].open ? at : -1;
}

static int64_t step_length(const struct trial *t, const struct candidate *c, int64_t from) {
    for (int64_t i = from; i < c->n; i++)
        if (i + 1 - from >= t->r->o.step_max || (t->r->step_end && t->r->step_end[c->ids[i]])) return i + 1;
    return c->n;
}

/* The child of p that spells the first step of candidate k after it, made if it is new. */
static int child_of(struct tree *a, int p, int k, struct err *e) {
    const struct candidate *c = &a->t->c[k];
    int64_t from = a->v[p].len, len = step_length(a->t, c, from);
    for (int i = 0; i < a->n; i++) {
        const struct node *v = &a->v[i];
        if (v->parent == p && v->len == len &&
            !memcmp(a->t->c[v->cand].ids + from, c->ids + from, (size_t)(len - from) * sizeof *c->ids))
            return i;
    }
    return node_add(a, (struct node){.cand = k, .len = len, .parent = p, .open = len < c->n, .end = len == c->n}, e);
}

static int rollout_from(struct tree *a, int p, struct err *e) {
    struct trial *t = a->t;
    const struct node *v = &a->v[p];
    const struct candidate *c = v->cand < 0 ? NULL : &t->c[v->cand];
    struct roll x = {.from = c ? c->lm : t->lm,
                     .keep = t->prompt.n - 1 + v->len,
                     .last = c ? c->ids[v->len - 1] : t->prompt.ids[t->prompt.n - 1],
                     .temp = t->r->o.temp,
                     .max_new = t->room - v->len,
                     .stream = trial_stream(t, FOR_TREE, (uint64_t)t->n, 0, 0)};
    if (!c) x.stream = trial_stream(t, FOR_ROLLOUT, (uint64_t)t->n, 0, 0);
    int64_t len = v->len;
    int32_t *head = malloc((size_t)(len + 1) * sizeof *head);
    if (!head) return fail(e, ERR_NOMEM, "out of memory");
    if (len) memcpy(head, c->ids, (size_t)len * sizeof *head);
    int rc = rolls_run(t, &x, 1, e), k = -1;
    if (rc >= 0) rc = k = candidate_add(t, head, len, &x, v->cand, e);
    if (rc >= 0) t->c[k].from = len, rc = candidates_score(t, k, 1, e);
    roll_fini(&x);
    free(head);
    return rc < 0 ? rc : k;
}

static void reward_up(struct tree *a, int at, double r) {
    a->lo = fmin(a->lo, r), a->hi = fmax(a->hi, r);
    for (; at >= 0; at = a->v[at].parent) a->v[at].visits++, a->v[at].sum += r;
}

static int rap_search(struct tree *a, struct err *e) {
    int k, child;
    TRY(node_add(a, (struct node){.cand = -1, .parent = -1, .open = 1}, e));
    while (!trial_spent(a->t)) {
        int at = descend(a);
        if (at < 0) break;
        TRY(k = rollout_from(a, at, e));
        TRY(child = child_of(a, at, k, e));
        reward_up(a, child, a->t->c[k].reward);
    }
    return 0;
}

int method_rap(struct trial *t, struct err *e) {
    struct tree a = {.t = t, .lo = INFINITY, .hi = -INFINITY};
    int rc = rap_search(&a, e);
    free(a.v);
    t->chosen = trial_best(t) < 0 ? 0 : trial_best(t);
    return rc;
}
