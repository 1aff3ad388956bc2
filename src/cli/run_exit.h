/* candor run --exit: the answer to one prompt, with a probe that watches the thought and ends it when it is sure. */
#ifndef CLI_RUN_EXIT_H
#define CLI_RUN_EXIT_H
#include "cli/open.h"
#include "run/generate.h"

#define OPT_EXIT                                                                                                          \
    {"exit", 0, "PROBE", NULL,                                                                                            \
     "a probe (candor theater train) watches the thought; when it is sure, the thought is ended and the answer written"}, \
        {"exit-answer", 0, "model|probe", "model",                                                                        \
         "with --exit: who answers behind the exit; probe: its choice is written for the model"},                         \
    {                                                                                                                     \
        "exit-at", 0, "P", "0.9", "with --exit: the probe's confidence that is enough; above 1: never, it only reads"     \
    }
/* g: max_new, sampling and seed. */
int run_exit(struct args *a, struct opened *o, const struct input *in, const struct generation *g, struct err *e);
#endif
