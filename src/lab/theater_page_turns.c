/* Whether the text turns where belief does: shifts, inflections, and which of the two comes first. */
#include "lab/theater_page_int.h"

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
