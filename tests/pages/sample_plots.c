/* The plots of the sample page: one section a kind of chart, with intervals wherever a chart can draw them. */
#include "sample.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define MADE_UP  "95 %, made up"

/* Takes rows. */
static int add(struct page *p, const char *heading, const char *id, struct page_plot plot, json_t *rows, struct err *e) {
    int rc = page_section(p, heading, id, e);
    plot.data.rows = rows;
    if (rc >= 0) rc = page_plot(p, &plot, e);
    json_decref(rows);
    return rc;
}

static const char *const readers[] = {"attention probe", "forced answer", "monitor"};
static const char *const tasks[] = {"recall", "arithmetic", "multi-hop"};

/* ---- lines, in facets ---- */

static json_t *line_rows(void) {
    json_t *rows = json_array();
    for (unsigned t = 0; t < COUNT(tasks); t++) {
        for (unsigned r = 0; r < COUNT(readers); r++) {
            for (unsigned i = 0; i <= 20; i++) {
                double x = i / 20.0, from = r == 2 ? 0.25 : 0.75 - 0.2 * t - 0.05 * r;
                double y = from + (0.97 - from) * pow(x, 1 + 0.5 * t + r / 2.0) + 0.012 * wobble(i + 40 * r + 200 * t);
                json_array_append_new(rows, json_pack("[s,s,f,o]", tasks[t], readers[r], x, made_up(y, 0.03 + 0.03 * (1 - x))));
            }
        }
    }
    return rows;
}

static int lines(struct page *p, struct err *e) {
    static const struct page_column columns[] = {
        {.name = "task", .label = "Task"},
        {.name = "reader", .label = "Reader"},
        {.name = "position", .label = "Position in the reasoning", .type = PAGE_SHARE},
        {.name = "accuracy", .label = "Agrees with the final answer", .type = PAGE_SHARE, .interval = 1, .note = MADE_UP},
    };
    struct page_plot plot = {.chart = PAGE_LINE,
                             .title = "When the answer is known",
                             .caption = "How often each reader names the answer that the model will give, by position.",
                             .data = {columns, COUNT(columns), NULL},
                             .x = "position",
                             .y = "accuracy",
                             .series = "reader",
                             .facet = "task",
                             .rule = {0.25, "chance"}};
    return add(p, "Lines with bands", "lines", plot, line_rows(), e);
}

/* ---- dots and bars by category ---- */

static json_t *category_rows(void) {
    json_t *rows = json_array();
    for (unsigned t = 0; t < COUNT(tasks); t++) {
        for (unsigned r = 0; r < COUNT(readers); r++) {
            json_array_append_new(rows,
                                  json_pack("[s,s,o]", tasks[t], readers[r], made_up(0.8 - 0.15 * t - 0.1 * r, 0.04 + 0.02 * t)));
        }
    }
    return rows;
}

static int categories(struct page *p, struct err *e) {
    static const struct page_column columns[] = {
        {.name = "task", .label = "Task"},
        {.name = "reader", .label = "Reader"},
        {.name = "saved", .label = "Tokens saved", .type = PAGE_SHARE, .interval = 1, .note = MADE_UP},
    };
    struct page_plot plot = {.chart = PAGE_DOT,
                             .title = "Tokens saved by leaving early",
                             .caption = "At a threshold that keeps the accuracy.",
                             .data = {columns, COUNT(columns), NULL},
                             .x = "saved",
                             .y = "task",
                             .series = "reader",
                             .rule = {0.5, "half"}};
    TRY(add(p, "Dots with whiskers", "dots", plot, category_rows(), e));
    plot.chart = PAGE_BAR;
    plot.title = "The same as bars";
    return add(p, "Bars with whiskers", "bars", plot, category_rows(), e);
}

/* ---- heatmap ---- */

static json_t *heat_rows(void) {
    json_t *rows = json_array();
    for (int layer = 0; layer < 12; layer++) {
        for (int bin = 0; bin < 20; bin++) {
            double rise = 1 / (1 + exp(-(layer - 5 + bin / 5.0) / 1.5));
            json_array_append_new(rows, json_pack("[i,f,o]", layer, bin / 20.0 + 0.025,
                                                  made_up(0.25 + 0.7 * rise, 0.02 + 0.05 * (1 - bin / 20.0))));
        }
    }
    return rows;
}

static int heat(struct page *p, struct err *e) {
    static const struct page_column columns[] = {
        {.name = "layer", .label = "Layer", .type = PAGE_NUMBER, .unit = ""},
        {.name = "position", .label = "Position in the reasoning", .type = PAGE_SHARE},
        {.name = "accuracy", .label = "Accuracy of the probe", .type = PAGE_SHARE, .interval = 1, .note = MADE_UP},
    };
    struct page_plot plot = {.chart = PAGE_HEATMAP,
                             .title = "Where the answer can be read",
                             .data = {columns, COUNT(columns), NULL},
                             .x = "position",
                             .y = "layer",
                             .value = "accuracy"};
    return add(p, "Heatmap", "heatmap", plot, heat_rows(), e);
}

/* ---- points ---- */

static json_t *scatter_rows(void) {
    json_t *rows = json_array();
    for (unsigned i = 0; i < 45; i++) {
        double length = 200 + 40.0 * i + 60 * wobble(i);
        json_array_append_new(rows, json_pack("[s,o,o]", tasks[i % 3], page_interval(length, length - 50, length + 50),
                                              made_up(0.95 - 0.012 * i + 0.06 * wobble(i + 77), 0.05)));
    }
    return rows;
}

