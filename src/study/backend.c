/* What all back ends share: answers, and a queue of them. */
#include "study/backend.h"
#include <stdlib.h>
#include <string.h>

void answer_free(struct answer *a) {
    free(a->text);
    free(a->reasoning);
    *a = (struct answer){0};
}

void backend_close(struct backend *b) {
    if (b && b->close) b->close(b);
}

int answer_push(struct answer_queue *q, const struct answer *a, struct err *e) {
    if (q->n == q->cap) {
        int64_t cap = q->cap * 2 + 16;
        struct answer *p = malloc((size_t)cap * sizeof *p);
        if (!p) return fail(e, ERR_NOMEM, "out of memory for answers");
        for (int64_t i = 0; i < q->n; i++) p[i] = q->at[(q->first + i) % q->cap];
        free(q->at);
        q->at = p, q->cap = cap, q->first = 0;
    }
    q->at[(q->first + q->n++) % q->cap] = *a;
    return 0;
}

int answer_pop(struct answer_queue *q, struct answer *out) {
    if (!q->n) return 0;
    *out = q->at[q->first];
    q->first = (q->first + 1) % q->cap;
    q->n--;
    return 1;
}

void answer_queue_free(struct answer_queue *q) {
    struct answer a;
    while (answer_pop(q, &a)) answer_free(&a);
    free(q->at);
    *q = (struct answer_queue){0};
}
