/* What early exits save on the clock: the chosen thresholds of an evaluation, run live, one question at a time, against runs without an exit.
 *
 * Each question is run by every policy and by none, in turns, so that whatever else the machine does meets all alike; the run by none has no probe
 * either. Answers are read from what was written. Adds to each family of the tree of evaluate.h
 *   "live": [{policy, threshold, questions, tokens_saved, seconds_saved, accuracy, accuracy_full, change, tokens, seconds, early, looks,
 *             seconds_each, seconds_each_full}]     tokens, seconds: shares saved; *_each: seconds a question; *_full: without an exit
 * and sets seconds_saved in the rows of "exit" that were chosen. Seconds are measurements, the rest are facts. */
#ifndef PROBE_LIVE_EVAL_H
#define PROBE_LIVE_EVAL_H
#include "probe/collect.h"
#include "probe/evaluate.h"
#include "probe/live.h"

struct live_eval {
    struct engine *g;
    const struct tokenizer *words_of;
    const struct think_words *words;
    const struct asker *ask;
    enum step_rule steps;
    int64_t questions;  /* of each family, at most */
    int64_t max_answer; /* tokens behind an exit */
    int reps;           /* of the bootstrap */
    int (*stop)(void);
};
int live_evaluate(json_t *tree, const struct store *s, const struct probe *p, const struct live_eval *o, struct err *e);
#endif
