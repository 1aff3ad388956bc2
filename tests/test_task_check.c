/* task: checks, which grade answers of which many are right: cases, hostile answers, and a second evaluator. */
#include "base/rng.h"
#include "task/answer.h"
#include "task/check.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(task_check, .timeout = HANG_S);

static const struct {
    const char *output, *as; /* NULL: unparseable */
    int right;
} grades[] = {
    {"<think>x</think>\\boxed{3*12+5}<|end|>", "3*12+5", 1},
    {"\\boxed{5 + 12 * 3}", "5+12*3", 1},
    {"\\boxed{(3*12)+5=41}", "(3*12)+5", 1},
    {"\\boxed{3*12+5 = 41}", "3*12+5", 1},
    {"\\boxed{3 \\times 12 + 5}", "3*12+5", 1},
    {"\\boxed{3×12+5}", "3*12+5", 1},
    {"\\boxed{$3 \\cdot 12 + 5$}", "3*12+5", 1},
    {"\\boxed{\\left(12-5\\right) \\div 7 + 3}", "(12-5)/7+3", 0},
    {"3*12+5", "3*12+5", 1},
    {"it is so\n#### 3*12+5\n", "3*12+5", 1},
    {"#### \n", NULL, 0},
    {"\\boxed{7*5+12/3+12-7-3}", "7*5+12/3+12-7-3", 0},
    {"\\boxed{12*7/(5-3)-1}", "12*7/(5-3)-1", 0}, /* 41, with a number that is not given */
    {"\\boxed{12+12+12+5}", "12+12+12+5", 0},     /* 41, with one too often */
    {"\\boxed{7*5+12/3+3-1}", "7*5+12/3+3-1", 0},
    {"\\boxed{3*12+7}", "3*12+7", 0},
    {"\\boxed{41}", "41", 0},
    {"\\boxed{3*12+5=42}", NULL, 0},
    {"\\boxed{3*12+5=41=41}", NULL, 0},
    {"\\boxed{3/(5-5)}", "3/(5-5)", 0},
    {"\\boxed{12/(7-5-3+1)}", "12/(7-5-3+1)", 0},
    {"\\boxed{-5+12}", NULL, 0},
    {"\\boxed{12*(-3)}", NULL, 0},
    {"\\boxed{1 2+3}", NULL, 0},
    {"\\boxed{012+3}", NULL, 0},
    {"\\boxed{12+}", NULL, 0},
    {"\\boxed{(12+3}", NULL, 0},
    {"\\boxed{}", NULL, 0},
    {"\\boxed{3**12}", NULL, 0},
    {"\\boxed{3^2}", NULL, 0},
    {"\\boxed{1234567890}", NULL, 0},
    {"\\boxed{999999999*999999999*999999999*3}", "999999999*999999999*999999999*3", 0},
    {"<think>\\boxed{3*12+5}", NULL, 0},
    {"the answer is 3*12+5", NULL, 0},
    {"", NULL, 0},
};

static struct question checked(const char *check) {
    return (struct question){.answer = (char *)"3*12+5", .check = (char *)check};
}

Test(task_check, checker_cases) {
    struct question q = checked("countdown 41 from 3 5 7 12");
    for (size_t i = 0; i < sizeof grades / sizeof *grades; i++) {
        struct str out = {0};
        int rc = answer_parse(grades[i].output, &q, &out);
        cr_expect_eq(rc, grades[i].as != NULL, "%s: %d", grades[i].output, rc);
        if (grades[i].as && rc == 1) cr_expect_str_eq(out.s, grades[i].as);
        cr_expect_eq(answer_grade(&q, out.s), grades[i].right, "%s", grades[i].output);
        str_free(&out);
    }
    cr_expect_eq(answer_grade(&q, NULL), 0);
    q.check = (char *)"countdown 2 from 1 2 2 3"; /* fractions on the way */
    cr_expect_eq(answer_grade(&q, "3/2*2-1"), 1);
    cr_expect_eq(answer_grade(&q, "2/(1/2)-3+1"), 0, "1 twice");
    cr_expect_eq(answer_grade(&q, "2/(3-2)"), 1);
    cr_expect_eq(answer_grade(&q, "2/(2-3)"), 0, "-2");
    q.check = (char *)"countdown 3 from 3 5 5";
    cr_expect_eq(answer_grade(&q, "3/(5-5)"), 0);
}

Test(task_check, huge_expressions_are_refused) {
    struct question q = checked("countdown 41 from 3 5 7 12");
    struct str b = {0}, out = {0};
    for (int i = 0; i < 200000; i++) str_puts(&b, "(");
    cr_expect_eq(answer_grade(&q, b.s), 0);
    str_clear(&b);
    for (int i = 0; i < CHECK_MAX_DEPTH + 1; i++) str_puts(&b, "(");
    str_puts(&b, "3*12+5");
    for (int i = 0; i < CHECK_MAX_DEPTH + 1; i++) str_puts(&b, ")");
    cr_expect_eq(answer_grade(&q, b.s), 0);
    b.s[b.len - 1] = 0;
    cr_expect_eq(answer_grade(&q, b.s + 1), 1);
    str_clear(&b);
    for (int i = 0; i < 100000; i++) str_puts(&b, " ");
    str_puts(&b, "3*12+5");
    cr_expect_eq(answer_grade(&q, b.s), 1);
    for (int i = 0; i < 100000; i++) str_puts(&b, "-3+3");
    cr_expect_eq(answer_grade(&q, b.s), 0);
    cr_expect_eq(answer_parse(b.s, &q, &out), 0);
    str_free(&b), str_free(&out);
}

