/* candor theater evaluate: what a probe, forced answers and a monitor know along the traces of a store, and what exits would save. */
#include "base/pool.h"
#include "cli/theater.h"
#include "cli/theater_live.h"
#include "cli/theater_monitor.h"
#include "cli/theater_with.h"
#include "lab/theater_page.h"
#include "probe/evaluate.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const struct opt opts[] = {
    {"probe", 0, "PROBE.gguf", NULL, "the probe (candor theater train)"},
    {"reps", 0, "N", "1000", "bootstrap resamples of questions for the intervals"},
    {"max-loss", 0, "X", "1",
     "points of accuracy that an exit may cost, shown by validation questions with 95 % confidence; too few for that: none lost"},
    {"output", 'o', "FILE.html", NULL, "write a report page, too: tables and plots in one file"},
    OPT_MONITOR,
    OPT_LIVE,
    OPT_VARIANT,
    OPT_WITH,
    OPT_KV,
    OPT_PRECISION,
    OPT_JSON,
    {0},
};

static double number(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : -1;
}

static void cell(const json_t *x, const char *key) {
    const json_t *v = json_object_get(x, key);
    if (json_is_number(v))
        printf(" %8.1f", 100 * json_number_value(v));
    else
        printf(" %8s", "-");
}

static void interval(const json_t *x, double scale) {
    if (!json_is_number(json_object_get(x, "value")))
        printf(" %26s", "-");
    else if (!json_is_number(json_object_get(x, "lo")))
        printf(" %8.3f %17s", scale * number(x, "value"), "");
    else
        printf(" %8.3f [%6.3f, %6.3f]", scale * number(x, "value"), scale * number(x, "lo"), scale * number(x, "hi"));
}

static void print_along(const json_t *families) {
    const char *kind;
    json_t *f;
    printf("\nhow often each knows the model's own answer, %% of questions\n");
    printf("%-14s %7s %7s %8s %8s %8s %8s %8s %8s %8s\n", "family", "traces", "right %", "probe@20", "@90", "text@20",
           "forced@20", "monit.@20", "ECE %", "Brier %");
    json_object_foreach((json_t *)(uintptr_t)families, kind, f) {
        printf("%-14s %7.0f", kind, number(f, "traces"));
        cell(f, "accuracy"), cell(f, "probe_at_20"), cell(f, "probe_at_90"), cell(f, "text_at_20"), cell(f, "forced_at_20");
        cell(f, "monitor_at_20"), cell(f, "ece"), cell(f, "brier");
        printf("\n");
    }
}

static void print_excluded(const json_t *families) {
    const char *kind, *why;
    json_t *f, *n;
    json_object_foreach((json_t *)(uintptr_t)families, kind, f)
        json_object_foreach(json_object_get(f, "excluded"), why, n) if (json_integer_value(n))
            printf("%s: %lld left out (%s)\n", kind, (long long)json_integer_value(n), why);
}

static void print_rates(const json_t *families) {
    const char *kind;
    json_t *f;
    printf("\nperformativity rate (how much later the text shows it), 95 %% intervals\n%-14s %26s %26s\n", "family",
           "probe against monitor", "forced against monitor");
    json_object_foreach((json_t *)(uintptr_t)families, kind, f) {
        const json_t *r = json_object_get(f, "rates");
        printf("%-14s  ", kind);
        interval(json_object_get(json_object_get(r, "probe"), "rate"), 1);
        printf("  ");
        interval(json_object_get(json_object_get(r, "forced"), "rate"), 1);
        printf("\n");
    }
}

static void print_exits(const json_t *families) {
    const char *kind;
    json_t *f, *x;
    size_t i;
    printf("\nexits replayed at the threshold chosen on validation questions\n%-14s %-11s %9s %8s %8s %8s %8s %8s\n", "family",
           "policy", "threshold", "saved %", "right %", "without", "sure %", "forced %");
    json_object_foreach((json_t *)(uintptr_t)families, kind, f) json_array_foreach(json_object_get(f, "exit"), i, x) {
        if (!json_is_true(json_object_get(x, "chosen"))) continue;
        printf("%-14s %-11s %9.3g", kind, json_string_value(json_object_get(x, "policy")), number(x, "threshold"));
        cell(x, "tokens_saved"), cell(x, "accuracy"), cell(x, "accuracy_full");
        cell(json_object_get(x, "confidence"), "value"), cell(json_object_get(x, "forced_confidence"), "value");
        printf("\n");
    }
}

