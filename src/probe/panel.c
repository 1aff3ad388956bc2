/* See panel.h. */
#include "probe/panel.h"
#include "base/hash.h"
#include "probe/force.h"
#include "task/monitor.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *keep(struct panel *p, size_t bytes) {
    if (p->n_mem == p->cap_mem) {
        size_t cap = p->cap_mem ? 2 * p->cap_mem : 256;
        void **m = realloc(p->mem, cap * sizeof *m);
        if (!m) return NULL;
        p->mem = m, p->cap_mem = cap;
    }
    void *x = calloc(1, bytes + 1);
    if (x) p->mem[p->n_mem++] = x;
    return x;
}

void panel_close(struct panel *p) {
    for (size_t i = 0; i < p->n_mem; i++) free(p->mem[i]);
    free(p->mem), free(p->t), free(p->of);
    *p = (struct panel){0};
}

/* The forced answer's distribution over the probe's classes. A trial answer has the probability of its first token's class; what is left
 * is shared by the others, so only class and confidence mean anything. */
static int forced_row(const struct probe *p, const struct trace *t, const struct forced *f, double *row) {
    int C = p->shape.classes;
    double sum = 0;
    if (f->logp && p->target != TARGET_RIGHT) {
        for (int k = 0; k < C; k++) sum += row[k] = k < t->q.n_choices ? exp(f->logp[k]) : 0;
        for (int k = 0; k < C; k++) row[k] /= sum;
        return 1;
    }
    int at = -1;
    for (int k = 0; p->by_token && k < C; k++)
        if (p->token[k] == f->token) at = k;
    if (at < 0 || !isfinite(f->p)) return 0;
    double top = fmin(1, fmax(f->p, 1.0 / C));
    for (int k = 0; k < C; k++) row[k] = k == at ? top : (1 - top) / (C - 1);
    return 1;
}

static int add_forced(struct panel *p, const struct probe *pr, const struct trace *t, struct reading_trace *r, struct err *e) {
    int C = pr->shape.classes, whole = 1;
    double *x = keep(p, (size_t)(t->n_steps * C) * sizeof *x), *entropy = keep(p, (size_t)t->n_steps * sizeof *entropy);
    double *conf = keep(p, (size_t)t->n_steps * sizeof *conf), *tokens = keep(p, (size_t)t->n_steps * sizeof *tokens);
    int *choice = keep(p, (size_t)t->n_steps * sizeof *choice);
    if (!x || !entropy || !conf || !tokens || !choice) return fail(e, ERR_NOMEM, "out of memory for forced answers");
    for (int i = 0; i < t->n_steps; i++) {
        const struct forced *f = &t->steps[i].forced;
        if (!isfinite(f->entropy)) return 0; /* the store has none at this step */
        entropy[i] = fmax(0, f->entropy), tokens[i] = (double)f->tokens;
        if (forced_row(pr, t, f, x + i * C)) {
            choice[i] = 0;
            for (int k = 1; k < C; k++)
                if (x[i * C + k] > x[i * C + choice[i]]) choice[i] = k;
            conf[i] = x[i * C + choice[i]];
        } else
            whole = 0, choice[i] = -1, conf[i] = isfinite(f->p) ? fmin(1, f->p) : 0;
    }
    r->forced = whole ? (struct step_reader){.p = x, .entropy = entropy, .tokens = tokens}
                      : (struct step_reader){.choice = choice, .confidence = conf, .entropy = entropy, .tokens = tokens};
    return 0;
}

int monitor_by_rules(void *ctx, const struct trace *t, int step, int *choice, struct err *e) {
    (void)ctx, (void)e;
    *choice = monitor_rules(&t->q, t->text + thought_byte(t), t->steps[step].byte);
    return 0;
}

static int add_monitor(struct panel *p, const struct panel_of *of, const struct trace *t, struct reading_trace *r,
                       struct err *e) {
    if (!of->monitor || of->p->target == TARGET_RIGHT) return 0; /* a monitor names answers */
    int *choice = keep(p, (size_t)t->n_steps * sizeof *choice);
    if (!choice) return fail(e, ERR_NOMEM, "out of memory for a monitor");
    for (int i = 0; i < t->n_steps; i++) {
        TRY(of->monitor(of->ctx, t, i, &choice[i], e));
        if (choice[i] >= of->p->shape.classes) choice[i] = -1;
    }
    r->monitor = (struct step_reader){.choice = choice};
    return 0;
}

/* By the first token behind a reading, as a live run sees it. */
static int turns_behind(const struct trace *t, int64_t reading) {
    int64_t token = t->open + reading;
    return token < t->close && force_cue(t->text + trace_byte(t, token), t->ends[token] - trace_byte(t, token));
}

static int add(struct panel *p, const struct panel_of *of, const struct trace *t, int label, struct err *e) {
    struct reading_trace *r = &p->t[p->n];
    int64_t *at = keep(p, (size_t)t->n_steps * sizeof *at);
    unsigned char *cue = keep(p, (size_t)t->n_steps);
    *r = (struct reading_trace){.question = (size_t)hash_text(t->q.id),
                                .classes = of->p->shape.classes,
                                .label = label,
                                .truth = probe_truth(of->p, t),
                                .right = t->right,
                                .n_tokens = t->close - t->open,
                                .tail = t->n - (t->close - t->open),
                                .n_steps = t->n_steps,
                                .step_at = at,
                                .cue = cue};
    if (!at || !cue) return fail(e, ERR_NOMEM, "out of memory for the steps of a trace");
    for (int i = 0; i < t->n_steps; i++) at[i] = t->steps[i].reading, cue[i] = (unsigned char)turns_behind(t, at[i]);
    if (of->layer >= 0) {
        double *x = keep(p, (size_t)(t->rows * r->classes) * sizeof *x);
        if (!x) return fail(e, ERR_NOMEM, "out of memory for the readings of a trace");
        TRY(probe_read(of->p, of->layer, of->s, t, x, e));
        r->p = x;
    }
    TRY(add_forced(p, of->p, t, r, e));
    TRY(add_monitor(p, of, t, r, e));
    p->of[p->n++] = t;
    return 0;
}

static int open_all(struct panel *p, const struct panel_of *of, struct err *e) {
    size_t n = (size_t)store_n(of->s);
    p->t = calloc(n + 1, sizeof *p->t), p->of = calloc(n + 1, sizeof *p->of);
    if (!p->t || !p->of) return fail(e, ERR_NOMEM, "out of memory for %zu traces", n);
    for (size_t i = 0; i < n; i++) {
        const struct trace *t = store_trace(of->s, (int64_t)i);
        if (of->one && t != of->one) continue;
        if (!kind_in(of->kinds, t->q.kind) || !(of->parts >> probe_part(of->p->split_seed, t->q.id) & 1)) continue;
        int label = t->out ? -1 : probe_class(of->p, t);
        if (t->out)
            p->excluded[t->out]++;
        else if (of->p->target != TARGET_RIGHT && of->p->by_token == (t->q.n_choices > 0))
            p->other_form++;
        else if (label < 0)
            p->no_class++;
        else
            TRY(add(p, of, t, label, e));
    }
    return traces_check(p->t, p->n, e);
}

int panel_open(struct panel *out, const struct panel_of *of, struct err *e) {
    struct panel p = {0};
    int rc = open_all(&p, of, e);
    if (rc < 0)
        panel_close(&p);
    else
        *out = p;
    return rc;
}
