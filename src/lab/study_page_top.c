/* The top of the study page: what it is, what every verdict below stands on, what became of the runs, who answered. */
#include "lab/study_page_int.h"
#include <stdio.h>
#include <string.h>

/* Where the means and standard deviations of every z come from. */
static void say_reference(char out[200], const json_t *tree) {
    static const char *const froms[][2] = {{"own", "made of this archive's own runs"},
                                           {"archive", "frozen in this archive"},
                                           {"registration", "as registered"},
                                           {"given", "from a file"}};
    const json_t *r = json_object_get(tree, "reference");
    const char *from = text_of(r, "from"), *words = from;
    for (size_t i = 0; i < COUNT(froms); i++)
        if (!strcmp(froms[i][0], from)) words = froms[i][1];
    snprintf(out, 200, "%.60s, of %lld runs; %s", words, (long long)json_integer_value(json_object_get(r, "runs")),
             study_scope(tree));
}

/* What a verdict stands on: registration and reference; and why nothing is confirmatory. */
static size_t stands_on(struct page_fact *facts, char reference[200], const json_t *tree) {
    const json_t *hash = json_object_get(tree, "registration");
    size_t n = 0;
    if (json_is_string(hash)) facts[n++] = (struct page_fact){"Registration", json_string_value(hash)};
    if (json_is_null(hash)) facts[n++] = (struct page_fact){"Registration", "none"};
    if (!json_is_object(json_object_get(tree, "reference"))) return n;
    say_reference(reference, tree);
    facts[n++] = (struct page_fact){"Reference of the z", reference};
    return n;
}

static int say_why(struct page *p, const json_t *tree, struct err *e) {
    json_t *x;
    size_t i;
    char text[600];
    EACH_OF(json_object_get(tree, "why_exploratory"), i, x) {
        if (!json_is_string(x)) continue;
        snprintf(text, sizeof text, "Every result here is exploratory, since: %.500s.", json_string_value(x));
        TRY(page_text(p, text, e));
    }
    return 0;
}

int study_top(struct page *p, const json_t *tree, struct err *e) {
    const json_t *languages = json_object_get(tree, "languages");
    char runs[80], names[900] = "", reference[200];
    struct page_fact facts[7];
    size_t n = 0, i;
    json_t *l;
    if (study_maybe_planted(tree))
        TRY(page_text(p,
                      "PLANTED: what the agents said was made by rule, with effects set in advance. No language model was asked, "
                      "and nothing "
                      "here says anything about one.",
                      e));
    if (study_by_planted(tree))
        TRY(page_text(
            p,
            "PLANTED REFERENCE: every z, and so CPI and DI, stands on means and standard deviations of runs whose words were "
            "made by rule.",
            e));
    if (study_is_test_bed(tree))
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
    n += stands_on(facts + n, reference, tree);
    TRY(say_why(p, tree, e));
    return n ? page_facts(p, facts, n, e) : 0;
}

static json_t *turns_cell(const json_t *o, const char *key) { return cell_number(json_object_get(o, "agent_turns"), key); }

int study_loss(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("cell", "Cell"),
                                                 NUMBER_COLUMN("planned", "Planned", "runs"),
                                                 NUMBER_COLUMN("started", "Started", "runs"),
                                                 NUMBER_COLUMN("failed", "Failed", "runs"),
                                                 NUMBER_COLUMN("unfinished", "Unfinished", "runs"),
                                                 NUMBER_COLUMN("excluded", "Excluded", "runs"),
                                                 NUMBER_COLUMN("analysed", "Analysed", "runs"),
                                                 NUMBER_COLUMN("silent", "Silent", "runs"),
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
             json_pack("[o,o,o,o,o,o,o,o,o,o,o,o,o,o]", cell_text(x, "id"), cell_number(x, "planned"), cell_number(x, "started"),
                       cell_number(x, "failed"), cell_number(x, "unfinished"), cell_number(x, "excluded"),
                       cell_number(x, "analysed"), cell_number(x, "silent"), turns_cell(x, "refused"), turns_cell(x, "filtered"),
                       turns_cell(x, "malformed"), turns_cell(x, "empty"), cell_number(x, "asked_again"),
                       cell_number(x, "wrong_language")),
             0);
    return study_table(
        &s, "From planned to analysed, cell by cell",
        "Failed: a call failed and was not answered since. Unfinished: begun and stopped. Excluded: finished, "
        "with a larger share of unreadable turns than the study "
        "allows, or of turns in another "
        "language than its own (wrong language: an act of 40 characters or more, of 15 in Han, kana, Hangul and Thai). "
        "Silent: analysed, but nothing was said in them, so that they have no measures.",
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
int study_answered(struct page *p, const json_t *tree, struct err *e) {
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
