/* What turns and what could be saved: belief shifts and inflections, early exits replayed and live, the probe's promise, other models and sizes. */
#include "lab/theater_page_int.h"
#include <stdio.h>
#include <string.h>

/* ---- turns ---- */

/* What there was to count at all. */
static int add_counts(struct part *s, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("family", "Family"),
                                                 NUMBER_COLUMN("shifts", "Belief shifts", "shifts"),
                                                 NUMBER_COLUMN("inflections", "Inflections", "inflections"),
                                                 NUMBER_COLUMN("confident", "Confident thoughts", "thoughts"),
                                                 NUMBER_COLUMN("confident_steps", "their steps", "steps"),
                                                 NUMBER_COLUMN("others", "Other thoughts", "thoughts"),
                                                 NUMBER_COLUMN("other_steps", "their steps", "steps")};
    json_t *rows = json_array(), *f;
    const char *kind;
    EACH_FAMILY(tree, kind, f) {
        const json_t *t = json_object_get(f, "timing"), *i = json_object_get(f, "inflections");
        rows_add(rows,
                 json_pack("[s,o,o,o,o,o,o]", kind, cell_number(t, "shifts"), cell_number(t, "inflections"),
                           cell_number(i, "confident_traces"), cell_number(i, "confident_steps"), cell_number(i, "other_traces"),
                           cell_number(i, "other_steps")),
                 json_is_object(t) || json_is_object(i) ? -1 : 1);
    }
    return part_table(
        s, "What was found",
        "Where there are no inflections nothing is said of their order. A confident thought is one whose last class has "
        "at least 90 % of the probe's belief at every step.",
        &(struct page_data){columns, COUNT(columns), NULL}, rows, e);
}

static int add_inflections(struct part *s, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {
        TEXT_COLUMN("family", "Family"), TEXT_COLUMN("kind", "Kind"), NUMBER_RANGE("confident", "Confident thoughts", "per step"),
        NUMBER_RANGE("others", "Other thoughts", "per step"), NUMBER_RANGE("difference", "Others − confident", "per step")};
    json_t *rows = json_array(), *f, *x;
    const char *kind;
    size_t i;
    EACH_FAMILY(tree, kind, f) {
        const json_t *all = json_object_get(f, "inflections");
        EACH_OF(json_object_get(all, "rates"), i, x)
        rows_add(rows,
                 json_pack("[s,o,o,o,o]", kind, cell_text(x, "kind"), cell_range(x, "confident"), cell_range(x, "others"),
                           cell_range(x, "difference")),
                 -1);
    }
    return part_table(
        s, "Inflections per step",
        "An inflection is a place where the text turns: a backtrack (\"Wait,\"), a realization (\"Oh,\"), a reconsideration "
        "(\"Hmm\").",
        &(struct page_data){columns, COUNT(columns), NULL}, rows, e);
}

static const struct reader_name orders[] = {{"before", "a shift shortly before"},
                                            {"within", "inside a shift"},
                                            {"after", "a shift shortly after"},
                                            {"order", "before − after"}};

static json_t *timing_rows(const json_t *tree) {
    json_t *rows = json_array(), *f;
    const char *kind;
    EACH_FAMILY(tree, kind, f) for (size_t k = 0; k < COUNT(orders); k++) {
        const json_t *t = json_object_get(f, "timing"), *x = json_object_get(t, orders[k].key);
        rows_add(rows,
                 json_pack("[s,s,o,o,o,o,o]", kind, orders[k].label, cell_here(x), cell_number(x, "expected"),
                           cell_number(x, "p"), cell_number(t, "inflections"), cell_number(t, "shifts")),
                 2);
    }
    return rows;
}

/* The same, as points: what was found, and beside it what chance would give. */
static json_t *timing_points(const json_t *tree) {
    json_t *points = json_array(), *rows = timing_rows(tree), *x;
    size_t i;
    EACH_OF(rows, i, x) {
        json_t *family = json_array_get(x, 0), *what = json_array_get(x, 1), *chance = json_array_get(x, 3);
        rows_add(points, json_pack("[O,O,s,O]", family, what, "found", json_array_get(x, 2)), 3);
        json_t *expected = json_is_number(chance) ? json_pack("[O,n,n]", chance) : json_null();
        rows_add(points, json_pack("[O,O,s,o]", family, what, "if unrelated", expected), 3);
    }
    json_decref(rows);
    return points;
}

