/* Runs as rows: what leads from an archive (a pilot, say) to candor stats and to other programs. Scores are those of room study; here they
 * are written down. */
#include "cli/run_table.h"
#include "cli/studying.h"
#include "study/score.h"
#include <csv.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* key, and what it is called in the table where that differs; pooled: it is under scores. */
static const struct {
    const char *key, *called;
    int pooled;
} columns[] = {{"run", NULL, 0},      {"cell", NULL, 0},       {"language", NULL, 0},  {"model", NULL, 0},
               {"arm", NULL, 0},      {"aligned", "share", 0}, {"replicate", NULL, 0}, {"monologue", NULL, 0},
               {"boundary", NULL, 0}, {"protective", NULL, 0}, {"cpi", NULL, 1},       {"di", NULL, 1}};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* The fewest digits that give the number back. */
static void write_number(FILE *out, double x) {
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x) break;
    }
    fputs(text, out);
}

static void write_cell(FILE *out, const json_t *v) {
    if (json_is_string(v))
        csv_fwrite(out, json_string_value(v), json_string_length(v));
    else if (json_is_number(v))
        write_number(out, json_number_value(v));
}

static void write_run(FILE *out, const json_t *run) {
    const json_t *pooled = json_object_get(json_object_get(run, "scores"), "pooled");
    if (!json_is_true(json_object_get(run, "analysed"))) return;
    for (int i = 0; i < COLUMNS; i++) {
        if (i) fputc(',', out);
        write_cell(out, json_object_get(columns[i].pooled ? pooled : run, columns[i].key));
    }
    fputc('\n', out);
}

static void write_table(FILE *out, const json_t *runs) {
    size_t i;
    json_t *run;
    for (int c = 0; c < COLUMNS; c++) fprintf(out, "%s%s", c ? "," : "", columns[c].called ? columns[c].called : columns[c].key);
    fputc('\n', out);
    json_array_foreach((json_t *)runs, i, run) write_run(out, run);
}

static int score(json_t **j, struct counted *x, struct args *a, struct err *e) {
    struct reference r = {0};
    enum reference_from from;
    const struct reference_choice usual = {0};
    TRY(counted_open(x, a->pos[0], NULL, a, e));
    int rc = reference_choose(&r, &from, &usual, &x->c, x->a, e);
    if (rc >= 0) rc = score_json(j, &x->c, &r, 0, e);
    reference_free(&r);
    return rc;
}

int run_table_write(struct args *a, FILE *out, struct err *e) {
    struct counted x = {0};
    json_t *j = NULL;
    int rc = score(&j, &x, a, e);
    if (rc >= 0) write_table(out, json_object_get(j, "runs"));
    json_decref(j);
    counted_close(&x);
    if (rc >= 0 && ferror(out)) return fail(e, ERR_IO, "cannot write the table of runs");
    return rc < 0 ? rc : 0;
}
