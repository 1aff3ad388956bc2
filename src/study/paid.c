/* The sum of what an archive's calls cost: all facts of agent-turns, less those whose measurement says that they came from a cache, and what
 * measurements tell of calls that broke off: each attempt's bound as it was sent, less those of calls of which it is known what they came to. */
#include "study/paid.h"
#include <jansson.h>
#include <stdio.h>

static const char *const TOLD[] = {"tokens_in", "tokens_out"},
                         *const UNCERTAIN[] = {"uncertain_tokens_in", "uncertain_tokens_out"},
                         *const SENT[] = {"sent_tokens_in", "sent_tokens_out"},
                         *const SETTLED[] = {"settled_tokens_in", "settled_tokens_out"};

struct paying {
    const struct study *s;
    struct archive *a;
    const struct chat_price *price;
    double sum;
};

/* What tokens under two names cost; where they were not told (runs, cells), nothing. */
static int cost_of(const struct paying *p, const char *key, const json_t *o, const char *const *names, double *out,
                   struct err *e) {
    const json_t *in = json_object_get(o, names[0]), *made = json_object_get(o, names[1]);
    int cell;
    *out = 0;
    if (!in || !made) return 0;
    if (sscanf(key, "cell%d/", &cell) != 1 || cell < 0 || cell >= p->s->n_cells)
        return fail(e, ERR_FORMAT, "%.80s: expected a call of one of the study's %d cells, found another", key, p->s->n_cells);
    const struct chat_price *price = &p->price[p->s->cell[cell].model];
    if (price->set) *out = chat_price_of(price, json_integer_value(in), json_integer_value(made));
    return 0;
}

static int add_fact(void *user, const char *key, const char *text, size_t n, struct err *e) {
    struct paying *p = user;
    double cost;
    json_t *fact = json_loadb(text, n, JSON_DECODE_ANY, NULL);
    int rc =
        fact ? cost_of(p, key, fact, TOLD, &cost, e) : fail(e, ERR_FORMAT, "%.80s: expected JSON, found something else", key);
    json_decref(fact);
    if (rc >= 0) p->sum += cost;
    return rc;
}

static int add_note(void *user, const char *key, const char *text, size_t n, struct err *e) {
    struct paying *p = user;
    double cost = 0, perhaps = 0, sent = 0, settled = 0;
    json_t *note = json_loadb(text, n, JSON_DECODE_ANY, NULL), *fact = NULL;
    int rc = json_is_true(json_object_get(note, "cached")) ? archive_find(p->a, key, &fact, e) : 0;
    if (rc >= 0 && fact) rc = cost_of(p, key, fact, TOLD, &cost, e);
    if (rc >= 0) rc = cost_of(p, key, note, UNCERTAIN, &perhaps, e);
    if (rc >= 0) rc = cost_of(p, key, note, SENT, &sent, e);
    if (rc >= 0) rc = cost_of(p, key, note, SETTLED, &settled, e);
    json_decref(note);
    json_decref(fact);
    if (rc >= 0) p->sum += perhaps - cost + sent - settled;
    return rc < 0 ? rc : 0;
}

int study_paid(double *out, const struct study *s, struct archive *a, const struct chat_price *price, struct err *e) {
    struct paying p = {.s = s, .a = a, .price = price};
    TRY(archive_each(a, "cell", add_fact, &p, e));
    TRY(archive_each_note(a, "cell", add_note, &p, e));
    *out = p.sum > 0 ? p.sum : 0;
    return 0;
}
