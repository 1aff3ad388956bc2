/* The probe beside other readers and away from home: variants and controls, other families, storage formats and sizes. */
#include "lab/theater_page_int.h"
#include <string.h>

/* ---- variants ---- */

/* One row a variant and place, so that places are series of one plot. */
static json_t *variant_points(const json_t *list) {
    static const struct reader_name places[] = {
        {"at_20", "at 20 % of the thought"}, {"at_90", "at 90 %"}, {"mean", "all readings"}};
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(list, i, x)
    for (size_t k = 0; k < COUNT(places); k++)
        rows_add(
            rows,
            json_pack("[o,o,s,o]", cell_text(x, "kind"), cell_text(x, "name"), places[k].label, cell_range(x, places[k].key)), 3);
    return rows;
}

static json_t *variant_rows(const json_t *list) {
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(list, i, x)
    rows_add(rows,
             json_pack("[o,o,o,o,o,o,o,o,o,o,o,o,o]", cell_text(x, "kind"), cell_text(x, "name"), cell_number(x, "layer"),
                       cell_text(x, "pool"), cell_number(x, "heads"), cell_number(x, "rank"), cell_range(x, "at_20"),
                       cell_range(x, "at_90"), cell_range(x, "mean"), cell_range(x, "ece"), cell_range(x, "brier"),
                       cell_range(x, "saved"), cell_range(x, "change")),
             1);
    return rows;
}

int theater_variants(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("family", "Family"),
                                                 TEXT_COLUMN("reader", "Reader"),
                                                 NUMBER_COLUMN("layer", "Layer", ""),
                                                 TEXT_COLUMN("pool", "Pooling"),
                                                 NUMBER_COLUMN("heads", "Heads", ""),
                                                 NUMBER_COLUMN("rank", "Rank of the candidate head", ""),
                                                 SHARE_RANGE("at20", "At 20 %"),
                                                 SHARE_RANGE("at90", "At 90 %"),
                                                 SHARE_RANGE("mean", "All readings"),
                                                 SHARE_RANGE("ece", "ECE"),
                                                 NUMBER_RANGE("brier", "Brier score", "0 to 2"),
                                                 SHARE_RANGE("saved", "Tokens saved"),
                                                 SHARE_RANGE("change", "Change of right answers")};
    static const struct page_column points[] = {TEXT_COLUMN("family", "Family"), TEXT_COLUMN("reader", "Reader"),
                                                TEXT_COLUMN("place", "Place"),
                                                SHARE_RANGE("accuracy", "Names the model's own answer")};
    char chance[32];
    struct part s = {p, "Variants and controls", "variants",
                     "The probe beside others of the same traces, each at the layer that the table names. A control that does as "
                     "well as the probe shows "
                     "what the probe does not need: random labels must fall to chance, text alone must not know before the text "
                     "says it, a last-token reader has no memory.",
                     0};
    struct page_plot plot = {.chart = PAGE_DOT,
                             .title = "Who knows the answer, and when",
                             .caption = "Share of questions whose final answer the reader names. Test questions.",
                             .data = {points, COUNT(points), NULL},
                             .x = "accuracy",
                             .y = "reader",
                             .series = "place",
                             .facet = "family",
                             .rule = chance_rule(tree, chance)};
    const json_t *list = json_object_get(tree, "variants");
    TRY(part_plot(&s, plot, variant_points(list), e));
    return part_table(
        &s, "Variants in figures",
        "All readings: mean over each question's readings. ECE: of the top class, 15 bins, over all readings. Tokens "
        "saved and change: at each variant's own threshold from validation questions; nothing where none kept the accuracy.",
        &(struct page_data){columns, COUNT(columns), NULL}, variant_rows(list), e);
}

/* ---- transfer ---- */

/* stores: cells of stores, else those of families. */
static json_t *transfer_rows(const json_t *tree, int stores) {
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(tree, "transfer"), i, x)
    if (stores == !strcmp(text_of(x, "what"), "stores"))
        rows_add(rows,
                 json_pack("[s,o,o,o,o,o,o,o,o]", *text_of(x, "kind") ? text_of(x, "kind") : "all", cell_text(x, "train"),
                           cell_text(x, "test"), cell_range(x, "accuracy"), cell_range(x, "ece"), cell_range(x, "tokens_saved"),
                           cell_range(x, "change"), cell_number(x, "threshold"), cell_number(x, "traces")),
                 3);
    return rows;
}

