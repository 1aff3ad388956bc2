/* candor study export: an archive as text for other programs. */
#include "base/fs.h"
#include "cli/created.h"
#include "cli/open.h"
#include "cli/outputs.h"
#include "cli/run_table.h"
#include "study/archive_export.h"
#include <string.h>

static const struct opt opts[] = {
    {"format", 0, "F", "jsonl",
     "jsonl: one line a fact; inspect: a log of Inspect AI (JSON), one sample a run; csv: one row an analysed run"},
    {"inline", 0, NULL, NULL, "jsonl: put the texts into each fact, not before all of them"},
    {"created", 0, "TIME", "1970-01-01T00:00:00+00:00",
     "inspect: when the study was run; archives hold no time among their facts"},
    {"output", 'o', "FILE", "/dev/stdout", "where to write"},
    {0},
};

static int run(struct args *a, struct err *e) {
    const char *format = arg_str(a, "format"), *created;
    struct archive *archive;
    struct file_out out;
    int inspect = !strcmp(format, "inspect"), table = !strcmp(format, "csv");
    if (!inspect && !table && strcmp(format, "jsonl") != 0)
        return usage_error(a, e, "--format: expected jsonl, inspect or csv, found \"%.40s\"", format);
    TRY(output_apart(a, "output", NULL, e));
    TRY(arg_time(a, "created", &created, e));
    TRY(archive_open(&archive, a->pos[0], ARCHIVE_READ, e));
    int rc = file_out_open(&out, arg_str(a, "output"), e);
    if (rc >= 0) {
        rc = table     ? run_table_write(a, out.f, e)
             : inspect ? archive_export_inspect(archive, created, out.f, e)
                       : archive_export_lines(archive, arg_has(a, "inline"), out.f, e);
        if (rc < 0 && ferror(out.f)) { /* of what is written, not of the archive that is read */
            struct err why = *e;
            fail_at(e, rc, arg_str(a, "output"), -1, "%s", why.msg);
        }
        if (rc >= 0)
            rc = file_out_commit(&out, e);
        else
            file_out_abort(&out);
    }
    archive_close(archive);
    return rc;
}

const struct command command_study_export = {
    .name = "study export",
    .summary = "an archive as JSON lines, as a log of Inspect AI or as a table of runs",
    .usage = "ARCHIVE [--format jsonl|inspect|csv] [--inline] [-o FILE]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
};
