/* Which words were said: of each condition and dictionary the share of its hits that each kind has. */
#include "study/report_int.h"
#include <math.h>

/* Shares in the analysed runs of a cell that have a hit of the dictionary; returns how many. */
static size_t shares(double *out, const struct scored *c, int cell, int dictionary, int kind) {
    size_t n = 0;
    for (int i = c->first[cell]; i < c->first[cell + 1]; i++) {
        double v = scored_in(&c->run[i]) ? metric_kind(&c->run[i].all, dictionary, kind) : NAN;
        if (isfinite(v)) out[n++] = v;
    }
    return n;
}

static int add_cell(json_t *list, const struct reporting *r, const struct cell *c, struct err *e) {
    const struct study *s = r->c->s;
    for (int d = 0; d < METRIC_DICTIONARIES; d++) {
        const struct dictionary_source *words = language_dictionary(s->language[c->language], metric_dictionary_name(d));
        for (int k = 0; words && k < words->n_kinds; k++) {
            size_t n = shares(r->x, r->c, c->index, d, k);
            json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "language", s->language[c->language]->code, "model",
                                  s->model[c->model].id, "arm", s->arm[c->arm].id, "dictionary", metric_dictionary_name(d),
                                  "kind", words->kinds[k], "n", (json_int_t)n);
            if (!o) return fail(e, ERR_NOMEM, "out of memory for a report");
            json_object_set_new(o, "share", mean_json(r->x, n, &r->how));
            json_array_append_new(list, o);
        }
    }
    return 0;
}

int report_kinds(json_t *tree, const struct reporting *r, struct err *e) {
    json_t *list = json_array();
    json_object_set_new(tree, "kinds", list);
    for (int i = 0; i < r->c->s->n_cells; i++) TRY(add_cell(list, r, &r->c->s->cell[i], e));
    return 0;
}
