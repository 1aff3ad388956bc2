/* Filters on numbers, and the small ones: default, abs, int, float, round, length, attr, filesizeformat. */
#include "text/jinja_builtin.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FILTER(name) BUILTIN(name, v)

/* ---- numbers in strings ---- */

/* The text without white space around and underscores between digits; 0: too long, or not a number's spelling. */
static int clean(struct jv s, char buf[400]) {
    size_t lead = jinja__space(s.u.s, s.n), n = s.n - lead, k = 0;
    const char *p = s.u.s + lead;
    n -= jinja__space_end(p, n);
    for (size_t i = 0; i < n; i++) {
        int between = i > 0 && i + 1 < n && p[i - 1] != '_' && p[i + 1] != '_';
        if (p[i] == '_' && between) continue;
        if (k == 398 || !p[i] || p[i] == '_' || p[i] == ' ') return 0;
        buf[k++] = p[i];
    }
    buf[k] = 0;
    return k > 0 && !(buf[0] <= ' ');
}

struct jv jinja__parse_int(struct jv s, int base, int *ok) {
    char buf[400], *end;
    const char *p = buf;
    *ok = base >= 0 && base <= 36 && base != 1 && clean(s, buf);
    if (!*ok) return jv_int(0);
    int negative = *p == '-';
    if (*p == '-' || *p == '+') p++;
    int prefix = p[0] == '0' && p[1] ? (p[1] | 32) == 'x' ? 16 : (p[1] | 32) == 'o' ? 8 : (p[1] | 32) == 'b' ? 2 : 0 : 0;
    if (prefix && (base == 0 || base == prefix)) p += 2, base = prefix;
    if (base == 0) base = 10;
    errno = 0;
    unsigned long long u =
        (*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'z') ? strtoull(p, &end, base) : (end = buf, 0ULL);
    *ok = end != buf && end != p && !*end && !errno && u <= (unsigned long long)INT64_MAX;
    return jv_int(negative ? -(int64_t)u : (int64_t)u);
}

double jinja__parse_float(struct jv s, int *ok) {
    char buf[400], *end;
    *ok = clean(s, buf);
    if (!*ok) return 0;
    const char *p = buf + (buf[0] == '-' || buf[0] == '+');
    if (strpbrk(p, "xXpP") || strchr(p, '(')) return *ok = 0, 0;
    double x = strtod(buf, &end);
    *ok = !*end && end != buf;
    return x;
}

/* int(v) after Python's rules of the filter; JV_MISSING: it is none */
static struct jv to_int(struct jrun *r, struct jv v, int64_t base) {
    int ok = 0;
    double x = 0;
    if (jv_integral(v)) return jv_int(v.u.i);
    if (v.t == JV_UNDEF) return jv_use_undef(r, v);
    if (v.t == JV_STR) {
        struct jv i = jinja__parse_int(v, base < 0 || base > 36 ? 1 : (int)base, &ok);
        if (ok) return i;
        x = jinja__parse_float(v, &ok);
    } else if (v.t == JV_FLOAT) {
        x = v.u.f, ok = 1;
    }
    if (!ok || isnan(x) || isinf(x)) return (struct jv){.t = JV_MISSING};
    if (!(fabs(x) < 9.2e18)) return jinja__err(r, ERR_LIMIT, "expected whole numbers of at most 64 bits, found a larger one");
    return jv_int((int64_t)x);
}

FILTER(f_int) {
    struct jv i = to_int(r, v, jinja__arg_int(r, a[1], 10, "int"));
    if (v.t == JV_FLOAT && isinf(v.u.f)) return jinja__err(r, ERR_FORMAT, "cannot convert float infinity to integer");
    return i.t != JV_MISSING ? i : a[0].t == JV_MISSING ? jv_int(0) : a[0];
}

FILTER(f_float) {
    int ok = jv_numeric(v);
    double x = ok ? jv_real(v) : v.t == JV_STR ? jinja__parse_float(v, &ok) : 0;
    if (v.t == JV_UNDEF) return jv_use_undef(r, v);
    return ok ? jv_float(x) : a[0].t == JV_MISSING ? jv_float(0) : a[0];
}

/* ---- round ---- */

static double round_to(double x, int64_t digits) {
    char buf[800];
    if (!isfinite(x) || digits > 300) return x;
    if (digits >= 0) { /* printf rounds the exact value correctly, halves to even */
        snprintf(buf, sizeof buf, "%.*f", (int)digits, x);
        return strtod(buf, NULL);
    }
    if (digits < -308) return copysign(0.0, x);
    double p = pow(10, (double)-digits);
    return nearbyint(x / p) * p;
}

static struct jv round_int(struct jrun *r, int64_t v, int64_t digits) {
    int64_t p = 1;
    if (digits >= 0) return jv_int(v);
    for (int64_t i = digits; i < 0; i++)
        if (p > INT64_MAX / 20)
            return jv_int(0);
        else
            p *= 10;
    int64_t m = v % p, low = v - m;
    if (m < 0) m += p, low -= p;
    int up = m > p - m || (m == p - m && (low / p) % 2 != 0);
    return jv_binary(r, '+', jv_int(low), jv_int(up ? p : 0));
}

