/* The countdown checker: a small reader of expressions that evaluates as it reads.
 *
 * Reading an answer and grading it are apart, as in answer.c: the reader decides what is an expression at all, the grader asks
 * for its value and its numbers. Division by zero and overflow leave an expression without value, so it is never right. */
#include "task/check.h"
#include "task/ratio.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- the check itself ---- */

struct countdown {
    int64_t target, given[CHECK_MAX_NUMBERS];
    int n;
};

/* A whole number of at most CHECK_MAX_DIGITS digits without leading zeros; advances. */
static int read_whole(const char **z, const char *end, int64_t *out) {
    const char *from = *z;
    int64_t v = 0;
    while (*z < end && **z >= '0' && **z <= '9') {
        if (*z - from == CHECK_MAX_DIGITS) return 0;
        v = v * 10 + (*(*z)++ - '0');
    }
    *out = v;
    return *z > from && (*from != '0' || *z == from + 1);
}

static int skip_text(const char **z, const char *end, const char *what) {
    size_t n = strlen(what);
    if ((size_t)(end - *z) < n || memcmp(*z, what, n)) return 0;
    *z += n;
    return 1;
}

static int read_check(const char *check, struct countdown *c) {
    const char *z = check, *end = check + strlen(check);
    *c = (struct countdown){.n = 0};
    if (!skip_text(&z, end, "countdown ") || !read_whole(&z, end, &c->target) || !skip_text(&z, end, " from")) return 0;
    while (z < end) {
        if (c->n == CHECK_MAX_NUMBERS || !skip_text(&z, end, " ") || !read_whole(&z, end, &c->given[c->n])) return 0;
        c->n++;
    }
    return c->n > 0;
}

int check_countdown(const char *check, int64_t *target, int64_t given[CHECK_MAX_NUMBERS]) {
    struct countdown c;
    if (!read_check(check, &c)) return 0;
    *target = c.target;
    memcpy(given, c.given, sizeof c.given);
    return c.n;
}

int check_known(const char *check) {
    struct countdown c;
    return read_check(check, &c);
}

/* ---- expressions ---- */

struct reader {
    const char *z, *end;
    int depth;
    const struct countdown *c;
    int used[CHECK_MAX_NUMBERS];
    int foreign;   /* a number that is not given, or used too often */
    int undefined; /* divided by zero, or left int64 */
};

static int read_sum(struct reader *r, struct ratio *out);

static void use(struct reader *r, int64_t x) {
    for (int i = 0; i < r->c->n; i++)
        if (r->c->given[i] == x && !r->used[i]) {
            r->used[i] = 1;
            return;
        }
    r->foreign = 1;
}

static int read_atom(struct reader *r, struct ratio *out) {
    if (skip_text(&r->z, r->end, "(")) {
        if (r->depth == CHECK_MAX_DEPTH) return 0;
        r->depth++;
        int ok = read_sum(r, out) && skip_text(&r->z, r->end, ")");
        r->depth--;
        return ok;
    }
    *out = (struct ratio){0, 1};
    if (!read_whole(&r->z, r->end, &out->num)) return 0;
    use(r, out->num);
    return 1;
}

static int multiply(struct ratio a, struct ratio b, struct ratio *out) {
    int64_t num = 0, den = 0;
    if (__builtin_mul_overflow(a.num, b.num, &num) || __builtin_mul_overflow(a.den, b.den, &den)) return 0;
    return ratio_reduce(num, den, out);
}

static int divide(struct ratio a, struct ratio b, struct ratio *out) {
    if (!b.num) return 0;
    return multiply(a, b.num < 0 ? (struct ratio){-b.den, -b.num} : (struct ratio){b.den, b.num}, out);
}

static int add(struct ratio a, int sign, struct ratio b, struct ratio *out) {
    int64_t x = 0, y = 0, num = 0, den = 0;
    if (__builtin_mul_overflow(a.num, b.den, &x) || __builtin_mul_overflow(b.num, a.den, &y)) return 0;
    if (sign > 0 ? __builtin_add_overflow(x, y, &num) : __builtin_sub_overflow(x, y, &num)) return 0;
    return !__builtin_mul_overflow(a.den, b.den, &den) && ratio_reduce(num, den, out);
}

