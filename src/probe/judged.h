/* What a language model elsewhere says of thoughts: the questions to it, its replies, and the callbacks by which an evaluation reads them.
 *
 * Who carries the questions is the caller's affair: here is no address and no network, only text out and text in. Asked is, of every trace
 * with choices, at each of its steps: which choice is the thought so far committed to (task/monitor.h); and, where wanted, of every trace: where
 * does it turn (task/inflection.h), by the trace's own steps. A question without choices is not asked about: the monitor says N/A there, and
 * they are counted. A reply that says nothing readable is N/A, or no turn, and is counted apart.
 * Thread: one. Traces are borrowed and outlive it. Source: "Reasoning Theater" (arXiv 2603.05488). */
#ifndef PROBE_JUDGED_H
#define PROBE_JUDGED_H
#include "probe/trace.h"
#include "task/inflection.h"

struct judged;
int judged_open(struct judged **out, const struct trace *const *of, size_t n, int turns, struct err *e);
void judged_free(struct judged *j);

int64_t judged_n(const struct judged *j); /* questions */
enum judged_of { JUDGED_STEP, JUDGED_TURNS };
enum judged_of judged_of(const struct judged *j, int64_t i);
/* *messages: a list of {role, content}, the caller's (json_decref). */
int judged_ask(const struct judged *j, int64_t i, json_t **messages, struct err *e);
int judged_take(struct judged *j, int64_t i, const char *reply, struct err *e);

/* For struct evaluate_opts, ctx the judged. Of a trace or a step that has no reply yet: ERR_STATE. */
int judged_monitor(void *ctx, const struct trace *t, int step, int *choice, struct err *e);
int judged_inflections(void *ctx, const struct trace *t, struct inflection *out, int cap, struct err *e);

/* {"readings", "na", "na_share", "unreadable", "traces_without_choices", "against_rules": {"same", "kappa", "both_name", "same_named",
 * "only_model", "only_rules"}}: counts, and shares of readings (same_named: of those where both name a choice); kappa is Cohen's, N/A a class of its
 * own. kind: of one family, NULL: of all. NULL: no memory. */
json_t *judged_monitor_json(const struct judged *j, const char *kind);
/* {"traces", "unreadable", "turns", "rules_turns", "same_steps"}: how many turns each finds, and in how many steps of the trace both find one. */
json_t *judged_turns_json(const struct judged *j, const char *kind);
#endif
