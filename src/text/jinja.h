/* Templates in the Jinja language, as Hugging Face renders chat templates: parse once, render with JSON variables.
 *
 * The environment is transformers' own: ImmutableSandboxedEnvironment of Jinja2 3.1 with trim_blocks and lstrip_blocks, loop controls,
 * {% generation %}, tojson as json.dumps, raise_exception, strftime_now. Values behave as in Python (str and repr, division, slices,
 * truth, code points). What is left out is refused by its name and place: include, import, extends, block, autoescape, and whatever is
 * not deterministic (random, lipsum, printing a generator).
 * A template is untrusted: everything it may take is bounded by the constants below, and going beyond is an error with line and column.
 * A struct jinja is immutable after jinja_new; renders may run on any thread. */
#ifndef TEXT_JINJA_H
#define TEXT_JINJA_H
#include "base/err.h"
#include "base/str.h"
#include <jansson.h>
#include <stddef.h>
#include <time.h>

#define JINJA_MAX_SOURCE     (1u << 20)   /* bytes of a template */
#define JINJA_MAX_NEST       160          /* brackets, tags and operators within each other */
#define JINJA_MAX_DEPTH      600          /* evaluations within evaluations: recursion of macros and loops */
#define JINJA_MAX_STEPS      200000000    /* nodes evaluated, and bytes worked on by 2: seconds at most */
#define JINJA_MAX_MEMORY     (256u << 20) /* bytes of all values of one render */
#define JINJA_MAX_OUTPUT     (64u << 20)  /* bytes of text */
#define JINJA_MAX_RANGE      100000       /* items of range(), as in Jinja's sandbox */
#define JINJA_MAX_DATA_DEPTH 100          /* lists and objects within each other: in variables, repr and tojson */

struct jinja;

/* where names the template in errors, as "where:line:column". The source is copied. */
int jinja_new(struct jinja **out, const char *source, size_t n, const char *where, struct err *e);
void jinja_free(struct jinja *t);
/* vars: an object of variables. now: what strftime_now formats. Appends to out; on an error nothing is appended. */
int jinja_render(const struct jinja *t, json_t *vars, const struct tm *now, struct str *out, struct err *e);
#endif
