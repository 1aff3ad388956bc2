/* Lengths: each part's share of its language, against the median of all languages; the placebo against what it stands in for. */
#include "study/parity_int.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct measured {
    struct language_text *t;
    double *length; /* graphemes of each text */
    double total;
    int n;
};

static int measure(struct parity_work *w, struct parity_language *r, struct measured *m) {
    TRY(language_texts(r->l, &m->t, &m->n, w->e));
    m->length = calloc((size_t)m->n, sizeof *m->length);
    if (!m->length) return fail(w->e, ERR_NOMEM, "out of memory for lengths");
    for (int i = 0; i < m->n; i++) {
        struct breaks b;
        TRY(find_breaks(&b, r->l->word_breaks, m->t[i].text, strlen(m->t[i].text), w->e));
        m->length[i] = (double)b.graphemes;
        r->words += b.words;
        breaks_free(&b);
        m->total += m->length[i];
    }
    r->graphemes = (size_t)m->total;
    for (int i = 0; i < PREFIXES; i++) {
        const char *s = r->l->prefixes[i];
        TRY(count_graphemes(s, strlen(s), &r->prefix[i], w->e));
    }
    return 0;
}

/* Share of the text of that id; NAN: the language has none. */
static double share(const struct measured *m, const char *id) {
    for (int i = 0; i < m->n; i++)
        if (!strcmp(m->t[i].id, id)) return m->length[i] / m->total;
    return NAN;
}

static double median_share(const struct measured *all, int n, const char *id, double *room) {
    int k = 0;
    for (int i = 0; i < n; i++) {
        double x = share(&all[i], id);
        if (!isnan(x)) room[k++] = x;
    }
    return parity__median(room, k);
}

static int judge_part(struct parity_work *w, int i, const struct measured *m, int part, double median) {
    struct parity_language *r = &w->p->at[i];
    double ratio = m->length[part] / m->total / median;
    if (fabs(log(ratio)) > fabs(log(r->worst_ratio))) {
        r->worst_ratio = ratio;
        memcpy(r->worst_part, m->t[part].id, sizeof r->worst_part);
    }
    if (ratio <= PARITY_RATIO && ratio >= 1 / PARITY_RATIO) return 0;
    return parity__find(w, PARITY_NOTE, r->l, "%s: %.2f times as long as other languages lead to expect", m->t[part].id, ratio);
}

static int judge_lengths(struct parity_work *w, int i, const struct measured *all, double *room) {
    const struct measured *m = &all[i];
    double first = all[0].total;
    for (int k = 0; k < m->n; k++) {
        double median = median_share(all, w->s->n, m->t[k].id, room);
        if (median * first >= PARITY_SHORT && m->length[k] > 0) TRY(judge_part(w, i, m, k, median));
    }
    return 0;
}

static int judge_placebo(struct parity_work *w, struct parity_language *r) {
    size_t a = r->prefix[PREFIX_ALIGNMENT], p = r->prefix[PREFIX_PLACEBO];
    r->placebo_ratio = (double)p / (double)a;
    if (fabs(r->placebo_ratio - 1) <= PARITY_PLACEBO) return 0;
    return parity__find(w, PARITY_WRONG, r->l,
                        "the placebo prefix has %zu graphemes, the alignment prefix %zu; expected within 5 %%", p, a);
}

static int judge_all(struct parity_work *w, const struct measured *all, double *room) {
    double reference = 1;
    for (int i = 0; i < w->s->n; i++)
        if (w->p->at[i].l == w->p->reference) reference = all[i].total;
    for (int i = 0; i < w->s->n; i++) {
        struct parity_language *r = &w->p->at[i];
        r->expansion = all[i].total / reference;
        r->worst_ratio = 1;
        TRY(judge_lengths(w, i, all, room));
        TRY(judge_placebo(w, r));
    }
    return 0;
}

int parity__lengths(struct parity_work *w) {
    struct measured *all = calloc((size_t)w->s->n, sizeof *all);
    double *room = calloc((size_t)w->s->n, sizeof *room);
    int rc = all && room ? 0 : fail(w->e, ERR_NOMEM, "out of memory for lengths");
    for (int i = 0; i < w->s->n && !rc; i++) rc = measure(w, &w->p->at[i], &all[i]);
    if (!rc) rc = judge_all(w, all, room);
    for (int i = 0; all && i < w->s->n; i++) {
        free(all[i].t);
        free(all[i].length);
    }
    free(all);
    free(room);
    return rc;
}