int theater_turns(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("family", "Family"),
                                                 TEXT_COLUMN("place", "Inflections with"),
                                                 SHARE_RANGE("observed", "Share of inflections"),
                                                 SHARE_COLUMN("expected", "If unrelated"),
                                                 NUMBER_COLUMN("p", "p", ""),
                                                 NUMBER_COLUMN("inflections", "Inflections", "inflections"),
                                                 NUMBER_COLUMN("shifts", "Belief shifts", "shifts")};
    static const struct page_column points[] = {TEXT_COLUMN("family", "Family"), TEXT_COLUMN("place", "Inflections with"),
                                                TEXT_COLUMN("of", "Of"), SHARE_RANGE("share", "Share of inflections")};
    struct part s = {p, "Shifts and inflections", "turns",
                     "A belief shift is a step at which the probe's top probability moves by more than 0.2. Inflections are "
                     "found in the text by rules, or by whom the section on the monitor names. The "
                     "question is whether the text turns where the belief does, and which of the two comes first.",
                     0};
    struct page_plot plot = {.chart = PAGE_DOT,
                             .title = "Do inflections stand where belief shifts?",
                             .caption = "Shortly: within 80 bytes. \"If unrelated\": the mean share when each thought's "
                                        "inflections are moved together by a random "
                                        "distance, which keeps lengths and numbers of both.",
                             .data = {points, COUNT(points), NULL},
                             .x = "share",
                             .y = "place",
                             .series = "of",
                             .facet = "family"};
    TRY(add_counts(&s, tree, e));
    TRY(part_plot(&s, plot, timing_points(tree), e));
    TRY(part_table(&s, "Order in time",
                   "p: chance of at least the observed share if the two were unrelated, one-sided; of \"before − after\" "
                   "two-sided, positive where shifts come first.",
                   &(struct page_data){columns, COUNT(columns), NULL}, timing_rows(tree), e));
    return add_inflections(&s, tree, e);
}

/* ---- exits ---- */

/* What a threshold of a policy is. */
static const char *policy_label(const char *key) {
    static const struct reader_name names[] = {
        {"probe", "probe's confidence"},   {"forced", "forced answer's confidence"},
        {"agree", "forced answers agree"}, {"entropy", "entropy settles"},
        {"budget", "fixed budget"},        {"probe-letter", "probe's letter taken as the answer"},
        {"deer", "trial answer at turns"}, {"never", "no exit"}};
    for (size_t i = 0; i < COUNT(names); i++)
        if (!strcmp(key, names[i].key)) return names[i].label;
    return key;
}

/* x[key] as an estimate, else the bare number x[plain]. */
static json_t *range_or(const json_t *x, const char *key, const char *plain) {
    json_t *cell = cell_range(x, key);
    if (!json_is_null(cell)) return cell;
    json_decref(cell);
    return cell_range(x, plain);
}

/* What a replay or a live run saved: the estimate where there is one. */
static json_t *tokens_saved(const json_t *x) {
    json_t *cell = cell_range(x, "saved");
    if (!json_is_null(cell)) return cell;
    json_decref(cell);
    return range_or(x, "tokens", "tokens_saved");
}

static json_t *exit_row(const char *kind, const char *suffix, const json_t *x) {
    json_t *name = json_sprintf("%s%s", policy_label(text_of(x, "policy")), suffix);
    return json_pack("[s,o,o,o,o,o,o,o,o,o]", kind, name ? name : json_null(), cell_number(x, "threshold"), tokens_saved(x),
                     range_or(x, "accuracy_estimate", "accuracy"), cell_range(x, "accuracy_full"), cell_range(x, "change"),
                     cell_range(x, "early"), cell_range(x, "same"), range_or(x, "saved_total", "tokens_saved_total"));
}

/* chosen: only points that were chosen, else all. */
static void exit_rows(json_t *rows, const char *kind, const json_t *list, const char *suffix, int chosen) {
    json_t *x;
    size_t i;
    EACH_OF(list, i, x)
    if (!chosen || json_is_true(json_object_get(x, "chosen"))) rows_add(rows, exit_row(kind, suffix, x), 3);
}

static const struct page_column exit_columns[] = {TEXT_COLUMN("family", "Family"),
                                                  TEXT_COLUMN("policy", "Policy"),
                                                  NUMBER_COLUMN("threshold", "Threshold", "of the policy"),
                                                  SHARE_RANGE("saved", "Tokens saved"),
                                                  SHARE_RANGE("accuracy", "Right answers"),
                                                  SHARE_RANGE("full", "Right without exits"),
                                                  SHARE_RANGE("change", "Change"),
                                                  SHARE_RANGE("early", "Thoughts cut"),
                                                  SHARE_RANGE("same", "The model's own answer"),
                                                  SHARE_RANGE("total", "Of all tokens together")};

