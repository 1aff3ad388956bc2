/* From source to tokens, with all that Jinja does to white space: trim_blocks, lstrip_blocks, the signs - and +, raw, comments, and the
 * one newline at the very end that is dropped. */
#include "text/jinja_int.h"
#include <stdlib.h>

struct lexer {
    struct jinja *t;
    const char *s;
    size_t n, pos, cap;
    size_t counted; /* bytes whose lines and columns are counted */
    int line, col, line_starting;
    struct err *e;
    char stack[JINJA_MAX_NEST]; /* open brackets of the tag */
    int depth;
};

/* Lines and columns (in characters) up to a byte; tokens come in order, so this is cheap. */
static void count_to(struct lexer *x, size_t upto) {
    if (upto < x->counted) x->counted = 0, x->line = 1, x->col = 1; /* an error that names where something began */
    for (; x->counted < upto; x->counted++) {
        char c = x->s[x->counted];
        if (c == '\n')
            x->line++, x->col = 1;
        else
            x->col += ((unsigned char)c & 0xC0) != 0x80;
    }
}

static int lex_fail(struct lexer *x, size_t at, const char *what, const char *more) {
    count_to(x, at);
    return jinja__place(x->e, ERR_FORMAT, x->t, x->line, x->col, "%s%s", what, more);
}

static int push(struct lexer *x, enum jtok_kind kind, int op, size_t at, const char *s, size_t n) {
    struct jinja *t = x->t;
    if (t->n_toks == x->cap) {
        size_t cap = 2 * x->cap + 64;
        struct jtok *p = realloc(t->toks, cap * sizeof *p);
        if (!p) return fail(x->e, ERR_NOMEM, "out of memory for a template");
        t->toks = p, x->cap = cap;
    }
    count_to(x, at);
    t->toks[t->n_toks++] = (struct jtok){kind, op, x->line, x->col, s, n};
    return 0;
}

static int at_text(const struct lexer *x, size_t at, const char *z) {
    size_t n = strlen(z);
    return x->n - at >= n && memcmp(x->s + at, z, n) == 0;
}

/* The text before a tag at `to`; sign is what stands behind the tag's opening. */
static int data(struct lexer *x, size_t to, char sign, int strips) {
    const char *s = x->s + x->pos;
    size_t n = to - x->pos;
    if (sign == '-') {
        n -= jinja__space_end(s, n);
    } else if (sign != '+' && strips) {
        size_t line = n;
        while (line > 0 && s[line - 1] != '\n') line--;
        if ((line > 0 || x->line_starting) && jinja__space(s + line, n - line) == n - line) n = line;
    }
    return n ? push(x, T_DATA, 0, x->pos, s, n) : 0;
}

static void ended(struct lexer *x, size_t to) { x->line_starting = to > 0 && x->s[to - 1] == '\n', x->pos = to; }

/* ---- inside a tag ---- */

static int is_word(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c >= 0x80;
}
static int is_digit(char c) { return c >= '0' && c <= '9'; }

static size_t digits(const struct lexer *x, size_t i) { /* \d+(_\d+)* */
    while (i < x->n && (is_digit(x->s[i]) || (x->s[i] == '_' && i + 1 < x->n && is_digit(x->s[i + 1])))) i++;
    return i;
}

static int lex_number(struct lexer *x) {
    size_t from = x->pos, i = digits(x, from);
    int after_dot = from > 0 && x->s[from - 1] == '.', real = 0;
    if (x->s[from] == '0' && from + 1 < x->n && strchr("xXoObB", x->s[from + 1])) {
        for (i = from + 2; i < x->n && is_word((unsigned char)x->s[i]); i++) {}
        x->pos = i;
        return push(x, T_INT, 0, from, x->s + from, i - from);
    }
    if (!after_dot && i + 1 < x->n && x->s[i] == '.' && is_digit(x->s[i + 1])) real = 1, i = digits(x, i + 1);
    if (!after_dot && i + 1 < x->n && (x->s[i] == 'e' || x->s[i] == 'E')) {
        size_t k = i + 1 + (x->s[i + 1] == '+' || x->s[i + 1] == '-');
        if (k < x->n && is_digit(x->s[k])) real = 1, i = digits(x, k);
    }
    x->pos = i;
    return push(x, real ? T_FLOAT : T_INT, 0, from, x->s + from, i - from);
}

static int hex_value(const char *s, size_t n, int want, uint32_t *out) {
    *out = 0;
    if (n < (size_t)want) return 0;
    for (int i = 0; i < want; i++) {
        const char *d = strchr("0123456789abcdef", s[i] | 0x20);
        if (!d || !*d || !s[i]) return 0;
        *out = *out * 16 + (uint32_t)(d - "0123456789abcdef");
    }
    return 1;
}

