/* candor train: from a recipe to a model file. Every line on disk is written so that a kill loses at most the last interval. */
#include "base/fs.h"
#include "cli/open.h"
#include "decode/train.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct opt opts[] = {
    {"recipe", 'c', "FILE", NULL, "the recipe (JSON; models/README.md says what it may hold)"},
    {"fresh", 0, NULL, NULL, "start anew although there is a checkpoint"},
    {"max-steps", 0, "N", "0", "stop after N steps and leave a checkpoint (0: run to the end)"},
    {"log", 0, "FILE", NULL, "rows of every step and validation, JSON lines (default: OUT.log.jsonl)"},
    {0},
};

static int report(const struct recipe *r, struct args *a, struct err *e) {
    if (!arg_has(a, "json")) {
        fprintf(stderr, "wrote %s\n", r->out);
        return 0;
    }
    return print_json(json_pack("{s:s, s:I, s:s}", "out", r->out, "seed", (json_int_t)r->seed, "about", r->about), e);
}

static int run(struct args *a, struct err *e) {
    const char *path;
    char log[300];
    int64_t max_steps = 0, threads = 0;
    struct device *d = NULL;
    struct sink *rows = NULL;
    TRY(arg_need(a, "recipe", &path, e));
    TRY(arg_i64(a, "max-steps", 0, INT64_MAX, &max_steps, e));
    TRY(arg_i64(a, "threads", 0, 1024, &threads, e));
    struct recipe *r = malloc(sizeof *r);
    if (!r) return fail(e, ERR_NOMEM, "out of memory");
    int rc = recipe_load(r, path, e);
    if (rc >= 0) rc = dev_open(&d, (int)threads, 0, e);
    if (rc >= 0) {
        snprintf(log, sizeof log, "%s.log.jsonl", r->out);
        rc = sink_jsonl_open(&rows, arg_has(a, "log") ? arg_str(a, "log") : log, !arg_has(a, "fresh"), e);
    }
    interrupt_watch();
    struct train_opts o = {
        .device = d, .rows = rows, .stop = interrupted, .fresh = arg_has(a, "fresh") > 0, .max_steps = max_steps};
    if (rc >= 0) rc = train(r, &o, e);
    if (rc >= 0) rc = report(r, a, e);
    if (rc == ERR_CANCELLED && max_steps && !interrupted()) rc = 0; /* asked for */
    sink_close(rows);
    dev_close(d);
    free(r);
    return rc;
}

const struct command command_train = {
    "train",
    "pretrains, fine-tunes or trains a reward model, as a recipe says; resumable",
    "-c RECIPE [--fresh] [--max-steps N] [--log FILE]",
    opts,
    0,
    0,
    run,
    "The same command goes on from the checkpoint (OUT.ckpt) that a kill or Ctrl-C left; the "
    "finished file is the same, byte for byte.\n"
    "Files beside the output: OUT.vocab (tokenizer of a new model), OUT.samplesN.jsonl (a "
    "policy's graded answers), OUT.log.jsonl.\n"
    "Data of a recipe: families of the gym ({\"family\": \"chain\"}) and files of conversations ({\"file\": "
    "\"talks.jsonl\"}: JSON lines\n"
    "{\"messages\": [{\"role\", \"content\"} …]}, written by the recipe's chat_template; the last 1 % of "
    "the lines, at least 100, validate)."};
