/* Frozen references: made, written, read. */
#include "study/score.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int reference_scope(const struct study *s, const struct cell *c, int which) {
    return which == 0 ? 0 : which == 1 ? 1 + c->language : 1 + s->n_languages + c->model;
}

void reference_free(struct reference *r) {
    json_decref(r->runs);
    *r = (struct reference){0};
}

static const char *scope_name(const struct study *s, int scope, char *buf, size_t size) {
    if (!scope) return "pooled";
    if (scope <= s->n_languages)
        snprintf(buf, size, "language/%s", s->language[scope - 1]->code);
    else
        snprintf(buf, size, "model/%s", s->model[scope - 1 - s->n_languages].id);
    return buf;
}

/* ---- made ---- */

struct rows {
    double (*run)[METRIC_PARTS], (*agent)[METRIC_PARTS];
    int64_t runs, agents;
};

int reference_has(const struct study *s, const struct cell *c, int scope) {
    if (s->reference >= 0 && c->arm != s->reference) return 0;
    for (int w = 0; w < 3; w++)
        if (reference_scope(s, c, w) == scope) return 1;
    return 0;
}

static void collect(struct rows *x, const struct scored *c, const struct metric_opts *o, int scope) {
    const struct study *s = c->s;
    x->runs = x->agents = 0;
    for (int i = 0; i < s->n_cells; i++) {
        if (!reference_has(s, &s->cell[i], scope)) continue;
        for (int r = c->first[i]; r < c->first[i + 1]; r++) {
            if (!scored_in(&c->run[r])) continue;
            metric_parts(x->run[x->runs++], &c->run[r].all, o);
            for (int k = 0; k < s->n_agents; k++) metric_parts(x->agent[x->agents++], &c->run[r].agent[k], o);
        }
    }
}

static json_t *run_list(const struct scored *c) {
    const struct study *s = c->s;
    json_t *list = json_array();
    char key[RUN_KEY_BYTES];
    for (int i = 0; i < s->n_cells; i++)
        for (int r = c->first[i]; r < c->first[i + 1]; r++) {
            if (!scored_in(&c->run[r]) || !reference_has(s, &s->cell[i], 0)) continue;
            snprintf(key, sizeof key, "cell%03d/rep%03d", i, r - c->first[i]);
            json_array_append_new(list, json_string(key));
        }
    return list;
}

/* Of the study and of the runs that standardise; "" where there are no sums. */
static void sum_runs(char hex[DIGEST_HEX], const struct scored *c) {
    const struct study *s = c->s;
    unsigned char sum[DIGEST_BYTES];
    struct digest d;
    *hex = 0;
    if (!c->summed) return;
    digest_begin(&d);
    digest_add(&d, c->sum, sizeof c->sum);
    for (int i = 0; i < s->n_cells; i++)
        for (int r = c->first[i]; r < c->first[i + 1]; r++)
            if (scored_in(&c->run[r]) && reference_has(s, &s->cell[i], 0)) digest_add(&d, c->run[r].sum, sizeof c->run[r].sum);
    digest_end(&d, sum);
    digest_hex(sum, hex);
}

int reference_make(struct reference *out, const struct scored *c, const struct metric_opts *o, struct err *e) {
    struct reference r = {.o = *o, .runs = run_list(c)};
    struct rows x = {.run = calloc((size_t)c->n + 1, sizeof *x.run),
                     .agent = calloc((size_t)c->n * (size_t)c->s->n_agents + 1, sizeof *x.agent)};
    int ok = r.runs && x.run && x.agent;
    for (int i = 0; ok && i < 1 + c->s->n_languages + c->s->n_models; i++) {
        collect(&x, c, o, i);
        metric_moments(&r.run[i], x.run, x.runs);
        metric_moments(&r.agent[i], x.agent, x.agents);
    }
    free(x.run);
    free(x.agent);
    if (!ok) return reference_free(&r), fail(e, ERR_NOMEM, "out of memory for a reference");
    if (o->monologue == UNIT_TOKENS) memcpy(r.tokenizer, c->tokenizer, sizeof r.tokenizer);
    r.planted = c->planted;
    sum_runs(r.archive, c);
    *out = r;
    return 0;
}

/* few: room for runs; only those that are named are finished in it. 1 if all that are named are there. */
static int only_named(struct scored *few, const struct scored *c, const json_t *runs) {
    char key[RUN_KEY_BYTES];
    size_t k = 0;
    for (int i = 0; i < c->s->n_cells; i++)
        for (int r = c->first[i]; r < c->first[i + 1]; r++) {
            const char *name = json_string_value(json_array_get(runs, k));
            snprintf(key, sizeof key, "cell%03d/rep%03d", i, r - c->first[i]);
            few->run[r] = c->run[r];
            if (name && !strcmp(name, key))
                k++;
            else
                few->run[r].finished = 0;
        }
    return k == json_array_size(runs);
}

