/* See transfer.h. */
#include "probe/transfer.h"
#include "probe/evaluate_int.h"
#include "probe/readings.h"
#include <stdlib.h>
#include <string.h>

enum { ENOUGH = 60 }; /* traces of a family with a class */

static json_t *rows_of(json_t *tree, const char *key) {
    json_t *rows = json_object_get(tree, key);
    if (rows) return rows;
    json_object_set_new(tree, key, json_array());
    return json_object_get(tree, key);
}

struct cell_of {
    const char *what, *kind, *train, *test; /* kind: NULL: all, or what train and test say */
    const struct probe *p;
    const struct exit_policy *carried; /* NULL: no threshold saved anything at home */
};

static int add_cell(json_t *tree, const struct cell_of *c, const struct panel *p, const struct resampling *how, struct err *e) {
    struct transfer_cell x;
    const struct exit_policy never = {.rule = EXIT_NEVER, .reader = PROBE_TOKENS};
    if (!p->n) return 0;
    TRY(measure_transfer(&x, c->carried ? c->carried : &never, p->t, p->n, how, e));
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:I}", "what", c->what, "train", c->train, "test", c->test, "traces", (json_int_t)p->n);
    json__put(row, "accuracy", &x.accuracy), json__put(row, "ece", &x.ece);
    json__put(row, "tokens_saved", &x.exit.saved), json__put(row, "change", &x.exit.change);
    if (c->kind) json_object_set_new(row, "kind", json_string(c->kind));
    json_object_set_new(row, "threshold", c->carried ? json_real(c->carried->threshold) : json_null());
    json_array_append_new(rows_of(tree, "transfer"), row);
    return 0;
}

static int open_part(struct panel *out, const struct store *s, const struct probe *p, const char *kind, unsigned parts,
                     struct err *e) {
    return panel_open(out, &(struct panel_of){.s = s, .p = p, .layer = p->best, .kinds = kind, .parts = parts}, e);
}

/* The threshold that would be used at home; 0: none. */
static int choose(struct exit_policy *out, const struct store *s, const struct probe *p, const char *kind,
                  const struct evaluate_opts *o, struct err *e) {
    const struct evaluator v = evaluate__of(s, p, o);
    struct panel val;
    TRY(open_part(&val, s, p, kind, CHOOSING_PARTS, e));
    int rc = val.n ? evaluate__choose(out, &v, &val, e) : 0;
    panel_close(&val);
    return rc;
}

/* ---- families ---- */

static int64_t usable(const struct store *s, const struct probe *p, const char *kind) {
    int64_t n = 0;
    for (int64_t i = 0; i < store_n(s); i++) {
        const struct trace *t = store_trace(s, i);
        n += !t->out && kind_in(kind, t->q.kind) && probe_class(p, t) >= 0 && p->by_token == !t->q.n_choices;
    }
    return n;
}

static int one_family(json_t *tree, const struct store *s, const struct probe *p, const char **kinds, int n, int from,
                      const struct evaluate_opts *o, struct err *e) {
    struct learn_opts lo = LEARN_DEFAULT;
    struct learned sum;
    struct probe q;
    struct exit_policy policy;
    const struct resampling how = {o->reps < 200 ? o->reps : 200, 0.95, o->seed};
    lo.kinds = kinds[from], lo.target = p->target, lo.by_token = p->by_token, lo.layer = p->layer[p->best];
    lo.split_seed = p->split_seed, lo.fit.shape = p->shape, lo.fit.rank = p->fit[p->best].rank, lo.fit.stop = o->stop;
    TRY(learn(&q, s, &lo, o->pool, &sum, e));
    int rc = choose(&policy, s, &q, kinds[from], o, e), found = rc > 0;
    for (int to = 0; rc >= 0 && to < n; to++) {
        struct panel test;
        const struct cell_of c = {"families", NULL, kinds[from], kinds[to], &q, found ? &policy : NULL};
        rc = open_part(&test, s, &q, kinds[to], 1u << FIT_TEST, e);
        if (rc >= 0) rc = add_cell(tree, &c, &test, &how, e), panel_close(&test);
    }
    probe_fini(&q);
    return rc < 0 ? rc : 0;
}

int transfer_families(json_t *tree, const struct store *s, const struct probe *p, const struct evaluate_opts *o, struct err *e) {
    const char **kinds;
    int n, kept = 0, rc = 0;
    if (store_numbers(s)) return 0; /* no states to train other probes on */
    TRY(store_kinds(s, &kinds, &n, e));
    for (int i = 0; i < n; i++)
        if (usable(s, p, kinds[i]) >= ENOUGH) kinds[kept++] = kinds[i];
    for (int i = 0; !rc && kept > 1 && i < kept; i++) rc = one_family(tree, s, p, kinds, kept, i, o, e);
    free(kinds);
    return rc;
}

/* ---- stores ---- */

static int readable(const struct probe *p, const struct store *s) {
    struct probe_model m;
    if (store_model(s, &m, NULL) < 0 || probe_fits(p, &m, "", NULL) < 0 || strcmp(tap_name(p->tap), store_setting(s, "tap")) != 0)
        return 0;
    if (store_numbers(s) && !readings_by(s, p)) return 0;
    return store_layer_find(s, p->layer[p->best]) >= 0 && store_width(s) == p->width;
}

