/* What calls to a model elsewhere cost, from a file of the user's. */
#ifndef CLI_PRICES_H
#define CLI_PRICES_H
#include "remote/cost.h"
#include "study/study.h"

/* The price of `model` in a JSON file as chat_price_find describes it. */
int read_prices(struct chat_price *out, const char *path, const char *model, struct err *e);
/* Adds "cost_max" to the cells, the languages and the whole of a plan (study/plan.h) by price[s->n_models]: every byte of a prompt a token,
 * every reply as long as the study allows. Calls that are asked again, and replies longer than the plan has them, are not in it. A model whose
 * price is not set costs nothing. ERR_ARG: a model with a price has no max_tokens. */
int put_highest_costs(json_t *plan, const struct study *s, const struct chat_price *price, struct err *e);
#endif
