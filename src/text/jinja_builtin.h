/* How filters, tests, methods and functions of the template language are written: a C function each, and a row in a table.
 *
 *   BUILTIN(f_x, v) { … }   r: the render; v: what it is applied to; a: its arguments as bound to the row's names, JV_MISSING where
 *                           not given; raw: the arguments as they were given. A function need not use them all. */
#ifndef TEXT_JINJA_BUILTIN_H
#define TEXT_JINJA_BUILTIN_H
#include "text/jinja_int.h"

#define JANY __attribute__((unused))
#define BUILTIN(name, self)                                                                           \
    static struct jv name(JANY struct jrun *r, JANY struct jv self, JANY const struct jv a[JARG_MAX], \
                          JANY const struct jargs *raw)

static const struct jv error = {.t = JV_ERROR};

static inline int given(struct jv v) { return v.t != JV_MISSING && v.t != JV_NONE; }
#endif
