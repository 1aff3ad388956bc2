/* Errors: filled once where the fact is known, carried up unchanged.
 * Formatting goes through a buffer of its own, because callers like to quote the error they are replacing
 * (`fail(e, ERR_IO, "%s: %s", name, e->msg)`), and vsnprintf may not read what it writes. */
#include "base/err.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int err_fill(struct err *e, int code, const char *where, int64_t at, const char *fmt, va_list ap)
    __attribute__((format(printf, 5, 0)));

static void text_copy(char *dst, size_t size, const char *src) {
    size_t n = strlen(src);
    if (n >= size) n = size - 1;
    memmove(dst, src, n);
    dst[n] = 0;
}

static int err_fill(struct err *e, int code, const char *where, int64_t at, const char *fmt, va_list ap) {
    struct err fresh = {.code = code, .at = at};
    if (!e) return code;
    vsnprintf(fresh.msg, sizeof fresh.msg, fmt, ap);
    if (where) text_copy(fresh.where, sizeof fresh.where, where);
    *e = fresh;
    return code;
}

int fail(struct err *e, int code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    err_fill(e, code, NULL, -1, fmt, ap);
    va_end(ap);
    return code;
}

int fail_at(struct err *e, int code, const char *where, int64_t at, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    err_fill(e, code, where, at, fmt, ap);
    va_end(ap);
    return code;
}

int err_place(struct err *e, int rc, const char *where) {
    if (rc < 0 && e && where && !e->where[0]) text_copy(e->where, sizeof e->where, where);
    return rc;
}

const char *err_name(int code) {
    switch (code) {
    case 0: return "OK";
#define XX(n, name, text) \
    case -(n): return #name;
        ERR_MAP(XX)
#undef XX
    default: return "UNKNOWN";
    }
}
