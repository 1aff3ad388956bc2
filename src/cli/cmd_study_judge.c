/* candor study judge: a language model scores the transcripts of an archive; how far scores agree. */
#include "cli/answering.h"
#include "cli/outputs.h"
#include "cli/studying.h"
#include "study/judge.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const struct opt opts[] = {
    {"backend", 0, "B", NULL, "who judges: local (a model of this machine), or the address of a chat API"},
    OPT_ASKED_MODEL,
    {"output", 'o', "FILE", NULL, "the scores, as JSON lines beside the archive; a file that was begun is gone on with"},
    {"prompt", 0, "P", "scales", "what is asked: a judge's file, or the name of a shipped one"},
    {"per", 0, "UNIT", "turn", "what is judged: turn (each agent-turn in which something was said) or run"},
    {"agreement", 0, NULL, NULL, "ask nothing: agreement of the given files of scores with dictionaries and each other"},
    OPT_JSON,
    {0},
};

struct work {
    struct counted of;
    struct judge *j;
    struct answering who;
    struct progress line;
    json_t *agreement;
};

/* ---- asking ---- */

static int stop(void *ctx) {
    (void)ctx;
    return interrupted();
}

static void show(void *ctx, int64_t done, int64_t total) {
    struct work *w = ctx;
    const struct backend *b = w->who.backend;
    char spent[160] = "";
    (void)total;
    if (b->tell) b->tell(b, spent, sizeof spent);
    progress_step(&w->line, (double)done, spent);
}

/* --max-cost is of all starts together. */
static void paid(void *ctx, int64_t tokens_in, int64_t tokens_out) {
    struct work *w = ctx;
    if (w->who.of[0].price.set) w->who.purse.gone.spent = chat_price_of(&w->who.of[0].price, tokens_in, tokens_out);
}

static int report(struct args *a, const struct judge_done *d, double seconds, struct err *e) {
    json_t *o = json_pack("{s:I, s:I, s:I, s:f}", "units", (json_int_t)d->units, "before", (json_int_t)d->before, "now",
                          (json_int_t)d->now, "seconds", seconds);
    for (int i = 0; i < JUDGED_STATES; i++)
        json_object_set_new(o, judge_state_name((enum judge_state)i), json_integer((json_int_t)d->status[i]));
    if (arg_has(a, "json")) return print_json(o, e);
    json_decref(o);
    printf("%" PRId64 " judged, %" PRId64 " now:", d->units, d->now);
    for (int i = 0; i < JUDGED_STATES; i++)
        printf(" %" PRId64 " %s%s", d->status[i], judge_state_name((enum judge_state)i), i < JUDGED_STATES - 1 ? "," : "\n");
    return 0;
}

static int read_per(struct args *a, int *per_run, struct err *e) {
    const char *per = arg_str(a, "per");
    *per_run = !strcmp(per, "run");
    if (*per_run || !strcmp(per, "turn")) return 0;
    return usage_error(a, e, "--per: expected turn or run, found \"%.40s\"", per);
}

static int ask(struct work *w, struct args *a, struct err *e) {
    struct judge_run_opts o = {.paid = paid, .stop = stop, .progress = show, .ctx = w};
    struct judge_done done;
    const char *path;
    double t0 = clock_s();
    if (a->n_pos > 1) return usage_error(a, e, "expected one archive, found another file; scores are compared with --agreement");
    TRY(arg_need(a, "output", &path, e));
    TRY(output_apart(a, "output", NULL, e));
    TRY(read_per(a, &o.per_run, e));
    TRY(answering_open(&w->who, NULL, a, e));
    o.priced = w->who.of[0].price.set;
    interrupt_watch();
    progress_start(&w->line, "judging", "transcripts", 0);
    int rc = judge_run(w->j, w->of.s, w->of.a, w->who.backend, path, &o, &done, e);
    progress_end(&w->line);
    return rc < 0 ? rc : report(a, &done, clock_s() - t0, e);
}

