/* Self-consistency (Wang et al. 2023): the parsed answer with the most rollouts wins; on a tie the one seen first. Rollouts without
 * an answer do not vote; if none has one, the first rollout stands. */
#include "decode/method.h"
#include <string.h>

static int votes(const struct trial *t, int i) {
    int n = 0;
    for (int j = 0; j < t->n; j++) n += !strcmp(t->c[i].answer, t->c[j].answer);
    return n;
}

int method_sc(struct trial *t, struct err *e) {
    int most = 0;
    TRY(method__draw(t, 0, e));
    t->chosen = 0;
    for (int i = 0; i < t->n; i++) {
        int n = *t->c[i].answer ? votes(t, i) : 0;
        if (n > most) most = n, t->chosen = i;
    }
    return 0;
}
