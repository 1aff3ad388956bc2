/* See answered.h. Identities are few: a list is searched from the one that was found last. */
#include "study/answered.h"
#include "study/archive.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const members[] = {"backend", "planted", "model", "models"};

json_t *answered_record(const struct backend *b) {
    json_t *o = json_pack("{s:s, s:b}", "backend", b->name, "planted", b->planted);
    if (o && b->model) json_object_set_new(o, "model", json_string(b->model));
    if (o && b->parts) json_object_set(o, "models", b->parts);
    return o;
}

int answered_archive(json_t **out, struct archive *a, struct err *e) {
    json_t *fact = NULL;
    *out = NULL;
    TRY(archive_find(a, "study", &fact, e));
    if (!fact) return 0;
    *out = json_object();
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_t *v = json_object_get(fact, members[i]);
        if (*out && v) json_object_set(*out, members[i], v);
    }
    json_decref(fact);
    return *out ? 0 : fail(e, ERR_NOMEM, "out of memory for who answered");
}

/* ---- identities ---- */

static int same(const struct identity *a, const struct identity *b) {
    return a->of == b->of && !strcmp(a->model, b->model) && !strcmp(a->fingerprint, b->fingerprint) &&
           !strcmp(a->provider, b->provider);
}

static int put(struct identities *x, const struct identity *one, struct err *e) {
    for (int i = 0; i < x->n; i++) {
        struct identity *at = &x->at[i];
        if (!same(at, one)) continue;
        at->turns += one->turns;
        if (one->first < at->first) at->first = one->first;
        if (one->last > at->last) at->last = one->last;
        return 0;
    }
    if (!x->at && !(x->at = calloc(IDENTITIES, sizeof *x->at))) return fail(e, ERR_NOMEM, "out of memory for who answered");
    if (x->n == IDENTITIES)
        x->others += one->turns;
    else
        x->at[x->n++] = *one;
    return 0;
}

static void copy(char *out, size_t size, const json_t *fact, const char *key) {
    const char *s = json_string_value(json_object_get(fact, key));
    snprintf(out, size, "%s", s ? s : "");
}

int identity_add(struct identities *x, int of, int64_t place, const json_t *fact, struct err *e) {
    struct identity one = {.of = of, .turns = 1, .first = place, .last = place};
    copy(one.model, sizeof one.model, fact, "model");
    copy(one.fingerprint, sizeof one.fingerprint, fact, "fingerprint");
    copy(one.provider, sizeof one.provider, fact, "provider");
    return *one.model || *one.fingerprint || *one.provider ? put(x, &one, e) : 0;
}

int identities_join(struct identities *x, const struct identities *more, struct err *e) {
    for (int i = 0; i < more->n; i++) TRY(put(x, &more->at[i], e));
    x->others += more->others;
    return 0;
}

static int by_name(const void *p, const void *q) {
    const struct identity *a = p, *b = q;
    int d = a->of - b->of;
    if (!d) d = (a->first > b->first) - (a->first < b->first);
    if (!d) d = strcmp(a->model, b->model);
    if (!d) d = strcmp(a->fingerprint, b->fingerprint);
    return d ? d : strcmp(a->provider, b->provider);
}

void identities_sort(struct identities *x) {
    if (x->n) qsort(x->at, (size_t)x->n, sizeof *x->at, by_name);
}

void identities_free(struct identities *x) {
    free(x->at);
    *x = (struct identities){0};
}

json_t *identities_json(const struct identities *x, const struct study *s) {
    json_t *list = json_array();
    for (int i = 0; i < x->n; i++) {
        const struct identity *k = &x->at[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "id", s->model[k->of].id, "model", k->model,
                                              "fingerprint", k->fingerprint, "provider", k->provider, "agent_turns",
                                              (json_int_t)k->turns, "first", (json_int_t)k->first, "last", (json_int_t)k->last));
    }
    return list;
}

json_t *identities_drift(const struct identities *x, const struct study *s) {
    json_t *list = json_array();
    for (int m = 0; m < s->n_models; m++) {
        char all[512] = "";
        int n = 0;
        for (int i = 0; i < x->n; i++) {
            const struct identity *k = &x->at[i];
            size_t at = strlen(all);
            if (k->of != m) continue;
            if (n++ < 4)
                snprintf(all + at, sizeof all - at, "%s%.40s%s%.24s%s%.24s (%lld agent-turns, runs %lld to %lld of the order)",
                         n > 1 ? "; " : "", k->model, *k->fingerprint ? " " : "", k->fingerprint, *k->provider ? " by " : "",
                         k->provider, (long long)k->turns, (long long)k->first + 1, (long long)k->last + 1);
        }
        if (n > 1)
            json_array_append_new(list, json_sprintf("%s was answered by %d: %s%s", s->model[m].id, n, all, n > 4 ? "; …" : ""));
    }
    return list;
}
