/* Two traces of a family that stand for the two ends: the answer known long before the text says it, and known only in the end. Chosen by rule. */
#include "probe/show.h"

enum { MOST = 300 };
#define EARLY 0.2
#define SURE  0.9

/* Tokens after which the probe names the trace's own answer to the end; −1: it does not in the end. */
static int64_t settled(const struct reading_trace *r) {
    int64_t i = readings_of(r, PROBE_TOKENS) - 1;
    if (i < 0 || reading_of(r, PROBE_TOKENS, i).class != r->label) return -1;
    while (i > 0 && reading_of(r, PROBE_TOKENS, i - 1).class == r->label) i--;
    return reading_of(r, PROBE_TOKENS, i).written;
}

/* The probe's belief in the trace's own answer when a fifth of the thought is written. */
static double early_belief(const struct reading_trace *r) {
    int64_t i = (int64_t)(EARLY * (double)r->n_tokens + 0.999999) - r->first;
    return i < 0 || r->label < 0 || !r->p ? 0 : r->p[i * r->classes + r->label];
}

static int64_t pick_early(const struct panel *p, int *sure) {
    int64_t best = -1;
    *sure = 1;
    double most = 0;
    for (size_t i = 0; i < p->n; i++) {
        double x = early_belief(&p->t[i]);
        if (p->t[i].right != 1 || p->t[i].n_tokens > MOST) continue;
        if (x >= SURE && (double)settled(&p->t[i]) <= EARLY * (double)p->t[i].n_tokens) return (int64_t)i;
        if (x > most) most = x, best = (int64_t)i;
    }
    *sure = 0;
    return best;
}

static int64_t pick_late(const struct panel *p, int64_t other) {
    int64_t best = -1;
    double latest = -1;
    for (size_t i = 0; i < p->n; i++) {
        double x = (double)settled(&p->t[i]) / (double)p->t[i].n_tokens;
        if ((int64_t)i != other && p->t[i].n_tokens <= MOST && x >= 0 && x > latest) latest = x, best = (int64_t)i;
    }
    return best;
}

static int add(json_t *list, const struct shown *x, const char *why, struct err *e) {
    json_t *j;
    TRY(show_json(&j, x, MOST, e));
    json_object_set_new(j, "why", json_string(why));
    return json_array_append_new(list, j) < 0 ? fail(e, ERR_NOMEM, "out of memory for examples") : 0;
}

int show_examples(json_t *list, const struct store *s, const struct probe *p, const struct panel *panel, struct err *e) {
    int sure;
    int64_t early = pick_early(panel, &sure), late = pick_late(panel, early);
    struct shown x = {.p = p, .s = s, .exit_at = SURE};
    if (early >= 0) {
        x.t = panel->of[early], x.r = &panel->t[early];
        TRY(add(list, &x, sure ? "known early" : "known early, but not surely", e));
    }
    if (late < 0) return 0;
    x.t = panel->of[late], x.r = &panel->t[late];
    return add(list, &x, "settled last", e);
}
