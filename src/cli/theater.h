/* The parts of candor theater, and what they share. */
#ifndef CLI_THEATER_H
#define CLI_THEATER_H
#include "cli/asking.h"
#include "probe/collect.h"
#include "probe/learn.h"

#define OPT_WORDS                                                                                            \
    {                                                                                                        \
        "words", 0, "FAMILY", "auto",                                                                        \
            "how thoughts are marked and answers begun: candor, r1, qwen3, gpt-oss, think, generic, or auto" \
    }
/* The words of --words for an opened model. */
int theater_words(struct think_words *out, struct asked_model *m, struct args *a, struct err *e);
/* "all", or "3,7,11" and ranges "4-9", into rising numbers below n. */
int layer_list(const char *s, int n, int *out, int *count, struct err *e);
/* The layers of --layers that a probe has (all: every one of it), for a model of n layers; with them its text-only control, layer -1. */
int theater_probe_layers(const struct probe *p, struct args *a, int n, int *out, int *count, struct err *e);
struct asker theater_asker(struct asked_model *m);
/* What a probe must know of the model. */
struct probe_model theater_model(const struct asked_model *m);
/* The same as part of a store's settings, and the layers that it has. */
struct json_t *theater_model_json(const struct asked_model *m);
struct json_t *theater_layers_json(const int *layer, int n);
#endif
