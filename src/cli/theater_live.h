/* theater evaluate's live part: opens the model that a store was made with, and runs the exits for real. */
#ifndef CLI_THEATER_LIVE_H
#define CLI_THEATER_LIVE_H
#include "cli/theater.h"

#define OPT_LIVE                                                                                                                 \
    {"live", 0, "N", "200", "run the chosen exits live on at most N questions of each family, for the seconds; 0: only replay"}, \
    {                                                                                                                            \
        "model", 'm', "M", NULL, "the model for --live; default: the file that the store was made with"                          \
    }
/* Adds to the tree of an evaluation (probe/live_eval.h), unless --live is 0. A model that is not there any more is an error only if --live or -m was given. */
int theater_run_live(struct json_t *tree, const struct store *s, const struct probe *p, struct args *a, struct err *e);
#endif
