/* candor stats binomial: k of n against a chance. */
#include "cli/stats_table.h"
#include "stats/infer/binomial.h"

static const struct opt opts[] = {{"value", 0, "COLUMN", NULL, "column of 0 and 1; instead of --k and --n"},
                                  {"k", 'k', "K", NULL, "successes"},
                                  {"n", 'n', "N", NULL, "trials"},
                                  {"chance", 0, "P", "0.5", "chance of a success under the hypothesis"},
                                  {"tail", 0, "NAME", "two-sided", "two-sided, greater or less"},
                                  OPT_STATS_JSON,
                                  {0}};

static int count(int64_t *k, int64_t *n, const struct selected *s, struct err *e) {
    *k = 0, *n = (int64_t)s->n1;
    for (size_t i = 0; i < s->n1; i++) {
        if (s->x[i] != 0 && s->x[i] != 1) return fail(e, ERR_FORMAT, "expected 0 or 1, found %g", s->x[i]);
        *k += s->x[i] == 1;
    }
    return 0;
}

static int count_column(int64_t *k, int64_t *n, struct args *a, struct err *e) {
    const char *value;
    struct frame *f;
    struct selected s = {0};
    TRY(arg_need(a, "value", &value, e));
    TRY(stats_open(&f, a, e));
    int rc = select_pairs(&s, f, value, NULL, e);
    if (!rc) rc = err_place(e, count(k, n, &s, e), a->pos[0]);
    if (!rc) stats_remark(a, &s.left);
    selected_free(&s);
    frame_free(f);
    return rc;
}

static int run(struct args *a, struct err *e) {
    struct binomial_test t;
    int64_t k = 0, n = 0;
    double chance = 0;
    const char *given;
    int tail = stats_choice(a, "tail", (const char *const[]){"two-sided", "greater", "less", NULL}, e);
    TRY(tail);
    TRY(arg_real(a, "chance", 0, 1, &chance, e));
    if (!a->n_pos) {
        TRY(arg_need(a, "n", &given, e));
        TRY(arg_i64(a, "n", 1, 1000000000000, &n, e));
        TRY(arg_need(a, "k", &given, e));
        TRY(arg_i64(a, "k", 0, n, &k, e));
    } else {
        TRY(count_column(&k, &n, a, e));
    }
    TRY(binomial_test(&t, k, n, chance, (enum tail)tail, 0.95, e));
    const struct fact f[] = {FACT_N("k", "successes", k), FACT_N("n", "trials", n), FACT("rate", "rate", t.rate),
                             FACT("p", tail == TWO_SIDED ? "p, two-sided" : "p, one-sided", t.p),
                             FACT_CI("ci95", "95 % interval (Clopper-Pearson)", t.ci)};
    return STATS_PRINT(a, "Binomial test", f, NULL, e);
}

const struct command command_stats_binomial = {
    .name = "stats binomial",
    .summary = "exact binomial test",
    .usage = "(-k K -n N | FILE.csv --value COLUMN) [--chance P] [--tail two-sided|greater|less] [--json]",
    .opts = opts,
    .min_pos = 0,
    .max_pos = 1,
    .run = run,
    .notes = "Two-sided: the outcomes no more likely than the one found are added up. A one-sided interval goes with a one-sided "
             "tail.\n" STATS_CSV_NOTE,
};
