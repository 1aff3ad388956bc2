/* Turns of the text in an evaluation: how often confident and other traces have them, and whether shifts of belief come before or after. */
#include "probe/evaluate_int.h"
#include "probe/measure_shift.h"
#include "task/inflection.h"
#include <stdlib.h>

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
        json__put(row, "confident", &r[k].high), json__put(row, "others", &r[k].other),
            json__put(row, "difference", &r[k].difference);
        json_array_append_new(rows, row);
    }
    json__int(j, "confident_traces", split.high_traces), json__int(j, "confident_steps", split.high_steps);
    json__int(j, "other_traces", split.other_traces), json__int(j, "other_steps", split.other_steps);
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
    json_t *x = json__estimate(&t->observed);
    json__number(x, "expected", t->expected), json__number(x, "p", t->p);
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
        json__int(j, "inflections", timing.inflections), json__int(j, "shifts", timing.shifts), json__int(j, "window_bytes", 80);
        put_test(j, "before", &timing.before), put_test(j, "after", &timing.after);
        put_test(j, "within", &timing.within), put_test(j, "order", &timing.order);
    }
    for (size_t i = 0; mem && i < 4 * p->n; i++) free(mem[i]);
    free(t), free(mem);
    return rc;
}

int evaluate__turns(const struct evaluator *v, json_t *f, const struct panel *p, struct err *e) {
    struct turns x = {0};
    int rc = find_turns(v, &x, p, e);
    if (!rc) rc = add_turn_rates(v, f, p, &x, e);
    if (!rc) rc = add_timing(v, f, p, &x, e);
    free(x.at), free(x.n_at), free(x.counts);
    return rc;
}
