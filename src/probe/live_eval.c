/* See live_eval.h. */
#include "probe/live_eval.h"
#include "base/progress.h"
#include "probe/choices.h"
#include "probe/evaluate_int.h"
#include "task/answer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POLICIES = 9 }; /* none, and eight that stop */

struct runner {
    const struct store *s;
    const struct probe *p;
    const struct live_eval *o;
    struct forcer force;
    struct watch watch;
    struct live live;
    struct toks prompt;
    f16 *choices;
};
/* One question by one policy. */
struct ran {
    double tokens, seconds, looks;
    int right, early, same; /* same: ids are those of the stored trace */
};
struct lane {
    const char *name;
    struct live_policy policy;
    struct ran *ran; /* [questions] */
};

/* ---- one run ---- */

static int text_of(const struct runner *r, const int32_t *ids, int64_t n, struct str *out, struct err *e) {
    for (int64_t i = 0; i < n; i++) {
        const char *piece;
        size_t len;
        TRY(tokenizer_piece(r->o->words_of, ids[i], &piece, &len, e));
        if (str_add(out, piece, len) < 0) return fail(e, ERR_NOMEM, "out of memory for an answer");
    }
    return 0;
}

static int grade(const struct runner *r, const struct live_out *o, const struct question *q, int *right, struct err *e) {
    struct str text = {0}, parsed = {0};
    int rc = text_of(r, o->ids, o->n, &text, e);
    if (!rc) rc = answer_parse(text.s ? text.s : "", q, &parsed);
    *right = rc > 0 && answer_grade(q, parsed.s);
    str_free(&text), str_free(&parsed);
    return rc < 0 ? (e && e->code ? rc : fail(e, rc, "out of memory for an answer")) : 0;
}

static int run_one(struct runner *r, const struct lane *lane, const struct trace *t, struct ran *out, struct err *e) {
    struct live_out o;
    struct session *s;
    int64_t n = r->prompt.n;
    r->live.watch = lane->policy.rule == LIVE_PROBE ? &r->watch : NULL;
    if (r->live.watch) watch_start(&r->watch, t->q.kind, r->choices, t->q.n_choices);
    TRY(session_new(&s, r->o->g, e));
    int rc = n > 1 ? session_feed(s, r->prompt.ids, n - 1, NULL, e) : 0;
    if (!rc) rc = live_run(&r->live, &lane->policy, s, r->prompt.ids[n - 1], &t->q, (uint64_t)t->index, &o, e);
    session_free(s);
    engine_forget(r->o->g); /* no later run shares these pages */
    TRY(rc);
    *out =
        (struct ran){.tokens = (double)(o.n + o.look_tokens), .seconds = o.seconds, .looks = (double)o.looks, .early = o.exited};
    out->same = o.n == t->n && !memcmp(o.ids, t->ids, (size_t)o.n * sizeof *o.ids);
    rc = grade(r, &o, &t->q, &out->right, e);
    free(o.ids);
    return rc;
}

static int prepare(struct runner *r, const struct trace *t, struct err *e) {
    r->prompt.n = 0;
    TRY(r->o->ask->prompt(r->o->ask->ctx, &t->q, &r->prompt, e));
    if (!r->p->fit[r->p->best].rank) return 0;
    return choice_features(engine_model(r->o->g), r->o->words_of, &t->q, r->choices, e);
}

/* ---- a family ---- */

static double setting(const struct runner *r, const char *key) {
    return json_number_value(json_object_get(store_settings(r->s), key));
}

/* Names are those of the replays, and mean the same; probe-asks leaves where probe does, and lets the model write its answer. */
static const struct known {
    const char *name, *chosen;
    enum live_rule rule;
    int letter, at_steps;
} known[] = {{"probe", "probe", LIVE_PROBE, 1, 0},
             {"probe-asks", "probe", LIVE_PROBE, 0, 0},
             {"probe-steps", "probe-steps", LIVE_PROBE, 0, 1},
             {"forced", "forced", LIVE_FORCED, 0, 0},
             {"deer", "deer", LIVE_DEER, 0, 0},
             {"agree", "agree", LIVE_AGREE, 0, 0},
             {"entropy", "entropy", LIVE_ENTROPY, 0, 0},
             {"budget", "budget", LIVE_BUDGET, 0, 0}};

