/* The analysed runs of an archive as a table, for candor stats and other programs. */
#ifndef CLI_RUN_TABLE_H
#define CLI_RUN_TABLE_H
#include "cli/cli.h"
#include <stdio.h>

/* CSV with a header, one row an analysed run of the archive of the first argument: run, cell, language, model, arm, share, replicate, the
 * parts monologue, boundary and protective, and cpi and di under the pooled scope of the reference that `study score` would take. What a
 * run does not have is an empty cell. Thread: none else may use the archive. */
int run_table_write(struct args *a, FILE *out, struct err *e);
#endif
