/* What is tested though nobody claimed it: slopes by language and model, whether they differ, and the effect of everybody aligned against
 * nobody in each language with each model. */
#include "study/analyse_int.h"
#include "study/sweep.h"
#include "study/terms.h"
#include <jansson.h>
#include <math.h>

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static struct hypothesis about(const struct study *s, int metric, enum hypothesis_kind kind) {
    return (struct hypothesis){.metric = (enum hypothesis_metric)metric,
                               .kind = kind,
                               .test = BY_LMM,
                               .direction = IS_DIFFERENT,
                               .prefix = PREFIX_ALIGNMENT,
                               .arms = sweep_arms(s, PREFIX_ALIGNMENT),
                               .languages = (1ull << s->n_languages) - 1,
                               .models = (1ull << s->n_models) - 1};
}

int explored_slope(struct tested *t, const struct scored *c, const struct reference *r, int metric, int language, int model,
                   struct err *e) {
    struct hypothesis h = about(c->s, metric, KIND_SLOPE);
    h.languages = 1ull << language;
    if (model >= 0) h.models = 1ull << model;
    return test_one(t, c, r, &h, e);
}

/* model < 0: all of them. *estimate: NaN where there is none. */
static int add_slope(struct analysis *x, json_t *list, int metric, int language, int model, double *estimate) {
    const struct study *s = x->c->s;
    struct tested t;
    TRY(explored_slope(&t, x->c, &x->r, metric, language, model, x->e));
    *estimate = t.estimate;
    json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:o, s:o, s:o, s:s}", "metric",
                                          hypothesis_metric_name((enum hypothesis_metric)metric), "language",
                                          s->language[language]->code, "model", model < 0 ? NULL : s->model[model].id, "estimate",
                                          number(t.estimate), "z", number(t.statistic), "p", number(t.p), "why", t.why));
    return 0;
}

/* language < 0: between languages, else between models in that language. */
static int add_interaction(struct analysis *x, json_t *list, int metric, int language) {
    const struct study *s = x->c->s;
    struct hypothesis h = about(s, metric, KIND_INTERACTION);
    struct tested t;
    if (language >= 0) h.by = ACROSS_MODEL, h.languages = 1ull << language;
    TRY(test_one(&t, x->c, &x->r, &h, x->e));
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:s?, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:s}", "metric",
                                    hypothesis_metric_name(h.metric), "by", hypothesis_by_name(h.by), "language",
                                    language < 0 ? NULL : s->language[language]->code, "formula", hypothesis_formula(&h), "null",
                                    hypothesis_null(&h), "estimate", number(t.estimate), "statistic", number(t.statistic),
                                    "statistic_name", statistic_name(&h), "df", number(t.df), "p", number(t.p), "why", t.why));
    return 0;
}

static int add_effect(struct analysis *x, json_t *list, int metric, int language, int model) {
    const struct study *s = x->c->s;
    struct hypothesis h = about(s, metric, KIND_CONTRAST);
    struct tested t;
    int none, all;
    if (!sweep_ends(s, language, model, &none, &all)) return 0;
    h.test = BY_WELCH, h.languages = 1ull << language, h.models = 1ull << model;
    h.arm[0] = s->cell[all].arm, h.arm[1] = s->cell[none].arm;
    h.arms = 1ull << h.arm[0] | 1ull << h.arm[1];
    TRY(test_one(&t, x->c, &x->r, &h, x->e));
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:[I, I], s:o, s:o, s:o, s:s}", "metric",
                                          hypothesis_metric_name(h.metric), "language", s->language[language]->code, "model",
                                          s->model[model].id, "n", (json_int_t)t.n1, (json_int_t)t.n2, "g", number(t.g), "ci95",
                                          interval_json(&t), "p", number(t.p), "why", t.why));
    return 0;
}

struct found {
    json_t *slopes, *interactions, *effects, *distance;
};

static int explore_metric(struct analysis *x, int metric, const struct found *to) {
    const struct study *s = x->c->s;
    struct language_figure f = {"", "slope", hypothesis_metric_name((enum hypothesis_metric)metric), {0}};
    double of_one;
    int first = s->n_models > 1 ? -1 : 0; /* of all models, or of the only one */
    for (int l = 0; l < s->n_languages; l++)
        for (int m = first; m < s->n_models; m++) {
            TRY(add_slope(x, to->slopes, metric, l, m, m == first ? &f.at[l] : &of_one));
            if (m >= 0) TRY(add_effect(x, to->effects, metric, l, m));
        }
    if (x->o.countries) TRY(countries_add(to->distance, s, x->o.countries, &f, x->e));
    if (s->n_languages > 1) TRY(add_interaction(x, to->interactions, metric, -1));
    for (int l = 0; s->n_models > 1 && l < s->n_languages; l++) TRY(add_interaction(x, to->interactions, metric, l));
    return 0;
}

int explore(struct analysis *x, json_t *out) {
    const struct found to = {json_array(), json_array(), json_array(), json_object()};
    json_object_set_new(out, "slopes", to.slopes);
    json_object_set_new(out, "interactions", to.interactions);
    json_object_set_new(out, "effects", to.effects);
    json_object_set_new(out, "power_distance", to.distance);
    for (int m = OF_CPI; m <= OF_DI; m++) TRY(explore_metric(x, m, &to));
    if (!x->o.countries) json_object_del(out, "power_distance");
    return 0;
}