static int operate(struct ratio a, char op, struct ratio b, struct ratio *out) {
    if (op == '*') return multiply(a, b, out);
    return op == '/' ? divide(a, b, out) : add(a, op == '+' ? 1 : -1, b, out);
}

/* operand (op operand)*, from the left. */
static int read_row(struct reader *r, const char *ops, int (*operand)(struct reader *, struct ratio *), struct ratio *out) {
    if (!operand(r, out)) return 0;
    while (r->z < r->end && memchr(ops, *r->z, 2)) {
        char op = *r->z++;
        struct ratio x;
        if (!operand(r, &x)) return 0;
        if (!operate(*out, op, x, out)) r->undefined = 1;
    }
    return 1;
}

static int read_term(struct reader *r, struct ratio *out) { return read_row(r, "*/", read_atom, out); }
static int read_sum(struct reader *r, struct ratio *out) { return read_row(r, "+-", read_term, out); }

/* 1: text[n], in normal form, is an expression. */
static int read_expression(struct reader *r, const struct countdown *c, const char *text, size_t n, struct ratio *out) {
    *r = (struct reader){.z = text, .end = text + n, .c = c};
    return n <= CHECK_MAX_TEXT && read_sum(r, out) && r->z == r->end;
}

/* ---- the normal form ---- */

static const struct {
    const char *from;
    char to; /* 0: nothing */
} signs[] = {{"\\times", '*'}, {"\\cdot", '*'}, {"\\div", '/'}, {"\\left", 0}, {"\\right", 0},
             {"×", '*'},       {"÷", '/'},      {"−", '-'},     {" ", 0},      {"\t", 0}};

/* One sign or blank that has another normal form; 1 and *to if there was one. */
static int read_sign(const char **z, const char *end, char *to) {
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (skip_text(z, end, signs[i].from)) {
            *to = signs[i].to;
            return 1;
        }
    return 0;
}

/* Bytes written to out[CHECK_MAX_TEXT], or 0: too long, or two numbers with nothing but a blank between them. */
static size_t squeeze(const char *z, const char *end, char *out) {
    size_t n = 0;
    int gap = 0;
    while (z < end) {
        char c = 0;
        if (!read_sign(&z, end, &c)) c = *z++;
        if (!c) {
            gap = 1;
            continue;
        }
        int digit = c >= '0' && c <= '9', after = n && out[n - 1] >= '0' && out[n - 1] <= '9';
        if (n == CHECK_MAX_TEXT || (gap && digit && after)) return 0;
        out[n++] = c;
        gap = 0;
    }
    return n;
}

/* The length without "=TARGET" behind it. */
static size_t without_result(const char *z, size_t n, int64_t target) {
    char tail[24];
    size_t m = (size_t)snprintf(tail, sizeof tail, "=%" PRId64, target);
    return n > m && !memcmp(z + n - m, tail, m) ? n - m : n;
}

int check_normal(const char *check, const char *text, size_t n, struct str *out) {
    struct countdown c;
    struct reader r;
    struct ratio value;
    char z[CHECK_MAX_TEXT];
    if (!read_check(check, &c)) return 0;
    size_t m = without_result(z, squeeze(text, text + n, z), c.target);
    if (!read_expression(&r, &c, z, m, &value)) return 0;
    int rc = str_add(out, z, m);
    return rc < 0 ? rc : 1;
}

int check_right(const char *check, const char *text) {
    struct countdown c;
    struct reader r;
    struct ratio value;
    char z[CHECK_MAX_TEXT];
    if (!read_check(check, &c)) return 0;
    size_t m = without_result(z, squeeze(text, text + strlen(text), z), c.target);
    return read_expression(&r, &c, z, m, &value) && !r.foreign && !r.undefined && value.den == 1 && value.num == c.target;
}
