/* A study as the terms of its registration. */
#include "study/terms.h"
#include "base/str.h"
#include "study/metric.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static json_t *group_terms(const struct study *s) {
    json_t *personas = json_array(), *events = json_array();
    for (int i = 0; i < s->n_agents; i++) json_array_append_new(personas, json_string(s->persona[i]));
    for (int t = 1; t <= s->n_turns; t++) json_array_append_new(events, json_integer(s->event[t]));
    return json_pack("{s:i, s:i, s:s, s:i, s:o, s:o}", "agents", s->n_agents, "turns", s->n_turns, "order",
                     turn_order_name(s->order), "context_turns", s->last, "personas", personas, "events", events);
}

static json_t *channel_terms(const struct study *s) {
    json_t *o = json_object();
    struct str who = {0};
    for (int c = 0; c < CHANNELS; c++) {
        who.len = 0;
        study_audience(&who, s, (enum channel)c);
        json_object_set_new(o, channel_name((enum channel)c), json_string(who.s ? who.s : ""));
    }
    str_free(&who);
    return o;
}

static json_t *one_model(const struct study_model *m) {
    return json_pack("{s:o, s:o, s:I}", "temperature", number(m->temperature), "top_p", number(m->top_p), "max_tokens",
                     (json_int_t)m->max_tokens);
}

static json_t *model_terms(const struct study *s) {
    json_t *o = json_object();
    for (int i = 0; i < s->n_models; i++) json_object_set_new(o, s->model[i].id, one_model(&s->model[i]));
    return o;
}

static json_t *one_arm(const struct study *s, const struct arm *a) {
    json_t *o = json_pack("{s:s, s:s, s:b}", "among", among_name(a->among), "place", a->shuffled_place ? "shuffled" : "fixed",
                          "shuffled_personas", a->shuffled_personas);
    json_t *first = json_array();
    for (int p = 0; p < PREFIXES; p++) json_object_set_new(o, prefix_name((enum prefix_id)p), json_integer(a->with[p]));
    for (int k = 0; k < a->n_first; k++) json_array_append_new(first, json_string(s->persona[a->first[k]]));
    json_object_set_new(o, "first", first);
    json_object_set_new(o, "same_as", a->same_as < 0 ? json_null() : json_string(s->arm[a->same_as].id));
    return o;
}

static json_t *arm_terms(const struct study *s) {
    json_t *all = json_object();
    for (int i = 0; i < s->n_arms; i++) json_object_set_new(all, s->arm[i].id, one_arm(s, &s->arm[i]));
    return all;
}

static json_t *cell_terms(const struct study *s) {
    json_t *o = json_object();
    for (int i = 0; i < s->n_cells; i++)
        json_object_set_new(o, s->cell[i].id, json_pack("{s:i}", "replicates", s->cell[i].replicates));
    return o;
}

static json_t *country_terms(const struct study *s) {
    json_t *o = json_object();
    for (int i = 0; i < s->n_languages; i++) json_object_set_new(o, s->language[i]->code, json_string(s->country[i]));
    return o;
}

/* A rule that a study does not have is no term of it. */
static json_t *exclusion_terms(const struct study *s) {
    json_t *o = json_pack("{s:f}", "malformed", s->max_malformed);
    if (s->max_wrong_language < 1) json_object_set_new(o, "wrong_language", json_real(s->max_wrong_language));
    return o;
}

static json_t *formula_terms(void) {
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "monologue", "graphemes of monologue / graphemes of all channels", "boundary",
        "hits per 1,000 graphemes", "protective", "hits per 1,000 graphemes", "conformity",
        "agent-turns with talk in which a form of the dictionary occurs / agent-turns with talk", "cpi",
        "z(monologue) + z(boundary) - z(protective)", "di", "z(monologue) + z(protective) - z(boundary)", "g",
        "J(df) d, interval by the noncentral t of d times J", "holds",
        "adjusted p below alpha, and the sign of the direction; p is two-sided, of the direction equivalent the larger of two "
        "one-sided tests of the estimate against - margin and + margin (TOST)");
}

/* ---- hypotheses ---- */

static int bits(uint64_t m) {
    int n = 0;
    for (; m; m &= m - 1) n++;
    return n;
}

/* [by][whether there are several of the other] */
static const char *const crossed[2][2] = {
    {"y ~ share * language + (1 | replicate)", "y ~ share * language + model + (1 | replicate)"},
    {"y ~ share * model + (1 | replicate)", "y ~ share * model + language + (1 | replicate)"},
};
static const char *const added[2][2] = {
    {"y ~ share + language + (1 | replicate)", "y ~ share + language + model + (1 | replicate)"},
    {"y ~ share + model + (1 | replicate)", "y ~ share + model + language + (1 | replicate)"},
};
static const char *const sloping[3][2] = {
    {"y ~ share + (1 | replicate)", "y ~ share + model + (1 | replicate)"},
    {"y ~ share + language + (1 | replicate)", "y ~ share + language + model + (1 | replicate)"},
    {"y ~ share + (1 + share | language)", "y ~ share + model + (1 + share | language)"},
};

