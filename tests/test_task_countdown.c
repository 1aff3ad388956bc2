/* task: countdown. Its questions and its judge against an oracle that tries everything and shares no code with them. */
#include "base/rng.h"
#include "gym_items.h"
#include "task/answer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(task_countdown, .timeout = HANG_S);

/* ---- the oracle of reachability: every order, every pair, fractions left out, zero and negative numbers let in ---- */

/* In at most so many moves. */
static int within(const long *x, int n, long target, int moves) {
    for (int i = 0; i < n; i++)
        if (x[i] == target) return 1;
    for (int i = 0; i < n && moves > 0; i++)
        for (int k = 0; k < n; k++) {
            if (i == k) continue;
            long rest[8], results[4] = {x[i] + x[k], x[i] - x[k], x[i] * x[k], 0};
            int m = 0, count = 3;
            if (x[k] && x[i] % x[k] == 0) results[count++] = x[i] / x[k];
            for (int j = 0; j < n; j++)
                if (j != i && j != k) rest[m++] = x[j];
            for (int o = 0; o < count; o++) {
                rest[m] = results[o];
                if (within(rest, m + 1, target, moves - 1)) return 1;
            }
        }
    return 0;
}

static int reachable(const long *x, int n, long target) { return within(x, n, target, n); }

struct game {
    long x[8], target;
    int n;
};

static struct game read_question(const char *z) {
    struct game g = {.n = 0};
    int at = 0;
    cr_assert_eq(sscanf(z, "Make %ld from%n", &g.target, &at), 1, "%s", z);
    for (z += at; *z != '.'; z += at) { cr_assert(g.n < 6 && sscanf(z, "%*[, ]%ld%n", &g.x[g.n++], &at) == 1, "%s", z); }
    return g;
}

static int by_long(const void *a, const void *b) {
    return (*(const long *)a > *(const long *)b) - (*(const long *)a < *(const long *)b);
}

static long apply(long a, char op, long b) { return op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b; }

/* Plays a op b; 0 if one is not there. The numbers are sorted after it. */
static int play(struct game *g, long a, char op, long b) {
    int i = 0, k = 0;
    while (i < g->n && g->x[i] != a) i++;
    while (k < g->n && (g->x[k] != b || k == i)) k++;
    if (i == g->n || k == g->n) return 0;
    g->x[i] = apply(a, op, b);
    g->x[k] = g->x[--g->n];
    qsort(g->x, (size_t)g->n, sizeof *g->x, by_long);
    return 1;
}

static void say(struct str *out, const struct game *after, long a, char op, long b, long r) {
    str_printf(out, "%ld%c%ld=%ld left", a, op, b, r);
    for (int i = 0; i < after->n; i++) str_printf(out, " %ld", after->x[i]);
}

Test(task_countdown, the_oracle_can_tell) {
    cr_expect(reachable((long[]){3, 7, 12, 5}, 4, 41) && !reachable((long[]){2, 2}, 2, 3) && reachable((long[]){8, 2}, 2, 4));
}

/* ---- worked traces ---- */

/* Every step exact, with numbers that are there, and left as it says; the last makes the target. Returns how many. */
static int check_trace(const char *trace, struct game g) {
    for (int moves = 1;; moves++) {
        long a = 0, b = 0, r = 0;
        char op = 0;
        int at = 0;
        cr_assert_eq(sscanf(trace, "%ld%c%ld=%ld%n", &a, &op, &b, &r, &at), 4, "%s", trace);
        cr_assert(play(&g, a, op, b) && r == apply(a, op, b) && (op != '/' || a % b == 0), "%s", trace);
        if (trace[at] == '.') {
            cr_expect(r == g.target && !trace[at + 1], "%s", trace);
            return moves;
        }
        struct str step = {0};
        say(&step, &g, a, op, b, r);
        cr_assert(!strncmp(trace, step.s, step.len) && !strncmp(trace + step.len, "; ", 2), "%s is not %s", trace, step.s);
        trace += step.len + 2;
        str_free(&step);
    }
}

