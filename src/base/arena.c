/* Arenas: one block, a moving end, and the same arithmetic whether memory is behind it or not.
 *
 *   raw ... | raw pointer | base: block | pad+gap | block | pad+gap | ...        base and every block are 64-byte aligned
 *
 * The memory comes from calloc, not memset: for large arenas the kernel hands out zero pages lazily, so that reserving the
 * worst case costs address space and not time; and unlike mmap it is scanned by the leak checker. The raw pointer is kept just
 * below base, so that the struct stays what the header shows. Under ASan each block is followed by at least ARENA_GAP poisoned
 * bytes; the counting pass adds the same gap, so both passes agree in every build. */
#include "base/arena.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
enum { ARENA_GAP = 64 };
#define POISON(p, n)   __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#else
enum { ARENA_GAP = 0 };
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum { ARENA_ALIGN = 64 };

struct arena arena_count(void) {
    return (struct arena){0};
}

int arena_init(struct arena *a, size_t bytes, struct err *e) {
    const size_t extra = ARENA_ALIGN + sizeof(void *);
    if (bytes > SIZE_MAX - extra) return fail(e, ERR_LIMIT, "arena of %zu bytes is larger than memory can be", bytes);
    char *raw = calloc(1, bytes + extra);
    if (!raw) return fail(e, ERR_NOMEM, "cannot reserve an arena of %zu bytes", bytes);
    uintptr_t at = ((uintptr_t)raw + sizeof(void *) + ARENA_ALIGN - 1) & ~(uintptr_t)(ARENA_ALIGN - 1);
    char *base = raw + (at - (uintptr_t)raw);
    memcpy(base - sizeof(void *), &raw, sizeof raw);
    *a = (struct arena){.base = base, .size = bytes};
    POISON(base, bytes);
    return 0;
}

void arena_fini(struct arena *a) {
    if (!a || !a->base) return;
    void *raw;
    UNPOISON(a->base, a->size);
    memcpy(&raw, a->base - sizeof(void *), sizeof raw);
    free(raw);
    *a = (struct arena){0};
}

void *arena_alloc(struct arena *a, size_t n) {
    size_t want = n ? n : 1; /* an empty block still has an address of its own */
    if (want > SIZE_MAX - ARENA_ALIGN - ARENA_GAP) {
        a->full = 1;
        return NULL;
    }
    size_t step = ((want + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1)) + ARENA_GAP;
    size_t room = a->base ? a->size : SIZE_MAX;
    if (a->used > room || step > room - a->used) {
        a->full = 1;
        return NULL;
    }
    char *p = a->base ? a->base + a->used : NULL;
    a->used += step;
    if (a->used > a->peak) a->peak = a->used;
    if (p) UNPOISON(p, n);
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        a->full = 1;
        return NULL;
    }
    return arena_alloc(a, bytes);
}

size_t arena_mark(const struct arena *a) { return a->used; }

void arena_rewind(struct arena *a, size_t mark) {
    if (mark >= a->used) return;
    if (a->base) POISON(a->base + mark, a->used - mark);
    a->used = mark;
}
