/* The effects under other choices, one at a time: a part dropped, other units, another scope of the z, a kind of words not counted. Every row
 * differs from what is reported in the one thing that its name says. */
#include "study/report_int.h"
#include <stdlib.h>

static int add_variant(json_t *list, const struct reporting *r, const char *name, struct variant v, struct err *e) {
    const struct study *s = r->c->s;
    double(*value)[MEASURES] = calloc((size_t)r->c->n + 1, sizeof *value);
    variant_by(&v, r);
    int none, all, rc = value ? variant_values(value, r->c, &v, e) : fail(e, ERR_NOMEM, "out of memory for a report");
    for (int l = 0; rc >= 0 && l < s->n_languages; l++)
        for (int m = 0; m < s->n_models; m++) {
            if (!sweep_ends(s, l, m, &none, &all)) continue;
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o, s:o}", "variant", name, "language", s->language[l]->code,
                                                  "model", s->model[m].id, "cpi", effect_json(r, value, all, none, MEASURE_CPI),
                                                  "di", effect_json(r, value, all, none, MEASURE_DI)));
        }
    free(value);
    return rc;
}

/* The kinds of the first language stand for all: parity demands the same ones. */
static int add_kinds(json_t *list, const struct reporting *r, struct err *e) {
    static const int dictionary[] = {METRIC_BOUNDARY, METRIC_PROTECTIVE};
    for (int i = 0; i < 2; i++) {
        const char *id = metric_part_name(i ? PART_PROTECTIVE : PART_BOUNDARY);
        const struct dictionary_source *d = language_dictionary(r->c->s->language[0], id);
        char name[120];
        for (int k = 0; d && k < d->n_kinds; k++) {
            snprintf(name, sizeof name, "no %s: %.60s", id, d->kinds[k]);
            TRY(add_variant(
                list, r, name,
                (struct variant){.o = r->by->o, .scope = r->scope, .drop = -1, .dictionary = dictionary[i], .kind = k}, e));
        }
    }
    return 0;
}

static struct variant reported(const struct reporting *r) {
    return (struct variant){.o = r->by->o, .scope = r->scope, .drop = -1, .dictionary = -1};
}

static int add_parts(json_t *list, const struct reporting *r, struct err *e) {
    char name[80];
    for (int p = 0; p < METRIC_PARTS; p++) {
        struct variant v = reported(r);
        v.drop = p;
        snprintf(name, sizeof name, "without %s", metric_part_name((enum metric_part)p));
        TRY(add_variant(list, r, name, v, e));
    }
    return 0;
}

static int add_units(json_t *list, const struct reporting *r, struct err *e) {
    struct variant v = reported(r);
    char name[80];
    v.o.raw = !v.o.raw;
    TRY(add_variant(list, r, v.o.raw ? "hits raw instead of per 1,000" : "hits per 1,000 instead of raw", v, e));
    for (int u = 0; u < METRIC_UNITS; u++) {
        v = reported(r);
        if (u == (int)v.o.monologue) continue;
        snprintf(name, sizeof name, "monologue as share of %s instead of %s", metric_unit_name((enum metric_unit)u),
                 metric_unit_name(v.o.monologue));
        v.o.monologue = (enum metric_unit)u;
        TRY(add_variant(list, r, name, v, e));
    }
    return 0;
}

static int add_scopes(json_t *list, const struct reporting *r, struct err *e) {
    static const char *const scopes[] = {"z over all runs", "z within the language", "z within the model"};
    for (int i = 0; i < (int)(sizeof scopes / sizeof *scopes); i++) {
        struct variant v = reported(r);
        v.scope = i;
        if (i != r->scope) TRY(add_variant(list, r, scopes[i], v, e));
    }
    return 0;
}

int report_sensitivity(json_t *tree, const struct reporting *r, struct err *e) {
    json_t *list = json_array();
    json_object_set_new(tree, "sensitivity", list);
    TRY(add_variant(list, r, "as reported", reported(r), e));
    TRY(add_parts(list, r, e));
    TRY(add_units(list, r, e));
    TRY(add_scopes(list, r, e));
    return add_kinds(list, r, e);
}
