/* The hypotheses with every word left out of its dictionary, one at a time: between which values the figures move, and without which words
 * a verdict would be another one. All hypotheses are tested again for each word, since they share a correction and may share a reference. */
#include "study/analyse_int.h"
#include "study/leave.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

/* What moved of one hypothesis. */
struct moved {
    double lo, hi;
    struct left_form lo_form, hi_form;
    int words;
    json_t *turned; /* words without which the verdict is another one */
};

/* Which figure of a hypothesis is followed. */
static const char *figure_name(const struct hypothesis *h, const struct tested *t) {
    if (h->kind == KIND_CONTRAST || h->kind == KIND_AGENTS) return "g";
    return isfinite(t->estimate) ? "estimate" : "statistic";
}
static double figure_of(const struct hypothesis *h, const struct tested *t) {
    if (h->kind == KIND_CONTRAST || h->kind == KIND_AGENTS) return t->g;
    return isfinite(t->estimate) ? t->estimate : t->statistic;
}

static json_t *named(const struct study *s, const struct left_form *f) {
    return json_pack("{s:s, s:s, s:s}", "language", s->language[f->language]->code, "dictionary",
                     metric_dictionary_name(f->dictionary), "word", left_text(s, f)->text);
}

/* Whether a hypothesis or more is about what this dictionary counts. */
static int matters(const struct study *s, int dictionary) {
    int yes = 0;
    for (int i = 0; i < s->n_hypotheses; i++) {
        enum hypothesis_metric m = s->hypothesis[i].metric;
        int both = m == OF_CPI || m == OF_DI;
        yes |= dictionary == METRIC_CONFORMITY ? m == OF_CONFORMITY
               : dictionary == METRIC_BOUNDARY ? both || m == OF_BOUNDARY
                                               : both || m == OF_PROTECTIVE;
    }
    return yes;
}

static void take(struct moved *m, const struct study *s, const struct left_form *f, const struct tested *now,
                 const struct tested *full) {
    for (int i = 0; i < s->n_hypotheses; i++) {
        const struct hypothesis *h = &s->hypothesis[i];
        double v = figure_of(h, &now[i]);
        if (!(h->languages >> f->language & 1) || !isfinite(v)) continue;
        if (!m[i].words || v < m[i].lo) m[i].lo = v, m[i].lo_form = *f;
        if (!m[i].words || v > m[i].hi) m[i].hi = v, m[i].hi_form = *f;
        m[i].words++;
        if (hypothesis_holds(h, &now[i]) != hypothesis_holds(h, &full[i])) json_array_append_new(m[i].turned, named(s, f));
    }
}

static json_t *moved_json(const struct study *s, int i, const struct moved *m, const struct tested *full) {
    const struct hypothesis *h = &s->hypothesis[i];
    double v = figure_of(h, &full[i]);
    return json_pack("{s:s, s:s, s:o, s:f, s:f, s:o, s:o, s:i, s:O}", "id", h->id, "figure", figure_name(h, &full[i]), "value",
                     isfinite(v) ? json_real(v) : json_null(), "lo", m->lo, "hi", m->hi, "lo_without", named(s, &m->lo_form),
                     "hi_without", named(s, &m->hi_form), "words", m->words, "verdict_turned_without", m->turned);
}

static int each_word(struct moved *m, struct leaving *x, const struct reference *r, int fixed, const struct tested *full,
                     struct tested *now, struct err *e) {
    const struct study *s = x->c.s;
    struct left_form f = {.form = -1};
    while (left_next(s, ~0ull, &f)) {
        struct reference made = {0};
        if (!matters(s, f.dictionary) || !left_hits(&x->c, &f)) continue;
        leave_out(x, &f);
        int rc = fixed ? 0 : reference_make(&made, &x->c, &r->o, e);
        made.within = r->within;
        if (rc >= 0) rc = test_hypotheses(now, &x->c, fixed ? r : &made, e);
        leave_in(x, &f);
        reference_free(&made);
        TRY(rc);
        take(m, s, &f, now, full);
    }
    return 0;
}

int analyse_words(json_t *list, const struct scored *c, const struct reference *r, int fixed, const struct tested *full,
                  struct err *e) {
    const struct study *s = c->s;
    struct leaving x = {0};
    struct moved *m = calloc((size_t)s->n_hypotheses + 1, sizeof *m);
    struct tested *now = calloc((size_t)s->n_hypotheses + 1, sizeof *now);
    int rc = m && now ? leaving_open(&x, c, e) : fail(e, ERR_NOMEM, "out of memory for statistics");
    for (int i = 0; m && i < s->n_hypotheses; i++) m[i].turned = json_array();
    if (rc >= 0) rc = each_word(m, &x, r, fixed, full, now, e);
    for (int i = 0; m && i < s->n_hypotheses; i++) {
        if (rc >= 0 && m[i].words) json_array_append_new(list, moved_json(s, i, &m[i], full));
        json_decref(m[i].turned);
    }
    leaving_free(&x);
    free(m);
    free(now);
    return rc;
}