/* The policies with a threshold chosen on validation, none first. */
static int lanes_of(const json_t *family, int by_token, struct lane *lane) {
    const json_t *chosen = json_object_get(family, "chosen");
    int n = 1;
    lane[0] = (struct lane){.name = "none", .policy = {.rule = LIVE_NEVER}};
    for (int i = 0; i < POLICIES - 1; i++) {
        const struct known *k = &known[i];
        const json_t *x = json_object_get(chosen, k->chosen);
        double knob = json_number_value(x);
        if (!json_is_number(x) || (by_token && !strcmp(k->name, "probe-asks"))) continue; /* without letters it is probe */
        lane[n++] = (struct lane){.name = k->name,
                                  .policy = {.rule = k->rule,
                                             .threshold = knob,
                                             .count = k->rule == LIVE_ENTROPY ? 2 : (int64_t)knob,
                                             .letter = k->letter,
                                             .at_steps = k->at_steps}};
    }
    return n;
}

struct sample {
    const struct ran *with, *without;
};
enum { S_SAVED, S_SECONDS, S_RIGHT, S_FULL, S_CHANGE, S_EARLY, S_LOOKS, S_EACH, S_EACH_FULL, S_COUNT };

static void figures(double *out, size_t k, const void *data, const size_t *idx, size_t n) {
    const struct sample *d = data;
    double a[2] = {0}, b[2] = {0}, right = 0, full = 0, early = 0, looks = 0;
    (void)k;
    for (size_t i = 0; i < n; i++) {
        const struct ran *x = &d->with[idx[i]], *y = &d->without[idx[i]];
        a[0] += x->tokens, b[0] += y->tokens, a[1] += x->seconds, b[1] += y->seconds;
        right += x->right, full += y->right, early += x->early, looks += x->looks;
    }
    out[S_SAVED] = 1 - a[0] / b[0], out[S_SECONDS] = 1 - a[1] / b[1];
    out[S_RIGHT] = right / (double)n, out[S_FULL] = full / (double)n, out[S_CHANGE] = (right - full) / (double)n,
    out[S_EARLY] = early / (double)n, out[S_LOOKS] = looks / (double)n;
    out[S_EACH] = a[1] / (double)n, out[S_EACH_FULL] = b[1] / (double)n;
}

static int add_lane(json_t *family, const struct lane *lane, const struct lane *none, size_t n, int reps, struct err *e) {
    const struct resampling how = {reps, 0.95, 42};
    const struct sample d = {lane->ran, none->ran};
    struct estimate x[S_COUNT];
    double knob =
        lane->policy.rule == LIVE_AGREE || lane->policy.rule == LIVE_BUDGET ? (double)lane->policy.count : lane->policy.threshold;
    TRY(estimates(x, S_COUNT, figures, &d, n, 0, &how, e));
    json_t *j = json_pack("{s:s, s:f, s:I}", "policy", lane->name, "threshold", knob, "questions", (json_int_t)n);
    json_object_set_new(j, "tokens_saved", json__real(x[S_SAVED].value)),
        json_object_set_new(j, "seconds_saved", json__real(x[S_SECONDS].value));
    json_object_set_new(j, "accuracy", json__real(x[S_RIGHT].value)),
        json_object_set_new(j, "accuracy_full", json__real(x[S_FULL].value));
    json_object_set_new(j, "tokens", json__estimate(&x[S_SAVED])),
        json_object_set_new(j, "seconds", json__estimate(&x[S_SECONDS]));
    json_object_set_new(j, "change", json__estimate(&x[S_CHANGE])), json_object_set_new(j, "early", json__estimate(&x[S_EARLY]));
    json__put(j, "looks", &x[S_LOOKS]), json__put(j, "seconds_each", &x[S_EACH]),
        json__put(j, "seconds_each_full", &x[S_EACH_FULL]);
    json_array_append_new(json_object_get(family, "live"), j);
    json_t *row;
    size_t i;
    json_array_foreach(json_object_get(family, "exit"), i, row) {
        if (json_is_true(json_object_get(row, "chosen")) &&
            !strcmp(json_string_value(json_object_get(row, "policy")), lane->name))
            json_object_set(row, "seconds_saved", json_object_get(j, "seconds_saved"));
    }
    return 0;
}

