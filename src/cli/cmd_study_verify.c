/* candor study verify: whether an archive is whole, and whether what it says follows from it. */
#include "base/fs.h"
#include "cli/studying.h"
#include "lab/study_page.h"
#include "study/again.h"
#include "study/registration.h"
#include "study/verify.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct opt opts[] = {
    {"registration", 0, "REG", NULL, "the registration that the archive must have been begun with"},
    {"score", 0, "FILE", NULL, "what study score --json wrote; it is worked out again and compared"},
    {"stats", 0, "FILE", NULL, "what study stats --json wrote; made again as it says that it was made, and compared"},
    {"report", 0, "FILE", NULL, "what study report --json wrote; likewise (files of judges that it names must be there)"},
    {"page", 0, "FILE", NULL, "with --report: the page that was written with it; drawn again and compared byte by byte"},
    OPT_TOKENIZER,
    OPT_JSON,
    {0},
};

struct work {
    struct archive_report r;
    struct verified v;
    json_t *list;    /* findings; NULL: as lines */
    int is_of_study; /* the archive has the fact "study" */
};

static void show(void *user, const struct archive_finding *f) {
    json_t *list = user;
    if (list) {
        json_array_append_new(list,
                              json_pack("{s:o, s:I, s:I, s:o, s:o}", "file", json_name(f->file), "from", (json_int_t)f->from,
                                        "to", (json_int_t)f->to, "record", json_name(f->record), "what", json_name(f->what)));
        return;
    }
    printf("damaged: %s", f->file);
    if (f->from >= 0) printf(":%" PRId64, f->from);
    if (f->to >= 0) printf("-%" PRId64, f->to);
    printf(" %s%s%s\n", f->record, *f->record ? ": " : "", f->what);
}

static json_t *study_json(const struct verified *v) {
    const struct proof *p = &v->proof;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:b, s:i, s:i, s:s?, s:b, s:i, s:b}", "runs", (json_int_t)p->runs, "calls",
                     (json_int_t)p->calls, "messages_shown", (json_int_t)p->shown, "private_messages_shown",
                     (json_int_t)p->private_shown, "contexts_compared", (json_int_t)p->contexts, "registered", v->registered,
                     "deviations", v->deviations, "scores_compared", v->scores, "score_reference", v->reference,
                     "reference_planted", v->reference_planted, "analyses_compared", v->analyses, "planted", v->planted);
}

static int show_json(const struct work *w, struct err *e) {
    char file[ARCHIVE_ID_HEX], content[ARCHIVE_ID_HEX];
    const struct archive_info *i = &w->r.info;
    archive_id_hex(w->r.file, file);
    archive_id_hex(w->r.content, content);
    return print_json(json_pack("{s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:b, s:o, s:O}", "whole", w->r.findings == 0,
                                "sealed", i->sealed, "facts", (json_int_t)i->facts, "measurements", (json_int_t)i->notes, "texts",
                                (json_int_t)i->texts, "contexts", (json_int_t)i->contexts, "incomplete_bytes",
                                (json_int_t)i->cut_bytes, "sha256", file, "content_sha256", content, "verified",
                                w->r.findings + w->v.findings == 0, "study", w->is_of_study ? study_json(&w->v) : json_null(),
                                "findings", w->list),
                      e);
}

static void show_lines(const struct work *w) {
    const struct archive_info *i = &w->r.info;
    const struct proof *p = &w->v.proof;
    char hex[ARCHIVE_ID_HEX];
    printf("%" PRId64 " facts, %" PRId64 " measurements, %" PRId64 " texts, %" PRId64 " contexts\n", i->facts, i->notes, i->texts,
           i->contexts);
    if (i->cut_bytes)
        printf("%" PRId64 " bytes of an incomplete record at the end, left by a writer that was stopped\n", i->cut_bytes);
    archive_id_hex(w->r.content, hex);
    if (i->sealed) printf("sealed; SHA-256 of the content %s\n", hex);
    if (w->is_of_study)
        printf("%" PRId64 " runs replayed, %" PRId64 " calls: %" PRId64 " messages shown, %" PRId64 " of them private, %" PRId64
               " stored contexts compared\n%s; %d deviations stamped\n",
               p->runs, p->calls, p->shown, p->private_shown, p->contexts,
               w->v.registered ? "begun with a registration" : "begun without a registration", w->v.deviations);
    if (w->v.planted) printf("PLANTED: what the agents said was made by rule\n");
    if (w->v.scores) printf("scores of %d runs worked out again\n", w->v.scores);
    if (w->v.reference)
        printf("their reference is of %s%s\n", w->v.reference,
               strcmp(w->v.reference, "this archive") != 0 ? ": taken as it is" : "");
    if (w->v.reference_planted) printf("PLANTED REFERENCE: it is of runs whose words were made by rule\n");
    if (w->v.analyses) printf("%d stored analyses made again\n", w->v.analyses);
    printf("%s\n", w->r.findings ? "not whole" : w->v.findings ? "whole, but not verified" : "whole");
}

/* ---- what stands beside the archive ---- */

struct given {
    json_t *registration, *score, *stats, *report, *stats_again, *report_again;
    struct tokenizer *words_of;
};

static int read_beside(struct given *b, struct args *a, struct err *e) {
    if (arg_has(a, "registration")) TRY(registration_read(&b->registration, arg_str(a, "registration"), e));
    if (arg_has(a, "score")) TRY(read_json(&b->score, arg_str(a, "score"), "a score", e));
    if (arg_has(a, "stats")) TRY(read_json(&b->stats, arg_str(a, "stats"), "statistics", e));
    return arg_has(a, "report") ? read_json(&b->report, arg_str(a, "report"), "a report", e) : 0;
}

