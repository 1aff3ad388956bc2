/* arith: addition, subtraction and multiplication of numbers with d digits (the difficulty). Free form, final \boxed{N}.
 *
 * The trace is the school method, column by column from the units, because that is what a small model can learn: every column
 * is a fact of at most 10·10·10 cases ("7+5+0=12 write 2 carry 1;"), always with its carry, also where that is 0, so that all
 * columns look alike. Tokenizers of this house take digits one by one, which is what the columns need. */
#include "task/gym_int.h"

enum { ADD, SUB, MUL, DIGITS_MAX = 6 };

/* v: op, the larger operand, the smaller (for MUL: the long one, the one-digit one); then whether they stand swapped. */
enum { V_OP, V_A, V_B, V_SWAP };

static int64_t power10(int d) {
    int64_t p = 1;
    while (d-- > 0) p *= 10;
    return p;
}

static void arith_draw(const struct gym_spec *s, int level, int sub, struct picker *p, struct problem *out) {
    (void)s;
    int64_t low = level > 1 ? power10(level - 1) : 1, high = power10(level);
    int64_t a = low + pick(p, (uint64_t)(high - low));
    int64_t b = sub == MUL ? 2 + pick(p, 8) : 1 + pick(p, (uint64_t)(high - 1));
    int64_t swap = a < b;
    problem_add(out, sub);
    problem_add(out, swap ? b : a); /* a-b only with a >= b; a+b and b+a are one problem */
    problem_add(out, swap ? a : b);
    out->core = out->n;
    problem_add(out, swap && sub == ADD);
}

struct column {
    int x, y, in, value, write, out;
}; /* in and out: carry or borrow */

static struct column column_of(int op, int x, int y, int in) {
    struct column c = {.x = x, .y = y, .in = in};
    c.value = op == ADD ? x + y + in : op == SUB ? x - y - in : x * y + in;
    c.out = op == SUB ? c.value < 0 : c.value / 10;
    c.write = op == SUB ? c.value + 10 * c.out : c.value % 10;
    return c;
}

static void say_column(struct str *out, int op, struct column c) {
    str_printf(out, "%d%c%d%c%d=%d write %d %s %d; ", c.x, "+-*"[op], c.y, op == SUB ? '-' : '+', c.in, c.value, c.write,
               op == SUB ? "borrow" : "carry", c.out);
}

/* The column with its value one off and all that follows from it. */
static struct column slip(int op, struct column c, struct rng *g) {
    int off = c.value > 0 && rng_below(g, 2) ? -1 : 1;
    struct column w = c;
    w.value += off;
    if (op == SUB && w.value > 9) w.value = c.value - 1;
    w.out = op == SUB ? w.value < 0 : w.value / 10;
    w.write = op == SUB ? w.value + 10 * w.out : w.value % 10;
    return w;
}

static int digits(int64_t n) {
    int d = 1;
    while (n >= 10) n /= 10, d++;
    return d;
}

static void work(const struct gym_spec *s, const struct problem *p, struct rng *g, struct gym_words *w) {
    int op = (int)p->v[V_OP], n = digits(p->v[V_A]), carry = 0;
    int64_t a = p->v[p->v[V_SWAP] ? V_B : V_A], b = p->v[p->v[V_SWAP] ? V_A : V_B]; /* as the question has them */
    int slips = rng_uniform(g) < s->slip_rate, where = (int)rng_below(g, (uint64_t)n);
    for (int i = 0; i < n; i++) {
        int y = (int)(op == MUL ? b : b / power10(i) % 10);
        struct column c = column_of(op, (int)(a / power10(i) % 10), y, carry);
        if (slips && i == where) {
            say_column(&w->trace, op, slip(op, c, g));
            str_puts(&w->trace, "Wait, ");
        }
        say_column(&w->trace, op, c);
        carry = c.out;
    }
    w->slips = slips;
}

static void arith_tell(const struct gym_spec *s, const struct problem *p, struct rng *g, struct gym_words *w) {
    int64_t a = p->v[V_A], b = p->v[V_B], op = p->v[V_OP];
    long long r = op == ADD ? a + b : op == SUB ? a - b : a * b;
    long long left = p->v[V_SWAP] ? b : a, right = p->v[V_SWAP] ? a : b;
    str_printf(&w->question, "What is %lld%c%lld?", left, "+-*"[op], right);
    work(s, p, g, w);
    str_printf(&w->trace, "So %lld.", r);
    str_printf(&w->answer, "%lld", r);
    str_printf(&w->final, "\\boxed{%lld}", r);
}

/* Single columns. */
static void arith_pretrain(const struct gym_spec *s, int64_t index, struct rng *g, struct str *out) {
    (void)s, (void)index;
    for (int i = 0; i < 4; i++) {
        int op = (int)rng_below(g, 3), x = (int)rng_below(g, 10), y = (int)rng_below(g, 10);
        int in = op == MUL ? (y ? (int)rng_below(g, (uint64_t)y) : 0) : (int)rng_below(g, 2);
        say_column(out, op, column_of(op, x, y, in));
    }
    if (out->len && !out->failed) out->s[--out->len] = 0; /* the blank after the last column */
}

const struct family family_arith = {
    .name = "arith",
    .space = "arith",
    .level_min = 1,
    .level_max = DIGITS_MAX,
    .level_lo = 3,
    .level_hi = 5,
    .subs = 3,
    .draw = arith_draw,
    .tell = arith_tell,
    .pretrain = arith_pretrain,
    .about = "sums, differences, products by one digit, column by column (difficulty: digits, 1..6, default 3..5)"};
