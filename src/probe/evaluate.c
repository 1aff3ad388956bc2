/* See evaluate.h. One function a measure; each adds its branch to the tree. */
#include "probe/evaluate_int.h"
#include "probe/show.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 20, PLACES = 5 };
static const double places[PLACES] = {0.2, 0.4, 0.6, 0.8, 0.9};

/* ---- families ---- */

static size_t family_len(const char *kind) {
    size_t n = strcspn(kind, "/");
    return n ? n : strlen(kind);
}

/* kinds[n] of different families -> their names, behind the pointers to them. */
static int copy_names(const char ***names, const char *const *kinds, int n, struct err *e) {
    size_t bytes = ((size_t)n + 1) * sizeof **names;
    for (int k = 0; k < n; k++) bytes += family_len(kinds[k]) + 1;
    const char **out = calloc(1, bytes);
    if (!out) return fail(e, ERR_NOMEM, "out of memory for the families");
    char *at = (char *)(out + n + 1);
    for (int k = 0; k < n; k++) {
        memcpy(at, kinds[k], family_len(kinds[k]));
        out[k] = at, at += family_len(kinds[k]) + 1;
    }
    *names = out;
    return 0;
}

static int same_family(const char *a, const char *b) { return family_len(a) == family_len(b) && !memcmp(a, b, family_len(a)); }

int store_kinds(const struct store *s, const char ***names, int *n, struct err *e) {
    const char **seen = calloc((size_t)store_n(s) + 1, sizeof *seen);
    int found = 0;
    if (!seen) return fail(e, ERR_NOMEM, "out of memory for the families");
    for (int64_t i = 0; i < store_n(s); i++) {
        const char *kind = store_trace(s, i)->q.kind;
        int k = 0;
        while (k < found && !same_family(seen[k], kind)) k++;
        if (k == found) seen[found++] = kind;
    }
    int rc = copy_names(names, seen, found, e);
    free(seen);
    *n = rc ? 0 : found;
    return rc;
}

int evaluate__panel(const struct evaluator *v, struct panel *out, const char *kind, int layer, unsigned parts, struct err *e) {
    const struct panel_of of = {v->s,      v->p, layer, kind, parts, v->o->monitor ? v->o->monitor : monitor_by_rules,
                                v->o->ctx, NULL};
    return panel_open(out, &of, e);
}

/* The same for measures that ask no monitor. */
int evaluate__unmonitored(const struct evaluator *v, struct panel *out, const char *kind, int layer, unsigned parts,
                          struct err *e) {
    return panel_open(out, &(struct panel_of){.s = v->s, .p = v->p, .layer = layer, .kinds = kind, .parts = parts}, e);
}

static int is_own(const struct store *s, const struct probe *p) { return *p->store && !strcmp(p->store, store_setting(s, "id")); }
unsigned evaluate_parts(const struct store *s, const struct probe *p) { return is_own(s, p) ? 1u << FIT_TEST : ALL_PARTS; }
struct evaluator evaluate__of(const struct store *s, const struct probe *p, const struct evaluate_opts *o) {
    return (struct evaluator){s, p, o, {o->reps, 0.95, o->seed}, is_own(s, p)};
}
static unsigned test_parts(const struct evaluator *v) { return evaluate_parts(v->s, v->p); }

/* ---- along the thought ---- */

static int add_curve(json_t *curves, json_t *at, const char *name, const struct panel *p, enum reader r,
                     const struct resampling *how, struct err *e) {
    struct curve_point c[BINS], points[PLACES];
    json_t *a = json_array(), *b = json_array();
    json_object_set_new(curves, name, a), json_object_set_new(at, name, b);
    TRY(measure_curve(c, BINS, p->t, p->n, r, VS_LABEL, ALONG_TOKENS, how, e));
    for (int i = 0; i < BINS; i++) {
        json_t *x = json__estimate(&c[i].questions);
        json__number(x, "at", (i + 0.5) / BINS), json__int(x, "questions", c[i].n_questions);
        json_array_append_new(a, x);
    }
    TRY(measure_at(points, places, PLACES, p->t, p->n, r, VS_LABEL, ALONG_TOKENS, how, e));
    for (int i = 0; i < PLACES; i++) {
        json_t *x = json__estimate(&points[i].questions);
        json__number(x, "at", places[i]);
        json_array_append_new(b, x);
    }
    return 0;
}

static int text_layer(const struct evaluator *v) {
    for (int i = 0; i < v->p->n_layers; i++)
        if (v->p->layer[i] < 0 && store_layer_find(v->s, -1) >= 0) return i;
    return -1;
}

