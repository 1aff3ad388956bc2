/* See prices.h. */
#include "cli/prices.h"
#include "base/fs.h"
#include <stdlib.h>

int read_prices(struct chat_price *out, const char *path, const char *model, struct err *e) {
    char *text;
    size_t n;
    json_error_t why;
    TRY(file_read(&text, &n, path, (size_t)1 << 20, e));
    json_t *table = json_loadb(text, n, 0, &why);
    int rc = table ? err_place(e, chat_price_find(out, table, model, e), path)
                   : fail_at(e, ERR_FORMAT, path, why.line, "expected prices as JSON: %s", why.text);
    json_decref(table);
    free(text);
    return rc;
}

static void add_cost(json_t *o, double cost) {
    json_object_set_new(o, "cost_max", json_real(json_number_value(json_object_get(o, "cost_max")) + cost));
}

int put_highest_costs(json_t *plan, const struct study *s, const struct chat_price *price, struct err *e) {
    json_t *cells = json_object_get(plan, "cells"), *languages = json_object_get(plan, "languages");
    for (int i = 0; i < s->n_cells; i++) {
        const struct cell *of = &s->cell[i];
        json_t *c = json_array_get(cells, (size_t)i);
        if (price[of->model].set && !s->model[of->model].max_tokens)
            return fail(e, ERR_ARG, "expected max_tokens of model %s in the study, found none: its calls have no highest cost",
                        s->model[of->model].id);
        double cost = chat_price_of(&price[of->model], json_integer_value(json_object_get(c, "prompt_bytes")),
                                    json_integer_value(json_object_get(c, "reply_tokens_max")));
        if (!(json_number_value(json_object_get(plan, "cost_max")) + cost < 1e300))
            return fail(e, ERR_RANGE, "expected prices that give a cost, found more than a number can hold for model %s",
                        s->model[of->model].id);
        add_cost(c, cost);
        add_cost(json_object_get(languages, s->language[of->language]->code), cost);
        add_cost(plan, cost);
    }
    return 0;
}
