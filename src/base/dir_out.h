/* A folder that appears whole or not at all: files are written into a temporary folder beside it, which is renamed at the end.
 *
 * The target must not exist or be empty. With `force` it may hold anything: then the files go straight into it, each by its own
 * rename (base/fs), and what lies there besides stays (but for dir_out_drop). A symbolic link to a folder is followed. One thread. */
#ifndef BASE_DIR_OUT_H
#define BASE_DIR_OUT_H
#include "base/err.h"
#include <stddef.h>

struct dir_out {
    char *path, *tmp; /* tmp NULL: written in place; path NULL: closed */
};
int dir_out_open(struct dir_out *d, const char *path, int force, struct err *e);
int dir_out_name(const struct dir_out *d, const char *name, char *buf, size_t size, struct err *e); /* where to write a file */
/* Removes a file of this name that a folder written in place holds, because what is written would be read together with it. */
int dir_out_drop(const struct dir_out *d, const char *name, struct err *e);
int dir_out_commit(struct dir_out *d, struct err *e);
void dir_out_abort(struct dir_out *d); /* removes the temporary folder and the files in it; safe after commit */
#endif
