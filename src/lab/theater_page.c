/* The theater page from top to bottom: summary, examples, settings. What stands between is in theater_page_belief.c,
 * _turns, _exit and _elsewhere. The tree is read as it comes: nothing in it is taken for granted, so a tree of tomorrow or of another program makes a page too. */
#include "lab/theater_page_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- parts ---- */

struct page_rule chance_rule(const json_t *tree, char *text) {
    json_int_t classes = json_integer_value(json_object_get(json_object_get(tree, "probe"), "classes"));
    if (classes < 2) return (struct page_rule){0};
    snprintf(text, 32, "chance (1 of %d)", classes < 1000000 ? (int)classes : 1000000);
    return (struct page_rule){1.0 / (double)classes, text};
}

/* ---- summary ---- */

/* A reader's estimate at `at` of the thought, null if it is not there. */
static json_t *estimate_at(const json_t *f, const char *reader, double at) {
    json_t *x;
    size_t i;
    EACH_OF(json_object_get(json_object_get(f, "at"), reader), i, x) {
        double d = json_number_value(json_object_get(x, "at")) - at;
        if (d < 1e-9 && d > -1e-9) return cell_here(x);
    }
    return json_null();
}

/* Tokens that the probe saves at its chosen threshold. */
static json_t *probe_saves(const json_t *f) {
    json_t *x;
    size_t i;
    EACH_OF(json_object_get(f, "exit"), i, x)
    if (!strcmp(text_of(x, "policy"), "probe") && json_is_true(json_object_get(x, "chosen"))) return cell_range(x, "saved");
    return json_null();
}

static int add_summary(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("family", "Family"),
                                                 NUMBER_COLUMN("traces", "Traces", "traces"),
                                                 SHARE_COLUMN("right", "Right answers"),
                                                 NUMBER_COLUMN("thought", "Mean thought", "tokens"),
                                                 SHARE_RANGE("probe20", "Probe at 20 %"),
                                                 SHARE_RANGE("probe90", "Probe at 90 %"),
                                                 SHARE_RANGE("text20", "Text-only probe at 20 %"),
                                                 SHARE_RANGE("forced20", "Forced answer at 20 %"),
                                                 SHARE_RANGE("monitor20", "Monitor at 20 %"),
                                                 NUMBER_RANGE("rate", "Performativity of the probe", "accuracy per thought"),
                                                 NUMBER_RANGE("forced", "of the forced answer", "accuracy per thought"),
                                                 SHARE_RANGE("ece", "ECE"),
                                                 SHARE_RANGE("ece_forced", "of the forced answer"),
                                                 NUMBER_RANGE("brier", "Brier score", "0 to 2"),
                                                 SHARE_RANGE("saved", "Saved by probe exits")};
    struct part s = {p, "Summary", "summary", NULL, 0};
    json_t *rows = json_array(), *f;
    const char *kind;
    EACH_FAMILY(tree, kind, f) {
        const json_t *rate = json_object_get(f, "rates"), *c = json_object_get(f, "calibration");
        rows_add(rows,
                 json_pack("[s,o,o,o,o,o,o,o,o,o,o,o,o,o,o]", kind, cell_number(f, "traces"), cell_number(f, "accuracy"),
                           cell_number(f, "thought_tokens"), estimate_at(f, "probe", 0.2), estimate_at(f, "probe", 0.9),
                           estimate_at(f, "text", 0.2), estimate_at(f, "forced", 0.2), estimate_at(f, "monitor", 0.2),
                           cell_range(json_object_get(rate, "probe"), "rate"),
                           cell_range(json_object_get(rate, "forced"), "rate"), cell_range(c, "ece"), cell_range(c, "ece_forced"),
                           cell_range(c, "brier"), probe_saves(f)),
                 -1);
    }
    return part_table(&s, "Families of questions",
                      "\"At 20 %\": how often a reader names the model's own final answer when a fifth of the thought is "
                      "written. Saved: tokens, at the threshold "
                      "chosen on validation questions; nothing where none kept the accuracy.",
                      &(struct page_data){columns, COUNT(columns), NULL}, rows, e);
}

/* Rows of the reasons that left any trace out; one row where none did. */
static void excluded_rows(json_t *rows, const char *kind, const json_t *f) {
    const json_t *all = json_object_get(f, "excluded");
    const char *why;
    json_t *x;
    size_t before = json_array_size(rows);
    json_object_foreach(loose(all), why, x) if (json_number_value(x) > 0)
        rows_add(rows, json_pack("[s,s,O,o]", kind, why, x, cell_number(f, "traces")), -1);
    if (json_is_object(all) && json_array_size(rows) == before)
        rows_add(rows, json_pack("[s,s,i,o]", kind, "none", 0, cell_number(f, "traces")), -1);
}

