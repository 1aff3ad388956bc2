/* "Is it the keyword list?": the same effects under other choices, and the hypotheses, effects and slopes with every word left out. */
#include "lab/study_page_int.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- other choices ---- */

int study_choices(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("variant", "Choice"), TEXT_COLUMN("language", "Language"),
                                                 TEXT_COLUMN("model", "Model"), RANGE("cpi", "CPI", "g"), RANGE("di", "DI", "g")};
    static const char *const titles[] = {"Effect on CPI under other choices", "Effect on DI under other choices"};
    const json_t *list = json_object_get(tree, "sensitivity");
    struct titled s = {
        {p, "Under other choices", "sensitivity",
         "The same effect, 100 % against 0 %, if one choice had been another: a part dropped from the indices, hits raw, "
         "monologue in other units, another reference of the z, a kind of dictionary words not counted. Each row differs from "
         "what "
         "is reported in that one thing.",
         0},
        tree};
    char caption[400];
    if (study_lacks_indices(tree)) return 0;
    snprintf(caption, sizeof caption,
             "\"no boundary: threat\": words of that kind are not counted; %s. Other units: by a reference made of the runs so "
             "counted. Where a choice turns the sign, the finding is the choice's.",
             study_anew(tree));
    for (int m = 0; m < 2; m++) {
        struct page_plot pl = {.chart = PAGE_DOT,
                               .title = titles[m],
                               .caption = caption,
                               .data = {columns, COUNT(columns), NULL},
                               .x = study_measures[m].key,
                               .y = "variant",
                               .series = "language",
                               .facet = "model",
                               .rule = {0, "no difference"}};
        if (study_has_many(tree)) {
            pl.chart = PAGE_HEATMAP, pl.x = "language", pl.value = study_measures[m].key, pl.series = NULL;
            pl.rule = (struct page_rule){0};
        }
        TRY(study_plot(&s, pl, page_rows(list, columns, COUNT(columns), 0), e));
    }
    return study_table(&s, "Effects on both indices under other choices", caption, columns, COUNT(columns),
                       page_rows(list, columns, COUNT(columns), 0), e);
}

/* ---- hypotheses ---- */

#define LEFT_OUT "least and greatest, each word left out in turn"
#define SPAN(n, l, u) \
    { .name = n, .label = l, .type = PAGE_NUMBER, .unit = u, .interval = 1, .note = LEFT_OUT }

/* An equivalence says within what, since "holds" is there no difference found but one ruled out. */
static const char *verdict_of(char buf[80], const json_t *h) {
    const json_t *margin = json_object_get(h, "margin");
    int holds = json_is_true(json_object_get(h, "holds"));
    if (*text_of(h, "why")) return text_of(h, "why");
    if (!margin) return holds ? "holds" : "does not hold";
    snprintf(buf, 80, "equivalent within ±%g: %s", json_number_value(margin), holds ? "holds" : "does not hold");
    return buf;
}

static json_t *effect_cell(const json_t *h) {
    const json_t *ci = json_object_get(h, "ci95");
    return cell_between(json_object_get(h, "g"), json_array_get(ci, 0), json_array_get(ci, 1));
}

static int add_hypotheses(struct titled *s, struct err *e) {
    static const struct page_column columns[] = {
        TEXT_COLUMN("id", "Hypothesis"),
        TEXT_COLUMN("status", "Status"),
        TEXT_COLUMN("metric", "Of"),
        NUMBER_COLUMN("estimate", "Estimate", "units of the metric"),
        {.name = "g", .label = "g", .type = PAGE_NUMBER, .unit = "g", .interval = 1, .note = "95 %, noncentral t"},
        TEXT_COLUMN("statistic", "Statistic"),
        NUMBER_COLUMN("p", "p", ""),
        NUMBER_COLUMN("p_adjusted", "p, corrected", ""),
        TEXT_COLUMN("verdict", "Verdict")};
    json_t *rows = json_array(), *h;
    size_t i;
    char caption[400], text[60], verdict[80];
    EACH_OF(json_object_get(s->tree, "hypotheses"), i, h)
    rows_add(rows,
             json_pack("[o,o,o,o,o,s,o,o,s]", cell_text(h, "id"), cell_text(h, "status"), cell_text(h, "metric"),
                       cell_number(h, "estimate"), effect_cell(h), study_statistic(text, h), cell_number(h, "p"),
                       cell_number(h, "p_adjusted"), verdict_of(verdict, h)),
             0);
    snprintf(caption, sizeof caption,
             "p is two-sided (of an equivalence: the larger of two one-sided tests), corrected over all hypotheses (%.40s). A "
             "likelihood ratio (chi2) of several slopes has no "
             "estimate. Exploratory: the archive does not stand on a registration "
             "that it keeps in every respect.",
             text_of(s->tree, "correction"));
    return study_table(s, "What was claimed, and what holds", caption, columns, COUNT(columns), rows, e);
}

