/* See learn.h. */
#include "probe/learn.h"
#include "base/hash.h"
#include "base/progress.h"
#include "probe/measure_exit.h"
#include "probe/panel.h"
#include "probe/readings.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct learner {
    const struct store *s;
    const struct learn_opts *o;
    struct learned *sum;
    const struct trace **t; /* [n] that may be used */
    struct fit_trace *ft;
    int64_t n;
};

/* ---- classes ---- */

int kind_in(const char *kinds, const char *kind) {
    if (!kinds || !*kinds || !strcmp(kinds, kind)) return 1;
    for (const char *p = kinds; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        size_t n = strcspn(p, ",");
        if (n && !strncmp(p, kind, n) && (!kind[n] || kind[n] == '/')) return 1;
    }
    return 0;
}

static int token_class(const struct probe *p, int32_t token) {
    for (int k = 0; k < p->shape.classes; k++)
        if (p->token[k] == token) return k;
    return -1;
}

static int class_of(const struct probe *p, int letter, int32_t token) {
    if (p->by_token) return token < 0 ? -1 : token_class(p, token);
    return letter < p->shape.classes ? letter : -1;
}

int probe_class(const struct probe *p, const struct trace *t) {
    if (p->target == TARGET_RIGHT) return t->right;
    if (p->target == TARGET_TRUTH) return probe_truth(p, t);
    return class_of(p, t->label, t->token);
}

int probe_truth(const struct probe *p, const struct trace *t) {
    if (p->target == TARGET_RIGHT) return t->right;
    return class_of(p, t->truth, t->truth_token);
}

static int64_t with_choices(const struct store *s, const struct learn_opts *o, int *most) {
    int64_t with = 0, n = 0;
    *most = 0;
    for (int64_t i = 0; i < store_n(s); i++) {
        const struct trace *t = store_trace(s, i);
        if (t->out || !kind_in(o->kinds, t->q.kind)) continue;
        n++, with += t->q.n_choices > 0;
        if (t->q.n_choices > *most) *most = t->q.n_choices;
    }
    return 2 * with >= n;
}

struct count {
    int32_t token;
    int64_t n;
};

static int more(const void *a, const void *b) {
    const struct count *x = a, *y = b;
    if (x->n != y->n) return x->n < y->n ? 1 : -1;
    return (x->token > y->token) - (x->token < y->token);
}

/* The most frequent first tokens of answers in the training part. */
static int token_table(struct learner *l, struct probe *p, struct err *e) {
    int64_t n = 0;
    struct count *c = calloc((size_t)store_n(l->s) + 1, sizeof *c);
    if (!c) return fail(e, ERR_NOMEM, "out of memory for the classes");
    for (int64_t i = 0; i < store_n(l->s); i++) {
        const struct trace *t = store_trace(l->s, i);
        int64_t at = 0;
        if (t->out || t->q.n_choices || t->token < 0 || !kind_in(l->o->kinds, t->q.kind)) continue;
        if (probe_part(l->o->split_seed, t->q.id) != FIT_TRAIN) continue;
        while (at < n && c[at].token != t->token) at++;
        c[at].token = t->token, c[at].n++;
        if (at == n) n++;
    }
    qsort(c, (size_t)n, sizeof *c, more);
    if (n > SCAN_CLASSES) n = SCAN_CLASSES;
    for (int64_t k = 0; k < n; k++) p->token[k] = c[k].token;
    free(c);
    p->shape.classes = (int)n;
    return 0;
}

/* Of all traces, for errors: how many there are, and why some say nothing. */
static const char *left_out(const struct store *s, char text[256]) {
    int64_t out[TRACE_OUTS] = {0};
    char why[200];
    for (int64_t i = 0; i < store_n(s); i++) out[store_trace(s, i)->out]++;
    trace_outs_text(out, why, sizeof why);
    snprintf(text, 256, "of %lld traces left out: %s", (long long)store_n(s), why);
    return text;
}

static int choose_classes(struct learner *l, struct probe *p, struct err *e) {
    int most, letters = (int)with_choices(l->s, l->o, &most);
    char why[256];
    p->by_token = l->o->by_token < 0 ? !letters : l->o->by_token;
    p->target = l->o->target;
    if (p->target == TARGET_RIGHT)
        p->shape.classes = 2, p->by_token = 0;
    else if (p->by_token)
        TRY(token_table(l, p, e));
    else
        p->shape.classes = most;
    if (p->shape.classes < 2)
        return fail(e, ERR_STATE, "%s: expected traces of two classes or more, found %d (%s)", store_dir(l->s), p->shape.classes,
                    left_out(l->s, why));
    return 0;
}

