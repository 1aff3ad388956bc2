/* The study page from top to bottom. The tree is read as it comes: nothing in it is taken for granted. Planted data are labelled where
 * they are seen: in the title, at the top, and over every table and plot, so that a picture of one of them keeps the label. */
#include "lab/study_page_int.h"
#include <stdio.h>
#include <string.h>

const struct study_measure study_measures[] = {{"cpi", "CPI"},
                                               {"di", "DI"},
                                               {"monologue", "monologue"},
                                               {"boundary", "boundary"},
                                               {"protective", "protective"},
                                               {"conformity", "conformity"}};

/* ---- labels ---- */

int study_is_test_bed(const json_t *tree) { return json_is_true(json_object_get(tree, "test_bed")); }
int study_maybe_planted(const json_t *tree) { return !json_is_false(json_object_get(tree, "planted")); }
int study_by_planted(const json_t *tree) { return json_is_true(json_object_get(tree, "reference_planted")); }
static const char *label_of(const json_t *tree) {
    const json_t *planted = json_object_get(tree, "planted");
    if (json_is_false(planted) && study_by_planted(tree)) return "PLANTED REFERENCE: ";
    if (json_is_false(planted)) return study_is_test_bed(tree) ? "TEST BED: " : "";
    return json_is_true(planted) ? "PLANTED: " : "POSSIBLY PLANTED: ";
}

static void title_of(char out[200], const struct titled *s, const char *title) {
    snprintf(out, 200, "%s%.150s", label_of(s->tree), title);
}

int study_table(struct titled *s, const char *title, const char *caption, const struct page_column *columns, size_t n,
                json_t *rows, struct err *e) {
    char text[200];
    title_of(text, s, title);
    return part_table(&s->part, text, caption, &(struct page_data){columns, n, NULL}, rows, e);
}

int study_plot(struct titled *s, struct page_plot p, json_t *rows, struct err *e) {
    char text[200];
    title_of(text, s, p.title);
    p.title = text;
    return part_plot(&s->part, p, rows, e);
}

const char *study_unit(const json_t *tree, int measure) {
    int raw = !strcmp(text_of(json_object_get(tree, "reference"), "hits"), "raw");
    const char *const units[STUDY_MEASURES] = {
        "z", "z", "of what was said", raw ? "hits" : "hits per 1,000", raw ? "hits" : "hits per 1,000", "of turns with talk"};
    return units[measure];
}

int study_has(const json_t *list, const char *measure) {
    json_t *x;
    size_t i;
    EACH_OF(list, i, x) {
        const json_t *v = json_object_get(x, measure);
        if (json_is_number(v) || json_is_number(json_object_get(v, "value"))) return 1;
    }
    return 0;
}

size_t study_measure_columns(struct page_column out[STUDY_MOST_COLUMNS], size_t n, const json_t *tree, const json_t *list,
                             const char *unit) {
    static const char *const labels[STUDY_MEASURES] = {"CPI", "DI", "Monologue", "Boundary", "Protective", "Conformity"};
    for (int m = 0; m < STUDY_MEASURES; m++)
        if (study_has(list, study_measures[m].key))
            out[n++] = (struct page_column)RANGE(study_measures[m].key, labels[m], unit ? unit : study_unit(tree, m));
    return n;
}

int study_lacks_indices(const json_t *tree) {
    static const char *const parts[] = {"points", "slopes", "effects"};
    if (!json_array_size(json_object_get(tree, "constant"))) return 0;
    for (size_t i = 0; i < COUNT(parts); i++)
        if (study_has(json_object_get(tree, parts[i]), "cpi")) return 0;
    return 1;
}

const char *study_scope(const json_t *tree) {
    const char *scope = text_of(json_object_get(tree, "reference"), "scope");
    if (!strcmp(scope, "language")) return "z within the language, over the runs of the reference";
    if (!strcmp(scope, "model")) return "z within the model, over the runs of the reference";
    return "z over all runs of the reference";
}

const char *study_anew(const json_t *tree) {
    if (!strcmp(text_of(json_object_get(tree, "reference"), "from"), "own"))
        return "standardised by a reference made anew of the runs so counted";
    return "standardised by the reference that all scores stand on, which does not move";
}

