/* Exits of an evaluation, replayed: curves over thresholds on the test traces, the thresholds to use chosen on validation traces. All policies keep the
 * same book: thought, whatever looking wrote, injected words, answer. A replay is exact where the answer is known at the place of the exit: the
 * probe's class, or a forced answer of that step. A budget is cut between steps; there the answer is that of the newest step. */
#include "probe/evaluate_int.h"
#include <string.h>

enum { GRID = 24, GRID_MAX = 32 };

/* What an exit costs: the injected words and the answer; a forced look costs its words again. */
struct costs {
    double words, answer;
};

/* Tokens of the words that are injected, read off a trace in which the model wrote them itself; 0: none did. */
static int64_t words_written(const struct trace *t, const char *words) {
    size_t n = strlen(words), from = trace_byte(t, t->close);
    if (!n || t->len - from < n || memcmp(t->text + from, words, n) != 0) return 0;
    for (int64_t i = t->close; i < t->n && t->ends[i] <= from + n; i++)
        if (t->ends[i] == from + n) return i - t->close + 1;
    return 0;
}

static double words_of(const struct evaluator *v, const struct panel *p) {
    const json_t *all = json_object_get(store_settings(v->s), "words");
    const char *words = p->n ? json_string_value(json_object_get(all, p->of[0]->q.n_choices ? "letter" : "free")) : NULL;
    for (size_t i = 0; words && i < p->n; i++) {
        int64_t n = words_written(p->of[i], words);
        if (n) return (double)n;
    }
    return words ? ceil((double)strlen(words) / 3) : 1; /* nobody wrote them: reckoned dearly */
}

static struct costs costs_of(const struct evaluator *v, const struct panel *p) {
    double tail = 0;
    for (size_t i = 0; i < p->n; i++) tail += (double)p->t[i].tail;
    /* marks and answer of a whole trace are what is written after an exit as well */
    return (struct costs){words_of(v, p), p->n ? tail / (double)p->n : 0};
}

struct rival {
    const char *name;
    enum exit_rule rule;
    enum reader reader;
    int cues, asks;
};
static const struct rival rivals[] = {{"probe", EXIT_CONFIDENCE, PROBE_TOKENS, 0, 0},
                                      {"probe-steps", EXIT_CONFIDENCE, PROBE_STEPS, 0, 1},
                                      {"forced", EXIT_CONFIDENCE, FORCED, 0, 0},
                                      {"deer", EXIT_CONFIDENCE, FORCED, 1, 0},
                                      {"agree", EXIT_AGREE, FORCED, 0, 0},
                                      {"entropy", EXIT_ENTROPY, FORCED, 0, 0},
                                      {"budget", EXIT_BUDGET, FORCED, 0, 0}};
enum { RIVALS = sizeof rivals / sizeof *rivals };

static int grid(struct exit_policy *out, const struct rival *r, struct costs c) {
    static const double thresholds[GRID] = {.25, .3,  .35, .4,  .45, .5,  .55, .6,  .65, .7,  .75,  .8,
                                            .84, .87, .9,  .92, .94, .95, .96, .97, .98, .99, .995, .999};
    static const double variances[] = {1, .5, .2, .1, .05, .02, .01, .005, .002, .001};
    static const int64_t budgets[] = {1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 2048, 4096};
    int n = 0;
    struct exit_policy base = {.rule = r->rule, .reader = r->reader, .cues = r->cues, .asks = r->asks, .exit_cost = c.answer};
    base.newest = 0.2, base.readings = 2, base.last = r->reader == FORCED,
    base.look_cost = r->reader == FORCED && r->rule != EXIT_BUDGET ? c.words : 0;
    if (r->rule == EXIT_CONFIDENCE)
        for (int i = 0; i < GRID; i++) out[n] = base, out[n++].threshold = thresholds[i];
    if (r->rule == EXIT_AGREE)
        for (int i = 2; i <= 8; i++) out[n] = base, out[n++].readings = i;
    if (r->rule == EXIT_ENTROPY)
        for (int i = 0; i < 10; i++) out[n] = base, out[n++].threshold = variances[i];
    if (r->rule == EXIT_BUDGET)
        for (int i = 0; i < 18; i++) out[n] = base, out[n++].tokens = budgets[i];
    return n;
}

