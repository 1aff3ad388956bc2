/* Finding, normalising and grading answers.
 *
 * One rule decides the hard cases: when in doubt the output is unparseable, never guessed, because a guess that happens to be
 * right would be counted as reasoning. A thought that was never closed has no final answer. */
#include "task/answer.h"
#include "task/check.h"
#include "task/ratio.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

struct view {
    const char *s;
    size_t n;
};

static struct view trim(struct view v) {
    while (v.n && isspace((unsigned char)v.s[0])) v.s++, v.n--;
    while (v.n && isspace((unsigned char)v.s[v.n - 1])) v.n--;
    return v;
}

static int starts(struct view v, const char *z) { return v.n >= strlen(z) && !memcmp(v.s, z, strlen(z)); }

static struct view skip(struct view v, size_t n) { return (struct view){v.s + n, v.n - n}; }

/* Takes a wrapper such as `\text{` … `}` or `(` … `)` off; 1 if it was there. */
static int unwrap(struct view *v, const char *open, const char *close) {
    size_t a = strlen(open), b = strlen(close);
    if (v->n < a + b || memcmp(v->s, open, a) || memcmp(v->s + v->n - b, close, b)) return 0;
    *v = trim((struct view){v->s + a, v->n - a - b});
    return 1;
}

static struct view bare(struct view v) {
    v = trim(v);
    while (unwrap(&v, "\\text{", "}") || unwrap(&v, "\\mathrm{", "}") || unwrap(&v, "\\textbf{", "}") || unwrap(&v, "**", "**") ||
           unwrap(&v, "$", "$") || unwrap(&v, "(", ")") || unwrap(&v, "\\(", "\\)")) {}
    while (v.n && v.s[v.n - 1] == '.') v.n--;
    return trim(v);
}

/* ---- numbers ---- */

/* Digits with optional thousands commas and a decimal point; advances. Up to 18 digits in all, so int64 holds them. */
static int read_decimal(struct view *v, struct ratio *r) {
    struct ratio x = {0, 1};
    int digits = 0, any = 0, point = 0, since = -1; /* since: digits after the last comma */
    while (v->n) {
        char c = v->s[0];
        if (c >= '0' && c <= '9') {
            any = 1;
            if (since >= 0 && !point) since++;
            if (digits || c != '0' || point) digits++;
            if (digits > 18) return 0;
            x.num = x.num * 10 + (c - '0');
            if (point) x.den *= 10;
        } else if (c == '.' && !point) {
            point = 1;
        } else if (c == ',' && any && !point && (since < 0 || since == 3)) {
            since = 0;
        } else {
            break;
        }
        *v = skip(*v, 1);
    }
    if (!any || (since >= 0 && since != 3)) return 0;
    *r = x;
    return 1;
}

/* `\frac{a}{b}` is rewritten as the parts a and b by the caller's reader. */
static int read_group(struct view *v, struct ratio *r) {
    if (!v->n || v->s[0] != '{') return 0;
    *v = skip(*v, 1);
    if (!read_decimal(v, r) || !v->n || v->s[0] != '}') return 0;
    *v = skip(*v, 1);
    return 1;
}

static int read_quotient(struct view *v, struct ratio *a, struct ratio *b) {
    *b = (struct ratio){1, 1};
    if (starts(*v, "\\frac") || starts(*v, "\\dfrac")) {
        *v = skip(*v, v->s[1] == 'd' ? 6 : 5);
        return read_group(v, a) && read_group(v, b);
    }
    if (!read_decimal(v, a)) return 0;
    *v = trim(*v);
    if (!v->n || v->s[0] != '/') return 1;
    *v = trim(skip(*v, 1));
    return read_decimal(v, b);
}

static int read_number(struct view v, struct ratio *out) {
    int neg = 0;
    if (v.n && (v.s[0] == '+' || v.s[0] == '-')) {
        neg = v.s[0] == '-';
        v = trim(skip(v, 1));
    }
    struct ratio a, b, x;
    if (!read_quotient(&v, &a, &b) || v.n || !b.num) return 0;
    if (__builtin_mul_overflow(a.num, b.den, &x.num) || __builtin_mul_overflow(a.den, b.num, &x.den)) return 0;
    return ratio_reduce(neg ? -x.num : x.num, x.den, out);
}

int answer_normal(const char *text, size_t n, struct str *out) {
    struct view v = bare((struct view){text, n});
    struct ratio r;
    if (!read_number(v, &r)) return str_add(out, v.s, v.n);
    if (r.den == 1) return str_printf(out, "%lld", (long long)r.num);
    return str_printf(out, "%lld/%lld", (long long)r.num, (long long)r.den);
}

/* ---- choices ---- */

static int in_range(char c, const struct question *q) {
    int u = toupper((unsigned char)c);
    return u >= 'A' && u < 'A' + q->n_choices ? u : 0;
}

static int word_byte(struct view v, size_t i) { return i < v.n && (isalnum((unsigned char)v.s[i]) || (v.s[i] & 0x80)); }

/* A whole string that names a choice: its letter, "B) …", "B. …", "B: …", or the text of exactly one choice. */
static int choice_of(struct view v, const struct question *q) {
    v = bare(v);
    if (!v.n) return 0;
    if (v.n == 1 && in_range(v.s[0], q)) return in_range(v.s[0], q);
    if (v.n > 1 && isupper((unsigned char)v.s[0]) && strchr(").:\n", v.s[1]) && in_range(v.s[0], q)) return in_range(v.s[0], q);
    int found = 0;
    for (int i = 0; i < q->n_choices; i++)
        if (strlen(q->choices[i]) == v.n && !strncasecmp(q->choices[i], v.s, v.n)) found = found ? -1 : 'A' + i;
    return found > 0 ? found : 0;
}

