/* What the `candor stats` commands share: the table they read, and facts that are shown as JSON or as a small table. */
#ifndef CLI_STATS_TABLE_H
#define CLI_STATS_TABLE_H
#include "cli/cli.h"
#include "stats/infer/select.h"
#include "stats/stats.h"

/* Options of the commands; OPT_STATS_JSON ends most tables. */
#define OPT_STATS_GROUPS                                                                   \
    {"value", 0, "COLUMN", NULL, "numbers to compare"}, {                                  \
        "group", 0, "COLUMN", NULL, "two groups; differences are first level minus second" \
    }
#define OPT_STATS_PAIRS \
    {"x", 0, "COLUMN", NULL, "numbers"}, { "y", 0, "COLUMN", NULL, "numbers of the same rows" }
#define OPT_STATS_JSON \
    { "json", 0, NULL, NULL, "JSON on stdout" }
#define STATS_CSV_NOTE                                                                                                           \
    "CSV as in RFC 4180 with a header; FILE - reads stdin. A cell that is empty or NA is missing: rows without a value that is " \
    "needed are left out "                                                                                                       \
    "and counted.\n"                                                                                                             \
    "Levels stand in byte order, those of a column of numbers in order of value."

/* The table of the first positional argument; frame_free. */
int stats_open(struct frame **out, struct args *a, struct err *e);
/* Runs one of two functions on what the options choose: two groups (--value, --group) or pairs (--x, --y). NULL: not offered. */
typedef int (*stats_fn)(struct args *a, const struct selected *s, struct err *e);
int stats_samples(struct args *a, stats_fn groups, stats_fn pairs, struct err *e);
void stats_remark(const struct args *a, const struct left_out *left); /* on stderr, unless -q; once all went well */

enum fact_kind { FACT_NUMBER, FACT_COUNT, FACT_INTERVAL, FACT_PAIR, FACT_YES };
struct fact {
    const char *key, *label; /* label NULL: in JSON alone */
    enum fact_kind kind;
    double a, b;
    const char *why; /* may be NULL: said where the value is not finite, which is shown as "-" and is null in JSON */
};
#define FACT(key, label, x) \
    { key, label, FACT_NUMBER, (x), 0, NULL }
#define FACT_N(key, label, x) \
    { key, label, FACT_COUNT, (double)(x), 0, NULL }
#define FACT_CI(key, label, ci) \
    { key, label, FACT_INTERVAL, (ci).lo, (ci).hi, NULL }
#define FACT_OR(key, label, x, why) \
    { key, label, FACT_NUMBER, (x), 0, why }
#define FACT_CI_OR(key, label, ci, why) \
    { key, label, FACT_INTERVAL, (ci).lo, (ci).hi, why }
#define FACT_2(key, label, x, y) \
    { key, label, FACT_PAIR, (x), (y), NULL }
#define FACT_IS(key, label, x) \
    { key, label, FACT_YES, (x), 0, NULL }
/* One JSON object, or lines of label and value under a title. s (may be NULL): its groups, sizes and rows left out are facts too. */
int stats_print(struct args *a, const char *title, const struct fact *f, size_t n, const struct selected *s, struct err *e);
#define STATS_PRINT(a, title, f, s, e) stats_print((a), (title), (f), sizeof(f) / sizeof *(f), (s), (e))
struct json_t *stats_json(const struct fact *f, size_t n, const struct selected *s); /* NULL: no memory */

/* Which of the words an option is; of: ended by NULL, in the order of the help. */
int stats_choice(struct args *a, const char *name, const char *const *of, struct err *e);
/* --seed and --NAME resamples; reps 0 where it was not asked for. */
int stats_resampling(struct args *a, const char *name, struct resampling *out, struct err *e);
/* The same for an interval: none, or as many resamples as its ends need. */
enum { STATS_LEAST_RESAMPLES = 100 };
int stats_bootstrap(struct args *a, const char *name, struct resampling *out, struct err *e);
const char *stats_number(char *buf, size_t size, double x); /* "-" where it is not finite */
/* A name from a table, fit for a terminal: control characters are '?'. */
const char *stats_name(char *buf, size_t size, const char *name);
#endif
