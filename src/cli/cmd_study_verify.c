/* candor study verify: whether an archive is whole, and whether what it says follows from it. */
#include "cli/studying.h"
#include "study/registration.h"
#include "study/verify.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const struct opt opts[] = {
    {"registration", 0, "REG", NULL, "the registration that the archive must have been begun with"},
    {"score", 0, "FILE", NULL, "what study score --json wrote; it is worked out again and compared"},
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
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:b, s:i, s:i}", "runs", (json_int_t)p->runs, "calls", (json_int_t)p->calls,
                     "messages_shown", (json_int_t)p->shown, "private_messages_shown", (json_int_t)p->private_shown,
                     "contexts_compared", (json_int_t)p->contexts, "registered", v->registered, "deviations", v->deviations,
                     "scores_compared", v->scores);
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
    if (w->v.scores) printf("scores of %d runs worked out again\n", w->v.scores);
    printf("%s\n", w->r.findings ? "not whole" : w->v.findings ? "whole, but not verified" : "whole");
}

static int verify_study(struct work *w, struct args *a, struct err *e) {
    struct archive *archive;
    json_t *registration = NULL, *score = NULL;
    int64_t threads = 0;
    TRY(arg_i64(a, "threads", 1, 1024, &threads, e));
    TRY(archive_open(&archive, a->pos[0], ARCHIVE_READ, e));
    w->is_of_study = archive_has(archive, "study");
    int rc = 0;
    if (arg_has(a, "registration")) rc = registration_read(&registration, arg_str(a, "registration"), e);
    if (rc >= 0 && arg_has(a, "score")) rc = read_json(&score, arg_str(a, "score"), "a score", e);
    if (rc >= 0 && !w->is_of_study && (registration || score))
        rc = fail_at(e, ERR_FORMAT, a->pos[0], -1, "expected an archive of a study, found one without the fact \"study\"");
    if (rc >= 0 && w->is_of_study)
        rc = study_verify(&w->v, archive, &(struct verify_opts){registration, score, (int)threads}, show, w->list, e);
    json_decref(registration);
    json_decref(score);
    archive_close(archive);
    return rc;
}

static int run(struct args *a, struct err *e) {
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
    .summary = "whether an archive is whole, no private word was shown to others, and registration and scores follow from it",
    .usage = "ARCHIVE [--registration REG] [--score FILE] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes =
        "Ends with 3 if it is not; what is damaged is named with its file, its bytes and its record. Scenes are replayed from "
        "the facts and\nevery call is held against what its agent may see.",
};