static int add_curves(const struct evaluator *v, json_t *f, const struct panel *p, const struct panel *text, struct err *e) {
    json_t *curves = json_object(), *at = json_object();
    json_object_set_new(f, "curves", curves), json_object_set_new(f, "at", at);
    TRY(add_curve(curves, at, "probe", p, PROBE_TOKENS, &v->how, e));
    if (text->n) TRY(add_curve(curves, at, "text", text, PROBE_TOKENS, &v->how, e));
    TRY(add_curve(curves, at, "forced", p, FORCED, &v->how, e));
    return add_curve(curves, at, "monitor", p, MONITOR, &v->how, e);
}

static int add_heat(const struct evaluator *v, json_t *f, const char *kind, struct err *e) {
    json_t *rows = json_array();
    json_object_set_new(f, "heat", rows);
    for (int i = 0; i < v->p->n_layers; i++) {
        struct panel p;
        double x[BINS];
        if (store_layer_find(v->s, v->p->layer[i]) < 0) continue; /* collected with fewer layers */
        json_t *row = json_array();
        json_array_append_new(rows, json_pack("{s:i, s:o}", "layer", v->p->layer[i], "accuracy", row));
        TRY(evaluate__unmonitored(v, &p, kind, i, test_parts(v), e));
        int rc = measure_heat(x, BINS, p.t, p.n, e);
        panel_close(&p);
        TRY(rc);
        for (int b = 0; b < BINS; b++) json_array_append_new(row, json__real(x[b]));
    }
    return 0;
}

static int add_rate(json_t *f, const char *name, const struct panel *p, enum reader r, const struct resampling *how,
                    struct err *e) {
    struct rate x;
    const struct rate_opts o = RATE_DEFAULT;
    json_t *j = json_object();
    json_object_set_new(f, name, j);
    TRY(measure_rate(&x, p->t, p->n, r, &o, how, e));
    json__put(j, "reader_slope", &x.reader), json__put(j, "monitor_slope", &x.monitor), json__put(j, "rate", &x.gap);
    json__put(j, "rise_gap", &x.rise_gap), json__put(j, "area", &x.area), json__put(j, "mean_lead", &x.mean);
    return 0;
}

static int add_rates(const struct evaluator *v, json_t *f, const struct panel *p, struct err *e) {
    json_t *r = json_object();
    json_object_set_new(f, "rates", r);
    TRY(add_rate(r, "probe", p, PROBE_STEPS, &v->how, e));
    return add_rate(r, "forced", p, FORCED, &v->how, e);
}

/* ---- calibration ---- */

static int add_calibration(const struct evaluator *v, json_t *f, const struct panel *p, struct err *e) {
    struct calibration all, by[10];
    struct reliability bins[15];
    struct calibration_opts o = CALIBRATION_DEFAULT;
    json_t *c = json_object(), *places_j = json_array(), *table = json_array();
    json_object_set_new(f, "calibration", c);
    json_object_set_new(c, "by_place", places_j), json_object_set_new(c, "reliability", table);
    TRY(measure_calibration(&all, 1, &o, p->t, p->n, PROBE_TOKENS, &v->how, e));
    json__put(c, "ece", &all.ece), json__put(c, "brier", &all.brier), json__put(c, "confidence", &all.confidence),
        json__put(c, "accuracy", &all.accuracy);
    TRY(measure_calibration(by, 10, &o, p->t, p->n, PROBE_TOKENS, &v->how, e));
    for (int i = 0; i < 10; i++) {
        json_t *x = json_object();
        json__number(x, "at", (i + 0.5) / 10), json__put(x, "ece", &by[i].ece), json__put(x, "brier", &by[i].brier);
        json_array_append_new(places_j, x);
    }
    TRY(measure_reliability(bins, &o, p->t, p->n, PROBE_TOKENS, &v->how, e));
    for (int i = 0; i < 15; i++) {
        if (!bins[i].pairs) continue;
        json_array_append_new(table, json_pack("{s:o, s:o, s:o, s:o, s:I, s:I}", "confidence", json__real(bins[i].confidence),
                                               "accuracy", json__real(bins[i].accuracy), "lo", json__real(bins[i].by_question.lo),
                                               "hi", json__real(bins[i].by_question.hi), "readings", (json_int_t)bins[i].pairs,
                                               "questions", (json_int_t)bins[i].questions));
    }
    o.of = CALIBRATE_EACH, o.bins = 20;
    TRY(measure_calibration(&all, 1, &o, p->t, p->n, PROBE_TOKENS, &v->how, e));
    json__put(c, "ece_one_vs_rest", &all.ece);
    o = CALIBRATION_DEFAULT;
    TRY(measure_calibration(&all, 1, &o, p->t, p->n, FORCED, &v->how, e));
    json__put(c, "ece_forced", &all.ece);
    return 0;
}

