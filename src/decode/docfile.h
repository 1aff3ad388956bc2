/* Conversations in a file, to train on. JSON lines, one document each:
 *
 *   {"messages": [{"role": "system"|"user"|"assistant", "content": "…"}, …]}
 *
 * A message of the assistant that was drawn from known chances may tell them, so that they are learnt instead of the draws:
 *
 *   "drawn": [{"from": 0, "to": 12, "of": {"It is red.": 0.9, "It is blue.": 0.1}}, …]
 *
 * the bytes [from, to) of the content are one of these texts, drawn with these chances given all that stands before. Pieces are in order,
 * the text that stands there is among them (64 at most), chances are above 0 and sum to 1.
 *
 * Opening reads the file once: every line is checked, its place is kept (8 bytes a line), and the hash of all bytes is taken. Lines are parsed
 * again when their turn comes; the file stays mapped and no parsed document is held. The last 1 % of the lines, at least 100, are for
 * validation and are never trained on. Which document comes at position i is a function of (seed, stage, i) alone: every run of n positions
 * goes through all n documents once, each run in an order of its own.
 * Immutable after open: any thread may read. */
#ifndef DECODE_DOCFILE_H
#define DECODE_DOCFILE_H
#include "base/fs.h"
#include <stddef.h>
#include <stdint.h>

/* Most bytes of a line; fewest documents for validation; most texts a piece was drawn from. */
enum { DOCFILE_LINE = 4 << 20, DOCFILE_VALID = 100, DOCFILE_DRAWN = 64 };

struct docfile {
    char path[256];
    struct map map;
    uint64_t *at;       /* [n + 1] first bytes of the lines; the last one is the end */
    int64_t n, n_valid; /* documents; those at the end that are for validation */
    uint64_t hash;      /* of all bytes */
};
/* ERR_FORMAT with path and line: no JSON, no list of messages, a role or content that is none, text that is no UTF-8, a line too long, pieces
 * drawn that are not as above, nothing that an assistant says. ERR_LIMIT: too few documents to keep some for validation. */
int docfile_open(struct docfile *d, const char *path, struct err *e);
void docfile_close(struct docfile *d);

/* The line of position i, from 0; valid: of those for validation. */
int64_t docfile_pick(const struct docfile *d, uint64_t seed, int stage, int valid, int64_t i);
/* The messages of a line; the caller's (json_decref). */
struct json_t;
int docfile_messages(const struct docfile *d, int64_t line, struct json_t **out, struct err *e);
/* Gives an error without a place this line's. */
int docfile_place(const struct docfile *d, int64_t line, int rc, struct err *e);
#endif
