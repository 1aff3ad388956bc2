/* Archives of a test in /tmp: named, read, removed. */
#ifndef TESTS_STUDY_FILES_H
#define TESTS_STUDY_FILES_H
#include "base/fs.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

static inline char *sealed(const char *path, size_t *n) {
    char *s;
    struct err e = ERR_INIT;
    cr_assert_geq(file_read(&s, n, path, 0, &e), 0, "%s", e.msg);
    return s;
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
