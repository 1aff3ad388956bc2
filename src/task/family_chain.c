/* chain: arithmetic modulo 100 in k steps (the difficulty). Free form, final \boxed{N}.
 *
 * The counterpart of recall: nobody can have learnt 100·206^k results by heart, so the answer is not there before the steps
 * are. Each step is a fact small enough for a small model to know (100 states × 206 operations), so what is measured is
 * reasoning and not multiplication. Results wrap into 0..99, written without leading zeros. */
#include "task/gym_int.h"

enum { STEPS_MAX = 12, ADDENDS = 99, FACTORS = 8, MOD = 100, OPS = 2 * ADDENDS + FACTORS };

/* v: start, then (op, operand) a step; op is the character. */

static void step_of(int64_t i, int64_t *op, int64_t *x) {
    if (i < ADDENDS)
        *op = '+', *x = 1 + i;
    else if (i < 2 * ADDENDS)
        *op = '-', *x = 1 + i - ADDENDS;
    else
        *op = '*', *x = 2 + i - 2 * ADDENDS;
}

/* Each operation equally often: 1 of 3, then its operand out of 8·99, which both ranges divide, so one pick serves. */
static int64_t pick_step(struct picker *p) {
    int64_t i = pick(p, 3 * FACTORS * ADDENDS), op = i % 3, x = i / 3;
    return op < 2 ? op * ADDENDS + x % ADDENDS : 2 * ADDENDS + x % FACTORS;
}

static void chain_draw(const struct gym_spec *s, int level, int sub, struct picker *p, struct problem *out) {
    (void)s, (void)sub;
    problem_add(out, pick(p, MOD));
    for (int i = 0; i < level; i++) {
        int64_t op = 0, x = 0;
        step_of(pick_step(p), &op, &x);
        problem_add(out, op);
        problem_add(out, x);
    }
    out->core = out->n;
}

static int64_t apply(int64_t a, int64_t op, int64_t x) {
    int64_t r = op == '+' ? a + x : op == '-' ? a - x : a * x;
    return ((r % MOD) + MOD) % MOD;
}

static void say_step(struct str *out, int64_t a, int64_t op, int64_t x, int64_t r) {
    str_printf(out, "%lld%c%lld=%lld", (long long)a, (char)op, (long long)x, (long long)r);
}

/* A result that is off by one or by ten, as a slip of the pen is. */
static int64_t slip(int64_t r, struct rng *g) {
    static const int64_t off[] = {1, MOD - 1, 10, MOD - 10};
    return (r + off[rng_below(g, 4)]) % MOD;
}

static void chain_tell(const struct gym_spec *s, const struct problem *p, struct rng *g, struct gym_words *w) {
    int steps = (p->n - 1) / 2;
    int slips = rng_uniform(g) < s->slip_rate, where = (int)rng_below(g, (uint64_t)steps);
    int64_t a = p->v[0];
    str_printf(&w->question, "Start with %lld.", (long long)a);
    for (int i = 0; i < steps; i++) {
        int64_t op = p->v[1 + 2 * i], x = p->v[2 + 2 * i], r = apply(a, op, x);
        str_printf(&w->question, " %s %lld.", op == '+' ? "Add" : op == '-' ? "Subtract" : "Multiply by", (long long)x);
        if (slips && i == where) {
            say_step(&w->trace, a, op, x, slip(r, g));
            str_puts(&w->trace, "; Wait, ");
        }
        say_step(&w->trace, a, op, x, r);
        str_puts(&w->trace, i + 1 < steps ? "; " : ".");
        a = r;
    }
    str_puts(&w->question, " What is the result modulo 100?");
    str_printf(&w->answer, "%lld", (long long)a);
    str_printf(&w->final, "\\boxed{%lld}", (long long)a);
    w->slips = slips;
}

/* Single steps that do not follow from one another: no chain is spelt out. */
static void chain_pretrain(const struct gym_spec *s, int64_t index, struct rng *g, struct str *out) {
    (void)s, (void)index;
    for (int i = 0; i < 6; i++) {
        struct picker p = {.rng = g, .size = 1};
        int64_t a = pick(&p, MOD), op = 0, x = 0;
        step_of(pick_step(&p), &op, &x);
        say_step(out, a, op, x, apply(a, op, x));
        str_puts(out, i < 5 ? "; " : ".");
    }
}

const struct family family_chain = {
    .name = "chain",
    .space = "chain",
    .level_min = 1,
    .level_max = STEPS_MAX,
    .level_lo = 4,
    .level_hi = 8,
    .subs = 1,
    .draw = chain_draw,
    .tell = chain_tell,
    .pretrain = chain_pretrain,
    .about = "steps of + - * modulo 100, one after the other (difficulty: steps, 1..12, default 4..8)"};
_Static_assert(1 + 2 * STEPS_MAX <= PROBLEM_MAX, "a chain fits a problem");
