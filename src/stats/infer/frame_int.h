/* How a frame lies in memory: for frame.c and frame_csv.c alone. */
#ifndef STATS_INFER_FRAME_INT_H
#define STATS_INFER_FRAME_INT_H
#include "base/str.h"
#include "stats/infer/frame.h"

struct own_column {
    struct column pub; /* first, so that a pointer to it is one to this */
    struct str text;   /* cells, each ended by NUL */
    size_t *at;        /* [rows] where each begins */
};
struct frame {
    struct own_column *column;
    size_t n_columns, rows;
    int64_t *line; /* [rows], NULL: made in memory */
    char *name;
};

int frame__add_column(struct frame *f, const char *name, size_t room, struct err *e);
int frame__add_cell(struct own_column *c, size_t row, const char *s, size_t n);
int frame__finish_column(struct own_column *c, size_t rows, struct err *e);
#endif
