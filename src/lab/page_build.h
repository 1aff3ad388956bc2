/* What reports share that are made from a JSON tree: columns, cells and rows from its branches, parts that appear when they have something
 * to show. Trees are borrowed; rows are taken by whom they are given to. Thread: as page.h. */
#ifndef LAB_PAGE_BUILD_H
#define LAB_PAGE_BUILD_H
#include "lab/page.h"
#include <stdint.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define TEXT_COLUMN(n, l) \
    { .name = n, .label = l }
#define SHARE_COLUMN(n, l) \
    { .name = n, .label = l, .type = PAGE_SHARE }
#define NUMBER_COLUMN(n, l, u) \
    { .name = n, .label = l, .type = PAGE_NUMBER, .unit = u }

/* jansson's loops take no const. */
static inline json_t *loose(const json_t *j) { return (json_t *)(uintptr_t)j; }
#define EACH_OF(list, i, x) json_array_foreach(loose(list), i, x)

/* ---- cells ---- */

json_t *cell_number(const json_t *o, const char *key); /* a number, else null */
json_t *cell_range(const json_t *o, const char *key);  /* {value, lo, hi} or a number as [value, lo, hi], else null */
json_t *cell_here(const json_t *x);                    /* the same of x itself */
json_t *cell_between(const json_t *value, const json_t *lo, const json_t *hi); /* the same of three */
json_t *cell_text(const json_t *o, const char *key);                           /* a string, else null */
const char *text_of(const json_t *o, const char *key);                         /* a string, else "" */
/* Takes row; it is left out where its cell `must` is null (−1: never). */
void rows_add(json_t *rows, json_t *row, int must);
/* One cell a column, from the member of its name: texts, ranges or numbers. */
json_t *page_row(const json_t *o, const struct page_column *columns, size_t n);
/* The same of every member of a list; must as in rows_add. */
json_t *page_rows(const json_t *list, const struct page_column *columns, size_t n, int must);

/* ---- parts ---- */

/* A section that begins with its first table or plot, so an empty one leaves no heading. */
struct part {
    struct page *p;
    const char *heading, *id, *text; /* text: how to read it */
    int open;
};
int part_open(struct part *s, struct err *e); /* heading and text, the first time */
/* Both take rows, and do nothing where there are none. */
int part_table(struct part *s, const char *title, const char *caption, const struct page_data *data, json_t *rows, struct err *e);
int part_plot(struct part *s, struct page_plot plot, json_t *rows, struct err *e);
#endif
