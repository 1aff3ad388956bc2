/* Growing byte strings: capacity doubles up to the stated maximum; after the first failure every append is a no-op that
 * returns the same refusal, so that a half-built text is never mistaken for a whole one. */
#include "base/str.h"
#include "base/err.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t str_max(const struct str *b) { return b->max ? b->max : (size_t)1 << 30; }

static int str_refuse(struct str *b, int code) {
    b->failed = 1;
    return code;
}

/* Room for n more bytes and the NUL. */
static int str_room(struct str *b, size_t n) {
    if (b->failed) return ERR_STATE;
    if (n > str_max(b) || b->len > str_max(b) - n) return str_refuse(b, ERR_LIMIT);
    size_t need = b->len + n + 1;
    if (need <= b->cap) return 0;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need) cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    char *s = realloc(b->s, cap);
    if (!s) return str_refuse(b, ERR_NOMEM);
    if (!b->s) s[0] = 0;
    b->s = s;
    b->cap = cap;
    return 0;
}

void str_free(struct str *b) {
    if (!b) return;
    free(b->s);
    *b = (struct str){.max = b->max};
}

void str_clear(struct str *b) {
    b->len = 0;
    b->failed = 0;
    if (b->s) b->s[0] = 0;
}

int str_add(struct str *b, const void *p, size_t n) {
    TRY(str_room(b, n));
    if (n) memcpy(b->s + b->len, p, n);
    b->len += n;
    b->s[b->len] = 0;
    return 0;
}

int str_puts(struct str *b, const char *z) { return str_add(b, z, strlen(z)); }

int str_printf(struct str *b, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    int rc = n < 0 ? str_refuse(b, ERR_FORMAT) : str_room(b, (size_t)n);
    if (rc >= 0) {
        vsnprintf(b->s + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    va_end(ap);
    return rc;
}
