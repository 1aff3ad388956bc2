/* One trace under one policy: the readings go by as they would live, and nothing that comes later is looked at. */
#include "probe/measure_exit.h"
#include "probe/measure_int.h"
#include <math.h>

/* What a policy remembers of the readings that it has looked at. */
struct watch {
    int64_t seen, run; /* readings; how many of the last said `class` */
    int class;
    double mean, spread; /* of entropies */
};

static int policy_ok(const struct exit_policy *p, struct err *e) {
    if ((unsigned)p->rule >= EXIT_RULES)
        return fail(e, ERR_RANGE, "expected an exit rule below %d, found %d", EXIT_RULES, (int)p->rule);
    TRY(reader_ok(p->reader, e));
    if (!(p->look_cost >= 0 && p->look_cost < INFINITY && p->exit_cost >= 0 && p->exit_cost < INFINITY))
        return fail(e, ERR_RANGE, "expected costs in tokens, found %g and %g", p->look_cost, p->exit_cost);
    if (isnan(p->threshold)) return fail(e, ERR_RANGE, "expected a threshold, found NaN");
    if (p->rule == EXIT_ENTROPY && !(p->newest > 0 && p->newest <= 1 && p->readings >= 0))
        return fail(e, ERR_RANGE, "expected a weight in (0, 1] and readings from 0 on, found %g and %lld", p->newest,
                    (long long)p->readings);
    if (p->rule == EXIT_AGREE && p->readings < 1)
        return fail(e, ERR_RANGE, "expected at least one reading to agree, found %lld", (long long)p->readings);
    if ((p->cues || p->asks) && p->reader == PROBE_TOKENS)
        return fail(e, ERR_RANGE, "expected a reader at steps for cues and the model's own answers, found one at tokens");
    if (p->rule == EXIT_BUDGET && p->tokens < 0)
        return fail(e, ERR_RANGE, "expected a budget of tokens, found %lld", (long long)p->tokens);
    return 0;
}

static void watch_class(struct watch *w, int class) {
    w->run = class < 0 ? 0 : class == w->class ? w->run + 1 : 1;
    w->class = class;
}

static void watch_entropy(struct watch *w, double h, double newest) {
    w->mean = w->seen ? newest * h + (1 - newest) * w->mean : h;
    w->spread = w->seen ? newest * (h - w->mean) * (h - w->mean) + (1 - newest) * w->spread : 0;
}

/* One more reading: does the policy stop here? */
static int fires(struct watch *w, const struct exit_policy *p, const struct reading_trace *t, int64_t i, const struct said *s) {
    int stop = 0;
    if (p->rule == EXIT_CONFIDENCE) stop = s->confidence >= p->threshold;
    if (p->rule == EXIT_AGREE) {
        watch_class(w, s->class);
        stop = w->run >= p->readings;
    }
    if (p->rule == EXIT_ENTROPY) {
        watch_entropy(w, reading_entropy(t, p->reader, i), p->newest);
        stop = w->seen >= p->readings && w->spread < p->threshold;
    }
    w->seen++;
    return stop;
}

/* The rule's need, asked of the first reading: a reader gives it at all of them or at none. */
static int reader_gives(const struct reading_trace *t, const struct exit_policy *p, struct err *e) {
    if (!readings_of(t, p->reader)) return 0;
    if (p->rule == EXIT_CONFIDENCE && isnan(reading_of(t, p->reader, 0).confidence))
        return fail(e, ERR_RANGE, "expected a reader with confidence, found one of classes alone");
    if (p->rule == EXIT_ENTROPY && isnan(reading_entropy(t, p->reader, 0)))
        return fail(e, ERR_RANGE, "expected a reader with entropies, found one of classes alone");
    return 0;
}

static void stop_at(struct exit_at *x, int64_t reading, int64_t written, int class) {
    x->early = 1, x->reading = reading, x->written = written, x->class = class;
}

/* Tokens that one look writes: injected words, and a trial answer if the reader makes one. */
static double look_tokens(const struct reading_trace *t, const struct exit_policy *p, int64_t i) {
    return p->look_cost + (p->reader == FORCED && t->forced.tokens ? t->forced.tokens[i] : 0);
}

static void watch_readings(struct exit_at *x, const struct reading_trace *t, const struct exit_policy *p) {
    struct watch w = {.class = -1};
    for (int64_t i = 0, m = readings_of(t, p->reader); i < m && !x->early; i++) {
        struct said s = reading_of(t, p->reader, i);
        if (s.written < p->from) continue;
        if (s.written >= t->n_tokens && !p->last) break;
        if (p->cues && !(t->cue && t->cue[i])) continue;
        x->looks++, x->tokens += look_tokens(t, p, i);
        if (s.written >= t->n_tokens) break; /* nothing is left to cut */
        if (fires(&w, p, t, i, &s)) stop_at(x, i, s.written, p->asks ? reading_of(t, FORCED, i).class : s.class);
    }
}

static void spend(struct exit_at *x, const struct reading_trace *t, const struct exit_policy *p) {
    int64_t tokens = p->tokens > p->from ? p->tokens : p->from, last = -1;
    if (tokens >= t->n_tokens) return;
    for (int64_t i = 0, m = readings_of(t, p->reader); i < m && reading_of(t, p->reader, i).written <= tokens; i++) last = i;
    stop_at(x, last, tokens, last < 0 ? -1 : reading_of(t, p->reader, last).class);
}

/* How sure its reader was where it stopped, and the forced answer that was newest there. */
static void add_confidence(struct exit_at *x, const struct reading_trace *t, const struct exit_policy *p) {
    if (x->reading >= 0) x->sure = reading_of(t, p->reader, x->reading).confidence;
    for (int64_t i = 0, m = readings_of(t, FORCED); i < m; i++) {
        struct said s = reading_of(t, FORCED, i);
        if (s.written > x->written) break;
        x->forced_sure = s.confidence;
    }
}

static void replay(struct exit_at *x, const struct reading_trace *t, const struct exit_policy *p) {
    *x = (struct exit_at){.reading = -1, .written = t->n_tokens, .class = t->label, .sure = NAN, .forced_sure = NAN};
    x->full = (double)(t->n_tokens + t->tail);
    if (p->rule == EXIT_BUDGET)
        spend(x, t, p);
    else if (p->rule != EXIT_NEVER && !(p->asks && !readings_of(t, FORCED)))
        watch_readings(x, t, p);
    if (x->early) add_confidence(x, t, p);
    x->tokens += (double)x->written + (x->early ? p->exit_cost : (double)t->tail);
    x->right = t->right < 0 || !x->early ? t->right : x->class >= 0 && x->class == t->truth;
    x->same = t->label < 0 ? -1 : x->class == t->label;
}

int exit_replay(struct exit_at *out, const struct reading_trace *t, const struct exit_policy *p, struct err *e) {
    TRY(policy_ok(p, e));
    TRY(reader_gives(t, p, e));
    replay(out, t, p);
    return 0;
}
