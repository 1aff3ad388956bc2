/* Checkers: what makes an answer right where many answers are right.
 *
 * A question may carry a check, one line of text that says how its answers are graded. There is one kind:
 *     countdown TARGET from N N …     an expression of value TARGET that uses each number at most as often as it is given
 * An expression has whole numbers, + - * / and brackets; no sign before a number, no leading zeros. `×`, `÷`, `−`, \times,
 * \cdot and \div are read too, and so is "=TARGET" behind it. Values are exact fractions; what leaves 64 bits is not right.
 * Pure functions on text that nobody trusts: length, depth and arithmetic are bounded. */
#ifndef TASK_CHECK_H
#define TASK_CHECK_H
#include "base/str.h"
#include <stdint.h>

#define CHECK_KINDS "countdown TARGET from N N ..." /* for errors */
enum {
    CHECK_MAX_NUMBERS = 16,
    CHECK_MAX_DIGITS = 9, /* of a number, given or used */
    CHECK_MAX_TEXT = 256, /* bytes of an expression without blanks */
    CHECK_MAX_DEPTH = 32, /* brackets within brackets */
};

/* 1: a check of a known kind, well written. */
int check_known(const char *check);
/* What a countdown asks, numbers as it names them; returns how many, 0 where it is none. */
int check_countdown(const char *check, int64_t *target, int64_t given[CHECK_MAX_NUMBERS]);
/* Appends the normal form of an answer: no blanks, ASCII signs, no "=TARGET". 1; 0 where text[n] is no expression (nothing is
 * appended); <0 no memory. */
int check_normal(const char *check, const char *text, size_t n, struct str *out);
/* 1 right, 0 wrong (also: no expression, no known check). */
int check_right(const char *check, const char *text);
#endif
