/* The study page from top to bottom. The tree is read as it comes: nothing in it is taken for granted. Planted data are labelled where
 * they are seen: in the title, at the top, and over every table and plot, so that a picture of one of them keeps the label. */
#include "lab/study_page_int.h"
#include <stdio.h>
#include <string.h>

const struct study_measure study_measures[] = {
    {"cpi", "CPI"}, {"di", "DI"}, {"monologue", "monologue"}, {"boundary", "boundary"}, {"protective", "protective"}};

/* ---- labels ---- */

static int is_test_bed(const json_t *tree) { return json_is_true(json_object_get(tree, "test_bed")); }
static int by_planted(const json_t *tree) { return json_is_true(json_object_get(tree, "reference_planted")); }
static int maybe_planted(const json_t *tree) { return !json_is_false(json_object_get(tree, "planted")); }
static const char *label_of(const json_t *tree) {
    const json_t *planted = json_object_get(tree, "planted");
    if (json_is_false(planted) && by_planted(tree)) return "PLANTED REFERENCE: ";
    if (json_is_false(planted)) return is_test_bed(tree) ? "TEST BED: " : "";
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

int study_has_many(const json_t *tree) {
    enum { FEW = 4 };
    return json_array_size(json_object_get(tree, "languages")) > FEW;
}

/* ---- what it is ---- */

static int add_top(struct page *p, const json_t *tree, struct err *e) {
    const json_t *languages = json_object_get(tree, "languages");
    char runs[80], names[900] = "";
    struct page_fact facts[5];
    size_t n = 0, i;
    json_t *l;
    if (maybe_planted(tree))
        TRY(page_text(p,
                      "PLANTED: what the agents said was made by rule, with effects set in advance. No language model was asked, "
                      "and nothing "
                      "here says anything about one.",
                      e));
    if (by_planted(tree))
        TRY(page_text(
            p,
            "PLANTED REFERENCE: every z, and so CPI and DI, stands on means and standard deviations of runs whose words were "
            "made by rule.",
            e));
    if (is_test_bed(tree))
        TRY(page_text(
            p,
            "TEST BED: a council, made to hold instruments against agents whose beliefs are known. Its planted members, and "
            "models that were trained on what they say, follow rules that somebody set; nothing follows about groups of people.",
            e));
    EACH_OF(languages, i, l) {
        size_t at = strlen(names);
        snprintf(names + at, sizeof names - at, "%s%.40s (%.20s)", at ? ", " : "", text_of(l, "name"), text_of(l, "code"));
    }
    snprintf(runs, sizeof runs, "%lld of %lld planned", (long long)json_integer_value(json_object_get(tree, "analysed")),
             (long long)json_integer_value(json_object_get(tree, "runs")));
    EACH_OF(json_object_get(tree, "remarks"), i, l)
    if (json_is_string(l)) TRY(page_text(p, json_string_value(l), e));
    if (*text_of(tree, "study")) facts[n++] = (struct page_fact){"Study", text_of(tree, "study")};
    if (*text_of(tree, "backend")) facts[n++] = (struct page_fact){"Answers from", text_of(tree, "backend")};
    if (json_is_integer(json_object_get(tree, "runs"))) facts[n++] = (struct page_fact){"Runs analysed", runs};
    if (*names) facts[n++] = (struct page_fact){"Languages", names};
    return n ? page_facts(p, facts, n, e) : 0;
}

static json_t *turns_cell(const json_t *o, const char *key) { return cell_number(json_object_get(o, "agent_turns"), key); }

static int add_loss(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("cell", "Cell"),
                                                 NUMBER_COLUMN("planned", "Planned", "runs"),
                                                 NUMBER_COLUMN("started", "Started", "runs"),
                                                 NUMBER_COLUMN("failed", "Failed", "runs"),
                                                 NUMBER_COLUMN("unfinished", "Unfinished", "runs"),
                                                 NUMBER_COLUMN("excluded", "Excluded", "runs"),
                                                 NUMBER_COLUMN("analysed", "Analysed", "runs"),
                                                 NUMBER_COLUMN("refused", "Refused", "turns"),
                                                 NUMBER_COLUMN("filtered", "Filtered", "turns"),
                                                 NUMBER_COLUMN("malformed", "Malformed", "turns"),
                                                 NUMBER_COLUMN("empty", "Empty", "turns"),
                                                 NUMBER_COLUMN("asked_again", "Asked again", "turns"),
                                                 NUMBER_COLUMN("wrong_language", "Wrong language", "turns")};
    struct titled s = {{p, "Loss", "loss",
                        "What became of every run that was planned, and how agent-turns ended. Nothing is left out in silence.",
                        0},
                       tree};
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(tree, "loss"), i, x)
    rows_add(rows,
             json_pack("[o,o,o,o,o,o,o,o,o,o,o,o,o]", cell_text(x, "id"), cell_number(x, "planned"), cell_number(x, "started"),
                       cell_number(x, "failed"), cell_number(x, "unfinished"), cell_number(x, "excluded"),
                       cell_number(x, "analysed"), turns_cell(x, "refused"), turns_cell(x, "filtered"),
                       turns_cell(x, "malformed"), turns_cell(x, "empty"), cell_number(x, "asked_again"),
                       cell_number(x, "wrong_language")),
             0);
    return study_table(
        &s, "From planned to analysed, cell by cell",
        "Failed: a call failed and was not answered since. Unfinished: begun and stopped. Excluded: finished, "
        "with a larger share of unreadable turns than the study "
        "allows, or of turns in another "
        "language than its own (wrong language: an act of 40 characters or more, of 15 in Han, kana, Hangul and Thai).",
        columns, COUNT(columns), rows, e);
}

