/* candor study replay: the same study once more from an archive, with what was said there. */
#include "cli/studying.h"
#include "study/replay.h"
#include "study/runner.h"
#include "study/terms.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

static const struct opt opts[] = {
    {"output", 'o', "ARCHIVE", NULL, "the new archive; one that was begun by the same command is gone on with"},
    {"interleave", 0, "N", "64", "runs at once"},
    {"no-contexts", 0, NULL, NULL, "do not store the prompts; they follow from the facts and the study"},
    OPT_JSON,
    {0},
};

struct work {
    struct archive *from, *to;
    struct study *s;
    struct backend *b;
    json_t *registration, *deviations; /* NULL without one */
    struct progress line;
    struct runner_progress done;
};

static int stop(void *ctx) {
    (void)ctx;
    return interrupted();
}

static void show(void *ctx, const struct runner_progress *p) {
    struct work *w = ctx;
    char note[80];
    snprintf(note, sizeof note, "%" PRId64 "/%" PRId64 " runs", p->runs_done, p->runs);
    progress_step(&w->line, (double)p->turns_done, note);
}

static int go(struct work *w, struct args *a, struct err *e) {
    int64_t interleave;
    TRY(arg_i64(a, "interleave", 1, 1 << 16, &interleave, e));
    struct runner_opts o = {
        .interleave = (int)interleave, .no_contexts = arg_has(a, "no-contexts"), .stop = stop, .progress = show, .ctx = w};
    interrupt_watch();
    progress_start(&w->line, w->s->id, "turns", (double)study_runs(w->s) * w->s->n_agents * w->s->n_turns);
    int rc = runner_run(w->s, w->to, w->b, &o, &w->done, e);
    progress_end(&w->line);
    return rc < 0 ? rc : archive_seal(w->to, e);
}

static int report(const struct work *w, struct args *a, struct err *e) {
    const struct runner_progress *p = &w->done;
    if (arg_has(a, "json"))
        return print_json(json_pack("{s:s, s:b, s:I, s:I, s:I}", "backend", w->b->name, "planted", w->b->planted, "runs",
                                    (json_int_t)p->runs, "runs_done", (json_int_t)p->runs_done, "agent_turns",
                                    (json_int_t)p->turns_done),
                          e);
    printf("%s%" PRId64 " of %" PRId64 " runs, %" PRId64 " agent-turns, as %s said them\n", w->b->planted ? "planted: " : "",
           p->runs_done, p->runs, p->turns_done, w->b->name);
    return 0;
}

static int run(struct args *a, struct err *e) {
    struct work w = {0};
    const char *path;
    TRY(arg_need(a, "output", &path, e));
    int rc = archive_open(&w.from, a->pos[0], ARCHIVE_READ, e);
    if (rc >= 0) rc = study_from_archive(&w.s, w.from, NULL, e);
    if (rc >= 0) rc = archive_registration(w.from, &w.registration, &w.deviations, e);
    if (rc >= 0) rc = replay_open(&w.b, w.from, e);
    if (rc >= 0) rc = archive_open(&w.to, path, ARCHIVE_WRITE, e);
    if (rc >= 0 && w.registration) rc = archive_stamp(w.to, w.registration, w.deviations, e);
    if (rc >= 0) rc = go(&w, a, e);
    if (rc >= 0) rc = report(&w, a, e);
    json_decref(w.registration);
    json_decref(w.deviations);
    backend_close(w.b);
    archive_close(w.to);
    study_free(w.s);
    archive_close(w.from);
    return rc;
}

const struct command command_study_replay = {
    .name = "study replay",
    .summary = "the study of an archive once more, with what was said there: its facts, made anew",
    .usage = "ARCHIVE -o ARCHIVE [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes =
        "Study, languages and registration are those of the archive, so that no file is needed beside it, and nothing is asked. "
        "An archive\nwhose prompts were stored gives the same bytes; another study with the same calls: study run FILE "
        "--backend replay:ARCHIVE.",
};
