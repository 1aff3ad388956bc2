/* countdown: make a target from n numbers (the difficulty). Free form, final \boxed{EXPR}; any right expression counts.
 *
 * The only family that has to be searched: many courses are right, most are dead ends, and no step tells which it is but by
 * looking ahead. So the answer is graded by a check (check.h), and a thought is judged by whether the target can still be
 * reached. A target takes at least two moves, from four numbers on at least three. The trace shows a shortest solution; its slip
 * is a dead end that is taken back. */
#include "task/check.h"
#include "task/countdown.h"
#include "task/gym_int.h"
#include <string.h>

enum { NUMBER_MAX = 25, TARGET_MAX = 199 };

/* v: the numbers ascending, the target; then the numbers as the question has them. */
static int count_of(const struct problem *p) { return p->core - 1; }
static int64_t target_of(const struct problem *p) { return p->v[p->core - 1]; }

static struct numbers numbers_of(const struct problem *p) {
    struct numbers s = {.n = 0};
    for (int i = 0; i < count_of(p); i++) countdown_put(&s, p->v[i]);
    return s;
}

/* ---- drawing ---- */

/* The first operation from `o` on that stays in bounds and is no mere dropping of a number. One always does: the sum, or the
 * difference where the sum is too large (b is at most NUMBER_MAX). */
static int64_t fold(int64_t a, int64_t b, uint64_t o, char *op) {
    static const char order[4] = {'*', '/', '-', '+'};
    for (uint64_t i = 0; i < 4; i++) {
        *op = order[(o + i) % 4];
        int64_t r = countdown_apply(a, *op, b);
        if (r >= 1 && r <= TARGET_MAX && r != a && r != b) return r;
    }
    return 0;
}

/* Numbers and what they make, folded from the left: the digits of a code, one of 25 a number and one of 4 an operation. */
static int64_t decode(uint64_t code, int n, struct numbers *s) {
    int64_t target = 0;
    char op = 0;
    *s = (struct numbers){.n = 0};
    for (int i = 0; i < n; i++) {
        int64_t x = 1 + (int64_t)(code % NUMBER_MAX);
        code /= NUMBER_MAX;
        target = i ? fold(target, x, code % 4, &op) : x;
        if (i) code /= 4;
        countdown_put(s, x);
    }
    return target;
}

/* Fewer moves than that would be no search: with more numbers, more targets are a single move away. */
static int moves_needed(int n) { return n > 3 ? 3 : n - 1; }

/* One pick is the code; where its target is too near, the next code of a generator that passes through all codes (modulus
 * 5^i·2^k, factor 1 more than a multiple of 20, addend prime to 10), so every pick ends at a game. */
static void countdown_draw(const struct gym_spec *s, int level, int sub, struct picker *p, struct problem *out) {
    (void)s, (void)sub;
    struct numbers x;
    uint64_t codes = NUMBER_MAX;
    for (int i = 1; i < level; i++) codes *= 4 * NUMBER_MAX;
    uint64_t code = (uint64_t)pick(p, codes);
    int64_t target = decode(code, level, &x);
    while (countdown_near(&x, target, moves_needed(level) - 1)) {
        code = (code * 143861 + 7919) % codes;
        target = decode(code, level, &x);
    }
    for (int i = 0; i < level; i++) problem_add(out, x.x[i]);
    problem_add(out, target);
    out->core = out->n;
    struct picker d = dress(p);
    for (int left = level; left > 0; left--) {
        int i = (int)pick(&d, (uint64_t)left);
        problem_add(out, x.x[i]);
        x.x[i] = x.x[left - 1];
    }
}

/* ---- words ---- */

static void say_left(struct str *out, const struct numbers *s) {
    str_puts(out, "left");
    for (int i = 0; i < s->n; i++) str_printf(out, " %lld", (long long)s->x[i]);
}

static void say_move(struct str *out, struct move m) {
    str_printf(out, "%lld%c%lld=%lld", (long long)m.a, m.op, (long long)m.b, (long long)m.r);
}

