/* Languages against numbers by country, beside the published correlation with power distance. */
#include "lab/study_page_int.h"
#include <stdio.h>
#include <string.h>

#define FISHER "95 %, Fisher's z"

/* One figure of every language as points; the labels are the languages. */
static int add_points(struct titled *s, const char *figure, const char *measure, const char *title, const char *unit,
                      struct err *e) {
    const struct page_column columns[] = {TEXT_COLUMN("language", "Language"), TEXT_COLUMN("country", "Country"),
                                          TEXT_COLUMN("model", "Model"), NUMBER_COLUMN("x", "Number of the country", ""),
                                          NUMBER_COLUMN("y", title, unit)};
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(json_object_get(s->tree, "power_distance"), "points"), i, x)
    if (!strcmp(text_of(x, "figure"), figure) && !strcmp(text_of(x, "measure"), measure))
        rows_add(rows, page_row(x, columns, COUNT(columns)), 4);
    struct page_plot pl = {.chart = PAGE_SCATTER,
                           .title = title,
                           .caption = "A point is a language, at the number of the country that the study says for it.",
                           .data = {columns, COUNT(columns), NULL},
                           .x = "x",
                           .y = "y",
                           .facet = "model",
                           .label = "language",
                           .rule = {0, "no difference"}};
    return study_plot(s, pl, rows, e);
}

/* r with its interval: the members r, lo, hi. */
static json_t *r_cell(const json_t *o) {
    return cell_between(json_object_get(o, "r"), json_object_get(o, "lo"), json_object_get(o, "hi"));
}

static json_t *published_row(const json_t *o) {
    return json_pack("[s,s,s,o,o,o,n,n,s]", "published", "not published", "not published", cell_number(o, "n"), r_cell(o),
                     cell_number(o, "p"), "");
}

static int add_correlations(struct titled *s, struct err *e) {
    static const struct page_column columns[] = {
        TEXT_COLUMN("model", "Model"),
        TEXT_COLUMN("figure", "Figure"),
        TEXT_COLUMN("measure", "Measure"),
        NUMBER_COLUMN("n", "Languages", "languages"),
        {.name = "r", .label = "Pearson's r", .type = PAGE_NUMBER, .unit = "r", .interval = 1, .note = FISHER},
        NUMBER_COLUMN("p", "p of r", ""),
        NUMBER_COLUMN("rho", "Spearman's rho", "rho"),
        NUMBER_COLUMN("rho_p", "p of rho", ""),
        TEXT_COLUMN("why", "Why there is none")};
    const json_t *tree = json_object_get(s->tree, "power_distance");
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(tree, "correlations"), i, x)
    rows_add(rows,
             json_pack("[o,o,o,o,o,o,o,o,o]", cell_text(x, "model"), cell_text(x, "figure"), cell_text(x, "measure"),
                       cell_number(x, "n"), r_cell(x), cell_number(x, "p"), cell_number(x, "rho"), cell_number(x, "rho_p"),
                       cell_text(x, "why")),
             2);
    const json_t *published = json_object_get(tree, "published");
    if (json_array_size(rows) && published) rows_add(rows, published_row(published), 4);
    return study_table(s,
                       published ? "Correlations of languages with numbers by country, beside the published one (exploratory)"
                                 : "Correlations of languages with numbers by country (exploratory)",
                       "With so few languages a correlation is hardly known.", columns, COUNT(columns), rows, e);
}

static int add_missing(struct page *p, const json_t *tree, const struct titled *s, struct err *e) {
    char text[900] = "";
    json_t *x;
    size_t i;
    EACH_OF(json_object_get(json_object_get(tree, "power_distance"), "missing"), i, x) {
        size_t at = strlen(text);
        snprintf(text + at, sizeof text - at, "%s%.20s (%.60s)",
                 at ? ", " : "Left out, since the table has no number for them: ", text_of(x, "language"), text_of(x, "country"));
    }
    return *text && s->part.open ? page_text(p, text, e) : 0;
}

int study_countries(struct page *p, const json_t *tree, struct err *e) {
    struct titled s = {{p, "Languages and countries", "countries",
                        "Effects and slopes by language against a number of the country that stands for it, from a table of the "
                        "user's (of Hofstede's Power Distance Index, to compare with the published correlation). Which country "
                        "stands for a language is a choice of the study, made before it ran.",
                        0},
                       tree};
    TRY(add_points(&s, "g", "cpi", "Effect on CPI by number of the country (exploratory)", "g", e));
    TRY(add_points(&s, "g", "di", "Effect on DI by number of the country (exploratory)", "g", e));
    TRY(add_points(&s, "slope", "cpi", "Slope of CPI by number of the country (exploratory)", "z per 0 to 100 %", e));
    TRY(add_points(&s, "slope", "di", "Slope of DI by number of the country (exploratory)", "z per 0 to 100 %", e));
    TRY(add_correlations(&s, e));
    return add_missing(p, tree, &s, e);
}
