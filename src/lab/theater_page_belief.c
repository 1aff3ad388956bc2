/* What is known when: accuracy along the thought, by layer, performativity, calibration, agreement. Each part reads its branch of every family into
 * rows; what the branch lacks makes no row. */
#include "lab/theater_page_int.h"
#include <stdio.h>
#include <string.h>

const struct reader_name reader_names[READER_NAMES] = {
    {"probe", "attention probe"}, {"text", "text-only probe"}, {"forced", "forced answer"}, {"monitor", "text monitor"}};

/* ---- along the thought ---- */

/* Rows [family, reader, at, estimate, questions] of a branch with a list of estimates for each reader. */
static json_t *along_rows(const json_t *tree, const char *branch) {
    json_t *rows = json_array(), *f, *x;
    const char *kind;
    size_t k;
    EACH_FAMILY(tree, kind, f)
    for (int r = 0; r < READER_NAMES; r++) EACH_OF(json_object_get(json_object_get(f, branch), reader_names[r].key), k, x)
    rows_add(
        rows,
        json_pack("[s,s,o,o,o]", kind, reader_names[r].label, cell_number(x, "at"), cell_here(x), cell_number(x, "questions")),
        3);
    return rows;
}

int theater_along(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {
        TEXT_COLUMN("family", "Family"), TEXT_COLUMN("reader", "Reader"), SHARE_COLUMN("position", "Position in the thought"),
        SHARE_RANGE("accuracy", "Names the model's own final answer"), NUMBER_COLUMN("questions", "Questions", "questions")};
    struct part s = {
        p, "When the answer is known", "along",
        "Four readers say, from what stands there so far, which answer the model will give in the end. The attention probe reads "
        "the model's "
        "inner states; the text-only probe is the same probe on the embeddings of the tokens, a control that knows the words and "
        "nothing "
        "else; a forced answer is what the model says when its thought is cut off there; the monitor reads the text.",
        0};
    char chance[32];
    struct page_plot plot = {
        .chart = PAGE_LINE,
        .title = "Accuracy along the thought, by family",
        .caption =
            "Each point: readings in a twentieth of the thought, averaged by question. Scored against the model's own answer; a "
            "monitor that sees no commitment yet (N/A) counts 0.25. Where the probe stands high while the monitor still climbs, "
            "the text shows later what is known.",
        .data = {columns, COUNT(columns), NULL},
        .x = "position",
        .y = "accuracy",
        .series = "reader",
        .facet = "family",
        .rule = chance_rule(tree, chance)};
    struct page_data places = {columns, COUNT(columns) - 1, NULL};
    json_t *rows = along_rows(tree, "at"), *x;
    size_t i;
    TRY(part_plot(&s, plot, along_rows(tree, "curves"), e));
    EACH_OF(rows, i, x) json_array_remove(x, COUNT(columns) - 1);
    return part_table(&s, "Accuracy at chosen places",
                      "The last reading made by the time that share of the thought was written. Before a reader's first reading "
                      "it counts 0.25.",
                      &places, rows, e);
}

/* ---- layers ---- */

int theater_heat(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {
        TEXT_COLUMN("family", "Family"),
        {.name = "layer", .label = "Layer", .type = PAGE_NUMBER, .unit = "", .note = "-1: the token embeddings"},
        SHARE_COLUMN("position", "Position in the thought"),
        SHARE_COLUMN("accuracy", "Names the model's own final answer")};
    struct part s = {p, "Where in the model it is known", "layers-by-position", NULL, 0};
    struct page_plot plot = {.chart = PAGE_HEATMAP,
                             .title = "Accuracy of each layer's probe along the thought",
                             .caption = "One probe a layer; layer -1 is the token embeddings, before any layer. Mean over the "
                                        "readings in each twentieth of the "
                                        "thought, so long thoughts weigh more; no intervals.",
                             .data = {columns, COUNT(columns), NULL},
                             .x = "position",
                             .y = "layer",
                             .value = "accuracy",
                             .facet = "family"};
    json_t *rows = json_array(), *f, *row, *x;
    const char *kind;
    size_t i, b;
    EACH_FAMILY(tree, kind, f) EACH_OF(json_object_get(f, "heat"), i, row) {
        const json_t *bins = json_object_get(row, "accuracy");
        double n = (double)json_array_size(bins);
        EACH_OF(bins, b, x)
        rows_add(rows,
                 json_pack("[s,o,f,o]", kind, cell_number(row, "layer"), ((double)b + 0.5) / n,
                           json_is_number(x) ? json_incref(x) : json_null()),
                 3);
    }
    return part_plot(&s, plot, rows, e);
}

