/* Exits of an evaluation, replayed: curves over thresholds on the test traces, the thresholds to use chosen on validation traces. */
#include "probe/evaluate_int.h"

enum { GRID = 24 };
/* A threshold is chosen if the loss of accuracy on validation questions stays within the bound at the far end of its 95 % interval: the best of many
 * thresholds looks better where it was chosen than it is. */
static const struct resampling sure = {500, 0.95, 42};

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
    static const double thresholds[GRID] = {.25, .3,  .35, .4,  .45, .5,  .55, .6,  .65, .7,  .75,  .8,
                                            .84, .87, .9,  .92, .94, .95, .96, .97, .98, .99, .995, .999};
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
    json__number(j, "accuracy", x->accuracy.value), json__number(j, "accuracy_full", x->full_accuracy.value),
        json__number(j, "tokens_saved", x->saved.value);
    json_object_set_new(j, "seconds_saved", json_null());
    json__put(j, "accuracy_estimate", &x->accuracy), json__put(j, "change", &x->change), json__put(j, "saved", &x->saved),
        json__put(j, "saved_total", &x->saved_total);
    json__put(j, "saved_paper", &x->saved_paper), json__put(j, "early", &x->early), json__put(j, "same", &x->same);
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
        TRY(measure_exit(y, g, (size_t)n, val->t, val->n, &sure, e));
        best = exit_choose(y, (size_t)n, v->o->max_loss, 1);
    }
    for (int i = 0; i < n; i++) {
        json_t *j = point_json(r->name, &g[i], &x[i]);
        json_object_set_new(j, "chosen", json_boolean(i == best));
        json_array_append_new(exits, j);
    }
    json_object_set_new(chosen, r->name, best < 0 ? json_null() : json_real(knob(&g[best])));
    return 0;
}

int evaluate__exits(const struct evaluator *v, json_t *f, const char *kind, const struct panel *test, struct err *e) {
    static const struct rival rivals[] = {{"probe", EXIT_CONFIDENCE, PROBE_TOKENS},
                                          {"forced", EXIT_CONFIDENCE, FORCED},
                                          {"agree", EXIT_AGREE, FORCED},
                                          {"entropy", EXIT_ENTROPY, FORCED},
                                          {"budget", EXIT_BUDGET, PROBE_TOKENS}};
    struct panel val;
    json_t *exits = json_array(), *chosen = json_object();
    json_object_set_new(f, "exit", exits), json_object_set_new(f, "chosen", chosen);
    if (v->p->target == TARGET_RIGHT) return 0;
    TRY(evaluate__unmonitored(v, &val, kind, v->p->best, CHOOSING_PARTS, e));
    int rc = 0;
    for (int i = 0; !rc && i < 5; i++) rc = add_rival(v, exits, chosen, &rivals[i], test, &val, e);
    panel_close(&val);
    return rc;
}

int evaluate__choose(struct exit_policy *out, const struct panel *val, double max_loss, struct err *e) {
    struct exit_policy g[32];
    struct exit_point x[32];
    int n = grid(g, EXIT_CONFIDENCE, PROBE_TOKENS, costs_of(val));
    TRY(measure_exit(x, g, (size_t)n, val->t, val->n, &sure, e));
    int64_t best = exit_choose(x, (size_t)n, max_loss, 1);
    if (best < 0) return 0;
    *out = g[best];
    return 1;
}
