/* From the tokens of an answer to a trace: its text, where the thought lies in it, its steps, what is answered at them when it has to be, and
 * whether the trace can be used. */
#ifndef PROBE_SETTLE_H
#define PROBE_SETTLE_H
#include "probe/force.h"
#include "task/text_steps.h"

enum { SETTLE_STEPS = 4096 };
struct settler {
    struct forcer *force; /* its tokenizer spells */
    enum step_rule steps;
    int64_t every; /* > 0: a step every so many tokens instead */
    int forced;    /* force an answer at every step; in any case at the end of a thought that has none */
};
/* t->text and t->ends of t->ids; of bytes without NUL. */
int settle_text(const struct settler *x, struct trace *t, struct err *e);
/* A spelled trace: thought, steps, answers, outcome. s: its session, t->prompt tokens of prompt and then its own but the last. closed: the
 * prompt itself ends the thought (a question to be answered at once), so what was written has none. bad: a state was not finite. */
int settle_trace(const struct settler *x, struct trace *t, const struct session *s, int closed, int bad, struct err *e);
/* Whether text ends with a mark, blanks behind it aside; NULL: no mark. */
int settle_ends_with(const char *text, size_t n, const char *mark);
#endif
