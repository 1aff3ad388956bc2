/* The order of choices. It is made from the sorted choices, so that the same question has the same order whatever file it came from and
 * however often it was shuffled before. */
#include "base/hash.h"
#include "base/rng.h"
#include "task/question.h"
#include <stdlib.h>
#include <string.h>

struct option {
    char *text;
    int right;
};

static int by_text(const void *a, const void *b) {
    const struct option *x = a, *y = b;
    int c = strcmp(x->text, y->text);
    return c ? c : y->right - x->right;
}

static void shuffle(struct question *q, uint64_t seed) {
    struct option o[QUESTION_MAX_CHOICES];
    struct rng r = RNG(seed, hash_text(q->id));
    for (int i = 0; i < q->n_choices; i++) o[i] = (struct option){q->choices[i], q->answer[0] == 'A' + i};
    qsort(o, (size_t)q->n_choices, sizeof *o, by_text);
    rng_shuffle(&r, o, q->n_choices, sizeof *o);
    for (int i = 0; i < q->n_choices; i++) {
        q->choices[i] = o[i].text;
        if (o[i].right) q->answer[0] = (char)('A' + i);
    }
}

int questions_shuffle(struct questions *qs, uint64_t seed, struct err *e) {
    for (size_t i = 0; i < qs->n; i++)
        if (qs->q[i].n_choices && (qs->q[i].trace || qs->q[i].final))
            return fail(e, ERR_STATE, "expected questions without worked thoughts to shuffle, found one in \"%.80s\"",
                        qs->q[i].id);
    for (size_t i = 0; i < qs->n; i++)
        if (qs->q[i].n_choices) shuffle(&qs->q[i], seed);
    qs->shuffled = 1, qs->seed = seed;
    return 0;
}
