/* What could be saved: early exits replayed and live, all policies in one book, and the probe's promise. */
#include "lab/theater_page_int.h"
#include <stdio.h>
#include <string.h>

/* ---- exits ---- */

/* Every policy, and what its threshold is of. */
static const struct policy {
    const char *key, *label;
} policies[] = {{"none", "no exit"},
                {"probe", "probe, every token"},
                {"probe-asks", "probe, the model answers"},
                {"probe-steps", "probe at steps, the model answers"},
                {"forced", "forced answer, every step"},
                {"deer", "forced answer where the text turns"},
                {"agree", "forced answers agree"},
                {"entropy", "entropy settles"},
                {"budget", "token budget"}};

static const char *policy_label(const char *key) {
    for (size_t i = 0; i < COUNT(policies); i++)
        if (!strcmp(key, policies[i].key)) return policies[i].label;
    return key;
}

/* x[key] as an estimate, else the bare number x[plain]. */
static json_t *range_or(const json_t *x, const char *key, const char *plain) {
    json_t *cell = cell_range(x, key);
    if (!json_is_null(cell)) return cell;
    json_decref(cell);
    return cell_range(x, plain);
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
                                                  SHARE_RANGE("total", "Of all tokens together"),
                                                  NUMBER_RANGE("tokens", "Tokens", "tokens per question")};

static json_t *exit_row(const char *kind, const json_t *x) {
    return json_pack("[s,s,o,o,o,o,o,o,o,o,o]", kind, policy_label(text_of(x, "policy")), cell_number(x, "threshold"),
                     range_or(x, "saved", "tokens_saved"), range_or(x, "accuracy_estimate", "accuracy"),
                     cell_range(x, "accuracy_full"), cell_range(x, "change"), cell_range(x, "early"), cell_range(x, "same"),
                     cell_range(x, "saved_total"), cell_range(x, "tokens"));
}

static void add_no_exit(json_t *rows, const char *kind, const json_t *f) {
    json_t *full =
        json_pack("{s:s, s:i, s:O?, s:O?, s:O?}", "policy", "none", "tokens_saved", 0, "accuracy", json_object_get(f, "accuracy"),
                  "accuracy_full", json_object_get(f, "accuracy"), "tokens", json_object_get(f, "tokens"));
    rows_add(rows, exit_row(kind, full), 4);
    json_decref(full);
}

static json_t *curve_rows(const json_t *tree) {
    json_t *rows = json_array(), *f, *x;
    const char *kind;
    size_t i;
    EACH_FAMILY(tree, kind, f) {
        EACH_OF(json_object_get(f, "exit"), i, x) rows_add(rows, exit_row(kind, x), 3);
        if (json_array_size(json_object_get(f, "exit"))) add_no_exit(rows, kind, f);
    }
    return rows;
}

/* The row of a policy in a list; chosen: only where it was chosen. */
static const json_t *row_of(const json_t *list, const char *policy, int chosen) {
    json_t *x;
    size_t i;
    EACH_OF(list, i, x)
    if (!strcmp(text_of(x, "policy"), policy) && (!chosen || json_is_true(json_object_get(x, "chosen")))) return x;
    return NULL;
}

/* Policies in the order of the curves, also those without a threshold: so they have the same colours. */
static json_t *chosen_rows(const json_t *tree) {
    json_t *rows = json_array(), *f;
    const char *kind;
    EACH_FAMILY(tree, kind, f) {
        const json_t *list = json_object_get(f, "exit");
        for (size_t i = 1; i < COUNT(policies); i++) {
            const json_t *x = row_of(list, policies[i].key, 1);
            if (x)
                rows_add(rows, exit_row(kind, x), 3);
            else if (row_of(list, policies[i].key, 0))
                rows_add(rows, json_pack("[s,s,n,n,n,n,n,n,n,n,n]", kind, policies[i].label), -1);
        }
        if (json_array_size(list)) add_no_exit(rows, kind, f);
    }
    return rows;
}

/* ---- the book: every policy at its chosen threshold, replayed and live ---- */

static json_t *book_row(const char *kind, const json_t *f, const struct policy *p) {
    const json_t *x = row_of(json_object_get(f, "exit"), p->key, 1), *y = row_of(json_object_get(f, "live"), p->key, 0);
    if (!strcmp(p->key, "none")) return json_pack("[s,s,n,[i,n,n],n,o,n,n]", kind, p->label, 0, cell_range(f, "accuracy"));
    return json_pack("[s,s,o,o,o,o,o,o]", kind, p->label, cell_number(x ? x : y, "threshold"),
                     range_or(x ? x : y, x ? "saved" : "tokens", "tokens_saved"), range_or(y, "seconds", "seconds_saved"),
                     range_or(x ? x : y, "accuracy_estimate", "accuracy"), cell_range(x ? x : y, "change"),
                     cell_range(x ? x : y, "looks"));
}

