/* Inside the study page: its columns, titles that say what is planted, and its parts. */
#ifndef LAB_STUDY_PAGE_INT_H
#define LAB_STUDY_PAGE_INT_H
#include "lab/page_build.h"
#include "lab/study_page.h"

#define BY_RUN "95 %, percentile bootstrap of runs"
#define RANGE(n, l, u) \
    { .name = n, .label = l, .type = PAGE_NUMBER, .unit = u, .interval = 1, .note = BY_RUN }

/* CPI and DI first, then their parts, then conformity. */
enum { STUDY_INDICES = 2, STUDY_MEASURES = 6, STUDY_MOST_COLUMNS = STUDY_MEASURES + 6 };
struct study_measure {
    const char *key, *label;
};
extern const struct study_measure study_measures[STUDY_MEASURES];
/* What a measure is given in: as the reference of the tree has it. */
const char *study_unit(const json_t *tree, int measure);
/* Columns of all measures behind the n that are there, returns how many there are then. CPI + DI = 2 z(monologue): the parts always stand
 * beside both; a measure without a number in the list has no column. unit: of all; NULL: each its own. */
size_t study_measure_columns(struct page_column out[STUDY_MOST_COLUMNS], size_t n, const json_t *tree, const json_t *list,
                             const char *unit);

/* Which arms stand for a share. */
#define SWEEP_ARMS                                                                                                              \
    "Of arms that vary nothing but the share of aligned agents: no placebo, no individuated agents, no repeated arm, no seats " \
    "drawn per run."

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

int study_is_test_bed(const json_t *tree);
int study_maybe_planted(const json_t *tree);
int study_by_planted(const json_t *tree);               /* its z stands on planted runs */
int study_has(const json_t *list, const char *measure); /* whether a row of the list has a number for it */
/* Whether CPI and DI could not be computed at all since a part never varies: their sections are left out, and it is said why. */
int study_lacks_indices(const json_t *tree);
/* "z over all runs", "z within the language", as the reference of the tree has it. */
const char *study_scope(const json_t *tree);
/* What becomes of the reference where words or kinds of words are left out. */
const char *study_anew(const json_t *tree);
/* "chi2(15) = 26.076", "z = 1.2", "t(28) = 2.1"; "" where there is none. */
const char *study_statistic(char buf[60], const json_t *o);

int study_top(struct page *p, const json_t *tree, struct err *e);
int study_published_beside(struct page *p, const json_t *tree, struct err *e);
int study_loss(struct page *p, const json_t *tree, struct err *e);
int study_answered(struct page *p, const json_t *tree, struct err *e);
int study_slopes(struct page *p, const json_t *tree, struct err *e);
int study_interactions(struct page *p, const json_t *tree, struct err *e);
int study_effects(struct page *p, const json_t *tree, struct err *e);
int study_kinds(struct titled *s, struct err *e); /* a table behind those by condition */
int study_countries(struct page *p, const json_t *tree, struct err *e);
int study_choices(struct page *p, const json_t *tree, struct err *e);
int study_words(struct page *p, const json_t *tree, struct err *e);
int study_texts(struct page *p, const json_t *tree, struct err *e);
int study_judges(struct page *p, const json_t *tree, struct err *e);
#endif
