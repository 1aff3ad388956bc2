/* Errors travel with a place and a sentence.
 *
 * A fallible function takes a `struct err *` last (NULL is allowed everywhere), returns 0 or a negative ERR_*, and writes its
 * out-parameters only on success. The error is raised once with fail() or fail_at(), forwarded with TRY, and printed at the
 * door (cli). `msg` says what was expected and what was found; `where`/`at` name the file and the byte (or line) of it.
 * Thread: a struct err belongs to its caller. */
#ifndef BASE_ERR_H
#define BASE_ERR_H
#include <stdint.h>

#define ERR_MAP(XX)                     \
    XX(1, NOMEM, "out of memory")       \
    XX(2, IO, "input or output failed") \
    XX(3, FORMAT, "malformed data")     \
    XX(4, RANGE, "value out of range")  \
    XX(5, LIMIT, "limit reached")       \
    XX(6, UNSUPPORTED, "not supported") \
    XX(7, BUSY, "busy")                 \
    XX(8, CANCELLED, "cancelled")       \
    XX(9, TIMEOUT, "timed out")         \
    XX(10, STATE, "wrong state")        \
    XX(11, ARG, "bad argument")         \
    XX(12, INTERNAL, "internal error")

enum err_code {
#define XX(n, name, text) ERR_##name = -(n),
    ERR_MAP(XX)
#undef XX
};

struct err {
    int code;        /* 0 or ERR_* */
    int64_t at;      /* byte or line in `where`; -1: none */
    char where[160]; /* file or key; empty: none */
    char msg[400];   /* one sentence, no trailing newline */
};

#define ERR_INIT ((struct err){.at = -1})

/* Fill *e (may be NULL) and return code, so that `return fail(e, ERR_FORMAT, "expected …, found …")` reads as one line. */
int fail(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with a place: where may be NULL, at may be -1. */
int fail_at(struct err *e, int code, const char *where, int64_t at, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Give an error that has no place yet its place; returns rc unchanged. */
int err_place(struct err *e, int rc, const char *where);
/* "FORMAT" for ERR_FORMAT. */
const char *err_name(int code);

#define TRY(f)                   \
    do {                         \
        int rc_ = (f);           \
        if (rc_ < 0) return rc_; \
    } while (0)
/* The same inside a function with one `out:` label and an `int rc`. */
#define TRYTO(out, f)         \
    do {                      \
        rc = (f);             \
        if (rc < 0) goto out; \
    } while (0)
#endif
