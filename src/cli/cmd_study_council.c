/* candor study council: documents of planted members to train a model on, and an archive held against the rules they follow. */
#include "base/fs.h"
#include "base/progress.h"
#include "cli/council_table.h"
#include "cli/outputs.h"
#include "cli/studying.h"
#include "study/council_check.h"
#include "study/council_documents.h"
#include "study/metric.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt opts[] = {
    OPT_LANGUAGES,
    {"documents", 0, "N", NULL, "play N runs of planted members and write what each agent saw and wrote"},
    {"output", 'o', "FILE", NULL, "with --documents: where to write, JSON lines {\"messages\": [...]}"},
    {"split", 0, "SPLIT", "train", "with --documents: which facts occur, train, val or test"},
    {"seed", 0, "N", NULL, "with --documents: draw by this seed; default: the study's"},
    {"mix", 0, "SHARE", "0",
     "with --documents: in this share of the runs draw how many agents carry each prefix, in place of the arm"},
    {"reliability", 0, "P", NULL, "with --documents: how often a hint is the truth; default: the study's"},
    {"misreport", 0, "P", NULL, "with --documents: that chance of a misreport, in all languages; default: the study's"},
    {"misreporters", 0, "K", "0",
     "with --misreport: only so many members of each run, drawn, misreport so; only their documents are written"},
    {"drawn", 0, NULL, NULL,
     "with --documents: also write from what each reply was drawn and with what chances, to be learnt in place of the draws"},
    {"check", 0, "ARCHIVE", NULL, "hold the replies of this archive against the rules of its study"},
    {"within", 0, "GAP", NULL, "with --check: end with 10 if a rate of 100 events or more is farther from that of the rules"},
    OPT_JSON,
    {0},
};

static int stop(void *ctx) {
    (void)ctx;
    return interrupted();
}

static void show(void *ctx, int64_t runs) { progress_step(ctx, (double)runs, NULL); }

static int read_split(struct args *a, enum council_split *out, struct err *e) {
    const char *name = arg_str(a, "split");
    int i = 0;
    while (i < COUNCIL_SPLITS && strcmp(council_split_name((enum council_split)i), name) != 0) i++;
    if (i == COUNCIL_SPLITS) return usage_error(a, e, "--split: expected train, val or test, found \"%.40s\"", name);
    *out = (enum council_split)i;
    return 0;
}

static int read_misreports(struct args *a, struct council_documents_opts *o, struct err *e) {
    int64_t n = 0;
    TRY(arg_real(a, "misreport", 0, 1, &o->misreport, e));
    TRY(arg_i64(a, "misreporters", 0, STUDY_MAX_AGENTS, &n, e));
    if (n && !arg_has(a, "misreport")) return usage_error(a, e, "--misreporters: expected --misreport P with it, found none");
    o->misreporters = (int)n;
    return 0;
}

static int write_documents(struct council_documents *done, struct study *s, struct args *a,
                           const struct council_documents_opts *o, struct err *e) {
    struct council_rates rates;
    struct file_out out;
    const char *path;
    TRY(arg_need(a, "output", &path, e));
    TRY(output_apart(a, "output", NULL, e));
    TRY(council_rates_read(&rates, s, e));
    if (arg_has(a, "misreport") && !o->misreporters) council_rates_set(&rates, RATE_MISREPORT, o->misreport);
    TRY(file_out_open(&out, path, e));
    int rc = council_documents(done, s, &rates, o, out.f, e);
    if (rc >= 0) return file_out_commit(&out, e);
    file_out_abort(&out);
    return rc;
}

