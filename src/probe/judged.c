/* See judged.h. Questions are numbered: the steps of the traces with choices, trace by trace, then the traces themselves. */
#include "probe/judged.h"
#include "probe/learn.h"
#include "task/monitor.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SAYS_NA = -1, UNREADABLE = -2, UNASKED = -3, CLASSES = QUESTION_MAX_CHOICES + 1 /* the last is N/A */ };

struct found {
    struct inflection *at;
    int n; /* or UNREADABLE, UNASKED */
};
struct place {
    const struct trace *t;
    size_t i;
};
struct judged {
    const struct trace **of; /* [n] */
    size_t n;
    int64_t *first;      /* [n + 1]: number of the question about step 0; first[n]: how many there are */
    signed char *choice; /* [first[n]]: a choice, or one of the above */
    struct found *turn;  /* [n] if turns are asked for */
    struct place *place; /* [n], by address */
};

/* ---- open ---- */

static int by_address(const void *a, const void *b) {
    uintptr_t x = (uintptr_t)((const struct place *)a)->t, y = (uintptr_t)((const struct place *)b)->t;
    return (x > y) - (x < y);
}

static int64_t place_of(const struct judged *j, const struct trace *t) {
    const struct place key = {t, 0}, *p = bsearch(&key, j->place, j->n, sizeof *j->place, by_address);
    return p ? (int64_t)p->i : -1;
}

static int fill(struct judged *j, const struct trace *const *of, size_t n, int turns) {
    j->of = calloc(n + 1, sizeof *j->of), j->first = calloc(n + 1, sizeof *j->first), j->place = calloc(n + 1, sizeof *j->place);
    j->turn = turns ? calloc(n + 1, sizeof *j->turn) : NULL;
    if (!j->of || !j->first || !j->place || (turns && !j->turn)) return ERR_NOMEM;
    j->n = n;
    for (size_t i = 0; i < n; i++) {
        j->of[i] = of[i], j->place[i] = (struct place){of[i], i};
        j->first[i + 1] = j->first[i] + (of[i]->q.n_choices ? of[i]->n_steps : 0);
        if (turns) j->turn[i].n = UNASKED;
    }
    qsort(j->place, n, sizeof *j->place, by_address);
    j->choice = malloc((size_t)j->first[n] + 1);
    if (j->choice) memset(j->choice, UNASKED, (size_t)j->first[n] + 1);
    return j->choice ? 0 : ERR_NOMEM;
}

int judged_open(struct judged **out, const struct trace *const *of, size_t n, int turns, struct err *e) {
    struct judged *j = calloc(1, sizeof *j);
    if (!j || fill(j, of, n, turns) < 0) {
        judged_free(j);
        return fail(e, ERR_NOMEM, "out of memory for the judgements of %zu traces", n);
    }
    *out = j;
    return 0;
}

void judged_free(struct judged *j) {
    if (!j) return;
    for (size_t i = 0; j->turn && i < j->n; i++) free(j->turn[i].at);
    free(j->of), free(j->first), free(j->choice), free(j->turn), free(j->place);
    free(j);
}

/* ---- questions and replies ---- */

int64_t judged_n(const struct judged *j) { return j->first[j->n] + (j->turn ? (int64_t)j->n : 0); }

enum judged_of judged_of(const struct judged *j, int64_t i) { return i < j->first[j->n] ? JUDGED_STEP : JUDGED_TURNS; }

