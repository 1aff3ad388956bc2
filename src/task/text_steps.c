/* Cutting thoughts into steps. A blank line is two line ends with nothing but blanks between them. */
#include "task/text_steps.h"
#include "task/gym_int.h"

static int blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

size_t text_step_start(const char *text, size_t from, size_t to) {
    while (from < to && (blank(text[from]) || text[from] == '\n')) from++;
    return from;
}

/* Past the blank line that ends the step at `at`, or 0. */
static size_t line_step(const char *text, size_t n, size_t at) {
    int lines = 0; /* line ends since the last byte that is not blank */
    for (at = text_step_start(text, at, n); at < n; at++) {
        if (text[at] == '\n') {
            if (++lines == 2) return at + 1;
        } else if (!blank(text[at])) {
            lines = 0;
        }
    }
    return 0;
}

static size_t next_end(const char *text, size_t n, size_t at, enum step_rule rule) {
    size_t from;
    int wait;
    return rule == STEP_BLANK_LINE ? line_step(text, n, at) : judge_step(text, n, at, &from, &wait);
}

int text_steps(const char *text, size_t n, enum step_rule rule, size_t *ends, int cap) {
    int steps = 0;
    for (size_t at = 0; steps < cap && (at = next_end(text, n, at, rule));) ends[steps++] = at;
    return steps;
}

int text_steps_closed(const char *text, size_t n, enum step_rule rule, size_t *ends, int cap) {
    int steps = text_steps(text, n, rule, ends, cap);
    if (steps < cap && text_step_start(text, steps ? ends[steps - 1] : 0, n) < n) ends[steps++] = n;
    return steps;
}
