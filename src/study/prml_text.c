/* How scalars are spelled in canonical PRML (grammar of prml/0.1, constraints C4 and C5).
 *
 * A text stands plain unless a reader of YAML 1.1 would take it for something else; the patterns below are those of YAML 1.1's implicit
 * types, one small recogniser each. */
#include "study/prml.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A place in a NUL-terminated copy-free text: everything is bounded by end. */
struct at {
    const char *p, *end;
};
static int in_set(const struct at *a, const char *set) { return a->p < a->end && *a->p && strchr(set, *a->p) != NULL; }
static int take(struct at *a, const char *set) {
    if (!in_set(a, set)) return 0;
    a->p++;
    return 1;
}
static int take_all(struct at *a, const char *set) {
    int n = 0;
    while (take(a, set)) n++;
    return n;
}
static int done(const struct at *a) { return a->p == a->end; }
static int take_word(struct at *a, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(a->end - a->p) < n || memcmp(a->p, word, n) != 0) return 0;
    a->p += n;
    return 1;
}

#define DIGITS "0123456789"

static int is_word(struct at a) {
    static const char *const words[] = {"yes",   "Yes",   "YES", "no", "No", "NO",  "true", "True", "TRUE", "false",
                                        "False", "FALSE", "on",  "On", "ON", "off", "Off",  "OFF",  "~",    "null",
                                        "Null",  "NULL",  "<<",  "=",  "!",  "&",   "*",    ".nan", ".NaN", ".NAN"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct at t = a;
        if (take_word(&t, words[i]) && done(&t)) return 1;
    }
    take(&a, "-+");
    return (take_word(&a, ".inf") || take_word(&a, ".Inf") || take_word(&a, ".INF")) && done(&a);
}

/* (:[0-5]?[0-9])+ */
static int sixties(struct at *a) {
    int n = 0;
    while (in_set(a, ":")) {
        a->p++;
        int low = in_set(a, "012345");
        if (!take(a, DIGITS)) return 0;
        if (low) take(a, DIGITS);
        n++;
    }
    return n;
}

static int is_int(struct at a) {
    struct at t;
    take(&a, "-+");
    t = a;
    if (take_word(&t, "0b") && take_all(&t, "01_") && done(&t)) return 1;
    t = a;
    if (take_word(&t, "0x") && take_all(&t, "0123456789abcdefABCDEF_") && done(&t)) return 1;
    t = a;
    if (take(&t, "0") && (done(&t) || (take_all(&t, "01234567_") && done(&t)))) return 1;
    t = a;
    if (!take(&t, "123456789")) return 0;
    take_all(&t, DIGITS "_");
    return done(&t) || (sixties(&t) && done(&t));
}

static int exponent_end(struct at *a) {
    if (take(a, "eE") && !(take(a, "-+") && take_all(a, DIGITS))) return 0;
    return done(a);
}

static int is_float(struct at a) {
    struct at t = a;
    if (take(&t, ".") && take(&t, DIGITS)) { /* no sign here, as the pattern has it */
        take_all(&t, DIGITS "_");
        return exponent_end(&t);
    }
    take(&a, "-+");
    if (!take(&a, DIGITS)) return 0;
    take_all(&a, DIGITS "_");
    t = a;
    if (take(&t, ".")) {
        take_all(&t, DIGITS "_");
        return exponent_end(&t);
    }
    if (!sixties(&a) || !take(&a, ".")) return 0;
    take_all(&a, DIGITS "_");
    return done(&a);
}

static int digits(struct at *a, int least, int most) {
    int n = 0;
    while (n < most && take(a, DIGITS)) n++;
    return n >= least;
}

static int is_time(struct at a) {
    struct at t = a;
    if (digits(&t, 4, 4) && take(&t, "-") && digits(&t, 2, 2) && take(&t, "-") && digits(&t, 2, 2) && done(&t)) return 1;
    if (!(digits(&a, 4, 4) && take(&a, "-") && digits(&a, 1, 2) && take(&a, "-") && digits(&a, 1, 2))) return 0;
    if (!take(&a, "Tt") && !take_all(&a, " \t")) return 0;
    if (!(digits(&a, 1, 2) && take(&a, ":") && digits(&a, 2, 2) && take(&a, ":") && digits(&a, 2, 2))) return 0;
    if (take(&a, ".")) take_all(&a, DIGITS);
    if (done(&a)) return 1;
    take_all(&a, " \t");
    if (take(&a, "Z")) return done(&a);
    if (!take(&a, "-+") || !digits(&a, 1, 2)) return 0;
    return done(&a) || (take(&a, ":") && digits(&a, 2, 2) && done(&a));
}

int prml_is_plain(const char *s, size_t n) {
    struct at a = {s, s + n};
    if (n == 0 || strchr("#,[]{}&*!|>'\"%@`", s[0])) return 0;
    if (strchr("?:-", s[0]) && (n == 1 || s[1] == ' ')) return 0;
    if (s[0] == ' ' || s[n - 1] == ' ') return 0;
    for (size_t i = 1; i < n; i++) {
        if (s[i] == ':' && (i + 1 == n || s[i + 1] == ' ')) return 0;
        if (s[i] == '#' && s[i - 1] == ' ') return 0;
    }
    return !is_word(a) && !is_int(a) && !is_float(a) && !is_time(a);
}

int prml_put_text(struct str *out, const char *s, size_t n) {
    if (prml_is_plain(s, n)) return str_add(out, s, n);
    str_puts(out, "'");
    for (size_t i = 0; i < n; i++) str_add(out, s[i] == '\'' ? "''" : s + i, s[i] == '\'' ? 2 : 1);
    return str_puts(out, "'");
}

int prml_put_real(struct str *out, double x) {
    char digit[40], mantissa[20];
    int exponent, precision = 0, n = 0;
    do snprintf(digit, sizeof digit, "%.*e", precision, fabs(x));
    while (strtod(digit, NULL) != fabs(x) && ++precision < 17);
    const char *e = strchr(digit, 'e');
    for (const char *p = digit; e && p < e; p++)
        if (*p != '.') mantissa[n++] = *p;
    exponent = e ? atoi(e + 1) : 0;
    while (n > 1 && mantissa[n - 1] == '0') n--;
    if (signbit(x)) str_puts(out, "-");
    if (exponent < -4 || exponent >= 16) {
        str_printf(out, "%c.%.*s", mantissa[0], n > 1 ? n - 1 : 1, n > 1 ? mantissa + 1 : "0");
        return str_printf(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    }
    if (exponent < 0) return str_printf(out, "0.%.*s%.*s", -exponent - 1, "0000", n, mantissa);
    int whole = exponent + 1; /* digits before the point */
    if (n <= whole) return str_printf(out, "%.*s%.*s.0", n, mantissa, whole - n, "0000000000000000");
    return str_printf(out, "%.*s.%.*s", whole, mantissa, n - whole, mantissa + whole);
}
