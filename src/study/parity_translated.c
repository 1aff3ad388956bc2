/* What is not translated: a text that is that of another language, and sentences that are told to be in one. The reference is what others
 * are translated from: it has its own words, and where a language repeats them, that language is wrong. */
#include "study/parity_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct texts {
    struct language_text *t;
    int n;
};

/* ---- the same text twice ---- */

/* Graphemes outside placeholders. */
static int own_length(const struct language_text *t, size_t *out, struct err *e) {
    const char *s = t->text;
    *out = 0;
    while (*s) {
        size_t n = t->prompt ? strcspn(s, "{") : strlen(s), k;
        TRY(count_graphemes(s, n, &k, e));
        *out += k;
        s += n;
        if (*s) s += strcspn(s, "}");
        if (*s) s++;
    }
    return 0;
}

static int has_same(const struct texts *all, const struct language_text *t) {
    for (int i = 0; i < all->n; i++)
        if (!strcmp(all->t[i].id, t->id)) return !strcmp(all->t[i].text, t->text);
    return 0;
}

static int judge_same(struct parity_work *w, const struct texts *all, int i) {
    if (w->s->at[i] == w->p->reference) return 0;
    for (int k = 0; k < all[i].n; k++) {
        const struct language_text *t = &all[i].t[k];
        size_t n;
        TRY(own_length(t, &n, w->e));
        for (int j = 0; j < w->s->n && n >= PARITY_SAME; j++) {
            if (j == i || !has_same(&all[j], t)) continue;
            TRY(parity__find(w, PARITY_WRONG, w->s->at[i], "%s: not translated, it is the text of %s", t->id, w->s->at[j]->code));
            break;
        }
    }
    return 0;
}

static int all_same(struct parity_work *w) {
    struct texts *all = calloc((size_t)w->s->n, sizeof *all);
    int rc = all ? 0 : fail(w->e, ERR_NOMEM, "out of memory for texts");
    for (int i = 0; i < w->s->n && rc >= 0; i++) rc = language_texts(w->s->at[i], &all[i].t, &all[i].n, w->e);
    for (int i = 0; i < w->s->n && rc >= 0; i++) rc = judge_same(w, all, i);
    for (int i = 0; all && i < w->s->n; i++) free(all[i].t);
    free(all);
    return rc;
}

/* ---- sentences in another language ---- */

static int told_other(void *ctx, const struct language *l, const char *id, const struct detection *told, struct err *e) {
    struct parity_work *w = ctx;
    (void)e;
    if (told->margin < PARITY_TOLD || l == w->p->reference) return 0;
    return parity__find(w, PARITY_WRONG, l, "%s: not translated, a sentence of it is told to be %s", id, told->best->code);
}

int parity__translated(struct parity_work *w) {
    struct detect_score *scores = calloc((size_t)w->s->n, sizeof *scores);
    int rc = scores ? all_same(w) : fail(w->e, ERR_NOMEM, "out of memory for texts");
    if (rc >= 0) rc = detect_validate(w->s, PARITY_FOLDS, PARITY_SENTENCE, scores, told_other, w, w->e);
    for (int i = 0; i < w->s->n && rc >= 0; i++) w->p->at[i].told = scores[i];
    free(scores);
    return rc;
}
