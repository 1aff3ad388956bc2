/* Policies over many traces: points of a curve with intervals, the choice among them, a cell of the transfer matrix. */
#include "probe/measure_exit.h"
#include "probe/measure_int.h"
#include "stats/stats.h"
#include <math.h>
#include <stdlib.h>

/* Cells of a policy; its figures are their means and two more. */
enum { RIGHT, FULL_RIGHT, LOST, SAME, EARLY, SAVED, PAPER, TOKENS, FULL, LOOKS, SURE, FORCED_SURE, CELLS };
enum { CHANGE = CELLS, SAVED_TOTAL, FIGURES };

struct replays {
    struct tally y;
    double *means; /* [policies, CELLS] room */
};

static double paper_saving(const struct reading_trace *t, const struct exit_at *x) {
    double last = (double)t->n_tokens - 1, at = fmax((double)x->written - 1, 0);
    return x->early && last > 0 ? (last - at) / last : 0;
}

static void replay_add(struct tally *y, size_t trace, size_t at, const struct reading_trace *t, const struct exit_at *x) {
    if (t->right >= 0) {
        tally_add(y, trace, at + RIGHT, x->right);
        tally_add(y, trace, at + FULL_RIGHT, t->right);
        tally_add(y, trace, at + LOST, t->right && x->right == 0);
    }
    if (t->label >= 0) tally_add(y, trace, at + SAME, x->same);
    tally_add(y, trace, at + EARLY, x->early);
    tally_add(y, trace, at + SAVED, 1 - x->tokens / x->full);
    tally_add(y, trace, at + PAPER, paper_saving(t, x));
    tally_add(y, trace, at + TOKENS, x->tokens);
    tally_add(y, trace, at + FULL, x->full);
    tally_add(y, trace, at + LOOKS, (double)x->looks);
    if (isfinite(x->sure)) tally_add(y, trace, at + SURE, x->sure);
    if (isfinite(x->forced_sure)) tally_add(y, trace, at + FORCED_SURE, x->forced_sure);
}

static int replays_fill(struct replays *r, const struct exit_policy *p, size_t m, const struct reading_trace *t, size_t n,
                        struct err *e) {
    for (size_t j = 0; j < m; j++)
        for (size_t i = 0; i < n; i++) {
            struct exit_at x;
            TRY(exit_replay(&x, t + i, p + j, e));
            replay_add(&r->y, i, j * CELLS, t + i, &x);
        }
    return 0;
}

/* out[policies, FIGURES]: means over questions, but for the total of tokens. */
static void all_figures(double *out, size_t k, const void *replays, const size_t *idx, size_t m) {
    const struct replays *r = replays;
    tally_questions(r->means, &r->y, idx, m);
    tally_total(&r->y, idx, m);
    for (size_t p = 0; p < k / FIGURES; p++, out += FIGURES) {
        const double *sum = r->y.total + p * CELLS;
        for (size_t c = 0; c < CELLS; c++) out[c] = r->means[p * CELLS + c];
        out[CHANGE] = out[RIGHT] - out[FULL_RIGHT];
        out[SAVED_TOTAL] = sum[FULL] > 0 ? 1 - sum[TOKENS] / sum[FULL] : NAN;
    }
}

static int points(struct exit_point *out, const struct replays *r, size_t m, size_t traces, const struct resampling *how,
                  struct err *e) {
    struct estimate *f = calloc(m * FIGURES + 1, sizeof *f);
    int rc = f ? estimates(f, m * FIGURES, all_figures, r, r->y.questions, 0, how, e)
               : fail(e, ERR_NOMEM, "no memory for %zu policies", m);
    for (size_t j = 0; rc == 0 && j < m; j++) {
        const struct estimate *x = f + j * FIGURES;
        out[j] = (struct exit_point){.accuracy = x[RIGHT],
                                     .full_accuracy = x[FULL_RIGHT],
                                     .change = x[CHANGE],
                                     .lost = x[LOST],
                                     .same = x[SAME],
                                     .early = x[EARLY],
                                     .saved = x[SAVED],
                                     .saved_total = x[SAVED_TOTAL],
                                     .saved_paper = x[PAPER],
                                     .tokens = x[TOKENS],
                                     .looks = x[LOOKS],
                                     .sure = x[SURE],
                                     .forced_sure = x[FORCED_SURE],
                                     .traces = (int64_t)traces,
                                     .questions = (int64_t)r->y.questions};
    }
    free(f);
    return rc;
}

int measure_exit(struct exit_point *out, const struct exit_policy *p, size_t m, const struct reading_trace *t, size_t n,
                 const struct resampling *how, struct err *e) {
    struct replays r = {.means = NULL};
    if (m > MEASURE_BINS) return fail(e, ERR_RANGE, "expected at most %d policies, found %zu", MEASURE_BINS, m);
    TRY(tally_new(&r.y, t, n, m * CELLS, e));
    r.means = calloc(m * CELLS + 1, sizeof *r.means);
    int rc = r.means ? replays_fill(&r, p, m, t, n, e) : fail(e, ERR_NOMEM, "no memory for %zu policies", m);
    if (rc == 0) rc = points(out, &r, m, n, how, e);
    tally_free(&r.y), free(r.means);
    return rc;
}

static int loses_little(const struct exit_point *p, double max_loss) {
    int64_t n = p->questions, lost = (int64_t)ceil(p->lost.value * (double)n - 1e-9);
    if (n < 1 || !(p->lost.value >= 0)) return 0;
    return rate_upper(0, n, 0.05) > max_loss ? lost == 0 : rate_upper(lost, n, 0.05) <= max_loss;
}

int64_t exit_choose(const struct exit_point *p, size_t m, double max_loss, int sure) {
    int64_t best = -1;
    for (size_t j = 0; j < m; j++) {
        if (!(p[j].change.value >= -max_loss && p[j].saved.value > 0)) continue; /* NaN is never enough */
        if (sure && !loses_little(p + j, max_loss)) continue;
        const struct exit_point *b = best < 0 ? NULL : p + best;
        if (!b || p[j].saved.value > b->saved.value ||
            (p[j].saved.value == b->saved.value && p[j].accuracy.value > b->accuracy.value))
            best = (int64_t)j;
    }
    return best;
}

int measure_transfer(struct transfer_cell *out, const struct exit_policy *carried, const struct reading_trace *t, size_t n,
                     const struct resampling *how, struct err *e) {
    struct transfer_cell c;
    struct curve_point all;
    struct calibration k;
    TRY(measure_curve(&all, 1, t, n, carried->reader, VS_LABEL, ALONG_TOKENS, how, e));
    TRY(measure_calibration(&k, 1, &CALIBRATION_DEFAULT, t, n, carried->reader, how, e));
    TRY(measure_exit(&c.exit, carried, 1, t, n, how, e));
    c.accuracy = all.questions, c.ece = k.ece;
    *out = c;
    return 0;
}
