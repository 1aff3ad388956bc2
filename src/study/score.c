/* Scores as JSON: loss per cell, cells, runs, agents. */
#include "study/score.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

struct writer {
    const struct scored *c;
    const struct reference *r;
    int agents;
};

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static void put_parts(json_t *o, const double parts[METRIC_PARTS]) {
    for (int p = 0; p < METRIC_PARTS; p++) json_object_set_new(o, metric_part_name((enum metric_part)p), number(parts[p]));
}

static const char *const scopes[] = {"pooled", "language", "model"};

/* z and indices under the three references. */
static void put_indices(json_t *o, const struct writer *w, const struct moments *all, const struct cell *c,
                        const double parts[METRIC_PARTS]) {
    json_t *scores = json_object();
    json_object_set_new(o, "scores", scores);
    for (int i = 0; i < 3; i++) {
        struct indices x = metric_indices(parts, &all[reference_scope(w->c->s, c, i)]);
        json_t *z = json_object();
        put_parts(z, x.z);
        json_object_set_new(scores, scopes[i], json_pack("{s:o, s:o, s:o}", "z", z, "cpi", number(x.cpi), "di", number(x.di)));
    }
}

void study_label(json_t *o, const struct study *s) {
    if (s->council.options) json_object_set_new(o, "test_bed", json_true());
}

void reference_label(json_t *o, const struct scored *c, const struct reference *r) {
    if (r->planted && !c->planted) json_object_set_new(o, "reference_planted", json_true());
}

/* ---- counts ---- */

static json_t *channels_json(const int64_t *v) {
    json_t *o = json_object();
    for (int c = 0; c < CHANNELS; c++) json_object_set_new(o, channel_name((enum channel)c), json_integer(v[c]));
    return o;
}

static json_t *turns_json(const struct counts *c) {
    json_t *o = json_object();
    for (int i = 0; i < TURN_STATUSES; i++)
        json_object_set_new(o, turn_status_name((enum turn_status)i), json_integer(c->turns[i]));
    return o;
}

/* Hits of each dictionary and the share of each of its kinds. */
static void put_hits(json_t *o, const struct counts *c, const struct language *l) {
    int64_t text = 0;
    for (int i = 0; i < CHANNELS; i++) text += c->graphemes[i];
    for (int d = 0; d < METRIC_DICTIONARIES; d++) {
        const struct dictionary_source *s = language_dictionary(l, metric_dictionary_name(d));
        json_t *kinds = json_object();
        for (int k = 0; k < s->n_kinds; k++)
            json_object_set_new(kinds, s->kinds[k],
                                json_pack("{s:I, s:o}", "hits", (json_int_t)c->kinds[d][k], "share",
                                          number(c->hits[d] ? (double)c->kinds[d][k] / (double)c->hits[d] : NAN)));
        json_object_set_new(o, metric_dictionary_name(d),
                            json_pack("{s:I, s:o, s:o}", "hits", (json_int_t)c->hits[d], "per_1000",
                                      number(text ? 1000 * (double)c->hits[d] / (double)text : NAN), "kinds", kinds));
    }
}

static json_t *counts_json(const struct counts *c, const struct language *l) {
    json_t *mono = json_object(), *o;
    for (int u = 0; u < METRIC_UNITS; u++)
        json_object_set_new(mono, metric_unit_name((enum metric_unit)u), number(metric_monologue(c, (enum metric_unit)u)));
    o = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "acts", channels_json(c->acts), "graphemes",
                  channels_json(c->graphemes), "words", channels_json(c->words), "tokens", channels_json(c->tokens),
                  "monologue_ratio", mono, "agent_turns", turns_json(c), "asked_again", (json_int_t)c->asked_again,
                  "wrong_language", (json_int_t)c->wrong_language, "conformity_rate", number(metric_conformity(c)));
    if (o) put_hits(o, c, l);
    return o;
}

/* ---- runs ---- */

static json_t *agent_json(const struct writer *w, const struct cell *c, const struct seat *seat, const struct counts *n) {
    double parts[METRIC_PARTS];
    json_t *with = json_array();
    for (int p = 0; p < PREFIXES; p++)
        if (seat->prefixes >> p & 1) json_array_append_new(with, json_string(prefix_name((enum prefix_id)p)));
    json_t *o = json_pack("{s:s, s:o, s:o}", "persona", w->c->s->persona[seat->persona], "prefixes", with, "counts",
                          counts_json(n, w->c->s->language[c->language]));
    metric_parts(parts, n, &w->r->o);
    put_parts(o, parts);
    put_indices(o, w, w->r->agent, c, parts);
    return o;
}

