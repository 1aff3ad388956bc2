/* A time that a user gives as text: a date or a date with a time, as RFC 3339 has them ("2026-03-05", "2026-03-05T08:30:00Z",
 * "2026-03-05T08:30:00.5+09:00"). */
#ifndef CLI_CREATED_H
#define CLI_CREATED_H
#include "cli/cli.h"

/* Whether it is one that the calendar has; seconds may be 60. */
int is_time(const char *s);
/* The option's value, NULL if it has none; a usage error if it is no time. */
int arg_time(struct args *a, const char *name, const char **out, struct err *e);
#endif
