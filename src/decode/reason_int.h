/* Room-private: what reason.c (the loop), reason_rows.c (rows out), reason_resume.c (rows back in) and reason_summary.c (the end) share. */
#ifndef DECODE_REASON_INT_H
#define DECODE_REASON_INT_H
#include "base/sink.h"
#include "decode/reason.h"

/* What one group adds to its method's summary. */
struct reason__result {
    int correct;
    int64_t candidates, right; /* how many, and how many of them are right */
    double reward, verdict;    /* of the chosen answer; NaN: none */
    int64_t calls, calls_paper, tokens, judged, rejected, optimised, low_entropy, low_gradient, changed;
    double flops, seconds, peak_bytes;
};
/* What the reward model scored (candidates, or steps), each with its question; those beyond `kept` belong to a group that is not closed. */
struct reason__scores {
    double *reward;
    int *correct;
    size_t *question;
    int64_t n, kept, cap;
};
/* What is remembered of each question: enough for pass@k and breakdowns. */
struct reason__outcome {
    int correct;
    int32_t candidates, right;
};
struct reason__sums {
    struct reason__result total; /* reward and verdict: sums */
    int64_t n, changed_questions;
    struct reason__scores scores, steps;
    struct reason__outcome *outcome; /* [n of the job] */
};

int reason__settings(const struct reason_job *j, struct str *s, struct err *e); /* everything that facts depend on, as text */
int reason__settings_row(const struct reason_job *j, struct sink *out, struct err *e);
/* cost: taken before anything was verified. at: what the scores of this group are added to. */
int reason__group_rows(const struct trial *t, const struct method *m, const struct cost *cost, struct sink *out,
                       struct reason__result *res, struct reason__sums *at, struct reason_show *show, struct err *e);
/* The end of one method at one budget (reason_summary.c). */
int reason__summary(struct reason_summary *out, const struct reason_job *j, int at, const struct reason__sums *s, struct err *e);
int reason__summary_rows(const struct reason_summary *s, struct sink *out, struct err *e);
/* Opens the rows. *done groups (in canonical order) were there already and are in sums[n_methods * n_budgets]. */
int reason__rows_open(struct sink **out, const struct reason_job *j, int64_t *done, struct reason__sums *sums,
                      struct reason_show *show, struct err *e);
int reason__score_add(struct reason__scores *s, int64_t question, double reward, int correct, struct err *e);
void reason__sum(struct reason__sums *s, const struct reason__result *r);
#endif