/* ---- traces ---- */

static void take(struct learner *l, const struct probe *p, const struct trace *t) {
    int label = probe_class(p, t);
    if (t->out) {
        l->sum->out[t->out]++;
    } else if (!kind_in(l->o->kinds, t->q.kind)) {
        l->sum->other_kind++;
    } else if (p->target != TARGET_RIGHT && p->by_token == (t->q.n_choices > 0)) {
        l->sum->other_form++;
    } else if (label < 0) {
        l->sum->no_class++;
    } else {
        enum fit_part part = probe_part(l->o->split_seed, t->q.id);
        int n = p->by_token || t->choice0 < 0 ? 0 : t->q.n_choices;
        l->ft[l->n] = (struct fit_trace){t->row0, t->rows, label, part, t->choice0, n < p->shape.classes ? n : p->shape.classes};
        l->t[l->n++] = t;
        l->sum->part[part]++;
    }
}

static int choose_traces(struct learner *l, const struct probe *p, struct err *e) {
    int64_t n = store_n(l->s);
    char why[256];
    l->t = calloc((size_t)n + 1, sizeof *l->t), l->ft = calloc((size_t)n + 1, sizeof *l->ft);
    if (!l->t || !l->ft) return fail(e, ERR_NOMEM, "out of memory for %lld traces", (long long)n);
    for (int64_t i = 0; i < n; i++) take(l, p, store_trace(l->s, i));
    l->sum->traces = l->n;
    if (!l->sum->part[FIT_TRAIN] || !l->sum->part[FIT_VAL])
        return fail(e, ERR_STATE, "%s: expected traces to train on and to choose by, found %lld and %lld (%s)", store_dir(l->s),
                    (long long)l->sum->part[FIT_TRAIN], (long long)l->sum->part[FIT_VAL], left_out(l->s, why));
    return 0;
}

/* ---- layers ---- */

static int choose_layers(struct learner *l, struct probe *p, struct err *e) {
    int n = store_n_layers(l->s);
    p->layer = calloc((size_t)n, sizeof *p->layer), p->fit = calloc((size_t)n, sizeof *p->fit);
    p->val_accuracy = calloc((size_t)n, sizeof *p->val_accuracy);
    if (!p->layer || !p->fit || !p->val_accuracy) return fail(e, ERR_NOMEM, "out of memory for a probe");
    for (int i = 0; i < n; i++)
        if (l->o->layer == -2 || l->o->layer == store_layer(l->s, i)) p->layer[p->n_layers++] = store_layer(l->s, i);
    return p->n_layers ? 0 : fail(e, ERR_ARG, "%s: layer %d is not stored", store_dir(l->s), l->o->layer);
}

static int fit_all(struct learner *l, struct probe *p, struct pool *pool, struct err *e) {
    struct fit_data *d = calloc((size_t)p->n_layers, sizeof *d);
    struct fit_opts o = l->o->fit;
    o.shape = p->shape;
    if (p->by_token || p->target == TARGET_RIGHT || !store_choice_width(l->s)) o.rank = 0; /* no class is a candidate */
    if (!d) return fail(e, ERR_NOMEM, "out of memory for a probe");
    for (int i = 0; i < p->n_layers; i++)
        d[i] = (struct fit_data){store_states(l->s, store_layer_find(l->s, p->layer[i])),
                                 p->width,
                                 l->ft,
                                 l->n,
                                 store_choices(l->s),
                                 store_choice_width(l->s)};
    int rc = fit_layers(p->fit, d, p->n_layers, &o, pool, e);
    free(d);
    return rc;
}

/* ---- what validation decides ---- */

static int argmax(const double *z, int n) {
    int at = 0;
    for (int k = 1; k < n; k++)
        if (z[k] > z[at]) at = k;
    return at;
}

static int raw_read(const struct probe *p, int at, const struct store *s, const struct trace *t, double *z, struct err *e) {
    const struct fit_probe *f = &p->fit[at];
    int place = store_layer_find(s, p->layer[at]);
    if (store_numbers(s)) return readings_read(p, at, s, t, z, e);
    if (place < 0) return fail(e, ERR_STATE, "%s: layer %d is not stored", store_dir(s), p->layer[at]);
    if (strcmp(store_setting(s, "tap"), tap_name(p->tap)) != 0 || store_width(s) != p->width)
        return fail(e, ERR_STATE, "%s: expected states of %s of width %lld, as the probe reads, found %s of width %lld",
                    store_dir(s), tap_name(p->tap), (long long)p->width, store_setting(s, "tap"), (long long)store_width(s));
    if (f->rank && (t->choice0 < 0 || f->cand_width != store_choice_width(s)))
        return fail(e, ERR_STATE, "%s: expected features of %lld numbers for each choice, as the probe needs", store_dir(s),
                    (long long)f->cand_width);
    return fit_read(f, p->shape, store_states(s, place) + t->row0 * p->width, t->rows, p->width,
                    f->rank ? store_choices(s) + t->choice0 * f->cand_width : NULL, t->q.n_choices, z, e);
}

