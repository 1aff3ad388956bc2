/* Formatting: str.format with its mini-language, and the % operator. */
#include "text/jinja_int.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>

static const struct jv error = {.t = JV_ERROR};

/* [[fill]align][sign][z][#][0][width][grouping][.precision][type] */
struct spec {
    struct jv fill;
    int align, sign, alt, zero, comma;
    int64_t width, precision; /* precision -1: none */
    int type;
};

/* ---- numbers ---- */

static void group(char *s, size_t cap, int comma) {
    char out[700];
    size_t n = strlen(s), from = s[0] == '-', dot = from, k = 0;
    while (dot < n && isdigit((unsigned char)s[dot])) dot++;
    for (size_t i = 0; i < n && k < sizeof out - 2; i++) {
        if (i > from && i < dot && (dot - i) % 3 == 0) out[k++] = (char)comma;
        out[k++] = s[i];
    }
    out[k] = 0;
    snprintf(s, cap, "%s", out);
}

static void int_text(char *out, size_t cap, int64_t v, const struct spec *f) {
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    const char *prefix = !f->alt          ? ""
                         : f->type == 'x' ? "0x"
                         : f->type == 'X' ? "0X"
                         : f->type == 'o' ? "0o"
                         : f->type == 'b' ? "0b"
                                          : "";
    char bits[70];
    size_t k = sizeof bits - 1;
    unsigned base = f->type == 'x' || f->type == 'X' ? 16 : f->type == 'o' ? 8 : f->type == 'b' ? 2 : 10;
    bits[k] = 0;
    do bits[--k] = (f->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[u % base];
    while (u /= base);
    snprintf(out, cap, "%s%s%s", v < 0 ? "-" : "", prefix, bits + k);
}

static void real_text(char *out, size_t cap, double v, const struct spec *f) {
    char fmt[16], repr[40];
    int p = f->precision > 400 ? 400 : f->precision < 0 ? 6 : (int)f->precision, percent = f->type == '%';
    if (!f->type && f->precision < 0) {
        jinja__float_repr(v, repr);
        snprintf(out, cap, "%s", repr);
        return;
    }
    int type = !f->type || f->type == 'n' ? 'g' : percent ? 'f' : f->type;
    snprintf(fmt, sizeof fmt, "%%%s.*%c", f->alt ? "#" : "", type);
    snprintf(out, cap, fmt, p, percent ? v * 100 : v);
    if (!f->type && !strpbrk(out, ".en") && strlen(out) + 3 < cap) memcpy(out + strlen(out), ".0", 3);
    if (percent && strlen(out) + 2 < cap) memcpy(out + strlen(out), "%", 2);
}

static struct jv pad_number(struct jrun *r, char *text, const struct spec *f) {
    char sign[2] = {text[0] == '-' ? '-' : f->sign == '+' || f->sign == ' ' ? (char)f->sign : 0, 0};
    struct jv digits = jv_str(r, text + (text[0] == '-'), strlen(text) - (text[0] == '-'));
    int64_t width = f->width;
    if (f->zero || f->align == '=') {
        struct jv fill = f->zero && f->fill.t != JV_STR ? jv_z("0") : f->fill.t == JV_STR ? f->fill : jv_z(" ");
        digits = jinja__pad(r, digits, width - (sign[0] != 0), fill, '>');
        return jv_binary(r, '+', jv_str(r, sign, strlen(sign)), digits);
    }
    digits = jv_binary(r, '+', jv_str(r, sign, strlen(sign)), digits);
    if (r->rc) return error;
    return jinja__pad(r, digits, width, f->fill.t == JV_STR ? f->fill : jv_z(" "), f->align ? f->align : '>');
}

static struct jv format_number(struct jrun *r, struct jv v, struct spec *f) {
    char text[700];
    int real = v.t == JV_FLOAT || (f->type && strchr("eEfFgG%", f->type));
    if (real && f->type && strchr("dxXobc", f->type))
        return jinja__err(r, ERR_FORMAT, "Unknown format code '%c' for object of type 'float'", f->type);
    if (!real && f->type == 'c') {
        char buf[4];
        if (v.u.i < 0 || v.u.i > 0x10FFFF || (v.u.i >= 0xD800 && v.u.i < 0xE000))
            return jinja__err(r, ERR_FORMAT, "%%c arg not in range(0x110000)");
        return jinja__pad(r, jv_str(r, buf, utf8_put(buf, (uint32_t)v.u.i)), f->width, jv_z(" "), f->align ? f->align : '<');
    }
    if (real)
        real_text(text, sizeof text, jv_real(v), f);
    else
        int_text(text, sizeof text, v.u.i, f);
    if (f->comma && isfinite(jv_real(v))) group(text, sizeof text, f->comma);
    return pad_number(r, text, f);
}

static struct jv format_text(struct jrun *r, struct jv s, const struct spec *f) {
    if (f->precision >= 0) s = jv_lit(s.u.s, jinja__offset(s.u.s, s.n, f->precision));
    return jinja__pad(r, s, f->width, f->fill.t == JV_STR ? f->fill : jv_z(" "), f->align && f->align != '=' ? f->align : '<');
}

static int64_t digits(const char *s, size_t n, size_t *i) {
    int64_t v = 0;
    for (; *i < n && isdigit((unsigned char)s[*i]); ++*i)
        if (v < JINJA_MAX_OUTPUT) v = v * 10 + (s[*i] - '0');
    return v;
}

static int parse_spec(struct jrun *r, struct jv spec, struct spec *f) {
    const char *s = spec.u.s;
    size_t n = spec.n, i = 0, first = n ? utf8_len(s, n) : 0;
    *f = (struct spec){.precision = -1};
    if (first < n && strchr("<>^=", s[first]) && s[first])
        f->fill = jv_lit(s, first), f->align = s[first], i = first + 1;
    else if (n && s[0] && strchr("<>^=", s[0]))
        f->align = s[0], i = 1;
    if (i < n && s[i] && strchr("+- ", s[i])) f->sign = s[i++];
    if (i < n && s[i] == '#') f->alt = 1, i++;
    if (i < n && s[i] == '0') {
        i++;
        if (!f->align)
            f->zero = 1;
        else if (f->fill.t != JV_STR)
            f->fill = jv_z("0");
    }
    f->width = digits(s, n, &i);
    if (i < n && (s[i] == ',' || s[i] == '_')) f->comma = s[i++];
    if (i < n && s[i] == '.') {
        i++;
        if (i >= n || !isdigit((unsigned char)s[i])) jinja__err(r, ERR_FORMAT, "Format specifier missing precision");
        f->precision = digits(s, n, &i);
    }
    if (i < n) f->type = s[i++];
    if (i < n || (f->type && !strchr("sdxXobceEfFgGn%", f->type)))
        jinja__err(r, ERR_FORMAT, "Invalid format specifier '%.*s'", (int)(n > 60 ? 60 : n), s);
    return r->rc;
}

static struct jv format_value(struct jrun *r, struct jv v, struct jv spec) {
    struct spec f;
    if (!spec.n) return jv_to_str(r, v);
    if (parse_spec(r, spec, &f)) return error;
    if (jv_numeric(v) && f.type != 's') return format_number(r, v, &f);
    if (v.t == JV_STR && (!f.type || f.type == 's')) return format_text(r, v, &f);
    if (v.t == JV_STR || jv_numeric(v))
        return jinja__err(r, ERR_FORMAT, "Unknown format code '%c' for object of type '%s'", f.type, jv_type_name(v));
    return jinja__err(r, ERR_FORMAT, "unsupported format string passed to %s.__format__", jv_type_name(v));
}

/* ---- str.format ---- */

struct fields {
    struct jrun *r;
    struct jbuf out;
    const struct jargs *a;
    int64_t next; /* automatic numbering; -1: by hand */
};

static struct jv field_start(struct fields *x, const char *s, size_t n) {
    int number = 1;
    for (size_t i = 0; i < n; i++) number &= isdigit((unsigned char)s[i]) != 0;
    if (!number) {
        for (int64_t i = 0; i < x->a->n_kw; i++)
            if (x->a->kw[i].n == n && !memcmp(x->a->kw[i].s, s, n)) return x->a->kw[i].v;
        return jinja__err(x->r, ERR_FORMAT, "format: no argument named '%.*s'", (int)(n > 60 ? 60 : n), s);
    }
    size_t end = 0;
    int64_t i = n ? digits(s, n, &end) : x->next;
    if ((n && x->next > 0) || (!n && x->next < 0))
        return jinja__err(x->r, ERR_FORMAT, "cannot switch between manual field specification and automatic field numbering");
    x->next = n ? -1 : x->next + 1;
    if (i >= x->a->n)
        return jinja__err(x->r, ERR_FORMAT, "Replacement index %lld out of range for positional args tuple", (long long)i);
    return x->a->v[i];
}

/* name.attr[key]… */
static struct jv field_value(struct fields *x, const char *s, size_t n) {
    size_t i = 0;
    while (i < n && s[i] != '.' && s[i] != '[') i++;
    struct jv v = field_start(x, s, i);
    while (i < n && !x->r->rc) {
        size_t from = ++i;
        char end = s[from - 1] == '[' ? ']' : 0;
        while (i < n && (end ? s[i] != end : s[i] != '.' && s[i] != '[')) i++;
        if (i == from || (end && i == n))
            return jinja__err(x->r, ERR_FORMAT, "format: malformed field '%.*s'", (int)(n > 60 ? 60 : n), s);
        struct jv key = jv_lit(s + from, i - from), number;
        int ok;
        number = jinja__parse_int(key, 10, &ok);
        v = end ? jv_item(x->r, v, ok ? number : key) : jv_attr(x->r, v, key);
        i += end != 0;
    }
    if (v.t == JV_UNDEF && n) v = jv_lit("", 0);
    return v;
}

static void format_all(struct fields *x, const char *s, size_t n, int depth);

static void one_field(struct fields *x, const char *s, size_t n, int depth) {
    size_t colon = 0, name;
    int square = 0;
    while (colon < n && (square || (s[colon] != ':' && s[colon] != '!')))
        square = s[colon] == '[' ? 1 : s[colon] == ']' ? 0 : square, colon++;
    name = colon;
    char conv = 0;
    if (colon < n && s[colon] == '!') {
        conv = colon + 1 < n ? s[colon + 1] : 0;
        colon += 2;
        if ((conv != 's' && conv != 'r') || (colon < n && s[colon] != ':')) {
            jinja__err(x->r, ERR_FORMAT, "format: expected !s or !r in a field, found another conversion");
            return;
        }
    }
    struct jv v = field_value(x, s, name);
    struct jbuf out = x->out, spec = {0}, repr = {0};
    x->out = spec;
    if (colon < n) format_all(x, s + colon + 1, n - colon - 1, depth + 1);
    spec = x->out, x->out = out;
    if (conv == 's') v = jv_to_str(x->r, v);
    if (conv == 'r') jinja__add_repr(x->r, &repr, v, 0), v = jinja__buf_str(&repr);
    if (!x->r->rc) jinja__add_str(x->r, &x->out, format_value(x->r, v, jinja__buf_str(&spec)));
}

static void format_all(struct fields *x, const char *s, size_t n, int depth) {
    if (depth > 2) jinja__err(x->r, ERR_FORMAT, "Max string recursion exceeded");
    for (size_t i = 0; i < n && !x->r->rc;) {
        char c = s[i];
        if (c != '{' && c != '}') {
            size_t from = i;
            while (i < n && s[i] != '{' && s[i] != '}') i++;
            jinja__buf_add(x->r, &x->out, s + from, i - from);
        } else if (depth == 0 && i + 1 < n && s[i + 1] == c) {
            jinja__buf_add(x->r, &x->out, s + i, 1);
            i += 2;
        } else if (c == '}') {
            jinja__err(x->r, ERR_FORMAT, "Single '}' encountered in format string");
        } else {
            size_t from = ++i;
            for (int open = 1; i < n; i++)
                if ((open += s[i] == '{' ? 1 : s[i] == '}' ? -1 : 0) == 0) break;
            if (i == n) {
                jinja__err(x->r, ERR_FORMAT, "expected '}' before end of string");
                return;
            }
            one_field(x, s + from, i - from, depth);
            i++;
        }
    }
}

struct jv jinja__str_format(struct jrun *r, struct jv self, const struct jv a[JARG_MAX], const struct jargs *raw) {
    struct fields x = {.r = r, .a = raw};
    (void)a;
    format_all(&x, self.u.s, self.n, 0);
    return r->rc ? error : jinja__buf_str(&x.out);
}

/* ---- % ---- */

struct percent {
    struct jrun *r;
    struct jv args;
    int64_t next, n;
};

static struct jv next_arg(struct percent *p) {
    if (p->next >= p->n) return jinja__err(p->r, ERR_FORMAT, "not enough arguments for format string");
    return p->args.t == JV_SEQ && p->args.u.seq->kind == SEQ_TUPLE ? p->args.u.seq->v[p->next++] : (p->next++, p->args);
}

static struct jv percent_value(struct percent *p, struct jv v, struct spec *f) {
    struct jbuf b = {0};
    int type = f->type;
    if (p->r->rc) return error;
    switch (type) {
    case 's':
        f->type = 0;
        f->align = f->align ? f->align : '>';
        return format_text(p->r, jv_to_str(p->r, v), f);
    case 'a':
    case 'r':
        f->align = f->align ? f->align : '>';
        return jinja__add_repr(p->r, &b, v, 0) ? error : format_text(p->r, jinja__buf_str(&b), f);
    case 'c':
        if (v.t == JV_STR && jinja__chars(v.u.s, v.n) == 1)
            return jinja__pad(p->r, v, f->width, jv_z(" "), f->align ? f->align : '>');
        break;
    default: break;
    }
    if (!jv_numeric(v))
        return v.t == JV_UNDEF
                   ? jv_use_undef(p->r, v)
                   : jinja__err(p->r, ERR_FORMAT, "%%%c format: a real number is required, not %s", type, jv_type_name(v));
    if (strchr("diu", type)) {
        if (v.t == JV_FLOAT && !(fabs(v.u.f) < 9e18))
            return jinja__err(p->r, ERR_LIMIT, "expected whole numbers of at most 64 bits, found a larger one");
        v = jv_int(v.t == JV_FLOAT ? (int64_t)v.u.f : v.u.i), f->type = 'd';
    }
    if (f->align == '<') f->zero = 0;
    return format_number(p->r, v, f);
}

static size_t percent_flags(const char *s, size_t n, size_t i, struct spec *f) {
    for (; i < n && s[i] && strchr("-+ #0", s[i]); i++) {
        if (s[i] == '-') f->align = '<';
        if (s[i] == '+' || (s[i] == ' ' && f->sign != '+')) f->sign = s[i];
        if (s[i] == '#') f->alt = 1;
        if (s[i] == '0') f->zero = 1;
    }
    return i;
}

/* One conversion behind the sign at s[i]; returns where it ends. */
static size_t convert(struct percent *p, struct jbuf *out, const char *s, size_t n, size_t i) {
    struct spec f = {.precision = -1};
    struct jv named = {.t = JV_MISSING};
    if (i < n && s[i] == '(') {
        const char *end = memchr(s + i, ')', n - i);
        size_t len = end ? (size_t)(end - s) - i - 1 : 0;
        if (!end || p->args.t != JV_DICT) return jinja__err(p->r, ERR_FORMAT, "format requires a mapping"), n;
        const struct jv *v = jv_get(p->r, p->args, jv_lit(s + i + 1, len));
        if (!v) return jinja__err(p->r, ERR_FORMAT, "format: no key '%.*s'", (int)(len > 60 ? 60 : len), s + i + 1), n;
        named = *v, p->next = p->n, i += len + 2;
    }
    i = percent_flags(s, n, i, &f);
    if (i < n && s[i] == '*')
        f.width = jinja__arg_int(p->r, next_arg(p), 0, "width"), i++;
    else
        f.width = digits(s, n, &i);
    if (i < n && s[i] == '.') i++, f.precision = digits(s, n, &i);
    while (i < n && (s[i] == 'l' || s[i] == 'h' || s[i] == 'L')) i++;
    if (i >= n) return jinja__err(p->r, ERR_FORMAT, "incomplete format"), n;
    f.type = s[i];
    if (f.type == '%')
        jinja__buf_puts(p->r, out, "%");
    else if (!f.type || !strchr("srdiucxXoeEfFgGa", f.type))
        jinja__err(p->r, ERR_FORMAT, "unsupported format character '%c' (0x%x)", f.type, (unsigned char)f.type);
    else
        jinja__add_str(p->r, out, percent_value(p, named.t == JV_MISSING ? next_arg(p) : named, &f));
    return i + 1;
}

struct jv jinja__percent(struct jrun *r, struct jv fmt, struct jv args) {
    int tuple = args.t == JV_SEQ && args.u.seq->kind == SEQ_TUPLE;
    struct percent p = {.r = r, .args = args, .n = tuple ? args.u.seq->n : 1};
    struct jbuf out = {0};
    for (size_t i = 0; i < fmt.n && !r->rc;) {
        const char *hit = memchr(fmt.u.s + i, '%', fmt.n - i);
        size_t to = hit ? (size_t)(hit - fmt.u.s) : fmt.n;
        jinja__buf_add(r, &out, fmt.u.s + i, to - i);
        i = hit ? convert(&p, &out, fmt.u.s, fmt.n, to + 1) : fmt.n;
    }
    if (!r->rc && p.next < p.n && args.t != JV_DICT) /* a mapping may stay unread, as any single container with __getitem__ */
        if (tuple || (args.t != JV_SEQ && args.t != JV_UNDEF))
            return jinja__err(r, ERR_FORMAT, "not all arguments converted during string formatting");
    return r->rc ? error : jinja__buf_str(&out);
}