/* ---- the checker against an evaluator by splitting at the weakest sign ---- */

static const long given[] = {3, 5, 7, 12};

static int split(const char *z, int n, const char *ops) { /* the last such sign outside of brackets; -1: none */
    int at = -1;
    for (int i = 0, depth = 0; i < n; i++) {
        depth += (z[i] == '(') - (z[i] == ')');
        if (!depth && (z[i] == ops[0] || z[i] == ops[1])) at = i;
    }
    return at;
}

static int evaluate(const char *z, int n, int used[4], double *out) {
    int at = split(z, n, "+-");
    if (at < 0) at = split(z, n, "*/");
    if (at >= 0) {
        double a = 0, b = 0;
        if (!evaluate(z, at, used, &a) || !evaluate(z + at + 1, n - at - 1, used, &b)) return 0;
        if (z[at] == '/' && b > -1e-9 && b < 1e-9) return 0;
        *out = z[at] == '+' ? a + b : z[at] == '-' ? a - b : z[at] == '*' ? a * b : a / b;
        return 1;
    }
    if (n > 2 && z[0] == '(' && z[n - 1] == ')') return evaluate(z + 1, n - 2, used, out);
    if (n < 1 || n > 2 || (n == 2 && (z[0] != '1' || z[1] != '2'))) return 0;
    long v = n == 2 ? 12 : z[0] - '0';
    for (int i = 0; i < 4; i++)
        if (v == given[i]) {
            *out = (double)v;
            return !used[i]++;
        }
    return 0;
}

static int balanced(const char *z) {
    int depth = 0;
    for (; *z && depth >= 0; z++) depth += (*z == '(') - (*z == ')');
    return depth == 0;
}

static int oracle(const char *z, double target) {
    int used[4] = {0};
    double v = 0;
    return balanced(z) && evaluate(z, (int)strlen(z), used, &v) && v > target - 1e-9 && v < target + 1e-9;
}

/* Pieces in random order, so that many of them are expressions; then any bytes. */
Test(task_check, checker_agrees_with_another_evaluator) {
    static const char *const pieces[] = {"3", "5", "7", "12", "3", "5", "7", "12", "+", "-", "*", "/", "(", ")", "1", " "};
    struct rng r = RNG(9, 2);
    int right = 0;
    for (int i = 0; i < 300000; i++) {
        char z[64] = "", plain[64] = "", check[64];
        int n = 1 + (int)rng_below(&r, 7);
        for (int k = 0; k < n; k++) {
            const char *p = k % 2 && rng_below(&r, 4) ? pieces[8 + rng_below(&r, 4)] : pieces[rng_below(&r, 16)];
            snprintf(z + strlen(z), sizeof z - strlen(z), "%s", p);
            if (*p != ' ') snprintf(plain + strlen(plain), sizeof plain - strlen(plain), "%s", p);
        }
        if (strlen(z) != strlen(plain)) continue; /* blanks have their own cases */
        int target = 1 + (int)rng_below(&r, 20);
        snprintf(check, sizeof check, "countdown %d from 3 5 7 12", target);
        int got = check_right(check, z);
        cr_assert_eq(got, oracle(plain, target), "%s %s", check, z);
        right += got;
    }
    cr_expect_gt(right, 1000);
    struct question q = checked("countdown 41 from 3 5 7 12");
    for (int i = 0; i < 100000; i++) {
        char z[48] = "\\boxed{";
        int n = (int)rng_below(&r, 40);
        for (int k = 0; k < n; k++) z[(i & 1 ? 7 : 0) + k] = (char)(1 + rng_below(&r, 255));
        struct str out = {0};
        if (answer_parse(z, &q, &out) > 0) cr_expect_eq(answer_grade(&q, out.s), oracle(out.s, 41), "%s", z);
        cr_expect_eq(answer_grade(&q, z) && !oracle(z, 41), 0, "%s", z);
        str_free(&out);
    }
}

Test(task_check, checks_are_read_strictly) {
    static const char *const bad[] = {"",
                                      "countdown",
                                      "countdown 41",
                                      "countdown 41 from",
                                      "countdown 41 from ",
                                      "countdown 41 from 3 ",
                                      "countdown 41 from 3  5",
                                      "countdown  41 from 3",
                                      "countdown -1 from 3",
                                      "countdown 41 from x",
                                      "countdown 041 from 3",
                                      "countdown 41 from 1234567890",
                                      "Countdown 41 from 3",
                                      "countdown 41 from 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
                                      "sudoku"};
    struct str b = {0};
    struct err e = ERR_INIT;
    struct questions qs = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        str_clear(&b);
        str_printf(&b, "{\"id\":\"a\",\"question\":\"q\",\"answer\":\"1\",\"kind\":\"k\",\"check\":\"%s\"}", bad[i]);
        cr_expect_eq(questions_parse(&qs, b.s, b.len, "x", &e), ERR_UNSUPPORTED, "\"%s\"", bad[i]);
        cr_expect(strstr(e.msg, "countdown TARGET") != NULL && !check_known(bad[i]), "%s", e.msg);
        cr_expect_eq(check_right(bad[i], "3"), 0);
    }
    static const char letters[] = "{\"id\":\"a\",\"question\":\"q\",\"answer\":\"A\",\"kind\":\"k\",\"choices\":[\"x\",\"y\"],"
                                  "\"check\":\"countdown 3 from 3\"}";
    cr_expect_eq(questions_parse(&qs, letters, sizeof letters - 1, "x", &e), ERR_FORMAT);
    cr_expect(check_known("countdown 3 from 3") && check_right("countdown 3 from 3", " ( 3 ) "));
    str_free(&b);
}