static json_t *answered_rows(const json_t *tree) {
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(tree, "answered"), i, x)
    rows_add(rows,
             json_pack("[o,o,o,o,o,o,o]", cell_text(x, "id"), cell_text(x, "model"), cell_text(x, "fingerprint"),
                       cell_text(x, "provider"), cell_number(x, "agent_turns"), cell_number(x, "first"), cell_number(x, "last")),
             0);
    return rows;
}

/* What the replies say of themselves; a second row of one model is a drift. */
static int add_answered(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("id", "Model of the study"),
                                                 TEXT_COLUMN("model", "Answered as"),
                                                 TEXT_COLUMN("fingerprint", "Fingerprint"),
                                                 TEXT_COLUMN("provider", "Provider"),
                                                 NUMBER_COLUMN("agent_turns", "Agent-turns", "turns"),
                                                 NUMBER_COLUMN("first", "First run", "place"),
                                                 NUMBER_COLUMN("last", "Last run", "place")};
    struct titled s = {{p, "Who answered", "answered", "What every reply says of itself.", 0}, tree};
    if (!json_array_size(json_object_get(tree, "answered"))) return 0;
    return study_table(
        &s, "Who answered, by what replies say",
        "First and last run: places in the run order, from 0. A second row of one model of the study means that what "
        "stands behind its name changed on the way.",
        columns, COUNT(columns), answered_rows(tree), e);
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

static int add_curves(struct titled *s, struct err *e) {
    static const char *const titles[] = {
        "CPI by share of aligned agents", "DI by share of aligned agents", "Share of monologue by share of aligned agents",
        "Boundary words by share of aligned agents", "Protective words by share of aligned agents"};
    for (int m = 0; m < STUDY_MEASURES; m++) {
        struct page_column columns[] = {TEXT_COLUMN("language", "Language"), TEXT_COLUMN("model", "Model"),
                                        SHARE_COLUMN("share", "Aligned agents"),
                                        RANGE("value", study_measures[m].label,
                                              m < 2    ? "z"
                                              : m == 2 ? "of what was said"
                                                       : "hits per 1,000"),
                                        NUMBER_COLUMN("n", "Runs", "runs")};
        struct page_plot pl = {
            .chart = PAGE_LINE,
            .title = titles[m],
            .caption =
                m < 2
                    ? "Means of runs with their intervals; z over all runs of the reference. CPI + DI = 2 z(monologue): the two "
                      "are not two findings, so the three parts stand below."
                    : "A part of both indices, in its own unit.",
            .data = {columns, COUNT(columns), NULL},
            .x = "share",
            .y = "value",
            .series = study_has_many(s->tree) ? "model" : "language",
            .facet = study_has_many(s->tree) ? "language" : "model"};
        TRY(study_plot(s, pl, long_rows(s->tree, m), e));
    }
    return 0;
}

static int add_points(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("language", "Language"), TEXT_COLUMN("model", "Model"),
                                                 TEXT_COLUMN("arm", "Arm"),           SHARE_COLUMN("share", "Aligned"),
                                                 NUMBER_COLUMN("n", "Runs", "runs"),  MEASURE_COLUMNS};
    struct titled s = {{p, "By condition", "conditions",
                        "Two indices of a group and the three parts they are made of. CPI = z(monologue) + z(boundary) − "
                        "z(protective); DI = z(monologue) + "
                        "z(protective) − z(boundary).",
                        0},
                       tree};
    TRY(add_curves(&s, e));
    return study_table(&s, "Every arm, with controls", "Means of the analysed runs of a cell.", columns, COUNT(columns),
                       page_rows(json_object_get(tree, "points"), columns, COUNT(columns), 2), e);
}