static void labels(const struct gym_spec *s, int64_t i, const char *trace, char out[65]) {
    struct gym_step st[64];
    struct err e = ERR_INIT;
    int n = gym_steps(s, i, trace, strlen(trace), st, 64, &e);
    cr_assert_geq(n, 0, "%s", e.msg);
    for (int k = 0; k < n; k++) out[k] = st[k].right ? '1' : '0';
    out[n] = 0;
}

Test(task_countdown, worked_traces_are_exact_and_right) {
    struct gym_spec s = spec("countdown", GYM_TRAIN, 21);
    s.level_hi = 6;
    s.slip_rate = 0;
    for (int64_t i = 0; i < 1500; i++) {
        struct gym_item it = item(&s, i);
        struct game g = read_question(it.q.question);
        char z[65];
        cr_assert_eq(g.n, it.level);
        for (int k = 0; k < g.n; k++) cr_expect(g.x[k] >= 1 && g.x[k] <= 25 && g.x[k] != g.target);
        cr_expect(g.target >= 1 && g.target <= 199);
        int moves = check_trace(it.q.trace, g);
        cr_expect(moves >= (g.n > 3 ? 3 : 2) && moves < g.n);
        if (moves <= 3 || i < 200) cr_expect(!within(g.x, g.n, g.target, moves - 1), "%s", it.q.question);
        labels(&s, i, it.q.trace, z);
        cr_expect(!strchr(z, '0') && (int)strlen(z) == moves, "%s: %s", it.q.trace, z);
        struct str a = {0};
        cr_expect_eq(answer_parse(it.q.final, &it.q, &a), 1);
        cr_expect_eq(answer_grade(&it.q, a.s), 1, "%s: %s", it.q.question, a.s);
        str_free(&a);
        gym_item_fini(&it);
    }
}

/* A slip is a step after which the target is out of reach, and is taken back. */
Test(task_countdown, slips_are_dead_ends) {
    struct gym_spec s = spec("countdown", GYM_TRAIN, 22);
    int slips = 0;
    s.slip_rate = 1;
    for (int64_t i = 0; i < 400; i++) {
        struct gym_item it = item(&s, i);
        char z[65], *wait = strstr(it.q.trace, "; Wait, ");
        labels(&s, i, it.q.trace, z);
        cr_expect_eq(it.slips, wait != NULL);
        slips += it.slips;
        cr_expect_eq(strchr(z, '0') != NULL, it.slips);
        cr_expect(strchr(z, '0') == strrchr(z, '0') && z[strlen(z) - 1] == '1', "%s: %s", it.q.trace, z);
        if (wait) { /* the dead end by itself */
            struct game g = {.target = read_question(it.q.question).target};
            char *left = strstr(it.q.trace, " left");
            for (char *next = strstr(left + 1, " left"); next && next < wait; next = strstr(left + 1, " left")) left = next;
            for (left += 5; *left == ' '; g.n++) g.x[g.n] = strtol(left, &left, 10);
            cr_expect(!reachable(g.x, g.n, g.target), "%s", it.q.trace);
        }
        gym_item_fini(&it);
    }
    cr_expect_gt(slips, 380); /* with more numbers there may be no dead end */
}

/* Random games: true and corrupted steps, several taken back in a row. */
static void random_game(struct rng *r, struct game g, struct str *trace, char *want) {
    struct game before = g;
    int right = 1, before_right = 1, n = 0;
    while (n < 6 && g.n > 1) {
        if (n && rng_below(r, 3) == 0) {
            str_puts(trace, "Wait, ");
            g = before, right = before_right;
        }
        int i = (int)rng_below(r, (uint64_t)g.n), k = (int)rng_below(r, (uint64_t)g.n - 1);
        long a = g.x[i], b = g.x[k += k >= i];
        char op = "+-*/"[rng_below(r, 4)];
        if ((op == '-' && a <= b) || (op == '/' && a % b)) op = '+';
        long result = apply(a, op, b);
        before = g, before_right = right;
        play(&g, a, op, b);
        int lie = rng_below(r, 8) == 0;
        size_t from = trace->len;
        say(trace, &g, a, op, b, result);
        if (lie) { /* another digit somewhere: of two operands, a result and what is left, three no longer fit the fourth */
            size_t at = from + rng_below(r, trace->len - from);
            while (trace->s[at] < '0' || trace->s[at] > '9') at = at + 1 < trace->len ? at + 1 : from;
            trace->s[at] = trace->s[at] == '9' ? '1' : (char)(trace->s[at] + 1);
        }
        str_puts(trace, rng_below(r, 2) ? "; " : ". ");
        right = right && !lie && reachable(g.x, g.n, g.target);
        want[n++] = right ? '1' : '0';
        if (lie) break; /* what is left after a lie is anyone's guess */
    }
    want[n] = 0;
}