static int run_family(struct runner *r, json_t *family, const struct panel *p, struct lane *lane, int n_lanes,
                      struct progress *bar, struct err *e) {
    size_t n = p->n < (size_t)r->o->questions ? p->n : (size_t)r->o->questions;
    int64_t same = 0;
    for (int k = 0; k < n_lanes; k++)
        if (!(lane[k].ran = calloc(n + 1, sizeof *lane[k].ran))) return fail(e, ERR_NOMEM, "out of memory for live runs");
    for (size_t i = 0; i < n; i++) {
        if (r->o->stop && r->o->stop()) return fail(e, ERR_CANCELLED, "stopped while exits were run live");
        TRY(prepare(r, p->of[i], e));
        for (int k = 0; k < n_lanes; k++) {
            int turn = (k + (int)i) % n_lanes; /* nobody is always first */
            TRY(run_one(r, &lane[turn], p->of[i], &lane[turn].ran[i], e));
        }
        same += lane[0].ran[i].same;
        progress_step(bar, bar->done + 1, NULL);
    }
    json_object_set_new(family, "live", json_array());
    json_object_set_new(family, "live_same", json_pack("{s:I, s:I}", "same", (json_int_t)same, "of", (json_int_t)n));
    for (int k = 1; k < n_lanes && n; k++) TRY(add_lane(family, &lane[k], &lane[0], n, r->o->reps, e));
    return 0;
}

static int family_live(struct runner *r, json_t *family, const char *kind, int own, struct progress *bar, struct err *e) {
    struct lane lane[POLICIES] = {0};
    struct panel p;
    int n = lanes_of(family, r->p->by_token, lane);
    if (n < 2) return 0; /* nothing was chosen */
    TRY(panel_open(
        &p, &(struct panel_of){.s = r->s, .p = r->p, .layer = -1, .kinds = kind, .parts = own ? 1u << FIT_TEST : ALL_PARTS}, e));
    int rc = run_family(r, family, &p, lane, n, bar, e);
    for (int k = 0; k < n; k++) free(lane[k].ran);
    panel_close(&p);
    return rc;
}

int live_evaluate(json_t *tree, const struct store *s, const struct probe *p, const struct live_eval *o, struct err *e) {
    struct runner r = {.s = s, .p = p, .o = o};
    const char *kind;
    json_t *family;
    struct progress bar;
    r.choices = calloc((size_t)(QUESTION_MAX_CHOICES * choice_width(engine_model(o->g))), sizeof *r.choices);
    int rc = r.choices ? force_open(&r.force, o->g, o->words_of, o->words, engine_options(o->g).max_sessions, e)
                       : fail(e, ERR_NOMEM, "out of memory");
    if (!rc) rc = watch_open(&r.watch, p, p->best, e);
    r.live = (struct live){.force = &r.force,
                           .steps = o->steps,
                           .sampling = SAMPLING_DEFAULT,
                           .seed = (uint64_t)setting(&r, "seed"),
                           .max_new = (int64_t)setting(&r, "max_new"),
                           .max_answer = o->max_answer};
    r.live.sampling.temp = setting(&r, "temp"), r.live.sampling.top_p = setting(&r, "top_p");
    progress_start(&bar, "live", "questions", 0);
    json_object_foreach(json_object_get(tree, "families"), kind, family) if (!rc) rc =
        family_live(&r, family, kind, evaluate_parts(s, p) != ALL_PARTS, &bar, e);
    progress_end(&bar);
    watch_close(&r.watch), force_close(&r.force), toks_free(&r.prompt), free(r.choices);
    return rc;
}
