/* Inside the theater page: cells from the tree, parts that appear when they have something to show, and the parts themselves. */
#ifndef LAB_THEATER_PAGE_INT_H
#define LAB_THEATER_PAGE_INT_H
#include "lab/theater_page.h"

#define COUNT(a)  (sizeof(a) / sizeof *(a))
#define BOOTSTRAP "95 %, bootstrap over questions"
#define TEXT_COLUMN(n, l) \
    { .name = n, .label = l }
#define SHARE_COLUMN(n, l) \
    { .name = n, .label = l, .type = PAGE_SHARE }
#define SHARE_RANGE(n, l) \
    { .name = n, .label = l, .type = PAGE_SHARE, .interval = 1, .note = BOOTSTRAP }
#define NUMBER_COLUMN(n, l, u) \
    { .name = n, .label = l, .type = PAGE_NUMBER, .unit = u }
#define NUMBER_RANGE(n, l, u) \
    { .name = n, .label = l, .type = PAGE_NUMBER, .unit = u, .interval = 1, .note = BOOTSTRAP }

/* jansson's loops take no const. */
static inline json_t *loose(const json_t *j) { return (json_t *)(uintptr_t)j; }
#define EACH_FAMILY(tree, name, f) json_object_foreach(loose(json_object_get(tree, "families")), name, f)
#define EACH_OF(list, i, x)        json_array_foreach(loose(list), i, x)

/* ---- cells ---- */

json_t *cell_number(const json_t *o, const char *key); /* a number, else null */
json_t *cell_range(const json_t *o, const char *key);  /* {value, lo, hi} or a number as [value, lo, hi], else null */
json_t *cell_here(const json_t *x);                    /* the same of x itself */
json_t *cell_text(const json_t *o, const char *key);   /* a string, else null */
const char *text_of(const json_t *o, const char *key); /* a string, else "" */
/* Takes row; it is left out where its cell `must` is null (−1: never). */
void rows_add(json_t *rows, json_t *row, int must);

/* ---- parts ---- */

/* A section that begins with its first table or plot, so an empty one leaves no heading. */
struct part {
    struct page *p;
    const char *heading, *id, *text; /* text: how to read it */
    int open;
};
/* Both take rows, and do nothing where there are none. */
int part_table(struct part *s, const char *title, const char *caption, const struct page_data *data, json_t *rows, struct err *e);
int part_plot(struct part *s, struct page_plot plot, json_t *rows, struct err *e);
/* "chance (1 of 4)" for the probe's classes; label NULL where they are unknown. text[32]: room for the label. */
struct page_rule chance_rule(const json_t *tree, char *text);

/* ---- the page, from top to bottom ---- */

struct reader_name {
    const char *key, *label;
};
enum { READER_NAMES = 4 };
extern const struct reader_name reader_names[READER_NAMES];

int theater_along(struct page *p, const json_t *tree, struct err *e);
int theater_heat(struct page *p, const json_t *tree, struct err *e);
int theater_layers(struct page *p, const json_t *tree, struct err *e);
int theater_rates(struct page *p, const json_t *tree, struct err *e);
int theater_calibration(struct page *p, const json_t *tree, struct err *e);
int theater_agreement(struct page *p, const json_t *tree, struct err *e);
int theater_turns(struct page *p, const json_t *tree, struct err *e);
int theater_exits(struct page *p, const json_t *tree, struct err *e);
int theater_live(struct page *p, const json_t *tree, struct err *e);
int theater_promise(struct page *p, const json_t *tree, struct err *e);
int theater_variants(struct page *p, const json_t *tree, struct err *e);
int theater_transfer(struct page *p, const json_t *tree, struct err *e);
int theater_sizes(struct page *p, const json_t *tree, struct err *e);
#endif
