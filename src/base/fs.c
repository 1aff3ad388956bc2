/* Files. Reading has a limit, because paths come from users and contents from strangers; writing is all or nothing.
 *
 * file_out:  open  -> PATH.tmp-PID-N (same directory, so that rename stays within one file system)
 *            commit-> fflush, fsync, rename over PATH, fsync of the directory (the name itself must survive a power cut)
 * A symbolic link is followed first: its target is replaced, the link stays. What is not a regular file has no content to
 * protect and must not be replaced by one, so it is written directly. */
#include "base/fs.h"
#include "base/fs_int.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_io(struct err *e, const char *path, const char *what) {
    int code = errno == ENOMEM ? ERR_NOMEM : ERR_IO;
    return fail_at(e, code, path, -1, "cannot %s: %s", what, strerror(errno));
}

int map_open(struct map *m, const char *path, struct err *e) {
    static const unsigned char nothing[1];
    struct stat st;
    void *p = (void *)nothing;
    int rc = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* NONBLOCK: a FIFO is refused, not waited for */
    if (fd < 0) return fail_io(e, path, "open");
    if (fstat(fd, &st) < 0)
        rc = fail_io(e, path, "stat");
    else if (!S_ISREG(st.st_mode))
        rc = fail_at(e, ERR_IO, path, -1, "expected a regular file, found something else");
    else if (st.st_size > 0) {
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) rc = fail_io(e, path, "map");
    }
    close(fd);
    if (rc == 0) *m = (struct map){.data = p, .size = (size_t)st.st_size};
    return rc;
}

void map_close(struct map *m) {
    if (!m) return;
    if (m->size) munmap((void *)(uintptr_t)m->data, m->size);
    *m = (struct map){0};
}

/* Reads on until the end or one byte past the limit; *out and *cap grow by doubling. */
static int fd_slurp(int fd, char **out, size_t *n, size_t cap, size_t limit, const char *path, struct err *e) {
    char *buf = malloc(cap + 1);
    size_t len = 0;
    int rc = 0;
    if (!buf) return fail_at(e, ERR_NOMEM, path, -1, "no memory for %zu bytes", cap + 1);
    for (;;) {
        if (len == cap) {
            size_t more = cap < limit ? (cap > limit / 2 ? limit + 1 : cap * 2) : limit + 1;
            char *grown = realloc(buf, more + 1);
            if (!grown) rc = fail_at(e, ERR_NOMEM, path, -1, "no memory for %zu bytes", more + 1);
            if (rc) break;
            buf = grown;
            cap = more;
        }
        ssize_t got = read(fd, buf + len, cap - len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) rc = fail_io(e, path, "read");
        if (got > 0) len += (size_t)got;
        if (len > limit) rc = fail_at(e, ERR_LIMIT, path, -1, "expected at most %zu bytes, found more", limit);
        if (rc || got == 0) break;
    }
    if (rc) {
        free(buf);
        return rc;
    }
    buf[len] = 0;
    *out = buf;
    if (n) *n = len;
    return 0;
}

int file_read(char **out, size_t *n, const char *path, size_t limit, struct err *e) {
    struct stat st;
    if (limit == 0) limit = (size_t)1 << 30;
    if (limit > SIZE_MAX / 2) limit = SIZE_MAX / 2;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_io(e, path, "open");
    /* one byte more than the file says: the read that finds the end needs room */
    size_t cap = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t)st.st_size + 1 : 4096;
    if (cap > limit) cap = limit + 1;
    int rc = fd_slurp(fd, out, n, cap, limit, path, e);
    close(fd);
    return rc;
}

int file_read_beside(char **out, size_t *n, const char *path, size_t limit, struct err *e) {
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return fail_at(e, ERR_IO, path, -1, "expected a regular file, found something else");
    return file_read(out, n, path, limit, e);
}

int file_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

int dir_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int path_join(char *buf, size_t size, const char *dir, const char *name, struct err *e) {
    size_t len = strlen(dir);
    const char *sep = len && dir[len - 1] == '/' ? "" : "/";
    if (len + strlen(sep) + strlen(name) >= size)
        return fail_at(e, ERR_LIMIT, dir, -1, "path with \"%s\" is longer than %zu bytes", name, size);
    snprintf(buf, size, "%s%s%s", dir, sep, name);
    return 0;
}

