/* Best of N: the rollout with the highest reward, the earliest on ties. A rollout counts as rejected when it does not beat the best
 * before it; of N independent draws H_N set a record, so the rate is 1 − H_N/N (66.0 % at 8). */
#include "decode/method.h"
#include <math.h>

int method_bon(struct trial *t, struct err *e) {
    double best = -INFINITY;
    TRY(method__draw(t, 1, e));
    for (int i = 0; i < t->n; i++) {
        t->c[i].accepted = t->c[i].reward > best;
        if (t->c[i].accepted) best = t->c[i].reward;
        t->judged++, t->rejected += !t->c[i].accepted;
    }
    t->chosen = trial_best(t) < 0 ? 0 : trial_best(t);
    return 0;
}
