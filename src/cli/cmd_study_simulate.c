/* candor study simulate: what a study's tests say of planted agents, many times over. */
#include "cli/studying.h"
#include "study/simulate.h"
#include <jansson.h>
#include <stdio.h>

static const struct opt opts[] = {
    OPT_LANGUAGES,
    {"studies", 'n', "N", "2000", "simulated studies, each of all runs"},
    {"null", 0, NULL, NULL, "plant nothing: how often something is found all the same"},
    {"calibrate", 0, "N", NULL, "instead of tests: Hedges' g of contrasts of N runs of each cell, beside what is planted"},
    OPT_JSON,
    {0},
};

static int stop(void) { return interrupted(); }

static void show(void *ctx, int64_t studies) { progress_step(ctx, (double)studies, NULL); }

static double real(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }
static const char *text(const json_t *o, const char *key) { return json_string_value(json_object_get(o, key)); }

/* "0.9510 [0.9407, 0.9596]", or a dash. */
static const char *rate(char buf[48], const json_t *o) {
    const json_t *ci = json_object_get(o, "ci95");
    if (!json_is_object(o)) return "-";
    snprintf(buf, 48, "%.4f [%.4f, %.4f]", real(o, "rate"), json_number_value(json_array_get(ci, 0)),
             json_number_value(json_array_get(ci, 1)));
    return buf;
}

static const char *shown(char buf[48], const json_t *v) {
    if (!json_is_number(v)) return "-";
    snprintf(buf, 48, "%.4f", json_number_value(v));
    return buf;
}

static void print_tests(const json_t *j) {
    size_t i;
    json_t *h;
    char b[6][48];
    printf("PLANTED %s: %" JSON_INTEGER_FORMAT " studies, %" JSON_INTEGER_FORMAT " runs\n\n", text(j, "study"),
           json_integer_value(json_object_get(j, "studies")), json_integer_value(json_object_get(j, "runs")));
    printf("%-26s %8s %8s  %-25s %-25s %-25s %-25s\n", "hypothesis", "truth g", "mean g", "95 % interval holds truth",
           "p < alpha", text(j, "correction"), "and as registered");
    json_array_foreach(json_object_get(j, "hypotheses"), i, h)
        printf("%-26s %8s %8s  %-25s %-25s %-25s %-25s\n", text(h, "id"), shown(b[0], json_object_get(h, "truth")),
               shown(b[1], json_object_get(json_object_get(h, "g"), "mean")), rate(b[2], json_object_get(h, "coverage")),
               rate(b[3], json_object_get(h, "rejected")), rate(b[4], json_object_get(h, "adjusted")),
               rate(b[5], json_object_get(h, "holds")));
    printf("at least one after correction (claims of equivalence apart): %s\n", rate(b[0], json_object_get(j, "any_adjusted")));
}

static void print_calibration(const json_t *j) {
    size_t i;
    json_t *c;
    printf("PLANTED %s: %" JSON_INTEGER_FORMAT " runs\n\n%-26s %9s %9s %9s %9s  runs of the two arms\n", text(j, "study"),
           json_integer_value(json_object_get(j, "runs")), "contrast", "target g", "found g", "se", "apart");
    json_array_foreach(json_object_get(j, "contrasts"), i, c) printf(
        "%-26s %9.4f %9.4f %9.4f %9.4f  %" JSON_INTEGER_FORMAT ", %" JSON_INTEGER_FORMAT "\n", text(c, "id"), real(c, "target"),
        real(c, "g"), real(c, "se"), real(c, "difference"), json_integer_value(json_array_get(json_object_get(c, "n"), 0)),
        json_integer_value(json_array_get(json_object_get(c, "n"), 1)));
}

static int go(struct args *a, const struct study *s, json_t **out, struct err *e) {
    struct planted p;
    struct progress line;
    int64_t seed = 0, threads = 0;
    struct simulate_opts o = {.stop = stop, .progress = show, .ctx = &line};
    int calibrate = arg_has(a, "calibrate");
    TRY(arg_i64(a, calibrate ? "calibrate" : "studies", 2, 10000000, &o.n, e));
    TRY(arg_i64(a, "seed", 0, INT64_MAX, &seed, e));
    TRY(arg_i64(a, "threads", 1, 1024, &threads, e));
    o.seed = (uint64_t)seed, o.threads = (int)threads;
    TRY(planted_read(&p, s, e));
    if (arg_has(a, "null")) planted_nothing(&p);
    interrupt_watch();
    progress_start(&line, s->id, "studies", (double)(calibrate ? study_calibrate_studies(s, o.n) : o.n));
    int rc = calibrate ? study_calibrate(out, s, &p, &o, e) : study_simulate(out, s, &p, &o, e);
    progress_end(&line);
    return rc;
}

static int run(struct args *a, struct err *e) {
    struct study *s = NULL;
    json_t *j = NULL;
    if (arg_has(a, "calibrate") && arg_has(a, "studies"))
        return usage_error(a, e, "--calibrate: expected without --studies, found both");
    TRY(open_study(&s, a, a->pos[0], e));
    int rc = go(a, s, &j, e);
    study_free(s);
    if (rc < 0) return rc;
    if (arg_has(a, "json")) return print_json(j, e);
    if (arg_has(a, "calibrate"))
        print_calibration(j);
    else
        print_tests(j);
    json_decref(j);
    return 0;
}

static const char notes[] =
    "Every simulated study is the whole design: all runs, exclusions, a z reference of its own, its hypotheses with their "
    "tests, "
    "intervals and\ncorrection; counts are those that study run --backend planted and study score would give, without the "
    "text. "
    "With the effects that the\nstudy file plants, the share of studies in which a hypothesis is found is its power (change "
    "replicates or effects in a copy of the\nfile to plan); with --null it is the rate of false findings. It says nothing "
    "about "
    "real models. The same seed gives the same bytes\nfor any number of threads.";

const struct command command_study_simulate = {
    .name = "study simulate",
    .summary = "a study many times over with planted agents: coverage of its intervals, false findings, power",
    .usage = "FILE [--studies N | --calibrate N] [--null] [--seed N] [-t N] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes = notes,
};

/* The same under the name of what it is most asked for. */
const struct command command_study_power = {
    .name = "study power",
    .summary = "how often a study finds what is planted in it (study simulate)",
    .usage = "FILE [--studies N | --calibrate N] [--null] [--seed N] [-t N] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes = notes,
};
