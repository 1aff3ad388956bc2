/* The equation is read backwards from its `=` sign, so that words before it ("Wait, ") need no grammar. */
#include "task/step.h"
#include <string.h>

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* Digits at s[*at..n), at most nine; 1 if there were any. */
static int number(const char *s, size_t n, size_t *at, int64_t *out) {
    size_t from = *at;
    for (*out = 0; *at < n && is_digit(s[*at]) && *at - from < 9; ++*at) *out = 10 * *out + (s[*at] - '0');
    return *at > from;
}

static int evaluate(const char *s, size_t n, int64_t *out) {
    size_t at = 0;
    int64_t sum = 0, term, x;
    int sign = 1;
    for (;;) {
        if (!number(s, n, &at, &term)) return 0;
        while (at < n && s[at] == '*' && term < 1000000000) {
            at++;
            if (!number(s, n, &at, &x)) return 0;
            term *= x;
        }
        sum += sign * term;
        if (at == n) break;
        if (s[at] != '+' && s[at] != '-') return 0;
        sign = s[at++] == '+' ? 1 : -1;
    }
    *out = sum;
    return 1;
}

int step_check(const char *s, size_t n, int64_t modulo) {
    const char *eq = memrchr(s, '=', n);
    if (!eq) return -1;
    size_t from = (size_t)(eq - s), at = (size_t)(eq - s) + 1;
    while (from > 0 && (is_digit(s[from - 1]) || strchr("+-*", s[from - 1]))) from--;
    int64_t left, right;
    if (!evaluate(s + from, (size_t)(eq - s) - from, &left) || !number(s, n, &at, &right)) return -1;
    if (modulo <= 0) return left == right;
    return (left % modulo + modulo) % modulo == right % modulo;
}
