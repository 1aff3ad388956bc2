/* What a command writes must not be what it reads: by device and inode, so that links and other spellings of a path are seen through. Named
 * are regular files among the positional arguments (an archive with the files beside it) and the values of other options. */
#ifndef CLI_OUTPUTS_H
#define CLI_OUTPUTS_H
#include "cli/cli.h"

/* name: the option that says where to write, if it was given; but: an option whose file it may be, or NULL. A usage error. */
int output_apart(struct args *a, const char *name, const char *but, struct err *e);
/* Both are there, and one regular file. */
int output_is(const char *path, const char *other);
#endif
