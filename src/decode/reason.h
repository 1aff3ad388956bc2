/* The harness: every method at every budget on every question, one row per candidate, and accuracies with intervals.
 *
 * Rows (base/sink.h), in the order question, method, budget:
 *   run        once, first: the settings that facts depend on, and a hash of them
 *   candidate  k, ids, text, answer, reward, correct, accepted, chosen, parent, from
 *   change     a position where the gradient changed the drawn token: before, after, rewards
 *   result     answer, correct, and the account of the question
 *   method     at the end: accuracy, its Wilson 95 % interval, and means per question
 * A result row closes its group (question, method, budget). With `resume` a file is cut off behind its last result row and work goes
 * on from there; since every draw is keyed by what it is for, the facts are those of a run that was never stopped.
 * Means are per question; peak_bytes is the largest resident set of the process. */
#ifndef DECODE_REASON_H
#define DECODE_REASON_H
#include "base/str.h"
#include "decode/method.h"
#include "stats/stats.h"

enum { REASON_METHODS = 16, REASON_BUDGETS = 16 };
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
    int (*stopped)(void); /* polled between questions; may be NULL */
};
/* "a,b,c" and "1,4,8" into the job; repeated entries are errors. */
int reason_parse_methods(struct reason_job *j, const char *list, struct err *e);
int reason_parse_budgets(struct reason_job *j, const char *list, struct err *e);

struct reason_summary {
    const struct method *method;
    const struct budget *budget;
    int64_t n, correct;
    double accuracy;
    struct interval ci;
    double calls, calls_paper, flops, tokens, seconds; /* means per question */
    double peak_bytes;
    double rejection_rate; /* of the rollouts that were judged; NaN: the method judges none */
    double auc;            /* of the reward model, over all scored candidates; NaN: none, or all alike */
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

/* out[n_methods * n_budgets], methods outer. show may be NULL. Nothing is written before the job was found to be sound. */
int reason_run(const struct reason_job *j, struct reason_summary *out, struct reason_show *show, struct err *e);
#endif