static void print_monitor(const json_t *tree) {
    const json_t *m = json_object_get(tree, "monitor"), *rules = json_object_get(m, "against_rules");
    const json_t *x = json_object_get(m, "measured");
    if (!rules) return;
    printf("\nmonitor %s: %.0f readings", json_string_value(json_object_get(m, "model")), number(m, "readings"));
    if (number(m, "readings") > 0)
        printf(", %.1f %% N/A (%.0f unreadable), %.1f %% as the rules say (kappa %.2f)", 100 * number(m, "na_share"),
               number(m, "unreadable"), 100 * number(rules, "same"), number(rules, "kappa"));
    if (number(m, "traces_without_choices") > 0) printf(", %.0f traces without choices", number(m, "traces_without_choices"));
    printf("; %.0f calls, %.0f replies from the cache", number(x, "calls"), number(x, "from_cache"));
    if (json_is_number(json_object_get(x, "cost"))) printf(", cost %.4g", number(x, "cost"));
    printf("\n");
}

static void print_live(const json_t *families) {
    const char *kind;
    json_t *f, *x;
    size_t i;
    int any = 0;
    json_object_foreach((json_t *)(uintptr_t)families, kind, f) any |= json_array_size(json_object_get(f, "live")) > 0;
    if (!any) return;
    printf("\nthe same exits run live, one question at a time, against runs without\n%-14s %-11s %9s %8s %9s %8s %8s %8s %9s\n",
           "family", "policy", "threshold", "tokens %", "seconds %", "right %", "without", "looks", "questions");
    json_object_foreach((json_t *)(uintptr_t)families, kind, f) json_array_foreach(json_object_get(f, "live"), i, x) {
        printf("%-14s %-11s %9.3g", kind, json_string_value(json_object_get(x, "policy")), number(x, "threshold"));
        cell(x, "tokens_saved"), cell(x, "seconds_saved"), cell(x, "accuracy"), cell(x, "accuracy_full");
        printf(" %8.1f %9.0f\n", number(json_object_get(x, "looks"), "value"), number(x, "questions"));
    }
}

static void print_variants(const json_t *rows) {
    json_t *x;
    size_t i;
    if (json_array_size(rows))
        printf("\nvariants of the probe, readings against the model's own answer\n%-14s %-20s %7s %8s %8s %8s %8s %8s\n",
               "family", "reader", "layer", "@20 %", "@90 %", "mean %", "ECE %", "saved %");
    json_array_foreach(rows, i, x) {
        printf("%-14s %-20s", json_string_value(json_object_get(x, "kind")), json_string_value(json_object_get(x, "name")));
        if (json_is_integer(json_object_get(x, "layer")))
            printf(" %7.0f", number(x, "layer"));
        else
            printf(" %7s", "");
        cell(json_object_get(x, "at_20"), "value"), cell(json_object_get(x, "at_90"), "value"),
            cell(json_object_get(x, "mean"), "value"), cell(json_object_get(x, "ece"), "value"),
            cell(json_object_get(x, "saved"), "value");
        printf("\n");
    }
}

static void print_transfer(const json_t *rows) {
    json_t *x;
    size_t i;
    if (json_array_size(rows))
        printf("\nprobes away from home, all readings of test questions\n%-14s %-24s %-24s %7s %8s %8s %8s %8s\n", "family",
               "trained on", "read on", "traces", "right %", "ECE %", "saved %", "change %");
    json_array_foreach(rows, i, x) {
        const char *kind = json_string_value(json_object_get(x, "kind"));
        printf("%-14s %-24s %-24s %7.0f", kind ? kind : "", json_string_value(json_object_get(x, "train")),
               json_string_value(json_object_get(x, "test")), number(x, "traces"));
        cell(json_object_get(x, "accuracy"), "value"), cell(json_object_get(x, "ece"), "value"),
            cell(json_object_get(x, "tokens_saved"), "value"), cell(json_object_get(x, "change"), "value");
        printf("\n");
    }
}