/* Questions of the test part alone: it is the same in every store. */
static int read_kind(json_t *tree, const struct transfer_place *home, const struct transfer_place *away, const char *kind,
                     const struct evaluate_opts *o, struct err *e) {
    struct exit_policy policy;
    struct panel test;
    const struct resampling how = {o->reps < 200 ? o->reps : 200, 0.95, o->seed};
    int found = choose(&policy, home->s, home->p, kind, o, e);
    TRY(found);
    const struct cell_of c = {"stores", kind, home->name, away->name, home->p, found ? &policy : NULL};
    TRY(open_part(&test, away->s, home->p, kind, 1u << FIT_TEST, e));
    int rc = add_cell(tree, &c, &test, &how, e);
    panel_close(&test);
    return rc;
}

static int read_on(json_t *tree, const struct transfer_place *home, const struct transfer_place *away,
                   const struct evaluate_opts *o, struct err *e) {
    const char **kinds;
    int n, rc = 0;
    if (!readable(home->p, away->s)) return 0;
    TRY(store_kinds(away->s, &kinds, &n, e));
    for (int i = 0; !rc && i < n; i++) {
        if (o->stop && o->stop()) rc = fail(e, ERR_CANCELLED, "stopped while probes were carried over");
        if (!rc) rc = read_kind(tree, home, away, kinds[i], o, e);
    }
    free(kinds);
    return rc;
}

/* ---- sizes ---- */

static void put_at(json_t *row, const struct curve_point *x, const char *at_20, const char *at_90) {
    json__put(row, at_20, &x[0].questions);
    if (at_90) json__put(row, at_90, &x[1].questions);
}

static int add_knowing(json_t *row, const struct evaluator *v, const struct panel *p, struct err *e) {
    static const double places[] = {0.2, 0.9};
    const struct rate_opts ro = RATE_DEFAULT;
    struct curve_point x[2];
    struct calibration k;
    struct rate rate;
    TRY(measure_at(x, places, 2, p->t, p->n, PROBE_TOKENS, VS_LABEL, ALONG_TOKENS, &v->how, e));
    put_at(row, x, "probe_at_20", "probe_at_90");
    TRY(measure_at(x, places, 2, p->t, p->n, FORCED, VS_LABEL, ALONG_TOKENS, &v->how, e));
    put_at(row, x, "forced_at_20", NULL);
    TRY(measure_calibration(&k, 1, &CALIBRATION_DEFAULT, p->t, p->n, PROBE_TOKENS, &v->how, e));
    json__put(row, "ece", &k.ece);
    TRY(measure_rate(&rate, p->t, p->n, PROBE_STEPS, &ro, &v->how, e));
    json__put(row, "rate", &rate.gap);
    return 0;
}

/* Accuracy of the model itself, and what an exit by its probe saves; a policy that never exits tells the first. */
static int add_doing(json_t *row, const struct evaluator *v, const char *kind, const struct panel *p, struct err *e) {
    struct exit_policy policy = {.rule = EXIT_NEVER};
    struct exit_point x;
    int found = choose(&policy, v->s, v->p, kind, v->o, e);
    TRY(found);
    TRY(measure_exit(&x, &policy, 1, p->t, p->n, &v->how, e));
    json__put(row, "accuracy", &x.full_accuracy);
    if (!found) return 0;
    json__number(row, "threshold", policy.threshold);
    json__put(row, "tokens_saved", &x.saved), json__put(row, "change", &x.change);
    return 0;
}

static int add_size(json_t *rows, const struct evaluator *v, const char *name, const char *kind, struct err *e) {
    struct panel p;
    double tokens = 0;
    TRY(evaluate__panel(v, &p, kind, v->p->best, evaluate_parts(v->s, v->p), e));
    for (size_t i = 0; i < p.n; i++) tokens += (double)p.t[i].n_tokens;
    json_t *row = json_pack("{s:s, s:s, s:I}", "model", name, "kind", kind, "traces", (json_int_t)p.n);
    if (p.n) json__number(row, "thought_tokens", tokens / (double)p.n), json_array_append(rows, row);
    int rc = p.n ? add_knowing(row, v, &p, e) : 0;
    if (!rc && p.n && v->p->target != TARGET_RIGHT) rc = add_doing(row, v, kind, &p, e);
    json_decref(row), panel_close(&p);
    return rc;
}

/* The figures of one place at home, as rows of "sizes". */
static int add_sizes(json_t *tree, const struct transfer_place *x, const struct evaluate_opts *o, struct err *e) {
    struct evaluate_opts few = *o;
    const char **kinds;
    int n, rc = 0;
    few.reps = o->reps < 200 ? o->reps : 200, few.monitor = NULL, few.inflections = NULL;
    const struct evaluator v = evaluate__of(x->s, x->p, &few);
    TRY(store_kinds(x->s, &kinds, &n, e));
    for (int i = 0; !rc && i < n; i++) rc = add_size(rows_of(tree, "sizes"), &v, x->name, kinds[i], e);
    free(kinds);
    return rc;
}

int transfer_places(json_t *tree, const struct transfer_place *x, int n, const struct evaluate_opts *o, struct err *e) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) TRY(read_on(tree, &x[i], &x[j], o, e));
    for (int i = 0; i < n; i++)
        if (!json_is_string(json_object_get(store_settings(x[i].s), "read_from"))) TRY(add_sizes(tree, &x[i], o, e));
    return 0;
}
