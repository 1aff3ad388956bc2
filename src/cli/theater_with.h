/* theater evaluate's --with: other stores and probes, for the transfer matrix and the trend over sizes. */
#ifndef CLI_THEATER_WITH_H
#define CLI_THEATER_WITH_H
#include "cli/theater.h"
#include "probe/evaluate.h"

#define OPT_WITH                                                                                     \
    {"with", 0, "DIR:PROBE", NULL,                                                                   \
     "another store and a probe of its model, for transfer and sizes (may be given several times)"}, \
    {                                                                                                \
        "no-transfer", 0, NULL, NULL, "do not train a probe on each family to read it on the others" \
    }
int theater_with(struct json_t *tree, const struct store *s, const struct probe *p, const struct evaluate_opts *o, struct args *a,
                 struct err *e);
#endif
