/* The report as a whole, and what every language has to have. */
#include "study/parity_int.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FINDINGS_MAX = 2000 };

int parity__find(struct parity_work *w, enum parity_grade grade, const struct language *l, const char *fmt, ...) {
    struct parity *p = w->p;
    if (p->n_findings == FINDINGS_MAX) return fail(w->e, ERR_LIMIT, "more than %d findings in languages", FINDINGS_MAX);
    if (!(p->n_findings & (p->n_findings - 1))) { /* a power of two, or none: full */
        size_t cap = p->n_findings ? 2 * (size_t)p->n_findings : 1;
        struct parity_finding *v = realloc(p->findings, cap * sizeof *v);
        if (!v) return fail(w->e, ERR_NOMEM, "out of memory for findings");
        p->findings = v;
    }
    struct parity_finding *f = &p->findings[p->n_findings++];
    *f = (struct parity_finding){.grade = grade, .l = l};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->what, sizeof f->what, fmt, ap);
    va_end(ap);
    p->n_wrong += grade == PARITY_WRONG;
    return 0;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double parity__median(double *v, int n) {
    qsort(v, (size_t)n, sizeof *v, ascending);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* ---- ids ---- */

static const struct scripted_event *event_at(const struct language *l, int turn) {
    for (int i = 0; i < l->n_events; i++)
        if (l->events[i].turn == turn) return &l->events[i];
    return NULL;
}

/* What `has` has and `l` has not. */
static int missing_scenario(struct parity_work *w, const struct language *l, const struct language *has) {
    for (int i = 0; i < has->n_personas; i++)
        if (!language_persona(l, has->personas[i].id))
            TRY(parity__find(w, PARITY_WRONG, l, "persona \"%s\" is missing; %s has it", has->personas[i].id, has->code));
    for (int i = 0; i < has->n_events; i++) {
        const struct scripted_event *x = &has->events[i], *mine = event_at(l, x->turn);
        if (!mine)
            TRY(parity__find(w, PARITY_WRONG, l, "the event of turn %d is missing; %s has it", x->turn, has->code));
        else if (strcmp(mine->phase, x->phase) != 0)
            TRY(parity__find(w, PARITY_WRONG, l, "turn %d: expected the phase \"%s\" of %s, found \"%s\"", x->turn, x->phase,
                             has->code, mine->phase));
    }
    return 0;
}

static int has_kind(const struct dictionary_source *d, const char *kind) {
    for (int i = 0; i < d->n_kinds; i++)
        if (!strcmp(d->kinds[i], kind)) return 1;
    return 0;
}

static int missing_words(struct parity_work *w, const struct language *l, const struct language *has) {
    for (int i = 0; i < has->n_dictionaries; i++) {
        const struct dictionary_source *x = &has->dictionaries[i], *mine = language_dictionary(l, x->id);
        if (!mine) TRY(parity__find(w, PARITY_WRONG, l, "the dictionary \"%s\" is missing; %s has it", x->id, has->code));
        for (int k = 0; mine && k < x->n_kinds; k++)
            if (!has_kind(mine, x->kinds[k]))
                TRY(parity__find(w, PARITY_WRONG, l, "%s: the kind \"%s\" is missing; %s has it", x->id, x->kinds[k], has->code));
    }
    return 0;
}

/* Against the reference, and the reference against every other one. */
int parity__ids(struct parity_work *w) {
    for (int i = 0; i < w->s->n; i++) {
        const struct language *l = w->s->at[i], *ref = w->p->reference;
        if (l == ref) continue;
        TRY(missing_scenario(w, l, ref));
        TRY(missing_words(w, l, ref));
        TRY(missing_scenario(w, ref, l));
        TRY(missing_words(w, ref, l));
    }
    return 0;
}

/* ---- the report ---- */

static int by_language(const void *a, const void *b) {
    const struct parity_finding *x = a, *y = b;
    int c = strcmp(x->l->code, y->l->code);
    return c ? c : x->grade != y->grade ? (int)y->grade - (int)x->grade : strcmp(x->what, y->what);
}

/* In the reference the same thing may be missing from the view of several languages: said once each. */
static void drop_repeats(struct parity *p) {
    int k = 0;
    for (int i = 0; i < p->n_findings; i++) {
        if (k && !by_language(&p->findings[k - 1], &p->findings[i])) {
            p->n_wrong -= p->findings[i].grade == PARITY_WRONG;
            continue;
        }
        p->findings[k++] = p->findings[i];
    }
    p->n_findings = k;
}

int parity_check(struct parity *out, const struct languages *s, struct err *e) {
    struct parity p = {.n = s->n};
    struct parity_work w = {s, &p, e};
    int rc = 0;
    if (!s->n) return fail(e, ERR_ARG, "expected at least one language");
    p.reference = languages_find(s, "en") ? languages_find(s, "en") : s->at[0];
    p.at = calloc((size_t)s->n, sizeof *p.at);
    if (!p.at) return fail(e, ERR_NOMEM, "out of memory for a report on languages");
    for (int i = 0; i < s->n; i++) p.at[i].l = s->at[i];
    TRYTO(out, parity__ids(&w));
    TRYTO(out, parity__translated(&w));
    TRYTO(out, parity__lengths(&w));
    TRYTO(out, parity__dictionaries(&w));
    if (p.n_findings) qsort(p.findings, (size_t)p.n_findings, sizeof *p.findings, by_language);
    drop_repeats(&p);
    *out = p;
    return 0;
out:
    parity_free(&p);
    return rc;
}

void parity_free(struct parity *p) {
    free(p->at);
    free(p->findings);
    *p = (struct parity){0};
}
