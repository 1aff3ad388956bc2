/* candor study stats: the hypotheses of an archive, tested as they were registered. */
#include "cli/studying.h"
#include "study/analyse.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    OPT_REFERENCE("; and within: pooled, language or model (default: the registered one, else the frozen one, else own; "
                  "the scope of each hypothesis)"),
    OPT_TOKENIZER,
    OPT_PDI,
    {"words", 0, NULL, NULL, "leave each word out of its dictionary in turn, and test every hypothesis again"},
    {"claims", 0, NULL, NULL, "end with 10 if a confirmatory hypothesis does not hold"},
    OPT_JSON,
    {0},
};

struct work {
    struct counted of;
    struct country_values countries;
    struct asked_reference by;
    json_t *stats;
};

static const char *text(const json_t *o, const char *key) {
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* A number, or a dash. */
static const char *shown(char buf[32], const json_t *v, const char *format) {
    if (json_is_number(v))
        snprintf(buf, 32, format, json_number_value(v)); /* NOLINT: formats are this file's */
    else
        snprintf(buf, 32, "-");
    return buf;
}

/* "chi2(15) = 26.076, ", or nothing. */
static const char *statistic(char buf[64], const json_t *o) {
    const json_t *v = json_object_get(o, "statistic"), *df = json_object_get(o, "df");
    const char *name = text(o, "statistic_name");
    *buf = 0;
    if (json_is_number(v) && json_is_number(df))
        snprintf(buf, 64, "%.20s(%.4g) = %.3f, ", name, json_number_value(df), json_number_value(v));
    else if (json_is_number(v))
        snprintf(buf, 64, "%.20s = %.3f, ", name, json_number_value(v));
    return buf;
}

/* The second line of an equivalence: what no difference was said to be, and what the estimate allows. */
static void print_within(const json_t *h) {
    const json_t *margin = json_object_get(h, "margin"), *ci = json_object_get(h, "within");
    char b[2][32];
    if (!margin) return;
    printf("  equivalent: within +-%g; interval of %g %% [%s, %s]\n", json_number_value(margin),
           100 * (1 - 2 * json_number_value(json_object_get(h, "alpha"))), shown(b[0], json_array_get(ci, 0), "%.4f"),
           shown(b[1], json_array_get(ci, 1), "%.4f"));
}

static void print_hypothesis(const json_t *h) {
    char b[6][32], of[64];
    const json_t *ci = json_object_get(h, "ci95");
    printf("%-26s %-12s %-11s %9s %8s [%s, %s] %10s %10s  %s%s\n", text(h, "id"), text(h, "status"), text(h, "metric"),
           shown(b[0], json_object_get(h, "estimate"), "%.4f"), shown(b[1], json_object_get(h, "g"), "%.3f"),
           shown(b[2], json_array_get(ci, 0), "%.3f"), shown(b[3], json_array_get(ci, 1), "%.3f"),
           shown(b[4], json_object_get(h, "p"), "%.3g"), shown(b[5], json_object_get(h, "p_adjusted"), "%.3g"), statistic(of, h),
           *text(h, "why")                             ? text(h, "why")
           : json_is_true(json_object_get(h, "holds")) ? "holds"
                                                       : "does not hold");
    print_within(h);
    json_int_t lost = json_integer_value(json_object_get(h, "without_value"));
    if (lost) printf("  %" JSON_INTEGER_FORMAT " of its analysed runs have no value: nothing countable was said in them\n", lost);
}

static void print_loss(const json_t *list) {
    static const char *const keys[] = {"planned", "started", "refused", "failed", "unfinished", "excluded", "analysed", "silent"};
    enum { KEYS = sizeof keys / sizeof *keys };
    json_int_t sum[KEYS] = {0};
    size_t i;
    json_t *c;
    json_array_foreach((json_t *)list, i, c) for (int k = 0; k < KEYS; k++) sum[k] +=
        json_integer_value(json_object_get(c, keys[k]));
    printf("\nruns:");
    for (int k = 0; k < KEYS; k++) printf(" %" JSON_INTEGER_FORMAT " %s%s", sum[k], keys[k], k < KEYS - 1 ? "," : "\n");
}

static const char *word_at(const json_t *o, const char *key) { return text(json_object_get(o, key), "word"); }

/* Between which values each hypothesis moves, and how many words its verdict hangs on. */
static void print_words(const json_t *list) {
    size_t i;
    json_t *h;
    char b[3][32];
    if (!list) return;
    printf("\neach word left out of its dictionary, one at a time\n");
    json_array_foreach((json_t *)list, i, h) printf(
        "%-26s %s %s, from %s (without \"%s\") to %s (without \"%s\"); %zu of %" JSON_INTEGER_FORMAT " words turn the verdict\n",
        text(h, "id"), text(h, "figure"), shown(b[0], json_object_get(h, "value"), "%.4f"),
        shown(b[1], json_object_get(h, "lo"), "%.4f"), word_at(h, "lo_without"), shown(b[2], json_object_get(h, "hi"), "%.4f"),
        word_at(h, "hi_without"), json_array_size(json_object_get(h, "verdict_turned_without")),
        json_integer_value(json_object_get(h, "words")));
}

/* Slopes against numbers by country, beside the published correlation. */
static void print_distance(const json_t *o) {
    size_t i;
    json_t *c;
    char b[6][32];
    if (!o) return;
    const json_t *p = json_object_get(o, "published");
    printf("\nslopes by language against numbers by country\n");
    if (p)
        printf("published: r %s, p %s, %" JSON_INTEGER_FORMAT " languages\n", shown(b[0], json_object_get(p, "r"), "%.3f"),
               shown(b[1], json_object_get(p, "p"), "%.3f"), json_integer_value(json_object_get(p, "n")));
    json_array_foreach(json_object_get(o, "missing"), i, c)
        printf("%s left out: no number for \"%s\"\n", text(c, "language"), text(c, "country"));
    json_array_foreach(json_object_get(o, "correlations"), i, c)
        printf("%-4s %" JSON_INTEGER_FORMAT " languages, r %s [%s, %s], p %s, rho %s, p %s  %s\n", text(c, "measure"),
               json_integer_value(json_object_get(c, "n")), shown(b[0], json_object_get(c, "r"), "%.3f"),
               shown(b[1], json_object_get(c, "lo"), "%.3f"), shown(b[2], json_object_get(c, "hi"), "%.3f"),
               shown(b[3], json_object_get(c, "p"), "%.3g"), shown(b[4], json_object_get(c, "rho"), "%.3f"),
               shown(b[5], json_object_get(c, "rho_p"), "%.3g"), text(c, "why"));
}

static const char *model_of(const json_t *o) { return *text(o, "model") ? text(o, "model") : "all models"; }

static void print_explored(const json_t *j) {
    size_t i;
    json_t *h;
    char b[3][32], of[64];
    printf("\nslopes from no to all agents aligned (exploratory); of arms that vary nothing but the share of aligned agents\n");
    json_array_foreach(json_object_get(j, "slopes"), i, h)
        printf("%-4s %-6s %-24s %9s z %8s p %s  %s\n", text(h, "metric"), text(h, "language"), model_of(h),
               shown(b[0], json_object_get(h, "estimate"), "%.4f"), shown(b[1], json_object_get(h, "z"), "%.3f"),
               shown(b[2], json_object_get(h, "p"), "%.3g"), text(h, "why"));
    json_array_foreach(json_object_get(j, "interactions"), i, h)
        printf("%-4s %-6s share x %s: %sp %s  %s\n", text(h, "metric"), text(h, "language"), text(h, "by"), statistic(of, h),
               shown(b[1], json_object_get(h, "p"), "%.3g"), text(h, "why"));
    printf("\nHedges' g of all agents aligned against none (exploratory)\n");
    json_array_foreach(json_object_get(j, "effects"), i, h)
        printf("%-4s %-6s %-24s %9s [%s, %s]  %s\n", text(h, "metric"), text(h, "language"), text(h, "model"),
               shown(b[0], json_object_get(h, "g"), "%.3f"), shown(b[1], json_array_get(json_object_get(h, "ci95"), 0), "%.3f"),
               shown(b[2], json_array_get(json_object_get(h, "ci95"), 1), "%.3f"), text(h, "why"));
}

static void print_stats(const json_t *j) {
    size_t i;
    json_t *h;
    printf("%s%s\n", study_label_text(j), text(j, "study"));
    json_array_foreach(json_object_get(j, "why_exploratory"), i, h) printf("exploratory, since: %s\n", json_string_value(h));
    json_array_foreach(json_object_get(j, "remarks"), i, h) printf("remark: %s\n", json_string_value(h));
    printf("\n%-26s %-12s %-11s %9s %8s %s %10s %10s\n", "hypothesis", "status", "metric", "estimate", "g", "95 % interval", "p",
           text(j, "correction"));
    json_array_foreach(json_object_get(j, "hypotheses"), i, h) print_hypothesis(h);
    print_explored(j);
    print_distance(json_object_get(j, "power_distance"));
    print_words(json_object_get(j, "words"));
    print_loss(json_object_get(j, "loss"));
}

static int all_hold(const json_t *j) {
    size_t i;
    json_t *h;
    json_array_foreach(json_object_get(j, "hypotheses"), i,
                       h) if (!strcmp(text(h, "status"), "confirmatory") && !json_is_true(json_object_get(h, "holds"))) return 0;
    return 1;
}

static int go(struct work *w, struct args *a, struct err *e) {
    TRY(read_reference(&w->by, a, 1, e));
    TRY(counted_open(&w->of, a->pos[0], NULL, a, e));
    if (arg_has(a, "pdi")) TRY(read_countries(&w->countries, w->of.s, arg_str(a, "pdi"), e));
    const struct analyse_opts o = {.reference = w->by.w,
                                   .scope = w->by.scope,
                                   .words = arg_has(a, "words"),
                                   .countries = arg_has(a, "pdi") ? &w->countries : NULL};
    TRY(study_analyse(&w->stats, &w->of.c, &o, w->of.a, e));
    int status = arg_has(a, "claims") && !all_hold(w->stats) ? EXIT_CLAIM : 0;
    if (arg_has(a, "json"))
        TRY(print_json(json_incref(w->stats), e));
    else
        print_stats(w->stats);
    return status;
}

static int run(struct args *a, struct err *e) {
    struct work w = {0};
    int rc = go(&w, a, e);
    json_decref(w.by.file);
    json_decref(w.stats);
    counted_close(&w.of);
    return rc;
}

const struct command command_study_stats = {
    .name = "study stats",
    .summary = "test the hypotheses of an archive; each is marked confirmatory or exploratory",
    .usage = "ARCHIVE [--reference R] [--pdi FILE] [--words] [--claims] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes =
        "Confirmatory: begun with a registration, nothing deviates, every planned run is finished, the registered reference. p "
        "is two-sided; a hypothesis\nholds if its corrected p is below alpha and the sign is as registered. Of an equivalence, p "
        "is "
        "the larger of two one-sided tests.",
};