static void beside_free(struct given *b) {
    json_decref(b->registration), json_decref(b->score), json_decref(b->stats), json_decref(b->report);
    json_decref(b->stats_again), json_decref(b->report_again);
    tokenizer_free(b->words_of);
}

/* ---- the page ---- */

/* Draws the page beside the one that is there and reads both; the drawn one is removed. */
static int same_page(int *same, const json_t *tree, const char *path, struct err *e) {
    char drawn[] = "/tmp/candor-page-XXXXXX", *is = NULL, *was = NULL;
    struct page *page = NULL;
    size_t n = 0, m = 0;
    TRY(file_read(&was, &m, path, 0, e));
    int fd = mkstemp(drawn), rc = fd < 0 ? fail(e, ERR_IO, "cannot make a temporary file") : 0;
    if (fd >= 0) close(fd);
    if (rc >= 0) rc = study_page(&page, tree, e);
    if (rc >= 0) rc = page_write(page, drawn, e);
    if (rc >= 0) rc = file_read(&is, &n, drawn, 0, e);
    *same = rc >= 0 && n == m && !memcmp(is, was, n);
    if (fd >= 0) unlink(drawn);
    page_free(page);
    free(is), free(was);
    return rc;
}

static int verify_page(struct work *w, const json_t *tree, const char *path, struct err *e) {
    int same = 0;
    if (!path) return 0;
    TRY(same_page(&same, tree, path, e));
    w->v.analyses++;
    if (same) return 0;
    w->v.findings++;
    show(w->list, &(struct archive_finding){.file = path,
                                            .from = -1,
                                            .to = -1,
                                            .record = "page",
                                            .what = "expected the page that follows from the report, found other bytes"});
    return 0;
}

/* ---- all ---- */

static int one_is_enough(void *user, const char *key, const char *json, size_t n, struct err *e) {
    (void)user, (void)key, (void)json, (void)n, (void)e;
    return 1;
}

/* Runs without the study that they are of are no import. */
static int miss_study(struct work *w, struct archive *archive, const char *path, struct err *e) {
    int there = archive_each(archive, "cell", one_is_enough, NULL, e);
    if (there <= 0) return there;
    w->v.findings++;
    show(w->list, &(struct archive_finding){.file = path,
                                            .from = -1,
                                            .to = -1,
                                            .record = "study",
                                            .what = "expected the fact of the study beside facts of its runs, found none"});
    return 0;
}

static int verify_with(struct work *w, struct archive *archive, struct given *b, struct args *a, struct err *e) {
    int64_t threads = 0;
    TRY(arg_i64(a, "threads", 1, 1024, &threads, e));
    TRY(read_beside(b, a, e));
    if (!w->is_of_study) {
        if (!b->registration && !b->score && !b->stats && !b->report) return miss_study(w, archive, a->pos[0], e);
        return fail_at(e, ERR_FORMAT, a->pos[0], -1, "expected an archive of a study, found one without the fact \"study\"");
    }
    TRY(open_words(&b->words_of, a, e));
    if (b->stats) TRY(stats_again(&b->stats_again, b->stats, archive, b->words_of, (int)threads, e));
    if (b->report) TRY(report_again(&b->report_again, b->report, archive, resolve_judge, b->words_of, (int)threads, e));
    const struct verify_opts o = {.registration = b->registration,
                                  .score = b->score,
                                  .stats = b->stats,
                                  .report = b->report,
                                  .stats_again = b->stats_again,
                                  .report_again = b->report_again,
                                  .words_of = b->words_of,
                                  .threads = (int)threads};
    TRY(study_verify(&w->v, archive, &o, show, w->list, e));
    return verify_page(w, b->report_again, arg_str(a, "page"), e);
}

static int verify_study(struct work *w, struct args *a, struct err *e) {
    struct archive *archive;
    struct given b = {0};
    TRY(archive_open(&archive, a->pos[0], ARCHIVE_READ, e));
    w->is_of_study = archive_has(archive, "study");
    int rc = verify_with(w, archive, &b, a, e);
    beside_free(&b);
    archive_close(archive);
    return rc;
}

static int run(struct args *a, struct err *e) {
    if (arg_has(a, "page") && !arg_has(a, "report")) return usage_error(a, e, "--page: expected --report FILE too, found none");
    if (arg_has(a, "page") && !page_available())
        return fail(e, ERR_STATE, "this program was built without report pages: they need Node.js and npm when it is built");
    struct work w = {.list = arg_has(a, "json") ? json_array() : NULL};
    int rc = archive_verify(a->pos[0], &w.r, show, w.list, e);
    if (rc >= 0 && !w.r.findings) rc = verify_study(&w, a, e);
    if (rc >= 0 && w.list) rc = show_json(&w, e);
    json_decref(w.list);
    TRY(rc);
    if (!arg_has(a, "json")) show_lines(&w);
    return w.r.findings + w.v.findings ? EXIT_UNVERIFIED : 0;
}

const struct command command_study_verify = {
    .name = "study verify",
    .summary = "whether an archive is whole, no private word was shown to others, and registration, scores, statistics and "
               "report follow from it",
    .usage = "ARCHIVE [--registration REG] [--score FILE] [--stats FILE] [--report FILE [--page FILE]] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes =
        "Ends with 3 if it is not; what is damaged is named with its file, its bytes and its record. Scenes are replayed from "
        "the facts and\nevery call is held against what its agent may see.",
};
