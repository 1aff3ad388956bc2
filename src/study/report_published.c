/* Published values beside ours: what the study file says was published, and the same figure of this archive, or why there is none. */
#include "study/report_int.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A figure of ours; value null: why says why. */
struct ours {
    json_t *value;
    int64_t n;
    char why[240];
};

static void take(struct ours *o, const json_t *value, const char *why) {
    if (json_is_object(value)) {
        json_decref(o->value);
        o->value = json_incref((json_t *)(uintptr_t)value);
    } else
        snprintf(o->why, sizeof o->why, "%.230s", why);
}

static int is(const json_t *row, const char *key, const char *text) {
    const char *s = json_string_value(json_object_get(row, key));
    return s && !strcmp(s, text);
}

/* The row of a part of the tree that is about this language and model. */
static const json_t *row_of(const json_t *tree, const char *part, const struct study *s, const struct published *p) {
    size_t i;
    json_t *x;
    json_array_foreach(json_object_get(tree, part), i, x) if (is(x, "language", s->language[p->language]->code) &&
                                                              is(x, "model", s->model[p->model].id)) return x;
    return NULL;
}

static void of_effect(struct ours *o, const json_t *tree, const struct study *s, const struct published *p) {
    const json_t *row = row_of(tree, "effects", s, p);
    take(o, json_object_get(row, hypothesis_metric_name(p->metric)),
         row ? "two analysed runs or more that differ are needed in both conditions"
             : "no cells in which all agents and in which none are aligned");
}

static void of_kind(struct ours *o, const json_t *tree, const struct study *s, const struct published *p) {
    int none, all;
    size_t i;
    json_t *x;
    const json_t *found = NULL;
    if (sweep_ends(s, p->language, p->model, &none, &all))
        json_array_foreach(json_object_get(tree, "kinds"), i,
                           x) if (is(x, "language", s->language[p->language]->code) && is(x, "model", s->model[p->model].id) &&
                                  is(x, "arm", s->arm[s->cell[all].arm].id) && is(x, "dictionary", p->dictionary) &&
                                  is(x, "kind", p->kind)) found = json_object_get(x, "share");
    take(o, found, "no analysed run with all agents aligned has a hit of this dictionary");
}

/* The estimate of a mixed model has Wald's interval. */
static json_t *estimate_of(const json_t *h, double divide) {
    const json_t *g = json_object_get(h, "g"), *ci = json_object_get(h, "ci95"), *b = json_object_get(h, "estimate"),
                 *z = json_object_get(h, "statistic");
    if (json_is_number(g))
        return json_pack("{s:O, s:O?, s:O?}", "value", g, "lo", json_array_get(ci, 0), "hi", json_array_get(ci, 1));
    if (!json_is_number(b)) return NULL;
    double v = json_number_value(b) / divide, half = 1.959963984540054 * fabs(v / json_number_value(z));
    return estimate_json(v, (struct interval){v - half, v + half});
}

static void of_hypothesis(struct ours *o, const json_t *tree, const struct study *s, const struct published *p) {
    const json_t *h = json_array_get(json_object_get(tree, "hypotheses"), (size_t)p->hypothesis);
    const json_t *x = json_object_get(h, "statistic");
    const char *why = json_string_value(json_object_get(h, "why"));
    char text[200];
    json_t *found = estimate_of(h, p->per_agent ? s->n_agents : 1);
    snprintf(text, sizeof text, "%.190s", why ? why : "");
    if (!*text && json_is_number(x))
        snprintf(text, sizeof text, "a likelihood ratio of several has no single estimate: chi2(%g) = %.3f, p = %.3g",
                 json_number_value(json_object_get(h, "df")), json_number_value(x), json_number_value(json_object_get(h, "p")));
    take(o, found, text);
    json_decref(found);
}

static void of_rising(struct ours *o, const json_t *tree, const struct published *p) {
    size_t i;
    json_t *x;
    int up = 0;
    json_array_foreach(json_object_get(tree, "slopes"), i, x) {
        const json_t *v = json_object_get(json_object_get(x, hypothesis_metric_name(p->metric)), "value");
        o->n += json_is_number(v), up += json_number_value(v) > 0;
    }
    json_t *found = o->n ? json_pack("{s:i, s:n, s:n}", "value", up, "lo", "hi") : NULL;
    take(o, found, "no language has a slope");
    json_decref(found);
}

