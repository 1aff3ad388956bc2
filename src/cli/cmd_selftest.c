/* candor selftest: the identities that the methods stand on, each with its bound and what was reached. */
#include "cli/cli.h"
#include "decode/selftest.h"
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

static int print_rows(const struct identity *id, int n, struct err *e) {
    json_t *rows = json_array();
    int held = 1;
    for (int i = 0; i < n; i++) {
        held &= id[i].holds;
        json_array_append_new(rows, json_pack("{s:s, s:s, s:f, s:o, s:b}", "id", id[i].id, "what", id[i].what, "bound",
                                              id[i].bound, "reached", json_number(id[i].reached), "holds", id[i].holds));
    }
    return print_json(json_pack("{s:o, s:b}", "identities", rows, "holds", held), e);
}

static int print_table(const struct identity *id, int n) {
    int colour = isatty(STDOUT_FILENO);
    printf("          %-8s %-8s  identity\n", "bound", "reached");
    for (int i = 0; i < n; i++)
        printf("%s%-4s %-4s %-8.2g %-8.2g%s  %s\n", colour ? (id[i].holds ? "\033[32m" : "\033[31m") : "",
               id[i].holds ? "ok" : "FAIL", id[i].id, id[i].bound, id[i].reached, colour ? "\033[0m" : "", id[i].what);
    return 0;
}

static int run(struct args *a, struct err *e) {
    struct identity id[IDENTITIES_MAX];
    int n, failed = 0;
    TRY(selftest_run(id, &n, e));
    if (arg_has(a, "json"))
        TRY(print_rows(id, n, e));
    else
        print_table(id, n);
    for (int i = 0; i < n; i++) failed += !id[i].holds;
    if (failed) fprintf(stderr, "candor: error: %d of %d identities do not hold\n", failed, n);
    return failed ? EXIT_UNVERIFIED : 0;
}

static const struct opt opts[] = {{"json", 0, NULL, NULL, "one JSON object on stdout"}, {0}};
const struct command command_selftest = {
    .name = "selftest",
    .summary = "numeric and theoretical identities, each with its bound and what was reached",
    .usage = "[--json]",
    .opts = opts,
    .run = run,
    .notes = "Toy models are made in memory; nothing is read from disk. Exit status 3 if an identity does not hold.",
};
