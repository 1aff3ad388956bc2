/* candor study verify: whether an archive is whole. */
#include "cli/open.h"
#include "study/archive.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

static const struct opt opts[] = {OPT_JSON, {0}};

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

static int show_json(const struct archive_report *r, json_t *list, struct err *e) {
    char file[ARCHIVE_ID_HEX], content[ARCHIVE_ID_HEX];
    archive_id_hex(r->file, file);
    archive_id_hex(r->content, content);
    const struct archive_info *i = &r->info;
    return print_json(json_pack("{s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:O}", "whole", r->findings == 0, "sealed",
                                i->sealed, "facts", (json_int_t)i->facts, "measurements", (json_int_t)i->notes, "texts",
                                (json_int_t)i->texts, "contexts", (json_int_t)i->contexts, "incomplete_bytes",
                                (json_int_t)i->cut_bytes, "sha256", file, "content_sha256", content, "findings", list),
                      e);
}

static int run(struct args *a, struct err *e) {
    struct archive_report r;
    char hex[ARCHIVE_ID_HEX];
    json_t *list = arg_has(a, "json") ? json_array() : NULL;
    int rc = archive_verify(a->pos[0], &r, show, list, e);
    if (rc >= 0 && list) rc = show_json(&r, list, e);
    json_decref(list);
    TRY(rc);
    if (!arg_has(a, "json")) {
        printf("%" PRId64 " facts, %" PRId64 " measurements, %" PRId64 " texts, %" PRId64 " contexts\n", r.info.facts,
               r.info.notes, r.info.texts, r.info.contexts);
        if (r.info.cut_bytes)
            printf("%" PRId64 " bytes of an incomplete record at the end, left by a writer that was stopped\n", r.info.cut_bytes);
        archive_id_hex(r.content, hex);
        if (r.info.sealed) printf("sealed; SHA-256 of the content %s\n", hex);
        printf("%s\n", r.findings ? "not whole" : "whole");
    }
    return r.findings ? EXIT_UNVERIFIED : 0;
}

const struct command command_study_verify = {
    .name = "study verify",
    .summary = "whether an archive is whole: every byte, every key, every reference",
    .usage = "ARCHIVE [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes = "Ends with 3 if it is not whole; what is damaged is named with its file, its bytes and its record.",
};
