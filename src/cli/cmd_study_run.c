/* candor study run: runs a study file into an archive; the same command goes on with what is there. */
#include "cli/answering.h"
#include "cli/outputs.h"
#include "cli/prices.h"
#include "cli/studying.h"
#include "study/answered.h"
#include "study/plan.h"
#include "study/runner.h"
#include "study/terms.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

static const struct opt opts[] = {
    OPT_LANGUAGES,
    OPT_ANSWERING,
    {"output", 'o', "ARCHIVE", NULL, "the archive; one that was begun with the same study is gone on with"},
    {"registration", 0, "REG", NULL, "the registration of the study; a study that deviates from it is refused"},
    {"stamp-deviations", 0, NULL, NULL, "run a study that deviates, and keep its deviations in the archive"},
    {"interleave", 0, "N", "64", "runs at once"},
    {"no-contexts", 0, NULL, NULL, "do not store the prompts; they follow from the facts and the study"},
    OPT_JSON,
    {0},
};

struct work {
    struct study *s;
    struct answering who;
    struct archive *archive;
    json_t *registration, *deviations; /* NULL without one */
    struct progress line;
    struct runner_progress done;
    int priced; /* with what follows: of earlier starts, and of the whole study (NAN: there is no highest) */
    double paid_before, cost_max;
};

static int stop(void *ctx) {
    (void)ctx;
    return interrupted();
}

static void show(void *ctx, const struct runner_progress *p) {
    struct work *w = ctx;
    const struct backend *b = w->who.backend;
    char note[600], spent[480] = "";
    if (b->tell) b->tell(b, spent, sizeof spent);
    snprintf(note, sizeof note, "%" PRId64 "/%" PRId64 " runs%s%s", p->runs_done, p->runs, *spent ? "; " : "", spent);
    progress_step(&w->line, (double)p->turns_done, note);
}

/* ---- what it costs ---- */

/* Before the first call: what the whole study may cost. */
static int tell_highest_cost(struct work *w, struct args *a, struct err *e) {
    struct chat_price price[STUDY_MAX_MODELS];
    struct err none = ERR_INIT;
    json_t *plan = NULL;
    if (!answering_prices(&w->who, price)) return 0;
    w->priced = 1, w->paid_before = w->who.purse.gone.spent, w->cost_max = NAN;
    TRY(study_plan(&plan, w->s, &(struct plan_opts){0}, e));
    if (put_highest_costs(plan, w->s, price, &none) >= 0) w->cost_max = json_real_value(json_object_get(plan, "cost_max"));
    json_decref(plan);
    if (arg_has(a, "json")) return 0;
    if (isnan(w->cost_max))
        printf("cost: %s\n", none.msg);
    else
        printf("cost: at most %.4g (see candor study plan --prices), %.4g of it spent by earlier starts\n", w->cost_max,
               w->paid_before);
    fflush(stdout);
    return 0;
}

static void put_spent(const struct work *w, json_t *o) {
    const struct backend *b = w->who.backend;
    struct chat_account s = {0};
    if (!b->account) return;
    b->account(b, &s);
    json_object_update_new(o,
                           json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "replies", (json_int_t)s.calls, "cached",
                                     (json_int_t)s.cached, "failed_calls", (json_int_t)s.failed, "retries", (json_int_t)s.retries,
                                     "tokens_in", (json_int_t)s.tokens_in, "tokens_out", (json_int_t)s.tokens_out));
    if (!w->priced) return;
    json_object_update_new(o, json_pack("{s:f, s:f, s:f, s:o}", "cost", s.spent, "cost_uncertain", s.uncertain, "cost_before",
                                        w->paid_before, "cost_max", isnan(w->cost_max) ? json_null() : json_real(w->cost_max)));
}

static void report_spent(const struct work *w) {
    const struct backend *b = w->who.backend;
    char spent[480] = "";
    if (b->tell) b->tell(b, spent, sizeof spent);
    if (*spent) printf("%s\n", spent);
    if (*spent && w->paid_before > 0) printf("cost of earlier starts: %.4g\n", w->paid_before);
}

/* Of a run that failed or was stopped, too. */
static int report(const struct work *w, struct args *a, double seconds, struct err *e) {
    const struct runner_progress *p = &w->done;
    if (arg_has(a, "json")) {
        json_t *o = json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:f}", "backend", w->who.backend->name, "planted",
                              w->who.backend->planted, "runs", (json_int_t)p->runs, "runs_done", (json_int_t)p->runs_done,
                              "agent_turns", (json_int_t)p->turns_done, "calls_now", (json_int_t)p->calls_now, "failed",
                              (json_int_t)p->failed, "seconds", seconds);
        if (o) put_spent(w, o);
        return print_json(o, e);
    }
    printf("%s%" PRId64 " of %" PRId64 " runs, %" PRId64 " agent-turns, %" PRId64 " calls now, %.1f s\n",
           w->who.backend->planted ? "planted: " : "", p->runs_done, p->runs, p->turns_done, p->calls_now, seconds);
    report_spent(w);
    return 0;
}

