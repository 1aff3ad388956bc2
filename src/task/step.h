/* A rule-based judge of single steps: is the equation in this piece of a thought true? */
#ifndef TASK_STEP_H
#define TASK_STEP_H
#include <stddef.h>
#include <stdint.h>

/* s[n]: "37+15=52", "7+8+0=15 write 5 carry 1", "Wait, 36-86=50": the last `=` with integers joined by + - * (* binds closer) before it
 * and an integer behind it. modulo > 0: both sides are compared modulo it. 1 true, 0 false, -1 no such equation. */
int step_check(const char *s, size_t n, int64_t modulo);
#endif
