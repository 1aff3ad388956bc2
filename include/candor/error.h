/* What a failed call of libcandor says: a code to decide by, a place, and one sentence to show.
 *
 * A struct candor_error is the caller's, plain data, and needs no initialisation: a call that fails fills all of it, a call that succeeds
 * leaves it alone. The sentence says what was expected and what was found; it is English and may change, codes do not. */
#ifndef CANDOR_ERROR_H
#define CANDOR_ERROR_H
#include <stdint.h>

enum candor_error_code {
    CANDOR_ERR_NOMEM = -1,       /* out of memory */
    CANDOR_ERR_IO = -2,          /* a file cannot be opened, read or written */
    CANDOR_ERR_FORMAT = -3,      /* malformed data; where and at tell the place */
    CANDOR_ERR_RANGE = -4,       /* a value outside its range, such as a token id */
    CANDOR_ERR_LIMIT = -5,       /* a limit was reached: context, rows, cache */
    CANDOR_ERR_UNSUPPORTED = -6, /* well-formed, but not something candor does */
    CANDOR_ERR_BUSY = -7,
    CANDOR_ERR_CANCELLED = -8, /* a callback asked to stop */
    CANDOR_ERR_TIMEOUT = -9,
    CANDOR_ERR_STATE = -10,   /* not now, or not with this engine */
    CANDOR_ERR_ARG = -11,     /* an argument that can never be right */
    CANDOR_ERR_INTERNAL = -12 /* a fault in candor */
};

struct candor_error {
    int code;        /* CANDOR_ERR_* */
    int64_t at;      /* byte or line within `where`; -1: none */
    char where[160]; /* file or key; empty: none */
    char msg[400];   /* one sentence without a newline */
};
#endif
