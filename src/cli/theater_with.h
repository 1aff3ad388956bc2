/* theater evaluate's --variant and --with: other probes of the same store side by side; other stores and probes, for the transfer matrix and the
 * trend over sizes. */
#ifndef CLI_THEATER_WITH_H
#define CLI_THEATER_WITH_H
#include "cli/theater.h"
#include "probe/evaluate.h"

#define OPT_VARIANT                                                                                            \
    {                                                                                                          \
        "variant", 0, "NAME:PROBE", NULL,                                                                      \
            "another probe of the same store, to stand beside this one: controls (may be given several times)" \
    }
/* Adds "variants" to the tree of an evaluation, if there are any. */
int theater_run_variants(struct json_t *tree, const struct store *s, const struct probe *p, const struct evaluate_opts *o,
                         struct args *a, struct err *e);
#define OPT_WITH                                                                                     \
    {"with", 0, "DIR:PROBE", NULL,                                                                   \
     "another store and a probe of its model, for transfer and sizes (may be given several times)"}, \
    {                                                                                                \
        "no-transfer", 0, NULL, NULL, "do not train a probe on each family to read it on the others" \
    }
int theater_with(struct json_t *tree, const struct store *s, const struct probe *p, const struct evaluate_opts *o, struct args *a,
                 struct err *e);
#endif