/* One escape behind the backslash at s[0..n); writes to out, returns bytes read, 0: malformed. */
static size_t escape(const char *s, size_t n, char *out, size_t *put) {
    static const char from[] = "ntr\\'\"abfv", to[] = "\n\t\r\\'\"\a\b\f\v";
    const char *hit = s[0] ? strchr(from, s[0]) : NULL;
    uint32_t c = 0;
    *put = 0;
    if (s[0] == '\n') return 1;
    if (hit) {
        out[(*put)++] = to[hit - from];
        return 1;
    }
    if (s[0] >= '0' && s[0] <= '7') {
        size_t i = 0;
        for (; i < 3 && i < n && s[i] >= '0' && s[i] <= '7'; i++) c = c * 8 + (uint32_t)(s[i] - '0');
        *put = utf8_put(out, c);
        return i;
    }
    int want = s[0] == 'x' ? 2 : s[0] == 'u' ? 4 : s[0] == 'U' ? 8 : 0;
    if (want) {
        if (!hex_value(s + 1, n - 1, want, &c) || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return 0;
        *put = utf8_put(out, c);
        return 1 + (size_t)want;
    }
    out[(*put)++] = '\\', out[(*put)++] = s[0]; /* an unknown escape stands for itself */
    return 1;
}

static int lex_string(struct lexer *x) {
    size_t from = x->pos, i = from + 1;
    char quote = x->s[from];
    while (i < x->n && x->s[i] != quote) i += x->s[i] == '\\' ? 2 : 1;
    if (i >= x->n) return lex_fail(x, from, "expected the end of this string, found the end of the template", "");
    char *out = jinja__pool_alloc(&x->t->pool, i - from + 8);
    if (!out) return fail(x->e, ERR_NOMEM, "out of memory for a template");
    size_t k = 0, put;
    for (size_t at = from + 1; at < i;) {
        if (x->s[at] != '\\') {
            out[k++] = x->s[at++];
            continue;
        }
        size_t read = escape(x->s + at + 1, i - at - 1, out + k, &put);
        if (!read)
            return lex_fail(
                x, at, "expected an escape \\n \\t \\xHH \\uHHHH … in this string, found a malformed or unsupported one", "");
        at += 1 + read, k += put;
    }
    x->pos = i + 1;
    return push(x, T_STR, 0, from, out, k);
}

static int lex_op(struct lexer *x) {
    static const struct {
        char z[3];
        int op;
    } two[] = {{"//", OP_FLOORDIV}, {"**", OP_POW}, {"==", OP_EQ}, {"!=", OP_NE}, {">=", OP_GE}, {"<=", OP_LE}};
    size_t at = x->pos;
    char c = x->s[at];
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (at_text(x, at, two[i].z)) {
            x->pos += 2;
            return push(x, T_OP, two[i].op, at, x->s + at, 2);
        }
    if (!c || !strchr("+-/*%~[](){}<>=.:|,;", c)) {
        char seen[8] = {0};
        memcpy(seen, x->s + at, utf8_len(x->s + at, x->n - at));
        return lex_fail(x, at, "expected an expression or the end of the tag, found the character ", seen);
    }
    if (strchr("([{", c)) {
        if (x->depth == JINJA_MAX_NEST) {
            count_to(x, at);
            return jinja__place(x->e, ERR_LIMIT, x->t, x->line, x->col, "expected brackets at most %d deep, found more",
                                JINJA_MAX_NEST);
        }
        x->stack[x->depth++] = c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (strchr(")]}", c)) {
        char want[2] = {x->depth ? x->stack[x->depth - 1] : 0, 0};
        if (want[0] != c)
            return lex_fail(x, at,
                            want[0] ? "found a closing bracket where another is open: expected "
                                    : "found a closing bracket where none is open",
                            want);
        x->depth--;
    }
    x->pos++;
    return push(x, T_OP, (unsigned char)c, at, x->s + at, 1);
}

/* The end of the tag at pos: bytes of it with the white space that it takes along; 0: not here. */
static size_t tag_end(const struct lexer *x, int var) {
    const char *close = var ? "}}" : "%}";
    char c = x->s[x->pos];
    if (at_text(x, x->pos, close)) return 2 + (!var && x->pos + 2 < x->n && x->s[x->pos + 2] == '\n');
    if (c == '-' && at_text(x, x->pos + 1, close)) return 3 + jinja__space(x->s + x->pos + 3, x->n - x->pos - 3);
    return c == '+' && !var && at_text(x, x->pos + 1, close) ? 3 : 0;
}

static int lex_tag(struct lexer *x, size_t opened, int var) {
    x->depth = 0;
    while (x->pos < x->n) {
        size_t end = x->depth ? 0 : tag_end(x, var);
        unsigned char c = (unsigned char)x->s[x->pos];
        if (end) {
            int rc = push(x, var ? T_VAR_END : T_TAG_END, 0, x->pos, x->s + x->pos, 2);
            ended(x, x->pos + end);
            return rc;
        }
        size_t space = jinja__space(x->s + x->pos, x->n - x->pos), from = x->pos;
        if (space) {
            x->pos += space;
        } else if (is_digit((char)c)) {
            TRY(lex_number(x));
        } else if (is_word(c)) {
            while (x->pos < x->n && is_word((unsigned char)x->s[x->pos]) && !jinja__space(x->s + x->pos, x->n - x->pos)) x->pos++;
            TRY(push(x, T_NAME, 0, from, x->s + from, x->pos - from));
        } else {
            TRY(c == '\'' || c == '"' ? lex_string(x) : lex_op(x));
        }
    }
    return lex_fail(x, opened, "this tag has no end: expected ", var ? "}}" : "%}");
}

/* ---- outside of tags ---- */

static int lex_comment(struct lexer *x, size_t opened) {
    for (size_t i = x->pos; i + 1 < x->n; i++) {
        if (x->s[i] != '#' || x->s[i + 1] != '}') continue;
        char sign = i > x->pos ? x->s[i - 1] : 0;
        size_t to = i + 2;
        if (sign == '-')
            to += jinja__space(x->s + to, x->n - to);
        else if (sign != '+' && to < x->n && x->s[to] == '\n')
            to++;
        ended(x, to);
        return 0;
    }
    return lex_fail(x, opened, "this comment has no end: expected #}", "");
}

/* Is there "raw" (or "endraw") and the end of a tag at `at`, behind the opening? Its end, or 0. */
static size_t raw_tag(const struct lexer *x, size_t at, const char *word, int trims) {
    at += jinja__space(x->s + at, x->n - at);
    if (!at_text(x, at, word)) return 0;
    at += strlen(word);
    at += jinja__space(x->s + at, x->n - at);
    if (at_text(x, at, "-%}")) return at + 3 + jinja__space(x->s + at + 3, x->n - at - 3);
    if (trims && at_text(x, at, "+%}")) return at + 3;
    if (!at_text(x, at, "%}")) return 0;
    return at + 2 + (trims && at + 2 < x->n && x->s[at + 2] == '\n');
}

static char sign_at(const struct lexer *x, size_t at) { return at < x->n && (x->s[at] == '-' || x->s[at] == '+') ? x->s[at] : 0; }

static int lex_raw(struct lexer *x, size_t opened) {
    for (size_t i = x->pos; i + 1 < x->n; i++) {
        if (x->s[i] != '{' || x->s[i + 1] != '%') continue;
        char sign = sign_at(x, i + 2);
        size_t end = raw_tag(x, i + 2 + (sign != 0), "endraw", 1);
        if (!end) continue;
        TRY(data(x, i, sign, 1));
        ended(x, end);
        return 0;
    }
    return lex_fail(x, opened, "{% raw %} has no end: expected {% endraw %}", "");
}

/* A tag opens at `at`. */
static int lex_open(struct lexer *x, size_t at) {
    char kind = x->s[at + 1], sign = sign_at(x, at + 2);
    size_t inner = at + 2 + (sign != 0), raw = kind == '%' ? raw_tag(x, inner, "raw", 0) : 0;
    TRY(data(x, at, sign, kind != '{'));
    if (kind == '#') {
        x->pos = inner;
        return lex_comment(x, at);
    }
    if (raw) {
        ended(x, raw);
        return lex_raw(x, at);
    }
    TRY(push(x, kind == '{' ? T_VAR_BEGIN : T_TAG_BEGIN, 0, at, x->s + at, 2));
    x->pos = inner, x->line_starting = 0;
    return lex_tag(x, at, kind == '{');
}

static int lex_all(struct lexer *x) {
    x->line_starting = 1;
    for (size_t i = 0; i + 1 < x->n; i++)
        if (x->s[i] == '{' && strchr("{%#", x->s[i + 1]) && x->s[i + 1]) {
            TRY(lex_open(x, i));
            i = x->pos - 1;
        }
    if (x->pos < x->n) TRY(push(x, T_DATA, 0, x->pos, x->s + x->pos, x->n - x->pos));
    return push(x, T_EOF, 0, x->n, "", 0);
}

int jinja__lex(struct jinja *t, struct err *e) {
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) { /* every newline is \n; one at the end goes */
        if (t->source[i] == '\r' && i + 1 < t->n && t->source[i + 1] == '\n') continue;
        t->source[n++] = t->source[i] == '\r' ? '\n' : t->source[i];
    }
    if (n && t->source[n - 1] == '\n') n--;
    t->n = n;
    struct lexer x = {.t = t, .s = t->source, .n = n, .line = 1, .col = 1, .e = e};
    return lex_all(&x);
}
