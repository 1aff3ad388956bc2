/* See transfer.h. */
#include "probe/transfer.h"
#include "probe/evaluate_int.h"
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
    const char *what, *train, *test;
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
    json_object_set_new(row, "threshold", c->carried ? json_real(c->carried->threshold) : json_null());
    json_array_append_new(rows_of(tree, "transfer"), row);
    return 0;
}

static int open_part(struct panel *out, const struct store *s, const struct probe *p, const char *kind, unsigned parts,
                     struct err *e) {
    return panel_open(out, &(struct panel_of){.s = s, .p = p, .layer = p->best, .kinds = kind, .parts = parts}, e);
}

/* The threshold that would be used at home; 0: none. */
static int choose(struct exit_policy *out, const struct store *s, const struct probe *p, const char *kind, double max_loss,
                  struct err *e) {
    struct panel val;
    TRY(open_part(&val, s, p, kind, CHOOSING_PARTS, e));
    int rc = val.n ? evaluate__choose(out, &val, max_loss, e) : 0;
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
    int rc = choose(&policy, s, &q, kinds[from], o->max_loss, e), found = rc > 0;
    for (int to = 0; rc >= 0 && to < n; to++) {
        struct panel test;
        const struct cell_of c = {"families", kinds[from], kinds[to], &q, found ? &policy : NULL};
        rc = open_part(&test, s, &q, kinds[to], 1u << FIT_TEST, e);
        if (rc >= 0) rc = add_cell(tree, &c, &test, &how, e), panel_close(&test);
    }
    probe_fini(&q);
    return rc < 0 ? rc : 0;
}

int transfer_families(json_t *tree, const struct store *s, const struct probe *p, const struct evaluate_opts *o, struct err *e) {
    const char **kinds;
    int n, kept = 0, rc = 0;
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
    return store_layer_find(s, p->layer[p->best]) >= 0 && store_width(s) == p->width;
}

static int read_on(json_t *tree, const struct transfer_place *home, const struct transfer_place *away,
                   const struct evaluate_opts *o, struct err *e) {
    struct exit_policy policy;
    struct panel test;
    const struct resampling how = {o->reps < 200 ? o->reps : 200, 0.95, o->seed};
    if (!readable(home->p, away->s)) return 0;
    int found = choose(&policy, home->s, home->p, NULL, o->max_loss, e);
    TRY(found);
    const struct cell_of c = {"stores", home->name, away->name, home->p, found ? &policy : NULL};
    TRY(open_part(&test, away->s, home->p, NULL, 1u << FIT_TEST, e));
    int rc = add_cell(tree, &c, &test, &how, e);
    panel_close(&test);
    return rc;
}

static json_t *first_saved(const json_t *family) {
    const json_t *x;
    size_t i;
    json_array_foreach(json_object_get(family, "exit"), i, x) {
        if (json_is_true(json_object_get(x, "chosen")) && !strcmp(json_string_value(json_object_get(x, "policy")), "probe"))
            return json_incref(json_object_get(x, "saved"));
    }
    return json_null();
}

static json_t *at(const json_t *family, const char *reader, size_t place) {
    json_t *x = json_array_get(json_object_get(json_object_get(family, "at"), reader), place);
    return x ? json_incref(x) : json_null();
}

/* The figures of one place at home, as rows of "sizes". */
static int add_sizes(json_t *tree, const struct transfer_place *x, const struct evaluate_opts *o, struct err *e) {
    struct evaluate_opts few = *o;
    json_t *own, *family;
    const char *kind;
    few.reps = o->reps < 200 ? o->reps : 200, few.monitor = NULL, few.inflections = NULL;
    TRY(evaluate(&own, x->s, x->p, &few, e));
    json_object_foreach(json_object_get(own, "families"), kind, family) {
        json_t *rate = json_object_get(json_object_get(json_object_get(family, "rates"), "probe"), "rate");
        json_t *row = json_pack("{s:s, s:s}", "model", x->name, "kind", kind);
        json_object_set(row, "traces", json_object_get(family, "traces"));
        json_object_set_new(row, "accuracy", json_pack("{s:O?}", "value", json_object_get(family, "accuracy")));
        json_object_set_new(row, "probe_at_20", at(family, "probe", 0)),
            json_object_set_new(row, "probe_at_90", at(family, "probe", 4));
        json_object_set_new(row, "forced_at_20", at(family, "forced", 0)),
            json_object_set_new(row, "tokens_saved", first_saved(family));
        json_object_set(row, "rate", rate ? rate : json_null());
        json_array_append_new(rows_of(tree, "sizes"), row);
    }
    json_decref(own);
    return 0;
}

int transfer_places(json_t *tree, const struct transfer_place *x, int n, const struct evaluate_opts *o, struct err *e) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) TRY(read_on(tree, &x[i], &x[j], o, e));
    for (int i = 0; i < n; i++)
        if (!json_is_string(json_object_get(store_settings(x[i].s), "read_from"))) TRY(add_sizes(tree, &x[i], o, e));
    return 0;
}
