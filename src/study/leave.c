/* Counts with a form taken out: the change that was counted with the texts, added to the sums that scores are made of. */
#include "study/leave.h"
#include <stdlib.h>
#include <string.h>

void leaving_free(struct leaving *x) {
    for (int64_t i = 0; x->c.run && i < x->c.n; i++) free(x->c.run[i].agent);
    free(x->c.run);
    *x = (struct leaving){0};
}

int leaving_open(struct leaving *out, const struct scored *c, struct err *e) {
    struct leaving x = {.c = *c};
    size_t agents = (size_t)c->s->n_agents;
    x.c.run = calloc((size_t)c->n + 1, sizeof *x.c.run);
    int ok = x.c.run != NULL;
    for (int64_t i = 0; ok && i < c->n; i++) {
        x.c.run[i] = c->run[i];
        x.c.run[i].agent = NULL;
        if (!c->run[i].agent) continue;
        x.c.run[i].agent = malloc(agents * sizeof *c->run[i].agent);
        ok = x.c.run[i].agent != NULL;
        if (ok) memcpy(x.c.run[i].agent, c->run[i].agent, agents * sizeof *c->run[i].agent);
    }
    if (!ok) return leaving_free(&x), fail(e, ERR_NOMEM, "out of memory for words left out");
    *out = x;
    return 0;
}

static void change(struct counts *c, int dictionary, int64_t by) {
    *(dictionary == METRIC_CONFORMITY ? &c->conformed : &c->hits[dictionary]) += by;
}

/* The row of a form in a run, one count an agent `forms` apart; NULL: the run has no counts of forms. */
static const struct form_count *row_of(const struct scored_run *r, const struct language *l, const struct left_form *f) {
    return r->form && r->agent ? r->form + forms_before(l, f->dictionary) + f->form : NULL;
}

static void leave(struct leaving *x, const struct left_form *f, int sign) {
    const struct study *s = x->c.s;
    const struct language *l = s->language[f->language];
    int forms = forms_of(l);
    for (int i = 0; i < s->n_cells; i++)
        for (int k = x->c.first[i]; s->cell[i].language == f->language && k < x->c.first[i + 1]; k++) {
            struct scored_run *r = &x->c.run[k];
            const struct form_count *n = row_of(r, l, f);
            for (int a = 0; n && a < s->n_agents; a++) {
                int64_t by = (int64_t)sign * n[a * forms].without;
                change(&r->agent[a], f->dictionary, by);
                change(&r->all, f->dictionary, by);
            }
        }
}

void leave_out(struct leaving *x, const struct left_form *f) { leave(x, f, 1); }
void leave_in(struct leaving *x, const struct left_form *f) { leave(x, f, -1); }

int64_t left_hits(const struct scored *c, const struct left_form *f) {
    const struct study *s = c->s;
    const struct language *l = s->language[f->language];
    int forms = forms_of(l);
    int64_t hits = 0;
    for (int i = 0; i < s->n_cells; i++)
        for (int k = c->first[i]; s->cell[i].language == f->language && k < c->first[i + 1]; k++) {
            const struct form_count *n = scored_in(&c->run[k]) ? row_of(&c->run[k], l, f) : NULL;
            for (int a = 0; n && a < s->n_agents; a++) hits += n[a * forms].hits;
        }
    return hits;
}

static const struct dictionary_source *source_of(const struct study *s, const struct left_form *f) {
    return language_dictionary(s->language[f->language], metric_dictionary_name(f->dictionary));
}

const struct form *left_text(const struct study *s, const struct left_form *f) { return &source_of(s, f)->forms[f->form]; }

const char *left_kind(const struct study *s, const struct left_form *f) { return source_of(s, f)->kinds[left_text(s, f)->kind]; }

int left_next(const struct study *s, uint64_t languages, struct left_form *f) {
    f->form++;
    while (f->language < s->n_languages) {
        if (languages >> f->language & 1 && f->form < source_of(s, f)->n_forms) return 1;
        f->form = 0;
        if (++f->dictionary == METRIC_DICTIONARIES) f->dictionary = 0, f->language++;
    }
    return 0;
}