/* ---- slopes and effects ---- */

/* One dot a language, a measure a series: CPI and DI. */
static json_t *dots(const json_t *list, const char *with_published) {
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(list, i, x) {
        for (int m = 0; m < 2; m++)
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

static int add_slopes(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("language", "Language"), TEXT_COLUMN("model", "Model"),
                                                 NUMBER_COLUMN("n", "Runs", "runs"), MEASURE_COLUMNS};
    struct titled s = {{p, "Slopes", "slopes",
                        "The change of a measure from nobody aligned to everybody aligned, by least squares over the runs of the "
                        "sweep (per unit of the share; "
                        "divide by the number of agents for a change per aligned agent).",
                        0},
                       tree};
    const json_t *slopes = json_object_get(tree, "slopes");
    TRY(study_dots(&s, "Slopes by language", "Above zero: more with more aligned agents.", "z per 0 to 100 %", NULL,
                   dots(slopes, NULL), e));
    return study_table(&s, "Slopes, with the parts", NULL, columns, COUNT(columns), page_rows(slopes, columns, COUNT(columns), 0),
                       e);
}

static int add_effects(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("language", "Language"),
                                                 TEXT_COLUMN("model", "Model"),
                                                 NUMBER_COLUMN("n_all", "All aligned", "runs"),
                                                 NUMBER_COLUMN("n_none", "None aligned", "runs"),
                                                 G_COLUMNS,
                                                 {.name = "published",
                                                  .label = "Published, CPI",
                                                  .type = PAGE_NUMBER,
                                                  .unit = "g",
                                                  .interval = 1,
                                                  .note = "95 %, normal, made from the published g and 15 runs a condition"}};
    struct titled s = {{p, "All aligned against none", "effects",
                        "Hedges' g, with the exact small-sample factor, of 100 % against 0 % aligned agents.", 0},
                       tree};
    const json_t *effects = json_object_get(tree, "effects");
    TRY(study_dots(&s, "Effects by language, beside the published ones",
                   "Published: arXiv 2603.04904, CPI; English −1.844, Japanese +0.771. Its interval is not published: it is a "
                   "normal one made from g and 15 "
                   "runs a condition.",
                   "g", BY_RUN "; of the published ones normal", dots(effects, "CPI, published"), e));
    return study_table(&s, "Effects, with the parts", NULL, columns, COUNT(columns),
                       page_rows(effects, columns, COUNT(columns), 0), e);
}

/* ---- agents, words ---- */

static int add_agents(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("language", "Language"), TEXT_COLUMN("group", "Agents"),
                                                 NUMBER_COLUMN("n", "Runs", "runs"), MEASURE_COLUMNS};
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
        EACH_OF(json_object_get(tree, "agents"), i, x)
        if (!strcmp(text_of(x, "by"), by[k])) rows_add(rows, page_row(x, columns, COUNT(columns)), 1);
        TRY(study_table(&s, titles[k], NULL, columns, COUNT(columns), rows, e));
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
                            runs, maybe_planted(tree), e);
}

static int fill(struct page *p, const json_t *tree, struct err *e) {
    static int (*const parts[])(struct page *, const json_t *, struct err *) = {
        add_top,       add_loss,    add_answered, add_points,   add_slopes,  add_effects,    study_countries,
        study_choices, study_words, add_agents,   study_judges, study_texts, add_transcripts};
    for (size_t i = 0; i < COUNT(parts); i++) TRY(parts[i](p, tree, e));
    return 0;
}

int study_page(struct page **out, const json_t *tree, struct err *e) {
    char title[400];
    struct page *p;
    if (!json_is_object(tree)) return fail(e, ERR_ARG, "expected the figures of study report as a JSON object");
    snprintf(title, sizeof title, "%s%.300s", label_of(tree),
             *text_of(tree, "title") ? text_of(tree, "title") : "A study of groups of agents");
    const struct page_head head = {.title = title,
                                   .subtitle = maybe_planted(tree) ? "Planted data: a test of the instrument, not a finding."
                                               : is_test_bed(tree)
                                                   ? "A test bed with planted behaviour: a test of instruments, not a finding."
                                                   : "Groups of language-model agents, by share of aligned agents and language."};
    TRY(page_new(&p, &head, e));
    int rc = fill(p, tree, e);
    if (rc < 0)
        page_free(p);
    else
        *out = p;
    return rc;
}