const char *hypothesis_formula(const struct hypothesis *h) {
    int languages = bits(h->languages), models = bits(h->models);
    if (h->kind == KIND_INTERACTION) return crossed[h->by][(h->by == ACROSS_MODEL ? languages : models) > 1];
    if (h->kind != KIND_SLOPE) return "";
    return sloping[languages == 1 ? 0 : languages < 5 ? 1 : 2][models > 1];
}

const char *hypothesis_null(const struct hypothesis *h) {
    int languages = bits(h->languages), models = bits(h->models), model = h->by == ACROSS_MODEL;
    if (h->kind != KIND_INTERACTION || (model ? models : languages) < 3) return "";
    return added[h->by][(model ? languages : models) > 1];
}

json_t *hypothesis_terms(const struct study *s, const struct hypothesis *h) {
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:s, s:s}", "about", h->about, "metric", hypothesis_metric_name(h->metric),
                  "kind", hypothesis_kind_name(h->kind), "test", hypothesis_test_name(h->test), "direction",
                  hypothesis_direction_name(h->direction), "scope", hypothesis_scope_name(h->scope), "alpha", h->alpha, "formula",
                  hypothesis_formula(h), "null", hypothesis_null(h));
    json_t *arms = json_array(), *languages = json_array(), *models = json_array();
    if (h->kind == KIND_CONTRAST)
        for (int i = 0; i < 2; i++) json_array_append_new(arms, json_string(s->arm[h->arm[i]].id));
    else
        json_object_set_new(o, "prefix", json_string(prefix_name(h->prefix)));
    for (int i = 0; h->kind != KIND_CONTRAST && i < s->n_arms; i++)
        if (h->arms >> i & 1) json_array_append_new(arms, json_string(s->arm[i].id));
    for (int i = 0; i < s->n_languages; i++)
        if (h->languages >> i & 1) json_array_append_new(languages, json_string(s->language[i]->code));
    for (int i = 0; i < s->n_models; i++)
        if (h->models >> i & 1) json_array_append_new(models, json_string(s->model[i].id));
    if (h->direction == IS_EQUIVALENT) json_object_set_new(o, "margin", json_real(h->margin));
    if (h->by == ACROSS_MODEL) json_object_set_new(o, "by", json_string(hypothesis_by_name(h->by)));
    json_object_set_new(o, "arms", arms);
    json_object_set_new(o, "languages", languages);
    json_object_set_new(o, "models", models);
    return o;
}

static json_t *council_terms(const struct council_design *c) {
    return json_pack("{s:i, s:f, s:s}", "options", c->options, "reliability", c->reliability, "split",
                     council_split_name(c->split));
}

/* ---- jobs ---- */

static int hash_terms(char hex[DIGEST_HEX], json_t *o, struct err *e) { /* takes o */
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(o);
    if (!text) return fail(e, ERR_NOMEM, "out of memory for the key of a run");
    digest_text(text, strlen(text), hex);
    free(text);
    return 0;
}

/* What the runs of a cell depend on; other cells and what is claimed are none of it. */
static json_t *cell_work(const struct study *s, const struct cell *c) {
    json_t *o = json_pack("{s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:s}", "study", s->id, "cell", c->id, "reask", s->reasks, "group",
                          group_terms(s), "channels", channel_terms(s), "arm", one_arm(s, &s->arm[c->arm]), "model",
                          one_model(&s->model[c->model]), "language", s->language_hash[c->language]);
    if (o && s->council.options) {
        json_object_set_new(o, "council", council_terms(&s->council));
        json_object_set_new(o, "council_language", json_string(s->council_hash[c->language]));
    }
    return o;
}

int study_cell_terms(struct study *s, struct err *e) {
    for (int i = 0; i < s->n_cells; i++) TRY(hash_terms(s->cell[i].terms, cell_work(s, &s->cell[i]), e));
    return 0;
}

int study_job_key(char hex[DIGEST_HEX], const struct study *s, const struct cell *c, int replicate, struct err *e) {
    return hash_terms(hex,
                      json_pack("{s:s, s:s, s:I, s:i}", "format", "candor job/1", "cell", c->terms, "seed", (json_int_t)s->seed,
                                "replicate", replicate),
                      e);
}

/* ---- all ---- */

int study_terms(json_t **out, const struct study *s, struct err *e) {
    json_t *h = json_object();
    for (int i = 0; i < s->n_hypotheses; i++) json_object_set_new(h, s->hypothesis[i].id, hypothesis_terms(s, &s->hypothesis[i]));
    json_t *o = json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:i, s:i, s:o, s:s, s:s, s:o, s:o, s:s, s:o}", "group",
                          group_terms(s), "channels", channel_terms(s), "models", model_terms(s), "arms", arm_terms(s), "cells",
                          cell_terms(s), "runs", (json_int_t)study_runs(s), "seed", (json_int_t)s->seed, "block", s->block,
                          "reask", s->reasks, "exclude", exclusion_terms(s), "stop", s->stop, "reference",
                          s->reference < 0 ? "all" : s->arm[s->reference].id, "countries", country_terms(s), "formulas",
                          formula_terms(), "correction", hypothesis_correction_name(s->correction), "hypotheses", h);
    if (!o) return fail(e, ERR_NOMEM, "out of memory for the terms of a study");
    if (s->council.options) json_object_set_new(o, "council", council_terms(&s->council));
    *out = o;
    return 0;
}
