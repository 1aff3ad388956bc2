/* An archive held against itself, a registration, and stored scores. */
#include "study/verify.h"
#include "study/score.h"
#include "study/terms.h"
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct verifier {
    struct verified v;
    struct archive *a;
    struct study *s;
    archive_finding_fn *fn;
    void *user;
    struct err *e;
};

__attribute__((format(printf, 3, 4))) static void found(struct verifier *x, const char *record, const char *fmt, ...) {
    char what[500];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    x->v.findings++;
    if (x->fn) x->fn(x->user, &(struct archive_finding){.file = "study", .from = -1, .to = -1, .record = record, .what = what});
}

/* ---- registration ---- */

static const char *hash_of(const json_t *r) {
    const char *s = json_string_value(json_object_get(r, "hash"));
    return s ? s : "none";
}

/* What was stamped must be what the archive deviates in. */
static int compare_deviations(struct verifier *x, const json_t *registration, const json_t *stamped) {
    json_t *now = NULL;
    size_t i, k;
    json_t *d, *o;
    TRY(archive_deviations(&now, x->s, x->a, registration, x->e));
    json_array_foreach(now, i, d) {
        int there = 0;
        json_array_foreach((json_t *)(uintptr_t)stamped, k, o) there |= json_equal(d, o);
        if (!there) found(x, "registration", "a deviation that is not stamped: %s", json_string_value(d));
    }
    if (json_array_size(stamped) > json_array_size(now))
        found(x, "registration", "expected %zu stamped deviations, found %zu", json_array_size(now), json_array_size(stamped));
    json_decref(now);
    return 0;
}

static int check_registration(struct verifier *x, const json_t *given) {
    json_t *own = NULL, *stamped = NULL;
    struct err why = ERR_INIT;
    int rc = archive_registration(x->a, &own, &stamped, &why);
    if (rc == ERR_STATE || rc == ERR_FORMAT) {
        found(x, "registration", "%s", why.msg);
        return 0;
    }
    if (rc < 0) return fail(x->e, rc, "%s", why.msg);
    x->v.registered = own != NULL;
    x->v.deviations = (int)json_array_size(stamped);
    if (given && !own) found(x, "registration", "expected an archive that was begun with a registration, found none");
    if (given && own && strcmp(hash_of(given), hash_of(own)) != 0)
        found(x, "registration", "expected the registration %.64s, found %.64s", hash_of(given), hash_of(own));
    const json_t *by = given ? given : own;
    rc = by ? compare_deviations(x, by, stamped) : 0;
    json_decref(own);
    json_decref(stamped);
    return rc;
}

/* ---- scores ---- */

/* The first member in which two scores differ. */
static const char *differs(const json_t *was, const json_t *is) {
    static const char *const members[] = {"study", "planted", "monologue", "hits", "loss", "reference", "cells", "runs"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (!json_equal(json_object_get(was, members[i]), json_object_get(is, members[i]))) return members[i];
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
        found(x, "score", "%zu of %zu runs have other scores, the first is %.40s", differing, n, first);
    else if (member)
        found(x, "score", "%s of the stored score is not what the archive gives", member);
}

/* The reference is made again where it is of runs of this archive; a frozen one of other runs is taken as it is. */
static int reference_of(struct reference *out, const struct scored *c, const json_t *stored, struct err *e) {
    struct reference r = {0};
    TRY(reference_read(&r, c->s, stored, e));
    TRY(reference_make(out, c, &r.o, e));
    if (json_equal(out->runs, r.runs)) {
        reference_free(&r);
        return 0;
    }
    reference_free(out);
    *out = r;
    return 0;
}

static int check_scores(struct verifier *x, const json_t *stored, int threads) {
    struct scored c = {0};
    struct reference r = {0};
    json_t *now = NULL, *back = NULL;
    int agents = json_object_get(json_array_get(json_object_get(stored, "runs"), 0), "agents") != NULL;
    TRY(scored_read(&c, x->s, x->a, threads, x->e));
    int rc = reference_of(&r, &c, json_object_get(stored, "reference"), x->e);
    if (rc >= 0) rc = score_json(&now, &c, &r, agents, x->e);
    if (rc >= 0) { /* numbers as they are when they were written once */
        char *text = json_dumps(now, JSON_COMPACT);
        back = text ? json_loads(text, 0, NULL) : NULL;
        free(text);
        if (!back) rc = fail(x->e, ERR_NOMEM, "out of memory for scores");
    }
    if (rc >= 0) compare_runs(x, stored, back);
    json_decref(back);
    json_decref(now);
    reference_free(&r);
    scored_free(&c);
    return rc;
}

/* ---- all ---- */

int study_verify(struct verified *out, struct archive *a, const struct verify_opts *o, archive_finding_fn *fn, void *user,
                 struct err *e) {
    struct verifier x = {.a = a, .fn = fn, .user = user, .e = e};
    TRY(study_from_archive(&x.s, a, NULL, e));
    int rc = proof_run(&x.v.proof, x.s, a, fn, user, e);
    x.v.findings = x.v.proof.findings;
    if (rc >= 0) rc = check_registration(&x, o->registration);
    if (rc >= 0 && o->score) rc = check_scores(&x, o->score, o->threads);
    study_free(x.s);
    *out = x.v;
    return rc;
}
