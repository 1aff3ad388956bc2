/* What stands at the end of a method at a budget: accuracy and pass@k, the reward model's quality, means, and breakdowns; and their rows.
 * Everything is computed from what the harness remembered of each question, so a resumed run ends with the figures of a whole one. */
#include "decode/reason_int.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 1000 };

/* ---- candidates ---- */

static void passes(struct reason_summary *o, const struct reason__sums *s) {
    double sum = 0;
    o->pass = NAN, o->pass_ci = (struct interval){NAN, NAN};
    if (!o->method->independent) return;
    for (int64_t i = 0; i < s->n; i++)
        if (!o->pass_k || s->outcome[i].candidates < o->pass_k) o->pass_k = s->outcome[i].candidates;
    for (int64_t i = 0; i < s->n; i++) sum += pass_at(s->outcome[i].candidates, s->outcome[i].right, o->pass_k);
    o->pass = sum / (double)s->n;
    o->pass_ci = wilson_rate(o->pass, s->n, STATS_Z95);
}

static int rm_quality(struct reason_rm *o, const struct reason__scores *x, int64_t questions, uint64_t seed, struct err *e) {
    const struct resampling how = {RESAMPLES, 0.95, seed};
    size_t n = (size_t)x->kept;
    double *p = calloc(n ? n : 1, sizeof *p);
    if (!p) return fail(e, ERR_NOMEM, "out of memory for %zu rewards", n);
    for (size_t i = 0; i < n; i++) p[i] = 1 / (1 + exp(-x->reward[i]));
    *o = (struct reason_rm){.n = x->kept, .ece = ece(p, x->correct, n, 15), .brier = brier(p, x->correct, n)};
    free(p);
    return auc_grouped(&o->auc, x->reward, x->correct, x->question, n, (size_t)questions, &how, e);
}

/* ---- breakdowns ---- */

static struct reason_part part_of(const struct question *q, enum reason_by by) {
    struct reason_part p = {.by = by, .group = "-"};
    if (by == BY_LEVEL && q->level) snprintf(p.group, sizeof p.group, "%d", q->level);
    if (by == BY_KIND && q->kind && *q->kind) {
        size_t n = strnlen(q->kind, sizeof p.group - 1);
        while (n && ((unsigned char)q->kind[n] & 0xc0) == 0x80) n--; /* no character is cut in two */
        memcpy(p.group, q->kind, n);
        p.group[n] = 0;
    }
    return p;
}

static int part_order(const void *a, const void *b) {
    const struct reason_part *x = a, *y = b;
    long lx = strtol(x->group, NULL, 10), ly = strtol(y->group, NULL, 10);
    return x->by == BY_LEVEL && lx != ly ? (lx > ly) - (lx < ly) : strcmp(x->group, y->group);
}

/* One part a question, sorted, then neighbours of one group merged; returns how many are left. */
static int parts_by(struct reason_part *p, const struct reason_job *j, enum reason_by by, const struct reason__sums *s) {
    int n = 0;
    for (int64_t i = 0; i < s->n; i++) {
        p[i] = part_of(&j->qs->q[i], by);
        p[i].n = 1, p[i].correct = s->outcome[i].correct;
    }
    qsort(p, (size_t)s->n, sizeof *p, part_order);
    for (int64_t i = 0; i < s->n; i++)
        if (n && !strcmp(p[n - 1].group, p[i].group))
            p[n - 1].n += p[i].n, p[n - 1].correct += p[i].correct;
        else
            p[n++] = p[i];
    for (int i = 0; i < n; i++) p[i].ci = wilson(p[i].correct, p[i].n, STATS_Z95);
    return n;
}

static int breakdowns(struct reason_summary *o, const struct reason_job *j, const struct reason__sums *s, struct err *e) {
    if (!j->n_by) return 0;
    o->parts = calloc((size_t)s->n * (size_t)j->n_by, sizeof *o->parts);
    if (!o->parts) return fail(e, ERR_NOMEM, "out of memory for breakdowns");
    for (int i = 0; i < j->n_by; i++) o->n_parts += parts_by(o->parts + o->n_parts, j, j->by[i], s);
    return 0;
}

void reason_summary_fini(struct reason_summary *s) {
    free(s->parts);
    s->parts = NULL, s->n_parts = 0;
}

/* ---- all of it ---- */

