/* Dictionaries: their sizes, and what they find where nothing is to be found. */
#include "study/dictionary.h"
#include "study/parity_int.h"
#include <stdlib.h>
#include <string.h>

static int count_in(const struct dictionary *d, const struct language *l, const char *text, struct parity_hits *out,
                    struct err *e) {
    struct hits h;
    TRY(dictionary_count(d, l, text, strlen(text), &h, e));
    *out = (struct parity_hits){h.n, hits_per_1000(h.n, h.graphemes)};
    hits_free(&h);
    return 0;
}

/* Of all events: they are the same for every agent, but not for every language. */
static int count_events(struct parity_work *w, const struct dictionary *d, const struct language *l, struct parity_hits *out) {
    size_t graphemes = 0;
    for (int i = 0; i < l->n_events; i++) {
        struct hits h;
        TRY(dictionary_count(d, l, l->events[i].text, strlen(l->events[i].text), &h, w->e));
        out->hits += h.n, graphemes += h.graphemes;
        hits_free(&h);
    }
    out->per_1000 = hits_per_1000(out->hits, graphemes);
    return 0;
}

static int count_foreign(struct parity_work *w, const struct dictionary *d, const struct language *l, size_t *out) {
    for (int i = 0; i < w->s->n; i++) {
        struct parity_hits h;
        if (w->s->at[i] == l) continue;
        TRY(count_in(d, l, w->s->at[i]->neutral, &h, w->e));
        *out += h.hits;
    }
    return 0;
}

/* A form of this dictionary that another one of the same language finds as well counts for both. */
static int count_shared(struct parity_work *w, const struct language *l, const struct dictionary *other,
                        const struct dictionary_source *mine, int *out) {
    for (int i = 0; i < mine->n_forms; i++) {
        struct hits h;
        const char *s = mine->forms[i].text;
        TRY(dictionary_count(other, l, s, strlen(s), &h, w->e));
        size_t n = h.n;
        hits_free(&h);
        if (!n) continue;
        ++*out;
        TRY(parity__find(w, PARITY_NOTE, l, "%s: \"%.60s\" is also found by the dictionary \"%s\"", mine->id, s,
                         dictionary_source(other)->id));
    }
    return 0;
}

static int count_own(struct parity_work *w, const struct dictionary *d, const struct language *l, struct parity_dictionary *r) {
    TRY(count_in(d, l, l->neutral, &r->neutral, w->e));
    TRY(count_in(d, l, l->setting, &r->setting, w->e));
    TRY(count_events(w, d, l, &r->events));
    for (int i = 0; i < PREFIXES; i++) TRY(count_in(d, l, l->prefixes[i], &r->prefix[i], w->e));
    return count_foreign(w, d, l, &r->foreign);
}

static int judge_own(struct parity_work *w, const struct language *l, const struct parity_dictionary *r) {
    const char *id = r->source->id;
    int n = r->source->n_forms;
    if (n < PARITY_FORMS_MIN || n > PARITY_FORMS_MAX)
        TRY(parity__find(w, PARITY_NOTE, l, "%s: expected %d to %d forms, found %d", id, PARITY_FORMS_MIN, PARITY_FORMS_MAX, n));
    if (r->neutral.hits)
        TRY(parity__find(w, PARITY_NOTE, l, "%s: %zu hits (%.1f per 1,000 graphemes) in the neutral text", id, r->neutral.hits,
                         r->neutral.per_1000));
    for (int i = 0; i < PREFIXES; i++)
        if (r->prefix[i].hits)
            TRY(parity__find(w, PARITY_NOTE, l,
                             "%s: %zu hits in the %s prefix; it is not scored, but agents repeat what they read", id,
                             r->prefix[i].hits, prefix_name((enum prefix_id)i)));
    if (r->foreign) TRY(parity__find(w, PARITY_NOTE, l, "%s: %zu hits in the neutral texts of other languages", id, r->foreign));
    return 0;
}

static double size_ratio(const struct languages *s, const struct dictionary_source *d, double *room) {
    int k = 0;
    for (int i = 0; i < s->n; i++) {
        const struct dictionary_source *x = language_dictionary(s->at[i], d->id);
        if (x) room[k++] = x->n_forms;
    }
    return d->n_forms / parity__median(room, k);
}

static int judge_language(struct parity_work *w, struct parity_language *r, struct dictionary **d, double *room) {
    const struct language *l = r->l;
    for (int i = 0; i < l->n_dictionaries; i++) {
        struct parity_dictionary *x = &r->dictionaries[i];
        x->source = &l->dictionaries[i];
        x->size_ratio = size_ratio(w->s, x->source, room);
        TRY(count_own(w, d[i], l, x));
        TRY(judge_own(w, l, x));
        for (int j = 0; j < l->n_dictionaries; j++)
            if (j != i) TRY(count_shared(w, l, d[j], x->source, &x->shared));
    }
    return 0;
}

int parity__dictionaries(struct parity_work *w) {
    double *room = calloc((size_t)w->s->n, sizeof *room);
    int rc = room ? 0 : fail(w->e, ERR_NOMEM, "out of memory for dictionaries");
    for (int i = 0; i < w->s->n && !rc; i++) {
        struct dictionary *d[LANGUAGE_MAX_DICTIONARIES] = {0};
        const struct language *l = w->s->at[i];
        for (int k = 0; k < l->n_dictionaries && !rc; k++) rc = dictionary_build(&d[k], l, &l->dictionaries[k], w->e);
        if (!rc) rc = judge_language(w, &w->p->at[i], d, room);
        for (int k = 0; k < l->n_dictionaries; k++) dictionary_free(d[k]);
    }
    free(room);
    return rc;
}
