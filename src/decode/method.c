/* The table of methods, and the methods that only draw: greedy, sample, and the loop behind best-of-N and voting. */
#include "decode/method.h"
#include <stdio.h>
#include <string.h>

static const struct method methods[] = {
    {"greedy", "one answer, always the likeliest token; the budget is not used", 0, 0, method_greedy},
    {"sample", "one answer, sampled; the budget is not used", 0, 1, method_sample},
    {"sc", "self-consistency: the answer most rollouts agree on", 0, 1, method_sc},
    {"bon", "best of N: the rollout with the highest reward", 1, 1, method_bon},
    {"nabla", "gradient descent on the rollout's token logits, then resample and keep what raises the reward", 1, 0,
     method_nabla},
    {"rap", "Monte-Carlo tree search over reasoning steps, reward of complete rollouts", 1, 0, method_rap},
    {"tot-bfs", "breadth-first tree of thoughts: keep the partial answers the reward model likes best", 1, 0, method_tot_bfs},
    {NULL, NULL, 0, 0, NULL},
};

const struct method *method_at(int i) {
    int n = (int)(sizeof methods / sizeof *methods) - 1;
    return i >= 0 && i < n ? &methods[i] : NULL;
}

const struct method *method_find(const char *name, struct err *e) {
    char list[200] = "";
    size_t n = 0;
    for (const struct method *m = methods; m->name; m++) {
        if (!strcmp(m->name, name)) return m;
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", m->name);
    }
    fail(e, ERR_ARG, "method: expected one of %s, found \"%.40s\"", list, name);
    return NULL;
}

int method_greedy(struct trial *t, struct err *e) {
    TRY(candidates_draw(t, 0, 1, 0, e));
    t->chosen = 0;
    return 0;
}

int method_sample(struct trial *t, struct err *e) {
    TRY(candidates_draw(t, 0, 1, t->r->o.temp, e));
    t->chosen = 0;
    return 0;
}

int method__draw(struct trial *t, int score, struct err *e) {
    for (int k; (k = trial_allows(t)) > 0;) {
        int first = t->n;
        TRY(candidates_draw(t, (uint64_t)first, k, t->r->o.temp, e));
        if (score) TRY(candidates_score(t, first, k, e));
    }
    return 0;
}
