/* candor stats adjust: p values of several tests at once. */
#include "cli/stats_table.h"
#include "stats/infer/adjust.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct opt opts[] = {
    {"p", 'p', "COLUMN", "p", "column of p values"}, {"method", 0, "NAME", "holm", ADJUST_METHODS}, OPT_STATS_JSON, {0}};

static int print_adjusted(struct args *a, const struct column *c, const double *q, size_t n, struct err *e) {
    char p[32], to[32];
    if (arg_has(a, "json")) {
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++) json_array_append_new(list, json_number(q[i]));
        return print_json(json_pack("{s:s,s:o}", "method", arg_str(a, "method"), "p", list), e);
    }
    printf("%-14s %s\n", "p", arg_str(a, "method"));
    for (size_t i = 0; i < n; i++)
        printf("%-14s %s\n", stats_number(p, sizeof p, c->x[i]), isnan(q[i]) ? "-  missing" : stats_number(to, sizeof to, q[i]));
    return print_bytes("", 0, e);
}

static int adjust(struct args *a, const struct frame *f, struct err *e) {
    const struct column *c;
    size_t n = frame_rows(f);
    TRY(frame_numeric(&c, f, arg_str(a, "p"), e));
    if (c->missing == n) return fail(e, ERR_RANGE, "expected a p value in column \"%.60s\", found none", c->name);
    double *q = malloc((n + 1) * sizeof *q);
    if (!q) return fail(e, ERR_NOMEM, "no memory for %zu values", n);
    int rc = adjust_p(q, c->x, n, arg_str(a, "method"), e);
    if (rc == ERR_ARG) a->wrong = 1;
    if (!rc) rc = print_adjusted(a, c, q, n, e);
    free(q);
    return rc;
}

static int run(struct args *a, struct err *e) {
    struct frame *f;
    TRY(stats_open(&f, a, e));
    int rc = err_place(e, adjust(a, f, e), a->pos[0]);
    frame_free(f);
    return rc;
}

const struct command command_stats_adjust = {
    .name = "stats adjust",
    .summary = "p values of several tests at once",
    .usage = "FILE.csv [--p COLUMN] [--method holm|hommel|bh] [--json]",
    .opts = opts,
    .min_pos = 1,
    .max_pos = 1,
    .run = run,
    .notes = "In the order of the rows; a missing p is no test and stays missing.\n" STATS_CSV_NOTE,
};
