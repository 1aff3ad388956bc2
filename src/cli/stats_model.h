/* What the commands that fit models share: formula and design of a table, and remarks on them. */
#ifndef CLI_STATS_MODEL_H
#define CLI_STATS_MODEL_H
#include "cli/stats_table.h"
#include "stats/infer/design.h"

#define OPT_STATS_FORMULA \
    { "formula", 0, "F", NULL, "the model, as R writes it (below)" }

struct stats_model {
    struct frame *f;
    struct formula *m, *null; /* null: NULL without --null */
    struct design full, small;
};
/* Opens the table and builds the design of --formula, and that of a smaller model where `null` is one, which must lie within it; rows missing
 * for either are left out of both. cluster: a column or NULL. */
int stats_model_open(struct stats_model *o, struct args *a, const char *null, const char *cluster, struct err *e);
void stats_model_close(struct stats_model *o);
void stats_dropped(const struct args *a, const char *const *name, size_t n); /* a remark on columns that were left out */
struct json_t *stats_names_json(const char *const *name, size_t n);
/* One row of a table of coefficients; se_of: what the third number is called is printed by the caller. */
void stats_coefficient(const char *name, double estimate, double se, double ratio, double p);
struct json_t *stats_coefficient_json(const char *key, double estimate, double se, double value, double p);
#endif