static int add_book(struct part *s, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("family", "Family"),
                                                 TEXT_COLUMN("policy", "Policy"),
                                                 NUMBER_COLUMN("threshold", "Threshold", ""),
                                                 SHARE_RANGE("saved", "Tokens saved"),
                                                 SHARE_RANGE("seconds", "Seconds saved, live"),
                                                 SHARE_RANGE("accuracy", "Right answers"),
                                                 SHARE_RANGE("change", "Change"),
                                                 NUMBER_RANGE("looks", "Looks", "per question")};
    json_t *rows = json_array(), *f;
    const char *kind;
    EACH_FAMILY(tree, kind, f)
    for (size_t i = 0; json_array_size(json_object_get(f, "exit")) && i < COUNT(policies); i++)
        rows_add(rows, book_row(kind, f, &policies[i]), -1);
    return part_table(
        s, "Every policy at its chosen threshold",
        "Chosen on validation questions: what saves most there within the allowed loss of right answers; a policy "
        "without a threshold saved nothing within it. Tokens and answers are replayed (of \"probe, the model answers\" they "
        "are live), seconds are live. Change: right answers less those without exits, of the same questions. Looks: forced "
        "answers asked for; the probe's readings inject nothing.",
        &(struct page_data){columns, COUNT(columns), NULL}, rows, e);
}

/* The forced answer's confidence beside the probe's, where each policy left. */
static int add_confidence(struct part *s, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("family", "Family"),
                                                 TEXT_COLUMN("policy", "Policy"),
                                                 SHARE_RANGE("early", "Thoughts cut"),
                                                 SHARE_RANGE("sure", "Confidence of who is looked at"),
                                                 SHARE_RANGE("forced", "of the forced answer there"),
                                                 SHARE_RANGE("same", "The model's own answer")};
    json_t *rows = json_array(), *f, *x;
    const char *kind;
    size_t i;
    EACH_FAMILY(tree, kind, f) EACH_OF(json_object_get(f, "exit"), i, x) {
        if (!json_is_true(json_object_get(x, "chosen"))) continue;
        rows_add(rows,
                 json_pack("[s,s,o,o,o,o]", kind, policy_label(text_of(x, "policy")), cell_range(x, "early"),
                           cell_range(x, "confidence"), cell_range(x, "forced_confidence"), cell_range(x, "same")),
                 -1);
    }
    return part_table(s, "How sure, where it left",
                      "Means over the thoughts that were cut, replayed at the chosen thresholds: the reader that the policy "
                      "looks at, and the newest "
                      "forced answer by then.",
                      &(struct page_data){columns, COUNT(columns), NULL}, rows, e);
}

int theater_exits(struct page *p, const json_t *tree, struct err *e) {
    struct part s = {
        p, "Early exit", "exits",
        "What happens if the thought is cut as soon as a policy is satisfied, scored against the right answer. Curves are "
        "replayed over finished thoughts; at the chosen thresholds exits were also run live. All policies keep the same "
        "book: the thought so far, everything injected to look, the injected words and the answer are paid for, so a "
        "policy can lose tokens. The probe at every token gives its own class as the answer, all others the model's.\n\n"
        "Thresholds: confidence for the probe and the forced answer (where the text turns: only at steps that begin with "
        "\"Wait\" or \"Alternatively\", as DEER looks; a model that never says so is never asked), equal answers in a row "
        "for agreement (Dynasor), variance of the entropy in squared bits after a forced end of thought (EAT), tokens "
        "for the budget (replayed with the answer of the newest step).",
        0};
    struct page_plot plot = {.chart = PAGE_LINE,
                             .title = "Accuracy against tokens saved, over thresholds",
                             .caption = "Replayed; each point is one threshold. Up and to the right is better.",
                             .data = {exit_columns, COUNT(exit_columns), NULL},
                             .x = "saved",
                             .y = "accuracy",
                             .series = "policy",
                             .facet = "family"};
    TRY(add_book(&s, tree, e));
    TRY(part_plot(&s, plot, curve_rows(tree), e));
    plot.chart = PAGE_SCATTER, plot.title = "At the chosen thresholds";
    plot.caption = "Replayed, on questions that had no part in the choice, with both intervals. Tokens saved: mean of each "
                   "question's share; \"of all tokens together\" weighs long thoughts more.";
    TRY(part_plot(&s, plot, chosen_rows(tree), e));
    return add_confidence(&s, tree, e);
}

/* ---- live ---- */

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
    return json_pack("[s,s,o,o,o,o,o,o,o,o,o,o]", kind, policy_label(text_of(x, "policy")), cell_number(x, "threshold"),
                     range_or(x, "tokens", "tokens_saved"), range_or(x, "seconds", "seconds_saved"), cell_range(x, "accuracy"),
                     cell_range(x, "accuracy_full"), cell_range(x, "change"), cell_range(x, "early"),
                     cell_range(x, "seconds_each"), cell_range(x, "seconds_each_full"), cell_number(x, "questions"));
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
                                                 NUMBER_RANGE("each", "Time", "seconds per question"),
                                                 NUMBER_RANGE("each_full", "without exits", "seconds per question"),
                                                 NUMBER_COLUMN("questions", "Questions", "questions")};
    struct part s = {p, "Early exit, live", "live",
                     "Runs that really stopped, at the chosen thresholds: words were injected, the model wrote its answer, and "
                     "the clock ran all the while. "
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
