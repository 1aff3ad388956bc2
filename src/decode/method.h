/* Methods: ways to spend a budget on a question. A newcomer joins by writing method_<name>.c and adding a row in method.c.
 * run() fills the trial's candidates, respects trial_spent before each new rollout, and sets t->chosen. */
#ifndef DECODE_METHOD_H
#define DECODE_METHOD_H
#include "decode/problem.h"

struct method {
    const char *name, *help;
    int needs_rm;
    int independent; /* its candidates are independent draws from the prompt, so that pass@k can be estimated from them */
    int (*run)(struct trial *t, struct err *e);
};
const struct method *method_at(int i);                             /* NULL at the end */
const struct method *method_find(const char *name, struct err *e); /* NULL and an error that lists the names */

int method_greedy(struct trial *t, struct err *e);
int method_sample(struct trial *t, struct err *e);
int method_sc(struct trial *t, struct err *e);
int method_bon(struct trial *t, struct err *e);
int method_nabla(struct trial *t, struct err *e);
int method_rap(struct trial *t, struct err *e);
int method_tot_bfs(struct trial *t, struct err *e);
/* Draws rollouts until the budget is used up, and scores them if asked to. */
int method__draw(struct trial *t, int score, struct err *e);
#endif