/* The move and what it leaves, which becomes *s. */
static void say_step(struct str *out, struct move m, struct numbers *s) {
    countdown_after(s, m, s);
    say_move(out, m);
    str_puts(out, " ");
    say_left(out, s);
}

/* A move from s after which the target cannot be reached; 0 if there is none. */
static int dead_end(const struct numbers *s, int64_t target, struct rng *g, struct move *out) {
    struct move moves[COUNTDOWN_MOVES], none[COUNTDOWN_MAX];
    int n = countdown_moves(s, moves), from = (int)rng_below(g, (uint64_t)n);
    for (int i = 0; i < n; i++) {
        struct numbers t;
        *out = moves[(from + i) % n];
        if (countdown_after(s, *out, &t) && countdown_solve(&t, target, none) < 0) return 1;
    }
    return 0;
}

/* The worked search. A slip stands at a step drawn, or at the next one from which there is a dead end. */
static void search(struct numbers s, int64_t target, const struct move *moves, int n, int where, struct rng *g,
                   struct gym_words *w) {
    for (int i = 0; i < n; i++) {
        struct move wrong;
        if (where >= 0 && i >= where && !w->slips && dead_end(&s, target, g, &wrong)) {
            struct numbers t = s;
            say_step(&w->trace, wrong, &t);
            str_puts(&w->trace, "; Wait, ");
            w->slips = 1;
        }
        if (i + 1 == n) {
            say_move(&w->trace, moves[i]);
            str_puts(&w->trace, ".");
        } else {
            say_step(&w->trace, moves[i], &s);
            str_puts(&w->trace, "; ");
        }
    }
}

static void countdown_tell(const struct gym_spec *s, const struct problem *p, struct rng *g, struct gym_words *w) {
    struct numbers x = numbers_of(p);
    struct move moves[COUNTDOWN_MAX];
    long long target = target_of(p);
    int n = countdown_solve(&x, target, moves), slips = rng_uniform(g) < s->slip_rate, where = (int)rng_below(g, (uint64_t)n);
    str_printf(&w->question, "Make %lld from ", target);
    for (int i = 0; i < x.n; i++) str_printf(&w->question, "%s%lld", i ? ", " : "", (long long)p->v[p->core + i]);
    str_puts(&w->question, ".");
    str_printf(&w->check, "countdown %lld from", target);
    for (int i = 0; i < x.n; i++) str_printf(&w->check, " %lld", (long long)x.x[i]);
    search(x, target, moves, n, slips ? where : -1, g, w);
    countdown_expression(&x, moves, n, &w->answer);
    str_puts(&w->final, "\\boxed{");
    countdown_expression(&x, moves, n, &w->final);
    str_puts(&w->final, "}");
}

/* Single moves with what was left before and after, and no target. Now and then a number is a result of earlier moves. */
static void countdown_pretrain(const struct gym_spec *s, int64_t index, struct rng *g, struct str *out) {
    (void)s, (void)index;
    for (int i = 0; i < 4; i++) {
        struct numbers x = {.n = 0};
        struct move m = {.a = 0};
        int n = 2 + (int)rng_below(g, 3);
        m.a = 1 + (int64_t)rng_below(g, rng_below(g, 2) ? NUMBER_MAX : TARGET_MAX);
        m.b = 1 + (int64_t)rng_below(g, NUMBER_MAX);
        if (m.a < m.b) {
            int64_t a = m.a;
            m.a = m.b;
            m.b = a;
        }
        m.r = fold(m.a, m.b, rng_below(g, 4), &m.op);
        countdown_put(&x, m.a);
        countdown_put(&x, m.b);
        while (x.n < n) countdown_put(&x, 1 + (int64_t)rng_below(g, NUMBER_MAX));
        if (i) str_puts(out, " ");
        say_left(out, &x);
        str_puts(out, "; ");
        say_step(out, m, &x);
        str_puts(out, ".");
    }
}

