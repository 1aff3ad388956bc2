/* The harness: every method at every budget on every question, one row per candidate, and accuracies with intervals.
 *
 * Rows (base/sink.h), in the order question, method, budget:
 *   run        once, first: the settings that facts depend on, and a hash of them
 *   candidate  k, ids, text, answer, reward, verifier, correct, accepted, chosen, parent, from
 *   step       (only if asked for) behind its candidate: at which token it ends, right so far, reward there
 *   change     a position where the gradient changed the drawn token: before, after, rewards
 *   result     answer, correct, and the account of the question
 *   method     at the end: accuracy, its Wilson 95 % interval, pass@k, the reward model's quality, and means per question
 *   part       behind its method row: accuracy on the questions of one level or kind
 * A result row closes its group (question, method, budget). With `resume` a file is cut off behind its last result row and work goes
 * on from there; since every draw is keyed by what it is for, the facts are those of a run that was never stopped.
 * Means are per question; peak_bytes is the largest resident set of the process. */
#ifndef DECODE_REASON_H
#define DECODE_REASON_H
#include "base/str.h"
#include "decode/method.h"
#include "stats/stats.h"

enum { REASON_METHODS = 16, REASON_BUDGETS = 16, REASON_BYS = 2 };
enum reason_by { BY_LEVEL, BY_KIND };
struct reason_job {
    const struct reasoner *r;
    const struct questions *qs;
    int64_t n; /* the first n questions */
    const struct method *methods[REASON_METHODS];
    int n_methods;
    struct budget budgets[REASON_BUDGETS];
    int n_budgets;
    const char *models; /* what identifies LM, RM and data; part of the settings */
    const char *rows;   /* path of the rows, NULL: none */
    int resume;
    enum reason_by by[REASON_BYS]; /* breakdowns, in this order */
    int n_by;
    int (*stopped)(void); /* polled between questions; may be NULL */
};
/* "a,b,c" and "1,4,8" into the job; repeated entries are errors. */
int reason_parse_methods(struct reason_job *j, const char *list, struct err *e);
int reason_parse_budgets(struct reason_job *j, const char *list, struct err *e);
int reason_parse_by(struct reason_job *j, const char *list, struct err *e); /* "level,kind" */

/* The questions of one level or kind. */
struct reason_part {
    enum reason_by by;
    char group[64]; /* the level or the kind (its first 63 bytes); "-": not given */
    int64_t n, correct;
    struct interval ci;
};
const char *reason_by_name(enum reason_by by);

/* How well the reward model knows right from wrong, over the candidates it scored for a method (not what it would say of others; only
 * finite scores count). n 0: none, and the rest is NaN. ECE and Brier take sigmoid(reward) for the chance of being right. Intervals
 * resample questions. */
struct reason_rm {
    int64_t n;
    struct auc_grouped auc;
    double ece, brier;
};

struct reason_summary {
    const struct method *method;
    const struct budget *budget;
    int64_t n, correct;
    double accuracy;
    struct interval ci;
    double calls, calls_paper, flops, tokens, seconds; /* means per question */
    double peak_bytes;
    double rejection_rate;  /* of the rollouts that were judged; NaN: the method judges none */
    struct reason_rm rm;    /* over candidates */
    struct reason_rm steps; /* over the ends of their steps: does it know whether all was right up to there? */
    /* Share of questions with a right one among pass_k independent candidates; pass_k is the least number of candidates that a question
     * got. 0: the method's candidates are not independent draws */
    int64_t pass_k;
    double pass;
    struct interval pass_ci;
    double reward, verdict; /* of the chosen answer by reward model and verifier, means; NaN: no such model read them all */
    struct reason_part *parts;
    int n_parts;
    double optimised, low_entropy, low_gradient, changed; /* positions, means per question */
    int64_t changed_questions;
};
/* The most telling question on which the gradient changed a token; all strings malloc'd, question NULL: there was none. */
struct reason_show {
    char *id, *question, *truth, *method, *budget;
    char *prefix, *was, *rest;         /* the trajectory: text before the position, its token, what follows */
    char *plain, *tilted, *rest_after; /* tokens drawn before and after the descent; what follows the latter */
    char *answer_before, *answer_after;
    double u, p_plain, p_tilted, reward_before, reward_after;
    int accepted, rolled, correct_before, correct_after;
    int score; /* how telling */
};
void reason_show_fini(struct reason_show *s);

void reason_summary_fini(struct reason_summary *s); /* its parts; nothing to do for a job without breakdowns */

/* out[n_methods * n_budgets], methods outer; each to be ended by reason_summary_fini. show may be NULL. Nothing is written before the job
 * was found to be sound. */
int reason_run(const struct reason_job *j, struct reason_summary *out, struct reason_show *show, struct err *e);
#endif