static double knob(const struct exit_policy *p) {
    return p->rule == EXIT_AGREE ? (double)p->readings : p->rule == EXIT_BUDGET ? (double)p->tokens : p->threshold;
}

/* looks: forced answers that were asked for; readings of a probe inject nothing. */
static json_t *point_json(const char *policy, const struct exit_policy *p, const struct exit_point *x) {
    json_t *j = json_pack("{s:s, s:f}", "policy", policy, "threshold", knob(p));
    json__number(j, "accuracy", x->accuracy.value), json__number(j, "accuracy_full", x->full_accuracy.value),
        json__number(j, "tokens_saved", x->saved.value);
    json_object_set_new(j, "seconds_saved", json_null());
    json__put(j, "accuracy_estimate", &x->accuracy), json__put(j, "change", &x->change), json__put(j, "saved", &x->saved),
        json__put(j, "saved_total", &x->saved_total);
    json__put(j, "saved_paper", &x->saved_paper), json__put(j, "early", &x->early), json__put(j, "same", &x->same);
    if (p->reader == FORCED) json__put(j, "looks", &x->looks);
    json__put(j, "lost", &x->lost), json__put(j, "tokens", &x->tokens), json__put(j, "confidence", &x->sure),
        json__put(j, "forced_confidence", &x->forced_sure);
    return j;
}

/* The curve on the test traces; the threshold chosen on validation is marked. */
static int add_rival(const struct evaluator *v, json_t *f, const struct rival *r, const struct panel *test,
                     const struct panel *val, struct err *e) {
    struct exit_policy g[GRID_MAX];
    struct exit_point x[GRID_MAX], y[GRID_MAX];
    int n = grid(g, r, costs_of(v, test));
    int64_t best = -1;
    TRY(measure_exit(x, g, (size_t)n, test->t, test->n, &v->how, e));
    if (val->n) {
        TRY(measure_exit(y, g, (size_t)n, val->t, val->n, NULL, e));
        best = exit_choose(y, (size_t)n, v->o->max_loss, 1);
    }
    for (int i = 0; i < n; i++) {
        json_t *j = point_json(r->name, &g[i], &x[i]);
        json_object_set_new(j, "chosen", json_boolean(i == best));
        json_array_append_new(json_object_get(f, "exit"), j);
    }
    json_object_set_new(json_object_get(f, "chosen"), r->name, best < 0 ? json_null() : json_real(knob(&g[best])));
    return 0;
}

static int any_forced(const struct panel *p) {
    for (size_t i = 0; i < p->n; i++)
        if (readings_of(&p->t[i], FORCED)) return 1;
    return 0;
}

int evaluate__exits(const struct evaluator *v, json_t *f, const char *kind, const struct panel *test, struct err *e) {
    struct panel val;
    int rc = 0, forced = any_forced(test);
    json_object_set_new(f, "exit", json_array()), json_object_set_new(f, "chosen", json_object());
    if (v->p->target == TARGET_RIGHT) return 0;
    json__number(f, "look_tokens", words_of(v, test));
    TRY(evaluate__unmonitored(v, &val, kind, v->p->best, CHOOSING_PARTS, e));
    for (int i = 0; !rc && i < RIVALS; i++)
        if (forced || rivals[i].reader == PROBE_TOKENS) rc = add_rival(v, f, &rivals[i], test, &val, e);
    panel_close(&val);
    return rc;
}

int evaluate__choose(struct exit_policy *out, const struct evaluator *v, const struct panel *val, struct err *e) {
    struct exit_policy g[GRID_MAX];
    struct exit_point x[GRID_MAX];
    int n = grid(g, &rivals[0], costs_of(v, val));
    TRY(measure_exit(x, g, (size_t)n, val->t, val->n, NULL, e));
    int64_t best = exit_choose(x, (size_t)n, v->o->max_loss, 1);
    if (best < 0) return 0;
    *out = g[best];
    return 1;
}
