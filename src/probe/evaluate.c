/* See evaluate.h. One function a measure; each adds its branch to the tree. */
#include "probe/evaluate.h"
#include "probe/measure_exit.h"
#include "probe/measure_shift.h"
#include "task/inflection.h"
#include "task/monitor.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 20, PLACES = 5, GRID = 16 };
static const double places[PLACES] = {0.2, 0.4, 0.6, 0.8, 0.9};

struct evaluator {
    const struct store *s;
    const struct probe *p;
    const struct evaluate_opts *o;
    struct resampling how;
    int own; /* the store is the one the probe was trained on */
};

/* ---- JSON ---- */

static json_t *real(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static json_t *estimate_json(const struct estimate *x) {
    return json_pack("{s:o, s:o, s:o}", "value", real(x->value), "lo", real(x->ci.lo), "hi", real(x->ci.hi));
}

static void put(json_t *o, const char *key, const struct estimate *x) { json_object_set_new(o, key, estimate_json(x)); }
static void put_int(json_t *o, const char *key, int64_t x) { json_object_set_new(o, key, json_integer(x)); }
static void put_real(json_t *o, const char *key, double x) { json_object_set_new(o, key, real(x)); }

/* ---- families ---- */

int store_kinds(const struct store *s, const char ***names, int *n, struct err *e) {
    *n = 0, *names = calloc((size_t)store_n(s) + 1, sizeof **names);
    if (!*names) return fail(e, ERR_NOMEM, "out of memory for the families");
    for (int64_t i = 0; i < store_n(s); i++) {
        const char *kind = store_trace(s, i)->q.kind;
        int k = 0;
        while (k < *n && strcmp((*names)[k], kind) != 0) k++;
        if (k == *n) (*names)[(*n)++] = kind;
    }
    return 0;
}

static int rules(void *ctx, const struct trace *t, int step, int *choice, struct err *e) {
    (void)ctx, (void)e;
    *choice = monitor_rules(&t->q, t->text + thought_byte(t), t->steps[step].byte);
    return 0;
}

static int open_panel(const struct evaluator *v, struct panel *out, const char *kind, int layer, unsigned parts, struct err *e) {
    const struct panel_of of = {v->s, v->p, layer, kind, parts, v->o->monitor ? v->o->monitor : rules, v->o->ctx};
    return panel_open(out, &of, e);
}

/* The same for measures that ask no monitor. */
static int open_unmonitored(const struct evaluator *v, struct panel *out, const char *kind, int layer, unsigned parts, struct err *e) {
    return panel_open(out, &(struct panel_of){.s = v->s, .p = v->p, .layer = layer, .kinds = kind, .parts = parts}, e);
}

static int is_own(const struct store *s, const struct probe *p) { return !strcmp(p->store, store_setting(s, "id")); }
unsigned evaluate_parts(const struct store *s, const struct probe *p) { return is_own(s, p) ? 1u << FIT_TEST : ALL_PARTS; }
static unsigned test_parts(const struct evaluator *v) { return evaluate_parts(v->s, v->p); }

/* ---- along the thought ---- */

static int add_curve(json_t *curves, json_t *at, const char *name, const struct panel *p, enum reader r,
                     const struct resampling *how, struct err *e) {
    struct curve_point c[BINS], points[PLACES];
    json_t *a = json_array(), *b = json_array();
    json_object_set_new(curves, name, a), json_object_set_new(at, name, b);
    TRY(measure_curve(c, BINS, p->t, p->n, r, VS_LABEL, ALONG_TOKENS, how, e));
    for (int i = 0; i < BINS; i++) {
        json_t *x = estimate_json(&c[i].questions);
        put_real(x, "at", (i + 0.5) / BINS), put_int(x, "questions", c[i].n_questions);
        json_array_append_new(a, x);
    }
    TRY(measure_at(points, places, PLACES, p->t, p->n, r, VS_LABEL, ALONG_TOKENS, how, e));
    for (int i = 0; i < PLACES; i++) {
        json_t *x = estimate_json(&points[i].questions);
        put_real(x, "at", places[i]);
        json_array_append_new(b, x);
    }
    return 0;
}

static int text_layer(const struct probe *p) {
    for (int i = 0; i < p->n_layers; i++)
        if (p->layer[i] < 0) return i;
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
        json_t *row = json_array();
        json_array_append_new(rows, json_pack("{s:i, s:o}", "layer", v->p->layer[i], "accuracy", row));
        TRY(open_unmonitored(v, &p, kind, i, test_parts(v), e));
        int rc = measure_heat(x, BINS, p.t, p.n, e);
        panel_close(&p);
        TRY(rc);
        for (int b = 0; b < BINS; b++) json_array_append_new(row, real(x[b]));
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
    put(j, "reader_slope", &x.reader), put(j, "monitor_slope", &x.monitor), put(j, "rate", &x.gap);
    put(j, "rise_gap", &x.rise_gap), put(j, "area", &x.area), put(j, "mean_lead", &x.mean);
    return 0;
}

static int add_rates(const struct evaluator *v, json_t *f, const struct panel *p, struct err *e) {
    json_t *r = json_object();
    json_object_set_new(f, "performativity", r);
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
    put(c, "ece", &all.ece), put(c, "brier", &all.brier), put(c, "confidence", &all.confidence),
        put(c, "accuracy", &all.accuracy);
    TRY(measure_calibration(by, 10, &o, p->t, p->n, PROBE_TOKENS, &v->how, e));
    for (int i = 0; i < 10; i++) {
        json_t *x = json_object();
        put_real(x, "at", (i + 0.5) / 10), put(x, "ece", &by[i].ece), put(x, "brier", &by[i].brier);
        json_array_append_new(places_j, x);
    }
    TRY(measure_reliability(bins, &o, p->t, p->n, PROBE_TOKENS, &v->how, e));
    for (int i = 0; i < 15; i++) {
        if (!bins[i].pairs) continue;
        json_array_append_new(table, json_pack("{s:o, s:o, s:o, s:o, s:I, s:I}", "confidence", real(bins[i].confidence),
                                               "accuracy", real(bins[i].accuracy), "lo", real(bins[i].by_question.lo), "hi",
                                               real(bins[i].by_question.hi), "readings", (json_int_t)bins[i].pairs, "questions",
                                               (json_int_t)bins[i].questions));
    }
    o.of = CALIBRATE_EACH, o.bins = 20;
    TRY(measure_calibration(&all, 1, &o, p->t, p->n, PROBE_TOKENS, &v->how, e));
    put(c, "ece_one_vs_rest", &all.ece);
    return 0;
}

static int add_pairs(const struct evaluator *v, json_t *f, const struct panel *p, struct err *e) {
    struct agreement a;
    struct estimate s;
    json_t *j = json_object();
    json_object_set_new(f, "agreement", j);
    TRY(measure_agreement(&a, p->t, p->n, PROBE_STEPS, FORCED, VS_LABEL, &v->how, e));
    put(j, "both_right", &a.both), put(j, "both_wrong", &a.neither), put(j, "only_probe", &a.only_a),
        put(j, "only_forced", &a.only_b);
    put_int(j, "steps", a.steps);
    TRY(measure_stability(&s, p->t, p->n, PROBE_TOKENS, &v->how, e));
    put(f, "stability", &s);
    return 0;
}

/* ---- turns ---- */

enum { TURNS = 256 };
struct turns {
    struct inflection *at; /* [n, TURNS] */
    int *n_at;
    int64_t *counts; /* [n, INFLECTION_KINDS] */
};

static int turns_of(const struct evaluator *v, const struct trace *t, struct inflection *out, struct err *e) {
    if (v->o->inflections) return v->o->inflections(v->o->ctx, t, out, TURNS, e);
    return inflections(t->text + thought_byte(t), thought_len(t), out, TURNS);
}

static int find_turns(const struct evaluator *v, struct turns *x, const struct panel *p, struct err *e) {
    x->at = calloc(p->n * TURNS + 1, sizeof *x->at), x->n_at = calloc(p->n + 1, sizeof *x->n_at);
    x->counts = calloc(p->n * INFLECTION_KINDS + 1, sizeof *x->counts);
    if (!x->at || !x->n_at || !x->counts) return fail(e, ERR_NOMEM, "out of memory for inflections");
    for (size_t i = 0; i < p->n; i++) {
        x->n_at[i] = turns_of(v, p->of[i], x->at + i * TURNS, e);
        TRY(x->n_at[i]);
        for (int k = 0; k < x->n_at[i]; k++) x->counts[i * INFLECTION_KINDS + x->at[i * TURNS + k].kind]++;
    }
    return 0;
}

static int add_turn_rates(const struct evaluator *v, json_t *f, const struct panel *p, const struct turns *x, struct err *e) {
    struct inflection_rate r[INFLECTION_KINDS + 1];
    struct inflection_split split;
    json_t *j = json_object(), *rows = json_array();
    json_object_set_new(f, "inflections", j), json_object_set_new(j, "rates", rows);
    TRY(measure_inflections(r, &split, p->t, p->n, PROBE_STEPS, 0.9, x->counts, INFLECTION_KINDS, &v->how, e));
    for (int k = 0; k <= INFLECTION_KINDS; k++) {
        json_t *row = json_pack("{s:s}", "kind", k < INFLECTION_KINDS ? inflection_name((enum inflection_kind)k) : "all");
        put(row, "confident", &r[k].high), put(row, "others", &r[k].other), put(row, "difference", &r[k].difference);
        json_array_append_new(rows, row);
    }
    put_int(j, "confident_traces", split.high_traces), put_int(j, "confident_steps", split.high_steps);
    put_int(j, "other_traces", split.other_traces), put_int(j, "other_steps", split.other_steps);
    return 0;
}

/* Shifts of the top probability by more than 0.2 between steps (the paper's headline), and their order with the inflections. */
static int time_trace(struct timed_trace *out, const struct reading_trace *r, const struct trace *t, const struct turns *x,
                      size_t i, const struct shift_rule *rule, void **mem) {
    int64_t n = readings_of(r, PROBE_STEPS), *k = calloc((size_t)n + 1, sizeof *k);
    size_t *byte = calloc((size_t)n + 1, sizeof *byte), *turn = calloc(TURNS, sizeof *turn),
           *slot = calloc((size_t)n + 1, sizeof *slot);
    struct byte_span *span = calloc((size_t)n + 1, sizeof *span);
    mem[0] = byte, mem[1] = turn, mem[2] = slot, mem[3] = span;
    if (!k || !byte || !turn || !slot || !span) return free(k), ERR_NOMEM;
    for (int64_t j = 0; j < n; j++) byte[j] = t->steps[j].byte;
    int64_t shifts = belief_shifts(k, r, PROBE_STEPS, rule), slots = 0, turns = 0;
    shift_spans(span, k, shifts, byte);
    free(k);
    for (int64_t j = 0; j < n; j++)
        if (byte[j] < thought_len(t) && (!slots || byte[j] > slot[slots - 1])) slot[slots++] = byte[j];
    for (int j = 0; j < x->n_at[i]; j++)
        if (x->at[i * TURNS + j].at < thought_len(t)) turn[turns++] = x->at[i * TURNS + j].at;
    *out = (struct timed_trace){r->question, thought_len(t), turn, turns, span, shifts, slots ? slot : NULL, slots};
    return 0;
}

static void put_test(json_t *j, const char *name, const struct timing_test *t) {
    json_t *x = estimate_json(&t->observed);
    put_real(x, "expected", t->expected), put_real(x, "p", t->p);
    json_object_set_new(j, name, x);
}

static int add_timing(const struct evaluator *v, json_t *f, const struct panel *p, const struct turns *x, struct err *e) {
    const struct shift_rule rule = {SHIFT_TOP, 0.2, SHIFT_ANY};
    struct timed_trace *t = calloc(p->n + 1, sizeof *t);
    void **mem = calloc(4 * p->n + 4, sizeof *mem);
    struct timing timing;
    json_t *j = json_object();
    json_object_set_new(f, "timing", j);
    int rc = t && mem ? 0 : fail(e, ERR_NOMEM, "out of memory for shifts");
    for (size_t i = 0; !rc && i < p->n; i++)
        if (time_trace(&t[i], &p->t[i], p->of[i], x, i, &rule, mem + 4 * i)) rc = fail(e, ERR_NOMEM, "out of memory for shifts");
    if (!rc) rc = measure_timing(&timing, t, p->n, 80, v->o->reps, &v->how, v->o->seed, e);
    if (!rc) {
        put_int(j, "inflections", timing.inflections), put_int(j, "shifts", timing.shifts), put_int(j, "window_bytes", 80);
        put_test(j, "before", &timing.before), put_test(j, "after", &timing.after);
        put_test(j, "within", &timing.within), put_test(j, "order", &timing.order);
    }
    for (size_t i = 0; mem && i < 4 * p->n; i++) free(mem[i]);
    free(t), free(mem);
    return rc;
}

static int add_turns(const struct evaluator *v, json_t *f, const struct panel *p, struct err *e) {
    struct turns x = {0};
    int rc = find_turns(v, &x, p, e);
    if (!rc) rc = add_turn_rates(v, f, p, &x, e);
    if (!rc) rc = add_timing(v, f, p, &x, e);
    free(x.at), free(x.n_at), free(x.counts);
    return rc;
}

/* ---- exits, replayed ---- */

/* What an exit costs: the injected words and the answer; a forced look costs its words again. */
struct costs {
    double words, answer;
};

static struct costs costs_of(const struct panel *p) {
    double tail = 0;
    for (size_t i = 0; i < p->n; i++) tail += (double)p->t[i].tail;
    /* marks and answer of a whole trace are what is written after an exit as well */
    return (struct costs){1, p->n ? tail / (double)p->n : 0};
}

static int grid(struct exit_policy *out, enum exit_rule rule, enum reader r, struct costs c) {
    static const double thresholds[GRID] = {.25, .3, .35, .4, .45, .5, .55, .6, .65, .7, .75, .8, .85, .9, .95, .99};
    static const double variances[] = {1, .5, .2, .1, .05, .02, .01, .005, .002, .001};
    static const int64_t budgets[] = {1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128};
    int n = 0;
    struct exit_policy base = {
        .rule = rule, .reader = r, .exit_cost = c.answer, .look_cost = r == FORCED ? c.words : 0, .newest = 0.2, .readings = 2};
    if (rule == EXIT_CONFIDENCE)
        for (int i = 0; i < GRID; i++) out[n] = base, out[n++].threshold = thresholds[i];
    if (rule == EXIT_AGREE)
        for (int i = 2; i <= 8; i++) out[n] = base, out[n++].readings = i;
    if (rule == EXIT_ENTROPY)
        for (int i = 0; i < 10; i++) out[n] = base, out[n++].threshold = variances[i];
    if (rule == EXIT_BUDGET)
        for (int i = 0; i < 13; i++) out[n] = base, out[n].look_cost = 0, out[n++].tokens = budgets[i];
    return n;
}

static double knob(const struct exit_policy *p) {
    return p->rule == EXIT_AGREE ? (double)p->readings : p->rule == EXIT_BUDGET ? (double)p->tokens : p->threshold;
}

static json_t *point_json(const char *policy, const struct exit_policy *p, const struct exit_point *x) {
    json_t *j = json_pack("{s:s, s:f}", "policy", policy, "threshold", knob(p));
    put_real(j, "accuracy", x->accuracy.value), put_real(j, "accuracy_full", x->full_accuracy.value),
        put_real(j, "tokens_saved", x->saved.value);
    json_object_set_new(j, "seconds_saved", json_null());
    put(j, "accuracy_estimate", &x->accuracy), put(j, "change", &x->change), put(j, "saved", &x->saved),
        put(j, "saved_total", &x->saved_total);
    put(j, "saved_paper", &x->saved_paper), put(j, "early", &x->early), put(j, "same", &x->same);
    return j;
}

struct rival {
    const char *name;
    enum exit_rule rule;
    enum reader reader;
};

/* The curve on the test traces; the threshold chosen on validation is marked. */
static int add_rival(const struct evaluator *v, json_t *exits, json_t *chosen, const struct rival *r, const struct panel *test,
                     const struct panel *val, struct err *e) {
    struct exit_policy g[32];
    struct exit_point x[32], y[32];
    int n = grid(g, r->rule, r->reader, costs_of(test));
    int64_t best = -1;
    TRY(measure_exit(x, g, (size_t)n, test->t, test->n, &v->how, e));
    if (val->n) {
        TRY(measure_exit(y, g, (size_t)n, val->t, val->n, NULL, e));
        best = exit_choose(y, (size_t)n, v->o->max_loss, 0);
    }
    for (int i = 0; i < n; i++) {
        json_t *j = point_json(r->name, &g[i], &x[i]);
        json_object_set_new(j, "chosen", json_boolean(i == best));
        json_array_append_new(exits, j);
    }
    json_object_set_new(chosen, r->name, best < 0 ? json_null() : json_real(knob(&g[best])));
    return 0;
}

static int add_exits(const struct evaluator *v, json_t *f, const char *kind, const struct panel *test, struct err *e) {
    static const struct rival rivals[] = {{"probe", EXIT_CONFIDENCE, PROBE_TOKENS},
                                          {"forced", EXIT_CONFIDENCE, FORCED},
                                          {"agree", EXIT_AGREE, FORCED},
                                          {"entropy", EXIT_ENTROPY, FORCED},
                                          {"budget", EXIT_BUDGET, PROBE_TOKENS}};
    struct panel val;
    json_t *exits = json_array(), *chosen = json_object();
    json_object_set_new(f, "exit", exits), json_object_set_new(f, "chosen", chosen);
    if (v->p->target == TARGET_RIGHT) return 0;
    TRY(open_unmonitored(v, &val, kind, v->p->best, 1u << FIT_VAL, e));
    int rc = 0;
    for (int i = 0; !rc && i < 5; i++) rc = add_rival(v, exits, chosen, &rivals[i], test, &val, e);
    panel_close(&val);
    return rc;
}

/* ---- all of it ---- */

static void add_counts(json_t *f, const struct panel *p) {
    double right = 0, tokens = 0, length = 0;
    json_t *out = json_object();
    for (size_t i = 0; i < p->n; i++) right += p->t[i].right, tokens += (double)p->t[i].n_tokens, length += (double)p->of[i]->n;
    put_int(f, "traces", (int64_t)p->n);
    put_real(f, "accuracy", right / (double)p->n), put_real(f, "thought_tokens", tokens / (double)p->n),
        put_real(f, "tokens", length / (double)p->n);
    json_object_set_new(f, "excluded", out);
    for (int i = TRACE_OK + 1; i < TRACE_OUTS; i++) put_int(out, trace_out_name((enum trace_out)i), p->excluded[i]);
    put_int(out, "other form of answer", p->other_form), put_int(out, "answer is no class", p->no_class);
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
    TRY(add_turns(v, f, p, e));
    TRY(add_exits(v, f, kind, p, e));
    add_summary(f);
    return 0;
}

static int add_family(const struct evaluator *v, json_t *families, const char *kind, struct err *e) {
    struct panel p, text = {0};
    json_t *f = json_pack("{s:s}", "kind", kind);
    int at = text_layer(v->p), rc;
    json_object_set_new(families, kind, f);
    TRY(open_panel(v, &p, kind, v->p->best, test_parts(v), e));
    add_counts(f, &p);
    rc = p.n && at >= 0 && at != v->p->best ? open_panel(v, &text, kind, at, test_parts(v), e) : 0;
    if (!rc && p.n) rc = add_measures(v, f, kind, &p, &text, e);
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
            rc = open_panel(v, &x, kinds[a], v->p->best, test_parts(v), e);
            if (!rc) rc = open_panel(v, &y, kinds[b], v->p->best, test_parts(v), e);
            for (int r = PROBE_STEPS; !rc && r <= FORCED && x.n && y.n; r++) {
                rc = measure_rate_between(&d, x.t, x.n, y.t, y.n, (enum reader)r, &o, &v->how, e);
                if (rc) break;
                json_t *row = estimate_json(&d);
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
        json_array_append_new(layers, json_pack("{s:i, s:o}", "layer", p->layer[i], "val_accuracy", real(p->val_accuracy[i])));
    for (int i = 0; i < p->n_alphas; i++)
        json_array_append_new(promise, json_pack("{s:f, s:o}", "alpha", p->alpha[i], "threshold", real(p->threshold[i])));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:f, s:o, s:o}", "model", p->model.name, "format", p->model.format,
                     "tap", tap_name(p->tap), "target", probe_target_name(p->target), "kinds", p->kinds, "heads", p->shape.heads,
                     "classes", p->shape.classes, "best_layer", p->layer[p->best], "temperature", p->temperature, "layers",
                     layers, "conformal", promise);
}

