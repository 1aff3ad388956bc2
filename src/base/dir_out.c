/* A folder made beside its place and renamed into it. rename(2) replaces an empty folder and refuses any other, so that nothing a
 * user has is ever removed. */
#include "base/dir_out.h"
#include "base/fs.h"
#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_LEN = 4096 };

static int fail_dir(struct err *e, const char *path, const char *what) {
    return fail_at(e, ERR_IO, path, -1, "cannot %s: %s", what, strerror(errno));
}

/* 1: holds nothing, or does not exist */
static int is_empty(const char *path) {
    DIR *d = opendir(path);
    if (!d) return errno == ENOENT;
    int n = 0;
    for (const struct dirent *x; (x = readdir(d));) n += strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0;
    closedir(d);
    return n == 0;
}

static void release(struct dir_out *d) {
    free(d->path), free(d->tmp);
    *d = (struct dir_out){0};
}

static int make_beside(struct dir_out *d, struct err *e) {
    static atomic_uint serial;
    size_t n = strlen(d->path) + 48;
    if (!(d->tmp = malloc(n))) return fail(e, ERR_NOMEM, "out of memory for a folder's name");
    snprintf(d->tmp, n, "%s.tmp-%ld-%u", d->path, (long)getpid(), atomic_fetch_add(&serial, 1));
    return mkdir(d->tmp, 0777) < 0 ? fail_dir(e, d->path, "make a folder beside it") : 0;
}

int dir_out_open(struct dir_out *d, const char *path, int force, struct err *e) {
    struct dir_out fresh = {0};
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    if (n == 0) return fail(e, ERR_ARG, "expected the name of a folder to write, found nothing");
    if (file_exists(path)) return fail_at(e, ERR_IO, path, -1, "expected a folder to write, found a file");
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && !dir_exists(path))
        return fail_at(e, ERR_IO, path, -1, "expected a folder to write, found a link to nothing");
    int empty = is_empty(path);
    if (!empty && !force)
        return fail_at(e, ERR_IO, path, -1, "expected a folder that does not exist or is empty (--force writes into it)");
    fresh.path = realpath(path, NULL); /* a link stays, its folder is filled */
    if (!fresh.path && !(fresh.path = strndup(path, n))) return fail(e, ERR_NOMEM, "out of memory for a folder's name");
    int rc = empty ? make_beside(&fresh, e) : 0;
    if (rc < 0)
        release(&fresh);
    else
        *d = fresh;
    return rc;
}

int dir_out_name(const struct dir_out *d, const char *name, char *buf, size_t size, struct err *e) {
    return path_join(buf, size, d->tmp ? d->tmp : d->path, name, e);
}

int dir_out_drop(const struct dir_out *d, const char *name, struct err *e) {
    char path[PATH_LEN];
    if (d->tmp) return 0;
    TRY(path_join(path, sizeof path, d->path, name, e));
    return unlink(path) == 0 || errno == ENOENT ? 0 : fail_dir(e, path, "remove");
}

int dir_out_commit(struct dir_out *d, struct err *e) {
    int rc = 0;
    if (!d->path) return fail(e, ERR_STATE, "expected an open folder, found a closed one");
    if (d->tmp && rename(d->tmp, d->path) < 0) rc = fail_dir(e, d->path, "rename into place");
    if (rc < 0)
        dir_out_abort(d);
    else
        release(d);
    return rc;
}

void dir_out_abort(struct dir_out *d) {
    char file[PATH_LEN];
    if (!d || !d->path) return;
    DIR *x = d->tmp ? opendir(d->tmp) : NULL;
    for (const struct dirent *f; x && (f = readdir(x));)
        if (strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0 &&
            path_join(file, sizeof file, d->tmp, f->d_name, NULL) == 0)
            unlink(file);
    if (x) closedir(x);
    if (d->tmp) rmdir(d->tmp);
    release(d);
}
