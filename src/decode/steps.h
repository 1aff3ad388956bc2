/* The steps of a written answer: at which tokens they end, and whether everything up to there is right.
 *
 * The thought is what stands between <think> and </think> (to the end where that never comes). Whether a step is right is told by the
 * caller's judge: the gym knows its items (gym_steps), a question from a file carries what it is judged by (question_steps).
 * Thread: no shared state. */
#ifndef DECODE_STEPS_H
#define DECODE_STEPS_H
#include "decode/problem.h"
#include "task/gym.h"

typedef int step_judge(const void *what, const char *thought, size_t n, struct gym_step *out, int cap, struct err *e);

/* ids[n]: an answer without its prompt, spelt by the codec. right[n]: per token 1 (a step ends here, all right so far), 0 (not right) or
 * -1 (no step ends here). Returns the number of steps. */
int steps_mark(const struct codec *c, const int32_t *ids, int64_t n, step_judge *judge, const void *what, signed char *right,
               struct err *e);
#endif