static void print_sizes(const json_t *rows) {
    json_t *x;
    size_t i;
    if (json_array_size(rows))
        printf("\nmodels side by side\n%-16s %-14s %7s %8s %8s %8s %8s  %s\n", "model", "family", "traces", "right %", "probe@20",
               "@90", "saved %", "performativity");
    json_array_foreach(rows, i, x) {
        printf("%-16s %-14s %7.0f", json_string_value(json_object_get(x, "model")), json_string_value(json_object_get(x, "kind")),
               number(x, "traces"));
        cell(json_object_get(x, "accuracy"), "value"), cell(json_object_get(x, "probe_at_20"), "value"),
            cell(json_object_get(x, "probe_at_90"), "value");
        cell(json_object_get(x, "tokens_saved"), "value");
        interval(json_object_get(x, "rate"), 1);
        printf("\n");
    }
}

static int report(const json_t *tree, struct args *a, struct err *e) {
    const json_t *families = json_object_get(tree, "families"), *p = json_object_get(tree, "probe");
    if (arg_has(a, "json")) return print_json(json_incref((json_t *)(uintptr_t)tree), e);
    printf("%s, layer %.0f of %s, traces of %s\n", json_string_value(json_object_get(tree, "model")), number(p, "best_layer"),
           json_string_value(json_object_get(p, "tap")), json_string_value(json_object_get(tree, "traces_of")));
    print_along(families);
    print_excluded(families);
    print_monitor(tree);
    print_rates(families);
    print_exits(families);
    print_live(families);
    print_variants(json_object_get(tree, "variants"));
    print_transfer(json_object_get(tree, "transfer"));
    print_sizes(json_object_get(tree, "sizes"));
    return 0;
}

static int write_page(const json_t *tree, const char *path, struct err *e) {
    struct page *page;
    TRY(theater_page(&page, tree, e));
    int rc = page_write(page, path, e);
    page_free(page);
    return rc;
}

static int run_on(struct args *a, const struct store *s, const struct probe *p, struct theater_monitor *m, struct err *e) {
    struct evaluate_opts o = {.seed = 42, .stop = interrupted};
    int64_t reps = 1000, seed = 42;
    double loss = 1;
    json_t *tree;
    TRY(arg_i64(a, "reps", 1, 1000000, &reps, e));
    TRY(arg_i64(a, "seed", 0, INT64_MAX, &seed, e));
    TRY(arg_real(a, "max-loss", 0, 100, &loss, e));
    o.reps = (int)reps, o.seed = (uint64_t)seed, o.max_loss = loss / 100;
    TRY(theater_monitor_ask(m, s, p, &o, e));
    TRY(evaluate(&tree, s, p, &o, e));
    int rc = theater_monitor_tell(m, tree, e);
    if (!rc) rc = theater_run_live(tree, s, p, a, e);
    if (!rc) rc = theater_run_variants(tree, s, p, &o, a, e);
    if (!rc) rc = theater_with(tree, s, p, &o, a, e);
    if (!rc) rc = report(tree, a, e);
    if (!rc && arg_has(a, "output")) rc = write_page(tree, arg_str(a, "output"), e);
    json_decref(tree);
    return rc;
}

static int run(struct args *a, struct err *e) {
    const char *path;
    struct store *s = NULL;
    struct probe p = {0};
    struct theater_monitor *m;
    TRY(arg_need(a, "probe", &path, e));
    if (arg_has(a, "output") && !page_available())
        return fail(
            e, ERR_STATE,
            "this program was built without report pages: they need Node.js and npm when it is built; --json has the figures");
    TRY(theater_monitor_open(&m, a, e));
    int rc = store_open(&s, a->pos[0], e);
    if (!rc) rc = probe_open(&p, path, e);
    if (!rc) rc = run_on(a, s, &p, m, e);
    probe_fini(&p);
    store_free(s);
    theater_monitor_close(m);
    return rc;
}

const struct command command_theater_evaluate = {
    .name = "theater evaluate",
    .summary = "accuracy along the thought, performativity, calibration, shifts and exits of a store's traces",
    .usage = "DIR --probe PROBE.gguf [--monitor URL --monitor-model NAME] [-o report.html] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes =
        "On the store that the probe was trained on only its test questions count, on others all. Intervals: 95 %, "
        "bootstrap over questions.\n"
        "A monitor behind an address is asked before the evaluation, once a step; a stopped run goes on with the same command.",
};
