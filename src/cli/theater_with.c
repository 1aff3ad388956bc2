/* See theater_with.h. */
#include "cli/theater_with.h"
#include "probe/transfer.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 16 };
struct others {
    struct transfer_place place[PLACES];
    struct store *store[PLACES];
    struct probe probe[PLACES];
    char name[PLACES][320];
    int n;
};

/* "r4 F16", or "r1 F16 reading DIR" where it reads what another model wrote. */
static void name_place(struct others *x, int i, const struct store *s) {
    const json_t *m = json_object_get(store_settings(s), "model");
    const char *name = json_string_value(json_object_get(m, "name")), *format = json_string_value(json_object_get(m, "format"));
    const char *from = json_string_value(json_object_get(store_settings(s), "read_from")),
               *slash = from ? strrchr(from, '/') : NULL;
    snprintf(x->name[i], sizeof x->name[i], "%.100s %.20s%s%.100s", name ? name : "?", format ? format : "?",
             from ? " reading " : "",
             !from   ? ""
             : slash ? slash + 1
                     : from);
}

static int open_one(struct others *x, const char *word, struct args *a, struct err *e) {
    const char *colon = strrchr(word, ':');
    char dir[PATH_SIZE];
    if (!colon || !colon[1]) return usage_error(a, e, "--with: expected DIR:PROBE.gguf, found \"%.60s\"", word);
    if (x->n == PLACES) return usage_error(a, e, "--with: expected at most %d", PLACES - 1);
    snprintf(dir, sizeof dir, "%.*s", (int)(colon - word), word);
    TRY(store_open(&x->store[x->n], dir, e));
    int rc = probe_open(&x->probe[x->n], colon + 1, e);
    if (rc < 0) return store_free(x->store[x->n]), rc;
    name_place(x, x->n, x->store[x->n]);
    x->place[x->n] = (struct transfer_place){x->store[x->n], &x->probe[x->n], x->name[x->n]};
    x->n++;
    return 0;
}

enum { VARIANTS = 32 };
struct variants {
    struct variant v[VARIANTS];
    struct probe probe[VARIANTS];
    char name[VARIANTS][64];
    int n;
};

static int open_variant(struct variants *x, const char *word, struct args *a, struct err *e) {
    const char *colon = strchr(word, ':');
    int name = colon ? (int)(colon - word) : 0;
    if (!colon || !colon[1] || name < 1 || name > 63)
        return usage_error(a, e, "--variant: expected NAME:PROBE.gguf, found \"%.60s\"", word);
    if (x->n == VARIANTS) return usage_error(a, e, "--variant: expected at most %d", VARIANTS);
    snprintf(x->name[x->n], sizeof *x->name, "%.*s", name, word);
    TRY(probe_open(&x->probe[x->n], colon + 1, e));
    x->v[x->n] = (struct variant){x->name[x->n], &x->probe[x->n]};
    x->n++;
    return 0;
}

int theater_run_variants(struct json_t *tree, const struct store *s, const struct probe *p, const struct evaluate_opts *o,
                         struct args *a, struct err *e) {
    struct variants *x = calloc(1, sizeof *x);
    const char *word;
    int rc = x ? 0 : fail(e, ERR_NOMEM, "out of memory");
    for (int i = 0; !rc && (word = arg_nth(a, "variant", i)); i++) rc = open_variant(x, word, a, e);
    if (!rc && x->n) rc = evaluate_variants(tree, s, p, x->v, x->n, o, e);
    for (int i = 0; x && i < x->n; i++) probe_fini(&x->probe[i]);
    free(x);
    return rc;
}

int theater_with(struct json_t *tree, const struct store *s, const struct probe *p, const struct evaluate_opts *o, struct args *a,
                 struct err *e) {
    struct others *x = calloc(1, sizeof *x);
    const char *word;
    int rc = x ? 0 : fail(e, ERR_NOMEM, "out of memory");
    if (!rc && !arg_has(a, "no-transfer")) rc = transfer_families(tree, s, p, o, e);
    if (!rc) name_place(x, 0, s), x->place[0] = (struct transfer_place){s, p, x->name[0]}, x->n = 1;
    for (int i = 0; !rc && (word = arg_nth(a, "with", i)); i++) rc = open_one(x, word, a, e);
    if (!rc && x->n > 1) rc = transfer_places(tree, x->place, x->n, o, e);
    for (int i = 1; x && i < x->n; i++) store_free(x->store[i]), probe_fini(&x->probe[i]);
    free(x);
    return rc;
}