int probe_read(const struct probe *p, int at, const struct store *s, const struct trace *t, double *out, struct err *e) {
    int C = p->shape.classes;
    TRY(raw_read(p, at, s, t, out, e));
    for (int64_t r = 0; r < t->rows; r++) probe_softmax(out + r * C, C, probe_temperature(p, t->q.kind), r + 1);
    return 0;
}

static int layer_accuracy(struct learner *l, struct probe *p, int at, double *z, struct err *e) {
    double sum = 0, n = 0;
    for (int64_t i = 0; i < l->n; i++) {
        if (l->ft[i].part != FIT_VAL) continue;
        double right = 0;
        TRY(probe_read(p, at, l->s, l->t[i], z, e));
        for (int64_t r = 0; r < l->ft[i].rows; r++) right += argmax(z + r * p->shape.classes, p->shape.classes) == l->ft[i].label;
        sum += right / (double)l->ft[i].rows, n++;
    }
    p->val_accuracy[at] = sum / n;
    return 0;
}

/* The layer that is right most often on validation readings (losses of layers differ by overconfidence, which a temperature mends); the embeddings are a control and never chosen while there is another. */
static int choose_best(struct learner *l, struct probe *p, double *z, struct err *e) {
    p->best = -1, p->temperature = (struct temperatures){1, 0, 0};
    for (int i = 0; i < p->n_layers; i++) {
        TRY(layer_accuracy(l, p, i, z, e));
        if (p->layer[i] < 0 && p->n_layers > 1) continue;
        if (p->best < 0 || p->val_accuracy[i] > p->val_accuracy[p->best]) p->best = i;
    }
    return 0;
}

/* The temperatures of the validation readings of one family (NULL: of all). Each trace counts once, however long. */
static int fit_temperature(struct learner *l, struct probe *p, const char *kind, struct temperatures *out, struct err *e) {
    int C = p->shape.classes;
    int64_t rows = 0, at = 0, traces = 0;
    for (int64_t i = 0; i < l->n; i++)
        if (l->ft[i].part == FIT_VAL && (!kind || !strcmp(kind, l->t[i]->q.kind))) rows += l->ft[i].rows;
    double *z = malloc((size_t)(rows * (C + 2)) * sizeof *z), *weight = z ? z + rows * C : NULL,
           *place = z ? weight + rows : NULL;
    int *label = malloc((size_t)rows * sizeof *label);
    int rc = z && label ? 0 : fail(e, ERR_NOMEM, "out of memory for %lld validation readings", (long long)rows);
    for (int64_t i = 0; !rc && i < l->n; i++) {
        if (l->ft[i].part != FIT_VAL || (kind && strcmp(kind, l->t[i]->q.kind) != 0)) continue;
        rc = raw_read(p, p->best, l->s, l->t[i], z + at * C, e);
        for (int64_t r = 0; r < l->ft[i].rows; r++, at++)
            label[at] = l->ft[i].label, weight[at] = 1 / (double)l->ft[i].rows, place[at] = (double)r + 1;
        traces++;
    }
    struct temperatures t = {1, 0, 0};
    if (!rc) rc = temperatures_fit(&t, z, label, weight, place, (size_t)rows, (size_t)C, (size_t)traces, e);
    *out = (struct temperatures){(float)t.level, (float)t.spread, (float)t.position}; /* as a probe file stores them */
    free(z), free(label);
    return rc;
}

static int calibrate(struct learner *l, struct probe *p, struct err *e) {
    TRY(fit_temperature(l, p, NULL, &p->temperature, e));
    p->n_kinds = 0;
    for (int64_t i = 0; i < l->n && p->n_kinds < PROBE_KINDS; i++) {
        const char *kind = l->t[i]->q.kind;
        int64_t traces = 0;
        int k = 0;
        while (k < p->n_kinds && strcmp(p->kind[k], kind) != 0) k++;
        if (k < p->n_kinds || strlen(kind) >= sizeof p->kind[0]) continue;
        for (int64_t j = 0; j < l->n; j++) traces += l->ft[j].part == FIT_VAL && !strcmp(kind, l->t[j]->q.kind);
        if (traces < LEARN_KIND) continue;
        snprintf(p->kind[k], sizeof p->kind[k], "%s", kind);
        p->n_kinds++;
        TRY(fit_temperature(l, p, kind, &p->kind_temperature[k], e));
    }
    return 0;
}

