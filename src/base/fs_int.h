/* What fs.c shares with the other files of base and nobody else. */
#ifndef BASE_FS_INT_H
#define BASE_FS_INT_H
/* /dev/stdout and /dev/stderr are this process's own streams even when they lead to a regular file: they are duplicated, not
 * opened again (a second open of the file has an offset of its own and would overwrite). -1: path is neither. */
int fs__std_dup(const char *path);
/* Whether path must be written in place: it exists and is not a regular file, or lies in /dev or /proc. */
int fs__direct(const char *path);
#endif
