/* Dates and times as RFC 3339 writes them. */
#include "cli/created.h"
#include <string.h>

/* n digits of *s as a number within [lo, hi], and what must follow ('\0': anything); -1 if it is not there. */
static int part(const char **s, int n, int lo, int hi, char then) {
    int v = 0;
    for (int i = 0; i < n; i++, (*s)++) {
        if (**s < '0' || **s > '9') return -1;
        v = 10 * v + (**s - '0');
    }
    if (v < lo || v > hi || (then && **s != then)) return -1;
    *s += then != 0;
    return v;
}

static int days_of(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static int is_offset(const char *s) {
    if (!strcmp(s, "Z") || !strcmp(s, "z")) return 1;
    if (*s != '+' && *s != '-') return 0;
    s++;
    return part(&s, 2, 0, 23, ':') >= 0 && part(&s, 2, 0, 59, 0) >= 0 && !*s;
}

int is_time(const char *s) {
    int year = part(&s, 4, 0, 9999, '-'), month = year < 0 ? -1 : part(&s, 2, 1, 12, '-');
    if (month < 0 || part(&s, 2, 1, days_of(year, month), 0) < 0) return 0;
    if (!*s) return 1;
    if (*s != 'T' && *s != 't') return 0;
    s++;
    if (part(&s, 2, 0, 23, ':') < 0 || part(&s, 2, 0, 59, ':') < 0 || part(&s, 2, 0, 60, 0) < 0) return 0;
    if (*s == '.') {
        size_t digits = strspn(++s, "0123456789");
        if (!digits) return 0;
        s += digits;
    }
    return is_offset(s);
}

int arg_time(struct args *a, const char *name, const char **out, struct err *e) {
    *out = arg_str(a, name);
    if (!*out || (strlen(*out) < 40 && is_time(*out))) return 0;
    return usage_error(a, e, "--%s: expected a date or a time as 2026-03-05 or 2026-03-05T00:00:00Z, found \"%.60s\"", name,
                       *out);
}
