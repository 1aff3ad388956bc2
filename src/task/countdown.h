/* The countdown game: numbers, moves, and an exact solver.
 *
 * A move takes two numbers away and puts their sum, difference, product or exact quotient in their place. Numbers are always
 * whole and at least 1: whoever reaches a target by way of zero or below also reaches it without. Pure functions. */
#ifndef TASK_COUNTDOWN_H
#define TASK_COUNTDOWN_H
#include "base/str.h"
#include <stdint.h>

enum { COUNTDOWN_MAX = 6 };
extern const char countdown_ops[4]; /* + - * / in the order in which they are tried */

struct numbers {
    int n;
    int64_t x[COUNTDOWN_MAX]; /* ascending */
};
struct move {
    int64_t a, b, r; /* a op b = r */
    char op;
};

/* a op b, or 0 where that is no whole number of at least 1. */
int64_t countdown_apply(int64_t a, char op, int64_t b);
void countdown_put(struct numbers *s, int64_t x); /* n < COUNTDOWN_MAX */
/* What is left after the move; 0 if its operands are not both there. out may be s. */
int countdown_after(const struct numbers *s, struct move m, struct numbers *out);
/* All moves from s that are of any use, ascending; returns how many. */
enum { COUNTDOWN_MOVES = COUNTDOWN_MAX * (COUNTDOWN_MAX - 1) / 2 * 4 };
int countdown_moves(const struct numbers *s, struct move out[COUNTDOWN_MOVES]);
/* Fewest moves that make the target one of the numbers, the first such in a fixed order; returns how many, or -1: impossible. */
int countdown_solve(const struct numbers *s, int64_t target, struct move out[COUNTDOWN_MAX]);
/* 1: at most so many moves make the target. */
int countdown_near(const struct numbers *s, int64_t target, int moves);
/* The moves as one expression. Brackets only where their absence would change the value. */
void countdown_expression(const struct numbers *s, const struct move *moves, int n, struct str *out);
#endif