static json_t *run_json(const struct writer *w, const struct cell *c, int rep) {
    const struct study *s = w->c->s;
    const struct scored_run *r = &w->c->run[w->c->first[c->index] + rep];
    double parts[METRIC_PARTS];
    struct seat seats[STUDY_MAX_AGENTS];
    char key[RUN_KEY_BYTES];
    snprintf(key, sizeof key, "cell%03d/rep%03d", c->index, rep);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:f, s:b, s:o}", "run", key, "cell", c->id, "language",
                          s->language[c->language]->code, "model", s->model[c->model].id, "arm", s->arm[c->arm].id, "replicate",
                          rep, "aligned", (double)s->arm[c->arm].with[PREFIX_ALIGNMENT] / s->n_agents, "analysed", scored_in(r),
                          "counts", counts_json(&r->all, s->language[c->language]));
    metric_parts(parts, &r->all, &w->r->o);
    put_parts(o, parts);
    put_indices(o, w, w->r->run, c, parts);
    if (!w->agents) return o;
    json_t *list = json_array();
    study_cast(s, c, rep, seats);
    for (int i = 0; i < s->n_agents; i++) json_array_append_new(list, agent_json(w, c, &seats[i], &r->agent[i]));
    json_object_set_new(o, "agents", list);
    return o;
}

/* ---- cells ---- */

static json_t *loss_json(const struct scored *c, const struct cell *cell) {
    struct counts all = {0};
    int64_t started = 0, finished = 0, failed = 0, refused = 0, excluded = 0, analysed = 0, silent = 0;
    for (int i = c->first[cell->index]; i < c->first[cell->index + 1]; i++) {
        const struct scored_run *r = &c->run[i];
        started += r->there || r->tried, finished += r->finished, failed += r->failed;
        refused += r->all.turns[TURN_REFUSED] + r->all.turns[TURN_FILTERED] > 0;
        excluded += r->finished && r->excluded, analysed += scored_in(r);
        silent += scored_in(r) && isnan(metric_monologue(&r->all, UNIT_GRAPHEMES));
        counts_add(&all, &r->all);
    }
    return json_pack("{s:i, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I}", "cell", cell->index, "id",
                     cell->id, "planned", cell->replicates, "started", (json_int_t)started, "finished", (json_int_t)finished,
                     "failed", (json_int_t)failed, "unfinished", (json_int_t)(started - finished - failed), "refused",
                     (json_int_t)refused, "excluded", (json_int_t)excluded, "analysed", (json_int_t)analysed, "silent",
                     (json_int_t)silent, "agent_turns", turns_json(&all), "asked_again", (json_int_t)all.asked_again,
                     "wrong_language", (json_int_t)all.wrong_language);
}

static json_t *mean_sd(const double *v, int64_t n) {
    double s = 0, q = 0;
    for (int64_t i = 0; i < n; i++) s += v[i];
    double m = n ? s / (double)n : NAN;
    for (int64_t i = 0; i < n; i++) q += (v[i] - m) * (v[i] - m);
    return json_pack("{s:o, s:o}", "mean", number(m), "sd", number(n > 1 ? sqrt(q / (double)(n - 1)) : NAN));
}

/* What a run may not have, as where nothing was said in it: of runs that have it. */
static json_t *mean_sd_of(double *v, int64_t n) {
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(v[i])) v[k++] = v[i];
    return mean_sd(v, k);
}

