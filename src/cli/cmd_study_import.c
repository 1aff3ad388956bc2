/* candor study import: transcripts of another program as an archive. */
#include "base/fs.h"
#include "cli/open.h"
#include "cli/outputs.h"
#include "study/archive_export.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const struct opt opts[] = {{"output", 'o', "ARCHIVE", NULL, "the archive; samples that it has already are left alone"},
                                  {0}};

static int import(struct archive *a, const char *path, struct err *e) {
    char *json;
    size_t n;
    int64_t samples;
    TRY(file_read(&json, &n, path, 0, e));
    int rc = archive_import_inspect(a, path, json, n, &samples, e);
    free(json);
    if (rc >= 0) rc = archive_seal(a, e);
    if (rc >= 0) printf("%" PRId64 " samples\n", samples);
    return rc;
}

static int run(struct args *a, struct err *e) {
    struct archive *archive;
    const char *path;
    TRY(arg_need(a, "output", &path, e));
    TRY(output_apart(a, "output", NULL, e));
    TRY(archive_open(&archive, path, ARCHIVE_WRITE, e));
    int rc = import(archive, a->pos[0], e);
    archive_close(archive);
    return rc;
}

const struct command command_study_import = {
    .name = "study import",
    .summary = "the transcripts of a log of Inspect AI (JSON) as an archive",
    .usage = "LOG.json -o ARCHIVE",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
};