/* Thresholds at which exits are wrong (not the model's own answer) for at most alpha of questions, by traces that chose nothing: neither
 * epoch, layer nor temperature. */
static int promise(struct learner *l, struct probe *p, struct err *e) {
    static const double alphas[] = {0.01, 0.02, 0.05, 0.1, 0.2};
    const struct panel_of of = {.s = l->s, .p = p, .layer = p->best, .kinds = l->o->kinds, .parts = 1u << FIT_CONFORMAL};
    struct panel panel;
    struct conformal c;
    int rc = panel_open(&panel, &of, e);
    if (rc < 0) return rc;
    for (int i = 0; !rc && i < 5; i++) {
        rc = measure_conformal(&c, panel.t, panel.n, PROBE_TOKENS, EXIT_NOT_LABEL, alphas[i], 0, e);
        p->alpha[i] = alphas[i], p->threshold[i] = c.threshold;
    }
    p->n_alphas = 5;
    panel_close(&panel);
    return rc;
}

static int conclude(struct learner *l, struct probe *p, struct err *e) {
    int64_t longest = 0;
    for (int64_t i = 0; i < l->n; i++)
        if (l->ft[i].rows > longest) longest = l->ft[i].rows;
    double *z = malloc((size_t)(longest * p->shape.classes) * sizeof *z);
    int rc = z ? choose_best(l, p, z, e) : fail(e, ERR_NOMEM, "out of memory for a trace's readings");
    free(z);
    if (!rc) rc = calibrate(l, p, e);
    return rc ? rc : promise(l, p, e);
}

/* ---- all of it ---- */

int store_model(const struct store *s, struct probe_model *out, struct err *e) {
    const json_t *m = json_object_get(store_settings(s), "model");
    const char *name = json_string_value(json_object_get(m, "name")), *format = json_string_value(json_object_get(m, "format"));
    *out = (struct probe_model){.width = json_integer_value(json_object_get(m, "width")),
                                .layers = json_integer_value(json_object_get(m, "layers")),
                                .vocab = json_integer_value(json_object_get(m, "vocabulary"))};
    if (!name || !format || out->width < 1 || out->layers < 1 || out->vocab < 1)
        return fail(e, ERR_FORMAT, "%s/store.json: expected \"model\" with name, format, width, layers, vocabulary",
                    store_dir(s));
    snprintf(out->name, sizeof out->name, "%s", name);
    snprintf(out->format, sizeof out->format, "%s", format);
    return 0;
}

static void name_kinds(struct learner *l, struct probe *p) {
    for (int64_t i = 0; i < l->n; i++) {
        const char *kind = l->t[i]->q.kind;
        size_t n = strlen(p->kinds);
        if (n && kind_in(p->kinds, kind)) continue;
        if (n + strlen(kind) + 2 < sizeof p->kinds) snprintf(p->kinds + n, sizeof p->kinds - n, "%s%s", n ? "," : "", kind);
    }
}

static int learn_into(struct learner *l, struct probe *p, struct pool *pool, struct err *e) {
    int tap = tap_find(store_setting(l->s, "tap"));
    TRY(store_model(l->s, &p->model, e));
    if (store_numbers(l->s))
        return fail(e, ERR_STATE, "%s: expected states to train on, found only what %s says of them (collected with --probe)",
                    store_dir(l->s), readings_probe(l->s));
    if (tap < 0) return fail(e, ERR_FORMAT, "%s/store.json: expected the name of a tap", store_dir(l->s));
    p->tap = (enum tap)tap, p->width = store_width(l->s), p->split_seed = l->o->split_seed;
    p->shape = l->o->fit.shape;
    snprintf(p->store, sizeof p->store, "%s", store_setting(l->s, "id"));
    TRY(choose_classes(l, p, e));
    TRY(choose_traces(l, p, e));
    TRY(choose_layers(l, p, e));
    name_kinds(l, p);
    TRY(fit_all(l, p, pool, e));
    return conclude(l, p, e);
}

int learn(struct probe *out, const struct store *s, const struct learn_opts *o, struct pool *pool, struct learned *sum,
          struct err *e) {
    struct learner l = {.s = s, .o = o, .sum = sum};
    struct probe p = {0};
    double t0 = clock_s();
    *sum = (struct learned){0};
    int rc = learn_into(&l, &p, pool, e);
    sum->seconds = clock_s() - t0;
    free(l.t), free(l.ft);
    if (rc < 0)
        probe_fini(&p);
    else
        *out = p;
    return rc;
}