static void of_correlation(struct ours *o, const json_t *tree, const struct published *p) {
    size_t i;
    json_t *x, *found = NULL;
    const char *why = "no table of numbers by country was given (--pdi)";
    json_array_foreach(json_object_get(json_object_get(tree, "power_distance"), "correlations"), i, x) {
        if (!is(x, "figure", "slope") || !is(x, "measure", hypothesis_metric_name(p->metric)) || found) continue;
        o->n = json_integer_value(json_object_get(x, "n"));
        why = json_string_value(json_object_get(x, "why"));
        if (json_is_number(json_object_get(x, "r")))
            found = json_pack("{s:O, s:O, s:O}", "value", json_object_get(x, "r"), "lo", json_object_get(x, "lo"), "hi",
                              json_object_get(x, "hi"));
    }
    take(o, found, why ? why : "");
    json_decref(found);
}

static int measure_of(enum hypothesis_metric m) {
    if (m == OF_CONFORMITY) return MEASURE_CONFORMITY;
    return m == OF_CPI ? MEASURE_CPI : m == OF_DI ? MEASURE_DI : MEASURE_PARTS + (int)(m - OF_MONOLOGUE);
}

static int of_agents(struct ours *o, const struct reporting *r, const struct published *p, struct err *e) {
    json_t *found;
    TRY(agents_mean(&found, r, p->prefix, p->language, measure_of(p->metric), e));
    take(o, found, "no analysed run has agents with this prefix and a value");
    json_decref(found);
    return 0;
}

static void of_mean(struct ours *o, const struct reporting *r, const struct published *p) {
    const struct study *s = r->c->s;
    size_t n = 0;
    for (int i = 0; i < s->n_cells; i++)
        if (p->language < 0 || s->cell[i].language == p->language)
            n += cell_sample(r->c, r->value, i, measure_of(p->metric), r->x + n);
    json_t *found = mean_json(r->x, n, &r->how);
    o->n = (int64_t)n;
    take(o, found, "no analysed run has a value");
    json_decref(found);
}

static void of_runs(struct ours *o, const struct reporting *r) {
    json_int_t n = 0;
    for (int64_t i = 0; i < r->c->n; i++) n += scored_in(&r->c->run[i]);
    json_t *found = json_pack("{s:I, s:n, s:n}", "value", n, "lo", "hi");
    take(o, found, "");
    json_decref(found);
}

static int find_ours(struct ours *o, const json_t *tree, const struct reporting *r, const struct published *p, struct err *e) {
    const struct study *s = r->c->s;
    switch (p->beside) {
    case BESIDE_EFFECT: of_effect(o, tree, s, p); break;
    case BESIDE_HYPOTHESIS: of_hypothesis(o, tree, s, p); break;
    case BESIDE_RISING: of_rising(o, tree, p); break;
    case BESIDE_CORRELATION: of_correlation(o, tree, p); break;
    case BESIDE_KIND: of_kind(o, tree, s, p); break;
    case BESIDE_AGENTS: return of_agents(o, r, p, e);
    case BESIDE_MEAN: of_mean(o, r, p); break;
    case BESIDE_RUNS: of_runs(o, r); break;
    default: take(o, NULL, p->why); break;
    }
    return 0;
}

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

int report_published(json_t *tree, const struct reporting *r, struct err *e) {
    const struct study *s = r->c->s;
    json_t *list = json_array();
    json_object_set_new(tree, "published", list);
    for (int i = 0; i < s->n_published; i++) {
        const struct published *p = &s->published[i];
        struct ours o = {.value = json_null()};
        int rc = find_ours(&o, tree, r, p, e);
        if (rc < 0) return json_decref(o.value), rc;
        json_t *row =
            json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:s}", "what", p->what, "beside", beside_name(p->beside),
                      "says", p->says, "source", p->source, "value", estimate_json(p->value, (struct interval){p->lo, p->hi}),
                      "p", number(p->p), "n", p->n ? json_integer((json_int_t)p->n) : json_null(), "ours", o.value, "why", o.why,
                      "note", p->per_agent ? "ours divided by the number of agents" : "");
        if (!row) return fail(e, ERR_NOMEM, "out of memory for a report");
        json_object_set_new(row, "ours_n", o.n ? json_integer((json_int_t)o.n) : json_null());
        if (p->beside == BESIDE_EFFECT || p->beside == BESIDE_KIND)
            json_object_set_new(row, "model", json_string(s->model[p->model].id));
        json_array_append_new(list, row);
    }
    return 0;
}
