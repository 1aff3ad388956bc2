/* Slopes, their interactions and effects of the study page. Nobody claimed them, so that their titles say that they are exploratory. */
#include "lab/study_page_int.h"
#include <stdio.h>
#include <string.h>

/* One dot a language, a measure a series: CPI and DI, or conformity where they are not there. */
static json_t *dots(const json_t *tree, const json_t *list, const char *with_published) {
    json_t *rows = json_array(), *x;
    size_t i;
    int none = study_lacks_indices(tree), first = none ? STUDY_MEASURES - 1 : 0, end = none ? STUDY_MEASURES : STUDY_INDICES;
    EACH_OF(list, i, x) {
        for (int m = first; m < end; m++)
            rows_add(rows,
                     json_pack("[o,o,s,o]", cell_text(x, "language"), cell_text(x, "model"), study_measures[m].label,
                               cell_range(x, study_measures[m].key)),
                     3);
        if (with_published)
            rows_add(rows,
                     json_pack("[o,o,s,o]", cell_text(x, "language"), cell_text(x, "model"), with_published,
                               cell_range(x, "published")),
                     3);
    }
    return rows;
}

int study_dots(struct titled *s, const char *title, const char *caption, const char *unit, const char *note, json_t *rows,
               struct err *e) {
    struct page_column columns[] = {TEXT_COLUMN("language", "Language"), TEXT_COLUMN("model", "Model"),
                                    TEXT_COLUMN("measure", "Measure"), RANGE("value", "Value", unit)};
    if (note) columns[3].note = note;
    struct page_plot pl = {.chart = PAGE_DOT,
                           .title = title,
                           .caption = caption,
                           .data = {columns, COUNT(columns), NULL},
                           .x = "value",
                           .y = "language",
                           .series = "measure",
                           .facet = "model",
                           .rule = {0, "no difference"}};
    return study_plot(s, pl, rows, e);
}

int study_slopes(struct page *p, const json_t *tree, struct err *e) {
    const json_t *slopes = json_object_get(tree, "slopes");
    struct page_column columns[STUDY_MOST_COLUMNS] = {TEXT_COLUMN("language", "Language"), TEXT_COLUMN("model", "Model"),
                                                      NUMBER_COLUMN("n", "Runs", "runs")};
    size_t n = study_measure_columns(columns, 3, tree, slopes, NULL);
    struct titled s = {
        {p, "Slopes", "slopes",
         "The change of a measure from nobody aligned to everybody aligned, by least squares over runs (per unit of "
         "the share; divide by the number of agents for a change per aligned agent). " SWEEP_ARMS,
         0},
        tree};
    TRY(study_dots(&s, "Slopes by language (exploratory)", "Above zero: more with more aligned agents.",
                   study_lacks_indices(tree) ? "share per 0 to 100 %" : "z per 0 to 100 %", NULL, dots(tree, slopes, NULL), e));
    return study_table(&s, "Slopes, with the parts (exploratory)", NULL, columns, n, page_rows(slopes, columns, n, 0), e);
}

/* ---- interactions ---- */

static const char *where(const json_t *x) { return *text_of(x, "language") ? text_of(x, "language") : "all"; }

int study_interactions(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {
        TEXT_COLUMN("metric", "Measure"),      TEXT_COLUMN("by", "Between"),
        TEXT_COLUMN("language", "Language"),   NUMBER_COLUMN("estimate", "Estimate", "z per 0 to 100 %"),
        TEXT_COLUMN("statistic", "Statistic"), NUMBER_COLUMN("p", "p", ""),
        TEXT_COLUMN("formula", "Model"),       TEXT_COLUMN("why", "Why there is none")};
    struct titled s = {
        {p, "Interactions", "interactions",
         "Whether the slopes differ between languages, or between models. Of two there is one difference, the second "
         "minus the first; of more a likelihood ratio of all at once, which has no single estimate. " SWEEP_ARMS,
         0},
        tree};
    json_t *rows = json_array(), *x;
    size_t i;
    char text[60];
    if (!study_lacks_indices(tree)) EACH_OF(json_object_get(tree, "interactions"), i, x)
    rows_add(rows,
             json_pack("[o,o,s,o,s,o,o,o]", cell_text(x, "metric"), cell_text(x, "by"), where(x), cell_number(x, "estimate"),
                       study_statistic(text, x), cell_number(x, "p"), cell_text(x, "formula"), cell_text(x, "why")),
             0);
    return study_table(&s, "Share by language and by model (exploratory)",
                       "Mixed models; chi2: likelihood ratio with its degrees of freedom; z: Wald's. p is not corrected.",
                       columns, COUNT(columns), rows, e);
}

/* ---- effects ---- */

int study_effects(struct page *p, const json_t *tree, struct err *e) {
    const json_t *effects = json_object_get(tree, "effects");
    struct page_column columns[STUDY_MOST_COLUMNS] = {TEXT_COLUMN("language", "Language"), TEXT_COLUMN("model", "Model"),
                                                      NUMBER_COLUMN("n_all", "All aligned", "runs"),
                                                      NUMBER_COLUMN("n_none", "None aligned", "runs")};
    size_t n = study_measure_columns(columns, 4, tree, effects, "g");
    int beside = study_has(effects, "published");
    struct titled s = {{p, "All aligned against none", "effects",
                        "Hedges' g, with the exact small-sample factor, of 100 % against 0 % aligned agents. " SWEEP_ARMS, 0},
                       tree};
    if (beside)
        columns[n++] = (struct page_column){.name = "published",
                                            .label = "Published, CPI",
                                            .type = PAGE_NUMBER,
                                            .unit = "g",
                                            .interval = 1,
                                            .note = "as the study file has it"};
    TRY(study_dots(
        &s, beside ? "Effects by language, beside the published ones (exploratory)" : "Effects by language (exploratory)",
        beside ? "What was published of this study, and where it is said, stands at the top." : NULL, "g",
        beside ? BY_RUN "; of the published ones as the study file has it" : NULL, dots(tree, effects, "CPI, published"), e));
    return study_table(&s, "Effects, with the parts (exploratory)", NULL, columns, n, page_rows(effects, columns, n, 0), e);
}

/* ---- kinds ---- */

int study_kinds(struct titled *s, struct err *e) {
    static const struct page_column columns[] = {
        TEXT_COLUMN("language", "Language"),
        TEXT_COLUMN("model", "Model"),
        TEXT_COLUMN("arm", "Arm"),
        TEXT_COLUMN("dictionary", "Dictionary"),
        TEXT_COLUMN("kind", "Kind"),
        NUMBER_COLUMN("n", "Runs with a hit", "runs"),
        {.name = "share", .label = "Share of its hits", .type = PAGE_NUMBER, .unit = "of 1", .interval = 1, .note = BY_RUN}};
    return study_table(s, "Kinds of words",
                       "Means of the analysed runs of a cell: which share of the hits of a dictionary each of its kinds has.",
                       columns, COUNT(columns), page_rows(json_object_get(s->tree, "kinds"), columns, COUNT(columns), 6), e);
}
