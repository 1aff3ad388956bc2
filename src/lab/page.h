/* Report pages: one HTML file that holds text, facts, tables and plots, and needs nothing else: no network, no folder beside it.
 *
 * A page is built from top to bottom by the calls below and written by page_write. Text comes in as UTF-8 of any origin: what a model
 * wrote is escaped here, and the page's Content-Security-Policy runs the program's own script and nothing else. Numbers travel as JSON in
 * the page; the script, embedded in the program when it was built with Node.js (README.md), draws them and shows them beside the plot.
 *
 * Errors: every call returns 0 or a negative ERR_*; the first error of a page is kept, and page_write gives it again. So a page may be
 * built by calls that are not checked one by one. Owner: a page belongs to its caller until page_free; arguments are borrowed for the call.
 * Thread: one at a time. The same calls give the same bytes. */
#ifndef LAB_PAGE_H
#define LAB_PAGE_H
#include "base/err.h"
#include <jansson.h>
#include <stddef.h>

struct page;

struct page_head {
    const char *title;    /* of the page and its first heading */
    const char *subtitle; /* one sentence under it; NULL: none */
    const char *lang;     /* BCP 47, as in "en" or "ar"; NULL: "en" */
    int rtl;              /* the page runs from right to left; each text's own direction is found by itself */
};
int page_new(struct page **out, const struct page_head *head, struct err *e);
void page_free(struct page *p); /* NULL allowed */

/* ---- what stands on a page ---- */

/* A heading, which the list of contents links to. id: lower-case letters, digits and '-', begins with a letter, once in a page. */
int page_section(struct page *p, const char *heading, const char *id, struct err *e);
/* Paragraphs; an empty line begins the next. */
int page_text(struct page *p, const char *text, struct err *e);
/* What a model or a file said, to the letter: s[0..n), of any bytes. What is not UTF-8 shows as U+FFFD. label: who says so; NULL: none. */
int page_quote(struct page *p, const char *label, const char *s, size_t n, struct err *e);
struct page_fact {
    const char *key, *value;
};
int page_facts(struct page *p, const struct page_fact *facts, size_t n, struct err *e);

/* What groups said, two runs side by side, each chosen by the reader. runs: an array of {"label", "turns": [{"turn": n, "event", "said": [{"who",
 * "note", "acts": [{"channel", "to", "text"}]}]}]}; the channels talk, monologue and whisper stand in columns, each text in its own direction.
 * planted: 1 labels both runs as planted data. Texts of any origin; what is absent or of another type is left out. */
int page_transcripts(struct page *p, const char *title, const char *caption, const json_t *runs, int planted, struct err *e);

/* ---- data ---- */

enum page_type {
    PAGE_TEXT,   /* a string */
    PAGE_NUMBER, /* a number in `unit` */
    PAGE_SHARE   /* of 1, shown in per cent */
};
struct page_column {
    const char
        *name; /* what filters, plots and CSV call it: letters, digits, '_' and '-', begins with a letter, once in a table */
    const char *label; /* what a reader sees; NULL: the name */
    enum page_type type;
    const char *unit; /* of a NUMBER, never NULL; "": it counts nothing in particular (a ratio, a score) */
    int interval;     /* cells are [value, low, high], and plots draw low and high wherever they draw the value */
    const char *note; /* what the column is; of an interval, never NULL: level and method ("95 %, bootstrap by question") */
    int digits;       /* significant digits shown, 0: 4; of a SHARE: decimals of the per cent, 0: 1. Data and CSV are exact */
};
/* rows: an array of arrays, one cell a column, in the columns' order; null is a missing cell. Cells can be made by the three below. */
struct page_data {
    const struct page_column *columns;
    size_t n_columns;
    const json_t *rows;
};
json_t *page_string(const char *s, size_t n);                          /* any bytes; what is not UTF-8 becomes U+FFFD */
json_t *page_number(double x);                                         /* null unless finite */
json_t *page_interval(double value, double low, double high);          /* null unless value is finite */
int page_table(struct page *p, const char *title, const char *caption, /* caption NULL: none */
               const struct page_data *data, struct err *e);

/* ---- plots ---- */

/* What a chart draws, by the names of columns. [ ]: may be left out; n: NUMBER or SHARE; t: TEXT.
 *
 *   line         x n, y n, [series t], [facet t]                lines with bands, small multiples by facet
 *   dot          y t, x n, [series t], [facet t]                dots with whiskers, one row a category
 *   bar          y t, x n, [series t], [facet t]                bars from zero with whiskers, one row a category
 *   heatmap      x, y, value n, [facet t]                       cells coloured by value, smaller where the interval is wider
 *   scatter      x n, y n, [series t], [facet t], [size n], [label t]
 *   reliability  x SHARE (said), y SHARE (found), [series t], [facet t], [size n]     with the diagonal
 *   tokens       label t (a token), value SHARE, series t (what is believed), [mark t]     a trace's text coloured by belief
 */
#define PAGE_CHART_MAP(XX)         \
    XX(LINE, "line")               \
    XX(DOT, "dot")                 \
    XX(BAR, "bar")                 \
    XX(HEATMAP, "heatmap")         \
    XX(SCATTER, "scatter")         \
    XX(RELIABILITY, "reliability") \
    XX(TOKENS, "tokens")
enum page_chart {
#define XX(name, text) PAGE_##name,
    PAGE_CHART_MAP(XX)
#undef XX
};
/* A constant to compare with: chance, a baseline. Across the axis of the measured number (y of line and scatter, x of dot and bar). */
struct page_rule {
    double at;         /* in the column's own unit: of 1 for a SHARE */
    const char *label; /* NULL: no rule */
};
struct page_plot {
    enum page_chart chart;
    const char *title;   /* what is seen */
    const char *caption; /* how it was made, how to read it; NULL: none */
    struct page_data data;
    const char *x, *y, *value, *series, *facet, *size, *label, *mark; /* names of columns; NULL: not used */
    struct page_rule rule;
};
int page_plot(struct page *p, const struct page_plot *plot, struct err *e);

/* ---- out ---- */

/* 1: this program holds the script; 0: page_write will fail with ERR_STATE and say how to get it. */
int page_available(void);
/* All or nothing (base/fs). */
int page_write(const struct page *p, const char *path, struct err *e);
#endif