static int add_excluded(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("family", "Family"), TEXT_COLUMN("reason", "Why"),
                                                 NUMBER_COLUMN("traces", "Left out", "traces"),
                                                 NUMBER_COLUMN("used", "Used", "traces")};
    struct part s = {p, "Left out", "excluded", NULL, 0};
    json_t *rows = json_array(), *f;
    const char *kind;
    EACH_FAMILY(tree, kind, f) excluded_rows(rows, kind, f);
    return part_table(&s, "Traces that count in no figure",
                      "Every trace of the questions in view either counts or stands here with its reason.",
                      &(struct page_data){columns, COUNT(columns), NULL}, rows, e);
}

/* ---- examples ---- */

enum { EXAMPLES = 6 };

/* Marks by token, joined where several stand at one. */
static json_t *mark_at(const json_t *marks, size_t token) {
    json_t *found = json_null(), *x;
    size_t i;
    EACH_OF(marks, i, x) {
        const json_t *at = json_object_get(x, "token");
        if (!json_is_integer(at) || json_integer_value(at) != (json_int_t)token) continue;
        const char *before = json_string_value(found);
        json_t *both = before ? json_sprintf("%s; %s", before, text_of(x, "text")) : cell_text(x, "text");
        if (!both) continue;
        json_decref(found), found = both;
    }
    return found;
}

static json_t *token_rows(const json_t *x) {
    json_t *rows = json_array(), *token;
    size_t i;
    EACH_OF(json_object_get(x, "tokens"), i, token)
    rows_add(rows,
             json_pack("[o,o,o,o]", cell_text(token, "text"), cell_text(token, "class"), cell_number(token, "p"),
                       mark_at(json_object_get(x, "marks"), i)),
             0);
    return rows;
}

static int add_example(struct part *s, const json_t *x, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("token", "Token"), TEXT_COLUMN("class", "Believed answer"),
                                                 SHARE_COLUMN("belief", "Belief"), TEXT_COLUMN("mark", "Mark")};
    const json_t *right = json_object_get(x, "right");
    const char *question = text_of(x, "question"), *answer = text_of(x, "answer");
    char title[400], label[400];
    snprintf(title, sizeof title, "%.120s, %.120s: %.120s", text_of(x, "kind"), text_of(x, "id"),
             *text_of(x, "why") ? text_of(x, "why") : "a trace");
    snprintf(label, sizeof label, "The question. The model answers %.120s%s.", *answer ? answer : "nothing",
             json_is_true(right)    ? ", which is right"
             : json_is_false(right) ? ", which is wrong"
                                    : "");
    struct page_plot plot = {.chart = PAGE_TOKENS,
                             .title = title,
                             .data = {columns, COUNT(columns), NULL},
                             .label = "token",
                             .value = "belief",
                             .series = "class",
                             .mark = "mark"};
    json_t *rows = token_rows(x);
    int rc = json_array_size(rows) ? part_open(s, e) : 0;
    if (!rc && *question && json_array_size(rows)) rc = page_quote(s->p, label, question, strlen(question), e);
    if (rc < 0) return json_decref(rows), rc;
    return part_plot(s, plot, rows, e);
}

static int add_examples(struct page *p, const json_t *tree, struct err *e) {
    struct part s = {
        p, "Thoughts, token by token", "examples",
        "Each token of a thought stands on the colour of the answer that the probe believes in after it, the stronger the surer. "
        "Marks: belief shifts, inflections of the text, the monitor's first commitment, where the probe would have left.\n\n"
        "Chosen by rule, not by eye: of each family the first thought that ends in the right answer and that the probe knew "
        "early and surely (else the one it came nearest to), and the one whose belief settled last.",
        0};
    json_t *x;
    size_t i;
    EACH_OF(json_object_get(tree, "examples"), i, x) {
        if (i == EXAMPLES) break;
        TRY(add_example(&s, x, e));
    }
    return 0;
}

/* ---- settings ---- */

