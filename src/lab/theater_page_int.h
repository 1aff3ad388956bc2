/* Inside the theater page: its columns and its parts. */
#ifndef LAB_THEATER_PAGE_INT_H
#define LAB_THEATER_PAGE_INT_H
#include "lab/page_build.h"
#include "lab/theater_page.h"

#define BOOTSTRAP "95 %, bootstrap over questions"
#define SHARE_RANGE(n, l) \
    { .name = n, .label = l, .type = PAGE_SHARE, .interval = 1, .note = BOOTSTRAP }
#define NUMBER_RANGE(n, l, u) \
    { .name = n, .label = l, .type = PAGE_NUMBER, .unit = u, .interval = 1, .note = BOOTSTRAP }

#define EACH_FAMILY(tree, name, f) json_object_foreach(loose(json_object_get(tree, "families")), name, f)

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