static int report(const struct study *s, const struct council_documents *d, enum council_split split, struct args *a,
                  struct err *e) {
    if (arg_has(a, "json"))
        return print_json(json_pack("{s:s, s:b, s:s, s:I, s:I, s:I, s:I, s:I}", "study", s->id, "planted", 1, "split",
                                    council_split_name(split), "seed", (json_int_t)s->seed, "runs", (json_int_t)d->runs,
                                    "documents", (json_int_t)d->documents, "replies", (json_int_t)d->replies, "bytes",
                                    (json_int_t)d->bytes),
                          e);
    printf("planted: %lld runs, %lld documents, %lld replies, %lld bytes; facts of the split %s\n", (long long)d->runs,
           (long long)d->documents, (long long)d->replies, (long long)d->bytes, council_split_name(split));
    return 0;
}

static int documents(struct study *s, struct args *a, struct err *e) {
    struct progress line;
    struct council_documents done = {0};
    struct council_documents_opts o = {.seed = s->seed, .stop = stop, .progress = show, .ctx = &line};
    int64_t seed = (int64_t)s->seed;
    TRY(arg_i64(a, "documents", 1, 100000000, &o.runs, e));
    if (arg_has(a, "seed")) TRY(arg_i64(a, "seed", 0, INT64_MAX, &seed, e));
    TRY(arg_real(a, "mix", 0, 1, &o.mix, e));
    TRY(arg_real(a, "reliability", 1e-3, 1, &o.reliability, e));
    TRY(read_misreports(a, &o, e));
    TRY(read_split(a, &o.split, e));
    o.seed = (uint64_t)seed, o.drawn = arg_has(a, "drawn");
    interrupt_watch();
    progress_start(&line, s->id, "runs", (double)o.runs);
    int rc = write_documents(&done, s, a, &o, e);
    progress_end(&line);
    return rc < 0 ? rc : report(s, &done, o.split, a, e);
}

/* ---- an archive ---- */

static int check_archive(json_t **out, struct study **s, struct archive *a, struct err *e) {
    struct council_rates *rates = malloc(sizeof *rates);
    struct council_checked *checked = malloc(sizeof *checked);
    int rc = rates && checked ? study_from_archive(s, a, NULL, e) : fail(e, ERR_NOMEM, "out of memory for counts");
    if (rc >= 0) rc = council_rates_read(rates, *s, e);
    if (rc >= 0) rc = council_check(checked, *s, rates, a, e);
    if (rc >= 0) rc = council_check_json(out, checked, *s, a, e);
    free(rates);
    free(checked);
    return rc;
}

static int check(struct args *a, struct err *e) {
    struct archive *archive;
    struct study *s = NULL;
    json_t *j = NULL;
    double within = 1;
    TRY(arg_real(a, "within", 0, 1, &within, e));
    TRY(archive_open(&archive, arg_str(a, "check"), ARCHIVE_READ, e));
    int rc = check_archive(&j, &s, archive, e);
    study_free(s);
    archive_close(archive);
    TRY(rc);
    int far = json_number_value(json_object_get(json_object_get(j, "largest_gap"), "gap")) > within;
    if (arg_has(a, "json"))
        TRY(print_json(j, e));
    else {
        print_council_check(j);
        json_decref(j);
    }
    return far ? EXIT_CLAIM : 0;
}

static int run(struct args *a, struct err *e) {
    struct study *s;
    if (arg_has(a, "check") != !arg_has(a, "documents") || arg_has(a, "check") == a->n_pos)
        return usage_error(a, e, "expected STUDY --documents N -o FILE, or --check ARCHIVE");
    if (arg_has(a, "check")) return check(a, e);
    TRY(open_study(&s, a, a->pos[0], e));
    int rc = documents(s, a, e);
    study_free(s);
    return rc;
}

const struct command command_study_council = {
    .name = "study council",
    .summary = "a test bed with planted behaviour: documents of its members to train on, an archive held against their rules",
    .usage = "STUDY --documents N -o FILE [--split train|val|test] [--seed N] [--mix SHARE] [--json]\n       candor study "
             "council --check ARCHIVE "
             "[--within GAP] [--json]",
    .opts = opts,
    .min_pos = 0,
    .max_pos = 1,
    .run = run,
};