/* ---- judging ---- */

struct state {
    struct numbers left;
    int right; /* all so far is right, and the target can be reached from what is left */
    int made;  /* the thought has ended with the target */
};

static int read_number(const char *z, size_t n, size_t *at, int64_t *out) {
    size_t from = *at;
    for (*out = 0; *at < n && z[*at] >= '0' && z[*at] <= '9' && *at - from < 9; ++*at) *out = *out * 10 + (z[*at] - '0');
    return *at > from;
}

/* "a op b" at the start of z[n]; 0 if it is none, or has no result. */
static int read_move(const char *z, size_t n, struct move *m) {
    size_t at = 0;
    if (!read_number(z, n, &at, &m->a) || at == n || !memchr(countdown_ops, z[at], sizeof countdown_ops)) return 0;
    m->op = z[at++];
    if (!read_number(z, n, &at, &m->b)) return 0;
    m->r = countdown_apply(m->a, m->op, m->b);
    return m->r > 0;
}

/* step[n], without its delimiter, must be the very words of its move. Only the move that makes the target may leave out what
 * is left; nothing comes after it. */
static struct state follow(struct state now, int64_t target, const char *step, size_t n) {
    struct state next = {.right = 0};
    struct move m, rest[COUNTDOWN_MAX];
    struct str whole = {0};
    next.left = now.left;
    if (!now.right || now.made || !read_move(step, n, &m) || !countdown_after(&now.left, m, &next.left)) return next;
    next.left = now.left;
    say_move(&whole, m);
    size_t brief = whole.len;
    str_clear(&whole);
    say_step(&whole, m, &next.left);
    next.made = m.r == target && n == brief;
    int same = !whole.failed && (n == whole.len || next.made) && !memcmp(whole.s, step, n);
    next.right = same && countdown_solve(&next.left, target, rest) >= 0;
    str_free(&whole);
    return next;
}

static int judge(struct numbers given, int64_t target, const char *trace, size_t n, struct gym_step *out, int cap) {
    struct state now = {.left = given, .right = 1}, before = now;
    size_t from = 0;
    int steps = 0, wait = 0;
    for (size_t at = 0, end; steps < cap && (end = judge_step(trace, n, at, &from, &wait)); at = end) {
        if (wait) now = before; /* the state before the last step told, which may itself have taken one back */
        before = now;
        now = follow(now, target, trace + from, end - from - 1);
        out[steps++] = (struct gym_step){end, now.right};
    }
    return steps;
}

static int countdown_judge(const struct gym_spec *s, const struct problem *p, const char *trace, size_t n, struct gym_step *out,
                           int cap) {
    (void)s;
    return judge(numbers_of(p), target_of(p), trace, n, out, cap);
}

/* Games that the solver does not take on (a check may name more and larger numbers, whose products would leave 64 bits) are not judged. */
int judge_by_check(const char *check, const char *trace, size_t n, struct gym_step *out, int cap) {
    int64_t target, given[CHECK_MAX_NUMBERS];
    struct numbers x = {.n = 0};
    int count = check_countdown(check, &target, given);
    if (count > COUNTDOWN_MAX) return 0;
    for (int i = 0; i < count; i++) {
        if (given[i] < 1 || given[i] > 999) return 0;
        countdown_put(&x, given[i]);
    }
    return x.n ? judge(x, target, trace, n, out, cap) : 0;
}

const struct family family_countdown = {
    .name = "countdown",
    .space = "countdown",
    .level_min = 3,
    .level_max = COUNTDOWN_MAX,
    .level_lo = 3,
    .level_hi = 4,
    .subs = 1,
    .draw = countdown_draw,
    .tell = countdown_tell,
    .pretrain = countdown_pretrain,
    .judge = countdown_judge,
    .about = "make a target from numbers; any right expression counts (difficulty: numbers, 3..6, default 3..4)"};
_Static_assert(2 * COUNTDOWN_MAX + 1 <= PROBLEM_MAX, "a game fits a problem");
