/* Files: read whole with a limit, map read-only, and write so that nothing is ever half-written.
 * file_out writes to a temporary name beside the target and renames on commit; a target that exists and is not a regular file
 * (/dev/stdout, a pipe) is written directly. */
#ifndef BASE_FS_H
#define BASE_FS_H
#include "base/err.h"
#include <stddef.h>
#include <stdio.h>

struct map {
    const unsigned char *data;
    size_t size;
}; /* read-only mapping of a regular file */
int map_open(struct map *m, const char *path, struct err *e);
void map_close(struct map *m);

/* *out is malloc'd, NUL-terminated (not counted in *n). limit 0: 1 GiB. */
int file_read(char **out, size_t *n, const char *path, size_t limit, struct err *e);
/* The same of a file that lies beside another: what is not a regular file is refused, not waited for. */
int file_read_beside(char **out, size_t *n, const char *path, size_t limit, struct err *e);
/* After a rename: syncs the folder of path, so that the name survives a power cut too. Best effort. */
void file_sync_name(const char *path);
int file_exists(const char *path);
int dir_exists(const char *path);
/* dir + "/" + name into buf; ERR_LIMIT if it does not fit */
int path_join(char *buf, size_t size, const char *dir, const char *name, struct err *e);

struct file_out {
    FILE *f;
    char *path, *tmp;
};
int file_out_open(struct file_out *o, const char *path, struct err *e);
int file_out_commit(struct file_out *o, struct err *e); /* flush, fsync, rename; closes in any case */
void file_out_abort(struct file_out *o);                /* removes the temporary; safe after commit */
#endif
