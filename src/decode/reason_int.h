/* Room-private: what reason.c (the loop) and reason_rows.c (rows out and back in) share. */
#ifndef DECODE_REASON_INT_H
#define DECODE_REASON_INT_H
#include "base/sink.h"
#include "decode/reason.h"

/* What one group adds to its method's summary. */
struct reason__result {
    int correct;
    int64_t calls, calls_paper, tokens, judged, rejected, optimised, low_entropy, low_gradient, changed;
    double flops, seconds, peak_bytes;
};
/* Scored candidates, for the reward model's AUC; those beyond `kept` belong to a group that is not closed. */
struct reason__scores {
    double *reward;
    int *correct;
    int64_t n, kept, cap;
};
struct reason__sums {
    struct reason__result total;
    int64_t n, changed_questions;
    struct reason__scores scores;
};

int reason__settings_row(const struct reason_job *j, struct sink *out, struct err *e);
int reason__group_rows(const struct trial *t, const struct method *m, struct sink *out, struct reason__result *res,
                       struct reason__scores *scores, struct reason_show *show, struct err *e);
int reason__method_row(const struct reason_summary *s, struct sink *out, struct err *e);
/* Opens the rows. *done groups (in canonical order) were there already and are in sums[n_methods * n_budgets]. */
int reason__rows_open(struct sink **out, const struct reason_job *j, int64_t *done, struct reason__sums *sums,
                      struct reason_show *show, struct err *e);
int reason__score_add(struct reason__scores *s, double reward, int correct, struct err *e);
void reason__sum(struct reason__sums *s, const struct reason__result *r);
#endif
