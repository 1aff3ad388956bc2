/* What calls cost: a model's price, the account of a client, and the bound that keeps a budget. Prices are data of the caller: they
 * change and differ between hosts. Money is in whatever unit the prices are. Token counts are the provider's. One thread an account. */
#ifndef REMOTE_COST_H
#define REMOTE_COST_H
#include "base/err.h"
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct chat_price {
    int set;
    double in, out; /* per million tokens */
};
/* The price of `model` in {"model": {"input": 0.15, "output": 0.6}, …}, per million tokens. ERR_ARG: not there; ERR_FORMAT: not such. */
int chat_price_find(struct chat_price *out, const json_t *table, const char *model, struct err *e);
double chat_price_of(const struct chat_price *p, int64_t tokens_in, int64_t tokens_out);

struct chat_account {
    int64_t calls;   /* replies that came over the net */
    int64_t cached;  /* replies that did not */
    int64_t failed;  /* requests that ended without one */
    int64_t retries; /* attempts after a request's first */
    int64_t untold;  /* replies whose usage was not told; their cost is counted at its bound */
    int64_t tokens_in, tokens_out;
    double spent;     /* by the replies' usage */
    double uncertain; /* bound on attempts that broke off after they were sent: the provider may charge them */
    double saved;     /* what the cached replies would have cost */
    double reserved;  /* bound on what is in flight */
};

/* What one call can cost at most: no token is shorter than a byte, and the provider adds a few per message. */
int64_t chat_tokens_bound(size_t body_bytes); /* of the prompt */
double chat_cost_bound(const struct chat_price *p, size_t body_bytes, int64_t max_tokens);
/* Whether a call of at most `bound` fits; budget <= 0: always. */
int chat_budget_fits(const struct chat_account *a, double budget, double bound);
#endif