int reason__summary(struct reason_summary *out, const struct reason_job *j, int at, const struct reason__sums *s, struct err *e) {
    const struct reason__result *t = &s->total;
    double n = (double)s->n;
    *out = (struct reason_summary){
        .method = j->methods[at / j->n_budgets],
        .budget = &j->budgets[at % j->n_budgets],
        .n = s->n,
        .correct = t->correct,
        .accuracy = t->correct / n,
        .ci = wilson(t->correct, s->n, STATS_Z95),
        .calls = (double)t->calls / n,
        .calls_paper = (double)t->calls_paper / n,
        .flops = t->flops / n,
        .tokens = (double)t->tokens / n,
        .seconds = t->seconds / n,
        .peak_bytes = t->peak_bytes,
        .rejection_rate = t->judged ? (double)t->rejected / (double)t->judged : NAN,
        .reward = t->reward / n,
        .verdict = t->verdict / n,
        .optimised = (double)t->optimised / n,
        .low_entropy = (double)t->low_entropy / n,
        .low_gradient = (double)t->low_gradient / n,
        .changed = (double)t->changed / n,
        .changed_questions = s->changed_questions,
    };
    passes(out, s);
    TRY(rm_quality(&out->rm, &s->scores, s->n, j->r->o.seed, e));
    TRY(rm_quality(&out->steps, &s->steps, s->n, j->r->o.seed, e));
    return breakdowns(out, j, s, e);
}

/* ---- rows ---- */

static int part_row(const struct reason_summary *s, const struct reason_part *p, struct sink *out, struct err *e) {
    const struct field f[] = {F_TEXT("method", s->method->name),
                              F_TEXT("budget", s->budget->text),
                              F_TEXT("by", reason_by_name(p->by)),
                              F_TEXT("group", p->group),
                              F_INT("n", p->n),
                              F_INT("correct", p->correct),
                              F_REAL("accuracy", (double)p->correct / (double)p->n),
                              F_REALS("ci95", &p->ci.lo, 2)};
    return sink_row(out, "part", f, (int)(sizeof f / sizeof *f), e);
}

int reason__summary_rows(const struct reason_summary *s, struct sink *out, struct err *e) {
    const struct field f[] = {F_TEXT("method", s->method->name),
                              F_TEXT("budget", s->budget->text),
                              F_INT("n", s->n),
                              F_INT("correct", s->correct),
                              F_REAL("accuracy", s->accuracy),
                              F_REALS("ci95", &s->ci.lo, 2),
                              F_REAL("calls", s->calls),
                              F_REAL("calls_paper", s->calls_paper),
                              F_REAL("flops", s->flops),
                              F_REAL("tokens", s->tokens),
                              F_REAL("rejection_rate", s->rejection_rate),
                              F_REAL("auc", s->rm.auc.pooled),
                              F_REALS("auc_ci95", &s->rm.auc.pooled_ci.lo, 2),
                              F_REAL("auc_within", s->rm.auc.within),
                              F_REALS("auc_within_ci95", &s->rm.auc.within_ci.lo, 2),
                              F_INT("auc_within_n", s->rm.auc.groups),
                              F_REAL("ece", s->rm.ece),
                              F_REAL("brier", s->rm.brier),
                              F_INT("steps", s->steps.n),
                              F_REAL("step_auc", s->steps.auc.pooled),
                              F_REALS("step_auc_ci95", &s->steps.auc.pooled_ci.lo, 2),
                              F_REAL("step_auc_within", s->steps.auc.within),
                              F_REALS("step_auc_within_ci95", &s->steps.auc.within_ci.lo, 2),
                              F_REAL("step_ece", s->steps.ece),
                              F_REAL("step_brier", s->steps.brier),
                              F_INT("pass_k", s->pass_k),
                              F_REAL("pass", s->pass),
                              F_REALS("pass_ci95", &s->pass_ci.lo, 2),
                              F_REAL("reward", s->reward),
                              F_REAL("verifier", s->verdict),
                              F_REAL("optimised", s->optimised),
                              F_REAL("changed", s->changed),
                              F_INT("changed_questions", s->changed_questions),
                              M_REAL("seconds", s->seconds),
                              M_REAL("peak_bytes", s->peak_bytes)};
    TRY(sink_row(out, "method", f, (int)(sizeof f / sizeof *f), e));
    for (int i = 0; i < s->n_parts; i++) TRY(part_row(s, &s->parts[i], out, e));
    return 0;
}
