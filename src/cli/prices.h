/* What calls to a model elsewhere cost, from a file of the user's. */
#ifndef CLI_PRICES_H
#define CLI_PRICES_H
#include "remote/cost.h"

/* The price of `model` in a JSON file as chat_price_find describes it. */
int read_prices(struct chat_price *out, const char *path, const char *model, struct err *e);
#endif
