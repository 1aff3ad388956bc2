/* Training: from a recipe to a model file, resumable. One owner thread; the device's pool works inside.
 *
 * Every step is a function of (recipe, stage, step): documents, their order and the order of every sum are fixed, so a run that was
 * killed and resumed writes the same bytes as one that was not. Weights, moments and gradients are in the device's own numbers (f32
 * master weights). Checkpoints are written to a temporary name and renamed. */
#ifndef DECODE_TRAIN_H
#define DECODE_TRAIN_H
#include "base/sink.h"
#include "decode/recipe.h"

struct train_opts {
    struct device *device;
    struct sink *rows; /* "train_step" and "validation" rows; may be NULL */
    int (*stop)(void); /* nonzero (a signal came):  a checkpoint is written and ERR_CANCELLED returned */
    int fresh;         /* ignore a checkpoint that is there */
    int64_t max_steps; /* stop (as by a signal) after so many steps in this call; 0: no limit */
};
int train(const struct recipe *r, const struct train_opts *o, struct err *e);
#endif