static json_t *word_cell(const json_t *o, const char *key) {
    const json_t *w = json_object_get(o, key);
    return json_is_string(w) ? json_incref((json_t *)(uintptr_t)w) : cell_text(w, "word");
}

/* Ranges of hypotheses with this figure: "g", or those in units of the metric. */
static json_t *hypothesis_rows(const json_t *tree, const char *figure) {
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(tree, "hypothesis_words"), i, x)
    if (!figure || !strcmp(text_of(x, "figure"), figure))
        rows_add(rows,
                 json_pack("[o,o,o,o,o,o,i]", cell_text(x, "id"), cell_text(x, "figure"), cell_here(x),
                           word_cell(x, "lo_without"), word_cell(x, "hi_without"), cell_number(x, "words"),
                           (int)json_array_size(json_object_get(x, "verdict_turned_without"))),
                 2);
    return rows;
}

static int add_hypothesis_words(struct titled *s, struct err *e) {
    static const char *const figures[] = {"g", "estimate"}, *const titles[] = {"Effects of the hypotheses without one word",
                                                                               "Slopes of the hypotheses without one word"};
    struct page_column columns[] = {TEXT_COLUMN("id", "Hypothesis"),
                                    TEXT_COLUMN("figure", "Figure"),
                                    SPAN("value", "All words; range", "g"),
                                    TEXT_COLUMN("lo_without", "Least without"),
                                    TEXT_COLUMN("hi_without", "Greatest without"),
                                    NUMBER_COLUMN("words", "Words", "words"),
                                    NUMBER_COLUMN("turned", "Verdict turned", "words")};
    for (int k = 0; k < 2; k++) {
        columns[2].unit = k ? "z per 0 to 100 %" : "g";
        struct page_plot pl = {.chart = PAGE_DOT,
                               .title = titles[k],
                               .caption = "The dot has all words; the whiskers are no confidence interval but the range over all "
                                          "dictionaries that lack one word.",
                               .data = {columns, COUNT(columns), NULL},
                               .x = "value",
                               .y = "id",
                               .rule = {0, "no difference"}};
        TRY(study_plot(s, pl, hypothesis_rows(s->tree, figures[k]), e));
    }
    columns[2].unit = "as the figure";
    return study_table(s, "Hypotheses without one word",
                       "Verdict turned: so many words are such that without any one of them the hypothesis would hold where it "
                       "does not, or the other way round.",
                       columns, COUNT(columns), hypothesis_rows(s->tree, NULL), e);
}

/* ---- ranges by language ---- */

static const char *measure_label(const json_t *range) { return strcmp(text_of(range, "measure"), "di") ? "CPI" : "DI"; }

static int add_ranges(struct titled *s, const char *figure, const char *title, const char *unit, struct err *e) {
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(s->tree, "word_ranges"), i, x)
    if (!strcmp(text_of(x, "figure"), figure))
        rows_add(rows, json_pack("[o,o,s,o]", cell_text(x, "language"), cell_text(x, "model"), measure_label(x), cell_here(x)),
                 3);
    return study_dots(s, title,
                      "The dot has all words; the whiskers are no confidence interval but the range over all dictionaries of the "
                      "language that lack one word.",
                      unit, LEFT_OUT, rows, e);
}

static int add_range_table(struct titled *s, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("language", "Language"),
                                                 TEXT_COLUMN("model", "Model"),
                                                 TEXT_COLUMN("figure", "Figure"),
                                                 TEXT_COLUMN("measure", "Measure"),
                                                 SPAN("value", "All words; range", "as the figure"),
                                                 TEXT_COLUMN("lo_without", "Least without"),
                                                 TEXT_COLUMN("hi_without", "Greatest without"),
                                                 NUMBER_COLUMN("words", "Words said", "words"),
                                                 NUMBER_COLUMN("turned", "Sign turned", "words")};
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(s->tree, "word_ranges"), i, x)
    rows_add(rows,
             json_pack("[o,o,o,s,o,o,o,o,o]", cell_text(x, "language"), cell_text(x, "model"), cell_text(x, "figure"),
                       measure_label(x), cell_here(x), cell_text(x, "lo_without"), cell_text(x, "hi_without"),
                       cell_number(x, "words"), cell_number(x, "turned")),
             4);
    return study_table(s, "Without which word it would be least and greatest",
                       "Sign turned: without so many words, one at a time, the figure would have the other sign.", columns,
                       COUNT(columns), rows, e);
}

/* ---- the words that move it most ---- */

enum { MOST = 8, MOST_OF_MANY = 2 }; /* words shown of a language with a model; where there are many languages */
struct mover {
    const json_t *row;
    double by;
};

