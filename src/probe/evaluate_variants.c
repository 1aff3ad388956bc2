/* Variants of a probe side by side, on the same traces and with the same intervals: "variants": [{name, kind, reader, layer, pool, heads, rank, traces,
 * at_20, at_90, mean, ece, brier, threshold, saved, change}]. The first rows of each family are the probe itself, its layer of the embeddings
 * and the forced answer. A control that reads as well as the probe says that the probe reads something else than belief. */
#include "probe/evaluate_int.h"
#include <stdlib.h>
#include <string.h>

/* One reader of a family's traces. */
struct contestant {
    const char *name, *kind;
    const struct probe *p;
    int layer; /* place in the probe */
    enum reader reader;
};

static json_t *row_of(const struct contestant *c, size_t traces) {
    static const char *const pools[] = {"attention", "mean", "last"};
    int probe = c->reader != FORCED;
    json_t *row = json_pack("{s:s, s:s, s:s, s:I}", "name", c->name, "kind", c->kind, "reader", probe ? "probe" : "forced",
                            "traces", (json_int_t)traces);
    if (!probe) return row;
    const struct scan_shape *s = &c->p->shape;
    json__int(row, "layer", c->p->layer[c->layer]), json__int(row, "heads", s->heads),
        json__int(row, "rank", c->p->fit[c->layer].rank);
    json_object_set_new(row, "pool", json_string((unsigned)s->pool < 3 ? pools[s->pool] : "?"));
    return row;
}

static int add_reading(json_t *row, const struct contestant *c, const struct panel *p, const struct resampling *how,
                       struct err *e) {
    static const double places[] = {0.2, 0.9};
    struct curve_point at[2], all;
    struct calibration k;
    TRY(measure_at(at, places, 2, p->t, p->n, c->reader, VS_LABEL, ALONG_TOKENS, how, e));
    TRY(measure_curve(&all, 1, p->t, p->n, c->reader, VS_LABEL, ALONG_TOKENS, how, e));
    TRY(measure_calibration(&k, 1, &CALIBRATION_DEFAULT, p->t, p->n, c->reader, how, e));
    json__put(row, "at_20", &at[0].questions), json__put(row, "at_90", &at[1].questions), json__put(row, "mean", &all.questions);
    json__put(row, "ece", &k.ece), json__put(row, "brier", &k.brier);
    return 0;
}

/* What an exit by it saves at the threshold that it would be used with; nothing where none keeps the accuracy. */
static int add_exit(json_t *row, const struct evaluator *v, const struct contestant *c, const struct panel *p, struct err *e) {
    struct panel val;
    struct exit_policy policy;
    struct exit_point x;
    if (c->reader == FORCED || c->p->target == TARGET_RIGHT) return 0;
    TRY(evaluate__unmonitored(v, &val, c->kind, c->layer, CHOOSING_PARTS, e));
    int rc = val.n ? evaluate__choose(&policy, v, &val, e) : 0;
    panel_close(&val);
    if (rc <= 0) return rc;
    TRY(measure_exit(&x, &policy, 1, p->t, p->n, &v->how, e));
    json__number(row, "threshold", policy.threshold);
    json__put(row, "saved", &x.saved), json__put(row, "change", &x.change);
    return 0;
}

static int add_contestant(json_t *rows, const struct evaluator *main, const struct contestant *c, struct err *e) {
    struct evaluator v = *main;
    struct panel p;
    v.p = c->p;
    TRY(evaluate__unmonitored(&v, &p, c->kind, c->layer, evaluate_parts(v.s, v.p), e));
    json_t *row = row_of(c, p.n);
    int any = 0, rc = 0;
    for (size_t i = 0; i < p.n && !any; i++) any = readings_of(&p.t[i], c->reader) > 0;
    if (any) rc = add_reading(row, c, &p, &v.how, e);
    if (any && !rc) rc = add_exit(row, &v, c, &p, e);
    panel_close(&p);
    if (any && !rc)
        json_array_append_new(rows, row);
    else
        json_decref(row);
    return rc;
}

static int add_kind(json_t *rows, const struct evaluator *v, const char *kind, const struct variant *x, int n, struct err *e) {
    const struct probe *p = v->p;
    TRY(add_contestant(rows, v, &(struct contestant){"probe", kind, p, p->best, PROBE_TOKENS}, e));
    for (int i = 0; i < p->n_layers; i++)
        if (p->layer[i] < 0 && i != p->best)
            TRY(add_contestant(rows, v, &(struct contestant){"text only", kind, p, i, PROBE_TOKENS}, e));
    TRY(add_contestant(rows, v, &(struct contestant){"forced answer", kind, p, p->best, FORCED}, e));
    for (int i = 0; i < n; i++) {
        if (v->o->stop && v->o->stop()) return fail(e, ERR_CANCELLED, "stopped while variants were compared");
        TRY(add_contestant(rows, v, &(struct contestant){x[i].name, kind, x[i].p, x[i].p->best, PROBE_TOKENS}, e));
    }
    return 0;
}

int evaluate_variants(json_t *tree, const struct store *s, const struct probe *p, const struct variant *x, int n,
                      const struct evaluate_opts *o, struct err *e) {
    const struct evaluator v = evaluate__of(s, p, o);
    const char **kinds;
    int n_kinds, rc = 0;
    for (int i = 0; i < n; i++)
        if (strcmp(x[i].p->store, p->store) != 0 || x[i].p->split_seed != p->split_seed)
            return fail(e, ERR_ARG, "variant \"%.60s\": expected a probe of the store and split that the probe was trained on",
                        x[i].name);
    TRY(store_kinds(s, &kinds, &n_kinds, e));
    json_t *rows = json_array();
    json_object_set_new(tree, "variants", rows);
    for (int k = 0; !rc && k < n_kinds; k++) rc = add_kind(rows, &v, kinds[k], x, n, e);
    free(kinds);
    return rc;
}
