/* A table of named columns, from CSV text or put together by another room.
 *
 * CSV is RFC 4180, strictly: a header with different names, the same number of fields in every row, UTF-8 or not (bytes are kept). The
 * delimiter is a comma. A cell that is empty or NA is missing. A column whose cells are all numbers (or missing) is numeric, any other
 * holds words; NaN, Inf and what overflows are errors, never numbers. Errors name the line.
 * Owner: frame_free; pointers into a frame live as long as it. Thread: read-only after it is filled. */
#ifndef STATS_INFER_FRAME_H
#define STATS_INFER_FRAME_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_MAX_COLUMNS = 4096,
    FRAME_MAX_CELL = 1 << 16,  /* bytes */
    FRAME_MAX_ROWS = 20000000, /* and cells in all: 200 million */
    FRAME_MAX_NAME = 200
};

struct frame;
/* name: how errors call it (a path). */
int frame_parse(struct frame **out, const char *text, size_t n, const char *name, struct err *e);
/* Columns for a table made in memory; all have `rows` cells, which are copied. x: NaN is missing. word: NULL is missing. */
int frame_new(struct frame **out, size_t rows, const char *name, struct err *e);
int frame_add_numbers(struct frame *f, const char *name, const double *x, struct err *e);
int frame_add_words(struct frame *f, const char *name, const char *const *word, struct err *e);
void frame_free(struct frame *f);

size_t frame_rows(const struct frame *f);
const char *frame_name(const struct frame *f);
int64_t frame_line(const struct frame *f, size_t row); /* where the row begins; -1: made in memory */

struct column {
    const char *name;
    int is_words;
    const double *x;    /* [rows], NaN missing; NULL for words */
    const int *code;    /* [rows], level of the cell, -1 missing; NULL for numbers until frame_levels */
    const char **level; /* [n_levels], in byte order */
    size_t n_levels, missing;
};
/* ERR_ARG with the names there are, if there is none of that name. */
int frame_column(const struct column **out, const struct frame *f, const char *name, struct err *e);
/* The same, which must be numeric: else ERR_FORMAT with the line and the word that is no number. */
int frame_numeric(const struct column **out, const struct frame *f, const char *name, struct err *e);
/* The same with levels: of a numeric column they are the numbers as they stand in the table, in order of value. It stays numeric. */
int frame_levels(const struct column **out, struct frame *f, const char *name, struct err *e);
#endif