const char *study_statistic(char buf[60], const json_t *o) {
    const json_t *v = json_object_get(o, "statistic"), *df = json_object_get(o, "df");
    const char *name = text_of(o, "statistic_name");
    *buf = 0;
    if (!json_is_number(v)) return buf;
    if (json_is_number(df))
        snprintf(buf, 60, "%.20s(%.4g) = %.4g", name, json_number_value(df), json_number_value(v));
    else
        snprintf(buf, 60, "%.20s = %.4g", name, json_number_value(v));
    return buf;
}

int study_has_many(const json_t *tree) {
    enum { FEW = 4 };
    return json_array_size(json_object_get(tree, "languages")) > FEW;
}

/* ---- by condition ---- */

static json_t *long_rows(const json_t *tree, int measure) {
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(tree, "points"), i, x)
    if (json_is_true(json_object_get(x, "sweep")))
        rows_add(rows,
                 json_pack("[o,o,o,o,o]", cell_text(x, "language"), cell_text(x, "model"), cell_number(x, "share"),
                           cell_range(x, study_measures[measure].key), cell_number(x, "n")),
                 3);
    return rows;
}

static int add_curve(struct titled *s, int m, const char *title, const char *caption, struct err *e) {
    struct page_column columns[] = {
        TEXT_COLUMN("language", "Language"), TEXT_COLUMN("model", "Model"), SHARE_COLUMN("share", "Aligned agents"),
        RANGE("value", study_measures[m].label, study_unit(s->tree, m)), NUMBER_COLUMN("n", "Runs", "runs")};
    struct page_plot pl = {.chart = PAGE_LINE,
                           .title = title,
                           .caption = caption,
                           .data = {columns, COUNT(columns), NULL},
                           .x = "share",
                           .y = "value",
                           .series = study_has_many(s->tree) ? "model" : "language",
                           .facet = study_has_many(s->tree) ? "language" : "model"};
    return study_plot(s, pl, long_rows(s->tree, m), e);
}

static int add_curves(struct titled *s, struct err *e) {
    static const char *const titles[] = {"CPI by share of aligned agents",
                                         "DI by share of aligned agents",
                                         "Share of monologue by share of aligned agents",
                                         "Boundary words by share of aligned agents",
                                         "Protective words by share of aligned agents",
                                         "Conformity by share of aligned agents"};
    char indices[300];
    snprintf(
        indices, sizeof indices,
        "Means of runs with their intervals; %s. CPI + DI = 2 z(monologue): the two are not two findings, so the three parts "
        "stand below. " SWEEP_ARMS,
        study_scope(s->tree));
    for (int m = 0; m < STUDY_MEASURES; m++)
        TRY(add_curve(s, m, titles[m],
                      m < STUDY_INDICES ? indices
                      : m < STUDY_MEASURES - 1
                          ? "A part of both indices, in its own unit."
                          : "Of the agent-turns with talk those in which a form of the dictionary conformity "
                            "occurs.",
                      e));
    return 0;
}

/* Why there are no indices, or what they are. */
static void say_measures(char out[600], const json_t *tree) {
    const json_t *constant = json_object_get(tree, "constant");
    size_t at = 0, i;
    json_t *x;
    if (!study_lacks_indices(tree)) {
        snprintf(out, 600,
                 "Two indices of a group and the three parts they are made of. CPI = z(monologue) + z(boundary) − "
                 "z(protective); DI = z(monologue) + z(protective) − z(boundary).");
        return;
    }
    at = (size_t)snprintf(out, 600, "CPI and DI are left out: they need a z of each of their parts, and there is none of");
    EACH_OF(constant, i, x)
    if (at < 400) at += (size_t)snprintf(out + at, 600 - at, "%s %.20s", i ? "," : "", text_of(x, "part"));
    snprintf(out + at, 600 - at, ", which is the same in every run of the reference. What varies stands here, with conformity.");
}

