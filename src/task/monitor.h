/* The text monitor: which answer does a thought, so far, commit itself to?
 *
 * It sees the question, its choices and the thought up to some byte, and nothing from inside the model. It does not solve the question:
 * it believes what the text says of its own conclusion, and answers N/A where it says nothing. Listing or weighing options is neutral; a
 * conclusion ("So B", "It is cat.", "the answer is B", \boxed{B}) counts, and so does ruling out all options but one; "Wait," takes back
 * what was said last. monitor_rules reads by rules in this file's words; monitor_messages asks another language model the same, and
 * monitor_reply reads what it says. Pure functions on text nobody trusts: any bytes, cut anywhere. Thread: any.
 * Source: Boppana et al., "Reasoning Theater" (arXiv 2603.05488), whose monitor is a language model under six rules. */
#ifndef TASK_MONITOR_H
#define TASK_MONITOR_H
#include "base/err.h"
#include "base/str.h"
#include "task/question.h"
#include <jansson.h>

#define MONITOR_NA_SCORE 0.25 /* what N/A counts where a right answer counts 1: a guess among four */

/* text[n] is what followed <think>. Returns the choice (0 is A), or -1 for N/A; -1 too where the question has no choices. */
int monitor_rules(const struct question *q, const char *text, size_t n);
/* For questions without choices: 1 and the answer in answer_parse's normal form, 0 for N/A (*out empty), <0 no memory. */
int monitor_rules_free(const struct question *q, const char *text, size_t n, struct str *out);

/* For a language model as the monitor. *messages: a list of {role, content}, system then user; the caller's (json_decref). Bytes of the
 * thought that are no UTF-8 become U+FFFD, a character cut at its end is left out. ERR_ARG where the question has no choices. */
int monitor_messages(const struct question *q, const char *text, size_t n, json_t **messages, struct err *e);
/* The choice that a reply names ("{'prediction': 'A'}", JSON, in a code fence or not, a bare letter), or -1: N/A, or nothing to be read. */
int monitor_reply(const char *reply, int n_choices);
#endif