static json_t *reliability_rows(void) {
    json_t *rows = json_array();
    for (unsigned r = 0; r < 2; r++) {
        for (unsigned i = 0; i < 10; i++) {
            double said = (i + 0.5) / 10, found = said + (r ? 0.02 : -0.12 * said * (1 - said) * 4);
            json_array_append_new(
                rows, json_pack("[s,f,o,i]", readers[r], said, made_up(found, 0.04), (int)(40 + 300 * fabs(said - 0.4))));
        }
    }
    return rows;
}

static int points(struct page *p, struct err *e) {
    static const struct page_column scatter[] = {
        {.name = "task", .label = "Task"},
        {.name = "length",
         .label = "Length of the reasoning",
         .type = PAGE_NUMBER,
         .unit = "tokens",
         .interval = 1,
         .note = MADE_UP},
        {.name = "accuracy", .label = "Accuracy", .type = PAGE_SHARE, .interval = 1, .note = MADE_UP},
    };
    static const struct page_column said[] = {
        {.name = "reader", .label = "Reader"},
        {.name = "said", .label = "Confidence", .type = PAGE_SHARE},
        {.name = "found", .label = "Found right", .type = PAGE_SHARE, .interval = 1, .note = MADE_UP},
        {.name = "count", .label = "Tokens", .type = PAGE_NUMBER, .unit = "tokens"},
    };
    struct page_plot plot = {.chart = PAGE_SCATTER,
                             .title = "Longer is not better",
                             .data = {scatter, COUNT(scatter), NULL},
                             .x = "length",
                             .y = "accuracy",
                             .series = "task"};
    struct page_plot reliability = {.chart = PAGE_RELIABILITY,
                                    .title = "Does confidence mean what it says?",
                                    .data = {said, COUNT(said), NULL},
                                    .x = "said",
                                    .y = "found",
                                    .series = "reader",
                                    .size = "count"};
    TRY(add(p, "Scatter", "scatter", plot, scatter_rows(), e));
    return add(p, "Reliability", "reliability", reliability, reliability_rows(), e);
}

/* ---- a trace ---- */

static json_t *trace_rows(void) {
    static const char words[] =
        "Let me think .\n\n The capital of Australia : Sydney is larger , but \n\n Wait , the question asks for the capital . "
        "That is Canberra , which was chosen in 1908 .\n\n So the answer is </script> B .";
    json_t *rows = json_array();
    const char *at = words;
    for (unsigned i = 0; *at; i++) {
        size_t n = 1 + strcspn(at + 1, " ");
        const char *class = i < 14 ? "A" : "B", *mark = !strncmp(at, " Wait", 5) ? "change of mind" : i == 30 ? "exit" : NULL;
        double belief = i < 14 ? 0.3 + 0.03 * i : fmin(0.99, 0.4 + 0.03 * (i - 14));
        json_array_append_new(rows, json_pack("[o,s,o,s?]", page_string(at, n), class, made_up(belief, 0.08), mark));
        at += n;
    }
    return rows;
}

static int trace(struct page *p, struct err *e) {
    static const struct page_column columns[] = {
        {.name = "token", .label = "Token"},
        {.name = "class", .label = "Believed answer"},
        {.name = "belief", .label = "Belief", .type = PAGE_SHARE, .interval = 1, .note = MADE_UP},
        {.name = "mark", .label = "Mark"},
    };
    struct page_plot plot = {.chart = PAGE_TOKENS,
                             .title = "One trace, token by token",
                             .caption = "The stronger the colour, the surer the probe.",
                             .data = {columns, COUNT(columns), NULL},
                             .label = "token",
                             .value = "belief",
                             .series = "class",
                             .mark = "mark"};
    return add(p, "A trace", "trace", plot, trace_rows(), e);
}

/* ---- names along both axes, longer than their places ---- */

static json_t *names_rows(void) {
    static const char *const names[] = {"r4 F16", "r4 Q8_0", "r1 F16 reading what another wrote", "r0 F16 reading the same",
                                        "r0"};
    json_t *rows = json_array();
    for (unsigned i = 0; i < 50; i++)
        json_array_append_new(
            rows, json_pack("[s,s,s,o]", tasks[i / 25], names[i / 5 % 5], names[i % 5], made_up(0.5 + 0.4 * wobble(i), 0.02)));
    return rows;
}

static int names(struct page *p, struct err *e) {
    static const struct page_column columns[] = {
        {.name = "task", .label = "Task"},
        {.name = "train", .label = "Trained on"},
        {.name = "test", .label = "Read on"},
        {.name = "accuracy", .label = "Accuracy of the probe", .type = PAGE_SHARE, .interval = 1, .note = MADE_UP},
    };
    struct page_plot plot = {.chart = PAGE_HEATMAP,
                             .title = "Carried over",
                             .data = {columns, COUNT(columns), NULL},
                             .x = "test",
                             .y = "train",
                             .value = "accuracy",
                             .facet = "task"};
    return add(p, "Heatmap of names", "heatmap-names", plot, names_rows(), e);
}

int sample_plots(struct page *p, struct err *e) {
    int (*const parts[])(struct page *, struct err *) = {lines, categories, heat, points, trace, names};
    for (size_t i = 0; i < COUNT(parts); i++) TRY(parts[i](p, e));
    return 0;
}