int theater_layers(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {
        {.name = "layer", .label = "Layer", .type = PAGE_NUMBER, .unit = "", .note = "-1: the token embeddings"},
        SHARE_COLUMN("accuracy", "Validation accuracy"),
        TEXT_COLUMN("used", "Used")};
    const json_t *probe = json_object_get(tree, "probe"), *best = json_object_get(probe, "best_layer");
    struct part s = {p, "Which layer was chosen", "layers", NULL, 0};
    char chance[32], title[80];
    struct page_plot plot = {
        .chart = PAGE_LINE,
        .title = title,
        .caption =
            "Mean over all readings of the validation questions. The layer that everything else on this page uses was chosen by "
            "the lowest validation loss, never by the test questions. One training run a layer; no intervals.",
        .data = {columns, COUNT(columns), NULL},
        .x = "layer",
        .y = "accuracy",
        .rule = chance_rule(tree, chance)};
    json_t *rows = json_array(), *x;
    size_t i;
    snprintf(title, sizeof title, "Validation accuracy by layer");
    if (json_is_integer(best))
        snprintf(title, sizeof title, "Validation accuracy by layer; used: layer %d", (int)json_integer_value(best));
    EACH_OF(json_object_get(probe, "layers"), i, x) {
        json_t *layer = json_object_get(x, "layer");
        rows_add(rows,
                 json_pack("[o,o,s]", cell_number(x, "layer"), cell_number(x, "val_accuracy"),
                           layer && json_equal(layer, best) ? "used" : ""),
                 1);
    }
    return part_plot(&s, plot, rows, e);
}

/* ---- performativity ---- */

static json_t *rate_rows(const json_t *tree, int all) {
    static const char *const keys[] = {"reader_slope", "monitor_slope", "rise_gap", "area", "mean_lead"};
    json_t *rows = json_array(), *f;
    const char *kind;
    EACH_FAMILY(tree, kind, f) for (int r = 0; r < READER_NAMES; r++) {
        const json_t *x = json_object_get(json_object_get(f, "rates"), reader_names[r].key);
        json_t *row = json_pack("[s,s,o]", kind, reader_names[r].label, cell_range(x, "rate"));
        for (size_t k = 0; all && row && k < COUNT(keys); k++) json_array_append_new(row, cell_range(x, keys[k]));
        rows_add(rows, row, 2);
    }
    return rows;
}

static int add_between(struct part *s, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("families", "Families"), TEXT_COLUMN("reader", "Reader"),
                                                 NUMBER_RANGE("difference", "Difference of the rates", "accuracy per thought")};
    struct page_plot plot = {
        .chart = PAGE_DOT,
        .title = "Performativity of the first family less that of the second",
        .caption = "Questions of both families are resampled independently. An interval that leaves zero out is a difference.",
        .data = {columns, COUNT(columns), NULL},
        .x = "difference",
        .y = "families",
        .series = "reader",
        .rule = {0, "no difference"}};
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(tree, "between"), i, x) {
        json_t *names = json_sprintf("%s − %s", text_of(x, "a"), text_of(x, "b"));
        const char *label = text_of(x, "reader");
        for (int r = 0; r < READER_NAMES; r++)
            if (!strcmp(label, reader_names[r].key)) label = reader_names[r].label;
        rows_add(rows, json_pack("[o,s,o]", names ? names : json_null(), label, cell_here(x)), 2);
    }
    return part_plot(s, plot, rows, e);
}