Test(task_countdown, judge_agrees_with_trying_everything) {
    struct gym_spec s = spec("countdown", GYM_TRAIN, 23);
    struct rng r = RNG(5, 1);
    int wrong = 0, right = 0;
    for (int64_t i = 0; i < 1500; i++) {
        struct gym_item it = item(&s, i);
        struct str trace = {0};
        char want[65], z[65];
        random_game(&r, read_question(it.q.question), &trace, want);
        labels(&s, i, trace.s, z);
        cr_expect_str_eq(z, want, "%s %s", it.q.question, trace.s);
        wrong += strchr(z, '0') != NULL, right += strchr(z, '1') != NULL;
        str_free(&trace);
        gym_item_fini(&it);
    }
    cr_expect(wrong > 300 && right > 300, "%d wrong, %d right", wrong, right);
}

Test(task_countdown, hostile_thoughts_are_wrong) {
    struct gym_spec s = spec("countdown", GYM_TRAIN, 0); /* item 0 at 3..5: 102 from 25, 21, 17, 10 */
    static const struct {
        const char *trace, *labels;
    } cases[] = {
        {"", ""},
        {"21+10=31 left 17 25 31", ""},
        {"21+10=31 left 17 25 31; 31-25=6 left 6 17; 17*6=102.", "111"},
        {"21+10=31 left 17 25 31; 31-25=6 left 6 17; 6*17=102; 21+10=31 left 17 25 31;", "1110"},
        {"21+10=31 left 17 25 31; 31-25=6 left 6 17; 6*17=102 left 102;", "111"},
        {"21+10=31 left 17 31 25; 31-25=6 left 6 17;", "00"},
        {"21+10=31; 31-25=6 left 6 17;", "00"},
        {"21+10=31 left 17 25 31 ; 31-25=6 left 6 17;", "00"},
        {"21+10=031 left 17 25 31;", "0"},
        {"21+10=32 left 17 25 32; Wait, 21+10=31 left 17 25 31; 31-25=6 left 6 17; 17*6=102.", "0111"},
        {"21+10=31 left 17 25 31; 17+25=42 left 31 42; Wait, 31-25=6 left 6 17; Wait, 31-25=6 left 6 17;", "1011"},
        {"10-21=-11 left -11 17 25;", "0"},
        {"21/0=0 left 0;", "0"},
        {"102=102.", "0"},
        {"17*6=102.", "0"},
        {"99999999999999999999*9999999999=1;", "0"},
        {"21+21=42 left 10 17 25 42;", "0"},
        {";;..", "0000"},
        {"Wait, 21+10=31 left 17 25 31;", "1"},
        {"Wait, Wait, 21+10=31 left 17 25 31;", "0"},
        {"So 102. Wait, 21+10=31 left 17 25 31;", "01"},
    };
    cr_assert_eq(gym_set_difficulty(&s, "3..5", NULL), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char z[65];
        labels(&s, 0, cases[i].trace, z);
        cr_expect_str_eq(z, cases[i].labels, "%s", cases[i].trace);
    }
    struct gym_step one;
    cr_expect_eq(gym_steps(&s, 0, cases[2].trace, strlen(cases[2].trace), &one, 1, NULL), 1);
    cr_expect_eq(gym_steps(&s, 0, cases[2].trace, strlen(cases[2].trace), &one, 0, NULL), 0);
}
