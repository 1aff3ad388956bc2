/* Prices and the account. A budget is kept by reserving the dearest outcome of a call before it is sent: its request's bytes as tokens
 * (a byte-level vocabulary has no shorter token) and all the tokens it may write. So the sum can never pass the budget by a call whose
 * length nobody could foresee; near its end a few calls that would have fitted are not made. */
#include "remote/cost.h"
#include <math.h>

enum { FRAME_TOKENS = 64 }; /* what chat templates add, generously: the request's JSON frame alone has more bytes than that */

static int price_number(double *out, const json_t *row, const char *what, const char *model, struct err *e) {
    const json_t *v = json_object_get(row, what);
    double x = json_is_number(v) ? json_number_value(v) : NAN;
    if (!(x >= 0) || !isfinite(x))
        return fail(e, ERR_FORMAT, "price of \"%.100s\": expected \"%s\", a number of at least 0 per million tokens", model,
                    what);
    *out = x;
    return 0;
}

int chat_price_find(struct chat_price *out, const json_t *table, const char *model, struct err *e) {
    struct chat_price p = {.set = 1};
    const json_t *row = json_object_get(table, model);
    if (!json_is_object(table)) return fail(e, ERR_FORMAT, "prices: expected an object of models");
    if (!row) return fail(e, ERR_ARG, "there is no price for \"%.100s\"", model);
    TRY(price_number(&p.in, row, "input", model, e));
    TRY(price_number(&p.out, row, "output", model, e));
    *out = p;
    return 0;
}

double chat_price_of(const struct chat_price *p, int64_t tokens_in, int64_t tokens_out) {
    return p->set ? ((double)tokens_in * p->in + (double)tokens_out * p->out) / 1e6 : 0;
}

int64_t chat_tokens_bound(size_t body_bytes) { return (int64_t)body_bytes + FRAME_TOKENS; }

double chat_cost_bound(const struct chat_price *p, size_t body_bytes, int64_t max_tokens) {
    return chat_price_of(p, chat_tokens_bound(body_bytes), max_tokens);
}

int chat_budget_fits(const struct chat_account *a, double budget, double bound) {
    return !(budget > 0) || a->spent + a->uncertain + a->reserved + bound <= budget;
}
