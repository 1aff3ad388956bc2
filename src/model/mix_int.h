/* What the files of the mixes share. */
#ifndef MODEL_MIX_INT_H
#define MODEL_MIX_INT_H
#include "model/mix.h"

int mix__choice_fits(const struct quant_choice *c, const char *name, struct err *e); /* 1, 0 or negative */
#endif
