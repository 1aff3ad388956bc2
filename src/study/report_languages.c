/* What agents of each language read, against the other languages of the study: figures of parity.h, for the report. */
#include "study/parity.h"
#include "study/report_int.h"

static json_t *row(const struct parity *p, const struct parity_language *r) {
    size_t hits = 0;
    int findings = 0;
    for (int i = 0; i < r->l->n_dictionaries; i++) hits += r->dictionaries[i].neutral.hits;
    for (int i = 0; i < p->n_findings; i++) findings += p->findings[i].l == r->l && p->findings[i].grade == PARITY_WRONG;
    return json_pack("{s:s, s:I, s:f, s:f, s:s, s:f, s:I, s:i}", "language", r->l->code, "graphemes", (json_int_t)r->graphemes,
                     "expansion", r->expansion, "placebo_ratio", r->placebo_ratio, "worst_part", r->worst_part, "worst_ratio",
                     r->worst_ratio, "neutral_hits", (json_int_t)hits, "wrong", findings);
}

int report_languages(json_t *tree, const struct reporting *r, struct err *e) {
    const struct study *s = r->c->s;
    struct languages all = {.at = (struct language **)(uintptr_t)s->language, .n = s->n_languages}; /* only read */
    struct parity p;
    json_t *rows = json_array();
    json_object_set_new(tree, "texts", rows);
    TRY(parity_check(&p, &all, e));
    for (int i = 0; i < p.n; i++) json_array_append_new(rows, row(&p, &p.at[i]));
    parity_free(&p);
    return 0;
}