int reference_again(struct reference *out, const struct scored *c, const struct reference *r, struct err *e) {
    struct scored few = *c;
    struct reference made = {0};
    few.run = calloc((size_t)c->n + 1, sizeof *few.run);
    if (!few.run) return fail(e, ERR_NOMEM, "out of memory for a reference");
    int own = *r->archive && only_named(&few, c, r->runs), rc = own ? reference_make(&made, &few, &r->o, e) : 0;
    free(few.run);
    TRY(rc);
    own = own && !strcmp(made.archive, r->archive);
    if (own)
        *out = made;
    else
        reference_free(&made);
    return own;
}

/* ---- written ---- */

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static json_t *part_numbers(const double *v) {
    json_t *o = json_object();
    for (int p = 0; p < METRIC_PARTS; p++) json_object_set_new(o, metric_part_name((enum metric_part)p), number(v[p]));
    return o;
}

static json_t *scopes_json(const struct moments *m, const struct study *s) {
    json_t *o = json_object();
    char buf[STUDY_ID_MAX + 20];
    for (int i = 0; i < 1 + s->n_languages + s->n_models; i++)
        json_object_set_new(
            o, scope_name(s, i, buf, sizeof buf),
            json_pack("{s:I, s:o, s:o}", "n", (json_int_t)m[i].n, "mean", part_numbers(m[i].mean), "sd", part_numbers(m[i].sd)));
    return o;
}

json_t *reference_json(const struct reference *r, const struct study *s) {
    return json_pack("{s:s, s:s, s:s*, s:s, s:s?, s:b, s:O, s:o, s:o}", "format", "candor reference/1", "monologue",
                     metric_unit_name(r->o.monologue), "tokenizer", *r->tokenizer ? r->tokenizer : NULL, "hits",
                     r->o.raw ? "raw" : "per_1000", "archive", *r->archive ? r->archive : NULL, "planted", r->planted, "runs",
                     r->runs, "run", scopes_json(r->run, s), "agent", scopes_json(r->agent, s));
}

/* Through JSON, where what there is not is null. */
int reference_equal(const struct reference *a, const struct reference *b, const struct study *s) {
    json_t *x = reference_json(a, s), *y = reference_json(b, s);
    int same = x && y && json_equal(x, y);
    json_decref(x);
    json_decref(y);
    return same;
}

/* ---- read ---- */

static void read_numbers(double *out, const json_t *o) {
    for (int p = 0; p < METRIC_PARTS; p++) {
        const json_t *v = json_object_get(o, metric_part_name((enum metric_part)p));
        out[p] = json_is_number(v) ? json_number_value(v) : NAN;
    }
}

static void read_scopes(struct moments *m, const struct study *s, const json_t *o) {
    char buf[STUDY_ID_MAX + 20];
    for (int i = 0; i < 1 + s->n_languages + s->n_models; i++) {
        const json_t *x = json_object_get(o, scope_name(s, i, buf, sizeof buf));
        m[i].n = json_integer_value(json_object_get(x, "n"));
        read_numbers(m[i].mean, json_object_get(x, "mean"));
        read_numbers(m[i].sd, json_object_get(x, "sd"));
    }
}

int reference_read(struct reference *out, const struct study *s, const json_t *j, struct err *e) {
    const char *format = json_string_value(json_object_get(j, "format")),
               *unit = json_string_value(json_object_get(j, "monologue"));
    const char *hits = json_string_value(json_object_get(j, "hits"));
    const json_t *of = json_object_get(j, "archive"), *planted = json_object_get(j, "planted");
    json_t *runs = json_object_get(j, "runs");
    struct reference r = {0};
    int u = 0;
    if (!format || strcmp(format, "candor reference/1") != 0)
        return fail(e, ERR_FORMAT, "expected a reference of the format candor reference/1, found %.40s",
                    format ? format : "none");
    while (unit && u < METRIC_UNITS && strcmp(metric_unit_name((enum metric_unit)u), unit) != 0) u++;
    if (!unit || u == METRIC_UNITS || !hits || !json_is_array(runs))
        return fail(e, ERR_FORMAT, "expected a reference with monologue, hits and runs, found another object");
    if (!of || !(json_is_null(of) || json_string_length(of) == DIGEST_HEX - 1) || !json_is_boolean(planted))
        return fail(e, ERR_FORMAT, "expected a reference that says of which archive it is, and whether planted, found none");
    snprintf(r.archive, sizeof r.archive, "%s", json_is_null(of) ? "" : json_string_value(of));
    r.planted = json_is_true(planted);
    r.o = (struct metric_opts){.monologue = (enum metric_unit)u, .raw = !strcmp(hits, "raw")};
    const char *whose = json_string_value(json_object_get(j, "tokenizer"));
    if (r.o.monologue == UNIT_TOKENS) snprintf(r.tokenizer, sizeof r.tokenizer, "%s", whose ? whose : "none");
    read_scopes(r.run, s, json_object_get(j, "run"));
    read_scopes(r.agent, s, json_object_get(j, "agent"));
    r.runs = json_incref(runs);
    *out = r;
    return 0;
}