static json_t *curve_rows(const json_t *tree) {
    json_t *rows = json_array(), *f;
    const char *kind;
    EACH_FAMILY(tree, kind, f) exit_rows(rows, kind, json_object_get(f, "exit"), "", 0);
    EACH_FAMILY(tree, kind, f) {
        exit_rows(rows, kind, json_object_get(f, "exit"), ", chosen", 1);
        exit_rows(rows, kind, json_object_get(f, "live"), ", live", 0);
        json_t *full = json_pack("{s:s, s:i, s:O?, s:O?}", "policy", "never", "tokens_saved", 0, "accuracy",
                                 json_object_get(f, "accuracy"), "accuracy_full", json_object_get(f, "accuracy"));
        if (json_array_size(json_object_get(f, "exit"))) rows_add(rows, exit_row(kind, "", full), 4);
        json_decref(full);
    }
    return rows;
}

int theater_exits(struct page *p, const json_t *tree, struct err *e) {
    struct part s = {p, "Early exit", "exits",
                     "What would have happened if the thought had been cut as soon as a policy was satisfied: replayed over "
                     "finished thoughts, scored against "
                     "the right answer. Tokens that a policy injects to look, and those of the answer itself, are paid for, so a "
                     "policy can lose tokens. "
                     "Thresholds: confidence for the probe and the forced answer, equal answers in a row for agreement, variance "
                     "of the entropy in squared "
                     "bits, tokens for the budget.",
                     0};
    struct page_plot plot = {.chart = PAGE_LINE,
                             .title = "Accuracy against tokens saved, over thresholds",
                             .caption = "Each point is one threshold. \"Chosen\": the threshold that saves most on the "
                                        "validation questions within the allowed loss; "
                                        "a policy without one saved nothing there. Up and to the right is better.",
                             .data = {exit_columns, COUNT(exit_columns), NULL},
                             .x = "saved",
                             .y = "accuracy",
                             .series = "policy",
                             .facet = "family"};
    json_t *rows = json_array(), *f;
    const char *kind;
    TRY(part_plot(&s, plot, curve_rows(tree), e));
    EACH_FAMILY(tree, kind, f) exit_rows(rows, kind, json_object_get(f, "exit"), "", 1);
    plot.chart = PAGE_SCATTER, plot.title = "At the chosen thresholds";
    plot.caption = "Figures of questions that had no part in the choice, with both intervals.";
    json_incref(rows);
    int rc = part_plot(&s, plot, rows, e);
    if (rc < 0) return json_decref(rows), rc;
    return part_table(
        &s, "The chosen thresholds in figures",
        "Change: right answers less those without exits, of the same questions. Tokens saved: mean of each question's "
        "share; \"of all tokens together\" weighs long thoughts more.",
        &plot.data, rows, e);
}

/* How many runs without an exit wrote the stored trace again. */
static int add_same(struct part *s, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("family", "Family"), NUMBER_COLUMN("same", "The same text", "runs"),
                                                 NUMBER_COLUMN("of", "Of", "runs")};
    json_t *rows = json_array(), *f;
    const char *kind;
    EACH_FAMILY(tree, kind, f) {
        const json_t *x = json_object_get(f, "live_same");
        rows_add(rows, json_pack("[s,o,o]", kind, cell_number(x, "same"), cell_number(x, "of")), 1);
    }
    return part_table(s, "Runs without an exit against the stored traces",
                      "A check: without an exit a run writes what is stored.", &(struct page_data){columns, COUNT(columns), NULL},
                      rows, e);
}

static json_t *live_row(const char *kind, const json_t *x) {
    return json_pack("[s,s,o,o,o,o,o,o,o,o]", kind, policy_label(text_of(x, "policy")), cell_number(x, "threshold"),
                     tokens_saved(x), range_or(x, "seconds", "seconds_saved"), cell_range(x, "accuracy"),
                     cell_range(x, "accuracy_full"), cell_range(x, "change"), cell_range(x, "early"),
                     cell_number(x, "questions"));
}

