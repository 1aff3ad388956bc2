/* Inside lab: what a page is made of, how text is made harmless, and the script that is embedded. */
#ifndef LAB_PAGE_INT_H
#define LAB_PAGE_INT_H
#include "base/str.h"
#include "lab/page.h"

struct page {
    struct str lang, title, subtitle; /* escaped */
    int rtl;
    struct str contents; /* <li> of each section */
    struct str body;
    struct str ids; /* of sections, each between two spaces */
    int open;       /* a section is open */
    int figures, tables, transcripts;
    struct err first; /* the first error, code 0: none */
};

/* Keeps the first error of the page; returns rc. */
int page_keep(struct page *p, const struct err *e, int rc);
/* 0, or what a growing string that failed means. */
int page_room(struct page *p, struct err *e);

/* ---- page_escape.c ---- */

/* Appends s[0..n) as HTML text or attribute value: & < > " ' as references; what is not UTF-8, NUL and other controls as U+FFFD.
 * A failure sticks to `out`. */
void page_escape(struct str *out, const char *s, size_t n);
void page_escape_z(struct str *out, const char *s);
/* Appends j as JSON that may stand in a <script> element: no '<', no U+2028, no U+2029. A failure of `out` sticks; 0 or ERR_NOMEM. */
int page_json(struct str *out, const json_t *j);

/* ---- page_data.c ---- */

/* Checks columns and every row; `what` names the table in errors. */
int page_data_check(const struct page_data *d, const char *what, struct err *e);
/* Index of a column, -1: none of that name. */
int page_column_find(const struct page_data *d, const char *name);
/* {"columns":[…],"rows":rows}, a new reference; NULL: out of memory. */
json_t *page_data_json(const struct page_data *d);

/* ---- page_plot.c ---- */

int page_plot_check(const struct page_plot *p, struct err *e);
json_t *page_plot_json(const struct page_plot *p); /* a new reference; NULL: out of memory */

/* ---- page_write.c ---- */

/* The page's script and style, made by scripts/pages.sh when the program was built. js NULL: there is none, and `missing` says why. */
struct page_bundle {
    const char *js, *css;
    size_t js_len, css_len;
    const char *js_hash; /* SHA-256 of js in base64, for the Content-Security-Policy */
    const char *missing; /* one clause */
};
extern const struct page_bundle page_bundle;
int page_write_with(const struct page *p, const struct page_bundle *b, const char *path, struct err *e);
#endif