static int add_points(struct page *p, const json_t *tree, struct err *e) {
    const json_t *points = json_object_get(tree, "points");
    struct page_column columns[STUDY_MOST_COLUMNS] = {TEXT_COLUMN("language", "Language"), TEXT_COLUMN("model", "Model"),
                                                      TEXT_COLUMN("arm", "Arm"), SHARE_COLUMN("share", "Aligned"),
                                                      NUMBER_COLUMN("n", "Runs", "runs")};
    size_t n = study_measure_columns(columns, 5, tree, points, NULL);
    char text[600];
    say_measures(text, tree);
    struct titled s = {{p, "By condition", "conditions", text, 0}, tree};
    TRY(add_curves(&s, e));
    TRY(study_table(&s, "Every arm, with controls", "Means of the analysed runs of a cell.", columns, n,
                    page_rows(points, columns, n, 2), e));
    return study_kinds(&s, e);
}

/* ---- agents, words ---- */

static int add_agents(struct page *p, const json_t *tree, struct err *e) {
    const json_t *agents = json_object_get(tree, "agents");
    struct page_column columns[STUDY_MOST_COLUMNS] = {TEXT_COLUMN("language", "Language"), TEXT_COLUMN("group", "Agents"),
                                                      NUMBER_COLUMN("n", "Runs", "runs")};
    size_t n = study_measure_columns(columns, 3, tree, agents, NULL);
    static const char *const by[] = {"persona", "prefix"}, *const titles[] = {"Agents by persona",
                                                                              "Agents by what stood before their role"};
    struct titled s = {
        {p, "Agents", "agents",
         "The same measures of single agents, standardised over agents. An agent counts once a run, with the mean of its group; "
         "intervals resample runs.",
         0},
        tree};
    json_t *x;
    size_t i;
    for (size_t k = 0; k < COUNT(by); k++) {
        json_t *rows = json_array();
        EACH_OF(agents, i, x)
        if (!strcmp(text_of(x, "by"), by[k])) rows_add(rows, page_row(x, columns, n), 1);
        TRY(study_table(&s, titles[k], NULL, columns, n, rows, e));
    }
    return 0;
}

static int add_transcripts(struct page *p, const json_t *tree, struct err *e) {
    const json_t *runs = json_object_get(tree, "transcripts");
    char title[200], text[400];
    if (!json_array_size(runs)) return 0;
    snprintf(title, sizeof title, "%sTwo runs side by side", label_of(tree));
    snprintf(text, sizeof text,
             "%zu runs of %lld cells are shown: the first analysed replicate of cells spread evenly over the study, chosen by "
             "this rule and by "
             "nobody's eye. The archive holds all of them.",
             json_array_size(runs), (long long)json_integer_value(json_object_get(tree, "cells")));
    TRY(page_section(p, "Word for word", "transcripts", e));
    TRY(page_text(p, text, e));
    return page_transcripts(p, title,
                            "Solid: talk, to all. Dashed: monologue, to nobody. Dotted: whisper, to one. Beside a name: the "
                            "prefixes it carries, and how "
                            "its turn ended if it did not end well.",
                            runs, study_maybe_planted(tree), e);
}

static int fill(struct page *p, const json_t *tree, struct err *e) {
    static int (*const parts[])(struct page *, const json_t *, struct err *) = {
        study_top,      study_published_beside, study_loss,    study_answered, add_points, study_slopes, study_interactions,
        study_effects,  study_countries,        study_choices, study_words,    add_agents, study_judges, study_texts,
        add_transcripts};
    for (size_t i = 0; i < COUNT(parts); i++) TRY(parts[i](p, tree, e));
    return 0;
}

int study_page(struct page **out, const json_t *tree, struct err *e) {
    char title[400];
    struct page *p;
    if (!json_is_object(tree)) return fail(e, ERR_ARG, "expected the figures of study report as a JSON object");
    snprintf(title, sizeof title, "%s%.300s", label_of(tree),
             *text_of(tree, "title") ? text_of(tree, "title") : "A study of groups of agents");
    const struct page_head head = {
        .title = title,
        .subtitle = study_maybe_planted(tree) ? "Planted data: a test of the instrument, not a finding."
                    : study_is_test_bed(tree) ? "A test bed with planted behaviour: a test of instruments, not a finding."
                                              : "Groups of language-model agents, by share of aligned agents and language."};
    TRY(page_new(&p, &head, e));
    int rc = fill(p, tree, e);
    if (rc < 0)
        page_free(p);
    else
        *out = p;
    return rc;
}