int fs__std_dup(const char *path) {
    int fd = strcmp(path, "/dev/stdout") == 0 ? STDOUT_FILENO : strcmp(path, "/dev/stderr") == 0 ? STDERR_FILENO : -1;
    if (fd < 0) return -1;
    fflush(fd == STDOUT_FILENO ? stdout : stderr); /* what was printed before comes before */
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

int fs__direct(const char *path) {
    struct stat st;
    if (strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0) return 1;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static int out_open_direct(struct file_out *o, const char *path, struct err *e) {
    int fd = fs__std_dup(path);
    if (fd < 0) fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return fail_io(e, path, "open for writing");
    o->f = fdopen(fd, "w");
    if (o->f) return 0;
    close(fd);
    return fail_io(e, path, "open for writing");
}

/* O_EXCL and a name of our own rather than mkstemp: the file gets the mode a plain open would give it. */
static int out_open_beside(struct file_out *o, struct err *e) {
    static atomic_uint serial;
    struct stat st;
    size_t size = strlen(o->path) + 48;
    int fd = -1, had = stat(o->path, &st) == 0;
    if (!(o->tmp = malloc(size))) return fail_at(e, ERR_NOMEM, o->path, -1, "no memory for a file name");
    for (int tries = 0; fd < 0 && tries < 100; tries++) {
        snprintf(o->tmp, size, "%s.tmp-%ld-%u", o->path, (long)getpid(), atomic_fetch_add(&serial, 1));
        fd = open(o->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST) break;
    }
    if (fd < 0) return fail_io(e, o->path, "write beside");
    if (had && fchmod(fd, st.st_mode & 07777) < 0) errno = 0; /* another's file: the mode of a new one will do */
    if ((o->f = fdopen(fd, "w"))) return 0;
    close(fd);
    unlink(o->tmp);
    return fail_io(e, o->path, "open for writing");
}

static void out_release(struct file_out *o) {
    free(o->path);
    free(o->tmp);
    *o = (struct file_out){0};
}

int file_out_open(struct file_out *o, const char *path, struct err *e) {
    struct file_out fresh = {0};
    if (dir_exists(path)) return fail_at(e, ERR_IO, path, -1, "expected a file to write, found a directory");
    fresh.path = realpath(path, NULL);
    if (!fresh.path) fresh.path = strdup(path);
    if (!fresh.path) return fail_at(e, ERR_NOMEM, path, -1, "no memory for a file name");
    int rc = fs__direct(path) ? out_open_direct(&fresh, path, e) : out_open_beside(&fresh, e);
    if (rc < 0)
        out_release(&fresh);
    else
        *o = fresh;
    return rc;
}

/* Best effort: some file systems refuse fsync on a directory, and the content is already safe. */
void file_sync_name(const char *path) {
    char dir[PATH_MAX];
    const char *cut = strrchr(path, '/');
    size_t n = cut ? (size_t)(cut - path) + 1 : 1;
    if (n >= sizeof dir) return;
    memcpy(dir, cut ? path : ".", n);
    dir[n] = 0;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

int file_out_commit(struct file_out *o, struct err *e) {
    int rc = 0;
    if (!o->f) return fail(e, ERR_STATE, "expected an open output, found a closed one");
    if (fflush(o->f) != 0 || ferror(o->f)) rc = fail_io(e, o->path, "write");
    if (rc == 0 && o->tmp && fsync(fileno(o->f)) < 0) rc = fail_io(e, o->path, "sync");
    if (fclose(o->f) != 0 && rc == 0) rc = fail_io(e, o->path, "close");
    o->f = NULL;
    if (rc == 0 && o->tmp && rename(o->tmp, o->path) < 0) rc = fail_io(e, o->path, "rename into place");
    if (rc == 0 && o->tmp) file_sync_name(o->path);
    if (rc < 0 && o->tmp) unlink(o->tmp);
    out_release(o);
    return rc;
}

void file_out_abort(struct file_out *o) {
    if (!o || !o->f) return;
    fclose(o->f);
    if (o->tmp) unlink(o->tmp);
    out_release(o);
}
