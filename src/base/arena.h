/* Arenas by lifetime, with sizes asked beforehand.
 *
 * The same layout function runs twice: first on a counting arena (arena_count), which only adds up, then on a real one of
 * exactly that size. What was handed out is 64-byte aligned and zero-filled at arena_init; a rewind does not clear.
 * An arena that is full returns NULL and remembers it (`full`), so that a long constructor checks once at its end.
 * Under ASan the space between blocks is poisoned. Owner: whoever called arena_init; one thread at a time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H
#include "base/err.h"
#include <stddef.h>

struct arena {
    char *base;  /* NULL: counting only */
    size_t size; /* bytes reserved */
    size_t used; /* bytes handed out, padding included */
    size_t peak; /* the most that was ever used */
    int full;    /* sticky: an allocation did not fit */
};

struct arena arena_count(void);
int arena_init(struct arena *a, size_t bytes, struct err *e);
void arena_fini(struct arena *a);
/* n bytes; in a counting arena NULL is returned and the bytes are counted. */
void *arena_alloc(struct arena *a, size_t n);
/* n objects of a given size, overflow checked (sets full). */
void *arena_array(struct arena *a, size_t n, size_t size);
size_t arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, size_t mark);
#endif