/* ---- agreement ---- */

static const char *shown(char buf[32], const json_t *v) {
    snprintf(buf, 32, json_is_number(v) ? "%.3f" : "-", json_number_value(v));
    return buf;
}

static void print_judge(const json_t *judge) {
    size_t i;
    json_t *s;
    char b[3][32];
    printf("%s (%s): %lld rows, %lld scored\n", json_string_value(json_object_get(judge, "file")),
           json_is_string(json_object_get(judge, "model")) ? json_string_value(json_object_get(judge, "model")) : "-",
           (long long)json_integer_value(json_object_get(judge, "rows")),
           (long long)json_integer_value(json_object_get(judge, "scored")));
    json_array_foreach(json_object_get(judge, "scores"), i, s) {
        const json_t *runs = json_object_get(s, "runs"), *agents = json_object_get(s, "agents");
        const char *against = json_string_value(json_object_get(s, "against"));
        printf("  %-12s mean %s, with %s: rho %s of %lld runs, %s of %lld agents\n",
               json_string_value(json_object_get(s, "score")), shown(b[0], json_object_get(s, "mean")),
               against ? against : "nothing", shown(b[1], json_object_get(runs, "rho")),
               (long long)json_integer_value(json_object_get(runs, "n")), shown(b[2], json_object_get(agents, "rho")),
               (long long)json_integer_value(json_object_get(agents, "n")));
    }
}

static void print_agreement(const json_t *o) {
    size_t i;
    json_t *x;
    char b[3][32];
    printf("%s%s, per %s\n", json_is_true(json_object_get(o, "planted")) ? "PLANTED " : "",
           json_string_value(json_object_get(o, "study")), json_string_value(json_object_get(o, "per")));
    json_array_foreach(json_object_get(o, "judges"), i, x) print_judge(x);
    json_array_foreach(json_object_get(o, "between"), i, x) printf(
        "between judges, %s: Krippendorff's alpha %s [%s, %s], %lld units\n", json_string_value(json_object_get(x, "score")),
        shown(b[0], json_object_get(x, "alpha")), shown(b[1], json_object_get(x, "lo")), shown(b[2], json_object_get(x, "hi")),
        (long long)json_integer_value(json_object_get(x, "units")));
}

static int agree(struct work *w, struct args *a, struct err *e) {
    if (a->n_pos < 2) return usage_error(a, e, "--agreement: expected files of scores behind the archive, found none");
    TRY(judge_agreement(&w->agreement, w->j, &w->of.c, w->of.a, (const char *const *)a->pos + 1, a->n_pos - 1, e));
    if (arg_has(a, "json")) return print_json(json_incref(w->agreement), e);
    print_agreement(w->agreement);
    return 0;
}

/* ---- */

static int go(struct work *w, struct args *a, struct err *e) {
    char prompt[PATH_SIZE];
    TRY(resolve_judge(arg_str(a, "prompt"), prompt, e));
    TRY(judge_read(&w->j, prompt, e));
    TRY(counted_open(&w->of, a->pos[0], NULL, a, e));
    return arg_has(a, "agreement") ? agree(w, a, e) : ask(w, a, e);
}

static int run(struct args *a, struct err *e) {
    struct work w = {0};
    int rc = go(&w, a, e);
    json_decref(w.agreement);
    answering_close(&w.who);
    judge_free(w.j);
    counted_close(&w.of);
    return rc;
}

const struct command command_study_judge = {
    .name = "study judge",
    .summary = "a language model scores the transcripts of an archive; agreement with dictionaries and between judges",
    .usage = "ARCHIVE --backend local|URL -m M -o FILE [--per turn|run] | ARCHIVE --agreement FILE... [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1 + JUDGE_MAX_FILES,
    .run = run,
    .notes =
        "Scores are no facts: the archive stays as it is. The same command goes on with a file that was begun, and asks nothing "
        "again that has a row;\nrefusals, filtered, cut and unreadable replies are counted, never asked again.",
};
