/* Early exits replayed over finished traces: where a policy would have stopped the thought, what it would have answered, what that
 * saves, and the thresholds to stop at: chosen on validation traces, or with a promise (split conformal).
 *
 * Tokens are accounted for honestly: a policy pays for what it injects while looking and for what it injects to have the answer
 * written. Times are not known here: a replay saves tokens, a live run saves seconds. Conventions as in measure.h. */
#ifndef PROBE_MEASURE_EXIT_H
#define PROBE_MEASURE_EXIT_H
#include "probe/measure.h"

/* When a policy stops. Readings are looked at from `from` tokens on, while tokens of the thought are still to come: what fires only at
 * its end is no early exit.
 *   NEVER       the thought runs to its end
 *   CONFIDENCE  at the first reading with confidence >= threshold
 *   ENTROPY     at the first reading, with at least `readings` before it, where the exponentially weighted variance of the entropy H
 *               (bits) is below threshold; with w = newest, M_1 = H_1, V_1 = 0,
 *               M_k = w H_k + (1 − w) M_{k−1}, V_k = w (H_k − M_k)² + (1 − w) V_{k−1}
 *               (EAT, Wang et al. 2025, arXiv 2509.26522)
 *   AGREE       when the last `readings` readings said the same class; N/A agrees with nothing (Dynasor, Fu et al. 2024)
 *   BUDGET      after `tokens` tokens; the answer is that of the last reading made by then; none, which is wrong, if none was made */
enum exit_rule { EXIT_NEVER, EXIT_CONFIDENCE, EXIT_ENTROPY, EXIT_AGREE, EXIT_BUDGET, EXIT_RULES };
struct exit_policy {
    enum exit_rule rule;
    enum reader reader; /* who is looked at and answers */
    double threshold, newest;
    int64_t readings, tokens;
    int64_t from;     /* no exit before that many tokens */
    int cues;         /* look only at steps behind which the text turns (DEER); the reader reads at steps */
    int asks;         /* the answer is the forced one of the same step: the model's own; the reader reads at steps */
    int last;         /* a step where the thought ends costs a look too: a live run cannot know that it is the last */
    double look_cost; /* tokens injected for each look, beside those that the reader says it wrote: 0 for a probe */
    double exit_cost; /* tokens written after an exit: marks, prefix, answer */
};

/* One replay. Cost of the trace in full: n_tokens + tail; of a run that does not exit, that and its looks. */
struct exit_at {
    int early;
    int64_t reading; /* of the policy's reader; −1: not early, or a budget spent before its first reading */
    int64_t written; /* tokens of the thought */
    int class;       /* answer: the reader's, or the model's own label; −1: none */
    int right;       /* the answer is correct; −1: not known */
    int same;        /* it is the model's own; −1: not known */
    int64_t looks;
    double tokens, full;
    double sure, forced_sure; /* confidence where it stopped: of the policy's reader, of the newest forced answer by then; NaN */
};
/* ERR_RANGE for an impossible policy, or a trace whose reader does not give what the rule needs. A trace without readings, or without the forced
 * answers that `asks` wants, runs to its end. */
int exit_replay(struct exit_at *out, const struct reading_trace *t, const struct exit_policy *p, struct err *e);

/* What a policy does over traces; means over questions. */
struct exit_point {
    struct estimate accuracy, full_accuracy; /* of the answers; of the model's own; traces with `right` known */
    struct estimate change;                  /* accuracy − full_accuracy, of the same questions */
    struct estimate same;                    /* answers equal to the model's own; traces with a label */
    struct estimate lost;                    /* right in full, wrong behind the exit: share of questions with `right` known */
    struct estimate early;                   /* share of thoughts cut */
    struct estimate saved;                   /* 1 − tokens / full of a trace */
    struct estimate saved_total;             /* 1 − Σ tokens / Σ full */
    struct estimate saved_paper; /* (last − exit) / last over token indices of the thought, nothing injected; 0 for one token */
    struct estimate tokens, looks;     /* of a trace, means */
    struct estimate sure, forced_sure; /* of thoughts cut, means of exit_at's */
    int64_t traces, questions;
};
/* out[m], of the same resamples for all policies. how NULL: no intervals. */
int measure_exit(struct exit_point *out, const struct exit_policy *p, size_t m, const struct reading_trace *t, size_t n,
                 const struct resampling *how, struct err *e);
/* The policy that saves most (`saved`) among those whose accuracy falls by at most max_loss (0.01: one point); on equal savings the more
 * accurate one. sure: so few questions may be lost that a rate of losses above max_loss would show so few with a chance of 5 % at most (exact, unlike a
 * bootstrap, for which none is none); where there are too few questions to say that of any policy, none may be lost. −1: none saves
 * anything. To be used on validation traces; the figures to report are those of other traces at the chosen policy. */
int64_t exit_choose(const struct exit_point *p, size_t m, double max_loss, int sure);

/* ---- a threshold with a promise ---- */

/* What counts as a bad exit: an answer that is not the model's own; that is not the correct one; that is not the correct one
 * where the model's own is. */
enum exit_error { EXIT_NOT_LABEL, EXIT_NOT_TRUTH, EXIT_LOSES };
/* Threshold for EXIT_CONFIDENCE of the reader, from calibration traces, such that
 *
 *     P(the policy exits early with a bad answer on a new question) <= alpha,
 *
 * for a question exchangeable with the calibration ones (so of known target, too), over the draw of both; if a question has several
 * traces: on any of them. The reader must not have been trained, scaled or chosen on the calibration traces: that would make the new
 * question unlike them. It says nothing of the share of bad ones among exits, nor of one family or one calibration set by itself.
 *
 * Construction. A policy with threshold τ stops at the first reading with confidence >= τ, which is a record: its confidence exceeds
 * all before it. Let s be the largest confidence of a record whose answer would be bad (−1 if there is none), the largest of the
 * question's traces. A bad exit at τ happens at a bad record with confidence >= τ, so it implies s >= τ. s does not depend on τ, so
 * the scores of the n calibration questions and of the new one are exchangeable, and with q their conformal quantile (stats.h)
 * P(s_new > q) <= alpha. The threshold is the next number above q: s >= threshold implies s > q. (Whether an exit is bad is not
 * monotone in τ: a lower threshold may stop at an earlier, good record. "s >= τ" is the smallest monotone event that covers it, which
 * is what lets one quantile do.) */
struct conformal {
    double threshold;  /* ∞: too few questions to promise alpha; above 1: no confidence is enough */
    int64_t questions; /* that were used: the target is known and there are readings */
    int64_t bad;       /* those with any bad record */
};
/* from as in the policy. A question counts if any of its traces does. alpha in (0, 1). */
int measure_conformal(struct conformal *out, const struct reading_trace *t, size_t n, enum reader r, enum exit_error bad,
                      double alpha, int64_t from, struct err *e);

/* ---- transfer ---- */

/* A cell of a matrix (probe trained there, traces from here): how a probe and its policy do when they are carried over. */
struct transfer_cell {
    struct estimate accuracy; /* of all readings against the label, mean over questions */
    struct estimate ece;      /* top class, 15 bins, against the label */
    struct exit_point exit;
};
int measure_transfer(struct transfer_cell *out, const struct exit_policy *carried, const struct reading_trace *t, size_t n,
                     const struct resampling *how, struct err *e);
#endif