/* The last "answer is X" / "answer: X", X a lone capital letter, perhaps in brackets or stars. */
static int choice_said(struct view v, const struct question *q) {
    int found = 0;
    for (size_t i = 0; i + 6 <= v.n; i++) {
        if (strncasecmp(v.s + i, "answer", 6)) continue;
        struct view w = trim(skip(v, i + 6));
        if (starts(w, "is")) w = trim(skip(w, 2));
        while (w.n && strchr(": (*$", w.s[0])) w = skip(w, 1);
        if (w.n && isupper((unsigned char)w.s[0]) && !word_byte(w, 1) && in_range(w.s[0], q)) found = in_range(w.s[0], q);
    }
    return found;
}

/* The last "X)" or "(X)" that begins a word. */
static int choice_bracketed(struct view v, const struct question *q) {
    int found = 0;
    for (size_t i = 0; i + 1 < v.n; i++)
        if (v.s[i + 1] == ')' && isupper((unsigned char)v.s[i]) && !(i && word_byte(v, i - 1)) && in_range(v.s[i], q))
            found = in_range(v.s[i], q);
    return found;
}

static int choice_find(struct view v, const struct question *q) {
    int c = choice_of(v, q);
    if (!c) c = choice_said(v, q);
    return c ? c : choice_bracketed(v, q);
}

/* ---- where the answer stands ---- */

static const char *last_of(const char *s, const char *what) {
    const char *found = NULL;
    for (const char *p = strstr(s, what); p; p = strstr(p + 1, what)) found = p;
    return found;
}

/* What follows the thought, up to <|end|>; n = 0 if the thought never ended. */
static struct view after_think(const char *z) {
    const char *close = last_of(z, "</think>"), *open = last_of(z, "<think>");
    if (open && (!close || open > close)) return (struct view){z, 0};
    if (close) z = close + strlen("</think>");
    const char *end = strstr(z, "<|end|>");
    return (struct view){z, end ? (size_t)(end - z) : strlen(z)};
}

/* Content of the last \boxed{…} whose braces balance. */
static int boxed(struct view v, struct view *out) {
    static const char mark[] = "\\boxed{";
    int found = 0;
    for (size_t i = 0; i + sizeof mark - 1 <= v.n; i++) {
        if (memcmp(v.s + i, mark, sizeof mark - 1)) continue;
        size_t a = i + sizeof mark - 1, b = a;
        for (int depth = 1; b < v.n; b++) {
            if (v.s[b] == '{' && ++depth > 64)
                b = v.n - 1; /* bounds the work on "\\boxed{\\boxed{…" */
            else if (v.s[b] == '}' && !--depth)
                break;
        }
        if (b == v.n) continue;
        *out = (struct view){v.s + a, b - a};
        found = 1;
        i = b; /* no search inside: `\boxed{\boxed{1}}` is one answer, and the scan stays linear */
    }
    return found;
}

/* The line behind the last "####"; 0 if there is none, or nothing on it. */
static int marked(struct view v, struct view *out) {
    for (size_t i = v.n; i-- > 3;)
        if (!memcmp(v.s + i - 3, "####", 4)) {
            struct view w = skip(v, i + 1);
            const char *nl = memchr(w.s, '\n', w.n);
            *out = trim(nl ? (struct view){w.s, (size_t)(nl - w.s)} : w);
            return out->n > 0 ? 1 : -1;
        }
    return 0;
}

static int free_answer(struct view v, struct view *out) {
    struct ratio r;
    int mark = marked(v, out);
    if (mark) return mark > 0;
    *out = bare(v);
    return read_number(*out, &r);
}

/* Whatever place it stands in, an answer that is to be checked must be one whole expression. */
static int parse_checked(struct view v, const struct view *box, const struct question *q, struct str *out) {
    struct view a = v;
    if (box)
        a = *box;
    else
        marked(v, &a);
    a = trim(a);
    while (unwrap(&a, "$", "$") || unwrap(&a, "\\(", "\\)")) {}
    return check_normal(q->check, a.s, a.n, out);
}

int answer_parse(const char *output, const struct question *q, struct str *out) {
    str_clear(out);
    struct view v = after_think(output), a;
    int box = boxed(v, &a);
    if (q->check) return parse_checked(v, box ? &a : NULL, q, out);
    if (q->n_choices) {
        char c = (char)(box ? choice_of(a, q) : choice_find(v, q));
        if (!c) return 0;
        int rc = str_add(out, &c, 1);
        return rc < 0 ? rc : 1;
    }
    if (!box && !free_answer(v, &a)) return 0;
    int rc = answer_normal(a.s, a.n, out);
    return rc < 0 ? rc : out->len > 0;
}

int answer_grade(const struct question *q, const char *parsed) {
    if (!parsed) return 0;
    if (q->check) return check_right(q->check, parsed);
    struct str a = {0}, b = {0};
    int bad = answer_normal(parsed, strlen(parsed), &a) < 0 || answer_normal(q->answer, strlen(q->answer), &b) < 0;
    int right = !bad && a.len && a.len == b.len && !strncasecmp(a.s, b.s, a.len);
    str_free(&a);
    str_free(&b);
    return right;
}