static int add_pairs(const struct evaluator *v, json_t *f, const struct panel *p, struct err *e) {
    struct agreement a;
    struct estimate s;
    json_t *j = json_object();
    json_object_set_new(f, "agreement", j);
    TRY(measure_agreement(&a, p->t, p->n, PROBE_STEPS, FORCED, VS_LABEL, &v->how, e));
    json__put(j, "both_right", &a.both), json__put(j, "both_wrong", &a.neither), json__put(j, "only_probe", &a.only_a),
        json__put(j, "only_forced", &a.only_b);
    json__int(j, "steps", a.steps);
    TRY(measure_stability(&s, p->t, p->n, PROBE_TOKENS, &v->how, e));
    json__put(f, "stability", &s);
    return 0;
}

/* ---- all of it ---- */

static void add_counts(json_t *f, const struct panel *p) {
    double right = 0, tokens = 0, length = 0;
    json_t *out = json_object();
    for (size_t i = 0; i < p->n; i++) right += p->t[i].right, tokens += (double)p->t[i].n_tokens, length += (double)p->of[i]->n;
    json__int(f, "traces", (int64_t)p->n);
    json__number(f, "accuracy", right / (double)p->n), json__number(f, "thought_tokens", tokens / (double)p->n),
        json__number(f, "tokens", length / (double)p->n);
    json_object_set_new(f, "excluded", out);
    for (int i = TRACE_OK + 1; i < TRACE_OUTS; i++) json__int(out, trace_out_name((enum trace_out)i), p->excluded[i]);
    json__int(out, "other form of answer", p->other_form), json__int(out, "answer is no class", p->no_class);
}

/* What the contract of the command line names, at the top level of a family. */
static void add_summary(json_t *f) {
    static const char *const names[][3] = {{"probe_at_20", "probe", "0"},
                                           {"probe_at_90", "probe", "4"},
                                           {"forced_at_20", "forced", "0"},
                                           {"monitor_at_20", "monitor", "0"},
                                           {"text_at_20", "text", "0"}};
    json_t *at = json_object_get(f, "at");
    for (int i = 0; i < 5; i++) {
        const json_t *x = json_array_get(json_object_get(at, names[i][1]), (size_t)(names[i][2][0] - '0'));
        json_object_set(f, names[i][0], x ? json_object_get(x, "value") : json_null());
    }
    json_t *rates = json_object_get(f, "rates"), *p = json_object_get(json_object_get(rates, "probe"), "rate");
    json_t *x = json_object_get(json_object_get(rates, "forced"), "rate");
    json_object_set_new(f, "performativity",
                        json_pack("{s:O, s:O, s:[O,O], s:[O,O]}", "probe", json_object_get(p, "value"), "forced",
                                  json_object_get(x, "value"), "ci95", json_object_get(p, "lo"), json_object_get(p, "hi"),
                                  "ci95_forced", json_object_get(x, "lo"), json_object_get(x, "hi")));
    const json_t *c = json_object_get(f, "calibration");
    json_object_set(f, "ece", json_object_get(json_object_get(c, "ece"), "value"));
    json_object_set(f, "brier", json_object_get(json_object_get(c, "brier"), "value"));
}

static int add_measures(const struct evaluator *v, json_t *f, const char *kind, const struct panel *p, const struct panel *text,
                        struct err *e) {
    TRY(add_curves(v, f, p, text, e));
    TRY(add_heat(v, f, kind, e));
    TRY(add_rates(v, f, p, e));
    TRY(add_calibration(v, f, p, e));
    TRY(add_pairs(v, f, p, e));
    TRY(evaluate__turns(v, f, p, e));
    TRY(evaluate__exits(v, f, kind, p, e));
    add_summary(f);
    return 0;
}

static int add_family(const struct evaluator *v, json_t *families, json_t *examples, const char *kind, struct err *e) {
    struct panel p, text = {0};
    json_t *f = json_pack("{s:s}", "kind", kind);
    int at = text_layer(v), rc;
    json_object_set_new(families, kind, f);
    TRY(evaluate__panel(v, &p, kind, v->p->best, test_parts(v), e));
    add_counts(f, &p);
    rc = p.n && at >= 0 && at != v->p->best ? evaluate__panel(v, &text, kind, at, test_parts(v), e) : 0;
    if (!rc && p.n) rc = add_measures(v, f, kind, &p, &text, e);
    if (!rc && p.n) rc = show_examples(examples, v->s, v->p, &p, e);
    panel_close(&text), panel_close(&p);
    return rc;
}