int evaluate(json_t **out, const struct store *s, const struct probe *p, const struct evaluate_opts *o, struct err *e) {
    struct evaluator v = {s, p, o, {o->reps, 0.95, o->seed}, is_own(s, p)};
    struct probe_model m;
    const char **kinds;
    int n, rc;
    TRY(store_model(s, &m, e));
    TRY(probe_fits(p, &m, store_dir(s), e));
    TRY(store_kinds(s, &kinds, &n, e));
    json_t *tree = json_object(), *families = json_object();
    json_object_set_new(tree, "model", json_string(m.name)), json_object_set_new(tree, "store", json_string(store_dir(s)));
    json_object_set_new(tree, "traces_of", json_string(v.own ? "the probe's test questions" : "all questions"));
    json_object_set(tree, "settings", (json_t *)(uintptr_t)store_settings(s));
    json_object_set_new(tree, "monitor", json_pack("{s:s}", "kind", o->monitor ? "caller" : "rules"));
    json_object_set_new(tree, "inflections_by", json_pack("{s:s}", "kind", o->inflections ? "caller" : "rules"));
    json_object_set_new(tree, "probe", probe_json(p)), json_object_set_new(tree, "families", families);
    for (int i = rc = 0; !rc && i < n; i++) {
        if (o->stop && o->stop()) rc = fail(e, ERR_CANCELLED, "stopped while evaluating");
        if (!rc) rc = add_family(&v, families, kinds[i], e);
    }
    if (!rc) rc = add_between(&v, tree, kinds, n, e);
    free(kinds);
    if (rc < 0)
        json_decref(tree);
    else
        *out = tree;
    return rc;
}
