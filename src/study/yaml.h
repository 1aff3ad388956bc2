/* YAML as a tree in which every node knows its line and column.
 *
 * Study files and language files are written by people, so what is wrong with them has to be said with its place: every error of this
 * reader, and every error that its user raises with yml_fail, ends in (path:line:column), columns counted in characters from 1. The
 * files are also untrusted: libyaml reads the events, and this layer allows one document of maps, lists and scalars within the limits
 * below. Anchors, aliases, tags, merge keys, several documents, repeated keys, NUL characters and other encodings than UTF-8 are refused
 * by name, so that what is read is what stands there.
 *
 * JSON is read by the same reader: its pairs of escapes are characters, and its null is refused.
 *
 * Scalars are text; nothing is guessed ("no" is two letters). yml_int and yml_bool read what must be a number or true/false.
 * Owner: yml_free releases the tree with all its strings. Immutable after reading: any thread. */
#ifndef STUDY_YAML_H
#define STUDY_YAML_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum { YML_MAX_BYTES = 4 << 20, YML_MAX_NODES = 200000, YML_MAX_KEYS = 1000, YML_MAX_DEPTH = 32 };

enum yml_kind { YML_TEXT, YML_LIST, YML_MAP };
struct yml_node {
    enum yml_kind kind;
    int line, col;                 /* where it begins, from 1 */
    char *text;                    /* YML_TEXT: UTF-8 without NUL inside; else NULL */
    size_t len;                    /* bytes of text */
    int quoted;                    /* the text stood in quotes (or in a block) */
    int n;                         /* children of a list or map */
    struct yml_node *first, *last; /* children, in the order of the file */
    struct yml_node *next;         /* sibling */
    char *key;                     /* in a map: its key, else NULL */
    int key_line, key_col;
    struct yml_node *older; /* the reader's: the node made before this one */
};
struct yml_doc;

/* name: what errors call the place (kept). Errors: IO, FORMAT, LIMIT, UNSUPPORTED, NOMEM. */
int yml_read(struct yml_doc **out, const char *path, struct err *e);
int yml_parse(struct yml_doc **out, const char *name, const char *s, size_t n, struct err *e);
void yml_free(struct yml_doc *d);
const struct yml_node *yml_root(const struct yml_doc *d); /* never NULL */
const char *yml_name(const struct yml_doc *d);

/* fail() with the place of a node (of its key, if it has one and `of_key` is set). */
int yml_fail(const struct yml_doc *d, const struct yml_node *n, int of_key, int code, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
const char *yml_kind_name(enum yml_kind k);
/* The value of a key, or NULL. map must be a map. */
const struct yml_node *yml_get(const struct yml_node *map, const char *key);
/* Checks the kind of a node. what names it in the message ("personas"). */
int yml_is(const struct yml_doc *d, const struct yml_node *n, enum yml_kind kind, const char *what, struct err *e);
/* A map with no other keys than these, NULL-terminated; a key that begins with '?' may be missing. */
int yml_keys(const struct yml_doc *d, const struct yml_node *map, const char *what, const char *const *keys, struct err *e);
/* A scalar that is not empty. */
int yml_text(const struct yml_doc *d, const struct yml_node *n, const char *what, const char **out, struct err *e);
int yml_int(const struct yml_doc *d, const struct yml_node *n, const char *what, int64_t lo, int64_t hi, int64_t *out,
            struct err *e);
int yml_bool(const struct yml_doc *d, const struct yml_node *n, const char *what, int *out, struct err *e);
#endif