/* The words of a range that change its value most, the greatest change first; returns how many. */
static int movers_of(struct mover out[MOST], const json_t *tree, const json_t *range) {
    json_t *x;
    size_t i;
    int n = 0;
    EACH_OF(json_object_get(tree, "words"), i, x) {
        const json_t *v = json_object_get(x, text_of(range, "measure"));
        if (strcmp(text_of(x, "language"), text_of(range, "language")) != 0 ||
            strcmp(text_of(x, "model"), text_of(range, "model")) != 0 || !json_is_number(v))
            continue;
        double by = json_number_value(v) - json_number_value(json_object_get(range, "value"));
        int at = n < MOST ? n++ : MOST;
        for (; at && (fabs(by) > fabs(out[at - 1].by)); at--)
            if (at < MOST) out[at] = out[at - 1];
        if (at < MOST) out[at] = (struct mover){x, by};
    }
    return n;
}

/* The row of a word names its language, so that words of two languages that look alike stay apart. */
static json_t *mover_row(const struct mover *m) {
    return json_pack("[o,s++,o,f]", cell_text(m->row, "model"), text_of(m->row, "word"), " · ", text_of(m->row, "language"),
                     cell_text(m->row, "dictionary"), m->by);
}

static int add_movers(struct titled *s, int measure, const char *title, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("model", "Model"), TEXT_COLUMN("word", "Without"),
                                                 TEXT_COLUMN("dictionary", "Dictionary"),
                                                 NUMBER_COLUMN("by", "Change of g", "g")};
    json_t *rows = json_array(), *range;
    struct mover most[MOST];
    size_t i;
    EACH_OF(json_object_get(s->tree, "word_ranges"), i, range) {
        if (strcmp(text_of(range, "figure"), "g") != 0 || strcmp(text_of(range, "measure"), study_measures[measure].key) != 0)
            continue;
        int n = movers_of(most, s->tree, range), shown = study_has_many(s->tree) ? MOST_OF_MANY : MOST;
        for (int k = 0; k < n && k < shown; k++) rows_add(rows, mover_row(&most[k]), 1);
    }
    struct page_plot pl = {.chart = PAGE_BAR,
                           .title = title,
                           .caption = "How the effect would change without one word: of each language those that change it most.",
                           .data = {columns, COUNT(columns), NULL},
                           .x = "by",
                           .y = "word",
                           .series = "dictionary",
                           .facet = "model"};
    return study_plot(s, pl, rows, e);
}

/* ---- all ---- */

static int add_word_table(struct titled *s, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("language", "Language"),
                                                 TEXT_COLUMN("model", "Model"),
                                                 TEXT_COLUMN("dictionary", "Dictionary"),
                                                 TEXT_COLUMN("kind", "Kind"),
                                                 TEXT_COLUMN("word", "Without"),
                                                 NUMBER_COLUMN("hits", "Its hits", "hits"),
                                                 NUMBER_COLUMN("cpi", "CPI", "g"),
                                                 NUMBER_COLUMN("di", "DI", "g"),
                                                 NUMBER_COLUMN("cpi_slope", "CPI, slope", "z per 0 to 100 %"),
                                                 NUMBER_COLUMN("di_slope", "DI, slope", "z per 0 to 100 %")};
    return study_table(
        s, "Every word left out, one at a time",
        "Effects and slopes of the word's language if it were not in its dictionary; a shorter word may come to light "
        "where it stood. Words that nobody said change nothing and are not listed.",
        columns, COUNT(columns), page_rows(json_object_get(s->tree, "words"), columns, COUNT(columns), 4), e);
}

int study_words(struct page *p, const json_t *tree, struct err *e) {
    char about[400];
    struct titled hypotheses = {{p, "Hypotheses", "hypotheses",
                                 "What the study claimed before it ran, tested as it was registered, and how far each finding "
                                 "hangs on a single word of the "
                                 "dictionaries.",
                                 0},
                                tree};
    struct titled s = {{p, "Without one word", "words", about, 0}, tree};
    snprintf(
        about, sizeof about,
        "The effect of 100 %% against 0 %% aligned agents, and the slope, if one word were not in its dictionary: every word in "
        "turn, %s.",
        study_anew(tree));
    TRY(add_hypotheses(&hypotheses, e));
    TRY(add_hypothesis_words(&hypotheses, e));
    if (study_lacks_indices(tree)) return 0;
    TRY(add_ranges(&s, "g", "Effects without one word", "g", e));
    TRY(add_ranges(&s, "slope", "Slopes without one word", "z per 0 to 100 %", e));
    TRY(add_range_table(&s, e));
    TRY(add_movers(&s, 0, "Words that move the effect on CPI most", e));
    TRY(add_movers(&s, 1, "Words that move the effect on DI most", e));
    return add_word_table(&s, e);
}
