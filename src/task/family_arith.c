/* arith: addition, subtraction and multiplication of numbers with d digits (the difficulty). Free form, final \boxed{N}.
 *
 * The trace is the school method with columns of two digits, from the right: "68*37+0=2516; 45*37+25=1690; 169016." Each column is a
 * step to be done in the head, with its carry, also where that is 0, so that all columns look alike. The carry is not announced: it is what
 * the column before has above its last two digits, the borrow its minus sign. Columns of one digit are small facts, and leave larger models
 * little to get wrong. */
#include "task/gym_int.h"

enum { ADD, SUB, MUL, OPS, DIGITS_MAX = 8, BASE = 100 };

/* v: op, the larger operand, the smaller (for MUL: the long one, the one of at most two digits); then whether they stand swapped. */
enum { V_OP, V_A, V_B, V_SWAP };

static int64_t power10(int d) {
    int64_t p = 1;
    while (d-- > 0) p *= 10;
    return p;
}

static int columns(int64_t n) {
    int c = 1;
    while (n >= BASE) n /= BASE, c++;
    return c;
}

static int part(int64_t n, int column) { return (int)(n / power10(2 * column) % BASE); }

static void arith_draw(const struct gym_spec *s, int level, int sub, struct picker *p, struct problem *out) {
    (void)s;
    int64_t low = level > 1 ? power10(level - 1) : 1, high = power10(level);
    int64_t a = low + pick(p, (uint64_t)(high - low));
    int64_t b = sub != MUL ? 1 + pick(p, (uint64_t)(high - 1)) : 2 + pick(p, level > 1 ? 98 : 8);
    int64_t swap = a < b;
    problem_add(out, sub);
    problem_add(out, swap ? b : a); /* a-b only with a >= b; a+b and b+a are one problem, so are a*b and b*a */
    problem_add(out, swap ? a : b);
    out->core = out->n;
    problem_add(out, swap && sub == ADD);
}

/* Writes columns and counts them; column number slip_at is first written wrong. */
struct pen {
    struct str *out; /* NULL: only counts */
    struct rng *g;
    int column, slip_at;
};

struct column {
    int op, x, y, in; /* in: carry or borrow */
};

static int column_value(struct column c) {
    return c.op == ADD ? c.x + c.y + c.in : c.op == SUB ? c.x - c.y - c.in : c.x * c.y + c.in;
}

static int column_out(struct column c) { return c.op == SUB ? column_value(c) < 0 : column_value(c) / BASE; }

static void say_column(struct str *out, struct column c, int value) {
    str_printf(out, "%d%c%d%c%d=%d; ", c.x, "+-*"[c.op], c.y, c.op == SUB ? '-' : '+', c.in, value);
}

/* One off, and still a value that some column has. */
static int slip(struct column c, struct rng *g) {
    int v = column_value(c), least = c.op == SUB ? -BASE : 0, most = c.op == SUB ? BASE - 1 : BASE * BASE - 1;
    return v == most || (v > least && rng_below(g, 2)) ? v - 1 : v + 1;
}

static void write_column(struct pen *w, struct column c) {
    int n = w->column++;
    if (!w->out) return;
    if (n == w->slip_at) {
        say_column(w->out, c, slip(c, w->g));
        str_puts(w->out, "Wait, ");
    }
    say_column(w->out, c, column_value(c));
}

static int64_t apply(int64_t op, int64_t a, int64_t b) { return op == ADD ? a + b : op == SUB ? a - b : a * b; }

static void write_work(struct pen *w, int op, int64_t a, int64_t b) {
    int n = columns(op == MUL || a > b ? a : b);
    for (int i = 0, carry = 0; i < n; i++) {
        struct column c = {op, part(a, i), op == MUL ? (int)b : part(b, i), carry};
        write_column(w, c);
        carry = column_out(c);
    }
    if (w->out) str_printf(w->out, "%lld. ", (long long)apply(op, a, b));
}

static void arith_tell(const struct gym_spec *s, const struct problem *p, struct rng *g, struct gym_words *w) {
    int op = (int)p->v[V_OP];
    int64_t a = p->v[p->v[V_SWAP] ? V_B : V_A], b = p->v[p->v[V_SWAP] ? V_A : V_B]; /* as the question has them */
    long long r = apply(op, a, b);
    struct pen count = {.out = NULL}, pen = {.out = &w->trace, .g = g, .slip_at = -1};
    write_work(&count, op, a, b);
    w->slips = rng_uniform(g) < s->slip_rate;
    if (w->slips) pen.slip_at = (int)rng_below(g, (uint64_t)count.column);
    write_work(&pen, op, a, b);
    str_printf(&w->trace, "So %lld.", r);
    str_printf(&w->question, "What is %lld%c%lld?", (long long)a, "+-*"[op], (long long)b);
    str_printf(&w->answer, "%lld", r);
    str_printf(&w->final, "\\boxed{%lld}", r);
}

/* Single columns. */
static void arith_pretrain(const struct gym_spec *s, int64_t index, struct rng *g, struct str *out) {
    (void)s, (void)index;
    for (int i = 0; i < 6; i++) {
        struct column c = {(int)rng_below(g, OPS), (int)rng_below(g, BASE), (int)rng_below(g, BASE), 0};
        uint64_t carries = c.op != MUL ? 2 : c.y ? (uint64_t)c.y : 1;
        c.in = (int)rng_below(g, carries);
        say_column(out, c, column_value(c));
    }
    if (out->len && !out->failed) out->s[--out->len] = 0; /* the blank after the last column */
}

const struct family family_arith = {
    .name = "arith",
    .space = "arith",
    .level_min = 1,
    .level_max = DIGITS_MAX,
    .level_lo = 3,
    .level_hi = 6,
    .subs = OPS,
    .draw = arith_draw,
    .tell = arith_tell,
    .pretrain = arith_pretrain,
    .judge = judge_worked,
    .about = "sums, differences, products by up to two digits, in columns of two (difficulty: digits, 1..8, default 3..6)"};