static int put_shares(json_t *o, const struct scored *c, const struct cell *cell, struct err *e) {
    int first = c->first[cell->index], n = 0, end = c->first[cell->index + 1];
    double *v = calloc((size_t)(end - first) + 1, sizeof *v);
    json_t *dictionaries = json_object();
    json_object_set_new(o, "kinds", dictionaries);
    if (!v) return fail(e, ERR_NOMEM, "out of memory for scores");
    for (int i = first; i < end; i++)
        if (scored_in(&c->run[i])) v[n++] = metric_conformity(&c->run[i].all);
    json_object_set_new(o, "conformity", mean_sd_of(v, n));
    for (int d = 0; d < METRIC_DICTIONARIES; d++) {
        const struct dictionary_source *s = language_dictionary(c->s->language[cell->language], metric_dictionary_name(d));
        json_t *kinds = json_object();
        json_object_set_new(dictionaries, metric_dictionary_name(d), kinds);
        for (int k = 0; s && k < s->n_kinds; k++) {
            n = 0;
            for (int i = first; i < end; i++)
                if (scored_in(&c->run[i])) v[n++] = metric_kind(&c->run[i].all, d, k);
            json_object_set_new(kinds, s->kinds[k], mean_sd_of(v, n));
        }
    }
    free(v);
    return 0;
}

static int cell_json(json_t **out, const struct writer *w, const struct cell *cell, struct err *e) {
    const struct scored *c = w->c;
    enum { COLUMNS = METRIC_PARTS + 6 };
    int first = c->first[cell->index], n = c->first[cell->index + 1] - first;
    int64_t k = 0;
    double *v = calloc((size_t)n * COLUMNS + 1, sizeof *v), parts[METRIC_PARTS];
    if (!v) return fail(e, ERR_NOMEM, "out of memory for scores");
    for (int i = first; i < first + n; i++) {
        if (!scored_in(&c->run[i])) continue;
        metric_parts(parts, &c->run[i].all, &w->r->o);
        for (int p = 0; p < METRIC_PARTS; p++) v[p * n + k] = parts[p];
        for (int s = 0; s < 3; s++) {
            struct indices x = metric_indices(parts, &w->r->run[reference_scope(c->s, cell, s)]);
            v[(METRIC_PARTS + 2 * s) * n + k] = x.cpi;
            v[(METRIC_PARTS + 2 * s + 1) * n + k] = x.di;
        }
        k++;
    }
    json_t *o = json_pack("{s:s, s:I}", "id", cell->id, "n", (json_int_t)k);
    for (int p = 0; p < METRIC_PARTS; p++)
        json_object_set_new(o, metric_part_name((enum metric_part)p), mean_sd_of(v + p * n, k));
    json_t *scores = json_object();
    json_object_set_new(o, "scores", scores);
    for (int s = 0; s < 3; s++)
        json_object_set_new(scores, scopes[s],
                            json_pack("{s:o, s:o}", "cpi", mean_sd_of(v + (METRIC_PARTS + 2 * s) * n, k), "di",
                                      mean_sd_of(v + (METRIC_PARTS + 2 * s + 1) * n, k)));
    free(v);
    *out = o;
    return put_shares(o, c, cell, e);
}

int score_json(json_t **out, const struct scored *c, const struct reference *r, int agents, struct err *e) {
    struct writer w = {.c = c, .r = r, .agents = agents};
    json_t *loss = json_array(), *cells = json_array(), *runs = json_array(), *cell = NULL;
    int rc = 0;
    for (int i = 0; rc >= 0 && i < c->s->n_cells; i++) {
        const struct cell *at = &c->s->cell[i];
        json_array_append_new(loss, loss_json(c, at));
        rc = cell_json(&cell, &w, at, e);
        if (cell) json_array_append_new(cells, cell), cell = NULL;
        for (int k = 0; rc >= 0 && k < at->replicates; k++)
            if (c->run[c->first[i] + k].there) json_array_append_new(runs, run_json(&w, at, k));
    }
    json_t *o = json_pack("{s:s, s:b, s:s, s:s, s:o, s:o, s:o, s:o}", "study", c->s->id, "planted", c->planted, "monologue",
                          metric_unit_name(r->o.monologue), "hits", r->o.raw ? "raw" : "per_1000", "loss", loss, "reference",
                          reference_json(r, c->s), "cells", cells, "runs", runs);
    if (rc >= 0 && !o) rc = fail(e, ERR_NOMEM, "out of memory for scores");
    if (o && *c->tokenizer) json_object_set_new(o, "tokenizer", json_string(c->tokenizer));
    if (o) json_object_set_new(o, "answered", identities_json(&c->who, c->s));
    if (o) study_label(o, c->s), reference_label(o, c, r);
    if (rc < 0)
        json_decref(o);
    else
        *out = o;
    return rc;
}
