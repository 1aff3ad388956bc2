/* Hashes of what a study says to its agents and counts in their answers: one SHA-256 for each text and each dictionary of a language, under
 * a name, so that a registration can hold them and a deviation can be named ("ja/prefix/alignment changed").
 *
 * A text's hash is that of its bytes. A dictionary's is that of its forms, one line each ("kind", tab, rule, tab, form, LF), in the order of
 * bytes, so that moving a line in the file changes nothing. */
#ifndef STUDY_CONTENT_H
#define STUDY_CONTENT_H
#include "study/language.h"

struct json_t;
/* Adds "CODE/ID": "hash" for every text, and "CODE/dictionary/ID", to the object. Errors: NOMEM. */
int content_hashes(const struct language *l, struct json_t *object, struct err *e);
/* Calls fn for every name whose hash differs, in the order of names: what is "changed", "missing" (now) or "new". Returns how many. */
typedef void content_fn(void *user, const char *name, const char *what);
int content_compare(const struct json_t *registered, const struct json_t *now, content_fn *fn, void *user, struct err *e);
#endif