static void setting_rows(json_t *rows, const json_t *o, const char *prefix, int depth) {
    const char *key;
    json_t *x;
    json_object_foreach(loose(o), key, x) {
        json_t *name = json_sprintf("%s%s", prefix, key);
        if (json_is_object(x) && depth < 4 && name) {
            char under[300];
            snprintf(under, sizeof under, "%.250s.", json_string_value(name));
            setting_rows(rows, x, under, depth + 1);
            json_decref(name);
            continue;
        }
        char *text = json_is_string(x) ? NULL : json_dumps(x, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        json_t *value = json_is_string(x) ? json_incref(x) : text ? page_string(text, strlen(text)) : json_null();
        free(text);
        rows_add(rows, json_pack("[o,o]", name ? name : json_null(), value), -1);
    }
}

static int add_settings(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("setting", "Setting"), TEXT_COLUMN("value", "Value")};
    static const char *const shown_above[] = {"layers", "conformal"};
    static const struct {
        const char *key, *title;
    } tables[] = {{"evaluation", "The evaluation"}, {"probe", "The probe"}, {"settings", "The traces"}};
    const struct page_data data = {columns, COUNT(columns), NULL};
    struct part s = {p, "Settings", "settings",
                     "How the traces were collected, what the probe is and how it was measured; enough to do it again.", 0};
    for (size_t i = 0; i < COUNT(tables); i++) {
        json_t *rows = json_array(), *all = json_copy(json_object_get(tree, tables[i].key));
        for (size_t k = 0; i == 1 && k < COUNT(shown_above); k++) json_object_del(all, shown_above[k]);
        setting_rows(rows, all, "", 0);
        json_decref(all);
        TRY(part_table(&s, tables[i].title, NULL, &data, rows, e));
    }
    return 0;
}

/* What a monitor behind an address cost and how it compares with the rules; nothing where the rules were the monitor. */
static int add_monitor(struct page *p, const json_t *tree, struct err *e) {
    static const struct page_column columns[] = {TEXT_COLUMN("figure", "Figure"), TEXT_COLUMN("value", "Value")};
    static const char *const parts[] = {"monitor", "inflections_by"}, *const of_family[] = {"monitor", "inflections_judge"};
    struct part s = {p, "The monitor", "monitor", NULL, 0};
    json_t *rows = json_array(), *f;
    const char *kind;
    char prefix[300];
    for (size_t i = 0; i < COUNT(parts); i++) {
        snprintf(prefix, sizeof prefix, "%s.", parts[i]);
        setting_rows(rows, json_object_get(tree, parts[i]), prefix, 0);
        EACH_FAMILY(tree, kind, f) {
            snprintf(prefix, sizeof prefix, "%.200s.%s.", kind, of_family[i]);
            setting_rows(rows, json_object_get(f, of_family[i]), prefix, 0);
        }
    }
    return part_table(&s, "Who read the thoughts",
                      "kind: rules (this program's own patterns) or a language model. Of a model: its replies, those without an "
                      "answer (na) or that could not be read, agreement with the monitor of rules "
                      "(kappa: Cohen's), calls and cost.",
                      &(struct page_data){columns, COUNT(columns), NULL}, rows, e);
}

/* ---- all of it ---- */

static int add_facts(struct page *p, const json_t *tree, struct err *e) {
    const json_t *probe = json_object_get(tree, "probe"), *layer = json_object_get(probe, "best_layer");
    char at[200];
    snprintf(at, sizeof at, "layer %d of %.100s", (int)json_integer_value(layer), text_of(probe, "tap"));
    struct page_fact facts[4];
    size_t n = 0;
    if (*text_of(tree, "model")) facts[n++] = (struct page_fact){"Model", text_of(tree, "model")};
    if (json_is_integer(layer)) facts[n++] = (struct page_fact){"Probe", at};
    if (*text_of(tree, "store")) facts[n++] = (struct page_fact){"Traces", text_of(tree, "store")};
    if (*text_of(tree, "traces_of")) facts[n++] = (struct page_fact){"Figures are of", text_of(tree, "traces_of")};
    return n ? page_facts(p, facts, n, e) : 0;
}

static int fill(struct page *p, const json_t *tree, struct err *e) {
    static int (*const parts[])(struct page *, const json_t *, struct err *) = {
        add_facts,           add_summary,       theater_along, theater_rates, add_examples, theater_heat,    theater_layers,
        theater_calibration, theater_agreement, theater_turns, theater_exits, theater_live, theater_promise, theater_variants,
        theater_transfer,    theater_sizes,     add_monitor,   add_excluded,  add_settings};
    for (size_t i = 0; i < COUNT(parts); i++) TRY(parts[i](p, tree, e));
    return 0;
}

int theater_page(struct page **out, const json_t *tree, struct err *e) {
    static const struct page_head head = {
        .title = "What the model knows while it thinks",
        .subtitle = "An attention probe, forced answers and a text monitor along the thoughts of a language model."};
    struct page *p;
    if (!json_is_object(tree)) return fail(e, ERR_ARG, "expected the figures of theater evaluate as a JSON object");
    TRY(page_new(&p, &head, e));
    int rc = fill(p, tree, e);
    if (rc < 0)
        page_free(p);
    else
        *out = p;
    return rc;
}
