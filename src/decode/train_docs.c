/* Documents made before they are asked for, on all threads of the pool. A document is a pure function of (recipe, stage, index), so which
 * ones lie ready is no part of the run's state: checkpoints do not know of them, and what does not fit one batch waits for the next. */
#include "decode/train_int.h"
#include <stdlib.h>
#include <string.h>

enum { DOCS_PER_THREAD = 16 }; /* of one round, dealt out in turn: documents differ in cost */

struct round {
    const struct trainer *t;
    struct docs_ahead *a;
    int valid;
    int64_t from, to; /* of a->doc */
};

static void make_docs(void *ctx, int ith, int nth) {
    const struct round *o = ctx;
    const struct trainer *t = o->t;
    for (int64_t k = o->from + ith; k < o->to; k += nth) {
        struct err e = ERR_INIT;
        o->a->rc[k] = corpus_doc(&o->a->doc[k], &t->corpus, (int)t->s.stage, o->valid, o->a->first + k, &e);
    }
}

static void drop(struct docs_ahead *a, int64_t n) {
    for (int64_t k = 0; k < n; k++) doc_free(&a->doc[k]);
    if (a->n > n) {
        memmove(a->doc, a->doc + n, (size_t)(a->n - n) * sizeof *a->doc);
        memmove(a->rc, a->rc + n, (size_t)(a->n - n) * sizeof *a->rc);
    }
    a->first += n, a->n -= n;
}

static int more(struct trainer *t, int valid, struct docs_ahead *a, struct err *e) {
    int64_t n = a->n + (int64_t)DOCS_PER_THREAD * pool_size(t->d->pool);
    if (n > a->cap) {
        struct doc *d = realloc(a->doc, (size_t)n * sizeof *d);
        if (d) a->doc = d;
        int *rc = realloc(a->rc, (size_t)n * sizeof *rc);
        if (rc) a->rc = rc;
        if (!d || !rc) return fail(e, ERR_NOMEM, "out of memory for %lld documents", (long long)n);
        a->cap = n;
    }
    struct round o = {t, a, valid, a->n, n};
    pool_run(t->d->pool, make_docs, &o);
    a->n = n;
    return 0;
}

int train__docs(struct trainer *t, int valid, int64_t i, int n, struct doc **out, struct err *e) {
    struct docs_ahead *a = &t->ahead[valid];
    int64_t at = i - a->first;
    int near = a->stage == t->s.stage && at >= 0 && at <= a->n;
    drop(a, near ? at : a->n);
    if (!near) a->first = i, a->stage = t->s.stage;
    while (a->n < n) TRY(more(t, valid, a, e));
    for (int k = 0; k < n; k++) /* what went wrong is said by whoever needs the document, once more */
        if (a->rc[k] < 0) {
            doc_free(&a->doc[k]);
            TRY(a->rc[k] = corpus_doc(&a->doc[k], &t->corpus, (int)t->s.stage, valid, i + k, e));
        }
    *out = a->doc;
    return 0;
}

void train__docs_fini(struct trainer *t) {
    for (int v = 0; v < 2; v++) {
        drop(&t->ahead[v], t->ahead[v].n);
        free(t->ahead[v].doc), free(t->ahead[v].rc);
    }
}
