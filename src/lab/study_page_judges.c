/* What language models made of the same transcripts: how their replies ended, how far their scores agree with what dictionaries count, and
 * with each other. Scores are of no hypothesis, so they stand behind the measures. */
#include "lab/study_page_int.h"
#include <string.h>

/* The name of a file of scores; where it lies is nobody's business who is handed the page. */
static json_t *file_cell(const json_t *judge) {
    const char *path = text_of(judge, "file"), *slash = strrchr(path, '/');
    return *path ? json_string(slash ? slash + 1 : path) : json_null();
}

static int add_replies(struct titled *s, const json_t *judges, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("file", "Scores"),
                                                 TEXT_COLUMN("model", "Judge"),
                                                 NUMBER_COLUMN("rows", "Judged", "replies"),
                                                 NUMBER_COLUMN("scored", "Scored", "replies"),
                                                 NUMBER_COLUMN("unreadable", "Unreadable", "replies"),
                                                 NUMBER_COLUMN("cut", "Cut", "replies"),
                                                 NUMBER_COLUMN("refused", "Refused", "replies"),
                                                 NUMBER_COLUMN("filtered", "Filtered", "replies")};
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(judges, i, x)
    rows_add(rows,
             json_pack("[o,o,o,o,o,o,o,o]", file_cell(x), cell_text(x, "model"), cell_number(x, "rows"), cell_number(x, "scored"),
                       cell_number(x, "unreadable"), cell_number(x, "cut"), cell_number(x, "refused"),
                       cell_number(x, "filtered")),
             2);
    return study_table(s, "How the judges replied", "None was asked again; only scored replies count below.", columns,
                       COUNT(columns), rows, e);
}

static json_t *score_row(const json_t *judge, const json_t *score) {
    const json_t *runs = json_object_get(score, "runs"), *agents = json_object_get(score, "agents");
    return json_pack("[o,o,o,o,o,o,o,o,o,o]", file_cell(judge), cell_text(judge, "model"), cell_text(score, "score"),
                     cell_number(score, "mean"), cell_text(score, "against"), cell_number(runs, "n"), cell_number(runs, "rho"),
                     cell_number(runs, "p"), cell_number(agents, "n"), cell_number(agents, "rho"));
}

static int add_against(struct titled *s, const json_t *judges, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("file", "Scores"),
                                                 TEXT_COLUMN("model", "Judge"),
                                                 TEXT_COLUMN("score", "Scale"),
                                                 NUMBER_COLUMN("mean", "Mean", "points"),
                                                 TEXT_COLUMN("against", "Beside"),
                                                 NUMBER_COLUMN("n_runs", "Runs", "runs"),
                                                 NUMBER_COLUMN("rho_runs", "rho of runs", "Spearman"),
                                                 NUMBER_COLUMN("p_runs", "p of it", ""),
                                                 NUMBER_COLUMN("n_agents", "Agents", "agents"),
                                                 NUMBER_COLUMN("rho_agents", "rho of agents", "Spearman")};
    json_t *rows = json_array(), *x, *score;
    size_t i, k;
    EACH_OF(judges, i, x)
    EACH_OF(json_object_get(x, "scores"), k, score) rows_add(rows, score_row(x, score), 2);
    return study_table(
        s, "Judges beside dictionaries",
        "Rank correlation of the mean score of a run, or of an agent in it, with the share or rate that is counted "
        "there. Agents of a run are "
        "not independent, so theirs has no p. Beside nothing: no dictionary counts what the scale asks for.",
        columns, COUNT(columns), rows, e);
}

static int add_between(struct titled *s, const json_t *between, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("score", "Scale"),
                                                 NUMBER_COLUMN("units", "Scored by two or more", ""),
                                                 {.name = "alpha",
                                                  .label = "Krippendorff's alpha",
                                                  .type = PAGE_NUMBER,
                                                  .unit = "interval scale",
                                                  .interval = 1,
                                                  .note = "95 %, percentile bootstrap of what was judged"}};
    json_t *rows = json_array(), *x;
    size_t i;
    EACH_OF(between, i, x)
    rows_add(rows,
             json_pack("[o,o,o]", cell_text(x, "score"), cell_number(x, "units"),
                       cell_between(json_object_get(x, "alpha"), json_object_get(x, "lo"), json_object_get(x, "hi"))),
             0);
    return study_table(s, "Judges beside each other",
                       "1: they always say the same; 0: they agree as often as chance would; none where all scores are equal.",
                       columns, COUNT(columns), rows, e);
}

int study_judges(struct page *p, const json_t *tree, struct err *e) {
    struct titled s = {{p, "Judges", "judges",
                        "Language models scored the transcripts as they stand; no agent was asked again for it. A judge is an "
                        "instrument too: what it is worth "
                        "is how far it agrees with counting, and with other judges.",
                        0},
                       tree};
    const json_t *of = json_object_get(tree, "judges"), *judges = json_object_get(of, "judges");
    TRY(add_replies(&s, judges, e));
    TRY(add_against(&s, judges, e));
    return add_between(&s, json_object_get(of, "between"), e);
}
