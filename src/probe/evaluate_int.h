/* What the files of an evaluation share. Private to this room. */
#ifndef PROBE_EVALUATE_INT_H
#define PROBE_EVALUATE_INT_H
#include "probe/evaluate.h"
#include "probe/measure_exit.h"
#include <math.h>

struct evaluator {
    const struct store *s;
    const struct probe *p;
    const struct evaluate_opts *o;
    struct resampling how;
    int own; /* the store is the one the probe was trained on */
};

int evaluate__panel(const struct evaluator *v, struct panel *out, const char *kind, int layer, unsigned parts, struct err *e);
/* The same without a monitor. */
int evaluate__unmonitored(const struct evaluator *v, struct panel *out, const char *kind, int layer, unsigned parts,
                          struct err *e);
int evaluate__turns(const struct evaluator *v, json_t *f, const struct panel *p, struct err *e); /* evaluate_turns.c */
int evaluate__exits(const struct evaluator *v, json_t *f, const char *kind, const struct panel *test,
                    struct err *e); /* evaluate_exits.c */

/* The exit by the probe's confidence that saves most on these (validation) traces for at most the options' loss of accuracy; 0: none does. */
int evaluate__choose(struct exit_policy *out, const struct evaluator *v, const struct panel *val, struct err *e);
/* As struct evaluator has it; o is kept. */
struct evaluator evaluate__of(const struct store *s, const struct probe *p, const struct evaluate_opts *o);

static inline json_t *json__real(double x) { return isfinite(x) ? json_real(x) : json_null(); }
static inline json_t *json__estimate(const struct estimate *x) {
    return json_pack("{s:o, s:o, s:o}", "value", json__real(x->value), "lo", json__real(x->ci.lo), "hi", json__real(x->ci.hi));
}
static inline void json__put(json_t *o, const char *key, const struct estimate *x) {
    json_object_set_new(o, key, json__estimate(x));
}
static inline void json__int(json_t *o, const char *key, int64_t x) { json_object_set_new(o, key, json_integer(x)); }
static inline void json__number(json_t *o, const char *key, double x) { json_object_set_new(o, key, json__real(x)); }
#endif
