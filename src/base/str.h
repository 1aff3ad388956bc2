/* Growing byte strings with a stated maximum. A failed append sets `failed` (sticky) and leaves the content as it was, so a
 * chain of appends is checked once. Always NUL-terminated once anything was appended. */
#ifndef BASE_STR_H
#define BASE_STR_H
#include <stddef.h>

struct str {
    char *s; /* NULL while empty */
    size_t len, cap;
    size_t max; /* 0: 1 GiB */
    int failed;
};

void str_free(struct str *b);
void str_clear(struct str *b);
int str_add(struct str *b, const void *p, size_t n); /* 0 or ERR_NOMEM / ERR_LIMIT */
int str_puts(struct str *b, const char *z);
int str_printf(struct str *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
