/* Pre-tokenizers: how a text falls into words before merging. Words never share a merge.
 *
 * A struct pretok is a chain of regular expressions (PCRE2, Unicode); each splits the fragments the one before left, and sees its fragment
 * alone, so anchors and look-around end at the fragment. Immutable after building; pretok_split may run on any thread.
 * The table of named patterns is in pretok.c; a newcomer adds a row. */
#ifndef TEXT_PRETOK_H
#define TEXT_PRETOK_H
#include "base/err.h"
#include <stddef.h>

struct pretok;
enum pretok_how {
    PRETOK_ISOLATE,   /* matches and what lies between them are fragments */
    PRETOK_KEEP,      /* only matches are */
    PRETOK_DROP,      /* only what lies between is */
    PRETOK_WITH_PREV, /* a match ends a fragment */
    PRETOK_WITH_NEXT  /* a match begins one */
};
enum { PRETOK_NFC = 1, PRETOK_WHOLE_WORDS = 2, PRETOK_ADD_BOS = 4 }; /* what goes with a named pattern */

int pretok_new(struct pretok **out, struct err *e);
void pretok_free(struct pretok *p);
/* literal: `pattern` is plain text */
int pretok_add(struct pretok *p, const char *pattern, size_t n, enum pretok_how how, int literal, struct err *e);
/* A row of the table by its GGUF name; ERR_UNSUPPORTED lists the names there are. flags may be NULL. */
int pretok_named(struct pretok **out, const char *name, unsigned *flags, struct err *e);
int pretok_size(const struct pretok *p); /* expressions in the chain; p NULL: 0 */
int pretok_add_named(struct pretok *p, const char *name, struct err *e);
/* Expression i of the chain, as it was given. */
const char *pretok_at(const struct pretok *p, int i, size_t *n, enum pretok_how *how, int *literal);
/* The GGUF name whose row has these expressions and these flags (PRETOK_NFC, PRETOK_WHOLE_WORDS; ADD_BOS is a key of its own);
 * 0: none. */
int pretok_name_of(const struct pretok *p, unsigned flags, char *name, size_t size);
const char *pretok_name_at(int i); /* all names and aliases; NULL behind the last */

typedef int (*pretok_word)(void *ctx, const char *s, size_t n, struct err *e);
/* Calls word for each non-empty fragment in order. Bytes that are not UTF-8 are fragments of their own. p NULL: one word. */
int pretok_split(const struct pretok *p, const char *s, size_t n, pretok_word word, void *ctx, struct err *e);
#endif
