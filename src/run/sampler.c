/* The next token. All in double, in one order, so that the same logits and the same draw give the same token on any machine.
 * With top-k or top-p the candidates are walked from the most probable down, else by id. A heap instead of a sort: nothing is
 * allocated, and for the usual top-k of 40 out of 152k only 40 elements are ever ordered. */
#include "run/sampler.h"
#include <math.h>
#include <stdlib.h>

int sampler_init(struct sampler *s, int V, struct err *e) {
    *s = (struct sampler){.V = V, .p = malloc((size_t)V * sizeof *s->p), .order = malloc((size_t)V * sizeof *s->order)};
    if (s->p && s->order) return 0;
    sampler_fini(s);
    return fail(e, ERR_NOMEM, "out of memory");
}

void sampler_fini(struct sampler *s) {
    free(s->p), free(s->order);
    *s = (struct sampler){0};
}

int sampling_check(const struct sampling *o, struct err *e) {
    if (!(o->temp >= 0 && o->temp <= 1e6)) return fail(e, ERR_RANGE, "temperature: expected 0 to 1e6, found %g", o->temp);
    if (o->top_k < 0) return fail(e, ERR_RANGE, "top-k: expected 0 (off) or more, found %d", o->top_k);
    if (!(o->top_p > 0 && o->top_p <= 1)) return fail(e, ERR_RANGE, "top-p: expected more than 0, at most 1, found %g", o->top_p);
    if (!(o->min_p >= 0 && o->min_p <= 1)) return fail(e, ERR_RANGE, "min-p: expected 0 to 1, found %g", o->min_p);
    if (!(o->repeat_penalty > 0 && o->repeat_penalty <= 1e6))
        return fail(e, ERR_RANGE, "repeat penalty: expected more than 0, found %g", o->repeat_penalty);
    if (o->repeat_window < 0) return fail(e, ERR_RANGE, "repeat window: expected 0 or more tokens, found %d", o->repeat_window);
    return 0;
}

/* Each token of the window counts once, however often it occurs. */
static void penalise(double *p, int V, const struct sampling *o, const int32_t *history, int64_t n) {
    if (o->repeat_penalty == 1.0) return;
    int64_t from = n > o->repeat_window ? n - o->repeat_window : 0;
    for (int64_t i = from; i < n; i++) {
        int32_t id = history[i];
        int64_t j = from;
        while (j < i && history[j] != id) j++;
        if (j < i || id < 0 || id >= V) continue;
        p[id] = p[id] > 0 ? p[id] / o->repeat_penalty : p[id] * o->repeat_penalty;
    }
}

static int32_t argmax(const double *p, int V) {
    int32_t best = 0;
    for (int32_t i = 1; i < V; i++)
        if (p[i] > p[best]) best = i;
    return best;
}

static double log_prob(const float *logits, int V, int32_t id) {
    double max = -INFINITY, sum = 0;
    for (int i = 0; i < V; i++)
        if (logits[i] > max) max = logits[i];
    for (int i = 0; i < V; i++) sum += exp((double)logits[i] - max);
    return (double)logits[id] - max - log(sum);
}

static int before(const double *p, int32_t a, int32_t b) { return p[a] > p[b] || (p[a] == p[b] && a < b); }

static void sift(int32_t *h, int n, int at, const double *p) {
    int32_t x = h[at];
    for (int kid; (kid = 2 * at + 1) < n; at = kid) {
        if (kid + 1 < n && before(p, h[kid + 1], h[kid])) kid++;
        if (!before(p, h[kid], x)) break;
        h[at] = h[kid];
    }
    h[at] = x;
}

/* Moves the most probable of the n heap elements to its end and returns it. */
static int32_t heap_pop(int32_t *h, int n, const double *p) {
    int32_t top = h[0];
    h[0] = h[n - 1], h[n - 1] = top;
    sift(h, n - 1, 0, p);
    return top;
}

static double mass(const struct sampler *s) {
    double sum = 0;
    for (int i = 0; i < s->V; i++) sum += s->p[i];
    return sum;
}