int theater_rates(struct page *p, const json_t *tree, struct err *e) {
#define RATE_UNIT "accuracy per thought"
    static const struct page_column columns[] = {TEXT_COLUMN("family", "Family"),
                                                 TEXT_COLUMN("reader", "Reader"),
                                                 NUMBER_RANGE("rate", "Performativity", RATE_UNIT),
                                                 NUMBER_RANGE("reader_slope", "Slope of the reader", RATE_UNIT),
                                                 NUMBER_RANGE("monitor_slope", "Slope of the monitor", RATE_UNIT),
                                                 NUMBER_RANGE("rise_gap", "Difference of rises", RATE_UNIT),
                                                 NUMBER_RANGE("area", "Area between the curves", "accuracy × thought"),
                                                 NUMBER_RANGE("mean_lead", "Mean lead of the reader", "accuracy")};
    struct part s = {p, "Performativity", "performativity",
                     "How much more steeply the monitor's accuracy climbs than the reader's: slopes over the whole thought, of a "
                     "parabola through the "
                     "curve's twenty points. Near zero both rise together, and the thought seems to be needed; above zero the "
                     "reader knew before the "
                     "text said so.",
                     0};
    struct page_plot plot = {
        .chart = PAGE_DOT,
        .title = "Slope of the monitor less slope of the reader",
        .caption = "Both curves of a resample come from the same questions, so the interval is of the paired difference.",
        .data = {columns, 3, NULL},
        .x = "rate",
        .y = "family",
        .series = "reader",
        .rule = {0, "rise together"}};
    TRY(part_plot(&s, plot, rate_rows(tree, 0), e));
    TRY(add_between(&s, tree, e));
    return part_table(
        &s, "Slopes, rises and areas",
        "Rises compare the first and the last bin instead of a fit; the area is between the reader's curve and the monitor's.",
        &(struct page_data){columns, COUNT(columns), NULL}, rate_rows(tree, 1), e);
}

/* ---- calibration ---- */

static int add_places(struct part *s, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {
        TEXT_COLUMN("family", "Family"), SHARE_COLUMN("position", "Position in the thought"),
        SHARE_RANGE("ece", "Expected calibration error"), NUMBER_RANGE("brier", "Brier score", "0 to 2")};
    struct page_plot plot = {.chart = PAGE_LINE,
                             .title = "Calibration error along the thought",
                             .caption = "Readings in each tenth of the thought, 15 equal bins of confidence. Lower is better.",
                             .data = {columns, COUNT(columns), NULL},
                             .x = "position",
                             .y = "ece",
                             .series = "family"};
    json_t *rows = json_array(), *f, *x;
    const char *kind;
    size_t i;
    EACH_FAMILY(tree, kind, f)
    EACH_OF(json_object_get(json_object_get(f, "calibration"), "by_place"), i, x)
    rows_add(rows, json_pack("[s,o,o,o]", kind, cell_number(x, "at"), cell_range(x, "ece"), cell_range(x, "brier")), 2);
    json_incref(rows);
    int rc = part_plot(s, plot, rows, e);
    plot.title = "Brier score along the thought", plot.y = "brier";
    plot.caption =
        "Squared distance of the probe's probabilities from the model's own answer: 0 is sure and right, 2 sure and wrong.";
    if (rc < 0) return json_decref(rows), rc;
    return part_plot(s, plot, rows, e);
}

static int add_reliability(struct part *s, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {
        TEXT_COLUMN("family", "Family"), SHARE_COLUMN("confidence", "Confidence of the probe"),
        SHARE_RANGE("accuracy", "Right that often"), NUMBER_COLUMN("readings", "Readings", "readings"),
        NUMBER_COLUMN("questions", "Questions", "questions")};
    struct page_plot plot = {.chart = PAGE_RELIABILITY,
                             .title = "Does the probe's confidence mean what it says?",
                             .caption = "Readings in 15 bins of confidence; a bin on the diagonal is right as often as it says, "
                                        "below it is too sure. The bigger the "
                                        "symbol, the more readings.",
                             .data = {columns, COUNT(columns), NULL},
                             .x = "confidence",
                             .y = "accuracy",
                             .facet = "family",
                             .size = "readings"};
    json_t *rows = json_array(), *f, *x;
    const char *kind;
    size_t i;
    EACH_FAMILY(tree, kind, f) EACH_OF(json_object_get(json_object_get(f, "calibration"), "reliability"), i, x) {
        json_t *accuracy = json_pack("{s:O?, s:O?, s:O?}", "value", json_object_get(x, "accuracy"), "lo",
                                     json_object_get(x, "lo"), "hi", json_object_get(x, "hi"));
        rows_add(rows,
                 json_pack("[s,o,o,o,o]", kind, cell_number(x, "confidence"), cell_here(accuracy), cell_number(x, "readings"),
                           cell_number(x, "questions")),
                 2);
        json_decref(accuracy);
    }
    return part_plot(s, plot, rows, e);
}

