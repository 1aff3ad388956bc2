/* chain: arithmetic modulo 100 in k steps (the difficulty). Half of the questions are free (final \boxed{N}), half have four options.
 *
 * The counterpart of recall: nobody can have learnt 100·296^k results by heart, so the answer is not there before the steps
 * are. Additions and subtractions are small facts; products of two digits are the hard part. Results wrap into 0..99, written
 * without leading zeros. Both forms ask the same problem, so neither can be training where the other is test. */
#include "base/hash.h"
#include "task/gym_int.h"
#include <stdio.h>

enum { STEPS_MAX = 12, ADDENDS = 99, FACTORS = 98, MOD = 100, TRIES = 16 };
enum { FREE_FORM, OPTIONS, FORMS };

/* v: start, then (op, operand) a step; op is the character. Then the form. */

static int64_t ops(const struct problem *p) { return (p->core - 1) / 2; }

/* Each operation equally often: 1 of 3, then its operand out of 98·99, which both ranges divide, so one pick serves. */
static void pick_step(struct picker *p, int64_t *op, int64_t *x) {
    int64_t i = pick(p, 3 * FACTORS * ADDENDS);
    *op = "+-*"[i % 3];
    *x = *op == '*' ? 2 + i / 3 % FACTORS : 1 + i / 3 % ADDENDS;
}

static void chain_draw(const struct gym_spec *s, int level, int sub, struct picker *p, struct problem *out) {
    (void)s;
    problem_add(out, pick(p, MOD));
    for (int i = 0; i < level; i++) {
        int64_t op = 0, x = 0;
        pick_step(p, &op, &x);
        problem_add(out, op);
        problem_add(out, x);
    }
    out->core = out->n;
    problem_add(out, sub);
}

static int64_t apply(int64_t a, int64_t op, int64_t x) {
    int64_t r = op == '+' ? a + x : op == '-' ? a - x : a * x;
    return ((r % MOD) + MOD) % MOD;
}

/* The result of all steps but step `without` (-1: of all). */
static int64_t result(const struct problem *p, int64_t without) {
    int64_t a = p->v[0];
    for (int64_t i = 0; i < ops(p); i++)
        if (i != without) a = apply(a, p->v[1 + 2 * i], p->v[2 + 2 * i]);
    return a;
}

static void say_step(struct str *out, int64_t a, int64_t op, int64_t x, int64_t r) {
    str_printf(out, "%lld%c%lld=%lld", (long long)a, (char)op, (long long)x, (long long)r);
}

/* A result that is off by one or by ten, as a slip of the pen is. */
static int64_t slip(int64_t r, struct rng *g) {
    static const int64_t off[] = {1, MOD - 1, 10, MOD - 10};
    return (r + off[rng_below(g, 4)]) % MOD;
}

static int distinct(const int64_t *v, int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            if (v[i] == v[j]) return 0;
    return 1;
}

/* Four options in two pairs: the right result and a slip of it, what comes out when one step is forgotten and a slip of that; so
 * that an option stands next to another one says nothing. Drawn from the problem, not from the seed: one problem, one list. */
static int options(const struct problem *p, struct gym_words *w) {
    struct rng g = RNG(hash_mix(hash_bytes(HASH_START, p->v, (size_t)p->core * sizeof *p->v)), OPTIONS);
    int64_t right = result(p, -1), v[GYM_CHOICES] = {right, slip(right, &g)};
    int at = 0, tries = 0;
    do {
        v[2] = tries++ < TRIES ? result(p, (int64_t)rng_below(&g, (uint64_t)ops(p))) : (right + MOD / 2) % MOD;
        v[3] = slip(v[2], &g);
    } while (!distinct(v, GYM_CHOICES)); /* half way round is never near */
    rng_shuffle(&g, v, GYM_CHOICES, sizeof *v);
    for (int i = 0; i < GYM_CHOICES; i++) {
        snprintf(w->option[i], sizeof w->option[i], "%lld", (long long)v[i]);
        w->choices[i] = w->option[i];
        if (v[i] == right) at = i;
    }
    w->n_choices = GYM_CHOICES;
    return at;
}

static void conclude(const struct problem *p, struct gym_words *w) {
    if (p->v[p->core] == OPTIONS) {
        int at = options(p, w);
        str_printf(&w->trace, " So %c) %s.", 'A' + at, w->choices[at]);
        str_printf(&w->answer, "%c", 'A' + at);
        str_printf(&w->final, "%c", 'A' + at);
    } else {
        str_printf(&w->answer, "%lld", (long long)result(p, -1));
        str_printf(&w->final, "\\boxed{%lld}", (long long)result(p, -1));
    }
}

static void chain_tell(const struct gym_spec *s, const struct problem *p, struct rng *g, struct gym_words *w) {
    int64_t steps = ops(p), a = p->v[0];
    int slips = rng_uniform(g) < s->slip_rate, where = (int)rng_below(g, (uint64_t)steps);
    str_printf(&w->question, "Start with %lld.", (long long)a);
    for (int64_t i = 0; i < steps; i++) {
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
    conclude(p, w);
    w->slips = slips;
}

/* Single steps that do not follow from one another: no chain is spelt out. */
static void chain_pretrain(const struct gym_spec *s, int64_t index, struct rng *g, struct str *out) {
    (void)s, (void)index;
    for (int i = 0; i < 6; i++) {
        struct picker p = {.rng = g, .size = 1};
        int64_t a = pick(&p, MOD), op = 0, x = 0;
        pick_step(&p, &op, &x);
        say_step(out, a, op, x, apply(a, op, x));
        str_puts(out, i < 5 ? "; " : ".");
    }
}

const struct family family_chain = {
    .name = "chain",
    .space = "chain",
    .level_min = 1,
    .level_max = STEPS_MAX,
    .level_lo = 2,
    .level_hi = 8,
    .subs = FORMS,
    .draw = chain_draw,
    .tell = chain_tell,
    .pretrain = chain_pretrain,
    .judge = judge_worked,
    .about = "steps of + - * modulo 100, one after the other, half with four options (difficulty: steps, 1..12, default 2..8)"};
_Static_assert(2 + 2 * STEPS_MAX <= PROBLEM_MAX, "a chain fits a problem");