int theater_transfer(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("family", "Family"),
                                                 TEXT_COLUMN("train", "Trained on"),
                                                 TEXT_COLUMN("test", "Read on"),
                                                 SHARE_RANGE("accuracy", "Accuracy"),
                                                 SHARE_RANGE("ece", "ECE"),
                                                 SHARE_RANGE("saved", "Tokens saved"),
                                                 SHARE_RANGE("change", "Change of right answers"),
                                                 NUMBER_COLUMN("threshold", "Threshold", "of confidence"),
                                                 NUMBER_COLUMN("traces", "Traces", "traces")};
    struct part s = {
        p, "Transfer", "transfer",
        "A probe trained there reads traces from here, on test questions alone, and exits at the threshold that was chosen "
        "where it was trained. Cells are smaller where the interval is wider; the diagonal is home.",
        0};
    struct page_plot plot = {.chart = PAGE_HEATMAP, .data = {columns, COUNT(columns), NULL}, .x = "test", .y = "train"};
    for (int stores = 0; stores < 2; stores++) {
        plot.facet = stores ? "family" : NULL, plot.value = "accuracy";
        plot.title = stores ? "A probe carried to the same model in other formats, or to what another model wrote"
                            : "A probe carried to other families of questions";
        plot.caption = "Accuracy of all readings against the model's own answer.";
        TRY(part_plot(&s, plot, transfer_rows(tree, stores), e));
        plot.value = "saved", plot.title = stores ? "What its exits save there" : "What its exits save on other families";
        plot.caption =
            "Tokens saved at the carried-over threshold, with the injected words and the answer paid for; what that does to "
            "right answers stands in the table.";
        TRY(part_plot(&s, plot, transfer_rows(tree, stores), e));
    }
    return 0;
}

/* ---- sizes ---- */

static json_t *size_points(const json_t *tree) {
    static const struct reader_name what[] = {{"probe_at_20", "probe at 20 % of the thought"},
                                              {"probe_at_90", "probe at 90 %"},
                                              {"forced_at_20", "forced answer at 20 %"},
                                              {"accuracy", "right answers"}};
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(tree, "sizes"), i, x)
    for (size_t k = 0; k < COUNT(what); k++)
        rows_add(rows,
                 json_pack("[o,o,s,o]", cell_text(x, "model"), cell_text(x, "kind"), what[k].label, cell_range(x, what[k].key)),
                 3);
    return rows;
}

static json_t *size_rows(const json_t *tree) {
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(tree, "sizes"), i, x)
    rows_add(rows,
             json_pack("[o,o,o,o,o,o,o,o,o,o,o,o]", cell_text(x, "model"), cell_text(x, "kind"), cell_number(x, "traces"),
                       cell_number(x, "thought_tokens"), cell_range(x, "accuracy"), cell_range(x, "probe_at_20"),
                       cell_range(x, "probe_at_90"), cell_range(x, "forced_at_20"), cell_range(x, "rate"), cell_range(x, "ece"),
                       cell_range(x, "tokens_saved"), cell_range(x, "change")),
             0);
    return rows;
}

int theater_sizes(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("model", "Model"),
                                                 TEXT_COLUMN("kind", "Family"),
                                                 NUMBER_COLUMN("traces", "Traces", "traces"),
                                                 NUMBER_COLUMN("thought", "Mean thought", "tokens"),
                                                 SHARE_RANGE("accuracy", "Right answers"),
                                                 SHARE_RANGE("probe", "Probe at 20 %"),
                                                 SHARE_RANGE("probe90", "Probe at 90 %"),
                                                 SHARE_RANGE("forced", "Forced answer at 20 %"),
                                                 NUMBER_RANGE("rate", "Performativity", "accuracy per thought"),
                                                 SHARE_RANGE("ece", "ECE"),
                                                 SHARE_RANGE("saved", "Tokens saved"),
                                                 SHARE_RANGE("change", "Change of right answers")};
    static const struct page_column points[] = {TEXT_COLUMN("model", "Model"), TEXT_COLUMN("kind", "Family"),
                                                TEXT_COLUMN("what", "What"), SHARE_RANGE("share", "Share of questions")};
    struct part s = {p, "Models of several sizes", "sizes", NULL, 0};
    struct page_plot plot = {.chart = PAGE_DOT,
                             .title = "Performativity by model",
                             .caption = "Slope of the monitor less slope of the probe.",
                             .data = {columns, COUNT(columns), NULL},
                             .x = "rate",
                             .y = "model",
                             .series = "kind",
                             .rule = {0, "rise together"}};
    TRY(part_plot(&s, plot, size_rows(tree), e));
    plot = (struct page_plot){.chart = PAGE_DOT,
                              .title = "What each knows, by model",
                              .caption = "Readers are scored against the model's own answer, right answers against the truth.",
                              .data = {points, COUNT(points), NULL},
                              .x = "share",
                              .y = "model",
                              .series = "what",
                              .facet = "kind"};
    TRY(part_plot(&s, plot, size_points(tree), e));
    return part_table(&s, "Models in figures",
                      "Each with a probe of its own. Tokens saved: at the threshold of its validation questions.",
                      &(struct page_data){columns, COUNT(columns), NULL}, size_rows(tree), e);
}