FILTER(f_round) {
    int64_t digits = jinja__arg_int(r, a[0], 0, "round");
    int common = a[1].t == JV_MISSING || jv_is_z(a[1], "common"), up = jv_is_z(a[1], "ceil");
    if (!common && !up && !jv_is_z(a[1], "floor")) return jinja__err(r, ERR_FORMAT, "method must be common, ceil or floor");
    if (v.t == JV_UNDEF) return jv_use_undef(r, v);
    if (!jv_numeric(v)) return jinja__err(r, ERR_FORMAT, "round: expected a number, found '%s'", jv_type_name(v));
    if (r->rc) return error;
    if (common) return v.t == JV_FLOAT ? jv_float(round_to(v.u.f, digits)) : round_int(r, v.u.i, digits);
    if (digits > 300 || digits < -300) return jinja__err(r, ERR_LIMIT, "round: expected a precision of at most 300 digits");
    double p = pow(10, (double)digits), x = jv_real(v) * p;
    return jv_float((up ? ceil(x) : floor(x)) / p);
}

FILTER(f_abs) {
    if (v.t == JV_FLOAT) return jv_float(fabs(v.u.f));
    if (jv_integral(v)) return v.u.i < 0 ? jv_unary(r, '-', v) : jv_int(v.u.i);
    if (v.t == JV_UNDEF) return jv_use_undef(r, v);
    return jinja__err(r, ERR_FORMAT, "bad operand type for abs(): '%s'", jv_type_name(v));
}

FILTER(f_filesize) {
    int ok = jv_numeric(v), binary = jv_truth(r, a[0]);
    double x = ok ? jv_real(v) : v.t == JV_STR ? jinja__parse_float(v, &ok) : 0, base = binary ? 1024 : 1000, unit = base;
    char buf[80];
    if (!ok || !isfinite(x)) return jinja__err(r, ERR_FORMAT, "filesizeformat: expected a number, found '%s'", jv_type_name(v));
    if (x == 1) return jv_z("1 Byte");
    if (x < base) {
        snprintf(buf, sizeof buf, "%.0f Bytes", trunc(x));
        return jv_str(r, buf, strlen(buf));
    }
    int i = 0;
    for (unit = base * base; x >= unit && i < 7; i++) unit *= base;
    snprintf(buf, sizeof buf, "%.1f %c%sB", base * x / unit, (binary ? "KMGTPEZY" : "kMGTPEZY")[i], binary ? "i" : "");
    return jv_str(r, buf, strlen(buf));
}

/* ---- small ones ---- */

FILTER(f_default) {
    int use = v.t == JV_UNDEF || (jv_truth(r, a[1]) && !jv_truth(r, v));
    return !use ? v : a[0].t == JV_MISSING ? jv_lit("", 0) : a[0];
}

FILTER(f_length) {
    int64_t n = jv_len(r, v);
    return n < 0 ? error : jv_int(n);
}

/* An attribute, never an item. */
FILTER(f_attr) {
    if (a[0].t != JV_STR) return jinja__err(r, ERR_FORMAT, "attr: expected a string, found '%s'", jv_type_name(a[0]));
    if (v.t == JV_UNDEF) return jv_use_undef(r, v);
    struct jv found = v.t == JV_DICT ? jv_attr(r, jv_dict(r, JV_DICT), a[0]) : jv_attr(r, v, a[0]);
    if (r->rc) return error;
    if (v.t == JV_DICT && found.t == JV_METHOD) return jv_attr(r, v, a[0]);
    return found.t == JV_UNDEF && !found.u.undef->hint ? jv_undef_attr(r, v, a[0]) : found;
}

static struct jv refuse(struct jrun *r, const char *name, const char *why) {
    return jinja__err(r, ERR_UNSUPPORTED, "filter '%s' is not supported: %s", name, why);
}
FILTER(f_random) { return refuse(r, "random", "it is not deterministic"); }
FILTER(f_pprint) { return refuse(r, "pprint", "it is for debugging; tojson(indent=2) or string show a value"); }
FILTER(f_urlize) { return refuse(r, "urlize", "it makes HTML links"); }
FILTER(f_striptags) { return refuse(r, "striptags", "it undoes HTML"); }

const struct jbuiltin jinja__filters_num[] = {
    {"abs", f_abs, 0, {NULL}},
    {"attr", f_attr, 1, {"name"}},
    {"count", f_length, 0, {NULL}},
    {"d", f_default, 0, {"default_value", "boolean"}},
    {"default", f_default, 0, {"default_value", "boolean"}},
    {"filesizeformat", f_filesize, 0, {"binary"}},
    {"float", f_float, 0, {"default"}},
    {"int", f_int, 0, {"default", "base"}},
    {"length", f_length, 0, {NULL}},
    {"round", f_round, 0, {"precision", "method"}},
    {0},
};

/* Known, and not there for a reason. */
const struct jbuiltin jinja__filters_refused[] = {
    {"random", f_random, 0, {"*"}},
    {"pprint", f_pprint, 0, {"*"}},
    {"striptags", f_striptags, 0, {"*"}},
    {"urlize", f_urlize, 0, {"*"}},
    {0},
};
