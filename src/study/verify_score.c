/* Stored scores, worked out again. Their reference is made again where it is of runs of this archive (the hash of their facts says so);
 * one of other runs is taken as it is, and that is said; the registered one must be the one that was registered. */
#include "study/freeze.h"
#include "study/terms.h"
#include "study/verify_int.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* The first member in which two scores differ. */
static const char *differs(const json_t *was, const json_t *is) {
    static const char *const members[] = {"study", "planted",  "reference_planted", "monologue", "hits", "tokenizer",
                                          "loss",  "answered", "reference",         "cells",     "runs"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const json_t *a = json_object_get(was, members[i]), *b = json_object_get(is, members[i]);
        if ((a || b) && !json_equal(a, b)) return members[i];
    }
    return NULL;
}

static void compare_runs(struct verifier *x, const json_t *was, const json_t *is) {
    const json_t *a = json_object_get(was, "runs"), *b = json_object_get(is, "runs");
    size_t n = json_array_size(b), differing = 0;
    const char *first = "";
    for (size_t i = 0; i < n; i++) {
        const json_t *run = json_array_get(b, i);
        if (json_equal(json_array_get(a, i), run)) continue;
        if (!differing++) first = json_string_value(json_object_get(run, "run"));
    }
    const char *member = differs(was, is);
    x->v.scores = (int)n;
    if (differing || json_array_size(a) != n)
        verify_found(x, "score", "%zu of %zu runs have other scores, the first is %.40s", differing, n, first);
    else if (member)
        verify_found(x, "score", "%s of the stored score is not what the archive gives", member);
}

/* ---- the reference ---- */

/* Whether the stored reference is the one of the registration, as both are written. */
static int check_registered(struct verifier *x, const struct reference *r) {
    json_t *registration = NULL, *stamped = NULL;
    struct reference is = {0};
    TRY(archive_registration(x->a, &registration, &stamped, x->e));
    const json_t *by = json_object_get(json_object_get(registration, "plan"), "frozen_reference");
    int rc = by ? reference_read(&is, x->s, by, x->e) : 0;
    if (rc >= 0) {
        json_t *a = by ? reference_json(&is, x->s) : NULL, *b = reference_json(r, x->s);
        if (!a || !b || !json_equal(a, b))
            verify_found(x, "score", "expected the registered reference, found %s", by ? "another" : "an archive without one");
        json_decref(a);
        json_decref(b);
    }
    reference_free(&is);
    json_decref(registration);
    json_decref(stamped);
    return rc;
}

static int reference_of(struct verifier *x, struct reference *out, const struct scored *c, const json_t *score) {
    const char *from = json_string_value(json_object_get(score, "reference_from"));
    struct reference r = {0};
    int registered = from && !strcmp(from, reference_from_name(FROM_REGISTERED));
    TRY(reference_read(&r, x->s, json_object_get(score, "reference"), x->e));
    int rc = registered ? check_registered(x, &r) : 0, own = rc < 0 ? rc : reference_again(out, c, &r, x->e);
    x->v.reference = own > 0 ? "this archive" : registered ? "the registration" : "another archive";
    x->v.reference_planted = r.planted && !c->planted;
    if (own == 0)
        *out = r;
    else
        reference_free(&r);
    return own < 0 ? own : 0;
}

/* ---- all ---- */

json_t *verify_written(const json_t *j) {
    char *text = json_dumps(j, JSON_COMPACT);
    json_t *back = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    return back;
}

/* Tokens can be counted again only by the vocabulary that they were counted by. */
static int check_tokenizer(struct verifier *x, const struct scored *c, const json_t *stored) {
    const char *whose = json_string_value(json_object_get(stored, "tokenizer"));
    if (!strcmp(whose ? whose : "", c->tokenizer)) return 0;
    return fail(x->e, ERR_ARG,
                "expected the vocabulary that the tokens of the score were counted by (--tokenizer; %.60s), found %.60s",
                whose ? whose : "none", *c->tokenizer ? c->tokenizer : "none");
}

int verify_scores(struct verifier *x, const json_t *stored, const struct tokenizer *words_of, int threads) {
    struct scored c = {0};
    struct reference r = {0};
    json_t *now = NULL, *back = NULL;
    int agents = json_object_get(json_array_get(json_object_get(stored, "runs"), 0), "agents") != NULL;
    TRY(scored_read_tokens(&c, x->s, x->a, threads, words_of, x->e));
    int rc = check_tokenizer(x, &c, stored);
    if (rc >= 0) rc = reference_of(x, &r, &c, stored);
    if (rc >= 0) rc = score_json(&now, &c, &r, agents, x->e);
    if (rc >= 0 && !(back = verify_written(now))) rc = fail(x->e, ERR_NOMEM, "out of memory for scores");
    if (rc >= 0) compare_runs(x, stored, back);
    json_decref(back);
    json_decref(now);
    reference_free(&r);
    scored_free(&c);
    return rc;
}
