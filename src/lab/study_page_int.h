/* Inside the study page: its columns, titles that say what is planted, and its parts. */
#ifndef LAB_STUDY_PAGE_INT_H
#define LAB_STUDY_PAGE_INT_H
#include "lab/page_build.h"
#include "lab/study_page.h"

#define BY_RUN "95 %, percentile bootstrap of runs"
#define RANGE(n, l, u) \
    { .name = n, .label = l, .type = PAGE_NUMBER, .unit = u, .interval = 1, .note = BY_RUN }
/* CPI + DI = 2 z(monologue): the parts always stand beside both. */
#define MEASURE_COLUMNS                                                                                    \
    RANGE("cpi", "CPI", "z"), RANGE("di", "DI", "z"), RANGE("monologue", "Monologue", "of what was said"), \
        RANGE("boundary", "Boundary", "hits per 1,000"), RANGE("protective", "Protective", "hits per 1,000")
#define G_COLUMNS                                                                                                               \
    RANGE("cpi", "CPI", "g"), RANGE("di", "DI", "g"), RANGE("monologue", "Monologue", "g"), RANGE("boundary", "Boundary", "g"), \
        RANGE("protective", "Protective", "g")

enum { STUDY_MEASURES = 5 };
struct study_measure {
    const char *key, *label;
};
extern const struct study_measure study_measures[STUDY_MEASURES];

/* Titles of tables and plots begin with the label of planted data. */
struct titled {
    struct part part;
    const json_t *tree;
};
int study_table(struct titled *s, const char *title, const char *caption, const struct page_column *columns, size_t n,
                json_t *rows, struct err *e);
int study_plot(struct titled *s, struct page_plot p, json_t *rows, struct err *e);
/* Dots of rows [language, model, measure, value], a row a language, with a line at zero. note: of the whiskers; NULL: BY_RUN. */
int study_dots(struct titled *s, const char *title, const char *caption, const char *unit, const char *note, json_t *rows,
               struct err *e);
int study_has_many(const json_t *tree); /* more languages than can be told apart in one plot */

int study_countries(struct page *p, const json_t *tree, struct err *e);
int study_choices(struct page *p, const json_t *tree, struct err *e);
int study_words(struct page *p, const json_t *tree, struct err *e);
int study_texts(struct page *p, const json_t *tree, struct err *e);
int study_judges(struct page *p, const json_t *tree, struct err *e);
#endif
