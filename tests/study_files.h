/* Archives of a test in /tmp: named, read, removed. */
#ifndef TESTS_STUDY_FILES_H
#define TESTS_STUDY_FILES_H
#include "base/fs.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline char *sealed(const char *path, size_t *n) {
    char *s;
    struct err e = ERR_INIT;
    cr_assert_geq(file_read(&s, n, path, 0, &e), 0, "%s", e.msg);
    return s;
}
/* Keeps the bytes of the first archive; the i-th must have the same. free(*first) */
static inline void same_sealed(const char *path, char **first, size_t *first_n, int i) {
    size_t n;
    char *bytes = sealed(path, &n);
    if (!*first) {
        *first = bytes, *first_n = n;
        return;
    }
    cr_assert(n == *first_n && !memcmp(bytes, *first, n), "settings %d: other facts", i);
    free(bytes);
}

static inline void path_of(char *out, size_t size, const char *name) {
    snprintf(out, size, "/tmp/candor-study-%d-%s", (int)getpid(), name);
}
static inline void remove_all(const char *path) {
    char other[200];
    static const char *const tails[] = {"", ".journal", ".measured", ".lock"};
    for (int i = 0; i < 4; i++) {
        snprintf(other, sizeof other, "%s%s", path, tails[i]);
        unlink(other);
    }
}
#endif