int theater_live(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("family", "Family"),
                                                 TEXT_COLUMN("policy", "Policy"),
                                                 NUMBER_COLUMN("threshold", "Threshold", "of the policy"),
                                                 SHARE_RANGE("tokens", "Tokens saved"),
                                                 SHARE_RANGE("seconds", "Seconds saved"),
                                                 SHARE_RANGE("accuracy", "Right answers"),
                                                 SHARE_RANGE("full", "Right without exits"),
                                                 SHARE_RANGE("change", "Change"),
                                                 SHARE_RANGE("early", "Thoughts cut"),
                                                 NUMBER_COLUMN("questions", "Questions", "questions")};
    struct part s = {
        p, "Early exit, live", "live",
        "Runs that really stopped: words were injected, the model wrote its answer, and the clock ran all the while. "
        "Every question was also run without an exit, in turns.",
        0};
    struct page_plot plot = {.chart = PAGE_SCATTER,
                             .title = "Seconds saved against tokens saved",
                             .caption =
                                 "Shares of the same questions' runs without exits. Where fewer seconds than tokens are saved, "
                                 "looking costs time that tokens do not show.",
                             .data = {columns, COUNT(columns), NULL},
                             .x = "tokens",
                             .y = "seconds",
                             .series = "policy",
                             .facet = "family",
                             .rule = {0, "no time saved"}};
    json_t *rows = json_array(), *timed = json_array(), *f, *x;
    const char *kind;
    size_t i;
    EACH_FAMILY(tree, kind, f) EACH_OF(json_object_get(f, "live"), i, x) {
        rows_add(timed, live_row(kind, x), 4);
        rows_add(rows, live_row(kind, x), -1);
    }
    int rc = part_plot(&s, plot, timed, e);
    if (rc < 0) return json_decref(rows), rc;
    TRY(part_table(&s, "Live runs",
                   "Right answers are those that were written; seconds are wall-clock, a measurement of one machine.", &plot.data,
                   rows, e));
    return add_same(&s, tree, e);
}

int theater_promise(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {
        SHARE_COLUMN("alpha", "Exits with another answer, at most"),
        {.name = "threshold", .label = "Confidence to exit at", .type = PAGE_SHARE, .digits = 3}};
    struct part s = {p, "Thresholds with a promise", "conformal", NULL, 0};
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(json_object_get(tree, "probe"), "conformal"), i, x)
    rows_add(rows, json_pack("[o,o]", cell_number(x, "alpha"), cell_number(x, "threshold")), -1);
    return part_table(&s, "Conformal thresholds of the probe",
                      "Leaving as soon as the probe is that confident gives, on a new question like those it was calibrated on, "
                      "an answer other than the model's "
                      "own at most that often. Nothing: too few calibration questions for the promise.",
                      &(struct page_data){columns, COUNT(columns), NULL}, rows, e);
}

/* ---- elsewhere ---- */

int theater_transfer(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("train", "Trained on"), TEXT_COLUMN("test", "Read on"),
                                                 SHARE_RANGE("accuracy", "Accuracy"), SHARE_RANGE("ece", "ECE"),
                                                 SHARE_RANGE("saved", "Tokens saved")};
    struct part s = {p, "Transfer", "transfer", NULL, 0};
    struct page_plot plot = {.chart = PAGE_HEATMAP,
                             .title = "A probe carried to other questions or weights",
                             .caption = "Accuracy of all readings against the model's own answer. Cells are smaller where the "
                                        "interval is wider; the diagonal is home.",
                             .data = {columns, COUNT(columns), NULL},
                             .x = "test",
                             .y = "train",
                             .value = "accuracy"};
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(tree, "transfer"), i, x)
    rows_add(rows,
             json_pack("[o,o,o,o,o]", cell_text(x, "train"), cell_text(x, "test"), cell_range(x, "accuracy"),
                       cell_range(x, "ece"), cell_range(x, "tokens_saved")),
             2);
    return part_plot(&s, plot, rows, e);
}

int theater_sizes(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("model", "Model"), TEXT_COLUMN("kind", "Family"),
                                                 NUMBER_RANGE("rate", "Performativity", "accuracy per thought"),
                                                 SHARE_RANGE("probe", "Probe at 20 % of the thought"),
                                                 SHARE_RANGE("accuracy", "Right answers")};
    struct part s = {p, "Models of several sizes", "sizes", NULL, 0};
    struct page_plot plot = {.chart = PAGE_DOT,
                             .title = "Performativity by model",
                             .caption = "Slope of the monitor less slope of the probe.",
                             .data = {columns, COUNT(columns), NULL},
                             .x = "rate",
                             .y = "model",
                             .series = "kind",
                             .rule = {0, "rise together"}};
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(tree, "sizes"), i, x)
    rows_add(rows,
             json_pack("[o,o,o,o,o]", cell_text(x, "model"), cell_text(x, "kind"), cell_range(x, "rate"),
                       cell_range(x, "probe_at_20"), cell_range(x, "accuracy")),
             -1);
    json_incref(rows);
    int rc = part_plot(&s, plot, rows, e);
    if (rc < 0) return json_decref(rows), rc;
    plot.title = "What the probe knows early, by model", plot.x = "probe", plot.rule = (struct page_rule){0};
    plot.caption = "Share of questions whose final answer the probe names after a fifth of the thought.";
    return part_plot(&s, plot, rows, e);
}
