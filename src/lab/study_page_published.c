/* What was published of this study, beside ours: near the top, since it is what a reader of a repetition looks for first. */
#include "lab/study_page_int.h"
#include <stdio.h>
#include <string.h>

/* Numbers and words as they were published. */
static json_t *stated(const json_t *x) {
    const json_t *p = json_object_get(x, "p"), *n = json_object_get(x, "n");
    char text[300];
    size_t at = 0;
    snprintf(text, sizeof text, "%.200s", text_of(x, "says"));
    at = strlen(text);
    if (json_is_number(p)) at += (size_t)snprintf(text + at, sizeof text - at, "%sp = %g", at ? ", " : "", json_number_value(p));
    if (json_is_integer(n)) snprintf(text + at, sizeof text - at, "%sof %lld", at ? ", " : "", (long long)json_integer_value(n));
    return json_string(text);
}

/* Why there is none, or in what ours is another figure. */
static json_t *remark(const json_t *x) {
    const char *why = text_of(x, "why");
    return *why ? json_sprintf("none: %s", why) : json_string(text_of(x, "note"));
}

int study_published_beside(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {
        TEXT_COLUMN("what", "What"),
        TEXT_COLUMN("model", "Model"),
        {.name = "value",
         .label = "Published",
         .type = PAGE_NUMBER,
         .unit = "as the figure",
         .interval = 1,
         .note = "see the source"},
        TEXT_COLUMN("says", "Said with it"),
        {.name = "ours", .label = "Ours", .type = PAGE_NUMBER, .unit = "as the figure", .interval = 1, .note = "95 %"},
        NUMBER_COLUMN("ours_n", "Ours, of", ""),
        TEXT_COLUMN("why", "Of ours"),
        TEXT_COLUMN("source", "Source")};
    struct titled s = {{p, "Published beside ours", "published",
                        "What the study file says was published of this study, and the same figure of this archive. Where there "
                        "is none of ours, it is said why. A published value that is not shown here is of another study.",
                        0},
                       tree};
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(json_object_get(tree, "published"), i, x)
    rows_add(rows,
             json_pack("[o,o,o,o,o,o,o,o]", cell_text(x, "what"), cell_text(x, "model"), cell_range(x, "value"), stated(x),
                       cell_range(x, "ours"), cell_number(x, "ours_n"), remark(x), cell_text(x, "source")),
             0);
    return study_table(&s, "Published beside ours",
                       "Intervals of ours: of g the bootstrap of runs or noncentral t, of mixed models Wald's, of means the "
                       "bootstrap of runs. The protocol of the paper is not known in every respect: choices of ours are in the "
                       "study file.",
                       columns, COUNT(columns), rows, e);
}
