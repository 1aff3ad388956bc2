/* What the writer and the reader of a trace store share: its files' names and heads, its settings, its lines. Not for other rooms. */
#ifndef PROBE_STORE_INT_H
#define PROBE_STORE_INT_H
#include "base/str.h"
#include "probe/store.h"
#include <stdio.h>

enum { STORE_HEAD = 128, STORE_PATH = 4096, STORE_NAME = 64, STORE_LINE = 256 << 20 };

/* A .npy head of fixed length, so that it can be set anew as rows come. */
void store__head(char out[STORE_HEAD], int64_t rows, int64_t width, enum fmt fmt);
/* The file of a layer's rows. */
void store__name(char out[STORE_NAME], const char *tap, int layer, int numbers);
int store__settings(json_t **out, const char *dir, struct err *e);

/* The lines of traces.jsonl, one in memory at a time. */
struct store_lines {
    FILE *f;
    const char *path; /* borrowed */
    char *block;
    size_t have, at;
    struct str text; /* the line */
    int64_t line;
    int64_t done; /* bytes of the whole lines so far */
};
int store__lines_open(struct store_lines *l, const char *path, struct err *e);
void store__lines_close(struct store_lines *l);
/* The next whole line as JSON; 0 at the end (a torn last line is the end: `done` stays before it). */
int store__next(struct store_lines *l, json_t **out, struct err *e);
#endif