/* The trace of question i about a step: the last one whose first question is not behind it and that has any. */
static size_t trace_of(const struct judged *j, int64_t i) {
    size_t lo = 0, hi = j->n;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (j->first[mid] <= i)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static const char *thought(const struct trace *t) { return t->text + thought_byte(t); }
static size_t step_byte(const struct trace *t, int step) {
    return t->steps[step].byte < thought_len(t) ? t->steps[step].byte : thought_len(t);
}

/* A trace as the inflection judge sees it; ends: [t->n_steps + 1]. */
static struct inflection_steps cut(const struct trace *t, size_t *ends) {
    struct inflection_steps s = {.text = thought(t), .n = thought_len(t), .ends = ends};
    size_t last = 0;
    for (int i = 0; i < t->n_steps; i++)
        if (step_byte(t, i) > last) last = ends[s.steps++] = step_byte(t, i);
    if (last < s.n) ends[s.steps++] = s.n;
    return s;
}

static size_t *ends_for(const struct trace *t, struct err *e) {
    size_t *ends = calloc((size_t)t->n_steps + 1, sizeof *ends);
    if (!ends) fail(e, ERR_NOMEM, "out of memory for the steps of a trace");
    return ends;
}

int judged_ask(const struct judged *j, int64_t i, json_t **messages, struct err *e) {
    if (judged_of(j, i) == JUDGED_STEP) {
        size_t k = trace_of(j, i);
        const struct trace *t = j->of[k];
        return monitor_messages(&t->q, thought(t), step_byte(t, (int)(i - j->first[k])), messages, e);
    }
    const struct trace *t = j->of[i - j->first[j->n]];
    size_t *ends = ends_for(t, e);
    if (!ends) return ERR_NOMEM;
    struct inflection_steps s = cut(t, ends);
    int rc = inflection_messages(&s, messages, e);
    free(ends);
    return rc;
}

static int take_turns(struct judged *j, size_t i, const char *reply, struct err *e) {
    struct found *f = &j->turn[i];
    struct err why = ERR_INIT;
    size_t *ends = ends_for(j->of[i], e);
    if (!ends) return ERR_NOMEM;
    struct inflection_steps s = cut(j->of[i], ends);
    int cap = INFLECTION_KINDS * s.steps, n;
    free(f->at);
    *f = (struct found){calloc((size_t)cap + 1, sizeof *f->at), UNASKED};
    n = f->at ? inflection_reply(reply, &s, f->at, cap, &why) : fail(&why, ERR_NOMEM, "out of memory for the turns of a trace");
    free(ends);
    if (n < 0 && n != ERR_FORMAT) return fail(e, n, "%s", why.msg);
    f->n = n < 0 ? UNREADABLE : n;
    return 0;
}

int judged_take(struct judged *j, int64_t i, const char *reply, struct err *e) {
    if (judged_of(j, i) == JUDGED_TURNS) return take_turns(j, (size_t)(i - j->first[j->n]), reply, e);
    int c = monitor_reply(reply, j->of[trace_of(j, i)]->q.n_choices);
    j->choice[i] = (signed char)(c >= 0 ? c : strcasestr(reply, "N/A") ? SAYS_NA : UNREADABLE);
    return 0;
}

/* ---- for the evaluation ---- */

int judged_monitor(void *ctx, const struct trace *t, int step, int *choice, struct err *e) {
    const struct judged *j = ctx;
    int64_t i = place_of(j, t);
    *choice = -1;
    if (!t->q.n_choices) return 0;
    int says = i < 0 ? UNASKED : j->choice[j->first[i] + step];
    if (says == UNASKED) return fail(e, ERR_STATE, "question %.60s, step %d: the monitor has not been asked", t->q.id, step);
    *choice = says < 0 ? -1 : says;
    return 0;
}

int judged_inflections(void *ctx, const struct trace *t, struct inflection *out, int cap, struct err *e) {
    const struct judged *j = ctx;
    int64_t i = place_of(j, t);
    int n = i < 0 || !j->turn ? UNASKED : j->turn[i].n;
    if (n == UNASKED) return fail(e, ERR_STATE, "question %.60s: its turns have not been asked for", t->q.id);
    if (n > cap) n = cap;
    for (int k = 0; k < n; k++) out[k] = j->turn[i].at[k];
    return n < 0 ? 0 : n;
}

/* ---- what is said of it ---- */

struct table {
    int64_t n, na, unreadable, without;
    int64_t both[CLASSES][CLASSES]; /* [the model's][the rules'] */
};

static void count_trace(struct table *c, const struct judged *j, size_t i) {
    const struct trace *t = j->of[i];
    c->without += !t->q.n_choices;
    for (int64_t k = j->first[i]; k < j->first[i + 1]; k++) {
        int says = j->choice[k], rules;
        if (says == UNASKED) continue;
        rules = monitor_rules(&t->q, thought(t), step_byte(t, (int)(k - j->first[i])));
        c->n++, c->na += says == SAYS_NA, c->unreadable += says == UNREADABLE;
        c->both[says < 0 ? CLASSES - 1 : says][rules < 0 ? CLASSES - 1 : rules]++;
    }
}

static double ratio(int64_t a, int64_t b) { return b ? (double)a / (double)b : NAN; }
static json_t *real(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static json_t *against_rules(const struct table *c) {
    int64_t same = 0, named = 0, same_named = 0, model = 0, rules = 0;
    double chance = 0;
    for (int a = 0; a < CLASSES; a++) {
        int64_t row = 0, column = 0;
        for (int b = 0; b < CLASSES; b++) {
            int64_t x = c->both[a][b];
            int by_model = a < CLASSES - 1, by_rules = b < CLASSES - 1;
            row += x, column += c->both[b][a];
            same += a == b ? x : 0, same_named += a == b && by_model ? x : 0;
            named += by_model && by_rules ? x : 0, model += by_model && !by_rules ? x : 0, rules += !by_model && by_rules ? x : 0;
        }
        chance += ratio(row, c->n) * ratio(column, c->n);
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "same", real(ratio(same, c->n)), "kappa",
                     real((ratio(same, c->n) - chance) / (1 - chance)), "both_name", real(ratio(named, c->n)), "same_named",
                     real(ratio(same_named, named)), "only_model", real(ratio(model, c->n)), "only_rules",
                     real(ratio(rules, c->n)));
}

json_t *judged_monitor_json(const struct judged *j, const char *kind) {
    struct table c = {0};
    for (size_t i = 0; i < j->n; i++)
        if (kind_in(kind, j->of[i]->q.kind)) count_trace(&c, j, i);
    return json_pack("{s:I, s:I, s:o, s:I, s:I, s:o}", "readings", (json_int_t)c.n, "na", (json_int_t)c.na, "na_share",
                     real(ratio(c.na + c.unreadable, c.n)), "unreadable", (json_int_t)c.unreadable, "traces_without_choices",
                     (json_int_t)c.without, "against_rules", against_rules(&c));
}

static int has_turn(const struct inflection *x, int n, size_t from, size_t to) {
    for (int i = 0; i < n; i++)
        if (x[i].at >= from && x[i].at < to) return 1;
    return 0;
}

enum { RULE_TURNS = 256 };
struct turns {
    int64_t traces, unreadable, model, rules, same;
};

static int count_turns(struct turns *c, const struct judged *j, size_t i) {
    const struct found *f = &j->turn[i];
    struct inflection by_rules[RULE_TURNS];
    size_t *ends = ends_for(j->of[i], NULL);
    if (!ends) return ERR_NOMEM;
    struct inflection_steps s = cut(j->of[i], ends);
    int n = inflections(s.text, s.n, by_rules, RULE_TURNS);
    c->traces++, c->unreadable += f->n == UNREADABLE, c->model += f->n > 0 ? f->n : 0, c->rules += n;
    for (int k = 0; k < s.steps; k++)
        c->same += has_turn(f->at, f->n, k ? ends[k - 1] : 0, ends[k]) && has_turn(by_rules, n, k ? ends[k - 1] : 0, ends[k]);
    free(ends);
    return 0;
}

json_t *judged_turns_json(const struct judged *j, const char *kind) {
    struct turns c = {0};
    for (size_t i = 0; j->turn && i < j->n; i++)
        if (j->turn[i].n != UNASKED && kind_in(kind, j->of[i]->q.kind) && count_turns(&c, j, i) < 0) return NULL;
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "traces", (json_int_t)c.traces, "unreadable", (json_int_t)c.unreadable, "turns",
                     (json_int_t)c.model, "rules_turns", (json_int_t)c.rules, "same_steps", (json_int_t)c.same);
}
