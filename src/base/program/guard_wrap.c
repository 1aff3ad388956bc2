/* The interposed allocator: each function reports to the guard and calls the real one. Linked into programs and tests with
 * -Wl,--wrap=…, never into libcandor: a library must not bend the allocator of the program that uses it. It sees calls made from
 * our own objects, not those inside shared libraries; that is what the guard is about. */
#include "base/guard.h"
#include <stddef.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
int __real_posix_memalign(void **p, size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
int __wrap_posix_memalign(void **p, size_t align, size_t n);

void *__wrap_malloc(size_t n) {
    guard_hit("malloc", n);
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size) {
    guard_hit("calloc", n * size);
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n) {
    guard_hit("realloc", n);
    return __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n) {
    guard_hit("aligned_alloc", n);
    return __real_aligned_alloc(align, n);
}

int __wrap_posix_memalign(void **p, size_t align, size_t n) {
    guard_hit("posix_memalign", n);
    return __real_posix_memalign(p, align, n);
}