/* Of each two families, how much the performativity of one exceeds the other's. */
static int add_between(const struct evaluator *v, json_t *tree, const char **kinds, int n, struct err *e) {
    json_t *rows = json_array();
    int rc = 0;
    json_object_set_new(tree, "between", rows);
    for (int a = 0; !rc && a < n; a++)
        for (int b = a + 1; !rc && b < n; b++) {
            struct panel x = {0}, y = {0};
            struct estimate d;
            const struct rate_opts o = RATE_DEFAULT;
            rc = evaluate__panel(v, &x, kinds[a], v->p->best, test_parts(v), e);
            if (!rc) rc = evaluate__panel(v, &y, kinds[b], v->p->best, test_parts(v), e);
            for (int r = PROBE_STEPS; !rc && r <= FORCED && x.n && y.n; r++) {
                rc = measure_rate_between(&d, x.t, x.n, y.t, y.n, (enum reader)r, &o, &v->how, e);
                if (rc) break;
                json_t *row = json__estimate(&d);
                json_object_set_new(row, "a", json_string(kinds[a])), json_object_set_new(row, "b", json_string(kinds[b]));
                json_object_set_new(row, "reader", json_string(r == FORCED ? "forced" : "probe"));
                json_array_append_new(rows, row);
            }
            panel_close(&x), panel_close(&y);
        }
    return rc;
}

static json_t *probe_json(const struct probe *p) {
    json_t *layers = json_array(), *promise = json_array();
    for (int i = 0; i < p->n_layers; i++)
        json_array_append_new(layers,
                              json_pack("{s:i, s:o}", "layer", p->layer[i], "val_accuracy", json__real(p->val_accuracy[i])));
    for (int i = 0; i < p->n_alphas; i++)
        json_array_append_new(promise, json_pack("{s:f, s:o}", "alpha", p->alpha[i], "threshold", json__real(p->threshold[i])));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:o, s:o, s:o}", "model", p->model.name, "format", p->model.format,
                     "tap", tap_name(p->tap), "target", probe_target_name(p->target), "kinds", p->kinds, "heads", p->shape.heads,
                     "classes", p->shape.classes, "best_layer", p->layer[p->best], "temperature",
                     temperatures_json(&p->temperature), "layers", layers, "conformal", promise);
}

int evaluate(json_t **out, const struct store *s, const struct probe *p, const struct evaluate_opts *o, struct err *e) {
    struct evaluator v = evaluate__of(s, p, o);
    struct probe_model m;
    const char **kinds;
    int n, rc;
    TRY(store_model(s, &m, e));
    TRY(probe_fits(p, &m, store_dir(s), e));
    TRY(store_kinds(s, &kinds, &n, e));
    json_t *tree = json_object(), *families = json_object(), *examples = json_array();
    json_object_set_new(tree, "model", json_string(m.name)), json_object_set_new(tree, "store", json_string(store_dir(s)));
    json_object_set_new(tree, "traces_of", json_string(v.own ? "the probe's test questions" : "all questions"));
    json_object_set(tree, "settings", (json_t *)(uintptr_t)store_settings(s));
    json_object_set_new(tree, "monitor", json_pack("{s:s}", "kind", o->monitor ? "caller" : "rules"));
    json_object_set_new(tree, "inflections_by", json_pack("{s:s}", "kind", o->inflections ? "caller" : "rules"));
    json_object_set_new(tree, "probe", probe_json(p)), json_object_set_new(tree, "families", families);
    json_object_set_new(tree, "examples", examples);
    json_object_set_new(tree, "evaluation",
                        json_pack("{s:i, s:I, s:f}", "bootstrap", o->reps, "seed", (json_int_t)o->seed, "max_loss", o->max_loss));
    for (int i = rc = 0; !rc && i < n; i++) {
        if (o->stop && o->stop()) rc = fail(e, ERR_CANCELLED, "stopped while evaluating");
        if (!rc) rc = add_family(&v, families, examples, kinds[i], e);
    }
    if (!rc) rc = add_between(&v, tree, kinds, n, e);
    free(kinds);
    if (rc < 0)
        json_decref(tree);
    else
        *out = tree;
    return rc;
}
