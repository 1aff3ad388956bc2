/* Where the steps of a thought end, as byte offsets.
 *
 * Works on bytes, not on tokens: tokenizers merge ").\n\n" and the like into tokens of their own, and a rule on tokens then joins steps.
 * A step that has ended stays where it is whatever is written next: the ends of a prefix are those of the whole that lie in it. Pure; any thread.
 * Source of the second rule: the "\n\n" steps of "Reasoning Theater" (arXiv 2603.05488). */
#ifndef TASK_TEXT_STEPS_H
#define TASK_TEXT_STEPS_H
#include <stddef.h>

enum step_rule {
    STEP_STOP,       /* with each ';' or '.', as gym_steps cuts the gym's thoughts */
    STEP_BLANK_LINE, /* with the first blank line behind something that is not blank; further ones open the next step */
};

/* Writes the first `cap` ends (past a step's last delimiter byte) to ends; returns how many. What follows the last delimiter is no step
 * yet: where the thought is over, the caller adds n. */
int text_steps(const char *text, size_t n, enum step_rule rule, size_t *ends, int cap);
/* The same, and n as a last end where more than blanks is left: for a thought that is over. */
int text_steps_closed(const char *text, size_t n, enum step_rule rule, size_t *ends, int cap);
/* Where what stands in text[from, to) begins: the first byte that is not blank, or `to`. */
size_t text_step_start(const char *text, size_t from, size_t to);
#endif