/* The candidate list: order[V-1], order[V-2], … from the most probable down; returns how many. */
static int candidates(struct sampler *s, const struct sampling *o) {
    int V = s->V, k = o->top_k && o->top_k < V ? o->top_k : V, n = 0;
    for (int i = 0; i < V; i++) s->order[i] = i;
    for (int i = V / 2 - 1; i >= 0; i--) sift(s->order, V, i, s->p);
    double total = 0, sum = 0;
    if (k == V)
        total = mass(s);
    else
        for (; n < k; n++) total += s->p[heap_pop(s->order, V - n, s->p)];
    if (o->top_p >= 1.0 && k < V) return k;
    for (int i = 0; i < k; i++) {
        if (i == n) heap_pop(s->order, V - n, s->p), n++;
        sum += s->p[s->order[V - 1 - i]];
        if (sum >= o->top_p * total) return i + 1;
    }
    return k;
}

static int32_t draw_ordered(const struct sampler *s, int n, double min_p, double u) {
    double total = 0, sum = 0;
    const int32_t *last = s->order + s->V - 1;
    for (int i = 0; i < n && (i == 0 || s->p[last[-i]] >= min_p); i++) total += s->p[last[-i]];
    for (int i = 0; i < n && (i == 0 || s->p[last[-i]] >= min_p); i++) {
        sum += s->p[last[-i]];
        if (u * total < sum) return last[-i];
    }
    return last[0];
}

static int32_t draw_by_id(const struct sampler *s, double min_p, double u) {
    double total = 0, sum = 0;
    int32_t last = 0;
    for (int i = 0; i < s->V; i++)
        if (s->p[i] >= min_p) total += s->p[i];
    for (int i = 0; i < s->V; i++) {
        if (!(s->p[i] >= min_p) || s->p[i] == 0) continue;
        sum += s->p[i];
        if (u * total < sum) return i;
        last = i;
    }
    return last;
}

/* The first greatest of the logits; NaN never wins. Eight running maxima, so that the comparisons do not wait for each other. */
static int32_t greedy(const float *logits, int V) {
    float best[8];
    int32_t at[8], id = 0;
    for (int l = 0; l < 8; l++) best[l] = -INFINITY, at[l] = -1;
    int i = 0;
    for (; i + 8 <= V; i += 8)
        for (int l = 0; l < 8; l++) {
            int wins = logits[i + l] > best[l];
            best[l] = wins ? logits[i + l] : best[l];
            at[l] = wins ? i + l : at[l];
        }
    for (; i < V; i++)
        if (logits[i] > best[0]) best[0] = logits[i], at[0] = i;
    float top = -INFINITY;
    for (int l = 0; l < 8; l++)
        if (at[l] >= 0 && (best[l] > top || (best[l] == top && at[l] < id))) top = best[l], id = at[l];
    return id;
}

int32_t sampler_pick(struct sampler *s, const float *logits, const struct sampling *o, double u, const int32_t *history,
                     int64_t n, double *logprob) {
    double *p = s->p;
    if (o->temp == 0 && o->repeat_penalty == 1.0) {
        int32_t id = greedy(logits, s->V);
        if (logprob) *logprob = log_prob(logits, s->V, id);
        return id;
    }
    for (int i = 0; i < s->V; i++) p[i] = isnan(logits[i]) ? -INFINITY : (double)logits[i];
    penalise(p, s->V, o, history, n);
    int32_t best = argmax(p, s->V), id = best;
    if (o->temp > 0 && isfinite(p[best])) {
        double max = p[best];
        for (int i = 0; i < s->V; i++)
            p[i] = exp((p[i] - max) / o->temp); /* relative to the most probable: min-p is a threshold on this */
        int ordered = (o->top_k > 0 && o->top_k < s->V) || o->top_p < 1.0;
        id = ordered ? draw_ordered(s, candidates(s, o), o->min_p, u) : draw_by_id(s, o->min_p, u);
    }
    if (logprob) *logprob = log_prob(logits, s->V, id);
    return id;
}