static int go(struct work *w, struct args *a, struct err *e) {
    int64_t interleave;
    double t0 = clock_s();
    struct err none = ERR_INIT;
    TRY(arg_i64(a, "interleave", 1, 1 << 16, &interleave, e));
    TRY(tell_highest_cost(w, a, e));
    struct runner_opts o = {.interleave = (int)interleave,
                            .no_contexts = arg_has(a, "no-contexts"),
                            .priced = w->priced,
                            .stop = stop,
                            .progress = show,
                            .ctx = w};
    interrupt_watch();
    progress_start(&w->line, w->s->id, "turns", (double)study_runs(w->s) * w->s->n_agents * w->s->n_turns);
    int rc = runner_run(w->s, w->archive, w->who.backend, &o, &w->done, e);
    progress_end(&w->line);
    if (rc >= 0) rc = archive_seal(w->archive, e);
    if (rc < 0 && w->done.calls_now) report(w, a, clock_s() - t0, &none);
    return rc < 0 ? rc : report(w, a, clock_s() - t0, e);
}

/* Names each deviation; refused unless they are to be stamped, before there is an archive. */
static int open_registration(struct work *w, struct args *a, struct err *e) {
    const char *path = arg_str(a, "registration");
    json_t *d;
    size_t i;
    TRY(registration_read(&w->registration, path, e));
    json_t *who = answered_record(w->who.backend);
    int rc =
        who ? study_deviations(&w->deviations, w->s, w->registration, who, e) : fail(e, ERR_NOMEM, "out of memory for a study");
    json_decref(who);
    TRY(rc);
    int n = (int)json_array_size(w->deviations);
    json_array_foreach(w->deviations, i, d) if (!arg_has(a, "json")) printf("deviates: %s\n", json_string_value(d));
    if (!n || arg_has(a, "stamp-deviations")) return 0;
    return fail_at(e, ERR_STATE, path, -1,
                   "expected the study as registered, found %d deviations (%.200s%s); --stamp-deviations runs it all the same", n,
                   json_string_value(json_array_get(w->deviations, 0)), n > 1 ? "; …" : "");
}

static int run(struct args *a, struct err *e) {
    struct work w = {0};
    const char *path;
    TRY(arg_need(a, "output", &path, e));
    if (arg_has(a, "stamp-deviations") && !arg_has(a, "registration"))
        return usage_error(a, e, "--stamp-deviations: expected --registration with it, found none");
    TRY(output_apart(a, "output", NULL, e));
    TRY(open_study(&w.s, a, a->pos[0], e));
    int rc = study_say_remarks(w.s, a, e);
    if (rc >= 0) rc = answering_open(&w.who, w.s, a, e);
    if (rc >= 0 && arg_has(a, "registration")) rc = open_registration(&w, a, e);
    if (rc >= 0) rc = archive_open(&w.archive, path, ARCHIVE_WRITE, e);
    if (rc >= 0) rc = answering_guard(&w.who, w.archive, e);
    if (rc >= 0) rc = answering_paid(&w.who, w.archive, e);
    if (rc >= 0 && w.registration) rc = archive_stamp(w.archive, w.registration, w.deviations, e);
    if (rc >= 0) rc = go(&w, a, e);
    json_decref(w.registration);
    json_decref(w.deviations);
    archive_close(w.archive);
    answering_close(&w.who);
    study_free(w.s);
    return rc;
}

const struct command command_study_run = {
    .name = "study run",
    .summary = "run a study of groups of agents into an archive; the same command goes on",
    .usage = "FILE --backend planted|local|URL|replay:ARCHIVE [-m M] -o ARCHIVE [--registration REG] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes = "A study of several models: --backend MODEL=WHO and -m MODEL=M for each, with the study's names of its models (also "
             "of --calls, --template, --kv,\n--precision, --api, --key-env, --key-file, --timeout, --attempts, "
             "--requests-per-minute and --tokens-per-minute);\nwhat is said without MODEL= is for all. --max-cost is of all "
             "together,\nwith what earlier starts paid for the replies in the archive. What answers each model is kept in\nthe "
             "archive, and going on with another is refused.",
};
