/* What tests with files share: OK, the reference data, a folder of the test's own, and small files in it. Each program uses a part.
 *
 * Criterion runs every test in a process of its own, so a folder belongs to one test. It is made when it is first asked for and removed
 * at the end of the process at the latest. */
#ifndef TEST_FILES_H
#define TEST_FILES_H
#include "base/fs.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHARED __attribute__((unused)) static

#define OK(call)                                                                                       \
    do {                                                                                               \
        struct err e = ERR_INIT; /* named e: the call's last argument is &e */                         \
        int rc_ok = (call);                                                                            \
        cr_assert(rc_ok >= 0, "%s:%d %s: %s %s", __FILE__, __LINE__, err_name(rc_ok), e.where, e.msg); \
    } while (0)

/* dir/name; good for sixteen calls, tmp_path and data_path among them. */
SHARED const char *in_dir(const char *dir, const char *name) {
    static char path[16][1024];
    static int turn;
    char *p = path[turn++ & 15];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

/* ---- reference data: $CANDOR_TEST_DATA, else ../shared/data ---- */

SHARED const char *data_path(const char *name) {
    const char *dir = getenv("CANDOR_TEST_DATA");
    return in_dir(dir && *dir ? dir : "../shared/data", name);
}

#define NEED_DATA(name)                                                                 \
    do {                                                                                \
        if (!file_exists(data_path(name)) && !dir_exists(data_path(name)))              \
            cr_skip_test("no test data at %s (set CANDOR_TEST_DATA)", data_path(name)); \
    } while (0)

/* ---- a folder ---- */

static char tmp_dir[64]; /* "": none yet */

SHARED int tmp_remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}
/* With all that is in it; 0, or -1. */
SHARED int tmp_remove(void) {
    int rc = tmp_dir[0] ? nftw(tmp_dir, tmp_remove_one, 8, FTW_DEPTH | FTW_PHYS) : 0;
    tmp_dir[0] = 0;
    return rc;
}
SHARED void tmp_at_exit(void) {
    if (tmp_remove()) perror("cannot remove the test's folder");
}
SHARED void tmp_init(void) {
    static int registered;
    snprintf(tmp_dir, sizeof tmp_dir, "/tmp/candor-test-XXXXXX");
    cr_assert(mkdtemp(tmp_dir));
    if (!registered++) atexit(tmp_at_exit);
}
SHARED void tmp_end(void) { cr_assert_eq(tmp_remove(), 0, "cannot remove the test's folder"); }

/* A place in the folder. */
SHARED const char *tmp_path(const char *name) {
    if (!tmp_dir[0]) tmp_init();
    return in_dir(tmp_dir, name);
}

/* A new place in the folder; good for 64 calls. */
SHARED const char *fresh(const char *suffix) {
    static char path[64][128];
    static int turn;
    char *p = path[turn & 63], name[40];
    snprintf(name, sizeof name, "t%d%s", turn++, suffix);
    snprintf(p, sizeof path[0], "%s", tmp_path(name));
    return p;
}

/* Files whose names do not begin with a dot, counted, and removed if asked. */
SHARED int visible_files(const char *dir, int unlink_them) {
    DIR *d = opendir(dir);
    int n = 0;
    for (const struct dirent *x; d && (x = readdir(d));)
        if (x->d_name[0] != '.') n++, unlink_them ? unlinkat(dirfd(d), x->d_name, 0) : 0;
    if (d) closedir(d);
    return n;
}
/* The end of a folder in which nothing but visible files may be: no temporary file was left. */
SHARED void tmp_end_strict(void) {
    visible_files(tmp_dir, 1);
    cr_assert_eq(rmdir(tmp_dir), 0, "something was left in %s", tmp_dir);
    tmp_dir[0] = 0;
}

/* ---- small files ---- */

SHARED void write_bytes(const char *path, const void *p, size_t n) {
    FILE *f = fopen(path, "wb");
    cr_assert(f, "%s", path);
    cr_assert_eq(fwrite(p, 1, n, f), n);
    cr_assert_eq(fclose(f), 0);
}
SHARED void write_file(const char *path, const char *text) { write_bytes(path, text, strlen(text)); }
#endif