int theater_calibration(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("family", "Family"),
                                                 SHARE_RANGE("ece", "ECE"),
                                                 NUMBER_RANGE("brier", "Brier score", "0 to 2"),
                                                 SHARE_RANGE("confidence", "Mean confidence"),
                                                 SHARE_RANGE("accuracy", "Mean accuracy"),
                                                 SHARE_RANGE("each", "ECE, every class")};
    struct part s = {
        p, "Calibration", "calibration",
        "All readings of the probe after every token, with the temperature that was fitted on the validation questions.", 0};
    json_t *rows = json_array(), *f;
    const char *kind;
    EACH_FAMILY(tree, kind, f) {
        const json_t *c = json_object_get(f, "calibration");
        rows_add(rows,
                 json_pack("[s,o,o,o,o,o]", kind, cell_range(c, "ece"), cell_range(c, "brier"), cell_range(c, "confidence"),
                           cell_range(c, "accuracy"), cell_range(c, "ece_one_vs_rest")),
                 1);
    }
    TRY(part_table(&s, "Calibration by family",
                   "ECE: mean distance of confidence from accuracy, of the likeliest class, 15 equal bins; \"every class\": of "
                   "each class against the rest, 20 bins.",
                   &(struct page_data){columns, COUNT(columns), NULL}, rows, e));
    TRY(add_reliability(&s, tree, e));
    return add_places(&s, tree, e);
}

/* ---- probe and forced answer ---- */

static int add_restless(struct part *s, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("family", "Family"),
                                                 NUMBER_RANGE("change", "Change of belief", "squared distance per token"),
                                                 NUMBER_COLUMN("steps", "Steps compared", "steps")};
    json_t *rows = json_array(), *f;
    const char *kind;
    EACH_FAMILY(tree, kind, f)
    rows_add(rows, json_pack("[s,o,o]", kind, cell_range(f, "stability"), cell_number(json_object_get(f, "agreement"), "steps")),
             1);
    return part_table(s, "How restless the probe is",
                      "Mean squared distance between the probe's probabilities after one token and after the next; 0 never "
                      "moves. Beside it: steps at which "
                      "probe and forced answer were compared.",
                      &(struct page_data){columns, COUNT(columns), NULL}, rows, e);
}

int theater_agreement(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("family", "Family"), TEXT_COLUMN("outcome", "Outcome"),
                                                 SHARE_RANGE("share", "Share of steps")};
    static const struct reader_name outcomes[] = {{"both_right", "both right"},
                                                  {"only_probe", "only the probe"},
                                                  {"only_forced", "only the forced answer"},
                                                  {"both_wrong", "both wrong"}};
    struct part s = {p, "Probe and forced answer", "agreement", NULL, 0};
    struct page_plot plot = {.chart = PAGE_DOT,
                             .title = "Who is right at a step",
                             .caption = "Both asked at every step of every thought, scored against the model's own final answer; "
                                        "the four shares of a family sum to one.",
                             .data = {columns, COUNT(columns), NULL},
                             .x = "share",
                             .y = "family",
                             .series = "outcome"};
    json_t *rows = json_array(), *f;
    const char *kind;
    EACH_FAMILY(tree, kind, f)
    for (size_t k = 0; k < COUNT(outcomes); k++)
        rows_add(rows,
                 json_pack("[s,s,o]", kind, outcomes[k].label, cell_range(json_object_get(f, "agreement"), outcomes[k].key)), 2);
    TRY(part_plot(&s, plot, rows, e));
    return add_restless(&s, tree, e);
}
